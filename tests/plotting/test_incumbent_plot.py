from __future__ import annotations

import pytest

from raytune_suite.plotting.incumbent import draw_incumbent
from tests.optional_packages import Later, needed
from tests.plotting.example import legend_labels, points, study

needed("matplotlib")
figures = Later("matplotlib.figure")
pytestmark = pytest.mark.slow


def test_the_incumbent_is_a_step_function_up_to_the_total_cost() -> None:
    axes = figures.Figure().subplots()
    draw_incumbent(axes, study())
    step = axes.lines[0]
    assert step.get_drawstyle() == "steps-post"
    assert points(step) == [[1, 2, 3, 6, 6], [2.0, 1.0, 0.5, 0.4, 0.4]]


def test_the_test_scores_are_marked_beyond_the_end_with_their_mean_in_the_legend() -> None:
    axes = figures.Figure().subplots()
    draw_incumbent(axes, study())
    assert legend_labels(axes) == ["best so far, tuning: 0.4", "test, 2 seeds: mean 0.5"]
    ((x, scores),) = (points(line) for line in axes.lines if line.get_marker() == "D")
    assert scores == [0.45, 0.55]
    assert min(x) > 6
