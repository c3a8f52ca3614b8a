"""Properties that hold for every kind of domain."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from ray import tune
from ray.tune.search.sample import Quantized

from raytune_suite.spaces import Space

quick = settings(max_examples=20, deadline=None)

UNITS = st.floats(0.0, 1.0)


def quantized(lower: float, upper: float, q: float, *, log: bool) -> Any:
    """Return the domain of tune.quniform, except that q need not divide the bounds."""
    domain: Any = tune.loguniform(lower, upper) if log else tune.uniform(lower, upper)
    domain.set_sampler(Quantized(domain.get_sampler(), q), allow_override=True)
    return domain


@st.composite
def numbers(draw: st.DrawFn) -> Any:
    kind = draw(st.sampled_from(["float", "quantized", "integer", "normal"]))
    log = draw(st.booleans())
    if kind == "normal":
        mean, sd = draw(st.floats(-1e3, 1e3)), draw(st.floats(1e-3, 1e3))
        return tune.qrandn(mean, sd, draw(st.floats(0.01, 100)) * sd) if log else tune.randn(mean, sd)
    if kind == "integer":
        lower = draw(st.integers(1, 10**6) if log else st.integers(-(10**6), 10**6))
        upper = lower + draw(st.integers(1, 10**9))
        step = draw(st.integers(1, 1000))
        assume(step == 1 or (step <= upper - lower and upper // step >= -(-lower // step)))
        return tune.qlograndint(lower, upper, step) if log else tune.qrandint(lower, upper, step)
    start = draw(st.floats(1e-9, 1e3) if log else st.floats(-1e3, 1e3))
    end = start + draw(st.floats(1e-3, 1e3))
    if kind == "float":
        return tune.loguniform(start, end) if log else tune.uniform(start, end)
    q = (end - start) * draw(st.floats(1e-4, 1.0))
    assume(math.floor(end / q) > math.ceil(start / q))
    return quantized(start, end, q, log=log)


CATEGORIES = st.lists(
    st.one_of(st.integers(), st.text(max_size=5), st.booleans(), st.none()), min_size=1, max_size=103, unique_by=repr
)


@st.composite
def spaces(draw: st.DrawFn, depth: int = 2) -> dict[str, Any]:
    """A dict of domains, constants, dicts and conditional choices."""
    parts: list[st.SearchStrategy[Any]] = [numbers(), CATEGORIES.map(tune.choice), CATEGORIES.map(tune.grid_search)]
    if depth:
        tagged = st.lists(spaces(depth=depth - 1), min_size=1, max_size=3)
        parts += [spaces(depth=depth - 1)]
        shared = draw(st.one_of(st.just({}), st.fixed_dictionaries({"shared": st.one_of(parts)})))
        parts += [tagged.map(lambda options: tune.choice([{"tag": i, **o, **shared} for i, o in enumerate(options)]))]
    space = {"first": draw(numbers()), "fixed": draw(st.sampled_from([None, 1, "x", [1, 2], {"y": 0.5}]))}
    return {**space, **draw(st.dictionaries(st.text("abc[0]", min_size=1, max_size=3), st.one_of(parts), max_size=3))}


def is_native(value: Any) -> bool:
    if isinstance(value, dict):
        return all(is_native(inner) for inner in value.values())
    return type(value) in (int, float, str, bool, list, type(None))


def close(a: Any, b: Any, width: float = 1e6) -> bool:
    """Equal up to rounding errors of floats."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(close(a[key], b[key]) for key in a)
    return type(a) is type(b) and (
        math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-15 * width) if type(a) is float else bool(a == b)
    )


def compiled(param_space: dict[str, Any]) -> Space:
    try:
        return Space(param_space)
    except ValueError as error:
        assume("two parameters are named" not in str(error))  # a key with brackets collides with a choice
        raise


@quick
@given(numbers(), UNITS)
def test_every_unit_value_is_a_member_and_survives_the_round_trip(domain: Any, unit: float) -> None:
    space = Space({"x": domain})
    config = space.decode([unit])
    space.check(config)
    value: Any = config["x"]
    parameter = space.parameters[0]
    assert type(value).__name__ == {"integer": "int", "float": "float"}[parameter.kind]
    assert parameter.lower <= value <= parameter.upper
    encoded = space.encode(config)
    again = space.decode(encoded)["x"]
    if parameter.q is None and parameter.kind == "float":
        scale = (
            max(abs(parameter.lower), abs(parameter.upper))
            if parameter.normal is None
            else sum(map(abs, parameter.normal))
        )
        assert again == pytest.approx(value, rel=1e-9, abs=1e-9 * scale)
        assert space.encode({"x": again}) == pytest.approx(encoded, abs=1e-12)
    else:
        assert again == value
        assert (space.encode({"x": again}) == encoded).all()


@quick
@given(numbers(), st.integers(0, 2**32 - 1))
def test_samples_of_ray_are_members_and_survive_the_round_trip(domain: Any, seed: int) -> None:
    space = Space({"x": domain})
    for drawn in domain.sample(size=20, random_state=seed):
        value = domain.cast(drawn)
        if space.parameters[0].log and space.parameters[0].kind == "integer":
            value = max(value, int(space.parameters[0].lower))  # Ray's floor(exp(log(x))) may be x - 1
        space.check({"x": value})
        again = space.decode(space.encode({"x": value}))["x"]
        discrete = space.parameters[0].q is not None or space.parameters[0].kind == "integer"
        assert again == (value if discrete else pytest.approx(value, rel=1e-9, abs=1e-6))


@quick
@given(spaces(), st.integers(0, 2**32 - 1))
@pytest.mark.slow
def test_whole_spaces_round_trip(param_space: dict[str, Any], seed: int) -> None:
    space = compiled(param_space)
    for _ in range(5):
        config = space.sample(np.random.default_rng(seed))
        space.check(config)
        assert space.contains(config)
        assert is_native(config)
        assert config["fixed"] == param_space["fixed"]
        vector = space.encode(config)
        assert vector.shape == (len(space),)
        assert vector.dtype == np.float64
        assert close(space.decode(vector), config)
        assert np.allclose(space.encode(space.decode(vector)), vector, rtol=0, atol=1e-12, equal_nan=True)
        flat = space.flatten(config)
        assert set(flat) == {name for name, unit in zip(space.names, vector, strict=True) if not math.isnan(unit)}
        assert space.unflatten(flat) == config
        assert space.complete(config) == config


@quick
@given(spaces())
@pytest.mark.slow
def test_the_corners_of_the_cube_are_members(param_space: dict[str, Any]) -> None:
    space = compiled(param_space)
    for corner in (0.0, 1.0):
        space.check(space.decode(np.full(len(space), corner)))


@pytest.mark.parametrize("size", [1, 2, 3, 49, 98, 103, 1000])
@pytest.mark.parametrize("kind", ["choice", "randint"])
def test_discrete_values_have_equal_cells_encoded_by_their_middles(size: int, kind: str) -> None:
    space = Space({"x": tune.choice(list(range(size))) if kind == "choice" else tune.randint(0, size)})
    for value in range(size):
        assert space.encode({"x": value})[0] == pytest.approx((value + 0.5) / size)
        assert space.decode([(value + 1e-9) / size]) == {"x": value}
        assert space.decode([(value + 1 - 1e-9) / size]) == {"x": value}
    assert space.decode([0.0]) == {"x": 0}
    assert space.decode([1.0]) == {"x": size - 1}


@pytest.mark.parametrize(
    "domain",
    [
        tune.lograndint(1, 2**40),
        tune.lograndint(2**40 - 9, 2**40),
        tune.qlograndint(3, 3 * 2**40, 3),
        tune.randint(-(2**47), 2**47),
        tune.randint(2**62, 2**62 + 5),
        quantized(-1.0, 1.0, 2.0**-46, log=False),
        quantized(2.0**-40, 1.0, 2.0**-40, log=True),
        tune.qrandn(0.0, 1.0, 1.1e-7),
        tune.qrandn(-100.3, 0.001, 1.0),
    ],
)
def test_the_finest_grids_survive_the_round_trip(domain: Any) -> None:
    space = Space({"x": domain})
    for unit in [0.0, 1e-16, 1e-9, *np.random.default_rng(0).random(200).tolist(), 1 - 1e-9, math.nextafter(1, 0), 1.0]:
        config = space.decode([unit])
        vector = space.encode(config)
        assert space.decode(vector) == config
        assert space.encode(space.decode(vector)) == vector


def test_log_integers_have_ray_s_cells() -> None:
    parameter = Space({"x": tune.lograndint(2, 9)}).parameters[0]
    for value in range(2, 9):
        low, high = (math.log(edge / 2) / math.log(9 / 2) for edge in (value, value + 1))
        assert parameter.value(low + 1e-12) == parameter.value(high - 1e-12) == value
        assert parameter.unit(value) == pytest.approx((low + high) / 2)


@pytest.mark.parametrize(
    "domain",
    [
        tune.quniform(0.1, 1.0, 0.1),
        tune.qloguniform(0.1, 1.0, 0.1),
        quantized(0.05, 0.97, 0.1, log=False),
        quantized(0.05, 0.97, 0.1, log=True),
        tune.qrandint(3, 20, 4),
        tune.qrandint(3, 20, 1),
        tune.qlograndint(3, 20, 4),
        tune.lograndint(1, 9),
        tune.randint(-3, 3),
        tune.choice(["a", "b", "c"]),
        tune.qrandn(0, 1, 1.0),
    ],
)
def test_same_values_with_the_same_frequencies_as_ray(domain: Any) -> None:
    space, rng, draws = Space({"x": domain}), np.random.default_rng(0), 6_000
    theirs, their_counts = np.unique(domain.sample(size=draws, random_state=1), return_counts=True)
    ours, our_counts = np.unique([space.sample(rng)["x"] for _ in range(draws)], return_counts=True)
    if space.parameters[0].normal is None:
        assert ours.tolist() == theirs.tolist()
    common, mine, other = np.intersect1d(ours, theirs, return_indices=True)
    a, b = our_counts[mine].astype(float), their_counts[other].astype(float)
    statistic = np.sum((a - b) ** 2 / (a + b))  # chi-squared with len(common) - 1 degrees of freedom
    assert statistic < len(common) + 5 * math.sqrt(2 * len(common))


@pytest.mark.parametrize("domain", [tune.uniform(-1, 3), tune.loguniform(1e-5, 10), tune.randn(3, 2)])
def test_continuous_draws_have_ray_s_distribution(domain: Any) -> None:
    stats = pytest.importorskip("scipy.stats")
    space, rng = Space({"x": domain}), np.random.default_rng(0)
    ours = [space.sample(rng)["x"] for _ in range(5000)]
    assert stats.ks_2samp(ours, domain.sample(size=5000, random_state=1)).pvalue > 0.001


@settings(max_examples=15, deadline=None)
@given(spaces(), st.integers(0, 2**32 - 1))
@pytest.mark.slow
def test_samples_of_configspace_are_members(param_space: dict[str, Any], seed: int) -> None:
    pytest.importorskip("ConfigSpace")
    space = compiled(param_space)
    converted = space.to_configspace(seed=seed)
    for configuration in converted.sample_configuration(5):
        config = space.from_configspace(configuration)
        space.check(config)
        assert is_native(config)
        assert set(space.flatten(config)) == set(configuration)
