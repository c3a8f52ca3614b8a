"""Conversion of YAHPO Gym's search spaces from ConfigSpace's JSON, format 0.2, and of configs to flat names.

As everywhere in this package, a conditional parameter is nested in the option on which it depends. The option also
holds its own value under the name of its parameter, so that flattening a nested config gives YAHPO Gym's config:

    {"kernel": {"kernel": "radial", "gamma": 0.1}, "cost": 1.0}  ->  {"kernel": "radial", "gamma": 0.1, "cost": 1.0}

A parameter that depends on several values of its parent is one domain in several options, and so one parameter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ray import tune

from raytune_suite.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from raytune_suite.types import Config

Needs = dict[str, frozenset[Any]]
"""The condition of a parameter: the values that each of its ancestors must have; empty for always."""


def read_space(document: Mapping[str, Any], left_out: Collection[str]) -> dict[str, Any]:
    """Convert the content of a `config_space.json` to a space of Ray Tune.

    Args:
        document: The parsed file.
        left_out: The parameters that are not tuned: the instance and the fidelities.

    Raises:
        DataError: If the file has something that is not supported: other types of parameters or conditions, forbidden
            combinations, or a parameter with two parents of which neither is an ancestor of the other.
    """
    if document.get("forbiddens"):
        raise DataError(
            f"the space has forbidden combinations, which Ray Tune does not support: {document['forbiddens']}"
        )
    described = {entry["name"]: entry for entry in document["hyperparameters"] if entry["name"] not in left_out}
    needs = _needs(described, document["conditions"])
    parents = {parent for need in needs.values() for parent in need}
    domains = {name: _domain(entry) for name, entry in described.items() if name not in parents}
    placed: set[str] = set()

    def level(context: dict[str, Any]) -> dict[str, Any]:
        """Return the parameters that are active in this context and not in a shorter one."""
        space = {}
        for name, need in needs.items():
            if need.keys() == context.keys() and all(context[parent] in values for parent, values in need.items()):
                placed.add(name)
                space[name] = options(name, context) if name in parents else domains[name]
        return space

    def options(name: str, context: dict[str, Any]) -> Any:
        """Return the choice of a parent: a dict for each value, with the parameters that depend on it."""
        return tune.choice([{name: value} | level({**context, name: value}) for value in described[name]["choices"]])

    space = level({})
    missing = [name for name in described if name not in placed]
    if missing:
        raise DataError(f"the conditions of {missing} cannot be nested: no parent is an ancestor of the others")
    return space


def flat(config: Config) -> Iterator[tuple[str, Any]]:
    """Yield the names and values of a nested config, without its dicts."""
    for name, value in config.items():
        if isinstance(value, dict):
            yield from flat(value)
        else:
            yield name, value


def _needs(described: Mapping[str, Any], conditions: list[Mapping[str, Any]]) -> dict[str, Needs]:
    """Return the condition of each parameter, including those of its ancestors."""
    own: dict[str, Needs] = {name: {} for name in described}
    for condition in conditions:
        for clause in _clauses(condition):
            child, parent = clause["child"], clause["parent"]
            if child not in described or described.get(parent, {}).get("type") != "categorical":
                raise DataError(f"the condition {clause} has no categorical parent in the space")
            values = frozenset(clause["values"] if clause["type"] == "IN" else [clause["value"]])
            own[child][parent] = own[child].get(parent, values) & values

    def closure(name: str, below: tuple[str, ...] = ()) -> Needs:
        if name in below:
            raise DataError(f"the parameter {name!r} depends on itself through {below}")
        needs = dict(own[name])
        for parent in own[name]:
            for ancestor, values in closure(parent, (*below, name)).items():
                needs[ancestor] = needs.get(ancestor, values) & values
        return needs

    return {name: closure(name) for name in described}


def _clauses(condition: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the single conditions of which a condition consists; all of them must hold."""
    kind = condition["type"]
    if kind == "AND":
        for inner in condition["conditions"]:
            yield from _clauses(inner)
    elif kind in {"EQ", "IN"}:
        yield condition
    else:
        raise DataError(f"the condition {dict(condition)} has type {kind!r}, but must have EQ, IN or AND")


def _domain(entry: Mapping[str, Any]) -> Any:
    """Return the domain of one parameter; the file's bounds are inclusive, but Ray's upper bound of integers is not."""
    kind = entry["type"]
    if kind == "categorical":
        return tune.choice(list(entry["choices"]))
    if kind == "constant" or (kind in {"uniform_int", "uniform_float"} and entry["lower"] == entry["upper"]):
        return entry["value"] if kind == "constant" else entry["lower"]
    if kind == "uniform_int":
        draw = tune.lograndint if entry["log"] else tune.randint
        return draw(entry["lower"], entry["upper"] + 1)
    if kind == "uniform_float":
        return (tune.loguniform if entry["log"] else tune.uniform)(entry["lower"], entry["upper"])
    raise DataError(f"the parameter {entry['name']!r} has type {kind!r}, which is not supported")
