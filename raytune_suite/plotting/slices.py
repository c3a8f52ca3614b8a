"""Slices and contours: the metric against one parameter, or against two."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from raytune_suite.plotting import colors
from raytune_suite.plotting.scales import limits, set_logarithmic, spans_decades
from raytune_suite.plotting.trial_values import set_parameter_axis, unit_positions

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from raytune_suite.plotting.scales import Floats
    from raytune_suite.plotting.trial_values import TrialValues
    from raytune_suite.types import Mode

JITTER = 0.25
"""The width of the cloud of a category, as a share of the distance between two categories."""

MOST_JITTER = 0.08
"""The most width of such a cloud, as a share of the axis."""

GRID = 24
"""Cells per axis of a contour."""

BANDWIDTH = 0.09
"""The standard deviation of the kernel that smooths contours, as a share of an axis."""

LEVELS = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)
"""Relative ranks between which contours have one shade."""

SHADES = (0.75, 0.5, 0.3, 0.15, 0.04)
"""The opacity of each shade, the best first."""


def draw_slice(axes: Axes, trials: TrialValues, column: int, mode: Mode, best: int | None) -> None:
    """Draw the metric at the fidelity against one parameter: a dot per trial in which it is active."""
    parameter = trials.space.parameters[column]
    x, y = spread_categories(trials, column), trials.losses if mode == "min" else -trials.losses
    shown = np.isfinite(x) & np.isfinite(y)
    axes.plot(x[shown], y[shown], linestyle="none", marker=".", markersize=4, color=colors.ESTIMATE, alpha=0.55)
    if best is not None and shown[best]:
        axes.plot(x[best], y[best], "*", color=colors.BEST, markersize=10, markeredgecolor="white", zorder=5)
    set_parameter_axis(axes, parameter, "x")
    values = y[np.isfinite(y)]
    if len(values):
        log = spans_decades(values)
        if log:
            set_logarithmic(axes.yaxis, axes.set_yscale)
        low, high = limits(np.log10(values) if log else values, mode)
        axes.set_ylim((10**low, 10**high) if log else (low, high))


def spread_categories(trials: TrialValues, column: int) -> Floats:
    """The positions of all trials on a parameter's axis; those with one category are spread around it."""
    parameter = trials.space.parameters[column]
    positions = unit_positions(parameter, trials.values[:, column])
    if parameter.kind == "categorical":
        step = 1 / max(len(parameter.categories) - 1, 1)
        shifts = (np.arange(len(positions)) * 0.618034) % 1 - 0.5  # evenly, and the same each time
        positions = positions + min(JITTER * step, MOST_JITTER) * shifts
    return positions


def draw_contour(axes: Axes, trials: TrialValues, columns: tuple[int, int], best: int | None) -> None:
    """Draw the smoothed rank of the trials over two parameters, the better the stronger in color, and the trials."""
    x, y = (spread_categories(trials, column) for column in columns)
    ranks = trials.ranks()
    shown = np.isfinite(x) & np.isfinite(y) & np.isfinite(ranks)
    if shown.sum() > 2:  # noqa: PLR2004 - nothing to smooth
        ticks = np.linspace(0, 1, GRID)
        smooth = smoothed(x[shown], y[shown], ranks[shown], ticks)
        for low, high, shade in zip(LEVELS[:-1], LEVELS[1:], SHADES, strict=True):
            axes.contourf(ticks, ticks, smooth, levels=[low, high], colors=[colors.ESTIMATE], alpha=shade)
    axes.plot(x[shown], y[shown], linestyle="none", marker=".", markersize=2.5, color=colors.BEST, alpha=0.6)
    if best is not None and shown[best]:
        axes.plot(x[best], y[best], "*", color=colors.FAILED, markersize=11, markeredgecolor="white", zorder=5)
    set_parameter_axis(axes, trials.space.parameters[columns[0]], "x")
    set_parameter_axis(axes, trials.space.parameters[columns[1]], "y")


def smoothed(x: Floats, y: Floats, ranks: Floats, ticks: Floats) -> Floats:
    """The kernel-weighted mean of the ranks at each point of a grid, of shape (ticks, ticks); NaN far from trials."""
    kernels = [np.exp(-0.5 * ((ticks[:, None] - positions) / BANDWIDTH) ** 2) for positions in (y, x)]
    weight = kernels[0] @ kernels[1].T
    total = (kernels[0] * ranks) @ kernels[1].T
    with np.errstate(invalid="ignore", divide="ignore"):
        mean: Floats = np.where(weight > 0.1, total / weight, np.nan)  # noqa: PLR2004 - about two deviations away
    return np.clip(mean, 0, 1)
