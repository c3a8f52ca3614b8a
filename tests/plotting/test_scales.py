from __future__ import annotations

import numpy as np
import pytest

from raytune_suite.plotting.scales import limits, set_logarithmic, spans_decades
from tests.optional_packages import Later, needed

needed("matplotlib")
figures = Later("matplotlib.figure")


def test_only_positive_values_that_span_decades_get_a_logarithmic_axis() -> None:
    assert spans_decades(np.array([0.05, np.nan, 2.0]))
    assert not spans_decades(np.array([0.5, 2.0]))
    assert not spans_decades(np.array([0.0, 100.0]))
    assert not spans_decades(np.array([]))


def test_a_few_very_bad_values_do_not_compress_the_others() -> None:
    values = np.append(np.linspace(1, 2, 99), 1e9)
    low, high = limits(values, "min")
    assert low < 1
    assert 2 < high < 3
    low, high = limits(-values, "max")
    assert -3 < low < -2
    assert high > -1
    low, high = limits(np.append(np.linspace(1, 2, 99), -1e9), "min")
    assert low < -1e9, "the best value is always visible"


@pytest.mark.parametrize(("low", "high", "least"), [(0.5, 20, 5), (1e-3, 20, 5), (1e-26, 10, 3), (1e-9, 1e9, 3)])
def test_a_logarithmic_axis_has_ticks_however_long_it_is(low: float, high: float, least: int) -> None:
    axes = figures.Figure(figsize=(8, 4)).subplots()
    set_logarithmic(axes.yaxis, axes.set_yscale)
    axes.set_ylim(low, high)
    assert least <= sum(low <= tick <= high for tick in axes.get_yticks()) <= 20
