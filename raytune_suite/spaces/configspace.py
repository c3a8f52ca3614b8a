"""Conversion to and from the format of the optional package ConfigSpace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from raytune_suite.errors import SpaceError, near
from raytune_suite.optional import require

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from raytune_suite.spaces.parameters import Parameter


def to_configspace(parameters: Sequence[Parameter], seed: int | None) -> Any:
    """Create a `ConfigSpace.ConfigurationSpace` of these parameters.

    Raises:
        MissingPackageError: If ConfigSpace is not installed.
    """
    package = require("ConfigSpace", "configspace")
    space = package.ConfigurationSpace(seed=seed)
    converted: dict[str, Any] = {}
    for parameter in parameters:
        converted[parameter.name] = _convert(package, parameter)
        space.add(converted[parameter.name])
    conditional = [(parameter, parameter.condition) for parameter in parameters if parameter.condition]
    by_name = {parameter.name: parameter for parameter in parameters}
    for parameter, condition in conditional:
        choices = [_choices(by_name[condition.parent])[option] for option in condition.options]
        pair = converted[parameter.name], converted[condition.parent]
        space.add(
            package.EqualsCondition(*pair, *choices) if len(choices) == 1 else package.InCondition(*pair, choices)
        )
    return space


def from_configspace(parameters: Sequence[Parameter], configuration: Mapping[str, Any]) -> dict[str, Any]:
    """Convert a `Configuration` to values by name (positions for choices), as `Space.unflatten` expects them.

    Raises:
        SpaceError: If a name is unknown or a value is not a category of its choice.
    """
    by_name = {parameter.name: parameter for parameter in parameters}
    values: dict[str, Any] = {}
    for name, value in dict(configuration).items():
        parameter = by_name.get(name)
        if parameter is None:
            raise SpaceError(f"unknown parameter {name!r}{near(name, by_name)}")
        if parameter.kind == "categorical":
            choices = _choices(parameter)
            if value not in choices:
                raise SpaceError(f"parameter {name!r} is {value!r}, but must be {parameter.allowed}")
            values[name] = choices.index(value)
        else:
            values[name] = value if parameter.q is None else int(value) * parameter.q
    return values


def _choices(parameter: Parameter) -> list[Any]:
    """Return ConfigSpace's choices: the categories if all are strings, all int or all float, else their positions."""
    categories = list(parameter.categories)
    same_type = any(all(type(category) in kinds for category in categories) for kinds in ((str,), (int,), (float,)))
    return categories if same_type else list(range(len(categories)))


def _convert(package: Any, parameter: Parameter) -> Any:
    """Convert one parameter; a quantized one becomes an integer that counts its steps."""
    name, step = parameter.name, parameter.q or 1
    if parameter.kind == "categorical":
        return package.CategoricalHyperparameter(name, _choices(parameter))
    if parameter.normal is not None:
        mean, sd = (moment / step for moment in parameter.normal)
        low, high = (parameter.scale.value(unit) / step for unit in (0.0, 1.0))
        kind = "NormalFloatHyperparameter"
        if parameter.q is not None:
            low, high, kind = round(low), round(high), "NormalIntegerHyperparameter"
        return package.Constant(name, low) if low == high else getattr(package, kind)(name, mean, sd, low, high)
    indices = parameter.scale.indices
    if indices is None:
        return package.UniformFloatHyperparameter(name, parameter.lower, parameter.upper, log=parameter.log)
    low, high = indices.start, indices.stop - 1
    if low == high:
        return package.Constant(name, low)
    return package.UniformIntegerHyperparameter(name, low, high, log=parameter.log)
