from __future__ import annotations

import dataclasses
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from raytune_suite.bench import analysis, statistics
from raytune_suite.bench.report.build import REPETITIONS, SEED, build_document
from raytune_suite.bench.report.page import write
from raytune_suite.bench.store import FAILED, PROTOCOL, TUNING_METRIC
from raytune_suite.pages.formatting import format_number
from raytune_suite.pages.html import html
from tests.bench.report.example import METHODS, WORKLOADS, comparison, save

if TYPE_CHECKING:
    from pathlib import Path

    from raytune_suite.bench.store import Results

SECTIONS = [
    "headline", "significance", "anytime", "mean-rank", "profiles", "gap", "speed-up", "workloads", "missing",
    "protocol", "repeat",
]  # fmt: skip
VOID = {"meta", "link", "br", "hr", "img", "input"}


class Reader(HTMLParser):
    """Parses a page: its text, its tags with their attributes, its tables, and unclosed tags."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text, self.tables = "", {}  # type: str, dict[str, list[list[str]]]
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.caption = ""
        self.page = page
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "caption":
            self.caption = ""
        if tag == "tr":
            self.tables.setdefault(self.caption, []).append([])
        if tag in ("td", "th"):
            self.tables[self.caption][-1].append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data
        if "caption" in self.open:
            self.caption += data
        if {"td", "th"} & set(self.open):
            self.tables[self.caption][-1][-1] += data


def read(results: Results) -> Reader:
    """The page of a comparison."""
    return Reader(html(build_document(results, from_file=True)))


def table(page: Reader, caption: str) -> dict[str, list[str]]:
    """The rows of the table whose caption begins like this, by their first cell."""
    rows = next(rows for name, rows in page.tables.items() if name.startswith(caption))
    return {row[0]: row[1:] for row in rows[1:]}


@pytest.fixture(scope="module")
def results() -> Results:
    """A small comparison."""
    return comparison()


@pytest.fixture(scope="module")
def page(results: Results) -> Reader:
    """Its page."""
    return read(results)


@pytest.mark.slow
def test_the_page_has_all_sections_and_every_tag_is_closed(page: Reader) -> None:
    assert [attributes["id"] for tag, attributes in page.tags if tag == "section"] == SECTIONS
    assert page.open == []


@pytest.mark.slow
def test_the_headline_table_has_the_numbers_of_the_analysis(results: Results, page: Reader) -> None:
    group, _ = analysis.comparison_groups(results)
    expected = analysis.headline(results, group, "random", SEED, REPETITIONS)
    shown = table(page, "All workloads: 3 methods, 3 workloads")
    assert list(shown) == list(expected.index)
    for method, row in expected.to_dict("index").items():
        cells = shown[str(method)]
        interval = f"[{format_number(row['low'])}, {format_number(row['high'])}]"
        assert cells[0].split(maxsplit=1) == [format_number(row["mean"]), interval]
        assert cells[1:3] == [format_number(row["iqm"]), f"{row['mean_rank']:.2f}"]


@pytest.mark.slow
def test_the_table_of_workloads_has_the_interquartile_means_of_the_runs(results: Results, page: Reader) -> None:
    shown = table(page, "Regret at the end")
    assert list(shown) == list(WORKLOADS)
    for workload, cells in shown.items():
        for method, cell in zip(METHODS, cells, strict=True):
            if (method, workload) == ("pbt", "toy/table"):
                assert cell == ""
                continue
            assert cell == format_number(float(statistics.iqm(analysis.regrets(results, method, (workload,)))))


@pytest.mark.slow
def test_every_figure_has_a_description_for_screen_readers(page: Reader) -> None:
    figures = [attributes["id"] for tag, attributes in page.tags if tag == "figure"]
    labels = [attributes.get("aria-label") for tag, attributes in page.tags if attributes.get("role") == "img"]
    assert len(figures) == len(set(figures)) == len(labels)
    assert all(labels)
    for kind in ("headline", "anytime-cost", "anytime-time", "rank-cost", "profile", "gap", "speed-up"):
        assert f"{kind}-0" in figures
    assert "workload-2-curves" in figures


@pytest.mark.slow
def test_the_page_loads_no_external_resources(page: Reader) -> None:
    for tag, attributes in page.tags:
        assert tag not in ("script", "img", "iframe", "object", "embed")
        for name in ("src", "href"):
            assert (attributes.get(name) or "#").startswith(("#", "data:,"))
    assert "url(http" not in page.page


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the tables of a small comparison."""
    return save(comparison(METHODS[:2], WORKLOADS[:1], **WHOLE), tmp_path_factory.mktemp("page") / "results")


@pytest.fixture(scope="module")
def folder(tables: Path) -> Path:
    """A copy of the folder with the report."""
    place = tables.with_name("reported")
    shutil.copytree(tables, place)
    assert write(place) == place / "report.html"
    return place


@pytest.mark.slow
def test_the_same_results_give_the_same_bytes(folder: Path) -> None:
    from_file = (folder / PROTOCOL).is_file()
    again = html(build_document(comparison(METHODS[:2], WORKLOADS[:1], **WHOLE), from_file=from_file))
    assert again == (folder / "report.html").read_text()


@pytest.mark.slow
def test_all_files_are_written_into_the_folder_of_the_tables(folder: Path, tables: Path) -> None:
    before = {path.name for path in tables.iterdir()}
    assert {path.name for path in folder.iterdir()} - before == {"report.html", "report.md", "report.svg"}
    assert (folder / "report.md").read_text().startswith("# Comparison “toy”")
    drawing = (folder / "report.svg").read_text()
    assert ET.fromstring(drawing).tag == "{http://www.w3.org/2000/svg}svg"  # noqa: S314 - written by this package
    assert "var(--" not in drawing


@pytest.mark.slow
def test_names_and_errors_with_markup_are_escaped() -> None:
    name = "<script>alert(1)</script>$x^2$"
    page = read(
        comparison([name, "random"], ["a|<b>&"], error="</td>'\"<i>", refused=(), failed=((name, "a|<b>&", 0),))
    )
    assert page.open == []
    assert not any(tag in ("script", "i", "b") for tag, _ in page.tags)
    assert name in page.text
    assert "</td>'\"<i>" in page.text


def without_bounds(results: Results) -> Results:
    for name, about in results.manifest["workloads"].items():
        results.manifest["workloads"][name] = {**about, "bounds": None}
    results.results["regret"] = results.results["tuning_regret"] = results.results["test_regret"] = np.nan
    results.trajectories["tuning_regret"] = np.nan
    return results


def all_failed(results: Results) -> Results:
    nothing = {name: getattr(results, name).iloc[:0] for name in ("results", "trajectories", "timings")}
    return dataclasses.replace(results, runs=results.runs.assign(status=FAILED, error="no"), **nothing)


TWO = ("asha", "random")
WHOLE: dict[str, Any] = {"refused": (), "failed": ()}
LONG = (pytest.mark.e2e, pytest.mark.long)


@pytest.mark.parametrize(
    ("arguments", "change", "messages"),
    [
        pytest.param(
            {"methods": ["asha"], "workloads": ["w"], "seeds": 1}, None, ["Not enough data"], marks=pytest.mark.e2e
        ),
        pytest.param(
            {"methods": TWO, "workloads": ["w"]}, None, ["Not enough data", "2 methods on 1 workload"], marks=LONG
        ),
        pytest.param(
            {"methods": TWO, "workloads": ["w1", "w2", "w3", "w4", "w5"]},
            None,
            ["Wilcoxon's signed-rank test over 5 workloads"],
            marks=LONG,
        ),
        pytest.param(
            {"methods": TWO, "workloads": ["w"], "judged_by": [TUNING_METRIC]},
            None,
            ["No workload with seed noise"],
            marks=pytest.mark.e2e,
        ),
        ({"methods": TWO, "workloads": ["w"]}, all_failed, ["6 of 6 runs failed", "no run has an incumbent"]),
        ({"methods": TWO, "workloads": ["w"]}, without_bounds, ["cannot be compared"]),
    ],
    ids=["one run", "one workload", "two methods", "no test seeds", "all failed", "no bounds"],
)
@pytest.mark.slow
def test_comparisons_with_little_data_have_all_sections_and_a_message(
    arguments: dict[str, Any], change: Any, messages: list[str]
) -> None:
    results = comparison(**{**WHOLE, **arguments})
    page = read(results if change is None else change(results))
    assert [attributes["id"] for tag, attributes in page.tags if tag == "section"] == SECTIONS
    for expected in messages:
        assert expected in page.text
    assert "nan" not in page.text.lower().replace("nan\u2060", "")


@pytest.mark.e2e
def test_importing_the_page_loads_neither_ray_nor_optional_packages() -> None:
    unwanted = "{'ray', 'torch', 'matplotlib', 'jinja2'}"
    program = f"import sys, raytune_suite.bench.report.page; print({unwanted} & set(sys.modules))"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - a fixed command
    assert done.stdout.strip() == "set()"


@pytest.mark.slow
def test_the_gap_table_has_the_numbers_of_the_analysis_for_each_group(results: Results, page: Reader) -> None:
    _, group = analysis.comparison_groups(results)
    kept = results.results[results.results["workload"].isin(group.workloads)]
    expected = analysis.tuning_test_gaps(dataclasses.replace(results, results=kept)).to_dict("index")
    shown = table(page, "Tuning seeds against test seeds. Workloads supported by pbt")
    assert list(shown) == list(expected)
    for method, row in expected.items():
        assert shown[str(method)][:2] == [format_number(row["tuning"]), format_number(row["test"])]
        assert shown[str(method)][2] == f"{row['gap']:+.3g}"
