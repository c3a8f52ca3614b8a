"""Faults of other packages' model-based searchers that these do not have; others are in the tests of each searcher."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ray import tune

from raytune_suite.searchers.cqr import CQRSearcher
from raytune_suite.searchers.forest import ForestSearcher
from raytune_suite.searchers.mfes import MFESSearcher
from raytune_suite.searchers.tpe import TPESearcher
from tests.searchers.common import best, minimize

SPACE = {"x": tune.uniform(0, 1), "y": tune.uniform(0, 1)}
LEVELS = (1, 3, 9)
COMMON: Any = {"space": SPACE, "metric": "loss", "mode": "min"}


def loss(config: dict[str, Any]) -> float:
    return float((config["x"] - 0.3) ** 2 + (config["y"] - 0.6) ** 2)


def mfes(reached: list[int]) -> MFESSearcher:
    """A searcher whose n-th trial has reached the first `reached[n]` levels."""
    tested = MFESSearcher(levels=LEVELS, seed=0, **COMMON)
    for number, levels in enumerate(reached):
        config = tested.suggest(f"t{number}")
        assert isinstance(config, dict)
        for level in LEVELS[:levels]:
            tested.on_trial_result(f"t{number}", {"training_iteration": level, "loss": loss(config) / level})
        tested.on_trial_complete(f"t{number}")
    tested.suggest("next")
    return tested


def test_weights_do_not_wait_for_full_trainings() -> None:
    """HyperTune has weights after eight full trainings only."""
    assert set(mfes([2, 1] * 6).weights) == {1, 3}


def test_samples_at_the_highest_level_have_the_deviation_of_the_prediction_not_its_variance() -> None:
    """HyperTune passes variances to a function that expects deviations."""
    tested = mfes([3] * 12)
    data = tested.history.at(9)
    assert tested._processes is not None
    _, variances = tested._processes.model(9, data).leave_one_out(np.zeros(len(data.losses)))
    rng = np.random.default_rng(0)
    drawn = np.concatenate([tested._left_out(9, data, data, rng) for _ in range(20)])
    assert drawn.std(axis=0) == pytest.approx(np.sqrt(variances), rel=0.15)


def test_losses_may_be_negative() -> None:
    """SMAC's logarithm of the losses fails on them."""
    searcher = ForestSearcher(seed=0, **COMMON)
    assert best(minimize(searcher, lambda config: loss(config) - 100, 30)) < -99.98


def test_one_full_training_does_not_replace_the_model_of_many_short_ones() -> None:
    """SMAC's model is that of the highest fidelity with a single observation."""
    searcher = ForestSearcher(levels=LEVELS, seed=0, random_fraction=0, **COMMON)
    late = []
    for number in range(24):
        config = searcher.suggest(f"t{number}")
        assert isinstance(config, dict)
        for level in LEVELS if number == 0 else LEVELS[:1]:
            searcher.on_trial_result(f"t{number}", {"training_iteration": level, "loss": loss(config)})
        searcher.on_trial_complete(f"t{number}")
        late.append(loss(config))
    assert np.median(late[14:]) < 0.05


def test_a_maximized_metric_is_not_negated_in_place() -> None:
    """Syne Tune's conformal searcher negates the observations that it was passed."""
    low = CQRSearcher(seed=0, **COMMON)
    high = CQRSearcher(seed=0, **{**COMMON, "mode": "max"})
    result = {"training_iteration": 1, "loss": 0.0}
    for number in range(15):
        config = low.suggest(str(number))
        assert config == high.suggest(str(number))
        low.on_trial_complete(str(number), {**result, "loss": loss(config)})
        passed = {**result, "loss": -loss(config)}
        high.on_trial_complete(str(number), passed)
        assert passed["loss"] == -loss(config)


def test_few_trials_in_each_bracket_are_enough() -> None:
    """Optuna's TPE with its Hyperband pruner needs more than ten trials in each of the brackets."""
    searcher = TPESearcher(levels=LEVELS, seed=0, random_fraction=0, **COMMON)
    late = []
    for number in range(18):  # six in each bracket
        config = searcher.suggest(f"t{number}")
        assert isinstance(config, dict)
        for level in LEVELS[number % 3 :]:
            searcher.on_trial_result(f"t{number}", {"training_iteration": level, "loss": loss(config) / level})
        searcher.on_trial_complete(f"t{number}")
        late.append(loss(config))
    assert np.median(late[9:]) < np.median(late[:6])
