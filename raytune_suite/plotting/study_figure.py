"""Draw a study: what every trial did, and what the study had found at which cost.

The colours are of Okabe and Ito ("Color Universal Design", 2008), which colour-blind readers can tell apart; outcomes
differ in lightness and marker too, so that a grey print shows them.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from raytune_suite.errors import ArgumentError
from raytune_suite.optional import require

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from numpy.typing import NDArray

    from raytune_suite.plotting.study_data import StudyResult
    from raytune_suite.types import Mode


class Look(NamedTuple):
    """How the curves of one outcome are drawn: their colour and width, and the marker where they end."""

    color: str
    width: float
    marker: str
    size: float


OUTCOMES: dict[str, Look] = {
    "stopped early": Look("#b0b0b0", 0.7, ".", 3.5),
    "unfinished": Look("#e69f00", 0.7, "s", 2.5),
    "trained in full": Look("#56b4e9", 0.9, ".", 5),
    "failed": Look("#d55e00", 0.9, "x", 4.5),
}
"""The outcomes in the order of drawing: the later lie above the earlier."""

BEST, TEST = "#000000", "#009e73"
SUFFIXES = (".png", ".svg", ".pdf")
NAME_LENGTH = 60

LOG_SPAN = 20.0
"""The ratio of the largest to the smallest of all-positive values from which on their axis is logarithmic."""

HUGE = 1e200
"""Beyond this the arithmetic of an axis overflows, and below its inverse that of a logarithmic one."""

Floats: TypeAlias = "NDArray[np.float64]"
EMPTY: Floats = np.empty(0)


def plot_study(result: StudyResult, path: str | os.PathLike[str]) -> Path:
    """Draw the learning curves of all trials, and the incumbent against the cost, into one picture.

    The left panel has one curve per trial, coloured by its outcome, and the best trial's in bold. The right panel has
    the best value so far as a step function of the resource that the whole study had spent, and the scores on the test
    seeds where there are some.

    Args:
        result: The study; it may be empty or have failed altogether.
        path: Where to write; the suffix decides between PNG, SVG and PDF. Missing folders are made, and a file that is
            there is replaced in one move.

    Returns:
        The path of the picture.

    Raises:
        ArgumentError: If the suffix is none of the three.
        MissingPackageError: If matplotlib is not installed.
    """
    target = Path(path)
    if target.suffix.lower() not in SUFFIXES:
        raise ArgumentError(f"`path` is {str(path)!r}, but must end in one of {', '.join(SUFFIXES)}")
    figure = require("matplotlib.figure", extra="report").Figure(figsize=(8.4, 3.7), dpi=200, layout="constrained")
    require("matplotlib.backends.backend_agg", extra="report").FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, width_ratios=(1.1, 1))
    draw_curves(left, result)
    draw_incumbent(right, result)
    reported, tested = numbers(result.reports["value"]), test_values(result)
    logarithmic = spans_decades(np.concatenate([reported, tested]))
    finish(left, result, reported, log_y=logarithmic)
    finish(right, result, np.concatenate([numbers(result.incumbent["value"]), tested]), log_y=logarithmic)
    trials = f"{len(result.trials)} trial{'' if len(result.trials) == 1 else 's'}"
    name = result.name if len(result.name) <= NAME_LENGTH else f"{result.name[: NAME_LENGTH - 1]}…"
    figure.suptitle(f"{name} · {result.method} · {trials}", fontsize=10, weight="bold", parse_math=False)
    picture = io.BytesIO()
    figure.savefig(picture, format=target.suffix[1:].lower())
    write_whole(target, picture.getvalue())
    return target


def draw_curves(axes: Axes, result: StudyResult) -> None:
    """Draw each trial's metric against its resource: the outcomes behind one another, the best trial above them all.

    A trial that reported no finite value at all is a marker at the bad end of the axis.
    """
    curves: dict[Any, tuple[Floats, Floats]] = {
        trial: (numbers(rows["resource"]), numbers(rows["value"])) for trial, rows in result.reports.groupby("trial")
    }
    for name, look in OUTCOMES.items():
        trials = result.trials.index[result.trials["outcome"] == name]
        if trials.empty:
            continue
        drawn = [curves[trial] for trial in trials if trial in curves]
        x, y = (np.concatenate([EMPTY, *(np.append(curve[axis], np.nan) for curve in drawn)]) for axis in (0, 1))
        axes.plot(x, y, color=look.color, linewidth=look.width)
        ends = np.array([point for curve in drawn for point in last_point(*curve)]).reshape(-1, 2)
        dots: dict[str, Any] = {"color": look.color, "marker": look.marker, "markersize": look.size}
        axes.plot(ends[:, 0], ends[:, 1], linestyle="none", **dots)
        lost = [curve[0][-1] for curve in drawn if np.isnan(curve[1]).all()]
        edge = 0.985 if result.mode == "min" else 0.015
        axes.plot(lost, [edge] * len(lost), linestyle="none", transform=axes.get_xaxis_transform(), **dots)
        axes.plot([], [], linewidth=1.5, label=f"{name} ({len(trials)})", **dots)
    if result.best_trial in curves:
        axes.plot(*curves[result.best_trial], color=BEST, linewidth=2, label=f"best (trial {result.best_trial})")
    chosen = result.incumbent[result.incumbent["trial"] == result.best_trial].tail(1)
    axes.plot(chosen["resource"], chosen["value"], "*", color=BEST, markersize=10, markeredgecolor="white", zorder=5)
    axes.set_title("Every trial", loc="left", fontsize=9)
    axes.set_xlabel(f"resource of the trial ({result.time_attr})", fontsize=8, parse_math=False)
    if spans_decades(numbers(result.reports["resource"])):
        set_logarithmic(axes.xaxis, axes.set_xscale)


def draw_incumbent(axes: Axes, result: StudyResult) -> None:
    """Draw the best value so far against the resource that the study had spent, and the test scores at its end."""
    cost, value = numbers(result.incumbent["cost"]), numbers(result.incumbent["value"])
    scores = test_values(result)
    scores = scores[np.isfinite(scores)]
    if len(cost):
        end = max(float(result.reports.groupby("trial")["resource"].max().sum()), cost[-1]) or 1.0
        label = f"best so far, tuning: {value[-1]:.4g}"
        axes.step([*cost, end], [*value, value[-1]], where="post", color=BEST, linewidth=2, label=label)
        axes.plot(cost, value, ".", color=BEST, markersize=5)
        axes.set_xlim(0, (1.12 if len(scores) else 1.02) * end)
        if len(scores):
            label = f"test, {len(scores)} seed{'' if len(scores) == 1 else 's'}: mean {scores.mean():.4g}"
            place = np.full(len(scores), 1.06 * end)
            axes.plot(place, scores, "D", color=TEST, fillstyle="none", markersize=4.5, label=label)
            axes.plot([1.02 * end, 1.1 * end], [scores.mean()] * 2, color=TEST, linewidth=1.5)
    axes.set_title("Best so far", loc="left", fontsize=9)
    axes.set_xlabel(f"resource spent by the whole study ({result.time_attr})", fontsize=8, parse_math=False)


def last_point(resource: Floats, value: Floats) -> list[tuple[float, float]]:
    """Where a curve ends: its last finite point, or nothing."""
    known = np.flatnonzero(np.isfinite(value))
    return [(resource[known[-1]], value[known[-1]])] if len(known) else []


def numbers(values: pd.Series) -> Floats:
    """The values as floats; whatever is not finite, or as good as infinite, is NaN, which matplotlib leaves out."""
    floats = values.to_numpy(dtype=float, na_value=np.nan)
    return np.where(np.abs(floats) < HUGE, floats, np.nan)


def test_values(result: StudyResult) -> Floats:
    """The scores on the test seeds, none where there are none."""
    return EMPTY if result.test_scores is None else numbers(result.test_scores["value"])


def spans_decades(values: Floats) -> bool:
    """Whether the finite ones are all positive and span so much that a linear axis would hide the small ones."""
    values = values[np.isfinite(values)]
    return len(values) > 0 and bool(values.min() > 1 / HUGE and values.max() >= LOG_SPAN * values.min())


def limits(values: Floats, mode: Mode) -> tuple[float, float]:
    """The range to show: all values, unless the worst twentieth would take more than half of the room."""
    losses = values if mode == "min" else -values
    low, most, high = np.quantile(losses, [0, 0.95, 1])
    if high - most > most - low > 0:
        high = most + 0.1 * (most - low)
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 0.05
    low, high = low - margin, high + margin
    return (low, high) if mode == "min" else (-high, -low)


def finish(axes: Axes, result: StudyResult, values: Floats, *, log_y: bool) -> None:
    """Give the axes their scale, limits, labels, grid and legend; `values` are what its y axis has to show."""
    values = values[np.isfinite(values)]
    if log_y:
        set_logarithmic(axes.yaxis, axes.set_yscale)
    if len(values):
        low, high = limits(np.log10(values) if log_y else values, result.mode)
        axes.set_ylim((10**low, 10**high) if log_y else (low, high))
    else:
        axes.text(0.5, 0.5, "no finite value was reported", transform=axes.transAxes, ha="center", fontsize=9)
    better = "lower" if result.mode == "min" else "higher"
    axes.set_ylabel(f"{result.metric} ({better} is better)", fontsize=8, parse_math=False)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e6e6e6", linewidth=0.6)
    axes.set_axisbelow(True)
    entries = len(axes.get_legend_handles_labels()[0])
    if entries:
        place: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (-0.03, -0.17), "ncols": (entries + 1) // 2}
        axes.legend(fontsize=7.5, frameon=False, **place)


def set_logarithmic(axis: Axis, set_scale: Callable[[str], None]) -> None:
    """Make an axis logarithmic, with plain numbers at 1, 2, 5, 10, ... as long as these are few."""
    ticker = require("matplotlib.ticker", extra="report")
    set_scale("log")
    axis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(ticker.FuncFormatter(lambda value, _position: f"{value:g}"))
    axis.set_minor_formatter(ticker.NullFormatter())


def write_whole(target: Path, content: bytes) -> None:
    """Write a file in one move: at every moment there is the old one or the new one, never half of one."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        draft.write_bytes(content)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
