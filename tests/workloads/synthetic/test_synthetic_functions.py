"""The synthetic functions: their noise is as documented, and the same everywhere."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from raytune_suite.errors import ArgumentError, UnknownNameError
from raytune_suite.workloads.synthetic.synthetic_functions import (
    Branin,
    Choice,
    CountingOnes,
    Currin,
    MFHartmann,
    SyntheticFunction,
)

if TYPE_CHECKING:
    from raytune_suite.types import Config

ROOT = Path(__file__).parents[3]
FUNCTIONS: list[SyntheticFunction] = [
    *(MFHartmann(dimensions=d, variant=v) for d in (3, 6) for v in ("default", "good", "moderate", "bad", "terrible")),
    CountingOnes(),
    CountingOnes(categorical=50, continuous=50),
    Branin(),
    Branin(noise=0.5),
    Currin(),
    Currin(noise=0.5),
]
RUNGS = np.array([1, 3, 9, 27, 81]) - 1


def name(function: SyntheticFunction) -> str:
    return function.name


def sample(function: SyntheticFunction, seed: int) -> Config:
    rng = np.random.default_rng(seed)
    return {
        key: int(rng.choice(kind.values)) if isinstance(kind, Choice) else float(rng.uniform(kind.low, kind.high))
        for key, kind in function.parameters.items()
    }


every_function = pytest.mark.parametrize("function", FUNCTIONS, ids=name)


def test_the_names_differ() -> None:
    assert len({function.name for function in FUNCTIONS}) == len(FUNCTIONS)


@every_function
def test_the_best_config_has_the_best_value_and_no_regret(function: SyntheticFunction) -> None:
    assert function.exact(function.best) == pytest.approx(function.bounds[0], abs=1e-12)
    assert function.regret(function.best) == pytest.approx(0, abs=1e-12)


@every_function
@pytest.mark.slow
def test_every_exact_value_lies_within_the_bounds(function: SyntheticFunction) -> None:
    low, high = sorted(function.bounds)
    for seed in range(60):
        config = sample(function, seed)
        assert low <= function.exact(config) <= high
        assert 0 <= function.regret(config) <= high - low


@every_function
def test_a_curve_has_a_report_for_each_unit_and_the_declared_cost(function: SyntheticFunction) -> None:
    config = sample(function, 0)
    curve = function.curve(config, 0)
    assert curve.resource.tolist() == list(range(1, 82))
    assert curve.metrics["value"].shape == curve.seconds.shape == (81,)
    assert np.isfinite(curve.metrics["value"]).all()
    assert (curve.seconds > 0).all()
    assert curve.seconds.sum() == pytest.approx(81 * function.seconds_per_unit(config))


@every_function
def test_only_the_parameters_and_the_seed_matter(function: SyntheticFunction) -> None:
    config = sample(function, 0)
    values = function.values(config, 1)
    with_more = {"seed": 7, "fidelity": 3, **dict(reversed(config.items()))}
    with_numpy = {key: np.float64(value) for key, value in config.items()}
    assert np.array_equal(function.values(with_more, 1), values)
    assert np.array_equal(function.values(with_numpy, 1), values)


@every_function
def test_every_seed_and_config_has_its_own_noise(function: SyntheticFunction) -> None:
    def noise(config: Config, seed: int) -> Any:
        return (function.values(config, seed) - function.expected(function.vector(config)))[:80]

    first, second = sample(function, 0), sample(function, 1)
    if isinstance(function, (Branin, Currin)) and function.noise == 0:
        assert not noise(first, 0).any()
        return
    assert noise(first, 0).all()
    assert not np.isclose(noise(first, 0), noise(first, 1)).any()
    assert not np.isclose(noise(first, 0), noise(second, 0)).any()


def test_every_variant_has_its_own_noise() -> None:
    good, bad = MFHartmann(variant="good"), MFHartmann(variant="bad")
    config = sample(good, 0)
    first, second = (p.values(config, 0) - p.expected(p.vector(config)) for p in (good, bad))
    assert not np.isclose(first[:80] / 2, second[:80] / 4).any()


def test_the_noise_of_mf_hartmann_is_half_a_gaussian_that_shrinks_with_the_fidelity() -> None:
    function = MFHartmann(variant="terrible")
    config = sample(function, 0)
    noise = np.array([function.values(config, seed) for seed in range(500)]) - function.expected(
        function.vector(config)
    )
    assert (noise >= 0).all()
    assert not noise[:, -1].any(), "at z = 100 all seeds agree"
    standardized = noise[:, :-1] / (5 * (1 - np.log(100 * np.arange(1, 81) / 81) / math.log(100)))
    assert standardized.mean() == pytest.approx(math.sqrt(2 / math.pi), abs=0.02)
    assert standardized.var() == pytest.approx(1 - 2 / math.pi, abs=0.02)
    correlations = np.asarray(np.corrcoef(standardized, rowvar=False)) - np.eye(80)
    assert abs(correlations).max() < 0.25, "each fidelity has its own draw"


@pytest.mark.parametrize("function", [Branin(noise=2.0), Currin(noise=2.0)], ids=name)
def test_the_noise_of_the_planes_is_gaussian(function: SyntheticFunction) -> None:
    config = sample(function, 0)
    noise = np.array([function.values(config, seed) for seed in range(300)]) - function.expected(
        function.vector(config)
    )
    assert noise.mean() == pytest.approx(0, abs=0.05)
    assert noise.std() == pytest.approx(2, abs=0.05)


def test_counting_ones_has_the_papers_fidelities() -> None:
    assert CountingOnes().draws()[RUNGS].tolist() == [72, 216, 648, 1944, 5832]
    papers = [1152 / 100, 3456 / 100, 10368 / 100, 31104 / 100, 93312 / 100]
    assert CountingOnes(categorical=50, continuous=50).draws()[RUNGS].tolist() == [int(budget) for budget in papers]


@pytest.mark.parametrize("function", [CountingOnes(), CountingOnes(categorical=50, continuous=50)], ids=name)
@pytest.mark.slow
def test_counting_ones_is_unbiased_with_the_variance_of_its_draws(function: CountingOnes) -> None:
    config = sample(function, 0)
    x = function.vector(config)
    errors = np.array([function.values(config, seed) for seed in range(400)]) - function.expected(x)
    probabilities, d = x[function.categorical :], function.categorical + function.continuous
    deviation = np.sqrt((probabilities * (1 - probabilities)).sum() / function.draws()) / d
    standardized = errors / deviation
    assert abs(standardized.mean(axis=0)).max() < 4 / math.sqrt(400)
    assert standardized.std(axis=0) == pytest.approx(np.ones(81), abs=0.15)


def test_a_longer_training_of_counting_ones_keeps_its_draws() -> None:
    function = CountingOnes(categorical=1, continuous=1)
    draws = function.draws()
    ones = -2 * function.values({"cat_0": 1, "float_0": 0.3}, 0) * draws - draws
    assert ones == pytest.approx(ones.round(), abs=1e-6), "a number of draws"
    fresh = np.diff(ones.round(), prepend=0)
    assert (fresh >= 0).all()
    assert (fresh <= np.diff(draws, prepend=0)).all()


@pytest.mark.parametrize("bit", [0, 1])
def test_certain_draws_have_no_noise(bit: int) -> None:
    function = CountingOnes()
    config = {key: type(value)(bit) for key, value in function.best.items()}
    assert function.values(config, 0).tolist() == [-bit] * 81


@pytest.mark.parametrize("function", [p for p in FUNCTIONS if isinstance(p, MFHartmann)], ids=name)
def test_without_noise_mf_hartmann_decreases_with_the_fidelity(function: MFHartmann) -> None:
    for seed in range(20):
        assert (np.diff(function.expected(function.vector(sample(function, seed)))) <= 0).all()


def test_without_noise_currin_increases_with_the_fidelity() -> None:
    for seed in range(20):
        assert (np.diff(Currin().expected(Currin().vector(sample(Currin(), seed)))) >= 0).all()


def test_a_resource_is_a_share_of_the_highest_fidelity() -> None:
    assert MFHartmann().z()[RUNGS] == pytest.approx([100 / 81, 100 / 27, 100 / 9, 100 / 3, 100])
    assert MFHartmann(max_t=100).z().tolist() == pytest.approx(list(range(1, 101)))
    assert Branin(max_t=4).z().tolist() == [0.25, 0.5, 0.75, 1.0]


def test_the_costs_are_those_of_the_papers() -> None:
    assert np.cumsum(MFHartmann(max_t=100).curve(sample(MFHartmann(), 0), 0).seconds)[[0, 9, 99]] == pytest.approx(
        [0.05 + 0.95 * (z / 100) ** 2 for z in (1, 10, 100)]
    )
    assert Branin(max_t=4).total_seconds() == pytest.approx([0.05 + 0.95 * z**1.5 for z in (0.25, 0.5, 0.75, 1)])


GOLDEN: list[tuple[SyntheticFunction, list[float]]] = [
    (MFHartmann(variant="good"), [1.378179565, 0.177173675, -0.698322874]),
    (MFHartmann(dimensions=6, variant="terrible"), [3.363456276, 1.068723638, -1.018818056]),
    (CountingOnes(), [-0.647569444, -0.650430813, -0.650548697]),
    (CountingOnes(categorical=50, continuous=50), [-0.641818182, -0.650546624, -0.648885316]),
    (Branin(noise=0.5), [46.605755036, 46.206981351, 46.22793347]),
    (Currin(noise=0.5), [10.785729601, 11.372643635, 11.069753292]),
]
"""At t = 1, 27, 81, all choices 1 and all numbers 0.3, seed 3: numpy 1.26.4 and 2.4.6 agree to the last bit."""


@pytest.mark.parametrize(("function", "expected"), GOLDEN, ids=[function.name for function, _ in GOLDEN])
def test_the_noise_never_changes(function: SyntheticFunction, expected: list[float]) -> None:
    config = {key: 1 if isinstance(kind, Choice) else 0.3 for key, kind in function.parameters.items()}
    assert function.values(config, 3)[[0, 26, 80]] == pytest.approx(expected, abs=1e-9)


@pytest.mark.process
@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_a_fresh_process_without_ray_torch_and_pandas_gives_the_same_curves(hash_seed: str) -> None:
    absent = ("ray", "torch", "pandas", "scipy", "pyarrow", "sklearn", "rich")
    program = (
        f"import sys; sys.modules.update(dict.fromkeys({absent!r}))\n"
        "import json\n"
        "from raytune_suite.workloads.synthetic.synthetic_functions import CountingOnes, MFHartmann\n"
        "print(json.dumps([MFHartmann(variant='bad').curve({'X_0': .1, 'X_1': .2, 'X_2': .3}, 4).metrics['value']"
        ".tolist(), CountingOnes().values(CountingOnes().best | {'float_0': 0.5}, 4).tolist()]))"
    )
    environment = {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": hash_seed, "PATH": os.environ["PATH"]}
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    here = [
        MFHartmann(variant="bad").values({"X_0": 0.1, "X_1": 0.2, "X_2": 0.3}, 4).tolist(),
        CountingOnes().values(CountingOnes().best | {"float_0": 0.5}, 4).tolist(),
    ]
    assert json.loads(done.stdout) == here


@pytest.mark.parametrize(
    ("call", "culprit"),
    [
        (lambda: MFHartmann(dimensions=4), "`dimensions` is 4"),
        (lambda: MFHartmann(variant="terible"), "'terrible'"),
        (lambda: MFHartmann(max_t=243), "`max_t` is 243, .*100"),
        (lambda: MFHartmann(max_t=0), "`max_t` is 0"),
        (lambda: CountingOnes(categorical=0), "`categorical` is 0"),
        (lambda: CountingOnes(continuous=0), "`continuous` is 0"),
        (lambda: CountingOnes(max_t=6000), "`max_t` is 6000, .*5832"),
        (lambda: Branin(noise=-1), "`noise` is -1"),
        (lambda: Currin(noise=float("nan")), "`noise` is nan"),
        (lambda: MFHartmann().values({"X_0": 0.5, "X_1": 0.5}, 0), "`X_2` is None"),
        (lambda: MFHartmann().values({"X_0": 0.5, "X_1": 0.5, "X_2": 1.01}, 0), r"`X_2` is 1.01, .*\[0, 1\]"),
        (lambda: Branin().values({"x1": math.nan, "x2": 0}, 0), "`x1` is nan"),
        (lambda: CountingOnes().values(CountingOnes().best | {"cat_3": 2}, 0), r"`cat_3` is 2, .*\(0, 1\)"),
        (lambda: Branin().values(Branin().best, -1), "`seed` is -1"),
    ],
)
def test_invalid_arguments_are_rejected_by_name(call: Any, culprit: str) -> None:
    with pytest.raises((ArgumentError, UnknownNameError), match=culprit):
        call()
