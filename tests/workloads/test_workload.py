"""What a workload record rejects, and what the registry of workloads promises."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest

from raytune_suite.errors import ArgumentError, PluginError, UnknownNameError
from raytune_suite.registry import Plugins
from raytune_suite.types import Curve
from raytune_suite.workloads import WORKLOADS, Workload, workload

if TYPE_CHECKING:
    from ray.tune import Trainable


def flat(config: dict[str, Any], seed: int) -> Curve:
    """A constant curve."""
    return Curve(np.arange(1.0, 10.0), {"loss": np.full(9, config["lr"] + seed)}, np.ones(9))


BY_CURVE: dict[str, Any] = {"trainable": None, "curve": flat, "has_state": False, "mutable": ()}


def create(**changes: Any) -> Workload:
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


def sample(created: Workload, seed: int) -> dict[str, Any]:
    return {key: domain.sample(random_state=seed) for key, domain in created.space.items()}


def test_test_seeds_and_tuning_seeds_are_disjoint_by_default() -> None:
    created = create()
    assert created.tuning_seeds == (0, 1, 2, 3, 4)
    assert created.test_seeds == (5, 6, 7, 8, 9)
    assert (created.min_t, created.eta, created.time_attr) == (1, 3, "training_iteration")


@pytest.mark.parametrize(
    ("changes", "culprit"),
    [
        ({"name": " "}, "`name`"),
        ({"summary": ""}, "`summary`"),
        ({"summary": "two\nlines"}, r"`summary` is 'two\\nlines'"),
        ({"metric": ""}, "`metric`"),
        ({"time_attr": ""}, "`time_attr`"),
        ({"mode": "less"}, "`mode` is 'less'"),
        ({"min_t": 0}, "`min_t` is 0"),
        ({"min_t": 10}, "`max_t` is 9, .*10"),
        ({"eta": 1}, "`eta` is 1"),
        ({"eta": float("nan")}, "`eta` is nan"),
        ({"tuning_seeds": ()}, "`tuning_seeds`"),
        ({"test_seeds": (5, 5)}, r"`test_seeds` is \(5, 5\)"),
        ({"test_seeds": (-1,)}, "`seed` is -1"),
        ({"test_seeds": (4, 5)}, r"\[4\].*`tuning_seeds` and `test_seeds`"),
        ({"space": {}, "mutable": ()}, "`space`"),
        ({"space": {"lr": 1, "seed": 2}}, "'seed'"),
        ({"has_state": False}, "`has_state`"),
        ({"mutable": ("widht",)}, "'width'"),
        ({"extra": "touch"}, "'torch'"),
        ({"trainable": None}, "`trainable` or `curve`"),
        ({"curve": flat, "has_state": False, "mutable": ()}, "`trainable` and `curve`"),
        ({**BY_CURVE, "has_state": True}, "`has_state` of workload 'test/nothing' is True"),
        ({"bounds": (1.0, 1.0)}, r"`bounds` is \(1.0, 1.0\)"),
        ({"bounds": (0.0, 1.0), "mode": "max"}, r"`bounds` is \(0.0, 1.0\).*'max'"),
        ({"bounds": (0.0, float("inf"))}, "`bounds`"),
        ({"bounds": (float("nan"), 1.0)}, "`bounds`"),
        ({"bounds": (0.0, 1.0), "optimum": 0.1}, "`optimum` is 0.1"),
    ],
)
def test_contradictory_values_are_rejected_by_name(changes: dict[str, Any], culprit: str) -> None:
    with pytest.raises((ArgumentError, UnknownNameError), match=culprit):
        create(**changes)


def test_a_workload_with_a_curve_gets_a_trainable_that_reports_it() -> None:
    created = create(**BY_CURVE)
    assert created.trainable.__name__ == "test-nothing"
    assert created.trainable({"lr": 0.5, "seed": 2}).step() == {"loss": 2.5, "done": False}
    assert create().curve is None


def test_a_workload_with_a_curve_can_be_changed_by_replace() -> None:
    changed = replace(create(**BY_CURVE), name="test/other", time_attr="epoch", max_t=3)
    assert changed.curve is flat
    assert changed.trainable.__name__ == "test-other"
    assert changed.trainable({"lr": 0.5}).step() == {"loss": 0.5, "epoch": 1.0, "done": False}


def test_regret_is_the_distance_to_the_optimum_in_both_modes() -> None:
    known = {"exact": lambda config: config["lr"], "optimum": 1.0}
    assert create(**known).regret({"lr": 1.25}) == 0.25
    assert create(**known, mode="max").regret({"lr": 0.75}) == 0.25
    assert create(**known).regret({"lr": 1 - 1e-16}) == 0, "not negative because of rounding"
    with pytest.raises(ArgumentError, match="'test/nothing'"):
        create().regret({"lr": 1.0})


@pytest.mark.parametrize("name", WORKLOADS)
def test_every_workload_has_frozen_bounds_of_finite_numbers(name: str) -> None:
    created = workload(name)
    assert created.bounds is not None
    assert all(isinstance(bound, float) and np.isfinite(bound) for bound in created.bounds)
    assert created.bounds == workload(name).bounds


@pytest.mark.parametrize("name", WORKLOADS)
def test_every_known_optimum_is_the_best_of_the_exact_values(name: str) -> None:
    created = workload(name)
    if created.exact is None or created.optimum is None or created.bounds is None:
        pytest.skip("no optimum is known")
    best, worst = created.bounds
    for seed in range(50):
        config = sample(created, seed)
        assert 0 <= created.regret(config) <= abs(worst - best)
        assert min(best, worst) <= created.exact(config) <= max(best, worst)


@pytest.mark.parametrize("name", WORKLOADS)
def test_every_curve_is_complete_and_repeatable(name: str) -> None:
    created = workload(name)
    if created.curve is None:
        pytest.skip("trained live")
    config = sample(created, 0)
    curve, again = created.curve(config, 3), created.curve(dict(config), 3)
    assert curve.resource[-1] == created.max_t
    assert (np.diff(curve.resource) > 0).all()
    assert curve.seconds.shape == curve.resource.shape
    assert (curve.seconds > 0).all()
    assert np.array_equal(curve.metrics[created.metric], again.metrics[created.metric], equal_nan=True)
    assert curve.metrics[created.metric].shape == curve.resource.shape


@pytest.mark.parametrize("name", [name for name in WORKLOADS if name.startswith("synthetic/")])
def test_the_synthetic_workloads_have_the_five_rungs_of_the_papers(name: str) -> None:
    created = workload(name)
    assert (created.min_t, created.max_t, created.eta) == (1, 81, 3)
    assert created.exact is not None
    assert created.optimum is not None


@pytest.mark.parametrize("name", WORKLOADS)
def test_every_workload_has_its_registered_name_and_a_new_space(name: str) -> None:
    created = workload(name)
    assert created.name == name
    assert workload(name).space is not created.space, "two studies must not share a space that one of them may change"


@pytest.mark.parametrize("name", WORKLOADS)
def test_every_declared_cost_is_positive_and_repeatable(name: str) -> None:
    created = workload(name)
    for seed in range(20):
        config = sample(created, seed)
        assert 0 < created.cost(config) < float("inf")
        assert created.cost(config) == created.cost(config)


def test_an_unknown_workload_is_rejected_with_a_suggestion() -> None:
    with pytest.raises(UnknownNameError, match="'live/digits-mlp'") as caught:
        workload("live/digit-mlp")
    assert caught.value.name == "live/digit-mlp"


def test_the_workload_of_another_package_is_created_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = EntryPoint("acme/toy", f"{__name__}:create", "raytune_suite.workloads")
    monkeypatch.setattr(WORKLOADS, "_plugins", Plugins({entry.name: entry}, {"acme/broken": "no such module: acme"}))
    assert workload("acme/toy").name == "test/nothing"
    with pytest.raises(UnknownNameError, match="'acme/toy'"):
        workload("acme/toi")
    with pytest.raises(PluginError, match="acme"):
        workload("acme/broken")


@pytest.mark.parametrize("attribute", ["flat", "WORKLOADS.kind.strip", "ROOT"])  # raises, returns text, is missing
def test_an_invalid_workload_of_another_package_is_one_message(attribute: str, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = EntryPoint("acme/toy", f"{__name__}:{attribute}", "raytune_suite.workloads")
    monkeypatch.setattr(WORKLOADS, "_plugins", Plugins({entry.name: entry}, {}))
    with pytest.raises(PluginError, match="acme/toy"):
        workload("acme/toy")


@pytest.mark.process
@pytest.mark.parametrize(
    ("program", "absent"),
    [
        ("import raytune_suite.workloads", ("ray", "torch", "sklearn")),
        (
            "import raytune_suite.workloads.synthetic.synthetic_functions",
            ("ray", "torch", "sklearn", "pandas", "scipy", "pyarrow"),
        ),
        pytest.param(
            "from raytune_suite.workloads import WORKLOADS as w, workload as of; [of(n) for n in w if n[:4] == 'live']",
            ("torch", "sklearn", "gymnasium"),
            marks=pytest.mark.e2e,
        ),
    ],
)
def test_packages_are_imported_only_when_they_are_needed(program: str, absent: tuple[str, ...]) -> None:
    check = f"import sys; {program}; print(sorted(set({absent!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)  # noqa: S603 - our own program
    assert done.stdout.strip() == "[]"
