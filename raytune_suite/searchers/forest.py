"""Bayesian optimization with a random forest (Hutter et al. 2011, "Sequential Model-Based Optimization for General
Algorithm Configuration", LION; the package SMAC).

As in SMAC, the acquisition function is the expected improvement, and a fifth of the configs is random. Unlike in SMAC,
the forest learns from all trials, including those that were stopped early: from the score of each at the highest
fidelity that it reached (`History.scores`). These scores take the place of logarithms, which fail on negative losses.
The variance includes that within leaves.
"""  # noqa: D205 - the title does not fit into one line

from __future__ import annotations

from typing import final

from raytune_suite.searchers.level_models import SingleModelSearcher


@final
class ForestSearcher(SingleModelSearcher):
    """An extremely randomized forest, fitted to each trial's score at the highest fidelity that it reached."""

    def uses_processes(self) -> bool:
        """Use forests."""
        return False
