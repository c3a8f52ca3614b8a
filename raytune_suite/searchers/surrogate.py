"""`SurrogateSearcher`, the base class of the searchers that propose configs from a model of past observations."""

from __future__ import annotations

import abc
import math
from typing import TYPE_CHECKING, ClassVar, Unpack, final

import numpy as np

from raytune_suite.models.kernels import Embedding
from raytune_suite.models.layout import Array, Layout
from raytune_suite.models.plateaus import Plateaus
from raytune_suite.models.threads import one_thread
from raytune_suite.searchers.base import AskTellSearcher, SearcherArgs
from raytune_suite.searchers.history import MOST, History
from raytune_suite.spaces import FEATURES
from raytune_suite.types import COUNT, FAILED
from raytune_suite.validation import checked, number, optional

if TYPE_CHECKING:
    from raytune_suite.spaces import Space
    from raytune_suite.types import Config, Observation

LEAST_INITIAL = 4
ATTEMPTS = 256
"""The number of draws among which a config that was not proposed before is looked for."""

PREFERENCE = 10
"""The weight of a prior: beta in eq. 6 of "piBO" (Hvarfner et al. 2022), where it is divided by the trials so far."""


class SurrogateSearcher(AskTellSearcher, abc.ABC):
    """A searcher with a model; a subclass implements `propose`.

    The first configs are those of a scrambled Sobol sequence, and a fraction of the later ones is random. No config is
    proposed twice unless nearly all configs of a finite space have been.

    Attributes:
        layout: How configs are converted to points.
        history: All observations.
    """

    features: ClassVar[frozenset[str]] = frozenset(FEATURES) - {"grid"}
    multi_fidelity: ClassVar[bool] = True

    @checked(n_initial=optional(COUNT), random_fraction=number(least=0, most=1))
    def __init__(
        self, *, n_initial: int | None = None, random_fraction: float = 0.2, **args: Unpack[SearcherArgs]
    ) -> None:
        """Create the searcher.

        Args:
            n_initial: The number of configs before the model is used; None for half the number of parameters, and at
                least 4.
            random_fraction: The fraction of the later configs that are drawn at random.
            args: See `SearcherArgs`.

        Raises:
            ArgumentError: If an argument is invalid.
        """
        self.n_initial, self.random_fraction = n_initial, random_fraction
        super().__init__(**args)

    def setup(self, space: Space) -> None:
        """Start without observations."""
        from scipy.stats import qmc  # late: `scipy.stats` takes more than a second and 40 MB

        self._cube = space
        self.layout = Layout.of(space)
        self.history = History()
        self._initial = self.n_initial or max(LEAST_INITIAL, math.ceil(len(space) / 2))
        self._sobol = qmc.Sobol(len(space), rng=self.rng)
        self._asked = 0
        self._points_of: dict[str, Array] = {}  # of the trials that have not ended
        self._keys_of: dict[str, bytes] = {}  # of all trials

    @final
    def ask(self) -> Config:
        """Return a config of the initial design, a random one, or the model's proposal."""
        self._asked += 1
        pending = self.pending()
        taken = set(self._keys_of.values())
        point: Array | None = None
        if self._asked > self._initial:
            if self.rng.random() < self.random_fraction:
                point = self._unused(self.layout.sample(ATTEMPTS, self.rng), taken)
            else:
                with one_thread():
                    point = self.propose(pending, taken)
        if point is None:
            point = self._unused(self._next_of_sequence(taken), taken)
        self._points_of[self.trial_id] = point
        self._keys_of[self.trial_id] = self.layout.keys(point[None])[0]
        return self._cube.decode(self.layout.units(point))

    @final
    def tell(self, observation: Observation) -> None:
        """Record the observation."""
        self.history.put(observation, self._point(observation.trial_id, observation.config))
        if observation.final:
            self._points_of.pop(observation.trial_id, None)

    @final
    def dropped(self, trial_id: str) -> None:
        """Forget the trial."""
        self._points_of.pop(trial_id, None)
        self._keys_of.pop(trial_id, None)

    @abc.abstractmethod
    def propose(self, pending: dict[str, Array], taken: set[bytes]) -> Array | None:
        """Return the model's proposal; None if there is no model yet.

        Args:
            pending: The points of the trials that have not ended, by id.
            taken: The keys (`Layout.keys`) of points that have been proposed already.
        """

    @final
    def preference(self, points: Array) -> Array | None:
        """Return what the user's prior adds to a logarithm of an acquisition function; None without a prior.

        The weight of the prior decreases with the number of proposed configs.
        """
        if self._cube.prior is None:
            return None
        return PREFERENCE / self._asked * self._cube.prior.log_density(self.layout.units(points))

    @final
    def expected(self, count: int) -> Array:
        """Draw points from the user's prior; no points without one."""
        if self._cube.prior is None:
            return np.empty((0, len(self.layout)))
        return self.layout.points(self._cube.prior.warp(self.rng.random((count, len(self.layout)))))

    @final
    def pending(self) -> dict[str, Array]:
        """Return the points of the trials that have not ended: they are running, paused or waiting."""
        return {trial: self._point(trial, config) for trial, config in self._live.items() if trial != self.trial_id}

    def plateaus(self) -> Plateaus | None:
        """Return where the losses are known to be constant; None if that is nowhere."""
        levels = self.history.levels(self.levels)
        lowest = [loss for loss in self.history.losses[levels[0]].values() if loss != FAILED] if levels else []
        if len(set(lowest)) == len(lowest):
            return None
        return Plateaus.of(*self.history.curves(levels, MOST), Embedding.of(self.layout))

    def _point(self, trial_id: str, config: Config) -> Array:
        """Return the point of a trial; it is encoded once."""
        point = self._points_of.get(trial_id)
        if point is None:
            point = self._points_of[trial_id] = self.layout.points(self._cube.encode(config)[None])[0]
            self._keys_of[trial_id] = self.layout.keys(point[None])[0]
        return point

    def _next_of_sequence(self, taken: set[bytes]) -> Array:
        """Return the next point of the Sobol sequence in the user's prior, and random points if it is taken."""
        units = self._sobol.random(1)
        point = self.layout.points(units if self._cube.prior is None else self._cube.prior.warp(units))
        if self.layout.keys(point)[0] not in taken:
            return point
        return np.concatenate([self.layout.sample(ATTEMPTS, self.rng), point])

    def _unused(self, points: Array, taken: set[bytes]) -> Array:
        """Return the first point that is not taken; the first one if all are."""
        keys = self.layout.keys(points)
        chosen: Array = points[next((row for row, key in enumerate(keys) if key not in taken), 0)]
        return chosen
