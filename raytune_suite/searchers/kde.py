"""The model of BOHB (Falkner et al. 2018, "BOHB: Robust and Efficient Hyperparameter Optimization at Scale", ICML).

At the largest fidelity that has enough observations, the model consists of a kernel density estimate l of the good
configs and one, g, of the bad. Candidates are drawn from l with widened bandwidths, and the one with the highest ratio
l/g is the next config (Algorithm 2). With the scheduler "hyperband" this is BOHB; with "asha", which decides as results
arrive, its asynchronous variant.

As in the package hpbandster, 15 % of the observations are good, and both sets need more points than the space has
dimensions, so that a fidelity needs 2 (d + 1) observations for a model (the paper requires d + 3, in sets that may
overlap). Unlike in hpbandster, the bandwidth of a categorical parameter does not depend on the order of its options and
is always a valid probability, every option has a finite density, and late observations at a lower fidelity are kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Unpack, final

import numpy as np

from raytune_suite.models.kernel_density import Density, bandwidths, impute
from raytune_suite.searchers.base import AskTellSearcher, SearcherArgs
from raytune_suite.spaces import FEATURES
from raytune_suite.types import COUNT, FAILED
from raytune_suite.validation import checked, integer, number, optional

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from raytune_suite.spaces import Space
    from raytune_suite.types import Config, Observation


MAX_CANDIDATES = 100_000
"""The most candidates that are drawn for a config."""


@dataclass(eq=False)
class Level:
    """The observations at one fidelity, in arrays whose capacity doubles when they are full.

    Attributes:
        points: The configs, of shape (capacity, dimensions); inactive parameters are NaN.
        losses: The losses, of shape (capacity,).
        rows: The row of each trial.
    """

    points: NDArray[np.float64]
    losses: NDArray[np.float64]
    rows: dict[str, int] = field(default_factory=dict)

    @classmethod
    def empty(cls, dimensions: int) -> Level:
        """Create a level without observations."""
        return cls(np.empty((16, dimensions)), np.empty(16))

    def put(self, trial_id: str, point: NDArray[np.float64], loss: float) -> None:
        """Add the observation of a trial, or replace it."""
        row = self.rows.setdefault(trial_id, len(self.rows))
        if row == len(self.losses):
            self.points = np.concatenate([self.points, np.empty_like(self.points)])
            self.losses = np.concatenate([self.losses, np.empty_like(self.losses)])
        self.points[row], self.losses[row] = point, loss

    def split(self, min_points: int, fraction: float) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """Return the good and the bad points; None if there are too few. Failed observations are never good."""
        count = len(self.rows)
        good = max(min_points, int(fraction * count))
        losses = self.losses[:count]
        if count - good < min_points or np.count_nonzero(losses != FAILED) < good:
            return None
        order = np.argsort(losses, kind="stable")
        return self.points[order[:good]], self.points[order[good:]]


@final
class KDESearcher(AskTellSearcher):
    """The kernel density model of BOHB. A crash counts as the worst loss at the next fidelity of the trial."""

    features: ClassVar[frozenset[str]] = frozenset(FEATURES) - {"grid"}
    multi_fidelity: ClassVar[bool] = True

    @checked(
        min_points=optional(COUNT),
        top_fraction=number(least=0, most=1),
        random_fraction=number(least=0, most=1),
        candidates=integer(1, most=MAX_CANDIDATES),
        bandwidth_factor=number(above=0),
        min_bandwidth=number(above=0),
    )
    def __init__(
        self,
        *,
        min_points: int | None = None,
        top_fraction: float = 0.15,
        random_fraction: float = 1 / 3,
        candidates: int = 64,
        bandwidth_factor: float = 3,
        min_bandwidth: float = 1e-3,
        **args: Unpack[SearcherArgs],
    ) -> None:
        """Create the searcher. The defaults are those of hpbandster (section 4.1 and appendix B of the paper).

        Args:
            min_points: The number of observations that the good and the bad set need each; None for one more than the
                number of parameters.
            top_fraction: The fraction of the observations that is good.
            random_fraction: The fraction of the configs that are drawn at random.
            candidates: The number of candidates drawn from l.
            bandwidth_factor: The factor by which the bandwidths are multiplied to draw candidates.
            min_bandwidth: The smallest bandwidth.
            args: See `SearcherArgs`.

        Raises:
            ArgumentError: If an argument is invalid.
        """
        self.min_points, self.top_fraction, self.random_fraction = min_points, top_fraction, random_fraction
        self.candidates, self.bandwidth_factor, self.min_bandwidth = candidates, bandwidth_factor, min_bandwidth
        super().__init__(**args)

    def setup(self, space: Space) -> None:
        """Start without observations."""
        sizes = [int(p.upper) + 1 if p.kind == "categorical" else 0 for p in space.parameters]
        self._options = np.array(sizes, dtype=np.int64)
        self._cube = space
        self._levels: dict[float, Level] = {}
        self._model: tuple[Density, Density] | None = None
        self._stale = False

    def ask(self) -> Config:
        """Return the candidate with the highest l/g, or sometimes, and while there is no model, a random config."""
        if self._stale:
            self._model, self._stale = self._fit(), False
        if self.rng.random() < self.random_fraction or self._model is None:
            return self._cube.sample(self.rng)
        good, bad = self._model
        drawn = good.sample(self.candidates, self.bandwidth_factor, self.rng)
        best = drawn[np.argmax(good.log(drawn) - bad.log(drawn))]
        return self._cube.decode(np.where(self._options > 0, (best + 0.5) / np.maximum(self._options, 1), best))

    def tell(self, observation: Observation) -> None:
        """Record the observation at its fidelity."""
        units = self._cube.encode(observation.config)
        point = np.where(self._options > 0, np.floor(units * self._options), units)
        level = self._levels.setdefault(observation.resource, Level.empty(len(units)))
        level.put(observation.trial_id, point, observation.loss)
        self._stale = True

    def _fit(self) -> tuple[Density, Density] | None:
        """Estimate the densities of good and bad configs at the largest fidelity that has enough of both."""
        needed = self.min_points or len(self._options) + 1
        for resource in sorted(self._levels, reverse=True):
            sets = self._levels[resource].split(needed, self.top_fraction)
            if sets is not None:
                full = [impute(points, self._options, self.rng) for points in sets]
                widths = [bandwidths(points, self._options, self.min_bandwidth) for points in full]
                good, bad = (Density(points, self._options, width) for points, width in zip(full, widths, strict=True))
                return good, bad
        return None
