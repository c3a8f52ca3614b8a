"""The workload "live/digits-mlp": a network of two hidden layers on handwritten digits, trained in about a second."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from raytune_suite.workloads.live.digits import DigitsTrainable, digits_workload, steps_per_epoch

if TYPE_CHECKING:
    from raytune_suite.types import Config
    from raytune_suite.workloads.base import Workload


@final
class DigitsMLP(DigitsTrainable):
    """Trains two hidden ReLU layers of `width` units each."""

    network = "mlp"


def seconds_per_epoch(config: Config) -> float:
    """Return the declared cost of one epoch on one CPU core.

    The model was fitted to measurements of twelve (batch, width) pairs (torch 2.13, a 2-core cloud machine), all
    within 7 %.
    """
    return float(6e-4 + 2.5e-4 * steps_per_epoch(config) + 4e-5 * config["width"])


def digits_mlp() -> Workload:
    """Create the workload."""
    return digits_workload(
        DigitsMLP,
        width=(16, 128),
        what="a network of two hidden layers",
        duration="under a second",
        cost=seconds_per_epoch,
    )
