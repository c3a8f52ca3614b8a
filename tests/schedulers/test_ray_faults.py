"""Faults of Ray Tune 2.60 that a user could meet: each is present in Ray's own class, and not in ours.

If a test fails on Ray's side, Ray has fixed the fault: then check whether our own class is still needed.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from ray import tune
from ray.tune.experiment import Trial
from ray.tune.schedulers import ASHAScheduler, HyperBandScheduler, PopulationBasedTraining
from ray.tune.search import BasicVariantGenerator, ConcurrencyLimiter, Searcher

from raytune_suite.errors import ArgumentError, StudyError
from raytune_suite.methods import make_method
from raytune_suite.schedulers import SCHEDULERS, StudySearcher
from raytune_suite.searchers import SEARCHERS
from raytune_suite.searchers.random import RandomSearcher
from tests.conformance.common import global_streams
from tests.conformance.harness import METRIC, Setup, Study, restore, start

if TYPE_CHECKING:
    from collections.abc import Callable

SPACE = {"lr": tune.loguniform(1e-4, 1.0), "momentum": tune.uniform(0, 1)}
COMMON: Any = {"metric": METRIC, "mode": "min"}


def own(name: str, setup: Setup, **arguments: Any) -> Study:
    """A study with one of our methods."""
    config = make_method(name, SPACE, **COMMON, **arguments).tune_config(num_samples=setup.samples)
    return start(config.search_alg, config.scheduler, setup)


def rays(scheduler: Any, setup: Setup) -> Study:
    """A study with one of Ray's schedulers, made without a metric, and one of our searchers."""
    return start(RandomSearcher(space=SPACE, **COMMON), scheduler, setup)


class Forgetful(Searcher):
    """A searcher as Ray's documentation shows one: without `save`."""

    def __init__(self) -> None:
        super().__init__(metric=METRIC, mode="min")
        self.proposed = 0

    def set_search_properties(self, *properties: Any, **spec: Any) -> bool:  # noqa: ARG002 - Ray's signature
        """Accept anything."""
        return True

    def suggest(self, trial_id: str) -> dict[str, Any]:  # noqa: ARG002 - Ray's signature
        self.proposed += 1
        return {"lr": 0.1, "momentum": 0.5}

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Learn nothing."""


# ---- 1: HyperBand never leaves its first bracket if few trials are live at once -------------------------------------


def reports_of_a_hyperband(controller: Study) -> tuple[int, int]:
    """How many reports there were, and how many trials went to the end."""
    controller.run()
    return len(controller.log), sum(report.iteration == 9 for report in controller.log)


def test_rays_hyperband_trains_every_config_to_the_end_at_concurrency_one() -> None:
    searcher = ConcurrencyLimiter(RandomSearcher(space=SPACE, **COMMON), max_concurrent=1)
    controller = start(searcher, HyperBandScheduler(max_t=9, reduction_factor=3), Setup(SPACE, samples=17))
    assert reports_of_a_hyperband(controller) == (17 * 9, 17)


def test_ours_trains_the_published_brackets_at_concurrency_one() -> None:
    controller = own("hyperband", Setup(SPACE, samples=17), max_t=9, max_concurrent=1)
    # (9 at 1, 3 at 3, 1 at 9), (5 at 3, 1 at 9), (3 at 9)
    assert reports_of_a_hyperband(controller) == (9 + 3 * 2 + 6 + 5 * 3 + 6 + 3 * 9, 1 + 1 + 3)


# ---- 2: a searcher does not get the report on which a trial is stopped ----------------------------------------------


class Watching(Forgetful):
    """Records its calls; it reads only `on_trial_result`, as Ray's TuneBOHB does."""

    def __init__(self) -> None:
        super().__init__()
        self.reported: list[int] = []
        self.completed: list[int | None] = []

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:  # noqa: ARG002 - Ray's signature
        self.reported.append(result["training_iteration"])

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:  # noqa: ARG002 - as above
        self.completed.append(None if result is None else result["training_iteration"])


def test_rays_interface_brings_the_last_report_at_completion_only() -> None:
    searcher = Watching()
    start(searcher, ASHAScheduler(max_t=9, grace_period=9), Setup(SPACE, samples=3)).run()
    assert max(searcher.reported) == 8, "a searcher that reads only reports never sees a result at max_t"
    assert searcher.completed == [9, 9, 9]


@pytest.mark.parametrize("name", list(SEARCHERS))
def test_ours_learn_from_the_report_at_max_t(name: str) -> None:
    finite = {"lr": tune.quniform(0.1, 0.5, 0.1), "momentum": tune.choice([0.5, 0.9])}
    searcher = SEARCHERS[name](space=finite, max_t=9, **COMMON)
    told: list[Any] = []
    searcher.tell = told.append  # type: ignore[method-assign, assignment] # to listen
    config = searcher.suggest("a")
    searcher.on_trial_result("a", {"training_iteration": 8, METRIC: 0.8})
    searcher.on_trial_complete("a", {"training_iteration": 9, METRIC: 0.3})
    assert [(o.config, o.resource, o.loss, o.final) for o in told if o.final] == [(config, 9, 0.3, True)]


# ---- 3: a trial that is killed while paused completes without a result ----------------------------------------------


def test_rays_interface_loses_the_result_of_a_trial_killed_while_paused() -> None:
    searcher = Watching()
    setup = Setup(SPACE, samples=9, max_pending=9)
    start(searcher, HyperBandScheduler(max_t=9, reduction_factor=3), setup).run()
    assert searcher.completed.count(None) > len(searcher.completed) / 2


def test_ours_learns_from_every_trial() -> None:
    controller = own("hyperband", Setup(SPACE, samples=9), max_t=9)
    told: list[Any] = []
    controller.search_alg.searcher.searcher.tell = told.append
    controller.run()
    assert sorted((o.resource, o.loss) for o in told) == sorted(
        max((r.iteration, r.loss) for r in controller.log if r.number == number) for number in range(9)
    )


# ---- 4: the state of a scheduler is lost on a restore ---------------------------------------------------------------


def rungs_after_a_kill(make: Callable[[Setup], Study], lowest: Callable[[Any], int]) -> tuple[int, int]:
    """How many losses of the rung at 1 the ASHA knows before a kill and after it."""
    first = make(Setup(SPACE, samples=20, snapshots=True)).run(40)
    again = restore(first.kill())
    again.scheduler.choose_trial_to_run(again.controller)
    return lowest(first.scheduler), lowest(again.scheduler)


def test_rays_asha_forgets_its_rungs() -> None:
    before, after = rungs_after_a_kill(
        lambda setup: rays(ASHAScheduler(max_t=9, reduction_factor=3), setup),
        lambda scheduler: len(scheduler._brackets[0]._rungs[-1][1]),
    )
    assert before > 5
    assert after == 0


def test_our_asha_remembers_its_rungs() -> None:
    before, after = rungs_after_a_kill(
        lambda setup: own("asha", setup, max_t=9), lambda scheduler: len(scheduler.brackets[0].ladder[-1].scores)
    )
    assert before == after > 5


@pytest.mark.parametrize("steps", [20, 30, 40])
def test_a_study_killed_again_before_its_trials_have_restarted_continues_with_the_same_trial(steps: int) -> None:
    first = own("asha", Setup(SPACE, samples=20, snapshots=True), max_t=9).run(steps)
    running = [trial.trial_id for trial in first.trials if trial.status == Trial.RUNNING]
    again = restore(first.kill())
    for _ in range(3):
        chosen = again.scheduler.choose_trial_to_run(again.controller)
        assert [chosen.trial_id] == running
        again = restore(again.kill())


def test_rays_hyperband_hangs_after_a_kill() -> None:
    scheduler = HyperBandScheduler(max_t=9, reduction_factor=3)
    setup = Setup(SPACE, samples=30, workers=4, max_pending=9, snapshots=True)
    first = rays(scheduler, setup).run(60)
    assert any(trial.status == Trial.TERMINATED for trial in first.trials)
    with pytest.raises(StudyError):
        restore(first.kill()).run()


def test_our_hyperband_resumes_after_a_kill() -> None:
    setup = Setup(SPACE, samples=30, workers=4, max_pending=9, snapshots=True)
    first = own("hyperband", setup, max_t=9).run(60)
    again = restore(first.kill()).run()
    assert all(trial.status == Trial.TERMINATED for trial in again.trials)


def test_rays_experiment_starts_again_without_a_searcher_that_saves() -> None:
    controller = start(Forgetful(), ASHAScheduler(max_t=9), Setup(SPACE, samples=6)).run(20)
    snapshot = controller.kill()  # silently
    with pytest.raises(RuntimeError, match="unable to find checkpoint"):
        restore(snapshot)  # Ray catches it, and starts the experiment again


@pytest.mark.parametrize("name", list(SCHEDULERS))
def test_ours_rejects_a_searcher_that_cannot_be_saved(name: str) -> None:
    scheduler = SCHEDULERS[name](space=SPACE, max_t=9, **COMMON)
    with pytest.raises(ArgumentError, match="Forgetful"):
        StudySearcher(Forgetful(), scheduler)


# ---- 5: draws from the global generators ----------------------------------------------------------------------------


def seeded(run: Callable[[], Study], python: int, numpy: int) -> list[Any]:
    """The decisions of a study while the user's global generators have these seeds."""
    states = random.getstate(), np.random.get_state()  # noqa: NPY002 - the user's
    random.seed(python)
    np.random.seed(numpy)  # noqa: NPY002 - the user's
    try:
        return [*run().run().log]
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002 - the user's


def asha_of_ray() -> Study:
    return rays(ASHAScheduler(max_t=9, reduction_factor=3, brackets=3), Setup(SPACE, samples=20))


def pbt_of_ray() -> Study:
    scheduler = PopulationBasedTraining(
        time_attr="training_iteration", perturbation_interval=2, hyperparam_mutations=SPACE, log_config=False
    )
    generator = BasicVariantGenerator(random_state=1, points_to_evaluate=None)
    return start(generator, scheduler, Setup(SPACE, samples=12, max_pending=12, end=9))


@pytest.mark.parametrize("study", [asha_of_ray, pbt_of_ray])
def test_rays_decisions_depend_on_the_global_generators(study: Callable[[], Study]) -> None:
    assert seeded(study, 1, 1) == seeded(study, 1, 1)
    assert seeded(study, 1, 1) != seeded(study, 2, 2)


@pytest.mark.parametrize("study", [asha_of_ray, pbt_of_ray])
def test_rays_draws_change_the_global_generators(study: Callable[[], Study]) -> None:
    before, states = global_streams(), (random.getstate(), np.random.get_state())  # noqa: NPY002 - the user's
    study().run()
    after = global_streams()
    random.setstate(states[0])
    np.random.set_state(states[1])  # noqa: NPY002 - the user's
    assert after != before


@pytest.mark.parametrize(("name", "own_arguments"), [("asha", {"brackets": 3}), ("pbt", {"interval": 2})])
@pytest.mark.slow
def test_our_decisions_depend_on_the_seed_alone(name: str, own_arguments: dict[str, Any]) -> None:
    def study(seed: int = 0) -> Study:
        return own(name, Setup(SPACE, samples=20), max_t=9, seed=seed, **own_arguments)

    before = global_streams()
    assert seeded(study, 1, 1) == seeded(study, 2, 2)
    assert study(0).run().log != study(1).run().log
    assert global_streams() == before
