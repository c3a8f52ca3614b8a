"""The statistics of a comparison: pure functions on arrays, for which lower is better.

Scores have the shape (..., runs, tasks). NaN marks an absent run, so that tasks may have different numbers of runs:
`padded` creates such an array. A failed run is not absent: assign the worst score to it, or its failure would not
count. In tests over blocks, scores have the shape (blocks, methods); blocks with a missing method are left out, and the
result contains their number.

Sources: Agarwal et al. 2021, "Deep reinforcement learning at the edge of the statistical precipice" (IQM, stratified
bootstrap, performance profiles, probability of improvement; the package rliable); Demsar 2006, "Statistical comparisons
of classifiers over multiple data sets", JMLR 7 (Friedman, Nemenyi, critical difference); Dahl et al. 2023,
"Benchmarking neural network training algorithms" (time to target, infinite on a miss).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
from scipy import stats

from raytune_suite.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike, NDArray

    Array: TypeAlias = NDArray[np.float64]
    Statistic: TypeAlias = Callable[[Array], Array]

TRIMMED = 0.25
"""The share of the scores that the interquartile mean trims at each end."""


class Friedman(NamedTuple):
    """The result of Friedman's test of whether methods differ at all.

    Attributes:
        chi2: Friedman's statistic, corrected for ties.
        p: Its p-value (chi-square with methods - 1 degrees of freedom).
        f: The less conservative statistic of Iman and Davenport.
        f_p: Its p-value.
        blocks: The number of blocks used.
        left_out: The number of blocks left out because of a missing method.
    """

    chi2: float
    p: float
    f: float
    f_p: float
    blocks: int
    left_out: int


def padded(tasks: Sequence[ArrayLike]) -> Array:
    """Combine the runs of several tasks into one array (runs, tasks), padded with NaN where a task has fewer runs."""
    columns = [np.asarray(runs, dtype=float) for runs in tasks]
    scores = np.full((max((len(column) for column in columns), default=0), len(columns)), np.nan)
    for task, column in enumerate(columns):
        scores[: len(column), task] = column
    return scores


def iqm(scores: ArrayLike) -> Array:
    """Compute the interquartile mean over all runs of all tasks, shape (..., runs, tasks) to (...): 25 % trimmed.

    As in rliable and `scipy.stats.trim_mean`, `floor(n / 4)` scores are trimmed at each end, without interpolation.
    NaN if there is no score at all.
    """
    pooled = np.asarray(scores, dtype=float)
    pooled = np.sort(pooled.reshape(*pooled.shape[:-2], -1), axis=-1)  # NaN comes last
    count = np.sum(~np.isnan(pooled), axis=-1, keepdims=True)
    trimmed = np.floor(TRIMMED * count)
    index = np.arange(pooled.shape[-1])
    kept = (trimmed <= index) & (index < count - trimmed)
    return _mean(pooled, kept, axis=-1)


def task_iqm(scores: ArrayLike) -> Array:
    """Compute the interquartile mean over the runs of each task, shape (..., runs, tasks) to (..., tasks)."""
    return iqm(np.moveaxis(np.asarray(scores, dtype=float), -1, -2)[..., np.newaxis])


def task_mean(scores: ArrayLike) -> Array:
    """Average the interquartile means of the tasks, shape (..., runs, tasks) to (...).

    In `iqm`, a task on which all runs are bad may be trimmed entirely; here each task counts.
    """
    return np.asarray(np.mean(task_iqm(scores), axis=-1))


def bootstrap_indices(present: NDArray[np.bool_], rng: np.random.Generator, repetitions: int) -> NDArray[np.int64]:
    """Draw the runs of a stratified bootstrap: with replacement, from the runs of each task separately.

    If all runs are present, the indices are those that rliable would draw from the same generator.

    Args:
        present: Which runs are present, of shape (runs, tasks).
        rng: The generator.
        repetitions: The number of samples.

    Returns:
        Indices along the runs, of shape (repetitions, runs, tasks). A task's absent runs stay absent.

    Raises:
        ArgumentError: If `repetitions` is less than 1 or a task has no run.
    """
    if repetitions < 1:
        raise ArgumentError(f"`repetitions` is {repetitions}, but must be 1 or more")
    counts = present.sum(axis=0)
    if not present.size or not counts.all():
        raise ArgumentError(f"the numbers of runs per task are {counts.tolist()}, but each must be 1 or more")
    present_first = np.argsort(~present, axis=0, kind="stable")
    drawn = rng.integers(counts, size=(repetitions, *present.shape))
    index = np.arange(len(present))[:, np.newaxis]
    return np.take_along_axis(present_first[np.newaxis], np.where(index < counts, drawn, index), axis=1)


def resample(scores: ArrayLike, rng: np.random.Generator, repetitions: int) -> Array:
    """Draw bootstrap samples of scores (runs, tasks), shape (repetitions, runs, tasks); see `bootstrap_indices`."""
    runs = np.asarray(scores, dtype=float)
    return np.take_along_axis(runs[np.newaxis], bootstrap_indices(~np.isnan(runs), rng, repetitions), axis=1)


def bootstrap(scores: ArrayLike, statistic: Statistic, rng: np.random.Generator, repetitions: int) -> Array:
    """Evaluate a statistic on `repetitions` stratified bootstrap samples of scores (runs, tasks).

    Args:
        scores: The scores; see `padded` for tasks with different numbers of runs.
        statistic: A function from (..., runs, tasks) to (...), such as `iqm`.
        rng: The generator.
        repetitions: The number of samples.

    Example:
        >>> samples = bootstrap([[1.0], [2.0], [4.0]], iqm, np.random.default_rng(0), 1000)
        >>> low, high = interval(samples)
    """
    return statistic(resample(scores, rng, repetitions))


def interval(samples: ArrayLike, level: float = 0.95) -> tuple[Array, Array]:
    """Compute the percentile interval of bootstrap samples along their first axis: its lower and upper ends.

    Raises:
        ArgumentError: If `level` is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise ArgumentError(f"`level` is {level}, but must be greater than 0 and less than 1")
    low, high = np.quantile(np.asarray(samples, dtype=float), [(1 - level) / 2, (1 + level) / 2], axis=0)
    return np.asarray(low), np.asarray(high)


def performance_profile(scores: ArrayLike, thresholds: ArrayLike) -> Array:
    """Return the share of all runs with a score of at most each threshold, (..., runs, tasks) to (..., thresholds)."""
    runs = np.asarray(scores, dtype=float)
    present = np.sum(~np.isnan(runs), axis=(-2, -1))
    shares = [np.sum(runs <= limit, axis=(-2, -1)) / present for limit in np.asarray(thresholds, dtype=float)]
    return np.stack(shares, axis=-1)


def probability_of_improvement(x: ArrayLike, y: ArrayLike) -> Array:
    """Estimate the probability that a run of `x` scores lower than a run of `y`, averaged over tasks; ties count half.

    It is the Mann-Whitney U divided by the number of pairs. Shapes (..., runs, tasks) to (...); `x` and `y` may have
    different numbers of runs. For an interval, pass `resample(x, ...)` and `resample(y, ...)`.

    Raises:
        ArgumentError: If `x` or `y` has no run of a task.
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    wins = sum(_wins(x[..., run : run + 1, :], y) for run in range(x.shape[-2]))
    pairs = np.sum(~np.isnan(x), axis=-2) * np.sum(~np.isnan(y), axis=-2)
    if not np.all(pairs):
        raise ArgumentError("`x` or `y` has no runs of a task, but must have one or more of each task")
    return np.asarray(np.mean(wins / pairs, axis=-1))


def ranks(scores: ArrayLike) -> Array:
    """Rank the methods in each block, shape (..., methods): 1 is the lowest score, ties share their mean rank."""
    return np.asarray(stats.rankdata(np.asarray(scores, dtype=float), axis=-1))


def complete(scores: ArrayLike) -> Array:
    """Return the blocks without a missing method, of shape (blocks, methods).

    Raises:
        ArgumentError: If there is no such block, or there are fewer than two methods.
    """
    blocks = np.asarray(scores, dtype=float)
    kept = blocks[~np.isnan(blocks).any(axis=1)]
    if not len(kept) or blocks.shape[1] < 2:  # noqa: PLR2004 - one method cannot be compared
        raise ArgumentError(
            f"{len(kept)} of {len(blocks)} blocks have scores of all {blocks.shape[1]} methods, but a comparison needs "
            "at least one such block and two methods: leave out the method that is missing"
        )
    return np.asarray(kept)


def friedman(scores: ArrayLike) -> Friedman:
    """Run Friedman's test over blocks, with Iman and Davenport's correction (Demsar 2006, section 3.2.2).

    Raises:
        ArgumentError: If there are fewer than three methods: use `wilcoxon_holm` for two.
    """
    blocks = complete(scores)
    count, methods = blocks.shape
    if methods < 3:  # noqa: PLR2004 - Friedman's test of two methods is the sign test
        raise ArgumentError(
            f"there are {methods} methods, but Friedman's test needs three or more: use `wilcoxon_holm`"
        )
    left_out = len(np.asarray(scores)) - count
    if np.all(blocks == blocks[:, :1]):  # all scores are equal, and the correction for ties would divide by zero
        return Friedman(0.0, 1.0, 0.0, 1.0, count, left_out)
    result = stats.friedmanchisquare(*blocks.T)
    chi2 = float(result.statistic)
    rest = count * (methods - 1) - chi2
    f = (count - 1) * chi2 / rest if rest > 0 else math.inf
    f_p = float(stats.f.sf(f, methods - 1, (methods - 1) * (count - 1))) if count > 1 else math.nan
    return Friedman(chi2, float(result.pvalue), f, f_p, count, left_out)


def nemenyi(scores: ArrayLike) -> Array:
    """Compute Nemenyi's p-value of each pair of methods over complete blocks, (methods, methods); 1 on the diagonal.

    The p-values are adjusted for all pairs. Apply the test only after Friedman's test has found a difference.
    """
    blocks = complete(scores)
    count, methods = blocks.shape
    average = ranks(blocks).mean(axis=0)
    distance = np.abs(average[:, np.newaxis] - average) / _standard_error(methods, count)
    return np.asarray(stats.studentized_range.sf(distance * math.sqrt(2), methods, np.inf))


def critical_difference(methods: int, blocks: int, alpha: float = 0.05) -> float:
    """Return the least significant difference of two mean ranks in Nemenyi's test (Demsar 2006, section 3.2.2)."""
    quantile = stats.studentized_range.ppf(1 - alpha, methods, np.inf) / math.sqrt(2)
    return float(quantile * _standard_error(methods, blocks))


def cliques(mean_ranks: ArrayLike, cd: float) -> list[tuple[int, ...]]:
    """Return the largest groups of two or more methods whose mean ranks all differ by less than `cd`.

    These are the bars of a critical-difference diagram. Each group contains indices, best first.
    """
    average = np.asarray(mean_ranks, dtype=float)
    order = np.argsort(average, kind="stable")
    groups: list[tuple[int, ...]] = []
    reached = 0
    for start, first in enumerate(order):
        end = start + int(np.sum(average[order[start:]] - average[first] < cd))
        if end > reached and end - start > 1:
            groups.append(tuple(int(method) for method in order[start:end]))
        reached = max(reached, end)
    return groups


def holm(p: ArrayLike) -> Array:
    """Adjust the p-values of several tests by Holm's procedure (Holm 1979), which controls the family-wise error."""
    values = np.asarray(p, dtype=float)
    order = np.argsort(values, kind="stable")
    stepped = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(stepped, 1)
    return adjusted


def wilcoxon_holm(scores: ArrayLike, baseline: int) -> Array:
    """Run Wilcoxon's signed-rank test of each method against a baseline, over complete blocks, with Holm's adjustment.

    Returns:
        Two-sided p-values of shape (methods,); NaN for the baseline itself.
    """
    blocks = complete(scores)
    others = [method for method in range(blocks.shape[1]) if method != baseline]
    p = np.full(blocks.shape[1], np.nan)
    p[others] = holm([_wilcoxon(blocks[:, method] - blocks[:, baseline]) for method in others])
    return p


def time_to_target(costs: ArrayLike, values: ArrayLike, target: float) -> float:
    """Return the first cost at which a value is at most `target`; infinite if there is none (Dahl et al. 2023)."""
    hits = np.flatnonzero(np.asarray(values, dtype=float) <= target)
    return float(np.asarray(costs, dtype=float)[hits[0]]) if len(hits) else math.inf


def speedup(times: ArrayLike, baseline_times: ArrayLike) -> float:
    """Compute the speed-up over a baseline: the ratio of the median times to target.

    A median is infinite if at least half of the runs missed the target. The speed-up is infinite if only the baseline's
    median is or only the method's is 0, 0 if it is the other way round, and NaN (undefined) if both are infinite or 0.
    """
    time, baseline_time = float(np.median(np.asarray(times))), float(np.median(np.asarray(baseline_times)))
    if math.isinf(time):
        return math.nan if math.isinf(baseline_time) else 0.0
    if time == 0:
        return math.inf if baseline_time > 0 else math.nan
    return baseline_time / time


def tuning_test_gap(tuning: ArrayLike, test: ArrayLike) -> Array:
    """Return test minus tuning scores, elementwise: positive if the score is worse on the test seeds."""
    return np.asarray(np.asarray(test, dtype=float) - np.asarray(tuning, dtype=float))


def _mean(values: Array, kept: NDArray[np.bool_], axis: int) -> Array:
    """Average the kept values along an axis; NaN where none is kept."""
    count = kept.sum(axis=axis)
    total = np.where(kept, values, 0).sum(axis=axis)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))


def _wins(x: Array, y: Array) -> Array:
    """Count the runs of `y` that score worse than the run of `x` of the same task; ties count half."""
    return np.asarray(np.sum(x < y, axis=-2) + np.sum(x == y, axis=-2) / 2)


def _standard_error(methods: int, blocks: int) -> float:
    """Return the standard error of the difference of two mean ranks."""
    return math.sqrt(methods * (methods + 1) / (6 * blocks))


def _wilcoxon(differences: Array) -> float:
    """Return the two-sided p-value; 1 if all differences are 0."""
    return float(stats.wilcoxon(differences).pvalue) if differences.any() else 1.0
