"""The multivariate Parzen estimator, against integration and hand-computed kernels."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from ray import tune
from scipy import integrate, stats

from raytune_suite.models.layout import Layout
from raytune_suite.models.parzen import ParzenEstimator, bandwidth
from raytune_suite.spaces import Space
from tests.models.spaces import LAYOUT

LINE = Layout.of(Space({"x": tune.uniform(0, 1)}))
CHOICES = Layout.of(Space({"kind": tune.choice(["a", "b", "c"]), "n": tune.lograndint(1, 9)}))


def test_the_bandwidth_shrinks_with_observations() -> None:
    """.1 * 32^(-1/5) = .05, and .1 * 1000^(-1/5) = .0251."""
    assert bandwidth(32, 1) == pytest.approx(0.05)
    assert bandwidth(1000, 1) == pytest.approx(0.0251, abs=1e-4)


def test_the_density_of_a_number_is_the_mean_of_truncated_normals() -> None:
    density = ParzenEstimator.fit(np.array([[0.2], [0.9]]), LINE)
    at = np.array([[0.0], [0.3], [1.0]])
    kernels = [
        stats.truncnorm(-mean / width, (1 - mean) / width, loc=mean, scale=width).pdf(at[:, 0])
        for mean, width in ((0.2, bandwidth(2, 1)), (0.9, bandwidth(2, 1)), (0.5, 1.0))
    ]
    assert np.exp(density.log(at)) == pytest.approx(np.mean(kernels, axis=0))
    area, _ = integrate.quad(lambda x: math.exp(density.log(np.array([[x]]))[0]), 0, 1, points=[0.2, 0.9])
    assert area == pytest.approx(1)


def test_the_probabilities_of_discrete_points_sum_to_1() -> None:
    density = ParzenEstimator.fit(CHOICES.sample(7, np.random.default_rng(0)), CHOICES)
    cells = CHOICES.cells[1]
    assert cells is not None
    points = np.array(list(itertools.product(range(3), cells)))
    assert np.exp(density.log(points)).sum() == pytest.approx(1)


def test_without_observations_it_is_uniform_over_categories() -> None:
    density = ParzenEstimator.fit(np.empty((0, 2)), CHOICES)
    points = CHOICES.points([[0.1, 0.5], [0.5, 0.5], [0.9, 0.5]])
    assert np.ptp(density.log(points)) == pytest.approx(0)


def test_samples_follow_the_density() -> None:
    rng = np.random.default_rng(0)
    density = ParzenEstimator.fit(CHOICES.points([[0.1, 0.2], [0.1, 0.3], [0.9, 0.9]]), CHOICES)
    drawn = density.sample(20_000, rng)
    cells = CHOICES.cells[1]
    assert cells is not None
    for option, cell in itertools.product(range(3), cells):
        share = np.mean((drawn[:, 0] == option) & (drawn[:, 1] == cell))
        assert share == pytest.approx(math.exp(density.log(np.array([[option, cell]]))[0]), abs=0.015)


def test_it_keeps_correlations() -> None:
    plane = Layout.of(Space({"x": tune.uniform(0, 1), "y": tune.uniform(0, 1)}))
    diagonal = np.repeat(np.linspace(0.05, 0.95, 19)[:, None], 2, axis=1)
    density = ParzenEstimator.fit(diagonal, plane)
    on, off = density.log(np.array([[0.2, 0.2], [0.2, 0.8]]))
    assert on - off > 1


def test_inactive_parameters_do_not_count() -> None:
    points = LAYOUT.sample(40, np.random.default_rng(1))
    density = ParzenEstimator.fit(points, LAYOUT)
    drawn = density.sample(200, np.random.default_rng(2))
    assert np.array_equal(drawn, LAYOUT.deactivate(drawn), equal_nan=True)
    assert np.all(np.isfinite(density.log(drawn)))
    shuffled = points.copy()
    adam = np.flatnonzero(points[:, 1] == 1)
    shuffled[adam, 0] = points[adam, 0]
    none = drawn[drawn[:, 1] == 2]
    assert np.array_equal(density.log(none), ParzenEstimator.fit(shuffled, LAYOUT).log(none))
