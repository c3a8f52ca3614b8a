"""A residual network on handwritten digits as a `FusedProgram`, for "live/resnet-digits"."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from raytune_suite.fused import draws
from raytune_suite.optional import require
from raytune_suite.workloads.live.digits import TRAINING_IMAGES
from raytune_suite.workloads.live.digits_networks import CLASSES
from raytune_suite.workloads.live.digits_program import DigitsProgram, cross_entropy
from raytune_suite.workloads.live.hyperparameters import checked_values

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import torch
    from torch import Tensor
    from torch.nn import functional

    from raytune_suite.types import Config
else:
    torch = require("torch", extra="torch")
    functional = require("torch.nn.functional", extra="torch")

SIDE = 8
"""The side of an image in pixels."""
GROUPS = 4
"""Groups of channels that are normalized together; the width is a multiple of it."""
STAGES = (1, 2)
"""How many times `width` channels the blocks of each stage have; before the second, the sides are halved."""

RANGES = {
    "lr": (0.0, math.inf),
    "momentum": (0.0, 1.0),
    "weight_decay": (0.0, math.inf),
    "dropout": (0.0, 1.0),
    "smoothing": (0.0, 1.0),
    "shifted": (0.0, math.nextafter(1.0, 2.0)),
    "batch": (1, math.inf),
    "width": (GROUPS, math.inf),
    "depth": (1, math.inf),
}
"""Half-open ranges of the hyperparameters."""


class ResNetProgram(DigitsProgram):
    """Trains a residual network with group normalization for one epoch per report.

    A convolution to `width` channels is followed by two stages of `depth` blocks each; the second has half the side and
    twice the channels. A block adds norm, ReLU, 3 x 3 convolution, norm, ReLU, 3 x 3 convolution to its input (He et
    al. 2016, "Identity Mappings in Deep Residual Networks", figure 4e; normalization as in Wu, He 2018, "Group
    Normalization", since statistics of batches would be shared state). Dropout comes before the last layer. The loss is
    the cross-entropy with label smoothing, and a part of the images is shifted by one pixel. The learning rate decays
    as a cosine over `reports` epochs.

    Args:
        reports: Epochs until the learning rate is 0.
    """

    structural = ("width", "depth", "batch")

    def __init__(self, reports: int) -> None:
        self.reports = reports

    @property
    def name(self) -> str:
        """The name of the random streams."""
        return "resnet-digits"

    def hyperparameters(self, config: Config) -> dict[str, Any]:
        """Check a config; the width is rounded to a multiple of the groups."""
        values = checked_values(config, RANGES, integers={"batch", "width", "depth"})
        return {**values, "width": max(1, round(values["width"] / GROUPS)) * GROUPS}

    def initialize(self, hp: Mapping[str, Any], generator: torch.Generator) -> dict[str, Tensor]:
        """Draw weights as in He et al. 2015; the last convolution of each block and the last layer start with zeros."""

        def convolution(inputs: int, outputs: int) -> Tensor:
            return torch.randn(outputs, inputs, 3, 3, generator=generator) * math.sqrt(2 / (9 * inputs))

        parameters = {"stem": convolution(1, hp["width"])}
        channels = hp["width"]
        for block, width in blocks(hp):
            if width != channels:
                parameters[f"{block}.widen"] = convolution(channels, width)
                channels = width
            for half in (1, 2):
                parameters[f"{block}.scale{half}"] = torch.ones(width)
                parameters[f"{block}.shift{half}"] = torch.zeros(width)
            parameters[f"{block}.conv1"] = convolution(width, width)
            parameters[f"{block}.conv2"] = torch.zeros(width, width, 3, 3)
        ends = {"scale": torch.ones(channels), "shift": torch.zeros(channels), "bias": torch.zeros(CLASSES)}
        return {**parameters, **ends, "output": torch.zeros(CLASSES, channels)}

    def draw(self, key: Tensor, hp: Mapping[str, Any], data: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The rows of an epoch's batches, the bits of their dropout, and how their images are shifted."""
        rows = self.rows(draws.fold(key, 0), hp, data)
        count = rows.numel()
        return {
            "rows": rows,
            "of_rows": draws.bits(draws.fold(key, 1), *rows.shape),
            "of_columns": draws.bits(draws.fold(key, 2), len(rows), STAGES[-1] * hp["width"]),
            "moved": draws.bits(draws.fold(key, 3), *rows.shape),
            "to": draws.integers(draws.fold(key, 4), count, 9).view(rows.shape),
        }

    def loss(
        self,
        parameters: Mapping[str, Tensor],
        batch: Mapping[str, Tensor],
        hp: Mapping[str, Any],
        data: Mapping[str, Tensor],
    ) -> Tensor:
        """The cross-entropy with label smoothing (Szegedy et al. 2016, section 7)."""
        moved = batch["moved"] <= (hp["shifted"] - 0.5) * 2.0**32
        pixels = moved_by_a_pixel(data["train_pixels"][batch["rows"]], torch.where(moved, batch["to"], 4))
        features = self.features(parameters, pixels, hp)
        features = draws.dropout(features, hp["dropout"], batch["of_rows"], batch["of_columns"])
        logits = functional.linear(features, parameters["output"], parameters["bias"])
        certain = cross_entropy(logits, data["train_classes"][batch["rows"]])
        loss: Tensor = (1 - hp["smoothing"]) * certain - hp["smoothing"] * logits.log_softmax(-1).mean()
        return loss

    def logits(self, parameters: Mapping[str, Tensor], pixels: Tensor, hp: Mapping[str, Any]) -> Tensor:
        """The outputs of the network, without dropout."""
        return functional.linear(self.features(parameters, pixels, hp), parameters["output"], parameters["bias"])

    def features(self, parameters: Mapping[str, Tensor], pixels: Tensor, hp: Mapping[str, Any]) -> Tensor:
        """The features (n, channels) of images (n, 64)."""

        def normalized(values: Tensor, name: str, half: str = "") -> Tensor:
            scale, shift = parameters[f"{name}scale{half}"], parameters[f"{name}shift{half}"]
            return functional.group_norm(values, GROUPS, scale, shift).relu()

        hidden = functional.conv2d(pixels.unflatten(-1, (1, SIDE, SIDE)), parameters["stem"], padding=1)
        for block, _ in blocks(hp):
            if f"{block}.widen" in parameters:
                hidden = functional.conv2d(functional.avg_pool2d(hidden, 2), parameters[f"{block}.widen"], padding=1)
            inner = functional.conv2d(normalized(hidden, f"{block}.", "1"), parameters[f"{block}.conv1"], padding=1)
            inner = functional.conv2d(normalized(inner, f"{block}.", "2"), parameters[f"{block}.conv2"], padding=1)
            hidden = hidden + inner
        return normalized(hidden, "").mean((-2, -1))

    def rate(self, hp: Mapping[str, Any], steps: Tensor) -> Tensor:
        """A cosine from `lr` to 0 (Loshchilov, Hutter 2017, "SGDR", equation 5, without restarts)."""
        whole = self.reports * max(1, TRAINING_IMAGES // hp["batch"])
        rates: Tensor = hp["lr"] * (0.5 + 0.5 * torch.cos(math.pi * (steps / whole).clamp(max=1.0)))
        return rates


def blocks(hp: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """The name and the channels of each block, in order."""
    for stage, times in enumerate(STAGES):
        for block in range(hp["depth"]):
            yield f"{stage}.{block}", times * hp["width"]


def moved_by_a_pixel(pixels: Tensor, to: Tensor) -> Tensor:
    """Move images (n, 64) to one of nine places (n,), of which 4 is where they are; what enters is black."""
    padded = functional.pad(pixels.unflatten(-1, (SIDE, SIDE)), (1, 1, 1, 1)).flatten(-2)
    across = torch.arange(SIDE, device=pixels.device)
    at = (across.unsqueeze(-1) * (SIDE + 2) + across).flatten()
    start = to // 3 * (SIDE + 2) + to % 3
    return padded.gather(-1, start.unsqueeze(-1) + at)


RESNET = ResNetProgram(reports=27)
"""The program of `live/resnet-digits`, one object so that its trials are fused."""
