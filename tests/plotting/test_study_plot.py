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
from tests.plotting.example import study

if TYPE_CHECKING:
    from pathlib import Path

    from raytune_suite.plotting.study_data import StudyData

needed("matplotlib")
images = Later("matplotlib.image")
NO_ROWS = pd.DataFrame({name: pd.Series(dtype=float) for name in ("elapsed", "cost", "trial", "resource", "value")})


def without_values(before: StudyData) -> StudyData:
    reports = before.reports.assign(value=np.nan)
    return replace(before, reports=reports, incumbent=NO_ROWS, test_scores=None)


def without_trials(before: StudyData) -> StudyData:
    return replace(without_values(before), reports=NO_ROWS, trials=before.trials.iloc[:0])


def without_started_trials(before: StudyData) -> StudyData:
    return replace(without_trials(before), trials=before.trials.assign(outcome="unfinished"))


def with_one_report(before: StudyData) -> StudyData:
    first = before.incumbent.iloc[:1]
    return replace(before, reports=before.reports.iloc[:1], trials=before.trials.iloc[:1], incumbent=first)


def with_huge_values(before: StudyData) -> StudyData:
    return replace(before, reports=before.reports.assign(value=[1.7e308, -1.7e308, np.inf, -np.inf, 1, 0]))


def with_huge_values_only(before: StudyData) -> StudyData:
    return replace(
        before,
        reports=before.reports.assign(value=1.7e308),
        incumbent=before.incumbent.assign(value=1.7e308),
        test_scores=None,
    )


def with_losses_of_all_magnitudes(before: StudyData) -> StudyData:
    return replace(before, reports=before.reports.assign(value=[1.7e308, 9e199, 1e-300, 1, 1e9, 0.4]))


def with_failed_tests(before: StudyData) -> StudyData:
    return replace(before, test_scores=pd.DataFrame({"seed": [5, 6], "value": [np.nan, np.nan]}), max_t=None)


def to_maximize(before: StudyData) -> StudyData:
    return replace(before, mode="max")


@pytest.mark.parametrize(
    "change",
    [
        without_values,
        without_trials,
        with_huge_values,
        with_huge_values_only,
        *(
            pytest.param(change, marks=pytest.mark.e2e)
            for change in (
                without_started_trials,
                with_one_report,
                with_losses_of_all_magnitudes,
                with_failed_tests,
                to_maximize,
            )
        ),
    ],
)
@pytest.mark.slow
def test_unusual_studies_can_be_plotted(change: object, tmp_path: Path) -> None:
    assert callable(change)
    image = images.imread(plot_study(change(study()), tmp_path / "study.png"))
    assert image.std() > 0.01, "the figure is not empty"


@pytest.mark.parametrize(
    ("suffix", "start"), [(".svg", b"<?xml"), pytest.param(".PDF", b"%PDF", marks=pytest.mark.e2e)]
)
@pytest.mark.slow
def test_the_suffix_decides_the_format(suffix: str, start: bytes, tmp_path: Path) -> None:
    path = plot_study(study(), str(tmp_path / "new" / f"study{suffix}"))
    assert path == tmp_path / "new" / f"study{suffix}"
    assert path.read_bytes().startswith(start)


def test_other_suffixes_are_rejected_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"study\.jpg"):
        plot_study(study(), tmp_path / "new" / "study.jpg")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_an_existing_figure_is_replaced_by_a_png_of_the_documented_size_and_no_draft_is_left(tmp_path: Path) -> None:
    (tmp_path / "study.png").write_bytes(b"old")
    path = plot_study(study(), tmp_path / "study.png")
    assert path.read_bytes().startswith(b"\x89PNG")
    height, width, _ = images.imread(path).shape
    assert (width, height) == (1680, 740)
    assert list(tmp_path.iterdir()) == [path]


def test_an_existing_figure_survives_a_failure(tmp_path: Path) -> None:
    (tmp_path / "study.png").write_bytes(b"old")
    with pytest.raises(KeyError):
        plot_study(replace(study(), trials=pd.DataFrame({"state": ["TERMINATED"]})), tmp_path / "study.png")
    assert (tmp_path / "study.png").read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.e2e
def test_importing_loads_neither_matplotlib_nor_ray_and_plotting_does_not_load_pyplot(tmp_path: Path) -> None:
    program = (
        "import sys, raytune_suite.plotting as plotting, pandas as pd; from types import SimpleNamespace as N\n"
        "print(sorted({'matplotlib', 'ray'} & set(sys.modules)))\n"
        "e = pd.DataFrame(columns=['elapsed', 'cost', 'trial', 'resource', 'value', 'outcome'], dtype=float)\n"
        "s = N(name='', method='', metric='', mode='min', time_attr='', max_t=1, reports=e, incumbent=e, trials=e,"
        " test_scores=None)\n"
        "plotting.plot_study(s, sys.argv[1])\n"
        "print(sorted({'matplotlib.pyplot', 'ray'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "study.png")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - a fixed command
    assert done.stdout.split() == ["[]", "[]"]
