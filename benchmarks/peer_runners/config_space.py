"""Search spaces of ConfigSpace, for the peers that use it; works with its versions 0.7 and 1."""

from __future__ import annotations

from typing import Any

import ConfigSpace
from ConfigSpace import hyperparameters


def space(parameters: list[dict[str, Any]], seed: int) -> ConfigSpace.ConfigurationSpace:
    """Return the space with these parameters, as `protocol` describes them."""
    result = ConfigSpace.ConfigurationSpace(seed=seed)
    added: dict[str, Any] = {}
    for one in parameters:
        name, lower, upper = one["name"], one["lower"], one["upper"]
        if one["kind"] == "categorical":
            added[name] = hyperparameters.CategoricalHyperparameter(name, list(range(upper + 1)))
        elif one["kind"] == "integer":
            added[name] = hyperparameters.UniformIntegerHyperparameter(name, lower, upper, log=one["log"])
        else:
            added[name] = hyperparameters.UniformFloatHyperparameter(name, lower, upper, log=one["log"])
        result.add_hyperparameter(added[name])
        if one["parent"] is not None:
            result.add_condition(ConfigSpace.InCondition(added[name], added[one["parent"]], one["options"]))
    return result
