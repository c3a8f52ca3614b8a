"""Regions in which a function is known to be constant, such as the neighbourhood of a row in a table of trainings.

Where a good config and its neighbours have bitwise equal losses, a smooth model still expects an improvement between
them, and a scheduler trains each of them to the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from raytune_suite.models.kernels import squared_distances

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from raytune_suite.models.kernels import Embedding
    from raytune_suite.models.layout import Array


@dataclass(frozen=True, eq=False)
class Plateaus:
    """Balls around observations, in which all observations have the same losses, at least two of them.

    A radius is the mean of the distances to the farthest of these observations and to the nearest other one, and at
    most twice the former.

    Attributes:
        embedding: The embedding of points.
        centers: The embedded centers, of shape (balls, entries).
        squared_radii: The squared radii, of shape (balls,).
    """

    embedding: Embedding
    centers: Array
    squared_radii: Array

    @classmethod
    def of(cls, points: Array, losses: Array, embedding: Embedding) -> Plateaus:
        """Find the largest ball of equal observations around each observation.

        Args:
            points: The points, of shape (n, dimensions).
            losses: Their losses at each level, of shape (n, levels), NaN where there is none. Observations are equal if
                their losses are equal at every level that both have reached, and there is one.
            embedding: The embedding of points.
        """
        vectors = embedding(points)
        lowest = np.where(np.isfinite(losses[:, 0]), losses[:, 0], np.nan)
        values, places, counts = np.unique(lowest, return_inverse=True, return_counts=True)
        twins = np.flatnonzero((counts[places] > 1) & ~np.isnan(values[places]))
        distances = np.sqrt(squared_distances(vectors[twins], vectors))
        radii = np.zeros(len(twins))
        for row, twin in enumerate(twins):
            same = (losses == losses[twin]) | np.isnan(losses) | np.isnan(losses[twin])
            equal = same.all(axis=1) & (losses[:, 0] == losses[twin, 0])
            nearest = distances[row, ~equal].min(initial=np.inf)
            farthest = distances[row, equal & (distances[row] < nearest)].max(initial=0.0)
            if farthest > 0:
                radii[row] = min((farthest + nearest) / 2, 2 * farthest)
        return cls(embedding, vectors[twins[radii > 0]], radii[radii > 0] ** 2)

    def contain(self, points: Array) -> NDArray[np.bool_]:
        """Return whether each point is in one of the balls, of shape (points,)."""
        if not len(self.centers):
            return np.zeros(len(points), dtype=bool)
        return np.asarray((squared_distances(self.embedding(points), self.centers) <= self.squared_radii).any(axis=1))
