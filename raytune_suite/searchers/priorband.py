"""PriorBand: Hyperband with configs from a user's prior (Mallik et al. 2023, "PriorBand: Practical Hyperparameter
Optimization in the Age of Deep Learning", NeurIPS, Algorithm 1 and section 5).

Each config is random, drawn from the prior, or a mutation of the incumbent. Random ones are rare where trainings are
long: on rung r their share is 1/(1 + eta^r). The rest is the prior's until there is evidence; then the prior and the
incumbent share it by how likely each makes the best configs so far. So a good prior leads, and a bad one loses its
share. Without a prior, configs are random or mutations.

Unlike in the package neural-pipeline-search, the incumbent's share stays once a rung has eta results, rather than
only while it has exactly eta; what was trained up to the lowest rung counts as spent; and all draws come from a seeded
stream.
"""  # noqa: D205 - the title does not fit into one line

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, final

import numpy as np
from scipy import special

from raytune_suite.searchers.base import AskTellSearcher
from raytune_suite.spaces import FEATURES, SpacePrior
from raytune_suite.types import FAILED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from raytune_suite.spaces import Space
    from raytune_suite.types import Config, Observation

    Array = NDArray[np.float64]

MUTATED = 0.5
"""The probability with which each parameter of the incumbent is changed."""

ETA = 3.0
"""The reduction factor, if the scheduler has one level only."""


@final
class PriorBandSearcher(AskTellSearcher):
    """Draws random configs, configs from the user's prior, and mutations of the best one so far."""

    features: ClassVar[frozenset[str]] = frozenset(FEATURES) - {"grid"}
    multi_fidelity: ClassVar[bool] = True

    def setup(self, space: Space) -> None:
        """Start without observations."""
        self._cube = space
        self._units_of: dict[str, Array] = {}
        self._losses: dict[float, dict[str, float]] = {}

    def ask(self) -> Config:
        """Return a random config, one from the prior, or a mutation of the incumbent."""
        prior, random = self._cube.prior, float(self.rng.random())
        rung, eta = self._rung()
        share = self.incumbent_share(eta) if self.has_evidence(eta) else 0.0
        guided = 1 - 1 / (1 + eta**rung)
        if prior is not None and random < guided * (1 - share):
            return self._cube.decode(prior.warp(self.rng.random((1, len(self._cube))))[0])
        return self._mutated() if share > 0 and random < guided else self._cube.sample(self.rng)

    def tell(self, observation: Observation) -> None:
        """Record the observation at its level."""
        self._units_of[observation.trial_id] = self._cube.encode(observation.config)
        self._losses.setdefault(observation.resource, {})[observation.trial_id] = observation.loss

    def has_evidence(self, eta: float) -> bool:
        """Whether the incumbent is used: after a full training, the resource of a bracket, and eta results on a rung.

        (Section 5.2: "at least one full training, and the budget of one bracket".)
        """
        levels = self.levels or sorted(self._losses)
        top = levels[-1] if levels else 0.0
        if not any(loss != FAILED for loss in self._losses.get(top, {}).values()):
            return False
        reached: dict[str, float] = {}
        for level, losses in self._losses.items():
            for trial in losses:
                reached[trial] = max(reached.get(trial, 0.0), level)
        return sum(reached.values()) >= len(levels) * top and self._compared(eta) is not None

    def incumbent_share(self, eta: float) -> float:
        """Return the share of the guided configs that are mutations: the likelihood of the best configs (eq. 3)."""
        prior, compared = self._cube.prior, self._compared(eta)
        if compared is None:
            return 0.0
        if prior is None:
            return 1.0
        best = compared[: max(1, int(len(compared) / eta))]
        weights = np.arange(len(best), 0, -1)
        points = np.array([self._units_of[trial] for trial in best])
        around = SpacePrior.around(self._cube.parameters, self._incumbent())
        logs = [special.logsumexp(one.log_density(points), b=weights) for one in (prior, around)]
        return float(special.expit(logs[1] - logs[0]))

    def _rung(self) -> tuple[int, float]:
        """Return the rung to which the new trial is trained first, and the reduction factor between rungs."""
        levels = self.levels or ()
        eta = levels[1] / levels[0] if len(levels) > 1 else ETA
        return sum(level < self.entry_level for level in levels), eta

    def _compared(self, eta: float) -> list[str] | None:
        """Return the trials of the highest rung with eta results or more, best first; None if there is none."""
        for level in sorted(self._losses, reverse=True):
            losses = {trial: loss for trial, loss in self._losses[level].items() if loss != FAILED}
            if len(losses) >= eta:
                return sorted(losses, key=lambda trial: losses[trial])
        return None

    def _incumbent(self) -> Array:
        """Return the best config at the highest level that has a result."""
        for level in sorted(self._losses, reverse=True):
            losses = {trial: loss for trial, loss in self._losses[level].items() if loss != FAILED}
            if losses:
                return self._units_of[min(losses, key=lambda trial: losses[trial])]
        raise AssertionError  # only called with evidence

    def _mutated(self) -> Config:
        """Return the incumbent with about half of its parameters drawn around their values, at least one of them."""
        incumbent = self._incumbent()
        around = SpacePrior.around(self._cube.parameters, incumbent)
        drawn = around.warp(self.rng.random((1, len(incumbent))))[0]
        changed = self.rng.random(len(incumbent)) < MUTATED
        changed[self.rng.integers(len(incumbent))] = True
        return self._cube.decode(np.where(changed | np.isnan(incumbent), drawn, incumbent))
