"""One test for each use of a private interface of Ray, which fails if a new version of Ray changes that interface."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import ray
from ray import tune
from ray._private import services
from ray.air.execution._internal.actor_manager import RayActorManager
from ray.exceptions import ActorDiedError, OutOfMemoryError
from ray.tune.execution import class_cache
from ray.tune.execution.tune_controller import TuneController
from ray.tune.experiment import Trial
from ray.tune.stopper import MaximumIterationStopper

from raytune_suite.engines.ray import internals
from raytune_suite.engines.ray.cluster_state import AutoscalerStatus, parse_v1_status
from raytune_suite.methods import make_method

if TYPE_CHECKING:
    from pathlib import Path

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


@pytest.mark.process
@pytest.mark.skipif(sys.platform != "linux", reason="Ray's processes stay in the group where no kernel ends them")
def test_processes_of_ray_get_a_group_of_their_own_while_it_starts() -> None:
    for context, alone in ((internals.own_process_groups(), True), (contextlib.nullcontext(), False)):
        with context:
            process = services.ConsolePopen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        with process:
            assert (os.getpgid(process.pid) == process.pid) is alone
            process.kill()


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


def test_the_controller_has_a_stopper() -> None:
    controller: Any = SimpleNamespace(_stopper="a stopper")
    assert internals.stopper_of(controller) == "a stopper"
    assert "_stopper" in TuneController.__init__.__code__.co_names
