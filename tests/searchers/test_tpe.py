"""The multivariate Parzen estimator."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ray import tune

from raytune_suite.errors import ArgumentError
from raytune_suite.searchers.tpe import TPESearcher
from tests.searchers.common import best, minimize

COMMON: Any = {"metric": "loss", "mode": "min"}


def test_it_learns_correlated_parameters() -> None:
    """Good configs lie on the diagonal: the margins of both parameters are uniform."""
    space = {"x": tune.uniform(0, 1), "y": tune.uniform(0, 1)}
    searcher = TPESearcher(space=space, seed=0, random_fraction=0, **COMMON)
    done = minimize(searcher, lambda config: abs(config["x"] - config["y"]) + 0.01 * config["x"], 80)
    late = [abs(config["x"] - config["y"]) for config, _ in done[40:]]
    assert np.median(late) < 0.1
    assert best(done) < 0.05


@pytest.mark.parametrize("value", [0, True, 2.5])
def test_bad_arguments_are_rejected_by_name(value: Any) -> None:
    with pytest.raises(ArgumentError, match=f"`candidates` is {value}"):
        TPESearcher(space={"x": tune.uniform(0, 1)}, candidates=value, **COMMON)
