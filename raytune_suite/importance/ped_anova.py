"""PED-ANOVA: how much each hyperparameter decides whether a config is among the best.

S. Watanabe, A. Bansal, F. Hutter: "PED-ANOVA: Efficiently Quantifying Hyperparameter Importance in Arbitrary Subspaces"
(IJCAI 2023), with the treatment of conditional parameters of K. Ito et al.: "Conditional PED-ANOVA" (2026). The Parzen
estimators are those of Optuna's `PedAnovaImportanceEvaluator`: on a grid, with Scott's rule and a prior of weight 1.

All functions take arrays; `raytune_suite.importance.study` applies them to a study.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Floats: TypeAlias = "NDArray[np.float64]"
Integers: TypeAlias = "NDArray[np.int64]"

INACTIVE = -1
"""The cell of a parameter that is not active in a config."""

LEAST_STANDARD_DEVIATION = 0.5 / 1.64
"""In cells: 90 % of a kernel lie within one cell."""

_TINY = 1e-12


@dataclass(frozen=True)
class ParameterCells:
    """One parameter of all configs, on a grid.

    Attributes:
        cells: The cell of each config, from 0 to `size - 1`, of shape (configs,); `INACTIVE` where it is not active.
        size: The number of cells.
        categorical: Whether the cells are categories, which have no order.
    """

    cells: Integers
    size: int
    categorical: bool


def best_quantile(losses: Floats, quantile: float) -> NDArray[np.bool_]:
    """Which losses are among the best `quantile`, ties included; of shape (configs,), as are the finite `losses`.

    Example:
        >>> best_quantile(np.array([3.0, 1.0, 2.0, 1.0]), 0.25).tolist()
        [False, True, False, True]
    """
    last = max(math.ceil(quantile * len(losses)) - 1, 0)
    return np.asarray(losses <= np.partition(losses, last)[last])


def density(counts: Integers, *, categorical: bool) -> Floats:
    """The Parzen estimate of the probability of each cell, of shape (cells,), from the number of configs in it."""
    return _categorical_density(counts) if categorical else _numerical_density(counts)


def divergence(best: Floats, region: Floats) -> float:
    """The Pearson divergence of the best configs' density from that of all (equation 7 of the paper)."""
    best, region = best + _TINY, region + _TINY
    return float(region @ (best / region - 1) ** 2)


def importance(parameter: ParameterCells, best: NDArray[np.bool_]) -> float:
    """The importance of one parameter (theorem 4.2 of conditional PED-ANOVA), not normalized.

    A parameter is judged among the configs in which it is active; the weight is the square of the share of the best
    configs in which it is active, divided by that of all configs.

    Args:
        parameter: The parameter.
        best: Which configs are among the best, of shape (configs,).
    """
    active = parameter.cells != INACTIVE
    chosen = active & best
    if active.sum() < 2 or not chosen.any() or parameter.size < 2:  # noqa: PLR2004 - a density needs two
        return 0.0
    share_of_best, share_of_all = chosen.sum() / best.sum(), active.mean()
    densities = [
        density(np.bincount(parameter.cells[which], minlength=parameter.size), categorical=parameter.categorical)
        for which in (chosen, active)
    ]
    weight = best.mean() ** 2 * share_of_best**2 / share_of_all
    return float(weight * divergence(*densities))


def importances(parameters: list[ParameterCells], losses: Floats, quantile: float) -> Floats:
    """The share of each parameter in the sum of all importances, of shape (parameters,); zeros if all are zero."""
    best = best_quantile(losses, quantile)
    return normalized(np.array([importance(parameter, best) for parameter in parameters]))


def bootstrap(
    parameters: list[ParameterCells], losses: Floats, quantile: float, repetitions: int, rng: np.random.Generator
) -> Floats:
    """`importances` of samples of the configs with replacement, of shape (repetitions, parameters)."""
    samples = np.empty((repetitions, len(parameters)))
    for row in samples:
        drawn = rng.integers(len(losses), size=len(losses))
        resampled = [
            ParameterCells(parameter.cells[drawn], parameter.size, parameter.categorical) for parameter in parameters
        ]
        row[:] = importances(resampled, losses[drawn], quantile)
    return samples


def normalized(values: Floats) -> Floats:
    """Values divided by their sum, unless that is zero."""
    total = values.sum()
    return values / total if total > 0 else values


def _numerical_density(counts: Integers) -> Floats:
    from scipy.special import ndtr  # late: it takes 0.4 s, and most processes compute no importance

    size = len(counts)
    observed = np.flatnonzero(counts)
    weights = counts[observed].astype(float)
    total = weights.sum()
    deviation = max(1.059 * _spread(observed, weights) * total**-0.2, LEAST_STANDARD_DEVIATION)  # Scott's rule
    centers = np.append(observed, (size - 1) / 2.0)
    deviations = np.append(np.full(len(observed), deviation), size)  # the prior is as wide as the grid
    edges = (np.arange(size + 1)[:, None] - 0.5 - centers) / deviations
    cumulative = ndtr(edges)
    kernels = np.diff(cumulative, axis=0) / (cumulative[-1] - cumulative[0])
    density: Floats = kernels @ (np.append(weights, 1.0) / (total + 1.0))
    return density


def _spread(observed: Integers, weights: Floats) -> float:
    """The smaller of the standard deviation and the scaled interquartile range, of cells with weights."""
    total, cumulative = weights.sum(), np.cumsum(weights)
    mean = observed @ weights / total
    deviation = math.sqrt((observed - mean) ** 2 @ weights / max(1.0, total - 1))
    lower = np.searchsorted(cumulative, total // 4, side="left")
    upper = np.searchsorted(cumulative, total * 3 // 4, side="right")
    quartiles = observed[min(len(observed) - 1, int(upper))] - observed[int(lower)]
    return float(min(quartiles / 1.34, deviation))


def _categorical_density(counts: Integers) -> Floats:
    observed = np.flatnonzero(counts)
    weights = np.append(counts[observed], 1.0)
    kernels = np.full((len(weights), len(counts)), 1.0 / len(weights))
    kernels[np.arange(len(observed)), observed] += 1.0
    kernels /= kernels.sum(axis=1, keepdims=True)
    density: Floats = (weights / weights.sum()) @ kernels
    return density
