"""The data of a study that figures and pages need, also while it runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

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
