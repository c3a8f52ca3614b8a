"""Axes for the figures of the report: sized for the width of a phone, with few ticks and room for names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from raytune_suite.optional import require
from raytune_suite.pages.svg import GRID, INK, MUTED, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

WIDTH = 4.6
FONT = 9.5
LETTER = 0.083
"""An upper bound in inches on the width of a letter of that size."""

NAME_LENGTH = 20
DECADES = 1.7
"""An axis that spans more powers of ten than this has ticks at powers of ten only."""


def abbreviate(name: str) -> str:
    """Abbreviate a name for a figure.

    Example:
        >>> abbreviate("a method with a very long name")
        'a method with a ver…'
    """
    clean = printable(name)
    return clean if len(clean) <= NAME_LENGTH else f"{clean[: NAME_LENGTH - 1]}…"


def add_axes(figure: Figure, labels: tuple[str, str], *, right: float, left: float = 0.5) -> Axes:
    """Add axes with x and y labels that leave `left` and `right` inches for numbers and names.

    The label of the y axis is horizontal, above the axes.
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
    """Add axes with one named row per method, the first at the top."""
    axes = add_axes(
        figure, (label, ""), left=max((len(abbreviate(name)) for name in names), default=0) * LETTER + 0.2, right=0.15
    )
    axes.set_ylim(max(len(names), 1) - 0.4, -0.6)
    axes.set_yticks(range(len(names)), [""] * len(names))
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    for row, name in enumerate(names):
        add_text(
            axes, -0.02, row, abbreviate(name), transform=axes.get_yaxis_transform(), ha="right", va="center_baseline"
        )
    return axes


def set_limits(axes: Axes, values: NDArray[np.float64], *, log: bool, along: str) -> None:
    """Set the limits of the axis `along` ("x" or "y") to the range of the finite values plus a margin."""
    axis, set_range = (axes.yaxis, axes.set_ylim) if along == "y" else (axes.xaxis, axes.set_xlim)
    values = values[np.isfinite(values)]
    values = np.log10(values) if log else values
    low, high = values.min(), values.max()
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 0.05
    set_range(*((10 ** (low - margin), 10 ** (high + margin)) if log else (low - margin, high + margin)))
    ticker = require("matplotlib.ticker", extra="report")
    if log:
        axis.set_major_locator(ticker.LogLocator(subs=(1.0,) if high - low > DECADES else (1.0, 2.0, 5.0)))
        axis.set_major_formatter(ticker.FuncFormatter(lambda value, _position: f"{value:g}"))
        axis.set_minor_locator(ticker.NullLocator())
    else:
        axis.set_major_locator(ticker.MaxNLocator(5, steps=[1, 2, 5, 10]))


def add_text(axes: Axes, x: float, y: float, text: str, **how: Any) -> None:
    """Add a text literally, without interpreting mathematical notation."""
    axes.text(x, y, text, fontsize=FONT, color=INK, parse_math=False, clip_on=False, **how)


def spread(positions: NDArray[np.float64], gap: float) -> NDArray[np.float64]:
    """Move labels apart as little as possible, in the same order, and within 0 to 1 if they fit.

    Example:
        >>> spread(np.array([0.5, 0.5, 0.0]), 0.2).round(2).tolist()
        [0.4, 0.6, 0.0]
    """
    order = np.argsort(positions, kind="stable")
    targets = np.clip(positions[order], 0.0, 1.0)
    groups: list[tuple[float, int]] = []  # the centre and the size of each group of adjacent labels
    for target in targets:
        groups.append((float(target), 1))
        while len(groups) > 1 and groups[-1][0] - groups[-2][0] < gap * (groups[-1][1] + groups[-2][1]) / 2:
            (upper, upper_size), (lower, lower_size) = groups.pop(), groups.pop()
            size = upper_size + lower_size
            centre = (upper * upper_size + lower * lower_size) / size
            half = gap * (size - 1) / 2
            groups.append((min(max(centre, half), max(1 - half, half)), size))
    moved = np.concatenate(
        [np.empty(0), *(centre + gap * (np.arange(size) - (size - 1) / 2) for centre, size in groups)]
    )
    result = np.empty_like(targets)
    result[order] = moved
    return result
