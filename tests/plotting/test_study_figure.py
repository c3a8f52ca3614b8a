"""The picture of a study: it is written whole, shows what happened, and survives studies that went wrong."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("matplotlib")

from matplotlib.figure import Figure
from matplotlib.image import imread

from raytune_suite.errors import ArgumentError
from raytune_suite.plotting import plot_study
from raytune_suite.plotting.study_figure import draw_curves, draw_incumbent, limits, spans_decades

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

    from raytune_suite.types import Mode

NOTHING = pd.DataFrame({name: pd.Series(dtype=float) for name in ("elapsed", "cost", "trial", "resource", "value")})


@dataclass(frozen=True)
class Study:
    """Three trials: one is stopped after 1 of 4 epochs, one reaches all 4, one fails with no number."""

    name: str = "a study with $ and _"
    method: str = "asha"
    metric: str = "val_loss_$"
    mode: Mode = "min"
    time_attr: str = "training_iteration"
    max_t: int | None = 4
    reports: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(
            [(0, 1, 2.0), (1, 1, 1.0), (1, 2, 0.5), (2, 1, np.nan), (1, 3, 0.6), (1, 4, 0.4)],
            columns=["trial", "resource", "value"],
        ).assign(elapsed=range(6))
    )
    incumbent: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(
            [(0, 1, 0, 1, 2.0), (1, 2, 1, 1, 1.0), (2, 3, 1, 2, 0.5), (5, 6, 1, 4, 0.4)],
            columns=["elapsed", "cost", "trial", "resource", "value"],
        )
    )
    trials: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(
            {
                "outcome": ["stopped early", "trained in full", "failed"],
                "resource": [1, 4, 1],
                "value": [2.0, 0.4, np.nan],
            }
        )
    )
    best_trial: int | None = 1
    test_scores: pd.DataFrame | None = field(
        default_factory=lambda: pd.DataFrame({"seed": [5, 6], "value": [0.45, 0.55]})
    )


@pytest.fixture
def axes() -> Axes:
    return Figure().subplots()


def labels(axes: Axes) -> list[str]:
    return [str(label) for label in axes.get_legend_handles_labels()[1]]


def points(line: Line2D) -> list[list[float]]:
    """The x and the y of a line."""
    return [np.asarray(data, dtype=float).tolist() for data in line.get_data()]


def without_values(study: Study) -> Study:
    reports = study.reports.assign(value=np.nan)
    return replace(study, reports=reports, incumbent=NOTHING, best_trial=None, test_scores=None)


def without_trials(study: Study) -> Study:
    return replace(without_values(study), reports=NOTHING, trials=study.trials.iloc[:0])


def without_starting(study: Study) -> Study:
    return replace(without_trials(study), trials=study.trials.assign(outcome="unfinished"))


def with_one_report(study: Study) -> Study:
    first = study.incumbent.iloc[:1]
    return replace(study, reports=study.reports.iloc[:1], trials=study.trials.iloc[:1], incumbent=first, best_trial=0)


def with_huge_values(study: Study) -> Study:
    return replace(study, reports=study.reports.assign(value=[1.7e308, -1.7e308, np.inf, -np.inf, 1, 0]))


def with_losses_of_all_magnitudes(study: Study) -> Study:
    return replace(study, reports=study.reports.assign(value=[1.7e308, 9e199, 1e-300, 1, 1e9, 0.4]))


def with_failed_tests(study: Study) -> Study:
    return replace(study, test_scores=pd.DataFrame({"seed": [5, 6], "value": [np.nan, np.nan]}), max_t=None)


def to_maximize(study: Study) -> Study:
    return replace(study, mode="max")


@pytest.mark.parametrize(
    "change",
    [
        without_values,
        without_trials,
        without_starting,
        with_one_report,
        with_huge_values,
        with_losses_of_all_magnitudes,
        with_failed_tests,
        to_maximize,
    ],
)
def test_a_study_that_went_otherwise_is_drawn_all_the_same(change: object, tmp_path: Path) -> None:
    assert callable(change)
    image = imread(plot_study(change(Study()), tmp_path / "study.png"))
    assert image.std() > 0.01, "not an empty page"


@pytest.mark.parametrize(("suffix", "start"), [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".PDF", b"%PDF")])
def test_the_suffix_decides_the_format(suffix: str, start: bytes, tmp_path: Path) -> None:
    path = plot_study(Study(), str(tmp_path / "new" / f"study{suffix}"))
    assert path == tmp_path / "new" / f"study{suffix}"
    assert path.read_bytes().startswith(start)


def test_a_png_is_wide_enough_for_a_page(tmp_path: Path) -> None:
    height, width, _ = imread(plot_study(Study(), tmp_path / "study.png")).shape
    assert (width, height) == (1680, 740)


def test_another_suffix_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"must end in one of \.png, \.svg, \.pdf"):
        plot_study(Study(), tmp_path / "new" / "study.jpg")
    assert list(tmp_path.iterdir()) == []


def test_an_older_picture_is_replaced_and_no_draft_is_left(tmp_path: Path) -> None:
    (tmp_path / "study.png").write_bytes(b"old")
    path = plot_study(Study(), tmp_path / "study.png")
    assert path.read_bytes().startswith(b"\x89PNG")
    assert list(tmp_path.iterdir()) == [path]


def test_an_older_picture_survives_a_failure(tmp_path: Path) -> None:
    (tmp_path / "study.png").write_bytes(b"old")
    with pytest.raises(KeyError):
        plot_study(replace(Study(), trials=pd.DataFrame({"state": ["TERMINATED"]})), tmp_path / "study.png")
    assert (tmp_path / "study.png").read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


def test_the_curves_are_counted_by_outcome_and_the_best_is_named(axes: Axes) -> None:
    draw_curves(axes, Study())
    assert labels(axes) == ["stopped early (1)", "trained in full (1)", "failed (1)", "best (trial 1)"]


def test_a_trial_without_a_number_is_marked_at_the_bad_end(axes: Axes) -> None:
    draw_curves(axes, Study())
    assert [points(line) for line in axes.lines if line.get_marker() == "x"][1] == [[1], [0.985]]


def test_the_incumbent_is_a_step_function_up_to_the_whole_cost(axes: Axes) -> None:
    draw_incumbent(axes, Study())
    step = axes.lines[0]
    assert step.get_drawstyle() == "steps-post"
    assert points(step) == [[1, 2, 3, 6, 6], [2.0, 1.0, 0.5, 0.4, 0.4]]


def test_the_test_scores_are_marked_with_their_mean_beyond_the_end(axes: Axes) -> None:
    draw_incumbent(axes, Study())
    assert labels(axes) == ["best so far, tuning: 0.4", "test, 2 seeds: mean 0.5"]
    ((places, scores),) = (points(line) for line in axes.lines if line.get_marker() == "D")
    assert scores == [0.45, 0.55]
    assert min(places) > 6


def test_the_axis_is_logarithmic_where_positive_values_span_decades() -> None:
    assert spans_decades(np.array([0.05, np.nan, 2.0]))
    assert not spans_decades(np.array([0.5, 2.0]))
    assert not spans_decades(np.array([0.0, 100.0]))
    assert not spans_decades(np.array([]))


def test_a_few_terrible_values_do_not_squeeze_the_others() -> None:
    values = np.append(np.linspace(1, 2, 99), 1e9)
    low, high = limits(values, "min")
    assert low < 1
    assert 2 < high < 3
    low, high = limits(-values, "max")
    assert -3 < low < -2
    assert high > -1
    low, high = limits(np.append(np.linspace(1, 2, 99), -1e9), "min")
    assert low < -1e9, "the best value is always in view"


def test_drawing_needs_no_pyplot_and_importing_needs_neither_matplotlib_nor_ray(tmp_path: Path) -> None:
    program = (
        "import sys, raytune_suite.report as report, pandas as pd; from types import SimpleNamespace as N\n"
        "print(sorted({'matplotlib', 'ray'} & set(sys.modules)))\n"
        "e = pd.DataFrame(columns=['elapsed', 'cost', 'trial', 'resource', 'value', 'outcome'], dtype=float)\n"
        "s = N(name='', method='', metric='', mode='min', time_attr='', max_t=1, reports=e, incumbent=e, trials=e,"
        " best_trial=None, test_scores=None)\n"
        "report.plot_study(s, sys.argv[1])\n"
        "print(sorted({'matplotlib.pyplot', 'ray'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "study.png")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - ours
    assert done.stdout.split() == ["[]", "[]"]
