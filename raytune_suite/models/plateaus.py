"""Whether a new config can have other losses than those of the configs around it.

Some functions are constant in the neighborhood of a point, such as a table of trainings, which is looked up by the
nearest config, or a training that ignores small differences. A smooth model still expects an improvement near the best
point, and half of the budget may be spent on trainings whose curves are known. Configs whose curves are equal to the
last bit tell how far such neighborhoods reach.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import isotonic_regression

from raytune_suite.models.kernels import squared_distances

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from raytune_suite.models.kernels import Embedding
    from raytune_suite.models.layout import Array

LEAST_CHANCE = 1e-3
"""The least probability outside of balls of equal losses; it keeps the order of points that are all near others."""

REPEAT_COST = 9
"""The mean cost of repeating a training near good configs, in mean costs of the training of a new one."""


@dataclass(frozen=True, eq=False)
class Plateaus:
    """The probability that the losses of a point differ from all others, as a function of the distance to the nearest.

    It is the isotonic regression over the observations: whether the losses of each one were new when it was made. It is
    0 in balls around observations, in which all observations have the same losses, at least two of them.

    Attributes:
        embedding: The embedding of points.
        vectors: The embedded observations, of shape (n, entries).
        distances: The distances to the nearest earlier observation, in ascending order, of shape (m,).
        chances: The probabilities there, which do not decrease, of shape (m,).
        squared_radii: The squared radii of the balls around the observations, 0 where there is none, of shape (n,).
    """

    embedding: Embedding
    vectors: Array
    distances: Array
    chances: Array
    squared_radii: Array

    @classmethod
    def of(cls, points: Array, losses: Array, embedding: Embedding) -> Plateaus | None:
        """Learn how far plateaus reach; None if no two observations are equal.

        Args:
            points: The points in the order in which they were observed, of shape (n, dimensions).
            losses: Their losses at each level, of shape (n, levels), NaN where there is none. Observations are equal if
                their losses are equal at every level that both have reached. Equality at the lowest level alone does
                not count where others with the same loss differ at the next: nothing may have been learned there.
            embedding: The embedding of points.
        """
        equal, unknown = _repeats(losses)
        if not equal.any():
            return None  # almost always
        vectors = embedding(points)
        squared = squared_distances(vectors, vectors)
        radii = _radii(losses, np.sqrt(squared))
        squared[np.triu_indices(len(points))] = np.inf  # only earlier ones
        nearest = np.sqrt(squared[1:].min(axis=1))
        repeated, known = equal[1:], ~unknown[1:]
        order = np.argsort(nearest[known], kind="stable")
        fit = isotonic_regression((~repeated[known][order]).astype(np.float64))
        return cls(embedding, vectors, nearest[known][order], np.asarray(fit.x), radii**2)

    def chance(self, points: Array, running: Array | None = None) -> Array:
        """Return the probability that the losses of each point are new, of shape (points,).

        Args:
            points: The points.
            running: Those of trials without observations, of shape (r, dimensions).
        """
        vectors = self.embedding(points)
        squared = squared_distances(vectors, self.vectors)
        inside = ((squared <= self.squared_radii) & (self.squared_radii > 0)).any(axis=1)
        nearest = squared.min(axis=1)
        if running is not None and len(running):
            nearest = np.minimum(nearest, squared_distances(vectors, self.embedding(running)).min(axis=1))
        chances = np.interp(np.sqrt(nearest), self.distances, self.chances)
        return np.where(inside, 0.0, np.maximum(chances, LEAST_CHANCE))

    def log_worth(self, points: Array, running: Array | None = None) -> Array:
        """Return the logarithm of the share of an expected improvement that is left per unit of cost.

        There is no improvement where losses are known, and to learn that costs more than to learn that a new config is
        poor, because a repeated training of a good config is as good as that one, and is not stopped early.
        """
        chance = self.chance(points, running)
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(chance / (chance + REPEAT_COST * (1 - chance))))


def _repeats(losses: Array) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which observations equal an earlier one, and of which it is unknown, each of shape (n,)."""
    lowest = losses[:, 0]
    deeper = losses[:, 1] if losses.shape[1] > 1 else np.full(len(losses), np.nan)
    equal, unknown = np.zeros((2, len(losses)), dtype=bool)
    for row in _shared(lowest):
        before = losses[:row]
        same = (before == losses[row]).all(axis=1, where=_both(before, losses[row])) & (lowest[:row] == lowest[row])
        if not same.any():
            continue
        twins = deeper[lowest == lowest[row]]
        ambiguous = len(np.unique(twins[~np.isnan(twins)])) > 1
        shallow = np.isnan(deeper[:row][same]) | np.isnan(deeper[row])
        equal[row] = not (shallow & ambiguous).all()
        unknown[row] = not equal[row]
    return equal, unknown


def _radii(losses: Array, distances: Array) -> Array:
    """Return the radius of the ball around each observation, 0 for none, of shape (n,).

    It is the mean of the distances to the farthest equal observation in the ball and to the nearest other one, and at
    most twice the former.
    """
    lowest = losses[:, 0]
    radii = np.zeros(len(losses))
    for row in _shared(lowest):
        same = (losses == losses[row]).all(axis=1, where=_both(losses, losses[row])) & (lowest == lowest[row])
        nearest = distances[row, ~same].min(initial=np.inf)
        farthest = distances[row, same & (distances[row] < nearest)].max(initial=0.0)
        radii[row] = min((farthest + nearest) / 2, 2 * farthest)
    return radii


def _shared(lowest: Array) -> NDArray[np.intp]:
    """Return the observations whose losses at the lowest level are finite and equal to those of others."""
    _, places, counts = np.unique(lowest, return_inverse=True, return_counts=True)
    return np.flatnonzero((counts[places] > 1) & np.isfinite(lowest))


def _both(losses: Array, others: Array) -> NDArray[np.bool_]:
    """Return where both have a loss."""
    return np.asarray(~np.isnan(losses) & ~np.isnan(others))
