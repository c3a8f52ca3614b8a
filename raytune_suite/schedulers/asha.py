"""Asynchronous successive halving, the *stopping* variant (Li et al. 2020, "A System for Massively Parallel
Hyperparameter Tuning", MLSys; the paper's Algorithm 2 promotes instead).

A trial that reaches a rung goes on if it is among the best 1/eta that have reached it so far, and is stopped for good
if it is not. Nothing is ever paused, so that a trainable needs no checkpoints.
"""  # noqa: D205 - the title does not fit into one line

from __future__ import annotations

import bisect
import math
from typing import TYPE_CHECKING, Any, Unpack, final

import numpy as np
from ray.tune.schedulers import ASHAScheduler
from ray.tune.schedulers.async_hyperband import _Bracket

from raytune_suite import rungs, seeding
from raytune_suite.errors import ArgumentError
from raytune_suite.schedulers.stock import StockScheduler

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ray.tune.experiment import Trial

    from raytune_suite.schedulers.base import SchedulerArgs


@final
class ASHA(StockScheduler):
    """Ray's `ASHAScheduler`, with its bracket draws seeded, and at a cost that does not grow with the study."""

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
        stock = _ASHA(
            seeding.stream(args.get("seed", 0), "scheduler", "ASHA"),
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


class _ASHA(ASHAScheduler):
    """Ray's, drawing brackets from a stream of its own. Ray draws one for each trial even where there is but one."""

    def __init__(self, rng: np.random.Generator, **stock: Any) -> None:
        super().__init__(**stock)
        self._rng = rng
        brackets: Any = [_SortedBracket(bracket) for bracket in self._brackets]
        self._brackets = brackets
        sizes = np.array([bracket.height for bracket in brackets])
        self._odds = np.exp(sizes - sizes.max()) / np.exp(sizes - sizes.max()).sum()

    def on_trial_add(self, tune_controller: Any, trial: Trial) -> None:  # noqa: ARG002 - Ray's signature
        """Give the trial a bracket."""
        drawn = self._rng.choice(len(self._brackets), p=self._odds) if len(self._brackets) > 1 else 0
        self._trial_info[trial.trial_id] = self._brackets[drawn]


class _SortedBracket(_Bracket):
    """Ray's, with rungs that stay sorted. Ray sorts a rung anew for each trial that reaches it."""

    def __init__(self, bracket: Any) -> None:
        self.__dict__.update(bracket.__dict__)
        ladder: Any = [(level, _SortedRung()) for level, _ in self._rungs]  # Ray's type says dicts
        self._rungs = ladder
        self.height = len(ladder)

    def cutoff(self, recorded: _SortedRung) -> float | None:
        """What a trial must reach to go on; None where it is the first."""
        return percentile(recorded.rewards, (1 - 1 / self.rf) * 100) if recorded.rewards else None


class _SortedRung:
    """As much of a dict from the ids of trials to their rewards as Ray's bracket uses; the rewards are sorted."""

    def __init__(self) -> None:
        self.rewards: list[float] = []
        self._names: set[str] = set()

    def __len__(self) -> int:
        return len(self.rewards)

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def __setitem__(self, name: str, reward: float) -> None:
        self._names.add(name)
        bisect.insort(self.rewards, reward)


def percentile(ordered: Sequence[float], percent: float) -> float:
    """What `numpy.percentile` says of these numbers, to the last bit, if they are sorted and finite.

    Example:
        >>> percentile([1.0, 2.0, 4.0], 75), float(np.percentile([1.0, 2.0, 4.0], 75))
        (3.0, 3.0)
    """
    place = (len(ordered) - 1) * (percent / 100)
    below = math.floor(place)
    if below + 1 >= len(ordered):
        return ordered[-1]
    low, high, share = ordered[below], ordered[below + 1], place - below
    return high - (high - low) * (1 - share) if share >= 0.5 else low + (high - low) * share  # noqa: PLR2004 - as numpy
