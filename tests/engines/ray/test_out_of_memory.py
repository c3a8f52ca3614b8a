"""A trial that ran out of memory is retried once, without neighbours."""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import ray
from ray import tune
from ray.exceptions import OutOfMemoryError
from ray.tune import PlacementGroupFactory

import raytune_suite as rts
from raytune_suite.engines.callbacks.error_text import last_line
from raytune_suite.engines.ray import cluster_state
from raytune_suite.engines.ray.out_of_memory import MemoryRetries, is_out_of_memory
from tests.engines.ray.test_trial_failures import task_error

KILLED = "Task was killed due to the node running low on memory.\nMemory on the node was 15 GB.\nConsider ..."
SCRIPT = Path(__file__).with_name("memory_script.py")
CUDA = RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB.")


def trial(name: str, address: str | None = "10.0.0.1", **resources: float) -> Any:
    request: dict[str, float] = resources or {"CPU": 1}
    return SimpleNamespace(
        trial_id=name,
        status="RUNNING",
        RUNNING="RUNNING",
        placement_group_factory=PlacementGroupFactory([request]),
        temporary_state=SimpleNamespace(location=SimpleNamespace(hostname=address)),
    )


class RecordingController:
    """The part of Ray's controller that is used."""

    def __init__(self, *trials: Any) -> None:
        self.trials, self.pending = list(trials), []  # type: ignore[var-annotated]

    def get_trials(self) -> list[Any]:
        return self.trials

    def update_max_pending_trials(self, count: int | None = None) -> None:
        self.pending.append(count)


@pytest.fixture
def _two_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    nodes = {name: {"NodeManagerAddress": f"10.0.0.{name}", "Resources": {"CPU": 8.0, "GPU": 2.0}} for name in "12"}
    monkeypatch.setattr(cluster_state, "alive_nodes", lambda: nodes)


@pytest.mark.parametrize("error", [OutOfMemoryError(KILLED), task_error(CUDA), task_error(MemoryError())])
def test_errors_of_full_memory_are_recognized(error: Exception) -> None:
    assert is_out_of_memory(error)
    assert not is_out_of_memory(task_error(ValueError("a bug")))
    assert last_line(KILLED).startswith("out of memory")


@pytest.mark.usefixtures("_two_machines")
def test_a_trial_is_retried_once_with_the_resources_of_its_neighbours() -> None:
    failed, neighbour, elsewhere = trial("a"), trial("b", CPU=2), trial("c", address="10.0.0.2", CPU=4)
    controller, retries = RecordingController(failed, neighbour, elsewhere), MemoryRetries()
    error = task_error(MemoryError())
    assert retries.excuse(controller, failed, task_error(ValueError("a bug"))) is None
    assert "CPU 3" in (retries.excuse(controller, failed, error) or "")
    assert retries.retries(failed)
    assert failed.placement_group_factory.required_resources == {"CPU": 3}
    assert controller.pending == [1]  # no other trial may take what becomes free
    retries.on_trial_start(0, [], failed)
    assert controller.pending == [1, None]
    assert "again" in (retries.excuse(controller, failed, error) or "")
    assert not retries.retries(failed)


@pytest.mark.usefixtures("_two_machines")
def test_trials_that_were_killed_together_are_all_retried() -> None:
    one, other = trial("a"), trial("b", CPU=2)
    controller, retries = RecordingController(one, other), MemoryRetries()
    for each in (one, other):
        assert "CPU 3" in (retries.excuse(controller, each, OutOfMemoryError(KILLED)) or "")
        each.status = "PENDING"
    retries.on_trial_start(0, [], one)
    assert controller.pending == [1, 1]
    retries.on_trial_start(0, [], other)
    assert controller.pending == [1, 1, None]


@pytest.mark.usefixtures("_two_machines")
def test_a_trial_that_was_alone_or_had_its_gpus_alone_is_not_retried() -> None:
    retries = MemoryRetries()
    alone = trial("a")
    assert retries.excuse(RecordingController(alone, trial("b", "10.0.0.2")), alone, MemoryError()) is not None
    whole, half = trial("c", CPU=1, GPU=1), trial("d", CPU=1, GPU=0.5)
    controller = RecordingController(whole, half)
    assert retries.excuse(controller, whole, CUDA) is not None
    assert not any(retries.retries(one) for one in (alone, whole))
    assert retries.excuse(controller, half, CUDA) is not None
    assert half.placement_group_factory.required_resources == {"CPU": 1, "GPU": 1}


def test_trials_of_several_workers_are_not_retried() -> None:
    several = trial("a")
    several.placement_group_factory = PlacementGroupFactory([{"CPU": 1}, {"CPU": 1}])
    retries = MemoryRetries()
    assert retries.excuse(RecordingController(several, trial("b")), several, MemoryError()) is not None
    assert not retries.retries(several)


def train(config: dict[str, Any]) -> None:
    """Fail beside another trial if x is above 0.8, and alone as well if it is above 0.95."""
    cpus = ray.get_runtime_context().get_assigned_resources()["CPU"]
    mine = Path(config["folder"], str(config["x"]))
    mine.touch()
    tune.report({"loss": config["x"], "cpus": cpus})
    if config["x"] > 0.8 and cpus < 2:
        until = time.monotonic() + 60
        while len(list(mine.parent.iterdir())) == 1 and time.monotonic() < until:
            time.sleep(0.1)
    else:
        time.sleep(1)
    mine.unlink()
    if config["x"] > 0.8 and (cpus < 2 or config["x"] > 0.95):
        raise MemoryError("full")
    tune.report({"loss": config["x"], "cpus": cpus})


@pytest.mark.e2e
@pytest.mark.long
@pytest.mark.usefixtures("ray_session")
def test_on_ray_a_trial_runs_again_with_the_whole_machine(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "running").mkdir()
    points = [{"x": x} for x in (0.1, 0.9, 0.2, 0.99, 0.3, 0.4)]
    with caplog.at_level(logging.WARNING):
        result = rts.tune(
            train,
            {"x": tune.uniform(0, 1), "folder": str(tmp_path / "running")},
            metric="loss",
            mode="min",
            max_t=2,
            method="random",
            method_args={"points_to_evaluate": points},
            num_samples=6,
            max_concurrent=2,
            storage_path=tmp_path,
            progress=False,
        )
    assert result.trials["outcome"].tolist() == ["trained in full"] * 3 + ["failed"] + ["trained in full"] * 2
    assert result.trials["cpus"][1] == 2
    assert "MemoryError" in result.trials["error"][3]
    assert any("trial 1 ran out of memory; it is retried once" in record.message for record in caplog.records)


@pytest.mark.e2e
@pytest.mark.long
@pytest.mark.process
def test_trials_that_ray_kills_to_free_memory_run_again(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, str(SCRIPT), str(tmp_path)], capture_output=True, text=True, check=False)  # noqa: S603 - our own program
    assert done.returncode == 0, done.stderr
    result = rts.load_study(tmp_path / "study")
    assert set(result.trials["outcome"]) == {"trained in full"}, done.stderr
    assert 2 in result.trials["cpus"].tolist()
    assert "ran out of memory; it is retried once" in done.stderr
