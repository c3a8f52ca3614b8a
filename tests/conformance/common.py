"""Helpers of the conformance tests: spaces with the features that a class declares, and studies from names."""

from __future__ import annotations

import importlib
import random
import sys
from functools import partial, partialmethod
from typing import TYPE_CHECKING, Any

import numpy as np
from ray import tune

from raytune_suite.methods import options
from raytune_suite.schedulers import SCHEDULERS, StudySearcher
from raytune_suite.searchers import SEARCHERS
from raytune_suite.spaces import FEATURES, Space
from tests.conformance.harness import METRIC, Setup, Study, start

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from raytune_suite.schedulers import StudyScheduler
    from raytune_suite.searchers import AskTellSearcher

STEPS = tune.randint(1, 4)

PARTS: dict[str, Any] = {
    "continuous": tune.uniform(-1, 1),
    "integer": tune.randint(1, 5),
    "categorical": tune.choice(["a", "b", "c"]),
    "log": tune.lograndint(1, 5),
    "quantized": tune.quniform(0, 0.4, 0.2),
    "unbounded": tune.randn(0, 1),
    "conditional": tune.choice(
        [{"name": "sgd", "steps": STEPS}, {"name": "adam"}, {"name": "rmsprop", "steps": STEPS}]
    ),
    "grid": tune.grid_search([1, 2]),
}
"""For each feature of a space a parameter with it and as few other features as possible."""

MAX_T = 9
SOON = {"n_initial": 4, "min_points": 2, "random_fraction": 0.2}
"""Arguments with which a searcher uses its model after few trials."""
COMMON: dict[str, Any] = {"metric": METRIC, "mode": "min"}


def space_for(features: Collection[str]) -> dict[str, Any]:
    """A space with all of these features, and a constant."""
    parts = {name: part for name, part in PARTS.items() if Space({name: part}).features <= set(features)}
    assert set(parts) == set(features) & set(FEATURES)
    return {**parts, "fixed": "x"}


def searcher(name: str, **arguments: Any) -> AskTellSearcher:
    """A searcher that uses its model, if any, after four trials; its space has all features that it supports."""
    known = options(SEARCHERS[name])
    soon = {key: value for key, value in SOON.items() if key in known}
    usual = {"space": space_for(SEARCHERS[name].features), "seed": 3, "max_t": MAX_T, **COMMON}
    return SEARCHERS[name](**{**usual, **soon, **arguments})


def scheduler(name: str, **arguments: Any) -> StudyScheduler:
    """A scheduler with few decisions, if it has an option for that; its space has all features that it supports."""
    few = {"interval": 3} if "interval" in options(SCHEDULERS[name]) else {}
    return SCHEDULERS[name](**{"space": served(name), "seed": 3, "max_t": MAX_T, **COMMON, **few, **arguments})


def partner(name: str) -> str:
    """The first searcher that can work with a scheduler."""
    return next(one for one in SEARCHERS if SEARCHERS[one].assigns == SCHEDULERS[name].enforces)


def served(name: str, by: str | None = None) -> dict[str, Any]:
    """A space with the features that both a scheduler and a searcher support."""
    return space_for(SCHEDULERS[name].features & SEARCHERS[by or partner(name)].features)


def study(name: str, setup: Setup | None = None, by: str | None = None, **arguments: Any) -> Study:
    """A study of the scheduler called `name`."""
    by = by or partner(name)
    setup = setup or Setup(served(name, by))
    wired = scheduler(name, **{"space": setup.space, "mode": setup.mode, **arguments})
    both = {key: value for key, value in arguments.items() if key in options(SEARCHERS[by]) or key == "time_attr"}
    proposing = searcher(by, space=setup.space, mode=setup.mode, levels=wired.levels, **both)
    return start(StudySearcher(proposing, wired), wired, setup)


def loss_of(config: dict[str, Any]) -> float:
    """A loss for any config, the same in every process."""
    return sum(
        len(key) * (len(repr(value)) % 7) + (value % 5 if type(value) is int else 0) for key, value in config.items()
    )


def rounds(tested: AskTellSearcher, first: int, last: int, *, sign: float = 1) -> list[dict[str, Any] | str | None]:
    """The suggestions of trials `first` to `last`, each of which makes two reports and ends before the next."""
    proposed = []
    for number in range(first, last):
        config = tested.suggest(f"t{number}")
        proposed.append(config)
        if isinstance(config, dict):
            result = {"training_iteration": 1, METRIC: sign * loss_of(config)}
            tested.on_trial_result(f"t{number}", result)
            tested.on_trial_complete(f"t{number}", {**result, "training_iteration": 2})
    return proposed


def global_streams() -> tuple[Any, ...]:
    """The state of every accessible global generator."""
    name, key, *rest = np.random.get_state()  # noqa: NPY002 - to check that nothing draws from it
    states: list[Any] = [random.getstate(), name, np.asarray(key).tobytes(), rest]
    torch = sys.modules.get("torch")
    if torch is not None:
        states.append(torch.random.get_rng_state().numpy().tobytes())
    return tuple(states)


def cheapen(patch: Callable[[Any, str, Any], Any]) -> None:
    """Maximize acquisition functions over few draws, since the searches of PB2 and of the Gaussian process are slow.

    The process is also fitted from one starting point only.
    """
    from bayes_opt.acquisition import UpperConfidenceBound
    from ray.tune.schedulers import pb2

    def maximize(function: Any, model: Any, padded: Any, fixed: Any, count: int) -> Any:
        points = np.random.uniform(0, 1, (20, model.X_train_.shape[1] - count))  # noqa: NPY002 - as Ray's own draws
        return points[int(np.argmax([function(model, padded, point, fixed) for point in points]))]

    patch(pb2, "optimize_acq", maximize)
    bayesian_optimization = importlib.import_module("bayes_opt.bayesian_optimization")
    suggest, regressor = UpperConfidenceBound.suggest, bayesian_optimization.GaussianProcessRegressor
    patch(UpperConfidenceBound, "suggest", partialmethod(suggest, n_random=200, n_smart=0))
    few: Any = partial(_fit_once, regressor)
    patch(bayesian_optimization, "GaussianProcessRegressor", few)


def _fit_once(regressor: Any, **arguments: Any) -> Any:
    """A Gaussian process that is fitted from one starting point."""
    return regressor(**{**arguments, "n_restarts_optimizer": 0})
