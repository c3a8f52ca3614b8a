"""The workload "synthetic/pbt-quadratic": the toy problem of PBT, which has a state and costs nothing to train.

A training maximizes a surrogate objective, `1.2 - (h0 t0^2 + h1 t1^2)`, by gradient ascent, and reports the true
objective, `1.2 - (t0^2 + t1^2)`. With h0 = 0 it never improves t0. In the paper the population has two members, with
h = (1, 0) and h = (0, 1).

Source: Jaderberg et al. 2017, "Population Based Training of Neural Networks", figure 2. The learning rate and the
number of steps were chosen here, so that no training quite reaches the maximum, 1.2.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ray import tune

from raytune_suite.errors import ArgumentError
from raytune_suite.types import as_number
from raytune_suite.workloads.base import Workload
from raytune_suite.workloads.synthetic.formulas import QUADRATIC_START, quadratic, quadratic_step

if TYPE_CHECKING:
    from raytune_suite.types import Config

RATE, STEPS = 0.01, 81


class PBTQuadratic(tune.Trainable):
    """Makes one step of gradient ascent per step. A config has the entries h0 and h1 in [0, 1]; the seed has no effect.

    A step reports value (the true objective), theta_0 and theta_1.

    Raises:
        ArgumentError: If h0 or h1 is not in [0, 1].
    """

    def setup(self, config: Config) -> None:
        """Start from scratch."""
        self.h = weights(config)
        self.theta = QUADRATIC_START

    def step(self) -> dict[str, float]:
        """Make one step of gradient ascent."""
        self.theta = quadratic_step(self.theta, self.h, RATE)
        return {"value": quadratic(self.theta), "theta_0": self.theta[0], "theta_1": self.theta[1]}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Write the exact theta into the folder."""
        (Path(checkpoint_dir) / "theta.json").write_text(json.dumps(self.theta))

    def load_checkpoint(self, checkpoint: str) -> None:  # type: ignore[override]  # Ray declares another checkpoint
        """Continue from the theta in the folder with the weights of this trainable's config."""
        first, second = json.loads((Path(checkpoint) / "theta.json").read_text())
        self.theta = (first, second)

    def reset_config(self, new_config: Config) -> bool:
        """Start from scratch with another config, so that Ray can reuse the process."""
        self.setup(new_config)
        return True


def weights(config: Config) -> tuple[float, float]:
    """Return the weights of the surrogate objective in a config.

    Raises:
        ArgumentError: If one is missing or not in [0, 1]. Ray's PBT perturbs values without regard to the bounds of the
            space.
    """
    values = [as_number(config.get(name)) for name in ("h0", "h1")]
    for name, value in zip(("h0", "h1"), values, strict=True):
        if value is None or not 0 <= value <= 1:
            raise ArgumentError(f"`{name}` is {config.get(name)!r}, but must be a number in [0, 1]")
    return float(values[0] or 0), float(values[1] or 0)


def exact(config: Config) -> float:
    """Compute the value after a whole training with this config."""
    theta = QUADRATIC_START
    for _ in range(STEPS):
        theta = quadratic_step(theta, weights(config), RATE)
    return quadratic(theta)


def seconds_per_step(config: Config) -> float:  # noqa: ARG001 - a workload's cost is a function of a config
    """Return the declared cost of a step; a whole training costs one second."""
    return 1 / STEPS


def pbt_quadratic() -> Workload:
    """Create the workload. The best schedule of weights in [0, 1] is 1 for both at all times."""
    optimum = exact({"h0": 1.0, "h1": 1.0})
    space: dict[str, Any] = {"h0": tune.uniform(0, 1), "h1": tune.uniform(0, 1)}
    return Workload(
        name="synthetic/pbt-quadratic",
        summary="PBT's toy: gradient ascent on a wrong quadratic, judged by the right one; exact, with state",
        trainable=PBTQuadratic,
        space=space,
        metric="value",
        mode="max",
        cost=seconds_per_step,
        max_t=STEPS,
        has_state=True,
        mutable=tuple(space),
        bounds=(optimum, quadratic(QUADRATIC_START)),
        optimum=optimum,
        exact=exact,
    )
