"""One test for each use of a private interface of Ray around the state of a study, which fails if Ray changes it."""

from __future__ import annotations

import json
from collections import deque
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ray import tune
from ray.train._internal.checkpoint_manager import _CheckpointManager
from ray.train._internal.session import _TrainingResult
from ray.tune.callback import CallbackList
from ray.tune.execution.experiment_state import _ExperimentCheckpointManager
from ray.tune.execution.tune_controller import TuneController
from ray.tune.search import Searcher
from ray.tune.search.basic_variant import BasicVariantGenerator
from ray.tune.search.search_generator import SearchGenerator
from ray.tune.utils.serialization import TuneFunctionDecoder, TuneFunctionEncoder

from raytune_suite.engines.ray import state_internals


class Staged:
    """What Ray's storage has, with a folder for the files of the driver."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._timestamp = folder, "now"
        self.experiment_fs_path = str(folder / "study")
        self.syncer = SimpleNamespace(sync_up=lambda *_folders: self.synced.append(_folders), wait=lambda: None)
        self.synced: list[tuple[str, ...]] = []

    @property
    def experiment_driver_staging_path(self) -> str:
        return str(self.folder / self._timestamp)


class FakeController:
    """Saves two files into the driver's folder."""

    def __init__(self, storage: Staged) -> None:
        self._storage = storage
        self.trials = ["a trial"]

    def get_trials(self) -> list[str]:
        return self.trials

    def save_to_dir(self) -> None:
        folder = Path(self._storage.experiment_driver_staging_path)
        folder.mkdir(parents=True)
        for name in ("experiment_state-now.json", "searcher-state-now.pkl"):
            (folder / name).write_text(name)


def test_the_state_of_a_study_is_taken_and_not_copied_by_ray(tmp_path: Path) -> None:
    storage: Any = Staged(tmp_path)
    controller = FakeController(storage)
    manager = _ExperimentCheckpointManager(storage=storage, checkpoint_period=0, sync_every_n_trial_checkpoints=1)
    taken: list[Any] = []

    def take(state: Any, *, force: bool, final: bool) -> bool:
        taken.append((state(), force, final))
        return True

    with state_internals.study_snapshots(take):
        manager.sync_up_experiment_state(controller.save_to_dir)
        manager.on_trial_checkpoint("a trial")  # type: ignore[arg-type]
        manager.sync_up_experiment_state(controller.save_to_dir)
        manager.sync_up_experiment_state(controller.save_to_dir, wait=True)
        controller.trials = []
        manager.sync_up_experiment_state(controller.save_to_dir)
    names = ["experiment_state-now.json", "searcher-state-now.pkl"]
    assert taken == [(dict(zip(names, map(str.encode, names), strict=True)), *how) for how in
                     [(False, False), (True, False), (False, True)]]  # fmt: skip
    assert len(storage.synced) == 3
    assert list(tmp_path.rglob("*-now.*")) == []
    assert controller._storage is storage
    assert _ExperimentCheckpointManager.sync_up_experiment_state.__module__ == _ExperimentCheckpointManager.__module__


def test_checkpoints_are_removed_only_after_a_snapshot_without_them(tmp_path: Path) -> None:
    storage: Any = Staged(tmp_path / "storage")
    folders = [tmp_path / f"checkpoint_{number}" for number in range(3)]
    checkpoints = _CheckpointManager(tune.CheckpointConfig(num_to_keep=1))
    snapshots = _ExperimentCheckpointManager(storage=storage, checkpoint_period=0, sync_every_n_trial_checkpoints=1)
    stored = iter([False, True])

    def take(state: Any, *, force: bool, final: bool) -> bool:  # noqa: ARG001 - a `TakeSnapshot`
        return next(stored)

    with state_internals.study_snapshots(take):
        for folder in folders:
            folder.mkdir()
            checkpoints.register_checkpoint(_TrainingResult(tune.Checkpoint.from_directory(folder), {}))
        snapshots.sync_up_experiment_state(FakeController(storage).save_to_dir)
        assert all(folder.exists() for folder in folders)
        folders[0].rmdir()  # as a study does that is resumed from an older snapshot
        snapshots.sync_up_experiment_state(FakeController(storage).save_to_dir)
    assert [folder.exists() for folder in folders] == [False, False, True]


def test_the_states_of_trials_are_written_without_indentation() -> None:
    state = {"a": {"b": [1, 2]}, "f": len}
    indented = json.dumps(state, indent=2, cls=TuneFunctionEncoder)
    with state_internals._compact_json():
        compact = json.dumps(state, indent=2, cls=TuneFunctionEncoder)
    assert "\n" not in compact
    assert json.loads(compact) == json.loads(indented)
    assert json.dumps(state, indent=2, cls=TuneFunctionEncoder) == indented


def test_the_recent_values_of_trials_are_written_as_ray_reads_them() -> None:
    state = {"5": deque([1.0, 2, True], maxlen=5), "10": deque([len], maxlen=10)}
    with state_internals._compact_json():
        written = json.dumps(state, cls=TuneFunctionEncoder)
    read = json.loads(written, cls=TuneFunctionDecoder, allow_cloudpickle=True)
    assert read == state
    assert read["5"].maxlen == 5


def test_the_names_of_the_files_with_the_state_are_those_of_ray() -> None:
    for saved in (TuneController, SearchGenerator, Searcher, CallbackList, BasicVariantGenerator):
        assert state_internals.is_state_file(saved.CKPT_FILE_TMPL.format("2026-11-27_12-00-00"))
    assert not state_internals.is_state_file("study.json")


def test_ray_restores_from_the_files_that_are_provided_and_a_failure_is_reported(tmp_path: Path) -> None:
    storage = Staged(tmp_path)
    failed: list[Exception] = []
    controller: Any = SimpleNamespace(_storage=storage)
    manager: Any = SimpleNamespace(_storage=storage)
    (tmp_path / "now").mkdir()
    (tmp_path / "now" / "searcher-state-before.pkl").touch()
    with state_internals.restored_from({"searcher-state-now.pkl": b"s", "study.json": b"{}"}, failed.append):
        _ExperimentCheckpointManager.sync_down_experiment_state(manager)
        assert [path.name for path in (tmp_path / "now").iterdir()] == ["searcher-state-now.pkl"]
        with pytest.raises(AttributeError):
            TuneController.resume(controller, resume_config=None)  # type: ignore[arg-type]
    assert [type(error) for error in failed] == [AttributeError]
    assert list((tmp_path / "now").iterdir()) == []
    assert TuneController.resume.__module__ == TuneController.__module__


def test_decisions_that_wait_for_a_lost_checkpoint_are_not_restored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a trial whose final checkpoint was lost in a kill would be stopped at its next one, with another result."""
    controller: Any = SimpleNamespace(_storage=Staged(tmp_path), search_alg=None, _cached_trial_decisions={})

    def resume(self: Any, **_options: Any) -> None:
        self.__dict__.update(_cached_trial_decisions={"a": "STOP"})

    monkeypatch.setattr(TuneController, "resume", resume)
    with state_internals.restored_from({}, lambda _error: None):
        TuneController.resume(controller, resume_config=None)  # type: ignore[arg-type]
    assert controller._cached_trial_decisions == {}
    assert "_cached_trial_decisions" in TuneController.__init__.__code__.co_names


def test_the_state_before_the_end_of_a_study_is_taken_once(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[dict[str, bytes]] = []
    monkeypatch.setattr(state_internals, "_saved_state", lambda _controller, _save: {"state": b""})
    ended: list[Any] = []
    monkeypatch.setattr(TuneController, "_stop_experiment_if_needed", ended.append)
    controller: Any = SimpleNamespace(
        get_trials=lambda: [1], _stopper=SimpleNamespace(stop_all=lambda: True), save_to_dir=None
    )
    with state_internals.state_before_end(taken.append):
        for _ in "ab":
            TuneController._stop_experiment_if_needed(controller)
    assert taken == [{"state": b""}]
    assert ended == [controller, controller]
