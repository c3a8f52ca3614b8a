"""The record of a study: all reports, all trials, and the incumbents."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, final

import pandas as pd
from ray.tune import Callback
from ray.tune.experiment import Trial
from ray.tune.utils import flatten_dict

from raytune_suite.engines.callbacks.budget import Cost
from raytune_suite.errors import shortened
from raytune_suite.types import ADDED_BY_RAY, Stage, as_loss, as_number, as_resource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from raytune_suite.schedulers import StudyScheduler
    from raytune_suite.types import Config, Mode, Objective


_logger = logging.getLogger("raytune_suite")

LONGEST_ERROR = 1000
"""Characters of a trial's error that are kept; all of it is in the trial's folder."""

LOGGED_FAILURES = 3
"""Log this many failures as they occur; the summary reports the total."""


class Report(NamedTuple):
    """One report of one trial.

    Attributes:
        trial: The trial's number, from 0 in the order of proposal.
        resource: The resource on which the trial had been trained.
        value: The metric; NaN if it was not a number.
        elapsed: The study's running time so far in seconds, without interruptions.
        cost: The resource that the whole study had spent, including this report.
        complete: Whether the trial's training was complete: it reached `max_t`, or the trainable ended it.
    """

    trial: int
    resource: float
    value: float
    elapsed: float
    cost: float
    complete: bool


@dataclass
class TrialRecord:
    """The current state of a trial.

    Attributes:
        trial_id: Ray's id.
        status: Ray's status.
        config: The trial's latest config.
        last: The trial's last result, flattened as in Ray.
        error: The last line of the trial's error, or "".
        stopped_early: Whether the scheduler stopped the trial before its end.
        lost_machines: How often the trial lost its machine; always 0 in a simulated study.
    """

    trial_id: str
    status: str = Trial.PENDING
    config: Config = field(default_factory=dict)
    last: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    stopped_early: bool = False
    lost_machines: int = 0


@final
class StudyLog(Callback):
    """A Ray Tune callback that records the study; Ray saves it with each snapshot.

    Attributes:
        reports: All reports with the metric, in the order of arrival.
        trials: All trials, ordered by number.
        unmetered: The keys of the last report without the metric, if any.
        wrong: The number of the first trial that reported a metric that is not a number, and that value.
        waiting: A message about what trials wait for on the cluster; "" if none waits.
    """

    def __init__(self, objective: Objective, scheduler: StudyScheduler) -> None:
        """`scheduler` knows which trials it stopped early."""
        self.objective = objective
        self.scheduler = scheduler
        self._cost = Cost(objective.time_attr)
        self._numbers: dict[str, int] = {}
        self._last_report: dict[int, int] = {}
        self._lineages: dict[tuple[int, float], list[Stage]] = {}
        self._before = 0.0
        self._start: float | None = None
        self._clock: Callable[[], float] = time.monotonic
        self.reports: list[Report] = []
        self.trials: list[TrialRecord] = []
        self.unmetered: list[str] = []
        self.wrong: tuple[int, Any] | None = None
        self.waiting = ""

    # ---- Ray's interface --------------------------------------------------------------------------------------

    def setup(self, *args: Any, **info: Any) -> None:  # noqa: ARG002 - Ray's signature
        """Start the clock; a simulated study provides its virtual clock."""
        self._clock = info.get("clock", time.monotonic)
        if self._start is None:  # else a simulated study continues after it was suspended
            self._start = self._clock()

    def on_step_end(self, iteration: int, trials: list[Trial], **info: Any) -> None:  # noqa: ARG002 - Ray's signature
        """Number new trials."""
        self._number(trials)

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:  # noqa: ARG002
        """Record that a trial is running."""
        self._number(trials)
        self._update(trial, Trial.RUNNING)

    def on_trial_result(
        self,
        iteration: int,  # noqa: ARG002 - Ray's signature
        trials: list[Trial],
        trial: Trial,
        result: dict[str, Any],
        **info: Any,  # noqa: ARG002
    ) -> None:
        """Record a report."""
        self._number(trials)
        self._cost.add(trial.trial_id, result)
        number = self._numbers[trial.trial_id]
        flat = flatten_dict(result)
        resource = as_resource(flat.get(self.objective.time_attr))
        record = self.trials[number]
        record.last, record.status, record.config = flat, Trial.RUNNING, trial.config
        if self.objective.metric not in flat:
            self.unmetered = sorted(set(flat) - ADDED_BY_RAY)
            return
        value = as_number(flat[self.objective.metric])
        if value is None and self.wrong is None:
            self.wrong = (number, flat[self.objective.metric])
        if resource is None:
            return
        complete = self.objective.max_t is not None and resource >= self.objective.max_t
        shown = math.nan if value is None else value
        self._last_report[number] = len(self.reports)
        self.reports.append(Report(number, resource, shown, self.elapsed, self._cost.spent, complete))
        lineage = self.scheduler.lineage(trial.trial_id, flat[self.objective.time_attr])
        if lineage:  # stored now, because a member that clones another loses its own lineage
            self._lineages[number, self._cost.spent] = lineage

    def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:  # noqa: ARG002
        """Record that a trial has ended, whether the scheduler or its trainable ended it."""
        self._number(trials)
        number = self._update(trial, Trial.TERMINATED)
        record = self.trials[number]
        record.stopped_early = trial.trial_id in self.scheduler.stopped_early
        if not record.stopped_early and number in self._last_report:
            position = self._last_report[number]
            self.reports[position] = self.reports[position]._replace(complete=True)

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:  # noqa: ARG002
        """Record that a trial has failed and will not be restarted."""
        self._number(trials)
        record = self.trials[self._update(trial, Trial.ERROR)]
        record.error = last_line(Path(trial.error_file).read_text() if trial.error_file else "")
        failures = sum(other.status == Trial.ERROR for other in self.trials)
        if failures <= LOGGED_FAILURES:
            _logger.warning("trial %d failed: %s", self._numbers[trial.trial_id], record.error)

    def on_experiment_end(self, trials: list[Trial], **info: Any) -> None:  # noqa: ARG002 - Ray's signature
        """Update the statuses a last time."""
        self.refresh(trials)

    def get_state(self) -> dict[str, Any]:
        """Everything but the scheduler, which saves itself."""
        state = {name: value for name, value in self.__dict__.items() if name not in _PASSING}
        return {**state, "_before": self.elapsed}

    def set_state(self, state: dict[str, Any]) -> None:
        """Restore the state."""
        self.__dict__.update(state)

    def refresh(self, trials: list[Trial]) -> None:
        """Take the statuses as they are.

        Ray does not notify callbacks that a trial was paused, or waits for another machine.
        """
        self._number(trials)
        for trial in trials:
            self._update(trial, trial.status)

    def lost_machine(self, trial_id: str) -> None:
        """Record that a trial lost its machine."""
        self.trials[self._numbers[trial_id]].lost_machines += 1

    # ---- queries ----------------------------------------------------------------------------------------------

    @property
    def elapsed(self) -> float:
        """The study's running time so far in seconds, without interruptions."""
        return self._before + (0.0 if self._start is None else self._clock() - self._start)

    @property
    def spent(self) -> float:
        """The resource spent so far."""
        return self._cost.spent

    def number(self, trial_id: str) -> int:
        """The number of a trial."""
        return self._numbers[trial_id]

    def lineage(self, report: Report) -> list[Stage]:
        """The configs behind a report: the member's schedule at that time in a population, else the trial's config."""
        return self._lineages.get((report.trial, report.cost)) or [Stage(0, self.trials[report.trial].config)]

    def reports_frame(self) -> pd.DataFrame:
        """All reports, one per row, with the fields of `Report` as columns."""
        return pd.DataFrame(self.reports, columns=list(Report._fields))

    def trials_frame(self) -> pd.DataFrame:
        """All trials, one per row, indexed by number: status, resource, value, error, config/..., the last metrics."""
        rows = []
        for number, record in enumerate(self.trials):
            position = self._last_report.get(number)
            report = None if position is None else self.reports[position]
            rows.append(
                {
                    "trial": number,
                    "trial_id": record.trial_id,
                    "status": record.status,
                    "outcome": outcome(record, report),
                    "stopped_early": record.stopped_early,
                    "lost_machines": record.lost_machines,
                    "resource": report.resource if report else 0.0,
                    "value": report.value if report else math.nan,
                    "error": record.error,
                    **{f"config/{name}": value for name, value in flatten_dict(record.config).items()},
                    **{name: value for name, value in record.last.items() if name not in ADDED_BY_RAY},
                }
            )
        return pd.DataFrame(rows, columns=None if rows else ["trial", "status", "outcome"]).set_index("trial")

    # ---- internals --------------------------------------------------------------------------------------------

    def _number(self, trials: list[Trial]) -> None:
        if len(trials) != len(self._numbers):
            for trial in trials:
                if trial.trial_id not in self._numbers:
                    self._numbers[trial.trial_id] = len(self.trials)
                    self.trials.append(TrialRecord(trial.trial_id, trial.status, trial.config))

    def _update(self, trial: Trial, status: str) -> int:
        number = self._numbers[trial.trial_id]
        self.trials[number].status, self.trials[number].config = status, trial.config
        return number


_PASSING = frozenset({"scheduler", "_start", "_clock", "waiting"})
"""Attributes that are not saved with the study."""


def outcome(record: TrialRecord, last: Report | None) -> str:
    """The outcome of a trial: "trained in full", "stopped early", "failed" or "unfinished".

    A trial whose last metric is not finite counts as failed, regardless of its status in Ray.
    """
    if record.status == Trial.ERROR or (last is not None and not math.isfinite(last.value)):
        return "failed"
    if record.stopped_early:
        return "stopped early"
    return "trained in full" if last is not None and last.complete else "unfinished"


def last_line(traceback: str) -> str:
    """The last line of a traceback, which names the error; of a long one, the beginning and the end."""
    lines = [line.strip() for line in traceback.splitlines() if line.strip()]
    return shortened(lines[-1], LONGEST_ERROR) if lines else "an error without a message"


def incumbents(reports: Iterable[Report], mode: Mode) -> list[Report]:
    """The reports at which the incumbent changed.

    The incumbent is the best config among those trained furthest: a report of a complete training ranks above any
    other, and a report at a higher resource above one at a lower resource, regardless of their values. (The best of
    all reports would compare a lucky first epoch with a complete training.) Values that are not finite are ignored.
    """
    changes: list[Report] = []
    best: tuple[float, float] | None = None
    for report in reports:
        loss = as_loss(report.value, mode)
        if not math.isfinite(loss):
            continue
        rank = (-math.inf if report.complete else -report.resource, loss)
        if best is None or rank < best:
            best = rank
            changes.append(report)
    return changes
