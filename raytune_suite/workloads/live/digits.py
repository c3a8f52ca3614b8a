"""What the workloads "live/digits-mlp", "live/digits-cnn" and "live/digits-gru" share: their Ray side.

They are real trainings that need neither a download nor a GPU, can be saved and continued, and so serve every method,
PBT included. `_digits_training` does the training, `_digits_networks` has the networks; a file each declares the
workload.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

from ray import tune

from raytune_suite.seeding import check_seed
from raytune_suite.workloads.base import Workload
from raytune_suite.workloads.live.base import LiveTrainable

if TYPE_CHECKING:
    from collections.abc import Callable

    from raytune_suite.types import Config
    from raytune_suite.workloads.live.digits_training import DigitsTraining

TRAINING_IMAGES = 1078
"""The size of the part that `_digits_training.digits` calls "train", here so that the cost models need no torch."""
CLASSES = 10
"""Of digits, here for the same reason."""


class DigitsTrainable(LiveTrainable):
    """Trains a network of `_digits_networks` by one epoch per step; a leaf names which.

    A config holds lr, momentum, weight_decay, dropout, batch, width, and may hold a seed (0 where it is absent).
    Everything but the width may differ between a checkpoint and the config that continues it.

    A step reports, after the epoch: val_loss and test_loss (mean cross-entropy in nats), val_error and test_error
    (share of wrong classes, 0 to 1), val_accuracy, and train_loss (the mean over the epoch's steps, dropout included).
    The losses of a diverged training are NaN or infinite.

    Attributes:
        network: The network's name.

    Raises:
        ArgumentError: If the config has no usable hyperparameter or seed, or the width is not the checkpoint's.
        MissingPackageError: If torch or scikit-learn is not installed.
    """

    network: ClassVar[str]
    training: DigitsTraining

    def begin(self, config: Config) -> DigitsTraining:
        """A training from scratch."""
        from raytune_suite.workloads.live.digits_training import DigitsHyperparameters, DigitsTraining

        return DigitsTraining(self.network, DigitsHyperparameters.of(config), check_seed(config.get("seed", 0)))

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


def digits_workload(
    trainable: type[DigitsTrainable],
    *,
    width: tuple[int, int],
    what: str,
    duration: str,
    cost: Callable[[Config], float],
) -> Workload:
    """Make the workload of a network whose width is tuned between two numbers, both included.

    `what` and `duration` say in its summary which network it is, and how long a training takes.

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
        "width": tune.lograndint(width[0], width[1] + 1),
    }
    return Workload(
        name=f"live/digits-{trainable.network}",
        summary=f"{what} on scikit-learn's 8 x 8 digits; torch, CPU, 27 epochs, {duration}",
        trainable=trainable,
        space=space,
        metric="val_loss",
        mode="min",
        cost=cost,
        max_t=27,
        has_state=True,
        mutable=tuple(name for name in space if name != "width"),
        bounds=(0.0, math.log(CLASSES)),
        extra="torch",
    )


def steps_per_epoch(config: Config) -> int:
    """The number of steps of gradient descent in an epoch."""
    steps: int = math.ceil(TRAINING_IMAGES / config["batch"])
    return steps
