"""Lost nodes and messages about waiting, with simulated nodes; test_on_a_cluster.py has real ones."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import pytest
from ray.exceptions import ActorDiedError, ActorUnavailableError, RayTaskError
from ray.tune.execution.tune_controller import TuneController

from raytune_suite.engines.callbacks.progress import progress_line
from raytune_suite.engines.ray import cluster_monitor, cluster_state, internals
from raytune_suite.engines.ray.cluster_monitor import LOST_MACHINE_RETRIES, ClusterMonitor
from raytune_suite.engines.ray.cluster_state import AutoscalerStatus
from raytune_suite.engines.ray.out_of_memory import MemoryRetries
from raytune_suite.engines.ray.trial_failures import TrialFailures
from raytune_suite.engines.ray.worker_bundles import group_name
from raytune_suite.errors import StudyError
from tests.engines.simulated.studies import method, study_log

if TYPE_CHECKING:
    from raytune_suite.engines.callbacks.study_log import StudyLog

GONE = {"NodeID": "b", "Alive": False, "NodeManagerHostname": "spot-7", "NodeManagerAddress": "10.0.0.7"}
HERE = {**GONE, "NodeID": "a", "Alive": True}
ONE = {"CPU": 1.0}
OTHERS = [f"b{number}" for number in range(3 * LOST_MACHINE_RETRIES)]
"""Other nodes that are lost."""


@pytest.fixture
def log() -> StudyLog:
    return study_log(method("random").scheduler)


@pytest.fixture
def monitor(log: StudyLog, monkeypatch: pytest.MonkeyPatch) -> ClusterMonitor:
    """A monitor of two nodes; the others have been lost."""
    gone = {node: {**GONE, "NodeID": node} for node in ("b", *OTHERS)}
    monkeypatch.setattr(cluster_state, "all_nodes", lambda: {"a": HERE, "c": HERE, **gone})
    monkeypatch.setattr(cluster_state, "alive_nodes", lambda: {"a": HERE, "c": HERE})
    monkeypatch.setattr(cluster_state, "accepts_connections", lambda _node: True)
    monkeypatch.setattr(cluster_state, "head_address", lambda: "10.0.0.1:6379")
    monkeypatch.setattr(cluster_state, "head_answers", lambda _address: True)
    monkeypatch.setattr(cluster_state, "this_node", lambda: "a")
    monkeypatch.setattr(cluster_monitor, "SILENCE_TIMEOUT_S", 0.0)
    return ClusterMonitor(log, Path("/studies"), lambda: None, on_terminal=False)


def trial(log: StudyLog, iteration: int) -> Any:
    new: Any = SimpleNamespace(
        trial_id="t", status="RUNNING", config={}, last_result={"training_iteration": iteration},
        latest_checkpoint_result=None,
    )  # fmt: skip
    log.on_step_end(0, [new])
    return new


@pytest.mark.usefixtures("monitor")
def test_a_head_that_does_not_answer_is_reported_once_and_asked_nothing(
    log: StudyLog, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monitor, now = ClusterMonitor(log, None, lambda: None, on_terminal=False), 1000.0
    monkeypatch.setattr(cluster_monitor, "time", SimpleNamespace(monotonic=lambda: now))
    nodes = cluster_state.alive_nodes()
    for answers in [False, False, True]:
        alive = Mock(return_value=nodes)
        monkeypatch.setattr(cluster_state, "alive_nodes", alive)
        monkeypatch.setattr(cluster_state, "head_answers", lambda _address, answers=answers: answers)
        monitor.on_step_end(0, [])
        assert alive.called == answers, "it would wait for the head"
        now += 100
    assert caplog.text.count("10.0.0.1:6379") == 2


def test_a_trial_that_dies_with_the_raylet_of_this_machine_is_not_blamed(
    monitor: ClusterMonitor, log: StudyLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_state, "accepts_connections", lambda node: node["NodeID"] != "a")
    with pytest.raises(StudyError):
        monitor.handle_actor_death(trial(log, 3), ActorDiedError(), "a")
    assert "resume=True" in monitor.fault


def test_a_trial_without_progress_is_excused_only_a_few_times(monitor: ClusterMonitor, log: StudyLog) -> None:
    excused = [
        monitor.handle_actor_death(trial(log, 3), ActorDiedError(), node) for node in OTHERS[: LOST_MACHINE_RETRIES + 1]
    ]
    assert excused == [True] * LOST_MACHINE_RETRIES + [False]
    assert log.trials[0].lost_machines == LOST_MACHINE_RETRIES + 1


def test_a_trial_with_progress_is_excused_each_time(monitor: ClusterMonitor, log: StudyLog) -> None:
    assert all(
        monitor.handle_actor_death(trial(log, iteration), ActorDiedError(), node)
        for iteration, node in enumerate(OTHERS, 1)
    )


def test_the_loss_of_a_node_is_counted_once_per_trial(monitor: ClusterMonitor, log: StudyLog) -> None:
    assert all(
        monitor.handle_actor_death(trial(log, 0), ActorDiedError(), "b") for _ in range(3 * LOST_MACHINE_RETRIES)
    )
    assert log.trials[0].lost_machines == 1


def test_an_actor_without_a_node_is_excused_if_a_node_was_lost_recently(
    monitor: ClusterMonitor, log: StudyLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not monitor.handle_actor_death(trial(log, 0), ActorDiedError(), "")
    monkeypatch.setattr(cluster_state, "all_nodes", lambda: {"a": HERE, "c": GONE})
    assert monitor.handle_actor_death(trial(log, 0), ActorDiedError(), "")
    monkeypatch.setattr(cluster_state, "alive_nodes", lambda: {"a": HERE})
    monkeypatch.setattr(monitor, "_probe", None)
    monitor.on_step_end(0, [])
    assert monitor.handle_actor_death(trial(log, 0), ActorDiedError(), "")
    monkeypatch.setattr(cluster_monitor, "RECENT_LOSS_S", 0.0)
    assert not monitor.handle_actor_death(trial(log, 0), ActorDiedError(), "")


def test_a_crash_on_a_node_that_answers_is_a_failure(monitor: ClusterMonitor, log: StudyLog) -> None:
    assert not monitor.handle_actor_death(trial(log, 3), ActorDiedError(), "a")
    assert log.trials[0].lost_machines == 0


def test_an_unreachable_node_is_lost_before_ray_notices(monitor: ClusterMonitor, log: StudyLog) -> None:
    assert monitor.handle_actor_death(trial(log, 3), ActorUnavailableError("no answer", None), "a")


def test_a_trial_that_does_not_see_the_folder_ends_the_study(monitor: ClusterMonitor) -> None:
    cause = RuntimeError("Unable to set up cluster storage with the following settings")
    error = RayTaskError("train", "Unable to set up cluster storage", cause, ip="10.0.0.7")
    with pytest.raises(StudyError, match=r"10\.0\.0\.7.*`resume=True`"):
        monitor.check_failure(error)
    assert monitor.fault


def test_a_trial_whose_node_is_lost_before_it_starts_is_excused(
    monitor: ClusterMonitor, log: StudyLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was about to reuse the actor of another trial, and no callback has seen it yet."""
    new: Any = SimpleNamespace(
        trial_id="new", status="RUNNING", config={}, last_result=None, latest_checkpoint_result=None,
        temporary_state=SimpleNamespace(restoring_from=None),
    )  # fmt: skip
    controller: Any = SimpleNamespace(get_trials=lambda: [new], _resetting_trials=Mock())
    excused: list[bool] = []
    decide = "_process_trial_failure"
    monkeypatch.setattr(TuneController, decide, lambda _controller, _trial, error: excused.append(error.preempted))
    monkeypatch.setattr(internals, "node_of", lambda _error: "b")
    error = ActorDiedError()
    with internals.trial_failures(TrialFailures(monitor, MemoryRetries(), copies_checkpoints=False)):
        for _ in range(2):  # Ray reports the death of the actor, and the failure of its task
            getattr(TuneController, decide)(controller, new, error)
    assert excused == [True]
    assert log.trials[0].lost_machines == 1


class TestWaiting:
    """Messages about waiting appear only where the user can do something about it."""

    @pytest.fixture(autouse=True)
    def cluster(self, monitor: ClusterMonitor, monkeypatch: pytest.MonkeyPatch) -> None:
        """One node with two CPUs, a clock, and the placement groups of the study's trials."""
        self.monitor, self.log = monitor, monitor.log
        self.now = 1000.0
        self.groups: dict[str, Any] = {}
        self.node: dict[str, Any] = {**HERE, "Resources": {"CPU": 2.0}}
        self.status: AutoscalerStatus | None = None
        monkeypatch.setattr(cluster_state, "alive_nodes", lambda: {"a": self.node})
        monkeypatch.setattr(cluster_state, "placement_group_table", lambda: self.groups)
        monkeypatch.setattr(cluster_monitor, "time", SimpleNamespace(monotonic=lambda: self.now))
        monkeypatch.setattr(monitor, "_scaler", lambda: self.status)
        monkeypatch.setattr(monitor, "_probe", None)

    def set_groups(self, **states: int) -> None:
        groups = [state for state, count in states.items() for _ in range(count)]
        self.groups = {
            str(number): {"state": state, "name": "", "bundles": {0: {"CPU": 1.0}}}
            for number, state in enumerate(groups)
        }

    def add_workers(self, trial_id: str, state: str) -> None:
        self.groups[trial_id] = {"state": state, "name": group_name(trial_id), "bundles": dict.fromkeys(range(2), ONE)}

    def messages(self, statuses: list[str], seconds: float) -> list[str]:
        """Return the messages after each step of some seconds in which the trials keep these statuses."""
        factory = SimpleNamespace(bundles=[{"CPU": 1.0}])
        trials: Any = [
            SimpleNamespace(trial_id=f"t{number}", status=status, placement_group_factory=factory)
            for number, status in enumerate(statuses)
        ]
        seen = []
        end = self.now + seconds
        while self.now < end:
            self.now += 1.0
            self.monitor.on_step_end(0, trials)
            seen.append(self.log.waiting)
        return seen

    def test_trials_of_the_study_that_occupy_all_cpus_are_not_reported(self) -> None:
        self.set_groups(CREATED=2, PENDING=3)
        assert not any(self.messages(["RUNNING"] * 2 + ["PENDING"] * 3, 300))

    def test_processes_that_start_are_not_reported(self) -> None:
        self.set_groups(CREATED=2, PENDING=3)
        assert not any(self.messages(["PENDING"] * 5, 300))

    def test_processes_that_end_and_start_between_trials_are_not_reported(self) -> None:
        for _ in range(10):
            self.set_groups(PENDING=3)
            assert not any(self.messages(["TERMINATED"] * 2 + ["PENDING"] * 3, cluster_monitor.BUSY_S / 2))
            self.set_groups(CREATED=2, PENDING=1)
            assert not any(self.messages(["RUNNING"] * 2 + ["PENDING"], 2 * cluster_monitor.CHECK_INTERVAL_S))

    def test_cpus_that_other_work_occupies_for_a_while_are_reported_until_a_trial_runs(self) -> None:
        self.set_groups(PENDING=3)
        seen = self.messages(["PENDING"] * 3, 2 * cluster_monitor.BUSY_S)
        assert not seen[0]
        assert "3 trials need {CPU: 1}" in seen[-1]
        self.set_groups(CREATED=1, PENDING=2)
        assert self.messages(["RUNNING", "PENDING", "PENDING"], 10)[-1] == ""

    def test_resources_that_no_node_has_are_reported_soon(self) -> None:
        self.node["Resources"] = {}
        self.status = AutoscalerStatus(known=False)
        self.set_groups(PENDING=1)
        assert self.messages(["PENDING"], 3 * cluster_monitor.CHECK_INTERVAL_S)[-1]

    @pytest.mark.parametrize("status", [{"failed": {"gpu": "quota"}}, {"starting": Counter(gpu=1)}])
    def test_an_autoscaler_that_starts_or_fails_nodes_is_reported_while_trials_run(
        self, status: dict[str, Any]
    ) -> None:
        self.status = AutoscalerStatus(**status)
        self.set_groups(CREATED=2, PENDING=1)
        assert "gpu" in self.messages(["RUNNING", "RUNNING", "PENDING"], 10)[-1]

    @pytest.mark.parametrize(
        ("cpus", "remedy"), [(2, "[{}, {'CPU': 1.0}, {'CPU': 1.0}]"), (3, "[{'CPU': 1.0}, {"), (1, "")]
    )
    def test_trials_that_occupy_the_resources_of_their_workers_end_the_study(self, cpus: float, remedy: str) -> None:
        self.node["Resources"] = {"CPU": cpus}
        self.set_groups(CREATED=2)
        self.add_workers("t0", "PENDING")
        self.add_workers("t1", "PENDING")
        with pytest.raises(StudyError) as error:
            self.messages(["RUNNING", "RUNNING", "PENDING"], 2 * cluster_monitor.BUSY_S)
        assert "{CPU: 1} + {CPU: 1}" in str(error.value)
        assert remedy in str(error.value)

    def test_workers_that_wait_for_machines_of_an_autoscaler_are_reported(self) -> None:
        self.status = AutoscalerStatus()
        self.set_groups(CREATED=1)
        self.add_workers("t0", "PENDING")
        assert "{CPU: 1} + {CPU: 1}" in self.messages(["RUNNING"], 2 * cluster_monitor.BUSY_S)[-1]

    def test_workers_that_wait_while_others_train_are_not_reported(self) -> None:
        self.set_groups(CREATED=2)
        self.add_workers("t0", "CREATED")
        self.add_workers("t1", "PENDING")
        self.add_workers("other", "PENDING")
        assert not any(self.messages(["RUNNING", "RUNNING"], 2 * cluster_monitor.BUSY_S))

    def test_no_message_is_left_at_the_end_of_a_study(self) -> None:
        self.set_groups(PENDING=1)
        assert self.messages(["PENDING"], 2 * cluster_monitor.BUSY_S)[-1]
        assert self.messages(["TERMINATED"], 1) == [""]


def test_the_line_on_a_terminal_shows_how_many_trials_are_paused(log: StudyLog) -> None:
    """Ray notifies no callback of a pause."""
    paused = trial(log, 1)
    log.on_trial_start(0, [paused], paused)
    assert "1 running" in progress_line(log, "hyperband", 80)
    paused.status = "PAUSED"
    log.refresh([paused])
    assert "(1 paused)" in progress_line(log, "hyperband", 80)
