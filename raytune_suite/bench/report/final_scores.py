"""The sections of a report about the judgement at the end: profiles, tuning against test seeds, each workload."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from raytune_suite.bench import analysis, statistics, step_functions
from raytune_suite.bench.report import figures
from raytune_suite.bench.report.document import Cell, Fold, Grid, Panels, Prose, Section
from raytune_suite.bench.report.incumbent_curves import AXES, REGRET, curves_of
from raytune_suite.bench.report.panels import FLOOR, Curve
from raytune_suite.bench.report.ranking import title_of
from raytune_suite.bench.report.wording import between, number
from raytune_suite.seeding import stream

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from raytune_suite.bench.analysis import Group
    from raytune_suite.bench.anytime import Runs
    from raytune_suite.bench.report.document import Block
    from raytune_suite.bench.report.line_styles import Look
    from raytune_suite.bench.store import Results

THRESHOLDS = step_functions.grid(FLOOR, 1.0, 61)
"""The regrets at which profiles are looked at."""

REPETITIONS = analysis.BOOTSTRAP["curve_repetitions"]
"""Bootstrap samples."""


def profiles(results: Results, groups: Sequence[Group], looks: Mapping[str, Look], seed: int) -> Section:
    """Which share of the runs got how far."""
    blocks: list[Block] = [
        Prose("The share of all runs whose regret is at most what stands below: higher and further left is better.")
    ]
    pictures = []
    for place, group in enumerate(groups):
        lines = {}
        for method in group.methods:
            scores = analysis.regrets(results, method, group.workloads)
            rng = stream(seed, "profile", method, *group.workloads)
            samples = statistics.resample(scores, rng, REPETITIONS)
            low, high = statistics.interval(statistics.performance_profile(samples, THRESHOLDS))
            lines[method] = Curve(THRESHOLDS, statistics.performance_profile(scores, THRESHOLDS), low, high)
        title, labels = title_of(group, groups), ("normalized regret at the end", "share of the runs")
        pictures.append(figures.curves(f"profile-{place}", title, lines, looks, labels=labels, shares=True))
    return Section("profiles", "Performance profiles", [*blocks, Panels(pictures, wide=True)])


def gap(results: Results, groups: Sequence[Group], looks: Mapping[str, Look]) -> Section:
    """How much a choice loses when it is trained with seeds that the method has never seen."""
    title = "Tuning seeds against test seeds"
    blocks: list[Block] = []
    for place, group in enumerate(groups):
        table = analysis.gaps(narrowed(results, group)).to_dict("index")
        if not table:
            continue
        name = title_of(group, groups)
        pairs = {str(method): (row["tuning"], row["test"]) for method, row in table.items()}
        picture = figures.pairs(f"gap-{place}", name, pairs, looks, label="normalized regret")
        rows = [
            (
                str(method),
                [
                    Cell(number(row["tuning"])),
                    Cell(number(row["test"])),
                    Cell(f"{row['gap']:+.3g}"),
                    Cell(f"{row['runs']:.0f}"),
                ],
            )
            for method, row in table.items()
        ]
        columns = ["Method", "On tuning seeds", "On test seeds", "Gap", "Runs"]
        blocks += [Panels([picture], wide=True), Grid(f"{title}. {name}", columns, rows)]
    if not blocks:
        words = "No workload that depends on seeds has test seeds: of the gap nothing can be said."
        return Section("gap", title, [Prose(words)])
    intro = Prose(
        "A method sees the tuning seeds only, and so its choice flatters itself. Open dot: the regret of the choice on "
        "the tuning seeds; full dot: that on the test seeds, in trainings that the method has never seen. Only "
        "workloads on which seeds make a difference count, and runs whose choice had been trained to its end; means "
        "over workloads. Below 0 is better than the fixed best bound."
    )
    return Section("gap", title, [intro, *blocks])


def narrowed(results: Results, group: Group) -> Results:
    """The comparison as far as a group goes."""
    tables: dict[str, Any] = {
        name: table[table["method"].isin(group.methods) & table["workload"].isin(group.workloads)]
        for name, table in (("results", results.results), ("runs", results.runs))
    }
    return replace(results, **tables)


def by_workload(
    results: Results, runs: Runs, looks: Mapping[str, Look], *, workloads: Sequence[str], seed: int
) -> Section:
    """A table of all workloads, and of each of them its curves and its scores."""
    tables = {name: analysis.by_method(results, name, seed, REPETITIONS) for name in workloads}
    rows = [(name, [regret_cell(table, method) for method in looks]) for name, table in tables.items()]
    caption = "Regret at the end of the budget by workload (interquartile mean over runs; empty: not served)"
    blocks: list[Block] = [Grid(caption, ["Workload", *looks], rows)]
    for place, (name, table) in enumerate(tables.items()):
        about = results.manifest["workloads"][name]
        inner: list[Block] = [Prose(str(about["summary"]), "note")]
        served = [method for method in looks if method in table.index]
        if served and about["bounds"] is not None:
            lines = curves_of(runs, served, [name], seed)
            labels = (AXES["cost"], REGRET)
            name_of = f"workload-{place}-curves"
            picture = figures.curves(name_of, "Regret over cost", lines, looks, labels=labels, log_y=True)
            inner.append(Panels([picture], wide=True))
        inner.append(workload_grid(results, name, table))
        direction = "less is better" if about["mode"] == "min" else "more is better"
        blocks.append(Fold(f"workload-{place}", name, inner, f"{about['metric']}, {direction}"))
    return Section("workloads", "Workload by workload", blocks, summarized=True)


def regret_cell(table: pd.DataFrame, method: str) -> Cell:
    """A method's regret in the table of all workloads; nothing where it does not serve one."""
    if method not in table.index:
        return Cell("")
    iqm = table.to_dict("index")[method]["iqm"]
    return Cell(number(iqm), kind="best" if iqm == table["iqm"].min() else "")


def workload_grid(results: Results, workload: str, table: pd.DataFrame) -> Grid:
    """What each method found on a workload, best first."""
    judges = results.results.loc[results.results["workload"] == workload, "judged_by"]
    judged = judges.iloc[0] if len(judges) else "nothing: no run found anything"
    rows = []
    for method, row in table.to_dict("index").items():
        cells = [Cell(number(row["iqm"]), between(row["low"], row["high"]))]
        cells += [Cell(number(row["tuning_score"])), Cell(number(row["test_score"]))]
        cells += [Cell(f"{row['runs']:.0f}"), Cell(f"{row['failures']:.0f}")]
        rows.append((str(method), cells))
    caption = f"{workload}, judged by: {judged} (regret: interquartile mean over runs; scores: means)"
    return Grid(caption, ["Method", "Regret [95 %]", "Tuning score", "Test score", "Runs", "Failed"], rows)
