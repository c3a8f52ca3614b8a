"""When a lost machine excuses a trial, and whose words a person reads; test_on_a_cluster.py has real machines."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import pytest
from ray.exceptions import ActorDiedError, ActorUnavailableError, RayTaskError
from ray.tune.execution.tune_controller import TuneController

from raytune_suite.engines.callbacks.progress import progress_line
from raytune_suite.engines.ray import cluster_monitor, cluster_state, engine
from raytune_suite.engines.ray.cluster_monitor import LOST_MACHINE_RETRIES, ClusterWatch
from raytune_suite.errors import StudyError
from tests.engines.simulated.studies import method, study_log

if TYPE_CHECKING:
    from raytune_suite.engines.callbacks.study_log import StudyLog

GONE = {"NodeID": "b", "Alive": False, "NodeManagerHostname": "spot-7", "NodeManagerAddress": "10.0.0.7"}
HERE = {**GONE, "NodeID": "a", "Alive": True}
LATER = [f"b{number}" for number in range(3 * LOST_MACHINE_RETRIES)]
"""Machines that are lost after that."""


@pytest.fixture
def log() -> StudyLog:
    return study_log(method("random").scheduler)


@pytest.fixture
def watch(log: StudyLog, monkeypatch: pytest.MonkeyPatch) -> ClusterWatch:
    """On two machines, of which one has been lost."""
    gone = {node: {**GONE, "NodeID": node} for node in ("b", *LATER)}
    monkeypatch.setattr(cluster_state, "all_machines", lambda: {"a": HERE, "c": HERE, **gone})
    monkeypatch.setattr(cluster_state, "machines", lambda: {"a": HERE, "c": HERE})
    monkeypatch.setattr(cluster_state, "answers", lambda _machine: True)
    monkeypatch.setattr(cluster_monitor, "VERDICT_S", 0.0)
    return ClusterWatch(log, Path("/studies"), lambda: None, on_terminal=False)


def trial(log: StudyLog, iteration: int) -> Any:
    made: Any = SimpleNamespace(
        trial_id="t", status="RUNNING", config={}, last_result={"training_iteration": iteration},
        latest_checkpoint_result=None,
    )  # fmt: skip
    log.on_step_end(0, [made])
    return made


def test_a_trial_that_gets_no_further_is_excused_a_few_times_only(watch: ClusterWatch, log: StudyLog) -> None:
    excused = [watch.excuses(trial(log, 3), ActorDiedError(), node) for node in LATER[: LOST_MACHINE_RETRIES + 1]]
    assert excused == [True] * LOST_MACHINE_RETRIES + [False]
    assert log.trials[0].lost_machines == LOST_MACHINE_RETRIES + 1


def test_a_trial_that_gets_further_is_excused_each_time(watch: ClusterWatch, log: StudyLog) -> None:
    assert all(watch.excuses(trial(log, reached), ActorDiedError(), node) for reached, node in enumerate(LATER, 1))


def test_a_machine_is_lost_once_whatever_its_processes_were_still_to_do(watch: ClusterWatch, log: StudyLog) -> None:
    assert all(watch.excuses(trial(log, 0), ActorDiedError(), "b") for _ in range(3 * LOST_MACHINE_RETRIES))
    assert log.trials[0].lost_machines == 1


def test_a_process_without_a_machine_is_excused_if_one_was_lost_lately(
    watch: ClusterWatch, log: StudyLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not watch.excuses(trial(log, 0), ActorDiedError(), "")
    monkeypatch.setattr(cluster_state, "all_machines", lambda: {"a": HERE, "c": GONE})
    assert watch.excuses(trial(log, 0), ActorDiedError(), "")
    monkeypatch.setattr(cluster_state, "machines", lambda: {"a": HERE})
    watch.on_step_end(0, [])
    assert watch.excuses(trial(log, 0), ActorDiedError(), "")
    monkeypatch.setattr(cluster_monitor, "LATELY_S", 0.0)
    assert not watch.excuses(trial(log, 0), ActorDiedError(), "")


def test_a_crash_on_a_machine_that_answers_is_no_loss(watch: ClusterWatch, log: StudyLog) -> None:
    assert not watch.excuses(trial(log, 3), ActorDiedError(), "a")
    assert log.trials[0].lost_machines == 0


def test_a_machine_out_of_reach_is_lost_though_ray_has_not_noticed(watch: ClusterWatch, log: StudyLog) -> None:
    assert watch.excuses(trial(log, 3), ActorUnavailableError("no answer", None), "a")


def test_a_folder_that_a_trial_misses_ends_the_study_in_our_words(watch: ClusterWatch) -> None:
    cause = RuntimeError("Unable to set up cluster storage with the following settings")
    error = RayTaskError("train", "Unable to set up cluster storage", cause, ip="10.0.0.7")
    with pytest.raises(StudyError, match=r"the machine 10\.0\.0\.7 does not see that folder.*`resume=True`"):
        watch.check_failure(error)
    assert watch.fault


def test_a_trial_that_is_lost_as_soon_as_it_is_made_is_excused(
    watch: ClusterWatch, log: StudyLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was to take over the process of another. Ray has told no callback of it yet."""
    made: Any = SimpleNamespace(
        trial_id="new", status="RUNNING", config={}, last_result=None, latest_checkpoint_result=None,
        temporary_state=SimpleNamespace(restoring_from=None),
    )  # fmt: skip
    controller: Any = SimpleNamespace(get_trials=lambda: [made], _resetting_trials=Mock())
    excused: list[bool] = []
    decide = "_process_trial_failure"
    monkeypatch.setattr(TuneController, decide, lambda _controller, _trial, error: excused.append(error.preempted))
    monkeypatch.setattr(engine, "_place", lambda _error: "b")
    error = ActorDiedError()
    with engine._lost_machines(watch):
        for _ in range(2):  # of the process, and of its task
            getattr(TuneController, decide)(controller, made, error)
    assert excused == [True]
    assert log.trials[0].lost_machines == 1


def test_the_line_on_a_terminal_tells_which_trials_are_paused(log: StudyLog) -> None:
    """Of that Ray tells no callback."""
    paused = trial(log, 1)
    log.on_trial_start(0, [paused], paused)
    assert "1 running" in progress_line(log, "hyperband", 80)
    paused.status = "PAUSED"
    log.refresh([paused])
    assert "(1 paused)" in progress_line(log, "hyperband", 80)
