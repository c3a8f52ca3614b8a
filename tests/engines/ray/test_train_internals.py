"""One test for each use of a private interface of Ray Train, which fails if a new version of Ray changes it."""

from __future__ import annotations

import inspect
import os
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from ray.train import ScalingConfig
from ray.train._internal import session as sessions
from ray.train.v2._internal.callbacks import placement_group_callback as _callback
from ray.train.v2._internal.callbacks.env_callback import _initialize_env_callbacks
from ray.train.v2._internal.execution.checkpoint.checkpoint_manager import CheckpointManager
from ray.train.v2._internal.execution.controller import placement_group_cleaner as _cleaner
from ray.train.v2._internal.execution.controller.controller import TrainController
from ray.train.v2._internal.execution.worker_group import WorkerGroup
from ray.train.v2._internal.execution.worker_group.placement_group_handle import DefaultPlacementGroupHandle
from ray.tune.integration import ray_train

from raytune_suite.engines.ray import internals, train_internals
from raytune_suite.engines.ray.train_internals import CHECKPOINT, Cleaner, TrialWorkers, is_alive, report_checkpoints
from raytune_suite.engines.ray.worker_bundles import describe_misfit, usable

if TYPE_CHECKING:
    from tests.engines.ray.conftest import DeadActor

placement_group_callback: Any = _callback
placement_group_cleaner: Any = _cleaner
BUNDLES = {1: {"CPU": 1.0, "GPU": 1.0}, 2: {"CPU": 2.0}, 3: {"CPU": 1.0, "GPU": 1.0}}


@pytest.fixture
def in_trial(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The session of a trial that continues from a checkpoint."""
    session = SimpleNamespace(world_rank=None, loaded_checkpoint="a checkpoint", trial_id="t")
    monkeypatch.setattr(train_internals, "get_session", lambda: session)
    monkeypatch.setattr(train_internals, "get_current_placement_group", lambda: "the trial's")
    monkeypatch.setattr(train_internals, "worker_bundles", lambda _group: BUNDLES)
    monkeypatch.setattr(sessions._TrainSession, "report", sessions._TrainSession.report)
    monkeypatch.delenv("RAY_TRAIN_HEALTH_CHECK_INTERVAL_S", raising=False)
    for place, name in (
        (TrainController, "worker_group_cls"),
        (ray_train.TuneReportCallback, "after_report"),
        (placement_group_callback, "PlacementGroupCleaner"),
        (placement_group_callback.PlacementGroupCleanerCallback, "after_controller_start"),
        (placement_group_callback.PlacementGroupCleanerCallback, "after_worker_group_start"),
    ):
        monkeypatch.setattr(place, name, getattr(place, name))
    yield session
    os.environ.pop("RAY_TRAIN_HEALTH_CHECK_INTERVAL_S", None)


def start(workers: TrialWorkers, number: int, gpus: bool = False) -> Any:
    scaling = ScalingConfig(num_workers=number, use_gpu=gpus)
    workers.after_controller_start(SimpleNamespace(scaling_config=scaling))
    return TrainController.worker_group_cls


def test_ray_train_constructs_the_callback_that_the_environment_names(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "RAY_TRAIN_CALLBACKS"
    monkeypatch.setenv(name, internals.trial_environment()[name])
    (callback,) = _initialize_env_callbacks()
    assert isinstance(callback, TrialWorkers)
    assert not callback.bundles


@pytest.mark.usefixtures("in_trial")
def test_workers_use_the_bundles_of_the_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    group_class = start(TrialWorkers(), 2, gpus=True)
    group = group_class.__new__(group_class)
    handle = group._create_placement_group(ScalingConfig(), None)
    assert handle.placement_group == "the trial's"
    handle.shutdown()  # does not remove it
    calls: list[Any] = []
    monkeypatch.setattr(WorkerGroup, "_create_workers", lambda _self, *arguments, **_options: calls.append(arguments))
    group._create_workers(2, "the trial's", {"CPU": 1, "GPU": 1})
    group._create_workers(1, "the trial's", {"CPU": 1, "GPU": 1}, [3])
    assert [call[3] for call in calls] == [[1, 3], [3]]


@pytest.mark.usefixtures("in_trial")
def test_workers_that_do_not_fit_into_the_bundles_are_rejected() -> None:
    start(TrialWorkers(), 3)
    with pytest.raises(ValueError, match="3"):
        start(TrialWorkers(), 3, gpus=True)
    assert usable({"CPU": 1}, BUNDLES) == [1, 2, 3]
    assert not describe_misfit(2, {"GPU": 1}, BUNDLES)


def test_workers_without_bundles_have_a_placement_group_of_their_own(
    in_trial: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train_internals, "worker_bundles", lambda _group: {})
    requests: list[Any] = []
    monkeypatch.setattr(train_internals, "placement_group", lambda *given, **named: requests.append((given, named)))
    group_class = start(TrialWorkers(), 2)
    context = SimpleNamespace(
        resources_per_worker={"CPU": 1}, num_workers=2, placement_strategy="PACK", label_selector=None
    )
    handle = group_class.__new__(group_class)._create_placement_group(ScalingConfig(), context)
    assert isinstance(handle, DefaultPlacementGroupHandle)
    assert requests[0][0] == ([{"CPU": 1}] * 2,)
    assert in_trial.trial_id in requests[0][1]["name"]
    assert placement_group_callback.PlacementGroupCleaner is Cleaner


@pytest.mark.usefixtures("in_trial")
def test_workers_start_from_the_checkpoint_of_the_trial_until_they_report_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    workers = TrialWorkers()
    group_class = start(workers, 2)
    given: list[Any] = []
    monkeypatch.setattr(
        WorkerGroup, "_init_train_context_on_workers", lambda _self, *arguments: given.append(arguments)
    )
    group = group_class.__new__(group_class)
    latest = {"checkpoint": ["latest"] * 2, "current_report_index": [0, 0]}
    group._init_train_context_on_workers(["a", "b"], None, latest)
    workers.after_report(SimpleNamespace(checkpoint=None), [])
    workers.after_report(SimpleNamespace(checkpoint="new"), [])
    group._init_train_context_on_workers(["a", "b"], None, latest)
    assert [arguments[2]["checkpoint"] for arguments in given] == [["a checkpoint"] * 2, ["latest"] * 2]
    assert '"checkpoint"' in inspect.getsource(CheckpointManager.before_init_train_context)
    assert "_init_train_context_on_workers(" in inspect.getsource(WorkerGroup._init_train_context)


@pytest.mark.usefixtures("in_trial")
def test_checkpoints_travel_with_the_metrics_of_the_first_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    start(TrialWorkers(), 2)
    callback: Any = ray_train.TuneReportCallback.__new__(ray_train.TuneReportCallback)
    sent: list[Any] = []
    callback._training_actor_item_queue = SimpleNamespace(put=sent.append)
    checkpoint: Any = SimpleNamespace(path="/here")
    callback.after_report(SimpleNamespace(), [{"loss": 1}, {"loss": 2}], checkpoint)
    callback.after_report(SimpleNamespace(), [{"loss": 3}], None)
    assert sent == [{"loss": 1, "checkpoint_path": "/here", CHECKPOINT: checkpoint}, {"loss": 3}]
    received: list[Any] = []
    monkeypatch.setattr(sessions._TrainSession, "report", lambda _self, *arguments: received.append(arguments))
    report_checkpoints()
    report_checkpoints()  # a second trainer in the same process
    for metrics in sent:
        sessions._TrainSession.report(None, metrics)  # type: ignore[arg-type]
    assert received == [({"loss": 1, "checkpoint_path": "/here"}, checkpoint), ({"loss": 3}, None)]


def test_the_cleaner_notices_the_death_of_a_controller_without_the_dashboard(
    dead_actor: DeadActor, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert dead_actor.was_alive
    deadline = time.monotonic() + 10
    while is_alive(dead_actor.id) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_alive(dead_actor.id)
    monkeypatch.setattr(placement_group_cleaner, "is_actor_alive", placement_group_cleaner.is_actor_alive)
    Cleaner(dead_actor.id, check_interval_s=1, get_actor_timeout_s=1, stop_timeout=1)
    assert placement_group_cleaner.is_actor_alive is is_alive
