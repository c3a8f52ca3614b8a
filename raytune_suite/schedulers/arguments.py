"""The arguments that all schedulers share, and what they must be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

from raytune_suite import seeding
from raytune_suite.types import COUNT, MODE
from raytune_suite.validation import optional, text

if TYPE_CHECKING:
    from raytune_suite.spaces import Space

COMMON = {
    "metric": optional(text("the name of a reported value")),
    "mode": optional(MODE),
    "time_attr": text("the name of a reported value"),
    "max_t": optional(COUNT),
    "max_concurrent": optional(COUNT),
    "seed": seeding.SEED,
}
"""What the arguments of every scheduler must be; the space is checked when it is compiled."""


class SchedulerArgs(TypedDict, total=False):
    """The arguments that every scheduler takes, all by keyword.

    Attributes:
        space: The search space; only schedulers that change configs need it.
        metric: The name of the reported value to optimize. If it is omitted, `tune.TuneConfig` provides it.
        mode: "min" or "max", as for the metric.
        time_attr: The reported value that measures how far a trial has been trained.
        max_t: The maximum resource of a trial, in units of `time_attr`, at which it ends. None: no limit.
        max_concurrent: The maximum number of trials at once. None: as many as fit on the cluster.
        seed: Drives all random draws of the scheduler.
    """

    space: dict[str, Any] | Space | None
    metric: str | None
    mode: str | None
    time_attr: str
    max_t: int | None
    max_concurrent: int | None
    seed: int
