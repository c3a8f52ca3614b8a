"""The bound on the regret of the best observation, against Optuna's and the truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from ray import tune

from raytune_suite.models.layout import Array, Layout
from raytune_suite.models.regret_bound import LEAST, MOST, better_half, regret_bound
from raytune_suite.spaces import Space
from tests.models.spaces import LAYOUT

SQUARE = Layout.of(Space({name: tune.uniform(0, 1) for name in "ab"}))
RNG = np.random.default_rng


def quadratic(points: Array) -> Array:
    return np.asarray((points[:, 0] - 0.3) ** 2 + 3 * (points[:, 1] - 0.7) ** 2)


def bound(count: int, scale: float = 1.0) -> float:
    points = SQUARE.sample(count, RNG(0))
    losses = scale * quadratic(points)
    chosen = better_half(losses)
    return regret_bound(points[chosen], losses[chosen], SQUARE, RNG(1))


def test_the_bound_covers_the_regret_and_shrinks_with_the_observations() -> None:
    few, many = bound(20), bound(120)
    assert quadratic(SQUARE.sample(120, RNG(0))).min() <= many < few / 2
    assert bound(20, scale=100) == pytest.approx(100 * few, rel=0.02)


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
@pytest.mark.e2e
def test_the_bound_is_near_that_of_optuna() -> None:
    optuna = pytest.importorskip("optuna")
    terminator = pytest.importorskip("optuna.terminator")
    points = SQUARE.sample(60, RNG(0))
    distributions = dict.fromkeys("ab", optuna.distributions.FloatDistribution(0, 1))
    study = optuna.create_study()
    for point, value in zip(points.tolist(), quadratic(points).tolist(), strict=True):
        parameters = dict(zip("ab", point, strict=True))
        study.add_trial(optuna.create_trial(params=parameters, distributions=distributions, value=value))
    reference = terminator.RegretBoundEvaluator(seed=0).evaluate(study.trials, study.direction)
    assert bound(60) == pytest.approx(reference, rel=0.5)


def test_conditional_spaces_have_a_bound_and_equal_losses_have_none() -> None:
    points = LAYOUT.sample(20, RNG(0))
    assert math.isinf(regret_bound(points, np.ones(20), LAYOUT, RNG(0)))
    assert math.isinf(regret_bound(points, np.where(np.arange(20) < 9, -1e308, 1e308), LAYOUT, RNG(0)))
    first, again = (regret_bound(points, points[:, 0], LAYOUT, RNG(0)) for _ in range(2))
    assert 0 < first == again < math.inf


def test_the_better_half_has_limits() -> None:
    assert [len(better_half(np.arange(float(count)))) for count in (5, 30, 100, 5000)] == [5, LEAST, 50, MOST]
