"""Requirements on every scheduler; parametrized from the registry, so that new schedulers are covered."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from ray import cloudpickle, tune
from ray.tune.experiment import Trial

from raytune_suite.errors import ArgumentError, SpaceError
from raytune_suite.schedulers import SCHEDULERS, StudySearcher
from raytune_suite.spaces import FEATURES, Space
from tests.conformance import common
from tests.conformance.harness import LONGEST, METRIC, Report, Setup, Study, restore, start

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.parametrize("name", list(SCHEDULERS))
WORKERS = pytest.mark.parametrize("workers", [1, 4])
LONG = [pytest.mark.e2e, pytest.mark.long]


def setup(name: str, **changes: Any) -> Setup:
    return Setup(common.served(name), **{"samples": 12, **changes})


@functools.cache
def undisturbed(name: str, workers: int = 1, samples: int = 12) -> Study:
    """A study that has ended, which many tests need; none may change it."""
    return common.study(name, setup(name, workers=workers, samples=samples)).run()


def check_ended(study: Study) -> None:
    """Check that every trial was proposed, unless all crash, and has ended at `max_t` or before."""
    assert len(study.trials) == study.setup.samples or study.scheduler.only_crashes()
    for trial in study.trials:
        assert trial.status == (Trial.ERROR if trial.num_failures > study.setup.max_failures else Trial.TERMINATED)
    assert max((report.iteration for report in study.log), default=0) <= common.MAX_T
    assert not study.scheduler.live()


@pytest.mark.e2e  # the golden traces were written by another process, too
def test_same_seed_same_decisions_in_a_fresh_process(name: str, elsewhere: dict[str, Any]) -> None:
    here = undisturbed(name, workers=4, samples=20)
    assert here.log == [Report(*report) for report in elsewhere["decisions"][name]]


@WORKERS
def test_every_trial_ends_at_max_t_or_before(name: str, workers: int) -> None:
    study = undisturbed(name, workers, samples=20)
    check_ended(study)
    assert max(report.iteration for report in study.log) == common.MAX_T
    assert study.most_running == workers


@pytest.mark.slow
@pytest.mark.parametrize("workers", [pytest.param(1, marks=LONG), 4])
def test_max_is_min_mirrored(name: str, workers: int) -> None:
    most = common.study(name, setup(name, workers=workers, mode="max", samples=20)).run()
    assert most.log == undisturbed(name, workers, samples=20).log


FAULTS: dict[str, Callable[[int, int], str | None]] = {
    "nan at once": lambda number, _iteration: "nan" if number % 3 == 0 else None,
    "nan later": lambda number, iteration: "nan" if number % 3 == 0 and iteration == 3 else None,
    "infinite": lambda number, _iteration: "inf" if number % 2 else None,
    "no metric": lambda number, _iteration: "missing" if number % 3 == 0 else None,
    "no metric now and then": lambda number, iteration: "missing" if iteration % 3 != number % 3 else None,
    "no metric at max_t": lambda _number, iteration: "missing" if iteration == common.MAX_T else None,
    "a word": lambda number, _iteration: "string" if number % 3 == 0 else None,
    "a crash": lambda number, iteration: "crash" if number % 3 == 0 and iteration == 2 else None,
    "a crash at a rung": lambda number, iteration: "crash" if number % 2 and iteration == 3 else None,
    "a crash at max_t": lambda _number, iteration: "crash" if iteration == common.MAX_T else None,
    "done with the last report": lambda number, iteration: "end" if number % 2 and iteration == 2 else None,
    "a function that returns": lambda number, iteration: "return" if number % 2 and iteration == 3 else None,
    "returns at once": lambda number, _iteration: "return" if number % 3 == 0 else None,
    "all nan": lambda _number, _iteration: "nan",
    "all crash at once": lambda _number, _iteration: "crash",
    "all crash later": lambda _number, iteration: "crash" if iteration == 2 else None,
    "all without metric": lambda _number, _iteration: "missing",
    "all end early": lambda _number, iteration: "end" if iteration == 2 else None,
    "all return": lambda _number, iteration: "return" if iteration == 3 else None,
}


USUAL = {
    ("nan later", 4, 0), ("no metric now and then", 4, 0), ("a crash", 4, 0), ("a crash at a rung", 1, 2),
    ("a function that returns", 4, 0), ("all crash later", 4, 0), ("all end early", 4, 0),
}  # fmt: skip
"""Faults, workers and retries of `make test`: one of each kind."""

ALSO_IN_CI = {
    ("infinite", 1, 0), ("a word", 4, 0), ("a crash at max_t", 4, 0), ("returns at once", 1, 0),
    ("all without metric", 4, 0),
}  # fmt: skip
"""Further kinds of values and moments; `make e2e` has the other combinations."""


def fault_cases() -> list[Any]:
    cases = []
    for fault in FAULTS:
        for workers, retries in [(1, 0), (4, 0), *([(1, 2), (4, 2)] if "crash" in fault else [])]:
            case = (fault, workers, retries)
            marks = [] if case in USUAL else [pytest.mark.e2e] if case in ALSO_IN_CI else [*LONG]
            cases.append(pytest.param(workers, fault, retries, marks=marks))
    return cases


@pytest.mark.parametrize(("workers", "fault", "retries"), fault_cases())
@pytest.mark.slow
def test_no_fault_hangs_or_crashes_a_study(name: str, workers: int, fault: str, retries: int) -> None:
    study = common.study(
        name, setup(name, samples=9, workers=workers, fault=FAULTS[fault], max_failures=retries, save_each=workers == 1)
    ).run()
    check_ended(study)


def test_a_trial_may_end_by_itself_before_max_t(name: str) -> None:
    study = common.study(name, setup(name, end=4, samples=20)).run()
    check_ended(study)
    assert max(report.iteration for report in study.log) == 4


@pytest.mark.parametrize(("part", "save_each"), [(0.6, True), pytest.param(0.3, False, marks=pytest.mark.e2e)])
@pytest.mark.slow
def test_a_killed_study_continues_as_if_it_had_not_been(name: str, part: float, save_each: bool) -> None:
    plan = setup(name, save_each=save_each)
    calm = undisturbed(name) if save_each else common.study(name, plan).run()
    first = common.study(name, replace(plan, snapshots=True)).run(round(part * len(calm.log)))
    if SCHEDULERS[name].rewinds:
        first.settle()  # it treats a repeated report as a new one
    again = restore(first.kill(), snapshots=False).run()
    check_ended(again)
    if save_each or not SCHEDULERS[name].rewinds:
        assert once(first.log + again.log) == once(calm.log)
        assert again.scheduler.stopped_early == {
            trial.trial_id for trial in again.trials if again.numbers[trial.trial_id] in stopped_early(calm)
        }


def once(log: list[Report]) -> list[Report]:
    """Without the reports that were repeated after a restart from an older checkpoint."""
    return list(dict.fromkeys(log))


def stopped_early(study: Study) -> set[int]:
    return {study.numbers[trial_id] for trial_id in study.scheduler.stopped_early}


@pytest.mark.slow
def test_a_study_killed_again_and_again_ends(name: str) -> None:
    study = common.study(name, setup(name, workers=4, samples=9, snapshots=True))
    for _ in range(60):
        study.run(25)
        if study.finished:
            break
        study = restore(study.kill())
    check_ended(study)


def test_a_study_killed_twice_before_its_first_event_loses_nothing(name: str) -> None:
    first = common.study(name, setup(name)).run(15).settle()
    again = restore(restore(first.kill()).kill()).run()
    assert once(first.log + again.log) == once(undisturbed(name).log)


@pytest.mark.parametrize(("workers", "limit"), [pytest.param(1, 2, marks=LONG), (4, 1), (4, 3)])
def test_max_concurrent_is_kept_and_never_blocks(name: str, workers: int, limit: int) -> None:
    if SCHEDULERS[name].needs_state:  # its members wait for each other, so all must run
        with pytest.raises(ArgumentError, match="`max_concurrent`"):
            common.scheduler(name, max_concurrent=limit)
        return
    study = common.study(name, setup(name, workers=workers, max_pending=limit), max_concurrent=limit).run()
    check_ended(study)
    assert study.most_running <= min(workers, limit)


def test_searcher_and_scheduler_are_pickled_as_one(name: str) -> None:
    wired = common.scheduler(name)
    proposing = common.searcher(common.partner(name), space=common.served(name), levels=wired.levels)
    pair = StudySearcher(proposing, wired)
    searcher, scheduler = cloudpickle.loads(cloudpickle.dumps((pair, wired)))
    assert searcher.scheduler is scheduler
    assert start(searcher, scheduler, setup(name)).run().log == undisturbed(name).log


@pytest.mark.slow
def test_numbers_of_other_packages_are_numbers(name: str) -> None:
    for convert in (np.float64, np.asarray):
        study = common.study(name, setup(name, convert=convert)).run()
        check_ended(study)
        assert study.log == undisturbed(name).log


def test_any_report_may_count_the_resource(name: str) -> None:
    study = common.study(name, setup(name), time_attr="epoch").run()
    check_ended(study)
    assert study.log == undisturbed(name).log


def test_ray_may_set_the_properties(name: str) -> None:
    late = common.study(name, setup(name), metric=None).run()
    assert late.log == undisturbed(name).log


def test_ray_may_repeat_the_properties_but_not_contradict(name: str) -> None:
    tested = common.scheduler(name)
    assert tested.set_search_properties(METRIC, "min")
    assert tested.set_search_properties(None, None)
    assert not tested.set_search_properties("accuracy", "min")
    assert not tested.set_search_properties(METRIC, "max")
    assert tested.set_search_properties(METRIC, "min")


@pytest.mark.parametrize("missing", ["metric", "mode"])
def test_a_missing_argument_is_named(name: str, missing: str) -> None:
    trial = common.study(name, setup(name)).search_alg.next_trial()
    with pytest.raises(ArgumentError, match=f"`{missing}`"):
        common.scheduler(name, **{missing: None}).on_trial_add(None, trial)


def test_a_ladder_needs_max_t(name: str) -> None:
    if SCHEDULERS[name].ladder:
        with pytest.raises(ArgumentError, match="`max_t`"):
            common.scheduler(name, max_t=None)
        return
    study = common.study(name, setup(name, end=common.MAX_T + 2), max_t=None).run()
    assert max(report.iteration for report in study.log) == common.MAX_T + 2 < LONGEST


@pytest.mark.parametrize("feature", list(FEATURES))
@pytest.mark.slow
def test_features_are_supported_or_rejected_by_name(name: str, feature: str) -> None:
    space = {"culprit": common.PARTS[feature], "steps": tune.randint(1, 4)}
    if Space(space).features <= SCHEDULERS[name].features:
        common.scheduler(name, space=space)
        return
    with pytest.raises(SpaceError, match="culprit"):
        common.scheduler(name, space=space)


@pytest.mark.parametrize(
    "arguments",
    [{"seed": -1}, {"mode": "least"}, {"max_t": 0}, {"max_t": 2.5}, {"max_concurrent": 0}, {"max_concurrent": True}],
    ids=str,
)
def test_bad_arguments_are_rejected_by_name(name: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError, match=f"`{next(iter(arguments))}`"):
        common.scheduler(name, **arguments)
