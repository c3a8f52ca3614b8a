"""Performance profiles: the share of runs that attain each regret."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raytune_suite.bench import analysis, statistics, step_functions
from raytune_suite.bench.report import figures
from raytune_suite.bench.report.drawings import FLOOR, PlottedCurve
from raytune_suite.bench.report.sections.headline import group_title
from raytune_suite.pages.document import Panels, Paragraph, Section
from raytune_suite.seeding import stream

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from raytune_suite.bench.analysis import ComparisonGroup
    from raytune_suite.bench.store import Results
    from raytune_suite.pages.line_styles import LineStyle

THRESHOLDS = step_functions.grid(FLOOR, 1.0, 61)
"""The regrets at which profiles are evaluated."""

REPETITIONS = analysis.BOOTSTRAP["curve_repetitions"]
"""The number of bootstrap samples."""

INTRODUCTION = (
    "The share of all runs with a regret of at most the value on the x axis. Higher and further to the left is better."
)


def section(
    results: Results, groups: Sequence[ComparisonGroup], line_styles: Mapping[str, LineStyle], seed: int
) -> Section:
    """Return the section with the profiles of each group."""
    pictures = []
    for number, group in enumerate(groups):
        curves = {}
        for method in group.methods:
            scores = analysis.regrets(results, method, group.workloads)
            rng = stream(seed, "profile", method, *group.workloads)
            samples = statistics.resample(scores, rng, REPETITIONS)
            low, high = statistics.interval(statistics.performance_profile(samples, THRESHOLDS))
            profile = statistics.performance_profile(scores, THRESHOLDS)
            curves[method] = PlottedCurve(THRESHOLDS, profile, low, high)
        title, labels = group_title(group, groups), ("normalized regret at the end", "share of the runs")
        pictures.append(
            figures.curves_picture(f"profile-{number}", title, curves, line_styles, labels=labels, shares=True)
        )
    return Section("profiles", "Performance profiles", [Paragraph(INTRODUCTION), Panels(pictures, wide=True)])
