"""A study in a separate process, for tests that interrupt or kill it: `study_script.py METHOD FOLDER [--resume]`."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import ray
from ray import tune

import raytune_suite as rts
from raytune_suite.engines.ray import internals

SPACE = {"x": tune.quniform(0, 1, 0.05), "y": tune.loguniform(1e-3, 1)}
FINITE = {"x": tune.choice([0.1, 0.5, 0.9]), "y": tune.choice([0.01, 0.1, 1.0])}
MAX_T = 9


class Slow(tune.Trainable):
    """A stateful trainable whose steps take a short time."""

    def setup(self, config: dict[str, Any]) -> None:
        self.progress = 0.0
        self.rate = config["x"] * (1 - abs(config["y"] - 0.1))

    def step(self) -> dict[str, Any]:
        time.sleep(0.06)
        self.progress += self.rate
        return {"loss": 1 / (1 + self.progress)}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        Path(checkpoint_dir, "progress").write_text(repr(self.progress))

    def load_checkpoint(self, checkpoint: Any) -> None:
        self.progress = float(Path(checkpoint, "progress").read_text())

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self.setup(new_config)
        return True


class Ticks(tune.Callback):
    """Writes the number of reports to a file, so that a test knows when to interrupt the study."""

    def __init__(self, path: str) -> None:
        self.path, self.count = path, 0

    def on_trial_result(self, *args: Any, **info: Any) -> None:  # noqa: ARG002
        self.count += 1
        Path(self.path).write_text(str(self.count))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("method")
    parser.add_argument("folder")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--trials", type=int, default=14)
    parser.add_argument("--arguments", type=json.loads, default={}, help="arguments of the method, as JSON")
    arguments = parser.parse_args()
    with internals.own_process_groups():  # as `tune` does where it starts Ray
        ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)
    result = rts.tune(
        Slow,
        FINITE if arguments.method == "grid" else SPACE,
        method=arguments.method,
        method_args=arguments.arguments,
        metric="loss",
        mode="min",
        max_t=MAX_T,
        num_samples=arguments.trials,
        seed=3,
        storage_path=arguments.folder,
        name="study",
        resume=arguments.resume,
        callbacks=[Ticks(f"{arguments.folder}/ticks")],
        settings=rts.Settings(snapshot_s=0.2),
    )
    reports = result.reports.drop_duplicates(["trial", "resource", "value"])
    record = {
        "reports": sorted(reports[["trial", "resource", "value"]].to_numpy().tolist()),
        "stopped": result.trials["stopped_early"].tolist(),
        "status": result.trials["status"].tolist(),
        "configs": result.trials[["config/x", "config/y"]].to_numpy().tolist(),
        "best": [result.best_trial, result.best_value],
    }
    Path(arguments.folder, "record.json").write_text(json.dumps(record))


if __name__ == "__main__":
    main()
