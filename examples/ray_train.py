"""Tune a training that Ray Train distributes over two workers: ASHA stops trials, and their workers with them."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import ray
import torch
from ray import train, tune
from ray.train.torch import TorchTrainer, get_device, prepare_model
from ray.tune.integration.ray_train import TuneReportCallback
from torch.nn import functional

import raytune_suite as rts

WORKERS, EPOCHS = 2, 9


def train_worker(config: dict[str, Any]) -> None:
    """Train a network in one of the workers, with its share of the data; all workers report after each epoch."""
    rank = train.get_context().get_world_rank()
    inputs = torch.randn(512, 8, generator=torch.Generator().manual_seed(rank)).to(get_device())
    outputs = torch.sin(inputs.sum(1, keepdim=True))
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(8, 32), torch.nn.Tanh(), torch.nn.Linear(32, 1))
    first = 1
    checkpoint = train.get_checkpoint()
    if checkpoint is not None:  # the trial was paused, or copied from another
        with checkpoint.as_directory() as folder:
            state = torch.load(Path(folder, "state.pt"))
        network.load_state_dict(state["network"])
        first = state["epoch"] + 1
    model = prepare_model(network)
    optimizer = torch.optim.SGD(model.parameters(), lr=config["lr"], momentum=config["momentum"])
    for epoch in range(first, EPOCHS + 1):
        for batch in torch.arange(512).split(32):
            loss = functional.mse_loss(model(inputs[batch]), outputs[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with tempfile.TemporaryDirectory() as folder:
            saved = None
            if rank == 0:
                torch.save({"network": network.state_dict(), "epoch": epoch}, Path(folder, "state.pt"))
                saved = train.Checkpoint.from_directory(folder)
            train.report({"loss": loss.item(), "epoch": epoch}, checkpoint=saved)


def train_trial(config: dict[str, Any]) -> None:
    """Train one config with several workers."""
    reports: list[Any] = [TuneReportCallback()]  # forwards what the first worker reports
    TorchTrainer(
        train_worker,
        train_loop_config=config,
        scaling_config=train.ScalingConfig(num_workers=WORKERS),
        run_config=train.RunConfig(name=f"trial-{tune.get_context().get_trial_id()}", callbacks=reports),
    ).fit()


if __name__ == "__main__":
    ray.init(num_cpus=WORKERS, include_dashboard=False)  # leave this out on a cluster, or on a machine with more CPUs
    result = rts.tune(
        train_trial,
        {"lr": tune.loguniform(1e-3, 1), "momentum": tune.uniform(0, 0.95)},
        metric="loss",
        mode="min",
        method="asha",
        max_t=EPOCHS,
        num_samples=3,
        resources=[{}, *[{"CPU": 1}] * WORKERS],  # nothing for the trial itself, which only waits, and a CPU per worker
        max_concurrent=1,
    )
    print(f"best loss {result.best_value:.3f} with {result.best_config}")
