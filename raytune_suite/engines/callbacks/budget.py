"""The limits of a study: its budget, which is the total resource that all its trials may spend, time, stop rules."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, final

from ray.tune import Callback, Stopper

from raytune_suite.engines.flat_results import flattened
from raytune_suite.types import STOPPED_BY, as_resource

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ray.tune.experiment import Trial


@final
class Cost:
    """Counts the resource that the trials of a study spend.

    If the resource is `training_iteration`, each report costs 1. Otherwise a report costs the increase since the
    trial's last report. If the resource decreased, or the trial was restored (restarted or cloned), the report costs
    as much as the previous one.

    Attributes:
        spent: The resource spent so far.

    Example:
        >>> cost = Cost("epoch")
        >>> cost.add("a", {"epoch": 3}), cost.add("a", {"epoch": 4}), cost.spent
        (None, None, 4.0)
    """

    def __init__(self, time_attr: str) -> None:
        """`time_attr` is the key of the resource in a report."""
        self.time_attr = time_attr
        self.spent = 0.0
        self._last: dict[str, float] = {}
        self._step: dict[str, float] = {}

    def add(self, trial_id: str, result: dict[str, Any]) -> None:
        """Count a report."""
        if self.time_attr == "training_iteration":
            self.spent += 1
            return
        nested = "/" in self.time_attr and self.time_attr not in result
        resource = as_resource((flattened(result) if nested else result).get(self.time_attr))
        if resource is None:
            return
        last = self._last.get(trial_id, 0.0)
        moved = resource <= last or (trial_id in self._step and result.get("iterations_since_restore") == 1)
        step = self._step.get(trial_id, 0.0) if moved else resource - last
        self._last[trial_id], self._step[trial_id] = resource, step
        self.spent += step

    def forget(self, trial_id: str) -> None:
        """Forget a trial that has ended; what it spent remains."""
        self._last.pop(trial_id, None)
        self._step.pop(trial_id, None)


@final
class StudyStopper(Stopper):
    """Ends a study when a limit is reached, or when a trial has ended and no trial has reported the metric.

    Ray saves the stopper with the study. Its limits may be raised when the study is resumed.

    Attributes:
        too_expensive: Returns whether the study has spent its dollars; each run sets it, where there is such a limit.
    """

    too_expensive: Callable[[], bool] | None = None

    def __init__(
        self,
        budget: float | None,
        *,
        metric: str,
        time_attr: str,
        time_limit: float | None = None,
        rules: Sequence[Stopper] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Set the limits; None sets no limit.

        Args:
            budget: In units of `time_attr`.
            metric: The metric's name.
            time_attr: The reported value that measures the resource.
            time_limit: The seconds for which the study runs, in total.
            rules: Other rules that end the study or a trial.
            clock: Returns seconds.
        """
        self.rules = tuple(rules)
        self.budget, self.time_limit = budget, time_limit
        self.metric = metric
        self._clock, self._seconds = clock, 0.0
        self._checked: float | None = None
        self.cost = Cost(time_attr)
        self._metric_seen = False
        self._fault = False
        self._counted: dict[str, tuple[Any, Any]] = {}

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Count a report, and return whether a rule ends the trial, which its result then names.

        After a function has returned, Ray passes its last report a second time, which is not counted.
        """
        mark = (result.get("training_iteration"), result.get("time_total_s"))
        stopped = False
        if self._counted.get(trial_id) != mark:
            self.cost.add(trial_id, result)
            for rule in self.rules:
                if rule(trial_id, result):
                    result[STOPPED_BY], stopped = type(rule).__name__, True
        self._counted[trial_id] = mark
        self._metric_seen = self._metric_seen or _holds(result, self.metric)
        self._fault |= bool(result.get("done")) and not self._metric_seen
        return stopped

    def forget(self, trial_id: str) -> None:
        """Forget a trial that has ended."""
        self._counted.pop(trial_id, None)
        self.cost.forget(trial_id)

    def stop_all(self) -> bool:
        """Return whether to end the study."""
        if self.time_limit is not None:
            now = self._clock()
            self._seconds += 0.0 if self._checked is None else now - self._checked
            self._checked = now
            if self._seconds >= self.time_limit:
                return True
        if self.too_expensive is not None and self.too_expensive():
            return True
        if self.rules:
            ended = [rule.stop_all() for rule in self.rules]  # all of them: a rule may count its calls
            if any(ended):
                return True
        return self._fault or (self.budget is not None and self.cost.spent >= self.budget)

    def update(self, budget: float | None, time_limit: float | None, rules: Sequence[Stopper] | None = None) -> None:
        """Replace the limits and, unless they are None, the rules."""
        self.budget, self.time_limit = budget, time_limit
        self.rules = self.rules if rules is None else tuple(rules)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_checked": None, "too_expensive": None}


@final
class EndedTrials(Callback):
    """Makes the stopper of a simulated study forget trials that have ended, since there may be many."""

    def __init__(self, stopper: StudyStopper) -> None:
        """`stopper` is the one that the study calls."""
        self._stopper = stopper

    def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:  # noqa: ARG002
        """Forget a trial."""
        self._stopper.forget(trial.trial_id)

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:  # noqa: ARG002
        """Forget a trial."""
        self._stopper.forget(trial.trial_id)


def is_stopped(stopper: Stopper | None, trial: Trial, result: dict[str, Any]) -> bool:
    """Whether a stopper ends a trial of a simulated study, whose results have the config only for this call."""
    if stopper is None:
        return False
    if "config" in result:
        return stopper(trial.trial_id, result)
    result["config"] = trial.config
    stops = stopper(trial.trial_id, result)
    del result["config"]
    return stops


def _holds(result: Any, path: str) -> bool:
    """Whether a nested result has a value at `path`, its key ("outer/inner") in Ray's flattened result."""
    if not isinstance(result, dict):
        return False
    head, _, rest = path.partition("/")
    return path in result or (bool(rest) and _holds(result.get(head), rest))
