"""Monotone transformations of losses that remove outliers and scale; failed observations count as the worst."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from raytune_suite.types import FAILED

if TYPE_CHECKING:
    from raytune_suite.models.layout import Array


def normal_scores(losses: Array) -> Array:
    """Replace each loss by the normal quantile of its rank, `(rank - 1/2) / n`; ties share their mean rank.

    Example:
        >>> normal_scores(np.array([1.0, 100.0, np.inf])).round(3)
        array([-0.967,  0.   ,  0.967])
    """
    _, places, counts = np.unique(losses, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]  # as scipy's `rankdata`, in half the time
    return np.asarray(special.ndtri((ranks - 0.5) / len(losses)))


def half_rank(losses: Array) -> Array:
    """Standardize the better half of the losses, and replace the worse half by normal quantiles of their ranks.

    Differences among good losses keep their proportions, which a smooth model can use, while bad losses and failures
    cannot stretch the scale (the half-rank warping of Song et al. 2024, "The Vizier Gaussian Process Bandit Algorithm",
    section 4.1). The median becomes 0; the root mean square of the better half is that of a half-normal, 1.

    Args:
        losses: The losses, of shape (n,), at least one of them finite.
    """
    scores = normal_scores(losses)
    finite = losses[losses != FAILED]
    ordered = np.sort(losses)
    median = (ordered[(len(losses) - 1) // 2] + ordered[len(losses) // 2]) / 2
    median = median if np.isfinite(median) else finite.max()
    better = losses < median
    if not better.any():
        return scores - scores.min() if len(finite) < len(losses) else np.zeros_like(losses)
    gaps = losses[better] - median
    # With few good losses, the quantiles of the better half have a root mean square below 1.
    scores[better] = gaps / np.sqrt(np.mean(gaps**2)) * np.sqrt(np.mean(np.minimum(scores[better], 0) ** 2))
    scores[~better] = np.maximum(scores[~better], 0)
    return scores
