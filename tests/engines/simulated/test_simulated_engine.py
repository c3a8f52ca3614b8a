"""Whole studies in virtual time: every method, Ray's own classes, limits, crashes and lost workers."""

from __future__ import annotations

import itertools
import json
import math
import random
from typing import Any

import numpy as np
import pytest
from ray import tune
from ray.tune.experiment import Trial
from ray.tune.result import SHOULD_CHECKPOINT
from ray.tune.schedulers import (
    ASHAScheduler,
    FIFOScheduler,
    HyperBandForBOHB,
    HyperBandScheduler,
    MedianStoppingRule,
    PopulationBasedTraining,
)
from ray.tune.search import BasicVariantGenerator, ConcurrencyLimiter, Searcher

from raytune_suite.engines.callbacks.budget import StudyStopper
from raytune_suite.engines.callbacks.decision_log import ERROR, difference
from raytune_suite.engines.simulated import simulate as simulated
from raytune_suite.engines.simulated.engine import Fault
from raytune_suite.engines.simulated.evaluators import InProcessEvaluator
from raytune_suite.errors import ArgumentError
from raytune_suite.methods import METHODS
from tests.conformance import common
from tests.engines.simulated.studies import (
    CURVES,
    LEARNER,
    MAX_T,
    METRIC,
    SPACE,
    Learner,
    cost,
    method,
    samples,
    simulate,
    study_log,
)


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    common.cheapen(monkeypatch.setattr)


def budget(epochs: float) -> StudyStopper:
    return StudyStopper(epochs, metric="loss", time_attr="training_iteration")


# ---- every method ---------------------------------------------------------------------------------------------------


ONE_PER_SCHEDULER = {recipe.scheduler: name for name, recipe in reversed(METHODS.items()) if name != "pb2"}.values()
"""The first method with each scheduler, since a searcher sees nothing of an evaluation; `make e2e` compares all."""


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name in ONE_PER_SCHEDULER else [pytest.mark.e2e, pytest.mark.long])
        for name in METHODS
    ],
)
@pytest.mark.slow
def test_each_method_makes_the_same_decisions_with_curves_and_in_process(name: str) -> None:
    before = common.global_streams()
    looked_up, trained = (
        simulate(method(name), evaluation, num_samples=samples(name)) for evaluation in (CURVES, LEARNER)
    )
    assert common.global_streams() == before
    assert {trial.status for trial in looked_up.trials} == {Trial.TERMINATED}
    assert {row.decision for row in looked_up.decisions.rows} <= {"CONTINUE", "PAUSE", "STOP", "NOOP"}
    assert max(row.resource for row in looked_up.decisions.rows) == MAX_T
    assert looked_up.seconds == looked_up.decisions.rows[-1].time > 0
    if METHODS[name].scheduler not in ("pbt", "pb2"):  # a clone continues from its donor's progress, at its own rate
        assert looked_up.decisions.rows == trained.decisions.rows


def test_workers_train_side_by_side() -> None:
    alone, four = (simulate(method("random"), num_samples=8, workers=workers) for workers in (1, 4))
    total = sum(cost(trial.config) * MAX_T for trial in alone.trials)
    assert alone.seconds == pytest.approx(total)
    assert total / 4 <= four.seconds < total / 2
    assert four.trials[0].last_result["time_total_s"] == pytest.approx(cost(four.trials[0].config) * MAX_T)


def test_deciding_takes_no_virtual_time() -> None:
    quick, slow = method("random"), method("random")
    ask = slow.searcher.ask
    slow.searcher.ask = lambda: sum(range(10**5)) and ask()
    assert simulate(quick, num_samples=4).decisions.rows == simulate(slow, num_samples=4).decisions.rows


# ---- user-defined searchers and Ray's schedulers ---------------------------------------------------------------------


class Stock(Searcher):
    """A minimal user-defined searcher."""

    def __init__(self) -> None:
        super().__init__(metric="loss", mode="min")
        self.rng = np.random.default_rng(0)
        self.ended: dict[str, Any] = {}

    def set_search_properties(self, metric: str | None, mode: str | None, config: dict[str, Any], **_: Any) -> bool:
        self.space = config
        return (metric, mode) == ("loss", "min")

    def suggest(self, trial_id: str) -> dict[str, Any]:  # noqa: ARG002 - Ray's signature
        return {name: domain.sample(random_state=self.rng) for name, domain in self.space.items()}

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        self.ended[trial_id] = None if error else result

    def on_pause(self, trial_id: str) -> None:
        pass

    def on_unpause(self, trial_id: str) -> None:
        pass


class Reports(tune.Callback):
    """Records all reports."""

    def __init__(self) -> None:
        self.rows: list[tuple[Any, ...]] = []

    def on_trial_result(self, *_: Any, **info: Any) -> None:
        trial, result = info["trial"], info["result"]
        self.rows.append((trial.trial_id, result["training_iteration"], result["loss"], json.dumps(trial.config)))


MUTATIONS: dict[str, Any] = {"hyperparam_mutations": SPACE, "perturbation_interval": 3}
STOCK: dict[str, Any] = {
    "fifo": FIFOScheduler,
    "asha": lambda: ASHAScheduler(max_t=MAX_T),
    "hyperband": lambda: HyperBandScheduler(max_t=MAX_T),
    "bohb": lambda: HyperBandForBOHB(max_t=MAX_T),
    "median": lambda: MedianStoppingRule(grace_period=3),
}
POPULATIONS: dict[str, Any] = {
    "asynchronous": lambda: PopulationBasedTraining("training_iteration", **MUTATIONS),
    "synchronous": lambda: PopulationBasedTraining("training_iteration", synch=True, **MUTATIONS),
}


@pytest.mark.parametrize(("name", "limited"), [*((name, False) for name in STOCK), ("asha", True)])
def test_rays_schedulers_run_with_any_searcher(name: str, *, limited: bool) -> None:
    def study() -> Any:
        inner = Stock()
        searcher = ConcurrencyLimiter(inner, max_concurrent=20) if limited else inner
        random.seed(0)
        np.random.seed(0)  # noqa: NPY002 - Ray's ASHA draws from it
        settings: dict[str, Any] = {"num_samples": 12, "space": SPACE, **METRIC}
        reports = Reports()
        outcome = simulated.simulate(
            CURVES, searcher=searcher, scheduler=STOCK[name](), callbacks=[reports], **settings
        )
        assert len(inner.ended) == 12
        return outcome, reports.rows

    outcome, rows = study()
    assert {trial.status for trial in outcome.trials} == {Trial.TERMINATED}
    assert rows == study()[1]


@pytest.mark.parametrize("name", POPULATIONS)
@pytest.mark.parametrize("workers", [pytest.param(1, marks=[pytest.mark.e2e, pytest.mark.long]), 3])
@pytest.mark.slow
def test_rays_pbt_runs_with_its_variant_generator(name: str, workers: int) -> None:
    def study() -> Any:
        random.seed(0)
        np.random.seed(0)  # noqa: NPY002 - Ray's PBT draws from both
        searcher = BasicVariantGenerator(random_state=1)
        settings: dict[str, Any] = {"num_samples": 8, "space": SPACE, "stopper": budget(100), **METRIC}
        reports = Reports()
        settings |= {"workers": workers, "callbacks": [reports]}
        return simulated.simulate(LEARNER, searcher=searcher, scheduler=POPULATIONS[name](), **settings), reports.rows

    outcome, rows = study()
    assert len(rows) == 100
    assert len({config for *_, config in rows}) > 8
    assert [trial.trial_id for trial in outcome.trials] == [f"trial_{n:05d}" for n in range(8)]
    assert rows == study()[1]


def test_without_a_searcher_configs_are_sampled_as_in_ray() -> None:
    np.random.seed(0)  # noqa: NPY002 - Ray's variant generator draws from it
    space = {**SPACE, "grid": tune.grid_search([1, 2])}
    settings: dict[str, Any] = {"num_samples": 3, "space": space, **METRIC}
    outcome = simulated.simulate(CURVES, searcher=None, scheduler=FIFOScheduler(), **settings)
    assert [trial.config["grid"] for trial in outcome.trials] == [1, 2] * 3


# ---- limits ---------------------------------------------------------------------------------------------------------


def test_a_study_ends_when_its_budget_is_spent() -> None:
    outcome = simulate(method("random"), num_samples=-1, stopper=budget(50))
    assert len(outcome.decisions.rows) == 50
    assert {trial.status for trial in outcome.trials} == {Trial.TERMINATED}


def test_a_study_ends_at_its_limit_of_virtual_time() -> None:
    whole = simulate(method("random"), num_samples=-1, stopper=budget(100)).decisions.rows
    limit = whole[40].time
    outcome = simulate(method("random"), num_samples=-1, time_limit=limit)
    assert outcome.seconds == limit
    assert outcome.decisions.rows == [row for row in whole if row.time <= limit]
    assert simulate(method("random"), num_samples=-1, time_limit=0.5).seconds == 0.5


def test_the_study_log_runs_on_virtual_time() -> None:
    made = method("asha")
    log = study_log(made.scheduler)
    outcome = simulate(made, callbacks=[log], num_samples=14)
    assert [report.elapsed for report in log.reports] == [row.time for row in outcome.decisions.rows]
    assert log.elapsed == outcome.seconds
    assert len(log.trials) == 14


# ---- crashes and lost workers ---------------------------------------------------------------------------------------


class Fragile(Learner):
    """Crashes in its third step, unless it resumed from a checkpoint."""

    def step(self) -> dict[str, Any]:
        if self.iteration == 2 and not self._restored:
            raise ValueError("a bug")
        return super().step()


FRAGILE = InProcessEvaluator(Fragile, cost)


def test_a_crash_ends_a_trial_and_is_reported() -> None:
    made = method("random")
    log = study_log(made.scheduler)
    outcome = simulate(made, FRAGILE, num_samples=2, callbacks=[log])
    assert [trial.status for trial in outcome.trials] == [Trial.ERROR] * 2
    crashes = [(row.trial, row.resource) for row in outcome.decisions.rows if row.decision == ERROR]
    assert sorted(crashes) == [(0, 2.0), (1, 2.0)]
    assert {record.error for record in log.trials} == {"ValueError: a bug"}


def test_a_crashed_trial_is_retried_from_its_last_checkpoint() -> None:
    lost = simulate(method("random"), FRAGILE, num_samples=2, max_failures=3)
    assert [trial.run_metadata.num_failures for trial in lost.trials] == [4, 4]
    kept = simulate(method("random"), FRAGILE, num_samples=2, max_failures=1, checkpoint_every=1)
    assert [trial.status for trial in kept.trials] == [Trial.TERMINATED] * 2
    assert [row.resource for row in kept.decisions.rows if row.trial == 0] == [1, 2, 2, 3, 4, 5, 6, 7, 8, 9]


def test_a_trainable_can_request_a_checkpoint() -> None:
    class Asking(Fragile):
        def step(self) -> dict[str, Any]:
            return {**super().step(), SHOULD_CHECKPOINT: True}

    outcome = simulate(method("random"), InProcessEvaluator(Asking, cost), num_samples=2, max_failures=1)
    assert [row.resource for row in outcome.decisions.rows if row.trial == 0] == [1, 2, 2, 3, 4, 5, 6, 7, 8, 9]


def test_a_crash_before_the_first_step_takes_no_time() -> None:
    class Hopeless(Learner):
        def setup(self, config: dict[str, Any]) -> None:
            raise ValueError(config)

    outcome = simulate(method("asha"), InProcessEvaluator(Hopeless, cost), num_samples=50)
    assert outcome.seconds == 0
    assert len(outcome.trials) < 20, "a study in which every trial crashes ends early"


def values(outcome: simulated.SimulatedStudy) -> dict[tuple[int, float], float]:
    return {(row.trial, row.resource): row.value for row in outcome.decisions.rows if row.decision != ERROR}


@pytest.mark.parametrize(
    ("name", "checkpoint_every"), [("asha", 0), ("random", 0), ("hyperband", 1), ("dehb", 1), ("random", 1)]
)
@pytest.mark.slow
def test_a_lost_worker_loses_no_completed_result(name: str, checkpoint_every: int) -> None:
    faults = [Fault(time, worker, back=5.0) for worker, time in enumerate([3.3, 7.1, 7.2, 12.5])]
    settings: dict[str, Any] = {"num_samples": 12, "max_failures": 4, "checkpoint_every": checkpoint_every}
    undisturbed, disturbed = (simulate(method(name), LEARNER, faults=f, **settings) for f in ([], faults))
    assert {trial.status for trial in disturbed.trials} == {Trial.TERMINATED}
    crashes = [row for row in disturbed.decisions.rows if row.decision == ERROR]
    assert {3.3, 7.1} <= {row.time for row in crashes} <= {fault.time for fault in faults}
    reports = [row[1:3] for row in disturbed.decisions.rows if row.decision != ERROR]
    again = len(reports) - len(set(reports))
    assert again == 0 if checkpoint_every else again > 0
    if name == "random":  # every trial is trained to its end
        assert values(disturbed) == values(undisturbed)
        assert disturbed.seconds > undisturbed.seconds


def test_a_trial_on_a_lost_worker_fails_unless_it_has_retries_or_was_preempted() -> None:
    fault = Fault(5.0, 2)
    failed = simulate(method("random"), num_samples=8, faults=[fault])
    assert sorted(trial.status for trial in failed.trials) == [Trial.ERROR] + [Trial.TERMINATED] * 7
    preempted = simulate(method("random"), num_samples=8, faults=[fault._replace(preempted=True)])
    assert {trial.status for trial in preempted.trials} == {Trial.TERMINATED}
    assert [trial.run_metadata.num_failures for trial in preempted.trials] == [0] * 8


def test_the_other_workers_take_over_from_a_worker_that_never_returns() -> None:
    faults = [Fault(time, worker, back=math.inf) for time, worker in [(1.0, 0), (2.0, 1), (3.0, 3)]]
    alone = simulate(method("random"), num_samples=6, faults=faults, max_failures=1, checkpoint_every=1)
    assert {trial.status for trial in alone.trials} == {Trial.TERMINATED}
    late = [row for row in alone.decisions.rows if row.time > 4]
    assert all(x.trial == y.trial or x.resource == MAX_T or y.resource <= 2 for x, y in itertools.pairwise(late))


def test_faults_of_idle_or_lost_workers_have_no_effect() -> None:
    faults = [Fault(1.0, 3, back=10.0), Fault(2.0, 3), Fault(1e6, 0)]
    undisturbed, disturbed = (simulate(method("random"), num_samples=3, faults=f) for f in ([], faults))
    assert difference(undisturbed.decisions.rows, disturbed.decisions.rows) is None


# ---- arguments ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"workers": 0}, "`workers` is 0"),
        ({"num_samples": 0}, "`num_samples` is 0"),
        ({"time_limit": 0}, "`time_limit` is 0"),
        ({"max_failures": -1}, "`max_failures` is -1"),
        ({"checkpoint_every": -1}, "`checkpoint_every` is -1"),
        ({"faults": [Fault(1.0, 4)]}, "`faults.*worker` is 4.*from 0 to 3"),
        ({"faults": [Fault(math.inf, 0)]}, "`faults"),
        ({"faults": [Fault(1.0, 0, back=-1)]}, "`faults"),
    ],
)
def test_arguments_are_checked(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        simulate(method("random"), **arguments)
