from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from raytune_suite.bench.report import drawings
from raytune_suite.bench.report.drawings import Interval, PlottedCurve
from raytune_suite.pages.axes import WIDTH
from raytune_suite.pages.line_styles import assign_line_styles
from tests.optional_packages import Later

if TYPE_CHECKING:
    from matplotlib.figure import Figure

figures = Later("matplotlib.figure")
pytestmark = pytest.mark.slow
STYLES = assign_line_styles(["one", "two", "three"])
X = np.array([1.0, 2.0, 3.0])


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def test_curves_are_steps_and_labelled_at_their_ends() -> None:
    figure = figures.Figure((WIDTH, 3))
    curves = {"one": PlottedCurve(X, np.array([3.0, 2.0, 1.0])), "two": PlottedCurve(X, np.array([np.nan, 2.0, 2.0]))}
    drawings.draw_curves(figure, curves, STYLES, labels=("cost", "regret"))
    assert texts(figure) == ["one", "two"]
    steps = [line for line in figure.axes[0].lines if line.get_drawstyle() == "steps-post"]
    assert [np.asarray(line.get_xdata()).tolist() for line in steps] == [X.tolist(), X.tolist()]


def test_with_a_focus_other_curves_have_no_label_and_no_band() -> None:
    figure = figures.Figure((WIDTH, 3))
    curves = {name: PlottedCurve(X, X, X - 0.5, X + 0.5) for name in ("one", "two", "three")}
    drawings.draw_curves(figure, curves, STYLES, labels=("cost", "regret"), focus="two")
    assert texts(figure) == []
    assert len(figure.axes[0].collections) == 1
    assert len(figure.axes[0].lines) == 4  # three curves and the one marker


def test_a_regret_of_zero_is_drawn_at_the_floor_of_a_logarithmic_axis() -> None:
    figure = figures.Figure((WIDTH, 3))
    curves = {"one": PlottedCurve(X, np.array([1.0, 0.1, 0.0]))}
    drawings.draw_curves(figure, curves, STYLES, labels=("cost", "regret"), log_y=True)
    axes = figure.axes[0]
    assert axes.get_yscale() == "log"
    assert axes.lines[0].get_ydata()[-1] == drawings.FLOOR
    assert axes.get_ylim()[0] < drawings.FLOOR


def test_curves_without_finite_values_give_a_message() -> None:
    figure = figures.Figure((WIDTH, 3))
    drawings.draw_curves(figure, {"one": PlottedCurve(X, X * np.nan)}, STYLES, labels=("cost", "regret"))
    (message,) = texts(figure)
    assert "finite" in message


def test_an_infinite_value_is_shown_as_never() -> None:
    figure = figures.Figure((WIDTH, 3))
    rows = [Interval("one", 2.0, 1.0, 4.0), Interval("two", np.inf, 3.0, np.inf)]
    drawings.draw_intervals(figure, rows, STYLES, label="speed-up", log=True, reference=1.0)
    assert texts(figure) == ["one", "two", "never"]


def test_the_critical_difference_diagram_has_one_bar_per_clique_of_two_or_more() -> None:
    figure = figures.Figure((WIDTH, 3))
    ranks = {"one": 1.2, "two": 1.8, "three": 3.0}
    drawings.draw_critical_difference(figure, ranks, [["one", "two"], ["three"]], 0.9, STYLES)
    thick = [line for line in figure.axes[0].lines if line.get_linewidth() > 3]
    assert len(thick) == 1
    assert "three  3.00" in texts(figure)
    assert "critical difference 0.90" in texts(figure)
