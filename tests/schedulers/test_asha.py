"""ASHA, the stopping variant."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ray import tune

from raytune_suite.errors import ArgumentError
from raytune_suite.methods import make_method
from raytune_suite.schedulers.asha import ASHA
from tests.conformance.harness import METRIC, Setup, Study, start

SPACE = {"lr": tune.loguniform(1e-4, 1.0), "momentum": tune.uniform(0, 1)}


def study(samples: int, *, workers: int = 1, **arguments: Any) -> Study:
    config = make_method("asha", SPACE, metric=METRIC, mode="min", **arguments).tune_config(num_samples=samples)
    return start(config.search_alg, config.scheduler, Setup(SPACE, samples=samples, workers=workers)).run()


@pytest.mark.parametrize("workers", [1, 4])
def test_a_trial_goes_on_if_it_is_among_the_best_so_far(workers: int) -> None:
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
    first: dict[str, int] = {}
    for bracket in controller.scheduler.stock._brackets:
        first[str(bracket._rungs)] = bracket._rungs[-1][0]
    assert sorted(first.values()) == [1, 3, 9, 27]
    assert all(trial.is_finished() for trial in controller.trials)


@pytest.mark.parametrize("brackets", [0, 5, 1.5, True, None])
def test_brackets_must_fit_the_ladder(brackets: Any) -> None:
    with pytest.raises(ArgumentError, match=r"`brackets` is .*, but must be an integer from 1 to 4"):
        ASHA(max_t=27, brackets=brackets)


@pytest.mark.parametrize(("max_t", "eta", "levels"), [(243, 3, [1, 3, 9, 27, 81]), (1000, 10, [1, 10, 100])])
def test_no_rung_below_max_t_is_lost_to_rounding(max_t: int, eta: int, levels: list[int]) -> None:
    """Ray truncates logarithms, and so loses a rung here: the one at `max_t`, where every trial ends anyway."""
    found = sorted(level for level, _ in ASHA(max_t=max_t, eta=eta).stock._brackets[0]._rungs)
    assert [level for level in found if level < max_t] == levels
