"""Grid search."""

from __future__ import annotations

from typing import Any

import pytest
from ray import tune
from ray.tune.search import Searcher

from raytune_suite.errors import SpaceError
from raytune_suite.searchers.grid import GridSearcher
from raytune_suite.searchers.random import RandomSearcher

COMMON: Any = {"metric": "loss", "mode": "min"}


def all_of(space: dict[str, Any], **arguments: Any) -> list[Any]:
    """Return all proposals until the searcher is finished."""
    searcher = GridSearcher(space=space, **COMMON, **arguments)
    proposed: list[Any] = []
    while (config := searcher.suggest(f"t{len(proposed)}")) != Searcher.FINISHED:
        proposed.append(config)
    assert searcher.suggest("more") == Searcher.FINISHED
    return proposed


def test_every_config_is_proposed_once_with_the_last_parameter_varying_fastest() -> None:
    space = {"a": tune.grid_search([1, 2]), "b": tune.choice(["x", "y"]), "c": 5, "d": tune.quniform(0, 1, 0.5)}
    assert all_of(space) == [
        {"a": a, "b": b, "c": 5, "d": d} for a in (1, 2) for b in ("x", "y") for d in (0.0, 0.5, 1.0)
    ]


def test_all_values_of_integers_are_listed() -> None:
    assert [c["n"] for c in all_of({"n": tune.randint(2, 6)})] == [2, 3, 4, 5]
    assert [c["n"] for c in all_of({"n": tune.lograndint(1, 4)})] == [1, 2, 3]


def test_a_grid_is_finite_and_random_search_is_not() -> None:
    assert GridSearcher.finite
    assert not RandomSearcher.finite


def test_conditional_parameters_are_listed_only_below_their_option() -> None:
    options = [{"name": "sgd", "steps": tune.randint(0, 3)}, {"name": "adam"}]
    assert all_of({"optimizer": tune.choice(options)}) == [
        *({"optimizer": {"name": "sgd", "steps": steps}} for steps in range(3)),
        {"optimizer": {"name": "adam"}},
    ]


def test_a_continuous_parameter_is_rejected_with_the_remedy() -> None:
    with pytest.raises(SpaceError, match=r"'lr'.*continuous.*tune\.quniform"):
        GridSearcher(space={"lr": tune.uniform(0, 1)}, **COMMON)
    with pytest.raises(SpaceError, match=r"'lr'.*unbounded"):
        GridSearcher(space={"lr": tune.qrandn(0, 1, 0.5)}, **COMMON)


def test_a_grid_that_is_too_large_is_rejected() -> None:
    with pytest.raises(SpaceError, match=r"1000000 .*100000"):
        GridSearcher(space={name: tune.randint(0, 100) for name in "abc"}, **COMMON)
