"""Optimizers of lanes: each updates the parameters of all lanes in place, with the hyperparameters of each lane.

Parameters, gradients and most slots (what an optimizer remembers) have the shape (lanes, size); hyperparameters,
learning rates and step counts have the shape (lanes, 1).
"""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, final

from raytune_suite.optional import require

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch
    from torch import Tensor

    from raytune_suite.fused.layout import ParameterLayout
else:
    torch = require("torch", extra="torch")

EPSILON = 1e-8


@dataclass(frozen=True)
class LaneOptimizer(abc.ABC):
    """The base of the optimizers; they are immutable, and their slots are kept by the lanes.

    Attributes:
        slots: The names of what is remembered per parameter.
    """

    slots: ClassVar[tuple[str, ...]]

    def start(self, vector: Tensor) -> dict[str, Tensor]:
        """The slots of one lane that starts with the parameters `vector`, of shape (size,): zeros."""
        return {name: torch.zeros_like(vector) for name in self.slots}

    @abc.abstractmethod
    def update(self, vectors: Tensor, gradients: Tensor, slots: dict[str, Tensor], at: OptimizerStep) -> None:
        """Make one step in place."""

    def evaluated(self, vectors: Tensor, slots: Mapping[str, Tensor]) -> Tensor:  # noqa: ARG002 - for subclasses
        """The parameters with which the model is evaluated."""
        return vectors


@dataclass(frozen=True)
class OptimizerStep:
    """What a step needs to know, each value but the last two of shape (lanes, 1).

    Attributes:
        hp: The hyperparameters of the lanes by name.
        lr: The learning rates, which follow their schedules.
        count: The number of this step in its training, from 1, as float32.
        layout: Where the parameters lie.
        matrices: The result of `layout.matrices`, of shape (size,).
    """

    hp: Mapping[str, Any]
    lr: Tensor
    count: Tensor
    layout: ParameterLayout
    matrices: Tensor


@final
@dataclass(frozen=True)
class SGD(LaneOptimizer):
    """Gradient descent with `momentum` and `weight_decay` (an L2 penalty on all parameters), as `torch.optim.SGD`."""

    slots = ("velocity",)

    def update(self, vectors: Tensor, gradients: Tensor, slots: dict[str, Tensor], at: OptimizerStep) -> None:
        """Make one step in place."""
        velocity = slots["velocity"]
        velocity.mul_(at.hp["momentum"]).add_(gradients).addcmul_(vectors, at.hp["weight_decay"].expand_as(vectors))
        vectors.addcmul_(velocity, at.lr.expand_as(vectors), value=-1)


def adam_direction(gradients: Tensor, slots: Mapping[str, Tensor], at: OptimizerStep) -> Tensor:
    """Update the slots "mean" and "square", and return the direction of Adam.

    Source: Kingma, Ba 2015, "Adam: A Method for Stochastic Optimization", algorithm 1.
    """
    beta1, beta2 = at.hp["beta1"], at.hp["beta2"]
    slots["mean"].lerp_(gradients, (1 - beta1).expand_as(gradients))
    slots["square"].mul_(beta2).addcmul_(gradients * (1 - beta2), gradients)
    root = (slots["square"] / (1 - beta2**at.count)).sqrt_().add_(EPSILON)
    direction: Tensor = slots["mean"] / (1 - beta1**at.count) / root
    return direction


@final
@dataclass(frozen=True)
class AdamW(LaneOptimizer):
    """Adam with decoupled `weight_decay` of matrices, with `beta1` and `beta2`.

    Source: Loshchilov, Hutter 2019, "Decoupled Weight Decay Regularization", algorithm 2.
    """

    slots = ("mean", "square")

    def update(self, vectors: Tensor, gradients: Tensor, slots: dict[str, Tensor], at: OptimizerStep) -> None:
        """Make one step in place."""
        direction = adam_direction(gradients, slots, at)
        vectors.mul_(1 - at.lr * at.hp["weight_decay"] * at.matrices)
        vectors.addcmul_(direction, at.lr.expand_as(vectors), value=-1)


@final
@dataclass(frozen=True)
class Muon(LaneOptimizer):
    """Orthogonalized momentum for the hidden matrices, and AdamW for all other parameters.

    It takes `momentum`, `weight_decay`, `beta1` and `beta2`. Updates are scaled to the size of AdamW's, so that one
    learning rate fits both.

    Sources: K. Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks" (the iteration and its
    coefficients); Liu et al. 2025, "Muon is Scalable for LLM Training", section 2.2 (the scale 0.2 sqrt(max(shape))).

    Attributes:
        outer: The names of matrices that are not hidden layers, such as embeddings and the output layer.
    """

    outer: frozenset[str] = frozenset()

    slots = ("mean", "square", "velocity")

    def update(self, vectors: Tensor, gradients: Tensor, slots: dict[str, Tensor], at: OptimizerStep) -> None:
        """Make one step in place."""
        direction = adam_direction(gradients, slots, at)
        velocity, momentum = slots["velocity"], at.hp["momentum"]
        velocity.mul_(momentum).add_(gradients)
        nesterov, ours = at.layout.split(gradients + momentum * velocity), at.layout.split(direction)
        by_shape: dict[tuple[int, ...], list[str]] = {}
        for name, shape in zip(at.layout.names, at.layout.shapes, strict=True):
            if len(shape) == 2 and name not in self.outer:  # noqa: PLR2004 - a matrix
                by_shape.setdefault(shape, []).append(name)
        for shape, names in by_shape.items():
            orthogonal = orthogonalized(torch.stack([nesterov[name] for name in names]))
            for name, value in zip(names, orthogonal, strict=True):
                ours[name].copy_(value * (0.2 * max(shape) ** 0.5))
        vectors.mul_(1 - at.lr * at.hp["weight_decay"] * at.matrices)
        vectors.addcmul_(direction, at.lr.expand_as(vectors), value=-1)


def orthogonalized(matrices: Tensor) -> Tensor:
    """Bring the singular values of matrices (..., rows, columns) close to 1 by five Newton-Schulz iterations."""
    wide = matrices.shape[-2] <= matrices.shape[-1]
    x: Tensor = matrices if wide else matrices.transpose(-1, -2)
    x = x / (torch.linalg.vector_norm(x, dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(5):
        gram = x @ x.transpose(-1, -2)
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * (gram @ gram)) @ x
    return x if wide else x.transpose(-1, -2)


@final
@dataclass(frozen=True)
class ScheduleFree(LaneOptimizer):
    """Schedule-free AdamW: averages the iterates instead of decaying the learning rate.

    It takes `weight_decay`, `beta1` and `beta2`. The gradient is computed at a point between the iterate and the
    average; the model is evaluated at the average.
    Source: Defazio et al. 2024, "The Road Less Scheduled", algorithm 1.
    """

    slots = ("square", "iterate", "average", "weight")

    def start(self, vector: Tensor) -> dict[str, Tensor]:
        """The slots of one lane that starts with the parameters `vector`."""
        return {
            "square": torch.zeros_like(vector),
            "iterate": vector.clone(),
            "average": vector.clone(),
            "weight": torch.zeros_like(vector[:1]),
        }

    def update(self, vectors: Tensor, gradients: Tensor, slots: dict[str, Tensor], at: OptimizerStep) -> None:
        """Make one step in place."""
        beta1, beta2 = at.hp["beta1"], at.hp["beta2"]
        iterate, average, square, weight = (slots[name] for name in ("iterate", "average", "square", "weight"))
        square.mul_(beta2).addcmul_(gradients * (1 - beta2), gradients)
        root = (square / (1 - beta2**at.count)).sqrt_().add_(EPSILON)
        iterate.sub_(at.lr * (gradients / root + at.hp["weight_decay"] * at.matrices * vectors))
        weight.add_(at.lr**2)
        average.lerp_(iterate, (at.lr**2 / (weight + 1e-30)).expand_as(iterate))
        torch.lerp(iterate, average, beta1.expand_as(iterate), out=vectors)

    def evaluated(self, vectors: Tensor, slots: Mapping[str, Tensor]) -> Tensor:  # noqa: ARG002 - see the base
        """The average."""
        return slots["average"]
