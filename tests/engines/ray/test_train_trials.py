"""Trials that are jobs of Ray Train, with two workers each, as a newcomer writes them.

They use the base class of `TorchTrainer`, whose workers start faster without PyTorch; `examples/ray_train.py` uses it.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
import ray
from ray import train, tune
from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer
from ray.tune import PlacementGroupFactory
from ray.tune.integration.ray_train import TuneReportCallback
from ray.util import placement_group_table

import raytune_suite as rts

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("ray_session")]
EPOCHS = 4
WORKER = {"CPU": 0.5}


def train_worker(config: dict[str, Any]) -> None:
    """Report the epoch and the configs that have trained the weights."""
    first, lineage = 1, [config["x"]]
    checkpoint = train.get_checkpoint()
    if checkpoint is not None:
        with checkpoint.as_directory() as folder:
            state = json.loads(Path(folder, "state.json").read_text())
        first, lineage = state["epoch"] + 1, [*state["lineage"], config["x"]]
    for epoch in range(first, EPOCHS + 1):
        metrics = {"loss": config["x"] + 1 / epoch, "epoch": epoch, "first": first, "lineage": lineage}
        with tempfile.TemporaryDirectory() as folder:
            saved = None
            if config["saves"] and train.get_context().get_world_rank() == 0:
                Path(folder, "state.json").write_text(json.dumps({"epoch": epoch, "lineage": lineage}))
                saved = train.Checkpoint.from_directory(folder)
            train.report(metrics, checkpoint=saved)


def train_trial(config: dict[str, Any]) -> None:
    reports: list[Any] = [TuneReportCallback()]
    DataParallelTrainer(
        train_worker,
        train_loop_config=config,
        scaling_config=train.ScalingConfig(num_workers=2, resources_per_worker=WORKER),
        run_config=train.RunConfig(
            name=f"trial-{tune.get_context().get_trial_id()}",
            storage_path=config["storage_path"],
            callbacks=reports,
        ),
    ).fit()


def study(folder: Path, method: str, *, saves: bool = True, **options: Any) -> rts.StudyResult:
    space = {"x": tune.uniform(0, 1), "saves": saves, "storage_path": str(folder / "runs")}
    return rts.tune(
        train_trial, space, metric="loss", mode="min", method=method, max_t=EPOCHS, storage_path=folder, **options
    )


def left_behind(seconds: float = 15.0) -> tuple[list[str], list[str]]:
    """The names of placement groups and actors that are still there after some seconds."""
    from ray._private.state import actors

    deadline = time.monotonic() + seconds
    while True:
        groups = [group["name"] for group in placement_group_table().values() if group["state"] != "REMOVED"]
        alive = [actor["ActorClassName"] for actor in actors().values() if actor["State"] != "DEAD"]
        alive = [name for name in alive if name != "_AutoscalingCoordinatorActor"]  # one per cluster, which stays
        if not (groups or alive) or time.monotonic() > deadline:
            return groups, alive
        time.sleep(0.2)


def test_asha_stops_trials_with_their_workers(tmp_path: Path) -> None:
    """A trial needs all CPUs that there are."""
    cpus = ray.cluster_resources()["CPU"]
    points = [{"x": 0.1}, {"x": 0.9}]
    result = study(
        tmp_path, "asha", num_samples=2, resources=[{}, WORKER, {"CPU": cpus - WORKER["CPU"]}], max_concurrent=1,
        method_args={"eta": 2, "points_to_evaluate": points},
    )  # fmt: skip
    assert list(result.trials["outcome"]) == ["trained in full", "stopped early"]
    assert list(result.reports["resource"]) == [1, 2, 3, 4, 1]
    assert list(result.trials["epoch"]) == [4, 1]
    assert len(list(tmp_path.glob("train_trial-*/*/checkpoint_*/state.json"))) == 3  # the last two of the first trial
    assert left_behind() == ([], [])


@pytest.mark.long
@pytest.mark.parametrize("saves", [True, False])
@pytest.mark.parametrize("method", ["hyperband", "async-hyperband", "bohb"])
def test_methods_that_pause_trials(method: str, saves: bool, tmp_path: Path) -> None:
    resources = PlacementGroupFactory([{}, WORKER, WORKER])
    result = study(tmp_path, method, saves=saves, num_samples=4, resources=resources, method_args={"eta": 2})
    assert (result.trials["outcome"] != "failed").all()
    if saves:  # each epoch is trained once, and counted as what it is
        assert not result.reports.duplicated(["trial", "resource"]).any()
        assert (result.trials["epoch"] == result.trials["resource"]).all()
    assert left_behind() == ([], [])


@pytest.mark.long
def test_members_of_a_population_copy_the_checkpoints_of_workers(tmp_path: Path) -> None:
    resources = [{"CPU": 0.1}, WORKER, WORKER]
    result = study(tmp_path, "pbt", num_samples=3, resources=resources, method_args={"interval": 1, "quantile": 0.34})
    assert (result.trials["outcome"] != "failed").all()
    assert (result.trials["first"] > 1).any(), "members continue from a checkpoint"
    lineages = [json.loads(path.read_text())["lineage"] for path in tmp_path.glob("*/*/checkpoint_*/state.json")]
    assert any(len(set(lineage)) > 1 for lineage in lineages), "a member has copied another"
    assert left_behind() == ([], [])


@pytest.mark.long
def test_workers_without_bundles_release_their_resources(tmp_path: Path) -> None:
    result = study(tmp_path, "asha", num_samples=3, resources={"cpu": 0.5}, max_concurrent=1, method_args={"eta": 2})
    assert (result.trials["outcome"] != "failed").all()
    assert result.trials["stopped_early"].any()
    assert left_behind() == ([], [])


@pytest.mark.long
def test_trials_without_room_for_their_workers_end_the_study(tmp_path: Path) -> None:
    cpus = ray.cluster_resources()["CPU"]
    with pytest.raises(rts.StudyError, match="resources="):
        study(tmp_path, "random", num_samples=1, resources={"cpu": cpus})
