"""The synthetic problems: the noise is what it is said to be, and the same everywhere."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
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
PROBLEMS: list[SyntheticFunction] = [
    *(MFHartmann(dimensions=d, variant=v) for d in (3, 6) for v in ("default", "good", "moderate", "bad", "terrible")),
    CountingOnes(),
    CountingOnes(categorical=50, continuous=50),
    Branin(),
    Branin(noise=0.5),
    Currin(),
    Currin(noise=0.5),
]
RUNGS = np.array([1, 3, 9, 27, 81]) - 1


def name(problem: SyntheticFunction) -> str:
    return problem.name


def sample(problem: SyntheticFunction, seed: int) -> Config:
    rng = np.random.default_rng(seed)
    return {
        key: int(rng.choice(kind.values)) if isinstance(kind, Choice) else float(rng.uniform(kind.low, kind.high))
        for key, kind in problem.parameters.items()
    }


every_problem = pytest.mark.parametrize("problem", PROBLEMS, ids=name)


def test_the_names_differ() -> None:
    assert len({problem.name for problem in PROBLEMS}) == len(PROBLEMS)


@every_problem
def test_the_best_config_has_the_best_value_and_no_regret(problem: SyntheticFunction) -> None:
    assert problem.exact(problem.best) == pytest.approx(problem.bounds[0], abs=1e-12)
    assert problem.regret(problem.best) == pytest.approx(0, abs=1e-12)


@every_problem
def test_every_exact_value_lies_within_the_bounds(problem: SyntheticFunction) -> None:
    low, high = sorted(problem.bounds)
    for seed in range(300):
        config = sample(problem, seed)
        assert low <= problem.exact(config) <= high
        assert 0 <= problem.regret(config) <= high - low


@every_problem
def test_a_curve_has_a_report_for_each_unit_and_costs_what_is_declared(problem: SyntheticFunction) -> None:
    config = sample(problem, 0)
    curve = problem.curve(config, 0)
    assert curve.resource.tolist() == list(range(1, 82))
    assert curve.metrics["value"].shape == curve.seconds.shape == (81,)
    assert np.isfinite(curve.metrics["value"]).all()
    assert (curve.seconds > 0).all()
    assert curve.seconds.sum() == pytest.approx(81 * problem.seconds_per_unit(config))


@every_problem
def test_only_the_parameters_and_the_seed_matter(problem: SyntheticFunction) -> None:
    config = sample(problem, 0)
    values = problem.values(config, 1)
    with_more = {"seed": 7, "fidelity": 3, **dict(reversed(config.items()))}
    with_numpy = {key: np.float64(value) for key, value in config.items()}
    assert np.array_equal(problem.values(with_more, 1), values)
    assert np.array_equal(problem.values(with_numpy, 1), values)


@every_problem
def test_seeds_and_configs_have_noise_of_their_own(problem: SyntheticFunction) -> None:
    def noise(config: Config, seed: int) -> Any:
        return (problem.values(config, seed) - problem.expected(problem.vector(config)))[:80]

    first, second = sample(problem, 0), sample(problem, 1)
    if isinstance(problem, (Branin, Currin)) and problem.noise == 0:
        assert not noise(first, 0).any()
        return
    assert noise(first, 0).all()
    assert not np.isclose(noise(first, 0), noise(first, 1)).any()
    assert not np.isclose(noise(first, 0), noise(second, 0)).any()


def test_variants_and_dimensions_have_noise_of_their_own() -> None:
    good, bad = MFHartmann(variant="good"), MFHartmann(variant="bad")
    config = sample(good, 0)
    first, second = (p.values(config, 0) - p.expected(p.vector(config)) for p in (good, bad))
    assert not np.isclose(first[:80] / 2, second[:80] / 4).any()


def test_the_noise_of_mf_hartmann_is_half_a_gaussian_that_shrinks_with_the_fidelity() -> None:
    problem = MFHartmann(variant="terrible")
    config = sample(problem, 0)
    noise = np.array([problem.values(config, seed) for seed in range(500)]) - problem.expected(problem.vector(config))
    assert (noise >= 0).all()
    assert not noise[:, -1].any(), "at z = 100 all seeds agree"
    standardized = noise[:, :-1] / (5 * (1 - np.log(100 * np.arange(1, 81) / 81) / math.log(100)))
    assert standardized.mean() == pytest.approx(math.sqrt(2 / math.pi), abs=0.02)
    assert standardized.var() == pytest.approx(1 - 2 / math.pi, abs=0.02)
    correlations = np.asarray(np.corrcoef(standardized, rowvar=False)) - np.eye(80)
    assert abs(correlations).max() < 0.25, "each fidelity has a draw of its own"


@pytest.mark.parametrize("problem", [Branin(noise=2.0), Currin(noise=2.0)], ids=name)
def test_the_noise_of_the_planes_is_gaussian(problem: SyntheticFunction) -> None:
    config = sample(problem, 0)
    noise = np.array([problem.values(config, seed) for seed in range(300)]) - problem.expected(problem.vector(config))
    assert noise.mean() == pytest.approx(0, abs=0.05)
    assert noise.std() == pytest.approx(2, abs=0.05)


def test_counting_ones_has_the_papers_fidelities() -> None:
    assert CountingOnes().draws()[RUNGS].tolist() == [72, 216, 648, 1944, 5832]
    papers = [1152 / 100, 3456 / 100, 10368 / 100, 31104 / 100, 93312 / 100]
    assert CountingOnes(categorical=50, continuous=50).draws()[RUNGS].tolist() == [int(budget) for budget in papers]


@pytest.mark.parametrize("problem", [CountingOnes(), CountingOnes(categorical=50, continuous=50)], ids=name)
def test_counting_ones_means_so_many_draws_and_is_not_biased(problem: CountingOnes) -> None:
    config = sample(problem, 0)
    x = problem.vector(config)
    errors = np.array([problem.values(config, seed) for seed in range(400)]) - problem.expected(x)
    probabilities, d = x[problem.categorical :], problem.categorical + problem.continuous
    deviation = np.sqrt((probabilities * (1 - probabilities)).sum() / problem.draws()) / d
    standardized = errors / deviation
    assert abs(standardized.mean(axis=0)).max() < 4 / math.sqrt(400)
    assert standardized.std(axis=0) == pytest.approx(np.ones(81), abs=0.15)


def test_a_longer_training_of_counting_ones_keeps_what_it_has_drawn() -> None:
    problem = CountingOnes(categorical=1, continuous=1)
    draws = problem.draws()
    ones = -2 * problem.values({"cat_0": 1, "float_0": 0.3}, 0) * draws - draws
    assert ones == pytest.approx(ones.round(), abs=1e-6), "a number of draws"
    fresh = np.diff(ones.round(), prepend=0)
    assert (fresh >= 0).all()
    assert (fresh <= np.diff(draws, prepend=0)).all()


@pytest.mark.parametrize("bit", [0, 1])
def test_certain_draws_have_no_noise(bit: int) -> None:
    problem = CountingOnes()
    config = {key: type(value)(bit) for key, value in problem.best.items()}
    assert problem.values(config, 0).tolist() == [-bit] * 81


@pytest.mark.parametrize("problem", [p for p in PROBLEMS if isinstance(p, MFHartmann)], ids=name)
def test_without_noise_mf_hartmann_falls_with_the_fidelity(problem: MFHartmann) -> None:
    for seed in range(20):
        assert (np.diff(problem.expected(problem.vector(sample(problem, seed)))) <= 0).all()


def test_without_noise_currin_rises_with_the_fidelity() -> None:
    for seed in range(20):
        assert (np.diff(Currin().expected(Currin().vector(sample(Currin(), seed)))) >= 0).all()


def test_a_resource_is_a_share_of_the_highest_fidelity() -> None:
    assert MFHartmann().z()[RUNGS] == pytest.approx([100 / 81, 100 / 27, 100 / 9, 100 / 3, 100])
    assert MFHartmann(max_t=100).z().tolist() == pytest.approx(list(range(1, 101)))
    assert Branin(max_t=4).z().tolist() == [0.25, 0.5, 0.75, 1.0]


def test_the_costs_are_the_papers() -> None:
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


@pytest.mark.parametrize(("problem", "expected"), GOLDEN, ids=[problem.name for problem, _ in GOLDEN])
def test_the_noise_is_the_same_for_ever(problem: SyntheticFunction, expected: list[float]) -> None:
    config = {key: 1 if isinstance(kind, Choice) else 0.3 for key, kind in problem.parameters.items()}
    assert problem.values(config, 3)[[0, 26, 80]] == pytest.approx(expected, abs=1e-9)


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


@every_problem
def test_a_curve_is_quick(problem: SyntheticFunction) -> None:
    config = sample(problem, 0)

    def seconds() -> float:
        start = time.perf_counter()
        for seed in range(20):
            problem.curve(config, seed)
        return (time.perf_counter() - start) / 20

    assert min(seconds() for _ in range(5)) < 3e-3, "ten times what it takes on an idle machine"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MFHartmann(dimensions=4), "`dimensions` is 4"),
        (lambda: MFHartmann(variant="terible"), "did you mean 'terrible'"),
        (lambda: MFHartmann(max_t=243), "`max_t` is 243, but must be at most 100"),
        (lambda: MFHartmann(max_t=0), "`max_t` is 0"),
        (lambda: CountingOnes(categorical=0), "`categorical` is 0"),
        (lambda: CountingOnes(continuous=0), "`continuous` is 0"),
        (lambda: CountingOnes(max_t=6000), "`max_t` is 6000, but with 16 dimensions must be at most 5832"),
        (lambda: Branin(noise=-1), "`noise` is -1"),
        (lambda: Currin(noise=float("nan")), "`noise` is nan"),
        (lambda: MFHartmann().values({"X_0": 0.5, "X_1": 0.5}, 0), "`X_2` is None"),
        (lambda: MFHartmann().values({"X_0": 0.5, "X_1": 0.5, "X_2": 1.01}, 0), r"`X_2` is 1.01, .* in \[0, 1\]"),
        (lambda: Branin().values({"x1": math.nan, "x2": 0}, 0), "`x1` is nan"),
        (lambda: CountingOnes().values(CountingOnes().best | {"cat_3": 2}, 0), r"`cat_3` is 2, .* one of \(0, 1\)"),
        (lambda: Branin().values(Branin().best, -1), "`seed` is -1"),
    ],
)
def test_what_has_no_value_is_rejected_by_name(make: Any, message: str) -> None:
    with pytest.raises((ArgumentError, UnknownNameError), match=message):
        make()
