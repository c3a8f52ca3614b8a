"""A space that is stored as JSON has the same configs after it was read."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from ray import tune

from raytune_suite.spaces import Space
from raytune_suite.spaces.priors import prior
from raytune_suite.spaces.stored import from_json, to_json

MOMENTUM = tune.uniform(0, 1)
OPTIONS = [{"name": "adam"}, {"name": "sgd", "m": tune.uniform(0, 1)}]


class Layer:
    """An option that JSON does not know."""

    def __repr__(self) -> str:
        return "Layer()"


@pytest.mark.parametrize(
    "space",
    [
        {"a": tune.uniform(0, 1), "b": tune.loguniform(1e-3, 1), "c": tune.randn(1, 2)},
        {"a": tune.quniform(0, 1, 0.1), "b": tune.qloguniform(0.01, 1, 0.01), "c": tune.qrandn(1, 2, 0.5)},
        {"a": tune.randint(0, 5), "b": tune.lograndint(1, 65), "c": tune.qrandint(8, 64, 8), "d": np.int64(3)},
        {"a": tune.qlograndint(8, 64, 8), "b": tune.grid_search([1, 2]), "nested": {"c": tune.choice([None, True])}},
        {"o": tune.choice([{"name": "a", "m": MOMENTUM}, {"name": "b"}, {"name": "c", "m": MOMENTUM}]), "n": MOMENTUM},
        {"a": prior(tune.loguniform(1e-3, 1), 0.1, "high"), "b": prior(tune.choice(OPTIONS), OPTIONS[1])},
        {"o": tune.choice([{"name": "sgd", "m": tune.uniform(0, 1)}, {"name": "adam"}, (1, 2)]), "e": {}},
    ],
)
def test_a_stored_space_is_the_same(space: dict[str, Any]) -> None:
    read = Space(from_json(json.loads(json.dumps(to_json(space)))))
    written = Space(space)
    assert {name: text.replace("(1, 2)", "[1, 2]") for name, text in written.describe().items()} == read.describe()
    rng = np.random.default_rng(0)
    for _ in range(20):
        config = written.sample(rng)
        assert written.flatten(config) == read.flatten(json.loads(json.dumps(config)))


def test_objects_become_their_repr() -> None:
    read = Space(from_json(json.loads(json.dumps(to_json({"layer": tune.choice([Layer(), "none"])})))))
    assert read.parameters[0].categories == ("Layer()", "none")
