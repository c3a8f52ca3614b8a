"""What a space accepts, refuses, expands and says."""

from __future__ import annotations

import json
import math
import pickle
import random
import subprocess
import sys
from typing import Any, cast

import numpy as np
import pytest
from ray import tune
from ray.tune.search.sample import Domain, Float, Integer, Quantized, Uniform
from ray.tune.search.variant_generator import generate_variants

from raytune_suite.errors import ArgumentError, SpaceError
from raytune_suite.spaces import FEATURES, Condition, Space

SGD = {"name": "sgd", "momentum": tune.uniform(0, 1), "nesterov": tune.choice([True, False])}
ADAM = {"name": "adam", "betas": {"one": tune.quniform(0.8, 1.0, 0.1)}}
OPTIMIZERS = {"optimizer": tune.choice([SGD, ADAM, "none"]), "lr": tune.loguniform(1e-4, 1.0), "epochs": 3}


class Thing:
    """Compares by identity, as most objects do."""


def bad_sampler() -> Domain:
    domain = Float(0, 1)
    domain.set_sampler(object())
    return domain


def rounded(lower: float, upper: float, q: float) -> Any:
    """What tune.quniform would give if it did not insist that q divides the bounds."""
    domain: Any = tune.uniform(lower, upper)
    domain.set_sampler(Quantized(domain.get_sampler(), q), allow_override=True)
    return domain


def bounded_normal() -> Any:
    return Float(0, 1).normal()


def integers(lower: int, upper: int) -> Any:
    return Integer(lower, upper)


def with_sampler(domain: Domain) -> Domain:
    domain.set_sampler(Uniform())
    return domain


@pytest.mark.parametrize(
    ("param_space", "words"),
    [
        ({}, "no parameter"),
        ({"a": 1, "b": {"c": [1, 2]}}, "no parameter"),
        ([("a", 1)], "must be a dict"),
        ({"a": tune.uniform(0, 1), 3: 1}, "the key 3 must be"),
        ({"a": {"b/c": tune.uniform(0, 1)}}, "the key 'b/c' in 'a'"),
        ({"": tune.uniform(0, 1)}, "the key ''"),
        ({"m": {"lr": tune.uniform(1, 1)}}, "'m/lr' has lower=1.0 and upper=1.0"),
        ({"lr": tune.uniform(2, 1)}, "lower must be less"),
        ({"lr": with_sampler(Float(math.nan, 1))}, "lower=nan"),
        ({"lr": with_sampler(Float(0, math.inf))}, "upper=inf"),
        ({"lr": tune.uniform(-1e308, 1e308)}, "too wide"),
        ({"lr": bounded_normal()}, "normal with bounds"),
        ({"lr": tune.randn(math.nan, 1)}, "mean=nan"),
        ({"lr": tune.randn(0, math.inf)}, "sd=inf"),
        ({"lr": tune.qrandn(0, 1, -1)}, "q=-1"),
        ({"lr": tune.qrandn(0, 1, 1e-12)}, "too fine"),
        ({"lr": rounded(0, 1, 2)}, "bigger than its range"),
        ({"lr": rounded(0, 1, math.nan)}, "q=nan"),
        ({"lr": rounded(0, 1, 1e-15)}, "more values"),
        ({"lr": rounded(0.3, 1.7, 1)}, None),
        ({"lr": rounded(-1, 1, -1)}, "q=-1"),
        ({"n": tune.randint(5, 5)}, "lower=5 and upper=5"),
        ({"n": tune.randint(cast("int", 0.5), 3)}, "lower=0.5"),
        ({"n": tune.qrandint(0, 3, 5)}, "bigger than its range"),
        ({"n": tune.qrandint(0, 8, 0)}, "q=0"),
        ({"n": tune.qrandint(7, 13, cast("int", 5.5))}, "q=5.5"),
        ({"n": tune.qrandint(8, 19, 10)}, None),
        ({"n": tune.qrandint(11, 19, 8)}, None),
        ({"n": tune.qlograndint(9, 18, 8)}, None),
        ({"n": tune.qrandint(21, 29, 7)}, None),
        ({"n": tune.qrandint(-6, 6, 7)}, None),
        ({"n": integers(0, 5)}, None),
        ({"n": tune.randint(0, 2**60)}, "more values"),
        ({"n": tune.lograndint(1, 2**50)}, "more values"),
        ({"c": tune.choice([])}, "choice among nothing"),
        ({"c": tune.grid_search([])}, "choice among nothing"),
        ({"c": tune.choice(["a", "b", "a"])}, "options 0 and 2 of 'c' cannot be told apart"),
        ({"c": tune.choice([1, 2, 1.0])}, "options 0 and 2"),
        ({"c": tune.choice([[1], (1,)])}, "options 0 and 1"),
        ({"c": tune.choice([1, True, 0, False, None, "1"])}, None),
        ({"c": {"grid_search": [1], "other": 2}}, "nothing else"),
        ({"c": {"grid_search": (1, 2)}}, "nothing else"),
        (
            {"d": {"f": tune.sample_from(lambda config: config["a"])}, "a": tune.uniform(0, 1)},
            "'d/f' is a tune.sample_from",
        ),
        ({"f": {"eval": "1"}, "a": tune.uniform(0, 1)}, "tune.sample_from"),
        ({"f": [1, tune.uniform(0, 1)]}, "inside a list"),
        ({"f": tune.choice([0, {"x": [{"y": tune.uniform(0, 1)}]}])}, r"'f\[1\]/x'"),
        ({"f": bad_sampler()}, "use the functions of ray.tune"),
        ({"f": Domain()}, "unknown here"),
        ({"o": tune.choice([{"x": tune.uniform(0, 1)}, {"x": tune.uniform(0.5, 2)}])}, "options 0 and 1 of 'o'"),
        ({"o": tune.choice([{"x": tune.uniform(0, 1)}, {"x": tune.uniform(2, 3)}])}, None),
        ({"o": tune.choice([{"x": tune.uniform(0, 1)}, {"x": 0.5}])}, "options 0 and 1"),
        ({"o": tune.choice([{"x": tune.uniform(0, 1)}, {"x": None}, {"y": 0.5}, {}])}, None),
        ({"o": tune.choice([{"x": tune.choice([1, 2])}, {"x": tune.choice([2, 3])}])}, "options 0 and 1"),
        ({"o": tune.choice([0, tune.uniform(1, 2)])}, None),
        ({"o": tune.choice([1.5, tune.uniform(1, 2)])}, "options 0 and 1"),
        ({"o": tune.choice([{"x": tune.randn()}]), "o[0]": {"x": tune.randn()}}, "two parameters are named"),
    ],
)
def test_refuses_what_cannot_be_used(param_space: Any, words: str | None) -> None:
    if words is None:
        assert len(Space(param_space)) > 0
        return
    with pytest.raises(SpaceError, match=words):
        Space(param_space)


def test_parameters_are_named_in_the_order_of_the_dict_depth_first() -> None:
    space = Space(OPTIMIZERS)
    assert space.names == (
        "optimizer",
        "optimizer[0]/momentum",
        "optimizer[0]/nesterov",
        "optimizer[1]/betas/one",
        "lr",
    )
    assert len(space) == len(space.parameters) == 5
    assert space.parameters[3].condition == Condition("optimizer", 1)
    assert space.parameters[4].condition is None
    assert space.constants == {"epochs": 3}
    assert repr(space).startswith("Space(optimizer, ")


def test_ray_s_own_random_search_makes_members() -> None:
    param_space = {**OPTIMIZERS, "width": tune.grid_search([1, 2]), "n": tune.qlograndint(8, 64, 8)}
    space = Space(param_space)
    for seed in range(20):
        for _, config in generate_variants(param_space, random_state=seed):
            space.check(config)


def test_inactive_parameters_are_nan_and_ignored() -> None:
    space = Space(OPTIMIZERS)
    config = {"optimizer": {"name": "adam", "betas": {"one": 0.9}}, "lr": 0.01, "epochs": 3}
    vector = space.encode(config)
    assert np.isnan(vector).tolist() == [False, True, True, False, False]
    assert space.decode(vector)["optimizer"] == {"name": "adam", "betas": {"one": 0.9}}
    assert space.decode(np.nan_to_num(vector, nan=0.3))["optimizer"] == {"name": "adam", "betas": {"one": 0.9}}
    with pytest.raises(SpaceError, match="has no value, but is active"):
        space.decode([0.5, 0.5, 0.5, math.nan, 0.5])
    with pytest.raises(SpaceError, match="has no value, but is active"):
        space.decode([math.nan] * 5)


@pytest.mark.parametrize("vector", [[0.5], [0.5] * 6, [[0.5] * 5], 0.5])
def test_decode_refuses_another_shape(vector: Any) -> None:
    with pytest.raises(SpaceError, match="the space has 5 parameters"):
        Space(OPTIMIZERS).decode(vector)


@pytest.mark.parametrize("unit", [-1e-9, 1.0000001, math.inf])
def test_decode_refuses_what_lies_outside_the_cube(unit: float) -> None:
    with pytest.raises(SpaceError, match=r"'lr' is .* must lie in \[0, 1\]"):
        Space(OPTIMIZERS).decode([0.5] * 4 + [unit])


GOOD: dict[str, Any] = {"optimizer": {"name": "sgd", "momentum": 0.5, "nesterov": True}, "lr": 0.1, "epochs": 3}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"lr": 2}, "'lr' is 2, but must be a finite number from 0.0001 to 1.0"),
        ({"lr": math.nan}, "'lr' is nan"),
        ({"lr": "0.1"}, "'lr' is '0.1'"),
        ({"lr": True}, "'lr' is True"),
        ({"lr": 10**400}, "'lr' is 1000"),
        ({"epochs": 4}, "'epochs' is 4, but is the constant 3"),
        ({"Lr": 0.1}, "unknown key 'Lr'; known: optimizer, lr, epochs"),
        ({"optimizer": "adam"}, "'optimizer' is 'adam', but must be one of"),
        (
            {"optimizer": {"name": "sgd", "nesterov": True}},
            r"'optimizer\[0\]/momentum' is missing: it must be a finite",
        ),
        (
            {"optimizer": {"name": "adam", "betas": {"one": 0.85}}},
            r"'optimizer\[1\]/betas/one' is 0.85.* multiple of 0.1",
        ),
        ({"optimizer": {"name": "adam", "betas": 1}}, "must be a dict with the keys 'one'"),
        ({"optimizer": {"name": "lion"}}, r"must be one of {'name': 'sgd', 'momentum': \.\.\., 'nesterov': \.\.\.}, "),
    ],
)
def test_check_says_what_is_wrong(change: dict[str, Any], words: str) -> None:
    space = Space(OPTIMIZERS)
    space.check(GOOD)
    assert not space.contains({**GOOD, **change})
    with pytest.raises(SpaceError, match=words):
        space.check({**GOOD, **change})


@pytest.mark.parametrize("key", list(GOOD))
def test_check_says_what_is_missing(key: str) -> None:
    config = {name: value for name, value in GOOD.items() if name != key}
    with pytest.raises(SpaceError, match=f"{key!r} is missing"):
        Space(OPTIMIZERS).check(config)


def test_complete_adds_constants_and_makes_values_native() -> None:
    space = Space(
        {"n": tune.randint(0, 9), "x": tune.quniform(0, 1, 0.1), "fixed": {"deep": [1]}, "c": tune.choice([1, 2])}
    )
    config = space.complete({"n": np.int64(3), "x": np.float64(0.3), "c": np.int64(2)})
    assert config == {"n": 3, "x": 3 * 0.1, "fixed": {"deep": [1]}, "c": 2}
    assert [type(config[key]) for key in ("n", "x", "c")] == [int, float, int]
    with pytest.raises(SpaceError, match="'n' is missing"):
        space.complete({"x": 0.3, "c": 1})


def test_numpy_scalars_in_the_space_become_native() -> None:
    space = Space(
        {
            "c": tune.choice(list(np.array([16, 32]))),
            "k": np.float64(2),
            "n": tune.randint(cast("int", np.int64(0)), cast("int", np.int64(3))),
        }
    )
    config = space.decode([0.9, 0.9])
    assert config == {"c": 32, "k": 2.0, "n": 2}
    assert [type(value) for value in config.values()] == [int, float, int]


def test_a_config_that_is_changed_leaves_the_space_alone() -> None:
    space = Space({"layers": [1, 2], "c": tune.choice([[3], {"d": [4]}])})
    for unit in (0.0, 1.0):
        first = space.decode([unit])
        first["layers"].append(0)
        (first["c"] if unit == 0.0 else first["c"]["d"]).append(0)
    assert space.decode([0.0]) == {"layers": [1, 2], "c": [3]}
    assert space.decode([1.0]) == {"layers": [1, 2], "c": {"d": [4]}}


def test_a_choice_may_be_among_anything() -> None:
    things = [
        Thing(),
        Thing(),
        len,
        (1, 2),
        np.arange(3),
        np.arange(4),
        math.nan,
        {"a": 1},
        {1: 2},
        Thing,
        b"x",
        {1, 2},
    ]
    space = Space({"thing": tune.choice(things)})
    for position, thing in enumerate(things):
        unit = (position + 0.5) / len(things)
        assert space.decode([unit])["thing"] is thing or space.decode([unit])["thing"] == thing
        assert space.encode({"thing": thing}) == pytest.approx([unit])
    assert space.encode({"thing": [1, 2]}) == space.encode({"thing": (1, 2)})  # as JSON gives it back
    assert not space.contains({"thing": Thing()})


def test_an_option_may_be_a_domain_itself() -> None:
    space = Space({"dropout": tune.choice([0, tune.uniform(0.1, 0.5), tune.choice(["a", "b"])])})
    assert space.names == ("dropout", "dropout[1]", "dropout[2]")
    assert space.decode([0.5, 0.5, 0.9]) == {"dropout": pytest.approx(0.3)}
    for vector in ([0.1, math.nan, math.nan], [0.5, 0.25, math.nan], [0.9, math.nan, 0.75]):
        again = space.encode(space.decode(vector))
        assert np.isnan(again).tolist() == np.isnan(vector).tolist()


def test_choices_nest_to_any_depth() -> None:
    inner = {"kind": "deep", "next": tune.choice([{"z": tune.randint(0, 3)}, {"w": tune.randint(0, 2)}])}
    space = Space({"a": {"b": tune.choice([inner, {"kind": "flat"}])}})
    assert space.names == ("a/b", "a/b[0]/next", "a/b[0]/next[0]/z", "a/b[0]/next[1]/w")
    assert space.grid_size == 6
    assert [space.decode(space.encode(config)) for config in space.grid()] == list(space.grid())


def test_grid_is_the_product_with_conditional_parts_under_their_choice() -> None:
    space = Space(
        {
            "optimizer": tune.choice([{"name": "sgd", "momentum": tune.grid_search([0.0, 0.9])}, {"name": "adam"}]),
            "batch": tune.qrandint(8, 24, 8),
            "dropout": tune.quniform(0.0, 0.2, 0.1),
            "epochs": 3,
        }
    )
    configs = list(space.grid())
    assert len(configs) == space.grid_size == 3 * 3 * 3
    assert len({json.dumps(config) for config in configs}) == 27
    assert configs[0] == {"optimizer": {"name": "sgd", "momentum": 0.0}, "batch": 8, "dropout": 0.0, "epochs": 3}
    assert configs[1]["dropout"] == 0.1
    assert configs[-1] == {"optimizer": {"name": "adam"}, "batch": 24, "dropout": 0.2, "epochs": 3}
    for config in configs:
        space.check(config)


@pytest.mark.parametrize("domain", [tune.uniform(0, 1), tune.randn(), tune.qrandn(0, 1, 0.5)])
def test_grid_refuses_infinitely_many_values_by_name(domain: Domain) -> None:
    space = Space({"c": tune.choice([1, 2]), "m": {"x": domain}})
    with pytest.raises(SpaceError, match=r"'m/x' has no finite number of values.*tune.grid_search"):
        space.grid()
    with pytest.raises(SpaceError, match="'m/x'"):
        _ = space.grid_size


@pytest.mark.parametrize(
    ("domain", "features"),
    [
        (tune.uniform(0, 1), {"continuous"}),
        (tune.loguniform(1, 2), {"continuous", "log"}),
        (tune.quniform(0, 1, 0.5), {"quantized"}),
        (tune.qloguniform(1, 2, 0.5), {"quantized", "log"}),
        (tune.randint(0, 2), {"integer"}),
        (tune.qrandint(0, 2, 1), {"integer"}),
        (tune.qlograndint(1, 8, 2), {"integer", "quantized", "log"}),
        (tune.randn(), {"continuous", "unbounded"}),
        (tune.qrandn(0, 1, 0.5), {"quantized", "unbounded"}),
        (tune.choice([1, 2]), {"categorical"}),
        (tune.grid_search([1, 2]), {"categorical", "grid"}),
        (tune.choice([{"x": tune.uniform(0, 1)}, 1]), {"categorical", "continuous", "conditional"}),
    ],
)
def test_features(domain: Any, features: set[str]) -> None:
    assert Space({"x": domain}).features == features
    assert features <= FEATURES.keys()


def test_refuse_names_the_first_parameter_that_cannot_be_served() -> None:
    space = Space(OPTIMIZERS)
    space.refuse("searcher 'tpe'", supported=FEATURES, remedy="")
    plain = FEATURES.keys() - {"conditional"}
    with pytest.raises(
        SpaceError, match=r"^searcher 'gp' cannot serve 'optimizer\[0\]/momentum', which is conditional: use tpe$"
    ):
        space.refuse("searcher 'gp'", supported=plain, remedy="use tpe")
    with pytest.raises(ArgumentError, match=r"unknown feature 'condtional'.*did you mean 'conditional'"):
        space.refuse("searcher 'gp'", supported={"condtional"}, remedy="")


def test_unflatten_refuses_what_does_not_fit() -> None:
    space = Space(OPTIMIZERS)
    assert space.unflatten({"optimizer": 2, "lr": 0.5, "optimizer[0]/momentum": 0.5})["optimizer"] == "none"
    with pytest.raises(SpaceError, match="unknown parameter 'Lr'"):
        space.unflatten({"Lr": 1})
    with pytest.raises(SpaceError, match="position from 0 to 2"):
        space.unflatten({"optimizer": 3, "lr": 0.5})
    with pytest.raises(SpaceError, match="'lr' has no value"):
        space.unflatten({"optimizer": 2})


def test_bounds_are_inclusive_whatever_ray_s_are() -> None:
    def bounds(domain: Domain) -> tuple[float, float]:
        parameter = Space({"x": domain}).parameters[0]
        return parameter.lower, parameter.upper

    assert bounds(tune.randint(0, 10)) == (0, 9)
    assert bounds(tune.qrandint(0, 10, 1)) == (0, 9)
    assert bounds(tune.qrandint(0, 10, 5)) == (0, 10)
    assert bounds(tune.qlograndint(3, 21, 4)) == (4, 20)


def test_sampling_leaves_the_global_generators_alone() -> None:
    before = random.getstate(), np.random.get_state()[1].tolist()  # type: ignore[index] # noqa: NPY002
    Space(OPTIMIZERS).sample(np.random.default_rng(0))
    assert before == (random.getstate(), np.random.get_state()[1].tolist())  # type: ignore[index] # noqa: NPY002


PROGRAM = """
import json, numpy as np
from ray import tune
from raytune_suite.spaces import Space
space = Space(
    {"o": tune.choice([{"m": tune.randn()}, "b"]), "n": tune.lograndint(1, 99), "x": tune.quniform(0, 1, 0.1)}
)
rng = np.random.default_rng(7)
print(json.dumps([space.sample(rng) for _ in range(20)]))
"""


def test_the_same_seed_gives_the_same_configs_in_a_fresh_process() -> None:
    space = Space(
        {"o": tune.choice([{"m": tune.randn()}, "b"]), "n": tune.lograndint(1, 99), "x": tune.quniform(0, 1, 0.1)}
    )
    rng = np.random.default_rng(7)
    here = json.dumps([space.sample(rng) for _ in range(20)])
    there = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)  # noqa: S603
    assert there.stdout.strip() == here


def test_a_space_survives_pickling() -> None:
    space = Space(OPTIMIZERS)
    again = pickle.loads(pickle.dumps(space))  # noqa: S301
    assert again.names == space.names
    assert again.sample(np.random.default_rng(3)) == space.sample(np.random.default_rng(3))


def test_configspace_has_the_same_bounds_scales_and_conditions() -> None:
    package = pytest.importorskip("ConfigSpace")
    space = Space(
        {**OPTIMIZERS, "batch": tune.qlograndint(8, 64, 8), "n": tune.randint(1, 5), "s": tune.choice(["a", "b"])}
    )
    foreign = space.to_configspace(seed=1)
    assert set(foreign) == set(space.names)
    assert (foreign["lr"].lower, foreign["lr"].upper, foreign["lr"].log) == (1e-4, 1.0, True)
    assert (foreign["n"].lower, foreign["n"].upper) == (1, 4)
    assert (foreign["batch"].lower, foreign["batch"].upper, foreign["batch"].log) == (1, 8, True)  # steps of 8
    assert tuple(foreign["s"].choices) == ("a", "b")
    conditions = {(c.child.name, c.parent.name, c.value) for c in foreign.conditions}
    assert ("optimizer[1]/betas/one", "optimizer", 1) in conditions
    assert all(isinstance(condition, package.EqualsCondition) for condition in foreign.conditions)
    with pytest.raises(SpaceError, match="unknown parameter 'x'"):
        space.from_configspace({"x": 1})
    with pytest.raises(SpaceError, match="'s' is 'c'"):
        space.from_configspace({"s": "c"})
