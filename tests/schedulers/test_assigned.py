"""Trials end at the fidelity that DEHB assigned, on the fake controller."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from ray import tune
from ray.tune.experiment import Trial

from raytune_suite.errors import ArgumentError
from raytune_suite.methods import make_method
from raytune_suite.schedulers.assigned import AssignedFidelity
from raytune_suite.types import FIDELITY, split_config
from tests.conformance.harness import METRIC, Report, Setup, Study, restore, start

SPACE = {"lr": tune.loguniform(1e-4, 1.0), "kind": tune.choice(["a", "b", "c"])}
RESUME = pytest.mark.parametrize("resume", [False, True])


def study(samples: int, *, max_t: int = 9, setup: dict[str, Any] | None = None, **arguments: Any) -> Study:
    mode = (setup or {}).get("mode", "min")
    method = make_method("dehb", SPACE, metric=METRIC, mode=mode, max_t=max_t, **arguments)
    config = method.tune_config(num_samples=samples)
    return start(config.search_alg, config.scheduler, Setup(SPACE, samples=samples, **(setup or {})))


def far(controller: Study) -> dict[int, int]:
    """How far each trial was trained."""
    reached: dict[int, int] = {}
    for report in controller.log:
        reached[report.number] = max(reached.get(report.number, 0), report.iteration)
    return reached


def at_least(controller: Study, resource: int) -> list[str]:
    """The configs that were trained so far, in order."""
    done = far(controller)
    by_number = {
        controller.numbers[trial.trial_id]: split_config(trial.config).hyperparameters for trial in controller.trials
    }
    return sorted(str(by_number[number]) for number in done if done[number] >= resource)


@pytest.mark.parametrize("workers", [1, 4, 20])
@RESUME
def test_each_trial_is_trained_to_its_fidelity_and_no_further(workers: int, resume: bool) -> None:
    controller = study(60, resume=resume, setup={"workers": workers}).run()
    reached = far(controller)
    for trial in controller.trials:
        assert reached[controller.numbers[trial.trial_id]] == trial.config[FIDELITY]
        assert trial.status == Trial.TERMINATED
    assert controller.most_running == workers


def test_the_first_bracket_costs_less_when_the_promoted_resume_and_promotes_the_same() -> None:
    """Restart: 9 x 1 + 3 x 3 + 1 x 9 = 27 iterations in 13 trials. Resume: 9 + 3 x 2 + 6 = 21 in 9 trials."""
    restart, resume = study(13, max_concurrent=1).run(), study(9, resume=True, max_concurrent=1).run()
    assert Counter(far(restart).values()) == {1: 9, 3: 3, 9: 1}
    assert Counter(far(resume).values()) == {1: 6, 3: 2, 9: 1}
    assert (len(restart.log), len(resume.log)) == (27, 21)
    assert len({(report.number, report.iteration) for report in resume.log}) == 21, "nothing is trained twice"
    for resource in (3, 9):
        assert len(set(at_least(restart, resource))) == len(at_least(resume, resource))
        assert set(at_least(restart, resource)) == set(at_least(resume, resource))


def test_the_trainable_gets_its_new_fidelity() -> None:
    controller = study(9, resume=True).run()
    for report, (_, config) in zip(controller.log, controller.configs, strict=True):
        assert config[FIDELITY] == (1 if report.iteration == 1 else 3 if report.iteration <= 3 else 9)


def test_what_is_evolved_is_never_resumed() -> None:
    controller = study(40, resume=True, promotions="first-bracket").run()
    for number in range(9, 40):
        mine = [report for report in controller.log if report.number == number]
        assert [report.decision for report in mine[:-1]] == ["CONTINUE"] * (len(mine) - 1)


@pytest.mark.parametrize("workers", [1, 4, 20])
@RESUME
def test_it_ends_when_the_samples_run_out(workers: int, resume: bool) -> None:
    for samples in (1, 5, 8, 9, 10, 13, 20):
        controller = study(samples, resume=resume, setup={"workers": workers}).run()
        assert len(controller.trials) == samples
        assert all(trial.status == Trial.TERMINATED for trial in controller.trials)
        assert not controller.scheduler.live()


@pytest.mark.parametrize("fault", ["crash", "nan", "end", "return"])
@RESUME
@pytest.mark.slow
def test_no_fault_hangs_it(fault: str, resume: bool) -> None:
    for retries in (0, 1):
        faulty: dict[str, Any] = {
            "workers": 4,
            "max_failures": retries,
            "fault": lambda number, iteration: fault if iteration == 1 + number % 4 and number % 2 else None,
        }
        controller = study(40, resume=resume, setup=faulty).run()
        assert all(trial.is_finished() for trial in controller.trials)
        assert not controller.scheduler.live()


@pytest.mark.parametrize("workers", [2, 4, 20])
@RESUME
def test_a_worker_never_idles_while_samples_are_left(workers: int, resume: bool) -> None:
    controller = study(60, resume=resume, setup={"workers": workers})
    while not controller.search_alg.is_finished():
        controller.step()
        assert controller.running >= workers - 1


@pytest.mark.parametrize("workers", [1, 4])
def test_a_checkpoint_that_cannot_be_written_blocks_no_other_trial(workers: int) -> None:
    controller = study(30, resume=True, setup={"workers": workers}).run_failing_saves(4)
    assert sum(trial.status == Trial.ERROR for trial in controller.trials) == 4
    assert all(trial.is_finished() for trial in controller.trials)
    assert not controller.search_alg.searcher.searcher._jobs
    assert not controller.scheduler._over


@pytest.mark.parametrize("save_each", [True, pytest.param(False, marks=[pytest.mark.e2e, pytest.mark.long])])
@RESUME
@pytest.mark.slow
def test_a_study_killed_anywhere_decides_the_same(resume: bool, save_each: bool) -> None:
    """After any event, including while checkpoints are written and before promotions begin."""
    calm = study(24, resume=resume, setup={"save_each": save_each}).run()
    first = study(24, resume=resume, setup={"snapshots": True, "save_each": save_each})
    for steps in range(3, 80, 19):
        while first.steps < steps:
            first.step()
        again = restore(first.kill(), snapshots=False).run()
        assert once(first.log + again.log) == once(calm.log), steps
        assert all(trial.is_finished() for trial in again.trials)


def once(log: list[Report]) -> list[Report]:
    """Without the reports that are made again after a restart from an older checkpoint."""
    return list(dict.fromkeys(log))


@RESUME
@pytest.mark.slow
def test_a_parallel_study_killed_again_and_again_ends(resume: bool) -> None:
    controller = study(24, resume=resume, setup={"snapshots": True, "workers": 4})
    for _ in range(60):
        for _ in range(29):
            if not controller.finished:
                controller.step()
        if controller.finished:
            break
        controller = restore(controller.kill())
    assert all(trial.is_finished() for trial in controller.trials)
    assert len(controller.trials) == 24


@RESUME
def test_max_is_min_mirrored(resume: bool) -> None:
    least, most = (study(30, resume=resume, setup={"mode": mode}).run().log for mode in ("min", "max"))
    assert least == most


@pytest.mark.parametrize("stride", [7, 35, 100])
@RESUME
def test_reports_that_skip_the_fidelity_end_at_the_next(stride: int, resume: bool) -> None:
    method = make_method("dehb", SPACE, metric=METRIC, mode="min", max_t=90, min_t=10, time_attr="steps", resume=resume)
    config = method.tune_config(num_samples=30)
    controller = start(config.search_alg, config.scheduler, Setup(SPACE, samples=30, stride=stride)).run()
    assert all(trial.status == Trial.TERMINATED for trial in controller.trials)
    assert max(report.iteration for report in controller.log) == -(-90 // stride)


@pytest.mark.parametrize("limit", [1, 2])
@RESUME
@pytest.mark.slow
def test_max_concurrent_is_kept_after_a_restore_too(limit: int, resume: bool) -> None:
    first = study(30, resume=resume, max_concurrent=limit, setup={"workers": 4, "snapshots": True}).run(25)
    again = restore(first.kill()).run()
    assert max(first.most_running, again.most_running) <= limit
    assert all(trial.is_finished() for trial in again.trials)


def test_a_config_without_a_fidelity_is_rejected() -> None:
    with pytest.raises(ArgumentError, match="'fidelity'"):
        AssignedFidelity(max_t=9, metric=METRIC, mode="min").on_trial_add(None, Trial("double", stub=True, config={}))


@pytest.mark.parametrize("name", ["random+assigned", "kde+assigned", "dehb+fifo", "dehb+hyperband"])
def test_pairs_that_cannot_work_are_rejected(name: str) -> None:
    with pytest.raises(ArgumentError, match="fidelities"):
        make_method(name, SPACE, metric=METRIC, mode="min", max_t=9)
