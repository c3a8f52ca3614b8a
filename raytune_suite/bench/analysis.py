"""What a report shows, from the tables of a comparison: scores as arrays, and one row per method.

Rules, alike for all methods:

- A method is compared on the workloads that it serves. Those of a *group* are served by all methods of the group, so
  that no method is judged on easier ones: `groups` gives the methods that serve everything, on all workloads, and all
  methods, on the workloads that all of them serve.
- A run that failed, found nothing, or whose test trainings failed has the regret 1, the worst of the workload's frozen
  bounds; a regret above 1 counts as 1. None is left out, and failures are counted beside it.
- On a workload a method's score is the interquartile mean of its runs; workloads are the blocks of the rank tests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from raytune_suite.bench import statistics
from raytune_suite.bench.store import DONE, REFUSED
from raytune_suite.errors import ArgumentError
from raytune_suite.seeding import stream

if TYPE_CHECKING:
    from raytune_suite.bench.statistics import Array
    from raytune_suite.bench.store import Results

WORST = 1.0
"""The normalized regret of a run that gave nothing."""

BOOTSTRAP: dict[str, int] = {"seed": 0, "repetitions": 1000, "curve_repetitions": 300}
"""Of the intervals: the seed of their samples and how many there are, fewer at each point of a curve."""

WHOLE = 1.0
"""The fraction of the budget at which a comparison is decided."""


class Group(NamedTuple):
    """Methods that can be ranked together, and the workloads that all of them serve."""

    methods: tuple[str, ...]
    workloads: tuple[str, ...]


def groups(results: Results) -> list[Group]:
    """The groups of a comparison: one if every method serves every workload, else two, the widest workloads first.

    A workload without frozen bounds has no normalized regret and is in no group.
    """
    runs = results.runs
    normalized = [name for name, about in results.manifest["workloads"].items() if about["bounds"] is not None]
    pairs = runs[(runs["status"] != REFUSED) & runs["workload"].isin(normalized)]
    methods = list(dict.fromkeys(runs["method"]))
    served = {method: set(pairs.loc[pairs["method"] == method, "workload"]) for method in methods}
    everything = [name for name in normalized if any(name in names for names in served.values())]
    common = [name for name in everything if all(name in names for names in served.values())]
    whole = [method for method in methods if served[method] == set(everything)]
    found = [Group(tuple(whole), tuple(everything)), Group(tuple(methods), tuple(common))]
    return [group for group in dict.fromkeys(found) if group.methods and group.workloads]


def regrets(results: Results, method: str, workloads: tuple[str, ...], fraction: float = WHOLE) -> Array:
    """A method's normalized regret of each run, of shape (runs, workloads); see the module for failures.

    Raises:
        ArgumentError: If the method has no run on one of the workloads.
    """
    judged = results.results
    judged = judged[(judged["method"] == method) & np.isclose(judged["fraction"], fraction)]
    tasks = []
    for workload in workloads:
        runs = results.runs
        runs = runs[(runs["method"] == method) & (runs["workload"] == workload) & (runs["status"] != REFUSED)]
        if runs.empty:
            raise ArgumentError(f"method {method!r} has no run on workload {workload!r}: take one of `groups`")
        found = judged[judged["workload"] == workload].set_index("method_seed")["regret"]
        done = runs.loc[runs["status"] == DONE, "method_seed"]
        values = found[found.index.isin(done)].reindex(sorted(runs["method_seed"])).fillna(WORST)
        tasks.append(np.minimum(values.to_numpy(dtype=float), WORST))
    return statistics.padded(tasks)


def block_scores(results: Results, group: Group) -> Array:
    """The score of each method on each workload, of shape (workloads, methods), for the rank tests."""
    columns = [statistics.iqm(regrets(results, method, group.workloads).T[..., np.newaxis]) for method in group.methods]
    return np.column_stack(columns)


def headline(results: Results, group: Group, baseline: str | None, seed: int, repetitions: int) -> pd.DataFrame:
    """One row per method of a group, best first.

    Args:
        results: The comparison.
        group: One of `groups`.
        baseline: The method against which improvement is counted: full-fidelity random search; None for none.
        seed: That of the bootstrap. A method's interval does not depend on which others there are.
        repetitions: Of the bootstrap.

    Returns:
        Indexed by method: iqm, low, high (95 % interval), mean_rank, improvement with improvement_low and
        improvement_high (the probability of a lower regret than the baseline's; NaN without one), workloads (how many
        it serves in the whole comparison) and failures (runs).
    """
    average = statistics.ranks(block_scores(results, group)).mean(axis=0)
    served = results.runs[results.runs["status"] != REFUSED]
    rows = {}
    for method, rank in zip(group.methods, average, strict=True):
        scores = regrets(results, method, group.workloads)
        samples = statistics.resample(scores, stream(seed, "bootstrap", method), repetitions)
        low, high = statistics.interval(statistics.iqm(samples))
        row = {"iqm": float(statistics.iqm(scores)), "low": float(low), "high": float(high), "mean_rank": float(rank)}
        row |= dict.fromkeys(("improvement", "improvement_low", "improvement_high"), np.nan)
        if baseline in group.methods and method != baseline:
            theirs = regrets(results, baseline, group.workloads)
            others = statistics.resample(theirs, stream(seed, "bootstrap", baseline), repetitions)
            low, high = statistics.interval(statistics.probability_of_improvement(samples, others))
            row["improvement"] = float(statistics.probability_of_improvement(scores, theirs))
            row |= {"improvement_low": float(low), "improvement_high": float(high)}
        mine = served[served["method"] == method]
        row |= {"workloads": mine["workload"].nunique(), "failures": int((mine["status"] != DONE).sum())}
        rows[method] = row
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("method").sort_values("iqm", kind="stable")


def gaps(results: Results) -> pd.DataFrame:
    """How much the choice of each method owes to the tuning seeds, over the workloads that have test seeds.

    Returns:
        Indexed by method: tuning and test (the mean normalized regret of the last incumbents of all finished runs on
        either seeds), gap (the second less the first), and runs. Methods without such a run have no row.
    """
    judged = results.results
    last = judged[
        np.isclose(judged["fraction"], WHOLE) & judged["tuning_regret"].notna() & judged["test_regret"].notna()
    ]
    rows = {}
    for method in dict.fromkeys(results.runs["method"]):
        own = last[last["method"] == method]
        if len(own):
            tuning, test = (np.minimum(own[name], WORST) for name in ("tuning_regret", "test_regret"))
            gap = statistics.tuning_test_gap(tuning, test)
            rows[method] = {"tuning": tuning.mean(), "test": test.mean(), "gap": gap.mean(), "runs": len(own)}
    return pd.DataFrame.from_dict(rows, orient="index", columns=["tuning", "test", "gap", "runs"]).rename_axis("method")


def by_method(results: Results, workload: str, seed: int, repetitions: int) -> pd.DataFrame:
    """One row per method that serves a workload, best first.

    Returns:
        Indexed by method: iqm, low, high (of the normalized regret at the end, with its 95 % interval; NaN where the
        workload has no bounds), tuning_score and test_score (means over the runs that have them, in the metric's own
        unit), runs and failures.
    """
    runs = results.runs[(results.runs["workload"] == workload) & (results.runs["status"] != REFUSED)]
    judged = results.results
    judged = judged[(judged["workload"] == workload) & np.isclose(judged["fraction"], WHOLE)]
    rows = {}
    for method in dict.fromkeys(runs["method"]):
        own, theirs = judged[judged["method"] == method], runs[runs["method"] == method]
        row: dict[str, float] = {"iqm": np.nan, "low": np.nan, "high": np.nan}
        if results.manifest["workloads"][workload]["bounds"] is not None:
            scores = regrets(results, method, (workload,))
            samples = statistics.resample(scores, stream(seed, "bootstrap", method, workload), repetitions)
            low, high = statistics.interval(statistics.iqm(samples))
            row = {"iqm": float(statistics.iqm(scores)), "low": float(low), "high": float(high)}
        row |= {"tuning_score": own["tuning_score"].mean(), "test_score": own["test_score"].mean()}
        rows[method] = row | {"runs": len(theirs), "failures": int((theirs["status"] != DONE).sum())}
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("method")
    return table.sort_values("iqm", kind="stable") if len(table) else table
