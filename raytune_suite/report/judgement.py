"""The sections of a report about the judgement at the end: profiles, tuning against test seeds, each workload."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from raytune_suite.bench import analysis, curves, statistics
from raytune_suite.bench.store import DONE, REFUSED
from raytune_suite.report import comparison_figures as figures
from raytune_suite.report.anytime import AXES, REGRET, bands
from raytune_suite.report.document import Cell, Fold, Grid, Panels, Prose, Section
from raytune_suite.report.panels import FLOOR, Curve
from raytune_suite.report.ranking import title_of
from raytune_suite.report.words import between, count, number
from raytune_suite.seeding import stream

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from raytune_suite.bench.analysis import Group
    from raytune_suite.bench.store import Results
    from raytune_suite.report.anytime import Runs
    from raytune_suite.report.document import Block
    from raytune_suite.report.looks import Look

THRESHOLDS = curves.grid(FLOOR, 1.0, 61)
"""The regrets at which profiles are looked at."""

REPETITIONS = 300
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
    final = results.results[np.isclose(results.results["fraction"], analysis.WHOLE)]
    tested = final[final["tuning_regret"].notna() & final["test_regret"].notna()]
    if tested.empty:
        return Section("gap", title, [Prose("No workload has test seeds: of the gap nothing can be said.")])
    blocks: list[Block] = [
        Prose(
            "A method sees the tuning seeds only, and so its choice flatters itself. Open dot: the regret of the "
            "choice on the tuning seeds; full dot: that on the test seeds, in trainings that the method has never seen "
            "(interquartile means over runs; below 0 is better than the fixed best bound)."
        )
    ]
    for place, group in enumerate(groups):
        names = [name for name in group.workloads if name in set(tested["workload"])]
        scores = {method: regrets_of(tested, method, names) for method in group.methods}
        known = {method: pair for method, pair in scores.items() if np.isfinite(pair).all()}
        if not known:
            continue
        picture = figures.pairs(f"gap-{place}", title_of(group, groups), known, looks, label="normalized regret")
        rows = [
            (method, [Cell(number(tuning)), Cell(number(test)), Cell(f"{test - tuning:+.3g}")])
            for method, (tuning, test) in known.items()
        ]
        caption = f"{title}: {title_of(group, groups)}; {count(len(names), 'workload')} with test seeds"
        grid = Grid(caption, ["Method", "On tuning seeds", "On test seeds", "Difference"], rows)
        blocks += [Panels([picture], wide=True), grid]
    return Section("gap", title, blocks)


def regrets_of(tested: pd.DataFrame, method: str, workloads: Sequence[str]) -> tuple[float, float]:
    """The interquartile means of a method's regret on the tuning seeds and on the test seeds."""
    mine = tested[(tested["method"] == method) & tested["workload"].isin(list(workloads))]
    return iqm_of(mine["tuning_regret"]), iqm_of(mine["test_regret"])


def iqm_of(values: pd.Series) -> float:
    """The interquartile mean of some runs."""
    return float(statistics.iqm(values.to_numpy(dtype=float)[:, np.newaxis])) if len(values) else float("nan")


def by_workload(
    results: Results, runs: Runs, looks: Mapping[str, Look], *, workloads: Sequence[str], seed: int
) -> Section:
    """A table of all workloads, and of each of them its curves and its scores."""
    methods = list(looks)
    found = {name: scores_on(results, name, methods, seed) for name in workloads}
    rows = []
    for name, scores in found.items():
        least = min((iqm for iqm, _low, _high in scores.values()), default=np.nan)
        cells = [scores.get(method) for method in methods]
        rows.append(
            (
                name,
                [
                    Cell("") if cell is None else Cell(number(cell[0]), kind="best" if cell[0] == least else "")
                    for cell in cells
                ],
            )
        )
    caption = "Regret at the end of the budget by workload (interquartile mean over runs; empty: not served)"
    blocks: list[Block] = [Grid(caption, ["Workload", *methods], rows)]
    for place, name in enumerate(workloads):
        about = results.manifest["workloads"][name]
        served = list(found[name])
        inner: list[Block] = [Prose(str(about["summary"]), "note")]
        if served:
            lines = bands(runs, served, [name], seed)
            picture = figures.curves(
                f"workload-{place}-curves", "Regret over cost", lines, looks, labels=(AXES["cost"], REGRET), log_y=True
            )
            inner.append(Panels([picture], wide=True))
        inner.append(workload_grid(results, name, methods, found[name]))
        direction = "less is better" if about["mode"] == "min" else "more is better"
        blocks.append(Fold(f"workload-{place}", name, inner, f"{about['metric']}, {direction}"))
    return Section("workloads", "Workload by workload", blocks, summarized=True)


def scores_on(
    results: Results, workload: str, methods: Sequence[str], seed: int
) -> dict[str, tuple[float, float, float]]:
    """The interquartile mean of the regret and its 95 % interval, of each method that serves the workload."""
    if results.manifest["workloads"][workload]["bounds"] is None:
        return {}
    mine = results.runs[(results.runs["workload"] == workload) & (results.runs["status"] != REFUSED)]
    scores = {}
    for method in methods:
        if method in set(mine["method"]):
            values = analysis.regrets(results, method, (workload,))
            samples = statistics.bootstrap(
                values, statistics.iqm, stream(seed, "workload", workload, method), REPETITIONS
            )
            low, high = statistics.interval(samples)
            scores[method] = (float(statistics.iqm(values)), float(low), float(high))
    return scores


def workload_grid(
    results: Results, workload: str, methods: Sequence[str], scores: Mapping[str, tuple[float, float, float]]
) -> Grid:
    """What each method found on a workload."""
    final = results.results
    final = final[(final["workload"] == workload) & np.isclose(final["fraction"], analysis.WHOLE)]
    all_runs = results.runs[results.runs["workload"] == workload]
    judged = final["judged_by"].iloc[0] if len(final) else "nothing: no run found anything"
    rows = []
    for method in methods:
        runs = all_runs[all_runs["method"] == method]
        if runs.empty or (runs["status"] == REFUSED).all():
            continue
        mine = final[final["method"] == method]
        iqm, low, high = scores.get(method, (np.nan, np.nan, np.nan))
        cells = [Cell(number(iqm), between(low, high))]
        cells += [Cell(number(iqm_of(mine[name].dropna()))) for name in ("tuning_score", "test_score", "gap")]
        cells.append(Cell(f"{int((runs['status'] == DONE).sum())} of {len(runs)}"))
        rows.append((method, cells))
    caption = f"{workload}, judged by: {judged} (interquartile means over runs)"
    return Grid(caption, ["Method", "Regret [95 %]", "Tuning score", "Test score", "Gap", "Runs done"], rows)
