"""The operators of differential evolution, against hand-computed values."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from raytune_suite.models import differential_evolution as de
from raytune_suite.types import FAILED

quick = settings(max_examples=60, deadline=None)
RNG = np.random.default_rng


class Scripted(np.random.Generator):
    """A generator with predefined draws."""

    def __init__(self, chosen: list[int]) -> None:
        super().__init__(np.random.PCG64(0))
        self.chosen = np.array(chosen)

    def choice(self, *_: object, **__: object) -> np.ndarray:  # type: ignore[override]
        return self.chosen


def test_a_mutant_by_hand() -> None:
    """r1 + F (r2 - r3): (.5, .1) + .5 ((.9, .2) - (.3, .8)) = (.5 + .3, .1 - .3) = (.8, -.2)."""
    pool = np.array([[0.3, 0.8], [0.5, 0.1], [0.9, 0.2]])
    assert de.rand_1(pool, 0.5, Scripted([1, 2, 0])) == pytest.approx([0.8, -0.2])


@quick
@given(st.integers(3, 8), st.integers(0, 999))
def test_the_three_parents_differ(size: int, seed: int) -> None:
    """With F = .5 and powers of eight as rows, 2 * mutant = 2 a + b - c identifies the three."""
    pool = np.array([[8.0**row] for row in range(size)])
    mutant = 2 * de.rand_1(pool, 0.5, RNG(seed))[0]
    rows = pool[:, 0]
    combinations = {2 * a + b - c for a in rows for b in rows for c in rows if len({a, b, c}) == 3}
    assert mutant in combinations


def test_each_row_is_equally_often_each_parent() -> None:
    rng, pool = RNG(0), np.array([[0.0], [1.0], [10.0], [100.0]])
    first = [round(de.rand_1(pool, 1e-9, rng)[0]) for _ in range(4000)]
    assert [first.count(row) / 4000 for row in (0, 1, 10, 100)] == pytest.approx([0.25] * 4, abs=0.03)


@quick
@given(st.integers(1, 6), st.floats(0, 1), st.integers(0, 999))
def test_a_trial_vector_takes_at_least_one_coordinate_of_the_mutant(size: int, probability: float, seed: int) -> None:
    target, mutant = np.zeros(size), np.ones(size)
    child = de.binomial_crossover(target, mutant, probability, RNG(seed))
    assert set(child) <= {0.0, 1.0}
    assert child.sum() >= 1
    assert de.binomial_crossover(target, mutant, 0, RNG(seed)).sum() == 1
    assert de.binomial_crossover(target, mutant, 1, RNG(seed)).sum() == size
    assert (target == 0).all()


def test_coordinates_cross_with_the_probability() -> None:
    """One always, each of the other three with probability .5: 1 + 3 / 2 = 2.5 of four."""
    rng = RNG(0)
    crossed = [de.binomial_crossover(np.zeros(4), np.ones(4), 0.5, rng) for _ in range(4000)]
    assert np.mean([child.sum() for child in crossed]) == pytest.approx(2.5, abs=0.05)
    assert np.mean(crossed, axis=0) == pytest.approx([0.625] * 4, abs=0.03)


@quick
@given(st.lists(st.floats(-3, 3), min_size=1, max_size=6), st.integers(0, 999))
def test_only_coordinates_out_of_bounds_are_redrawn(values: list[float], seed: int) -> None:
    vector = np.array(values)
    fixed = de.repair(vector, RNG(seed))
    inside = (vector >= 0) & (vector <= 1)
    assert np.array_equal(fixed[inside], vector[inside])
    assert np.all((fixed >= 0) & (fixed <= 1))
    assert not np.isin(fixed[~inside], [0.0, 1.0]).any(), "not moved to the bound"


def test_redrawn_coordinates_are_uniform() -> None:
    fixed = de.repair(np.full(4000, 1.7), RNG(0))
    assert np.histogram(fixed, bins=4, range=(0, 1))[0] / 4000 == pytest.approx([0.25] * 4, abs=0.03)


def test_a_better_or_equal_trial_vector_replaces_its_target() -> None:
    population = de.Subpopulation(np.zeros((3, 1)), np.array([1.0, 1.0, 1.0]))
    for slot, loss in enumerate((0.9, 1.0, 1.1)):
        population.select(slot, np.array([1.0]), loss)
    assert population.vectors[:, 0].tolist() == [1, 1, 0]
    assert population.losses.tolist() == [0.9, 1.0, 1.0]


def test_a_failure_replaces_only_a_target_that_was_never_evaluated_or_failed() -> None:
    population = de.Subpopulation(np.zeros((3, 1)), np.array([math.nan, FAILED, 5.0]))
    for slot in range(3):
        population.select(slot, np.array([1.0]), FAILED)
    assert population.vectors[:, 0].tolist() == [1, 1, 0]
    assert population.losses.tolist() == [FAILED, FAILED, 5.0]


def test_the_best_are_the_evaluated_vectors_with_the_lowest_losses() -> None:
    population = de.Subpopulation(np.arange(5.0)[:, None], np.array([3.0, math.nan, 1.0, FAILED, 2.0]))
    assert population.best(2)[:, 0].tolist() == [2, 4]
    assert population.best(9)[:, 0].tolist() == [2, 4, 0, 3]
    assert population.evaluated[:, 0].tolist() == [0, 2, 3, 4]


def test_slots_take_turns() -> None:
    population = de.Subpopulation.random(3, 2, RNG(0))
    assert [population.target() for _ in range(7)] == [0, 1, 2, 0, 1, 2, 0]
    assert np.isnan(population.losses).all()


def test_a_pool_of_three_is_not_changed() -> None:
    best = np.array([[0.1], [0.2], [0.3]])
    assert de.parent_pool(best, np.array([[0.9]]), RNG(0)) is best


@pytest.mark.parametrize("here", [0, 1, 2])
@pytest.mark.parametrize("elsewhere", [0, 1, 2, 9])
def test_a_short_pool_is_filled_from_everyone_and_then_at_random(here: int, elsewhere: int) -> None:
    best, everyone = np.full((here, 2), 0.25), np.full((elsewhere, 2), 0.75)
    pool = de.parent_pool(best, everyone, RNG(0))
    assert pool.shape == (3, 2)
    assert (pool[:here] == 0.25).all()
    assert np.sum((pool == 0.75).all(axis=1)) == min(3 - here, elsewhere)
    assert np.all((pool >= 0) & (pool < 1))
