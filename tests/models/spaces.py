"""A mixed, conditional space for the tests of the models."""

from __future__ import annotations

from ray import tune

from raytune_suite.models.layout import Layout
from raytune_suite.spaces import Space

SPACE = Space(
    {
        "x": tune.uniform(0, 1),
        "optimizer": tune.choice(
            [
                {"name": "sgd", "momentum": tune.uniform(0, 1), "decay": tune.choice(["a", "b", "c"])},
                {"name": "adam", "beta": tune.quniform(0, 1, 0.25)},
                {"name": "none"},
            ]
        ),
        "layers": tune.lograndint(1, 9),
        "width": tune.randint(16, 512),
    }
)
LAYOUT = Layout.of(SPACE)
