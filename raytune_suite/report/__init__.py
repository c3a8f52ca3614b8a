"""Pictures of finished studies. Importing this package loads neither Ray nor matplotlib."""

from __future__ import annotations

from raytune_suite.report.figures import plot_study
from raytune_suite.report.study import StudyResult

__all__ = ["StudyResult", "plot_study"]
