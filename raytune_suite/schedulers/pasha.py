"""Progressive ASHA (Bohdal et al. 2023, "PASHA: Efficient HPO and NAS with Progressive Resource Allocation", ICLR).

ASHA by promotion, which at first trains trials to the third rung only. Whenever a trial arrives at the highest rung in
use, the ranking of its trials is compared with their ranking one rung below; the next rung is opened if they differ by
more than noise. So a study whose ranking is stable early spends little, and `max_t` may be large or a guess. The noise
is estimated from trials whose curves cross again and again.

Unlike in Syne Tune, rankings are compared when a trial arrives at that rung, not at every report of every trial.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, ClassVar, Unpack, final

import numpy as np

from raytune_suite import rungs
from raytune_suite.schedulers.promotion import PromotingScheduler
from raytune_suite.types import COUNT, FAILED
from raytune_suite.validation import checked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ray.tune.experiment import Trial

    from raytune_suite.schedulers.arguments import SchedulerArgs
    from raytune_suite.schedulers.base import StudyScheduler
    from raytune_suite.types import KnownTrial

FIRST_CEILING = 2
"""The index of the highest rung in use at first (Algorithm 1)."""

CROSSINGS = 2
"""How often the curves of two trials must cross to show noise rather than a change of their ranking (section 4.2)."""

NOISE_PERCENTILE = 90


@final
class PASHA(PromotingScheduler):
    """ASHA by promotion, with a maximum resource that grows only while rankings change.

    Attributes:
        ceiling: The index of the highest rung in use; that of `max_t` is the number of rungs.
    """

    extends: ClassVar[bool] = True

    @checked(min_t=COUNT, eta=rungs.ETA)
    def __init__(self, *, min_t: int = 1, eta: float = 3, **args: Unpack[SchedulerArgs]) -> None:
        """`min_t` is the least resource of a rung, `eta` is the reduction factor.

        Raises:
            ArgumentError: If the arguments make no ladder.
        """
        super().__init__(**args)
        self._levels = rungs.geometric(min_t, self.max_t or min_t, eta)
        self.set_ladders([self._levels[:-1]], eta)
        self.ceiling = min(FIRST_CEILING, len(self._levels) - 1)
        self._curves: dict[str, dict[float, float]] = {}

    def raise_max_t(self, raised: StudyScheduler, trials: Sequence[KnownTrial]) -> float:
        """Add the rungs of a higher `max_t`, and return eta."""
        super().raise_max_t(raised, trials)
        self._levels = raised.levels
        self.extend_ladders([self._levels[:-1]], trials)
        self.ceiling = max(self.ceiling, min(FIRST_CEILING, len(self._levels) - 1))
        return float(self.eta)

    @property
    def levels(self) -> tuple[float, ...]:
        """The resources of the rungs, and `max_t`."""
        return self._levels

    def added(self, controller: Any, trial: Trial) -> None:  # noqa: ARG002 - the base's signature
        """Place the trial."""
        self.place(trial, 0)

    def reported(self, trial_id: str, resource: float, loss: float) -> None:
        """Keep the curve."""
        if loss != FAILED:
            self._curves.setdefault(trial_id, {})[resource] = loss

    def open(self, height: int) -> bool:
        """Whether the next rung is in use."""
        return height < self.ceiling

    def arrived(self, height: int) -> None:
        """Open the next rung if the ranking has changed at the highest in use."""
        if height < self.ceiling or height == 0:
            return
        above = [(loss, trial) for loss, _, trial in self.rungs[0][height].arrived if loss != FAILED]
        losses = {trial: loss for loss, _, trial in self.rungs[0][height - 1].arrived}
        ranking = [trial for _, trial in above]
        noise = ranking_noise([self._curves[trial] for trial in ranking if trial in self._curves])
        if not same_ranking(ranking, {trial: losses[trial] for trial in ranking}, noise):
            self.ceiling += 1

    def debug_string(self) -> str:
        """How many trials have reached each rung, and the highest rung in use."""
        reached = "/".join(str(len(rung.arrived)) for rung in self.rungs[0])
        return f"PASHA: trials on the rungs: {reached}; up to {self._levels[self.ceiling]:g}"


def same_ranking(ranking: Sequence[str], losses: Mapping[str, float], noise: float) -> bool:
    """Whether trials are ranked as by other losses, in which those that differ by `noise` or less may be exchanged.

    Example:
        >>> same_ranking(["a", "b"], {"a": 0.3, "b": 0.2}, 0.0), same_ranking(["a", "b"], {"a": 0.3, "b": 0.2}, 0.15)
        (False, True)
    """
    by_losses = sorted(ranking, key=lambda trial: losses[trial])
    return all(abs(losses[one] - losses[other]) <= noise for one, other in zip(ranking, by_losses, strict=True))


def ranking_noise(curves: Sequence[Mapping[float, float]]) -> float:
    """The difference of losses that is noise: a high percentile of those between curves that cross again and again.

    Args:
        curves: The loss of each trial by resource.

    Example:
        >>> ranking_noise([{1: 0.5, 2: 0.3, 3: 0.25}, {1: 0.4, 2: 0.35, 3: 0.15}])
        0.1
        >>> ranking_noise([{1: 0.5, 2: 0.3}, {1: 0.4, 2: 0.35}])
        0.0
    """
    differences = []
    for one, other in itertools.combinations(curves, 2):
        shared = sorted(one.keys() & other.keys())
        gaps = np.array([one[resource] - other[resource] for resource in shared])
        signs = np.sign(gaps[gaps != 0])
        if np.count_nonzero(signs[1:] != signs[:-1]) >= CROSSINGS:
            differences.append(abs(gaps[-1]))
    return round(float(np.percentile(differences, NOISE_PERCENTILE)), 12) if differences else 0.0
