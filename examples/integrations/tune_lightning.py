"""Tune a Lightning module: one callback reports and saves, and a trial continues from its checkpoint."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

import lightning
import torch
from ray import tune
from ray.tune.integration.pytorch_lightning import TuneReportCheckpointCallback

import raytune_suite as rts

EPOCHS = 9


class Line(lightning.LightningModule):  # type: ignore[misc]
    """Fits a line."""

    def __init__(self, lr: float) -> None:
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

    def on_train_start(self) -> None:
        """Set the learning rate after a checkpoint has been loaded: with pbt, the checkpoint has another."""
        for group in self.trainer.optimizers[0].param_groups:
            group["lr"] = self.lr


def data(seed: int) -> Any:
    """Points on a line."""
    x = torch.rand(64, 1, generator=torch.Generator().manual_seed(seed))
    return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, 3 * x + 1), batch_size=16)


def fit(config: dict[str, Any]) -> None:
    """Train with a config, and report after each epoch."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    torch.manual_seed(0)
    report = TuneReportCheckpointCallback({"val_loss": "val_loss"}, on="validation_end")
    trainer = lightning.Trainer(
        max_epochs=EPOCHS,
        callbacks=[report],
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    checkpoint = tune.get_checkpoint()
    with checkpoint.as_directory() if checkpoint else Path() as folder:
        path = str(Path(folder, "checkpoint")) if checkpoint else None
        trainer.fit(Line(config["lr"]), data(0), data(1), ckpt_path=path)


if __name__ == "__main__":
    space = {"lr": tune.loguniform(1e-3, 1.0)}
    method = sys.argv[1] if len(sys.argv) > 1 else "hyperband"
    result = rts.tune(fit, space, metric="val_loss", mode="min", max_t=EPOCHS, method=method, budget=5)
    print(f"best {result.best_value:.3f} with {result.best_config}")
