"""A workload's curves as a Ray trainable: what was looked up or predicted, reported step by step."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from ray import tune

from raytune_suite.errors import ArgumentError
from raytune_suite.seeding import check_seed

if TYPE_CHECKING:
    from collections.abc import Callable

    from raytune_suite.types import Config, Curve


class CurveTrainable(tune.Trainable):
    """Reports the next point of a curve at each step; `curve_trainable` makes a subclass for each workload.

    The curve is that of the config and of `config["seed"]` (0 where it is absent). The last report is marked as done,
    so that Ray ends the trial there. A checkpoint holds the position alone: nothing of a training can be handed to
    another config.

    Attributes:
        curve: The workload's curves.
        time_attr: The reported number that counts the resource.
    """

    curve: ClassVar[Callable[[Config, int], Curve]]
    time_attr: ClassVar[str]

    def setup(self, config: Config) -> None:
        """Look the curve up.

        Raises:
            ArgumentError: If the curve counts by Ray's own "training_iteration", but not 1, 2, 3, ...
        """
        found = type(self).curve(config, check_seed(config.get("seed", 0)))
        counted = np.array_equal(found.resource, np.arange(1, len(found.resource) + 1))
        if self.time_attr == "training_iteration" and not counted:
            raise ArgumentError(
                f"the curve has reports at {found.resource.tolist()}, but Ray's 'training_iteration' counts 1, 2, 3, "
                "...: give the workload a `time_attr` of its own"
            )
        self.walked = found
        self.position = 0

    def step(self) -> dict[str, Any]:
        """The next report.

        Raises:
            ArgumentError: If there is none.
        """
        here, reports = self.position, len(self.walked.resource)
        if here >= reports:
            raise ArgumentError(f"the curve has {reports} reports, and this training has made them all: stop it there")
        self.position += 1
        report: dict[str, Any] = {name: float(values[here]) for name, values in self.walked.metrics.items()}
        if self.time_attr != "training_iteration":
            resource = float(self.walked.resource[here])
            report[self.time_attr] = int(resource) if resource.is_integer() else resource
        return {**report, "done": self.position == reports}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Write the position into the folder."""
        (Path(checkpoint_dir) / "position.txt").write_text(str(self.position))

    def load_checkpoint(self, checkpoint: str) -> None:  # type: ignore[override]  # Ray declares another checkpoint
        """Go on from the folder's position."""
        self.position = int((Path(checkpoint) / "position.txt").read_text())

    def reset_config(self, new_config: Config) -> bool:
        """Start from scratch with another config, so that Ray can use the process again."""
        self.setup(new_config)
        return True


def curve_trainable(name: str, curve: Callable[[Config, int], Curve], time_attr: str) -> type[CurveTrainable]:
    """The class trainable that walks along these curves; Ray can send it to other processes.

    Args:
        name: What Ray calls it, in the names of studies and trials too.
        curve: The whole curve of a config and a training seed.
        time_attr: The reported number that counts the resource.
    """
    return type(name, (CurveTrainable,), {"curve": staticmethod(curve), "time_attr": time_attr})
