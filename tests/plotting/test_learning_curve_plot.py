from __future__ import annotations

import pytest

from raytune_suite.plotting.learning_curves import draw_learning_curves
from tests.optional_packages import Later, needed
from tests.plotting.example import legend_labels, points, study

needed("matplotlib")
figures = Later("matplotlib.figure")
pytestmark = pytest.mark.slow


def test_trials_are_counted_by_outcome_and_the_best_one_is_named() -> None:
    axes = figures.Figure().subplots()
    draw_learning_curves(axes, study())
    assert legend_labels(axes) == ["stopped early (1)", "trained in full (1)", "failed (1)", "best (trial 1)"]


def test_a_trial_without_a_finite_value_is_marked_at_the_worst_end() -> None:
    axes = figures.Figure().subplots()
    draw_learning_curves(axes, study())
    assert [points(line) for line in axes.lines if line.get_marker() == "x"][1] == [[1], [0.985]]
