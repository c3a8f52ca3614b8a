"""The kernel density estimate, against hand-computed values and an independent implementation."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from raytune_suite.models.kernel_density import Density, bandwidths, impute, spread

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Counts = NDArray[np.int64]

quick = settings(max_examples=20, deadline=None)


@st.composite
def samples(draw: st.DrawFn) -> tuple[Array, Counts]:
    """Points over numbers and categories in any order."""
    options = np.array(draw(st.lists(st.sampled_from([0, 0, 1, 2, 3, 10, 200]), min_size=1, max_size=4)))
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    count = draw(st.integers(1, 12))
    points = np.where(options > 0, rng.integers(np.maximum(options, 1), size=(count, len(options))), 0.0)
    points[:, options == 0] = rng.random((count, np.sum(options == 0)))
    return points, options


def by_hand(density: Density, at: Array) -> float:
    """Compute the density at one point as defined in the paper, with a loop over points and dimensions."""
    total = 0.0
    for point in density.points:
        product = 1.0
        for x, mine, options, width in zip(at, point, density.options, density.widths, strict=True):
            if options == 0:
                product *= stats.norm.pdf(x, loc=mine, scale=width)
            elif options > 1:
                product *= 1 - width if x == mine else width / (options - 1)
        total += product
    return total / len(density.points)


def test_the_bandwidth_of_a_number_is_the_normal_reference_rule() -> None:
    """Numbers 0, .5, 1: sigma = sqrt(1/6) = .408248, n = 3, d = 1: 1.06 * .408248 * 3^-.2 = .347381."""
    points, options = np.array([[0.0], [0.5], [1.0]]), np.array([0])
    assert spread(points, options) == pytest.approx([0.408248], abs=1e-6)
    assert bandwidths(points, options, 1e-3) == pytest.approx([0.347381], abs=1e-6)


def test_the_rule_shrinks_with_points_and_grows_with_dimensions() -> None:
    """n = 4, d = 2, both columns 0, 0, 1, 1: sigma = .5 and 1.06 * .5 * 4^(-1/6) = .420661."""
    points = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    assert bandwidths(points, np.array([0, 0]), 1e-3) == pytest.approx([0.420661, 0.420661], abs=1e-6)


def test_identical_points_have_the_least_bandwidth() -> None:
    points = np.array([[0.3, 2.0]] * 5)
    assert bandwidths(points, np.array([0, 4]), 1e-3) == pytest.approx([1e-3, 1e-3])


def test_two_options_have_the_spread_of_their_codes() -> None:
    """Of 0, 0, 0, 1: p = 3/4 and 1/4: sqrt((1 - 10/16) / 2) = sqrt(3/16) = .433013, which is std(0, 0, 0, 1)."""
    points = np.array([[0.0], [0.0], [0.0], [1.0]])
    assert spread(points, np.array([2])) == pytest.approx([0.433013], abs=1e-6)
    assert spread(points, np.array([2])) == pytest.approx([points.std()])


def test_ten_options_once_each_have_a_bandwidth_far_below_that_of_the_codes() -> None:
    """sqrt((1 - .1) / 2) = .670820; 1.06 * .670820 * 10^-.2 = .448655. From the codes 0..9 it would be 1.92."""
    points = np.arange(10.0)[:, None]
    assert bandwidths(points, np.array([10]), 1e-3) == pytest.approx([0.448655], abs=1e-6)
    assert 1.06 * points.std() * 10**-0.2 == pytest.approx(1.92, abs=0.01)


@quick
@given(samples(), st.floats(1e-4, 2.0))
def test_the_bandwidth_of_a_category_never_exceeds_that_of_the_uniform(
    sample: tuple[Array, Counts], least: float
) -> None:
    points, options = sample
    widths = bandwidths(points, options, least)
    for width, size in zip(widths, options, strict=True):
        assert width >= least if size == 0 else 0 <= width <= (size - 1) / size


@quick
@given(samples(), st.integers(0, 99))
def test_the_order_of_options_does_not_matter(sample: tuple[Array, Counts], seed: int) -> None:
    points, options = sample
    shuffled = points.copy()
    for column in np.flatnonzero(options):
        renamed = np.random.default_rng(seed).permutation(options[column])
        shuffled[:, column] = renamed[points[:, column].astype(int)]
    here, there = bandwidths(points, options, 1e-3), bandwidths(shuffled, options, 1e-3)
    assert here == pytest.approx(there)
    assert Density(points, options, here).log(points) == pytest.approx(Density(shuffled, options, there).log(shuffled))


def test_a_density_by_hand() -> None:
    """One number and three options, one point (.5, 1), widths .2 and .3.

    At (.5, 1): 1 / (.2 sqrt(2 pi)) * .7 = 1.994711 * .7 = 1.396298. At (.7, 0), one sigma off and another option:
    1.994711 * exp(-1/2) * .3 / 2 = 1.209854 * .15 = .181478.
    """
    density = Density(np.array([[0.5, 1.0]]), np.array([0, 3]), np.array([0.2, 0.3]))
    at = np.array([[0.5, 1.0], [0.7, 0.0]])
    assert np.exp(density.log(at)) == pytest.approx([1.396298, 0.181478], abs=1e-6)


@quick
@given(samples(), st.integers(0, 999))
@pytest.mark.slow
def test_all_candidates_at_once_agree_with_one_by_one_and_with_an_independent_loop(
    sample: tuple[Array, Counts], seed: int
) -> None:
    points, options = sample
    density = Density(points, options, np.maximum(bandwidths(points, options, 0.03), 0.0))
    candidates = density.sample(64, 3, np.random.default_rng(seed))
    together = density.log(candidates)
    assert together.shape == (64,)
    assert together == pytest.approx(np.array([density.log(one[None])[0] for one in candidates]), rel=1e-9, abs=1e-9)
    assert np.exp(together) == pytest.approx(np.array([by_hand(density, one) for one in candidates]), rel=1e-6)


@quick
@given(samples())
def test_the_density_integrates_to_one(sample: tuple[Array, Counts]) -> None:
    """Numbers far enough inside of a wide grid, times every combination of options."""
    points, options = sample
    points, options = points[:, :2], options[:2]
    density = Density(points, options, bandwidths(points, options, 0.05))
    grid = np.linspace(-2.5, 3.5, 151)
    axes = [grid if size == 0 else np.arange(size) for size in options]
    step = np.prod([grid[1] - grid[0] if size == 0 else 1.0 for size in options])
    at = np.array(list(itertools.product(*axes)), dtype=float)
    assert np.exp(density.log(at)).sum() * step == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("size", [2, 5, 10, 49, 103])
def test_every_option_has_a_positive_finite_density(size: int) -> None:
    points = np.zeros((6, 1))  # only the first was ever seen
    options = np.array([size])
    density = Density(points, options, bandwidths(points, options, 1e-3))
    chances = np.exp(density.log(np.arange(float(size))[:, None]))
    assert chances.sum() == pytest.approx(1)
    assert chances[0] == pytest.approx(0.999)
    assert chances[1:] == pytest.approx(np.full(size - 1, 0.001 / (size - 1)))


def test_a_density_far_from_all_points_neither_overflows_nor_vanishes() -> None:
    density = Density(np.array([[0.0], [1e-3]]), np.array([0]), np.array([1e-3]))
    assert density.log(np.array([[1.0]]))[0] == pytest.approx(-0.5 * 999**2 - math.log(2e-3 * math.sqrt(2 * math.pi)))


@pytest.mark.parametrize("size", [2, 3, 10])
def test_categories_are_drawn_as_their_kernel_says(size: int) -> None:
    """The option of the point has probability 1 - h, each of the others h / (k - 1)."""
    width, count = 0.3, 20000
    density = Density(np.array([[1.0]]), np.array([size]), np.array([width]))
    drawn = density.sample(count, 3, np.random.default_rng(1))[:, 0]
    seen = np.bincount(drawn.astype(int), minlength=size) / count
    expected = [1 - width if option == 1 else width / (size - 1) for option in range(size)]
    assert seen == pytest.approx(expected, abs=4 * math.sqrt(0.25 / count))


def test_numbers_are_drawn_from_the_truncated_normal_of_the_widened_bandwidth() -> None:
    density = Density(np.array([[0.2]]), np.array([0]), np.array([0.1]))
    drawn = density.sample(4000, 3, np.random.default_rng(2))[:, 0]
    truncated = stats.truncnorm((0 - 0.2) / 0.3, (1 - 0.2) / 0.3, loc=0.2, scale=0.3)
    assert stats.kstest(drawn, truncated.cdf).pvalue > 0.01


def test_draws_are_around_each_point_equally_often() -> None:
    density = Density(np.array([[0.1], [0.5], [0.9]]), np.array([0]), np.array([1e-3]))
    drawn = density.sample(6000, 3, np.random.default_rng(3))[:, 0]
    assert np.bincount((drawn * 3).astype(int)) / 6000 == pytest.approx([1 / 3] * 3, abs=0.03)


@quick
@given(samples(), st.floats(1e-3, 50), st.integers(0, 99))
def test_draws_are_points_of_the_space(sample: tuple[Array, Counts], factor: float, seed: int) -> None:
    points, options = sample
    drawn = Density(points, options, bandwidths(points, options, 1e-3)).sample(30, factor, np.random.default_rng(seed))
    assert np.all((drawn >= 0) & (drawn <= np.where(options > 0, options - 1, 1)))
    chosen = drawn[:, options > 0]
    assert np.array_equal(chosen, np.floor(chosen))


def test_missing_values_are_drawn_from_the_known_ones() -> None:
    nothing = math.nan
    points = np.array(
        [[0.1, 2.0, nothing, nothing], [nothing, nothing, nothing, nothing], [0.7, 0.0, nothing, nothing]]
    )
    full = impute(points, np.array([0, 4, 0, 3]), np.random.default_rng(0))
    assert full[1, 0] in (0.1, 0.7)
    assert full[1, 1] in (2.0, 0.0)
    assert np.all((full[:, 2] >= 0) & (full[:, 2] < 1))
    assert len(set(full[:, 2])) == 3  # no value is known: uniform
    assert set(full[:, 3]) <= {0.0, 1.0, 2.0}
    assert np.array_equal(full[~np.isnan(points)], points[~np.isnan(points)])
    assert np.isnan(points[1, 0])  # the observations are not changed


def test_imputed_values_are_as_frequent_as_the_known_ones() -> None:
    points = np.array([[0.0]] * 3 + [[1.0]] + [[math.nan]] * 4000)
    full = impute(points, np.array([2]), np.random.default_rng(0))
    assert np.mean(full[4:]) == pytest.approx(0.25, abs=0.03)
