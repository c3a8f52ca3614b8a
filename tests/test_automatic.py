"""What "auto" chooses, and that it can always run."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from ray import tune

import raytune_suite as rts
from raytune_suite import methods
from raytune_suite.automatic import AUTO, Conditions
from raytune_suite.errors import ArgumentError, UnknownNameError
from raytune_suite.methods import METHODS, choose_method, make_method
from raytune_suite.spaces import FEATURES
from tests.conformance.common import PARTS, space_for

NUMBERS: dict[str, Any] = {"x": tune.uniform(0, 1), "y": tune.loguniform(1e-3, 1)}
CHOICES: dict[str, Any] = {name: tune.choice(list("abcdefgh")) for name in "uvwx"}
FINITE: dict[str, Any] = {"x": tune.choice([1, 2, 3]), "y": tune.randint(0, 4)}
WIDE: dict[str, Any] = {f"x{number}": tune.uniform(0, 1) for number in range(41)}
EXPECTED: dict[str, Any] = {"x": rts.prior(tune.uniform(0, 1), 0.5), "y": tune.uniform(0, 1)}
GRID: dict[str, Any] = {"x": tune.grid_search([1, 2])}


@pytest.mark.parametrize(
    ("space", "conditions", "method"),
    [
        (NUMBERS, {"max_t": 81, "budget": 30}, "mfes+asha"),
        (CHOICES, {"max_t": 81, "num_samples": 100}, "mfes+asha"),
        (NUMBERS, {"max_t": 81, "time_limit": 60}, "mfes+asha"),
        (NUMBERS, {"max_t": 81, "budget": 30, "can_pause": True}, "mfes+asha"),
        (NUMBERS, {"max_t": 81, "budget": 20, "can_pause": True}, "mfes+async-hyperband"),
        (NUMBERS, {"max_t": 81, "budget": 20, "can_pause": True, "workers": 1}, "mfes+async-hyperband"),
        (NUMBERS, {"max_t": 81, "budget": 20}, "mfes+asha"),
        (NUMBERS, {"max_t": 81, "budget": 4, "can_pause": True}, "sobol+async-hyperband"),
        (NUMBERS, {"max_t": 81, "budget": 4}, "sobol+asha"),
        (NUMBERS, {"max_t": 81, "budget": 30, "workers": 64}, "tpe+asha"),
        (WIDE, {"max_t": 81, "budget": 30}, "tpe+asha"),
        (NUMBERS, {"budget": 30}, "gp"),
        (NUMBERS, {"max_t": 1, "budget": 30}, "gp"),
        (NUMBERS, {"num_samples": 4}, "sobol"),
        (CHOICES, {"num_samples": 30}, "forest+fifo"),
        (NUMBERS, {"num_samples": 1000}, "tpe"),
        (NUMBERS, {"num_samples": 30, "workers": 64}, "tpe"),
        (FINITE, {"max_t": 9, "budget": 12}, "grid"),
        (FINITE, {"max_t": 9, "budget": 11}, "mfes+asha"),
        (FINITE, {}, "grid"),
        (FINITE, {"max_t": 9, "time_limit": 60}, "mfes+asha"),
        (EXPECTED, {"max_t": 81, "budget": 30}, "mfes+asha"),
        (EXPECTED, {"max_t": 81, "budget": 3}, "priorband+asha"),
        (EXPECTED, {"num_samples": 3}, "priorband+fifo"),
        (GRID, {"max_t": 9, "budget": 1}, "grid"),
    ],
)
def test_a_method_is_chosen_for_its_conditions(space: dict[str, Any], conditions: dict[str, Any], method: str) -> None:
    choice = choose_method(space, Conditions(**conditions), {})
    assert choice.method == method
    assert choice.reason


@pytest.mark.parametrize(
    ("max_t", "budget", "brackets"), [(81, 30, 3), (81, 8, 3), (3, 30, 2), (2, 30, 1), (81, None, 3)]
)
def test_a_study_with_a_model_hedges_against_misleading_fidelities(
    max_t: int, budget: float | None, brackets: int
) -> None:
    choice = choose_method(NUMBERS, Conditions(max_t=max_t, budget=budget), {})
    assert choice.arguments == {"brackets": brackets}
    made = make_method(choice.method, NUMBERS, max_t=max_t, **choice.arguments)
    assert made.scheduler.max_t == max_t


@pytest.mark.parametrize(
    ("max_t", "workers", "brackets"),
    [(81, 1, 5), (27, 1, 4), (81, 4, 3), (81, None, 3), (81, 16, 1), (10, 8, 3), (3, 4, 2), (2, 4, 1)],
)
def test_a_study_that_pauses_hedges_if_it_has_few_workers(max_t: int, workers: int | None, brackets: int) -> None:
    conditions = Conditions(max_t=max_t, budget=8, workers=workers, can_pause=True)
    choice = choose_method(NUMBERS, conditions, {})
    assert choice.arguments == {"brackets": brackets}
    assert make_method(choice.method, NUMBERS, max_t=max_t, **choice.arguments).scheduler.max_t == max_t


@pytest.mark.parametrize(
    ("budget", "workers", "method"),
    [
        (24, 1, "mfes+async-hyperband"),
        (25, 4, "mfes+asha"),
        (31, 16, "mfes+async-hyperband"),
        (32, 16, "mfes+asha"),
        (25, None, "mfes+asha"),
    ],
)
def test_studies_with_little_training_for_each_worker_pause(budget: int, workers: int | None, method: str) -> None:
    conditions = Conditions(max_t=81, budget=budget, workers=workers, can_pause=True)
    assert choose_method(NUMBERS, conditions, {}).method == method


def test_a_short_study_has_few_rungs() -> None:
    choice = choose_method(NUMBERS, Conditions(max_t=81, budget=3), {})
    made = make_method(choice.method, NUMBERS, max_t=81, **choice.arguments)
    assert len(made.scheduler.levels) <= 4


@pytest.mark.parametrize(
    "features", [{name} for name in FEATURES if name != "conditional"] + [set(FEATURES) - {"grid"}]
)
def test_the_choice_can_run_on_any_space(features: set[str]) -> None:
    space = PARTS[next(iter(features))] if len(features) == 1 else None
    whole = {"x": space} if space is not None else space_for(features)
    for max_t, budget, workers in itertools.product((None, 1, 2, 81), (1, 7, 1000), (None, 4, 64)):
        choice = choose_method(whole, Conditions(max_t=max_t, budget=budget, workers=workers), {})
        assert make_method(choice.method, whole, max_t=max_t, **choice.arguments).searcher is not None


def test_the_choice_accepts_the_arguments() -> None:
    conditions = Conditions(max_t=81, budget=30)
    assert choose_method(NUMBERS, conditions, {"candidates": 30}).method == "tpe+asha"
    few = Conditions(max_t=81, budget=3)
    assert choose_method(NUMBERS, few, {"eta": 3}).method == "sobol+asha"
    with pytest.raises(UnknownNameError, match=r"'etaa'.*'eta'"):
        make_method(AUTO, NUMBERS, max_t=81, etaa=3)


@pytest.mark.parametrize(
    ("conditions", "method"),
    [({"max_t": 27, "budget": 2}, "mfes+asha"), ({"num_samples": 3}, "tpe"), ({"num_samples": 1000}, "tpe")],
)
def test_the_choice_learns_from_a_warm_start(conditions: dict[str, Any], method: str) -> None:
    space = {"x": tune.choice([1, 2, 3])} if conditions == {"num_samples": 1000} else {"x": tune.uniform(0, 1)}
    assert choose_method(space, Conditions(**conditions), {}).method != method
    assert choose_method(space, Conditions(**conditions, warm=True), {}).method == method


def test_a_method_without_its_package_is_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    from raytune_suite.searchers.mfes import MFESSearcher

    monkeypatch.setattr(MFESSearcher, "extra", "pb2")
    monkeypatch.setattr(methods, "available", lambda _extra: False)
    assert choose_method(NUMBERS, Conditions(max_t=81, budget=30), {}).method == "tpe+asha"


def test_a_method_may_be_chosen_outside_a_study() -> None:
    assert make_method(AUTO, NUMBERS, max_t=81).name == "mfes+asha"
    with pytest.raises(ArgumentError, match="`space`"):
        make_method(AUTO, max_t=81)
    assert AUTO not in METHODS
