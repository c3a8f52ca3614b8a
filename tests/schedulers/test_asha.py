"""ASHA, the stopping variant, against its definition and against Ray's."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import pytest
from ray import tune
from ray.tune.experiment import Trial
from ray.tune.schedulers import ASHAScheduler

from raytune_suite import rungs, seeding
from raytune_suite.errors import ArgumentError
from raytune_suite.methods import make_method
from raytune_suite.schedulers.asha import ASHA, StoppingBracket, StoppingRung
from raytune_suite.schedulers.stock import StockScheduler
from tests.conformance.harness import METRIC, Setup, Study, start
from tests.schedulers.by_hand import Trials, decisions

SPACE = {"lr": tune.loguniform(1e-4, 1.0), "momentum": tune.uniform(0, 1)}


def study(samples: int, *, workers: int = 1, **arguments: Any) -> Study:
    config = make_method("asha", SPACE, metric=METRIC, mode="min", **arguments).tune_config(num_samples=samples)
    return start(config.search_alg, config.scheduler, Setup(SPACE, samples=samples, workers=workers)).run()


@pytest.mark.parametrize("workers", [1, 4])
def test_a_trial_continues_if_it_is_among_the_best_so_far(workers: int) -> None:
    controller = study(30, workers=workers, max_t=27)
    rungs: dict[int, list[float]] = {1: [], 3: [], 9: []}
    for report in controller.log:
        if report.iteration in rungs:
            assert report.loss is not None
            before = rungs[report.iteration]
            good = not before or report.loss <= np.percentile(before, 100 / 3)
            assert report.decision == ("CONTINUE" if good else "STOP")
            before.append(report.loss)
        else:
            assert report.decision == ("STOP" if report.iteration == 27 else "CONTINUE")


def test_nothing_is_ever_paused() -> None:
    assert {report.decision for report in study(30, workers=4, max_t=27).log} == {"CONTINUE", "STOP"}


def test_min_t_is_the_first_rung() -> None:
    stops = {r.iteration for r in study(40, max_t=36, min_t=4, eta=3).log if r.decision == "STOP"}
    assert stops <= {4, 12, 36}
    assert 4 in stops


def test_several_brackets_start_at_later_rungs() -> None:
    controller = study(40, max_t=27, brackets=4)
    assert [bracket.ladder[-1].level for bracket in controller.scheduler.brackets] == [1, 3, 9, 27]
    assert sum(bool(bracket.ladder[-1].scores) for bracket in controller.scheduler.brackets) > 1
    assert all(trial.is_finished() for trial in controller.trials)


@pytest.mark.parametrize("brackets", [0, 5, 1.5, True, None])
def test_brackets_must_fit_the_ladder(brackets: Any) -> None:
    with pytest.raises(ArgumentError, match=f"`brackets` is {brackets}"):
        ASHA(max_t=27, brackets=brackets)


@pytest.mark.parametrize(
    ("max_t", "eta", "levels"),
    [(243, 3, (1, 3, 9, 27, 81, 243)), (1000, 10, (1, 10, 100, 1000)), (50, 3, (1, 3, 9, 27))],
)
def test_no_rung_is_lost_to_rounding(max_t: int, eta: int, levels: tuple[int, ...]) -> None:
    """Ray truncates logarithms, and so loses the rung at 243 and at 1000: at `max_t`, where every trial ends."""
    (bracket,) = ASHA(max_t=max_t, eta=eta).brackets
    assert tuple(rung.level for rung in reversed(bracket.ladder)) == levels


@pytest.mark.parametrize(
    ("max_t", "eta", "min_t", "mode", "stride"),
    [
        (81, 3, 1, "min", 1),
        (50, 3, 4, "max", 4),
        (64, 2, 4, "min", 4),
        (40, 2.5, 1, "max", 1),
        (100, 4, 5, "min", 1),
    ],
)
def test_it_decides_as_rays_own_class(max_t: int, eta: float, min_t: int, mode: str, stride: int) -> None:
    common: Any = {"max_t": max_t, "metric": METRIC, "mode": mode}
    rays = StockScheduler(ASHAScheduler(max_t=max_t, grace_period=min_t, reduction_factor=eta), **common)
    ours = ASHA(eta=eta, min_t=min_t, **common)
    made = Trials(random.Random(stride), max_t=max_t, stride=stride)
    assert decisions(ours, made) == decisions(rays, made)


def test_a_trial_that_skips_rungs_is_not_judged_at_them_later() -> None:
    (bracket,) = ASHA(max_t=81).brackets
    for trial_id in ("a", "b"):
        assert bracket.record(trial_id, 10, 0.1)  # at the rung of 9
        for resource in (11, 12, 13):
            assert bracket.record(trial_id, resource, 0.9 if trial_id == "b" else 0.1)
    assert [len(rung.scores) for rung in bracket.ladder] == [0, 0, 2, 0, 0]


@pytest.mark.slow
def test_brackets_are_drawn_with_the_odds_of_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray draws them from numpy's global generator."""
    for seed in range(3):
        rays: Any = ASHAScheduler(max_t=81, reduction_factor=3, brackets=5, metric=METRIC, mode="min")
        ours = ASHA(max_t=81, brackets=5, seed=seed, metric=METRIC, mode="min")
        for scheduler in (ours, rays):
            monkeypatch.setattr(np.random, "choice", seeding.stream(seed, "scheduler", "ASHA").choice)
            for number in range(30):
                scheduler.on_trial_add(None, Trial("double", stub=True, trial_id=str(number)))
        drawn = [ours.brackets.index(ours._bracket_of[str(number)]) for number in range(30)]
        assert drawn == [rays._brackets.index(rays._trial_info[str(number)]) for number in range(30)]
        assert len(set(drawn)) > 2


def test_a_trial_that_starts_at_a_later_rung_is_judged_with_all_that_have_reached_it() -> None:
    lower, higher = ASHA(max_t=9, brackets=2).brackets
    assert lower.record("a", 3, 0.1)
    assert not higher.record("b", 3, 0.2)
    assert higher.record("c", 3, 0.0)
    assert not lower.record("d", 3, 0.1)
    assert higher.record("e", 1, 1.0)  # below its rungs


def test_brackets_share_their_rungs_also_after_max_t_was_raised() -> None:
    common: Any = {"brackets": 2, "metric": METRIC, "mode": "min"}
    scheduler = ASHA(max_t=9, **common)
    lowest = scheduler.brackets[0].ladder[-1]
    scheduler.raise_max_t(ASHA(max_t=81, **common), [])
    lower, higher = scheduler.brackets
    assert lower.ladder == [*higher.ladder, lowest]
    assert [rung.level for rung in lower.ladder] == [81, 27, 9, 3, 1]


def passed(*losses: float) -> list[bool]:
    """Whether trials with these losses pass a rung, one after another."""
    bracket = StoppingBracket([StoppingRung(1.0)], eta=3)
    return [bracket.record(str(number), 1, loss) for number, loss in enumerate(losses)]


def test_no_trial_is_stopped_at_a_rung_where_most_have_exactly_equal_losses() -> None:
    """They have not learned anything yet, so that a change for the worse says nothing."""
    assert passed(5, 5, 5, 6, 4, 6) == [True] * 6
    assert passed(5, 5, 5, 4, 3, 2, 5) == [True, True, True, True, True, True, False]  # now only three of six
    assert passed(5, 5, 6) == [True, True, False]  # may be a coincidence
    assert not passed(5, 5, 5, math.inf)[-1]  # a failure


def test_two_trials_with_different_losses_are_no_tie() -> None:
    assert passed(5, 6, 7) == [True, False, False]


@pytest.mark.parametrize("eta", [2, 2.5, 3, 4])
def test_the_cutoff_is_numpys_to_the_last_bit(eta: float) -> None:
    rng = np.random.default_rng(0)
    for count in range(1, 60):
        scores = np.sort(rng.normal(size=count)).tolist()
        assert rungs.stopping_cutoff(scores, eta) == np.nanpercentile(scores, (1 - 1 / eta) * 100)
