"""The main result: a table and a figure of the regret of each method, by group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raytune_suite.bench.report import figures
from raytune_suite.bench.report.drawings import Interval
from raytune_suite.pages.document import Cell, Heading, Panels, Paragraph, ReportTable, Section
from raytune_suite.pages.formatting import format_count, format_interval, format_number, join_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from raytune_suite.bench.analysis import ComparisonGroup
    from raytune_suite.pages.document import Block
    from raytune_suite.pages.line_styles import LineStyle

INTRODUCTION = (
    "Regret is the distance to the best bound of a workload, relative to the workload's fixed range: 0 is the best "
    "bound, 1 the worst, and a failed run counts as 1. The regret of a method is the interquartile mean of its runs at "
    "the end of the budget, averaged over workloads with equal weights; lower is better. The column “All runs, IQM” "
    "pools the runs of all workloads, so that the easiest and the hardest workloads may be trimmed. The intervals "
    "reflect the choice of method seeds, not that of workloads or test seeds."
)


def group_title(group: ComparisonGroup, groups: Sequence[ComparisonGroup]) -> str:
    """Return the title of a group."""
    methods, workloads = len(group.methods), len(group.workloads)
    separator = "," if len(groups) > 1 else " on"
    size = f"{format_count(methods, 'method')}{separator} {format_count(workloads, 'workload')}"
    if len(groups) == 1:
        return size
    if all(set(other.workloads) <= set(group.workloads) for other in groups):
        return f"All workloads: {size}"
    added = [method for method in group.methods if method not in groups[0].methods]
    return f"Workloads supported by {join_names(added or group.methods)}: {size}"


def section(
    tables: Mapping[ComparisonGroup, pd.DataFrame], baseline: str | None, line_styles: Mapping[str, LineStyle]
) -> Section:
    """Return the section with the tables of `analysis.headline`."""
    blocks: list[Block] = [Paragraph(INTRODUCTION)]
    groups = list(tables)
    if len(groups) > 1:
        blocks.append(
            Paragraph(
                "Not every method supports every workload. Each group below compares all methods that support a "
                "certain set of workloads, on these workloads only."
            )
        )
    for number, (group, table) in enumerate(tables.items()):
        title = group_title(group, groups)
        rows = [
            Interval(str(method), row["mean"], row["low"], row["high"])
            for method, row in table.to_dict("index").items()
        ]
        picture = figures.intervals_picture(
            f"headline-{number}", f"Regret. {title}", rows, line_styles, label="normalized regret", log=True
        )
        blocks += [
            Heading(title),
            headline_table(f"{title}, best first", table, baseline),
            Panels([picture], wide=True),
        ]
    if not groups:
        blocks.append(Paragraph("No workload with runs has fixed bounds: methods cannot be compared.", "warn"))
    return Section("headline", "Results", blocks, summarized=True)


def headline_table(caption: str, table: pd.DataFrame, baseline: str | None) -> ReportTable:
    """Return the table of a group."""
    columns = ["Method", "Regret [95 %]", "All runs, IQM", "Mean rank", "Failed runs"]
    compared = baseline is not None and bool(table["improvement"].notna().any())
    if compared:
        columns.insert(4, f"P(better than {baseline}) [95 %]")
    rows = []
    for method, row in table.to_dict("index").items():
        cells = [
            Cell(
                format_number(row["mean"]),
                format_interval(row["low"], row["high"]),
                "best" if row["mean"] == table["mean"].min() else "",
            ),
            Cell(format_number(row["iqm"]), kind="best" if row["iqm"] == table["iqm"].min() else ""),
            Cell(f"{row['mean_rank']:.2f}", kind="best" if row["mean_rank"] == table["mean_rank"].min() else ""),
        ]
        if compared:
            interval = format_interval(row["improvement_low"], row["improvement_high"])
            cells.append(Cell(format_number(row["improvement"]), interval))
        cells.append(Cell(str(row["failures"])))
        rows.append((str(method), cells))
    return ReportTable(caption, columns, rows)
