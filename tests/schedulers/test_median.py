"""The median stopping rule, against its definition and against Ray's."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import pytest
from ray import tune
from ray.tune.schedulers import MedianStoppingRule

from raytune_suite.errors import ArgumentError
from raytune_suite.methods import make_method
from raytune_suite.schedulers.median import MedianStopping
from raytune_suite.schedulers.stock import StockScheduler
from tests.conformance.harness import METRIC, Setup, Study, start
from tests.schedulers.by_hand import Trials, decisions

SPACE = {"lr": tune.loguniform(1e-4, 1.0), "momentum": tune.uniform(0, 1)}


def study(samples: int, *, workers: int = 1, **arguments: Any) -> Study:
    chosen = {"max_t": 9, **arguments}
    config = make_method("median", SPACE, metric=METRIC, mode="min", **chosen).tune_config(num_samples=samples)
    return start(config.search_alg, config.scheduler, Setup(SPACE, samples=samples, workers=workers)).run()


def test_a_trial_is_stopped_if_its_best_is_worse_than_the_median_of_the_averages() -> None:
    controller = study(20)
    losses: dict[int, dict[int, float]] = {}
    for report in controller.log:
        assert report.loss is not None
        own = losses.setdefault(report.number, {})
        own[report.iteration] = report.loss
        far = [n for n in losses if n != report.number and max(losses[n]) >= report.iteration]
        averages = [np.mean([loss for i, loss in losses[n].items() if i <= report.iteration]) for n in far]
        worse = len(averages) >= 3 and min(own.values()) > np.median(averages)
        assert report.decision == ("STOP" if worse or report.iteration == 9 else "CONTINUE"), report


def test_no_trial_is_stopped_below_min_t() -> None:
    assert min(r.iteration for r in study(20, min_t=4).log if r.decision == "STOP") == 4


def test_no_trial_is_stopped_before_min_trials_others() -> None:
    stopped = [r.number for r in study(20, min_trials=6).log if r.decision == "STOP" and r.iteration < 9]
    assert stopped
    assert min(stopped) >= 6


def test_nothing_is_ever_paused() -> None:
    assert {report.decision for report in study(20, workers=4).log} == {"CONTINUE", "STOP"}


def test_without_max_t_a_trial_ends_by_itself() -> None:
    config = make_method("median", SPACE, metric=METRIC, mode="min").tune_config(num_samples=5)
    controller = start(config.search_alg, config.scheduler, Setup(SPACE, samples=5, end=6)).run()
    assert max(report.iteration for report in controller.log) == 6


@pytest.mark.parametrize(
    ("min_t", "min_trials", "mode", "stride"), [(1, 3, "min", 1), (4, 1, "max", 4), (10, 5, "min", 4)]
)
def test_it_decides_as_rays_own_class(min_t: int, min_trials: int, mode: str, stride: int) -> None:
    never: Any = math.inf
    common: Any = {"max_t": 24, "metric": METRIC, "mode": mode}
    stock = MedianStoppingRule(
        "training_iteration", grace_period=min_t, min_samples_required=min_trials, min_time_slice=never
    )
    ours, rays = MedianStopping(min_t=min_t, min_trials=min_trials, **common), StockScheduler(stock, **common)
    made = Trials(random.Random(stride), max_t=24, stride=stride)
    assert decisions(ours, made) == decisions(rays, made)


@pytest.mark.parametrize("argument", ["min_t", "min_trials"])
def test_bad_arguments_are_rejected_by_name(argument: str) -> None:
    arguments: Any = {argument: 0}
    with pytest.raises(ArgumentError, match=f"`{argument}` is 0"):
        MedianStopping(**arguments)
