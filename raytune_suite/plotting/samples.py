"""Samples of large studies, so that a page stays small."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from raytune_suite.plotting.study_data import incumbent_trial

if TYPE_CHECKING:
    from raytune_suite.plotting.study_data import StudyData
    from raytune_suite.plotting.trial_values import TrialValues

MOST_CURVES = 300
"""The most learning curves in a figure of a page."""

MOST_POINTS = 40
"""The most points of one of these curves."""

MOST_DOTS = 500
"""The most trials in a figure with a dot or a line per trial."""


def sampled_curves(study: StudyData) -> StudyData:
    """The study with at most `MOST_CURVES` trials, evenly spaced and with the best one, and with thinned reports."""
    chosen = sample(len(study.trials), MOST_CURVES, incumbent_trial(study))
    trials = study.trials.iloc[chosen]
    reports = study.reports[study.reports["trial"].isin(trials.index)]
    position = reports.groupby("trial").cumcount()
    size = reports.groupby("trial")["trial"].transform("size")
    step = np.ceil(size / MOST_POINTS)
    kept = (position % step == 0) | (position == size - 1)
    return dataclasses.replace(study, trials=trials, reports=reports[kept])


def sampled_trials(trials: TrialValues, best: int | None) -> TrialValues:
    """The trials with values for at most `MOST_DOTS` of them: those that reached the fidelity first, and the best."""
    reached = np.flatnonzero(np.isfinite(trials.losses))
    others = np.flatnonzero(np.isnan(trials.losses))
    chosen = reached[sample(len(reached), MOST_DOTS, None)]
    rest = others[sample(len(others), MOST_DOTS - len(chosen), None)]
    kept = np.zeros(len(trials.losses), dtype=bool)
    kept[np.concatenate([chosen, rest, [] if best is None else [best]]).astype(int)] = True
    values = np.where(kept[:, None], trials.values, np.nan)
    return dataclasses.replace(trials, values=values, losses=np.where(kept, trials.losses, np.nan))


def sample(count: int, most: int, needed: int | None) -> list[int]:
    """At most `most` of the numbers below `count`, evenly spaced, and `needed`.

    Example:
        >>> sample(10, 4, 5), sample(3, 4, None)
        ([0, 3, 5, 6, 9], [0, 1, 2])
    """
    if count <= most:
        return list(range(count))
    numbers = set(np.linspace(0, count - 1, max(most, 0)).astype(int).tolist())
    return sorted(numbers | ({needed} if needed is not None else set()))
