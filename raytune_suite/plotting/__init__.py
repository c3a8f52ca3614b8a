"""Pictures of finished studies. Importing this package loads neither Ray nor matplotlib."""

from __future__ import annotations

from raytune_suite.plotting.study_data import StudyResult
from raytune_suite.plotting.study_figure import plot_study

__all__ = ["StudyResult", "plot_study"]
