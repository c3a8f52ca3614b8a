"""What a space accepts, rejects, expands and describes."""

from __future__ import annotations

import json
import math
import pickle
import random
import re
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
    """An object that is compared by identity, as most are."""


def bad_sampler() -> Domain:
    domain = Float(0, 1)
    domain.set_sampler(object())
    return domain


def rounded(lower: float, upper: float, q: float) -> Any:
    """Return the domain that tune.quniform would make if it did not insist that q divides the bounds."""
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
    ("param_space", "culprit"),
    [
        ({}, "{}"),
        ({"a": 1, "b": {"c": [1, 2]}}, "'a': 1"),
        ([("a", 1)], "('a', 1)"),
        ({"a": tune.uniform(0, 1), 3: 1}, "key 3 "),
        ({"a": {"b/c": tune.uniform(0, 1)}}, "'b/c' in 'a'"),
        ({"": tune.uniform(0, 1)}, "key ''"),
        ({"m": {"lr": tune.uniform(1, 1)}}, "'m/lr' has lower=1.0 and upper=1.0"),
        ({"lr": tune.uniform(2, 1)}, "'lr' has lower=2.0 and upper=1.0"),
        ({"lr": with_sampler(Float(math.nan, 1))}, "lower=nan"),
        ({"lr": with_sampler(Float(0, math.inf))}, "upper=inf"),
        ({"lr": tune.uniform(-1e308, 1e308)}, "-1e+308"),
        ({"lr": bounded_normal()}, "'lr'"),
        ({"lr": tune.randn(math.nan, 1)}, "mean=nan"),
        ({"lr": tune.randn(0, math.inf)}, "sd=inf"),
        ({"lr": tune.qrandn(0, 1, -1)}, "q=-1"),
        ({"lr": tune.qrandn(0, 1, 1e-12)}, "q=1e-12"),
        ({"lr": rounded(0, 1, 2)}, "q=2"),
        ({"lr": rounded(0, 1, math.nan)}, "q=nan"),
        ({"lr": rounded(0, 1, 1e-15)}, "'lr'"),
        ({"lr": rounded(0.3, 1.7, 1)}, None),
        ({"lr": rounded(-1, 1, -1)}, "q=-1"),
        ({"n": tune.randint(5, 5)}, "lower=5 and upper=5"),
        ({"n": tune.randint(cast("int", 0.5), 3)}, "lower=0.5"),
        ({"n": tune.qrandint(0, 3, 5)}, "q=5"),
        ({"n": tune.qrandint(0, 8, 0)}, "q=0"),
        ({"n": tune.qrandint(7, 13, cast("int", 5.5))}, "q=5.5"),
        ({"n": tune.qrandint(8, 19, 10)}, None),
        ({"n": tune.qrandint(11, 19, 8)}, None),
        ({"n": tune.qlograndint(9, 18, 8)}, None),
        ({"n": tune.qrandint(21, 29, 7)}, None),
        ({"n": tune.qrandint(-6, 6, 7)}, None),
        ({"n": integers(0, 5)}, None),
        ({"n": tune.randint(0, 2**60)}, f"{2**60}"),
        ({"n": tune.lograndint(1, 2**50)}, f"{2**50}"),
        ({"c": tune.choice([])}, "'c'"),
        ({"c": tune.grid_search([])}, "'c'"),
        ({"c": tune.choice(["a", "b", "a"])}, "options 0 and 2 of 'c'"),
        ({"c": tune.choice([1, 2, 1.0])}, "options 0 and 2"),
        ({"c": tune.choice([[1], (1,)])}, "options 0 and 1"),
        ({"c": tune.choice([1, True, 0, False, None, "1"])}, None),
        ({"c": {"grid_search": [1], "other": 2}}, "'c'"),
        ({"c": {"grid_search": (1, 2)}}, "'c'"),
        (
            {"d": {"f": tune.sample_from(lambda config: config["a"])}, "a": tune.uniform(0, 1)},
            "'d/f'",
        ),
        ({"f": {"eval": "1"}, "a": tune.uniform(0, 1)}, "'f'"),
        ({"f": [1, tune.uniform(0, 1)]}, "'f'"),
        ({"f": tune.choice([0, {"x": [{"y": tune.uniform(0, 1)}]}])}, "'f[1]/x'"),
        ({"f": bad_sampler()}, "'f'"),
        ({"f": Domain()}, "'f'"),
        ({"o": tune.choice([{"x": tune.uniform(0, 1)}, {"x": tune.uniform(0.5, 2)}])}, "options 0 and 1 of 'o'"),
        ({"o": tune.choice([{"x": tune.uniform(0, 1)}, {"x": tune.uniform(2, 3)}])}, None),
        ({"o": tune.choice([{"x": tune.uniform(0, 1)}, {"x": 0.5}])}, "options 0 and 1"),
        ({"o": tune.choice([{"x": tune.uniform(0, 1)}, {"x": None}, {"y": 0.5}, {}])}, None),
        ({"o": tune.choice([{"x": tune.choice([1, 2])}, {"x": tune.choice([2, 3])}])}, "options 0 and 1"),
        ({"o": tune.choice([0, tune.uniform(1, 2)])}, None),
        ({"o": tune.choice([1.5, tune.uniform(1, 2)])}, "options 0 and 1"),
        ({"o": tune.choice([{"x": tune.randn()}]), "o[0]": {"x": tune.randn()}}, "'o[0]/x'"),
    ],
)
def test_an_invalid_space_is_rejected_by_name(param_space: Any, culprit: str | None) -> None:
    if culprit is None:
        assert len(Space(param_space)) > 0
        return
    with pytest.raises(SpaceError, match=re.escape(culprit)):
        Space(param_space)


def test_a_space_is_compiled_once() -> None:
    space = Space.of(OPTIMIZERS)
    assert isinstance(space, Space)
    assert space.describe() == Space(OPTIMIZERS).describe()
    assert Space.of(space) is space
    with pytest.raises(SpaceError, match="7"):
        Space.of(7)  # type: ignore[arg-type]


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
    assert space.parameters[3].condition == Condition("optimizer", (1,))
    assert space.parameters[4].condition is None
    assert space.constants == {"epochs": 3}
    assert repr(space).startswith("Space(optimizer, ")


MOMENTUM = tune.uniform(0, 1)
SCHEDULE = tune.choice([{"name": "step", "gamma": tune.uniform(0, 1)}, {"name": "none"}])
SHARED = {
    "optimizer": tune.choice([
        {"name": "sgd", "momentum": MOMENTUM, "more": {"schedule": SCHEDULE}},
        {"name": "adam"},
        {"name": "rmsprop", "momentum": MOMENTUM, "more": {"schedule": SCHEDULE}, "rho": tune.uniform(0, 1)},
    ]),
    "lr": tune.loguniform(1e-4, 1.0),
}  # fmt: skip


def test_options_with_the_same_domain_share_one_parameter() -> None:
    space = Space(SHARED)
    assert space.names == (
        "optimizer",
        "optimizer[0,2]/momentum",
        "optimizer[0,2]/more/schedule",
        "optimizer[0,2]/more/schedule[0]/gamma",
        "optimizer[2]/rho",
        "lr",
    )
    assert space.parameters[1].condition == Condition("optimizer", (0, 2))
    point = np.array([0.1, 0.3, 0.1, 0.7, 0.5, 0.5])
    sgd, rmsprop = space.decode(point), space.decode(np.array([0.9, *point[1:]]))
    assert rmsprop["optimizer"] == {**sgd["optimizer"], "name": "rmsprop", "rho": 0.5}
    assert np.isnan(space.encode(sgd)).tolist() == [False, False, False, False, True, False]
    rng = np.random.default_rng(0)
    for config in (sgd, rmsprop, *(space.sample(rng) for _ in range(20))):
        space.check(config)
        assert space.unflatten(space.flatten(config)) == config


def test_equal_domains_or_other_keys_do_not_share_a_parameter() -> None:
    rate = tune.uniform(0, 1)
    separate = {"a": tune.choice([{"n": 0, "x": tune.uniform(0, 1)}, {"n": 1, "x": tune.uniform(0, 1)}])}
    assert Space(separate).names == ("a", "a[0]/x", "a[1]/x")
    elsewhere = {"a": tune.choice([{"n": 0, "x": rate}, {"n": 1, "y": rate}]), "x": rate}
    assert Space(elsewhere).names == ("a", "a[0]/x", "a[1]/y", "x")
    brackets = {"a": tune.choice([{"n": 0, "x": rate}, {"n": 1, "x": rate}]), "a[0]": {"x": tune.uniform(5, 6)}}
    assert Space(brackets).names == ("a", "a[0,1]/x", "a[0]/x")


@pytest.mark.parametrize("param_space", [OPTIMIZERS, SHARED], ids=["separate", "shared"])
def test_the_configs_of_ray_s_random_search_are_valid(param_space: dict[str, Any]) -> None:
    param_space = {**param_space, "width": tune.grid_search([1, 2]), "n": tune.qlograndint(8, 64, 8)}
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
    with pytest.raises(SpaceError, match="'optimizer"):
        space.decode([0.5, 0.5, 0.5, math.nan, 0.5])
    with pytest.raises(SpaceError, match="'optimizer"):
        space.decode([math.nan] * 5)


@pytest.mark.parametrize("vector", [[0.5], [0.5] * 6, [[0.5] * 5], 0.5])
def test_decode_rejects_a_wrong_shape(vector: Any) -> None:
    with pytest.raises(SpaceError, match=re.escape(str(np.shape(vector)))):
        Space(OPTIMIZERS).decode(vector)


@pytest.mark.parametrize("unit", [-1e-9, 1.0000001, math.inf])
def test_decode_rejects_points_outside_the_cube(unit: float) -> None:
    with pytest.raises(SpaceError, match=re.escape(f"'lr' is {unit!r}")):
        Space(OPTIMIZERS).decode([0.5] * 4 + [unit])


GOOD: dict[str, Any] = {"optimizer": {"name": "sgd", "momentum": 0.5, "nesterov": True}, "lr": 0.1, "epochs": 3}


@pytest.mark.parametrize(
    ("change", "culprit"),
    [
        ({"lr": 2}, "'lr' is 2, .*0.0001 to 1.0"),
        ({"lr": math.nan}, "'lr' is nan"),
        ({"lr": "0.1"}, "'lr' is '0.1'"),
        ({"lr": True}, "'lr' is True"),
        ({"lr": 10**400}, "'lr' is 1000"),
        ({"epochs": 4}, "'epochs' is 4, .*3"),
        ({"Lr": 0.1}, "'Lr': did you mean 'lr'"),
        ({"optimizer": "adam"}, "'optimizer' is 'adam'"),
        ({"optimizer": {"name": "sgd", "nesterov": True}}, r"'optimizer\[0\]/momentum'"),
        ({"optimizer": {"name": "adam", "betas": {"one": 0.85}}}, r"'optimizer\[1\]/betas/one' is 0.85"),
        ({"optimizer": {"name": "adam", "betas": 1}}, r"'optimizer\[1\]/betas' is 1, .*'one'"),
        ({"optimizer": {"name": "lion"}}, r"{'name': 'sgd', 'momentum': \.\.\., 'nesterov': \.\.\.}, "),
    ],
)
def test_check_names_what_is_wrong(change: dict[str, Any], culprit: str) -> None:
    space = Space(OPTIMIZERS)
    space.check(GOOD)
    assert not space.contains({**GOOD, **change})
    with pytest.raises(SpaceError, match=culprit):
        space.check({**GOOD, **change})


@pytest.mark.parametrize("key", list(GOOD))
def test_check_names_what_is_missing(key: str) -> None:
    config = {name: value for name, value in GOOD.items() if name != key}
    with pytest.raises(SpaceError, match=repr(key)):
        Space(OPTIMIZERS).check(config)


def test_complete_adds_constants_and_makes_values_native() -> None:
    space = Space(
        {"n": tune.randint(0, 9), "x": tune.quniform(0, 1, 0.1), "fixed": {"deep": [1]}, "c": tune.choice([1, 2])}
    )
    config = space.complete({"n": np.int64(3), "x": np.float64(0.3), "c": np.int64(2)})
    assert config == {"n": 3, "x": 3 * 0.1, "fixed": {"deep": [1]}, "c": 2}
    assert [type(config[key]) for key in ("n", "x", "c")] == [int, float, int]
    with pytest.raises(SpaceError, match="'n'"):
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


def test_changing_a_config_does_not_change_the_space() -> None:
    space = Space({"layers": [1, 2], "c": tune.choice([[3], {"d": [4]}])})
    for unit in (0.0, 1.0):
        first = space.decode([unit])
        first["layers"].append(0)
        (first["c"] if unit == 0.0 else first["c"]["d"]).append(0)
    assert space.decode([0.0]) == {"layers": [1, 2], "c": [3]}
    assert space.decode([1.0]) == {"layers": [1, 2], "c": {"d": [4]}}


def test_a_choice_may_have_any_objects_as_options() -> None:
    things = [
        Thing(),
        Thing(),
        len,
        (1, 2),
        np.arange(3),
        np.arange(4),
        math.nan,
        {"a": 1},
        Thing,
        b"x",
    ]
    space = Space({"thing": tune.choice(things)})
    for position, thing in enumerate(things):
        unit = (position + 0.5) / len(things)
        assert space.decode([unit])["thing"] is thing or space.decode([unit])["thing"] == thing
        assert space.encode({"thing": thing}) == pytest.approx([unit])
    assert space.encode({"thing": [1, 2]}) == space.encode({"thing": (1, 2)})  # as JSON returns it
    assert not space.contains({"thing": Thing()})


def test_an_option_may_be_a_domain() -> None:
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


def test_a_grid_is_the_product_with_conditional_parameters_below_their_option() -> None:
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
def test_a_grid_rejects_infinitely_many_values_by_name(domain: Domain) -> None:
    space = Space({"c": tune.choice([1, 2]), "m": {"x": domain}})
    with pytest.raises(SpaceError, match="'m/x'"):
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


def test_an_unsupported_feature_is_rejected_with_the_first_parameter_that_has_it() -> None:
    space = Space(OPTIMIZERS)
    space.check_supported("searcher 'tpe'", supported=FEATURES, remedy="")
    plain = FEATURES.keys() - {"conditional"}
    with pytest.raises(SpaceError, match=r"^searcher 'gp' .*'optimizer\[0\]/momentum'.*conditional: use tpe$"):
        space.check_supported("searcher 'gp'", supported=plain, remedy="use tpe")
    with pytest.raises(ArgumentError, match=r"'condtional'.*'conditional'"):
        space.check_supported("searcher 'gp'", supported={"condtional"}, remedy="")


def test_unflatten_rejects_invalid_values() -> None:
    space = Space(OPTIMIZERS)
    assert space.unflatten({"optimizer": 2, "lr": 0.5, "optimizer[0]/momentum": 0.5})["optimizer"] == "none"
    with pytest.raises(SpaceError, match="'Lr'"):
        space.unflatten({"Lr": 1})
    with pytest.raises(SpaceError, match=r"'optimizer' is 3, .*0 to 2"):
        space.unflatten({"optimizer": 3, "lr": 0.5})
    with pytest.raises(SpaceError, match="'lr'"):
        space.unflatten({"optimizer": 2})


def test_bounds_are_inclusive_even_if_ray_s_are_not() -> None:
    def bounds(domain: Domain) -> tuple[float, float]:
        parameter = Space({"x": domain}).parameters[0]
        return parameter.lower, parameter.upper

    assert bounds(tune.randint(0, 10)) == (0, 9)
    assert bounds(tune.qrandint(0, 10, 1)) == (0, 9)
    assert bounds(tune.qrandint(0, 10, 5)) == (0, 10)
    assert bounds(tune.qlograndint(3, 21, 4)) == (4, 20)


def test_sampling_does_not_change_the_global_generators() -> None:
    before = random.getstate(), np.random.get_state()[1].tolist()  # type: ignore[index] # noqa: NPY002
    Space(OPTIMIZERS).sample(np.random.default_rng(0))
    assert before == (random.getstate(), np.random.get_state()[1].tolist())  # type: ignore[index] # noqa: NPY002


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
    converted = space.to_configspace(seed=1)
    assert set(converted) == set(space.names)
    assert (converted["lr"].lower, converted["lr"].upper, converted["lr"].log) == (1e-4, 1.0, True)
    assert (converted["n"].lower, converted["n"].upper) == (1, 4)
    assert (converted["batch"].lower, converted["batch"].upper, converted["batch"].log) == (1, 8, True)  # steps of 8
    assert tuple(converted["s"].choices) == ("a", "b")
    conditions = {(c.child.name, c.parent.name, c.value) for c in converted.conditions}
    assert ("optimizer[1]/betas/one", "optimizer", 1) in conditions
    assert all(isinstance(condition, package.EqualsCondition) for condition in converted.conditions)
    shared = {c.child.name: c.values for c in Space(SHARED).to_configspace().conditions if hasattr(c, "values")}
    assert shared == {"optimizer[0,2]/momentum": [0, 2], "optimizer[0,2]/more/schedule": [0, 2]}
    with pytest.raises(SpaceError, match="'x'"):
        space.from_configspace({"x": 1})
    with pytest.raises(SpaceError, match="'s' is 'c'"):
        space.from_configspace({"s": "c"})


def test_nan_is_an_option_like_any_other() -> None:
    space = Space({"x": tune.choice([math.nan, 1.0])})
    assert space.flatten({"x": float("nan")}) == {"x": 0}
    with pytest.raises(SpaceError, match="options 0 and 1"):
        Space({"x": tune.choice([math.nan, float("nan")])})
