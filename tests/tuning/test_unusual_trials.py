"""Trials that crash, diverge, or report without the metric, and what the study makes of them, without starting Ray."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
from ray import tune

import raytune_suite as rts
from raytune_suite.errors import StudyError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Report = Callable[[dict[str, Any], int], dict[str, Any]]

SPACE = {"x": tune.uniform(0, 1), "y": tune.choice([1, 2, 4])}
SETTINGS: dict[str, Any] = {"metric": "loss", "mode": "min", "num_samples": 4, "max_t": 4, "progress": False}


def study(report: Report, folder: Path, space: dict[str, Any] | None = None, **changes: Any) -> rts.StudyResult:
    """Tune a class that reports `report(config, step)`; the first step is 1."""

    class Training(tune.Trainable):
        def setup(self, config: dict[str, Any]) -> None:
            self.values = config

        def step(self) -> dict[str, Any]:
            return report(self.values, self.iteration + 1)

        def save_checkpoint(self, checkpoint_dir: str) -> dict[str, Any]:  # noqa: ARG002 - Ray's signature
            return {}

        def load_checkpoint(self, checkpoint: dict[str, Any] | None) -> None:
            pass

    arguments = {"engine": "simulated", "storage_path": folder, **SETTINGS, **changes}
    return rts.tune(Training, space or SPACE, **arguments)


def crash(config: dict[str, Any], _step: int) -> dict[str, Any]:
    raise RuntimeError(f"no data for {config['y']}")


@pytest.mark.parametrize("method", ["grid", "grid+asha", "grid+hyperband", "grid+median"])
def test_a_trial_that_diverges_is_never_the_best(method: str, tmp_path: Path) -> None:
    def report(config: dict[str, Any], _step: int) -> dict[str, Any]:
        return {"loss": math.nan if config["x"] < 0.5 else config["x"]}

    grid = {"x": tune.grid_search([0.1, 0.8, 0.6])}
    assert study(report, tmp_path, grid, method=method, num_samples=3).best_config == {"x": 0.6}


@pytest.mark.parametrize(
    ("report", "message"),
    [
        ({"los": 1.0}, r"'loss'.*'los'"),
        ({"loss": "low"}, "trial 0 reported 'loss' as 'low', but a metric must be a number"),
        ({"loss": math.nan}, "finite 'loss'"),
    ],
)
def test_unusable_reports_are_named(report: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=message):
        study(lambda _config, _step: dict(report), tmp_path, method="asha")


def test_when_all_trials_fail_the_first_error_is_reported(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"all 2 trials that ended have failed, the first with .*no data for"):
        study(crash, tmp_path, method="random", num_samples=2)


def test_a_study_in_which_every_trial_crashes_ends_although_no_budget_is_spent(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="trials that ended have failed"):
        study(crash, tmp_path, method="asha", num_samples=None, budget=100)


def test_a_metric_may_be_missing_from_some_reports(tmp_path: Path) -> None:
    def report(config: dict[str, Any], step: int) -> dict[str, Any]:
        return {"speed": 1.0} if step % 2 else {"loss": config["x"]}

    assert set(study(report, tmp_path, method="asha").reports["resource"]) <= {2.0, 4.0}


def test_a_failed_training_on_a_test_seed_is_reported_and_makes_the_mean_nan(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def report(config: dict[str, Any], step: int) -> dict[str, Any]:
        if config["seed"] == 8 and step == 2:
            raise RuntimeError("unlucky seed")
        return {"loss": config["x"]}

    result = study(report, tmp_path, method="random", test_seeds=[7, 8])
    assert result.test_scores is not None
    assert result.test_scores["value"].isna().tolist() == [False, True]
    assert result.test_value is not None
    assert math.isnan(result.test_value)
    assert "training failed on the test seeds [8]" in caplog.text


def test_constants_and_conditional_parameters_reach_the_trainable(tmp_path: Path) -> None:
    def report(config: dict[str, Any], _step: int) -> dict[str, Any]:
        assert config["data"] == {"name": "toy"}
        optimizer = config["optimizer"]
        assert ("momentum" in optimizer) == (optimizer["name"] == "sgd")
        return {"loss": optimizer.get("momentum", 0.5)}

    options = [{"name": "sgd", "momentum": tune.uniform(0, 1)}, {"name": "adam"}]
    space = {"optimizer": tune.choice(options), "data": {"name": "toy"}}
    result = study(report, tmp_path, space, method="tpe", num_samples=6)
    assert set(result.trials["config/optimizer/name"]) == {"sgd", "adam"}
