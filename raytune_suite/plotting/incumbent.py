"""The incumbent of a study against the resource spent, and its test scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from raytune_suite.plotting import colors
from raytune_suite.plotting.scales import EMPTY, finite_values

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from raytune_suite.plotting.scales import Floats
    from raytune_suite.plotting.study_data import StudyData


def draw_incumbent(axes: Axes, study: StudyData) -> None:
    """Draw the best value so far against the resource spent by the study, with the test scores at the end."""
    cost, value = finite_values(study.incumbent["cost"]), finite_values(study.incumbent["value"])
    scores = scores_on_test_seeds(study)
    scores = scores[np.isfinite(scores)]
    if len(cost):
        end = max(float(study.reports.groupby("trial")["resource"].max().sum()), cost[-1]) or 1.0
        label = f"best so far, tuning: {value[-1]:.4g}"
        axes.step([*cost, end], [*value, value[-1]], where="post", color=colors.BEST, linewidth=2, label=label)
        axes.plot(cost, value, ".", color=colors.BEST, markersize=5)
        axes.set_xlim(0, (1.12 if len(scores) else 1.02) * end)
        if len(scores):
            label = f"test, {len(scores)} seed{'' if len(scores) == 1 else 's'}: mean {scores.mean():.4g}"
            x = np.full(len(scores), 1.06 * end)
            axes.plot(x, scores, "D", color=colors.TEST, fillstyle="none", markersize=4.5, label=label)
            axes.plot([1.02 * end, 1.1 * end], [scores.mean()] * 2, color=colors.TEST, linewidth=1.5)
    axes.set_title("Best so far", loc="left", fontsize=9)
    axes.set_xlabel(f"resource spent by the whole study ({study.time_attr})", fontsize=8, parse_math=False)


def scores_on_test_seeds(study: StudyData) -> Floats:
    """Return the scores on the test seeds; empty if there are none."""
    return EMPTY if study.test_scores is None else finite_values(study.test_scores["value"])
