"""BOHB's model (Falkner et al. 2018, "BOHB: Robust and Efficient Hyperparameter Optimization at Scale", ICML).

At the largest fidelity that has enough observations, a kernel density estimate of the good configs, l, and one of the
bad, g. The next config is the best of some candidates drawn from a widened l by the ratio l/g (Algorithm 2). With the
scheduler "hyperband" this is BOHB; with "asha", which judges as results come in, its asynchronous relative.

As in the package hpbandster, 15 % of the observations are good, and both sets need more points than the space has
dimensions, so that 2 (d + 1) observations at a fidelity make a model (the paper asks for d + 3, in sets that may
overlap). Unlike there, the bandwidth of a category does not depend on how its options are ordered and never exceeds
what a probability can be, every option has a finite density, and what arrives late at a lower fidelity is kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Unpack, final

import numpy as np

from raytune_suite.errors import ArgumentError
from raytune_suite.models.kernel_density import Density, bandwidths, impute
from raytune_suite.searchers.base import AskTellSearcher, SearcherArgs
from raytune_suite.spaces import FEATURES
from raytune_suite.types import FAILED, check_count

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from raytune_suite.spaces import Space
    from raytune_suite.types import Config, Observation


@dataclass(eq=False)
class Level:
    """The observations at one fidelity, in arrays that grow by doubling.

    Attributes:
        points: Of shape (capacity, dimensions); inactive parameters are NaN.
        losses: Of shape (capacity,).
        rows: The row of each trial.
    """

    points: NDArray[np.float64]
    losses: NDArray[np.float64]
    rows: dict[str, int] = field(default_factory=dict)

    @classmethod
    def empty(cls, dimensions: int) -> Level:
        """Without observations."""
        return cls(np.empty((16, dimensions)), np.empty(16))

    def put(self, trial_id: str, point: NDArray[np.float64], loss: float) -> None:
        """Add the observation of a trial, or replace it."""
        row = self.rows.setdefault(trial_id, len(self.rows))
        if row == len(self.losses):
            self.points = np.concatenate([self.points, np.empty_like(self.points)])
            self.losses = np.concatenate([self.losses, np.empty_like(self.losses)])
        self.points[row], self.losses[row] = point, loss

    def split(self, min_points: int, fraction: float) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """The points of the good and of the bad observations; None where there are too few. A crash is never good."""
        count = len(self.rows)
        good = max(min_points, int(fraction * count))
        losses = self.losses[:count]
        if count - good < min_points or np.count_nonzero(losses != FAILED) < good:
            return None
        order = np.argsort(losses, kind="stable")
        return self.points[order[:good]], self.points[order[good:]]


@final
class KDESearcher(AskTellSearcher):
    """The kernel density model of BOHB. A crash is the worst observation of the fidelity that it was heading for."""

    features: ClassVar[frozenset[str]] = frozenset(FEATURES) - {"grid"}
    multi_fidelity: ClassVar[bool] = True

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
        """The defaults are hpbandster's, section 4.1 and appendix B of the paper.

        `min_points` is how many observations the good and the bad set need each (None: one more than the space has
        parameters), `top_fraction` the share that is good, `random_fraction` the share of configs drawn at random.
        `candidates` are drawn from l with `bandwidth_factor` times its bandwidths, which are at least `min_bandwidth`.

        Raises:
            ArgumentError: If an argument cannot be used.
        """
        for name, count in (("candidates", candidates), ("min_points", 2 if min_points is None else min_points)):
            check_count(name, count)
        for name, share in (("top_fraction", top_fraction), ("random_fraction", random_fraction)):
            if not 0 <= share <= 1:
                raise ArgumentError(f"`{name}` is {share!r}, but must be from 0 to 1")
        for name, width in (("bandwidth_factor", bandwidth_factor), ("min_bandwidth", min_bandwidth)):
            if not 0 < width < np.inf:
                raise ArgumentError(f"`{name}` is {width!r}, but must be a number greater than 0")
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
        """The candidate of the greatest l/g; a random config now and then, and as long as there is no model."""
        if self._stale:
            self._model, self._stale = self._fit(), False
        if self.rng.random() < self.random_fraction or self._model is None:
            return self._cube.sample(self.rng)
        good, bad = self._model
        drawn = good.sample(self.candidates, self.bandwidth_factor, self.rng)
        best = drawn[np.argmax(good.log(drawn) - bad.log(drawn))]
        return self._cube.decode(np.where(self._options > 0, (best + 0.5) / np.maximum(self._options, 1), best))

    def tell(self, observation: Observation) -> None:
        """Keep the observation at its fidelity."""
        units = self._cube.encode(observation.config)
        point = np.where(self._options > 0, np.floor(units * self._options), units)
        level = self._levels.setdefault(observation.resource, Level.empty(len(units)))
        level.put(observation.trial_id, point, observation.loss)
        self._stale = True

    def _fit(self) -> tuple[Density, Density] | None:
        """The estimates of the good and the bad at the largest fidelity that has enough of both."""
        needed = self.min_points or len(self._options) + 1
        for resource in sorted(self._levels, reverse=True):
            parts = self._levels[resource].split(needed, self.top_fraction)
            if parts is not None:
                full = [impute(part, self._options, self.rng) for part in parts]
                widths = [bandwidths(part, self._options, self.min_bandwidth) for part in full]
                good, bad = (Density(part, self._options, width) for part, width in zip(full, widths, strict=True))
                return good, bad
        return None
