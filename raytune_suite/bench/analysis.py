"""Summarize a comparison: scores as arrays, and tables with one row per method.

The same rules apply to all methods:

- Methods are compared on the workloads that they support. All methods of a *group* support all workloads of that
  group, so that no method is scored on easier workloads than another.
- A run that failed, has no incumbent, or whose test trainings failed has a regret of 1, the worst of the workload's
  frozen bounds; a regret above 1 is clipped to 1. No run is left out, and failures are counted separately.
- The score of a method on a workload is the interquartile mean of its runs; workloads are the blocks of the rank tests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from raytune_suite.bench import statistics
from raytune_suite.bench.store import DONE, REFUSED, TEST_SEEDS
from raytune_suite.errors import ArgumentError
from raytune_suite.seeding import stream

if TYPE_CHECKING:
    from raytune_suite.bench.statistics import Array
    from raytune_suite.bench.store import Results

WORST_REGRET = 1.0
"""The normalized regret of a run without a result."""

BOOTSTRAP: dict[str, int] = {"seed": 0, "repetitions": 1000, "curve_repetitions": 300}
"""The seed of the bootstrap and its number of samples; curves use fewer samples at each point."""

FULL_BUDGET = 1.0
"""The fraction of the budget at which methods are compared."""


class ComparisonGroup(NamedTuple):
    """Methods that can be ranked together, and the workloads that all of them support."""

    methods: tuple[str, ...]
    workloads: tuple[str, ...]


def comparison_groups(results: Results) -> list[ComparisonGroup]:
    """Return the groups of a comparison, the one with the most workloads first.

    There is one group for each distinct set of workloads supported by some method. It holds all methods that support
    these workloads, so that a method with limited support is ranked against all others on the workloads that it does
    support. A workload without frozen bounds has no normalized regret and belongs to no group.
    """
    runs = results.runs
    bounded = [name for name, facts in results.manifest["workloads"].items() if facts["bounds"] is not None]
    pairs = runs[(runs["status"] != REFUSED) & runs["workload"].isin(bounded)]
    methods = list(dict.fromkeys(runs["method"]))
    supported = {method: set(pairs.loc[pairs["method"] == method, "workload"]) for method in methods}
    groups = [
        ComparisonGroup(
            tuple(method for method in methods if supported[method] >= names),
            tuple(name for name in bounded if name in names),
        )
        for names in supported.values()
        if names
    ]
    return sorted(dict.fromkeys(groups), key=lambda group: -len(group.workloads))


def regrets(results: Results, method: str, workloads: tuple[str, ...], fraction: float = FULL_BUDGET) -> Array:
    """Return the normalized regret of each run of a method, of shape (runs, workloads).

    The module docstring says how failures count.

    Raises:
        ArgumentError: If the method has no run on one of the workloads.
    """
    evaluated = results.results
    evaluated = evaluated[(evaluated["method"] == method) & np.isclose(evaluated["fraction"], fraction)]
    columns = []
    for workload in workloads:
        runs = results.runs
        runs = runs[(runs["method"] == method) & (runs["workload"] == workload) & (runs["status"] != REFUSED)]
        if runs.empty:
            raise ArgumentError(
                f"method {method!r} has no run on workload {workload!r}: use the groups of `comparison_groups`"
            )
        by_seed = evaluated[evaluated["workload"] == workload].set_index("method_seed")["regret"]
        done = runs.loc[runs["status"] == DONE, "method_seed"]
        values = by_seed[by_seed.index.isin(done)].reindex(sorted(runs["method_seed"])).fillna(WORST_REGRET)
        columns.append(np.minimum(values.to_numpy(dtype=float), WORST_REGRET))
    return statistics.padded(columns)


def block_scores(results: Results, group: ComparisonGroup) -> Array:
    """Return the score of each method on each workload, of shape (workloads, methods), for the rank tests."""
    return np.column_stack([statistics.task_iqm(regrets(results, name, group.workloads)) for name in group.methods])


def headline(
    results: Results, group: ComparisonGroup, baseline: str | None, seed: int, repetitions: int
) -> pd.DataFrame:
    """Summarize a group in a table with one row per method, best first.

    Args:
        results: The comparison.
        group: One of `comparison_groups`.
        baseline: The method used as the reference for improvements (full-fidelity random search), or None.
        seed: The seed of the bootstrap. The interval of a method does not depend on which other methods there are.
        repetitions: The number of bootstrap samples.

    Returns:
        Indexed by method: mean, low, high (the mean over workloads of the interquartile mean of the runs, with its 95 %
        interval; every workload contributes), iqm (pooled over all runs of all workloads, of which the best and the
        worst quarter are trimmed), mean_rank, improvement with improvement_low and improvement_high (the probability of
        a lower regret than the baseline's; NaN without a baseline) and failures (runs).
    """
    mean_ranks = statistics.ranks(block_scores(results, group)).mean(axis=0)
    failed = results.runs[results.runs["workload"].isin(group.workloads) & (results.runs["status"] != DONE)]
    scores_of = {method: regrets(results, method, group.workloads) for method in group.methods}
    samples_of = {
        method: statistics.resample(scores, stream(seed, "bootstrap", method), repetitions)
        for method, scores in scores_of.items()
    }
    rows = {}
    for method, rank in zip(group.methods, mean_ranks, strict=True):
        scores, samples = scores_of[method], samples_of[method]
        low, high = statistics.interval(statistics.task_mean(samples))
        row = {"mean": float(statistics.task_mean(scores)), "low": float(low), "high": float(high)}
        row |= {"iqm": float(statistics.iqm(scores)), "mean_rank": float(rank)}
        row |= dict.fromkeys(("improvement", "improvement_low", "improvement_high"), np.nan)
        if baseline in group.methods and method != baseline:
            improvement = statistics.probability_of_improvement(samples, samples_of[baseline])
            low, high = statistics.interval(improvement)
            row["improvement"] = float(statistics.probability_of_improvement(scores, scores_of[baseline]))
            row |= {"improvement_low": float(low), "improvement_high": float(high)}
        rows[method] = row | {"failures": int((failed["method"] == method).sum())}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("method").sort_values("mean", kind="stable")


def tuning_test_gaps(results: Results) -> pd.DataFrame:
    """Measure how much the incumbents of each method overfit the tuning seeds.

    Only workloads that are evaluated on test seeds and have no exact value count, since elsewhere seeds make little or
    no difference. Of their runs, only those count whose incumbent had been trained to `max_t` during tuning; otherwise
    the two scores would also differ in training length. All workloads have the same weight.

    Returns:
        Indexed by method: tuning and test (the normalized regret of the final incumbents on the tuning and on the test
        seeds, the mean over workloads of the mean over runs), gap (test minus tuning), and runs. Methods without such
        a run have no row.
    """
    facts = results.manifest["workloads"]
    final = results.results
    final = final[np.isclose(final["fraction"], FULL_BUDGET) & (final["judged_by"] == TEST_SEEDS)]
    noisy = np.array([not facts[name].get("exact") for name in final["workload"]], dtype=bool)
    fully_trained = final["resource"] >= np.array([facts[name]["max_t"] for name in final["workload"]])
    final = final[noisy & fully_trained & final["tuning_regret"].notna() & final["test_regret"].notna()]
    rows = {}
    for method in dict.fromkeys(results.runs["method"]):
        runs = final[final["method"] == method]
        if len(runs):
            means = runs[["tuning_regret", "test_regret"]].clip(upper=WORST_REGRET).groupby(runs["workload"]).mean()
            tuning, test = (float(value) for value in means.mean()[["tuning_regret", "test_regret"]])
            gap = float(statistics.tuning_test_gap(tuning, test))
            rows[method] = {"tuning": tuning, "test": test, "gap": gap, "runs": len(runs)}
    return pd.DataFrame.from_dict(rows, orient="index", columns=["tuning", "test", "gap", "runs"]).rename_axis("method")


def workload_table(results: Results, workload: str, seed: int, repetitions: int) -> pd.DataFrame:
    """Summarize a workload in a table with one row per method that supports it, best first.

    Returns:
        Indexed by method: iqm, low, high (of the normalized regret at the end, with its 95 % interval; NaN where the
        workload has no bounds), tuning_score and test_score (means over the runs that have them, in the metric's own
        unit), runs and failures.
    """
    runs = results.runs[(results.runs["workload"] == workload) & (results.runs["status"] != REFUSED)]
    evaluated = results.results
    evaluated = evaluated[(evaluated["workload"] == workload) & np.isclose(evaluated["fraction"], FULL_BUDGET)]
    rows = {}
    for method in dict.fromkeys(runs["method"]):
        incumbents, method_runs = evaluated[evaluated["method"] == method], runs[runs["method"] == method]
        row: dict[str, float] = {"iqm": np.nan, "low": np.nan, "high": np.nan}
        if results.manifest["workloads"][workload]["bounds"] is not None:
            scores = regrets(results, method, (workload,))
            samples = statistics.resample(scores, stream(seed, "bootstrap", method, workload), repetitions)
            low, high = statistics.interval(statistics.iqm(samples))
            row = {"iqm": float(statistics.iqm(scores)), "low": float(low), "high": float(high)}
        row |= {"tuning_score": incumbents["tuning_score"].mean(), "test_score": incumbents["test_score"].mean()}
        rows[method] = row | {"runs": len(method_runs), "failures": int((method_runs["status"] != DONE).sum())}
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("method")
    return table.sort_values("iqm", kind="stable") if len(table) else table
