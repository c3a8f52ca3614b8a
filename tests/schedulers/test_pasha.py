"""PASHA: it trains longer only if the ranking at the highest rung in use says so."""

from __future__ import annotations

from typing import Any

import pytest
from ray import tune

from raytune_suite.methods import make_method
from raytune_suite.schedulers.pasha import PASHA, ranking_noise, same_ranking
from tests.conformance.harness import METRIC, Curve, Setup, start

SPACE = {"x": tune.uniform(0, 1)}


class Stable(Curve):
    """The ranking never changes."""

    def __init__(self, space: Any) -> None:
        super().__init__(space)
        self.steps = 0

    def step(self, config: dict[str, Any]) -> float:
        self.steps += 1
        return float(config["x"] + 1 / self.steps)


class Reversing(Stable):
    """The ranking is another one from the ninth step on."""

    def step(self, config: dict[str, Any]) -> float:
        value = super().step(config)
        return value if self.steps < 9 else -value


def furthest(curve: Any) -> tuple[int, PASHA]:
    method = make_method("pasha", SPACE, metric=METRIC, mode="min", max_t=81)
    config = method.tune_config(num_samples=60)
    controller = start(config.search_alg, config.scheduler, Setup(SPACE, samples=60, learner=curve)).run()
    assert isinstance(method.scheduler, PASHA)
    return max(report.iteration for report in controller.log), method.scheduler


def test_a_stable_ranking_needs_no_more_than_the_first_ceiling() -> None:
    reached, scheduler = furthest(Stable)
    assert (reached, scheduler.ceiling) == (9, 2)


def test_a_changing_ranking_opens_the_next_rung() -> None:
    reached, scheduler = furthest(Reversing)
    assert reached > 9
    assert scheduler.ceiling > 2


@pytest.mark.parametrize("max_t", [1, 2, 9, 10])
def test_few_rungs_are_all_in_use(max_t: int) -> None:
    scheduler = PASHA(metric=METRIC, mode="min", max_t=max_t)
    assert scheduler.levels[scheduler.ceiling] == max_t


def test_exchanges_within_the_noise_do_not_count() -> None:
    losses = {"a": 0.1, "b": 0.12, "c": 0.5}
    assert same_ranking(["b", "a", "c"], losses, 0.05)
    assert not same_ranking(["c", "a", "b"], losses, 0.05)
    assert same_ranking([], {}, 0.0)


def test_curves_that_cross_once_show_no_noise() -> None:
    once: list[dict[float, float]] = [{1: 0.5, 2: 0.2}, {1: 0.4, 2: 0.3}]
    again: list[dict[float, float]] = [{1: 0.5, 2: 0.2, 3: 0.4}, {1: 0.4, 2: 0.3, 3: 0.35}]
    assert ranking_noise(once) == 0.0
    assert ranking_noise(again) == pytest.approx(0.05)
    assert ranking_noise([]) == 0.0
