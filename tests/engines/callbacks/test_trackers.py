"""Trackers by name, with event files of TensorBoard and with a tracker of the tests."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any

import pytest
from ray import tune

import raytune_suite as rts
from raytune_suite.cli.run import TRACKER_NAMES
from raytune_suite.engines.callbacks import trackers
from raytune_suite.errors import ArgumentError, MissingPackageError
from tests.engines.simulated.studies import Learner

if TYPE_CHECKING:
    from pathlib import Path

SPACE = {"x": tune.uniform(0, 1), "y": tune.uniform(0.1, 1)}


def study(tracker: str, folder: Path | str, **arguments: Any) -> rts.StudyResult:
    call: dict[str, Any] = {"metric": "loss", "mode": "min", "max_t": 9, "engine": "simulated", "name": "mine"}
    return rts.tune(
        Learner,
        SPACE,
        storage_path=folder,
        trackers=[tracker],
        **{"method": "asha", "num_samples": 6, **call, **arguments},
    )


class Recorded:
    """A run that keeps what is logged."""

    runs: dict[int, Recorded]
    broken_at = 99

    def __init__(self, path: str, number: int, config: dict[str, Any]) -> None:
        self.path, self.config = path, config
        self.failed: bool | None = None
        self.steps: list[int] = []
        self.losses: list[float] = []
        self.runs[number] = self

    def log(self, metrics: dict[str, float], step: int) -> None:
        if step >= self.broken_at:
            raise OSError("no server")
        self.steps.append(step)
        self.losses.append(metrics["loss"])

    def finish(self, *, failed: bool) -> None:
        self.failed = failed


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> dict[int, Recorded]:
    """The runs of the tracker "mlflow", which is replaced."""
    runs: dict[int, Recorded] = {}
    monkeypatch.setattr(Recorded, "runs", runs, raising=False)
    monkeypatch.setitem(trackers.TRACKERS, "mlflow", trackers.Tracker("json", "mlflow", Recorded))
    return runs


@pytest.mark.parametrize("method", ["asha", "hyperband"])
def test_each_trial_is_one_run_with_all_reports(method: str, recorded: dict[int, Recorded], tmp_path: Path) -> None:
    result = study("mlflow", tmp_path, method=method)
    assert set(recorded) == set(result.trials.index)
    for number, run in recorded.items():
        reports = result.reports[result.reports["trial"] == number]
        assert run.steps == reports["resource"].to_list()
        assert run.losses == reports["value"].to_list()
        assert run.config == result.configs[number]
        assert run.failed is False


def test_a_tracker_that_fails_is_switched_off_and_the_study_continues(
    recorded: dict[int, Recorded], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Recorded, "broken_at", 2)
    with caplog.at_level(logging.WARNING, logger="raytune_suite"):
        result = study("mlflow", tmp_path)
    assert len(result.trials) == 6
    assert [record.getMessage() for record in caplog.records if "no server" in record.getMessage()]
    assert all(max(run.steps, default=0) < 2 for run in recorded.values())


@pytest.mark.e2e
@pytest.mark.long
def test_tensorboard_has_a_folder_per_trial(tmp_path: Path) -> None:
    result = study("tensorboard", tmp_path, num_samples=2)
    folders = sorted(path.name for path in (tmp_path / "mine" / "tensorboard").iterdir())
    assert folders == [f"mine-{number:04d}" for number in result.trials.index]


def test_tensorboard_needs_a_local_folder() -> None:
    with pytest.raises(ArgumentError, match="tensorboard"):
        trackers.check_tensorboard("s3://bucket/mine")


def test_what_cannot_track_is_rejected_before_the_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ArgumentError) as caught:
        study("mlfow", tmp_path)
    assert caught.value.name == "trackers"
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(MissingPackageError, match=r"raytune-suite\[mlflow\]"):
        study("mlflow", tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_command_line_has_the_same_names() -> None:
    assert tuple(trackers.TRACKERS) == TRACKER_NAMES
