"""Bayesian optimization with a random forest (Hutter et al. 2011, "Sequential Model-Based Optimization for General
Algorithm Configuration", LION; the package SMAC).

As in SMAC, the acquisition function is the expected improvement, and a fifth of the configs is random. Unlike in SMAC,
the forest learns from all trials, including those that were stopped early, by their standing at the highest fidelity
that they reached; scores take the place of logarithms, which fail on negative losses; and the variance includes that
within leaves.
"""  # noqa: D205 - the title does not fit into one line

from __future__ import annotations

from typing import final

from raytune_suite.searchers.level_models import StandingsSearcher


@final
class ForestSearcher(StandingsSearcher):
    """An extremely randomized forest of the standings of all trials at the highest fidelity that they reached."""

    def uses_processes(self) -> bool:
        """Use forests."""
        return False
