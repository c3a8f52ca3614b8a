"""Asynchronous successive halving, the *stopping* variant (Li et al. 2020, "A System for Massively Parallel
Hyperparameter Tuning", MLSys; the paper's Algorithm 2 promotes instead).

A trial that reaches a rung goes on if it is among the best 1/eta that have reached it so far, and is stopped for good
if it is not. Nothing is ever paused, so that a trainable needs no checkpoints.
"""  # noqa: D205 - the title does not fit into one line

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Unpack, final

from ray.tune.schedulers import ASHAScheduler

from raytune_suite import rungs
from raytune_suite.errors import ArgumentError
from raytune_suite.schedulers.stock import StockScheduler

if TYPE_CHECKING:
    from raytune_suite.schedulers.base import SchedulerArgs


@final
class ASHA(StockScheduler):
    """Ray's `ASHAScheduler`, with its bracket draws seeded."""

    draws: ClassVar[bool] = True

    def __init__(self, *, min_t: int = 1, eta: float = 3, brackets: int = 1, **args: Unpack[SchedulerArgs]) -> None:
        """`min_t` is the least resource at which a trial is judged, `eta` is the reduction factor.

        With several `brackets`, bracket s starts its rungs at `min_t * eta**s`.

        Raises:
            ArgumentError: If these make no ladder, or there are more brackets than rungs.
        """
        top = args.get("max_t") or min_t  # without max_t the base refuses, and says so
        most = rungs.max_bracket(min_t, top, eta) + 1
        if isinstance(brackets, bool) or not isinstance(brackets, int) or not (brackets == 1 or 1 < brackets <= most):
            raise ArgumentError(f"`brackets` is {brackets!r}, but must be an integer from 1 to {most}")
        stock = ASHAScheduler(
            time_attr=args.get("time_attr", "training_iteration"),
            max_t=top,
            grace_period=min_t,
            reduction_factor=eta,
            brackets=brackets,
        )
        super().__init__(stock, **args)
        self._levels = rungs.geometric(min_t, top, eta)

    @property
    def levels(self) -> tuple[float, ...]:
        """The resources of the rungs, and `max_t`."""
        return self._levels
