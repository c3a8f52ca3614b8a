"""The folder in which a study is stored: its name, its manifest and its tables."""

from __future__ import annotations

import datetime as dt
import io
import json
import logging
import shlex
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from raytune_suite.engines import extension, journal, snapshots
from raytune_suite.engines.arrow_memory import returned_memory
from raytune_suite.engines.callbacks.decision_log import ROW_GROUP
from raytune_suite.engines.callbacks.reports import incumbent_frame
from raytune_suite.engines.callbacks.stored_log import StoredReports
from raytune_suite.engines.storage import Folder, absolute, checked_filesystem, split_path, study_path
from raytune_suite.engines.stored_study import MANIFEST, no_snapshot, storage_errors
from raytune_suite.errors import ArgumentError, StudyError, StudyInterrupted
from raytune_suite.spaces import Space
from raytune_suite.spaces.containment import check_contains
from raytune_suite.spaces.stored import from_json
from raytune_suite.spaces.values import described
from raytune_suite.tuning.arguments import check_name
from raytune_suite.types import DECISIONS

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from raytune_suite.engines.base import Engine
    from raytune_suite.engines.callbacks.decision_log import DecisionLog
    from raytune_suite.engines.callbacks.reports import Report
    from raytune_suite.engines.callbacks.study_log import StudyLog

SCHEMA = 3
"""The version of the format of a study's folder."""

_STUDY_FILES = frozenset({MANIFEST, "snapshots", "reports.jsonl", "trials.jsonl", "decisions.jsonl", "reports.parquet"})
"""A folder with one of these is, or was, that of a study."""

TABLES = ("reports.parquet", "incumbent.parquet", DECISIONS)
"""The tables of a finished study; the last one is written last."""

_NOT_COMPARED = frozenset({"schema", "settings", "warm_start"})
"""Entries of the manifest that do not decide the outcome of a study."""

LIMITS = ("num_samples", "budget", "time_limit", "dollars")
"""Entries of the manifest that may be raised when a study is resumed."""

_logger = logging.getLogger("raytune_suite")


@dataclass(frozen=True)
class StudyFolder:
    """A study's folder, or the URI of one in an object store.

    Attributes:
        storage_path: The folder or URI of all studies.
        name: The study's name.
        filesystem: The file system of pyarrow in which `storage_path` is; None for a folder or URI.
    """

    storage_path: str
    name: str
    filesystem: Any = None

    @classmethod
    def at(cls, path: str | Path, filesystem: Any = None) -> StudyFolder:
        """The folder of the study at a path or URI, or at a path in a file system of pyarrow or fsspec.

        Raises:
            ArgumentError: If `filesystem` is not a file system.
        """
        checked = checked_filesystem(filesystem)
        return cls(*split_path(absolute(path) if checked is None else str(path)), checked)

    @property
    def path(self) -> str:
        """The folder or URI."""
        return study_path(self.storage_path, self.name)

    @cached_property
    def files(self) -> Folder:
        """The files in it."""
        return Folder.at(self.path, self.filesystem)

    def check_exists(self) -> None:
        """Check that there is a study.

        Raises:
            StudyError: If there is none.
            OSError: If the storage cannot be read.
        """
        names = self.files.names()
        if not _STUDY_FILES.isdisjoint(names):
            return
        studies = sorted(name for name in names if (self.files / name).has(MANIFEST))
        here = f"; this folder contains {len(studies)}, such as {studies[-1]!r}" if studies else ""
        raise StudyError(
            f"there is no study at {self.path!r}: pass the folder of a study, which contains a {MANIFEST}{here}"
        )

    @property
    def finished(self) -> bool:
        """Whether a finished study is stored here, perhaps without one of its tables."""
        return any(self.files.has(table) for table in TABLES)

    def check(
        self, engine: Engine, manifest: dict[str, Any], *, resume: bool, retry: bool = False, extends: bool = False
    ) -> extension.Change | None:
        """Check that the study can be started or resumed here. Writes nothing.

        Args:
            engine: The engine that is to run it.
            manifest: Its arguments.
            resume: Whether it is resumed.
            retry: Whether failed trials are to run again.
            extends: Whether its method can raise `max_t`.

        Returns:
            What changes if the study is extended; None if it starts, or continues as it was.

        Raises:
            ArgumentError: If the name is taken, or nothing can be resumed, or an argument differs from the manifest of
                the study to resume in another way than in an extension.
            StudyError: If what is stored of the study is damaged, or cannot be read.
        """
        with storage_errors(self.files):
            resumable = engine.can_resume(self.files)
            if not resume:
                self._check_free(resumable=resumable)
                return None
            if not resumable and extension.base(self.files) is None:
                self._check_resumable()
            before, now = self.manifest(), plain(manifest)
            changed = compare(before, now, extends=extends)
            retry = retry and self._retries(now, resumable=resumable)
            if not changed and not retry:
                if not resumable:
                    self._check_resumable()
                return None
            return extension.Change(retry=retry, **{name: name in changed for name in ("space", "stop", "max_t")})

    def _retries(self, manifest: dict[str, Any], *, resumable: bool) -> bool:
        """Whether there are failed trials to run again, and a budget for them; not if that was only interrupted."""
        trials = journal.read(self.files, "trials")
        retried = {record["trial"] for record in trials if record.get("retried")}
        failed = {record["trial"] for record in trials if record.get("error")} - retried
        if not failed:
            if resumable and retried:
                return False
            raise ArgumentError(f"`retry` is 'failed', but no trial of the study {self.path!r} has failed")
        budget, reports = manifest["budget"], StoredReports.of(self.files).rows
        spent = reports.column("cost").max(initial=0.0)
        if budget is not None and spent >= budget * (manifest["max_t"] or 1):
            raise ArgumentError(
                f"`budget` is {budget:g}, which the study {self.path!r} has spent, so its {len(failed)} failed "
                "trials cannot run again: raise `budget`"
            )
        return True

    def _check_free(self, *, resumable: bool) -> None:
        if self.finished and not resumable:
            raise ArgumentError(
                f"`name` is {self.name!r}, but {self.storage_path} already has a finished study of that name: "
                "choose another name"
            )
        if resumable or snapshots.latest(self.files).damaged:
            raise ArgumentError(
                f"`name` is {self.name!r}, but {self.storage_path} already has such a study: "
                "continue it with `resume=True` (`raytune-suite run`: `--resume`), or choose another name"
            )

    def _check_resumable(self) -> None:
        damaged = snapshots.latest(self.files).damaged
        if self.finished:
            missing = [table for table in TABLES if not self.files.has(table)]
            lost = f", but without {', '.join(missing)}: `rts.load_study` reads the rest" if missing else ""
            raise ArgumentError(
                f"`name` is {self.name!r}, a study that has finished: its tables are in {self.path}{lost}"
            )
        if damaged or self.files.has(MANIFEST):
            raise StudyError(no_snapshot(self.files, damaged))
        raise ArgumentError(f"`name` is {self.name!r}, but {self.storage_path} has no such study to resume")

    def manifest(self) -> dict[str, Any]:
        """The manifest; the copy in the last snapshot if the file is damaged or missing.

        Raises:
            StudyError: If both cannot be read, or another version of this package wrote them in another format.
            OSError: If the storage cannot be read.
        """
        manifest = self._read_manifest()
        if manifest["schema"] != SCHEMA:
            raise StudyError(
                f"the study {self.path!r} has the format {manifest['schema']!r}, but this version of raytune_suite "
                f"reads {SCHEMA}: use the version that started it"
            )
        return manifest

    def _read_manifest(self) -> dict[str, Any]:
        try:
            return decode_manifest(self.files.read(MANIFEST))
        except (FileNotFoundError, ValueError) as error:
            reason = "is missing" if isinstance(error, FileNotFoundError) else f"is damaged ({error})"
        generation = snapshots.latest(self.files).snapshot
        try:
            return decode_manifest(b"" if generation is None else generation.files.get(MANIFEST, b""))
        except ValueError:
            raise StudyError(
                f"{(self.files / MANIFEST).path} {reason}, and no snapshot has a copy of it: restore the file from a "
                "backup, or start the study again under another name"
            ) from None

    def write_manifest(self, content: bytes) -> None:
        """Write the manifest of a study that starts, or of one that is resumed and has lost it.

        Raises:
            StudyError: If it cannot be written.
        """
        with storage_errors(self.files):
            self.files.write(MANIFEST, content)

    def extend(self, content: bytes, change: extension.Change) -> None:
        """Prepare the extension of the study; its manifest becomes `content`.

        Raises:
            StudyError: If the state from which it can be extended was not stored, or the folder cannot be written.
        """
        with storage_errors(self.files):
            extension.prepare(self.files, content, change)
            extension.forget(self.files)
            snapshots.clear(self.files / "test")  # the final evaluation of the config that was best
            for table in (*TABLES, "test_scores.parquet"):
                if self.files.has(table):
                    self.files.remove(table)
            self.files.write(MANIFEST, content)

    def repair_manifest(self) -> bytes:
        """Write the manifest again if it is damaged or missing; returns its content.

        Raises:
            StudyError: If there is no copy of it, or it cannot be written.
        """
        with storage_errors(self.files):
            content = encode_manifest(self.manifest())
            if not self.files.has(MANIFEST) or self.files.read(MANIFEST) != content:
                path = (self.files / MANIFEST).path
                _logger.warning("%s was damaged; it is written again from the last snapshot", path)
                self.files.write(MANIFEST, content)
        return content

    def write_tables(
        self, log: StudyLog, best: list[Report], test_scores: pd.DataFrame | None, decisions: DecisionLog | None
    ) -> None:
        """Write the tables of a finished study, each as a whole or not at all.

        Args:
            log: The study's log.
            best: The reports at which the incumbent changed.
            test_scores: One row per test seed, or None.
            decisions: Its decision log, or None.

        Raises:
            StudyError: If they cannot be written.
        """
        with storage_errors(self.files), returned_memory():
            self.files.write("reports.parquet", _parquet(log.reports_frame(shared=True)))
            self.files.write("incumbent.parquet", _parquet(incumbent_frame(best)))
            if test_scores is not None:
                self.files.write("test_scores.parquet", _parquet(test_scores))
            if decisions is not None:
                self.files.write(DECISIONS, decisions.encoded())

    def interrupted(self, engine: Engine, when: str) -> StudyInterrupted:
        """The exception after Ctrl-C, with the way to continue."""
        if not engine.can_resume(self.files):
            return StudyInterrupted(f"interrupted {when}; the study was not saved: start it again")
        where = f"storage_path={self.storage_path!r}{'' if self.filesystem is None else ', storage_filesystem=...'}"
        options = shlex.join(["--resume", "--name", self.name, "--storage-path", str(self.storage_path)])
        return StudyInterrupted(
            f"interrupted {when}. To continue from what is saved, repeat the call with "
            f"`resume=True, name={self.name!r}, {where}` (`raytune-suite run`: {options})"
        )


def study_name(name: str | None, default: str, *, resume: bool) -> str:
    """The study's name: `name`, or `default` and the current time.

    Raises:
        ArgumentError: If it cannot be the name of a folder, or is missing for a study to resume.
    """
    if name is None:
        if resume:
            raise ArgumentError("`resume` needs `name`, the study to continue")
        return f"{default}-{dt.datetime.now().astimezone():%Y%m%d-%H%M%S-%f}"
    return check_name(name)


def plain(value: Any) -> Any:
    """`value` as it is read back from JSON; numpy's numbers are equal to Python's.

    Example:
        >>> import numpy as np
        >>> plain({"eta": np.int64(3), "values": (1, 2)})
        {'eta': 3, 'values': [1, 2]}
    """
    return json.loads(json.dumps(value, default=described))


def encode_manifest(manifest: dict[str, Any]) -> bytes:
    """The content of the file of a manifest."""
    return (json.dumps(manifest, indent=2, default=described) + "\n").encode()


def decode_manifest(content: bytes) -> dict[str, Any]:
    """The manifest in the content of its file.

    Raises:
        ValueError: If it is damaged.
    """
    manifest = json.loads(content) if content else None
    if not isinstance(manifest, dict) or "schema" not in manifest:
        raise ValueError("it is empty" if not content else "it is not a manifest")
    return manifest


def compare(before: dict[str, Any], now: dict[str, Any], prefix: str = "", *, extends: bool = False) -> frozenset[str]:
    """Check that a study is resumed with the arguments with which it was started, or with more.

    Entries that only one of the manifests has are not compared: another version of this package wrote the other one.
    `max_t` may be raised if the method `extends`.

    Returns:
        The names of the entries that differ as those of an extension may: limits, stop rules, and a larger space.

    Raises:
        ArgumentError: If an argument differs.
    """
    changed = set()
    for key, value in now.items():
        if key not in before or key in _NOT_COMPARED or before[key] == value:
            continue
        if key == "space" and _described(before[key]) == _described(value):
            continue  # it was only written in another way
        if key == "simulation":
            compare(before[key], value, prefix=f"{key}.")
            continue
        if not _may_change(key, before, now, extends=extends):
            raise ArgumentError(
                f"`{prefix}{key}` is {value!r}, but was {before[key]!r} when this study started: "
                "resume it with the same arguments"
            )
        changed.add(key)
    return frozenset(changed)


def _described(space: Any) -> dict[str, str]:
    """The description of a space in a manifest."""
    return Space(from_json(space)).describe()


def _may_change(key: str, before: dict[str, Any], now: dict[str, Any], *, extends: bool) -> bool:
    """Whether an entry of the manifest may change in an extension; see `compare`.

    Raises:
        ArgumentError: If it may, but not in this way.
    """
    old, new = before[key], now[key]
    if key in LIMITS and new is not None and old is not None and new < old:
        raise ArgumentError(
            f"`{key}` is {new!r}, but was {old!r} when this study started: a study can be extended, not shortened"
        )
    if key == "max_t" and not (extends and old is not None and new is not None and new > old):
        allowed = "it can only be raised" if extends else f"with {now['method']!r} it cannot change"
        raise ArgumentError(
            f"`max_t` is {new!r}, but was {old!r} when this study started: {allowed}; "
            "start a new study with `warm_start=[...]`, which learns from this one"
        )
    if key == "space":
        check_contains(Space(from_json(old)), Space(from_json(new)))
        return True
    return key in LIMITS or key in ("stop", "max_t")


def _parquet(table: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    table.to_parquet(buffer, row_group_size=ROW_GROUP)
    return buffer.getvalue()
