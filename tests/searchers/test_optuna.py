"""The samplers of Optuna."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from optuna.trial import TrialState
from ray import tune

from raytune_suite.errors import ArgumentError, MissingPackageError
from raytune_suite.searchers.optuna import SAMPLERS, OptunaSearcher
from raytune_suite.searchers.random import RandomSearcher
from tests.searchers.common import SMOOTH, minimize, smooth

if TYPE_CHECKING:
    from pathlib import Path

    from optuna.trial import FrozenTrial

COMMON: Any = {"metric": "loss", "mode": "min"}
PLANE = {"x": tune.uniform(-5, 5), "y": tune.uniform(-5, 5)}
MIXED = {
    "lr": tune.loguniform(1e-4, 1.0),
    "n": tune.lograndint(1, 20),
    "rate": tune.quniform(0, 1, 0.1),
    "wide": tune.qloguniform(0.1, 10, 0.1),
    "normal": tune.randn(0, 1),
    "net": tune.choice([{"kind": "mlp", "layers": tune.randint(1, 5)}, {"kind": "linear"}]),
}
EVERY = pytest.mark.parametrize("sampler", SAMPLERS)
SLOW = [pytest.mark.e2e, pytest.mark.long]
EVERY_BUT_SLOW = pytest.mark.parametrize(
    "sampler", [pytest.param(sampler, marks=SLOW if sampler == "gp" else []) for sampler in SAMPLERS]
)


def bowl(config: dict[str, Any]) -> float:
    return float((config["x"] - 2) ** 2 + (config["y"] + 1) ** 2)


def trials(searcher: OptunaSearcher) -> list[FrozenTrial]:
    """The trials of the study that the searcher keeps."""
    found: list[FrozenTrial] = searcher._study.get_trials(deepcopy=False)
    return found


def result(iteration: int, loss: float) -> dict[str, Any]:
    return {"training_iteration": iteration, "loss": loss}


@pytest.mark.parametrize(
    ("sampler", "count"), [("tpe", 50), pytest.param("gp", 15, marks=SLOW), ("cmaes", 60), ("nsgaii", 80)]
)
@pytest.mark.e2e
def test_it_beats_random_search(sampler: str, count: int) -> None:
    initial = {"gp": 5, "nsgaii": 10}.get(sampler)
    ours = minimize(OptunaSearcher(space=PLANE, sampler=sampler, n_initial=initial, seed=1, **COMMON), bowl, count)
    random = minimize(RandomSearcher(space=PLANE, seed=1, **COMMON), bowl, count)
    late = [np.mean([loss for _, loss in done[-10:] if loss is not None]) for done in (ours, random)]
    assert late[0] < 0.5 * late[1]


@EVERY_BUT_SLOW
def test_every_kind_of_parameter_survives_a_restore(sampler: str, tmp_path: Path) -> None:
    def loss(config: dict[str, Any]) -> float:
        return float(config["lr"] + config["n"] + config["rate"] + config["wide"] + abs(config["normal"]))

    searcher = OptunaSearcher(space=MIXED, sampler=sampler, n_initial=4, seed=2, **COMMON)
    minimize(searcher, loss, 7)
    searcher.suggest("waiting")
    searcher.save(str(tmp_path / "state"))
    restored = OptunaSearcher(space=MIXED, sampler=sampler, n_initial=4, seed=2, **COMMON)
    restored.restore(str(tmp_path / "state"))
    after = []
    for one in (searcher, restored):
        one.on_trial_complete("waiting", result(1, 3.0))
        after.append([config for config, _ in minimize(one, loss, 4)])
    assert after[0] == after[1]
    assert searcher.space is not None
    for config in after[0]:
        searcher.space.check(config)


def test_optuna_sees_only_the_parameters_of_the_chosen_option() -> None:
    searcher = OptunaSearcher(space=MIXED, **COMMON)
    configs = [config for config, _ in minimize(searcher, lambda config: config["lr"], 12)]
    assert {"layers" in config["net"] for config in configs} == {True, False}
    for config, trial in zip(configs, trials(searcher), strict=True):
        assert ("net[0]/layers" in trial.params) == ("layers" in config["net"])


def test_waiting_trials_are_pending_whoever_proposed_them() -> None:
    searcher = OptunaSearcher(space=SMOOTH, points_to_evaluate=minimize_one(), **COMMON)
    first, second = searcher.suggest("first"), searcher.suggest("second")
    assert [trial.state for trial in trials(searcher)] == [TrialState.RUNNING] * 2
    assert first == minimize_one()[0]
    searcher.on_trial_complete("first", result(1, 0.5))
    searcher.on_trial_complete("second", result(1, 0.25))
    assert first != second
    assert [(trial.state, trial.value) for trial in trials(searcher)] == [
        (TrialState.COMPLETE, 0.5),
        (TrialState.COMPLETE, 0.25),
    ]


def minimize_one() -> list[dict[str, Any]]:
    """A config of `SMOOTH`."""
    return [config for config, _ in minimize(RandomSearcher(space=SMOOTH, seed=8, **COMMON), smooth, 1)]


@pytest.mark.parametrize("settings", [{"levels": (1, 3, 9), "max_t": 9}, {}], ids=["asha", "median"])
def test_a_stopped_trial_is_pruned_at_its_resource(settings: dict[str, Any]) -> None:
    searcher = OptunaSearcher(space=SMOOTH, **COMMON, **settings)
    for name in ("long", "short"):
        searcher.suggest(name)
    searcher.on_trial_complete("long", result(9, 0.3))
    searcher.on_trial_complete("short", result(3, 0.1))
    told = {trial.state: (trial.value, trial.intermediate_values) for trial in trials(searcher)}
    assert told[TrialState.COMPLETE] == (0.3, {})
    assert told[TrialState.PRUNED][1] == {3: 0.1}


@EVERY
@pytest.mark.slow
def test_a_crash_is_told_as_the_worst_and_an_unborn_trial_as_failed(sampler: str) -> None:
    searcher = OptunaSearcher(space=SMOOTH, sampler=sampler, n_initial=2, **COMMON)
    for name in ("crashed", "unborn"):
        searcher.suggest(name)
    searcher.on_trial_complete("crashed", error=True)
    searcher.on_trial_complete("unborn")
    crashed, unborn = trials(searcher)
    assert (crashed.state, crashed.value) == (
        (TrialState.PRUNED, None) if sampler == "tpe" else (TrialState.COMPLETE, np.inf)
    )
    assert unborn.state == TrialState.FAIL
    assert len(minimize(searcher, lambda _config: None, 4)) == 4  # also if all crash


def test_a_replaced_repeat_is_told_in_place_of_what_was_asked() -> None:
    searcher = OptunaSearcher(space={"a": tune.choice([1, 2]), "b": tune.choice([1, 2])}, **COMMON)
    searcher.avoid_repeats()
    configs = [config for config, _ in minimize(searcher, lambda config: config["a"] + config["b"], 4)]
    assert len({(config["a"], config["b"]) for config in configs}) == 4
    complete = [trial.params for trial in trials(searcher) if trial.state == TrialState.COMPLETE]
    assert complete == [{"a": config["a"] - 1, "b": config["b"] - 1} for config in configs]


@pytest.mark.parametrize(
    ("name", "value"), [("sampler", "auto"), ("n_initial", 0), ("sampler_args", 3), ("sampler_args", {"gama": 1})]
)
def test_bad_arguments_are_rejected_by_name(name: str, value: Any) -> None:
    with pytest.raises(ArgumentError) as caught:
        OptunaSearcher(space=SMOOTH, **{**COMMON, name: value})
    assert caught.value.name == name


def test_arguments_reach_the_sampler() -> None:
    few, many = (
        minimize(OptunaSearcher(space=PLANE, sampler_args={"n_ei_candidates": count}, **COMMON), bowl, 20)
        for count in (1, 48)
    )
    assert few[:10] == many[:10]
    assert few[10:] != many[10:]


def test_a_missing_package_of_a_sampler_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cmaes", None)
    with pytest.raises(MissingPackageError, match="cmaes"):
        OptunaSearcher(space=SMOOTH, sampler="cmaes", **COMMON)
