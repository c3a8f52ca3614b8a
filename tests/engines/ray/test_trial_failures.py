"""A checkpoint that cannot be written is a fault of the study; one that cannot be read is not the trial's last one."""

from __future__ import annotations

import errno
import os
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from pyarrow import fs  # type: ignore[import-untyped]
from ray.exceptions import RayTaskError
from ray.train._internal.checkpoint_manager import _CheckpointManager
from ray.train._internal.session import _TrainingResult
from ray.tune import Checkpoint

from raytune_suite.engines.ray.out_of_memory import MemoryRetries
from raytune_suite.engines.ray.trial_failures import TrialFailures, is_storage_error
from raytune_suite.errors import StudyError

if TYPE_CHECKING:
    from pathlib import Path


def task_error(cause: Exception, traceback: str = "Traceback: ...") -> RayTaskError:
    """An error that a trial's process has raised."""
    return RayTaskError("train", traceback, cause, proctitle="p", pid=1, ip="127.0.0.1")


class FailingTrial:
    """What a failing trial of Ray has, with checkpoints at 1, 2, ... in a folder."""

    def __init__(self, folder: Path, checkpoints: int = 0) -> None:
        self.trial_id = "a"
        self.is_saving, self.is_restoring = False, checkpoints > 0
        self.storage = SimpleNamespace(trial_fs_path=str(folder / "trial"))
        self.manager = _CheckpointManager(None)
        self.run_metadata = SimpleNamespace(checkpoint_manager=self.manager, invalidate_cache=lambda: None)
        for number in range(1, checkpoints + 1):
            path = folder / f"checkpoint_{number}"
            path.mkdir()
            checkpoint = Checkpoint(str(path), fs.LocalFileSystem())
            self.manager.register_checkpoint(_TrainingResult(checkpoint, {"training_iteration": number}))

    @property
    def latest_checkpoint_result(self) -> Any:
        return self.manager.latest_checkpoint_result


def failures(*, copies_checkpoints: bool = False) -> TrialFailures:
    log = SimpleNamespace(
        refresh=lambda _trials: None,
        number=lambda _trial_id: 7,
        objective=SimpleNamespace(time_attr="training_iteration"),
    )
    monitor: Any = SimpleNamespace(log=log, check_failure=lambda _error: None)
    return TrialFailures(monitor, MemoryRetries(), copies_checkpoints=copies_checkpoints)


CONTROLLER = SimpleNamespace(get_trials=list)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO], ids=errno.errorcode.get)
def test_a_checkpoint_that_cannot_be_written_ends_the_study(code: int, tmp_path: Path) -> None:
    decide, trial = failures(), FailingTrial(tmp_path)
    trial.is_saving = True
    with pytest.raises(StudyError, match="trial 7") as caught:
        decide(CONTROLLER, trial, task_error(OSError(code, os.strerror(code))))
    assert str(tmp_path / "trial") in str(caught.value)
    assert os.strerror(code) in decide.fault


def test_so_does_one_that_a_function_reports(tmp_path: Path) -> None:
    error = OSError(f"[Errno {errno.ENOSPC}] Error writing bytes to file. Detail: [errno 28] No space left on device")
    with pytest.raises(StudyError):
        failures()(CONTROLLER, FailingTrial(tmp_path), task_error(error, "... in persist_current_checkpoint ..."))


def test_other_errors_while_saving_and_such_errors_of_the_training_are_failures_of_the_trial(tmp_path: Path) -> None:
    decide, trial = failures(), FailingTrial(tmp_path)
    assert not decide(CONTROLLER, trial, task_error(OSError(errno.ENOSPC, "full")))
    trial.is_saving = True
    assert not decide(CONTROLLER, trial, task_error(ValueError("cannot be pickled")))
    assert not decide(CONTROLLER, trial, task_error(FileNotFoundError(errno.ENOENT, "missing")))
    assert decide.fault == ""


def test_an_error_of_the_storage_is_recognized_by_its_number_or_its_text() -> None:
    assert is_storage_error(OSError(errno.EIO, "x"))
    assert is_storage_error(task_error(OSError("IOError: [errno 30] Read-only file system")))
    assert not is_storage_error(OSError(errno.EACCES, "x"))
    assert not is_storage_error(ValueError("No number"))


def test_a_checkpoint_that_cannot_be_loaded_is_dropped_for_the_one_before_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    decide, trial = failures(), FailingTrial(tmp_path, checkpoints=2)
    assert decide(CONTROLLER, trial, task_error(ValueError("damaged")))
    assert trial.latest_checkpoint_result.metrics["training_iteration"] == 1
    assert str(tmp_path / "checkpoint_2") in caplog.text
    assert not decide(CONTROLLER, trial, task_error(ValueError("damaged, too")))


def test_a_trial_whose_checkpoints_are_gone_starts_from_the_beginning(tmp_path: Path) -> None:
    decide, trial = failures(), FailingTrial(tmp_path, checkpoints=1)
    (tmp_path / "checkpoint_1").rmdir()
    assert decide(CONTROLLER, trial, task_error(ValueError("does not exist")))
    assert trial.latest_checkpoint_result is None


def test_a_member_of_a_population_does_not_fall_back(tmp_path: Path) -> None:
    trial = FailingTrial(tmp_path, checkpoints=2)
    assert not failures(copies_checkpoints=True)(CONTROLLER, trial, task_error(ValueError("damaged")))
    assert trial.latest_checkpoint_result.metrics["training_iteration"] == 2
