"""Generated spaces in ConfigSpace's JSON are converted to Ray Tune's, and configs of these are legal in ConfigSpace."""

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
    """A file with up to 8 parameters, which may depend on an earlier choice and, explicitly, on its ancestors."""
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
    """Create the same parameter with ConfigSpace."""
    name, kind = entry["name"], entry["type"]
    if kind == "categorical":
        return ConfigSpace.Categorical(name, entry["choices"])
    if kind == "constant":
        return ConfigSpace.Constant(name, entry["value"])
    maker = ConfigSpace.Integer if kind == "uniform_int" else ConfigSpace.Float
    return maker(name, (entry["lower"], entry["upper"]), log=entry["log"])


def reference(document: Document) -> ConfigSpace.ConfigurationSpace:
    """Create the same space with ConfigSpace."""
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
@pytest.mark.slow
def test_every_config_is_legal_in_configspace_and_has_only_the_active_parameters(document: Document, seed: int) -> None:
    space, legal, rng = Space(read_space(document, ())), reference(document), np.random.default_rng(seed)
    corners = [np.zeros(len(space)), np.ones(len(space))]
    for config in [space.sample(rng), space.sample(rng), *map(space.decode, corners)]:
        assert space.contains(config)
        values = list(flat(config))
        assert len(dict(values)) == len(values)
        ConfigSpace.Configuration(legal, values=dict(values))  # raises if anything is not legal


@settings(deadline=None, max_examples=30)
@given(documents())
def test_bounds_and_scales_are_kept(document: Document) -> None:
    described = {entry["name"]: entry for entry in document["hyperparameters"]}
    seen = set()
    for parameter in Space(read_space(document, ())).parameters:
        name = parameter.name.rpartition("/")[2]
        entry = described[name]
        seen.add(name)
        if entry["type"] == "categorical":
            assert len(parameter.categories) == len(entry["choices"])
        else:
            assert (parameter.lower, parameter.upper, parameter.log) == (entry["lower"], entry["upper"], entry["log"])
            assert parameter.kind == {"uniform_int": "integer", "uniform_float": "float"}[entry["type"]]
    assert seen == {name for name, entry in described.items() if entry["type"] != "constant"}


A = {"name": "a", "type": "categorical", "choices": ["x", "y"]}
B = {"name": "b", "type": "categorical", "choices": ["x", "y"]}
C = {"name": "c", "type": "uniform_int", "log": False, "lower": 1, "upper": 3}
EQ = {"child": "c", "parent": "a", "type": "EQ", "value": "x"}


def test_parameters_that_are_left_out_are_not_in_the_space() -> None:
    document = {"hyperparameters": [A, B, C], "conditions": [EQ], "forbiddens": []}
    space = read_space(document, {"b"})
    assert Space(space).names == ("a", "a[0]/c")
    assert dict(flat({"a": {"a": "x", "c": 2}})) == {"a": "x", "c": 2}


@pytest.mark.parametrize(
    ("change", "culprit"),
    [
        ({"forbiddens": [{"name": "a"}]}, "'name': 'a'"),
        ({"conditions": [EQ | {"type": "GT"}]}, "'GT'"),
        ({"conditions": [EQ | {"parent": "z"}]}, "'parent': 'z'"),
        ({"conditions": [EQ | {"parent": "c", "child": "a"}]}, "'parent': 'c'"),
        ({"conditions": [EQ, EQ | {"parent": "b"}]}, r"\['c'\]"),
        ({"conditions": [EQ | {"child": "a", "parent": "b"}, EQ | {"child": "b"}]}, "'a' depends on itself"),
        ({"hyperparameters": [A, B, C | {"type": "ordinal"}]}, "'ordinal'"),
    ],
)
def test_an_unsupported_space_is_rejected(change: Document, culprit: str) -> None:
    document = {"hyperparameters": [A, B, C], "conditions": [], "forbiddens": [], **change}
    with pytest.raises(DataError, match=culprit):
        read_space(document, ())
