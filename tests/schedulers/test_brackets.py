"""Brackets are drawn by how well the searcher says that their first level predicts the highest."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from ray import tune
from ray.tune.experiment import Trial

from raytune_suite.methods import make_method
from raytune_suite.searchers.random import RandomSearcher

SPACE = {"x": tune.uniform(0, 1)}


def entries(scheduler: str, weights: dict[float, float] | None, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The brackets of 200 trials."""
    monkeypatch.setattr(RandomSearcher, "bracket_weights", lambda _self: weights)
    method = make_method(f"random+{scheduler}", SPACE, metric="loss", mode="min", max_t=27, brackets=3, seed=1)
    search: Any = method.tune_config(num_samples=200).search_alg
    for number in range(200):
        search.suggest(str(number))
        method.scheduler.on_trial_add(None, Trial("double", stub=True, trial_id=str(number)))
    made: Any = method.scheduler
    if scheduler == "asha":
        return [made.brackets.index(made._bracket_of[str(number)]) for number in range(200)]
    return [made._place[str(number)][0] for number in range(200)]


@pytest.mark.parametrize("scheduler", ["asha", "async-hyperband"])
def test_most_trials_start_where_the_ranking_can_be_trusted(scheduler: str, monkeypatch: pytest.MonkeyPatch) -> None:
    low = Counter(entries(scheduler, {1.0: 1.0, 3.0: 0.0, 9.0: 0.0}, monkeypatch))
    high = Counter(entries(scheduler, {1.0: 0.0, 3.0: 0.0, 9.0: 1.0}, monkeypatch))
    assert set(low) == {0}
    assert high[2] > 140
    assert high[0] > 20  # others can be compared with them
    assert high[1] == 0


@pytest.mark.parametrize("scheduler", ["asha", "async-hyperband"])
def test_without_weights_all_brackets_are_used(scheduler: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(entries(scheduler, None, monkeypatch)) == {0, 1, 2}
