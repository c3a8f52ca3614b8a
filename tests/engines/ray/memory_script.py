"""A study whose trials allocate more memory than its Ray allows, unless they run without neighbours."""

from __future__ import annotations

import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import ray
from ray import tune

import raytune_suite as rts

MB = 1 << 20
MARGIN_MB = 1800
"""How much more memory than now the machine may use; Ray itself needs about 1000."""


def train(config: dict[str, Any]) -> None:
    """Allocate up to 1.2 GB beside another trial, and nothing alone."""
    cpus = ray.get_runtime_context().get_assigned_resources()["CPU"]
    tune.report({"loss": config["x"], "cpus": cpus})
    allocated = []
    for _ in range(12 if cpus == 1 else 0):
        allocated.append(np.ones(100 * MB // 8))
        time.sleep(0.5)
    tune.report({"loss": config["x"], "cpus": cpus})


if __name__ == "__main__":
    memory: Any = import_module("ray._private.utils")
    threshold = (memory.get_used_memory() + MARGIN_MB * MB) / memory.get_system_memory()
    ray.init(
        "local",
        num_cpus=2,
        include_dashboard=False,
        object_store_memory=100 * MB,
        _system_config={"memory_usage_threshold": threshold, "memory_monitor_refresh_ms": 100},
    )
    rts.tune(
        train,
        {"x": tune.uniform(0, 1)},
        metric="loss",
        mode="min",
        max_t=2,
        method="random",
        num_samples=2,
        max_concurrent=2,
        storage_path=Path(sys.argv[1]),
        name="study",
        progress=False,
    )
