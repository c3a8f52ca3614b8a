"""The controller makes calls in Ray's order, and its trials equal those that Ray creates."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Any

import pytest
from ray import cloudpickle, tune
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler
from ray.tune.search import BasicVariantGenerator, ConcurrencyLimiter, Searcher, SearchGenerator

from raytune_suite.engines.base import StudySpec
from raytune_suite.engines.callbacks.decision_log import difference
from raytune_suite.engines.ray.engine import RayEngine
from raytune_suite.engines.ray.settings import Settings
from raytune_suite.engines.simulated import simulate as simulated
from raytune_suite.engines.simulated.evaluators import InProcessEvaluator
from raytune_suite.engines.simulated.trial_factory import TrialGenerator, derive_trial, make_search, pending_depth
from raytune_suite.errors import ArgumentError, StudyError
from raytune_suite.schedulers import StudySearcher
from tests.engines.simulated import studies
from tests.engines.simulated.studies import CURVES, METRIC, OBJECTIVE, SPACE, Learner, cost, method, simulate, study_log

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Spy:
    """Records calls in order, each with the trial's number and its progress."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self._numbers: dict[str, int] = {}

    def record(self, call: str, trial_id: str, *details: Any) -> None:
        self.calls.append((call, self._numbers.setdefault(trial_id, len(self._numbers)), *details))

    def scheduler(self, scheduler: Any) -> Any:
        """Make the scheduler record its calls, and return it."""
        spied: Any = type(scheduler)
        spy = self

        class Spied(spied):  # type: ignore[misc] # a class that mypy does not know
            def on_trial_add(self, tune_controller: Any, trial: Trial) -> None:
                spy.record("add", trial.trial_id, trial.status)
                super().on_trial_add(tune_controller, trial)

            def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> Any:
                spy.record("result", trial.trial_id, result["training_iteration"], result["done"], trial.status)
                return super().on_trial_result(tune_controller, trial, result)

            def on_trial_complete(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> None:
                details = result["training_iteration"], result["done"], trial.status
                spy.record("scheduler complete", trial.trial_id, *details)
                super().on_trial_complete(tune_controller, trial, result)

            def on_trial_remove(self, tune_controller: Any, trial: Trial) -> None:
                spy.record("remove", trial.trial_id, trial.status)
                super().on_trial_remove(tune_controller, trial)

            def on_trial_error(self, tune_controller: Any, trial: Trial) -> None:
                spy.record("scheduler error", trial.trial_id, trial.status)
                super().on_trial_error(tune_controller, trial)

        scheduler.__class__ = Spied
        return scheduler

    def searcher(self, searcher: Searcher) -> Searcher:
        return _SpiedSearcher(searcher, self)

    def callback(self) -> tune.Callback:
        return _SpyingCallback(self)


class _SpiedSearcher(Searcher):
    def __init__(self, searcher: Searcher, spy: Spy) -> None:
        super().__init__(metric=searcher.metric, mode=searcher.mode)
        self.inner, self.spy = searcher, spy

    def suggest(self, trial_id: str) -> Any:
        config = self.inner.suggest(trial_id)
        if config is not None:
            self.spy.record("suggest", trial_id, config)
        return config

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        self.spy.record("searcher result", trial_id, result["training_iteration"], result["done"])
        self.inner.on_trial_result(trial_id, result)

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        self.spy.record("searcher complete", trial_id, result and result["training_iteration"], error)
        self.inner.on_trial_complete(trial_id, result, error)

    def save(self, checkpoint_path: str) -> None:
        self.inner.save(checkpoint_path)

    def restore(self, checkpoint_path: str) -> None:
        self.inner.restore(checkpoint_path)


class _SpyingCallback(tune.Callback):
    def __init__(self, spy: Spy) -> None:
        self.spy = spy

    def on_trial_start(self, *_: Any, **info: Any) -> None:
        self.spy.record("start", info["trial"].trial_id, info["trial"].status)

    def on_trial_save(self, *_: Any, **info: Any) -> None:
        if not info["trial"].last_result["done"]:  # Ray saves a class trainable at its end, too
            self.spy.record("save", info["trial"].trial_id, info["trial"].status)

    def on_trial_result(self, *_: Any, **info: Any) -> None:
        self.spy.record("report", info["trial"].trial_id, info["result"]["training_iteration"], info["result"]["done"])

    def on_trial_complete(self, *_: Any, **info: Any) -> None:
        self.spy.record("complete", info["trial"].trial_id, info["trial"].status)

    def on_trial_recover(self, *_: Any, **info: Any) -> None:
        self.spy.record("recover", info["trial"].trial_id, info["trial"].status)

    def on_trial_error(self, *_: Any, **info: Any) -> None:
        self.spy.record("error", info["trial"].trial_id, info["trial"].status)


class Fragile(Learner):
    """Crashes in its second step for some configs, each time."""

    def step(self) -> dict[str, Any]:
        if self.iteration == 1 and self.config["x"] < 0.3:
            raise ValueError(self.config)
        return super().step()


@pytest.fixture
def _trainables_travel() -> Iterator[None]:
    """Pickle the tests by value, because Ray's workers cannot import them."""
    modules = [sys.modules[__name__], studies]
    for module in modules:
        cloudpickle.register_pickle_by_value(module)
    yield
    for module in modules:
        cloudpickle.unregister_pickle_by_value(module)


@pytest.mark.usefixtures("ray_session", "_trainables_travel")
@pytest.mark.parametrize(
    ("name", "trials"),
    [
        pytest.param("pbt", 4, marks=pytest.mark.e2e),
        *(pytest.param(name, 10, marks=[pytest.mark.e2e, pytest.mark.long]) for name in ("hyperband", "bohb")),
    ],
)
def test_with_one_worker_all_calls_are_in_rays_order(name: str, trials: int, tmp_path: Path) -> None:
    import ray

    spies, logs = (Spy(), Spy()), []
    for spy, real in zip(spies, (True, False), strict=True):
        made = method(name)
        scheduler = spy.scheduler(made.scheduler)
        if real:
            spec = StudySpec(
                trainable=Fragile,
                objective=OBJECTIVE,
                searcher=spy.searcher(made.searcher),
                scheduler=scheduler,
                storage_path=str(tmp_path),
                name="study",
                num_samples=trials,
                resources={"cpu": ray.cluster_resources()["CPU"]},
                callbacks=(spy.callback(),),
            )
            decisions = RayEngine(Settings(max_failures=1)).run(spec).decisions
            assert decisions is not None
            logs.append(decisions.rows)
        else:
            outcome = simulated.simulate(
                InProcessEvaluator(Fragile, cost),
                searcher=StudySearcher(spy.searcher(made.searcher), scheduler),
                scheduler=scheduler,
                workers=1,
                max_failures=1,
                num_samples=trials,
                callbacks=[study_log(made.scheduler), spy.callback()],
                **METRIC,
            )
            logs.append(outcome.decisions.rows)
    assert difference(*logs, times=False) is None
    for number, (call, other) in enumerate(zip(*(spy.calls for spy in spies), strict=True)):
        assert call == other, f"call {number}: {[spy.calls[number - 3 : number + 2] for spy in spies]}"


# ---- trials ---------------------------------------------------------------------------------------------------------


def test_a_derived_trial_equals_rays_trial(tmp_path: Path) -> None:
    searcher, space = method("random").searcher, {"depth": {"n": 3}, **SPACE}
    settings: dict[str, Any] = {**METRIC, "num_samples": 3, "max_failures": 2, "checkpoint_every": 5, "space": space}
    searcher.set_search_properties = lambda *_, **__: True
    search_alg = make_search(searcher, folder=str(tmp_path), **settings)
    ours = [search_alg.next_trial() for _ in range(3)][-1]
    generator: Any = SearchGenerator(_Fixed(ours.config))
    generator.add_configurations([search_alg._experiment])
    rays = generator.next_trial()
    rays.create_placement_group_factory()
    own_parts = {"trial_id", "experiment_tag", "temporary_state", "run_metadata", "storage", "evaluated_params"}
    assert vars(ours).keys() == vars(rays).keys()
    assert {k: v for k, v in vars(ours).items() if k not in own_parts} == {
        k: v for k, v in vars(rays).items() if k not in own_parts
    }
    for part in ("temporary_state", "run_metadata", "storage"):
        assert vars(getattr(ours, part)).keys() == vars(getattr(rays, part)).keys()
    assert ours.evaluated_params == {name: ours.config[name] for name in SPACE}
    assert (ours.max_failures, ours.checkpoint_freq, ours.config["depth"]) == (2, 5, {"n": 3})
    assert Trial.from_json_state(ours.get_json_state()[0]).config == ours.config
    assert search_alg.next_trial() is None
    assert search_alg.is_finished()


def test_derived_trials_share_no_mutable_state(tmp_path: Path) -> None:
    search_alg: Any = make_search(
        method("random").searcher, folder=str(tmp_path), space=None, num_samples=2, max_failures=0, checkpoint_every=0,
        **METRIC,
    )  # fmt: skip
    one, other = search_alg.next_trial(), search_alg.next_trial()
    one.set_status(Trial.RUNNING)
    one.run_metadata.last_result = {"loss": 1}
    one.run_metadata.checkpoint_manager._latest_checkpoint_result = object()
    one.temporary_state.saving_to = object()
    one.init_local_path()
    one.update_last_result({"loss": 1.0})
    assert (other.status, other.last_result, other.checkpoint) == (Trial.PENDING, {"trial_id": "00000001"}, None)
    assert not other.is_saving
    assert other.storage.trial_dir_name is None
    assert not other.metric_analysis
    assert not search_alg._template.metric_analysis


class _Fixed(Searcher):
    """Proposes the same config each time, after proposing none `silences` times."""

    def __init__(self, config: dict[str, Any], silences: int = 0) -> None:
        super().__init__()
        self.config, self.silences, self.trial_ids = config, silences, list[str]()

    def suggest(self, trial_id: str) -> Any:
        self.trial_ids.append(trial_id)
        if len(self.trial_ids) > self.silences + 2:
            return Searcher.FINISHED
        return None if len(self.trial_ids) <= self.silences else self.config

    def on_trial_complete(self, *_: Any, **__: Any) -> None:
        pass


def test_each_call_of_a_searcher_has_a_new_id_and_a_searcher_can_finish() -> None:
    searcher = _Fixed({"x": 0.5, "y": 0.1}, silences=1)
    outcome = simulated.simulate(CURVES, searcher=searcher, scheduler=FIFOScheduler(), num_samples=9, **METRIC)
    assert len(outcome.trials) == 2
    assert searcher.trial_ids == ["00000000", "00000001", "00000002", "00000003"]


def test_metric_and_space_must_equal_those_of_the_searcher_and_the_scheduler() -> None:
    with pytest.raises(ArgumentError, match="the searcher rejects"):
        simulate(method("random"), space={"x": tune.uniform(0, 2)})
    with pytest.raises(ArgumentError, match="'other'"):
        simulate(method("random"), metric="other")


def test_derive_needs_no_lookup_of_the_trainable(tmp_path: Path) -> None:
    search_alg: Any = make_search(
        _Fixed({}), folder=str(tmp_path), space=None, num_samples=1, max_failures=0, checkpoint_every=0, **METRIC
    )
    assert isinstance(search_alg, TrialGenerator)
    trial: Any = derive_trial(search_alg._make_template(), "id", {"x": 1}, {"x": 1}, "tag")
    assert trial.placement_group_factory
    assert (trial.trial_id, trial.config, trial.experiment_tag) == ("id", {"x": 1}, "tag")


# ---- depth of the queue ---------------------------------------------------------------------------------------------


def test_the_queue_is_as_deep_as_in_ray() -> None:
    assert pending_depth(SearchGenerator(_Fixed({})), 4) == 1
    assert pending_depth(SearchGenerator(ConcurrencyLimiter(_Fixed({}), max_concurrent=3)), 4) == 3
    assert pending_depth(BasicVariantGenerator(), 4) == 200
    assert pending_depth(BasicVariantGenerator(), 1000) == 1100


def test_with_a_searcher_one_trial_is_requested_in_advance() -> None:
    spy, made = Spy(), method("random")
    scheduler = spy.scheduler(made.scheduler)
    searcher = StudySearcher(spy.searcher(made.searcher), scheduler)
    simulated.simulate(CURVES, searcher=searcher, scheduler=scheduler, num_samples=6, workers=2, **METRIC)
    first = [call[0] for call in spy.calls].index("result")
    assert [call[1] for call in spy.calls[:first] if call[0] == "suggest"] == [0, 1, 2]


# ---- studies that cannot continue -----------------------------------------------------------------------------------


def test_a_study_in_which_no_trial_can_start_raises() -> None:
    class Never(Searcher):
        def suggest(self, trial_id: str) -> None:
            pass

    with pytest.raises(StudyError, match="no trials, 4 idle workers"):
        simulated.simulate(CURVES, searcher=Never(), scheduler=FIFOScheduler(), num_samples=9, **METRIC)


def test_an_unknown_decision_is_rejected() -> None:
    class Undecided(FIFOScheduler):
        def on_trial_result(self, *_: Any) -> str:
            return "MAYBE"

    undecided: Any = Undecided  # Ray's base class is untyped
    with pytest.raises(StudyError, match="MAYBE"):
        simulated.simulate(CURVES, searcher=_Fixed({"x": 0, "y": 1}), scheduler=undecided(), num_samples=1, **METRIC)


@pytest.mark.parametrize("seconds", [-1.0, math.nan, math.inf])
def test_a_step_must_take_finite_time(seconds: float) -> None:
    with pytest.raises(StudyError, match="`delay` is"):
        simulate(method("random"), InProcessEvaluator(Learner, lambda _: seconds))
