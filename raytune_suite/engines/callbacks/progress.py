"""A progress line about a running study, on a terminal only."""

from __future__ import annotations

import datetime as dt
import time
from typing import TYPE_CHECKING, Any, NamedTuple, final

from ray.tune import Callback
from ray.tune.experiment import Trial
from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from raytune_suite.engines.callbacks.reports import incumbents

if TYPE_CHECKING:
    from raytune_suite.engines.callbacks.study_log import StudyLog

PERIOD = 0.25
"""Seconds between two updates of the line."""

SHARE = 0.05
"""The share of a study's time that the updates may take."""

SPINNER_WIDTH = 2
"""Characters of the spinner and the space behind it."""


@final
class Progress(Callback):
    """A Ray Tune callback that keeps one line on the terminal up to date.

    The line fits the terminal: facts for which there is no room are left out, the least important first. If trials wait
    for machines, the reason follows on separate lines.
    """

    def __init__(self, log: StudyLog, title: str) -> None:
        """`title` begins the line."""
        self._log, self._title = log, title
        self._live: Live | None = None
        self._next = 0.0

    def setup(self, *args: Any, **info: Any) -> None:  # noqa: ARG002 - Ray's signature
        """Show the line."""
        self._live = Live(console=Console(stderr=True), auto_refresh=False)
        self._live.start()

    def on_step_end(self, iteration: int, trials: list[Trial], **info: Any) -> None:  # noqa: ARG002 - Ray's signature
        """Update the line if it is due."""
        now = time.monotonic()
        if self._live is not None and now >= self._next:
            self._log.refresh(trials)
            line: RenderableType = Spinner("dots", self._line(self._live.console.width - SPINNER_WIDTH))
            if self._log.waiting:
                line = Group(line, Text(self._log.waiting, style="yellow"))
            self._live.update(line, refresh=True)
            done = time.monotonic()
            self._next = max(now + PERIOD, done + (done - now) / SHARE)  # the facts of a large study take long

    def on_experiment_end(self, trials: list[Trial], **info: Any) -> None:  # noqa: ARG002 - Ray's signature
        """Leave the last line on the terminal."""
        if self._live is not None:
            self._live.update(self._line(self._live.console.width), refresh=True)
            self._live.stop()
            self._live = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_live": None}

    def _line(self, width: int) -> Text:
        return Text(progress_line(self._log, self._title, width), no_wrap=True, overflow="ellipsis")


class Fact(NamedTuple):
    """One piece of the progress line.

    Attributes:
        text: What the line says; "" if there is nothing to say.
        importance: 0 for the most important fact.
        detail: Whether it qualifies the fact before it, and is left out with it.
    """

    text: str
    importance: int
    detail: bool = False


def progress_line(log: StudyLog, title: str, width: int) -> str:
    """The title and the facts that fit into `width` characters; the most important fact is always there."""
    facts = study_facts(log)
    chosen: set[int] = set()
    for position in sorted(range(len(facts)), key=lambda position: facts[position].importance):
        fact, candidate = facts[position], chosen | {position}
        if not fact.text or (fact.detail and position - 1 not in chosen):
            continue
        if not chosen or cell_len(_joined(title, facts, candidate)) <= width:
            chosen = candidate
    return _joined(title, facts, chosen)


def study_facts(log: StudyLog) -> list[Fact]:
    """Counts of the trials, the incumbent, what was spent, in the order of the line."""
    trial_statuses = log.trials.column("status")
    counts = {
        "running": trial_statuses.count(Trial.RUNNING),
        "paused": trial_statuses.count(Trial.PAUSED),
        "stopped": int(log.trials.column("stopped_early").sum()),
        "failed": trial_statuses.count(Trial.ERROR),
    }
    statuses = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
    best, where = "no result yet", ""
    if improvements := incumbents(log.reports, log.objective.mode):
        last = improvements[-1]
        best, where = f"best {log.objective.metric} {last.value:.4g}", f"(trial {last.trial} at {last.resource:g})"
    unit = "iterations" if log.objective.time_attr == "training_iteration" else log.objective.time_attr
    return [
        Fact(f"{len(log.trials)} trial{'' if len(log.trials) == 1 else 's'}", 1),
        Fact(f"({statuses})" if statuses else "", 4, detail=True),
        Fact(best, 0),
        Fact(where, 5, detail=True),
        Fact(f"{log.spent:g}{'' if log.budget is None else f' of {log.budget:g}'} {unit}", 2),
        Fact(str(dt.timedelta(seconds=round(log.elapsed))), 3),
        Fact("" if log.dollars is None else f"${log.dollars:,.2f}", 3),
    ]


def _joined(title: str, facts: list[Fact], chosen: set[int]) -> str:
    text = f"{title}:"
    for position in sorted(chosen):
        separator = " " if facts[position].detail or text.endswith(":") else " · "
        text += separator + facts[position].text
    return text
