"""Looking trainings up by the nearest config."""

from __future__ import annotations

import math
import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from ray import tune

from raytune_suite.errors import ArgumentError, DataError, SpaceError
from raytune_suite.spaces import Space
from raytune_suite.workloads.tabular.table import Table, blocks, replace_nonfinite, table_workload, worst_finite

if TYPE_CHECKING:
    from numpy.typing import NDArray

    import raytune_suite as rts

NUMBERS: dict[str, Any] = {
    "lr": tune.loguniform(1e-4, 1),
    "momentum": tune.uniform(0, 0.99),
    "decay": tune.loguniform(1e-6, 1e-1),
    "dropout": tune.uniform(0, 0.6),
    "batch": tune.lograndint(16, 257),
    "width": tune.randint(16, 129),
}
MIXED: dict[str, Any] = {
    "lr": tune.loguniform(1e-4, 1),
    "batch": tune.choice([32, 64, 128]),
    "norm": tune.choice([True, False]),
    "name": "constant",
}
NESTED: dict[str, Any] = {
    "lr": tune.loguniform(1e-4, 1),
    "replay": tune.choice([{"on": False}, {"on": True, "alpha": tune.uniform(0, 1), "kind": tune.choice(["a", "b"])}]),
}
SPACES = {"numbers": NUMBERS, "mixed": MIXED, "nested": NESTED}


def sampled(space: dict[str, Any], count: int, seed: int = 0) -> list[dict[str, Any]]:
    rng, compiled = np.random.default_rng(seed), Space(space)
    return [compiled.sample(rng) for _ in range(count)]


def make(space: dict[str, Any], count: int = 50, **changes: Any) -> Table:
    rng = np.random.default_rng(1)
    fields: dict[str, Any] = {
        "space": space,
        "configs": sampled(space, count),
        "metrics": {"loss": rng.random((count, 3, 4)), "error": rng.random((count, 3, 4))},
        "seeds": (0, 1, 7),
        "resource": np.arange(1.0, 5.0),
        "seconds": np.full((count, 4), 2.0),
    }
    return Table(**(fields | changes))


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_a_config_of_the_table_is_its_own_nearest_row(space: dict[str, Any]) -> None:
    table = make(space, 200)
    assert [table.row(config | {"seed": 3, "fidelity": 2}) for config in table.configs] == list(range(200))


def test_the_nearest_row_is_nearest_in_the_unit_cube() -> None:
    table, compiled = make(NUMBERS, 300), Space(NUMBERS)
    points = np.array([compiled.encode(config) for config in table.configs])
    for config in sampled(NUMBERS, 200, seed=5):
        assert table.row(config) == ((points - compiled.encode(config)) ** 2).sum(axis=1).argmin()


def test_log_scales_are_respected() -> None:
    configs = [{"lr": 1e-3}, {"lr": 1e-1}]
    assert make({"lr": tune.loguniform(1e-4, 1)}, 2, configs=configs).row({"lr": 0.011}) == 1
    assert make({"lr": tune.uniform(1e-4, 1)}, 2, configs=configs).row({"lr": 0.011}) == 0


def test_another_category_is_farther_than_any_number() -> None:
    configs = [{"lr": 1e-4, "batch": 32}, {"lr": 1.0, "batch": 64}]
    table = make({"lr": tune.loguniform(1e-4, 1), "batch": tune.choice([32, 64, 128])}, 2, configs=configs)
    assert table.row({"lr": 1e-4, "batch": 64}) == 1
    assert table.row({"lr": 0.9, "batch": 32}) == 0
    assert table.row({"lr": 0.9, "batch": 128}) == 1, "all other categories are equally far"


def test_an_inactive_parameter_is_equally_near_to_all_its_values() -> None:
    off = {"lr": 0.01, "replay": {"on": False}}
    on = {"lr": 0.01, "replay": {"on": True, "alpha": 0.2, "kind": "a"}}
    table = make(NESTED, 2, configs=[off, on])
    assert table.row({"lr": 0.9, "replay": {"on": False}}) == 0
    assert table.row({"lr": 0.01, "replay": {"on": True, "alpha": 0.9, "kind": "b"}}) == 1
    near, far = ({"lr": 0.01, "replay": {"on": True, "alpha": alpha, "kind": "a"}} for alpha in (0.6, 0.9))
    assert make(NESTED, 2, configs=[far, near]).row(off) == 1


def test_of_two_equal_rows_the_first_is_used() -> None:
    assert make({"lr": tune.uniform(0, 1)}, 2, configs=[{"lr": 0.5}, {"lr": 0.5}]).row({"lr": 0.5}) == 0


@pytest.mark.parametrize(
    ("config", "culprit"),
    [
        ({"lr": 2.0, "batch": 32, "norm": True}, "'lr' is 2.0, .*0.0001 to 1"),
        ({"lr": math.nan, "batch": 32, "norm": True}, "'lr' is nan"),
        ({"lr": "much", "batch": 32, "norm": True}, "'lr' is 'much'"),
        ({"lr": 0.1, "batch": 33, "norm": True}, "'batch' is 33, .*32, 64, 128"),
        ({"lr": 0.1, "batch": [32], "norm": True}, "'batch' is"),
        ({"lr": 0.1, "norm": True}, "'batch'"),
    ],
)
def test_a_config_outside_the_space_is_rejected(config: dict[str, Any], culprit: str) -> None:
    with pytest.raises(SpaceError, match=culprit):
        make(MIXED).row(config)


@pytest.mark.parametrize("precision", [np.float32, np.float64])
def test_a_curve_has_the_values_of_its_row_and_seed_in_float64(precision: type) -> None:
    values: NDArray[Any] = np.random.default_rng(1).random((50, 3, 4)).astype(precision)
    seconds = np.arange(600.0).reshape(50, 3, 4)
    table = make(NUMBERS, metrics={"loss": values, "error": 2 * values}, seconds=seconds)
    curve = table.curve(table.configs[7] | {"seed": 7}, seed=7)
    assert curve.metrics["loss"].dtype == np.float64
    assert curve.metrics["loss"].tolist() == values[7, 2].tolist()
    assert curve.metrics["error"].tolist() == (2 * values)[7, 2].tolist()
    assert curve.seconds.tolist() == seconds[7, 2].tolist()
    assert curve.resource.tolist() == [1, 2, 3, 4]
    assert table.metrics["loss"].dtype == precision
    with pytest.raises(ArgumentError, match=r"`seed` is 2, .*\(0, 1, 7\)"):
        table.curve(table.configs[7], seed=2)


def test_seconds_may_be_the_same_for_all_seeds() -> None:
    table = make(NUMBERS, resource=np.array([1.0, 2, 4, 8]))
    assert table.curve(table.configs[0], seed=1).seconds.tolist() == [2, 2, 2, 2]
    assert table.seconds_per_unit(table.configs[0]) == 1.0, "8 seconds for 8 units of resource"


def test_a_table_is_read_only() -> None:
    table = make(NUMBERS)
    with pytest.raises(ValueError, match="read-only"):
        table.metrics["loss"][0, 0, 0] = 0.0


@pytest.mark.parametrize(
    ("changes", "culprit"),
    [
        ({"metrics": {"loss": np.zeros((50, 4, 3))}}, r"`metrics\['loss'\]` has shape \(50, 4, 3\)"),
        ({"seconds": np.ones(4)}, r"`seconds` has shape \(4,\)"),
        ({"metrics": {}}, "0 metrics"),
        ({"configs": [], "metrics": {"loss": np.zeros((0, 3, 4))}}, r"\(0, 3, 4\)"),
    ],
)
def test_arrays_with_wrong_shapes_are_rejected(changes: dict[str, Any], culprit: str) -> None:
    with pytest.raises(ArgumentError, match=culprit):
        make(NUMBERS, **changes)


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_a_table_can_be_sent_to_another_process(space: dict[str, Any]) -> None:
    table = make(space)
    sent = pickle.loads(pickle.dumps(table))  # noqa: S301 - our own bytes
    assert [sent.row(config) for config in sampled(space, 20, 3)] == [table.row(c) for c in sampled(space, 20, 3)]


def test_a_long_frame_is_converted_to_arrays_whatever_its_order() -> None:
    lines = [(run, seed, t, 100 * run + 10 * seed + t) for run in (4, 2) for seed in (1, 0) for t in (30, 10, 20)]
    frame = pd.DataFrame(lines[1:], columns=["run", "seed", "t", "loss"])
    arrays = blocks(frame, row="run", seed="seed", resource="t", metrics=["loss"])
    assert (arrays.rows, arrays.seeds, arrays.resource.tolist()) == ([2, 4], (0, 1), [10, 20, 30])
    assert arrays.metrics["loss"][0].tolist() == [[210, 220, 230], [220, 230, 240]]
    assert np.isnan(arrays.metrics["loss"][1, 1, 2]), "the missing row"
    with pytest.raises(DataError, match="run, seed and t"):
        blocks(pd.concat([frame, frame[:1]]), row="run", seed="seed", resource="t", metrics=["loss"])


def test_values_that_are_not_finite_are_replaced_by_the_worst_finite_one() -> None:
    values = np.array([1.0, math.nan, 3.0, math.inf, -math.inf])
    assert replace_nonfinite(values, "min").tolist() == [1, 3, 3, 3, 3]
    assert replace_nonfinite(values, "max").tolist() == [1, 1, 3, 1, 1]
    assert replace_nonfinite(values.astype(np.float32), "max").dtype == np.float32
    assert worst_finite(values, "min") == 3.0


def workload_of(table: Table, **changes: Any) -> rts.Workload:
    fields: dict[str, Any] = {"metric": "loss", "mode": "min", "tuning_seeds": (0, 1), "test_seeds": (7,)}
    return table_workload(table, name="table/test", summary="random numbers", **(fields | changes))


@pytest.mark.parametrize("mode", ["min", "max"])
def test_bounds_are_the_best_and_the_worst_row_on_the_test_seeds(mode: Any) -> None:
    table = make(NUMBERS)
    loss, best, worst = table.metrics["loss"], np.min, np.max
    if mode == "max":
        best, worst = worst, best
    tabular = workload_of(table, mode=mode)
    assert tabular.bounds == (float(best(loss[:, 2, -1])), float(worst(loss[:, 2, -1])))
    assert tabular.optimum is None
    assert tabular.exact is None
    assert tabular.max_t == 4


def test_the_only_training_of_each_config_is_exact() -> None:
    table = make(NUMBERS, metrics={"loss": np.arange(200.0).reshape(50, 1, 4)}, seeds=(0,))
    tabular = workload_of(table, tuning_seeds=(0,), test_seeds=())
    assert (tabular.bounds, tabular.optimum) == ((3.0, 199.0), 3.0)
    assert tabular.regret(table.configs[4]) == 16.0


def test_each_workload_of_a_table_has_its_own_space() -> None:
    table = make(NESTED)
    tabular = workload_of(table)
    assert Space(tabular.space).describe() == Space(table.space).describe()
    assert tabular.space["lr"] is not table.space["lr"]


def test_a_missing_metric_and_one_with_missing_values_are_rejected() -> None:
    with pytest.raises(ArgumentError, match="`metric` is 'los'"):
        workload_of(make(NUMBERS), metric="los")
    with pytest.raises(ArgumentError, match="`metric` is 'loss'"):
        workload_of(make(NUMBERS, metrics={"loss": np.full((50, 3, 4), np.nan)}))
