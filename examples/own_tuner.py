"""Keep Ray's Tuner, and use only a method of raytune_suite."""

from __future__ import annotations

from typing import Any

from ray import tune

import raytune_suite as rts

EPOCHS = 27


def train(config: dict[str, Any]) -> None:
    """Any Ray trainable, unchanged."""
    weight = 0.0
    for _ in range(EPOCHS):
        weight -= config["lr"] * (weight - 3)
        tune.report({"loss": (weight - 3) ** 2})


def main() -> None:
    """Tune with a new combination of a searcher and a scheduler: tpe+asha."""
    space = {"lr": tune.loguniform(1e-3, 1.0)}
    method = rts.make_method("tpe+asha", space, metric="loss", mode="min", max_t=EPOCHS, seed=0, eta=3, n_initial=5)
    tuner = tune.Tuner(
        train,
        param_space=space,
        tune_config=method.tune_config(num_samples=16, reuse_actors=True),
        run_config=tune.RunConfig(verbose=0),
    )
    best = tuner.fit().get_best_result("loss", "min")
    print("best:", best.metrics, best.config)


if __name__ == "__main__":
    main()
