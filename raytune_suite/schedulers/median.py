"""The median stopping rule (Golovin et al. 2017, "Google Vizier", section 3.2.2).

A trial is stopped if its best metric so far is worse than the median of the running averages of the others up to
the same resource.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar, Unpack, final

from ray.tune.schedulers import MedianStoppingRule

from raytune_suite.schedulers.stock import StockScheduler

if TYPE_CHECKING:
    from raytune_suite.schedulers.base import SchedulerArgs


@final
class MedianStopping(StockScheduler):
    """Ray's `MedianStoppingRule`, over the resource instead of wall time."""

    ladder: ClassVar[bool] = False

    def __init__(self, *, min_t: int = 1, min_trials: int = 3, **args: Unpack[SchedulerArgs]) -> None:
        """No trial is stopped below a resource of `min_t`, nor where fewer than `min_trials` others got as far."""
        never: Any = math.inf  # Ray's type says int
        stock = MedianStoppingRule(
            time_attr=args.get("time_attr", "training_iteration"),
            grace_period=min_t,
            min_samples_required=min_trials,
            # Ray pauses a trial that it cannot judge yet while others wait, if its last pause is longer ago than
            # this: with a searcher one always waits, and the trial would be saved and moved at each report.
            min_time_slice=never,
        )
        super().__init__(stock, **args)
