"""Scenarios for studies on a cluster of several nodes: `cluster_script.py FOLDER [SCENARIO ...]`.

The scenarios run one after another, and each writes its record to FOLDER.
"""

from __future__ import annotations

import json
import logging
import math
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ray
from ray import tune
from ray.cluster_utils import Cluster
from ray.util import placement_group_table

import raytune_suite as rts
from raytune_suite.engines.ray import checkpointing, cluster_monitor
from raytune_suite.errors import RaytuneSuiteError

if TYPE_CHECKING:
    from collections.abc import Callable

QUICK: dict[str, Any] = {"method": "random", "metric": "loss", "mode": "min", "progress": False}
SPACE: dict[str, Any] = {"x": tune.uniform(0, 1)}
SPOT = {"cpu": 1, "spot": 1}
MESSAGES: list[str] = []
"""The log messages of the current scenario."""


def train(config: dict[str, Any]) -> None:
    """Report and save eight times, with the step resumed from and the GPU; wait for a file before the fifth report."""
    start, saved = 0, tune.get_checkpoint()
    if saved:
        start = int(Path(saved.path, "step").read_text())
    for step in range(start + 1, 9):
        while step == 5 and config["gate"] and not Path(config["gate"]).exists():
            time.sleep(0.05)
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "step").write_text(str(step))
            gpu = os.environ.get("CUDA_VISIBLE_DEVICES", "")
            saved = tune.Checkpoint.from_directory(folder)
            tune.report({"loss": config["x"] + 1 / step, "start": start, "gpu": gpu}, checkpoint=saved)


class Steady(tune.Trainable):
    """Reports the step from which it resumed, can save checkpoints, and supports reuse of its process."""

    def setup(self, config: dict[str, Any]) -> None:
        self.loss, self.start = config["x"], 0

    def step(self) -> dict[str, Any]:
        return {"loss": self.loss, "start": self.start}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        Path(checkpoint_dir, "step").write_text(str(self.iteration))

    def load_checkpoint(self, checkpoint: Any) -> None:
        self.start = int(Path(checkpoint, "step").read_text())

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self.setup(new_config)
        return True


class Late(tune.Trainable):
    """A trainable that requests its resources itself."""

    def step(self) -> dict[str, Any]:
        return {"loss": 1.0, "done": True}

    def save_checkpoint(self, checkpoint_dir: str) -> None: ...

    @classmethod
    def default_resource_request(cls, config: dict[str, Any]) -> Any:  # noqa: ARG003 - Ray's signature
        return tune.PlacementGroupFactory([{"CPU": 1, "late": 1}])


class Tap(tune.Callback):
    """Calls functions that are not saved with the study."""

    def __init__(
        self,
        on_result: Callable[[dict[str, Any]], None] | None = None,
        on_step: Callable[[], None] | None = None,
        on_end: Callable[[dict[str, Any]], None] | None = None,
    ) -> None:
        self.on_result, self.on_step, self.on_end = on_result, on_step, on_end

    def on_trial_result(self, *args: Any, **info: Any) -> None:  # noqa: ARG002 - Ray's signature
        if self.on_result:
            self.on_result(info["result"])

    def on_step_end(self, *args: Any, **info: Any) -> None:  # noqa: ARG002 - Ray's signature
        if self.on_step:
            self.on_step()

    def on_trial_complete(self, *args: Any, **info: Any) -> None:  # noqa: ARG002 - Ray's signature
        if self.on_end:
            self.on_end(info["trial"].last_result)

    def __getstate__(self) -> dict[str, Any]:
        return {"on_result": None, "on_step": None, "on_end": None}


def kill(node: Any, *processes: int) -> None:
    """Kill a node as a power cut does, without a clean shutdown, and its trials' processes, which would outlive it."""
    node.kill_all_processes(check_alive=False, allow_graceful=False)
    for process in processes:
        os.kill(process, signal.SIGKILL)


def study(folder: Path, trainable: Any = train, gate: str = "", **arguments: Any) -> Any:
    return rts.tune(trainable, {**SPACE, "gate": gate}, storage_path=folder / "studies", **{**QUICK, **arguments})


def together(folder: Path, trials: int, then: Callable[[], None], **arguments: Any) -> Any:
    """Run a study whose trials pause until all of them have a checkpoint, call `then`, and let them continue."""
    reached: dict[str, int] = {}
    gate = Path(tempfile.mkdtemp(dir=folder), "gate")

    def note(result: dict[str, Any]) -> None:
        reached[result["trial_id"]] = result["training_iteration"]
        if not gate.exists() and list(reached.values()) == [4] * trials:
            then()
            gate.touch()

    return study(folder, gate=str(gate), num_samples=trials, max_concurrent=trials, callbacks=[Tap(note)], **arguments)


def a_machine_is_lost(cluster: Cluster, folder: Path) -> dict[str, Any]:
    """A machine is lost and replaced, as after a spot reclaim."""
    spot = cluster.add_node(num_cpus=2, resources={"spot": 2})

    def lose_machine() -> None:
        kill(spot)
        cluster.add_node(num_cpus=2, resources={"spot": 2})

    result = together(folder, 2, lose_machine, resources=SPOT)
    columns = {name: result.trials[name].tolist() for name in ("status", "lost_machines", "start")}
    return {**columns, "reached": result.trials["resource"].tolist()}


def a_class_loses_machines(cluster: Cluster, folder: Path) -> dict[str, Any]:
    """One machine is lost while the first trial trains, the next when the second is about to reuse its process.

    Only the process of the third trial is killed; its machine survives.
    """
    checkpointing.SHARE = math.inf
    steady = [cluster.add_node(num_cpus=1, resources={"steady": 1})]
    ended: list[int] = []

    def lose_machine(result: dict[str, Any]) -> None:
        kill(steady[-1], result["pid"])
        steady.append(cluster.add_node(wait=False, num_cpus=1, resources={"steady": 1}))

    def note(result: dict[str, Any]) -> None:
        if len(steady) == 1 and result["training_iteration"] == 4:
            lose_machine(result)
        elif len(ended) == 2 and result["training_iteration"] == 1:
            os.kill(result["pid"], signal.SIGKILL)

    def end(result: dict[str, Any]) -> None:
        ended.append(result["pid"])
        if len(ended) == 1:
            lose_machine(result)

    tap = Tap(on_result=note, on_end=end)
    arguments: dict[str, Any] = {"num_samples": 3, "max_concurrent": 1, "max_t": 6, "callbacks": [tap]}
    settings = rts.Settings(checkpoint_s=0.0)
    result = study(folder, Steady, resources={"cpu": 1, "steady": 1}, settings=settings, **arguments)
    columns = {name: result.trials[name].tolist() for name in ("status", "lost_machines", "start")}
    return {**columns, "reached": result.trials["resource"].tolist()}


def a_config_kills_machines(cluster: Cluster, folder: Path) -> dict[str, Any]:
    """Each machine on which the trial trains is lost at its third report."""
    cluster_monitor.LOST_MACHINE_RETRIES = 1
    deadly = [cluster.add_node(num_cpus=1, resources={"deadly": 1})]
    lost: list[int] = []

    def lose_machine(result: dict[str, Any]) -> None:
        if result["training_iteration"] == 3:
            kill(deadly.pop(), result["pid"])
            if not lost:
                deadly.append(cluster.add_node(wait=False, num_cpus=1, resources={"deadly": 1}))
            lost.append(result["pid"])

    result = study(folder, num_samples=1, resources={"cpu": 1, "deadly": 1}, callbacks=[Tap(lose_machine)])
    return {name: result.trials[name].tolist() for name in ("status", "lost_machines")}


def trials_share_gpus(cluster: Cluster, folder: Path) -> dict[str, Any]:
    """Four trials share the two GPUs of one machine."""
    cluster.add_node(num_cpus=4, num_gpus=2, resources={"accelerator_type:L4": 1})
    resources = {"cpu": 1, "gpu": 0.5, "accelerator_type:L4": 0.01}
    result = together(folder, 4, lambda: None, resources=resources)
    return {"gpu": sorted(result.trials["gpu"].tolist())}


def trials_wait_for_a_machine(cluster: Cluster, folder: Path) -> dict[str, Any]:
    """Four trials wait until a machine joins."""
    pending: list[int] = []

    def add_node_once_waiting() -> None:
        pending.append(sum(group["state"] == "PENDING" for group in placement_group_table().values()))
        if MESSAGES and "waiting" in MESSAGES[-1] and not joined:
            joined.append(cluster.add_node(num_cpus=4, resources={"late": 4}))

    joined: list[Any] = []
    cluster_monitor.CHECK_INTERVAL_S = 0.5
    result = study(folder, Late, num_samples=4, max_concurrent=4, callbacks=[Tap(on_step=add_node_once_waiting)])
    return {"status": result.trials["status"].tolist(), "pending": max(pending)}


def nothing_can_place_a_trial(cluster: Cluster, folder: Path) -> dict[str, Any]:  # noqa: ARG001
    """Neither resources that the study requests, nor those that only the trainable requests, fit on the cluster."""
    cluster_monitor.IMPOSSIBLE_TIMEOUT_S = 1.0
    Late.default_resource_request = classmethod(  # type: ignore[method-assign, assignment]
        lambda _cls, _config: tune.PlacementGroupFactory([{"CPU": 1}, {"GPU": 64}])
    )
    requested = error_of(lambda: study(folder, num_samples=1, resources={"gpu": 64}, name="requested"))
    return {
        "requested": requested,
        "late": error_of(lambda: study(folder, Late, num_samples=1)),
        "left": [path.name for path in (folder / "studies").glob("requested")],
    }


def a_machine_lacks_the_folder(cluster: Cluster, folder: Path) -> dict[str, Any]:
    """The machine joins during one study and is there before the next. Needs root to mount over the folder."""
    if os.geteuid() != 0:
        return {"skipped": "only root can mount"}
    start = f"ray start --block --address={cluster.address} --num-cpus=1"
    inner = f"mount -t tmpfs tmpfs {folder / 'studies'} && exec {start}"
    joined: list[Any] = []

    def join() -> None:
        if not joined:
            command = ["unshare", "--mount", "bash", "-c", inner]
            joined.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))  # noqa: S603

    resources = {"cpu": 1, "spot": 0.01}
    later = error_of(
        lambda: study(folder, num_samples=1000, resources=resources, callbacks=[Tap(on_step=join)], name="later")
    )
    before = error_of(lambda: study(folder, num_samples=1, resources=resources, name="before"))
    joined[0].terminate()
    return {"later": later, "before": before, "left": [path.name for path in (folder / "studies").glob(".raytune*")]}


def error_of(call: Callable[[], Any]) -> str:
    """Return the class and the message of the error that a call raises."""
    try:
        call()
    except RaytuneSuiteError as error:
        return f"{type(error).__name__}: {error}"
    return ""


SCENARIOS = (
    a_machine_is_lost,
    a_class_loses_machines,
    trials_share_gpus,
    trials_wait_for_a_machine,
    nothing_can_place_a_trial,
    a_machine_lacks_the_folder,
    a_config_kills_machines,
)


def main() -> None:
    folder = Path(sys.argv[1])
    handler = logging.Handler()
    handler.emit = lambda record: MESSAGES.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("raytune_suite").addHandler(handler)
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    ray.init(cluster.address, log_to_driver=False, logging_level=logging.ERROR)
    for scenario in SCENARIOS:
        if sys.argv[2:] and scenario.__name__ not in sys.argv[2:]:
            continue
        begin = time.monotonic()
        record = {**scenario(cluster, folder), "lines": MESSAGES.copy(), "seconds": time.monotonic() - begin}
        MESSAGES.clear()
        (folder / f"{scenario.__name__}.json").write_text(json.dumps(record))
    ray.shutdown()
    cluster.shutdown()


if __name__ == "__main__":
    main()
