"""Tune a training that uses two GPUs per trial: Ray Train starts one worker per GPU, and BOHB pauses and stops trials.

On a machine without GPUs, the example declares four to Ray, and the workers train on the CPU.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import ray
import torch
from ray import train, tune
from ray.train.torch import TorchConfig, TorchTrainer
from ray.tune.integration.ray_train import TuneReportCallback

import raytune_suite as rts

GPUS, EPOCHS = 2, 4


def train_worker(config: dict[str, Any]) -> None:
    """Minimize a parabola on one GPU; all workers average their gradients."""
    rank = train.get_context().get_world_rank()
    device = train.torch.get_device() if torch.cuda.is_available() else torch.device("cpu")
    first, value = 1, 1.0
    checkpoint = train.get_checkpoint()
    if checkpoint is not None:
        with checkpoint.as_directory() as folder:
            state = json.loads(Path(folder, "state.json").read_text())
        first, value = state["epoch"] + 1, state["value"]
    for epoch in range(first, EPOCHS + 1):
        gradient = torch.tensor(2 * value + 0.1 * (rank - 0.5), device=device)
        torch.distributed.all_reduce(gradient)
        value -= config["lr"] * gradient.item() / GPUS
        with tempfile.TemporaryDirectory() as folder:
            saved = None
            if rank == 0:
                Path(folder, "state.json").write_text(json.dumps({"epoch": epoch, "value": value}))
                saved = train.Checkpoint.from_directory(folder)
            train.report({"loss": value**2, "epoch": epoch}, checkpoint=saved)


def train_trial(config: dict[str, Any]) -> None:
    """Train one config with a worker per GPU."""
    reports: list[Any] = [TuneReportCallback()]  # forwards what the first worker reports
    TorchTrainer(
        train_worker,
        train_loop_config=config,
        torch_config=TorchConfig(backend="nccl" if torch.cuda.is_available() else "gloo"),
        scaling_config=train.ScalingConfig(num_workers=GPUS, use_gpu=True),
        run_config=train.RunConfig(name=f"trial-{tune.get_context().get_trial_id()}", callbacks=reports),
    ).fit()


if __name__ == "__main__":
    if torch.cuda.is_available():
        ray.init()
    else:
        ray.init(num_cpus=4, num_gpus=4, include_dashboard=False)
    result = rts.tune(
        train_trial,
        {"lr": tune.loguniform(1e-3, 1)},
        metric="loss",
        mode="min",
        method="bohb",
        max_t=EPOCHS,
        num_samples=3,
        resources=[{}, *[{"CPU": 1, "GPU": 1}] * GPUS],
    )
    print(f"best loss {result.best_value:.3f} with {result.best_config}")
