"""The workload "live/resnet-digits": a residual network on handwritten digits, for a CPU or a GPU.

The training is in `resnet_program`; this module needs no torch.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, final

from ray import tune

from raytune_suite.fused.trainable import FusedTrainable
from raytune_suite.workloads.base import Workload
from raytune_suite.workloads.live.digits import CLASSES, TRAINING_IMAGES

if TYPE_CHECKING:
    from raytune_suite.fused.program import FusedProgram
    from raytune_suite.types import Config


@final
class ResNetDigits(FusedTrainable):
    """Trains two stages of `depth` residual blocks with `width` and twice as many channels.

    A step reports val_loss and test_loss (mean cross-entropy in nats), val_error and test_error (fraction of wrong
    classes), val_accuracy and train_loss.
    """

    @classmethod
    def fused_program(cls) -> FusedProgram:
        """The program."""
        from raytune_suite.workloads.live.resnet_program import RESNET

        return RESNET


def seconds_per_epoch(config: Config) -> float:
    """Return the declared cost of an epoch on one CPU core, in seconds.

    The model was fitted to measurements of six (batch, width, depth) triples (torch 2.13, a 2-core cloud machine), all
    within 15 %.
    """
    steps = TRAINING_IMAGES // config["batch"]
    return float(6.5e-3 * steps + 1.38e-2 * config["width"] * config["depth"])


def resnet_digits() -> Workload:
    """Create the workload."""
    space: dict[str, Any] = {
        "lr": tune.loguniform(1e-3, 1),
        "momentum": tune.uniform(0, 0.99),
        "weight_decay": tune.loguniform(1e-6, 1e-1),
        "dropout": tune.uniform(0, 0.6),
        "smoothing": tune.uniform(0, 0.3),
        "shifted": tune.uniform(0, 1),
        "batch": tune.choice([32, 128]),
        "width": tune.choice([8, 16]),
        "depth": tune.choice([1, 2]),
    }
    return Workload(
        name="live/resnet-digits",
        summary="a residual network on scikit-learn's 8 x 8 digits; torch, CPU or GPU, 27 epochs",
        trainable=ResNetDigits,
        space=space,
        metric="val_loss",
        mode="min",
        cost=seconds_per_epoch,
        max_t=27,
        has_state=True,
        mutable=tuple(name for name in space if name not in ("width", "depth")),
        bounds=(0.0, math.log(CLASSES)),
        extra="torch",
    )
