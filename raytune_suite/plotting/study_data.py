"""What a report needs to know of a finished study."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import pandas as pd

    from raytune_suite.types import Mode


class StudyResult(Protocol):
    """A study as the pictures and tables see it; `raytune_suite.tuning.tune` returns such a thing."""

    @property
    def name(self) -> str:
        """The study's name."""

    @property
    def method(self) -> str:
        """The method's name."""

    @property
    def metric(self) -> str:
        """The metric's name."""

    @property
    def mode(self) -> Mode:
        """Whether less ("min") or more ("max") of the metric is better."""

    @property
    def time_attr(self) -> str:
        """The name of the number that counts the resource."""

    @property
    def max_t(self) -> int | None:
        """The most resource of a trial; None if it is open."""

    @property
    def reports(self) -> pd.DataFrame:
        """One row per report, in order of arrival: trial, resource, value (maybe NaN), elapsed (s since the start)."""

    @property
    def incumbent(self) -> pd.DataFrame:
        """One row per improvement: elapsed, cost (resource spent by the whole study so far), trial, resource, value."""

    @property
    def trials(self) -> pd.DataFrame:
        """One row per trial, its number as index: outcome (in words), resource, value, config/<name>."""

    @property
    def best_trial(self) -> int | None:
        """The number of the trial that the study chose; None if none has a finite value."""

    @property
    def test_scores(self) -> pd.DataFrame | None:
        """The metric of the choice on each test seed: seed, value; None if it was not tested."""
