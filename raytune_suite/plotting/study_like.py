"""The data of a finished study that figures need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from raytune_suite.spaces import Space
    from raytune_suite.types import Config, Mode


class StudyLike(Protocol):
    """A finished study; `raytune_suite.tuning.tune` returns one."""

    @property
    def name(self) -> str:
        """The name of the study."""

    @property
    def method(self) -> str:
        """The name of the method."""

    @property
    def metric(self) -> str:
        """The name of the metric."""

    @property
    def mode(self) -> Mode:
        """Whether the metric is minimized ("min") or maximized ("max")."""

    @property
    def time_attr(self) -> str:
        """The name of the reported resource."""

    @property
    def max_t(self) -> int | None:
        """The most resource of a trial; None if it is unlimited."""

    @property
    def reports(self) -> pd.DataFrame:
        """One row per report, in order of arrival: trial, resource, value (maybe NaN), elapsed (s since the start)."""

    @property
    def incumbent(self) -> pd.DataFrame:
        """One row per improvement: elapsed, cost (resource spent by the whole study so far), trial, resource, value."""

    @property
    def trials(self) -> pd.DataFrame:
        """One row per trial, indexed by its number: outcome (a description), resource, value, config/<name>."""

    @property
    def best_trial(self) -> int | None:
        """The number of the best trial; None if no trial has a finite value."""

    @property
    def test_scores(self) -> pd.DataFrame | None:
        """The metric of the best config on each test seed: seed, value; None if it was not evaluated."""

    @property
    def space(self) -> Space | None:
        """The search space; None if it is not known."""

    @property
    def configs(self) -> Sequence[Config]:
        """The config of each trial, by its number."""
