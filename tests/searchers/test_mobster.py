"""The Gaussian process of configs and resources."""

from __future__ import annotations

from typing import Any

import numpy as np
from ray import tune

from raytune_suite.searchers.mobster import MobsterSearcher

SPACE = {"x": tune.uniform(0, 1), "y": tune.uniform(0, 1)}
LEVELS = (1, 3, 9)


def trained(count: int = 24) -> MobsterSearcher:
    """A searcher after trials whose optimum is at x = 0.8 at the lowest level, and at x = 0.2 at all others."""
    tested = MobsterSearcher(space=SPACE, metric="loss", mode="min", levels=LEVELS, seed=0)
    for number in range(count):
        config = tested.suggest(f"t{number}")
        assert isinstance(config, dict)
        for level in LEVELS if number % 2 else LEVELS[:1]:
            best = 0.8 if level == 1 else 0.2
            tested.on_trial_result(f"t{number}", {"training_iteration": level, "loss": abs(config["x"] - best)})
        tested.on_trial_complete(f"t{number}")
    return tested


def predicted(tested: MobsterSearcher, x: float) -> float:
    surrogate = tested.surrogate({})
    assert surrogate is not None
    return float(surrogate.predict(np.array([[x, 0.5]]))[0][0])


def test_it_predicts_the_highest_level_also_where_curves_cross() -> None:
    """A kernel with a decay that all configs share cannot represent crossing curves."""
    tested = trained()
    assert predicted(tested, 0.2) < predicted(tested, 0.8)


def test_it_predicts_a_lower_level_while_the_highest_has_too_few_observations() -> None:
    tested = MobsterSearcher(space=SPACE, metric="loss", mode="min", levels=LEVELS, seed=0)
    for number, x in enumerate(np.linspace(0, 1, 9)):
        config: dict[str, Any] = {"x": float(x), "y": 0.5}
        tested._points.append(config)
        tested.suggest(f"t{number}")
        tested.on_trial_result(f"t{number}", {"training_iteration": 1, "loss": abs(x - 0.8)})
        tested.on_trial_complete(f"t{number}")
    assert predicted(tested, 0.8) < predicted(tested, 0.2)


def test_a_crash_counts_against_its_neighbourhood() -> None:
    tested = trained()
    before = predicted(tested, 0.2)
    for number in range(5):
        tested._points.append({"x": 0.2, "y": 0.4 + number / 20})
        tested.suggest(f"c{number}")
        tested.on_trial_complete(f"c{number}", error=True)
    assert predicted(tested, 0.2) > before
