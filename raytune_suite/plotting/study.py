"""Figures of a study: the learning curves of all trials and the incumbent, or the panels of another kind."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from raytune_suite.atomic_file import write_atomically
from raytune_suite.errors import ArgumentError
from raytune_suite.optional import require
from raytune_suite.plotting.incumbent import draw_incumbent, scores_on_test_seeds
from raytune_suite.plotting.learning_curves import draw_learning_curves
from raytune_suite.plotting.panels import study_panels
from raytune_suite.plotting.scales import finite_values, limits, set_logarithmic, spans_decades

if TYPE_CHECKING:
    import os

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from raytune_suite.plotting.scales import Floats
    from raytune_suite.plotting.study_data import StudyData

SUFFIXES = (".png", ".svg", ".pdf")
NAME_LENGTH = 60
COLUMNS = 3

KINDS = (
    "learning-curves",
    "importance",
    "slices",
    "contours",
    "parallel-coordinates",
    "ranks",
    "edf",
    "timeline",
)
"""The kinds of figures besides "study"."""


def plot_study(result: StudyData, path: str | os.PathLike[str], kind: str = "study") -> Path:
    """Plot the learning curves of all trials and the incumbent of a study.

    The left panel has one learning curve per trial, colored by its outcome, with the best trial in bold. The right
    panel has the best value so far as a step function of the resource spent by the whole study, and the scores on the
    test seeds if there are any.

    Args:
        result: The study; it may be empty or have failed.
        path: The file to write; the suffix selects PNG, SVG or PDF. Missing folders are created, and an existing file
            is replaced atomically.
        kind: "study" for these two panels, or one of `KINDS` for others.

    Returns:
        The path of the figure.

    Raises:
        ArgumentError: If the suffix or the kind is not supported, or the study has nothing of this kind to show.
        MissingPackageError: If matplotlib is not installed.
    """
    target = Path(path)
    if target.suffix.lower() not in SUFFIXES:
        raise ArgumentError(f"`path` is {str(path)!r}, but must end in one of {', '.join(SUFFIXES)}")
    if kind != "study":
        figure = panels_figure(result, kind)
        return save(figure, result, target)
    figure = require("matplotlib.figure", extra="report").Figure(figsize=(8.4, 3.7), dpi=200, layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.1, 1))
    draw_learning_curves(left, result)
    draw_incumbent(right, result)
    reported, tested = finite_values(result.reports["value"]), scores_on_test_seeds(result)
    log_y = spans_decades(np.concatenate([reported, tested]))
    finish_axes(left, result, reported, log_y=log_y)
    finish_axes(right, result, np.concatenate([finite_values(result.incumbent["value"]), tested]), log_y=log_y)
    return save(figure, result, target)


def save(figure: Figure, result: StudyData, target: Path) -> Path:
    """Give a figure its title, and write it."""
    require("matplotlib.backends.backend_agg", extra="report").FigureCanvasAgg(figure)
    trials = f"{len(result.trials)} trial{'' if len(result.trials) == 1 else 's'}"
    name = result.name if len(result.name) <= NAME_LENGTH else f"{result.name[: NAME_LENGTH - 1]}…"
    figure.suptitle(f"{name} · {result.method} · {trials}", fontsize=10, weight="bold", parse_math=False)
    picture = io.BytesIO()
    figure.savefig(picture, format=target.suffix[1:].lower())
    write_atomically(target, picture.getvalue())
    return target


def panels_figure(study: StudyData, kind: str) -> Figure:
    """Draw all panels of one kind side by side.

    Raises:
        ArgumentError: If there is no such kind, or the study has nothing of this kind to show.
    """
    if kind not in KINDS:
        raise ArgumentError.invalid("kind", kind, f"one of study, {', '.join(KINDS)}")
    panels = study_panels(study).get(kind)
    if not panels:
        raise ArgumentError(f"`kind` is {kind!r}, but this study has too few reports or parameters to draw it")
    columns = min(len(panels), COLUMNS)
    rows = -(-len(panels) // columns)
    width = 4.2 if columns > 1 else 7.0
    size = (width * columns, rows * max(panel.height + 0.2 * panel.legend / 2 for panel in panels) + 0.4)
    figure: Figure = require("matplotlib.figure", extra="report").Figure(figsize=size, dpi=200, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for panel, one in zip(panels, axes, strict=False):
        one.spines[["top", "right"]].set_visible(False)
        one.grid(color="#e6e6e6", linewidth=0.6)
        one.set_axisbelow(True)
        panel.draw(one)
        one.set_title(panel.title, loc="left", fontsize=9, parse_math=False)
        one.set_ylabel(panel.y_label, fontsize=8, parse_math=False)
        one.xaxis.label.set_fontsize(8)
        one.tick_params(labelsize=8)
        if one.get_legend_handles_labels()[0]:
            one.legend(fontsize=7.5, frameon=False, loc="upper left", bbox_to_anchor=(-0.03, -0.17), ncols=3)
    for one in axes[len(panels) :]:
        one.set_axis_off()
    return figure


def finish_axes(axes: Axes, study: StudyData, values: Floats, *, log_y: bool) -> None:
    """Set the scale, limits, labels, grid and legend of the axes; `values` are those of the y axis."""
    values = values[np.isfinite(values)]
    if log_y:
        set_logarithmic(axes.yaxis, axes.set_yscale)
    if len(values):
        low, high = limits(np.log10(values) if log_y else values, study.mode)
        axes.set_ylim((10**low, 10**high) if log_y else (low, high))
    else:
        axes.text(0.5, 0.5, "no finite value was reported", transform=axes.transAxes, ha="center", fontsize=9)
    better = "lower" if study.mode == "min" else "higher"
    axes.set_ylabel(f"{study.metric} ({better} is better)", fontsize=8, parse_math=False)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e6e6e6", linewidth=0.6)
    axes.set_axisbelow(True)
    entries = len(axes.get_legend_handles_labels()[0])
    if entries:
        place: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (-0.03, -0.17), "ncols": (entries + 1) // 2}
        axes.legend(fontsize=7.5, frameon=False, **place)
