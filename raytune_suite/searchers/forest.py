"""Bayesian optimization with a random forest (Hutter et al. 2011, "Sequential Model-Based Optimization for General
Algorithm Configuration", LION; the package SMAC).

As in SMAC, the acquisition function is the expected improvement, and a fifth of the configs is random. Unlike in SMAC,
the forest learns from all trials, also those that were stopped early, by their standing at the highest fidelity that
they reached; scores take the place of logarithms, which fail on negative losses; and the variance includes that within
leaves.
"""  # noqa: D205 - the title does not fit into one line

from __future__ import annotations

from typing import TYPE_CHECKING, final

from raytune_suite.searchers.history import MOST
from raytune_suite.searchers.level_models import LevelModelSearcher

if TYPE_CHECKING:
    from raytune_suite.searchers.history import LevelData


@final
class ForestSearcher(LevelModelSearcher):
    """An extremely randomized forest of the standings of all trials at the highest fidelity that they reached."""

    def uses_processes(self) -> bool:
        """Use forests."""
        return False

    def observations(self) -> dict[float, LevelData]:
        """Return the standings of all trials, as one level."""
        return {0.0: self.history.standings(self.history.levels(self.levels)).limited(MOST)}

    def trust(self, data: dict[float, LevelData]) -> dict[float, float]:
        """Trust the only model."""
        return dict.fromkeys(data, 1.0)
