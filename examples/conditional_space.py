"""Conditional parameters: a choice among dicts, each with its own parameters."""

from __future__ import annotations

from typing import Any

from ray import tune

import raytune_suite as rts

EPOCHS = 9

SPACE = {
    "lr": tune.loguniform(1e-3, 1.0),
    "optimizer": tune.choice(
        [
            {"name": "sgd", "momentum": tune.uniform(0.0, 0.9)},
            {"name": "adam", "beta1": tune.uniform(0.8, 0.95), "beta2": tune.uniform(0.9, 0.999)},
        ]
    ),
}
"""`momentum` is active only for sgd, and the betas only for adam; the constant `name` distinguishes the two."""


def train(config: dict[str, Any]) -> None:
    """Learn the number 3 with the optimizer of the config."""
    optimizer = config["optimizer"]
    weight = first = second = 0.0
    for epoch in range(1, EPOCHS + 1):
        gradient = weight - 3
        if optimizer["name"] == "sgd":
            first = optimizer["momentum"] * first + gradient
            weight -= config["lr"] * first
        else:
            beta1, beta2 = optimizer["beta1"], optimizer["beta2"]
            first = beta1 * first + (1 - beta1) * gradient
            second = beta2 * second + (1 - beta2) * gradient**2
            weight -= config["lr"] * (first / (1 - beta1**epoch)) / ((second / (1 - beta2**epoch)) ** 0.5 + 1e-8)
        tune.report({"loss": (weight - 3) ** 2})


def main() -> None:
    """Tune with TPE, whose model knows which parameters belong to which option."""
    method_args = {"n_initial": 10}
    result = rts.tune(
        train, SPACE, method="tpe", method_args=method_args, metric="loss", mode="min", max_t=EPOCHS, num_samples=25
    )
    print(result.trials.groupby("config/optimizer/name")["value"].agg(["count", "min"]))
    print(f"best: loss {result.best_value:.3g} with {result.best_config}")


if __name__ == "__main__":
    main()
