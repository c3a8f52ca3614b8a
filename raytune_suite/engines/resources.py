"""The resources of a trial: a dict for one process, or the bundles of a trial's own process and its workers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from ray.tune import PlacementGroupFactory

from raytune_suite.errors import ArgumentError
from raytune_suite.packing import STRATEGIES
from raytune_suite.types import as_number
from raytune_suite.validation import Invalid, Requirement, text

Resources: TypeAlias = Mapping[str, float] | PlacementGroupFactory
"""What a trial occupies; see `check_resources`."""

_NAMES = {"cpu": "CPU", "gpu": "GPU"}


def _one_of_three(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, PlacementGroupFactory):
        return value
    if isinstance(value, str) or not isinstance(value, Sequence) or not all(isinstance(one, Mapping) for one in value):
        raise Invalid
    return [dict(one) for one in value]


RESOURCES = Requirement(
    "a dict such as {'cpu': 2, 'gpu': 0.5}, a list of such dicts, or a ray.tune.PlacementGroupFactory", _one_of_three
)
"""What the argument `resources` must be."""


def check_resources(resources: Resources | Sequence[Mapping[str, float]] | None) -> Resources | None:
    """Check what a trial occupies, which Ray would do only when the first trial starts.

    A dict describes one process, by default with one CPU. Several bundles describe a trial of several processes: the
    first is that of the trial's own process and may be empty, each of the others is that of a worker.

    Raises:
        ArgumentError: If an amount is not a number of 0 or more, if the only process has no CPU, or if a worker has
            nothing.
    """
    if resources is None:
        return None
    RESOURCES.check("resources", resources)
    if isinstance(resources, Mapping):
        plain = _amounts("resources", resources, least_cpus="above 0")
        names = {name.lower() for name in resources}
        return {**({} if "cpu" in names else {"cpu": 1.0}), **plain} if resources else None
    if isinstance(resources, PlacementGroupFactory):
        head: list[dict[str, float]] = [{}] if resources.head_bundle_is_empty else []
        _check_bundles([*head, *resources.bundles])
        if resources.strategy not in STRATEGIES:
            allowed = f"one of {', '.join(STRATEGIES)}"
            raise ArgumentError.invalid("the strategy of resources", resources.strategy, allowed)
        return resources
    return PlacementGroupFactory(_check_bundles(resources))


def bundles(resources: Resources | None) -> list[dict[str, float]]:
    """Return the bundles of a trial with Ray's names; one CPU by default. That of an empty first bundle is left out.

    Example:
        >>> bundles({"cpu": 2, "gpu": 0.5})
        [{'CPU': 2.0, 'GPU': 0.5}]
    """
    if isinstance(resources, PlacementGroupFactory):
        return list(resources.bundles)
    named = {_NAMES.get(name, name): float(amount) for name, amount in (resources or {"CPU": 1.0}).items()}
    return [{name: amount for name, amount in named.items() if amount}]


def strategy(resources: Resources | None) -> str:
    """How the bundles of a trial are placed on machines."""
    return str(resources.strategy) if isinstance(resources, PlacementGroupFactory) else STRATEGIES[0]


def has_workers(resources: Resources | None) -> bool:
    """Whether a trial has bundles for workers besides its own process."""
    if not isinstance(resources, PlacementGroupFactory):
        return False
    return resources.head_bundle_is_empty or len(resources.bundles) > 1


def as_json(resources: Any) -> Any:
    """Return the argument `resources` as JSON values: a dict, a list of bundles, or both a list and a strategy.

    Example:
        >>> as_json(PlacementGroupFactory([{}, {"CPU": 1}]))
        [{}, {'CPU': 1.0}]
    """
    if isinstance(resources, PlacementGroupFactory):
        listed: list[dict[str, float]] = [*([{}] if resources.head_bundle_is_empty else []), *resources.bundles]
        return listed if resources.strategy == STRATEGIES[0] else {"bundles": listed, "strategy": resources.strategy}
    if not resources or isinstance(resources, Mapping):
        return dict(resources or {})
    return [dict(bundle) for bundle in resources]


def _check_bundles(listed: Sequence[Mapping[str, float]]) -> list[dict[str, float]]:
    checked = []
    for index, bundle in enumerate(listed):
        amounts = _amounts(f"resources[{index}]", bundle)
        if index and not any(amounts.values()):
            raise ArgumentError.invalid(f"resources[{index}]", dict(bundle), "the resources of a worker, so not empty")
        checked.append({_NAMES.get(name.lower(), name): amount for name, amount in amounts.items()})
    if not any(any(bundle.values()) for bundle in checked):
        raise ArgumentError.invalid("resources", [dict(one) for one in listed], "a list with at least one resource")
    return checked


def _amounts(where: str, resources: Mapping[str, float], least_cpus: str = "of 0 or more") -> dict[str, float]:
    """Return the amounts of a process as floats."""
    for name, amount in resources.items():
        text("the name of a resource").check("resources", name)
        quantity = as_number(amount)
        least = least_cpus if name.lower() == "cpu" else "of 0 or more"
        if quantity is None or not 0 <= quantity < math.inf or (quantity == 0 and least == "above 0"):
            raise ArgumentError.invalid(f"{where}[{name!r}]", amount, f"a number {least}")
        if name.lower() == "gpu" and quantity > 1 and quantity != int(quantity):
            raise ArgumentError(f"`{where}[{name!r}]` is {amount!r}; use a fraction below 1 or a whole number")
    return {name: as_number(amount) or 0.0 for name, amount in resources.items()}
