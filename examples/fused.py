"""Tune 64 trials of a small network as lanes of one process, on a GPU if there is one: ASHA over a fused training."""

# ruff: noqa: ARG002 - the signatures are those of FusedProgram

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from ray import tune
from torch import Tensor
from torch.nn import functional

import raytune_suite as rts
from raytune_suite.fused import draws
from raytune_suite.fused.optimizers import AdamW

Tensors = Mapping[str, Tensor]
Values = Mapping[str, Any]

ROWS, STEPS, BATCH = 2048, 16, 64


class Teacher(rts.FusedProgram):
    """Imitate a fixed random network; `width` and `batch` decide shapes, all other hyperparameters differ per lane."""

    structural = ("width",)

    def initialize(self, hp: Values, generator: torch.Generator) -> dict[str, Tensor]:
        """Draw the initial parameters of a trial."""
        hidden = torch.randn(hp["width"], 16, generator=generator) / 4
        return {"hidden": hidden, "bias": torch.zeros(hp["width"]), "output": torch.zeros(1, hp["width"])}

    def data(self, hp: Values) -> dict[str, Tensor]:
        """Return what all trials share."""
        generator = torch.Generator().manual_seed(0)
        inputs = torch.randn(ROWS, 16, generator=generator)
        return {"inputs": inputs, "outputs": torch.sin(inputs[:, :4]).sum(1, keepdim=True)}

    def draw(self, key: Tensor, hp: Values, data: Tensors) -> dict[str, Tensor]:
        """Choose the rows of the batches up to the next report."""
        return {"rows": draws.integers(key, STEPS * BATCH, ROWS // 2).view(STEPS, BATCH)}

    def loss(self, parameters: Tensors, batch: Tensors, hp: Values, data: Tensors) -> Tensor:
        """Compute the loss of one step."""
        return error(parameters, data["inputs"][batch["rows"]], data["outputs"][batch["rows"]])

    def metrics(self, parameters: Tensors, hp: Values, data: Tensors) -> dict[str, Tensor]:
        """Compute what a trial reports: the error on the second half."""
        return {"loss": error(parameters, data["inputs"][ROWS // 2 :], data["outputs"][ROWS // 2 :])}

    def optimizer(self, hp: Values) -> AdamW:
        """Choose the optimizer."""
        return AdamW()


def error(parameters: Tensors, inputs: Tensor, outputs: Tensor) -> Tensor:
    """Return the mean squared error."""
    hidden = functional.linear(inputs, parameters["hidden"], parameters["bias"]).relu()
    return functional.mse_loss(functional.linear(hidden, parameters["output"]), outputs)


class Train(rts.FusedTrainable):
    """The trainable: fused with others on the simulated clock, alone elsewhere."""

    program = Teacher()


def main() -> None:
    """Run the study, and print the best config."""
    result = rts.tune(
        Train,
        {
            "lr": tune.loguniform(1e-4, 1e-1), "weight_decay": tune.loguniform(1e-6, 1e-1),
            "beta1": tune.uniform(0.5, 0.99), "beta2": 0.99, "width": tune.choice([16, 32]),
        },
        metric="loss", mode="min", method="asha", num_samples=64, max_t=9, engine=rts.Simulation(workers=32),
    )  # fmt: skip
    print(f"best loss {result.best_value:.3f} with", result.best_config)


if __name__ == "__main__":
    main()
