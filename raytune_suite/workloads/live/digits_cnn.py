"""The workload "live/digits-cnn": a convolutional network on handwritten digits, trained in one to three seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from raytune_suite.workloads.live.digits import DigitsTrainable, digits_workload, steps_per_epoch

if TYPE_CHECKING:
    from raytune_suite.types import Config
    from raytune_suite.workloads.base import Workload


@final
class DigitsCNN(DigitsTrainable):
    """Trains two 3 x 3 convolutions of `width` channels each."""

    network = "cnn"


def seconds_per_epoch(config: Config) -> float:
    """Return the declared cost of one epoch on one CPU core.

    The model was fitted to measurements of fifteen (batch, width) pairs (torch 2.13, a 2-core cloud machine), all
    within 10 %.
    """
    return float(1.32e-2 + 9e-4 * steps_per_epoch(config) + 1.1e-4 * config["width"] ** 2)


def digits_cnn() -> Workload:
    """Create the workload."""
    return digits_workload(
        DigitsCNN,
        width=(4, 16),
        what="a network of two convolutions",
        duration="one to three seconds",
        cost=seconds_per_epoch,
    )
