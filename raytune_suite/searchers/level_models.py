"""A model per level of fidelity, and the search for the config with the highest expected improvement on a mixture."""

from __future__ import annotations

import abc
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from raytune_suite import seeding
from raytune_suite.models import forest, gaussian_process
from raytune_suite.models.acquisition import log_expected_improvement
from raytune_suite.models.candidates import crowded, maximize
from raytune_suite.models.gaussian_process import GaussianProcess, Hyperparameters
from raytune_suite.models.kernels import Embedding
from raytune_suite.models.ranking import mixture
from raytune_suite.models.scores import half_rank
from raytune_suite.searchers.history import MOST
from raytune_suite.searchers.surrogate import SurrogateSearcher

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from raytune_suite.models.layout import Array, Layout
    from raytune_suite.searchers.history import LevelData
    from raytune_suite.spaces import Space

LEAST_OBSERVED = 3
"""The number of finite losses from which on a level has a model."""

FITTED = 150
"""The most observations of a level from which hyperparameters are fitted."""

ANCHORS = 5

SEEN = 60
"""The most observations of a level among which the best one is looked for."""

PENDING = 100
"""The most pending points that a model takes into account: the newest."""

STOPPED = 50
"""The most stopped trials that the model of a level above takes into account."""

NEGLIGIBLE = 0.05
"""The weight below which a level is left out of the mixture."""


class LevelModel(Protocol):
    """A model of the scores at one level."""

    def predict(self, points: Array) -> tuple[Array, Array]:
        """Return means and variances, of shape (points,)."""

    def sample(self, points: Array, count: int, rng: np.random.Generator) -> Array:
        """Draw functions, of shape (count, points)."""


@dataclass(eq=False)
class Processes:
    """Gaussian processes, whose hyperparameters are fitted again when there are a tenth more observations.

    Attributes:
        embedding: The embedding of the points.
        hyperparameters: Those of the last fit.
        levels: The levels of the last fit.
        observed: The number of observations at the last fit.
        fitted: The version of the data and the process of each level; not saved, because it follows from the rest.
    """

    embedding: Embedding
    hyperparameters: Hyperparameters | None = None
    levels: tuple[float, ...] = ()
    observed: int = 0
    fitted: dict[float, tuple[int, GaussianProcess]] = field(default_factory=dict)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "fitted": {}}

    def refit(self, data: Mapping[float, LevelData]) -> None:
        """Fit the hyperparameters to the observations at all levels if there are enough new ones."""
        levels, observed = tuple(data), sum(len(level.losses) for level in data.values())
        grown = observed - self.observed
        if levels == self.levels and grown < max(LEAST_OBSERVED, 0.1 * self.observed):
            return
        dimensions = len(self.embedding.layout)
        start = Hyperparameters.initial(dimensions, len(levels))
        if self.hyperparameters is not None:
            weights, *by_level = self.hyperparameters
            before = dict(zip(self.levels, np.transpose(by_level), strict=True))
            new = np.transpose(start[1:])
            amplitudes, noises = np.transpose([before.get(level, new[0]) for level in levels])
            start = Hyperparameters(weights, amplitudes, noises)
        parts = [level.limited(FITTED) for level in data.values()]
        targets = [targets_of(level) for level in parts]
        vectors = [self.embedding(level.points) for level in parts]
        self.hyperparameters = gaussian_process.fit(vectors, targets, self.embedding, start, steps=15)
        self.levels, self.observed, self.fitted = levels, observed, {}

    def model(self, level: float, data: LevelData) -> GaussianProcess:
        """Return the process of a level, without pending points."""
        version, process = self.fitted.get(level, (None, None))
        if process is None or version != data.version:
            assert self.hyperparameters is not None  # noqa: S101 - `refit` comes first
            process = GaussianProcess.condition(
                data.points, targets_of(data), self.embedding, self.hyperparameters, self.levels.index(level)
            )
            self.fitted[level] = (data.version, process)
        return process


def targets_of(data: LevelData) -> Array:
    """Return the targets of a model: the scores of the losses, with mean 0."""
    scores = half_rank(data.losses)
    return np.asarray(scores - scores.mean())


def grow_forest(data: LevelData, pending: Array, layout: Layout, rng: np.random.Generator) -> forest.Forest:
    """Grow a forest in which pending points have the median score, 0 ("constant liar", Ginsbourger et al. 2010)."""
    points = np.concatenate([data.points, pending]) if len(pending) else data.points
    targets = np.concatenate([half_rank(data.losses), np.zeros(len(pending))])
    return forest.grow(points, targets, layout.options, rng)


class SurrogateModel(NamedTuple):
    """What a searcher has learned.

    Attributes:
        predict: Computes means and variances of the score at points, each of shape (points,).
        seen: Observed points, the best among them, of shape (n, dimensions).
    """

    predict: Callable[[Array], tuple[Array, Array]]
    seen: Array


class ImprovementSearcher(SurrogateSearcher, abc.ABC):
    """A searcher that maximizes the expected improvement predicted by a surrogate model."""

    @abc.abstractmethod
    def surrogate(self, pending: dict[str, Array]) -> SurrogateModel | None:
        """Return the surrogate model; None if there are too few observations.

        Args:
            pending: The points of the trials that have not ended, by id.
        """

    def propose(self, pending: dict[str, Array], taken: set[bytes]) -> Array | None:
        """Return the config with the highest expected improvement on the best predicted score so far."""
        surrogate = self.surrogate(pending)
        if surrogate is None:
            return None
        predict, seen = surrogate
        running = np.array(list(pending.values())).reshape(len(pending), len(self.layout))
        means, _ = predict(np.concatenate([seen, running]))
        anchors = seen[np.argsort(means[: len(seen)], kind="stable")[:ANCHORS]]
        best = float(means.min())
        plateaus = self.plateaus()

        def acquisition(points: Array) -> Array:
            mean, variance = predict(points)
            values = log_expected_improvement(mean, np.sqrt(variance), best)
            preference = self.preference(points)
            values = values if preference is None else values + preference
            if plateaus is not None:  # there is no improvement where the losses are known
                values = values + plateaus.log_worth(points, running)
            return np.where(crowded(self.layout, points, running), -np.inf, values)

        anchors = np.concatenate([anchors, self.expected(ANCHORS)])
        return maximize(acquisition, self.layout, anchors, taken, self.rng)


class LevelModelSearcher(ImprovementSearcher, abc.ABC):
    """A searcher with a model per level; a subclass decides how much to trust each level."""

    def setup(self, space: Space) -> None:
        """Start without models."""
        super().setup(space)
        self._processes = Processes(Embedding.of(self.layout)) if self.uses_processes() else None

    @abc.abstractmethod
    def uses_processes(self) -> bool:
        """Whether the models are Gaussian processes; otherwise they are forests."""

    @abc.abstractmethod
    def trust(self, data: dict[float, LevelData]) -> dict[float, float]:
        """Return the weights of the levels in the mixture, with the sum 1.

        Args:
            data: The observations at each level that has a model, in ascending order, at least one.
        """

    def observations(self) -> dict[float, LevelData]:
        """Return the observations that each model is fitted to, by level."""
        return {level: self.history.at(level).limited(MOST) for level in self.history.levels(self.levels)}

    def surrogate(self, pending: dict[str, Array]) -> SurrogateModel | None:
        """Return the mixture of the models."""
        every = self.observations()
        data = {level: at_level for level, at_level in every.items() if at_level.observed >= LEAST_OBSERVED}
        if not data:
            return None
        if self._processes is not None:
            self._processes.refit(data)
        trust = {level: weight for level, weight in self.trust(data).items() if weight >= NEGLIGIBLE}
        weights = np.array(list(trust.values())) / sum(trust.values())
        models = [self.model(level, data[level], pending) for level in trust]

        def predict(points: Array) -> tuple[Array, Array]:
            means, variances = zip(*(model.predict(points) for model in models), strict=True)
            return mixture(weights, np.array(means), np.array(variances))

        return SurrogateModel(predict, np.concatenate([data[level].limited(SEEN).points for level in trust]))

    def _stopped(self, level: float, data: LevelData) -> Array:
        """Return the points of the trials that ended below a level, those with the best predictions there."""
        reached = set(data.trials) | self._live.keys()
        ended = np.array([point for trial, point in self.history.points.items() if trial not in reached])
        if len(ended) <= STOPPED or self._processes is None:
            return ended[-STOPPED:]
        means, _ = self._processes.model(level, data).predict(ended)
        return ended[np.argsort(means, kind="stable")[:STOPPED]]

    def model(self, level: float, data: LevelData, pending: dict[str, Array] | None = None) -> LevelModel:
        """Return the model of a level.

        It takes into account the pending trials that have not reached the level, and of those that were stopped before
        the best half hundred: otherwise the search would return to them, because nothing is ever observed there.
        """
        if pending is None:
            ahead = np.empty((0, len(self.layout)))
        else:
            reached = set(data.trials)
            waiting = [point for trial, point in pending.items() if trial not in reached][-PENDING:]
            ahead = np.array([*waiting, *self._stopped(level, data)]).reshape(-1, len(self.layout))
        if self._processes is not None:
            return self._processes.model(level, data).with_pending(ahead)
        rng = seeding.stream(self.seed, "forest", level, data.version, len(ahead))
        return grow_forest(data, ahead, self.layout, rng)


class SingleModelSearcher(LevelModelSearcher, abc.ABC):
    """A searcher with one model, fitted to each trial's score at the highest fidelity that it reached."""

    def observations(self) -> dict[float, LevelData]:
        """Return the scores of all trials as if they were observations at one level."""
        return {0.0: self.history.highest_scores(self.history.levels(self.levels)).limited(MOST)}

    def trust(self, data: dict[float, LevelData]) -> dict[float, float]:
        """Trust the only model."""
        return dict.fromkeys(data, 1.0)


def highest(data: Mapping[float, LevelData], least: int) -> float:
    """Return the highest level with at least so many finite losses; the one with the most if there is none."""
    enough = [level for level, at_level in data.items() if at_level.observed >= least]
    return enough[-1] if enough else max(data, key=lambda level: data[level].observed)
