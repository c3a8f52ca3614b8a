"""A study whose trials report their node and GPUs: pool_study.py NAME GPUS TRIALS FOLDER.

Each checkpoint contains the node, too, so that it can be read while the study runs.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import ray

import raytune_suite as rts
from raytune_suite.cluster.rehearsal.study import SPACE, RehearsalTrainable


class PlacedTrainable(RehearsalTrainable):
    """A trainable whose steps take a second."""

    seconds = 1.0

    def step(self) -> dict[str, Any]:
        gpus = os.environ.get("CUDA_VISIBLE_DEVICES", "")
        return {**super().step(), "node": ray.get_runtime_context().get_node_id(), "gpus": gpus}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        super().save_checkpoint(checkpoint_dir)
        Path(checkpoint_dir, "node").write_text(ray.get_runtime_context().get_node_id(), encoding="utf-8")


def main(name: str, gpus: str, trials: str, folder: str) -> None:
    result = rts.tune(
        PlacedTrainable,
        SPACE,
        method="random",
        metric="loss",
        mode="min",
        max_t=12,
        num_samples=int(trials),
        max_concurrent=2,
        resources={"cpu": 1, "gpu": int(gpus)},
        storage_path=folder,
        name=name,
    )
    result.trials.to_json(f"{folder}/{name}.json", orient="records")


if __name__ == "__main__":
    main(*sys.argv[1:])
