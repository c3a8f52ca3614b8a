"""Bayesian optimization with a Gaussian process (Snoek et al. 2012, "Practical Bayesian Optimization").

The implementation is that of the package bayesian-optimization 3 (Matern 5/2 kernel, upper confidence bound). Ray's
adapter needs a class that this package no longer has.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from typing import TYPE_CHECKING, Any, ClassVar, Unpack, final

import numpy as np

from raytune_suite.models.threads import one_thread
from raytune_suite.optional import require
from raytune_suite.searchers.base import AskTellSearcher, SearcherArgs
from raytune_suite.spaces import FEATURES
from raytune_suite.types import COUNT, FAILED
from raytune_suite.validation import checked, number

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from raytune_suite.spaces import Parameter, Space
    from raytune_suite.types import Config, Observation

LARGEST = 1e100
"""Larger losses count as this one: the package squares them."""


@final
class BayesOptSearcher(AskTellSearcher):
    """A Gaussian process over the unit cube.

    The process is fitted again for each config to all observations. Failed trials count as the worst finite loss, and
    running trials as the mean loss ("constant liar", Ginsbourger et al. 2010), so that parallel trials differ. The cost
    of a fit grows with the cube of the number of observations: for more than a few hundred, use `tpe`.
    """

    features: ClassVar[frozenset[str]] = frozenset(FEATURES) - {"grid", "conditional"}
    instead: ClassVar[str] = "use the searcher gp (or grid, for a tune.grid_search)"
    extra: ClassVar[str] = "bayesopt"

    @checked(n_initial=COUNT, kappa=number(above=0))
    def __init__(self, *, n_initial: int = 10, kappa: float = 2.576, **args: Unpack[SearcherArgs]) -> None:
        """Create the searcher.

        Args:
            n_initial: The number of random configs that are proposed first.
            kappa: The weight of exploration, in standard deviations.
            args: See `SearcherArgs`.

        Raises:
            ArgumentError: If an argument is invalid.
            MissingPackageError: If bayesian-optimization is not installed.
        """
        require("bayes_opt", extra="bayesopt")
        self._n_initial, self._kappa = n_initial, kappa
        super().__init__(**args)

    def setup(self, space: Space) -> None:
        """Start without observations."""
        self._cube = space
        self._asked = 0
        self._units: list[NDArray[np.float64]] = []
        self._losses: list[float] = []

    def ask(self) -> Config:
        """Return a random config at first, then the config with the best upper confidence bound."""
        self._asked += 1
        if self._asked <= self._n_initial or all(loss == FAILED for loss in self._losses):
            return self._cube.sample(self.rng)
        from bayes_opt import BayesianOptimization
        from bayes_opt.acquisition import UpperConfidenceBound

        losses = np.array(self._losses)
        known = np.clip(losses[losses != FAILED], -LARGEST, LARGEST)
        losses[losses != FAILED] = known
        losses[losses == FAILED] = known.max()
        running = [self._cube.encode(config) for config in self._live.values()]
        targets = [*losses, *[known.mean()] * len(running)]
        # More threads only wait for each other on such small matrices. The package prints a line for each duplicate.
        with one_thread(), warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")  # the kernel is at a bound; categorical parameters are "experimental"
            model = BayesianOptimization(
                None,
                {parameter.name: _bounds(parameter) for parameter in self._cube.parameters},
                acquisition_function=UpperConfidenceBound(kappa=self._kappa),
                random_state=int(self.rng.integers(2**31)),
                verbose=0,
                allow_duplicate_points=True,
            )
            for units, loss in zip([*self._units, *running], targets, strict=True):
                model.register(self._named_units(units), -loss)  # the package maximizes
            point = model.suggest()
        return self._cube.decode(np.array([_unit(p, point[p.name]) for p in self._cube.parameters]))

    def tell(self, observation: Observation) -> None:
        """Keep the observation."""
        self._units.append(self._cube.encode(observation.config))
        self._losses.append(observation.loss)

    def _named_units(self, units: NDArray[np.float64]) -> dict[str, Any]:
        """Convert a point of the unit cube to the package's format."""
        named = zip(self._cube.parameters, units, strict=True)
        return {p.name: str(p.value(unit)) if _is_choice(p) else float(unit) for p, unit in named}


def _is_choice(parameter: Parameter) -> bool:
    return parameter.kind == "categorical" and parameter.size != 1  # the package rejects a choice with one option


def _bounds(parameter: Parameter) -> tuple[float, float] | tuple[str, ...]:
    """Return the unit interval for a number, and the positions as strings for a choice, which are one-hot encoded."""
    return tuple(map(str, range(int(parameter.upper) + 1))) if _is_choice(parameter) else (0.0, 1.0)


def _unit(parameter: Parameter, value: Any) -> float:
    return parameter.unit(int(value)) if _is_choice(parameter) else min(max(float(value), 0.0), 1.0)
