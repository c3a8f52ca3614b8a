"""Ray's own searchers with one of our schedulers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from ray import tune
from ray.tune.search.optuna import OptunaSearch

import raytune_suite as rts
from raytune_suite.errors import ArgumentError
from tests.engines.simulated.studies import Learner

if TYPE_CHECKING:
    from pathlib import Path

    from optuna import Trial

SPACE = {"x": tune.uniform(0, 1), "y": tune.loguniform(1e-3, 1)}
NARROW = (0.2, 0.4)


def define_by_run(trial: Trial) -> None:
    """A space of Optuna, within `SPACE`."""
    trial.suggest_float("x", *NARROW)
    trial.suggest_float("y", 1e-3, 1, log=True)


def study(searcher: OptunaSearch, folder: Path) -> rts.StudyResult:
    scheduler = rts.make_method("asha", SPACE, max_t=9, seed=1).scheduler
    return rts.tune(
        Learner, SPACE, metric="loss", mode="min", max_t=9, num_samples=12, engine="simulated", storage_path=folder,
        method=rts.Method("optuna-search", searcher, scheduler),
    )  # fmt: skip


@pytest.mark.filterwarnings("ignore")  # Optuna's own, about what Ray passes
def test_one_without_a_space_gets_that_of_the_study(tmp_path: Path) -> None:
    result = study(OptunaSearch(seed=1), tmp_path)
    assert len(result.trials) == 12
    assert not all(NARROW[0] <= config["x"] <= NARROW[1] for config in result.configs)


@pytest.mark.filterwarnings("ignore")
def test_one_keeps_its_own_space(tmp_path: Path) -> None:
    result = study(OptunaSearch(define_by_run, metric="loss", mode="min", seed=1), tmp_path)
    assert len(result.trials) == 12
    assert all(NARROW[0] <= config["x"] <= NARROW[1] for config in result.configs)


@pytest.mark.parametrize("settings", [{"metric": "accuracy", "mode": "min"}, {"metric": "loss", "mode": "max"}])
def test_one_with_another_objective_is_rejected(settings: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="'optuna-search'"):
        study(OptunaSearch(define_by_run, **settings), tmp_path)
