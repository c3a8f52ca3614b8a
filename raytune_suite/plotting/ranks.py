"""The ranks of trials over fidelities: whether a low fidelity predicts a higher one."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from raytune_suite.importance import judged_fidelities
from raytune_suite.importance.study import losses_at
from raytune_suite.plotting import colors
from raytune_suite.plotting.samples import sample
from raytune_suite.plotting.scales import HUGE
from raytune_suite.plotting.trial_values import relative_ranks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from raytune_suite.plotting.scales import Floats
    from raytune_suite.plotting.study_data import StudyData

MOST_LINES = 120
"""The most trials that are drawn; the correlations are of all."""


def ranks_over_fidelities(study: StudyData) -> tuple[list[float], Floats, list[float]]:
    """How trials rank at each fidelity, among those that also reached the next one.

    Returns:
        The fidelities; the losses, of shape (fidelities, trials), NaN where a trial did not get; and Spearman's
        correlation between each fidelity and the next one, NaN if fewer than 3 trials reached both.
    """
    fidelities = judged_fidelities(study.reports)
    losses = [losses_at(study.reports, len(study.trials), fidelity, study.mode) for fidelity in fidelities]
    table = np.array(losses).reshape(len(fidelities), len(study.trials))
    table[~(np.abs(table) < HUGE)] = np.nan
    from scipy.stats import spearmanr  # late: `scipy.stats` takes more than a second and 40 MB

    correlations = []
    for low, high in itertools.pairwise(table):
        both = np.isfinite(low) & np.isfinite(high)
        constant = both.sum() < 3 or np.ptp(low[both]) == 0 or np.ptp(high[both]) == 0  # noqa: PLR2004 - as above
        correlations.append(float("nan") if constant else float(spearmanr(low[both], high[both]).statistic))
    return fidelities, table, correlations


def draw_ranks(axes: Axes, study: StudyData, best: int | None) -> None:
    """Draw each trial's relative rank at each fidelity that it reached, 0 for the best at the top."""
    fidelities, table, correlations = ranks_over_fidelities(study)
    ranks: Floats = np.array([relative_ranks(losses) for losses in table]).reshape(table.shape)
    several = np.flatnonzero(np.isfinite(ranks).sum(axis=0) > 1)
    drawn = several[sample(len(several), MOST_LINES, None)]
    alone = several[several == best]
    x = np.append(np.arange(len(fidelities), dtype=float), np.nan)
    for trials, color, width, alpha in ((drawn, colors.ESTIMATE, 0.7, 0.4), (alone, colors.BEST, 2.0, 1.0)):
        lines = np.vstack([ranks[:, trials], np.full((1, len(trials)), np.nan)]).T
        places = np.tile(x, len(lines)), lines.ravel()
        axes.plot(*places, color=color, linewidth=width, alpha=alpha)
        axes.plot(*places, color=color, linestyle="none", marker=".", markersize=4)
    for number, correlation in enumerate(correlations):
        if np.isfinite(correlation):
            text = f"rho = {correlation:.2f}"
            axes.text(number + 0.5, -0.06, text, ha="center", fontsize=9.5, color=colors.BEST)
    axes.set_xticks(range(len(fidelities)), [f"{fidelity:g}" for fidelity in fidelities])
    axes.set(xlim=(-0.15, max(len(fidelities) - 1, 0.5) + 0.15), ylim=(1.04, -0.12))
    axes.set_yticks([0, 0.5, 1], ["best", "median", "worst"])
    axes.set_xlabel(f"resource of the trial ({study.time_attr})", parse_math=False)
