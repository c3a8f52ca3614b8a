"""The statistics of a comparison: pure functions on arrays, in all of which less is better.

Scores have the shape (..., runs, tasks). NaN is a run that is not there, so that tasks may have different numbers of
runs: `padded` makes such an array. A run that failed is there: give it the worst score, or it would be forgiven. In
tests over blocks, scores have the shape (blocks, methods); a block in which a method is missing is left out, and the
result says how many were.

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
"""The share of the scores that the interquartile mean leaves out at each end."""


class Friedman(NamedTuple):
    """Friedman's test of whether methods differ at all.

    Attributes:
        chi2: Friedman's statistic, corrected for ties.
        p: Its p-value (chi-square with methods - 1 degrees of freedom).
        f: The less conservative statistic of Iman and Davenport.
        f_p: Its p-value.
        blocks: How many blocks were used.
        left_out: How many were not, since a method is missing in them.
    """

    chi2: float
    p: float
    f: float
    f_p: float
    blocks: int
    left_out: int


def padded(tasks: Sequence[ArrayLike]) -> Array:
    """The runs of several tasks as one array (runs, tasks), with NaN where a task has fewer runs than another."""
    columns = [np.asarray(runs, dtype=float) for runs in tasks]
    scores = np.full((max((len(column) for column in columns), default=0), len(columns)), np.nan)
    for task, column in enumerate(columns):
        scores[: len(column), task] = column
    return scores


def iqm(scores: ArrayLike) -> Array:
    """The interquartile mean over all runs of all tasks, shape (..., runs, tasks) to (...): the 25 % trimmed mean.

    As in rliable and `scipy.stats.trim_mean`, `floor(n / 4)` scores are left out at each end, without interpolation.
    NaN where there is no score at all.
    """
    pooled = np.asarray(scores, dtype=float)
    pooled = np.sort(pooled.reshape(*pooled.shape[:-2], -1), axis=-1)  # NaN comes last
    count = np.sum(~np.isnan(pooled), axis=-1, keepdims=True)
    trimmed = np.floor(TRIMMED * count)
    place = np.arange(pooled.shape[-1])
    kept = (trimmed <= place) & (place < count - trimmed)
    return _mean(pooled, kept, axis=-1)


def task_iqm(scores: ArrayLike) -> Array:
    """The interquartile mean over the runs of each task, shape (..., runs, tasks) to (..., tasks)."""
    return iqm(np.moveaxis(np.asarray(scores, dtype=float), -1, -2)[..., np.newaxis])


def task_mean(scores: ArrayLike) -> Array:
    """The mean over tasks of the interquartile mean over a task's runs, shape (..., runs, tasks) to (...).

    In `iqm` a task on which all runs are bad may lie wholly in the quarter that is left out; here each task counts.
    """
    return np.asarray(np.mean(task_iqm(scores), axis=-1))


def draws(present: NDArray[np.bool_], rng: np.random.Generator, repetitions: int) -> NDArray[np.int64]:
    """Which runs a stratified bootstrap draws, with replacement, from those of each task separately.

    Where all runs are present, the numbers are those that rliable would draw from the same generator.

    Args:
        present: Which runs are there, of shape (runs, tasks).
        rng: The generator.
        repetitions: How many samples to draw.

    Returns:
        Indices along the runs, of shape (repetitions, runs, tasks). A task's absent runs stay absent.

    Raises:
        ArgumentError: If `repetitions` is less than 1 or a task has no run.
    """
    if repetitions < 1:
        raise ArgumentError(f"`repetitions` is {repetitions}, but must be 1 or more")
    counts = present.sum(axis=0)
    if not present.size or not counts.all():
        raise ArgumentError(f"the tasks have {counts.tolist()} runs, but each must have one or more")
    there_first = np.argsort(~present, axis=0, kind="stable")
    drawn = rng.integers(counts, size=(repetitions, *present.shape))
    place = np.arange(len(present))[:, np.newaxis]
    return np.take_along_axis(there_first[np.newaxis], np.where(place < counts, drawn, place), axis=1)


def resample(scores: ArrayLike, rng: np.random.Generator, repetitions: int) -> Array:
    """Bootstrap samples of scores (runs, tasks), of shape (repetitions, runs, tasks); see `draws`."""
    runs = np.asarray(scores, dtype=float)
    return np.take_along_axis(runs[np.newaxis], draws(~np.isnan(runs), rng, repetitions), axis=1)


def bootstrap(scores: ArrayLike, statistic: Statistic, rng: np.random.Generator, repetitions: int) -> Array:
    """The statistic of each of `repetitions` stratified bootstrap samples of scores (runs, tasks).

    Args:
        scores: The scores; see `padded` for tasks with different numbers of runs.
        statistic: A function of (..., runs, tasks) to (...), such as `iqm`.
        rng: The generator.
        repetitions: How many samples to draw.

    Example:
        >>> samples = bootstrap([[1.0], [2.0], [4.0]], iqm, np.random.default_rng(0), 1000)
        >>> low, high = interval(samples)
    """
    return statistic(resample(scores, rng, repetitions))


def interval(samples: ArrayLike, level: float = 0.95) -> tuple[Array, Array]:
    """The percentile interval of bootstrap samples along their first axis: its lower and its upper ends.

    Raises:
        ArgumentError: If `level` is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise ArgumentError(f"`level` is {level}, but must be greater than 0 and less than 1")
    low, high = np.quantile(np.asarray(samples, dtype=float), [(1 - level) / 2, (1 + level) / 2], axis=0)
    return np.asarray(low), np.asarray(high)


def performance_profile(scores: ArrayLike, thresholds: ArrayLike) -> Array:
    """The share of all runs whose score is at most each threshold, shape (..., runs, tasks) to (..., thresholds)."""
    runs = np.asarray(scores, dtype=float)
    present = np.sum(~np.isnan(runs), axis=(-2, -1))
    shares = [np.sum(runs <= limit, axis=(-2, -1)) / present for limit in np.asarray(thresholds, dtype=float)]
    return np.stack(shares, axis=-1)


def probability_of_improvement(x: ArrayLike, y: ArrayLike) -> Array:
    """The probability that a run of `x` has a lower score than a run of `y`, averaged over tasks; ties count half.

    It is Mann and Whitney's U over the number of pairs. Shapes (..., runs, tasks) to (...); `x` and `y` may have
    different numbers of runs. For an interval, give it `resample(x, ...)` and `resample(y, ...)`.
    """
    ours, theirs = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    wins = sum(_wins(ours[..., run : run + 1, :], theirs) for run in range(ours.shape[-2]))
    pairs = np.sum(~np.isnan(ours), axis=-2) * np.sum(~np.isnan(theirs), axis=-2)
    if not np.all(pairs):
        raise ArgumentError("a task has no runs of `x` or of `y`, but both must have one or more of each task")
    return np.asarray(np.mean(wins / pairs, axis=-1))


def ranks(scores: ArrayLike) -> Array:
    """The rank of each method in each block, (..., methods) to the same: 1 is the lowest score, ties share the mean."""
    return np.asarray(stats.rankdata(np.asarray(scores, dtype=float), axis=-1))


def complete(scores: ArrayLike) -> Array:
    """The blocks in which no method is missing, of shape (blocks, methods).

    Raises:
        ArgumentError: If that is none, or there are fewer than two methods.
    """
    blocks = np.asarray(scores, dtype=float)
    kept = blocks[~np.isnan(blocks).any(axis=1)]
    if not len(kept) or blocks.shape[1] < 2:  # noqa: PLR2004 - one method cannot be compared
        raise ArgumentError(
            f"{len(kept)} of {len(blocks)} blocks have all {blocks.shape[1]} methods, but a comparison needs a block "
            "and two methods: leave out the method that is missing"
        )
    return np.asarray(kept)


def friedman(scores: ArrayLike) -> Friedman:
    """Friedman's test over blocks, with Iman and Davenport's correction (Demsar 2006, section 3.2.2).

    Raises:
        ArgumentError: If there are fewer than three methods: use `wilcoxon_holm` for two.
    """
    blocks = complete(scores)
    count, methods = blocks.shape
    if methods < 3:  # noqa: PLR2004 - Friedman's test of two methods is the sign test
        raise ArgumentError(f"there are {methods} methods, but Friedman's test needs three or more")
    left_out = len(np.asarray(scores)) - count
    if np.all(blocks == blocks[:, :1]):  # nothing differs, and the correction for ties would divide by zero
        return Friedman(0.0, 1.0, 0.0, 1.0, count, left_out)
    result = stats.friedmanchisquare(*blocks.T)
    chi2 = float(result.statistic)
    rest = count * (methods - 1) - chi2
    f = (count - 1) * chi2 / rest if rest > 0 else math.inf
    f_p = float(stats.f.sf(f, methods - 1, (methods - 1) * (count - 1))) if count > 1 else math.nan
    return Friedman(chi2, float(result.pvalue), f, f_p, count, left_out)


def nemenyi(scores: ArrayLike) -> Array:
    """Nemenyi's p-value of each pair of methods over complete blocks, of shape (methods, methods); 1 on the diagonal.

    It holds for all pairs together. It stands after Friedman's test has found a difference.
    """
    blocks = complete(scores)
    count, methods = blocks.shape
    average = ranks(blocks).mean(axis=0)
    distance = np.abs(average[:, np.newaxis] - average) / _standard_error(methods, count)
    return np.asarray(stats.studentized_range.sf(distance * math.sqrt(2), methods, np.inf))


def critical_difference(methods: int, blocks: int, alpha: float = 0.05) -> float:
    """The least difference of two mean ranks that is significant by Nemenyi's test (Demsar 2006, section 3.2.2)."""
    quantile = stats.studentized_range.ppf(1 - alpha, methods, np.inf) / math.sqrt(2)
    return float(quantile * _standard_error(methods, blocks))


def cliques(mean_ranks: ArrayLike, cd: float) -> list[tuple[int, ...]]:
    """The largest groups of two methods or more whose mean ranks all lie within less than `cd` of each other.

    These are the bars of a critical-difference diagram. Each group holds indices, best first.
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
    """Holm's adjusted p-values of several tests (Holm 1979): the family-wise error stays at the level."""
    values = np.asarray(p, dtype=float)
    order = np.argsort(values, kind="stable")
    stepped = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(stepped, 1)
    return adjusted


def wilcoxon_holm(scores: ArrayLike, baseline: int) -> Array:
    """Wilcoxon's signed-rank test of each method against one, over complete blocks, with Holm's adjustment.

    Returns:
        Two-sided p-values of shape (methods,); NaN at the baseline itself.
    """
    blocks = complete(scores)
    others = [method for method in range(blocks.shape[1]) if method != baseline]
    p = np.full(blocks.shape[1], np.nan)
    p[others] = holm([_wilcoxon(blocks[:, method] - blocks[:, baseline]) for method in others])
    return p


def time_to_target(costs: ArrayLike, values: ArrayLike, target: float) -> float:
    """The first cost at which a value is at most `target`; infinite if none is (Dahl et al. 2023)."""
    hit = np.flatnonzero(np.asarray(values, dtype=float) <= target)
    return float(np.asarray(costs, dtype=float)[hit[0]]) if len(hit) else math.inf


def speedup(times: ArrayLike, baseline_times: ArrayLike) -> float:
    """How many times as fast as the baseline: the ratio of the medians of times to target.

    A median is infinite where at least half of the runs missed the target. Infinite if that is the baseline's alone, 0
    if it is the method's alone, NaN if both: then nothing can be said.
    """
    ours, theirs = float(np.median(np.asarray(times))), float(np.median(np.asarray(baseline_times)))
    if math.isinf(ours):
        return math.nan if math.isinf(theirs) else 0.0
    return theirs / ours


def tuning_test_gap(tuning: ArrayLike, test: ArrayLike) -> Array:
    """How much worse each choice is on the test seeds than on the tuning seeds, elementwise; positive: flattered."""
    return np.asarray(np.asarray(test, dtype=float) - np.asarray(tuning, dtype=float))


def _mean(values: Array, kept: NDArray[np.bool_], axis: int) -> Array:
    """The mean of the kept values along an axis; NaN where none is kept."""
    count = kept.sum(axis=axis)
    total = np.where(kept, values, 0).sum(axis=axis)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))


def _wins(ours: Array, theirs: Array) -> Array:
    """In how many pairs one run of each task is better than the other method's runs of it."""
    return np.asarray(np.sum(ours < theirs, axis=-2) + np.sum(ours == theirs, axis=-2) / 2)


def _standard_error(methods: int, blocks: int) -> float:
    """That of the difference of two mean ranks."""
    return math.sqrt(methods * (methods + 1) / (6 * blocks))


def _wilcoxon(differences: Array) -> float:
    """The two-sided p-value; 1 where nothing differs."""
    return float(stats.wilcoxon(differences).pvalue) if differences.any() else 1.0
