"""Asynchronous promotion on the fake controller, against the published algorithm."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from ray import tune
from ray.tune.experiment import Trial

import raytune_suite as rts
from raytune_suite.errors import ArgumentError
from raytune_suite.methods import make_method
from raytune_suite.schedulers.async_hyperband import AsyncHyperband
from tests.conformance.harness import METRIC, Curve, Setup, Study, start

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

SPACE = {"lr": tune.loguniform(1e-4, 1.0), "momentum": tune.uniform(0, 1)}


def study(samples: int, *, max_t: int = 27, setup: dict[str, Any] | None = None, **arguments: Any) -> Study:
    method = make_method("async-hyperband", SPACE, metric=METRIC, mode="min", max_t=max_t, **arguments)
    config = method.tune_config(num_samples=samples)
    return start(config.search_alg, config.scheduler, Setup(SPACE, samples=samples, **(setup or {})))


def published(loss: Callable[[int, int], float], samples: int, ladder: Sequence[int], eta: float) -> list[Any]:
    """Li et al. 2020, Algorithm 2, with one worker: the jobs (config, resource) in their order."""
    rungs: list[list[int]] = [[] for _ in ladder]
    promoted: list[set[int]] = [set() for _ in ladder]
    jobs: list[tuple[int, int]] = []
    while True:
        for k in reversed(range(len(ladder) - 1)):
            ranked = sorted(rungs[k], key=lambda config: loss(config, ladder[k]))
            promotable = [config for config in ranked[: int(len(ranked) / eta)] if config not in promoted[k]]
            if promotable:
                promoted[k].add(promotable[0])
                jobs.append((promotable[0], k + 1))
                break
        else:
            if len(rungs[0]) == samples:
                return [(config, ladder[k]) for config, k in jobs]
            jobs.append((len(rungs[0]), 0))
        rungs[jobs[-1][1]].append(jobs[-1][0])


def losses(controller: Study) -> Callable[[int, int], float]:
    """The loss of any trial at any resource, trained or not."""
    configs = {controller.numbers[trial.trial_id]: trial.config for trial in controller.trials}

    def loss(number: int, resource: int) -> float:
        training = Curve(SPACE)
        return [training.step(configs[number]) for _ in range(resource)][-1]

    return loss


@pytest.mark.parametrize(
    ("max_t", "eta", "ladder"),
    [(27, 3, (1, 3, 9, 27)), (16, 2, (1, 2, 4, 8, 16)), (10, 2.5, (2, 4, 10)), (4, 4, (1, 4))],
)
@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=[pytest.mark.e2e, pytest.mark.long])])
@pytest.mark.slow
def test_one_bracket_is_the_published_asha(max_t: int, eta: float, ladder: tuple[int, ...], seed: int) -> None:
    controller = study(40, max_t=max_t, eta=eta, brackets=1, seed=seed, max_concurrent=1).run()
    made = [(report.number, report.iteration) for report in controller.log if report.iteration in ladder]
    assert made == published(losses(controller), 40, ladder, eta)
    assert len(made) >= 50, "some are promoted"


def test_nothing_is_trained_twice_and_nothing_is_stopped_below_max_t_while_it_runs() -> None:
    controller = study(40, brackets=1).run()
    assert len({(report.number, report.iteration) for report in controller.log}) == len(controller.log)
    assert {report.iteration for report in controller.log if report.decision == "STOP"} == {27}


def test_each_bracket_in_turn_takes_as_many_trials_as_in_hyperband() -> None:
    """1..9: brackets of 9, 5 and 3 configs, which are first judged at 1, 3 and never."""
    controller = study(2 * (9 + 5 + 3), max_t=9).run()
    first = [ladder[0].arrived for ladder in controller.scheduler.rungs if ladder]
    numbers = [sorted(controller.numbers[name] for _, _, name in arrived) for arrived in first]
    assert numbers == [[*range(9), *range(17, 26)], [*range(9, 14), *range(26, 31)]]
    assert [ladder[0].resource for ladder in controller.scheduler.rungs if ladder] == [1, 3]
    reports = Counter(report.number for report in controller.log)
    assert [reports[number] for number in (14, 15, 16, 31, 32, 33)] == [9] * 6


@pytest.mark.parametrize("workers", [1, 4, 20])
@pytest.mark.parametrize("brackets", [1, None])
def test_it_ends_when_the_samples_are_exhausted(workers: int, brackets: int | None) -> None:
    for samples in (1, 2, 3, 10, 31):
        controller = study(samples, max_t=9, brackets=brackets, setup={"workers": workers}).run()
        assert all(trial.status == Trial.TERMINATED for trial in controller.trials)
        assert len(controller.trials) == samples
        assert not controller.scheduler.live()


@pytest.mark.parametrize("fault", ["crash", "nan", "end", "return"])
@pytest.mark.parametrize("retries", [0, 1])
def test_no_fault_hangs_it(fault: str, retries: int) -> None:
    faulty: dict[str, Any] = {
        "workers": 4,
        "max_failures": retries,
        "fault": lambda number, iteration: fault if iteration == 1 + number % 4 and number % 2 else None,
    }
    controller = study(30, max_t=9, setup=faulty).run()
    assert all(trial.is_finished() for trial in controller.trials)
    assert not controller.scheduler.live()


def test_a_failed_trial_is_never_promoted() -> None:
    nan: dict[str, Any] = {"fault": lambda number, _iteration: "nan" if number % 3 else None}
    controller = study(30, brackets=1, setup=nan).run()
    far = Counter(report.number for report in controller.log)
    assert all(far[number] == 1 for number in range(30) if number % 3)
    assert max(far.values()) == 27


@pytest.mark.parametrize("workers", [2, 4, 20])
def test_a_worker_never_idles_while_samples_are_left(workers: int) -> None:
    controller = study(60, brackets=1, setup={"workers": workers})
    while not controller.search_alg.is_finished():
        controller.step()
        assert controller.running >= workers - 1
    assert controller.run().most_running == workers


@pytest.mark.parametrize("workers", [1, 4])
def test_a_checkpoint_that_cannot_be_written_blocks_no_other_trial(workers: int) -> None:
    controller = study(12, max_t=9, brackets=1, setup={"workers": workers}).run_failing_saves(4)
    assert sum(trial.status == Trial.ERROR for trial in controller.trials) == 4
    assert all(trial.is_finished() for trial in controller.trials)


def test_max_is_min_mirrored() -> None:
    assert study(30).run().log == make_max(30).run().log


def make_max(samples: int) -> Study:
    method = make_method("async-hyperband", SPACE, metric=METRIC, mode="max", max_t=27)
    config = method.tune_config(num_samples=samples)
    return start(config.search_alg, config.scheduler, Setup(SPACE, samples=samples, mode="max"))


@pytest.mark.parametrize("stride", [7, 35, 100])
def test_reports_that_skip_rungs_pause_at_the_next(stride: int) -> None:
    method = make_method("async-hyperband", SPACE, metric=METRIC, mode="min", max_t=90, min_t=10, time_attr="steps")
    config = method.tune_config(num_samples=20)
    controller = start(config.search_alg, config.scheduler, Setup(SPACE, samples=20, stride=stride)).run()
    assert all(trial.is_finished() for trial in controller.trials)
    assert max(report.iteration for report in controller.log) == -(-90 // stride)


@pytest.mark.parametrize("brackets", [0, 5, True, 1.5])
def test_brackets_must_fit_the_ladder(brackets: Any) -> None:
    with pytest.raises(ArgumentError, match=rf"`brackets` is {brackets}"):
        AsyncHyperband(max_t=27, brackets=brackets)


def test_the_debug_string_is_one_line() -> None:
    controller = study(9, max_t=9, brackets=1).run(4)
    assert controller.scheduler.debug_string() == (
        "Asynchronous Hyperband: trials on the rungs of each bracket: "
        + "/".join(str(len(rung.arrived)) for rung in controller.scheduler.rungs[0])
    )


class Coarse(tune.Trainable):
    """Reports after every ten steps."""

    def setup(self, config: dict[str, Any]) -> None:
        self.loss, self.steps = config["x"], 0

    def step(self) -> dict[str, Any]:
        self.steps += 10
        return {METRIC: self.loss, "steps": self.steps}

    def save_checkpoint(self, checkpoint_dir: str) -> dict[str, Any]:  # noqa: ARG002 - Ray's signature
        return {"steps": self.steps}

    def load_checkpoint(self, checkpoint: Any) -> None:
        self.steps = checkpoint["steps"]


def test_a_trial_whose_report_passes_several_rungs_waits_at_the_highest(tmp_path: Path) -> None:
    result = rts.tune(
        Coarse,
        {"x": tune.uniform(0, 1)},
        method="async-hyperband",
        method_args={"brackets": 1},
        metric=METRIC,
        mode="min",
        max_t=81,
        time_attr="steps",
        num_samples=27,
        engine="simulated",
        storage_path=tmp_path,
    )
    assert Counter(result.trials["resource"]) == {10: 18, 30: 6, 90: 3}
