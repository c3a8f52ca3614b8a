"""The tree-structured Parzen estimator (Bergstra et al. 2011, "Algorithms for Hyper-Parameter Optimization", NeurIPS),
multivariate (Falkner et al. 2018, appendix; Watanabe 2023, "Tree-Structured Parzen Estimator").

A density l of the good configs and a density g of the others are estimated, candidates are drawn from l, and the one
with the highest ratio l/g is the next config. Kernels are products over all parameters, which keeps correlations. All
trials count, including those that were stopped early: they are ordered by their score at the highest fidelity that
they reached (`History.scores`). Trials that are still running and have not reported count as bad, so that parallel
trials differ.
"""  # noqa: D205 - the title does not fit into one line

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Unpack, final

import numpy as np

from raytune_suite.models.parzen import ParzenEstimator
from raytune_suite.searchers.surrogate import SurrogateSearcher
from raytune_suite.validation import checked, integer

if TYPE_CHECKING:
    from raytune_suite.models.layout import Array
    from raytune_suite.searchers.base import SearcherArgs

FEW = 60
"""The number of observations below which a larger share of them is good."""

MOST_GOOD, MOST_BAD = 25, 500

MAX_CANDIDATES = 100_000
"""The most candidates that are drawn for a config."""


@final
class TPESearcher(SurrogateSearcher):
    """A multivariate TPE that learns from stopped, crashed and running trials, too."""

    @checked(candidates=integer(1, most=MAX_CANDIDATES))
    def __init__(
        self,
        *,
        n_initial: int | None = None,
        random_fraction: float = 0.1,
        candidates: int = 64,
        **args: Unpack[SearcherArgs],
    ) -> None:
        """Create the searcher.

        Args:
            n_initial: The number of configs before the model is used; None for half the number of parameters, and at
                least 4.
            random_fraction: The fraction of the later configs that are drawn at random.
            candidates: The number of candidates drawn from l.
            args: See `SearcherArgs`.

        Raises:
            ArgumentError: If an argument is invalid.
        """
        self.candidates = candidates
        super().__init__(n_initial=n_initial, random_fraction=random_fraction, **args)

    def propose(self, pending: dict[str, Array], taken: set[bytes]) -> Array | None:
        """Return the candidate with the highest ratio of the densities that was not proposed before."""
        data = self.history.highest_scores(self.history.levels(self.levels))
        good = n_good(data.observed)
        if not good:
            return None
        order = np.argsort(data.losses, kind="stable")
        known = set(data.trials)
        waiting = [point for trial, point in pending.items() if trial not in known]
        others = np.sort(order[good:])[-MOST_BAD:]  # the newest
        bad = np.array([*data.points[others], *waiting]).reshape(-1, len(self.layout))
        density = ParzenEstimator.fit(data.points[order[:good]], self.layout)
        drawn = np.concatenate([density.sample(self.candidates, self.rng), self.expected(self.candidates // 4)])
        ratios = density.log(drawn) - ParzenEstimator.fit(bad, self.layout).log(drawn)
        preference = self.preference(drawn)
        ratios = ratios if preference is None else ratios + preference
        plateaus = self.plateaus()
        if plateaus is not None:
            ratios = ratios + plateaus.log_worth(drawn)
        ranked = drawn[np.argsort(-ratios, kind="stable")]
        keys = self.layout.keys(ranked)
        return next((point for point, key in zip(ranked, keys, strict=True) if key not in taken), None)


def n_good(observed: int) -> int:
    """Return the number of good observations: a tenth, 15 % and at least 3 where there are few, at most 25.

    Example:
        >>> [n_good(observed) for observed in (0, 2, 10, 59, 60, 300)]
        [0, 1, 3, 9, 6, 25]
    """
    if observed < FEW:
        return min(max(3, math.ceil(0.15 * observed)), math.ceil(observed / 2))
    return min(math.ceil(0.1 * observed), MOST_GOOD)
