"""The mixture of models of all fidelities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from ray import tune

from raytune_suite.errors import ArgumentError
from raytune_suite.searchers.mfes import MFESSearcher
from raytune_suite.searchers.random import RandomSearcher

if TYPE_CHECKING:
    from collections.abc import Callable

SPACE = {"x": tune.uniform(0, 1), "y": tune.uniform(0, 1)}
LEVELS = (1, 3, 9)


def loss(config: dict[str, Any]) -> float:
    return float((config["x"] - 0.3) ** 2 + (config["y"] - 0.6) ** 2)


def trained(early: Callable[[dict[str, Any]], float], **arguments: Any) -> MFESSearcher:
    """A searcher after 24 trials, half of which are trained to the end; below the highest level the loss is `early`."""
    tested = MFESSearcher(space=SPACE, metric="loss", mode="min", levels=LEVELS, seed=0, **arguments)
    for number in range(24):
        config = tested.suggest(f"t{number}")
        assert isinstance(config, dict)
        for level in LEVELS if number % 2 else LEVELS[:1]:
            value = loss(config) if level == LEVELS[-1] else early(config)
            tested.on_trial_result(f"t{number}", {"training_iteration": level, "loss": value})
        tested.on_trial_complete(f"t{number}")
    tested.suggest("next")
    return tested


@pytest.mark.parametrize("model", ["gp", "forest"])
@pytest.mark.slow
def test_a_fidelity_that_ranks_like_the_highest_is_trusted(model: str) -> None:
    weights = trained(loss, model=model).weights
    assert sum(weights.values()) == pytest.approx(1)
    assert weights[1] + weights[3] > 0.6


@pytest.mark.parametrize("model", ["gp", "forest"])
def test_a_fidelity_that_misleads_is_not_trusted(model: str) -> None:
    weights = trained(lambda config: -loss(config), model=model).weights
    assert weights[9] > 0.9


def test_bracket_weights_are_those_of_the_levels_once_two_can_be_compared() -> None:
    assert MFESSearcher(space=SPACE, metric="loss", mode="min", levels=LEVELS, seed=0).bracket_weights() is None
    tested = trained(loss)
    assert tested.bracket_weights() == tested.weights


def test_other_searchers_do_not_know_bracket_weights() -> None:
    assert RandomSearcher(space=SPACE, metric="loss", mode="min").bracket_weights() is None


def test_weights_are_real_numbers_also_where_the_highest_level_is_left_out() -> None:
    """HyperTune stores these predictions as integers, so that its weight of the highest fidelity is arbitrary."""
    tested = trained(lambda config: loss(config) + 0.1 * np.sin(40 * config["x"]))
    every = {level: tested.history.at(level) for level in LEVELS}
    drawn = tested._left_out(9, every[9], every[9], np.random.default_rng(0))
    assert drawn.dtype == np.float64
    assert np.corrcoef(drawn.mean(axis=0), every[9].losses)[0, 1] > 0.3


def test_the_model_is_used_before_any_full_training() -> None:
    tested = MFESSearcher(space=SPACE, metric="loss", mode="min", levels=LEVELS, seed=0, random_fraction=0)
    xs = []
    for number in range(20):
        config = tested.suggest(f"t{number}")
        assert isinstance(config, dict)
        tested.on_trial_result(f"t{number}", {"training_iteration": 1, "loss": loss(config)})
        tested.on_trial_complete(f"t{number}")
        xs.append(loss(config))
    assert np.median(xs[10:]) < 0.02 < np.median(xs[:5])


def test_an_unknown_model_is_rejected() -> None:
    wrong: Any = "gpp"
    with pytest.raises(ArgumentError, match="`model` is 'gpp'"):
        MFESSearcher(space=SPACE, model=wrong)
