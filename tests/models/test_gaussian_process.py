"""The Gaussian process, against scikit-learn, finite differences and its definition."""

from __future__ import annotations

import numpy as np
import pytest
from ray import tune
from scipy import optimize
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern

from raytune_suite.models import gaussian_process as gp
from raytune_suite.models.gaussian_process import GaussianProcess, Hyperparameters
from raytune_suite.models.kernels import Embedding, distances_by_parameter, matern52, squared_distances
from raytune_suite.models.layout import Array, Layout
from raytune_suite.spaces import Space
from tests.models.spaces import LAYOUT

CUBE = Layout.of(Space({name: tune.uniform(0, 1) for name in "abc"}))
EMBEDDED = Embedding.of(CUBE)
FIXED = Hyperparameters(np.array([4.0, 1.0, 25.0]), np.array([1.7]), np.array([0.01]))
RNG = np.random.default_rng


def truth(points: Array) -> Array:
    return np.asarray(np.sin(6 * points[:, 0]) + points[:, 1] ** 2)


def posterior(count: int, seed: int = 0) -> tuple[GaussianProcess, Array, Array]:
    points = CUBE.sample(count, RNG(seed))
    return GaussianProcess.condition(points, truth(points), EMBEDDED, FIXED, 0), points, truth(points)


def test_the_posterior_equals_that_of_scikit_learn() -> None:
    process, points, targets = posterior(40)
    kernel = ConstantKernel(1.7) * Matern(length_scale=FIXED.weights**-0.5, nu=2.5)
    reference = GaussianProcessRegressor(kernel, alpha=0.01, optimizer=None).fit(points, targets)
    test = CUBE.sample(50, RNG(1))
    mean, deviation = reference.predict(test, return_std=True)
    ours, variance = process.predict(test)
    assert ours == pytest.approx(mean, abs=1e-6)
    assert variance == pytest.approx(deviation**2, abs=1e-6)


def test_the_likelihood_equals_that_of_scikit_learn() -> None:
    points = CUBE.sample(30, RNG(0))
    distances = [distances_by_parameter(EMBEDDED(points), EMBEDDED)]
    kernel = ConstantKernel(1.7) * Matern(length_scale=FIXED.weights**-0.5, nu=2.5)
    reference = GaussianProcessRegressor(kernel, alpha=0.01, optimizer=None).fit(points, truth(points))
    value, _ = gp.negative_log_posterior(gp.pack(FIXED), distances, [truth(points)])
    prior, _ = gp._negative_log_prior(FIXED)
    assert value - prior == pytest.approx(-reference.log_marginal_likelihood_value_, rel=1e-6)


@pytest.mark.parametrize("dimensions", [3, 12])
def test_the_gradient_equals_finite_differences(dimensions: int) -> None:
    layout = Layout.of(Space({str(i): tune.uniform(0, 1) for i in range(dimensions)}))
    embedding = Embedding.of(layout)
    levels = [layout.sample(count, RNG(count)) for count in (25, 7)]
    distances = [distances_by_parameter(embedding(points), embedding) for points in levels]
    targets = [truth(points) for points in levels]
    packed = RNG(0).normal(size=dimensions + 4) - np.repeat([0, 2], [dimensions + 2, 2])
    _, gradient = gp.negative_log_posterior(packed, distances, targets)

    def value(at: Array) -> float:
        return gp.negative_log_posterior(at, distances, targets)[0]

    numerical = optimize.approx_fprime(packed, value, 1e-6)
    assert gradient == pytest.approx(numerical, rel=1e-3, abs=1e-4)


def test_the_covariance_of_conditional_points_is_positive_semidefinite() -> None:
    """A distance of 1 between an active and an inactive number would give eigenvalues below 0."""
    embedding = Embedding.of(LAYOUT)
    points = LAYOUT.sample(150, RNG(0))
    for scale in (0.01, 1.0, 100.0):
        vectors = np.sqrt(scale) * embedding(points)
        assert np.linalg.eigvalsh(matern52(squared_distances(vectors, vectors))).min() > -1e-9


def test_distances_of_mixed_points_are_as_documented() -> None:
    embedding = Embedding.of(LAYOUT)
    nan = np.nan
    sgd = [[0.2, 0, 0.9, 1, nan, 0.5, 0.5], [0.5, 0, 0.4, 2, nan, 0.5, 0.5]]
    points = np.array([*sgd, [0.2, 2, nan, nan, nan, 0.5, 0.5]])
    by_parameter = distances_by_parameter(embedding(points), embedding)
    assert by_parameter[:, 0, 1] == pytest.approx([0.09, 0, 0.25, 1, 0, 0, 0])
    assert by_parameter[:, 0, 2] == pytest.approx([0, 1, 0.4**2 + 0.75, 1, 0, 0, 0])


def test_fitting_finds_the_parameters_that_matter_and_the_noise() -> None:
    points = CUBE.sample(80, RNG(0))
    noisy = truth(points) + 0.2 * RNG(1).standard_normal(80)
    scaled = (noisy - noisy.mean()) / noisy.std()
    found = gp.fit([EMBEDDED(points)], [scaled], EMBEDDED, Hyperparameters.initial(3, 1))
    assert found.weights[0] > 4 * found.weights[2]
    assert found.noises == pytest.approx((0.2 / noisy.std()) ** 2, rel=0.5)
    process = GaussianProcess.condition(points, scaled, EMBEDDED, found, 0)
    test = CUBE.sample(200, RNG(2))
    mean, _ = process.predict(test)
    assert np.corrcoef(mean, truth(test))[0, 1] > 0.98


def test_levels_share_length_scales() -> None:
    many, few = CUBE.sample(60, RNG(0)), CUBE.sample(6, RNG(1))
    scaled = [(truth(points) - truth(points).mean()) / truth(points).std() for points in (many, few)]
    found = gp.fit([EMBEDDED(many), EMBEDDED(few)], scaled, EMBEDDED, Hyperparameters.initial(3, 2))
    test = CUBE.sample(200, RNG(2))
    mean, _ = GaussianProcess.condition(few, scaled[1], EMBEDDED, found, 1).predict(test)
    assert found.amplitudes.shape == (2,)
    assert np.corrcoef(mean, truth(test))[0, 1] > 0.7


def test_each_level_has_its_noise() -> None:
    noisy, exact = CUBE.sample(60, RNG(0)), CUBE.sample(20, RNG(1))
    targets = [truth(noisy) + RNG(2).standard_normal(60), truth(exact)]
    scaled = [(target - target.mean()) / target.std() for target in targets]
    found = gp.fit([EMBEDDED(noisy), EMBEDDED(exact)], scaled, EMBEDDED, Hyperparameters.initial(3, 2))
    assert found.noises[0] > 0.2
    assert found.noises[1] < 0.02


def test_leaving_one_out_equals_conditioning_on_the_others() -> None:
    process, points, targets = posterior(12)
    mean, variance = process.leave_one_out(targets)
    for left in range(12):
        others = np.arange(12) != left
        reference = GaussianProcess.condition(points[others], targets[others], EMBEDDED, FIXED, 0)
        by_hand, spread = reference.predict(points[[left]])
        assert mean[left] == pytest.approx(by_hand[0], abs=1e-6)
        assert variance[left] == pytest.approx(spread[0] + process.noise, abs=1e-6)


def test_pending_points_count_with_their_mean() -> None:
    process, points, targets = posterior(15)
    pending = CUBE.sample(4, RNG(5))
    believed, _ = process.predict(pending)
    reference = GaussianProcess.condition(
        np.concatenate([points, pending]), np.concatenate([targets, believed]), EMBEDDED, FIXED, 0
    )
    test = CUBE.sample(30, RNG(6))
    ours, variance = process.with_pending(pending).predict(test)
    mean, spread = reference.predict(test)
    assert ours == pytest.approx(mean, abs=1e-6)
    assert variance == pytest.approx(spread, abs=1e-6)


def test_samples_have_the_mean_and_the_covariance_of_the_posterior() -> None:
    process, *_ = posterior(8)
    test = CUBE.sample(5, RNG(7))
    mean, variance = process.predict(test)
    samples = process.sample(test, 20_000, RNG(8))
    assert samples.mean(axis=0) == pytest.approx(mean, abs=0.05)
    assert samples.var(axis=0) == pytest.approx(variance, rel=0.1, abs=1e-4)


def test_equal_points_without_noise_do_not_break_the_factorization() -> None:
    points = np.tile(CUBE.sample(1, RNG(0)), (30, 1))
    smooth = FIXED._replace(noises=np.array([gp.LEAST_NOISE]))
    process = GaussianProcess.condition(points, np.zeros(30), EMBEDDED, smooth, 0)
    assert np.all(np.isfinite(process.with_pending(points[:3]).predict(points)))
