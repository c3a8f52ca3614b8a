"""The sections of a report that follow the incumbent along a run: curves, ranks, and who reaches a target sooner."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from raytune_suite.bench import analysis, anytime, step_functions
from raytune_suite.bench.report import figures
from raytune_suite.bench.report.document import Cell, Fold, Grid, Heading, Panels, Prose, Section
from raytune_suite.bench.report.panels import Curve, Interval
from raytune_suite.bench.report.ranking import title_of
from raytune_suite.bench.report.wording import number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from raytune_suite.bench.analysis import Group
    from raytune_suite.bench.anytime import Axis, Runs
    from raytune_suite.bench.report.document import Block, Picture
    from raytune_suite.bench.report.line_styles import Look

BAND_REPETITIONS = analysis.BOOTSTRAP["curve_repetitions"]
"""Bootstrap samples of a band."""

AXES: dict[Axis, str] = {"cost": "share of the budget", "time": "share of the longest run's time"}
REGRET = "normalized regret of the incumbent"


def curves_of(runs: Runs, methods: Sequence[str], workloads: Sequence[str], seed: int) -> dict[str, Curve]:
    """Each method's curve over these workloads, with its band."""
    found = anytime.bands(runs, methods, workloads, seed=seed, repetitions=BAND_REPETITIONS)
    return {method: Curve(anytime.POINTS, *band) for method, band in found.items()}


def sections(
    along: Mapping[Axis, Runs], groups: Sequence[Group], looks: Mapping[str, Look], seed: int
) -> list[Section]:
    """The sections of the anytime curves and of the mean ranks."""
    intro = Prose(
        "What a method had found when a part of the budget was spent: the incumbent's regret, exact where the workload "
        "knows it, else by the tuning metric. A regret may rise: the incumbent is the best of those trained furthest. "
        "Curves are steps: nothing is interpolated. They begin where every run has found something. "
        f"Bands are 95 % intervals of {BAND_REPETITIONS} stratified bootstrap samples."
    )
    curve_blocks: list[Block] = [intro]
    rank_blocks: list[Block] = [
        Prose(
            "The rank of each method among the others, by the interquartile mean of its runs, averaged over workloads. "
            "It is that of the curves, where the regret may be on tuning seeds: at the end the table above may differ."
        )
    ]
    for place, group in enumerate(groups):
        if len(groups) > 1:
            curve_blocks.append(Heading(title_of(group, groups)))
            rank_blocks.append(Heading(title_of(group, groups)))
        shown: list[Picture] = []
        ranked: list[Picture] = []
        single: list[Picture] = []
        for axis, runs in along.items():
            lines = curves_of(runs, group.methods, group.workloads, seed)
            name, labels = f"{axis}-{place}", (AXES[axis], REGRET)
            shown.append(
                figures.curves(f"anytime-{name}", f"Regret over {axis}", lines, looks, labels=labels, log_y=True)
            )
            if axis == "cost" and len(lines) > figures.CROWD:
                single = figures.multiples(f"single-{name}", lines, looks, labels=labels, log_y=True)
            values = np.stack([anytime.stacked(runs, method, group.workloads) for method in group.methods])
            ranks = step_functions.mean_ranks(values)
            steps = {method: Curve(anytime.POINTS, line) for method, line in zip(group.methods, ranks, strict=True)}
            labels = (AXES[axis], "mean rank (1 is best)")
            ranked.append(figures.curves(f"rank-{name}", f"Mean rank over {axis}", steps, looks, labels=labels))
        curve_blocks.append(Panels(shown, wide=True))
        if single:
            note = "one panel each, the others in grey"
            curve_blocks.append(Fold(f"bands-{place}", "Every method with its band", [Panels(single)], note))
        rank_blocks.append(Panels(ranked, wide=True))
    return [
        Section("anytime", "Anytime curves", curve_blocks),
        Section("mean-rank", "Mean rank along the way", rank_blocks),
    ]


def faster(runs: Runs, groups: Sequence[Group], baseline: str | None, looks: Mapping[str, Look]) -> Section:
    """How much sooner the methods reach what the baseline reaches in the end."""
    blocks: list[Block] = []
    if baseline is None:
        words = "Full-fidelity random search is not among the methods: nothing to compare with."
        return Section("speed-up", "Speed-up over random search", [Prose(words)])
    blocks.append(
        Prose(
            f"The target on each workload is the regret that three quarters of {baseline}'s runs have reached in the "
            f"end. The speed-up is the cost at which {baseline} reaches it for good, divided by that of the method "
            "(medians of runs): 2 means at half of the cost, 0 that it was not reached. Regret is exact where the "
            "workload knows it, else that on the tuning seeds. The figure has the median over workloads (the lower one "
            "of the two in the middle), and the quartiles as a bar."
        )
    )
    for place, group in enumerate(groups):
        if baseline not in group.methods:
            continue
        title = title_of(group, groups)
        table = anytime.speedups(runs, group, baseline)
        values = np.array(list(table.values()))
        rows = [
            Interval(method, *quartiles(mine[~np.isnan(mine)]))
            for method, mine in zip(group.methods, values.T, strict=True)
            if method != baseline and not np.isnan(mine).all()
        ]
        picture = figures.intervals(
            f"speed-up-{place}", title, rows, looks, label=f"speed-up over {baseline}", log=True, reference=1.0
        )
        cells = [(name, [Cell(times_text(value)) for value in row]) for name, row in table.items()]
        caption = f"Speed-up over {baseline} by workload: {title}"
        grid = Grid(caption, ["Workload", *group.methods], cells)
        blocks += [Panels([picture], wide=True), Fold(f"speed-ups-{place}", "By workload", [grid], title)]
    return Section("speed-up", "Speed-up over random search", blocks)


def quartiles(values: NDArray[np.float64]) -> tuple[float, float, float]:
    """The median and the quartiles, each one of the values: they may be infinite."""
    ways: tuple[tuple[float, Any], ...] = ((0.5, "lower"), (0.25, "lower"), (0.75, "higher"))
    median, low, high = (float(np.quantile(values, share, method=way)) for share, way in ways)
    return median, low, high


def times_text(value: float) -> str:
    """A speed-up in a table."""
    return "not reached" if value == 0 else f"{number(value)}x" if np.isfinite(value) else number(value)
