"""The training behind the "live/digits-" workloads: a small network on scikit-learn's bundled digits, without Ray.

Every random draw comes from a generator that belongs to (seed, what it is for), and the draws of an epoch from one that
belongs to (seed, epoch). So no generator has to be saved, a restored training goes on to the last bit, and the
process's global generators are neither read nor moved.

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
from raytune_suite.workloads.live.base import within
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
"""Where a training is defined: from the first number to below the second. The space to tune is far smaller."""


@dataclass(frozen=True, kw_only=True)
class DigitsHyperparameters:
    """One config of a digits workload, checked.

    Attributes:
        lr: Learning rate of stochastic gradient descent.
        momentum: Its momentum.
        weight_decay: Its L2 penalty.
        dropout: The probability of each hidden unit to be left out of a step.
        batch: Images per step.
        width: The size of the network: units of a layer or channels of a convolution, see `_digits_networks`.
    """

    lr: float
    momentum: float
    weight_decay: float
    dropout: float
    batch: int
    width: int

    @classmethod
    def of(cls, config: Config) -> DigitsHyperparameters:
        """Take the hyperparameters out of a config.

        Raises:
            ArgumentError: If one is missing, is no number, or is outside of `RANGES`.
        """
        return cls(**within(config, RANGES, whole={"batch", "width"}))


class DigitsSplit(NamedTuple):
    """One part of the digits: pixels (n, 64) from 0 to 1 as float32, and classes (n,) as int64."""

    pixels: Tensor
    classes: Tensor


@functools.cache
def digits() -> dict[str, DigitsSplit]:
    """The parts "train" (60 %), "validation" and "test" (20 % each); the same for every seed, read once per process."""
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
    """A network in training by stochastic gradient descent.

    Attributes:
        epoch: The number of epochs behind it.
        parameters: The network's weights and biases.
        velocities: The moving sum of gradients of each, as momentum needs.
    """

    def __init__(self, network: str, hyperparameters: DigitsHyperparameters, seed: int) -> None:
        """Start the network of this name (in `NETWORKS`) anew."""
        self.network, self.hyperparameters, self.seed, self.epoch = network, hyperparameters, seed, 0
        self.parameters = NETWORKS[network].start(hyperparameters.width, self.generator("weights"))
        self.velocities = [torch.zeros_like(parameter) for parameter in self.parameters]

    def generator(self, *names: Any) -> torch.Generator:
        """A torch generator of our own for these names."""
        return torch.Generator().manual_seed(derive(self.seed, f"digits-{self.network}", *names))

    def logits(self, pixels: Tensor, dropout: torch.Generator | None = None) -> Tensor:
        """The scores (n, 10) of the classes; with a generator for dropout in training, without one in judging."""
        keep = 1 - self.hyperparameters.dropout

        def drop(hidden: Tensor) -> Tensor:
            if dropout is None:
                return hidden
            return hidden * torch.empty_like(hidden).bernoulli_(keep, generator=dropout) / keep

        return NETWORKS[self.network].logits(self.parameters, pixels, drop)

    def run_epoch(self) -> float:
        """Train for one epoch and return the mean training loss over it, dropout included."""
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
        """One step of gradient descent with momentum and weight decay, the same as torch.optim.SGD's.

        It is spelled out since making a torch optimizer costs each new process a second of imports (torch 2.13).
        """
        settings = self.hyperparameters
        for parameter, velocity, gradient in zip(self.parameters, self.velocities, gradients, strict=True):
            velocity.mul_(settings.momentum).add_(gradient).add_(parameter, alpha=settings.weight_decay)
            parameter.sub_(velocity, alpha=settings.lr)

    @torch.no_grad()
    def judge(self, part: str) -> tuple[float, float]:
        """The mean cross-entropy (nats) and the share of wrong classes on one part of `digits()`."""
        pixels, classes = digits()[part]
        logits = self.logits(pixels)
        wrong = (logits.argmax(dim=1) != classes).float().mean()
        return functional.cross_entropy(logits, classes).item(), wrong.item()

    def state(self) -> dict[str, Any]:
        """All that a training of the same width needs to go on from here, whatever its other hyperparameters."""
        return {
            "epoch": self.epoch,
            "width": self.hyperparameters.width,
            "parameters": [parameter.detach() for parameter in self.parameters],
            "velocities": self.velocities,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go on from where `state` was taken, with this training's own hyperparameters.

        Raises:
            ArgumentError: If the networks differ in width.
        """
        width = self.hyperparameters.width
        if state["width"] != width:
            raise ArgumentError(
                f"`width` is {width}, but the checkpoint's network has {state['width']}: it cannot change"
            )
        self.epoch = state["epoch"]
        with torch.no_grad():
            for name in ("parameters", "velocities"):
                for tensor, saved in zip(getattr(self, name), state[name], strict=True):
                    tensor.copy_(saved)
