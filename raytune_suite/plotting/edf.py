"""The empirical distribution function of the metric."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from raytune_suite.importance import judged_fidelities
from raytune_suite.importance.study import losses_at
from raytune_suite.plotting import colors
from raytune_suite.plotting.scales import HUGE, limits, set_logarithmic, spans_decades

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from raytune_suite.plotting.study_data import StudyData

PALETTE = (colors.OTHER, colors.TRAINED_IN_FULL, colors.UNFINISHED, colors.TEST, colors.FAILED, colors.ESTIMATE)
POINTS = 200
"""Steps of a curve; of more trials, quantiles are drawn."""


def draw_edf(axes: Axes, study: StudyData) -> None:
    """Draw, per fidelity, the share of trials that are at least as good as a value, among those that reached it."""
    shown = np.empty(0)
    fidelities = judged_fidelities(study.reports)
    for fidelity, color in zip(fidelities, PALETTE[-len(fidelities) :], strict=False):
        losses = losses_at(study.reports, len(study.trials), fidelity, study.mode)
        values = np.sort(losses[np.abs(losses) < HUGE])
        shares = np.arange(1, len(values) + 1) / len(values)
        if len(values) > POINTS:
            chosen = np.unique(np.linspace(0, len(values) - 1, POINTS).astype(int))
            values, shares = values[chosen], shares[chosen]
        values = values if study.mode == "min" else -values
        label = f"at {fidelity:g} ({int(np.isfinite(losses).sum())} trials)"
        axes.step(
            values, shares, where="post" if study.mode == "min" else "pre", color=color, linewidth=1.6, label=label
        )
        shown = np.append(shown, values)
    if len(shown):
        log = spans_decades(shown)
        if log:
            set_logarithmic(axes.xaxis, axes.set_xscale)
        low, high = limits(np.log10(shown) if log else shown, study.mode)
        axes.set_xlim((10**low, 10**high) if log else (low, high))
    axes.set_ylim(0, 1.02)
    axes.set_xlabel(study.metric, parse_math=False)
