"""The panels of a study: each draws one figure into axes, for a file or for a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from raytune_suite.plotting.edf import draw_edf
from raytune_suite.plotting.importance import draw_importance, draw_importance_by_fidelity
from raytune_suite.plotting.incumbent import draw_incumbent
from raytune_suite.plotting.learning_curves import draw_learning_curves
from raytune_suite.plotting.parallel_coordinates import draw_parallel_coordinates
from raytune_suite.plotting.ranks import draw_ranks, ranks_over_fidelities
from raytune_suite.plotting.samples import MOST_CURVES, MOST_DOTS, sampled_curves, sampled_trials
from raytune_suite.plotting.scales import finite_values, limits, set_logarithmic, spans_decades
from raytune_suite.plotting.slices import draw_contour, draw_slice
from raytune_suite.plotting.study_data import incumbent_trial
from raytune_suite.plotting.timeline import draw_timeline
from raytune_suite.plotting.trial_values import MOST_PARAMETERS, short_name, trial_values

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes

    from raytune_suite.plotting.study_data import StudyData
    from raytune_suite.plotting.trial_values import TrialValues
    from raytune_suite.types import Mode

MOST_CONTOURS = 3
"""Contours are drawn of all pairs of this many parameters."""


class Panel(NamedTuple):
    """One figure.

    Attributes:
        name: Unique within the study.
        title: Its title.
        y_label: What its y axis shows; "" if the tick labels say so.
        caption: What the reader has to know; "" for nothing.
        draw: Draws it into axes.
        height: In inches.
        left: The room for the tick labels of the y axis, in inches.
        legend: How many entries its legend has.
    """

    name: str
    title: str
    y_label: str
    caption: str
    draw: Callable[[Axes], None]
    height: float = 2.9
    left: float = 0.6
    legend: int = 0


def study_panels(study: StudyData) -> dict[str, list[Panel]]:
    """The panels of a study by kind; kinds for which there are too few reports or parameters are missing or empty."""
    panels = {"learning-curves": curve_panels(study), "ranks": rank_panels(study), "edf": [], "timeline": []}
    if len(study.reports):
        caption = "Each line is one resource at which trials are compared."
        panels["edf"] = [
            Panel(
                "edf",
                "Distribution of the metric",
                "share of trials",
                caption,
                lambda axes: draw_edf(axes, study),
                legend=4,
            )
        ]
        caption = "Reconstructed from the times of the reports. A row is a worker; gaps are times without a report."
        panels["timeline"] = [
            Panel("timeline", "Workers over time", "worker", caption, lambda axes: draw_timeline(axes, study), legend=4)
        ]
    trials = trial_values(study)
    if trials.fidelity is not None:
        best = incumbent_trial(study)
        panels["importance"] = importance_panels(trials)
        few = sampled_trials(trials, best)
        thinned = f" {MOST_DOTS} of {len(study.trials)} trials are drawn." if len(study.trials) > MOST_DOTS else ""
        panels["slices"] = slice_panels(few, study, thinned)
        panels["contours"] = contour_panels(few, best)
        caption = f"Lines are colored by the metric at {trials.fidelity:g} {study.time_attr}.{thinned}"
        if len(few.order) > 1:
            panels["parallel-coordinates"] = [
                Panel(
                    "parallel-coordinates",
                    "Parallel coordinates",
                    "",
                    caption,
                    lambda axes: draw_parallel_coordinates(axes, few, best),
                    height=3.9,
                    left=0.75,
                    legend=6,
                )
            ]
    return panels


def curve_panels(study: StudyData) -> list[Panel]:
    """The learning curves, and the incumbent."""
    sampled = sampled_curves(study)
    counts: Any = study.trials["outcome"].value_counts().to_dict()
    better = f"{study.metric} ({'lower' if study.mode == 'min' else 'higher'} is better)"
    caption = (
        f"{MOST_CURVES} of {len(study.trials)} trials are drawn." if len(sampled.trials) < len(study.trials) else ""
    )

    def curves(axes: Axes) -> None:
        draw_learning_curves(axes, sampled, counts)
        fit(axes, finite_values(study.reports["value"]), study.mode)

    def incumbent(axes: Axes) -> None:
        draw_incumbent(axes, study)
        scores = np.empty(0) if study.test_scores is None else finite_values(study.test_scores["value"])
        fit(axes, np.append(finite_values(study.incumbent["value"]), scores), study.mode)

    return [
        Panel("learning-curves", "Learning curves", better, caption, curves, legend=5),
        Panel("incumbent", "Best so far", better, "", incumbent, legend=2),
    ]


def rank_panels(study: StudyData) -> list[Panel]:
    """The ranks over fidelities; none if trials are compared at one fidelity only."""
    fidelities, _, correlations = ranks_over_fidelities(study)
    if not np.isfinite(correlations).any():
        return []
    caption = (
        "The rank of each trial among those that reached the same resource. rho is Spearman's correlation of the "
        "values of the trials that reached both."
    )
    return [
        Panel(
            "ranks",
            f"Ranks over {len(fidelities)} fidelities",
            "",
            caption,
            lambda axes: draw_ranks(axes, study, incumbent_trial(study)),
            left=0.75,
        )
    ]


def importance_panels(trials: TrialValues) -> list[Panel]:
    """The importance at the highest fidelity with enough trials, and over fidelities; none if one trial reached it."""
    table = trials.importance
    last = table[table["fidelity"] == trials.fidelity].head(2 * MOST_PARAMETERS)
    if last.empty:
        return []
    names = last["parameter"].tolist()
    caption = (
        f"Conditional PED-ANOVA of the {int(last['trials'].max())} trials that reached {trials.fidelity:g}: how much a "
        "parameter decides whether a config is among the best 10 %. Lines: 90 % of bootstrap samples."
    )
    room = max((len(short_name(name)) for name in names), default=0) * 0.083 + 0.2
    panels = [
        Panel(
            "importance",
            "Importance",
            "",
            caption,
            lambda axes: draw_importance(axes, last),
            height=0.9 + 0.26 * len(last),
            left=room,
        )
    ]
    if table["fidelity"].nunique() > 1:
        text = "At a higher resource, only the trials that were promoted so far are compared."
        panels.append(
            Panel(
                "importance-fidelity",
                "Importance by fidelity",
                "importance",
                text,
                lambda axes: draw_importance_by_fidelity(axes, table, names[:5]),
                legend=5,
            )
        )
    return panels


def slice_panels(trials: TrialValues, study: StudyData, thinned: str) -> list[Panel]:
    """The metric against each of the most important parameters."""
    best = incumbent_trial(study)

    def panel(column: int) -> Panel:
        name = trials.space.names[column]
        label = f"{study.metric} at {trials.fidelity:g} {study.time_attr}"
        draw: Callable[[Axes], None] = lambda axes: draw_slice(axes, trials, column, study.mode, best)  # noqa: E731
        return Panel(f"slice-{column}", short_name(name), label, thinned.strip(), draw, height=2.5)

    return [panel(column) for column in trials.order[:MOST_PARAMETERS]]


def contour_panels(trials: TrialValues, best: int | None) -> list[Panel]:
    """Pairs of the most important parameters."""
    columns = trials.order[:MOST_CONTOURS]
    pairs = [(one, other) for number, one in enumerate(columns) for other in columns[number + 1 :]]

    def panel(pair: tuple[int, int]) -> Panel:
        names = [short_name(trials.space.names[column]) for column in pair]
        draw: Callable[[Axes], None] = lambda axes: draw_contour(axes, trials, pair, best)  # noqa: E731
        return Panel(f"contour-{pair[0]}-{pair[1]}", " and ".join(names), names[1], "", draw, height=3.4, left=0.75)

    return [panel(pair) for pair in pairs]


def fit(axes: Axes, values: np.ndarray[tuple[int], np.dtype[np.float64]], mode: Mode) -> None:
    """Set the scale and the limits of the y axis to these values."""
    values = values[np.isfinite(values)]
    if not len(values):
        axes.text(0.5, 0.5, "no finite value yet", transform=axes.transAxes, ha="center")
        return
    log = spans_decades(values)
    if log:
        set_logarithmic(axes.yaxis, axes.set_yscale)
    low, high = limits(np.log10(values) if log else values, mode)
    axes.set_ylim((10**low, 10**high) if log else (low, high))
