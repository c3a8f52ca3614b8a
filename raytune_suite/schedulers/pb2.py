"""Population based bandits (Parker-Holder et al. 2020, "Provably Efficient Online Hyperparameter Optimization with
Population-Based Bandits", NeurIPS).

Like PBT, but new configs are chosen by a time-varying Gaussian process model of the change in the metric (Algorithm 1).
"""  # noqa: D205 - the title does not fit into one line

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any, ClassVar, Unpack, final

import numpy as np
import pandas as pd
from ray.tune.schedulers import PopulationBasedTraining, pb2

from raytune_suite.models.threads import one_thread
from raytune_suite.optional import require
from raytune_suite.schedulers.population import POPULATION, Lineages, PopulationScheduler, check_population_args
from raytune_suite.spaces import FEATURES
from raytune_suite.validation import checked

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from ray.tune.experiment import Trial

    from raytune_suite.schedulers.arguments import SchedulerArgs
    from raytune_suite.spaces import Space
    from raytune_suite.types import Config


@final
class PB2(PopulationScheduler):
    """Ray's `PB2` with its Gaussian process on the unit cube, which adds support for log scales and integers."""

    features: ClassVar[frozenset[str]] = frozenset(FEATURES) - {"conditional", "grid", "categorical"}
    instead: ClassVar[str] = "use pbt"
    extra: ClassVar[str] = "pb2"

    @checked(**POPULATION)
    def __init__(
        self,
        *,
        interval: int | None = None,
        quantile: float = 0.25,
        mutable: Sequence[str] | None = None,
        **args: Unpack[SchedulerArgs],
    ) -> None:
        """See `check_population_args`.

        Raises:
            ArgumentError: If an argument cannot be used.
            SpaceError: If the space has categorical parameters; the kernel supports only numbers.
            MissingPackageError: If scikit-learn is not installed.
        """
        require("sklearn", extra="pb2")
        checked = check_population_args(args, interval=interval, quantile=quantile, mutable=mutable)
        checked.space.check_supported("scheduler PB2", supported=self.features, remedy=self.instead)
        super().__init__(_PB2(checked.space, checked.names, **checked.stock), **args)


class _PB2(Lineages, pb2.PB2):
    """Ray's class with configs in unit coordinates."""

    def __init__(self, space: Space, names: Collection[str], **stock: Any) -> None:
        bounds: Any = {name: [0.0, 1.0] for name in names}
        self.current: Any
        # Ray rejects "/", which names of nested parameters contain; the methods below do not use these bounds.
        super().__init__(hyperparam_bounds={name.replace("/", "."): limits for name, limits in bounds.items()}, **stock)
        self._hyperparam_mutations = {name.split("/")[0]: [None] for name in names}  # Ray only logs these
        self._hyperparam_bounds = {}  # otherwise Ray would add them to configs
        self._unit_bounds, self._space = bounds, space

    def _save_trial_state(self, state: Any, time: int, result: dict[str, Any], trial: Trial) -> float:
        score = float(PopulationBasedTraining._save_trial_state(self, state, time, result, trial))  # noqa: SLF001
        if math.isfinite(score):
            row = {"Trial": str(trial), "Time": time, **self._units(trial.config), "Reward": score}
            self.data = pd.concat([self.data, pd.DataFrame([row])], ignore_index=True)
        return score

    def _get_new_config(self, trial: Trial, trial_to_clone: Trial) -> tuple[Config, dict[str, Any]]:
        """Like Ray's, in unit coordinates; `current` holds the choices since the last report (the paper's batch)."""
        if self.data["Time"].max() > self.last_exploration_time:
            self.current = None
        units: Any = self._units(trial_to_clone.config)
        with one_thread(), warnings.catch_warnings():  # more threads are slower on small matrices
            warnings.simplefilter("ignore")  # scikit-learn: a kernel parameter is at its bound
            units, data = pb2._explore(  # noqa: SLF001 - the algorithm itself
                self.data, self._unit_bounds, self.current, trial_to_clone, trial, units
            )
        self.data = data.copy()
        chosen = np.array([[units[name] for name in self._unit_bounds]])
        self.current = chosen if self.current is None else np.concatenate([self.current, chosen])
        self.last_exploration_time = self.data["Time"].max()
        values = self._space.flatten(trial_to_clone.config)
        for parameter in self._space.parameters:
            if parameter.name in units:
                values[parameter.name] = parameter.value(min(max(units[parameter.name], 0.0), 1.0))
        return self._space.unflatten(values), {}

    def _units(self, config: Config) -> dict[str, float]:
        vector = self._space.encode(config)
        by_name = {parameter.name: float(u) for parameter, u in zip(self._space.parameters, vector, strict=True)}
        return {name: by_name[name] for name in self._unit_bounds}
