"""A program with LightningCLI, which prints its metrics after each epoch."""

from __future__ import annotations

import json
from typing import Any

import lightning
import torch
from lightning.pytorch.cli import LightningCLI


class Line(lightning.LightningModule):  # type: ignore[misc]
    """Fits a line."""

    def __init__(self, lr: float = 0.1) -> None:
        super().__init__()
        self.lr = lr
        self.layer = torch.nn.Linear(1, 1)

    def training_step(self, batch: Any, _number: int) -> Any:
        """Return the loss of a batch."""
        return torch.nn.functional.mse_loss(self.layer(batch[0]), batch[1])

    def validation_step(self, batch: Any, _number: int) -> None:
        """Log the loss of a batch."""
        self.log("val_loss", torch.nn.functional.mse_loss(self.layer(batch[0]), batch[1]))

    def configure_optimizers(self) -> Any:
        """Return the optimizer."""
        return torch.optim.SGD(self.parameters(), lr=self.lr)


class Points(lightning.LightningDataModule):  # type: ignore[misc]
    """Points on a line."""

    def loader(self, seed: int) -> Any:
        """Return batches."""
        x = torch.rand(64, 1, generator=torch.Generator().manual_seed(seed))
        return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, 3 * x + 1), batch_size=16)

    def train_dataloader(self) -> Any:
        """Return batches to train on."""
        return self.loader(0)

    def val_dataloader(self) -> Any:
        """Return batches to validate on."""
        return self.loader(1)


class PrintMetrics(lightning.Callback):  # type: ignore[misc]
    """Prints a line of JSON after each validation, which `raytune-suite run` reads."""

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: Any) -> None:  # noqa: ARG002 - Lightning's
        """Print the metrics."""
        if not trainer.sanity_checking:
            metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
            print(json.dumps({"epoch": trainer.current_epoch + 1, **metrics}), flush=True)


if __name__ == "__main__":
    LightningCLI(Line, Points, trainer_defaults={"callbacks": [PrintMetrics()], "logger": False})
