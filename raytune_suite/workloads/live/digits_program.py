"""Networks on handwritten digits, each a `FusedProgram`: many trials of one train as lanes of one process.

`DigitsProgram` has the images, the order of batches and the metrics; `MLPProgram` is the network of "live/digits-mlp".
"""

from __future__ import annotations

import abc
import math
from typing import TYPE_CHECKING, Any

from raytune_suite.fused import draws
from raytune_suite.fused.program import FusedProgram
from raytune_suite.optional import require
from raytune_suite.workloads.live.digits_networks import CLASSES, PIXELS
from raytune_suite.workloads.live.digits_training import DigitsHyperparameters, digits

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch
    from torch import Tensor
    from torch.nn import functional

    from raytune_suite.types import Config
else:
    torch = require("torch", extra="torch")
    functional = require("torch.nn.functional", extra="torch")


class DigitsProgram(FusedProgram):
    """Trains a network for one epoch per report, with batches of `batch` images; a subclass has the network.

    As in `digits_training`, but images that do not fill a last batch are left out of an epoch, since all steps of lanes
    have equal shapes.
    """

    @abc.abstractmethod
    def logits(self, parameters: Mapping[str, Tensor], pixels: Tensor, hp: Mapping[str, Any]) -> Tensor:
        """The outputs (n, 10) of the network for images (n, 64), without dropout."""

    def data(self, hp: Mapping[str, Any]) -> dict[str, Tensor]:  # noqa: ARG002 - the same for all
        """The digits."""
        return {
            f"{split}_{name}": value for split, values in digits().items() for name, value in values._asdict().items()
        }

    def rows(self, key: Tensor, hp: Mapping[str, Any], data: Mapping[str, Tensor]) -> Tensor:
        """The rows of an epoch's batches, of shape (steps, batch)."""
        count = len(data["train_classes"])
        size = min(hp["batch"], count)
        steps = count // size
        return draws.permutation(key, count)[: steps * size].view(steps, size)

    def metrics(
        self, parameters: Mapping[str, Tensor], hp: Mapping[str, Any], data: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Cross-entropy and error on the validation and test images."""
        found: dict[str, Tensor] = {}
        for short, split in (("val", "validation"), ("test", "test")):
            logits, classes = self.logits(parameters, data[f"{split}_pixels"], hp), data[f"{split}_classes"]
            found[f"{short}_loss"] = cross_entropy(logits, classes)
            found[f"{short}_error"] = (logits.argmax(-1) != classes).float().mean()
        return {**found, "val_accuracy": 1 - found["val_error"]}


class MLPProgram(DigitsProgram):
    """Trains two hidden ReLU layers of `width` units."""

    structural = ("width", "batch")

    @property
    def name(self) -> str:
        """The name of the random streams."""
        return "digits-mlp-fused"

    def hyperparameters(self, config: Config) -> dict[str, Any]:
        """Check a config."""
        return vars(DigitsHyperparameters.of(config))

    def initialize(self, hp: Mapping[str, Any], generator: torch.Generator) -> dict[str, Tensor]:
        """Draw weights as in He et al. 2015, and zero biases."""
        width = hp["width"]
        parameters: dict[str, Tensor] = {}
        for layer, shape in enumerate(((width, PIXELS), (width, width), (CLASSES, width))):
            parameters[f"weight{layer}"] = torch.randn(*shape, generator=generator) * math.sqrt(2 / shape[1])
            parameters[f"bias{layer}"] = torch.zeros(shape[0])
        return parameters

    def draw(self, key: Tensor, hp: Mapping[str, Any], data: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The rows of an epoch's batches, and the bits of their dropout."""
        rows = self.rows(draws.fold(key, 0), hp, data)
        return {
            "rows": rows,
            "of_rows": draws.bits(draws.fold(key, 1), *rows.shape),
            "of_columns": draws.bits(draws.fold(key, 2), len(rows), 2, hp["width"]),
        }

    def loss(
        self,
        parameters: Mapping[str, Tensor],
        batch: Mapping[str, Tensor],
        hp: Mapping[str, Any],
        data: Mapping[str, Tensor],
    ) -> Tensor:
        """The cross-entropy, with dropout after each hidden layer."""
        hidden = data["train_pixels"][batch["rows"]]
        for layer in range(2):
            hidden = functional.linear(hidden, parameters[f"weight{layer}"], parameters[f"bias{layer}"]).relu()
            hidden = draws.dropout(hidden, hp["dropout"], batch["of_rows"], batch["of_columns"][layer])
        logits = functional.linear(hidden, parameters["weight2"], parameters["bias2"])
        return cross_entropy(logits, data["train_classes"][batch["rows"]])

    def logits(self, parameters: Mapping[str, Tensor], pixels: Tensor, hp: Mapping[str, Any]) -> Tensor:  # noqa: ARG002 - as the base
        """The outputs of the network, without dropout."""
        hidden = pixels
        for layer in range(2):
            hidden = functional.linear(hidden, parameters[f"weight{layer}"], parameters[f"bias{layer}"]).relu()
        return functional.linear(hidden, parameters["weight2"], parameters["bias2"])


def cross_entropy(logits: Tensor, classes: Tensor) -> Tensor:
    """The mean cross-entropy of logits (n, classes) for classes (n,): torch's, in fewer operations under vmap."""
    return -logits.log_softmax(-1).gather(-1, classes.unsqueeze(-1)).mean()


DIGITS = MLPProgram()
"""The program of `live/digits-mlp-fused`, one object so that its trials are fused."""
