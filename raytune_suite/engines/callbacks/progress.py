"""One tidy line about a running study, on a terminal; nothing in a pipe."""

from __future__ import annotations

import datetime as dt
import time
from typing import TYPE_CHECKING, Any, final

from ray.tune import Callback
from ray.tune.experiment import Trial
from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from raytune_suite.engines.callbacks.study_log import incumbents

if TYPE_CHECKING:
    from raytune_suite.engines.callbacks.study_log import StudyLog

PERIOD = 0.25
"""Seconds between two renewals of the line."""


@final
class Progress(Callback):
    """A Ray Tune callback that keeps one line on the terminal up to date."""

    def __init__(self, log: StudyLog, title: str) -> None:
        """`title` stands at the line's start."""
        self._log, self._title = log, title
        self._live: Live | None = None
        self._next = 0.0

    def setup(self, *args: Any, **info: Any) -> None:  # noqa: ARG002 - Ray's signature
        """Start the line."""
        self._live = Live(console=Console(stderr=True), auto_refresh=False)
        self._live.start()

    def on_step_end(self, iteration: int, trials: list[Trial], **info: Any) -> None:  # noqa: ARG002 - Ray's signature
        """Renew the line, if it is time."""
        now = time.monotonic()
        if self._live is not None and now >= self._next:
            self._next = now + PERIOD
            self._log.refresh(trials)
            self._live.update(Spinner("dots", Text(line(self._log, self._title))), refresh=True)

    def on_experiment_end(self, trials: list[Trial], **info: Any) -> None:  # noqa: ARG002 - Ray's signature
        """Leave the last line."""
        if self._live is not None:
            self._live.update(Text(line(self._log, self._title)), refresh=True)
            self._live.stop()
            self._live.console.line()
            self._live = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_live": None}


def line(log: StudyLog, title: str) -> str:
    """Counts of the trials, the incumbent, what was spent, the time, and for what trials wait."""
    running = sum(record.status == Trial.RUNNING for record in log.trials)
    counts = {
        "running": running,
        "paused": sum(record.status == Trial.PAUSED for record in log.trials),
        "stopped early": sum(record.stopped_early for record in log.trials),
        "failed": sum(record.status == Trial.ERROR for record in log.trials),
    }
    shown = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    found = incumbents(log.reports, log.objective.mode)
    best = "no result yet"
    if found:
        last = found[-1]
        best = f"best {log.objective.metric} {last.value:.4g} (trial {last.trial} at {last.resource:g})"
    unit = "iterations" if log.objective.time_attr == "training_iteration" else log.objective.time_attr
    elapsed = dt.timedelta(seconds=round(log.elapsed))
    told = f"{len(log.trials)} trials{f' ({shown})' if shown else ''} · {best} · {log.spent:g} {unit} · {elapsed}"
    return f"{title}: {told}{f' · {log.waiting}' if log.waiting else ''}"
