"""Snapshots of a study's state, from which a killed study is resumed.

A snapshot is one file, `snapshots/000042.snapshot` in the study's folder: an uncompressed zip archive with the files of
the state and a manifest with their checksums. On a local disk it is written under another name, flushed and renamed; in
an object store it is one object. So it is there as a whole or not at all, even after a kill, a power cut or a full
disk. The one before it is kept, and removed only when a newer one is on the disk.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import time
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from raytune_suite.engines.storage import Folder

SCHEMA = 1
"""The version of the format."""

FOLDER = "snapshots"
"""The folder of the snapshots, in that of the study."""

_MANIFEST = "manifest.json"
_NAME = re.compile(r"(\d{6,})\.snapshot")


@dataclass(frozen=True)
class Generation:
    """A complete snapshot: one generation of the study's state.

    Attributes:
        number: Its number, from 1; a newer one has a higher number.
        created: When it was taken, in seconds since 1970.
        covers: What else belongs to this state, such as the lengths of the journals; JSON-like values.
        files: The files of the state, by name.
    """

    number: int
    created: float
    covers: dict[str, Any]
    files: dict[str, bytes]


class Damaged(NamedTuple):
    """A snapshot that cannot be used.

    Attributes:
        path: The file.
        reason: What is wrong with it.
    """

    path: str
    reason: str


class Found(NamedTuple):
    """What `latest` found.

    Attributes:
        snapshot: The newest complete snapshot; None if there is none.
        damaged: The newer ones, which cannot be used.
    """

    snapshot: Generation | None
    damaged: list[Damaged]


def latest(study: Folder) -> Found:
    """The newest complete snapshot in a study's folder.

    Raises:
        OSError: If the folder cannot be listed.
    """
    damaged: list[Damaged] = []
    for found in newest_first(study):
        if isinstance(found, Generation):
            return Found(found, damaged)
        damaged.append(found)
    return Found(None, damaged)


def newest_first(study: Folder) -> Iterator[Generation | Damaged]:
    """The snapshots in a study's folder, each read when it is its turn.

    Raises:
        OSError: If the folder cannot be listed.
    """
    folder = study / FOLDER
    for number, name in reversed(_numbered(folder.names())):
        try:
            found: Generation | Damaged = _unpack(number, folder.read(name))
        except (OSError, ValueError) as error:
            found = Damaged((folder / name).path, str(error))
        yield found


@final
class SnapshotWriter:
    """Writes the snapshots of one study, and keeps the last two that are known to be complete."""

    def __init__(self, study: Folder, last: int | None = None) -> None:
        """`last` is the number of the snapshot from which the study was resumed; None for a new study."""
        self._folder = study / FOLDER
        self._last = last

    @property
    def path(self) -> str:
        """The folder of the snapshots."""
        return self._folder.path

    def write(self, files: Mapping[str, bytes], covers: Mapping[str, Any]) -> int:
        """Write a snapshot and return its number.

        Raises:
            OSError: If it cannot be written; the ones before it are still there.
        """
        names = self._folder.names()
        present = _numbered(names)
        number = present[-1][0] + 1 if present else 1
        self._folder.write(_name(number), _pack(files, covers))
        outdated = [name for other, name in present if other != self._last]
        drafts = [name for name in names if name.startswith(".")]  # of a process that was killed
        for name in outdated + drafts:
            self._folder.remove(name)
        self._last = number
        return number


def clear(study: Folder) -> None:
    """Remove all snapshots of a study, the newest first, so that none can be taken for the state of another study."""
    folder = study / FOLDER
    for _, name in reversed(_numbered(folder.names())):
        folder.remove(name)


def _name(number: int) -> str:
    return f"{number:06d}.snapshot"


def _numbered(names: list[str]) -> list[tuple[int, str]]:
    matches = [_NAME.fullmatch(name) for name in names]
    return sorted((int(match[1]), match[0]) for match in matches if match)


def _pack(files: Mapping[str, bytes], covers: Mapping[str, Any]) -> bytes:
    manifest = {
        "schema": SCHEMA,
        "created": time.time(),
        "covers": dict(covers),
        "sha256": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        archive.writestr(_MANIFEST, json.dumps(manifest))
    return buffer.getvalue()


def _unpack(number: int, content: bytes) -> Generation:
    """Read an archive.

    Raises:
        ValueError: If it is not complete.
    """
    if not content:
        raise ValueError("the file is empty")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
        manifest = json.loads(files.pop(_MANIFEST))
        schema, sums = manifest["schema"], manifest["sha256"]
    except (zipfile.BadZipFile, KeyError, EOFError, NotImplementedError, TypeError, ValueError) as error:
        raise ValueError(f"the file is damaged ({type(error).__name__}: {error})") from None
    if schema != SCHEMA:
        raise ValueError(f"its format is version {schema}, but this version of raytune_suite reads {SCHEMA}")
    wrong = sorted(
        name
        for name in sums.keys() | files.keys()
        if name not in files or sums.get(name) != hashlib.sha256(files[name]).hexdigest()
    )
    if wrong:
        raise ValueError(f"the checksums of {', '.join(wrong)} are wrong")
    return Generation(number, float(manifest["created"]), dict(manifest["covers"]), files)
