"""`FusedTrainable`: a `FusedProgram` as an ordinary Ray trainable, whose trials an engine may advance together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ray import tune

from raytune_suite.fused.lanes import Lane, Report, advance
from raytune_suite.optional import require
from raytune_suite.seeding import check_seed
from raytune_suite.types import split_config

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raytune_suite.fused.program import FusedProgram
    from raytune_suite.types import Config

FILE = "training.pt"
"""The file name of a training's state in the folder of a checkpoint."""


class FusedTrainable(tune.Trainable):
    """The training of a `FusedProgram`; a subclass sets `program`.

    On its own it is a Ray class trainable like any other: one lane, one report per step. `advance_together` trains
    several at once up to their next reports; the simulated clock does so with all trials that are training.

    A checkpoint is a dict in the file "training.pt", with the parameters as tensors by name, whether the trial was fused
    or not. It can be loaded by a trial with other hyperparameters, as long as the parameters have the same shapes.

    Attributes:
        program: What is trained.
        device: "auto" (a GPU if this process sees one), "cpu", or a device of torch.
        training: The lane of this trial.

    Raises:
        ArgumentError: If a hyperparameter or the seed is invalid, or a checkpoint has other shapes.
        MissingPackageError: If torch is not installed.
    """

    program: ClassVar[FusedProgram]
    device: ClassVar[str] = "auto"
    training: Lane

    def setup(self, config: Config) -> None:
        """Start from scratch."""
        require("torch", extra="torch").set_num_threads(1)
        self._ahead: Report | None = None
        hyperparameters, seed, _ = split_config(config)
        self.training = Lane(self.program, hyperparameters, check_seed(seed), self.device)

    def step(self) -> dict[str, float]:
        """Train up to the next report, unless `advance_together` has done so already."""
        if self._ahead is None:
            advance_together([self])
        state, metrics = self._next_report()
        self.training.current = state
        return metrics

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Write the state after the last report into the folder."""
        require("torch", extra="torch").save(self.training.state(), Path(checkpoint_dir) / FILE)

    def load_checkpoint(self, checkpoint: str) -> None:  # type: ignore[override]  # Ray declares another checkpoint
        """Continue from the state in the folder with the hyperparameters of this trainable's config."""
        self.training.load(require("torch", extra="torch").load(Path(checkpoint) / FILE, weights_only=True))
        self._ahead = None

    def reset_config(self, new_config: Config) -> bool:
        """Start from scratch with another config, so that Ray can reuse the process."""
        self.setup(new_config)
        return True

    def _next_report(self) -> Report:
        report, self._ahead = self._ahead, None
        assert report is not None  # noqa: S101 - for the type checker
        return report


def advance_together(trainables: Sequence[FusedTrainable]) -> None:
    """Train each up to its next report, which its next `step` returns; until then its checkpoints are those before."""
    waiting = [each for each in trainables if each._ahead is None]  # noqa: SLF001 - of this module
    for each, report in zip(waiting, advance([each.training for each in waiting]), strict=True):
        each._ahead = report  # noqa: SLF001 - of this module
