"""Generated search spaces of ConfigSpace's JSON become Ray Tune's, and configs of these are legal for ConfigSpace."""

from __future__ import annotations

from typing import Any

import ConfigSpace
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from raytune_suite.errors import DataError
from raytune_suite.spaces import Space
from raytune_suite.workloads.surrogate.yahpo_space import flat, read_space

Document = dict[str, Any]


@st.composite
def documents(draw: st.DrawFn) -> Document:
    """A file with up to 8 parameters, each of which may depend on an earlier choice and, said again, its ancestors."""
    entries: list[Document] = []
    conditions: list[Document] = []
    clauses: dict[str, list[Document]] = {}
    for index in range(draw(st.integers(1, 8))):
        name = f"p.{index}"
        choices = [entry for entry in entries if entry["type"] == "categorical"]
        kind = draw(st.sampled_from(["categorical", "uniform_int", "uniform_float", "constant"]))
        entries.append({"name": name, "type": kind} | draw(_details(kind)))
        if not choices or not draw(st.booleans()):
            continue
        parent = draw(st.sampled_from(choices))
        values = draw(st.lists(st.sampled_from(parent["choices"]), min_size=1, unique=True))
        one: Document = {"child": name, "parent": parent["name"], "type": "IN", "values": values}
        if len(values) == 1:
            one = {"child": name, "parent": parent["name"], "type": "EQ", "value": values[0]}
        inherited = [clause | {"child": name} for clause in clauses.get(parent["name"], [])]
        clauses[name] = [one, *(inherited if draw(st.booleans()) else [])]
        joined = {"child": name, "type": "AND", "conditions": clauses[name]}
        conditions.append(joined if len(clauses[name]) > 1 else one)
        clauses[name] = [one, *inherited]
    entries.append({"name": "always", "type": "uniform_float", "log": False, "lower": 0.0, "upper": 1.0})
    return {"hyperparameters": entries, "conditions": conditions, "forbiddens": []}


def _details(kind: str) -> st.SearchStrategy[Document]:
    if kind == "categorical":
        names = st.lists(st.sampled_from("abcd"), min_size=2, unique=True)
        return st.builds(lambda choices: {"choices": choices}, names)
    if kind == "constant":
        return st.just({"value": 7})
    if kind == "uniform_int":
        bounds = st.tuples(st.integers(1, 40), st.integers(1, 900))
        return st.builds(lambda log, b: {"log": log, "lower": b[0], "upper": sum(b)}, st.booleans(), bounds)
    eighths = st.integers(1, 40).map(lambda count: count / 8)  # ConfigSpace rounds bounds to 13 digits
    return st.builds(lambda log, low: {"log": log, "lower": low, "upper": low + 2.5}, st.booleans(), eighths)


def parameter(entry: Document) -> Any:
    """The same parameter, made by ConfigSpace itself."""
    name, kind = entry["name"], entry["type"]
    if kind == "categorical":
        return ConfigSpace.Categorical(name, entry["choices"])
    if kind == "constant":
        return ConfigSpace.Constant(name, entry["value"])
    maker = ConfigSpace.Integer if kind == "uniform_int" else ConfigSpace.Float
    return maker(name, (entry["lower"], entry["upper"]), log=entry["log"])


def reference(document: Document) -> ConfigSpace.ConfigurationSpace:
    """The same space, made by ConfigSpace itself."""
    space = ConfigSpace.ConfigurationSpace()
    space.add([parameter(entry) for entry in document["hyperparameters"]])

    def condition(described: Document) -> Any:
        if described["type"] == "AND":
            return ConfigSpace.AndConjunction(*map(condition, described["conditions"]))
        child, parent = space[described["child"]], space[described["parent"]]
        if described["type"] == "EQ":
            return ConfigSpace.EqualsCondition(child, parent, described["value"])
        return ConfigSpace.InCondition(child, parent, described["values"])

    space.add([condition(described) for described in document["conditions"]])
    return space


@settings(deadline=None, max_examples=60)
@given(documents(), st.integers(0, 2**32))
def test_every_config_is_legal_for_configspace_and_has_just_the_active_parameters(
    document: Document, seed: int
) -> None:
    space, judge, rng = Space(read_space(document, ())), reference(document), np.random.default_rng(seed)
    corners = [np.zeros(len(space)), np.ones(len(space))]
    for config in [space.sample(rng), space.sample(rng), *map(space.decode, corners)]:
        assert space.contains(config)
        values = list(flat(config))
        assert len(dict(values)) == len(values)
        ConfigSpace.Configuration(judge, values=dict(values))  # raises where something is not legal


@settings(deadline=None, max_examples=30)
@given(documents())
def test_bounds_and_scales_are_kept(document: Document) -> None:
    described = {entry["name"]: entry for entry in document["hyperparameters"]}
    seen = set()
    for found in Space(read_space(document, ())).parameters:
        name = found.name.rpartition("/")[2]
        entry = described[name]
        seen.add(name)
        if entry["type"] == "categorical":
            assert len(found.categories) == len(entry["choices"])
        else:
            assert (found.lower, found.upper, found.log) == (entry["lower"], entry["upper"], entry["log"])
            assert found.kind == {"uniform_int": "integer", "uniform_float": "float"}[entry["type"]]
    assert seen == {name for name, entry in described.items() if entry["type"] != "constant"}


A = {"name": "a", "type": "categorical", "choices": ["x", "y"]}
B = {"name": "b", "type": "categorical", "choices": ["x", "y"]}
C = {"name": "c", "type": "uniform_int", "log": False, "lower": 1, "upper": 3}
EQ = {"child": "c", "parent": "a", "type": "EQ", "value": "x"}


def test_what_is_left_out_is_not_in_the_space() -> None:
    document = {"hyperparameters": [A, B, C], "conditions": [EQ], "forbiddens": []}
    space = read_space(document, {"b"})
    assert Space(space).names == ("a", "a[0]/c")
    assert dict(flat({"a": {"a": "x", "c": 2}})) == {"a": "x", "c": 2}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"forbiddens": [{"name": "a"}]}, "forbids combinations"),
        ({"conditions": [EQ | {"type": "GT"}]}, "only EQ, IN and AND are known"),
        ({"conditions": [EQ | {"parent": "z"}]}, "no categorical parent"),
        ({"conditions": [EQ | {"parent": "c", "child": "a"}]}, "no categorical parent"),
        ({"conditions": [EQ, EQ | {"parent": "b"}]}, "cannot be nested"),
        ({"conditions": [EQ | {"child": "a", "parent": "b"}, EQ | {"child": "b"}]}, "depends on itself"),
        ({"hyperparameters": [A, B, C | {"type": "ordinal"}]}, "type 'ordinal'"),
    ],
)
def test_what_cannot_be_read_is_rejected(change: Document, told: str) -> None:
    document = {"hyperparameters": [A, B, C], "conditions": [], "forbiddens": [], **change}
    with pytest.raises(DataError, match=told):
        read_space(document, ())
