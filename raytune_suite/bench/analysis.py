"""What a report shows, from the tables of a comparison: scores as arrays, and one row per method.

Rules, alike for all methods:

- A method is compared on the workloads that it serves. Those of a *group* are served by all methods of the group, so
  that no method is judged on easier ones.
- A run that failed, found nothing, or whose test trainings failed has the regret 1, the worst of the workload's frozen
  bounds; a regret above 1 counts as 1. None is left out, and failures are counted beside it.
- On a workload a method's score is the interquartile mean of its runs; workloads are the blocks of the rank tests.
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
    """The groups of a comparison, the widest first: one for each set of workloads that is all that a method serves.

    A group holds all methods that serve its workloads, so that a method that serves less is still ranked among all
    others on what it serves. A workload without frozen bounds has no normalized regret and is in no group.
    """
    runs = results.runs
    normalized = [name for name, about in results.manifest["workloads"].items() if about["bounds"] is not None]
    pairs = runs[(runs["status"] != REFUSED) & runs["workload"].isin(normalized)]
    methods = list(dict.fromkeys(runs["method"]))
    served = {method: set(pairs.loc[pairs["method"] == method, "workload"]) for method in methods}
    found = [
        Group(
            tuple(method for method in methods if served[method] >= names),
            tuple(name for name in normalized if name in names),
        )
        for names in served.values()
        if names
    ]
    return sorted(dict.fromkeys(found), key=lambda group: -len(group.workloads))


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
    return np.column_stack([statistics.task_iqm(regrets(results, name, group.workloads)) for name in group.methods])


def headline(results: Results, group: Group, baseline: str | None, seed: int, repetitions: int) -> pd.DataFrame:
    """One row per method of a group, best first.

    Args:
        results: The comparison.
        group: One of `groups`.
        baseline: The method against which improvement is counted: full-fidelity random search; None for none.
        seed: That of the bootstrap. A method's interval does not depend on which others there are.
        repetitions: Of the bootstrap.

    Returns:
        Indexed by method: mean, low, high (the mean over workloads of the interquartile mean of the runs, with its 95 %
        interval: no workload can drop out of it), iqm (over all runs of all workloads together, of which the best and
        the worst quarter do drop out), mean_rank, improvement with improvement_low and improvement_high (the
        probability of a lower regret than the baseline's; NaN without one) and failures (runs).
    """
    average = statistics.ranks(block_scores(results, group)).mean(axis=0)
    ended = results.runs[results.runs["workload"].isin(group.workloads) & (results.runs["status"] != DONE)]
    scored = {method: regrets(results, method, group.workloads) for method in group.methods}
    resampled = {
        method: statistics.resample(scores, stream(seed, "bootstrap", method), repetitions)
        for method, scores in scored.items()
    }
    rows = {}
    for method, rank in zip(group.methods, average, strict=True):
        scores, samples = scored[method], resampled[method]
        low, high = statistics.interval(statistics.task_mean(samples))
        row = {"mean": float(statistics.task_mean(scores)), "low": float(low), "high": float(high)}
        row |= {"iqm": float(statistics.iqm(scores)), "mean_rank": float(rank)}
        row |= dict.fromkeys(("improvement", "improvement_low", "improvement_high"), np.nan)
        if baseline in group.methods and method != baseline:
            better = statistics.probability_of_improvement(samples, resampled[baseline])
            low, high = statistics.interval(better)
            row["improvement"] = float(statistics.probability_of_improvement(scores, scored[baseline]))
            row |= {"improvement_low": float(low), "improvement_high": float(high)}
        rows[method] = row | {"failures": int((ended["method"] == method).sum())}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("method").sort_values("mean", kind="stable")


def gaps(results: Results) -> pd.DataFrame:
    """How much the choice of each method owes to the tuning seeds.

    Only workloads that are judged by test seeds and know no exact value count, since elsewhere the seeds make little or
    no difference; and of their runs those whose choice had been trained to its end while tuning, since else the two
    scores would differ in how far they were trained. Workloads weigh alike.

    Returns:
        Indexed by method: tuning and test (the normalized regret of the last incumbents on either seeds, the mean over
        workloads of the mean over runs), gap (the second less the first), and runs. Methods without one have no row.
    """
    about = results.manifest["workloads"]
    judged = results.results
    judged = judged[np.isclose(judged["fraction"], WHOLE) & (judged["judged_by"] == TEST_SEEDS)]
    noisy = np.array([not about[name].get("exact") for name in judged["workload"]], dtype=bool)
    whole = judged["resource"] >= np.array([about[name]["max_t"] for name in judged["workload"]])
    last = judged[noisy & whole & judged["tuning_regret"].notna() & judged["test_regret"].notna()]
    rows = {}
    for method in dict.fromkeys(results.runs["method"]):
        own = last[last["method"] == method]
        if len(own):
            means = own[["tuning_regret", "test_regret"]].clip(upper=WORST).groupby(own["workload"]).mean().mean()
            tuning, test = float(means["tuning_regret"]), float(means["test_regret"])
            gap = float(statistics.tuning_test_gap(tuning, test))
            rows[method] = {"tuning": tuning, "test": test, "gap": gap, "runs": len(own)}
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
