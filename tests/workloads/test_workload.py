"""What a workload record refuses, and what the registry of workloads promises."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any, cast

import pytest

from raytune_suite.errors import ArgumentError, UnknownNameError
from raytune_suite.workloads import WORKLOADS, Workload, workload

if TYPE_CHECKING:
    from ray.tune import Trainable


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
        ({"test_seeds": ()}, "`test_seeds`"),
        ({"test_seeds": (5, 5)}, "none of them twice"),
        ({"test_seeds": (-1,)}, "`seed` is -1"),
        ({"test_seeds": (4, 5)}, r"seeds \[4\] are in both"),
        ({"space": {}, "mutable": ()}, "`space`"),
        ({"space": {"lr": 1, "seed": 2}}, "'seed'"),
        ({"has_state": False}, "`has_state`"),
        ({"mutable": ("widht",)}, "did you mean 'width'"),
        ({"extra": "touch"}, "did you mean 'torch'"),
    ],
)
def test_contradictory_values_are_refused_by_name(changes: dict[str, Any], message: str) -> None:
    with pytest.raises((ArgumentError, UnknownNameError), match=message):
        make(**changes)


@pytest.mark.parametrize("name", WORKLOADS)
def test_every_workload_can_be_made_under_its_own_name(name: str) -> None:
    made = workload(name)
    assert made.name == name
    assert workload(name).space is not made.space, "two studies shall not share a space that one of them may change"


@pytest.mark.parametrize("name", WORKLOADS)
def test_every_declared_cost_is_positive_and_repeatable(name: str) -> None:
    made = workload(name)
    for seed in range(20):
        config = {key: domain.sample(random_state=seed) for key, domain in made.space.items()}
        assert 0 < made.cost(config) < float("inf")
        assert made.cost(config) == made.cost(config)


def test_an_unknown_workload_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'live/digits-mlp'"):
        workload("live/digit-mlp")


@pytest.mark.parametrize(
    ("program", "absent"),
    [
        ("import raytune_suite.workloads", ("ray", "torch", "sklearn")),
        ("from raytune_suite.workloads import workload; workload('live/digits-mlp')", ("torch", "sklearn")),
    ],
)
def test_what_is_not_asked_for_is_not_imported(program: str, absent: tuple[str, ...]) -> None:
    check = f"import sys; {program}; print(sorted(set({absent!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)  # noqa: S603 - ours
    assert done.stdout.strip() == "[]"
