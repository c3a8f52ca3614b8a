"""A fictitious study, and what tests read from its axes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from ray import tune

from raytune_suite.plotting.study_data import StudyData
from raytune_suite.spaces import Space

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D


def study() -> StudyData:
    """Three trials: one is stopped after 1 of 4 epochs, one is trained for all 4, one fails without a value."""
    reports = [(0, 1, 2.0), (1, 1, 1.0), (1, 2, 0.5), (2, 1, np.nan), (1, 3, 0.6), (1, 4, 0.4)]
    incumbent = [(0, 1, 0, 1, 2.0), (1, 2, 1, 1, 1.0), (2, 3, 1, 2, 0.5), (5, 6, 1, 4, 0.4)]
    outcomes = ["stopped early", "trained in full", "failed"]
    return StudyData(
        name="a study with $ and _",
        method="asha",
        metric="val_loss_$",
        mode="min",
        time_attr="training_iteration",
        max_t=4,
        trials=pd.DataFrame({"outcome": outcomes, "resource": [1, 4, 1], "value": [2.0, 0.4, np.nan]}),
        reports=pd.DataFrame(reports, columns=["trial", "resource", "value"]).assign(elapsed=range(6)),
        incumbent=pd.DataFrame(incumbent, columns=["elapsed", "cost", "trial", "resource", "value"]),
        test_scores=pd.DataFrame({"seed": [5, 6], "value": [0.45, 0.55]}),
        space=Space({"x": tune.uniform(0, 1)}),
        configs=[{"x": value} for value in (0.1, 0.2, 0.3)],
    )


def legend_labels(axes: Axes) -> list[str]:
    """The labels in the legend."""
    return [str(label) for label in axes.get_legend_handles_labels()[1]]


def points(line: Line2D) -> list[list[float]]:
    """The x and the y coordinates of a line."""
    return [np.asarray(data, dtype=float).tolist() for data in line.get_data()]
