"""The training of the "live/digits-" workloads: a small network on scikit-learn's bundled digits, independent of Ray.

Every random draw comes from a generator that is derived from the seed and its purpose, for the draws of an epoch from
the seed and the epoch. Hence no generator has to be saved, a restored training continues bit for bit, and the global
generators of the process are not used.

Source of the data: E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository
(1998), as `sklearn.datasets.load_digits` ships it: 1797 images of 8 x 8 pixels, 10 classes.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from raytune_suite.errors import ArgumentError
from raytune_suite.optional import require
from raytune_suite.seeding import derive, stream
from raytune_suite.workloads.live.hyperparameters import checked_values
from raytune_suite.workloads.live.digits_networks import NETWORKS

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from torch.nn import functional

    from raytune_suite.types import Config
else:
    torch = require("torch", extra="torch")
    functional = require("torch.nn.functional", extra="torch")

RANGES: dict[str, tuple[float, float]] = {
    "lr": (0, math.inf),
    "momentum": (0, 1),
    "weight_decay": (0, math.inf),
    "dropout": (0, 1),
    "batch": (1, math.inf),
    "width": (1, math.inf),
}
"""The half-open ranges of valid values. The search space is much smaller."""


@dataclass(frozen=True, kw_only=True)
class DigitsHyperparameters:
    """The checked hyperparameters of a digits workload.

    Attributes:
        lr: Learning rate of stochastic gradient descent.
        momentum: Its momentum.
        weight_decay: Its L2 penalty.
        dropout: The probability that a hidden unit is dropped in a step.
        batch: Images per step.
        width: The size of the network: units of a layer or channels of a convolution, see `digits_networks`.
    """

    lr: float
    momentum: float
    weight_decay: float
    dropout: float
    batch: int
    width: int

    @classmethod
    def of(cls, config: Config) -> DigitsHyperparameters:
        """Read the hyperparameters from a config.

        Raises:
            ArgumentError: If one is missing, is not a number, or is outside `RANGES`.
        """
        return cls(**checked_values(config, RANGES, integers={"batch", "width"}))


class DigitsSplit(NamedTuple):
    """One split of the digits: pixels (n, 64) from 0 to 1 as float32, and classes (n,) as int64."""

    pixels: Tensor
    classes: Tensor


@functools.cache
def digits() -> dict[str, DigitsSplit]:
    """Return the splits "train" (60 %), "validation" and "test" (20 % each), which are the same for every seed."""
    pixels, classes = require("sklearn.datasets", extra="torch").load_digits(return_X_y=True)
    order = stream(0, "digits-mlp", "split").permutation(len(classes))
    first, second = round(0.6 * len(order)), round(0.8 * len(order))
    rows = {"train": order[:first], "validation": order[first:second], "test": order[second:]}
    return {
        name: DigitsSplit(
            torch.tensor(pixels[some] / 16, dtype=torch.float32), torch.tensor(classes[some], dtype=torch.int64)
        )
        for name, some in rows.items()
    }


class DigitsTraining:
    """The training of a network by stochastic gradient descent.

    Attributes:
        epoch: The number of completed epochs.
        parameters: The weights and biases of the network.
        velocities: The momentum buffer of each of these.
    """

    def __init__(self, network: str, hyperparameters: DigitsHyperparameters, seed: int) -> None:
        """Initialize the network of this name, a key of `NETWORKS`."""
        self.network, self.hyperparameters, self.seed, self.epoch = network, hyperparameters, seed, 0
        self.parameters = NETWORKS[network].start(hyperparameters.width, self.generator("weights"))
        self.velocities = [torch.zeros_like(parameter) for parameter in self.parameters]

    def generator(self, *names: Any) -> torch.Generator:
        """Create the torch generator of these names."""
        return torch.Generator().manual_seed(derive(self.seed, f"digits-{self.network}", *names))

    def logits(self, pixels: Tensor, dropout: torch.Generator | None = None) -> Tensor:
        """Compute the logits (n, 10) of the classes; pass a generator to apply dropout."""
        keep = 1 - self.hyperparameters.dropout

        def drop(hidden: Tensor) -> Tensor:
            if dropout is None:
                return hidden
            return hidden * torch.empty_like(hidden).bernoulli_(keep, generator=dropout) / keep

        return NETWORKS[self.network].logits(self.parameters, pixels, drop)

    def run_epoch(self) -> float:
        """Train for one epoch, and return the mean training loss over it, with dropout."""
        draws = self.generator("epoch", self.epoch)
        pixels, classes = digits()["train"]
        total = torch.zeros(())
        order = torch.randperm(len(classes), generator=draws)
        for rows in torch.split(order, self.hyperparameters.batch):
            loss = functional.cross_entropy(self.logits(pixels[rows], draws), classes[rows])
            self._descend(torch.autograd.grad(loss, self.parameters))
            total += loss.detach() * len(rows)
        self.epoch += 1
        return total.item() / len(classes)

    @torch.no_grad()
    def _descend(self, gradients: tuple[Tensor, ...]) -> None:
        """Make one step of gradient descent with momentum and weight decay, identical to that of torch.optim.SGD.

        It is written out here because the first torch optimizer of a process takes a second of imports (torch 2.13).
        """
        settings = self.hyperparameters
        for parameter, velocity, gradient in zip(self.parameters, self.velocities, gradients, strict=True):
            velocity.mul_(settings.momentum).add_(gradient).add_(parameter, alpha=settings.weight_decay)
            parameter.sub_(velocity, alpha=settings.lr)

    @torch.no_grad()
    def evaluate(self, split: str) -> tuple[float, float]:
        """Compute the mean cross-entropy (nats) and the fraction of wrong classes on one split of `digits()`."""
        pixels, classes = digits()[split]
        logits = self.logits(pixels)
        wrong = (logits.argmax(dim=1) != classes).float().mean()
        return functional.cross_entropy(logits, classes).item(), wrong.item()

    def state(self) -> dict[str, Any]:
        """Return the state from which a training of the same width, with any other hyperparameters, can continue."""
        return {
            "epoch": self.epoch,
            "width": self.hyperparameters.width,
            "parameters": [parameter.detach() for parameter in self.parameters],
            "velocities": self.velocities,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Continue from `state` with the hyperparameters of this training.

        Raises:
            ArgumentError: If the networks differ in width.
        """
        width = self.hyperparameters.width
        if state["width"] != width:
            raise ArgumentError(
                f"`width` is {width}, but must be {state['width']}, the width of the network in the checkpoint"
            )
        self.epoch = state["epoch"]
        with torch.no_grad():
            for name in ("parameters", "velocities"):
                for tensor, saved in zip(getattr(self, name), state[name], strict=True):
                    tensor.copy_(saved)
