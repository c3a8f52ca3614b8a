"""Population based training: where it explores, and whether a lineage is what made a member."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ray import tune

from raytune_suite.errors import ArgumentError
from raytune_suite.methods import make_method
from raytune_suite.schedulers import StudySearcher
from raytune_suite.schedulers.pbt import PBT, explore, perturb
from raytune_suite.schedulers.population import ReplayScheduler
from raytune_suite.searchers.random import RandomSearcher
from raytune_suite.spaces import Space
from raytune_suite.types import Stage
from tests.conformance import common
from tests.conformance.harness import METRIC, ScriptedTraining, Setup, Study, restore, start
from tests.ids import ids

quick = settings(max_examples=60, deadline=None)

QUADRATIC = {"h0": tune.uniform(0, 1), "h1": tune.uniform(0, 1)}
WIDE = Space(common.space_for(PBT.features))


class Quadratic:
    """The toy of Jaderberg et al. 2017, figure 2: the gradient is that of a surrogate, which h0 and h1 shape."""

    def __init__(self, space: Space) -> None:
        self.space = space
        self.theta: list[float] = [0.9, 0.9]

    def step(self, config: dict[str, Any]) -> float:
        self.theta = [t - 0.05 * 2 * float(config[h]) * t for t, h in zip(self.theta, ("h0", "h1"), strict=True)]
        loss: float = sum(t * t for t in self.theta)
        return loss

    def cost(self, config: dict[str, Any]) -> float:
        return 1.0 + float(config["h0"]) / 7


def study(*, workers: int = 4, max_t: int = 40, samples: int = 8, **arguments: Any) -> Study:
    chosen = {"interval": 4, **arguments}
    config = make_method("pbt", QUADRATIC, metric=METRIC, mode="min", max_t=max_t, **chosen).tune_config()
    setup = Setup(QUADRATIC, samples=samples, learner=Quadratic, workers=workers)
    return start(config.search_alg, config.scheduler, setup)


def replay(stages: list[Stage], max_t: int = 40) -> ScriptedTraining:
    """Train a lineage from scratch."""
    scheduler = ReplayScheduler(stages, keep=(), max_t=max_t, metric=METRIC, mode="min")
    searcher = RandomSearcher(space=QUADRATIC, metric=METRIC, mode="min", points_to_evaluate=[stages[0].config])
    setup = Setup(QUADRATIC, samples=1, learner=Quadratic)
    return start(StudySearcher(searcher, scheduler), scheduler, setup).run().ended[0]


def theta(worker: ScriptedTraining) -> list[float]:
    assert isinstance(worker.learner, Quadratic)
    return worker.learner.theta


def check_lineages(controller: Study, ended: dict[int, ScriptedTraining]) -> None:
    """Assert that each lineage, trained from scratch, leads to the exact state of its member."""
    copied = 0
    for trial in controller.trials:
        stages = controller.scheduler.lineage(trial.trial_id)
        assert stages[0].start == 0
        assert [stage.start for stage in stages] == sorted(stage.start for stage in stages)
        assert stages[-1].config == trial.config
        assert theta(replay(stages)) == theta(ended[controller.numbers[trial.trial_id]])
        copied += len(stages) > 1
    assert copied > 1


@pytest.mark.parametrize("workers", [1, 4, 8])
@pytest.mark.slow
def test_a_lineage_trained_from_scratch_leads_to_its_members_state(workers: int) -> None:
    controller = study(workers=workers).run()
    check_lineages(controller, controller.ended)


@pytest.mark.slow
def test_lineages_survive_a_kill() -> None:
    first = study(workers=1).run(120).settle()
    again = restore(first.kill()).run()
    check_lineages(again, {**first.ended, **again.ended})


@pytest.mark.parametrize(
    "reports", [41, 55, *(pytest.param(one, marks=[pytest.mark.e2e, pytest.mark.long]) for one in (47, 49))]
)
@pytest.mark.slow
def test_a_member_that_was_being_saved_when_the_study_was_killed_is_paused_again(reports: int) -> None:
    """After these reports the member is not among the best, which the driver saves at once."""

    def rows(*controllers: Study) -> list[Any]:
        return list(dict.fromkeys(report[:3] for controller in controllers for report in controller.log))

    calm = study(workers=1, interval=1, max_t=20).run()
    first = study(workers=1, interval=1, max_t=20).run(reports)
    assert rows(first, restore(first.kill()).run()) == rows(calm)


def test_a_population_beats_its_best_member_without_copies() -> None:
    controller = study().run()
    alone = []
    for trial in controller.trials:
        training = Quadratic(Space(QUADRATIC))
        stages = controller.scheduler.lineage(trial.trial_id)
        alone.append(min(training.step(stages[0].config) for _ in range(40)))
    best = min(report.loss for report in controller.log if report.loss is not None)
    assert best < min(alone)


def test_what_is_not_mutable_is_copied_and_never_explored() -> None:
    controller = study(mutable=["h0"]).run()
    firsts = dict(reversed(controller.configs))
    assert {config["h1"] for _, config in controller.configs} <= {config["h1"] for config in firsts.values()}
    assert len({config["h0"] for _, config in controller.configs}) > 8


def test_a_replay_keeps_a_trials_own_values() -> None:
    stages = [Stage(0, {"h0": 0.1, "h1": 0.2}), Stage(3, {"h0": 0.3, "h1": 0.4})]
    scheduler = ReplayScheduler(stages, keep=["h1"], max_t=6, metric=METRIC, mode="min")
    searcher = RandomSearcher(space=QUADRATIC, metric=METRIC, mode="min", points_to_evaluate=[{"h0": 0.1, "h1": 0.9}])
    setup = Setup(QUADRATIC, samples=1, learner=Quadratic)
    controller = start(StudySearcher(searcher, scheduler), scheduler, setup).run()
    used = [(config["h0"], config["h1"]) for _, config in controller.configs]
    assert used == [(0.1, 0.9)] * 3 + [(0.3, 0.9)] * 3


@quick
@given(st.integers(0, 2**32), st.floats(0, 1))
@pytest.mark.slow
def test_explored_configs_stay_in_the_space(seed: int, probability: float) -> None:
    rng = np.random.default_rng(seed)
    config = WIDE.sample(rng)
    for _ in range(5):
        config = explore(WIDE, config, WIDE.names, rng, probability)
        WIDE.check(config)


@quick
@given(st.integers(0, 2**32))
def test_only_the_named_parameters_are_explored(seed: int) -> None:
    rng = np.random.default_rng(seed)
    config = WIDE.sample(rng)
    explored = explore(WIDE, config, ["integer", "continuous"], rng, 0.5)
    changed = {name for name in config if config[name] != explored[name]}
    assert changed <= {"integer", "continuous"}


@pytest.mark.parametrize(
    ("domain", "value", "down", "up"),
    [
        (tune.uniform(0, 10), 5.0, 4.0, 6.0),
        (tune.uniform(0, 10), 9.0, 7.2, 10.0),
        (tune.uniform(-10, 10), -5.0, -4.0, -6.0),
        (tune.loguniform(1e-4, 1), 0.01, 0.008, 0.012),
        (tune.randint(1, 101), 50, 40, 60),
        (tune.randint(1, 5), 2, 1, 3),
        (tune.randint(1, 5), 4, 3, 4),
        (tune.randint(0, 5), 0, 0, 1),
        (tune.qrandint(8, 64, 8), 40, 32, 48),
        (tune.qrandint(8, 64, 8), 16, 8, 24),
        (tune.quniform(0, 1, 0.25), 0.5, 0.25, 0.75),
        (tune.choice(["a", "b", "c"]), 1, 0, 2),
        (tune.choice(["a", "b", "c"]), 2, 1, 2),
    ],
    ids=ids,
)
def test_a_number_is_multiplied_and_few_values_move_by_one(domain: Any, value: Any, down: Any, up: Any) -> None:
    (parameter,) = Space({"x": domain}).parameters
    unit = parameter.unit(value)
    assert [perturb(parameter, unit, up=side) for side in (False, True)] == [pytest.approx(down), pytest.approx(up)]


def test_with_probability_one_everything_is_resampled() -> None:
    space, rng = Space({"x": tune.uniform(0, 1)}), np.random.default_rng(0)
    drawn = [explore(space, {"x": 0.5}, ["x"], rng, 1.0)["x"] for _ in range(200)]
    assert min(drawn) < 0.05
    assert max(drawn) > 0.95
    moved = {round(explore(space, {"x": 0.5}, ["x"], rng, 0.0)["x"], 9) for _ in range(50)}
    assert moved == {0.4, 0.6}


def test_if_all_fail_none_is_copied_and_all_end() -> None:
    config = make_method("pbt", QUADRATIC, metric=METRIC, mode="min", max_t=9, interval=1).tune_config()
    setup = Setup(QUADRATIC, samples=8, learner=Quadratic, fault=lambda _number, _iteration: "nan")
    controller = start(config.search_alg, config.scheduler, setup).run()
    assert len(controller.log) == 8 * 9
    assert all(len(controller.scheduler.lineage(trial.trial_id)) == 1 for trial in controller.trials)


def test_a_member_that_always_fails_does_not_starve_the_others() -> None:
    config = make_method("pbt", QUADRATIC, metric=METRIC, mode="min", max_t=9, interval=1).tune_config()
    broken = Setup(QUADRATIC, samples=8, learner=Quadratic, fault=lambda number, _iteration: None if number else "nan")
    controller = start(config.search_alg, config.scheduler, broken).run()
    assert all(trial.is_finished() for trial in controller.trials)
    assert sum(report.number == 0 for report in controller.log) < 100


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"interval": 0}, "`interval` is 0"),
        ({"interval": True}, "`interval` is True"),
        ({"quantile": 0}, "`quantile` is 0"),
        ({"quantile": 0.6}, "`quantile` is 0.6"),
        ({"mutable": ["h2"]}, "`mutable` has 'h2'"),
        ({"mutable": []}, "`mutable` is empty"),
        ({"resample_probability": 1.1}, "`resample_probability` is 1.1"),
        ({"space": None}, "`space`"),
    ],
    ids=ids,
)
def test_bad_arguments_are_rejected(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        PBT(**{"space": QUADRATIC, "max_t": 9, **arguments})
