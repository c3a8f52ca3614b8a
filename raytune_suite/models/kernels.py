"""The Matern 5/2 kernel with a length scale per parameter, for mixed and conditional points.

The squared distance of two points in a parameter is `(x - x')^2` for a number, and 0 or 1 for a category. Where a
number is active in one point only, it is `(x - 1/2)^2 + 3/4`, which is at most 1. (With 1 for every x, no vectors would
have these distances, and the kernel would not be positive definite.) All these are distances of vectors, the
*embedding* of a point, so that all pairs are computed by one matrix product.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from raytune_suite.models.layout import Array, Layout


@dataclass(frozen=True, eq=False)
class Embedding:
    """The map from points to vectors.

    Attributes:
        layout: What the columns of points mean.
        owners: The column of a point to which each entry of a vector belongs.
    """

    layout: Layout
    owners: NDArray[np.intp]

    @classmethod
    def of(cls, layout: Layout) -> Embedding:
        """Embed the points of `layout`."""
        entries = np.maximum(layout.options, 1) + layout.conditional
        return cls(layout, np.repeat(np.arange(len(layout)), entries))

    def __call__(self, points: Array) -> Array:
        """Return the vectors of points, of shape (points, entries)."""
        columns = []
        for column, options in enumerate(self.layout.options):
            values = points[:, column]
            inactive = np.isnan(values)
            if options:
                codes = np.where(inactive, options, values)
                entries = np.arange(options + self.layout.conditional[column])
                columns.append((codes[:, None] == entries) * np.sqrt(0.5))
            else:
                columns.append(np.where(inactive, 0.5, values)[:, None])
                if self.layout.conditional[column]:
                    columns.append(inactive[:, None] * np.sqrt(0.75))
        return np.concatenate(columns, axis=1)


def squared_distances(a: Array, b: Array) -> Array:
    """Return the squared distances of all pairs of rows, of shape (rows of a, rows of b)."""
    pairs = a @ (-2.0 * b.T)
    pairs += np.einsum("ij,ij->i", a, a)[:, None]
    pairs += np.einsum("ij,ij->i", b, b)
    return np.maximum(pairs, 0.0, out=pairs)


def distances_by_parameter(vectors: Array, embedding: Embedding) -> Array:
    """Return the squared distances of all pairs of rows in each parameter, of shape (dimensions, rows, rows)."""
    columns = range(len(embedding.layout))
    return np.stack([squared_distances(part, part) for part in (vectors[:, embedding.owners == c] for c in columns)])


def matern52(squared: Array) -> Array:
    """Return the correlation at a squared distance in length scales (Rasmussen & Williams 2006, eq. 4.17)."""
    q = 5.0 * squared
    correlation: Array = q / 3.0
    np.sqrt(q, out=q)
    correlation += q
    correlation += 1.0
    np.negative(q, out=q)
    correlation *= np.exp(q, out=q)
    return correlation


def matern52_slope(squared: Array) -> Array:
    """Return the derivative of `matern52` with respect to the squared distance; it is finite at 0."""
    q = np.sqrt(5.0 * squared)
    slope: Array = (-5.0 / 6.0) * (1.0 + q) * np.exp(-q)
    return slope
