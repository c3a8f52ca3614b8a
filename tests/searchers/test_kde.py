"""The kernel density searcher."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ray import tune

from raytune_suite.errors import ArgumentError
from raytune_suite.methods import make_method
from raytune_suite.searchers.kde import KDESearcher, Level
from raytune_suite.searchers.random import RandomSearcher
from raytune_suite.types import FAILED
from tests.searchers.common import SMOOTH, best, minimize, smooth

COMMON: Any = {"metric": "loss", "mode": "min"}
CONDITIONAL = {
    "optimizer": tune.choice(
        [{"name": "sgd", "momentum": tune.uniform(0, 1)}, {"name": "adam", "beta": tune.uniform(0, 1)}]
    )
}
LINE = {"x": tune.uniform(0, 1)}


def always(space: dict[str, Any], **arguments: Any) -> KDESearcher:
    """Create a searcher that always uses its model as soon as there is one."""
    return KDESearcher(space=space, random_fraction=0, **{**COMMON, "levels": (1, 3, 9), **arguments})


def teach(searcher: KDESearcher, resource: float, losses: list[float | None], name: str = "") -> list[Any]:
    """Report one trial per loss at a resource; None is a crash on the way there."""
    configs = []
    for number, loss in enumerate(losses):
        trial = f"{name or resource}-{number}"
        configs.append(searcher.suggest(trial))
        if loss is None:
            searcher.on_trial_complete(trial, error=True)
        else:
            searcher.on_trial_complete(trial, {"training_iteration": resource, "loss": loss})
    return configs


def model(searcher: KDESearcher) -> Any:
    """Return the model from which the next config is drawn."""
    searcher.ask()
    return searcher._model


@pytest.mark.e2e
def test_it_beats_random_search_on_a_smooth_function() -> None:
    ours, random = (
        [best(minimize(cls(space=SMOOTH, seed=seed, **COMMON), smooth, 70)) for seed in range(10)]
        for cls in (KDESearcher, RandomSearcher)
    )
    assert np.mean(ours) < 0.7 * np.mean(random)


def test_good_and_bad_by_hand() -> None:
    """Of ten observations, with at least three points per set, max(3, int(.15 * 10)) = 3 are good and seven are bad."""
    level = Level.empty(1)
    for number, loss in enumerate([5.0, 1.0, 4.0, FAILED, 2.0, 9.0, 3.0, 8.0, 6.0, 7.0]):
        level.put(f"t{number}", np.array([number / 10]), loss)
    parts = level.split(3, 0.15)
    assert parts is not None
    good, bad = parts
    assert good[:, 0].tolist() == [0.1, 0.4, 0.6]  # with losses 1, 2, 3
    assert bad[:, 0].tolist() == [0.2, 0.0, 0.8, 0.9, 0.7, 0.5, 0.3]  # the crash is the worst


@pytest.mark.parametrize(("count", "good"), [(6, 3), (20, 3), (27, 4), (100, 15)])
def test_fifteen_percent_are_good_but_at_least_min_points(count: int, good: int) -> None:
    level = Level.empty(1)
    for number in range(count):
        level.put(f"t{number}", np.array([0.5]), float(number))
    parts = level.split(3, 0.15)
    assert parts is not None
    assert [len(part) for part in parts] == [good, count - good]


def test_both_sets_need_more_points_than_there_are_dimensions() -> None:
    searcher = always({"x": tune.uniform(0, 1), "y": tune.uniform(0, 1)})  # d + 1 = 3 each
    teach(searcher, 1, [1.0, 2.0, 3.0, 4.0, 5.0])
    assert model(searcher) is None
    teach(searcher, 1, [6.0], "sixth")
    good, bad = model(searcher)
    assert (len(good.points), len(bad.points)) == (3, 3)


def test_only_the_largest_fidelity_with_enough_observations_is_used() -> None:
    searcher = always(LINE)
    teach(searcher, 1, [float(n) for n in range(20)])
    assert sum(len(part.points) for part in model(searcher)) == 20
    at_three = teach(searcher, 3, [9.0, 8.0, 7.0])
    assert sum(len(part.points) for part in model(searcher)) == 20  # three at fidelity 3 are not enough
    at_three += teach(searcher, 3, [6.0], "fourth")
    good, bad = model(searcher)
    assert sorted(np.concatenate([good.points, bad.points])[:, 0]) == sorted(config["x"] for config in at_three)


def test_a_late_result_of_a_lower_fidelity_is_kept() -> None:
    searcher = always(LINE)
    searcher.suggest("late")
    teach(searcher, 9, [1.0, 2.0, 3.0, 4.0])
    assert sum(len(part.points) for part in model(searcher)) == 4
    searcher.on_trial_result("late", {"training_iteration": 1, "loss": 0.5})
    assert searcher._levels[1].rows == {"late": 0}
    assert sum(len(part.points) for part in model(searcher)) == 4


def test_a_trial_counts_once_at_each_level_that_it_reaches() -> None:
    searcher = always(LINE)
    searcher.suggest("t")
    for iteration, loss in enumerate([0.9, 0.8, 0.7], start=1):
        searcher.on_trial_result("t", {"training_iteration": iteration, "loss": loss})
    searcher.on_trial_complete("t")  # as Ray calls it for a trial that was stopped while paused
    kept = {at: (len(level.rows), float(level.losses[0])) for at, level in searcher._levels.items()}
    assert kept == {1: (1, 0.9), 3: (1, 0.7)}


def test_a_trial_that_ends_by_itself_counts_at_its_next_level() -> None:
    searcher = always(LINE)
    teach(searcher, 4, [0.5])
    assert {at: len(level.rows) for at, level in searcher._levels.items()} == {3: 1}
    searcher.suggest("t")
    searcher.on_trial_result("t", {"training_iteration": 3, "loss": 0.9})
    searcher.on_trial_complete("t", {"training_iteration": 4, "loss": 0.4})
    assert {at: len(level.rows) for at, level in searcher._levels.items()} == {3: 2, 9: 1}


@pytest.mark.parametrize("failure", ["crash", "nan", "infinite"])
def test_a_failure_counts_as_the_worst_loss_at_its_next_level(failure: str) -> None:
    searcher = always(LINE)
    value = {"crash": None, "nan": math.nan, "infinite": -math.inf}[failure]
    (failed,) = teach(searcher, 1, [value])
    teach(searcher, 1, [50.0, 1e9, 2.0], "fine")
    good, bad = model(searcher)
    assert searcher._levels.keys() == {1}
    assert bad.points[-1, 0] == failed["x"]
    assert failed["x"] not in good.points


def test_if_too_many_failed_there_is_no_model() -> None:
    """Of 22, int(.15 * 22) = 3 would be good, but only two did not fail; of 23, three."""
    searcher = always(LINE)
    teach(searcher, 1, [*[None] * 20, 1.0, 2.0])
    assert model(searcher) is None
    teach(searcher, 1, [3.0], "third")
    assert [len(part.points) for part in model(searcher)] == [3, 20]


def test_failing_regions_are_avoided() -> None:
    def crashes(config: dict[str, Any]) -> float | None:
        return None if config["x"] > 0 else 5 + config["x"]

    runs = [minimize(KDESearcher(space={"x": tune.uniform(-5, 5)}, seed=s, **COMMON), crashes, 60) for s in range(5)]
    late = [value is None for done in runs for _, value in done[15:]]
    assert np.mean(late) < 0.3  # half of random configs crash
    assert max(best(done) for done in runs) < 0.5


def test_conditional_parameters_are_imputed_and_learned() -> None:
    def loss(config: dict[str, Any]) -> float:
        chosen = config["optimizer"]
        return float(abs(chosen["momentum"] - 0.9) if chosen["name"] == "sgd" else 2 + abs(chosen["beta"] - 0.5))

    searcher = KDESearcher(space=CONDITIONAL, seed=1, **COMMON)
    done = minimize(searcher, loss, 90)
    assert not any(np.isnan(part.points).any() for part in model(searcher))
    late = [config["optimizer"] for config, _ in done[45:]]
    sgd = [chosen for chosen in late if chosen["name"] == "sgd"]
    assert len(sgd) > 0.6 * len(late)
    assert best(done) < 0.1


def test_a_third_is_drawn_at_random() -> None:
    """All good configs are near 0, so configs far from 0 were drawn at random: 1/3 of .8."""
    searcher = KDESearcher(space=LINE, levels=(1,), seed=5, **COMMON)
    minimize(searcher, lambda config: config["x"], 40)
    searcher.ask()
    searcher.tell = None  # type: ignore[method-assign, assignment] # it stops learning
    drawn = [searcher.ask()["x"] for _ in range(900)]
    assert np.mean([x > 0.2 for x in drawn]) == pytest.approx(0.8 / 3, abs=0.05)


def test_all_configs_are_random_until_there_is_a_model() -> None:
    searcher, random = (KDESearcher(space=SMOOTH, seed=3, random_fraction=share, **COMMON) for share in (0, 1))
    ours, theirs = (minimize(one, smooth, 12) for one in (searcher, random))
    assert ours[:10] == theirs[:10]  # 2 (d + 1) = 10
    assert ours[10:] != theirs[10:]


def test_the_best_of_the_candidates_is_proposed() -> None:
    """With thousands of candidates, good configs near .2 and bad ones near .8, proposals are far from the bad ones."""
    searcher = always(LINE, candidates=4000)
    for number, (x, loss) in enumerate([(0.18, 1.0), (0.22, 2.0), (0.8, 9.0), (0.82, 9.0), (0.78, 9.0)]):
        searcher._live[f"t{number}"] = {"x": x}
        searcher.on_trial_complete(f"t{number}", {"training_iteration": 1, "loss": loss})
    good, bad = model(searcher)
    grid = np.linspace(0, 1, 2001)[:, None]
    ratio = good.log(grid) - bad.log(grid)
    near = grid[np.argmax(np.where(good.log(grid) > good.log(grid).max() - 2, ratio, -np.inf)), 0]
    assert abs(searcher.ask()["x"] - near) < 0.2


def test_the_first_and_last_integers_are_as_probable_as_the_others() -> None:
    searcher = KDESearcher(space={"n": tune.randint(0, 4)}, seed=0, random_fraction=1, **COMMON)
    seen = Counter(searcher.ask()["n"] for _ in range(4000))
    assert [seen[n] / 4000 for n in range(4)] == pytest.approx([0.25] * 4, abs=0.03)


@pytest.mark.parametrize("target", [1, 9])
def test_the_model_finds_an_optimum_at_the_first_or_last_integer(target: int) -> None:
    searcher = KDESearcher(space={"n": tune.randint(1, 10)}, seed=0, **COMMON)
    done = minimize(searcher, lambda config: abs(config["n"] - target), 60)
    assert np.mean([config["n"] == target for config, _ in done[30:]]) > 0.4


def test_a_log_scale_is_respected() -> None:
    """The model works in the unit interval: 1e-5, 1e-2.5 and 1 are at 0, .5 and 1."""
    searcher = always({"lr": tune.loguniform(1e-5, 1.0)})
    for number, lr in enumerate([1e-5, 10**-2.5, 1.0, 1e-4]):
        searcher._live[f"t{number}"] = {"lr": lr}
        searcher.on_trial_complete(f"t{number}", {"training_iteration": 1, "loss": float(number)})
    good, bad = model(searcher)
    assert good.points[:, 0] == pytest.approx([0, 0.5])
    assert bad.points[:, 0] == pytest.approx([1, 0.2])


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 999), st.lists(st.floats(-1e6, 1e6) | st.just(math.nan), min_size=12, max_size=20))
def test_whatever_the_losses_the_configs_are_in_the_space(seed: int, losses: list[float]) -> None:
    searcher = always({**SMOOTH, **CONDITIONAL, "one": tune.choice(["only"])}, seed=seed, min_points=2)
    for config in teach(searcher, 1, list(losses)):
        assert searcher.space is not None
        searcher.space.check(config)


@pytest.mark.parametrize("space", [{"k": tune.choice(["only"])}, LINE, {"n": tune.randint(0, 1)}], ids=list)
def test_small_spaces_are_supported(space: dict[str, Any]) -> None:
    done = minimize(always(space), lambda config: float(len(str(config))), 15)
    assert len(done) == 15


def test_with_hyperband_it_observes_results_at_the_full_fidelity() -> None:
    """Ray's BOHB does not."""
    method = make_method("bohb", LINE, metric="loss", mode="min", max_t=9)
    searcher: Any = method.searcher
    assert searcher.levels == (1, 3, 9)
    searcher.suggest("t")
    searcher.on_trial_complete("t", {"training_iteration": 9, "loss": 0.5})
    assert 9 in searcher._levels


BAD: dict[str, list[Any]] = {
    "min_points": [0, 1.5],
    "candidates": [0],
    "top_fraction": [-0.1, 1.1],
    "random_fraction": [2],
    "bandwidth_factor": [0],
    "min_bandwidth": [-1, math.inf],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in BAD.items() for value in values])
def test_bad_arguments_are_rejected_by_name(name: str, value: Any) -> None:
    with pytest.raises(ArgumentError, match=f"`{name}` is {value}"):
        KDESearcher(space=SMOOTH, **{**COMMON, name: value})
