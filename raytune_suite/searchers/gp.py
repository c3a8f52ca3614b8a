"""Bayesian optimization with a Gaussian process (Snoek et al. 2012, "Practical Bayesian Optimization of Machine
Learning Algorithms", NeurIPS).

The kernel is Matern 5/2 with a length scale per parameter, for mixed and conditional spaces, and the acquisition
function the logarithm of the expected improvement. With a scheduler that stops trials early, the process learns from
all trials: from the score of each at the highest fidelity that it reached (`History.scores`). (Optuna's GPSampler
ignores the stopped ones, and so learns from survivors only.)
"""  # noqa: D205 - the title does not fit into one line

from __future__ import annotations

from typing import final

from raytune_suite.searchers.level_models import SingleModelSearcher


@final
class GPSearcher(SingleModelSearcher):
    """A Gaussian process, fitted to each trial's score at the highest fidelity that it reached.

    Running trials count with their predicted score. A fit to n observations takes time proportional to n^3, so that
    only the best and the newest 300 are used.
    """

    def uses_processes(self) -> bool:
        """Use Gaussian processes."""
        return True
