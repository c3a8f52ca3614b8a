"""The common base of the workloads "live/digits-mlp", "live/digits-cnn" and "live/digits-gru".

They are real trainings that need neither a download nor a GPU. They can be saved and continued, so they work with every
method, including PBT. The training is in `digits_training` and the networks are in `digits_networks`; this module wraps
them for Ray, and one module per network declares the workload.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

from ray import tune

from raytune_suite.seeding import check_seed
from raytune_suite.types import split_config
from raytune_suite.workloads.base import Workload
from raytune_suite.workloads.live.base import LiveTrainable

if TYPE_CHECKING:
    from collections.abc import Callable

    from raytune_suite.types import Config
    from raytune_suite.workloads.live.digits_training import DigitsTraining

TRAINING_IMAGES = 1078
"""The size of the split "train" of `digits_training.digits`, repeated here so that the cost models need no torch."""
CLASSES = 10
"""The number of classes, repeated here for the same reason."""


class DigitsTrainable(LiveTrainable):
    """Trains a network of `digits_networks` for one epoch per step; a subclass names the network.

    A config has the entries lr, momentum, weight_decay, dropout, batch and width, and optionally a seed (by default 0).
    All but the width may differ between a checkpoint and the config that continues it.

    After each epoch, a step reports val_loss and test_loss (mean cross-entropy in nats), val_error and test_error
    (fraction of wrong classes), val_accuracy, and train_loss (the mean over the epoch, with dropout). If the training
    diverges, the losses are NaN or infinite.

    Attributes:
        network: The name of the network.

    Raises:
        ArgumentError: If a hyperparameter or the seed is invalid, or the width differs from that of the checkpoint.
        MissingPackageError: If torch or scikit-learn is not installed.
    """

    network: ClassVar[str]
    training: DigitsTraining

    def new_training(self, config: Config) -> DigitsTraining:
        """Create a training from scratch."""
        from raytune_suite.workloads.live.digits_training import DigitsHyperparameters, DigitsTraining

        return DigitsTraining(self.network, DigitsHyperparameters.of(config), check_seed(split_config(config).seed))

    def step(self) -> dict[str, float]:
        """Train for one epoch."""
        train_loss = self.training.run_epoch()
        val_loss, val_error = self.training.evaluate("validation")
        test_loss, test_error = self.training.evaluate("test")
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
    """Create the workload of a network.

    The metric is the validation cross-entropy, not the error: with 360 validation images the error has steps of 0.28 %,
    so that good configs would tie, and the choice among them would depend on the order of the trials. The bounds are
    the cross-entropies of certainty, 0, and of guessing among ten classes, ln 10.

    Args:
        trainable: The class that trains the network.
        width: The bounds of the width, both inclusive.
        what: The description of the network in the summary.
        duration: The duration of a training in the summary.
        cost: The cost model, see `Workload`.
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
    """Return the number of gradient descent steps in an epoch."""
    steps: int = math.ceil(TRAINING_IMAGES / config["batch"])
    return steps
