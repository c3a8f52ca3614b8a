"""The base of all live workloads: it starts, saves and continues trainings."""

from __future__ import annotations

import abc
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ray import tune

from raytune_suite.optional import require

if TYPE_CHECKING:
    from raytune_suite.types import Config

FILE = "training.pt"
"""The file name of a training's state in the folder of a checkpoint."""


class LiveTraining(Protocol):
    """A training whose state consists of tensors, numbers and strings."""

    def state(self) -> dict[str, Any]:
        """Return the state from which a training can continue."""

    def load(self, state: dict[str, Any]) -> None:
        """Continue from `state` with the hyperparameters of this training."""


class LiveTrainable(tune.Trainable, abc.ABC):
    """A training with torch on one CPU thread; a subclass implements `new_training` and `step`.

    The seed in a config (0 if absent) determines every random draw.
    """

    training: LiveTraining

    @abc.abstractmethod
    def new_training(self, config: Config) -> LiveTraining:
        """Create a training from scratch."""

    def setup(self, config: Config) -> None:
        """Start a training from scratch."""
        require("torch", extra="torch").set_num_threads(1)
        self.training = self.new_training(config)

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Write the training's state into the folder."""
        require("torch", extra="torch").save(self.training.state(), Path(checkpoint_dir) / FILE)

    def load_checkpoint(self, checkpoint: str) -> None:  # type: ignore[override]  # Ray declares another checkpoint
        """Continue from the state in the folder with the hyperparameters of this trainable's config."""
        self.training.load(require("torch", extra="torch").load(Path(checkpoint) / FILE, weights_only=True))

    def reset_config(self, new_config: Config) -> bool:
        """Start from scratch with another config, so that Ray can reuse the process."""
        self.setup(new_config)
        return True
