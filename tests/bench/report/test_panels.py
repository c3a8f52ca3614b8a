from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from raytune_suite.bench.report import axes, panels
from raytune_suite.bench.report.line_styles import looks
from raytune_suite.bench.report.panels import Curve, Interval

LOOKS = looks(["one", "two", "three"])
X = np.array([1.0, 2.0, 3.0])


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for drawn in figure.axes for text in drawn.texts]


@given(st.lists(st.floats(-0.5, 1.5), min_size=1, max_size=12))
def test_labels_are_pushed_apart_in_order_and_within_their_room(places: list[float]) -> None:
    gap = 1 / 12
    moved = axes.apart(np.array(places), gap)
    ordered = moved[np.argsort(places, kind="stable")]
    assert (np.diff(ordered) >= gap - 1e-9).all()
    assert ordered[0] >= -1e-9
    assert ordered[-1] <= 1 + 1e-9


def test_labels_with_room_stay_where_they_are() -> None:
    places = np.array([0.9, 0.1, 0.5])
    assert axes.apart(places, 0.2) == pytest.approx(places)


def test_curves_are_steps_and_each_is_named_where_it_ends() -> None:
    figure = Figure((axes.WIDTH, 3))
    curves = {"one": Curve(X, np.array([3.0, 2.0, 1.0])), "two": Curve(X, np.array([np.nan, 2.0, 2.0]))}
    panels.draw_curves(figure, curves, LOOKS, labels=("cost", "regret"))
    assert texts(figure) == ["one", "two"]
    steps = [line for line in figure.axes[0].lines if line.get_drawstyle() == "steps-post"]
    assert [np.asarray(line.get_xdata()).tolist() for line in steps] == [X.tolist(), X.tolist()]


def test_a_focus_names_no_other_and_draws_no_other_band() -> None:
    figure = Figure((axes.WIDTH, 3))
    curves = {name: Curve(X, X, X - 0.5, X + 0.5) for name in ("one", "two", "three")}
    panels.draw_curves(figure, curves, LOOKS, labels=("cost", "regret"), focus="two")
    assert texts(figure) == []
    assert len(figure.axes[0].collections) == 1
    assert len(figure.axes[0].lines) == 4  # three curves and the one marker


def test_a_regret_of_zero_is_drawn_at_the_floor_of_a_logarithmic_axis() -> None:
    figure = Figure((axes.WIDTH, 3))
    curves = {"one": Curve(X, np.array([1.0, 0.1, 0.0]))}
    panels.draw_curves(figure, curves, LOOKS, labels=("cost", "regret"), log_y=True)
    drawn = figure.axes[0]
    assert drawn.get_yscale() == "log"
    assert drawn.lines[0].get_ydata()[-1] == panels.FLOOR  # type: ignore[index]
    assert drawn.get_ylim()[0] < panels.FLOOR


def test_nothing_finite_is_said_instead_of_drawn() -> None:
    figure = Figure((axes.WIDTH, 3))
    panels.draw_curves(figure, {"one": Curve(X, X * np.nan)}, LOOKS, labels=("cost", "regret"))
    assert texts(figure) == ["nothing finite to show"]


def test_an_infinite_value_is_called_never() -> None:
    figure = Figure((axes.WIDTH, 3))
    rows = [Interval("one", 2.0, 1.0, 4.0), Interval("two", np.inf, 3.0, np.inf)]
    panels.draw_intervals(figure, rows, LOOKS, label="speed-up", log=True, reference=1.0)
    assert texts(figure) == ["one", "two", "never"]


def test_the_diagram_has_one_bar_per_clique_of_two_and_more() -> None:
    figure = Figure((axes.WIDTH, 3))
    ranks = {"one": 1.2, "two": 1.8, "three": 3.0}
    panels.draw_critical_difference(figure, ranks, [["one", "two"], ["three"]], 0.9, LOOKS)
    thick = [line for line in figure.axes[0].lines if line.get_linewidth() > 3]
    assert len(thick) == 1
    assert "three  3.00" in texts(figure)
    assert "critical difference 0.90" in texts(figure)
