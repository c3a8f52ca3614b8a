"""The workload "live/digits-mlp-fused": "live/digits-mlp" with few widths and batch sizes, so that trials fuse."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, final

from ray import tune

from raytune_suite.fused.trainable import FusedTrainable
from raytune_suite.workloads.base import Workload
from raytune_suite.workloads.live.digits import CLASSES
from raytune_suite.workloads.live.digits_mlp import seconds_per_epoch

if TYPE_CHECKING:
    from raytune_suite.fused.program import FusedProgram


@final
class FusedDigitsMLP(FusedTrainable):
    """Trains two hidden ReLU layers of `width` units each."""

    @classmethod
    def fused_program(cls) -> FusedProgram:
        """The program."""
        from raytune_suite.workloads.live.digits_program import DIGITS

        return DIGITS


def digits_mlp_fused() -> Workload:
    """Create the workload."""
    space: dict[str, Any] = {
        "lr": tune.loguniform(1e-4, 1),
        "momentum": tune.uniform(0, 0.99),
        "weight_decay": tune.loguniform(1e-6, 1e-1),
        "dropout": tune.uniform(0, 0.6),
        "batch": tune.choice([32, 128]),
        "width": tune.choice([32, 128]),
    }
    return Workload(
        name="live/digits-mlp-fused",
        summary="live/digits-mlp with four shapes of network and batch, so that trials are fused; torch, CPU or GPU",
        trainable=FusedDigitsMLP,
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
