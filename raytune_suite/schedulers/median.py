"""The median stopping rule (Golovin et al. 2017, "Google Vizier: A Service for Black-Box Optimization", KDD, section
3.2.2), over the resource.

A trial is stopped if its best metric so far is worse than the median of the running averages of the other trials up to
the same resource. The decisions are those of Ray's `MedianStoppingRule` with `hard_stop` and without time slices, but
no report is counted a second time when its trial ends.
"""  # noqa: D205 - the title does not fit into one line

from __future__ import annotations

import bisect
import math
from typing import TYPE_CHECKING, Any, ClassVar, Unpack, final

import numpy as np
from ray.tune.schedulers import TrialScheduler

from raytune_suite.schedulers.base import StudyScheduler
from raytune_suite.types import COUNT, as_loss, check_mode
from raytune_suite.validation import checked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ray.tune.experiment import Trial

    from raytune_suite.schedulers.arguments import SchedulerArgs


class LossHistory:
    """The losses that a trial has reported, in the order of their resources.

    Example:
        >>> history = LossHistory()
        >>> for resource, loss in [(1, 8.0), (2, 4.0), (3, 2.0), (4, 1.0)]:
        ...     history.add(resource, loss)
        >>> history.best, history.reached, history.mean(2, 3)
        (1.0, 4, 3.0)
    """

    def __init__(self) -> None:
        """No report yet."""
        self.best = math.inf
        self._resources: list[float] = []
        self._losses: list[float] = []
        self._means: dict[tuple[int, int], float] = {}

    @property
    def reached(self) -> float:
        """The resource of the last report."""
        return self._resources[-1]

    def add(self, resource: float, loss: float) -> None:
        """Append a report at a higher resource."""
        self._resources.append(resource)
        self._losses.append(loss)
        self.best = min(self.best, loss)

    def mean(self, first: float, last: float) -> float:
        """The mean of the losses from resource `first` to `last`; NaN if there are none."""
        span = bisect.bisect_left(self._resources, first), bisect.bisect_right(self._resources, last)
        if span not in self._means:
            losses = self._losses[slice(*span)]
            self._means[span] = float(np.mean(losses)) if losses else math.nan
        return self._means[span]


def worse_than_median(best: float, means: Sequence[float]) -> bool:
    """Whether the best loss of a trial is worse than the median of the running means of the others.

    Example:
        >>> worse_than_median(0.4, [0.3, 0.4, 0.5]), worse_than_median(0.41, [0.3, 0.4, 0.5])
        (False, True)
    """
    return best > float(np.median(means))


@final
class MedianStopping(StudyScheduler):
    """Stops a trial whose best metric is worse than the median of the running averages of the others."""

    ladder: ClassVar[bool] = False
    extends: ClassVar[bool] = True

    @checked(min_t=COUNT, min_trials=COUNT)
    def __init__(self, *, min_t: int = 1, min_trials: int = 3, **args: Unpack[SchedulerArgs]) -> None:
        """No trial is stopped below a resource of `min_t`, nor while fewer than `min_trials` others have got as far.

        Raises:
            ArgumentError: If an argument cannot be used.
        """
        super().__init__(**args)
        self._min_t = min_t
        self._min_trials = min_trials
        self._histories: dict[str, LossHistory] = {}

    def added(self, controller: Any, trial: Trial) -> None:
        """Nothing to do."""

    def decide(self, controller: Any, trial: Trial, result: dict[str, Any], loss: float) -> str:  # noqa: ARG002
        """Stop the trial if it is worse than the median."""
        resource = result[self.time_attr]
        own = self._histories.setdefault(trial.trial_id, LossHistory())
        own.add(resource, loss)
        if resource < self._min_t:
            return str(TrialScheduler.CONTINUE)
        others = [history for history in self._histories.values() if history.reached >= resource and history is not own]
        # As in Ray, the average begins at `min_t`; the paper's begins with the first report.
        means = [mean for mean in (other.mean(self._min_t, resource) for other in others) if math.isfinite(mean)]
        stop = len(means) >= self._min_trials and worse_than_median(own.best, means)
        return str(TrialScheduler.STOP if stop else TrialScheduler.CONTINUE)

    def ended(self, controller: Any, trial: Trial, result: dict[str, Any] | None) -> None:  # noqa: ARG002
        """Keep the last result of a trial that ended by itself: others are compared with it."""
        if result is not None:
            loss = as_loss(result[str(self._metric)], check_mode(self._mode))
            self._histories.setdefault(trial.trial_id, LossHistory()).add(result[self.time_attr], loss)
