"""Read a study as it grows: each look reads only what was appended to its journals since the one before."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from raytune_suite.engines.callbacks.stored_log import StoredReports, StoredTrials
from raytune_suite.engines.stored_study import storage_errors
from raytune_suite.engines.study_lock import LOCK
from raytune_suite.errors import StudyError
from raytune_suite.tuning.load import result_of, test_scores_in
from raytune_suite.tuning.result import FINISHED, INTERRUPTED, RUNNING
from raytune_suite.tuning.study_folder import StudyFolder
from raytune_suite.types import DECISIONS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from raytune_suite.tuning.result import StudyResult

CHECKED = 64
"""Bytes before the end of what was read that must be the same at the next look."""

SILENT_S = 60.0
"""A study on another machine counts as interrupted if its journals have not grown for this many seconds."""

_KINDS: dict[str, type[StoredReports | StoredTrials]] = {"reports": StoredReports, "trials": StoredTrials}


@dataclass
class GrowingJournal:
    """One local journal, read by increments.

    Attributes:
        path: The file.
        empty: Creates what takes its lines.
        content: What has its lines so far.
        reread: How often the file had been cut, by a study that was resumed, and was read again.
    """

    path: Path
    empty: Callable[[], StoredReports | StoredTrials]
    content: Any = None
    reread: int = 0
    _end: int = 0
    _tail: bytes = b""

    def __post_init__(self) -> None:
        self.content = self.empty()

    def read(self) -> bool:
        """Read what was appended; returns whether there was anything new.

        Raises:
            StudyError: If a line is damaged.
        """
        try:
            with self.path.open("rb") as file:
                file.seek(max(self._end - len(self._tail), 0))
                if file.read(len(self._tail)) != self._tail:  # the study was resumed from an earlier snapshot
                    self.content, self._end, self._tail = self.empty(), 0, b""
                    self.reread += 1
                    file.seek(0)
                content = file.read()
        except FileNotFoundError:
            return False
        complete = content[: content.rfind(b"\n") + 1]
        if not complete:
            return False
        try:
            self.content.add(complete)
        except ValueError as error:
            raise StudyError(f"{self.path} is damaged ({error}): restore it from a backup") from None
        self._end += len(complete)
        self._tail = (self._tail + complete)[-CHECKED:]
        return True


class StudyReader:
    """A study that may be running; `refresh` reads what is new, `result` is the study so far."""

    def __init__(self, path: str | Path) -> None:
        """Open the folder or URI of a study.

        Raises:
            StudyError: If there is no study.
        """
        self._folder = StudyFolder.at(path)
        self.path = self._folder.path
        with storage_errors(self._folder.files):
            self._folder.check_exists()
            self._manifest = self._folder.manifest()
        local = self._folder.files.local
        self._journals = (
            None
            if local is None
            else {name: GrowingJournal(local / f"{name}.jsonl", kind) for name, kind in _KINDS.items()}
        )
        self._grown = time.time() if local is None else _modified(local / "reports.jsonl")
        self._status = ""
        self._versions: dict[str, tuple[int, int]] = {}

    def refresh(self) -> bool:
        """Read what is new; returns whether the reports, the trials or the status have changed."""
        with storage_errors(self._folder.files):
            if self._journals is None:
                found = self._folder.files.versions()
                versions = {name: found[name] for name in found if name.endswith((".jsonl", ".parquet"))}
                grown = versions != self._versions
                self._versions = versions
            else:
                grown = sum(one.read() for one in self._journals.values()) > 0
            if grown and self._status:
                self._grown = time.time()
            status = self.status()
        changed = grown or status != self._status
        self._status = status
        return changed

    def status(self) -> str:
        """Whether the study is running, without touching its lock."""
        if self._folder.files.has(DECISIONS):
            return FINISHED
        holder: Any = {}
        with contextlib.suppress(OSError, ValueError):
            holder = json.loads(self._folder.files.read(LOCK))
        if not isinstance(holder, dict):  # a damaged lock names no holder
            holder = {}
        if holder.get("host") == socket.gethostname():
            return RUNNING if _lives(holder.get("pid")) else INTERRUPTED
        return RUNNING if time.time() - self._grown < SILENT_S else INTERRUPTED

    @property
    def running(self) -> bool:
        """Whether the study was running at the last `refresh`."""
        return self._status == RUNNING

    def result(self) -> StudyResult:
        """The study as of the last `refresh`."""
        files = self._folder.files
        with storage_errors(files):
            if self._journals is None:
                reports, trials = StoredReports.of(files), StoredTrials.of(files)
            else:
                reports, trials = (self._journals[name].content for name in _KINDS)
            scores = test_scores_in(self._folder)
        return result_of(
            self._folder, self._manifest, reports, trials, test_scores=scores, status=self._status or self.status()
        )

    @property
    def counts(self) -> tuple[int, int]:
        """How many records of reports and of trials were read."""
        if self._journals is None:
            return (0, 0)
        return len(self._journals["reports"].content), len(self._journals["trials"].content)


def _lives(pid: Any) -> bool:
    try:
        os.kill(int(pid), 0)
    except PermissionError:
        return True
    except (OSError, OverflowError, TypeError, ValueError):
        return False
    return True


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
