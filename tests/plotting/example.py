"""A fictitious study, and what tests read from its axes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

    from raytune_suite.spaces import Space
    from raytune_suite.types import Config, Mode


@dataclass(frozen=True)
class Study:
    """Three trials: one is stopped after 1 of 4 epochs, one is trained for all 4, one fails without a value."""

    name: str = "a study with $ and _"
    method: str = "asha"
    metric: str = "val_loss_$"
    mode: Mode = "min"
    time_attr: str = "training_iteration"
    max_t: int | None = 4
    reports: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(
            [(0, 1, 2.0), (1, 1, 1.0), (1, 2, 0.5), (2, 1, np.nan), (1, 3, 0.6), (1, 4, 0.4)],
            columns=["trial", "resource", "value"],
        ).assign(elapsed=range(6))
    )
    incumbent: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(
            [(0, 1, 0, 1, 2.0), (1, 2, 1, 1, 1.0), (2, 3, 1, 2, 0.5), (5, 6, 1, 4, 0.4)],
            columns=["elapsed", "cost", "trial", "resource", "value"],
        )
    )
    trials: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(
            {
                "outcome": ["stopped early", "trained in full", "failed"],
                "resource": [1, 4, 1],
                "value": [2.0, 0.4, np.nan],
            }
        )
    )
    best_trial: int | None = 1
    test_scores: pd.DataFrame | None = field(
        default_factory=lambda: pd.DataFrame({"seed": [5, 6], "value": [0.45, 0.55]})
    )
    space: Space | None = None
    configs: Sequence[Config] = ()


def legend_labels(axes: Axes) -> list[str]:
    """The labels in the legend."""
    return [str(label) for label in axes.get_legend_handles_labels()[1]]


def points(line: Line2D) -> list[list[float]]:
    """The x and the y coordinates of a line."""
    return [np.asarray(data, dtype=float).tolist() for data in line.get_data()]
