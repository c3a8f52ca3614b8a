"""The formulas of the synthetic functions, to the digits in their sources."""

from __future__ import annotations

import math

import numpy as np
import pytest

from raytune_suite.workloads.synthetic.formulas import (
    HARTMANN,
    QUADRATIC_START,
    VARIANTS,
    branin,
    counting_ones,
    currin,
    hartmann_share,
    mf_hartmann,
    quadratic,
    quadratic_step,
)

DIGITS = 5.1e-6
Z = np.array([1.0, 11.0, 100.0])


@pytest.mark.parametrize(
    ("dimensions", "variant", "expected"),
    [
        (3, "default", [-3.07619, -3.48576, -3.86278]),
        (3, "terrible", [2.42997, -0.84664, -3.86278]),
        (6, "default", [-2.62976, -2.99040, -3.32237]),
    ],
)
def test_mf_hartmann_at_its_optimum(dimensions: int, variant: str, expected: list[float]) -> None:
    x = np.array(HARTMANN[dimensions].best)
    assert mf_hartmann(x, Z, bias=VARIANTS[variant].bias) == pytest.approx(expected, abs=DIGITS)


@pytest.mark.parametrize(("dimensions", "expected"), [(3, -0.628022), (6, -0.505315)])
def test_mf_hartmann_in_the_middle(dimensions: int, expected: float) -> None:
    assert mf_hartmann(np.full(dimensions, 0.5), Z, bias=4.0)[-1] == pytest.approx(expected, abs=5.1e-7)


@pytest.mark.parametrize(
    ("dimensions", "published"),
    [(3, (0.114614, 0.555649, 0.852547)), (6, (0.20169, 0.150011, 0.476874, 0.275332, 0.311652, 0.6573))],
)
def test_the_minimizer_is_the_published_one_and_no_point_around_is_better(
    dimensions: int, published: tuple[float, ...]
) -> None:
    constants, top = HARTMANN[dimensions], np.array([100.0])
    best = np.array(constants.best)
    assert best == pytest.approx(published, abs=5e-5)
    assert mf_hartmann(best, top, bias=1.0)[0] == pytest.approx(constants.optimum, abs=1e-14)
    rng = np.random.default_rng(0)
    for scale in (1e-6, 1e-4, 1e-2, 1):
        for step in rng.normal(scale=scale, size=(200, dimensions)):
            assert mf_hartmann(np.clip(best + step, 0, 1), top, bias=1.0)[0] >= constants.optimum - 1e-14


def test_the_variants_are_the_published_ones() -> None:
    assert VARIANTS == {
        "default": (0.5, 0.1),
        "good": (2.5, 2),
        "moderate": (3, 3),
        "bad": (3.5, 4),
        "terrible": (4, 5),
    }


def test_the_share_decreases_from_one_to_zero() -> None:
    assert hartmann_share(np.array([1.0, 10.0, 100.0])) == pytest.approx([1, 0.5, 0])
    assert hartmann_share(np.array([100.0]))[0] == 0


def test_counting_ones_is_the_negative_share_of_ones() -> None:
    assert counting_ones(np.zeros(2), np.zeros((3, 4))).tolist() == [0, 0, 0, 0]
    assert counting_ones(np.ones(2), np.ones((3, 4))).tolist() == [-1, -1, -1, -1]
    assert counting_ones(np.array([1.0]), np.array([[0.5, 0.25]])).tolist() == [-0.75, -0.625]


def test_branin_at_its_optimum() -> None:
    values = branin(np.array([math.pi, 2.275]), np.array([0, 0.25, 0.5, 1]))
    assert values == pytest.approx([0.49431, 0.46150, 0.43449, 0.39789], abs=DIGITS)
    assert values[-1] == pytest.approx(5 / (4 * math.pi), abs=1e-15)


@pytest.mark.parametrize("x", [(-math.pi, 12.275), (math.pi, 2.275), (9.42478, 2.475)])
def test_branin_has_three_minimizers(x: tuple[float, float]) -> None:
    assert branin(np.array(x), np.array([1.0]))[0] == pytest.approx(0.397887, abs=1e-6)


def test_currin_in_the_middle_as_in_dragonfly() -> None:
    x = np.array([0.5, 0.5])
    assert currin(x, np.array([0.0, 1.0])) == pytest.approx([7.40512, 7.83608], abs=DIGITS)


def test_currin_is_defined_at_the_edge_where_it_is_maximal() -> None:
    values = currin(np.array([13 / 60, 0.0]), np.array([0.0, 0.5, 1.0]))
    assert values == pytest.approx([13.798722] * 3, abs=1e-6)


def test_a_step_changes_only_parameters_with_a_weight() -> None:
    theta = QUADRATIC_START
    for _ in range(10):
        theta = quadratic_step(theta, (1.0, 0.0), 0.01)
    assert theta == pytest.approx((0.9 * 0.98**10, 0.9))
    assert quadratic(theta) == pytest.approx(1.2 - theta[0] ** 2 - 0.81)
    assert quadratic((0.0, 0.0)) == 1.2
