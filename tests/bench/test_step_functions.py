"""Anytime curves are step functions, and bands and ranks are computed from whole runs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from raytune_suite.bench import statistics, step_functions
from raytune_suite.errors import ArgumentError

quick = settings(max_examples=50, deadline=None)


@quick
@given(st.lists(st.integers(0, 20), min_size=1, max_size=8).map(sorted), st.data())
def test_a_step_function_has_only_its_values_and_is_right_continuous(costs: list[int], data: st.DataObject) -> None:
    values = np.arange(len(costs))[::-1] + 0.5
    points = data.draw(st.lists(st.floats(-1, 25), min_size=1, max_size=10))
    for point, value in zip(points, step_functions.values_at(costs, values, points), strict=True):
        before = [number for cost, number in zip(costs, values, strict=True) if cost <= point]
        assert value == before[-1] if before else np.isnan(value)
    assert (
        step_functions.values_at(costs, values, [costs[-1]])
        == step_functions.values_at(costs, values, [1000.0])
        == values[-1]
    )


def test_descending_costs_are_rejected() -> None:
    with pytest.raises(ArgumentError, match="`costs`"):
        step_functions.values_at([2, 1], [0, 0], [1])


def test_grids_are_equally_spaced_on_a_logarithmic_or_linear_scale() -> None:
    np.testing.assert_allclose(step_functions.grid(1, 100, 3), [1, 10, 100])
    np.testing.assert_allclose(step_functions.grid(0, 100, 3, "linear"), [0, 50, 100])
    with pytest.raises(ArgumentError, match="`start` is 0"):
        step_functions.grid(0, 1, 3)
    with pytest.raises(ArgumentError, match="`end` is 1"):
        step_functions.grid(1, 1, 3)


def test_a_method_without_an_incumbent_yet_ranks_last() -> None:
    early, late = np.array([0.9, 0.5]), np.array([np.nan, 0.1])
    ranks = step_functions.mean_ranks([early[:, None, None], late[:, None, None], late[:, None, None]])
    np.testing.assert_array_equal(ranks, [[1, 3], [2.5, 1.5], [2.5, 1.5]])


def test_a_band_is_the_bootstrap_interval_at_each_point() -> None:
    rng = np.random.default_rng(0)
    values = rng.random((4, 6, 3))
    values[0, 0, 0] = np.nan  # a run that starts late
    values[:, 5, 2] = np.nan  # an absent run
    band = step_functions.band(values, np.random.default_rng(1), 50)
    assert np.isnan([part[0] for part in band]).all()
    for point in (1, 2, 3):
        samples = statistics.bootstrap(values[point], statistics.iqm, np.random.default_rng(1), 50)
        assert (band.low[point], band.high[point]) == statistics.interval(samples)
        assert band.middle[point] == statistics.iqm(values[point])
