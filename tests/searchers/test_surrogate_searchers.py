"""What all searchers with a model of their own have in common."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from ray import tune
from threadpoolctl import threadpool_limits

from raytune_suite.errors import ArgumentError
from raytune_suite.searchers import SEARCHERS
from raytune_suite.searchers.random import RandomSearcher
from raytune_suite.searchers.surrogate import SurrogateSearcher
from tests.searchers.common import SMOOTH, best, minimize, smooth

if TYPE_CHECKING:
    from raytune_suite.searchers import AskTellSearcher

NAMES = [name for name in SEARCHERS if issubclass(SEARCHERS[name], SurrogateSearcher)]
COMMON: Any = {"metric": "loss", "mode": "min"}
CONDITIONAL = {
    "optimizer": tune.choice(
        [
            {"name": "sgd", "momentum": tune.uniform(0, 1), "rate": tune.loguniform(1e-4, 1)},
            {"name": "adam", "beta": tune.uniform(0, 1)},
            {"name": "none"},
        ]
    )
}

pytestmark = pytest.mark.parametrize("name", NAMES)


def searcher(name: str, space: dict[str, Any], **arguments: Any) -> AskTellSearcher:
    return SEARCHERS[name](**{"space": space, "seed": 1, **COMMON, **arguments})


def conditional(config: dict[str, Any]) -> float:
    chosen = config["optimizer"]
    if chosen["name"] == "sgd":
        return float(abs(chosen["momentum"] - 0.9) + abs(np.log10(chosen["rate"]) + 2))
    return 2 + abs(chosen["beta"] - 0.5) if chosen["name"] == "adam" else 4.0


@pytest.mark.e2e
def test_it_beats_random_search_in_a_mixed_space(name: str) -> None:
    ours = [best(minimize(searcher(name, SMOOTH, seed=seed), smooth, 45)) for seed in range(3)]
    random = [best(minimize(RandomSearcher(space=SMOOTH, seed=seed, **COMMON), smooth, 45)) for seed in range(6)]
    assert np.mean(ours) < 0.6 * np.mean(random)


@pytest.mark.e2e
def test_it_learns_which_option_is_good_and_its_parameters(name: str) -> None:
    done = minimize(searcher(name, CONDITIONAL, random_fraction=0.1), conditional, 40)
    late = [config["optimizer"]["name"] for config, _ in done[20:]]
    assert late.count("sgd") > 0.6 * len(late)
    assert best(done) < 0.5


@pytest.mark.e2e
def test_failures_are_avoided(name: str) -> None:
    def crashes(config: dict[str, Any]) -> float | None:
        return None if config["x"] > 0 else 5 + config["x"]

    done = minimize(searcher(name, {"x": tune.uniform(-5, 5), "y": tune.uniform(0, 1)}), crashes, 45)
    late = [value is None for _, value in done[25:]]
    assert np.mean(late) < 0.45
    assert best(done) < 1


def test_if_all_trials_fail_it_continues(name: str) -> None:
    done = minimize(searcher(name, {"x": tune.uniform(0, 1)}), lambda _config: None, 12)
    assert len({config["x"] for config, _ in done}) == 12


@pytest.mark.slow
def test_sixteen_parallel_suggestions_differ(name: str) -> None:
    tested = searcher(name, SMOOTH, random_fraction=0)
    minimize(tested, smooth, 12)
    waiting = [tested.suggest(f"w{number}") for number in range(16)]
    units = [
        (np.log10(config["lr"]) / 5, config["x"] / 10, config["layers"] / 9, config["kind"])
        for config in waiting
        if isinstance(config, dict)
    ]
    assert len({str(config) for config in waiting}) == 16
    near = sum(
        a[2:] == b[2:] and abs(a[0] - b[0]) + abs(a[1] - b[1]) < 0.005 for a, b in itertools.combinations(units, 2)
    )
    assert near <= 2


@pytest.mark.slow
def test_no_config_is_proposed_twice_while_others_are_left(name: str) -> None:
    space = {"n": tune.randint(0, 4), "kind": tune.choice(["a", "b"]), "c": CONDITIONAL_FINITE}
    done = minimize(searcher(name, space), lambda config: float(config["n"] + len(str(config))), 24)
    assert len({str(config) for config, _ in done}) == 24


@pytest.mark.e2e
def test_few_configs_of_a_known_plateau_are_proposed(name: str) -> None:
    """In a table of trainings, all configs near a good row are that row."""

    def row(config: dict[str, Any]) -> float:
        return float(abs(np.round(3 * config["x"]) / 3 - 1 / 3) + abs(np.round(3 * config["y"]) / 3 - 1 / 3))

    done = minimize(searcher(name, {"x": tune.uniform(0, 1), "y": tune.uniform(0, 1)}), row, 40)
    assert sum(value == 0 for _, value in done[20:]) < 15


CONDITIONAL_FINITE = tune.choice([{"a": tune.choice([1, 2])}, "none"])


@pytest.mark.slow
def test_the_number_of_threads_does_not_matter(name: str) -> None:
    with threadpool_limits(1):
        one = minimize(searcher(name, SMOOTH), smooth, 12)
    with threadpool_limits(3):
        assert minimize(searcher(name, SMOOTH), smooth, 12) == one


@pytest.mark.slow
def test_it_learns_from_trials_that_were_stopped(name: str) -> None:
    tested = searcher(name, {"x": tune.uniform(-5, 5)}, levels=(1, 3, 9), random_fraction=0)
    late = []
    for number in range(25):
        config = tested.suggest(f"t{number}")
        assert isinstance(config, dict)
        good = abs(config["x"] - 2) < 1
        for iteration in (1, 3) if good else (1,):
            result = {"training_iteration": iteration, "loss": abs(config["x"] - 2) / iteration}
            tested.on_trial_result(f"t{number}", result)
        tested.on_trial_complete(f"t{number}")
        late.append(config["x"])
    assert abs(np.median(late[12:]) - 2) < 1


@pytest.mark.parametrize(("argument", "value"), [("n_initial", 0), ("random_fraction", 1.5)])
def test_bad_arguments_are_rejected_by_name(name: str, argument: str, value: Any) -> None:
    with pytest.raises(ArgumentError, match=f"`{argument}` is {value}"):
        searcher(name, SMOOTH, **{argument: value})
