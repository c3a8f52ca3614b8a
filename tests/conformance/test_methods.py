"""Requirements on every method, and on every pair of a searcher and a scheduler."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ray import tune
from ray.tune.experiment import Trial

from raytune_suite.errors import ArgumentError, SpaceError, UnknownNameError
from raytune_suite.methods import METHODS, Method, make_method, options, parts
from raytune_suite.schedulers import SCHEDULERS, StudySearcher
from raytune_suite.searchers import SEARCHERS
from raytune_suite.spaces import Space
from raytune_suite.types import split_config
from tests.conformance import common
from tests.conformance.harness import METRIC, Curve, Setup, Study, start

EVERY_METHOD = pytest.mark.parametrize("name", list(METHODS))
PAIRS = [
    f"{one}+{other}"
    for one in SEARCHERS
    for other in SCHEDULERS
    if SEARCHERS[one].assigns == SCHEDULERS[other].enforces
]
ALIKE = ("fifo", "median", "pasha", "async-hyperband", "pb2")
"""Schedulers that go the ways of asha, hyperband or pbt; `make test` has their methods, and them with random search."""
METHOD_PAIRS = {"+".join(parts(name)) for name in METHODS}


def marks_of(pair: str) -> list[pytest.MarkDecorator]:
    """The marks of a pair, none if `make test` runs it."""
    searcher, scheduler = parts(pair)
    usual = scheduler not in ALIKE or searcher == "random" or pair in METHOD_PAIRS
    return [] if usual else [pytest.mark.e2e, pytest.mark.long]


EVERY_PAIR = pytest.mark.parametrize("name", [pytest.param(pair, marks=marks_of(pair)) for pair in PAIRS])


def make(name: str, **arguments: Any) -> tuple[Method, dict[str, Any]]:
    """A method, and a space that it supports."""
    searcher, scheduler = parts(name)
    space = common.served(scheduler, by=searcher)
    known = {*options(SEARCHERS[searcher]), *options(SCHEDULERS[scheduler])}
    soon = {key: value for key, value in {**common.SOON, "interval": 3}.items() if key in known}
    chosen = {"space": space, "metric": METRIC, "mode": "min", "max_t": common.MAX_T, "seed": 2, **soon, **arguments}
    return make_method(name, chosen.pop("space"), **chosen), space


def run(method: Method, space: dict[str, Any], samples: int) -> Study:
    """A study wired by `tune_config`."""
    config = method.tune_config(num_samples=samples)
    return start(config.search_alg, config.scheduler, Setup(space, samples=samples, workers=2)).run()


@EVERY_METHOD
def test_a_method_is_wired(name: str) -> None:
    method, _ = make(name)
    config = method.tune_config(num_samples=7, reuse_actors=True)
    assert (config.num_samples, config.reuse_actors, method.name) == (7, True, name)
    assert config.scheduler is method.scheduler
    assert isinstance(config.search_alg, StudySearcher)
    assert config.search_alg.searcher is method.searcher
    assert config.search_alg.scheduler is method.scheduler
    assert METHODS[name].summary
    assert METHODS[name][:2] == parts(name)


@EVERY_METHOD
@pytest.mark.slow
def test_a_method_improves_on_its_first_config(name: str) -> None:
    _, space = make(name)
    poor = Space(space).decode([0.95] * len(Space(space)))
    study = run(*make(name, points_to_evaluate=[poor]), samples=12)
    assert all(trial.status == Trial.TERMINATED for trial in study.trials)
    number, first = study.configs[0]
    assert (number, split_config(first).hyperparameters) == (0, poor)
    curve = Curve(space)
    untuned = min(curve.step(poor) for _ in range(common.MAX_T))
    assert min(report.loss for report in study.log if report.loss is not None) < untuned


@pytest.mark.slow
@EVERY_PAIR
def test_any_pair_runs_to_its_end(name: str) -> None:
    study = run(*make(name), samples=6)  # one more than the searchers need before they use their model
    assert len(study.trials) == 6
    assert all(trial.status == Trial.TERMINATED for trial in study.trials)
    assert max(report.iteration for report in study.log) <= common.MAX_T


@pytest.mark.parametrize("name", ["dehb+asha", "dehb+fifo", "random+assigned", "kde+assigned"])
def test_searchers_that_assign_fidelities_need_schedulers_that_enforce_them(name: str) -> None:
    with pytest.raises(ArgumentError, match=re.escape(name)):
        make(name)


@EVERY_METHOD
def test_the_wiring_cannot_be_undone(name: str) -> None:
    method, _ = make(name)
    for option in ("search_alg", "scheduler"):
        with pytest.raises(ArgumentError, match=f"`{option}`"):
            method.tune_config(**{option: None})
    with pytest.raises(ArgumentError, match="`max_concurrent`"):
        method.tune_config(max_concurrent_trials=4)


@EVERY_METHOD
def test_an_unknown_argument_is_rejected_with_a_suggestion(name: str) -> None:
    searcher, scheduler = parts(name)
    for known in {*options(SEARCHERS[searcher]), *options(SCHEDULERS[scheduler])}:
        with pytest.raises(UnknownNameError) as caught:
            make(name, **{f"{known}x": 1})
        check_suggestion(caught.value, f"{known}x", known)


def check_suggestion(error: UnknownNameError, unknown: str, known: str) -> None:
    """Check that an error names what is unknown and what is near."""
    assert error.name == unknown
    assert known in error.known
    assert f"'{unknown}'" in str(error)
    assert f"'{known}'" in str(error)


@EVERY_METHOD
def test_an_unknown_name_is_rejected_with_a_suggestion(name: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        make_method(f"{name}{name[-1]}")
    check_suggestion(caught.value, f"{name}{name[-1]}", name)


@EVERY_METHOD
def test_a_space_that_a_part_does_not_support_is_rejected(name: str) -> None:
    searcher, scheduler = parts(name)
    served = SEARCHERS[searcher].features & SCHEDULERS[scheduler].features
    for feature in set(common.PARTS) - served:
        with pytest.raises(SpaceError, match="culprit"):
            make(name, space={"culprit": common.PARTS[feature], "steps": tune.randint(1, 4)})


@EVERY_METHOD
def test_the_arguments_reach_their_part(name: str) -> None:
    searcher, scheduler = parts(name)
    shared = set(options(SEARCHERS[searcher])) & set(options(SCHEDULERS[scheduler]))
    assert not shared, "an argument of both parts would be ambiguous"
    method, _ = make(name, seed=5, time_attr="epoch")
    for part in (method.searcher, method.scheduler):
        assert (getattr(part, "seed", None), getattr(part, "time_attr", None)) == (5, "epoch")


@EVERY_METHOD
def test_a_missing_max_t_is_rejected_if_the_scheduler_needs_it(name: str) -> None:
    if SCHEDULERS[parts(name)[1]].ladder:
        with pytest.raises(ArgumentError, match=f"{name}.*`max_t`"):
            make(name, max_t=None)
    else:
        make(name, max_t=None)
