"""The page of a study: sections, escaping, sizes, and studies with little data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from raytune_suite.cli import main
from raytune_suite.errors import ArgumentError
from raytune_suite.pages.html import html
from raytune_suite.plotting import plot_study
from raytune_suite.plotting.panels import study_panels
from raytune_suite.plotting.study import KINDS
from raytune_suite.report.build import study_document, write_report
from tests.bench.report.test_page import Reader
from tests.optional_packages import needed
from tests.report.example import study

if TYPE_CHECKING:
    from pathlib import Path

needed("matplotlib")

SECTIONS = [
    "result", "curves", "importance", "slices", "contours", "parallel", "fidelities", "workers", "trials", "failures",
]  # fmt: skip


@pytest.fixture(scope="module")
def page() -> Reader:
    """The page of a study of 40 trials."""
    return Reader(html(study_document(study(40))))


@pytest.mark.slow
def test_the_page_has_all_sections_and_every_tag_is_closed(page: Reader) -> None:
    assert [attributes["id"] for tag, attributes in page.tags if tag == "section"] == SECTIONS
    assert page.open == []


@pytest.mark.slow
def test_the_page_loads_nothing(page: Reader) -> None:
    for tag, attributes in page.tags:
        assert tag not in ("script", "img", "iframe", "object", "embed")
        for name in ("src", "href"):
            assert (attributes.get(name) or "#").startswith(("#", "data:,"))
    assert "url(http" not in page.page


@pytest.mark.slow
def test_names_and_errors_are_escaped(page: Reader) -> None:
    assert not any(tag in ("script", "i", "b") for tag, _ in page.tags)
    assert "RuntimeError: <script>alert(1)</script>" in page.text
    assert "fictitious <i>" in page.text


@pytest.mark.parametrize(("trials", "failed"), [(0, 0), (1, 1), (1, 0)])
@pytest.mark.slow
def test_studies_with_few_trials_have_a_page(trials: int, failed: int, tmp_path: Path) -> None:
    path = write_report(study(trials, failed=failed), tmp_path / "new" / "page.html", status="running")
    assert "running" in path.read_text()


@pytest.mark.parametrize("kind", ["slices", "ranks"])
@pytest.mark.slow
def test_single_kinds_of_figures_can_be_plotted(kind: str, tmp_path: Path) -> None:
    assert plot_study(study(120), tmp_path / "figure.svg", kind=kind).stat().st_size > 5000


@pytest.mark.slow
def test_the_kinds_are_those_of_the_panels() -> None:
    assert {kind for kind, panels in study_panels(study(120)).items() if panels} == {*KINDS}


def test_an_unknown_kind_or_one_without_data_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="slice"):
        plot_study(study(5), tmp_path / "figure.png", kind="slice")
    with pytest.raises(ArgumentError, match="slices"):
        plot_study(study(0), tmp_path / "figure.png", kind="slices")
    assert list(tmp_path.iterdir()) == []


def test_the_command_needs_a_study(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(tmp_path / "none")]) == 2
    assert str(tmp_path / "none") in capsys.readouterr().err
