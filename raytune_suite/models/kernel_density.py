"""A kernel density estimate over numbers in the unit interval and categories, evaluated at many points at once.

The kernel is a product of a Gaussian for each number and Aitchison and Aitken's kernel for each category (1976,
"Multivariate binary discrimination by the kernel method", Biometrika 63:413).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Counts = NDArray[np.int64]


MANY_OPTIONS = 32
"""Above this mean number of options, categories are compared, not one-hot encoded."""


def spread(points: Array, options: Counts) -> Array:
    """Compute the spread of each column, of shape (dimensions,).

    For a number it is the standard deviation. For a category it is `sqrt((1 - sum p_i^2) / 2)`: with two options, the
    standard deviation of the codes 0 and 1; with more, unlike a standard deviation of codes, it does not depend on the
    order of the options.

    Args:
        points: Numbers, and for a category the position of its option; of shape (points, dimensions).
        options: The number of options of each column; 0 for a number.
    """
    deviation: Array = points.std(axis=0)
    for column in np.flatnonzero(options):
        shares = np.bincount(points[:, column].astype(np.intp)) / len(points)
        deviation[column] = np.sqrt((1 - np.sum(shares**2)) / 2)
    return deviation


def bandwidths(points: Array, options: Counts, least: float) -> Array:
    """Compute the bandwidth of each column by the normal reference rule, `1.06 sigma n^(-1/(4+d))`, at least `least`.

    The bandwidth of a category is the probability of another option; it is at most (k - 1) / k, where the kernel is
    uniform.
    """
    count, dimensions = points.shape
    rule = 1.06 * spread(points, options) * count ** (-1 / (4 + dimensions))
    most = np.where(options > 0, (options - 1) / np.maximum(options, 1), np.inf)
    widths: Array = np.minimum(np.maximum(rule, least), most)
    return widths


@dataclass(frozen=True, eq=False)
class Density:
    """A kernel density estimate.

    Attributes:
        points: The data, of shape (points, dimensions), as in `spread`, without NaN.
        options: The numbers of options, of shape (dimensions,), as in `spread`.
        widths: The bandwidths, of shape (dimensions,).
    """

    points: Array
    options: Counts
    widths: Array

    def log(self, at: Array) -> Array:
        """Compute the logarithm of the density at each row of `at`, of shape (rows,).

        The log kernel of a pair is bilinear in features of its two points: scaled numbers, whose squared distance is
        |a|^2 + |b|^2 - 2ab, and one-hot categories. All pairs are therefore computed by one matrix product; categories
        with many options are compared directly, since nearly all entries of their one-hot encoding are 0.
        """
        numbers = self.options == 0
        widths = self.widths[numbers]
        here, there = self.points[:, numbers] / widths, at[:, numbers] / widths
        pairs: Array = there @ here.T
        pairs -= 0.5 * np.sum(here**2, axis=1)
        pairs -= 0.5 * np.sum(there**2, axis=1)[:, None]
        constant = -np.sum(np.log(widths)) - 0.5 * len(widths) * np.log(2 * np.pi)
        columns = np.flatnonzero(self.options > 1)
        if len(columns):
            same = np.log1p(-self.widths[columns])
            other = np.log(self.widths[columns] / (self.options[columns] - 1))
            constant += np.sum(other)
            if np.mean(self.options[columns]) <= MANY_OPTIONS:
                ones = np.ones(len(columns))
                pairs += self._one_hot(at, columns, ones) @ self._one_hot(self.points, columns, same - other).T
            else:
                for column, weight in zip(columns, same - other, strict=True):
                    equal = at[:, column, None] == self.points[:, column]
                    np.add(pairs, weight, out=pairs, where=equal)
        largest = pairs.max(axis=1)  # subtracted, so that the exponentials neither overflow nor all vanish
        pairs -= largest[:, None]
        np.exp(pairs, out=pairs)
        logs: Array = np.log(pairs.sum(axis=1)) + largest + constant - np.log(len(self.points))
        return logs

    def sample(self, count: int, factor: float, rng: np.random.Generator) -> Array:
        """Draw `count` points around the data, of shape (count, dimensions).

        Numbers are drawn from Gaussians with `factor` times their bandwidth, truncated to the unit interval; categories
        from their kernel.
        """
        centers = self.points[rng.integers(len(self.points), size=count)]
        uniform = rng.random(centers.shape)
        drawn = np.empty_like(centers)
        numbers = self.options == 0
        center, scale = centers[:, numbers], factor * self.widths[numbers]
        low, high = special.ndtr(-center / scale), special.ndtr((1 - center) / scale)
        normal = special.ndtri(low + uniform[:, numbers] * (high - low))
        drawn[:, numbers] = np.clip(center + scale * normal, 0, 1)
        for column in np.flatnonzero(self.options):
            others, width = self.options[column] - 1, self.widths[column]
            steps = np.where(uniform[:, column] < width, 1 + uniform[:, column] / max(width, 1e-300) * others // 1, 0)
            drawn[:, column] = (centers[:, column] + np.minimum(steps, others)) % (others + 1)
        return drawn

    def _one_hot(self, rows: Array, columns: NDArray[np.intp], weights: Array) -> Array:
        """Encode each column with one entry per option: the column's weight at the row's option, else 0."""
        starts = np.concatenate([[0], np.cumsum(self.options[columns])])
        features = np.zeros((len(rows), starts[-1]))
        places = starts[:-1] + rows[:, columns].astype(np.intp)
        features[np.arange(len(rows))[:, None], places] = weights
        return features


def impute(points: Array, options: Counts, rng: np.random.Generator) -> Array:
    """Replace each NaN by a random value of its column; if a column has none, by a uniform draw."""
    full = points.copy()
    for column in np.flatnonzero(np.isnan(points).any(axis=0)):
        missing = np.isnan(points[:, column])
        known = points[~missing, column]
        if len(known):
            full[missing, column] = rng.choice(known, size=missing.sum())
        elif options[column]:
            full[missing, column] = rng.integers(options[column], size=missing.sum())
        else:
            full[missing, column] = rng.random(missing.sum())
    return full
