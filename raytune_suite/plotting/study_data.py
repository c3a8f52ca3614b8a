"""The data of a study that figures and pages need, also while it runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from raytune_suite.types import SEED

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from raytune_suite.spaces import Space
    from raytune_suite.types import Config, Mode


@dataclass(frozen=True, kw_only=True)
class StudyData:
    """The data of a study that figures and pages need; `StudyResult` adds the rest and describes each attribute."""

    name: str
    method: str
    metric: str
    mode: Mode
    time_attr: str
    max_t: int | None
    trials: pd.DataFrame
    reports: pd.DataFrame
    incumbent: pd.DataFrame
    test_scores: pd.DataFrame | None
    space: Space
    configs: Sequence[Config] = field(repr=False)
    dollars: float | None = None


def incumbent_trial(study: StudyData) -> int | None:
    """The number of the incumbent's trial; None if no trial has a usable result yet."""
    return int(study.incumbent["trial"].iloc[-1]) if len(study.incumbent) else None


def resource_unit(study: StudyData) -> str:
    """What the resource counts."""
    return "iterations" if study.time_attr == "training_iteration" else study.time_attr


def config_columns(study: StudyData) -> list[str]:
    """The columns of `trials` with hyperparameters, such as "config/lr"."""
    return [name for name in study.trials.columns if name.startswith("config/") and name != f"config/{SEED}"]


def ranked_trials(study: StudyData) -> pd.DataFrame:
    """The trials: the incumbent's first, then those trained furthest, and among equals the best value first."""
    if study.trials.empty:
        return study.trials
    loss = study.trials["value"] if study.mode == "min" else -study.trials["value"]
    order = study.trials[["resource"]].assign(loss=loss)
    order = order.sort_values(["resource", "loss"], ascending=[False, True], kind="stable")
    best = incumbent_trial(study)
    first = [] if best is None else [best]
    return study.trials.loc[[*first, *(trial for trial in order.index if trial != best)]]
