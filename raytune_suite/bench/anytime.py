"""What the runs of a comparison had found at which cost: their trajectories as arrays, and who was there first.

The regret of a trajectory is exact where the workload knows its optimum. Elsewhere it is that on the tuning seeds,
which flatters: what the choice at the end is worth, `analysis` says. A run that failed has the regret 1 from beginning
to end, and a regret above 1 counts as 1, as there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from raytune_suite.bench import curves, statistics
from raytune_suite.bench.analysis import WORST
from raytune_suite.bench.store import DONE, REFUSED
from raytune_suite.seeding import stream

if TYPE_CHECKING:
    from raytune_suite.bench.analysis import Group
    from raytune_suite.bench.curves import Band
    from raytune_suite.bench.statistics import Array
    from raytune_suite.bench.store import Results

Axis = Literal["cost", "time", "share"]
"""Along what: full trainings, simulated seconds, or the share of the workload's budget, which alone can be pooled."""

POINTS = 60


def grid(results: Results, workloads: tuple[str, ...], axis: Axis, points: int = POINTS) -> Array:
    """Points along an axis, equally spaced in its logarithm, from the first incumbent to the last on these workloads.

    Up to the budget where the axis is cost or its share.
    """
    places = np.concatenate([_places(results, results.trajectories, name, axis) for name in workloads])
    places = places[places > 0]
    ends = {"cost": max(_budget(results, name) for name in workloads), "share": 1.0}
    end = float(ends.get(axis, places.max(initial=1.0)))
    return curves.grid(min(float(places.min(initial=end)), end * 0.5), end, points)


def trajectories(results: Results, method: str, workloads: tuple[str, ...], axis: Axis, at: Array) -> Array:
    """A method's normalized regret at each point of the grid `at`, of shape (grid, runs, workloads).

    NaN where a run has nothing yet. Where a workload has fewer runs than another, the rest is NaN to the end.
    """
    tasks = []
    for workload in workloads:
        cell = (results.runs["method"] == method) & (results.runs["workload"] == workload)
        runs = results.runs[cell & (results.runs["status"] != REFUSED)].sort_values("method_seed")
        changes = results.trajectories
        changes = changes[(changes["method"] == method) & (changes["workload"] == workload)]
        columns = []
        for seed, status in zip(runs["method_seed"], runs["status"], strict=True):
            own = changes[changes["method_seed"] == seed]
            if status != DONE or own.empty:
                columns.append(np.full(len(at), WORST))
                continue
            regret = own["exact_regret"].where(own["exact_regret"].notna(), own["tuning_regret"]).fillna(WORST)
            columns.append(curves.at(_places(results, own, workload, axis), np.minimum(regret, WORST), at))
        tasks.append(columns)
    values = np.full((len(at), max(map(len, tasks), default=0), len(tasks)), np.nan)
    for task, columns in enumerate(tasks):
        for run, column in enumerate(columns):
            values[:, run, task] = column
    return values


def bands(results: Results, group: Group, axis: Axis, at: Array, *, seed: int, repetitions: int) -> dict[str, Band]:
    """The interquartile mean of each method's regret over the runs of a group's workloads, with its 95 % interval."""
    return {
        method: curves.band(
            trajectories(results, method, group.workloads, axis, at), stream(seed, "band", method), repetitions
        )
        for method in group.methods
    }


def mean_ranks(results: Results, group: Group, at: Array) -> dict[str, Array]:
    """Each method's mean rank over the workloads of a group, at each share of the budget in the grid `at`."""
    found = [trajectories(results, method, group.workloads, "share", at) for method in group.methods]
    runs = max(values.shape[1] for values in found)
    same = [np.pad(v, ((0, 0), (0, runs - v.shape[1]), (0, 0)), constant_values=np.nan) for v in found]
    return dict(zip(group.methods, curves.mean_ranks(np.stack(same)), strict=True))


def speedups(results: Results, baseline: str, axis: Axis = "cost") -> pd.DataFrame:
    """How much sooner each method is where the baseline ends, on each workload that both serve.

    A method's curve on a workload is the interquartile mean over its runs. The target is the last value of the
    baseline's curve; the ratio is that of the places where the two curves first are at or below it.

    Returns:
        One row per (workload, method), the baseline left out: target (regret), baseline (where the baseline arrives),
        reached (where the method does; infinite if never) and speedup (0 if never).
    """
    rows = []
    for workload in dict.fromkeys(results.runs["workload"]):
        served = results.runs[(results.runs["workload"] == workload) & (results.runs["status"] != REFUSED)]
        methods = list(dict.fromkeys(served["method"]))
        if baseline not in methods or results.manifest["workloads"][workload]["bounds"] is None:
            continue
        changes = results.trajectories[results.trajectories["workload"] == workload]
        at = np.unique(_places(results, changes, workload, axis))
        lines = {method: _line(results, method, workload, axis, at) for method in methods}
        if not len(at) or np.isnan(lines[baseline][-1]):
            continue
        target = float(lines[baseline][-1])
        first = statistics.time_to_target(at, lines[baseline], target)
        for method in methods:
            if method != baseline:
                reached = statistics.time_to_target(at, lines[method], target)
                ratio = statistics.speedup([reached], [first])
                row = {"workload": workload, "method": method, "target": target}
                rows.append({**row, "baseline": first, "reached": reached, "speedup": ratio})
    columns = ["workload", "method", "target", "baseline", "reached", "speedup"]
    return pd.DataFrame(rows, columns=columns)


def _line(results: Results, method: str, workload: str, axis: Axis, at: Array) -> Array:
    """The interquartile mean over a method's runs on one workload; NaN until all of them have something."""
    runs = trajectories(results, method, (workload,), axis, at)[..., 0]
    return np.where(np.isnan(runs).any(axis=1), np.nan, statistics.iqm(runs[..., np.newaxis]))


def _places(results: Results, changes: pd.DataFrame, workload: str, axis: Axis) -> Array:
    """Where the changes of a workload's incumbents lie on an axis."""
    own = changes[changes["workload"] == workload]
    places = own["time" if axis == "time" else "cost"].to_numpy(dtype=float)
    return places / _budget(results, workload) if axis == "share" else places


def _budget(results: Results, workload: str) -> float:
    """In full trainings."""
    return float(results.manifest["workloads"][workload]["budget"])
