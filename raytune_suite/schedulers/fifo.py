"""No scheduling: each trial is trained to its end, in the order of proposal."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Unpack, final

from ray.tune.schedulers import FIFOScheduler

from raytune_suite.schedulers.stock import StockScheduler

if TYPE_CHECKING:
    from raytune_suite.schedulers.base import SchedulerArgs


@final
class FIFO(StockScheduler):
    """Ray's `FIFOScheduler`; with `max_t` it ends each trial there."""

    ladder: ClassVar[bool] = False
    stops_failed: ClassVar[bool] = False

    def __init__(self, **args: Unpack[SchedulerArgs]) -> None:
        """See `SchedulerArgs`."""
        super().__init__(FIFOScheduler(), **args)
