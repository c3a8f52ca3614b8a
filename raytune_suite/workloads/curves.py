"""A Ray trainable that reports a learning curve, which was looked up or predicted, step by step."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from ray import tune

from raytune_suite.errors import ArgumentError
from raytune_suite.seeding import check_seed
from raytune_suite.types import split_config

if TYPE_CHECKING:
    from collections.abc import Callable

    from raytune_suite.types import Config, Curve


class CurveTrainable(tune.Trainable):
    """Reports the next point of a curve at each step; `curve_trainable` creates a subclass for each workload.

    The curve is that of the config and the seed in `config["seed"]` (0 if absent). The last report is marked as done,
    so that Ray ends the trial there. A checkpoint holds only the position: there is no state that another config could
    inherit.

    Attributes:
        curve: A function from a config and a training seed to the whole curve.
        time_attr: The name of the reported value that measures the resource.
    """

    curve: ClassVar[Callable[[Config, int], Curve]]
    time_attr: ClassVar[str]

    def setup(self, config: Config) -> None:
        """Get the curve of the config.

        Raises:
            ArgumentError: If `time_attr` is Ray's "training_iteration", but the resources are not 1, 2, 3, ...
        """
        hyperparameters, seed, _ = split_config(config)
        curve = type(self).curve(hyperparameters, check_seed(seed))
        counted = np.array_equal(curve.resource, np.arange(1, len(curve.resource) + 1))
        if self.time_attr == "training_iteration" and not counted:
            raise ArgumentError(
                f"the curve has reports at {curve.resource.tolist()}, but Ray's 'training_iteration' counts 1, 2, 3, "
                "...: set another `time_attr` for the workload"
            )
        self.reported = curve
        self.position = 0

    def step(self) -> dict[str, Any]:
        """Return the next report.

        Raises:
            ArgumentError: If there is none.
        """
        position, reports = self.position, len(self.reported.resource)
        if position >= reports:
            raise ArgumentError(f"the curve has {reports} reports, and all have been made: stop the training there")
        self.position += 1
        report: dict[str, Any] = {name: float(values[position]) for name, values in self.reported.metrics.items()}
        if self.time_attr != "training_iteration":
            resource = float(self.reported.resource[position])
            report[self.time_attr] = int(resource) if resource.is_integer() else resource
        return {**report, "done": self.position == reports}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Write the position into the folder."""
        (Path(checkpoint_dir) / "position.txt").write_text(str(self.position))

    def load_checkpoint(self, checkpoint: str) -> None:  # type: ignore[override]  # Ray declares another checkpoint
        """Continue from the position in the folder."""
        self.position = int((Path(checkpoint) / "position.txt").read_text())

    def reset_config(self, new_config: Config) -> bool:
        """Start from scratch with another config, so that Ray can reuse the process."""
        self.setup(new_config)
        return True


def curve_trainable(name: str, curve: Callable[[Config, int], Curve], time_attr: str) -> type[CurveTrainable]:
    """Create the class trainable that reports these curves; Ray can send it to other processes.

    Args:
        name: The name of the class, which Ray uses in the names of studies and trials.
        curve: A function from a config and a training seed to the whole curve.
        time_attr: The name of the reported value that measures the resource.
    """
    return type(name, (CurveTrainable,), {"curve": staticmethod(curve), "time_attr": time_attr})
