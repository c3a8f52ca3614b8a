"""Anytime curves: the regret and the mean rank of the incumbent over the budget and over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from raytune_suite.bench import analysis, anytime, step_functions
from raytune_suite.bench.report import figures
from raytune_suite.bench.report.drawings import PlottedCurve
from raytune_suite.bench.report.sections.headline import group_title
from raytune_suite.pages.document import Collapsible, Heading, Panels, Paragraph, Section

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from raytune_suite.bench.analysis import ComparisonGroup
    from raytune_suite.bench.anytime import Axis, Trajectories
    from raytune_suite.pages.document import Block, Picture
    from raytune_suite.pages.line_styles import LineStyle

BAND_REPETITIONS = analysis.BOOTSTRAP["curve_repetitions"]
"""The number of bootstrap samples of a band."""

AXES: dict[Axis, str] = {"cost": "share of the budget", "time": "share of the longest run's time"}
REGRET = "normalized regret of the incumbent"

CURVES_INTRODUCTION = (
    "The regret of the incumbent when a share of the budget was spent: the exact regret if the workload provides it, "
    "otherwise the regret on the tuning seeds. Regret may increase, since the incumbent is the best of the configs "
    "trained the longest. Curves are step functions without interpolation, and start when every run has an incumbent. "
    f"Bands are 95 % intervals of {BAND_REPETITIONS} stratified bootstrap samples."
)
RANKS_INTRODUCTION = (
    "The rank of each method by the interquartile mean of its runs, averaged over workloads. Ranks are computed from "
    "the anytime curves, which may use the tuning seeds: the final ranks may differ from those in the results."
)


def method_curves(
    runs: Trajectories, methods: Sequence[str], workloads: Sequence[str], seed: int
) -> dict[str, PlottedCurve]:
    """Return each method's curve over these workloads, with its band."""
    bands = anytime.bands(runs, methods, workloads, seed=seed, repetitions=BAND_REPETITIONS)
    return {method: PlottedCurve(anytime.GRID, *band) for method, band in bands.items()}


def sections(
    trajectories: Mapping[Axis, Trajectories],
    groups: Sequence[ComparisonGroup],
    line_styles: Mapping[str, LineStyle],
    seed: int,
) -> list[Section]:
    """Return the sections of the anytime curves and of the mean ranks."""
    curve_blocks: list[Block] = [Paragraph(CURVES_INTRODUCTION)]
    rank_blocks: list[Block] = [Paragraph(RANKS_INTRODUCTION)]
    for number, group in enumerate(groups):
        if len(groups) > 1:
            curve_blocks.append(Heading(group_title(group, groups)))
            rank_blocks.append(Heading(group_title(group, groups)))
        curve_pictures: list[Picture] = []
        rank_pictures: list[Picture] = []
        single_pictures: list[Picture] = []
        for axis, runs in trajectories.items():
            curves = method_curves(runs, group.methods, group.workloads, seed)
            name, labels = f"{axis}-{number}", (AXES[axis], REGRET)
            curve_pictures.append(
                figures.curves_picture(
                    f"anytime-{name}", f"Regret over {axis}", curves, line_styles, labels=labels, log_y=True
                )
            )
            if axis == "cost" and len(curves) > figures.MOST_BANDS:
                single_pictures = figures.single_curve_pictures(
                    f"single-{name}", curves, line_styles, labels=labels, log_y=True
                )
            rank_pictures.append(
                figures.curves_picture(
                    f"rank-{name}",
                    f"Mean rank over {axis}",
                    rank_curves(runs, group),
                    line_styles,
                    labels=(AXES[axis], "mean rank (1 is best)"),
                )
            )
        curve_blocks.append(Panels(curve_pictures, wide=True))
        if single_pictures:
            note = "one panel per method, the others in grey"
            curve_blocks.append(
                Collapsible(f"bands-{number}", "Every method with its band", [Panels(single_pictures)], note)
            )
        rank_blocks.append(Panels(rank_pictures, wide=True))
    return [
        Section("anytime", "Anytime curves", curve_blocks),
        Section("mean-rank", "Anytime mean rank", rank_blocks),
    ]


def rank_curves(runs: Trajectories, group: ComparisonGroup) -> dict[str, PlottedCurve]:
    """Return each method's mean rank over the workloads of a group."""
    values = np.stack([anytime.stack_curves(runs, method, group.workloads) for method in group.methods])
    ranks = step_functions.mean_ranks(values)
    return {method: PlottedCurve(anytime.GRID, row) for method, row in zip(group.methods, ranks, strict=True)}
