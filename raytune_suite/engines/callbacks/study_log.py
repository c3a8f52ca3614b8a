"""The record of a study: all reports, all trials, and the incumbents.

The reports are in memory and, where the study has journals, in its folder. Then a snapshot does not hold them.
"""

from __future__ import annotations

import json
import logging
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import pandas as pd
from ray.tune import Callback
from ray.tune.experiment import Trial

from raytune_suite.engines.callbacks.bill import Bill
from raytune_suite.engines.callbacks.budget import Cost
from raytune_suite.engines.callbacks.error_text import last_line
from raytune_suite.engines.callbacks.reports import Report
from raytune_suite.engines.callbacks.rows import Rows
from raytune_suite.engines.callbacks.trial_record import (
    NO_REPORT,
    Configs,
    TrialRecord,
    reported_by_trainable,
    trials_frame,
    without_number,
)
from raytune_suite.engines.flat_results import flattened
from raytune_suite.types import ADDED_BY_RAY, STOPPED_BY, Stage, as_number, as_resource

if TYPE_CHECKING:
    from collections.abc import Callable

    from raytune_suite.engines.journal import StudyJournals
    from raytune_suite.schedulers import StudyScheduler
    from raytune_suite.types import Config, Objective


_logger = logging.getLogger("raytune_suite")

LOGGED_FAILURES = 3
"""Log this many failures as they occur; the summary reports the total."""


@final
class StudyLog(Callback):
    """A Ray Tune callback that records the study; Ray saves it with each snapshot.

    Attributes:
        reports: All reports with the metric, in the order of arrival, stored by columns.
        trials: All trials, ordered by number, stored by columns.
        configs: Their latest configs.
        unmetered: The keys of the last report without the metric, if any.
        wrong: The number of the first trial that reported a metric that is not a number, and that value.
        waiting: A message about what trials wait for on the cluster; "" if none waits.
        budget: The total resource that all trials may spend, for the progress line; None for no limit.
        journals: The journals to which the reports and the trials are appended, or None.
        bill: What the study has cost, where a price is known.
    """

    def __init__(self, objective: Objective, scheduler: StudyScheduler) -> None:
        """`scheduler` knows which trials it stopped early."""
        self.objective = objective
        self.scheduler = scheduler
        self._cost = Cost(objective.time_attr)
        self._numbers: dict[str, int] = {}
        self._lineages: dict[tuple[int, float], list[Stage]] = {}
        self._before = 0.0
        self._start: float | None = None
        self._clock: Callable[[], float] = time.monotonic
        self._listed = 0  # how many trials the engine had when they were last numbered
        self._failures = 0
        self.reports: Rows[Report] = Rows(Report)
        self.trials: Rows[TrialRecord] = Rows(TrialRecord)
        self.configs = Configs()
        self.unmetered: list[str] = []
        self.wrong: tuple[int, Any] | None = None
        self.waiting = ""
        self.budget: float | None = None
        self.bill = Bill()
        self.journals: StudyJournals | None = None
        self._journaled: dict[int, tuple[Any, ...]] = {}  # what the journal has of the trials that have not ended
        self._closed = bytearray()  # for each trial, whether the journal has its end

    def attach(self, journals: StudyJournals, reports: Rows[Report] | None = None) -> None:
        """Append to these journals from now on; `reports` are those of a study that is resumed."""
        self.journals = journals
        if reports is not None:
            self.reports = reports
        for number in [number for number, record in enumerate(self.trials) if record.retried]:
            self._journal_trial(number)  # again: it may not have had journals then

    # ---- Ray's interface --------------------------------------------------------------------------------------

    def setup(self, *args: Any, **info: Any) -> None:  # noqa: ARG002 - Ray's signature
        """Start the clock; a simulated study provides its virtual clock."""
        self._clock = info.get("clock", time.monotonic)
        if self._start is None:  # else a simulated study continues after it was suspended
            self._start = self._clock()

    def on_step_end(self, iteration: int, trials: list[Trial], **info: Any) -> None:  # noqa: ARG002 - Ray's signature
        """Number new trials."""
        if len(trials) > self._listed:
            self._number(trials)
        if self.journals is not None:
            self.journals.flush_if_due()

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
        if len(trials) > self._listed:
            self._number(trials)
        self._cost.add(trial.trial_id, result)
        number = self._numbers[trial.trial_id]
        flat = flattened(result)
        resource = as_resource(flat.get(self.objective.time_attr))
        self.trials.update(number, last=flat, status=Trial.RUNNING)
        self.configs.replace(number, trial.config)
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
        self.trials.update(number, position=len(self.reports))
        report = Report(number, resource, shown, float(self.elapsed), self._cost.spent, complete)
        self.reports.append(report)
        lineage = self.scheduler.lineage(trial.trial_id, flat[self.objective.time_attr])
        if lineage:  # stored now, because a member that clones another loses its own lineage
            self._lineages[number, self._cost.spent] = lineage
        if self.journals is not None:
            self.journals.reports.append(self._record(report, flat, lineage))

    def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:  # noqa: ARG002
        """Record that a trial has ended, whether the scheduler or its trainable ended it."""
        self._number(trials)
        number = self._numbers[trial.trial_id]
        self._cost.forget(trial.trial_id)
        record = self.trials[number]
        last = reported_by_trainable(record.last)
        stopped_early = trial.trial_id in self.scheduler.stopped_early or STOPPED_BY in last
        self.configs.replace(number, trial.config)
        self.trials.update(
            number,
            status=Trial.TERMINATED,
            stopped_early=stopped_early,
            last=self._kept(record.position, last),
        )
        position = record.position
        if not stopped_early and position != NO_REPORT:
            if self.journals is not None and not self.reports[position].complete:
                self.journals.reports.append({LAST: position})
            self.reports.update(position, complete=True)
        self._journal_trial(number, ended=True)
        self.configs.pack(number)

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:  # noqa: ARG002
        """Record that a trial has failed and will not be restarted."""
        self._number(trials)
        number = self._update(trial, Trial.ERROR)
        record = self.trials[number]
        error = last_line(Path(trial.error_file).read_text() if trial.error_file else "")
        last = self._kept(record.position, reported_by_trainable(record.last))
        self.trials.update(number, last=last, error=error)
        self._cost.forget(trial.trial_id)
        self._journal_trial(number, ended=True)
        self._failures += 1
        if self._failures <= LOGGED_FAILURES:
            _logger.warning("trial %d failed: %s", number, error)

    def on_experiment_end(self, trials: list[Trial], **info: Any) -> None:  # noqa: ARG002 - Ray's signature
        """Update the statuses a last time."""
        self.refresh(trials)
        self.bill.close(self.elapsed)

    def get_state(self) -> dict[str, Any]:
        """Everything but the scheduler, which saves itself, and the reports that are in a journal."""
        state = {name: value for name, value in self.__getstate__().items() if name not in _PASSING}
        return {**state, "_before": self.elapsed}

    def set_state(self, state: dict[str, Any]) -> None:
        """Restore the state."""
        self.__dict__.update({"_closed": bytearray(len(state["trials"])), **state})

    def __getstate__(self) -> dict[str, Any]:
        """The state, without what is in a journal."""
        left_out = set() if self.journals is None else {"journals", "reports"}
        return {name: value for name, value in self.__dict__.items() if name not in left_out}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update({"journals": None, "reports": Rows(Report), "budget": None})
        self.set_state(state)

    def refresh(self, trials: list[Trial]) -> None:
        """Take the statuses as they are.

        Ray does not notify callbacks that a trial was paused, or waits for another machine.
        """
        self._number(trials)
        may_change = self._closed.count(False)
        found: list[Trial] = []
        for trial in reversed(trials):  # most of those that have not ended are at the end
            if len(found) == may_change:
                break
            if not self._closed[self._numbers[trial.trial_id]]:
                found.append(trial)
        for trial in reversed(found):
            self._update(trial, trial.status)

    def lost_machine(self, trial_id: str) -> None:
        """Record that a trial lost its machine."""
        number = self._numbers[trial_id]
        self.trials.update(number, lost_machines=self.trials[number].lost_machines + 1)
        self._journal_trial(number)

    def retry_failed(self) -> list[Config]:
        """Mark the trials that have failed as retried; returns their configs."""
        failed = [number for number, record in enumerate(self.trials) if record.error and not record.retried]
        for number in failed:
            self.trials.update(number, retried=True)
            self._journal_trial(number)
        return [self.configs[number] for number in failed]

    # ---- queries ----------------------------------------------------------------------------------------------

    @property
    def elapsed(self) -> float:
        """The study's running time so far in seconds, without interruptions."""
        return self._before + (0.0 if self._start is None else self._clock() - self._start)

    @property
    def dollars(self) -> float | None:
        """The US dollars spent so far; None if no price is known."""
        return None if self.bill.hourly is None else self.bill.dollars(self.elapsed)

    @property
    def spent(self) -> float:
        """The resource spent so far."""
        return self._cost.spent

    def number(self, trial_id: str) -> int:
        """The number of a trial."""
        return self._numbers[trial_id]

    def lineage(self, report: Report) -> list[Stage]:
        """The configs behind a report: the member's schedule at that time in a population, else the trial's config."""
        return self._lineages.get((report.trial, report.cost)) or [Stage(0, self.configs[report.trial])]

    def reports_frame(self, *, shared: bool = False) -> pd.DataFrame:
        """All reports, one per row, with the fields of `Report` as columns.

        While there is one that is `shared`, which takes no memory of its own, no report can be added.
        """
        column = self.reports.view if shared else self.reports.column
        return pd.DataFrame({name: column(name) for name in Report._fields}, copy=False)

    def trials_frame(self) -> pd.DataFrame:
        """All trials, one per row, indexed by number: status, resource, value, error, config/..., the last metrics."""
        return trials_frame(self.trials, self.configs, self.reports, self.objective.metric)

    # ---- internals --------------------------------------------------------------------------------------------

    def _kept(self, position: int, last: dict[str, Any]) -> dict[str, Any] | None:
        """What is kept of the last result of a trial that has ended: None if its last report has all of it."""
        metric = self.objective.metric
        if position == NO_REPORT or len(last) != 1 or type(last.get(metric)) is not float:
            return last
        return None if last[metric] == self.reports[position].value else last

    def _number(self, trials: list[Trial]) -> None:
        """Number the trials that are new."""
        missing = len(trials) - self._listed
        if missing <= 0:
            return
        self._listed = len(trials)
        for trial in without_number(trials, self._numbers, missing):
            self._numbers[trial.trial_id] = len(self.trials)
            self.trials.append(TrialRecord(trial.trial_id, trial.status))
            self.configs.append(trial.config)
            self._closed.append(False)
            self._journal_trial(len(self.trials) - 1)

    def _update(self, trial: Trial, status: str) -> int:
        number = self._numbers[trial.trial_id]
        self.trials.update(number, status=status)
        self.configs.replace(number, trial.config)
        self._journal_trial(number)
        return number

    def _record(self, report: Report, flat: dict[str, Any], lineage: list[Stage]) -> dict[str, Any] | str:
        """The report as the journal has it, with the other values that were reported."""
        metric = self.objective.metric
        dollars, others = self.dollars, {}
        if flat.keys() - ADDED_BY_RAY != {metric}:
            others = {
                name: value
                for name, value in flat.items()
                if name != metric and name not in ADDED_BY_RAY and not name.startswith("config/")
            }
        if not others and not lineage and dollars is None:
            return report.line()
        record = report._asdict()
        if dollars is not None:
            record["dollars"] = dollars
        if others:
            record["metrics"] = others
        if lineage:
            record["lineage"] = [[stage.start, stage.config] for stage in lineage]
        return record

    def _journal_trial(self, number: int, *, ended: bool = False) -> None:
        """Append the state of a trial to its journal if it has changed; the config only if that has."""
        trial = self.trials[number]
        if self.journals is None or (self._closed[number] and not trial.retried):
            return
        config = self.configs[number]
        state = (trial.status, trial.error, trial.stopped_early, trial.lost_machines, trial.retried)
        before = self._journaled.pop(number, ())
        same_config = bool(before) and before[-1] is config
        if ended:
            self._closed[number] = True
        else:
            self._journaled[number] = (*state, config)
        if same_config and before[:-1] == state:
            return
        if same_config and not any(state[1:]):
            line = f'{{"trial":{number},"trial_id":{json.dumps(trial.trial_id)},"status":"{trial.status}"}}'
            self.journals.trials.append(line)
            return
        record = {"trial": number, "trial_id": trial.trial_id, "status": trial.status}
        optional = {
            "error": trial.error,
            "stopped_early": trial.stopped_early,
            "lost_machines": trial.lost_machines,
            "retried": trial.retried,
            "config": None if same_config else config,
        }
        self.journals.trials.append(record | {name: value for name, value in optional.items() if value})


_PASSING = frozenset({"scheduler", "_start", "_clock", "waiting", "budget", "_journaled", "_closed", "_listed"})
"""Attributes that are not saved with the study."""

LAST = "last"
"""The key of a record that marks a report as the last one of its trial, which had ended by itself."""


RAISED = "raised_max_t"
"""The key of a record of a higher `max_t`, below which no training before it was complete."""
