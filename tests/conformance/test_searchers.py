"""Requirements on every searcher; parametrized from the registry, so that new searchers are covered."""

from __future__ import annotations

import functools
import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from ray import tune
from ray.tune.search import Searcher

from raytune_suite import seeding
from raytune_suite.errors import ArgumentError, SpaceError
from raytune_suite.searchers import SEARCHERS
from raytune_suite.spaces import FEATURES, Space
from raytune_suite.types import split_config
from tests.conformance import common, probe
from tests.conformance.harness import METRIC

if TYPE_CHECKING:
    from pathlib import Path

    from raytune_suite.searchers import AskTellSearcher

pytestmark = pytest.mark.parametrize("name", list(SEARCHERS))

NATIVE = (int, float, str, bool, type(None))
BAD_RESULTS: list[Any] = [
    {"training_iteration": 1, METRIC: math.nan},
    {"training_iteration": 1, METRIC: math.inf},
    {"training_iteration": 1, METRIC: -math.inf},
    {"training_iteration": 1, METRIC: "n/a"},
    {"training_iteration": 1, METRIC: None},
    {"training_iteration": 1, METRIC: True},
    {"training_iteration": 1, METRIC: [1.0, 2.0]},
    {"training_iteration": 1},
    {METRIC: 1.0},
    {"training_iteration": "one", METRIC: 1.0},
    {"training_iteration": 1, METRIC: np.float32(0.5)},
    {},
]


def leaves(value: Any) -> list[Any]:
    """All values in nested dicts."""
    return [leaf for inner in value.values() for leaf in leaves(inner)] if isinstance(value, dict) else [value]


def space_of(tested: AskTellSearcher) -> Space:
    assert tested.space is not None
    return tested.space


def check_more(tested: AskTellSearcher, count: int = 3) -> list[Any]:
    """Check that the next suggestions are valid."""
    proposed = common.rounds(tested, 1000, 1000 + count)
    for config in proposed:
        assert isinstance(config, dict)
        space_of(tested).check(split_config(config).hyperparameters)
    return proposed


def bare(proposed: list[dict[str, Any] | str | None]) -> list[dict[str, Any]]:
    """Configs without assigned fidelities."""
    return [split_config(config).hyperparameters for config in proposed if isinstance(config, dict)]


@functools.cache
def undisturbed(name: str) -> list[Any]:
    """The suggestions of a searcher in twelve rounds, which many tests need; none may change them."""
    return common.rounds(common.searcher(name), 0, 12)


def as_printed(name: str) -> list[Any]:
    """The same as `probe.whole` returns in another process."""
    suggestions: list[Any] = json.loads(json.dumps(undisturbed(name)[: probe.AFTER]))
    return suggestions


def test_values_are_native_and_in_bounds(name: str) -> None:
    tested = common.searcher(name)
    for config in undisturbed(name):
        assert isinstance(config, dict)
        assert all(type(leaf) in NATIVE for leaf in leaves(config)), config
        space_of(tested).check(split_config(config).hyperparameters)
        assert config["fixed"] == "x"


def test_a_suggestion_belongs_to_the_caller(name: str) -> None:
    tested, other = common.searcher(name), common.searcher(name)
    for number in range(8):
        mine, theirs = tested.suggest(f"t{number}"), other.suggest(f"t{number}")
        assert mine == theirs
        assert isinstance(mine, dict)
        result = {"training_iteration": 1, METRIC: common.loss_of(mine)}
        mine.clear()  # as a trainable may
        tested.on_trial_complete(f"t{number}", result)
        other.on_trial_complete(f"t{number}", result)


@pytest.mark.e2e  # the golden traces were written by another process, too
def test_same_seed_same_configs_in_a_fresh_process(name: str, elsewhere: dict[str, Any]) -> None:
    assert as_printed(name) == elsewhere["whole"][name]


def test_another_seed_other_configs(name: str) -> None:
    tested = common.searcher(name)
    same, other = common.rounds(tested, 0, 8), common.rounds(common.searcher(name, seed=4), 0, 8)
    assert same == undisturbed(name)[:8]
    untouched = seeding.stream(3, "searcher", type(tested).__name__)
    draws = chance(tested.rng) != chance(untouched)  # a grid needs none
    assert (same != other) == draws


def chance(rng: np.random.Generator) -> Any:
    """The state of a stream, which changes with each draw and spawn."""
    seeds: Any = rng.bit_generator.seed_seq
    return rng.bit_generator.state, seeds.n_children_spawned


def test_max_is_min_mirrored(name: str) -> None:
    assert common.rounds(common.searcher(name, mode="max"), 0, 9, sign=-1) == undisturbed(name)[:9]


def test_unusable_results_are_tolerated(name: str) -> None:
    tested = common.searcher(name)
    for number, bad in enumerate(BAD_RESULTS):
        assert tested.suggest(f"t{number}") is not None, bad
        tested.on_trial_result(f"t{number}", bad)
        tested.on_trial_complete(f"t{number}", bad)
    check_more(tested)


def test_crashed_trials_are_tolerated(name: str) -> None:
    tested = common.searcher(name)
    for number in range(6):
        tested.suggest(f"t{number}")
        if number % 2:
            tested.on_trial_result(f"t{number}", {"training_iteration": 1, METRIC: 1.0})
        tested.on_trial_complete(f"t{number}", error=True)
    check_more(tested, 6)


@pytest.mark.slow
def test_a_trial_stopped_while_paused_counts_with_its_last_report(name: str) -> None:
    paused, ended = common.searcher(name), common.searcher(name)
    for tested in (paused, ended):
        for number in range(6):
            config = tested.suggest(f"t{number}")
            assert isinstance(config, dict)
            result = {"training_iteration": 1, METRIC: common.loss_of(config)}
            tested.on_trial_result(f"t{number}", result)
            tested.on_trial_complete(f"t{number}", result=None if tested is paused else result)
    assert check_more(paused) == check_more(ended)


def test_a_trial_that_never_ran_is_tolerated(name: str) -> None:
    tested = common.searcher(name)
    for number in range(6):
        tested.suggest(f"t{number}")
        tested.on_trial_complete(f"t{number}")
    check_more(tested)


def test_results_may_arrive_in_any_order(name: str) -> None:
    tested = common.searcher(name)
    configs = [tested.suggest(f"t{number}") for number in range(8)]  # eight at once
    for number in (7, 0, 3, 1, 6, 2, 5, 4):
        config = configs[number]
        assert isinstance(config, dict)
        tested.on_trial_complete(f"t{number}", {"training_iteration": 2, METRIC: common.loss_of(config)})
        tested.on_trial_result(f"t{number}", {"training_iteration": 1, METRIC: 0.0})  # late
    check_more(tested)


def test_unknown_trials_are_ignored(name: str) -> None:
    tested, calm = common.searcher(name), common.searcher(name)
    for searcher in (tested, calm):
        common.rounds(searcher, 0, 6)
    tested.on_trial_result("stranger", {"training_iteration": 1, METRIC: -1e9})
    tested.on_trial_complete("stranger", {"training_iteration": 1, METRIC: -1e9})
    tested.on_trial_complete("t0", {"training_iteration": 3, METRIC: -1e9})  # a second time
    assert check_more(tested) == check_more(calm)


@pytest.mark.slow
def test_repeated_reports_are_ignored(name: str) -> None:
    tested, calm = common.searcher(name), common.searcher(name)
    for searcher in (tested, calm):
        for number in range(6):
            config = searcher.suggest(f"t{number}")
            assert isinstance(config, dict)
            for iteration in (1, 2, 3):
                searcher.on_trial_result(
                    f"t{number}", {"training_iteration": iteration, METRIC: common.loss_of(config)}
                )
            if searcher is tested:  # after a restore the trial restarts from an older checkpoint
                for iteration in (2, 3):
                    searcher.on_trial_result(f"t{number}", {"training_iteration": iteration, METRIC: -1e9})
            searcher.on_trial_complete(f"t{number}")
    assert check_more(tested) == check_more(calm)


def test_a_restored_searcher_continues_identically(name: str, tmp_path: Path) -> None:
    calm = common.searcher(name)
    common.rounds(calm, 0, 5)
    waiting = [calm.suggest(f"w{number}") for number in range(3)]
    calm.on_trial_result("w1", {"training_iteration": 1, METRIC: 2.0})
    calm.save(str(tmp_path / "state"))
    restored = common.searcher(name)
    restored.restore(str(tmp_path / "state"))
    assert None not in waiting
    for searcher in (calm, restored):
        searcher.on_trial_complete("w0", {"training_iteration": 1, METRIC: 1.0})
        searcher.on_trial_complete("w1")
        searcher.on_trial_complete("w2", error=True)
    assert check_more(restored) == check_more(calm)


@pytest.mark.e2e
def test_a_restored_searcher_continues_identically_in_a_fresh_process(name: str, elsewhere: dict[str, Any]) -> None:
    assert as_printed(name)[probe.BEFORE :] == elsewhere["continued"][name]


@pytest.mark.slow
def test_a_searcher_finishes_only_after_proposing_the_whole_grid(name: str) -> None:
    space = {"kind": tune.choice(["a", "b"]), "depth": tune.choice([1, 2, 3])}
    tested = common.searcher(name, space=space)
    proposed = common.rounds(tested, 0, 15)
    if Searcher.FINISHED in proposed:
        configs = proposed[: proposed.index(Searcher.FINISHED)]
        assert all(config in configs for config in Space(space).grid())
        assert set(map(str, proposed[len(configs) :])) == {Searcher.FINISHED}
    assert None not in proposed  # every trial ended before the next, so there was nothing to wait for


@pytest.mark.parametrize("feature", list(FEATURES))
@pytest.mark.slow
def test_features_are_supported_or_rejected_by_name(name: str, feature: str) -> None:
    space = {"culprit": common.PARTS[feature], "steps": tune.randint(1, 4)}
    if Space(space).features <= SEARCHERS[name].features:
        check_more(common.searcher(name, space=space), 5)
        return
    with pytest.raises(SpaceError, match="culprit") as caught:
        common.searcher(name, space=space)
    assert SEARCHERS[name].instead in str(caught.value)


def test_points_come_first_and_in_order(name: str) -> None:
    points = bare(common.rounds(common.searcher(name, seed=11), 0, 3))[::-1]
    tested = common.searcher(name, points_to_evaluate=points)
    proposed = bare(common.rounds(tested, 0, 7))
    assert proposed[:3] == points
    for config in proposed:
        space_of(tested).check(split_config(config).hyperparameters)


def test_points_outside_of_the_space_are_rejected(name: str) -> None:
    (good,) = bare(undisturbed(name)[:1])
    with pytest.raises(SpaceError, match=r"points_to_evaluate.*integer.*99"):
        common.searcher(name, points_to_evaluate=[good, {**good, "integer": 99}])
    late = common.searcher(name, space=None, points_to_evaluate=[{**good, "integer": 99}])
    with pytest.raises(SpaceError, match="points_to_evaluate"):
        late.set_search_properties(METRIC, "min", common.space_for(SEARCHERS[name].features))


@pytest.mark.parametrize("missing", ["space", "metric", "mode"])
def test_a_missing_argument_is_named(name: str, missing: str) -> None:
    with pytest.raises(ArgumentError, match=f"`{missing}`"):
        common.searcher(name, **{missing: None}).suggest("t0")


def test_ray_may_set_the_properties(name: str) -> None:
    space = common.space_for(SEARCHERS[name].features)
    tested = common.searcher(name, space=None, metric=None, mode=None)
    assert tested.set_search_properties(METRIC, "min", space)
    assert common.rounds(tested, 0, 4) == undisturbed(name)[:4]


def test_ray_may_repeat_the_properties_but_not_contradict(name: str) -> None:
    space = common.space_for(SEARCHERS[name].features)
    tested = common.searcher(name)
    assert tested.set_search_properties(METRIC, "min", space)
    assert tested.set_search_properties(None, None, {})
    assert not tested.set_search_properties("accuracy", "min", space)
    assert not tested.set_search_properties(METRIC, "max", space)
    assert not tested.set_search_properties(METRIC, "min", {**space, "more": tune.choice([1, 2])})
    check_more(tested)


@pytest.mark.parametrize("arguments", [{"seed": -1}, {"seed": 0.5}, {"seed": True}, {"mode": "least"}], ids=str)
def test_bad_arguments_are_rejected_by_name(name: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError, match=f"`{next(iter(arguments))}`"):
        common.searcher(name, **arguments)
