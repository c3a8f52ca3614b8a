"""Malformed calls of `tune`, `make_method`, `Settings` and `Simulation`: rejected before anything is written."""

from __future__ import annotations

import math
import types
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import ray
from ray import tune

import raytune_suite as rts
from raytune_suite.engines.simulated.running_trial import Fault
from raytune_suite.errors import ArgumentError, RaytuneSuiteError, SpaceError
from tests.ids import ids

if TYPE_CHECKING:
    from pathlib import Path

SPACE = {"x": tune.uniform(0, 1)}


class Training(tune.Trainable):
    """Never trained here."""

    def setup(self, config: dict[str, Any]) -> None:
        raise AssertionError(config)


def method_args(method: str, **args: Any) -> dict[str, Any]:
    return {"method": method, "method_args": args, "num_samples": 4}


BAD_METHOD_ARGS: list[Any] = [5, "eta=4", ["eta"], {1: 2}, {"seed": 1}, {"metric": "x"}, {"space": {}}, {"etta": 3}]
BAD_SPACES: list[Any] = [5, [], {}, {"x": 1}, {1: SPACE["x"]}, {"a/b": SPACE["x"]}, {"x": tune.choice([])}]
WRONG_RESOURCES: list[Any] = [
    "cpu", ["cpu"], {"cpu": "2"}, {"cpu": 0}, {"gpu": 1.5}, {"cpu": math.nan}, {1: 2},
    [], [{}], [{"cpu": 1}, {}], [{"cpu": 1}, {"gpu": 1.5}], [{1: 2}],
]  # fmt: skip

OF_WORKLOADS: list[dict[str, Any]] = [
    *({"budget": value} for value in (math.inf, math.nan, 0, -1, True, "20", [1], 10**400, 1j)),
    *({"budget": None, "time_limit": value} for value in (math.inf, math.nan, 0, -1, "60")),
    {"budget": math.inf, "time_limit": math.inf},
    *({"num_samples": value} for value in (0, -1, 2.5, True, "4", math.inf)),
    *({"max_concurrent": value} for value in (0, -1, 1.5, True, "all")),
    *({"seed": value} for value in (-1, 0.5, True, "0", None, 2**70)),
    *({"tuning_seeds": value} for value in (5, "0-4", [0, 0], [-1], [0.5], [True], range(10**9), {0: 1})),
    *({"test_seeds": value} for value in (5, "5-9", [5, 5], [-1], range(10**9), [0])),
    *({"resources": value} for value in WRONG_RESOURCES),
    *(
        {"storage_path": value}
        for value in (5, None, "", "a\0b", __file__, f"{__file__}/studies", "/proc/none/x", "x" * 5000)
    ),
    *({"name": value} for value in ("", " ", ".", "..", "a/b", "a\0b", "a\nb", "x" * 300, "é" * 150, 5, b"a")),
    *({"resume": value} for value in (True, "yes", 1)),
    *({"callbacks": value} for value in (5, "progress", [5], {"a": 1})),
    *({"engine": value} for value in ("Ray", 5, None, rts.Simulation, np.zeros(3))),
    *({"settings": value} for value in (5, {"snapshot_s": 1}, rts.Settings())),
    {"progress": "yes"},
    *({"workload": value} for value in (5, "", "nothing", "synthetic/", "yahpo/../x", ["synthetic/branin"])),
    *({"method": value} for value in (5, "", "asah", "a+b+c", "+", "random+", "dehb+asha", b"asha", "a\0" * 10**5)),
    *({"method_args": value} for value in BAD_METHOD_ARGS),
    {"metric": "loss"},
    {"max_t": 9},
    {"unknown": 1},
    {"time_attr": "epoch"},
    *(method_args("asha", eta=value) for value in (1, 1.0001, 0, -3, math.inf, math.nan, "3", True, None, [3])),
    *(method_args("asha", min_t=value) for value in (0, -1, 1.5, "1", True, 10**6, 10**30)),
    *(method_args("asha", brackets=value) for value in (0, 99, 1.0, "1", True)),
    *(method_args("hyperband", sizes=value) for value in ("big", 5, None)),
    *(method_args("async-hyperband", brackets=value) for value in (0, 99, 1.0, "1", True)),
    *(method_args("median", min_trials=value) for value in (0, 2.5, "3")),
    *(
        method_args("bohb", **{name: "x"})
        for name in ("min_points", "top_fraction", "candidates", "bandwidth_factor", "eta")
    ),
    *(method_args("bohb", top_fraction=value) for value in (-0.1, 1.1, math.nan, True)),
    *(method_args("bohb", min_bandwidth=value) for value in (0, math.inf)),
    *(method_args("tpe", gamma=value) for value in ("x", 0, 1, math.nan, None)),
    *(method_args("tpe", n_initial=value) for value in ("x", 0, 2.5)),
    *(method_args("gp", kappa=value) for value in ("x", 0, math.inf)),
    *(method_args("dehb", mutation_factor=value) for value in ("x", 0, 3, math.nan)),
    *(method_args("dehb", promotions=value) for value in ("x", 5)),
    *(method_args("dehb", resume=value) for value in ("x", 1, None)),
    *(method_args("random", points_to_evaluate=value) for value in (5, "x", [5], [{"y": 1}], {"x": 1})),
]

OF_POPULATIONS: list[dict[str, Any]] = [
    *({"interval": value} for value in ("x", 0, 1.5)),
    *({"quantile": value} for value in ("x", 0, 0.6, math.nan)),
    *({"mutable": value} for value in (5, "x", [5], [], ["nothing"])),
]

OF_TRAINABLES: list[dict[str, Any]] = [
    *({"trainable": value} for value in (5, "not registered", print, dict, lambda: None)),
    *({"space": value} for value in BAD_SPACES),
    *({"metric": value} for value in (5, "", "a\0")),
    *({"mode": value} for value in (5, "MIN", "", np.zeros(2))),
    *({"max_t": value} for value in (0, -1, 1.5, True, "9", math.inf, 2**60)),
    *({"time_attr": value} for value in (5, " ", "a\n")),
]


@pytest.fixture(autouse=True)
def _never_started(tmp_path: Path) -> Any:
    started = ray.is_initialized()
    yield
    assert ray.is_initialized() == started
    assert not list(tmp_path.iterdir())


def rejected(**call: Any) -> None:
    with pytest.raises(RaytuneSuiteError) as caught:
        rts.tune(**call)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 4000


@pytest.mark.parametrize("call", OF_WORKLOADS, ids=lambda call: ids(call)[:60].replace("\\x00", "0"))
def test_a_malformed_study_of_a_workload_is_rejected(call: dict[str, Any], tmp_path: Path) -> None:
    common = {"workload": "synthetic/branin", "engine": "simulated", "storage_path": tmp_path, "progress": False}
    rejected(**{**common, "budget": None if "num_samples" in call else 1, **call})


@pytest.mark.parametrize(
    ("method", "args"),
    [
        *((method, args) for method in ("pbt", "pb2") for args in OF_POPULATIONS),
        *(("pbt", {"resample_probability": value}) for value in ("x", -1, 2)),
    ],
    ids=ids,
)
def test_a_malformed_population_is_rejected(method: str, args: dict[str, Any], tmp_path: Path) -> None:
    common: dict[str, Any] = {"engine": "simulated", "storage_path": tmp_path, "budget": 1}
    rejected(workload="synthetic/pbt-quadratic", method=method, method_args=args, **common)


@pytest.mark.parametrize("call", OF_TRAINABLES, ids=lambda call: ids(call)[:60].replace("\\x00", "0"))
def test_a_malformed_study_of_a_trainable_is_rejected(call: dict[str, Any], tmp_path: Path) -> None:
    common = {"trainable": Training, "space": SPACE, "metric": "loss", "mode": "min", "max_t": 9}
    rejected(**{**common, "engine": "simulated", "storage_path": tmp_path, "budget": 1, **call})


@pytest.mark.parametrize(
    "name", ["reuse_actors", "loggers", "snapshot_s", "max_failures", "checkpoint_s", "keep_checkpoints"]
)
@pytest.mark.parametrize("value", ["x", -2, math.nan, [1]])
def test_malformed_settings_are_rejected(name: str, value: Any) -> None:
    with pytest.raises(ArgumentError) as caught:
        rts.Settings(**{name: value})
    assert caught.value.name == name


@pytest.mark.parametrize(
    "fields",
    [
        *({"workers": value} for value in (0, 1.5, True, "4", math.inf, 10**9)),
        *({"compute": value} for value in (-1, 1.5, "2")),
        *({"max_failures": value} for value in (-1, 1.5)),
        *({"checkpoint_every": value} for value in (-1, "x")),
        *({"faults": value} for value in (5, [5], [Fault(-1, 0)], [Fault(1, 9)], [Fault(math.nan, 0)])),
        {"cost": 5},
    ],
    ids=ids,
)
def test_a_malformed_simulation_is_rejected(fields: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError):
        rts.Simulation(**fields)


@pytest.mark.parametrize(
    "constant",
    [{1, 2}, frozenset("ab"), math, types.ModuleType("m"), {1: 2}, {"a": [{(1, 2): 3}]}, [{1, 2}]],
    ids=lambda value: str(type(value)),
)
def test_a_constant_that_differs_between_processes_is_rejected(constant: Any) -> None:
    with pytest.raises(SpaceError):
        rts.Space({**SPACE, "constant": constant})
    with pytest.raises(SpaceError):
        rts.Space({"x": tune.choice([constant, "other"])})


class Plain:
    """An object with the default `repr`, which has its address."""


class Terse:
    """An object whose `repr` has its address in a form of its own."""

    def __repr__(self) -> str:
        return f"<Terse {hex(id(self))}>"


@pytest.mark.parametrize("kind", [Plain, Terse])
def test_a_description_has_no_addresses(kind: type[Any]) -> None:
    spaces = [rts.Space({**SPACE, "constant": kind(), "choice": tune.choice([kind(), 1])}) for _ in range(2)]
    assert spaces[0].describe() == spaces[1].describe()


def test_numpy_scalars_count_as_numbers(tmp_path: Path) -> None:
    method = rts.make_method("asha", max_t=np.int64(27), eta=np.float64(3), min_t=np.int32(1))  # type: ignore[arg-type] # numpy's
    assert method.scheduler.levels == (1.0, 3.0, 9.0, 27.0)
    assert rts.Simulation(workers=np.int64(2)) == rts.Simulation(workers=2)  # type: ignore[arg-type] # as above
    assert not list(tmp_path.iterdir())
