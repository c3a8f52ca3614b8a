"""How well each level of fidelity predicts the ranking at the highest one (Li et al. 2022, "Hyper-Tune: Towards
Efficient Hyper-parameter Tuning at Scale", PVLDB 15:6, section 4.2; the weights are those of Feurer et al. 2018,
"Scalable Meta-Learning for Bayesian Optimization").
"""  # noqa: D205 - the title does not fit into one line

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raytune_suite.models.layout import Array, Counts


def discordant_pairs(samples: Array, losses: Array) -> Counts:
    """Count the pairs of configs that each sample ranks in another order than their losses.

    Args:
        samples: Sampled losses of the configs, of shape (samples, n).
        losses: The observed losses, of shape (n,). Pairs with equal losses do not count.

    Example:
        >>> discordant_pairs(np.array([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]]), np.array([0.1, 0.2, 0.2]))
        array([0, 2])
    """
    first, second = np.triu_indices(len(losses), 1)
    differ = losses[first] != losses[second]
    first, second = first[differ], second[differ]
    below = samples[:, first] < samples[:, second]
    return np.asarray(np.count_nonzero(below != (losses[first] < losses[second]), axis=1), dtype=np.int64)


def win_shares(discordant: Sequence[Counts]) -> Array:
    """Return the share of samples in which each level has the fewest discordant pairs; levels that tie share a win.

    Args:
        discordant: The number of discordant pairs of each level in each sample, of shape (levels, samples).

    Example:
        >>> win_shares([np.array([0, 5, 2, 1]), np.array([1, 5, 3, 0])])
        array([0.625, 0.375])
    """
    counts = np.asarray(discordant)
    wins = counts == counts.min(axis=0)
    return np.asarray((wins / wins.sum(axis=0)).mean(axis=1))


def mixture(weights: Array, means: Array, variances: Array) -> tuple[Array, Array]:
    """Return the mean and the variance of a mixture, of shape (points,).

    Args:
        weights: The weights of the components, of shape (components,), with the sum 1.
        means: Their means, of shape (components, points).
        variances: Their variances, of the same shape.
    """
    mean = weights @ means
    return mean, np.maximum(weights @ (variances + means**2) - mean**2, weights @ variances)
