"""When the state of a running study is saved, and what happens if that fails; both engines do it in this way."""

from __future__ import annotations

import logging
import math
import time
from typing import TYPE_CHECKING, final

from raytune_suite.errors import StudyError

if TYPE_CHECKING:
    from collections.abc import Callable

    from raytune_suite.engines.journal import StudyJournals
    from raytune_suite.engines.snapshots import SnapshotWriter

_logger = logging.getLogger("raytune_suite")

SHARE = 0.02
"""A snapshot waits until, with it and the last one, this part of the time went into snapshots, unless it is forced."""

HICCUP = 10.0
"""A snapshot that takes so many times as long as the one before says nothing about the next one."""

LONGEST_WAIT_S = 300.0
"""It does not wait longer than this, however slow the storage is."""

RETRY_S = 1.0
"""Seconds after a snapshot that failed before the next attempt."""

ATTEMPTS = 5
"""A study ends after so many attempts in a row have failed, over at least `PATIENCE_S`."""

PATIENCE_S = 20.0
"""Seconds over which snapshots have to fail before the study ends."""

WARN_S = 60.0
"""Seconds between two warnings that snapshots fail."""


@final
class StudySnapshots:
    """Stores the state of a study when it is time.

    Attributes:
        fault: Why the study cannot continue, or its last state is not stored; "" if there is no reason.
    """

    def __init__(
        self,
        writer: SnapshotWriter,
        journals: StudyJournals,
        *,
        period: float,
        constant: dict[str, bytes],
        check: Callable[[], None],
        delay: float = 0.0,
        publish: Callable[[dict[str, bytes]], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Save a study.

        Args:
            writer: Writes the snapshots.
            journals: The journals of the study, which are written before each snapshot.
            period: The least seconds between two snapshots, measured by `clock`.
            constant: Files that belong to each snapshot and do not change.
            check: Raises a StudyError if this process may not write into the study's folder any more.
            delay: The least seconds before the first snapshot.
            publish: Called with the files of the last snapshot of a study that has ended.
            clock: Returns seconds.
        """
        self.fault = ""
        self._writer, self._journals, self._publish = writer, journals, publish
        self._period, self._constant, self._check, self._clock = period, constant, check, clock
        self._started, self._spent, self._took = clock(), 0.0, math.inf
        self._due = self._started + delay
        self._failed: list[float] = []
        self._warned = -math.inf

    @property
    def due(self) -> bool:
        """Whether `take` has something to do if a snapshot is neither forced nor the last."""
        return self._clock() >= self._due

    def take(self, state: Callable[[], dict[str, bytes]], *, force: bool, final: bool) -> bool:
        """Store the state if it is time.

        Args:
            state: Returns the files of the state, by name.
            force: Whether it is needed now.
            final: Whether the study ends with it.

        Returns:
            Whether a snapshot was stored.

        Raises:
            StudyError: If snapshots keep failing, or another process has taken over the study.
        """
        began = self._clock()
        if not final and (began < self._due if self._failed else not force and began < self._due):
            return False
        try:
            self._check()
            covers = self._journals.seal()
            files = state()
            self._writer.write({**files, **self._constant}, covers)
            if final:
                self._publish({**files, **self._constant})
        except OSError as error:
            self._fail(error, final=final)
            return False
        except StudyError as error:
            self.fault = str(error)  # for the engine: Ray drops what the last snapshot raises
            raise
        if self._failed:
            _logger.warning("snapshots of the study are written to %s again", self._writer.path)
            self._failed, self._warned = [], -math.inf
        self._wait(began, self._clock())
        return True

    def _wait(self, began: float, ended: float) -> None:
        """Set when the next snapshot is due, such that there is time for it and, as the study grows, for the last one.

        One that was slow for once, more than `HICCUP` times as slow as the one before, counts as a usual one.
        """
        took = ended - began
        usual, self._took = (took if took < HICCUP * self._took else self._took), took
        self._spent += took
        due = self._started + (self._spent + 3 * usual) / SHARE
        self._due = max(ended + self._period, min(due, ended + min(4 * usual / SHARE, LONGEST_WAIT_S)))

    def _fail(self, error: OSError, *, final: bool) -> None:
        now = self._clock()
        self._failed.append(now)
        self._due = now + max(RETRY_S, min(self._period, PATIENCE_S / (ATTEMPTS - 1)))
        message = f"the state of the study cannot be saved in {self._writer.path}: {error}"
        over = len(self._failed) >= ATTEMPTS and now - self._failed[0] >= PATIENCE_S
        if over or final:
            self.fault = (
                f"{message}. {'The study was stopped after ' if over else 'This was at its end, after '}"
                f"{len(self._failed)} failed attempts; free space or repair the storage, and resume with `resume=True`"
            )
            raise StudyError(self.fault) from error
        if now - self._warned >= WARN_S:
            self._warned = now
            _logger.warning("%s. If the study is killed now, progress since the last snapshot is lost", message)
