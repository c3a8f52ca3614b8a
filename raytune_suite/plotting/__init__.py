"""Figures of finished studies. Importing this package loads neither Ray nor matplotlib."""

from __future__ import annotations

from raytune_suite.plotting.study import plot_study
from raytune_suite.plotting.study_data import StudyData

__all__ = ["StudyData", "plot_study"]
