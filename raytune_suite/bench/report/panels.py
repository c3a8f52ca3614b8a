"""The kinds of drawing that a comparison needs: step curves, intervals, pairs of points, a critical-difference diagram.

Each function draws into an empty figure what it is given; none computes a statistic. All are laid out for the width of
a phone, 4.6 inches of 72 units, so that a page can show one below or beside the other at their own size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from raytune_suite.bench.report.axes import FONT, LETTER, WIDTH, add_axes, add_rows, apart, frame, short, write
from raytune_suite.bench.report.svg import GRID, INK, MUTED
from raytune_suite.bench.report.wording import number
from raytune_suite.plotting.study_figure import spans_decades

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from raytune_suite.bench.report.line_styles import Look

FLOOR = 1e-4
"""On a logarithmic axis of regret what is less, zero included, is drawn here."""

LABEL_GAP = 12 / 72
"""The least distance in inches between two labels at the ends of curves."""

BAND = 0.16
"""How opaque a band is."""


class Curve(NamedTuple):
    """A step function of x, and the band around it where there is one."""

    x: NDArray[np.float64]
    middle: NDArray[np.float64]
    low: NDArray[np.float64] | None = None
    high: NDArray[np.float64] | None = None


class Interval(NamedTuple):
    """A value and its interval."""

    name: str
    value: float
    low: float
    high: float


def draw_curves(
    figure: Figure,
    curves: Mapping[str, Curve],
    looks: Mapping[str, Look],
    *,
    labels: tuple[str, str],
    focus: str | None = None,
    bands: bool = True,
    log_y: bool = False,
    shares: bool = False,
) -> None:
    """Draw step curves with their bands over a logarithmic axis, each with its name where it ends.

    Args:
        figure: An empty one.
        curves: By method.
        looks: By method.
        labels: Of the x and the y axis.
        focus: The method that is shown; the others are thin lines without a name behind it. None shows all.
        bands: Whether the bands of those that are shown are drawn.
        log_y: Whether y may be logarithmic, if its values span more than a decade; `FLOOR` then is the least.
        shares: Whether y goes from 0 to 1, where the curves meet in the end: names then stand beside a sample of each.
    """
    room = 0.1 if focus else max((len(short(name)) for name in curves), default=0) * LETTER + (0.42 if shares else 0.25)
    axes = add_axes(figure, labels, right=room)
    known = np.concatenate([np.empty(0), *(np.asarray(curve.middle, dtype=float) for curve in curves.values())])
    log_y = log_y and spans_decades(np.maximum(known, FLOOR))
    ends = {}
    for name, curve in curves.items():
        look = looks[name]
        floor = FLOOR if log_y else -np.inf
        if focus not in (None, name):
            axes.step(curve.x, np.maximum(curve.middle, floor), where="post", color=GRID, linewidth=0.9)
            continue
        if bands and curve.low is not None and curve.high is not None:
            edges = np.maximum(curve.low, floor), np.maximum(curve.high, floor)
            axes.fill_between(curve.x, *edges, step="post", color=look.color, alpha=BAND, linewidth=0, zorder=1.5)
        middle = np.maximum(curve.middle, floor)
        axes.step(curve.x, middle, where="post", **look.line(), zorder=3)
        finite = np.flatnonzero(np.isfinite(middle))
        if len(finite) and not shares:
            last = finite[-1]
            axes.plot(curve.x[last], middle[last], **look.dot(), clip_on=False, zorder=4)
            ends[name] = float(middle[last])
    if log_y:
        axes.set_yscale("log")
    place_curves(axes, curves, known, log_y=log_y, shares=shares)
    if shares:
        name_samples(figure, axes, sorted(curves, key=lambda name: -float(np.nanmean(curves[name].middle))), looks)
    elif focus is None:
        name_ends(figure, axes, ends, looks)


def place_curves(
    axes: Axes, curves: Mapping[str, Curve], known: NDArray[np.float64], *, log_y: bool, shares: bool
) -> None:
    """Let x run from where the first curve begins, and y over the known middles of all."""
    x = np.concatenate([np.empty(0), *(curve.x[np.isfinite(curve.middle)] for curve in curves.values())])
    if len(x) and x.min() < x.max():
        axes.set_xscale("log")
        frame(axes, x, log=True, along="x")
        axes.set_xlim(x.min(), x.max())
    if shares:
        axes.set_ylim(-0.02, 1.02)
    elif np.isfinite(known).any():
        frame(axes, np.maximum(known, FLOOR) if log_y else known, log=log_y, along="y")
    else:
        axes.text(0.5, 0.5, "nothing finite to show", transform=axes.transAxes, ha="center", fontsize=FONT, color=INK)


def name_ends(figure: Figure, axes: Axes, ends: Mapping[str, float], looks: Mapping[str, Look]) -> None:
    """Write the names beside the ends of the curves, pushed apart where they would lie upon each other."""
    height = axes.get_position().height * figure.get_figheight()
    places = {
        name: float(axes.transAxes.inverted().transform(axes.transData.transform((0, y)))[1])
        for name, y in ends.items()
    }
    for name, place in zip(places, apart(np.array(list(places.values())), LABEL_GAP / height), strict=True):
        width = axes.get_position().width * figure.get_figwidth()
        near, far = 1 + 0.06 / width, 1 + 0.17 / width
        shown = min(max(places[name], 0.0), 1.0)
        axes.plot(
            [near, far], [shown, place], transform=axes.transAxes, clip_on=False, color=looks[name].color, linewidth=0.8
        )
        write(axes, far + 0.03 / width, place, short(name), transform=axes.transAxes, va="center_baseline")


def name_samples(figure: Figure, axes: Axes, names: Sequence[str], looks: Mapping[str, Look]) -> None:
    """Write the names beside the axes, from the top, each after a piece of its line."""
    width, height = (
        axes.get_position().width * figure.get_figwidth(),
        axes.get_position().height * figure.get_figheight(),
    )
    for row, name in enumerate(names):
        y, piece = 1 - LABEL_GAP * (row + 0.5) / height, np.array([0.08, 0.2, 0.32]) / width + 1
        where: dict[str, Any] = {"transform": axes.transAxes, "clip_on": False}
        axes.plot(piece, [y] * 3, **looks[name].line(), **where)
        axes.plot(piece[1], y, **looks[name].dot(), **where)
        write(axes, piece[2] + 0.06 / width, y, short(name), transform=axes.transAxes, va="center_baseline")


def draw_intervals(
    figure: Figure,
    intervals: Sequence[Interval],
    looks: Mapping[str, Look],
    *,
    label: str,
    log: bool = False,
    reference: float | None = None,
) -> None:
    """Draw one row per method, in the order given: its value as a dot, its interval as a bar, and a reference line."""
    axes = add_rows(figure, [row.name for row in intervals], label)
    values = np.array([[row.value, row.low, row.high] for row in intervals], dtype=float).reshape(-1, 3)
    shown = values[np.isfinite(values)]
    shown = np.append(shown, [] if reference is None else [reference])
    log = log and spans_decades(shown[shown > 0])
    if log:
        axes.set_xscale("log")
        shown = shown[shown > 0]
    if len(shown):
        frame(axes, shown, log=log, along="x")
    if reference is not None:
        axes.axvline(reference, color=MUTED, linewidth=0.9, linestyle=(0, (3, 2)))
    for row, interval in enumerate(intervals):
        look = looks[interval.name]
        left, right = axes.get_xlim()
        edges = np.clip([interval.low, interval.high], left, right)
        axes.plot(edges, [row, row], color=look.color, linewidth=2, solid_capstyle="butt")
        if np.isfinite(interval.value) and (interval.value > 0 or not log):
            axes.plot(interval.value, row, **look.dot(6))
        else:
            write(axes, 0.02, row, number(interval.value), transform=axes.get_yaxis_transform(), va="center_baseline")


def draw_pairs(
    figure: Figure, pairs: Mapping[str, tuple[float, float]], looks: Mapping[str, Look], *, label: str
) -> None:
    """Draw one row per method: its score while tuning as an open dot, and an arrow to that on the test seeds."""
    axes = add_rows(figure, list(pairs), label)
    values = np.array(list(pairs.values()), dtype=float).reshape(-1, 2)
    shown = values[np.isfinite(values)]
    if len(shown):
        log = spans_decades(shown)
        axes.set_xscale("log" if log else "linear")
        frame(axes, shown, log=log, along="x")
    for row, (name, (tuning, test)) in enumerate(pairs.items()):
        look = looks[name]
        axes.plot([tuning, test], [row, row], color=look.color, linewidth=1.4)
        axes.plot(tuning, row, **look._replace(filled=False, marker="o").dot(5.5))
        axes.plot(test, row, **look._replace(filled=True, marker="o").dot(6.5))


def draw_critical_difference(
    figure: Figure,
    ranks: Mapping[str, float],
    cliques: Sequence[Sequence[str]],
    difference: float,
    looks: Mapping[str, Look],
) -> None:
    """Draw mean ranks on a line, best to the left, names below, and a bar over all that do not differ significantly.

    Demsar, "Statistical Comparisons of Classifiers over Multiple Data Sets" (JMLR 2006), figure 1; the names stand in
    one column to the right, so that they fit a phone.
    """
    figure_height = figure.get_figheight()
    names = sorted(ranks, key=lambda name: (ranks[name], name))
    bars = [clique for clique in cliques if len(clique) > 1]
    room = max((len(short(name)) for name in names), default=0) * LETTER + 0.55
    axes = figure.add_axes((0.15 / WIDTH, 0.02, 1 - (room + 0.2) / WIDTH, 0.96))
    low, high = 1, max(len(names), 2)
    axes.set(xlim=(low - 0.15, high + 0.15), ylim=(figure_height * 0.96, 0))
    axes.set_axis_off()
    line = 0.55
    axes.plot([low, high], [line, line], color=INK, linewidth=1)
    for rank in range(low, high + 1):
        axes.plot([rank, rank], [line - 0.06, line], color=INK, linewidth=1)
        write(axes, rank, line - 0.1, str(rank), ha="center")
    width = min(difference, high - low)
    axes.plot([low, low + width], [0.2, 0.2], color=INK, linewidth=1)
    axes.plot([[low, low + width]] * 2, [[0.16] * 2, [0.24] * 2], color=INK, linewidth=1)
    write(axes, low + width + 0.25, 0.2, f"critical difference {difference:.2f}", va="center_baseline")
    for row, clique in enumerate(bars):
        edges = [min(ranks[name] for name in clique), max(ranks[name] for name in clique)]
        axes.plot([edges[0] - 0.05, edges[1] + 0.05], [line + 0.14 + 0.09 * row] * 2, color=INK, linewidth=3.2)
    top = line + 0.22 + 0.09 * len(bars)
    for row, name in enumerate(names):
        y, look = top + 0.21 * row, looks[name]
        axes.plot([ranks[name], ranks[name], high + 0.15], [line, y, y], color=MUTED, linewidth=0.7, clip_on=False)
        axes.plot(ranks[name], line, **look.dot(5.5), zorder=4)
        text = f"{short(name)}  {ranks[name]:.2f}"
        write(axes, 1.02, y, text, transform=axes.get_yaxis_transform(), va="center_baseline")


def critical_difference_height(methods: int, cliques: int) -> float:
    """How many inches high that diagram has to be."""
    return 0.85 + 0.09 * cliques + 0.21 * methods


def rows_height(rows: int) -> float:
    """How many inches high a figure of so many rows has to be."""
    return 0.62 + 0.24 * max(rows, 1)
