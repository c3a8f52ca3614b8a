"""The study that a rehearsal runs on a cluster: trials that take their time, and whose results are known beforehand.

Beside the study's folder it writes NAME.json: its trials, with the step from which each was restored last.
"""

from __future__ import annotations

import argparse
import socket
import time
from pathlib import Path
from typing import Any

from ray import tune

from raytune_suite.tuning.result import StudyResult
from raytune_suite.tuning.tune import tune as run

SPACE = {"x": tune.uniform(0, 1)}


class Training(tune.Trainable):
    """A curve that falls towards a config's own floor; each step takes `seconds`, and is saved."""

    seconds = 0.0

    def setup(self, config: dict[str, Any]) -> None:
        """Start anew."""
        self.config, self.steps, self.restored = config, 0, 0

    def step(self) -> dict[str, Any]:
        """Train for a while."""
        time.sleep(self.seconds)
        self.steps += 1
        return {
            "loss": (self.config["x"] - 0.3) ** 2 + 1 / self.steps,
            "restored": self.restored,
            "should_checkpoint": True,
        }

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Save what has been trained, and by which machine."""
        Path(checkpoint_dir, f"by-{socket.gethostname()}").touch()
        Path(checkpoint_dir, "steps").write_text(str(self.steps), encoding="utf-8")

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Go on from there."""
        self.steps = self.restored = int(Path(checkpoint, "steps").read_text(encoding="utf-8"))

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Train another config in this process."""
        self.setup(new_config)
        return True


def study(trials: int, steps: int, **arguments: Any) -> StudyResult:
    """Random search: what it finds does not depend on the order in which trials end."""
    return run(
        Training,
        SPACE,
        method="random",
        metric="loss",
        mode="min",
        max_t=steps,
        num_samples=trials,
        seed=0,
        progress=False,
        **arguments,
    )


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--storage-path", required=True, help="a folder that all nodes share")
    parser.add_argument("--name", default="rehearsal", help="the study's name")
    parser.add_argument("--trials", type=int, default=4, help="how many")
    parser.add_argument("--steps", type=int, default=10, help="of each trial")
    parser.add_argument("--seconds", type=float, default=1.0, help="of each step")
    parser.add_argument("--at-once", type=int, default=2, help="trials at once")
    parser.add_argument("--cpus", type=float, default=1.0, help="of each trial")
    parser.add_argument("--gpus", type=float, default=0.0, help="of each trial")
    options = parser.parse_args()
    Training.seconds = options.seconds
    result = study(
        options.trials,
        options.steps,
        name=options.name,
        storage_path=options.storage_path,
        max_concurrent=options.at_once,
        resources={"cpu": options.cpus, "gpu": options.gpus},
    )
    result.trials.to_json(Path(options.storage_path, f"{options.name}.json"), orient="records")
    print(f"{len(result.trials)} trials, best loss {result.best_value:.6f}")  # noqa: T201 - this is a program


if __name__ == "__main__":
    main()
