"""The workload "live/digits-gru": a recurrent network on handwritten digits, trained in one to three seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from raytune_suite.workloads.live.digits import DigitsTrainable, digits_workload, steps_per_epoch

if TYPE_CHECKING:
    from raytune_suite.types import Config
    from raytune_suite.workloads.base import Workload


@final
class DigitsGRU(DigitsTrainable):
    """Trains a layer of `width` gated recurrent units."""

    network = "gru"


def seconds_per_epoch(config: Config) -> float:
    """Return the declared cost of one epoch on one CPU core.

    The model was fitted to measurements of fifteen (batch, width) pairs (torch 2.13, a 2-core cloud machine), all
    within 6 %.
    """
    return float(3.45e-3 + 1.37e-3 * steps_per_epoch(config) + 1.75e-4 * config["width"])


def digits_gru() -> Workload:
    """Create the workload."""
    return digits_workload(
        DigitsGRU,
        width=(8, 32),
        what="a layer of gated recurrent units that read row by row",
        duration="one to three seconds",
        cost=seconds_per_epoch,
    )
