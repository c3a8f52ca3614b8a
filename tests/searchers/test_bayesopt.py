"""Bayesian optimization with a Gaussian process."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest
from bayes_opt.acquisition import UpperConfidenceBound
from ray import tune

from raytune_suite.errors import ArgumentError
from raytune_suite.searchers.bayesopt import BayesOptSearcher
from raytune_suite.searchers.random import RandomSearcher
from tests.searchers.common import best, minimize

COMMON: Any = {"metric": "loss", "mode": "min"}
PLANE = {"lr": tune.loguniform(1e-4, 1.0), "x": tune.uniform(-5, 5)}


@pytest.fixture
def _few_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fit the process, and maximize the acquisition function, from few starting points."""
    bayesian_optimization = importlib.import_module("bayes_opt.bayesian_optimization")
    search, regressor = UpperConfidenceBound._smart_minimize, bayesian_optimization.GaussianProcessRegressor

    def minimize_from_few(self: Any, acq: Any, space: Any, x_seeds: Any, random_state: Any) -> Any:
        if space.continuous_dimensions.all():
            return search(self, acq, space, x_seeds[:2], random_state)
        return None, np.inf  # for choices, evolution takes seconds; the best of the random points is good enough

    def fit_from_few(**arguments: Any) -> Any:
        return regressor(**{**arguments, "n_restarts_optimizer": 1})

    monkeypatch.setattr(UpperConfidenceBound, "_smart_minimize", minimize_from_few)
    monkeypatch.setattr(bayesian_optimization, "GaussianProcessRegressor", fit_from_few)


def bowl(config: dict[str, Any]) -> float:
    return float((np.log10(config["lr"]) + 1.5) ** 2 + (config["x"] - 1) ** 2 / 4)


@pytest.mark.usefixtures("_few_starts")
@pytest.mark.e2e
def test_it_finds_the_optimum_in_25_evaluations() -> None:
    ours, random = (
        [best(minimize(cls(space=PLANE, seed=seed, **COMMON), bowl, 25)) for seed in range(2)]
        for cls in (BayesOptSearcher, RandomSearcher)
    )
    assert max(ours) < 0.05
    assert np.mean(ours) < np.mean(random) / 4


@pytest.mark.slow
def test_parallel_suggestions_differ() -> None:
    searcher = BayesOptSearcher(space=PLANE, n_initial=5, **COMMON)
    minimize(searcher, bowl, 6)
    waiting = [searcher.suggest(f"w{number}") for number in range(4)]
    units = [(np.log10(config["lr"]) / 4, config["x"] / 10) for config in waiting if isinstance(config, dict)]
    assert min(np.hypot(a[0] - b[0], a[1] - b[1]) for i, a in enumerate(units) for b in units[:i]) > 0.02


@pytest.mark.e2e
def test_failed_observations_are_avoided() -> None:
    def half(config: dict[str, Any]) -> float | None:
        return None if config["x"] > 1.5 else bowl(config)

    ours, random = (
        [minimize(cls(space=PLANE, seed=seed, **COMMON), half, 22) for seed in range(3)]
        for cls in (BayesOptSearcher, RandomSearcher)
    )
    crashes, chance = (sum(value is None for done in runs for _, value in done[10:]) for runs in (ours, random))
    assert crashes < 0.6 * chance
    assert np.mean([best(done) for done in ours]) < 0.4


def test_if_all_failed_it_continues_at_random() -> None:
    searcher = BayesOptSearcher(space=PLANE, n_initial=2, **COMMON)
    done = minimize(searcher, lambda _config: None, 6)
    assert len({config["x"] for config, _ in done}) == 6


@pytest.mark.usefixtures("_few_starts")
def test_a_huge_loss_does_not_end_the_study() -> None:
    searcher = BayesOptSearcher(space=PLANE, n_initial=3, **COMMON)
    assert len(minimize(searcher, lambda config: 1e200 if config["x"] > 5 else bowl(config), 6)) == 6


@pytest.mark.usefixtures("_few_starts")
@pytest.mark.slow
def test_it_learns_integers_and_choices() -> None:
    space = {"n": tune.randint(0, 20), "kind": tune.choice(["a", "b", "c"]), "only": tune.choice(["one"])}

    def loss(config: dict[str, Any]) -> float:
        return float(abs(config["n"] - 13) / 10 + "bca".index(config["kind"]) / 2)

    done = minimize(BayesOptSearcher(space=space, n_initial=8, **COMMON), loss, 22)
    assert best(done) < 0.2
    assert {type(config["n"]) for config, _ in done} == {int}


@pytest.mark.parametrize(("name", "value"), [("n_initial", 0), ("n_initial", True), ("kappa", 0), ("kappa", -1)])
def test_bad_arguments_are_rejected_by_name(name: str, value: Any) -> None:
    with pytest.raises(ArgumentError, match=f"`{name}` is {value}"):
        BayesOptSearcher(space=PLANE, **{**COMMON, name: value})
