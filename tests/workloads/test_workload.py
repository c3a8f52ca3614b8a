"""What a workload record refuses, and what the registry of workloads promises."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest

from raytune_suite.errors import ArgumentError, UnknownNameError
from raytune_suite.types import Curve
from raytune_suite.workloads import WORKLOADS, Workload, workload

if TYPE_CHECKING:
    from ray.tune import Trainable


def flat(config: dict[str, Any], seed: int) -> Curve:
    """A curve that says nothing."""
    return Curve(np.arange(1.0, 10.0), {"loss": np.full(9, config["lr"] + seed)}, np.ones(9))


BY_CURVE: dict[str, Any] = {"trainable": None, "curve": flat, "has_state": False, "mutable": ()}


def make(**changes: Any) -> Workload:
    fields: dict[str, Any] = {
        "name": "test/nothing",
        "summary": "nothing at all",
        "trainable": cast("type[Trainable]", object),
        "space": {"lr": (0, 1), "width": (1, 9)},
        "metric": "loss",
        "mode": "min",
        "cost": lambda _config: 1.0,
        "max_t": 9,
        "has_state": True,
        "mutable": ("lr",),
    }
    return Workload(**(fields | changes))


def sample(made: Workload, seed: int) -> dict[str, Any]:
    return {key: domain.sample(random_state=seed) for key, domain in made.space.items()}


def test_defaults_keep_test_seeds_apart_from_tuning_seeds() -> None:
    made = make()
    assert made.tuning_seeds == (0, 1, 2, 3, 4)
    assert made.test_seeds == (5, 6, 7, 8, 9)
    assert (made.min_t, made.eta, made.time_attr) == (1, 3, "training_iteration")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": " "}, "`name`"),
        ({"summary": ""}, "`summary`"),
        ({"summary": "two\nlines"}, "one line"),
        ({"metric": ""}, "`metric`"),
        ({"time_attr": ""}, "`time_attr`"),
        ({"mode": "less"}, "'min' or 'max'"),
        ({"min_t": 0}, "`min_t` is 0"),
        ({"min_t": 10}, "`max_t` is 9, but must be at least `min_t`, which is 10"),
        ({"eta": 1}, "`eta` is 1"),
        ({"eta": float("nan")}, "`eta` is nan"),
        ({"tuning_seeds": ()}, "`tuning_seeds`"),
        ({"test_seeds": (5, 5)}, "`test_seeds` is .*twice"),
        ({"test_seeds": (-1,)}, "`seed` is -1"),
        ({"test_seeds": (4, 5)}, r"seeds \[4\] are in both"),
        ({"space": {}, "mutable": ()}, "`space`"),
        ({"space": {"lr": 1, "seed": 2}}, "'seed'"),
        ({"has_state": False}, "`has_state`"),
        ({"mutable": ("widht",)}, "did you mean 'width'"),
        ({"extra": "touch"}, "did you mean 'torch'"),
        ({"trainable": None}, "no evaluator: give `trainable` or `curve`"),
        ({"curve": flat, "has_state": False, "mutable": ()}, "both `trainable` and `curve`"),
        ({**BY_CURVE, "has_state": True}, "`has_state` of workload 'test/nothing' is True, but a `curve` has no state"),
        ({"bounds": (1.0, 1.0)}, r"`bounds` is \(1.0, 1.0\)"),
        ({"bounds": (0.0, 1.0), "mode": "max"}, "for 'max' must hold a best and a worst finite number"),
        ({"bounds": (0.0, float("inf"))}, "`bounds`"),
        ({"bounds": (float("nan"), 1.0)}, "`bounds`"),
        ({"bounds": (0.0, 1.0), "optimum": 0.1}, "`optimum` is 0.1"),
    ],
)
def test_contradictory_values_are_rejected_by_name(changes: dict[str, Any], message: str) -> None:
    with pytest.raises((ArgumentError, UnknownNameError), match=message):
        make(**changes)


def test_a_workload_by_curve_gets_a_trainable_that_walks_along_it() -> None:
    made = make(**BY_CURVE)
    assert made.trainable.__name__ == "test-nothing"
    assert made.trainable({"lr": 0.5, "seed": 2}).step() == {"loss": 2.5, "done": False}
    assert make().curve is None


def test_a_workload_by_curve_can_be_changed_by_replace() -> None:
    changed = replace(make(**BY_CURVE), name="test/other", time_attr="epoch", max_t=3)
    assert changed.curve is flat
    assert changed.trainable.__name__ == "test-other"
    assert changed.trainable({"lr": 0.5}).step() == {"loss": 0.5, "epoch": 1.0, "done": False}


def test_regret_is_the_distance_to_the_optimum_in_either_direction() -> None:
    known = {"exact": lambda config: config["lr"], "optimum": 1.0}
    assert make(**known).regret({"lr": 1.25}) == 0.25
    assert make(**known, mode="max").regret({"lr": 0.75}) == 0.25
    assert make(**known).regret({"lr": 1 - 1e-16}) == 0, "never negative by a rounding"
    with pytest.raises(ArgumentError, match="workload 'test/nothing' knows no optimum"):
        make().regret({"lr": 1.0})


@pytest.mark.parametrize("name", WORKLOADS)
def test_every_workload_has_frozen_bounds_of_finite_numbers(name: str) -> None:
    made = workload(name)
    assert made.bounds is not None
    assert all(isinstance(bound, float) and np.isfinite(bound) for bound in made.bounds)
    assert made.bounds == workload(name).bounds


@pytest.mark.parametrize("name", WORKLOADS)
def test_every_known_optimum_is_the_best_of_the_exact_values(name: str) -> None:
    made = workload(name)
    if made.exact is None or made.optimum is None or made.bounds is None:
        pytest.skip("no optimum is known")
    best, worst = made.bounds
    for seed in range(50):
        config = sample(made, seed)
        assert 0 <= made.regret(config) <= abs(worst - best)
        assert min(best, worst) <= made.exact(config) <= max(best, worst)


@pytest.mark.parametrize("name", WORKLOADS)
def test_every_curve_is_whole_repeatable_and_a_function_of_the_seed(name: str) -> None:
    made = workload(name)
    if made.curve is None:
        pytest.skip("trained live")
    config = sample(made, 0)
    curve, again = made.curve(config, 3), made.curve(dict(config), 3)
    assert curve.resource[-1] == made.max_t
    assert (np.diff(curve.resource) > 0).all()
    assert curve.seconds.shape == curve.resource.shape
    assert (curve.seconds > 0).all()
    assert np.array_equal(curve.metrics[made.metric], again.metrics[made.metric], equal_nan=True)
    assert curve.metrics[made.metric].shape == curve.resource.shape


@pytest.mark.parametrize("name", [name for name in WORKLOADS if name.startswith("synthetic/")])
def test_the_synthetic_ones_have_the_five_rungs_of_the_papers(name: str) -> None:
    made = workload(name)
    assert (made.min_t, made.max_t, made.eta) == (1, 81, 3)
    assert made.exact is not None
    assert made.optimum is not None


@pytest.mark.parametrize("name", WORKLOADS)
def test_every_workload_can_be_made_under_its_own_name(name: str) -> None:
    made = workload(name)
    assert made.name == name
    assert workload(name).space is not made.space, "two studies shall not share a space that one of them may change"


@pytest.mark.parametrize("name", WORKLOADS)
def test_every_declared_cost_is_positive_and_repeatable(name: str) -> None:
    made = workload(name)
    for seed in range(20):
        config = sample(made, seed)
        assert 0 < made.cost(config) < float("inf")
        assert made.cost(config) == made.cost(config)


def test_an_unknown_workload_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'live/digits-mlp'"):
        workload("live/digit-mlp")


@pytest.mark.parametrize(
    ("program", "absent"),
    [
        ("import raytune_suite.workloads", ("ray", "torch", "sklearn")),
        (
            "import raytune_suite.workloads.synthetic.synthetic_functions",
            ("ray", "torch", "sklearn", "pandas", "scipy", "pyarrow"),
        ),
        ("from raytune_suite.workloads import workload; workload('synthetic/mfh3')", ("torch", "sklearn")),
        ("from raytune_suite.workloads import workload; workload('live/digits-mlp')", ("torch", "sklearn")),
        ("from raytune_suite.workloads import workload; workload('live/cartpole-ppo')", ("torch", "gymnasium")),
    ],
)
def test_what_is_not_asked_for_is_not_imported(program: str, absent: tuple[str, ...]) -> None:
    check = f"import sys; {program}; print(sorted(set({absent!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)  # noqa: S603 - our own program
    assert done.stdout.strip() == "[]"
