"""Random search has the distribution of Ray's."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from ray import tune
from scipy import stats

from raytune_suite.searchers.random import RandomSearcher

NUMBERS = {
    "uniform": tune.uniform(-2, 3),
    "loguniform": tune.loguniform(1e-4, 1.0),
    "normal": tune.randn(1, 2),
    "large integer": tune.randint(0, 100_000),
    "large log integer": tune.lograndint(100, 1_000_000),
}
COUNTED = {
    "integer": tune.randint(1, 5),
    "log integer": tune.lograndint(1, 9),
    "quantized": tune.quniform(0, 1, 0.25),
    "quantized integer": tune.qrandint(8, 64, 8),
    "choice": tune.choice(["a", "b", "c"]),
}


def draws(domain: Any, count: int) -> tuple[list[Any], list[Any]]:
    """Return draws of the searcher and of Ray."""
    searcher = RandomSearcher(space={"x": domain}, metric="loss", mode="min", seed=5)
    ours = []
    for number in range(count):
        config = searcher.suggest(f"t{number}")
        assert isinstance(config, dict)
        ours.append(config["x"])
    return ours, list(domain.sample(size=count, random_state=np.random.default_rng(7)))


@pytest.mark.parametrize("name", list(NUMBERS))
def test_numbers_have_the_distribution_of_rays(name: str) -> None:
    assert stats.ks_2samp(*draws(NUMBERS[name], 2000)).pvalue > 0.001


@pytest.mark.parametrize("name", list(COUNTED))
def test_discrete_values_are_as_frequent_as_rays(name: str) -> None:
    ours, rays = (Counter(values) for values in draws(COUNTED[name], 3000))
    values = sorted(ours | rays, key=str)
    table = [[counts[value] for value in values] for counts in (ours, rays)]
    assert stats.chi2_contingency(table).pvalue > 0.001


def test_draws_are_independent() -> None:
    searcher = RandomSearcher(
        space={"x": tune.uniform(0, 1), "y": tune.uniform(0, 1)}, metric="loss", mode="min", seed=1
    )
    points = []
    for number in range(1000):
        config = searcher.suggest(f"t{number}")
        assert isinstance(config, dict)
        points.append((config["x"], config["y"]))
    x, y = np.array(points).T
    assert abs(np.corrcoef(x, y)[0, 1]) < 0.08
    assert abs(np.corrcoef(x[1:], x[:-1])[0, 1]) < 0.08
