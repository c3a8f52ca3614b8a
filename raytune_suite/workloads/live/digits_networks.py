"""The networks of "live/digits-mlp", "live/digits-cnn" and "live/digits-gru", as pure functions of their weights.

A network has one size parameter, its width, and an initialization scheme. The networks use torch's functions instead of
its modules, because modules draw their weights from the global generator of the process.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from raytune_suite.optional import require

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from torch.nn import functional
else:
    torch = require("torch", extra="torch")
    functional = require("torch.nn.functional", extra="torch")
    Tensor = torch.Tensor

SIDE, CLASSES = 8, 10
PIXELS = SIDE * SIDE

Dropout: TypeAlias = Callable[[Tensor], Tensor]
"""Drops hidden units in a training step; returns all of them in an evaluation."""


class Network(NamedTuple):
    """A kind of network.

    Attributes:
        start: A function from a width and a generator to the initial weights and biases, which require gradients.
        logits: A function from these, pixels (n, 64) and the dropout to the logits (n, 10) of the classes.
    """

    start: Callable[[int, torch.Generator], list[Tensor]]
    logits: Callable[[list[Tensor], Tensor, Dropout], Tensor]


def relu_layer(draws: torch.Generator, *shape: int) -> list[Tensor]:
    """Draw a weight of this shape as in He et al. (2015, "Delving Deep into Rectifiers", eq. 10), with zero biases."""
    weight = torch.randn(*shape, generator=draws) * math.sqrt(2 / math.prod(shape[1:]))
    return [weight.requires_grad_(), torch.zeros(shape[0], requires_grad=True)]


def mlp_start(width: int, draws: torch.Generator) -> list[Tensor]:
    """Initialize two hidden layers of `width` units and the output layer."""
    shapes = ((width, PIXELS), (width, width), (CLASSES, width))
    return [parameter for shape in shapes for parameter in relu_layer(draws, *shape)]


def mlp_logits(parameters: list[Tensor], pixels: Tensor, dropout: Dropout) -> Tensor:
    """Compute the logits; each hidden layer is followed by a ReLU and dropout."""
    hidden = pixels
    for weight, bias in zip(parameters[:-2:2], parameters[1:-2:2], strict=True):
        hidden = dropout(functional.linear(hidden, weight, bias).relu())
    return functional.linear(hidden, *parameters[-2:])


def cnn_start(width: int, draws: torch.Generator) -> list[Tensor]:
    """Initialize two 3 x 3 convolutions of `width` channels each, and an output layer on half the resolution."""
    shapes = ((width, 1, 3, 3), (width, width, 3, 3), (CLASSES, width * PIXELS // 4))
    return [parameter for shape in shapes for parameter in relu_layer(draws, *shape)]


def cnn_logits(parameters: list[Tensor], pixels: Tensor, dropout: Dropout) -> Tensor:
    """Compute the logits; each convolution is followed by a ReLU, the second also by 2 x 2 max pooling and dropout."""
    hidden = pixels.reshape(-1, 1, SIDE, SIDE)
    for weight, bias in zip(parameters[:-2:2], parameters[1:-2:2], strict=True):
        hidden = functional.conv2d(hidden, weight, bias, padding=1).relu()
    hidden = dropout(functional.max_pool2d(hidden, 2).flatten(start_dim=1))
    return functional.linear(hidden, *parameters[-2:])


def gru_start(width: int, draws: torch.Generator) -> list[Tensor]:
    """Initialize a layer of `width` gated recurrent units, uniformly within 1 / sqrt(width), and the output layer."""
    bound = 1 / math.sqrt(width)
    shapes: tuple[tuple[int, ...], ...] = ((3 * width, SIDE), (3 * width, width), (3 * width,), (3 * width,))
    units = [((2 * torch.rand(*shape, generator=draws) - 1) * bound).requires_grad_() for shape in shapes]
    return units + relu_layer(draws, CLASSES, width)


def gru_logits(parameters: list[Tensor], pixels: Tensor, dropout: Dropout) -> Tensor:
    """Compute the logits; the units read the image row by row from the top, and dropout follows their last state.

    Source: Cho et al. 2014, "Learning Phrase Representations using RNN Encoder-Decoder", section 2.3, in the variant
    of torch.nn.GRU.
    """
    rows = pixels.reshape(-1, SIDE, SIDE)
    none = rows.new_zeros(1, len(rows), parameters[1].shape[1])
    _, last = torch.gru(
        rows,
        none,
        parameters[:4],
        has_biases=True,
        num_layers=1,
        dropout=0.0,
        train=False,
        bidirectional=False,
        batch_first=True,
    )
    return functional.linear(dropout(last[0]), *parameters[-2:])


NETWORKS = {
    "mlp": Network(mlp_start, mlp_logits),
    "cnn": Network(cnn_start, cnn_logits),
    "gru": Network(gru_start, gru_logits),
}
"""The networks by name; a training's random streams are named after them ("digits-mlp" and so on)."""
