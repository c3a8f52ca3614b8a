"""What all live workloads share: how their trainings are saved, continued and begun anew, and configs checked."""

from __future__ import annotations

import abc
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ray import tune

from raytune_suite.errors import ArgumentError
from raytune_suite.optional import require
from raytune_suite.types import Config, as_number

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

FILE = "training.pt"
"""The file of a training's state in its checkpoint's folder."""


class LiveTraining(Protocol):
    """A training with a state of tensors, numbers and words."""

    def state(self) -> dict[str, Any]:
        """All that a training needs to go on from here."""

    def load(self, state: dict[str, Any]) -> None:
        """Go on from where `state` was taken, with this training's own hyperparameters."""


class LiveTrainable(tune.Trainable, abc.ABC):
    """A training by torch on one thread of the CPU; a leaf writes `begin` and `step`.

    A config may hold a seed (0 where it is absent), which decides every random draw.
    """

    training: LiveTraining

    @abc.abstractmethod
    def begin(self, config: Config) -> LiveTraining:
        """A training from scratch."""

    def setup(self, config: Config) -> None:
        """Start a training from scratch."""
        require("torch", extra="torch").set_num_threads(1)
        self.training = self.begin(config)

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Write the training's state into the folder."""
        require("torch", extra="torch").save(self.training.state(), Path(checkpoint_dir) / FILE)

    def load_checkpoint(self, checkpoint: str) -> None:  # type: ignore[override]  # Ray declares another checkpoint
        """Continue from the folder with the hyperparameters of this trainable's own config."""
        self.training.load(require("torch", extra="torch").load(Path(checkpoint) / FILE, weights_only=True))

    def reset_config(self, new_config: Config) -> bool:
        """Start from scratch with another config, so that Ray can use the process again."""
        self.setup(new_config)
        return True


def within(config: Config, ranges: Mapping[str, tuple[float, float]], whole: Collection[str]) -> dict[str, Any]:
    """Take the hyperparameters named by `ranges` out of a config, which may hold other things too.

    Those in `whole` are rounded to integers.

    Raises:
        ArgumentError: If one is missing, is no number, or is not from the first number of its range to below the
            second. Ray's PBT perturbs without looking at a space's bounds, so this does occur.
    """
    values: dict[str, Any] = {}
    for name, (low, high) in ranges.items():
        value = as_number(config.get(name))
        if value is None or not low <= value < high:
            raise ArgumentError(f"`{name}` is {config.get(name)!r}, but must be a number in [{low}, {high})")
        values[name] = round(value) if name in whole else value
    return values
