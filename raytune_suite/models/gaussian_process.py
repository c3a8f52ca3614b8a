"""Gaussian processes on one or several levels of fidelity (Rasmussen & Williams 2006, "Gaussian Processes for Machine
Learning"): maximum a posteriori hyperparameters, predictions, leave-one-out predictions, pending points.

The levels are independent processes that share their length scales, and have an amplitude and a noise each: the few
observations of a high level borrow the shape of the function from the many below, but not their noise. Targets have
mean 0 and a scale near 1, as `scores` makes them.
"""  # noqa: D205 - the title does not fit into one line

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy import linalg, optimize

from raytune_suite.models.kernels import distances_by_parameter, matern52, matern52_slope, squared_distances

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raytune_suite.models.kernels import Embedding
    from raytune_suite.models.layout import Array

JITTER = 1e-8
"""The variance that is added to the diagonal, relative to the amplitude."""

LEAST_NOISE = 1e-6
WEIGHTS, AMPLITUDES, NOISES = (1e-4, 1e4), (1e-2, 1e2), (LEAST_NOISE, 1.0)
"""The bounds of the hyperparameters."""

MANY = 8
"""The number of parameters above which length scales have the dimension-scaled prior."""

_IMPOSSIBLE = 1e25
"""The objective where a covariance is numerically singular."""

_DECIMALS = 2
"""The decimals of fitted log hyperparameters. Rounded, they do not depend on the last bits of the optimization."""


class Hyperparameters(NamedTuple):
    """The hyperparameters of the levels.

    Attributes:
        weights: The inverse squared length scale of each parameter, of shape (dimensions,).
        amplitudes: The variance of each level's process, of shape (levels,).
        noises: The variance of each level's noise, of shape (levels,).
    """

    weights: Array
    amplitudes: Array
    noises: Array

    @classmethod
    def initial(cls, dimensions: int, levels: int) -> Hyperparameters:
        """The start of the first optimization."""
        return cls(np.ones(dimensions), np.ones(levels), np.full(levels, 1e-2))


def fit(
    vectors: Sequence[Array], targets: Sequence[Array], embedding: Embedding, start: Hyperparameters, *, steps: int = 30
) -> Hyperparameters:
    """Maximize the posterior density of the hyperparameters by L-BFGS, in log space.

    Args:
        vectors: The embedded points of each level, of shape (n_k, entries).
        targets: The targets of each level, of shape (n_k,).
        embedding: The embedding of the points.
        start: The hyperparameters at which the optimization starts.
        steps: The maximum number of iterations.
    """
    distances = [distances_by_parameter(level, embedding) for level in vectors]
    dimensions, levels = len(start.weights), len(vectors)

    def objective(packed: Array) -> tuple[float, Array]:
        return negative_log_posterior(packed, distances, targets)

    bounds = [WEIGHTS] * dimensions + [AMPLITUDES] * levels + [NOISES] * levels
    limits = optimize.Bounds(*np.log(bounds).T)
    options: Any = {"maxiter": steps}
    found = optimize.minimize(objective, pack(start), jac=True, method="L-BFGS-B", bounds=limits, options=options)
    return unpack(np.round(found.x, _DECIMALS), dimensions)


def pack(hyperparameters: Hyperparameters) -> Array:
    """Return the logarithms of the hyperparameters as one vector."""
    return np.asarray(np.log(np.concatenate(hyperparameters)))


def unpack(packed: Array, dimensions: int) -> Hyperparameters:
    """Invert `pack`."""
    values = np.exp(packed)
    amplitudes, noises = np.split(values[dimensions:], 2)
    return Hyperparameters(values[:dimensions], amplitudes, np.maximum(noises, LEAST_NOISE))


def negative_log_posterior(packed: Array, distances: Sequence[Array], targets: Sequence[Array]) -> tuple[float, Array]:
    """Return the sum of the levels' negative log marginal likelihoods minus the log prior, and its gradient.

    Rasmussen & Williams 2006, eq. 2.30 and 5.9.

    Args:
        packed: The log hyperparameters (`pack`).
        distances: The squared distances of each level in each parameter, of shape (dimensions, n_k, n_k).
        targets: The targets of each level, of shape (n_k,).
    """
    dimensions, levels = len(distances[0]), len(distances)
    hyperparameters = unpack(packed, dimensions)
    value, gradient = _negative_log_prior(hyperparameters)
    for level, (by_parameter, target) in enumerate(zip(distances, targets, strict=True)):
        count = len(target)
        amplitude, noise = hyperparameters.amplitudes[level], hyperparameters.noises[level]
        squared = np.tensordot(hyperparameters.weights, by_parameter, axes=1)
        signal = amplitude * matern52(squared)
        try:
            lower = _factor(signal, amplitude, noise)
        except linalg.LinAlgError:
            return _IMPOSSIBLE, np.zeros_like(packed)
        inverse = linalg.cho_solve((lower, True), np.eye(count), check_finite=False)
        alpha = inverse @ target
        value += 0.5 * float(target @ alpha) + float(np.log(np.diag(lower)).sum()) + 0.5 * count * math.log(2 * math.pi)
        outer = inverse - alpha[:, None] * alpha
        slopes = outer * (amplitude * matern52_slope(squared))
        gradient[:dimensions] += 0.5 * hyperparameters.weights * (by_parameter.reshape(dimensions, -1) @ slopes.ravel())
        trace = np.trace(outer)
        gradient[dimensions + level] += 0.5 * (np.vdot(outer, signal) + JITTER * amplitude * trace)
        gradient[dimensions + levels + level] += 0.5 * noise * trace
    return value, gradient


def _negative_log_prior(hyperparameters: Hyperparameters) -> tuple[float, Array]:
    """Return the negative log density of the prior, up to a constant, and its gradient in log space.

    Inverse squared length scales w have the density exp(-.1 / w - .1 w), amplitudes Gamma(2, 1) and noises
    Gamma(1.1, 30), as in Optuna's GPSampler. With more than `MANY` parameters, the length scales are log-normal with
    mean sqrt(2) + log(d) / 2 and deviation sqrt(3) (Hvarfner et al. 2024, "Vanilla Bayesian Optimization Performs Great
    in High Dimensions", section 5).
    """
    weights, amplitudes, noises = hyperparameters
    dimensions = len(weights)
    if dimensions > MANY:
        logs = -0.5 * np.log(weights) - (math.sqrt(2) + 0.5 * math.log(dimensions))
        value, slope = float(np.sum(logs**2)) / 6, -logs / 6
    else:
        value, slope = float(np.sum(0.1 / weights + 0.1 * weights)), -0.1 / weights + 0.1 * weights
    value += float(np.sum(amplitudes - np.log(amplitudes)) + np.sum(30 * noises - 0.1 * np.log(noises)))
    return value, np.concatenate([slope, amplitudes - 1, 30 * noises - 0.1])


def _factor(signal: Array, amplitude: float, noise: float) -> Array:
    """Return the lower Cholesky factor of a covariance with noise.

    Raises:
        LinAlgError: If it is numerically singular.
    """
    covariance = signal.copy()
    covariance.flat[:: len(signal) + 1] += noise + JITTER * amplitude
    lower: Array = linalg.cholesky(covariance, lower=True, overwrite_a=True, check_finite=False)
    return lower


@dataclass(frozen=True, eq=False)
class GaussianProcess:
    """The posterior of one level.

    Attributes:
        embedding: The embedding of the points.
        scales: The square root of the weight of each entry of an embedded point.
        amplitude: The variance of the process.
        noise: The variance of the noise.
        vectors: The scaled embedded points, those of pending points last.
        lower: The Cholesky factor of their covariance.
        alpha: The inverse covariance times the targets, without pending points.
    """

    embedding: Embedding
    scales: Array
    amplitude: float
    noise: float
    vectors: Array
    lower: Array
    alpha: Array

    @classmethod
    def condition(
        cls, points: Array, targets: Array, embedding: Embedding, hyperparameters: Hyperparameters, level: int
    ) -> GaussianProcess:
        """Condition the process of a level on observations; the noise grows until the covariance is not singular.

        Args:
            points: The points, of shape (n, dimensions).
            targets: Their targets, of shape (n,).
            embedding: The embedding of the points.
            hyperparameters: The hyperparameters of all levels.
            level: The index of the level among them.
        """
        scales = np.sqrt(hyperparameters.weights)[embedding.owners]
        amplitude, noise = float(hyperparameters.amplitudes[level]), float(hyperparameters.noises[level])
        vectors = embedding(points) * scales
        signal = amplitude * matern52(squared_distances(vectors, vectors))
        while True:
            try:
                lower = _factor(signal, amplitude, noise)
                break
            except linalg.LinAlgError:
                noise *= 10
        alpha = linalg.cho_solve((lower, True), targets, check_finite=False)
        return cls(embedding, scales, amplitude, noise, vectors, lower, alpha)

    def predict(self, points: Array) -> tuple[Array, Array]:
        """Return the means and the variances of the function, without noise, at points, of shape (points,)."""
        cross = self._cross(points)
        solved = linalg.solve_triangular(self.lower, cross, lower=True, check_finite=False)
        variance = self.amplitude - np.einsum("ij,ij->j", solved, solved)
        return cross[: len(self.alpha)].T @ self.alpha, np.maximum(variance, JITTER * self.amplitude)

    def sample(self, points: Array, count: int, rng: np.random.Generator) -> Array:
        """Draw functions from the posterior, jointly at all points, of shape (count, points)."""
        cross = self._cross(points)
        solved = linalg.solve_triangular(self.lower, cross, lower=True, check_finite=False)
        vectors = self.embedding(points) * self.scales
        covariance = self.amplitude * matern52(squared_distances(vectors, vectors)) - solved.T @ solved
        lower = _factor(covariance, self.amplitude, 1e-6 * self.amplitude)
        mean = cross[: len(self.alpha)].T @ self.alpha
        return np.asarray(mean + rng.standard_normal((count, len(points))) @ lower.T)

    def leave_one_out(self, targets: Array) -> tuple[Array, Array]:
        """Return the mean and the variance of each observation given all others (Rasmussen & Williams, eq. 5.12).

        Args:
            targets: The targets on which this process is conditioned, without pending points.
        """
        count = len(self.alpha)
        lower = self.lower[:count, :count]
        inverse = linalg.solve_triangular(lower, np.eye(count), lower=True, check_finite=False)
        variance = 1 / np.einsum("ij,ij->j", inverse, inverse)
        return targets - self.alpha * variance, variance

    def with_pending(self, points: Array) -> GaussianProcess:
        """Condition also on pending points, each with its predicted mean as the target.

        The means stay as they are and the variances shrink near these points (the "kriging believer" of Ginsbourger et
        al. 2010, "Kriging is well-suited to parallelize optimization").
        """
        if not len(points):
            return self
        cross = self._cross(points)
        vectors = self.embedding(points) * self.scales
        below = linalg.solve_triangular(self.lower, cross, lower=True, check_finite=False)
        corner = self.amplitude * matern52(squared_distances(vectors, vectors)) - below.T @ below
        noise = max(self.noise, 1e-6 * self.amplitude)
        zeros = np.zeros((len(self.lower), len(points)))
        lower = np.block([[self.lower, zeros], [below.T, _factor(corner, self.amplitude, noise)]])
        return replace(self, vectors=np.concatenate([self.vectors, vectors]), lower=lower)

    def _cross(self, points: Array) -> Array:
        """Return the covariances of the conditioned points with others, of shape (n, points)."""
        squared = squared_distances(self.vectors, self.embedding(points) * self.scales)
        return self.amplitude * matern52(squared)
