"""YAHPO Gym's search spaces: ConfigSpace's JSON, format 0.2, as Ray Tune's objects, and configs back to flat names.

A parameter that exists only under some value of another is written inside that value's option, as everywhere in this
package. The option also holds the value itself under the name of its parameter, so the flat config is what is left of a
nested one when its dicts are opened:

    {"kernel": {"kernel": "radial", "gamma": 0.1}, "cost": 1.0}  ->  {"kernel": "radial", "gamma": 0.1, "cost": 1.0}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ray import tune

from raytune_suite.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from raytune_suite.types import Config

Needs = dict[str, frozenset[Any]]
"""When a parameter exists: the values that each of its ancestors may have; no ancestors, always."""


def read_space(document: Mapping[str, Any], left_out: Collection[str]) -> dict[str, Any]:
    """Ray Tune's space for what a `config_space.json` holds.

    Args:
        document: The parsed file.
        left_out: The parameters that are not tuned: the instance and the fidelities.

    Raises:
        DataError: If it holds what this reader does not know: other types of parameters or conditions, forbidden
            combinations, or a parameter that depends on two parents of which none is the other's ancestor.
    """
    if document.get("forbiddens"):
        raise DataError(f"the space forbids combinations, which Ray Tune cannot: {document['forbiddens']}")
    described = {entry["name"]: entry for entry in document["hyperparameters"] if entry["name"] not in left_out}
    needs = _needs(described, document["conditions"])
    parents = {parent for need in needs.values() for parent in need}
    placed: set[str] = set()

    def level(context: dict[str, Any]) -> dict[str, Any]:
        """The parameters that exist in this context and in no shorter one."""
        space = {}
        for name, need in needs.items():
            if need.keys() == context.keys() and all(context[parent] in values for parent, values in need.items()):
                placed.add(name)
                space[name] = options(name, context) if name in parents else _domain(described[name])
        return space

    def options(name: str, context: dict[str, Any]) -> Any:
        """The choice of a parent: a dict for each value, with what exists under it."""
        return tune.choice([{name: value} | level({**context, name: value}) for value in described[name]["choices"]])

    space = level({})
    lost = [name for name in described if name not in placed]
    if lost:
        raise DataError(f"the conditions of {lost} cannot be nested: their parents are not each other's ancestors")
    return space


def flat(config: Config) -> Iterator[tuple[str, Any]]:
    """The names and values of a nested config, its dicts opened."""
    for name, value in config.items():
        if isinstance(value, dict):
            yield from flat(value)
        else:
            yield name, value


def _needs(described: Mapping[str, Any], conditions: list[Mapping[str, Any]]) -> dict[str, Needs]:
    """What each parameter needs to exist, that of its ancestors included."""
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
            raise DataError(f"the parameter {name!r} depends on itself, by way of {below}")
        needs = dict(own[name])
        for parent in own[name]:
            for ancestor, values in closure(parent, (*below, name)).items():
                needs[ancestor] = needs.get(ancestor, values) & values
        return needs

    return {name: closure(name) for name in described}


def _clauses(condition: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The single conditions that must all hold."""
    kind = condition["type"]
    if kind == "AND":
        for inner in condition["conditions"]:
            yield from _clauses(inner)
    elif kind in {"EQ", "IN"}:
        yield condition
    else:
        raise DataError(f"the condition {dict(condition)} is of type {kind!r}, but only EQ, IN and AND are known")


def _domain(entry: Mapping[str, Any]) -> Any:
    """Ray Tune's domain of one parameter; in the file both bounds are inclusive, in Ray an integer's upper is not."""
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
    raise DataError(f"the parameter {entry['name']!r} is of type {kind!r}, which this reader does not know")
