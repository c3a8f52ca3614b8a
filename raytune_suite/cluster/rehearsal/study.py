"""The study that a rehearsal runs: its trials take a while, and its result is known in advance.

Next to the study's folder it writes NAME.json: its trials, with the step from which each was last restored.
"""

from __future__ import annotations

import argparse
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ray import tune

from raytune_suite.tuning.tune import tune as run

if TYPE_CHECKING:
    from raytune_suite.tuning.result import StudyResult

SPACE = {"x": tune.uniform(0, 1)}


class RehearsalTrainable(tune.Trainable):
    """A loss that falls towards a floor set by the config; each step takes `seconds`, and is saved."""

    seconds = 0.0

    def setup(self, config: dict[str, Any]) -> None:
        """Start from scratch."""
        self.config, self.steps, self.restored = config, 0, 0

    def step(self) -> dict[str, Any]:
        """Train for one step."""
        time.sleep(self.seconds)
        self.steps += 1
        return {
            "loss": (self.config["x"] - 0.3) ** 2 + 1 / self.steps,
            "restored": self.restored,
            "should_checkpoint": True,
        }

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Save the number of steps, and the name of this machine."""
        Path(checkpoint_dir, f"by-{socket.gethostname()}").touch()
        Path(checkpoint_dir, "steps").write_text(str(self.steps), encoding="utf-8")

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Resume from a checkpoint."""
        self.steps = self.restored = int(Path(checkpoint, "steps").read_text(encoding="utf-8"))

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Train another config in this process."""
        self.setup(new_config)
        return True


def study(trials: int, steps: int, **arguments: Any) -> StudyResult:
    """Run random search, whose result does not depend on the order in which trials end."""
    return run(
        RehearsalTrainable,
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
    """Run the study from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--storage-path", required=True, help="a folder that all nodes share")
    parser.add_argument("--name", default="rehearsal", help="the study's name")
    parser.add_argument("--trials", type=int, default=4, help="number of trials")
    parser.add_argument("--steps", type=int, default=10, help="steps per trial")
    parser.add_argument("--seconds", type=float, default=1.0, help="seconds per step")
    parser.add_argument("--at-once", type=int, default=2, help="concurrent trials")
    parser.add_argument("--cpus", type=float, default=1.0, help="CPUs per trial")
    parser.add_argument("--gpus", type=float, default=0.0, help="GPUs per trial")
    options = parser.parse_args()
    RehearsalTrainable.seconds = options.seconds
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
