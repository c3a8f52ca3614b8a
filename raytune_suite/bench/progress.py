"""Shows the progress of a comparison on stderr."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from rich.progress import Progress

    from raytune_suite.bench.run import Run

EVERY = 10.0
"""Seconds between two progress lines if the output is not a terminal."""


def progress_watcher(what: str) -> ProgressBar | ProgressLines:
    """A progress bar on a terminal, progress lines elsewhere."""
    return ProgressBar(what) if sys.stderr.isatty() else ProgressLines(what)


@final
class ProgressBar:
    """Shows progress as a bar."""

    def __init__(self, what: str) -> None:
        """`what` names what is counted."""
        self._what, self._failed = what, 0
        self._progress: Progress | None = None

    def begin(self, total: int, done: int) -> None:
        """Show the bar."""
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=Console(stderr=True), speed_estimate_period=120)
        self._task = self._progress.add_task(self._what, total=total, completed=done)
        self._progress.start()

    def ended(self, run: Run, status: str) -> None:
        """Advance the bar; print a run that failed."""
        if self._progress is not None:
            if status != "done":
                self._progress.console.print(f"{status}: {run}", markup=False, highlight=False)
            self._progress.advance(self._task)

    def tick(self) -> None:
        """Do nothing: rich refreshes the bar itself."""

    def end(self) -> None:
        """Stop updating the bar."""
        if self._progress is not None:
            self._progress.stop()


@final
class ProgressLines:
    """Shows progress as lines."""

    def __init__(self, what: str) -> None:
        """`what` names what is counted."""
        self._what = what
        self._total = self._before = self._done = 0
        self._start = self._last = time.monotonic()

    def begin(self, total: int, done: int) -> None:
        """Start the clock."""
        self._total, self._before, self._done = total, done, done
        self._start = self._last = time.monotonic()

    def ended(self, run: Run, status: str) -> None:
        """Count the run; print one that failed immediately."""
        self._done += 1
        if status != "done":
            print(f"{status}: {run}", file=sys.stderr, flush=True)  # noqa: T201 - progress
        self.tick()

    def tick(self) -> None:
        """Print a line if one is due."""
        now = time.monotonic()
        if now - self._last < EVERY:
            return
        self._last = now
        new = self._done - self._before
        left = f", about {(now - self._start) / new * (self._total - self._done):.0f} s left" if new else ""
        print(f"{self._done} of {self._total} {self._what}{left}", file=sys.stderr, flush=True)  # noqa: T201 - progress

    def end(self) -> None:
        """Do nothing: the summary follows."""
