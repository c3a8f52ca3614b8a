"""One Gaussian process of configs and resources (Klein et al. 2020, "Model-based Asynchronous Hyperparameter and Neural
Architecture Search", section 3).

It is fitted to the scores of all trials at all levels, and predicts those at the highest level that has at least as
many observations as there are parameters (the rule of BOHB, section 3.2). The kernel is the product of that of the
configs and one of the logarithm of the resource, so that learning curves may cross. (The default kernel of Syne Tune
adds a decay to the kernel of the configs that is the same for all of them.)
"""  # noqa: D205 - the title does not fit into one line

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, final

import numpy as np

from raytune_suite.models.kernels import Embedding
from raytune_suite.searchers.history import MOST, LevelData
from raytune_suite.searchers.level_models import (
    LEAST_OBSERVED,
    PENDING,
    SEEN,
    ImprovementSearcher,
    Processes,
    SurrogateModel,
)
from raytune_suite.types import FAILED

if TYPE_CHECKING:
    from raytune_suite.models.layout import Array, Layout
    from raytune_suite.spaces import Space

JOINT = 0.0
"""The level of the process, which includes all others."""


@final
class MobsterSearcher(ImprovementSearcher):
    """A Gaussian process of configs and resources, for asynchronous halving.

    Of more than 300 observations, those at the highest levels are used.
    """

    def setup(self, space: Space) -> None:
        """Start without a model."""
        super().setup(space)
        self._processes = Processes(Embedding.of(with_number(self.layout)))

    def surrogate(self, pending: dict[str, Array]) -> SurrogateModel | None:
        """Return the process at the highest level with enough observations."""
        levels = self.history.levels(self.levels)
        if not levels:
            return None
        scores = self.history.scores(levels)
        enough = [level for level in levels if len(scores[level]) >= len(self.layout)]
        target = enough[-1] if enough else levels[0]
        data = self._joint(scores, target)
        if data.observed < LEAST_OBSERVED:
            return None
        self._processes.refit({JOINT: data})
        process = self._processes.model(JOINT, data)
        ahead = [point for trial, point in pending.items() if trial not in scores[target]][-PENDING:]
        if ahead:
            process = process.with_pending(at_resource(np.array(ahead), target))
        best = sorted(scores[target], key=lambda trial: scores[target][trial])[:SEEN]
        seen = np.array([self.history.points[trial] for trial in best])
        return SurrogateModel(lambda points: process.predict(at_resource(points, target)), seen)

    def _joint(self, scores: dict[float, dict[str, float]], target: float) -> LevelData:
        """Return the observations at all levels, the highest first; trials that crashed count as failed at `target`."""
        rows = [(trial, level, score) for level in reversed(scores) for trial, score in scores[level].items()]
        rows = [(trial, target, FAILED) for trial in self.history.crashed] + rows
        kept = rows[:MOST]
        points = [at_resource(self.history.points[trial][None], level)[0] for trial, level, _ in kept]
        losses = np.array([score for *_, score in kept])
        return LevelData(np.array(points), losses, tuple(trial for trial, *_ in kept), self.history.version)


def with_number(layout: Layout) -> Layout:
    """Return the layout with one more column, a continuous number."""
    return dataclasses.replace(
        layout,
        options=np.append(layout.options, 0),
        parents=np.append(layout.parents, -1),
        conditions=(*layout.conditions, ()),
        cells=(*layout.cells, None),
    )


def at_resource(points: Array, resource: float) -> Array:
    """Append the logarithm of the resource to points, in units of a factor of 81, the usual range of the rungs.

    Example:
        >>> at_resource(np.array([[0.5]]), 81.0)
        array([[0.5, 1. ]])
    """
    return np.column_stack([points, np.full(len(points), math.log(max(resource, 1e-9), 81))])
