"""When trials ran, on how many workers at once."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from raytune_suite.plotting.learning_curves import OUTCOMES

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from raytune_suite.plotting.study_data import StudyData

PAUSE = 4.0
"""A trial paused if it reported nothing for this many times its usual interval."""

MOST_LANES = 64
"""The most workers that are drawn."""


MOST_BARS = 1000
"""Of more bars, neighbors with the same outcome are joined."""


class Busy(NamedTuple):
    """A time in which a trial ran without a pause.

    Attributes:
        start: Seconds since the study started.
        end: The time of its last report.
        trial: The trial's number.
        lane: The worker, from 0: the free one that has waited longest.
    """

    start: float
    end: float
    trial: int
    lane: int


def busy_times(reports: pd.DataFrame) -> list[Busy]:
    """When trials ran, from the times of their reports, ordered by their start.

    A report stands for the training since the one before. Where a trial starts, or continues after a pause, it is taken
    to have trained for its usual interval, or since its worker became free if that is later.
    """
    trials, times = reports["trial"].to_numpy(dtype=int), reports["elapsed"].to_numpy(dtype=float)
    order = np.lexsort((times, trials))
    trials, times = trials[order], times[order]
    same = np.diff(trials) == 0
    overall = float(np.median(np.diff(times)[same])) if same.any() else float(times[0]) if len(times) else 0.0
    spans: list[tuple[float, float, int]] = []
    starts = np.flatnonzero(np.append(True, ~same)) if len(trials) else np.empty(0, dtype=int)
    for first, end in zip(starts, np.append(starts[1:], len(trials)), strict=True):
        at = times[first:end]
        gaps = np.diff(at)
        usual = float(np.median(gaps)) if len(gaps) else overall
        breaks = np.flatnonzero(gaps > PAUSE * max(usual, 1e-9)) + 1
        parts = np.split(at, breaks)
        spans += [(max(float(part[0]) - usual, 0.0), float(part[-1]), int(trials[first])) for part in parts]
    return assign_lanes(sorted(spans))


def assign_lanes(spans: list[tuple[float, float, int]]) -> list[Busy]:
    """Give each (start, end, trial), ordered by start, the lane that has been free longest, or a new one.

    A start up to half a span before the lane's end counts as that end, since starts are estimates.
    """
    free: list[tuple[float, int]] = []
    busy = []
    for start, end, trial in spans:
        if free and free[0][0] <= (start + end) / 2:
            until, lane = heapq.heappop(free)
            start = max(start, until)  # noqa: PLW2901 - corrected
        else:
            lane = len(free)
        heapq.heappush(free, (end, lane))
        busy.append(Busy(start, max(end, start), trial, lane))
    return busy


def merged(busy: list[Busy], outcomes: dict[int, str]) -> list[Busy]:
    """Join neighbors on a lane with the same outcome if there are too many to be told apart."""
    if len(busy) <= MOST_BARS:
        return busy
    least = max(one.end for one in busy) / MOST_BARS
    joined: list[Busy] = []
    last: dict[int, int] = {}
    for one in busy:
        position = last.get(one.lane)
        before = None if position is None else joined[position]
        if (
            before is not None
            and one.start - before.end < least
            and outcomes.get(one.trial) == outcomes.get(before.trial)
        ):
            joined[last[one.lane]] = before._replace(end=one.end)
            continue
        last[one.lane] = len(joined)
        joined.append(one)
    return joined


def draw_timeline(axes: Axes, study: StudyData) -> None:
    """Draw a row per worker, with a bar per trial that ran there, colored by its outcome."""
    outcomes: Any = study.trials["outcome"].to_dict()
    busy = merged(busy_times(study.reports), outcomes)
    lanes = max((one.lane for one in busy), default=0) + 1
    for outcome, style in OUTCOMES.items():
        members = [one for one in busy if one.lane < MOST_LANES and outcomes.get(one.trial) == outcome]
        if not members:
            continue
        x = np.array([(one.start, one.end, np.nan) for one in members]).ravel()
        y = np.repeat([one.lane for one in members], 3)
        width = max(1.0, min(7.0, 110 / min(lanes, MOST_LANES)))
        axes.plot(x, y, color=style.color, linewidth=width, solid_capstyle="butt", alpha=0.85)
        ends = [one.end for one in members]
        axes.plot(ends, [one.lane for one in members], linestyle="none", marker="|", markersize=width, color="#fefefe")
        axes.plot([], [], color=style.color, linewidth=5, label=outcome)
    axes.set_ylim(min(lanes, MOST_LANES) - 0.4, -0.6)
    axes.set_yticks(range(0, min(lanes, MOST_LANES), max(1, min(lanes, MOST_LANES) // 8)))
    axes.set_xlabel("time since the start (s)")
    axes.grid(visible=False, axis="y")
