"""Differential evolution over Hyperband's brackets."""

from __future__ import annotations

import itertools
import logging
import math
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ray import tune

from raytune_suite import rungs
from raytune_suite.errors import ArgumentError, SpaceError
from raytune_suite.models import differential_evolution as de
from raytune_suite.searchers.dehb import DEHBSearcher
from raytune_suite.searchers.random import RandomSearcher
from raytune_suite.types import FIDELITY, PromotionDecision, split_config
from tests.ids import ids

if TYPE_CHECKING:
    from pathlib import Path

COMMON: Any = {"metric": "loss", "mode": "min"}
SPACE = {"x": tune.uniform(0, 1), "y": tune.uniform(0, 1)}
MIXED = {
    "lr": tune.loguniform(1e-5, 1.0),
    "layers": tune.randint(1, 5),
    "optimizer": tune.choice([{"name": "sgd", "momentum": tune.uniform(0, 1)}, {"name": "adam"}]),
}


def dehb(space: dict[str, Any] = SPACE, **arguments: Any) -> DEHBSearcher:
    return DEHBSearcher(space=space, **{**COMMON, "max_t": 81, "promotions": "first-bracket", **arguments})


def loss_of(config: dict[str, Any]) -> float:
    """The optimum is at (.3, .6); more training reduces the error of up to a third."""
    return float(abs(config["x"] - 0.3) + abs(config["y"] - 0.6) + math.sin(1e4 * config["x"]) / (3 + config[FIDELITY]))


def ask(searcher: DEHBSearcher, number: int) -> dict[str, Any]:
    config = searcher.suggest(f"t{number}")
    assert isinstance(config, dict)
    return config


def end(searcher: DEHBSearcher, number: int, config: dict[str, Any], loss: float | None = None) -> None:
    value = loss_of(config) if loss is None else loss
    searcher.on_trial_complete(f"t{number}", {"training_iteration": config[FIDELITY], "loss": value})


def sequential(searcher: DEHBSearcher, count: int) -> list[dict[str, Any]]:
    """Return the configs of a run with one worker."""
    configs = []
    for number in range(count):
        configs.append(ask(searcher, number))
        end(searcher, number, configs[-1])
    return configs


def point(config: dict[str, Any]) -> tuple[float, float]:
    return config["x"], config["y"]


def spied(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return a list of the parent pools of all mutations from now on."""
    pools: list[Any] = []
    mutate = de.rand_1

    def spy(pool: Any, factor: float, rng: np.random.Generator) -> Any:
        pools.append(pool.copy())
        return mutate(pool, factor, rng)

    monkeypatch.setattr(de, "rand_1", spy)
    return pools


def vectors(population: de.Subpopulation) -> set[tuple[float, ...]]:
    return {tuple(vector) for vector in population.vectors.tolist()}


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [("paper", {1: 81, 3: 34, 9: 15, 27: 8, 81: 5}), ("hpbandster", {1: 81, 3: 27, 9: 9, 27: 6, 81: 5})],
)
def test_a_subpopulation_is_as_large_as_the_largest_rung_at_its_fidelity(sizes: Any, expected: dict[int, int]) -> None:
    actual = {level: len(population.vectors) for level, population in dehb(sizes=sizes)._populations.items()}
    assert actual == expected


@pytest.mark.parametrize("at_once", [1, 20, 81])
def test_the_first_asks_are_exactly_the_initial_population(at_once: int) -> None:
    searcher = dehb()
    initial = searcher._populations[1].vectors.copy()
    configs = []
    for start in range(0, 81, at_once):
        batch = [(number, ask(searcher, number)) for number in range(start, min(81, start + at_once))]
        configs += [config for _, config in batch]
        for number, config in batch:
            end(searcher, number, config)
    assert [point(config) for config in configs] == [tuple(vector) for vector in initial.tolist()]
    assert {config[FIDELITY] for config in configs} == {1}


def test_the_first_bracket_is_plain_successive_halving() -> None:
    """81, 27, 9, 3 and 1 configs at 1, 3, 9, 27 and 81; each rung has the best of the previous one, unchanged."""
    searcher = dehb()
    configs = sequential(searcher, 81 + 27 + 9 + 3 + 1)
    assert Counter(config[FIDELITY] for config in configs) == {1: 81, 3: 27, 9: 9, 27: 3, 81: 1}
    start = 0
    for size, following in ((81, 27), (27, 9), (9, 3), (3, 1)):
        here, there = configs[start : start + size], configs[start + size : start + size + following]
        assert [point(config) for config in there] == [point(c) for c in sorted(here, key=loss_of)[:following]]
        start += size


def test_all_brackets_train_hyperband_s_table() -> None:
    table = [(rung.resource, rung.configs) for plan in rungs.hyperband(1, 81, 3) for rung in plan]
    configs = sequential(dehb(), 2 * sum(count for _, count in table))
    done = 0
    for level, count in table * 2:
        assert {config[FIDELITY] for config in configs[done : done + count]} == {level}
        done += count


def test_from_the_second_bracket_on_every_config_is_evolved() -> None:
    searcher = dehb()
    configs = sequential(searcher, 121)
    before = {point(config) for config in configs}
    for number in range(121, 121 + 140):
        evolved = ask(searcher, number)
        assert point(evolved) not in before, "neither promoted nor proposed before"
        before.add(point(evolved))
        end(searcher, number, evolved)


def test_an_evolved_config_shares_a_coordinate_with_its_target_or_is_all_mutant() -> None:
    """At CR = 0 exactly one coordinate is new, and the other is that of the target; targets take turns."""
    searcher = dehb(crossover_probability=0)
    sequential(searcher, 121)
    targets = searcher._populations[3].vectors.copy()
    for number in range(34):
        config = ask(searcher, 1000 + number)
        assert config[FIDELITY] == 3
        assert sum(mine == its for mine, its in zip(point(config), targets[number], strict=True)) == 1


@pytest.mark.parametrize("workers", [2, 40, 200])
@pytest.mark.slow
def test_many_running_trials_do_not_end_the_first_bracket_early(workers: int) -> None:
    """Whichever brackets are opened meanwhile: the first promotes 27, 9, 3 and 1 configs, and the others evolve."""
    searcher, flying, number = dehb(), dict[int, dict[str, Any]](), 0
    plain: list[dict[str, Any]] = []
    seen: dict[tuple[float, float], int] = {}
    again = []
    initial = vectors(searcher._populations[1])
    while len(plain) < 121:
        while len(flying) < workers:
            flying[number] = ask(searcher, number)
            bracket, _ = searcher._jobs[f"t{number}"]
            at = point(flying[number])
            if bracket.promotes:
                plain.append(flying[number])
                again.append(seen.get(at, 0) if at in seen else None)
                seen[at] = flying[number][FIDELITY]
            else:
                assert at not in seen
                assert at not in initial
            number += 1
        first = min(flying, key=lambda n: (flying[n][FIDELITY] * n, n))
        end(searcher, first, flying.pop(first))
    assert Counter(config[FIDELITY] for config in plain) == {1: 81, 3: 27, 9: 9, 27: 3, 81: 1}
    assert Counter(again) == {None: 81, 1: 27, 3: 9, 9: 3, 27: 1}


def test_a_worker_gets_the_oldest_bracket_s_config_or_opens_a_bracket() -> None:
    searcher = dehb()
    flying = [ask(searcher, number) for number in range(81 + 34 + 1)]
    assert [config[FIDELITY] for config in flying] == [1] * 81 + [3] * 34 + [9]
    for number in range(81):
        end(searcher, number, flying[number])
    assert [ask(searcher, 200 + number)[FIDELITY] for number in range(28)] == [3] * 27 + [9]


def test_parents_are_the_best_of_the_fidelity_below_as_many_as_the_rung_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    searcher = dehb()
    configs = sequential(searcher, 121 + 34)
    pools = spied(monkeypatch)
    below = searcher._populations[3]
    expected = below.vectors[np.argsort(below.losses, kind="stable")][:11]  # of (34, 3), (11, 9), (3, 27), (1, 81)
    config = ask(searcher, 900)
    assert config[FIDELITY] == 9
    assert np.array_equal(pools[0], expected)
    assert len(configs) == 155


def test_on_the_first_rung_parents_are_of_its_own_fidelity(monkeypatch: pytest.MonkeyPatch) -> None:
    searcher = dehb()
    sequential(searcher, 121)
    pools = spied(monkeypatch)
    own = searcher._populations[3]
    assert ask(searcher, 900)[FIDELITY] == 3
    assert {tuple(row) for row in pools[0].tolist()} == {tuple(row) for row in own.evaluated.tolist()}
    assert len(pools[0]) == 27  # of 34, of which seven have not been evaluated yet


def test_a_short_pool_is_filled_from_all_fidelities(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last rung of a bracket holds one config."""
    searcher = dehb()
    sequential(searcher, 121 + 34 + 11 + 3)
    pools = spied(monkeypatch)
    everyone = set[tuple[float, ...]]().union(*(vectors(p) for p in searcher._populations.values()))
    best = searcher._populations[27].best(1)[0]
    assert ask(searcher, 900)[FIDELITY] == 81
    assert len(pools[0]) == 3
    assert np.array_equal(pools[0][0], best)
    assert {tuple(row) for row in pools[0].tolist()} <= everyone


def test_selection_is_greedy_and_takes_ties() -> None:
    searcher = dehb()
    sequential(searcher, 121)
    here = searcher._populations[3]
    loss, config = float(here.losses[0]), ask(searcher, 900)
    end(searcher, 900, config, loss)
    assert point(config) == tuple(here.vectors[0])
    assert here.losses[0] == loss
    target = here.vectors[1].copy()
    second = ask(searcher, 901)
    end(searcher, 901, second, float(here.losses[1]) + 1e-9)
    assert tuple(here.vectors[1]) == tuple(target) != point(second)


def test_a_failed_config_is_never_promoted_and_replaces_no_target() -> None:
    searcher = dehb(max_t=9)
    configs = [ask(searcher, number) for number in range(9)]
    for number, config in enumerate(configs):
        if number in (0, 4):
            end(searcher, number, config)
        else:
            searcher.on_trial_complete(f"t{number}", error=True)
    promoted = [ask(searcher, 10 + number) for number in range(3)]
    assert {point(config) for config in promoted[:2]} == {point(configs[0]), point(configs[4])}
    assert [config[FIDELITY] for config in promoted] == [3, 3, 3]
    assert not searcher._jobs["t12"][0].promotes  # only two could be promoted: the next bracket was opened


def test_if_all_fail_it_continues_with_the_next_bracket() -> None:
    searcher = dehb(max_t=9)
    for number in range(60):
        ask(searcher, number)
        searcher.on_trial_complete(f"t{number}", error=True)
    assert len(searcher._brackets) <= 1


def test_unknown_trials_and_late_results_are_ignored() -> None:
    undisturbed, searcher = dehb(max_t=9), dehb(max_t=9)
    for one in (undisturbed, searcher):
        sequential(one, 20)
    searcher.on_trial_complete("stranger", {"training_iteration": 9, "loss": -9.0})
    searcher.on_trial_result("stranger", {"training_iteration": 9, "loss": -9.0})
    searcher.on_trial_complete("t3", {"training_iteration": 9, "loss": -9.0})
    searcher.dropped("stranger")
    assert [ask(searcher, 50 + n) for n in range(9)] == [ask(undisturbed, 50 + n) for n in range(9)]


def test_running_evaluations_survive_a_restore(tmp_path: Path) -> None:
    searcher = dehb(max_t=9)
    configs = [ask(searcher, number) for number in range(7)]
    searcher.save(str(tmp_path / "state"))
    restored = dehb(max_t=9, seed=99)
    restored.restore(str(tmp_path / "state"))
    more = [[ask(one, 7 + n) for n in range(2)] for one in (searcher, restored)]
    assert more[0] == more[1]
    for one in (searcher, restored):
        for number, config in enumerate(configs + more[0]):
            end(one, number, config)
    following = [[ask(one, 20 + n) for n in range(8)] for one in (searcher, restored)]
    assert following[0] == following[1]
    assert [config[FIDELITY] for config in following[0][:3]] == [3, 3, 3]


def test_a_config_that_never_ran_is_proposed_again() -> None:
    searcher = dehb(max_t=9)
    first = ask(searcher, 0)
    rest = [ask(searcher, number) for number in range(1, 9)]
    searcher.on_trial_complete("t0")
    assert ask(searcher, 9) == first
    for number, config in enumerate(rest, start=1):
        end(searcher, number, config)
    end(searcher, 9, first)
    assert ask(searcher, 10)[FIDELITY] == 3


def test_no_files_no_logging_and_no_global_draws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    state = np.random.get_state(legacy=False)["state"]["key"].tobytes()  # noqa: NPY002 - to check that nothing draws from it
    sequential(dehb(max_t=9), 40)
    assert list(tmp_path.iterdir()) == []
    assert (root.handlers, root.level) == (handlers, level)
    assert np.random.get_state(legacy=False)["state"]["key"].tobytes() == state  # noqa: NPY002 - as above


def test_points_to_evaluate_come_first_in_the_first_rung_and_may_be_promoted() -> None:
    best, other = {"x": 0.3, "y": 0.6}, {"x": 0.9, "y": 0.1}
    searcher = dehb(max_t=9, points_to_evaluate=[other, best])
    configs = sequential(searcher, 13)
    assert [split_config(config).hyperparameters for config in configs[:2]] == [other, best]
    assert sum(config[FIDELITY] == 1 for config in configs) == 9
    assert [split_config(config).hyperparameters for config in configs].count(best) == 3, "promoted to 3 and 9"


def test_points_of_a_conditional_space_are_proposed_unchanged() -> None:
    points = [{"lr": 0.1, "layers": 4, "optimizer": {"name": "adam"}}]
    searcher = dehb(MIXED, max_t=9, points_to_evaluate=points)
    assert split_config(ask(searcher, 0)).hyperparameters == points[0]
    assert not np.isnan(searcher._populations[1].vectors).any()


def test_more_points_than_the_first_rung_holds_begin_the_next_bracket() -> None:
    points = [{"x": number / 20, "y": 0.1} for number in range(10)]
    configs = sequential(dehb(max_t=9, points_to_evaluate=points), 9 + 3 + 1 + 5)
    assert [split_config(config).hyperparameters for config in configs[:10]] == points
    assert [config[FIDELITY] for config in configs[8:11]] == [1, 3, 3]


@pytest.mark.parametrize("evolving", [False, True])
def test_added_configs_take_the_next_places_of_first_rungs(evolving: bool) -> None:
    searcher, plain = dehb(max_t=9), dehb(max_t=9)
    done = 9 + 3 + 1 + 5 + 2 + 2 if evolving else 0
    assert sequential(searcher, done) == sequential(plain, done)
    searcher.enqueue([{"x": 0.3, "y": 0.6}, {"x": 0.9, "y": 0.9}])
    configs = [ask(searcher, number) for number in range(done, done + 9 + 5)]
    assert [split_config(config).hyperparameters for config in configs[:2]] == [
        {"x": 0.3, "y": 0.6},
        {"x": 0.9, "y": 0.9},
    ]
    assert Counter(config[FIDELITY] for config in configs) == {1: 9, 3: 5}  # the rungs are as large as without them
    for number, config in enumerate(configs[:9], done):
        end(searcher, number, config)
    assert point(configs[0]) in vectors(searcher._populations[1])  # it has replaced its target


def test_vectors_are_rounded_only_for_the_evaluation() -> None:
    searcher = dehb({"n": tune.randint(1, 5), "k": tune.choice(["a", "b"])}, max_t=9)
    for number in range(30):
        config = ask(searcher, number)
        searcher.on_trial_complete(f"t{number}", {"training_iteration": 9, "loss": float(config["n"])})
    units = np.concatenate([population.vectors for population in searcher._populations.values()])
    assert not np.isin(units, [0.125, 0.25, 0.375, 0.625, 0.75, 0.875]).any(), "the middles of cells"


def test_the_first_and_last_integers_are_as_probable_as_the_others() -> None:
    searcher = dehb({"n": tune.randint(0, 4)}, max_t=3**6)
    seen = Counter(ask(searcher, number)["n"] for number in range(729))
    assert [seen[n] / 729 for n in range(4)] == pytest.approx([0.25] * 4, abs=0.06)


@settings(max_examples=15, deadline=None)
@given(
    st.integers(0, 999),
    st.sampled_from([(1, 9, 3), (1, 3, 3), (1, 20, 1.5), (1, 2, 1.1), (2, 30, 2.5)]),
    st.lists(st.none() | st.floats(-9, 9) | st.just(math.nan), min_size=40, max_size=60),
    st.booleans(),
)
def test_whatever_happens_every_config_is_in_the_space(
    seed: int, ladder: tuple[int, int, float], losses: list[float | None], mirrored: bool
) -> None:
    min_t, max_t, eta = ladder
    searcher = dehb(MIXED, min_t=min_t, max_t=max_t, eta=eta, seed=seed, mode="max" if mirrored else "min")
    levels = {rung.resource for rung in rungs.hyperband(min_t, max_t, eta)[0]}
    for number, loss in enumerate(losses):
        config = ask(searcher, number)
        assert config[FIDELITY] in levels
        assert searcher.space is not None
        searcher.space.check(split_config(config).hyperparameters)
        if loss is None:
            searcher.on_trial_complete(f"t{number}", error=True)
        else:
            end(searcher, number, config, loss)


@pytest.mark.parametrize("space", [{"k": tune.choice(["only"])}, {"x": tune.uniform(0, 1)}], ids=list)
def test_small_spaces_are_supported(space: dict[str, Any]) -> None:
    searcher = dehb(space, max_t=9)
    for number in range(40):
        end(searcher, number, ask(searcher, number), float(number))


@pytest.mark.e2e
def test_it_beats_random_search_for_the_same_cost() -> None:
    """Each may spend 100 trainings to 27. Only configs that were trained to 27 count."""

    def off(config: dict[str, Any]) -> float:
        return float(np.mean([abs(value - 0.3) for value in split_config(config).hyperparameters.values()]))

    space = {name: tune.uniform(0, 1) for name in "abcdef"}
    ours, random = [], []
    for seed in range(5):
        searcher = dehb(space, max_t=27, seed=seed)
        spent, number, losses = 0, 0, []
        while spent < 27 * 100:
            config = ask(searcher, number)
            end(searcher, number, config, off(config) + 0.1 * math.sin(1e4 * config["a"]) / config[FIDELITY])
            spent, number = spent + config[FIDELITY], number + 1
            losses += [off(config)] if config[FIDELITY] == 27 else []
        ours.append(min(losses))
        plain = RandomSearcher(space=space, seed=seed, **COMMON)
        drawn: list[Any] = [plain.suggest(f"t{n}") for n in range(100)]
        random.append(min(map(off, drawn)))
    assert np.mean(ours) < 0.6 * np.mean(random)


def paused(searcher: DEHBSearcher, number: int, fidelity: int, loss: float) -> None:
    searcher.on_trial_result(f"t{number}", {"training_iteration": fidelity, "loss": loss})


def test_with_resume_promoted_trials_continue_and_the_others_end() -> None:
    searcher = dehb(max_t=9, resume=True)
    for number in range(9):
        ask(searcher, number)
        assert searcher.promotion_decisions == []
        paused(searcher, number, 1, float(number))
    assert {v.trial_id: v.fidelity for v in searcher.promotion_decisions} == {
        f"t{n}": 3 if n < 3 else None for n in range(9)
    }
    searcher.promotion_decisions.clear()
    for number in range(9):
        if number > 2:
            searcher.on_trial_complete(f"t{number}")
    for number in range(3):
        paused(searcher, number, 2, 0.0)  # on the way to its rung
        paused(searcher, number, 3, float(-number))
    assert {v.trial_id: v.fidelity for v in searcher.promotion_decisions} == {"t0": None, "t1": None, "t2": 9}


def test_a_config_whose_trial_died_while_paused_is_trained_from_scratch() -> None:
    searcher = dehb(max_t=9, resume=True)
    configs = [ask(searcher, number) for number in range(9)]
    for number in range(9):
        if number == 8:
            searcher.on_trial_complete("t0", error=True)  # its checkpoint could not be written
        paused(searcher, number, 1, float(number))
    assert {v.trial_id for v in searcher.promotion_decisions if v.fidelity == 3} == {"t1", "t2"}
    again = ask(searcher, 9)
    assert again == {**configs[0], FIDELITY: 3}


def test_a_report_may_pass_several_rungs() -> None:
    searcher = dehb(max_t=9, resume=True)
    for number in range(9):
        ask(searcher, number)
        paused(searcher, number, 4, float(number))
    assert sum(decision.fidelity == 3 for decision in searcher.promotion_decisions) == 3
    for number in range(3):
        paused(searcher, number, 8, float(number))
    assert searcher.promotion_decisions[-1] == PromotionDecision("t0", 9)


BAD: dict[str, list[Any]] = {
    "mutation_factor": [0, 2.5, math.nan],
    "crossover_probability": [-0.1, 1.1],
    "eta": [1],
    "min_t": [0],
    "sizes": ["large"],
    "promotions": ["none"],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in BAD.items() for value in values])
def test_bad_arguments_are_rejected_by_name(name: str, value: Any) -> None:
    with pytest.raises(ArgumentError, match=f"`{name}` is {value!r}"):
        dehb(**{name: value})


def test_max_t_is_required() -> None:
    with pytest.raises(ArgumentError, match="`max_t`"):
        dehb(max_t=None)


@pytest.mark.parametrize("ladder", [(1, 1, 3), (4, 4, 3), (1, 2, 3)])
def test_one_fidelity_is_rejected(ladder: tuple[int, int, float]) -> None:
    with pytest.raises(ArgumentError, match=f"`max_t` is {ladder[1]}.* {3 * ladder[0]}"):
        dehb(min_t=ladder[0], max_t=ladder[1], eta=ladder[2])


@pytest.mark.parametrize(
    "entry", [tune.uniform(0, 1), 3, {"low": tune.uniform(0, 1)}, {"low": 1}, tune.choice([1, 2])], ids=ids
)
def test_the_key_of_the_fidelity_is_reserved(entry: Any) -> None:
    with pytest.raises(SpaceError, match="'fidelity'"):
        dehb({**SPACE, FIDELITY: entry})


def test_the_whole_first_iteration_may_promote_as_in_the_package() -> None:
    """81, 34, 15, 8 and 5 configs are new; promoted configs are unchanged. Afterwards all configs are evolved."""
    table = [rung for plan in rungs.hyperband(1, 81, 3) for rung in plan]
    searcher = dehb(promotions="first-iteration")
    configs = sequential(searcher, sum(rung.configs for rung in table))
    assert len({point(config) for config in configs}) == 81 + 34 + 15 + 8 + 5
    start = 0
    for rung, following in itertools.pairwise(table):
        here = configs[start : start + rung.configs]
        start += rung.configs
        if following.resource > rung.resource:
            best = sorted(here, key=loss_of)[: following.configs]
            assert [point(config) for config in configs[start:][: following.configs]] == [point(one) for one in best]
    later = [ask(searcher, 1000 + number) for number in range(81)]
    assert not {point(config) for config in later} & {point(config) for config in configs}


def test_many_running_trials_do_not_end_the_promoting_iteration_early() -> None:
    searcher = dehb(max_t=9, promotions="first-iteration")
    configs = [ask(searcher, number) for number in range(9 + 5 + 3 + 9 + 5)]
    for number, config in enumerate(configs[:14]):
        end(searcher, number, config)
    after = [ask(searcher, 100 + number) for number in range(4)]
    for promoted, pool in ((after[:3], configs[:9]), (after[3:], configs[9:14])):
        assert [point(c) for c in promoted] == [point(c) for c in sorted(pool, key=loss_of)[: len(promoted)]]
    end(searcher, 100, after[0])
    for number, config in enumerate(configs[17:26], start=17):
        end(searcher, number, config)
    assert point(ask(searcher, 200)) not in {point(config) for config in configs}, "the second iteration evolves"
