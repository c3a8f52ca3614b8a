"""Anytime performance: the incumbents of all runs as curves, and the speed-up over a baseline.

The regret of an incumbent is exact where the workload is evaluated by exact values. Elsewhere it is the regret on the
tuning seeds, which is optimistic: `analysis` evaluates the final incumbents. As there, a failed run has the worst
regret from start to end, and larger regrets are clipped to the worst.
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

    from raytune_suite.bench.analysis import ComparisonGroup
    from raytune_suite.bench.step_functions import Band
    from raytune_suite.bench.store import Results

Axis = Literal["cost", "time"]

GRID = step_functions.grid(0.02, 1.0, 41)
"""The points at which curves are evaluated: shares of the budget, or of the longest run's time."""

TARGET_SHARE = 0.75
"""The share of the baseline's runs that attain the target regret."""


class Trajectory(NamedTuple):
    """The incumbents of a run; empty if the run failed.

    Attributes:
        positions: Where the incumbent changed, as shares of the budget or of the longest run's time.
        regrets: The regret of each incumbent.
    """

    positions: NDArray[np.float64]
    regrets: NDArray[np.float64]


Trajectories = dict[tuple[str, str], list[Trajectory]]
"""The runs of each supported (method, workload) pair, in the order of their method seeds."""


def trajectories(results: Results, axis: Axis) -> Trajectories:
    """Return the incumbents of every run over the budget or over time, by exact regret where it is known."""
    runs = results.runs[results.runs["status"] != REFUSED]
    exact = set(results.results.loc[results.results["judged_by"] == EXACT, "workload"])
    longest = runs.groupby("workload")["simulated_seconds"].max()
    budgets = {name: facts["budget"] for name, facts in results.manifest["workloads"].items()}
    changes = dict(iter(results.trajectories.groupby(["workload", "method", "method_seed"])))
    by_pair: Trajectories = {}
    for run in runs.sort_values("method_seed", kind="stable").to_dict("records"):
        workload, method = str(run["workload"]), str(run["method"])
        rows = changes.get((workload, method, run["method_seed"])) if run["status"] == DONE else None
        whole = budgets[workload] if axis == "cost" else longest[workload]
        column = "exact_regret" if workload in exact else "tuning_regret"
        trajectory = Trajectory(np.empty(0), np.empty(0))
        if rows is not None:
            regrets = np.minimum(rows[column].to_numpy(dtype=float), analysis.WORST_REGRET)
            trajectory = Trajectory(rows[axis].to_numpy(dtype=float) / (whole or 1.0), regrets)
        by_pair.setdefault((method, workload), []).append(trajectory)
    return by_pair


def stack_curves(runs: Trajectories, method: str, workloads: Sequence[str]) -> NDArray[np.float64]:
    """Evaluate the curves of a method on `GRID`, of shape (points, runs, workloads).

    A failed run has the worst regret throughout.
    """
    most_runs = max(len(runs[method, workload]) for workload in workloads)
    values = np.full((len(GRID), most_runs, len(workloads)), np.nan)
    for column, workload in enumerate(workloads):
        for index, run in enumerate(runs[method, workload]):
            empty = len(run.positions) == 0
            curve = analysis.WORST_REGRET if empty else step_functions.values_at(run.positions, run.regrets, GRID)
            values[:, index, column] = curve
            if np.isnan(values[-1, index, column]):  # the first incumbent came after the budget was spent
                values[-1, index, column] = analysis.WORST_REGRET
    return values


def bands(
    runs: Trajectories, methods: Sequence[str], workloads: Sequence[str], *, seed: int, repetitions: int
) -> dict[str, Band]:
    """Average each method's curves on `GRID`, with a 95 % interval.

    The average is the mean over workloads of the interquartile mean over runs.
    """
    return {
        method: step_functions.band(
            stack_curves(runs, method, workloads),
            stream(seed, "band", method, *workloads),
            repetitions,
            statistics.task_mean,
        )
        for method in methods
    }


def speedups(runs: Trajectories, group: ComparisonGroup, baseline: str) -> dict[str, list[float]]:
    """Return, by workload, the speed-up of each method of the group over the baseline.

    The target is the regret that a share `TARGET_SHARE` of the baseline's runs attain at the end of the budget. The
    speed-up is the cost at which the baseline attains it permanently, divided by that of the method, each the median
    over runs: 0 if the method does not attain it.
    """
    table = {}
    for workload in group.workloads:
        final = [run.regrets[-1] if len(run.regrets) else analysis.WORST_REGRET for run in runs[baseline, workload]]
        target = float(np.quantile(final, TARGET_SHARE, method="higher"))
        times = {
            method: [
                statistics.time_to_target(run.positions, worst_from_here(run), target) for run in runs[method, workload]
            ]
            for method in group.methods
        }
        table[workload] = [statistics.speedup(times[method], times[baseline]) for method in group.methods]
    return table


def worst_from_here(run: Trajectory) -> NDArray[np.float64]:
    """Return the worst regret from each incumbent onwards, so that a target counts only once it is not lost again."""
    worst: NDArray[np.float64] = np.maximum.accumulate(run.regrets[::-1])[::-1]
    return worst
