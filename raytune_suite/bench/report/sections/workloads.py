"""The results on each workload: an overview table, and the curves and scores of each workload."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raytune_suite.bench import analysis
from raytune_suite.bench.report import figures
from raytune_suite.bench.report.sections.anytime_curves import AXES, REGRET, method_curves
from raytune_suite.bench.store import EXACT, TEST_SEEDS, TUNING_METRIC
from raytune_suite.pages.document import Cell, Collapsible, Panels, Paragraph, ReportTable, Section
from raytune_suite.pages.formatting import format_interval, format_number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from raytune_suite.bench.anytime import Trajectories
    from raytune_suite.bench.store import Results
    from raytune_suite.pages.document import Block
    from raytune_suite.pages.line_styles import LineStyle

REPETITIONS = analysis.BOOTSTRAP["curve_repetitions"]
"""The number of bootstrap samples."""

EVALUATED = {
    EXACT: "evaluated by the exact value",
    TEST_SEEDS: "evaluated on test seeds",
    TUNING_METRIC: "evaluated by the tuning metric",
}
"""How incumbents are evaluated, by `judged_by`."""


def section(
    results: Results,
    runs: Trajectories,
    line_styles: Mapping[str, LineStyle],
    *,
    workloads: Sequence[str],
    seed: int,
) -> Section:
    """Return the section with all workloads."""
    tables = {name: analysis.workload_table(results, name, seed, REPETITIONS) for name in workloads}
    rows = [(name, [regret_cell(table, method) for method in line_styles]) for name, table in tables.items()]
    caption = "Regret at the end of the budget by workload (interquartile mean over runs; empty: not supported)"
    blocks: list[Block] = [ReportTable(caption, ["Workload", *line_styles], rows)]
    for number, (name, table) in enumerate(tables.items()):
        facts = results.manifest["workloads"][name]
        details: list[Block] = [Paragraph(str(facts["summary"]), "note")]
        methods = [method for method in line_styles if method in table.index]
        if methods and facts["bounds"] is not None:
            curves = method_curves(runs, methods, [name], seed)
            picture = figures.curves_picture(
                f"workload-{number}-curves",
                "Regret over cost",
                curves,
                line_styles,
                labels=(AXES["cost"], REGRET),
                log_y=True,
            )
            details.append(Panels([picture], wide=True))
        details.append(score_table(results, name, table))
        direction = "lower is better" if facts["mode"] == "min" else "higher is better"
        blocks.append(Collapsible(f"workload-{number}", name, details, f"{facts['metric']}, {direction}"))
    return Section("workloads", "Results by workload", blocks, summarized=True)


def regret_cell(table: pd.DataFrame, method: str) -> Cell:
    """Return a method's cell in the overview table; empty if it does not support the workload."""
    if method not in table.index:
        return Cell("")
    iqm = table.to_dict("index")[method]["iqm"]
    return Cell(format_number(iqm), kind="best" if iqm == table["iqm"].min() else "")


def score_table(results: Results, workload: str, table: pd.DataFrame) -> ReportTable:
    """Return the scores of each method on a workload, best first."""
    kinds = results.results.loc[results.results["workload"] == workload, "judged_by"]
    kind = EVALUATED[kinds.iloc[0]] if len(kinds) else "no run has an incumbent"
    rows = []
    for method, row in table.to_dict("index").items():
        cells = [Cell(format_number(row["iqm"]), format_interval(row["low"], row["high"]))]
        cells += [Cell(format_number(row["tuning_score"])), Cell(format_number(row["test_score"]))]
        cells += [Cell(f"{row['runs']:.0f}"), Cell(f"{row['failures']:.0f}")]
        rows.append((str(method), cells))
    caption = f"{workload}, {kind} (regret: interquartile mean over runs; scores: means)"
    return ReportTable(caption, ["Method", "Regret [95 %]", "Tuning score", "Test score", "Runs", "Failed"], rows)
