"""Cases of the campaign: what each may end in, and a process for each, so that a kill is real and a hang is seen."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import shutil
import signal
import sys
import tempfile
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from raytune_suite.errors import RaytuneSuiteError

if TYPE_CHECKING:
    from collections.abc import Callable

LOST, HANG, TRACEBACK = "lost", "hangs", "foreign tracebacks"
FAULTS = (LOST, HANG, TRACEBACK)
"""What must not happen: a study that lost something or differs, one that does not end, an error that is not ours."""

LONGEST_MESSAGE = 2000
"""Characters of a message that are kept: the end has the error."""

LIMIT_S = 120.0
"""A process that runs longer than this hangs."""


class FaultError(Exception):
    """A case has found a fault.

    Attributes:
        kind: One of `FAULTS`.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message[-LONGEST_MESSAGE:])
        self.kind = kind


@dataclass
class Case:
    """One case of a part of the campaign.

    Attributes:
        number: Its number, which seeds its random draws, so that it can be repeated.
        folder: An empty folder.
        shared: A folder that the cases of a part share, such as for studies without faults.
        counts: What happened, such as how many kills.
        label: What the table counts separately, such as the method.
        expected: The folder of the undisturbed study with which this one is compared, if any.
    """

    number: int
    folder: Path
    shared: Path
    counts: dict[str, int] = field(default_factory=dict)
    label: str = ""
    expected: Path | None = None

    def count(self, what: str, times: int = 1) -> None:
        """Count that something happened."""
        self.counts[what] = self.counts.get(what, 0) + times

    def keep(self, folder: Path, message: str) -> None:
        """Keep what explains a fault: the message, the studies' journals, tables and snapshots, and the undisturbed."""
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.folder, folder / "disturbed", symlinks=True)
        if self.expected is not None and self.expected.exists():
            shutil.copytree(self.expected, folder / "undisturbed", symlinks=True)
        (folder / "fault.txt").write_text(f"{self.label}\n{message}\n")


class Ended(NamedTuple):
    """How a process ended.

    Attributes:
        value: What its function returned.
        error: The RaytuneSuiteError that it raised, or None.
        killed: Whether it was killed.
    """

    value: Any = None
    error: RaytuneSuiteError | None = None
    killed: bool = False


class Running:
    """A function that runs in a forked process, with its own session, until it ends or is killed."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="case-"))
        self._place, self._log = self._folder / "ended", self._folder / "log"
        self._process: Any = multiprocessing.get_context("fork").Process(
            target=_call, args=(work, self._place, self._log)
        )
        self._process.start()

    @property
    def pid(self) -> int:
        """The id of the process."""
        return int(self._process.pid)

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return bool(self._process.is_alive())

    def kill(self) -> Ended:
        """Kill the process, but none that it has started."""
        os.kill(self.pid, signal.SIGKILL)
        return self.end()

    def end(self, limit: float = LIMIT_S, *, may_die: bool = False) -> Ended:
        """Wait for the end. With `may_die`, it may end without an error, which counts as killed.

        Raises:
            FaultError: If it does not come in time, or with an error that is not ours.
        """
        try:
            return self._end(limit, may_die=may_die)
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _end(self, limit: float, *, may_die: bool) -> Ended:
        self._process.join(limit)
        if self.alive:
            os.killpg(self.pid, signal.SIGKILL)
            self._process.join()
            raise FaultError(HANG, f"no end within {limit:g} s; the last output is {self._output()}")
        dead = not self._place.exists()
        if self._process.exitcode == -signal.SIGKILL or (dead and may_die):
            return Ended(killed=True)
        if dead:
            raise FaultError(TRACEBACK, f"exit status {self._process.exitcode}: {self._output()}")
        ended, foreign = pickle.loads(self._place.read_bytes())  # noqa: S301 - written by `_call`
        if foreign:
            raise FaultError(TRACEBACK, foreign)
        return Ended(*ended)

    def _output(self) -> str:
        return self._log.read_text(errors="replace")[-2000:] if self._log.exists() else ""


def in_process(work: Callable[[], Any], limit: float = LIMIT_S) -> Ended:
    """Call a function in a process that is forked from this one.

    Raises:
        FaultError: If it does not end in time, or raises an error that is not ours.
    """
    return Running(work).end(limit)


def _call(work: Callable[[], Any], place: Path, log: Path) -> None:
    os.setsid()
    output = os.open(log, os.O_WRONLY | os.O_CREAT)
    for descriptor in (sys.stdout.fileno(), sys.stderr.fileno()):
        os.dup2(output, descriptor)
    foreign = ""
    try:
        ended = Ended(work())
    except RaytuneSuiteError as error:
        ended = Ended(error=error)
    except BaseException:  # noqa: BLE001 - the parent tells them apart
        ended, foreign = Ended(), traceback.format_exc()
    place.write_bytes(pickle.dumps((tuple(ended), foreign)))
