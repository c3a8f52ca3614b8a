"""The kinds of figures in the report: step curves, intervals, pairs of points, critical-difference diagrams.

Each function draws given values into an empty figure; none computes a statistic. All figures have the width of a phone,
4.6 inches of 72 units, so that a page can show them below or beside each other without scaling.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from raytune_suite.pages.axes import (
    FONT,
    LETTER,
    WIDTH,
    abbreviate,
    add_axes,
    add_rows,
    add_text,
    set_limits,
    spread,
)
from raytune_suite.pages.formatting import format_number
from raytune_suite.pages.svg import GRID, INK, MUTED
from raytune_suite.plotting.scales import spans_decades

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from raytune_suite.pages.line_styles import LineStyle

FLOOR = 1e-4
"""On a logarithmic axis, smaller regrets, including zero, are drawn at this value."""

LABEL_GAP = 12 / 72
"""The least distance in inches between two labels at the ends of curves."""

BAND = 0.16
"""The opacity of a band."""


class PlottedCurve(NamedTuple):
    """A step function of x, optionally with a band."""

    x: NDArray[np.float64]
    middle: NDArray[np.float64]
    low: NDArray[np.float64] | None = None
    high: NDArray[np.float64] | None = None


class Interval(NamedTuple):
    """The value of a method with its interval."""

    name: str
    value: float
    low: float
    high: float


def draw_curves(
    figure: Figure,
    curves: Mapping[str, PlottedCurve],
    line_styles: Mapping[str, LineStyle],
    *,
    labels: tuple[str, str],
    focus: str | None = None,
    bands: bool = True,
    log_y: bool = False,
    shares: bool = False,
) -> None:
    """Draw step curves with their bands over a logarithmic x axis, each labelled at its end.

    Args:
        figure: An empty figure.
        curves: The curves by method.
        line_styles: The line styles by method.
        labels: The labels of the x and the y axis.
        focus: The method to emphasize; the others become thin lines without labels. None shows all methods alike.
        bands: Whether to draw the bands of the methods shown.
        log_y: Whether y may be logarithmic, if its values span more than a decade; `FLOOR` is then the least value.
        shares: Whether y ranges from 0 to 1, where all curves end: a legend then replaces the labels.
    """
    longest = max((len(abbreviate(name)) for name in curves), default=0)
    axes = add_axes(figure, labels, right=0.1 if focus else longest * LETTER + (0.42 if shares else 0.25))
    middles = np.concatenate([np.empty(0), *(np.asarray(curve.middle, dtype=float) for curve in curves.values())])
    log_y = log_y and spans_decades(np.maximum(middles, FLOOR))
    ends = {}
    for name, curve in curves.items():
        style = line_styles[name]
        floor = FLOOR if log_y else -np.inf
        if focus not in (None, name):
            axes.step(curve.x, np.maximum(curve.middle, floor), where="post", color=GRID, linewidth=0.9)
            continue
        if bands and curve.low is not None and curve.high is not None:
            edges = np.maximum(curve.low, floor), np.maximum(curve.high, floor)
            axes.fill_between(curve.x, *edges, step="post", color=style.color, alpha=BAND, linewidth=0, zorder=1.5)
        middle = np.maximum(curve.middle, floor)
        axes.step(curve.x, middle, where="post", **style.line(), zorder=3)
        finite = np.flatnonzero(np.isfinite(middle))
        if len(finite) and not shares:
            last = finite[-1]
            axes.plot(curve.x[last], middle[last], **style.dot(), clip_on=False, zorder=4)
            ends[name] = float(middle[last])
    if log_y:
        axes.set_yscale("log")
    set_curve_limits(axes, curves, middles, log_y=log_y, shares=shares)
    if shares:
        names = sorted(curves, key=lambda name: -float(np.nanmean(curves[name].middle)))
        add_legend(figure, axes, names, line_styles)
    elif focus is None:
        label_ends(figure, axes, ends, line_styles)


def set_curve_limits(
    axes: Axes, curves: Mapping[str, PlottedCurve], middles: NDArray[np.float64], *, log_y: bool, shares: bool
) -> None:
    """Set x to start at the first curve, and y to the range of the finite values of all curves."""
    x = np.concatenate([np.empty(0), *(curve.x[np.isfinite(curve.middle)] for curve in curves.values())])
    if len(x) and x.min() < x.max():
        axes.set_xscale("log")
        set_limits(axes, x, log=True, along="x")
        axes.set_xlim(x.min(), x.max())
    if shares:
        axes.set_ylim(-0.02, 1.02)
    elif np.isfinite(middles).any():
        set_limits(axes, np.maximum(middles, FLOOR) if log_y else middles, log=log_y, along="y")
    else:
        axes.text(0.5, 0.5, "no finite values", transform=axes.transAxes, ha="center", fontsize=FONT, color=INK)


def label_ends(figure: Figure, axes: Axes, ends: Mapping[str, float], line_styles: Mapping[str, LineStyle]) -> None:
    """Label the curves at their ends, and move labels apart that would overlap."""
    width = axes.get_position().width * figure.get_figwidth()
    height = axes.get_position().height * figure.get_figheight()
    positions = {
        name: float(axes.transAxes.inverted().transform(axes.transData.transform((0, y)))[1])
        for name, y in ends.items()
    }
    near, far = 1 + 0.06 / width, 1 + 0.17 / width
    for name, label_y in zip(positions, spread(np.array(list(positions.values())), LABEL_GAP / height), strict=True):
        end_y = min(max(positions[name], 0.0), 1.0)
        connector: dict[str, Any] = {"color": line_styles[name].color, "linewidth": 0.8, "clip_on": False}
        axes.plot([near, far], [end_y, label_y], transform=axes.transAxes, **connector)
        add_text(axes, far + 0.03 / width, label_y, abbreviate(name), transform=axes.transAxes, va="center_baseline")


def add_legend(figure: Figure, axes: Axes, names: Sequence[str], line_styles: Mapping[str, LineStyle]) -> None:
    """Add a legend beside the axes, from the top, with a sample of each line."""
    width = axes.get_position().width * figure.get_figwidth()
    height = axes.get_position().height * figure.get_figheight()
    for row, name in enumerate(names):
        y, sample = 1 - LABEL_GAP * (row + 0.5) / height, np.array([0.08, 0.2, 0.32]) / width + 1
        where: dict[str, Any] = {"transform": axes.transAxes, "clip_on": False}
        axes.plot(sample, [y] * 3, **line_styles[name].line(), **where)
        axes.plot(sample[1], y, **line_styles[name].dot(), **where)
        add_text(axes, sample[2] + 0.06 / width, y, abbreviate(name), transform=axes.transAxes, va="center_baseline")


def draw_intervals(
    figure: Figure,
    intervals: Sequence[Interval],
    line_styles: Mapping[str, LineStyle],
    *,
    label: str,
    log: bool = False,
    reference: float | None = None,
) -> None:
    """Draw one row per method, in the given order: its value as a dot, its interval as a bar, and a reference line."""
    axes = add_rows(figure, [row.name for row in intervals], label)
    values = np.array([[row.value, row.low, row.high] for row in intervals], dtype=float).reshape(-1, 3)
    shown = values[np.isfinite(values)]
    shown = np.append(shown, [] if reference is None else [reference])
    log = log and spans_decades(shown[shown > 0])
    if log:
        axes.set_xscale("log")
        shown = shown[shown > 0]
    if len(shown):
        set_limits(axes, shown, log=log, along="x")
    if reference is not None:
        axes.axvline(reference, color=MUTED, linewidth=0.9, linestyle=(0, (3, 2)))
    for row, interval in enumerate(intervals):
        style = line_styles[interval.name]
        left, right = axes.get_xlim()
        edges = np.clip([interval.low, interval.high], left, right)
        axes.plot(edges, [row, row], color=style.color, linewidth=2, solid_capstyle="butt")
        if np.isfinite(interval.value) and (interval.value > 0 or not log):
            axes.plot(interval.value, row, **style.dot(6))
        else:
            text = format_number(interval.value)
            add_text(axes, 0.02, row, text, transform=axes.get_yaxis_transform(), va="center_baseline")


def draw_pairs(
    figure: Figure, pairs: Mapping[str, tuple[float, float]], line_styles: Mapping[str, LineStyle], *, label: str
) -> None:
    """Draw one row per method: an open dot for the tuning seeds, connected to a full dot for the test seeds."""
    axes = add_rows(figure, list(pairs), label)
    values = np.array(list(pairs.values()), dtype=float).reshape(-1, 2)
    shown = values[np.isfinite(values)]
    if len(shown):
        log = spans_decades(shown)
        axes.set_xscale("log" if log else "linear")
        set_limits(axes, shown, log=log, along="x")
    for row, (name, (tuning, test)) in enumerate(pairs.items()):
        style = line_styles[name]
        axes.plot([tuning, test], [row, row], color=style.color, linewidth=1.4)
        axes.plot(tuning, row, **style._replace(filled=False, marker="o").dot(5.5))
        axes.plot(test, row, **style._replace(filled=True, marker="o").dot(6.5))


def draw_critical_difference(
    figure: Figure,
    ranks: Mapping[str, float],
    cliques: Sequence[Sequence[str]],
    difference: float,
    line_styles: Mapping[str, LineStyle],
) -> None:
    """Draw mean ranks on a line, best on the left, with bars over methods that do not differ significantly.

    Demsar, "Statistical Comparisons of Classifiers over Multiple Data Sets" (JMLR 2006), figure 1; the names are in one
    column on the right, to fit a phone.
    """
    figure_height = figure.get_figheight()
    names = sorted(ranks, key=lambda name: (ranks[name], name))
    bars = [clique for clique in cliques if len(clique) > 1]
    room = max((len(abbreviate(name)) for name in names), default=0) * LETTER + 0.55
    axes = figure.add_axes((0.15 / WIDTH, 0.02, 1 - (room + 0.2) / WIDTH, 0.96))
    low, high = 1, max(len(names), 2)
    axes.set(xlim=(low - 0.15, high + 0.15), ylim=(figure_height * 0.96, 0))
    axes.set_axis_off()
    line = 0.55
    axes.plot([low, high], [line, line], color=INK, linewidth=1)
    for rank in range(low, high + 1):
        axes.plot([rank, rank], [line - 0.06, line], color=INK, linewidth=1)
        add_text(axes, rank, line - 0.1, str(rank), ha="center")
    width = min(difference, high - low)
    axes.plot([low, low + width], [0.2, 0.2], color=INK, linewidth=1)
    axes.plot([[low, low + width]] * 2, [[0.16] * 2, [0.24] * 2], color=INK, linewidth=1)
    add_text(axes, low + width + 0.25, 0.2, f"critical difference {difference:.2f}", va="center_baseline")
    for row, clique in enumerate(bars):
        edges = [min(ranks[name] for name in clique), max(ranks[name] for name in clique)]
        axes.plot([edges[0] - 0.05, edges[1] + 0.05], [line + 0.14 + 0.09 * row] * 2, color=INK, linewidth=3.2)
    top = line + 0.22 + 0.09 * len(bars)
    for row, name in enumerate(names):
        y, style = top + 0.21 * row, line_styles[name]
        axes.plot([ranks[name], ranks[name], high + 0.15], [line, y, y], color=MUTED, linewidth=0.7, clip_on=False)
        axes.plot(ranks[name], line, **style.dot(5.5), zorder=4)
        text = f"{abbreviate(name)}  {ranks[name]:.2f}"
        add_text(axes, 1.02, y, text, transform=axes.get_yaxis_transform(), va="center_baseline")


def critical_difference_height(methods: int, cliques: int) -> float:
    """Return the height in inches of a critical-difference diagram."""
    return 0.85 + 0.09 * cliques + 0.21 * methods


def rows_height(rows: int) -> float:
    """Return the height in inches of a figure with one row per method."""
    return 0.62 + 0.24 * max(rows, 1)
