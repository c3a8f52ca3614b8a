"""PriorBand: which configs are random, from the prior, or mutations, and when."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ray import tune
from ray.tune.experiment import Trial

import raytune_suite as rts
from raytune_suite.methods import make_method
from raytune_suite.searchers.priorband import PriorBandSearcher
from raytune_suite.spaces import Space

LEVELS = (1.0, 3.0, 9.0)
PRIOR: dict[str, Any] = {f"x{i}": rts.prior(tune.uniform(0, 1), 0.5, "high") for i in range(4)}
PLAIN: dict[str, Any] = {name: tune.uniform(0, 1) for name in PRIOR}


def searcher(space: dict[str, Any] = PRIOR, **arguments: Any) -> PriorBandSearcher:
    return PriorBandSearcher(space=space, metric="loss", mode="min", levels=LEVELS, seed=3, **arguments)


def observe(tested: PriorBandSearcher, number: int, config: dict[str, Any], loss: float, resource: int = 9) -> None:
    name = f"observed{number}"
    tested._live[name] = config
    for level in (1, 3, 9):
        if level <= resource:
            tested.on_trial_result(name, {"training_iteration": level, "loss": loss})


def near_half(config: dict[str, Any]) -> bool:
    return float(np.mean([abs(value - 0.5) for value in config.values()])) < 0.2


def proposed(tested: PriorBandSearcher, count: int = 300) -> list[dict[str, Any]]:
    return [tested.suggest(str(number)) for number in range(count)]


@pytest.mark.parametrize(("level", "random"), [(1.0, 1 / 2), (3.0, 1 / 4), (9.0, 1 / 10)])
def test_random_configs_are_rare_where_trainings_are_long(level: float, random: float) -> None:
    tested = searcher()
    tested.entry_level = level
    share = np.mean([near_half(config) for config in proposed(tested)])
    by_chance = np.mean([near_half(Space(PRIOR).sample(np.random.default_rng(seed))) for seed in range(300)])
    assert share == pytest.approx(1 - random * (1 - by_chance), abs=0.08)


def test_the_incumbent_counts_only_with_evidence() -> None:
    """The package's guard never holds, since it compares a numpy boolean by `is`."""
    tested = searcher()
    for number in range(3):
        observe(tested, number, dict.fromkeys(PRIOR, 0.1), 1.0, resource=3)
    assert not tested.has_evidence(3)
    observe(tested, 3, dict.fromkeys(PRIOR, 0.1), 1.0)
    assert not tested.has_evidence(3)  # less than a bracket was spent
    for number in range(4, 8):
        observe(tested, number, dict.fromkeys(PRIOR, 0.1), 1.0)
        assert tested.has_evidence(3)  # in the package only while a rung has exactly eta results


def test_a_bad_prior_loses_its_share() -> None:
    good, bad = searcher(), searcher()
    for number in range(12):
        value = 0.5 + 0.01 * number
        observe(good, number, dict.fromkeys(PRIOR, value), float(number))
        observe(bad, number, dict.fromkeys(PRIOR, value - 0.5), float(number))
    assert good.incumbent_share(3) < 0.5
    assert bad.incumbent_share(3) > 0.99


def test_mutations_keep_about_half_of_the_incumbent() -> None:
    tested = searcher(PLAIN)
    for number in range(8):
        observe(tested, number, dict.fromkeys(PLAIN, 0.25), 1.0)
    tested.entry_level = 9.0
    kept = [sum(value == pytest.approx(0.25) for value in config.values()) for config in proposed(tested)]
    mutations = [count for count in kept if count > 0]
    assert max(kept) < len(PLAIN)
    assert len(mutations) > 200


def test_without_a_prior_and_evidence_configs_are_random() -> None:
    values = [value for config in proposed(searcher(PLAIN)) for value in config.values()]
    assert np.quantile(values, [0.25, 0.5, 0.75]) == pytest.approx([0.25, 0.5, 0.75], abs=0.05)


@pytest.mark.parametrize("scheduler", ["hyperband", "async-hyperband"])
def test_a_searcher_knows_where_its_trial_starts(scheduler: str) -> None:
    method = make_method(f"priorband+{scheduler}", PLAIN, metric="loss", mode="min", max_t=9)
    joined: Any = method.tune_config(num_samples=20).search_alg
    seen = []
    for number in range(17):
        joined.suggest(str(number))
        assert isinstance(method.searcher, PriorBandSearcher)
        seen.append(method.searcher.entry_level)
        method.scheduler.on_trial_add(None, Trial("double", stub=True, trial_id=str(number)))
    assert seen == [1] * 9 + [3] * 5 + [9] * 3
