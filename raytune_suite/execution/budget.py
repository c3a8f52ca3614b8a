"""The budget of a study: the total resource that all its trials together may spend."""

from __future__ import annotations

from typing import Any, final

from ray.tune import Stopper

from raytune_suite.types import as_number


@final
class Budget(Stopper):
    """Ends a study when its trials have spent `total` units of `time_attr`; Ray saves it with the study.

    A report of `training_iteration` costs 1. For another resource it costs the increase since the trial's last
    report; where the resource went back (a restart, a clone) it costs as much as the trial's report before.

    Attributes:
        spent: What was spent so far.
    """

    def __init__(self, total: float | None, time_attr: str) -> None:
        """`total` None sets no limit; the cost is counted all the same."""
        self.total = total
        self.time_attr = time_attr
        self.spent = 0.0
        self._last: dict[str, float] = {}
        self._step: dict[str, float] = {}

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Count a report. No trial is stopped by itself."""
        self.spent += self.cost(trial_id, result)
        return False

    def cost(self, trial_id: str, result: dict[str, Any]) -> float:
        """What this report adds."""
        resource = as_number(result.get(self.time_attr))
        if self.time_attr == "training_iteration":
            return 1.0
        if resource is None:
            return 0.0
        last = self._last.get(trial_id, 0.0)
        step = resource - last if resource > last else self._step.get(trial_id, 0.0)
        self._last[trial_id], self._step[trial_id] = resource, step
        return step

    def stop_all(self) -> bool:
        """Whether the budget is spent."""
        return self.total is not None and self.spent >= self.total
