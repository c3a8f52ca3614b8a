"""On Ray, too, a damaged or missing file of a study gives a correct resume, or an error that names the file."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from ray import tune

import raytune_suite as rts
from raytune_suite.engines import study_snapshots
from raytune_suite.engines.snapshots import SnapshotWriter
from raytune_suite.errors import RaytuneSuiteError, StudyError, StudyInterrupted

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("ray_session")]

TRIALS, MAX_T, STOP_AT = 3, 8, 14


class Learner(tune.Trainable):
    """Counts its steps, and saves them after each step."""

    def setup(self, config: dict[str, Any]) -> None:
        self.rate, self.steps = config["x"], 0

    def step(self) -> dict[str, Any]:
        self.steps += 1
        return {"loss": self.rate / self.steps, "should_checkpoint": True}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        Path(checkpoint_dir, "steps.json").write_text(json.dumps(self.steps))

    def load_checkpoint(self, checkpoint: Any) -> None:
        self.steps = json.loads(Path(checkpoint, "steps.json").read_text())

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self.setup(new_config)
        return True


class InterruptOnce(tune.Callback):
    """Sends Ctrl-C after a number of reports; a resumed study has counted them already."""

    def __init__(self) -> None:
        self.reports = 0

    def on_trial_result(self, *args: Any, **info: Any) -> None:  # noqa: ARG002 - Ray's signature
        self.reports += 1
        if self.reports == STOP_AT:
            os.kill(os.getpid(), signal.SIGINT)

    def get_state(self) -> dict[str, int]:
        return {"reports": max(self.reports, STOP_AT)}

    def set_state(self, state: dict[str, int]) -> None:
        self.reports = state["reports"]


def run(folder: Path, *, resume: bool = False, trainable: Any = Learner, **constants: Any) -> rts.StudyResult:
    return rts.tune(
        trainable,
        {"x": tune.uniform(1, 2), **constants},
        method="random",
        metric="loss",
        mode="min",
        max_t=MAX_T,
        num_samples=TRIALS,
        max_concurrent=1,
        storage_path=folder,
        name="study",
        resume=resume,
        progress=False,
        callbacks=[] if constants else [InterruptOnce()],
        settings=rts.Settings(snapshot_s=0.0),
    )


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("interrupted")
    with pytest.raises(StudyInterrupted):
        run(folder)
    return folder / "study"


def later_than(seconds: float, folder: Path) -> list[Path]:
    """The files that were written after a time."""
    return [path for path in folder.rglob("*") if path.is_file() and path.stat().st_mtime > seconds]


DAMAGED = {
    "newest snapshot": "snapshots/*.snapshot",
    "state for Ray's tools": "experiment_state-*.json",
    "tuner": "tuner.pkl",
    "manifest": "study.json",
    "reports": "reports.jsonl",
    "checkpoint": "*/checkpoint_*/steps.json",
}


IN_CI = {("newest snapshot", "cut")}


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        pytest.param(file, damage, marks=() if (file, damage) in IN_CI else pytest.mark.long)
        for file in DAMAGED
        for damage in ("cut", "removed")
    ],
)
def test_a_damaged_file_gives_all_results_or_an_error_that_names_it(
    file: str, damage: str, interrupted: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    study = tmp_path / "study"
    shutil.copytree(interrupted, study)
    path = max(study.glob(DAMAGED[file]), key=lambda path: (path.parent.stat().st_mtime, str(path)))
    damaged = [path]
    if file == "checkpoint":  # all but the oldest: Ray may have ended before it noted the newest
        damaged = sorted(path.parents[1].glob("checkpoint_*/*"))[1:]
        assert damaged
    for each in damaged:
        if damage == "removed":
            each.unlink()
        else:
            each.write_bytes(each.read_bytes()[: each.stat().st_size // 2])
    before = time.time()
    try:
        result = run(tmp_path, resume=True)
    except RaytuneSuiteError as error:
        assert str(path) in str(error)  # noqa: PT017 - most damages are repaired
        assert file == "reports"
        return
    assert not later_than(before, interrupted), "the study was moved, and is still written at its old place"
    assert result.trials["outcome"].tolist() == ["trained in full"] * TRIALS
    reports = result.reports.drop_duplicates(["trial", "resource"])
    assert len(reports) == TRIALS * MAX_T
    rates = result.trials.loc[reports["trial"], "config/x"].to_numpy()
    assert (reports["value"] * reports["resource"]).tolist() == pytest.approx(rates.tolist())
    if file == "checkpoint":
        assert any(str(each.parent) in caplog.text for each in damaged)
    if file == "newest snapshot" and damage == "cut":
        assert str(path) in caplog.text


@pytest.mark.long
def test_a_study_whose_snapshots_fail_ends_and_is_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    written: list[int] = []
    write = SnapshotWriter.write

    def fail(writer: SnapshotWriter, *args: Any) -> int:
        if written:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written.append(write(writer, *args))
        return written[-1]

    with monkeypatch.context() as full:
        full.setattr(SnapshotWriter, "write", fail)
        full.setattr(study_snapshots, "ATTEMPTS", 2)
        full.setattr(study_snapshots, "PATIENCE_S", 0.0)
        full.setattr(study_snapshots, "RETRY_S", 0.0)
        with pytest.raises(StudyError, match=r"No space left.*resume=True"):
            run(tmp_path)
    assert str(tmp_path) in caplog.text
    assert run(tmp_path, resume=True).trials["outcome"].tolist() == ["trained in full"] * TRIALS


class Full(Learner):
    """Cannot write its checkpoints while a file exists."""

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        if Path(self.config["full"]).exists():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        super().save_checkpoint(checkpoint_dir)


@pytest.mark.long
def test_a_checkpoint_that_cannot_be_written_ends_the_study_and_no_trial_fails(tmp_path: Path) -> None:
    full = tmp_path / "full"
    full.touch()
    with pytest.raises(StudyError, match=r"checkpoint of trial 0 .*No space left"):
        run(tmp_path, trainable=Full, full=str(full))
    full.unlink()
    result = run(tmp_path, trainable=Full, full=str(full), resume=True)
    assert result.trials["outcome"].tolist() == ["trained in full"] * TRIALS
