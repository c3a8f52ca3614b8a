"""The figure of a study is written atomically and copes with studies that went wrong."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from raytune_suite.errors import ArgumentError
from raytune_suite.plotting import plot_study
from tests.optional_packages import Later, needed
from tests.plotting.example import Study

if TYPE_CHECKING:
    from pathlib import Path

needed("matplotlib")
images = Later("matplotlib.image")
NO_ROWS = pd.DataFrame({name: pd.Series(dtype=float) for name in ("elapsed", "cost", "trial", "resource", "value")})


def without_values(study: Study) -> Study:
    reports = study.reports.assign(value=np.nan)
    return replace(study, reports=reports, incumbent=NO_ROWS, best_trial=None, test_scores=None)


def without_trials(study: Study) -> Study:
    return replace(without_values(study), reports=NO_ROWS, trials=study.trials.iloc[:0])


def without_started_trials(study: Study) -> Study:
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
        without_started_trials,
        with_one_report,
        with_huge_values,
        with_losses_of_all_magnitudes,
        with_failed_tests,
        to_maximize,
    ],
)
@pytest.mark.slow
def test_unusual_studies_can_be_plotted(change: object, tmp_path: Path) -> None:
    assert callable(change)
    image = images.imread(plot_study(change(Study()), tmp_path / "study.png"))
    assert image.std() > 0.01, "the figure is not empty"


@pytest.mark.parametrize(("suffix", "start"), [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".PDF", b"%PDF")])
@pytest.mark.slow
def test_the_suffix_decides_the_format(suffix: str, start: bytes, tmp_path: Path) -> None:
    path = plot_study(Study(), str(tmp_path / "new" / f"study{suffix}"))
    assert path == tmp_path / "new" / f"study{suffix}"
    assert path.read_bytes().startswith(start)


@pytest.mark.slow
def test_a_png_has_the_documented_size(tmp_path: Path) -> None:
    height, width, _ = images.imread(plot_study(Study(), tmp_path / "study.png")).shape
    assert (width, height) == (1680, 740)


def test_other_suffixes_are_rejected_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"study\.jpg"):
        plot_study(Study(), tmp_path / "new" / "study.jpg")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_an_existing_figure_is_replaced_and_no_draft_is_left(tmp_path: Path) -> None:
    (tmp_path / "study.png").write_bytes(b"old")
    path = plot_study(Study(), tmp_path / "study.png")
    assert path.read_bytes().startswith(b"\x89PNG")
    assert list(tmp_path.iterdir()) == [path]


def test_an_existing_figure_survives_a_failure(tmp_path: Path) -> None:
    (tmp_path / "study.png").write_bytes(b"old")
    with pytest.raises(KeyError):
        plot_study(replace(Study(), trials=pd.DataFrame({"state": ["TERMINATED"]})), tmp_path / "study.png")
    assert (tmp_path / "study.png").read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.e2e
def test_importing_loads_neither_matplotlib_nor_ray_and_plotting_does_not_load_pyplot(tmp_path: Path) -> None:
    program = (
        "import sys, raytune_suite.plotting as plotting, pandas as pd; from types import SimpleNamespace as N\n"
        "print(sorted({'matplotlib', 'ray'} & set(sys.modules)))\n"
        "e = pd.DataFrame(columns=['elapsed', 'cost', 'trial', 'resource', 'value', 'outcome'], dtype=float)\n"
        "s = N(name='', method='', metric='', mode='min', time_attr='', max_t=1, reports=e, incumbent=e, trials=e,"
        " best_trial=None, test_scores=None)\n"
        "plotting.plot_study(s, sys.argv[1])\n"
        "print(sorted({'matplotlib.pyplot', 'ray'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "study.png")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - a fixed command
    assert done.stdout.split() == ["[]", "[]"]
