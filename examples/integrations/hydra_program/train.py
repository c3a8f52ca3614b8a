"""A program with Hydra: `python train.py`, or a study with `python train.py -m hydra/sweeper=raytune_suite ...`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import hydra
from ray import tune

if TYPE_CHECKING:
    from omegaconf import DictConfig


@hydra.main(version_base=None, config_path=".", config_name="config")  # type: ignore[untyped-decorator]
def main(config: DictConfig) -> float:
    """Train, report after each epoch if this is a trial of a study, and return the loss."""
    weight = 0.0
    for _ in range(config.epochs):
        weight -= config.optimizer.lr * (weight - 3)
        if config.report:
            tune.report({"loss": (weight - 3) ** 2})
    return float((weight - 3) ** 2)


if __name__ == "__main__":
    main()
