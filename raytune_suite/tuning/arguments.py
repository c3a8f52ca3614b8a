"""Checks of the arguments of `tune` that say how much to tune, on what, and where. None has side effects."""

from __future__ import annotations

import inspect
import math
import os
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from raytune_suite.engines.ray.engine import RayEngine
from raytune_suite.engines.ray.settings import Settings
from raytune_suite.engines.simulated.engine import Simulation
from raytune_suite.engines.storage import absolute, local_folder
from raytune_suite.errors import ArgumentError
from raytune_suite.validation import Invalid, Requirement, number, optional, text

if TYPE_CHECKING:
    from pathlib import Path

    from raytune_suite.engines.base import Engine
    from raytune_suite.methods import Method
    from raytune_suite.types import Objective

LIMIT = optional(number(above=0, infinite=True))
"""What a budget or a time limit must be."""

NAME = text("the name of a folder")
"""What the name of a study must be; see `check_name`."""

PRICE = optional(number(above=0))
"""What a price per hour must be."""

LONGEST_NAME, LONGEST_PATH = 200, 3500
"""The most bytes of a study's name, and of the path of its folder."""


class Dollars(NamedTuple):
    """A budget in US dollars."""

    amount: float


def _convert_budget(value: Any) -> Any:
    if not isinstance(value, str):
        return LIMIT.convert(value)
    match = re.fullmatch(r"(\d+(?:\.\d+)?) ?USD", value)
    if match is None or not 0 < float(match[1]) < math.inf:
        raise Invalid
    return Dollars(float(match[1]))


BUDGET = Requirement("a number greater than 0, or US dollars such as '20 USD'", _convert_budget)
"""What a budget must be."""

POPULATION_SIZE = 10
"""The default number of members of a population."""


class Limits(NamedTuple):
    """What ends a study, whichever comes first; None for no limit.

    Attributes:
        num_samples: The maximum number of trials; for a population, its size.
        budget: The total of all trials, in full trainings.
        time_limit: Seconds.
        dollars: US dollars.
    """

    num_samples: int | None
    budget: float | None
    time_limit: float | None
    dollars: float | None = None

    @classmethod
    def of(cls, num_samples: int | None, budget: float | Dollars | None, time_limit: float | None) -> Limits:
        """The limits that the arguments of `tune` set."""
        if isinstance(budget, Dollars):
            return cls(num_samples, None, time_limit, budget.amount)
        return cls(num_samples, budget, time_limit)

    def resource(self, objective: Objective) -> float | None:
        """The budget in units of `time_attr`."""
        return None if self.budget is None else self.budget * (objective.max_t or 1)


def check_limits(limits: Limits, method: Method, objective: Objective) -> Limits:
    """Return the limits, with the default size of a population.

    Raises:
        ArgumentError: If a limit cannot be used, or nothing would end the study.
    """
    limits = limits._replace(budget=_finite(limits.budget), time_limit=_finite(limits.time_limit))
    if limits.budget is not None and objective.max_t is None:
        raise ArgumentError("`budget` counts full trainings: set `max_t`, the length of one")
    if limits.num_samples is not None:
        return limits
    if method.scheduler.population:
        return limits._replace(num_samples=POPULATION_SIZE)
    if limits.budget is limits.time_limit is limits.dollars is None and not method.finite:
        raise ArgumentError("nothing would end the study: set a finite `budget`, `num_samples` or `time_limit`")
    return limits


def _finite(limit: float | None) -> float | None:
    """A limit, None if it is infinite."""
    return None if limit == math.inf else limit


def check_name(name: str) -> str:
    """Return `name` if it can be the name of a study's folder.

    Raises:
        ArgumentError: If it cannot.
    """
    NAME.check("name", name)
    if "/" in name or name in (".", "..") or len(os.fsencode(name)) > LONGEST_NAME:
        requirement = f"the name of a folder, without '/' and of at most {LONGEST_NAME} bytes"
        raise ArgumentError.invalid("name", name, requirement)
    return name


def check_storage(storage_path: str | Path, filesystem: Any = None) -> str:
    """Return `storage_path` as an absolute path or a URI, or as it is if it is a path in `filesystem`.

    Raises:
        ArgumentError: If it cannot be a folder, or cannot be created or written. Nothing is created.
    """
    text = os.fspath(storage_path)
    if not text.strip() or not text.isprintable() or len(os.fsencode(text)) > LONGEST_PATH:
        raise ArgumentError.invalid("storage_path", text, "the path of a folder, or a URI")
    if filesystem is not None:
        if "://" in text:
            fix = "leave out what is before '://'"
            raise ArgumentError.invalid("storage_path", text, "a path in `storage_filesystem`", fix)
        return text
    try:
        path = absolute(storage_path)
        folder = local_folder(path)
        if folder is None:
            return path
        existing = next(parent for parent in (folder, *folder.parents) if os.path.lexists(parent))
        problem = (
            f"{str(existing)!r} is not a folder"
            if not existing.is_dir()
            else f"{str(existing)!r} is not writable"
            if not os.access(existing, os.W_OK | os.X_OK)
            else ""
        )
    except (OSError, RuntimeError, ValueError) as error:  # such as "~nobody", a loop of links, a component too long
        problem = str(error)
    if problem:
        raise ArgumentError.invalid("storage_path", text, "a folder that can be created and written", problem)
    return path


def make_engine(engine: str | Engine, settings: Settings | None) -> Engine:
    """The engine that runs the study: "ray", "simulated", or one that was made already.

    Raises:
        ArgumentError: If it is neither of these, or there are `settings` for an engine that does not use them.
    """
    if settings is not None and not isinstance(settings, Settings):
        raise ArgumentError.invalid("settings", settings, "a raytune_suite.Settings")
    if isinstance(engine, str) and engine == "ray":
        return RayEngine(settings or Settings())
    if settings is not None:
        raise ArgumentError("`settings` apply to engine='ray' only: leave them out, or use that engine")
    if isinstance(engine, str) and engine == "simulated":
        return Simulation()
    methods = ("run", "check", "can_resume", "describe", "finish")
    if inspect.isclass(engine) or any(not callable(getattr(engine, name, None)) for name in methods):
        raise ArgumentError.invalid("engine", engine, "'ray', 'simulated' or an engine such as Simulation()")
    made: Any = engine
    checked: Engine = made
    return checked
