"""The tree-structured Parzen estimator."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ray import tune

from raytune_suite.errors import ArgumentError
from raytune_suite.searchers.hyperopt import HyperoptSearcher
from raytune_suite.searchers.random import RandomSearcher
from tests.searchers.common import SMOOTH, best, minimize, smooth

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


def conditional(config: dict[str, Any]) -> float:
    chosen = config["optimizer"]
    if chosen["name"] == "sgd":
        return float(abs(chosen["momentum"] - 0.9) + abs(np.log10(chosen["rate"]) + 2))
    return 2 + abs(chosen["beta"] - 0.5) if chosen["name"] == "adam" else 4.0


@pytest.mark.e2e
def test_it_beats_random_search_on_a_smooth_function() -> None:
    ours, random = (
        [best(minimize(cls(space=SMOOTH, seed=seed, **COMMON), smooth, 70)) for seed in range(6)]
        for cls in (HyperoptSearcher, RandomSearcher)
    )
    assert np.mean(ours) < 0.6 * np.mean(random)


@pytest.mark.slow
def test_it_learns_which_option_is_good_and_its_parameters() -> None:
    done = minimize(HyperoptSearcher(space=CONDITIONAL, seed=1, **COMMON), conditional, 80)
    late = [config["optimizer"] for config, _ in done[50:]]
    sgd = [chosen for chosen in late if chosen["name"] == "sgd"]
    assert len(sgd) > 0.6 * len(late)
    assert abs(np.median([chosen["momentum"] for chosen in sgd]) - 0.9) < 0.2
    assert best(done) < 0.15


def test_a_crash_counts_as_the_worst_loss_and_is_avoided() -> None:
    def crashes(config: dict[str, Any]) -> float | None:
        return None if config["x"] > 0 else 5 + config["x"]

    done = minimize(HyperoptSearcher(space={"x": tune.uniform(-5, 5)}, seed=0, **COMMON), crashes, 60)
    early, late = ([value is None for _, value in part] for part in (done[:20], done[20:]))
    assert np.mean(late) < 0.3 < np.mean(early)
    assert best(done) < 0.3


def test_the_first_configs_are_random() -> None:
    first, second = (
        minimize(HyperoptSearcher(space=SMOOTH, n_initial=8, **COMMON), function, 12)
        for function in (smooth, lambda config: -smooth(config))
    )
    assert [config for config, _ in first[:8]] == [config for config, _ in second[:8]]
    assert [config for config, _ in first[8:]] != [config for config, _ in second[8:]]


def test_it_learns_the_last_report_of_a_killed_trial() -> None:
    searcher = HyperoptSearcher(space={"x": tune.uniform(-5, 5)}, n_initial=5, **COMMON)
    late = []
    for number in range(40):
        config = searcher.suggest(f"t{number}")
        assert isinstance(config, dict)
        searcher.on_trial_result(f"t{number}", {"training_iteration": 1, "loss": abs(config["x"] - 2)})
        searcher.on_trial_complete(f"t{number}")  # as Ray calls it for a trial that was killed while paused
        late.append(config["x"])
    assert abs(np.median(late[20:]) - 2) < 1


@pytest.mark.parametrize(("name", "value"), [("n_initial", 0), ("n_initial", 2.5), ("gamma", 0), ("gamma", 1)])
def test_bad_arguments_are_rejected_by_name(name: str, value: Any) -> None:
    with pytest.raises(ArgumentError, match=f"`{name}` is {value}"):
        HyperoptSearcher(space=SMOOTH, **{**COMMON, name: value})
