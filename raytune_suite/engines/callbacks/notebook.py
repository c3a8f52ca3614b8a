"""A live table about a running study in a notebook, with what every notebook has."""

from __future__ import annotations

import heapq
import sys
import time
from typing import TYPE_CHECKING, Any, final

from ray.tune import Callback

from raytune_suite.engines.callbacks.html_table import html_table
from raytune_suite.engines.callbacks.progress import SHARE, Progress, progress_line
from raytune_suite.types import as_loss, split_config

if TYPE_CHECKING:
    from ray.tune.experiment import Trial

    from raytune_suite.engines.callbacks.study_log import StudyLog

PERIOD = 1.0
"""Seconds between two updates of the table."""

SHOWN_TRIALS = 8
"""Rows of the table."""

SHOWN_PARAMETERS = 8
"""Columns of the table for hyperparameters."""

LINE_WIDTH = 200
"""Characters of the line above the table."""


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None


def progress_callback(log: StudyLog, title: str) -> Callback:
    """What shows the progress of a study here: a table in a notebook, otherwise a line on the terminal."""
    return NotebookProgress(log, title) if in_notebook() else Progress(log, title)


@final
class NotebookProgress(Callback):
    """A Ray Tune callback that keeps a table of the best trials in the output of a notebook's cell up to date."""

    def __init__(self, log: StudyLog, title: str) -> None:
        """`title` begins the line above the table."""
        self._log, self._title = log, title
        self._display: Any = None
        self._next = 0.0

    def setup(self, *args: Any, **info: Any) -> None:  # noqa: ARG002 - Ray's signature
        """Show the table."""
        display = sys.modules["IPython"].display
        self._display = display.display(display.HTML(study_table(self._log, self._title)), display_id=True)

    def on_step_end(self, iteration: int, trials: list[Trial], **info: Any) -> None:  # noqa: ARG002 - Ray's signature
        """Update the table if it is due."""
        now = time.monotonic()
        if now >= self._next:
            self._log.refresh(trials)
            self._update()
            done = time.monotonic()
            self._next = max(now + PERIOD, done + (done - now) / SHARE)

    def on_experiment_end(self, trials: list[Trial], **info: Any) -> None:  # noqa: ARG002 - Ray's signature
        """Leave the last table in the notebook."""
        self._update()
        self._display = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_display": None}

    def _update(self) -> None:
        if self._display is not None:
            self._display.update(sys.modules["IPython"].display.HTML(study_table(self._log, self._title)))


def study_table(log: StudyLog, title: str) -> str:
    """The facts of a running study and its best trials, those trained furthest first, as HTML."""
    last = {report.trial: report for report in log.reports}
    best = heapq.nsmallest(
        SHOWN_TRIALS, last.values(), key=lambda one: (-one.resource, as_loss(one.value, log.objective.mode))
    )
    configs = [split_config(log.configs[report.trial]).hyperparameters for report in best]
    names = list(dict.fromkeys(name for config in configs for name in config))[:SHOWN_PARAMETERS]
    rows = [
        [
            str(report.trial),
            f"{report.resource:g}",
            f"{report.value:.4g}",
            *(shown(config.get(name, "")) for name in names),
        ]
        for report, config in zip(best, configs, strict=True)
    ]
    columns = ["trial", log.objective.time_attr, log.objective.metric, *names]
    return html_table(progress_line(log, title, LINE_WIDTH), columns, rows, log.waiting)


def shown(value: Any) -> str:
    """A value of a config, numbers with 4 digits.

    Example:
        >>> shown(0.123456), shown({"name": "sgd"})
        ('0.1235', "{'name': 'sgd'}")
    """
    return f"{value:.4g}" if isinstance(value, float) else str(value)
