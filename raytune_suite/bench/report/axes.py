"""Axes for the panels of a page: laid out for the width of a phone, sparingly numbered, with names where they fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from raytune_suite.bench.report.svg import GRID, INK, MUTED, printable
from raytune_suite.optional import require

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

WIDTH = 4.6
FONT = 9.5
LETTER = 0.083
"""The width in inches of a letter of that size, generously."""

NAME_LENGTH = 20
DECADES = 1.7
"""With more than so many powers of ten only these are numbered on an axis."""


def short(name: str) -> str:
    """A name as it stands in a figure.

    Example:
        >>> short("a method with a very long name")
        'a method with a ver…'
    """
    clean = printable(name)
    return clean if len(clean) <= NAME_LENGTH else f"{clean[: NAME_LENGTH - 1]}…"


def add_axes(figure: Figure, labels: tuple[str, str], *, right: float, left: float = 0.5) -> Axes:
    """Axes that leave `left` and `right` inches for numbers and names beside them, and the labels of both.

    That of y stands above them, to be read without turning one's head.
    """
    height = figure.get_figheight()
    top = 0.3 if labels[1] else 0.1
    box = (left / WIDTH, 0.5 / height, 1 - (left + right) / WIDTH, 1 - (0.5 + top) / height)
    axes: Axes = figure.add_axes(box)
    axes.set_xlabel(labels[0], fontsize=FONT, color=INK, parse_math=False)
    figure.text(0.05 / WIDTH, 1 - 0.05 / height, labels[1], fontsize=FONT, color=INK, va="top", parse_math=False)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(MUTED)
    axes.tick_params(which="both", labelsize=FONT, color=MUTED, labelcolor=INK)
    axes.grid(color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    return axes


def add_rows(figure: Figure, names: Sequence[str], label: str) -> Axes:
    """Axes with one named row per method, the first on top."""
    axes = add_axes(
        figure, (label, ""), left=max((len(short(name)) for name in names), default=0) * LETTER + 0.2, right=0.15
    )
    axes.set_ylim(max(len(names), 1) - 0.4, -0.6)
    axes.set_yticks(range(len(names)), [""] * len(names))
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    for row, name in enumerate(names):
        write(axes, -0.02, row, short(name), transform=axes.get_yaxis_transform(), ha="right", va="center_baseline")
    return axes


def frame(axes: Axes, values: NDArray[np.float64], *, log: bool, along: str) -> None:
    """Set the limits of the axis `along` to all finite values and a little more, and number it sparingly."""
    axis, set_limits = (axes.yaxis, axes.set_ylim) if along == "y" else (axes.xaxis, axes.set_xlim)
    values = values[np.isfinite(values)]
    values = np.log10(values) if log else values
    low, high = values.min(), values.max()
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 0.05
    set_limits(*((10 ** (low - margin), 10 ** (high + margin)) if log else (low - margin, high + margin)))
    ticker = require("matplotlib.ticker", extra="report")
    if log:
        axis.set_major_locator(ticker.LogLocator(subs=(1.0,) if high - low > DECADES else (1.0, 2.0, 5.0)))
        axis.set_major_formatter(ticker.FuncFormatter(lambda value, _position: f"{value:g}"))
        axis.set_minor_locator(ticker.NullLocator())
    else:
        axis.set_major_locator(ticker.MaxNLocator(5, steps=[1, 2, 5, 10]))


def write(axes: Axes, x: float, y: float, text: str, **how: Any) -> None:
    """Write a text as it is: no mathematics in it."""
    axes.text(x, y, text, fontsize=FONT, color=INK, parse_math=False, clip_on=False, **how)


def apart(places: NDArray[np.float64], gap: float) -> NDArray[np.float64]:
    """Move labels apart, as little as it takes, keeping their order and the room from 0 to 1 if they fit there.

    Example:
        >>> apart(np.array([0.5, 0.5, 0.0]), 0.2).round(2).tolist()
        [0.4, 0.6, 0.0]
    """
    order = np.argsort(places, kind="stable")
    wanted = np.clip(places[order], 0.0, 1.0)
    groups: list[tuple[float, int]] = []  # the centre of each group of labels that touch, and how many these are
    for place in wanted:
        groups.append((float(place), 1))
        while len(groups) > 1 and groups[-1][0] - groups[-2][0] < gap * (groups[-1][1] + groups[-2][1]) / 2:
            (centre, many), (before, more) = groups.pop(), groups.pop()
            merged = (centre * many + before * more) / (many + more)
            half = gap * (many + more - 1) / 2
            groups.append((min(max(merged, half), max(1 - half, half)), many + more))
    moved = np.concatenate(
        [np.empty(0), *(centre + gap * (np.arange(many) - (many - 1) / 2) for centre, many in groups)]
    )
    result = np.empty_like(wanted)
    result[order] = moved
    return result
