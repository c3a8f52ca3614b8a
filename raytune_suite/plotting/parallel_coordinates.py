"""Parallel coordinates: one axis per parameter, one line per trial."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from raytune_suite.plotting import colors
from raytune_suite.plotting.slices import spread_categories
from raytune_suite.plotting.trial_values import MOST_PARAMETERS, short_name, tick_labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from raytune_suite.plotting.trial_values import TrialValues

GROUPS = (
    ("did not reach the fidelity", colors.OTHER, 0.15, 0.6),
    ("worst half", colors.OTHER, 0.45, 0.7),
    ("best half", colors.TRAINED_IN_FULL, 0.45, 0.8),
    ("best 25 %", colors.ESTIMATE, 0.6, 0.9),
    ("best 10 %", colors.FAILED, 0.85, 1.1),
)
"""Label, color, opacity and line width, in the order of drawing."""

INACTIVE = -0.12
"""Where a line crosses the axis of a parameter that is not active."""


def draw_parallel_coordinates(axes: Axes, trials: TrialValues, best: int | None) -> None:
    """Draw a line per trial over the most important parameters, colored by its rank at the fidelity."""
    columns = trials.order[:MOST_PARAMETERS]
    positions = np.stack([spread_categories(trials, column) for column in columns], axis=1)
    inside = np.isfinite(positions).any(axis=1)
    positions = np.where(np.isfinite(positions), positions, INACTIVE)
    ranks = trials.ranks()
    edges: tuple[Any, ...] = (np.isnan(ranks), ranks > 0.5, ranks <= 0.5, ranks <= 0.25, ranks <= 0.1)  # noqa: PLR2004 - see `GROUPS`
    later = np.zeros(len(ranks), dtype=bool)
    chosen = []
    for group in reversed(edges):
        chosen.append(group & ~later & inside)
        later |= group
    x = np.append(np.arange(len(columns), dtype=float), np.nan)
    for (label, color, alpha, width), members in zip(GROUPS, reversed(chosen), strict=True):
        if members.any():
            lines = np.column_stack([positions[members], np.full(members.sum(), np.nan)])
            axes.plot(np.tile(x, len(lines)), lines.ravel(), color=color, alpha=alpha, linewidth=width)
            axes.plot([], [], color=color, linewidth=2, label=label)
    if best is not None and np.atleast_1d(inside)[best]:
        axes.plot(x[:-1], positions[best], color=colors.BEST, linewidth=1.8, label=f"best (trial {best})")
    for number, column in enumerate(columns):
        axes.axvline(number, color=colors.BEST, linewidth=0.7)
        for position, text in tick_labels(trials.space.parameters[column]):
            axes.text(number + 0.04, position, text, fontsize=9.5, color=colors.BEST, va="center", parse_math=False)
    names = [short_name(trials.space.names[column], 12) for column in columns]
    axes.set_xticks(range(len(columns)), names, rotation=30, ha="right", rotation_mode="anchor")
    for tick in axes.get_xticklabels():
        tick.set_parse_math(False)
    axes.set_yticks([])
    axes.set(xlim=(-0.1, len(columns) - 0.5), ylim=(-0.16, 1.06))
    axes.grid(visible=False)
    axes.spines["left"].set_visible(False)
