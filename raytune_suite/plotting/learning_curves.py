"""The learning curves of all trials of a study, colored by outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from raytune_suite.plotting import colors
from raytune_suite.plotting.scales import EMPTY, finite_values, set_logarithmic, spans_decades
from raytune_suite.plotting.study_data import incumbent_trial

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes

    from raytune_suite.plotting.scales import Floats
    from raytune_suite.plotting.study_data import StudyData


class TrialStyle(NamedTuple):
    """The style of the curves of trials with the same outcome: color, line width, and the marker at their ends."""

    color: str
    width: float
    marker: str
    size: float


OUTCOMES: dict[str, TrialStyle] = {
    "stopped early": TrialStyle(colors.STOPPED_EARLY, 0.7, ".", 3.5),
    "unfinished": TrialStyle(colors.UNFINISHED, 0.7, "s", 2.5),
    "trained in full": TrialStyle(colors.TRAINED_IN_FULL, 0.9, ".", 5),
    "failed": TrialStyle(colors.FAILED, 0.9, "x", 4.5),
}
"""The outcomes in drawing order: later ones are above earlier ones. They differ in lightness and marker, too, so that
they can be distinguished in grayscale."""


def draw_learning_curves(axes: Axes, study: StudyData, counts: Mapping[str, int] | None = None) -> None:
    """Draw each trial's metric against its resource, one outcome after the other, with the best trial on top.

    A trial without a finite value is a marker at the worst end of the axis. `counts` are the trials per outcome for
    the legend, if `study` has a sample of the trials.
    """
    curves: dict[Any, tuple[Floats, Floats]] = {
        trial: (finite_values(rows["resource"]), finite_values(rows["value"]))
        for trial, rows in study.reports.groupby("trial")
    }
    for outcome, style in OUTCOMES.items():
        trials = study.trials.index[study.trials["outcome"] == outcome]
        if trials.empty:
            continue
        drawn = [curves[trial] for trial in trials if trial in curves]
        x, y = (np.concatenate([EMPTY, *(np.append(curve[axis], np.nan) for curve in drawn)]) for axis in (0, 1))
        axes.plot(x, y, color=style.color, linewidth=style.width)
        ends = np.array([point for curve in drawn for point in last_point(*curve)]).reshape(-1, 2)
        dots: dict[str, Any] = {"color": style.color, "marker": style.marker, "markersize": style.size}
        axes.plot(ends[:, 0], ends[:, 1], linestyle="none", **dots)
        without_value = [curve[0][-1] for curve in drawn if np.isnan(curve[1]).all()]
        edge = [0.985 if study.mode == "min" else 0.015] * len(without_value)
        axes.plot(without_value, edge, linestyle="none", transform=axes.get_xaxis_transform(), **dots)
        axes.plot(
            [], [], linewidth=1.5, label=f"{outcome} ({len(trials) if counts is None else counts[outcome]})", **dots
        )
    best = incumbent_trial(study)
    if best in curves:
        axes.plot(*curves[best], color=colors.BEST, linewidth=2, label=f"best (trial {best})")
    final = study.incumbent.tail(1)
    star: dict[str, Any] = {"color": colors.BEST, "markersize": 10, "markeredgecolor": "white", "zorder": 5}
    axes.plot(finite_values(final["resource"]), finite_values(final["value"]), "*", **star)
    axes.set_title("Learning curves", loc="left", fontsize=9)
    axes.set_xlabel(f"resource of the trial ({study.time_attr})", fontsize=8, parse_math=False)
    if spans_decades(finite_values(study.reports["resource"])):
        set_logarithmic(axes.xaxis, axes.set_xscale)


def last_point(resource: Floats, value: Floats) -> list[tuple[float, float]]:
    """Return the last finite point of a curve, or an empty list."""
    finite = np.flatnonzero(np.isfinite(value))
    return [(resource[finite[-1]], value[finite[-1]])] if len(finite) else []
