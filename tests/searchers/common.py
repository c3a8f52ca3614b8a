"""Helpers of the searchers' tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from ray import tune

if TYPE_CHECKING:
    from collections.abc import Callable

    from raytune_suite.searchers import AskTellSearcher


SMOOTH = {
    "lr": tune.loguniform(1e-5, 1.0),
    "x": tune.uniform(-5, 5),
    "layers": tune.randint(1, 10),
    "kind": tune.choice(["good", "bad", "ugly"]),
}
"""A space for `smooth`, whose least loss is 0."""


def smooth(config: dict[str, Any]) -> float:
    """A bowl around lr 0.01, x 1, four layers and the good kind."""
    off = (np.log10(config["lr"]) + 2) ** 2 + (config["x"] - 1) ** 2 + (config["layers"] - 4) ** 2 / 4
    return float(off + ("good", "bad", "ugly").index(config["kind"]))


def minimize(
    searcher: AskTellSearcher, loss: Callable[[dict[str, Any]], float | None], budget: int
) -> list[tuple[dict[str, Any], float | None]]:
    """Evaluate `budget` configs one after another; a loss of None is a crash."""
    done = []
    for number in range(budget):
        config = searcher.suggest(f"t{number}")
        assert isinstance(config, dict)
        value = loss(config)
        result = None if value is None else {"training_iteration": 1, "loss": value}
        searcher.on_trial_complete(f"t{number}", result, error=value is None)
        done.append((config, value))
    return done


def best(done: list[tuple[dict[str, Any], float | None]]) -> float:
    """The least loss."""
    return min(value for _, value in done if value is not None)
