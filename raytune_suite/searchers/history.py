"""What a surrogate model learns from: the observations of all trials at all levels of fidelity."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from raytune_suite.models.scores import half_rank
from raytune_suite.types import FAILED

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from raytune_suite.models.layout import Array
    from raytune_suite.types import Observation

THINNING = 2
"""Without levels, a resource at which trials report becomes one if it is at most the next higher one over this."""

LEAST_SCALE = 0.1
"""The least deviation of scores at a level, relative to that at the lowest."""

MOST = 300
"""The most observations of a level with which a model is fitted: the best third and the newest."""


class LevelData(NamedTuple):
    """The observations at one level.

    Attributes:
        points: The points of the trials (`Layout`), of shape (n, dimensions).
        losses: Their losses, of shape (n,); `FAILED` also for trials that crashed below this level.
        trials: Their ids.
        version: A number that changes with the observations.
    """

    points: Array
    losses: Array
    trials: tuple[str, ...]
    version: int

    @property
    def observed(self) -> int:
        """The number of finite losses."""
        return int(np.count_nonzero(self.losses != FAILED))

    def limited(self, most: int) -> LevelData:
        """Keep the best third of `most` observations, and the newest of the others."""
        count = len(self.losses)
        if count <= most:
            return self
        best = np.argsort(self.losses, kind="stable")[: most // 3]
        others = np.setdiff1d(np.arange(count), best)
        kept = np.sort(np.concatenate([best, others[len(others) - (most - len(best)) :]]))
        return LevelData(self.points[kept], self.losses[kept], tuple(self.trials[i] for i in kept), self.version)


@dataclass(eq=False)
class History:
    """The observations so far.

    Attributes:
        points: The point of each trial that has an observation.
        losses: The loss of each trial at each level, by level.
        crashed: The level at which each failed trial ended.
        version: The number of observations so far.
    """

    points: dict[str, Array] = field(default_factory=dict)
    losses: dict[float, dict[str, float]] = field(default_factory=dict)
    crashed: dict[str, float] = field(default_factory=dict)
    version: int = 0

    def put(self, observation: Observation, point: Array) -> None:
        """Add an observation, or replace that of the same trial at the same level."""
        self.points[observation.trial_id] = point
        at_level = self.losses.setdefault(observation.resource, {})
        if at_level.get(observation.trial_id) != observation.loss:
            at_level[observation.trial_id] = observation.loss
            self.version += 1
        if observation.final and observation.failed:
            self.crashed[observation.trial_id] = observation.resource

    def levels(self, fixed: Sequence[float] | None) -> list[float]:
        """Return the levels that have a finite loss, in ascending order.

        Args:
            fixed: The levels at which the scheduler decides; None if it has none: then a geometric subset of the
                resources at which trials have reported, the highest included.
        """
        seen = sorted(level for level, losses in self.losses.items() if min(losses.values()) != FAILED)
        if fixed is not None or not seen:
            return seen
        thinned = [seen[-1]]
        for level in reversed(seen[:-1]):
            if level <= thinned[-1] / THINNING:
                thinned.append(level)
        return thinned[::-1]

    def at(self, level: float) -> LevelData:
        """Return the observations at a level. A trial that crashed counts as failed there and at all higher levels."""
        losses = dict(self.losses.get(level, {}))
        for trial, crashed_at in self.crashed.items():
            if crashed_at <= level:
                losses.setdefault(trial, FAILED)
        trials = tuple(losses)
        points = np.array([self.points[trial] for trial in trials])
        version = hash(tuple(losses.values()))  # of floats, so that it is the same in every process
        return LevelData(points, np.array(list(losses.values())), trials, version)

    def curves(self, levels: Sequence[float], most: int) -> tuple[Array, Array]:
        """Return the learning curves of the newest trials that have reached the lowest level.

        Args:
            levels: The levels, in ascending order, at least one.
            most: The maximum number of trials.

        Returns:
            Their points, of shape (n, dimensions), and their losses, of shape (n, levels), NaN where there is none.
        """
        trials = list(self.losses[levels[0]])[-most:]
        losses = [[self.losses[level].get(trial, np.nan) for level in levels] for trial in trials]
        return np.array([self.points[trial] for trial in trials]), np.array(losses)

    def highest_scores(self, levels: Collection[float]) -> LevelData:
        """Return one score per trial, even if it was stopped: that at the highest level that it reached.

        The scores are those of `scores`. Trials that crashed have the score `FAILED`.
        """
        scores: dict[str, float] = {}
        for at_level in self.scores(levels).values():
            scores.update(at_level)
        scores.update(dict.fromkeys(self.crashed, FAILED))
        trials = tuple(trial for trial in self.points if trial in scores)  # in the order of their first observation
        points = np.array([self.points[trial] for trial in trials])
        return LevelData(points, np.array([scores[trial] for trial in trials]), trials, self.version)

    def scores(self, levels: Collection[float]) -> dict[float, dict[str, float]]:
        """Return the scores of the trials at each level, in ascending order of the levels.

        A score says how good a trial's loss at the level is among those of the other trials there; lower is better.
        At the lowest level, the scores are those of `half_rank`. At each higher level, they are shifted and scaled so
        that the trials which have reached it keep the mean and the deviation of their scores at the level below, but
        are ordered as at this one. So the survivors of a rung are still good ones among all. Failures have no score.
        """
        latest: dict[str, float] = {}
        scores = {}
        for level in sorted(levels):
            losses = {trial: loss for trial, loss in self.losses[level].items() if loss != FAILED}
            here = half_rank(np.array(list(losses.values())))
            shift, scale = _match(here, np.array([latest.get(trial, np.nan) for trial in losses]))
            scores[level] = dict(zip(losses, (shift + scale * here).tolist(), strict=True))
            latest.update(scores[level])
        return scores


def _match(scores: Array, before: Array) -> tuple[float, float]:
    """Return the shift and the scale that give scores the mean and the deviation of earlier ones.

    Args:
        scores: The scores of trials, of shape (n,).
        before: Their earlier scores, NaN where there is none.
    """
    known = ~np.isnan(before)
    if not known.any():
        return 0.0, 1.0
    deviation = float(scores[known].std())
    scale = float(before[known].std()) / deviation if deviation > 0 else 1.0
    scale = min(max(scale, LEAST_SCALE), 1.0)
    return float(before[known].mean() - scale * scores[known].mean()), scale
