"""The workload "live/digits-mlp": a small network on handwritten digits, trained live in about a second.

It is the one real training that needs neither a download nor a GPU, can be saved and continued, and so serves every
method, PBT included. `_digits_training` does the training; this file is its Ray side.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ray import tune

from raytune_suite.optional import require
from raytune_suite.seeding import check_seed
from raytune_suite.workloads.base import Workload

if TYPE_CHECKING:
    from raytune_suite.types import Config
    from raytune_suite.workloads._digits_training import Training

TRAINING_IMAGES = 1078
"""The size of the part that `_digits_training.digits` calls "train", here so that the cost model needs no torch."""
CLASSES = 10
"""Of digits, here for the same reason."""


class DigitsMLP(tune.Trainable):
    """Trains the network of `_digits_training` by one epoch per step, on one thread of the CPU.

    A config holds lr, momentum, weight_decay, dropout, batch, width, and may hold a seed (0 where it is absent).
    Everything but the width may differ between a checkpoint and the config that continues it.

    A step reports, after the epoch: val_loss and test_loss (mean cross-entropy in nats), val_error and test_error
    (share of wrong classes, 0 to 1), val_accuracy, and train_loss (the mean over the epoch's steps, dropout included).
    The losses of a diverged training are NaN or infinite.

    Raises:
        ArgumentError: If the config has no usable hyperparameter or seed, or the width is not the checkpoint's.
        MissingPackageError: If torch or scikit-learn is not installed.
    """

    training: Training

    def setup(self, config: Config) -> None:
        """Start a training from scratch."""
        from raytune_suite.workloads._digits_training import Hyperparameters, Training

        require("torch", extra="torch").set_num_threads(1)
        self.training = Training(Hyperparameters.of(config), check_seed(config.get("seed", 0)))

    def step(self) -> dict[str, float]:
        """Train for one epoch."""
        train_loss = self.training.run_epoch()
        val_loss, val_error = self.training.judge("validation")
        test_loss, test_error = self.training.judge("test")
        return {
            "val_loss": val_loss,
            "val_error": val_error,
            "val_accuracy": 1 - val_error,
            "train_loss": train_loss,
            "test_loss": test_loss,
            "test_error": test_error,
        }

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Write the training's state into the folder."""
        require("torch", extra="torch").save(self.training.state(), Path(checkpoint_dir) / "training.pt")

    def load_checkpoint(self, checkpoint: str) -> None:  # type: ignore[override]  # Ray declares another checkpoint
        """Continue from the folder with the hyperparameters of this trainable's own config."""
        file = Path(checkpoint) / "training.pt"
        self.training.load(require("torch", extra="torch").load(file, weights_only=True))

    def reset_config(self, new_config: Config) -> bool:
        """Start from scratch with another config, so that Ray can use the process again."""
        self.setup(new_config)
        return True


def seconds_per_epoch(config: Config) -> float:
    """The declared cost of one epoch on one CPU core.

    Fitted by us to twelve (batch, width) pairs (torch 2.13, a 2-core cloud machine), all within 7 %.
    """
    steps = math.ceil(TRAINING_IMAGES / config["batch"])
    return float(6e-4 + 2.5e-4 * steps + 4e-5 * config["width"])


def digits_mlp() -> Workload:
    """Make the workload.

    The metric is the validation cross-entropy, not the error: with 360 validation images the error has steps of 0.28 %,
    by which good configs tie and a method's choice among them would be left to the order of the trials. Its bounds are
    those of certainty, 0, and of guessing among ten classes, ln 10.
    """
    space: dict[str, Any] = {
        "lr": tune.loguniform(1e-4, 1),
        "momentum": tune.uniform(0, 0.99),
        "weight_decay": tune.loguniform(1e-6, 1e-1),
        "dropout": tune.uniform(0, 0.6),
        "batch": tune.lograndint(16, 257),
        "width": tune.lograndint(16, 129),
    }
    return Workload(
        name="live/digits-mlp",
        summary="a network of two hidden layers on scikit-learn's 8 x 8 digits; torch, CPU, 27 epochs, under a second",
        trainable=DigitsMLP,
        space=space,
        metric="val_loss",
        mode="min",
        cost=seconds_per_epoch,
        max_t=27,
        has_state=True,
        mutable=tuple(name for name in space if name != "width"),
        bounds=(0.0, math.log(CLASSES)),
        extra="torch",
    )
