"""The regression forest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesRegressor

from raytune_suite.models.forest import grow, quantiles
from tests.models.spaces import LAYOUT

if TYPE_CHECKING:
    from raytune_suite.models.layout import Array

OPTIONS = np.array([0, 0, 0, 4])


def truth(points: Array) -> Array:
    return np.asarray((points[:, 0] - 0.3) ** 2 * 4 + np.sin(5 * points[:, 1]) + points[:, 3] % 2)


def draw(count: int, seed: int) -> Array:
    rng = np.random.default_rng(seed)
    points = rng.random((count, 4))
    points[:, 3] = rng.integers(4, size=count)
    return points


def test_it_predicts_as_well_as_the_forest_of_scikit_learn() -> None:
    points, test = draw(200, 0), draw(500, 1)
    ours, _ = grow(points, truth(points), OPTIONS, np.random.default_rng(0), trees=50).predict(test)
    theirs = ExtraTreesRegressor(50, bootstrap=True, random_state=0).fit(points, truth(points)).predict(test)
    errors = [float(np.mean((predicted - truth(test)) ** 2)) for predicted in (ours, theirs)]
    assert errors[0] < 1.1 * errors[1] < 0.2


def test_a_category_is_split_into_any_subset() -> None:
    """Options 0 and 3 are alike, and so are 1 and 2: no order of the codes separates them with one threshold."""
    points = np.tile(np.arange(4.0)[:, None], (20, 1))
    losses = np.where(np.isin(points[:, 0], [0, 3]), 0.0, 1.0)
    forest = grow(points, losses, np.array([4]), np.random.default_rng(0), trees=40)
    first = forest.left_options[: forest.trees, :4]
    assert any(list(left) in ([True, False, False, True], [False, True, True, False]) for left in first)
    assert forest.predict(np.arange(4.0)[:, None])[0] == pytest.approx([0, 1, 1, 0])


def test_a_tree_without_restrictions_interpolates_its_rows() -> None:
    points = draw(60, 2)
    forest = grow(points, truth(points), OPTIONS, np.random.default_rng(0), trees=10)
    inside = forest.out_of_bag(points) < 0
    means = forest.means[forest.leaves(points)]
    assert np.allclose(means[inside], np.broadcast_to(truth(points)[:, None], means.shape)[inside])
    assert 0.55 < inside.mean() < 0.72  # a bootstrap sample has 63 % of the rows


def test_the_variance_is_that_within_leaves_plus_that_between_trees() -> None:
    points = draw(80, 3)
    forest = grow(points, truth(points), OPTIONS, np.random.default_rng(0), trees=12, min_split=15)
    test = draw(30, 4)
    _, variance = forest.predict(test)
    by_hand = []
    for leaves in forest.leaves(test):
        rows = [forest.members[[leaf]].toarray()[0] for leaf in leaves]
        means = [np.average(truth(points), weights=counts) for counts in rows]
        within = [np.average((truth(points) - m) ** 2, weights=c) for m, c in zip(means, rows, strict=True)]
        by_hand.append(np.mean(within) + np.var(means))
    assert variance == pytest.approx(by_hand)


def test_the_variance_is_positive_where_all_trees_agree() -> None:
    points = draw(10, 3)
    forest = grow(points, np.ones(10), OPTIONS, np.random.default_rng(0))
    mean, variance = forest.predict(points)
    assert mean == pytest.approx(np.ones(10))
    assert np.all(variance > 0)


def test_weights_reproduce_the_mean_and_quantiles_are_those_of_the_weighted_losses() -> None:
    points = draw(70, 5)
    losses = truth(points)
    forest = grow(points, losses, OPTIONS, np.random.default_rng(0), min_split=6)
    test = draw(9, 6)
    weights = forest.weights(test)
    assert weights.sum(axis=1) == pytest.approx(np.ones(9))
    equal = np.full((1, 5), 0.2)
    levels = np.array([0.1, 0.2, 0.5, 0.9])
    assert quantiles(equal, np.array([5.0, 1.0, 4.0, 2.0, 3.0]), levels).tolist() == [[1, 1, 3, 5]]
    spread = quantiles(weights, losses, np.array([0.05, 0.95]))
    assert np.all(spread[:, 0] < spread[:, 1])


def test_inactive_parameters_are_split_off() -> None:
    points = LAYOUT.sample(200, np.random.default_rng(0))
    losses = np.where(points[:, 1] == 0, points[:, 2], 5.0)
    forest = grow(points, losses, LAYOUT.options, np.random.default_rng(0))
    test = LAYOUT.sample(200, np.random.default_rng(1))
    mean, _ = forest.predict(test)
    assert np.abs(mean - np.where(test[:, 1] == 0, test[:, 2], 5.0)).mean() < 0.1


def test_samples_vary_around_the_mean() -> None:
    points = draw(50, 7)
    forest = grow(points, truth(points), OPTIONS, np.random.default_rng(0))
    test = draw(20, 8)
    samples = forest.sample(test, 2000, np.random.default_rng(1))
    mean, _ = forest.predict(test)
    assert samples.shape == (2000, 20)
    assert np.abs(samples.mean(axis=0) - mean).max() < 0.05


@pytest.mark.parametrize("count", [1, 2])
def test_few_rows_are_enough(count: int) -> None:
    points = draw(count, 9)
    forest = grow(points, truth(points), OPTIONS, np.random.default_rng(0))
    assert np.all(np.isfinite(forest.predict(draw(5, 10))))
