"""The gap between the regret on the tuning seeds and that on the test seeds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from raytune_suite.bench import analysis
from raytune_suite.bench.report import figures
from raytune_suite.bench.report.sections.headline import group_title
from raytune_suite.pages.document import Cell, Panels, Paragraph, ReportTable, Section
from raytune_suite.pages.formatting import format_number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from raytune_suite.bench.analysis import ComparisonGroup
    from raytune_suite.bench.store import Results
    from raytune_suite.pages.document import Block
    from raytune_suite.pages.line_styles import LineStyle

NAME, TITLE = "gap", "Tuning seeds against test seeds"

INTRODUCTION = (
    "A method sees the tuning seeds only, so the regret of its incumbent on these seeds is optimistic. Open dot: the "
    "regret on the tuning seeds; full dot: that on the test seeds, in new trainings. Only workloads with seed noise "
    "and runs with a fully trained incumbent count; values are means over workloads. A regret below 0 is better than "
    "the fixed best bound."
)


def section(results: Results, groups: Sequence[ComparisonGroup], line_styles: Mapping[str, LineStyle]) -> Section:
    """Return the section with the gaps of each group."""
    blocks: list[Block] = []
    for number, group in enumerate(groups):
        table = analysis.tuning_test_gaps(restricted(results, group)).to_dict("index")
        if not table:
            continue
        title = group_title(group, groups)
        pairs = {str(method): (row["tuning"], row["test"]) for method, row in table.items()}
        picture = figures.pairs_picture(f"gap-{number}", title, pairs, line_styles, label="normalized regret")
        rows = [
            (
                str(method),
                [
                    Cell(format_number(row["tuning"])),
                    Cell(format_number(row["test"])),
                    Cell(f"{row['gap']:+.3g}"),
                    Cell(f"{row['runs']:.0f}"),
                ],
            )
            for method, row in table.items()
        ]
        columns = ["Method", "On tuning seeds", "On test seeds", "Gap", "Runs"]
        blocks += [Panels([picture], wide=True), ReportTable(f"{TITLE}. {title}", columns, rows)]
    if not blocks:
        return Section(NAME, TITLE, [Paragraph("No workload with seed noise was evaluated on test seeds.")])
    return Section(NAME, TITLE, [Paragraph(INTRODUCTION), *blocks])


def restricted(results: Results, group: ComparisonGroup) -> Results:
    """Restrict a comparison to the methods and workloads of a group."""
    tables: dict[str, Any] = {
        name: table[table["method"].isin(group.methods) & table["workload"].isin(group.workloads)]
        for name, table in (("results", results.results), ("runs", results.runs))
    }
    return replace(results, **tables)
