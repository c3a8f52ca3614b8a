"""The importance of hyperparameters, with intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from raytune_suite.plotting import colors
from raytune_suite.plotting.trial_values import short_name

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


def draw_importance(axes: Axes, importance: pd.DataFrame) -> None:
    """Draw one bar per parameter at one fidelity, the most important at the top, with the bootstrap's interval."""
    rows = np.arange(len(importance))
    values = importance["importance"].to_numpy(dtype=float)
    axes.barh(rows, values, color=colors.ESTIMATE, height=0.55)
    for row, (low, high) in enumerate(zip(importance["low"], importance["high"], strict=True)):
        axes.plot([low, high], [row, row], color=colors.BEST, linewidth=1.2)
    axes.set_yticks(rows, [short_name(name) for name in importance["parameter"]])
    for label in axes.get_yticklabels():
        label.set_parse_math(False)
    axes.set_ylim(max(len(rows), 1) - 0.5, -0.5)
    axes.set_xlim(0, 1)
    axes.set_xlabel("importance (they sum to 1)")


def draw_importance_by_fidelity(axes: Axes, importance: pd.DataFrame, names: list[str]) -> None:
    """Draw the importance of these parameters over the fidelities at which trials were compared."""
    fidelities = np.unique(importance["fidelity"].to_numpy(dtype=float))
    palette = (colors.ESTIMATE, colors.UNFINISHED, colors.TEST, colors.FAILED, colors.TRAINED_IN_FULL)
    for name, color, marker in zip(names, palette, "osD^v", strict=False):
        rows = importance[importance["parameter"] == name].sort_values("fidelity")
        x = np.searchsorted(fidelities, rows["fidelity"])
        axes.fill_between(x, rows["low"], rows["high"], color=color, alpha=0.15, linewidth=0)
        axes.plot(x, rows["importance"], color=color, marker=marker, markersize=4.5, label=short_name(name))
    axes.set_xticks(range(len(fidelities)), [f"{fidelity:g}" for fidelity in fidelities])
    axes.set_ylim(0, 1)
