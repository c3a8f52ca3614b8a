"""Tune with any method by changing one argument: python examples/quickstart.py hyperband."""

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ray import tune

import raytune_suite as rts


def train(config: dict[str, Any]) -> None:
    """Learn the number 3 by gradient descent with momentum; replace this by your model."""
    epoch, weight, velocity = 0, 0.0, 0.0
    if checkpoint := tune.get_checkpoint():  # the trial was paused or cloned
        epoch, weight, velocity = json.loads(Path(checkpoint.path, "state.json").read_text())
    for done in range(epoch + 1, 28):
        velocity = config["momentum"] * velocity - config["lr"] * (weight - 3)
        weight += velocity
        with TemporaryDirectory() as folder:
            Path(folder, "state.json").write_text(json.dumps([done, weight, velocity]))
            tune.report({"loss": (weight - 3) ** 2}, checkpoint=tune.Checkpoint.from_directory(folder))


METHOD = sys.argv[1] if len(sys.argv) > 1 else "auto"
space = {"momentum": tune.quniform(0.0, 0.9, 0.3), "lr": tune.quniform(0.02, 0.5, 0.02)}
result = rts.tune(train, space, method=METHOD, metric="loss", mode="min", max_t=27, budget=12)
print(f"{result.method}: loss {result.best_value:.3g} with {result.best_config}")
