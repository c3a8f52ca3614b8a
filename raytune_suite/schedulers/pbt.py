"""Population based training (Jaderberg et al. 2017, "Population Based Training of Neural Networks").

At each interval a member of the bottom quantile copies the weights and the config of a member of the top quantile
(exploit, "truncation selection") and perturbs the config (explore).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack, final

from ray.tune.schedulers import PopulationBasedTraining

from raytune_suite import seeding
from raytune_suite.schedulers.population import POPULATION, Lineages, PopulationScheduler, check_population_args
from raytune_suite.validation import checked, number

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import numpy as np
    from ray.tune.experiment import Trial

    from raytune_suite.schedulers.arguments import SchedulerArgs
    from raytune_suite.spaces import Parameter, Space
    from raytune_suite.types import Config

FACTORS = (0.8, 1.2)
"""The factors by which a number is multiplied when it is perturbed (section 4.1.1 of the paper)."""


@final
class PBT(PopulationScheduler):
    """Ray's `PopulationBasedTraining`, exploring only configs of the space."""

    @checked(**POPULATION, resample_probability=number(least=0, most=1))
    def __init__(
        self,
        *,
        interval: int | None = None,
        quantile: float = 0.25,
        mutable: Sequence[str] | None = None,
        resample_probability: float = 0.25,
        **args: Unpack[SchedulerArgs],
    ) -> None:
        """See `check_population_args`. With `resample_probability` a parameter is resampled instead of perturbed.

        Raises:
            ArgumentError: If an argument cannot be used.
        """
        checked = check_population_args(args, interval=interval, quantile=quantile, mutable=mutable)
        rng = seeding.stream(args.get("seed", 0), "explore")
        stock = {**checked.stock, "resample_probability": resample_probability}
        super().__init__(_PBT(checked.space, checked.names, rng, **stock), **args)


class _PBT(Lineages, PopulationBasedTraining):
    """Ray's class, exploring within the space."""

    def __init__(self, space: Space, names: Collection[str], rng: np.random.Generator, **stock: Any) -> None:
        # Ray requires mutations, and uses only their names here: `_get_new_config` explores.
        super().__init__(hyperparam_mutations={name.split("/")[0]: [None] for name in names}, **stock)
        self._space, self._names, self._rng = space, names, rng

    def _get_new_config(self, trial: Trial, trial_to_clone: Trial) -> tuple[Config, dict[str, Any]]:  # noqa: ARG002
        return explore(self._space, trial_to_clone.config, self._names, self._rng, self._resample_probability), {}


def explore(
    space: Space, config: Config, names: Collection[str], rng: np.random.Generator, resample_probability: float
) -> Config:
    """Perturb a config: resample each parameter of `names` with this probability, else move it up or down.

    A number is multiplied by one of `FACTORS` and clipped to its bounds; a category, and a number that this leaves
    unchanged because of its steps, moves by one. Other parameters keep their values to the last digit.
    """
    values = space.flatten(config)
    for parameter in space.parameters:
        if parameter.name in names:
            up, fresh = rng.random() < 0.5, rng.random()  # noqa: PLR2004 - a fair coin
            resampled = rng.random() < resample_probability
            unit = parameter.unit(values[parameter.name])
            moved = fresh if resampled else parameter.unit(perturb(parameter, unit, up=up))
            values[parameter.name] = parameter.value(moved)
    return space.unflatten(values)


def perturb(parameter: Parameter, unit: float, *, up: bool) -> float:
    """The value of a parameter next to the one at `unit`; for a category, its position."""
    value = parameter.value(unit)
    step = 1 if parameter.kind != "float" else parameter.q
    step = parameter.q or step
    moved = value if parameter.kind == "categorical" else value * FACTORS[up]
    if step is not None:
        moved = round(moved / step) * step
        if moved == value:
            moved += step if up else -step
    return min(max(moved, parameter.lower), parameter.upper)
