"""Conformalized quantile regression (Salinas et al. 2023, "Optimizing Hyperparameters with Conformal Quantile
Regression", ICML).

One quantile forest predicts all quantiles of the score of a config. Where there are enough observations, the intervals
are widened until they cover the observations that the trees have not seen. Each candidate draws one of its quantiles at
random, and the one with the least is the next config. The model learns from all trials, even those that were stopped:
from the score of each at the highest fidelity that it reached (`History.scores`).

Unlike in Syne Tune, all draws come from a seeded stream, and the intervals are calibrated on the observations outside
of the bootstrap samples instead of on a tenth that is held out.
"""  # noqa: D205 - the title does not fit into one line

from __future__ import annotations

from typing import TYPE_CHECKING, final

import numpy as np

from raytune_suite import seeding
from raytune_suite.models import forest
from raytune_suite.models.candidates import crowded, proposals
from raytune_suite.models.forest import quantiles
from raytune_suite.models.scores import normal_scores
from raytune_suite.searchers.history import MOST
from raytune_suite.searchers.surrogate import SurrogateSearcher
from raytune_suite.types import FAILED

if TYPE_CHECKING:
    from raytune_suite.models.layout import Array

LEVELS = np.arange(1, 6) / 6
"""The quantile levels (section 4.1 of the paper)."""

CALIBRATED = 32
"""The number of observations above which the intervals are calibrated."""

CANDIDATES, AROUND, ANCHORS = 700, 60, 5
MIN_SPLIT = 8

LIKELY_NEW = 0.5
"""The least probability that the losses of a candidate differ from those of the configs around it."""


@final
class CQRSearcher(SurrogateSearcher):
    """A conformalized quantile forest and Thompson sampling: good where the noise is strong or asymmetric."""

    def propose(self, pending: dict[str, Array], taken: set[bytes]) -> Array | None:
        """Return the candidate with the least of its randomly chosen quantiles."""
        data = self.history.highest_scores(self.history.levels(self.levels)).limited(MOST)
        if data.observed < max(3, len(self.layout) / 2):
            return None
        known = set(data.trials)
        waiting = [point for trial, point in pending.items() if trial not in known]
        points = np.array([*data.points, *waiting])
        scores = np.concatenate([normal_scores(data.losses), np.zeros(len(waiting))])  # running: the median
        rng = seeding.stream(self.seed, "forest", data.version, len(waiting))
        grown = forest.grow(points, scores, self.layout.options, rng, min_split=MIN_SPLIT)
        finite = np.flatnonzero(data.losses != FAILED)
        anchors = data.points[finite[np.argsort(data.losses[finite], kind="stable")[:ANCHORS]]]
        anchors = np.concatenate([anchors, self.expected(ANCHORS)])
        candidates = proposals(self.layout, anchors, self.rng, count=CANDIDATES, around=AROUND)
        predicted = quantiles(grown.weights(candidates), scores, LEVELS)
        if len(data.losses) > CALIBRATED:
            predicted = predicted + corrections(grown, points, scores)
        drawn = predicted[np.arange(len(candidates)), self.rng.integers(len(LEVELS), size=len(candidates))]
        preference = self.preference(candidates)
        drawn = drawn if preference is None else drawn - preference
        # Quantiles of a forest tie often; ties go to a random candidate.
        order = np.lexsort((self.rng.random(len(drawn)), drawn))
        near = crowded(self.layout, candidates, np.array(list(pending.values())).reshape(-1, len(self.layout)))
        plateaus = self.plateaus()
        if plateaus is not None:
            near |= plateaus.chance(candidates) < LIKELY_NEW
        for row in order[~near[order]]:
            if self.layout.keys(candidates[[row]])[0] not in taken:
                chosen: Array = candidates[row]
                return chosen
        return None


def corrections(grown: forest.Forest, points: Array, scores: Array) -> Array:
    """Return what is added to each quantile so that intervals cover new observations (Romano et al. 2019,
    "Conformalized Quantile Regression", NeurIPS, eq. 7 and 8), of shape (levels,).

    Args:
        grown: The forest.
        points: The points with which it was grown.
        scores: Their scores.
    """  # noqa: D205 - the title does not fit into one line
    weights = grown.weights(points, grown.out_of_bag(points))
    seen = weights.sum(axis=1) > 0  # a point in every bootstrap sample has no prediction
    predicted, actual = quantiles(weights[seen], scores, LEVELS), scores[seen]
    added = np.zeros(len(LEVELS))
    for low in range(len(LEVELS) // 2):
        high = len(LEVELS) - 1 - low
        residuals = np.maximum(predicted[:, low] - actual, actual - predicted[:, high])
        coverage = min(1.0, (LEVELS[high] - LEVELS[low]) * (1 + 1 / len(actual)))
        added[high] = np.quantile(residuals, coverage)
        added[low] = -added[high]
    return added
