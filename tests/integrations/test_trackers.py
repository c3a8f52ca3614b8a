"""MLflow, W&B (offline) and trackio, each with a simulated study that is interrupted and resumed."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import pytest
from ray import tune
from ray.tune import Callback

import raytune_suite as rts
from raytune_suite.errors import ArgumentError, StudyInterrupted
from tests.engines.simulated.studies import Learner

if TYPE_CHECKING:
    from pathlib import Path

    from ray.tune.experiment import Trial

SPACE = {"x": tune.uniform(0, 1), "net": tune.choice([{"name": "mlp", "y": tune.uniform(0.1, 1)}])}
TRIALS = 4


class Train(Learner):
    """A learner with a nested config."""

    def setup(self, config: dict[str, Any]) -> None:
        super().setup({"x": config["x"], "y": config["net"]["y"]})


class CtrlC(Callback):
    """Interrupts a study at a report."""

    def __init__(self, at: int) -> None:
        self.left = at

    def on_trial_result(
        self,
        iteration: int,  # noqa: ARG002 - Ray's signature
        trials: list[Trial],  # noqa: ARG002
        trial: Trial,  # noqa: ARG002
        result: Any,  # noqa: ARG002
        **info: Any,  # noqa: ARG002
    ) -> None:
        self.left -= 1
        if self.left == 0:
            signal.raise_signal(signal.SIGINT)


def study(tracker: str, folder: Path) -> rts.StudyResult:
    """A study that is interrupted in the middle, and resumed."""
    call: dict[str, Any] = {
        "metric": "loss", "mode": "min", "max_t": 3, "method": "random", "num_samples": TRIALS, "engine": "simulated",
        "storage_path": folder / "studies", "name": "mine", "trackers": [tracker],
    }  # fmt: skip
    with pytest.raises(StudyInterrupted):
        rts.tune(Train, SPACE, callbacks=[CtrlC(TRIALS * 3 // 2)], **call)
    return rts.tune(Train, SPACE, resume=True, **call)


def expected(result: rts.StudyResult) -> dict[str, float]:
    """The last loss of each trial."""
    return {f"mine-{number:04d}": float(value) for number, value in result.trials["value"].items()}


def test_mlflow_has_one_run_per_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import mlflow

    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "mlflow").as_uri())
    result = study("mlflow", tmp_path)
    client = mlflow.MlflowClient()
    runs = client.search_runs([client.get_experiment_by_name("mine").experiment_id])
    assert {run.info.run_name: run.data.metrics["loss"] for run in runs} == pytest.approx(expected(result))
    assert {run.info.status for run in runs} == {"FINISHED"}
    for run in runs:
        config = result.configs[int(run.data.tags["raytune_suite.trial"])]
        assert float(run.data.params["net/y"]) == config["net"]["y"]
        assert {one.step for one in client.get_metric_history(run.info.run_id, "loss")} == {1, 2, 3}


@pytest.mark.filterwarnings("ignore")
def test_wandb_offline_has_one_run_per_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    result = study("wandb", tmp_path)
    runs = [path.name.rsplit("-", 1)[-1] for path in (tmp_path / "wandb").glob("offline-run-*-mine-*")]
    assert set(runs) == {f"{number:04d}" for number in range(len(result.trials))}


@pytest.mark.filterwarnings("ignore")
def test_wandb_without_a_login_is_rejected_before_the_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with pytest.raises(ArgumentError, match="wandb login"):
        study("wandb", tmp_path)
    assert not (tmp_path / "studies").exists()


@pytest.mark.filterwarnings("ignore")
def test_trackio_has_one_run_per_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    import trackio

    result = study("trackio", tmp_path)
    runs = {run.name: run for run in trackio.Api().runs("mine")}
    assert set(runs) == set(expected(result))
