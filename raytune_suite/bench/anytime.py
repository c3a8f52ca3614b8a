"""What the runs of a comparison had found along the way: their incumbents as curves, and who reaches a target sooner.

The regret of an incumbent is exact where the workload is judged so. Elsewhere it is that on the tuning seeds, which
flatters: what the choice at the end is worth, `analysis` says. A run that failed is the worst from beginning to end,
and no regret counts as worse than that, as there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from raytune_suite.bench import analysis, statistics, step_functions
from raytune_suite.bench.store import DONE, EXACT, REFUSED
from raytune_suite.seeding import stream

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from raytune_suite.bench.analysis import Group
    from raytune_suite.bench.step_functions import Band
    from raytune_suite.bench.store import Results

Axis = Literal["cost", "time"]

POINTS = step_functions.grid(0.02, 1.0, 41)
"""Where curves are looked at: shares of the budget, or of the longest run's time."""

TARGET = 0.75
"""The share of the baseline's runs that reach the target in the end."""


class Run(NamedTuple):
    """The incumbents of a run: where they changed, as shares of the whole, and their regret; nothing if it failed."""

    places: NDArray[np.float64]
    regrets: NDArray[np.float64]


Runs = dict[tuple[str, str], list[Run]]
"""The runs of each pair of a method and a workload that is not refused, in the order of their method seeds."""


def trajectories(results: Results, axis: Axis) -> Runs:
    """The incumbents of every run along the budget or along the time, by their exact regret where it is known."""
    known = results.runs[results.runs["status"] != REFUSED]
    exact = set(results.results.loc[results.results["judged_by"] == EXACT, "workload"])
    longest = known.groupby("workload")["simulated_seconds"].max()
    budgets = {name: about["budget"] for name, about in results.manifest["workloads"].items()}
    changes = dict(iter(results.trajectories.groupby(["workload", "method", "method_seed"])))
    found: Runs = {}
    for run in known.sort_values("method_seed", kind="stable").to_dict("records"):
        workload, method = str(run["workload"]), str(run["method"])
        rows = changes.get((workload, method, run["method_seed"])) if run["status"] == DONE else None
        whole = budgets[workload] if axis == "cost" else longest[workload]
        column = "exact_regret" if workload in exact else "tuning_regret"
        one = Run(np.empty(0), np.empty(0))
        if rows is not None:
            regrets = np.minimum(rows[column].to_numpy(dtype=float), analysis.WORST)
            one = Run(rows[axis].to_numpy(dtype=float) / (whole or 1.0), regrets)
        found.setdefault((method, workload), []).append(one)
    return found


def stacked(runs: Runs, method: str, workloads: Sequence[str]) -> NDArray[np.float64]:
    """The curves of a method at `POINTS`, of shape (points, runs, workloads); a failed run is the worst throughout."""
    most = max(len(runs[method, workload]) for workload in workloads)
    values = np.full((len(POINTS), most, len(workloads)), np.nan)
    for task, workload in enumerate(workloads):
        for place, run in enumerate(runs[method, workload]):
            found = len(run.places) > 0
            values[:, place, task] = step_functions.at(run.places, run.regrets, POINTS) if found else analysis.WORST
            if np.isnan(values[-1, place, task]):  # its first incumbent came when the budget was spent
                values[-1, place, task] = analysis.WORST
    return values


def bands(
    runs: Runs, methods: Sequence[str], workloads: Sequence[str], *, seed: int, repetitions: int
) -> dict[str, Band]:
    """The mean over workloads of the interquartile mean of a method's curves at `POINTS`, with its 95 % interval."""
    return {
        method: step_functions.band(
            stacked(runs, method, workloads),
            stream(seed, "band", method, *workloads),
            repetitions,
            statistics.task_mean,
        )
        for method in methods
    }


def speedups(runs: Runs, group: Group, baseline: str) -> dict[str, list[float]]:
    """By workload, the speed-up over the baseline of each method of the group.

    The target is the regret that a share `TARGET` of the baseline's runs have reached in the end. The speed-up is the
    cost at which the baseline reaches it for good, divided by that of the method, each the median of the runs: 0 where
    the method does not reach it.
    """
    table = {}
    for workload in group.workloads:
        ends = [run.regrets[-1] if len(run.regrets) else analysis.WORST for run in runs[baseline, workload]]
        target = float(np.quantile(ends, TARGET, method="higher"))
        times = {
            method: [
                statistics.time_to_target(run.places, worst_to_come(run), target) for run in runs[method, workload]
            ]
            for method in group.methods
        }
        table[workload] = [statistics.speedup(times[method], times[baseline]) for method in group.methods]
    return table


def worst_to_come(run: Run) -> NDArray[np.float64]:
    """The worst regret from each incumbent on: a target counts as reached when it is not lost again."""
    worst: NDArray[np.float64] = np.maximum.accumulate(run.regrets[::-1])[::-1]
    return worst
