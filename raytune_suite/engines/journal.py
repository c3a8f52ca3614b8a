"""Journals: files to which a study appends its reports, trials and decisions as they come.

A journal has one JSON object per line, so that a study can be read while it runs or after it was interrupted. A line
that was cut by a kill is ignored. A snapshot stores how far each journal had been written (`Extent`); a study that is
resumed from it cuts the journals there, so that nothing is lost and nothing is recorded twice.

On a local disk a journal is one file, such as `reports.jsonl`. An object store cannot append: there it is a sequence of
objects, `reports-000001.jsonl` and so on, the last of which is rewritten with each snapshot until it has `PART_SIZE`.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import time
import zlib
from typing import TYPE_CHECKING, Any, NamedTuple, final

from pyarrow import json as pa_json  # type: ignore[import-untyped]

from raytune_suite.atomic_file import sync_folder, write_fully
from raytune_suite.errors import StudyError
from raytune_suite.spaces.values import described

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    import pyarrow as pa

    from raytune_suite.engines.storage import Folder

FLUSH_S = 0.5
"""A running study can be read with a delay of this many seconds."""

FLUSH_LINES = 1000
"""More lines than this are written before that time."""

BATCH = 1 << 17
"""So many bytes of a journal are parsed at once."""

PIECE = 1 << 22
"""So many bytes of it are read at once."""

PART_SIZE = 4 << 20
"""In an object store, the size from which a part is not rewritten any more, in bytes."""

NAMES = ("reports", "trials", "decisions")
"""The journals of a study."""


class Extent(NamedTuple):
    """How far a journal has been written.

    Attributes:
        size: Its length in bytes.
        crc: The CRC-32 of these bytes.
    """

    size: int = 0
    crc: int = 0


class DamagedJournalError(StudyError):
    """A journal has not what a snapshot covers.

    Attributes:
        path: The file.
        reason: What is wrong with it.
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path, self.reason = path, reason


@final
class Journal:
    """One journal, to which records are appended."""

    def __init__(self, folder: Folder, name: str, extent: Extent = Extent(), tail: bytes = b"") -> None:  # noqa: B008
        """Continue a journal at `extent`; see `create` and `resume`.

        Args:
            folder: The study's folder.
            name: The name of the journal.
            extent: How far it has been written.
            tail: In an object store, the content of the last part.
        """
        self._folder, self._name = folder, name
        self._extent, self._tail = extent, tail
        self._lines: list[str] = []
        self._descriptor: int | None = None
        self._sealed = False

    @classmethod
    def create(cls, folder: Folder, name: str) -> Journal:
        """An empty journal, in place of any other of this name.

        Raises:
            OSError: If it cannot be written.
        """
        return cls.cut(folder, name, Extent(), [])

    @classmethod
    def cut(cls, folder: Folder, name: str, extent: Extent, parts: list[bytes]) -> Journal:
        """Cut a journal at `extent`.

        Args:
            folder: The study's folder.
            name: The name of the journal.
            extent: Where to cut it.
            parts: What `read_parts` returned.

        Raises:
            OSError: If it cannot be written.
        """
        tail = b""
        if folder.local is not None:
            _cut(folder.local / file_name(folder, name), extent.size)
        else:
            tail = _cut_parts(folder, name, parts, extent.size)
        return cls(folder, name, extent, tail)

    def pieces(self) -> Iterator[bytes]:
        """The lines so far, in pieces of about `PIECE` bytes.

        Raises:
            OSError: If they cannot be written or read.
        """
        self.flush()
        yield from pieces(self._folder, self._name)
        if self._lines:  # not in the object store yet
            yield ("\n".join(self._lines) + "\n").encode()

    def append(self, record: Mapping[str, Any] | str) -> None:
        """Append a record, or its line; it is written by `flush`."""
        self._lines.append(record if isinstance(record, str) else encode(record))

    def flush(self) -> None:
        """Write the records, on a local disk only; an object store has them after `seal`.

        Raises:
            OSError: If they cannot be written; they are kept and written next time.
        """
        if not self._lines or self._folder.local is None:
            return
        data = ("\n".join(self._lines) + "\n").encode()
        write_fully(self._open(), data, self._extent.size)  # at the same place again if that failed before
        self._written(data)

    def seal(self) -> Extent:
        """Write the records such that a power cut does not lose them.

        Raises:
            OSError: If they cannot be written; they are kept and written next time.
        """
        if self._folder.local is not None:
            self.flush()
            os.fsync(self._open())
            if not self._sealed:
                sync_folder(self._folder.local)  # which has the file since it was opened
                self._sealed = True
        elif self._lines:
            data = ("\n".join(self._lines) + "\n").encode()
            full = len(self._tail) >= PART_SIZE
            tail = data if full else self._tail + data
            count = len(_part_names(self._folder, self._name))
            self._folder.write(_part_name(self._name, count + 1 if full or not count else count), tail)
            self._tail = tail
            self._written(data)
        return self._extent

    def close(self) -> None:
        """Write what is pending if that is possible, and close the file."""
        with contextlib.suppress(OSError):
            self.flush() if self._folder.local is not None else self.seal()
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_descriptor": None}

    def _written(self, data: bytes) -> None:
        self._extent = Extent(self._extent.size + len(data), zlib.crc32(data, self._extent.crc))
        self._lines.clear()

    def _open(self) -> int:
        if self._descriptor is None:
            assert self._folder.local is not None  # noqa: S101 - the callers have checked it
            self._folder.local.mkdir(parents=True, exist_ok=True)
            path = self._folder.local / file_name(self._folder, self._name)
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        return self._descriptor


@final
class StudyJournals:
    """The journals of one study.

    Attributes:
        reports: One record per report, and one for each report that turned out to be a trial's last.
        trials: One record per change of a trial.
        decisions: One record per row of the decision log.
    """

    def __init__(self, journals: list[Journal], clock: Callable[[], float] = time.monotonic) -> None:
        """The `journals` are in the order of `NAMES`; `clock` counts the seconds between two writes."""
        self._all = journals
        self.reports, self.trials, self.decisions = journals
        self._clock, self._flushed = clock, clock()
        self._appended = 0

    @classmethod
    def create(cls, folder: Folder) -> StudyJournals:
        """The empty journals of a new study.

        Raises:
            OSError: If they cannot be written.
        """
        return cls([Journal.create(folder, name) for name in NAMES])

    @classmethod
    def resume(cls, folder: Folder, covers: Mapping[str, Any]) -> StudyJournals:
        """Cut the journals of a study where its snapshot was taken.

        Raises:
            DamagedJournalError: If a journal has lost what the snapshot covers; nothing is changed then.
            OSError: If a journal cannot be read or written.
        """
        extents = {name: Extent(*covers["journals"][name]) for name in NAMES}
        parts = {name: read_parts(folder, name, extents[name]) for name in NAMES}
        return cls([Journal.cut(folder, name, extents[name], parts[name]) for name in NAMES])

    def flush_if_due(self) -> None:
        """Write what was appended, at most twice a second. What cannot be written is kept: `seal` raises then."""
        self._appended += 1
        now = self._clock()
        if now - self._flushed < FLUSH_S and self._appended < FLUSH_LINES:
            return
        self._flushed, self._appended = now, 0
        for journal in self._all:
            try:
                journal.flush()
            except OSError:
                return

    def seal(self) -> dict[str, Any]:
        """Write everything durably, and return what a snapshot has to store about it.

        Raises:
            OSError: If it cannot be written.
        """
        return {"journals": {name: list(journal.seal()) for name, journal in zip(NAMES, self._all, strict=True)}}

    def close(self) -> None:
        """Close the files."""
        for journal in self._all:
            journal.close()


def read_parts(folder: Folder, name: str, extent: Extent) -> list[bytes]:
    """The content of a journal that has all that was written up to `extent`, by parts.

    Raises:
        DamagedJournalError: If the journal is shorter than that, or has changed.
        OSError: If it cannot be read.
    """
    parts = _parts(folder, name) if extent.size else []
    content = b"".join(parts)[: extent.size]
    if len(content) < extent.size or zlib.crc32(content) != extent.crc:
        what = "it is shorter than when" if len(content) < extent.size else "it has changed since"
        raise DamagedJournalError((folder / file_name(folder, name)).path, f"{what} the snapshot was taken")
    return parts


def read(folder: Folder, name: str) -> list[dict[str, Any]]:
    """The records of a journal, also while it is being written.

    Raises:
        StudyError: If a line is damaged.
        OSError: If it cannot be read.
    """
    with names_damage(folder, name):
        return [record for piece in pieces(folder, name) for record in parse(piece)]


def pieces(folder: Folder, name: str) -> Iterator[bytes]:
    """The lines of a journal, of which there may be a million, in pieces of about `PIECE` bytes.

    A last line without its end is ignored.

    Raises:
        OSError: If it cannot be read.
    """
    rest = b""
    for block in _blocks(folder, name):
        content = rest + block
        end = content.rfind(b"\n") + 1
        if end:
            yield content[:end]
        rest = content[end:]


@contextlib.contextmanager
def names_damage(folder: Folder, name: str) -> Iterator[None]:
    """Turn the ValueError of a damaged line into a StudyError that names the journal."""
    try:
        yield
    except ValueError as error:
        path = (folder / file_name(folder, name)).path
        raise StudyError(
            f"{path} is damaged ({error}): restore the file from a backup, or remove it to read the rest of the study"
        ) from None


def read_table(piece: bytes, schema: pa.Schema) -> pa.Table:
    """The records in whole lines of a journal as columns; missing values are null, other keys are ignored.

    Raises:
        ValueError: If a line is damaged.
    """
    table = pa_json.read_json(
        io.BytesIO(piece),
        read_options=pa_json.ReadOptions(use_threads=False, block_size=len(piece) + 1),
        parse_options=pa_json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore"),
    )
    if len(table) != (count := piece.count(b"\n")):
        raise ValueError(f"{count} lines have {len(table)} records")
    return table


def parse(content: bytes) -> Iterator[dict[str, Any]]:
    """The records in whole lines of a journal.

    Many lines are parsed at once: the records then share their keys, which takes half of the memory.

    Raises:
        ValueError: If a line is damaged.
    """
    file = io.BytesIO(content)
    while lines := file.readlines(BATCH):
        records = json.loads(b"[" + b",".join(lines) + b"]")
        if len(records) != len(lines):
            raise ValueError(f"{len(lines)} lines have {len(records)} records")
        yield from records


def file_name(folder: Folder, name: str) -> str:
    """The file of a journal; in an object store, the pattern of its parts."""
    return f"{name}.jsonl" if folder.local is not None else f"{name}-*.jsonl"


_ENCODER = json.JSONEncoder(default=described, separators=(",", ":"), check_circular=False)


def encode(record: Mapping[str, Any]) -> str:
    """A record as a line of a journal, without its end."""
    try:
        return _ENCODER.encode(record)
    except (TypeError, ValueError, RecursionError):  # keys that are not text, or an object that contains itself
        shown = {key: repr(value) if isinstance(value, dict | list) else value for key, value in record.items()}
        return json.dumps(shown, default=described)


def _cut(path: Path, size: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        os.ftruncate(descriptor, size)
    finally:
        os.close(descriptor)


def _part_name(name: str, number: int) -> str:
    return f"{name}-{number:06d}.jsonl"


def _part_names(folder: Folder, name: str) -> list[str]:
    pattern = re.compile(rf"{name}-\d{{6,}}\.jsonl")
    return [file for file in folder.names() if pattern.fullmatch(file)]


def _blocks(folder: Folder, name: str) -> Iterator[bytes]:
    """The bytes of a journal as they can be read without holding all of them."""
    if folder.local is None:
        yield from (folder.read(part) for part in _part_names(folder, name))
        return
    with contextlib.suppress(FileNotFoundError), (folder.local / file_name(folder, name)).open("rb") as file:
        while block := file.read(PIECE):
            yield block


def _parts(folder: Folder, name: str) -> list[bytes]:
    if folder.local is None:
        return [folder.read(part) for part in _part_names(folder, name)]
    file = file_name(folder, name)
    return [folder.read(file)] if folder.has(file) else []


def _cut_parts(folder: Folder, name: str, parts: list[bytes], size: int) -> bytes:
    """Cut a journal in an object store at `size` bytes; returns the content of the last part that is left."""
    names, tail, start = _part_names(folder, name), b"", 0
    for number, part in enumerate(names):
        content = parts[number] if number < len(parts) else b""
        kept = content[: max(size - start, 0)]
        if not kept:
            folder.remove(part)
        elif kept != content:
            folder.write(part, kept)
        tail, start = kept or tail, start + len(content)
    return tail
