"""Checks of the arguments of `tune` that say how much to tune, on what, and where. None has side effects."""

from __future__ import annotations

import inspect
import math
from typing import TYPE_CHECKING, Any, NamedTuple

from raytune_suite.engines.ray.engine import RayEngine, Settings
from raytune_suite.engines.simulated.engine import Simulation
from raytune_suite.errors import ArgumentError
from raytune_suite.types import as_number, check_count

if TYPE_CHECKING:
    from collections.abc import Mapping

    from raytune_suite.engines.base import Engine
    from raytune_suite.methods import Method
    from raytune_suite.types import Objective

POPULATION_SIZE = 10
"""The default number of members of a population."""


class Limits(NamedTuple):
    """What ends a study, whichever comes first; None for no limit.

    Attributes:
        num_samples: The maximum number of trials; for a population, its size.
        budget: The total of all trials, in full trainings.
        time_limit: Seconds.
    """

    num_samples: int | None
    budget: float | None
    time_limit: float | None

    def resource(self, objective: Objective) -> float | None:
        """The budget in units of `time_attr`."""
        return None if self.budget is None else self.budget * (objective.max_t or 1)


def check_limits(limits: Limits, method: Method, objective: Objective) -> Limits:
    """Return the limits, with the default size of a population.

    Raises:
        ArgumentError: If a limit cannot be used, or nothing would end the study.
    """
    if limits.num_samples is not None:
        check_count("num_samples", limits.num_samples)
    for name, limit in (("budget", limits.budget), ("time_limit", limits.time_limit)):
        number = as_number(limit)
        if limit is not None and (number is None or not number > 0):
            raise ArgumentError(f"`{name}` is {limit!r}, but must be a number greater than 0")
    if limits.budget is not None and objective.max_t is None:
        raise ArgumentError("`budget` counts full trainings: give `max_t`, the length of one")
    if limits.num_samples is not None:
        return limits
    if method.scheduler.population:
        return limits._replace(num_samples=POPULATION_SIZE)
    if limits.budget is None and limits.time_limit is None and not method.finite:
        raise ArgumentError("nothing would end the study: give `budget`, `num_samples` or `time_limit`")
    return limits


def check_resources(resources: Mapping[str, float] | None) -> dict[str, float] | None:
    """Check what a trial occupies, which Ray would do only when the first trial starts; adds the default of one CPU.

    Raises:
        ArgumentError: If an amount is not a number of 0 or more, or the CPUs are 0.
    """
    for name, amount in (resources or {}).items():
        number = as_number(amount)
        if number is None or not 0 <= number < math.inf or (name.lower() == "cpu" and number == 0):
            least = "above 0" if name.lower() == "cpu" else "of 0 or more"
            raise ArgumentError(f"`resources[{name!r}]` is {amount!r}, but must be a number {least}")
        if name.lower() == "gpu" and number > 1 and number != int(number):
            raise ArgumentError(f"`resources[{name!r}]` is {amount!r}; use a fraction below 1 or a whole number")
    if not resources:
        return None
    return {**({} if "cpu" in {name.lower() for name in resources} else {"cpu": 1.0}), **resources}


def make_engine(engine: str | Engine, settings: Settings | None) -> Engine:
    """The engine that runs the study: "ray", "simulated", or one that was made already.

    Raises:
        ArgumentError: If it is neither of these, or `settings` are given to an engine that does not use them.
    """
    if engine == "ray":
        return RayEngine(settings or Settings())
    if settings is not None:
        raise ArgumentError("`settings` configure engine='ray' only: leave them out, or use that engine")
    if engine == "simulated":
        return Simulation()
    methods = ("run", "check", "can_resume", "describe")
    if inspect.isclass(engine) or any(not callable(getattr(engine, name, None)) for name in methods):
        raise ArgumentError(f"`engine` is {engine!r}, but must be 'ray', 'simulated' or an engine such as Simulation()")
    made: Any = engine
    checked: Engine = made
    return checked
