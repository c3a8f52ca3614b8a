"""Hyperband on the fake controller, against the published table."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from ray import tune

from raytune_suite import rungs
from raytune_suite.methods import make_method
from raytune_suite.schedulers.hyperband import Hyperband
from tests.conformance.harness import METRIC, Report, Setup, Study, restore, start

SPACE = {"lr": tune.loguniform(1e-4, 1.0), "momentum": tune.uniform(0, 1)}


def study(samples: int, *, max_t: int = 81, setup: dict[str, Any] | None = None, **arguments: Any) -> Study:
    method = make_method("hyperband", SPACE, metric=METRIC, mode="min", max_t=max_t, **arguments)
    config = method.tune_config(num_samples=samples)
    return start(config.search_alg, config.scheduler, Setup(SPACE, samples=samples, **(setup or {})))


def reached(controller: Study) -> dict[int, int]:
    """How far each trial was trained."""
    return reached_in(controller.log)


def reached_in(log: list[Report]) -> dict[int, int]:
    far: dict[int, int] = {}
    for report in log:
        far[report.number] = max(far.get(report.number, 0), report.iteration)
    return far


@pytest.mark.parametrize("workers", [1, 4, 100])
def test_one_iteration_trains_exactly_the_published_table(workers: int) -> None:
    plan = rungs.hyperband(1, 81, 3)
    starts = [bracket[0].configs for bracket in plan]
    controller = study(sum(starts), setup={"workers": workers}).run()
    far = reached(controller)
    first = 0
    for bracket, count in zip(plan, starts, strict=True):
        numbers = range(first, first + count)
        for rung in bracket:
            assert sum(far[number] >= rung.resource for number in numbers) == rung.configs, (bracket, rung)
        first += count
    epochs = sum(
        (rung.configs - following) * rung.resource
        for bracket in plan
        for rung, following in zip(bracket, [*(r.configs for r in bracket[1:]), 0], strict=True)
    )
    assert len(controller.log) == epochs, "nothing is trained twice"


def test_the_best_of_a_rung_are_promoted() -> None:
    controller = study(9, max_t=9).run()
    at = {(report.number, report.iteration): report.loss for report in controller.log}
    for low, high, places in ((1, 3, 3), (3, 9, 1)):
        here = {number: loss for (number, iteration), loss in at.items() if iteration == low and loss is not None}
        best = sorted(here, key=here.__getitem__)[:places]
        assert sorted(best) == sorted(number for number in here if (number, high) in at)
    assert controller.scheduler.stopped_early == {
        trial.trial_id for trial in controller.trials if (controller.numbers[trial.trial_id], 9) not in at
    }


@pytest.mark.parametrize("samples", [1, 2, 5, 8, 10, 13])
@pytest.mark.parametrize("workers", [1, 3])
def test_a_bracket_that_is_not_full_ends(samples: int, workers: int) -> None:
    controller = study(samples, max_t=9, setup={"workers": workers}).run()
    far = reached(controller)
    assert len(far) == samples
    assert max(far.values()) == 9
    assert all(trial.is_finished() for trial in controller.trials)


def test_brackets_come_in_turn_with_one_worker() -> None:
    controller = study(9 + 5 + 3 + 9, max_t=9).run()
    first: dict[int, int] = {}
    for report in controller.log:
        if report.decision in ("PAUSE", "STOP"):
            first.setdefault(report.number, report.iteration)
    assert [first[number] for number in range(26)] == [1] * 9 + [3] * 5 + [9] * 3 + [1] * 9


def test_a_worker_never_idles_while_trials_are_left() -> None:
    controller = study(17, max_t=9, setup={"workers": 4})
    while not controller.search_alg.is_finished():
        controller.step()
        assert controller.running >= 3
    controller.run()
    assert controller.most_running == 4


def test_a_failed_trial_gives_its_place_to_the_next() -> None:
    nan_at_first = {"fault": lambda number, _iteration: "nan" if number < 7 else None}
    controller = study(9, max_t=9, setup=nan_at_first).run()
    assert Counter(reached(controller).values()) == {1: 7, 3: 1, 9: 1}


def test_if_all_fail_none_is_promoted() -> None:
    controller = study(9, max_t=9, setup={"fault": lambda _number, _iteration: "nan"}).run()
    assert set(reached(controller).values()) == {1}


def test_reports_that_skip_the_rungs_pause_at_the_next() -> None:
    method = make_method("hyperband", SPACE, metric=METRIC, mode="min", max_t=90, min_t=10, time_attr="steps")
    config = method.tune_config(num_samples=9)
    assert isinstance(config.scheduler, Hyperband)
    controller = start(config.search_alg, config.scheduler, Setup(SPACE, samples=9, stride=7)).run()
    assert all(trial.is_finished() for trial in controller.trials)
    assert max(reached(controller).values()) == -(-90 // 7)


@pytest.mark.filterwarnings("ignore:a trial that was paused:UserWarning")  # it is trained again, as it should be
@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.slow
def test_a_kill_while_a_checkpoint_is_written_loses_nothing(workers: int) -> None:
    calm = study(26, max_t=9, setup={"workers": workers}).run()
    for moment in range(5, len(calm.log), 18):
        first = study(26, max_t=9, setup={"workers": workers, "save_each": False, "snapshots": True})
        while len(first.log) < moment or not first.pausing:
            if first.finished:
                break
            first.step()
        again = restore(first.kill(), snapshots=False).run()
        if workers == 1:
            assert reached_in([*first.log, *again.log]) == reached(calm)
        assert all(trial.is_finished() for trial in again.trials)


def test_a_trainable_that_loses_its_state_causes_a_warning() -> None:
    """Its rungs are reached again from scratch: a warning says so, and nothing hangs."""
    with pytest.warns(UserWarning, match=r"training_iteration = . resumed from ."):
        controller = study(9, max_t=27, min_t=3, setup={"forgets": True}).run()
    assert all(trial.is_finished() for trial in controller.trials)


def test_the_debug_string_is_one_line() -> None:
    controller = study(9, max_t=9).run(3)
    assert controller.scheduler.debug_string() == "Hyperband: 1 brackets opened, running: 3/4 at 1"


@pytest.mark.parametrize(
    ("max_t", "eta", "sizes"), [(81, 3, "hpbandster"), (243, 3, "paper"), (100, 10, "paper"), (10, 2.5, "paper")]
)
@pytest.mark.slow
def test_other_ladders_are_trained_exactly_too(max_t: int, eta: float, sizes: Any) -> None:
    """In the order of the table; a trial that is trained further counts on each rung below."""
    plan = rungs.hyperband(1, max_t, eta, sizes)[-3:]
    controller = study(sum(bracket[0].configs for bracket in plan), max_t=max_t, eta=eta, sizes=sizes)
    controller.scheduler.plans = plan  # the last three brackets
    far = reached(controller.run())
    first = 0
    for bracket in plan:
        numbers = range(first, first + bracket[0].configs)
        assert [sum(far[n] >= rung.resource for n in numbers) for rung in bracket] == [r.configs for r in bracket]
        first += bracket[0].configs


@pytest.mark.parametrize("workers", [1, 4])
def test_a_checkpoint_that_cannot_be_written_blocks_no_other_trial(workers: int) -> None:
    controller = study(17, max_t=9, setup={"workers": workers}).run_failing_saves(4)
    assert all(trial.is_finished() for trial in controller.trials)


@pytest.mark.parametrize(
    ("name", "save_each"),
    [
        ("hyperband", False),
        ("async-hyperband", True),
        *(
            pytest.param(*case, marks=[pytest.mark.e2e, pytest.mark.long])
            for case in [("bohb", True), ("kde+asha", False)]
        ),
    ],
)
@pytest.mark.slow
def test_a_study_killed_anywhere_decides_the_same(name: str, save_each: bool) -> None:
    """After any event, including while checkpoints are written and before promotions begin."""

    def fresh(*, snapshots: bool = True) -> Study:
        soon: dict[str, Any] = {"min_points": 3} if "kde" in name or name == "bohb" else {}
        method = make_method(name, SPACE, metric=METRIC, mode="min", max_t=9, **soon)
        config = method.tune_config(num_samples=20)
        setup = Setup(SPACE, samples=20, snapshots=snapshots, save_each=save_each)
        return start(config.search_alg, config.scheduler, setup)

    calm = fresh(snapshots=False).run()
    first = fresh()
    for steps in range(5, len(calm.log), 13):
        while first.steps < steps:
            first.step()
        again = restore(first.kill(), snapshots=False).run()
        assert list(dict.fromkeys(first.log + again.log)) == list(dict.fromkeys(calm.log)), steps
        assert all(trial.is_finished() for trial in again.trials)


@pytest.mark.parametrize("workers", [1, 4])
def test_max_concurrent_is_kept_after_a_restore_too(workers: int) -> None:
    first = study(17, max_t=9, max_concurrent=2, setup={"workers": workers, "snapshots": True}).run(25)
    again = restore(first.kill()).run()
    assert max(first.most_running, again.most_running) <= 2


def test_a_restored_study_asks_for_no_config_before_promoted_trials_resume() -> None:
    """Ray asks for a trial before it asks the scheduler anything."""
    calm = study(17, max_t=9, max_concurrent=1, setup={"snapshots": True}).run()
    first = study(17, max_t=9, max_concurrent=1, setup={"snapshots": True}).run(9).settle()
    again = restore(first.kill())
    assert again.search_alg.next_trial() is None
    assert first.log + again.run().log == calm.log


def test_with_one_worker_promotions_come_before_the_next_bracket() -> None:
    controller = study(12, max_t=9, max_concurrent=1).run()
    order = list(dict.fromkeys(report.number for report in controller.log if report.iteration in (3, 9)))
    assert order.index(9) == 3, "the first of the second bracket, after the three that were promoted"
    assert [report.iteration for report in controller.log].index(9) < [r.number for r in controller.log].index(9)
