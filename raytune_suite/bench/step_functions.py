"""Anytime curves: step functions of cost or simulated time, never interpolated linearly; lower is better.

The curves of one method have the shape (grid, runs, tasks), which `raytune_suite.bench.statistics` reduces. A value is
NaN before the first incumbent of a run; a run that is NaN to the end is absent. A run keeps its last value when its
budget ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from raytune_suite.bench import statistics
from raytune_suite.errors import ArgumentError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from raytune_suite.bench.statistics import Array, Statistic

Spacing = Literal["log", "linear"]


class Band(NamedTuple):
    """A curve with its bootstrap interval, each of shape (grid,); NaN where a run has no incumbent yet."""

    middle: Array
    low: Array
    high: Array


def grid(start: float, end: float, points: int, spacing: Spacing = "log") -> Array:
    """Return points from `start` to `end` inclusive, equally spaced on a logarithmic or a linear scale.

    Raises:
        ArgumentError: If `end` is not above `start`, there are fewer than 2 points, or a logarithmic grid does not
            start above 0.
    """
    if not start < end:
        raise ArgumentError(f"`end` is {end}, but must be greater than `start`, {start}")
    if points < 2:  # noqa: PLR2004 - the two ends
        raise ArgumentError(f"`points` is {points}, but must be 2 or more")
    if spacing == "linear":
        return np.linspace(start, end, points)
    if start <= 0:
        raise ArgumentError(f"`start` is {start}, but must be greater than 0 for a logarithmic grid")
    return np.geomspace(start, end, points)


def values_at(costs: ArrayLike, values: ArrayLike, grid: ArrayLike) -> Array:
    """Evaluate a step function: at each point of the grid, take the value of the last change at or before it.

    Args:
        costs: Where the value changes, of shape (changes,), in ascending order. Of several changes at the same cost,
            the last one counts.
        values: The value from there on, of shape (changes,).
        grid: The points of evaluation, of shape (grid,).

    Returns:
        Shape (grid,); NaN before the first change, and the last value after the last change.

    Raises:
        ArgumentError: If `costs` are not in ascending order.

    Example:
        >>> values_at([1, 3], [0.5, 0.2], [0, 1, 2.9, 3, 10]).tolist()
        [nan, 0.5, 0.5, 0.2, 0.2]
    """
    steps = np.asarray(costs, dtype=float)
    if np.any(np.diff(steps) < 0):
        raise ArgumentError("`costs` decrease, but must be in ascending order")
    reached = np.searchsorted(steps, np.asarray(grid, dtype=float), side="right")
    return np.concatenate([[np.nan], np.asarray(values, dtype=float)])[reached]


def mean_ranks(curves: ArrayLike) -> Array:
    """Compute each method's mean rank over tasks at each point, shape (methods, grid, runs, tasks) to (methods, grid).

    On a task, methods are ranked by the interquartile mean of their runs. Methods with a run that has no incumbent yet
    share the last rank.
    """
    values = np.asarray(curves, dtype=float)
    started = _started(values)
    by_task = statistics.task_iqm(values)  # (methods, grid, tasks)
    by_task = np.where(started & ~np.isnan(by_task), by_task, np.inf)
    ranked = statistics.ranks(np.moveaxis(by_task, 0, -1))  # (grid, tasks, methods)
    return np.asarray(ranked.mean(axis=1).T)


def band(
    curves: ArrayLike,
    rng: np.random.Generator,
    repetitions: int,
    statistic: Statistic = statistics.iqm,
    level: float = 0.95,
) -> Band:
    """Compute a statistic of one method's curves (grid, runs, tasks), with a bootstrap interval at each point.

    Whole curves are resampled: the same runs at all points.
    """
    values = np.asarray(curves, dtype=float)
    chosen = statistics.bootstrap_indices(~np.isnan(values[-1]), rng, repetitions)
    rows = [(np.nan, np.nan, np.nan)] * len(values)
    for point in np.flatnonzero(_started(values).all(axis=-1)):
        here = values[point]
        samples = statistic(np.take_along_axis(here[np.newaxis], chosen, axis=1))
        low, high = statistics.interval(samples, level)
        rows[point] = (float(statistic(here)), float(low), float(high))
    return Band(*np.array(rows).T)


def _started(values: Array) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Whether all present runs of a task have a value, (..., grid, runs, tasks) to (..., grid, tasks)."""
    present = ~np.isnan(values[..., -1:, :, :])
    return np.asarray(np.all(~np.isnan(values) | ~present, axis=-2))
