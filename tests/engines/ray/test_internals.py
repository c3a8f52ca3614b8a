"""One test for each use of a private interface of Ray, which fails if a new version of Ray changes that interface."""

from __future__ import annotations

import json
from collections import deque
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import ray
from ray import tune
from ray.air.execution._internal.actor_manager import RayActorManager
from ray.exceptions import ActorDiedError, OutOfMemoryError
from ray.train._internal.checkpoint_manager import _CheckpointManager
from ray.train._internal.session import _TrainingResult
from ray.tune.callback import CallbackList
from ray.tune.execution import class_cache
from ray.tune.execution.experiment_state import _ExperimentCheckpointManager
from ray.tune.execution.tune_controller import TuneController
from ray.tune.experiment import Trial
from ray.tune.search import Searcher
from ray.tune.search.basic_variant import BasicVariantGenerator
from ray.tune.search.search_generator import SearchGenerator
from ray.tune.stopper import MaximumIterationStopper
from ray.tune.utils.serialization import TuneFunctionDecoder, TuneFunctionEncoder

from raytune_suite.engines.ray import internals
from raytune_suite.engines.ray.cluster_state import AutoscalerStatus, parse_v1_status
from raytune_suite.methods import make_method

if TYPE_CHECKING:
    from tests.engines.ray.conftest import DeadActor

SPACE = {"x": tune.uniform(0, 1)}


def test_trials_have_environment_variables() -> None:
    assert internals.trial_environment()
    assert all(isinstance(value, str) for value in internals.trial_environment().values())


def test_a_cluster_on_this_machine_is_discovered_by_its_address_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    address = internals.running_cluster()
    assert address is None or ":" in address


@pytest.mark.usefixtures("ray_session")
def test_a_cluster_that_this_process_started_is_recognized() -> None:
    assert internals.started_here()


def test_the_node_of_a_dead_actor_is_available(dead_actor: DeadActor) -> None:
    assert internals.node_of(dead_actor.error) == ray.get_runtime_context().get_node_id()
    assert internals.node_of(ActorDiedError()) == ""


@pytest.mark.usefixtures("ray_session")
def test_idle_processes_are_reused_only_if_they_have_the_environment_of_a_trial(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before, variables = dict(class_cache.DEFAULT_ENV_VARS), internals.trial_environment()
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with internals.reused_processes():
        assert class_cache.DEFAULT_ENV_VARS == {}
    monkeypatch.delenv(next(iter(variables)))
    with internals.reused_processes():
        assert variables == class_cache.DEFAULT_ENV_VARS
    assert before == class_cache.DEFAULT_ENV_VARS


def test_callbacks_for_ray_train_are_added_to_those_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_TRAIN_CALLBACKS", "mine.Callback")
    added = internals.trial_environment()["RAY_TRAIN_CALLBACKS"]
    assert added.split(",")[0] == "mine.Callback"
    monkeypatch.setenv("RAY_TRAIN_CALLBACKS", added)
    assert internals.trial_environment()["RAY_TRAIN_CALLBACKS"] == added


class FakeTrial:
    def __init__(self) -> None:
        self.temporary_state = SimpleNamespace(restoring_from="a checkpoint")
        self.run_metadata = SimpleNamespace(num_failures=0)


class TestTrialFailures:
    """`on_failure` decides whether a failure counts."""

    @pytest.fixture(autouse=True)
    def _controller(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.handled: list[tuple[Exception, bool]] = []
        self.controller: Any = SimpleNamespace(_resetting_trials=set())

        def handle(_controller: Any, _trial: Any, error: Any) -> None:
            self.handled.append((error, getattr(error, "preempted", False)))

        monkeypatch.setattr(TuneController, "_process_trial_failure", handle)
        self.original = TuneController._process_trial_failure

    def fail(self, error: Exception, *, times: int = 1, excused: bool) -> Any:
        trial = FakeTrial()
        with internals.trial_failures(lambda _controller, _trial, _error: excused):
            process: Any = TuneController._process_trial_failure
            for _ in range(times):
                process(self.controller, trial, error)
        return trial

    def test_an_excused_failure_is_handled_like_a_preemption(self) -> None:
        trial = self.fail(ActorDiedError(), excused=True)
        assert [preempted for _, preempted in self.handled] == [True]
        assert trial.temporary_state.restoring_from is None

    def test_an_excused_error_of_the_trial_is_not_counted(self) -> None:
        trial = self.fail(ValueError("a damaged checkpoint"), excused=True)
        assert trial.run_metadata.num_failures == -1  # Ray adds 1

    def test_other_failures_are_left_to_ray(self) -> None:
        trial = self.fail(ValueError("a bug"), excused=False)
        assert [preempted for _, preempted in self.handled] == [False]
        assert trial.temporary_state.restoring_from == "a checkpoint"

    def test_the_second_report_of_a_failure_is_dropped(self) -> None:
        self.fail(ActorDiedError(), times=2, excused=True)
        assert len(self.handled) == 1

    def test_ray_is_restored_afterwards(self) -> None:
        self.fail(ActorDiedError(), excused=False)
        assert TuneController._process_trial_failure is self.original


def test_a_process_that_was_killed_to_free_memory_fails_like_one_that_has_died() -> None:
    failed: list[Any] = []
    actor = SimpleNamespace(actor_id="a", _on_error=lambda _actor, error: failed.append(error))
    task: Any = SimpleNamespace(_tracked_actor=actor, _on_error=actor._on_error)
    manager: Any = SimpleNamespace(
        _failed_actor_ids=set(), _cleanup_actor=lambda **named: failed.extend(named.values())
    )
    error = OutOfMemoryError("low on memory")
    with pytest.raises(RuntimeError):
        RayActorManager._actor_task_failed(manager, task, error)
    with internals.memory_kills():
        RayActorManager._actor_task_failed(manager, task, error)
    assert failed == [actor, error, error]
    assert manager._failed_actor_ids == {"a"}


def test_the_controller_has_the_replaced_attributes() -> None:
    assert callable(TuneController._process_trial_failure)
    assert "_resetting_trials" in TuneController.__init__.__code__.co_names


def test_the_controller_has_what_starts_a_trial_in_a_new_process() -> None:
    """`tests/tuning/test_tune.py` has a study of which each reset fails."""
    with internals.fresh_process_after_failed_reset():
        assert TuneController._on_trial_reset.__module__ == internals.__name__
    assert TuneController._on_trial_reset.__module__ == TuneController.__module__
    names = {"_reuse_actors", "_resetting_trials", "_trial_to_actor", "_actor_to_trial", "_staged_trials"}
    assert names <= set(TuneController.__init__.__code__.co_names)
    methods = ("_remove_actor", "_cleanup_cached_actors", "_set_trial_status", "_schedule_trial_actor")
    assert all(callable(getattr(TuneController, name)) for name in methods)


def test_the_process_of_a_trial_is_an_actor_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[Any] = []
    monkeypatch.setattr(ray, "kill", killed.append)
    trial: Any = Trial("toy", stub=True)
    internals.kill_process(trial)
    assert killed == []
    trial.temporary_state.ray_actor = "an actor"
    internals.kill_process(trial)
    assert killed == ["an actor"]


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

    with internals.study_snapshots(take):
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

    with internals.study_snapshots(take):
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
    with internals._compact_json():
        compact = json.dumps(state, indent=2, cls=TuneFunctionEncoder)
    assert "\n" not in compact
    assert json.loads(compact) == json.loads(indented)
    assert json.dumps(state, indent=2, cls=TuneFunctionEncoder) == indented


def test_the_recent_values_of_trials_are_written_as_ray_reads_them() -> None:
    state = {"5": deque([1.0, 2, True], maxlen=5), "10": deque([len], maxlen=10)}
    with internals._compact_json():
        written = json.dumps(state, cls=TuneFunctionEncoder)
    read = json.loads(written, cls=TuneFunctionDecoder, allow_cloudpickle=True)
    assert read == state
    assert read["5"].maxlen == 5


def test_the_names_of_the_files_with_the_state_are_those_of_ray() -> None:
    for saved in (TuneController, SearchGenerator, Searcher, CallbackList, BasicVariantGenerator):
        assert internals.is_state_file(saved.CKPT_FILE_TMPL.format("2026-11-27_12-00-00"))
    assert not internals.is_state_file("study.json")


def test_ray_restores_from_the_files_that_are_provided_and_a_failure_is_reported(tmp_path: Path) -> None:
    storage = Staged(tmp_path)
    failed: list[Exception] = []
    controller: Any = SimpleNamespace(_storage=storage)
    manager: Any = SimpleNamespace(_storage=storage)
    (tmp_path / "now").mkdir()
    (tmp_path / "now" / "searcher-state-before.pkl").touch()
    with internals.restored_from({"searcher-state-now.pkl": b"s", "study.json": b"{}"}, failed.append):
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
    with internals.restored_from({}, lambda _error: None):
        TuneController.resume(controller, resume_config=None)  # type: ignore[arg-type]
    assert controller._cached_trial_decisions == {}
    assert "_cached_trial_decisions" in TuneController.__init__.__code__.co_names


class Silent(tune.Callback):
    """A callback that does nothing."""


def test_the_objects_of_a_tuner_are_accessible_and_callbacks_can_be_added(tmp_path: Path) -> None:
    method = make_method("asha", SPACE, metric="loss", mode="min", max_t=9)
    saved, passing, stopper = Silent(), Silent(), MaximumIterationStopper(9)
    tuner = tune.Tuner(
        lambda _config: None,
        tune_config=method.tune_config(num_samples=1),
        run_config=tune.RunConfig(storage_path=str(tmp_path), name="study", callbacks=[saved], stop=stopper),
    )
    callbacks, searcher, scheduler = internals.study_objects(tuner)
    assert callbacks == [saved]
    assert (searcher.scheduler, scheduler) == (method.scheduler, method.scheduler)
    assert internals.stopper_of_new(tuner) is stopper
    internals.add_callbacks(tuner, [passing])
    assert internals.study_objects(tuner)[0] == [saved, passing]


@pytest.mark.usefixtures("ray_session")
def test_ray_on_one_machine_reports_no_autoscaler() -> None:
    status = internals.autoscaler_status()
    assert isinstance(status, dict)
    assert parse_v1_status(status) in (None, AutoscalerStatus(known=False))


def test_a_cluster_file_is_validated_as_ray_up_does() -> None:
    config: dict[str, Any] = {
        "cluster_name": "a",
        "provider": {"type": "local", "head_ip": "10.0.0.1", "worker_ips": ["10.0.0.2"]},
        "auth": {"ssh_user": "me"},
    }
    internals.validate_cluster_config(config)
    with pytest.raises(Exception, match="many"):
        internals.validate_cluster_config({**config, "idle_timeout_minutes": "many"})


def test_the_state_before_the_end_of_a_study_is_taken_once(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[dict[str, bytes]] = []
    monkeypatch.setattr(internals, "_saved_state", lambda _controller, _save: {"state": b""})
    ended: list[Any] = []
    monkeypatch.setattr(TuneController, "_stop_experiment_if_needed", ended.append)
    controller: Any = SimpleNamespace(
        get_trials=lambda: [1], _stopper=SimpleNamespace(stop_all=lambda: True), save_to_dir=None
    )
    with internals.state_before_end(taken.append):
        for _ in "ab":
            TuneController._stop_experiment_if_needed(controller)
    assert taken == [{"state": b""}]
    assert ended == [controller, controller]
    assert internals.stopper_of(controller) is controller._stopper
