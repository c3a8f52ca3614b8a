"""The evaluation of an incumbent: its gap, its regrets, and which of them counts."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import pytest

import raytune_suite as rts
from raytune_suite.bench import store
from raytune_suite.bench.run import evaluation_columns, exact_regret, fingerprint, incumbent_at, normalized_regret
from raytune_suite.errors import ArgumentError
from raytune_suite.types import Stage

if TYPE_CHECKING:
    from pathlib import Path

BEST = {"x1": 1.0, "x2": 0.5}


def workload(**changes: Any) -> rts.Workload:
    """A workload with bounds from 0, the best, to 10, and no exact values."""
    branin = rts.workload("synthetic/branin")
    return dataclasses.replace(branin, **{"bounds": (0.0, 10.0), "optimum": None, "exact": None, **changes})


def evaluated(of: rts.Workload, tuning: float, scores: list[float]) -> dict[str, Any]:
    """Evaluate a config with these scores."""
    return evaluation_columns(of, tuning, [5, 6][: len(scores)], scores, [Stage(0, BEST)])


@pytest.mark.parametrize(
    ("fraction", "expected"), [(1 / 3, 1), (2 / 3, 1), (1.0, 3), (0.01, None), (1 / 30, 0), (0.5, 1)]
)
def test_an_incumbent_counts_from_the_cost_at_which_it_was_found(fraction: float, expected: int | None) -> None:
    assert incumbent_at([1.0, 10.0, 25.0, 31.0], fraction, 30.0) == expected


@pytest.mark.parametrize(("mode", "bounds", "sign"), [("min", (0.0, 10.0), 1), ("max", (10.0, 0.0), -1)])
def test_the_gap_and_the_regrets_are_positive_for_worse_scores(mode: str, bounds: Any, sign: int) -> None:
    row = evaluated(workload(mode=mode, bounds=bounds), 5.0, [5.0 + 2 * sign, 5.0 + 4 * sign])
    assert row["test_score"] == 5.0 + 3 * sign
    assert row["gap"] == 3.0
    assert (row["tuning_regret"], row["test_regret"], row["regret"]) == (0.5, 0.8, 0.8)
    assert math.isnan(row["exact_regret"])
    assert row["judged_by"] == "test seeds"


def test_a_failed_test_training_counts_as_the_worst() -> None:
    row = evaluated(workload(), 5.0, [2.0, math.nan])
    assert math.isnan(row["test_score"])
    assert math.isnan(row["gap"])
    assert row["test_regret"] == row["regret"] == 1.0
    assert evaluated(workload(), 5.0, [25.0, math.nan])["regret"] == 2.5


def test_without_test_seeds_the_tuning_metric_counts() -> None:
    row = evaluated(workload(), 5.0, [])
    assert math.isnan(row["test_score"])
    assert math.isnan(row["gap"])
    assert (row["regret"], row["judged_by"]) == (0.5, "tuning metric")


def test_without_test_seeds_the_tuning_metric_counts_even_if_an_exact_value_is_known() -> None:
    branin = rts.workload("synthetic/branin")
    row = evaluated(branin, 5.0, [])
    assert (row["regret"], row["judged_by"]) == (row["tuning_regret"], "tuning metric")
    assert row["exact_regret"] != row["tuning_regret"]


def test_older_rows_that_called_the_tuned_value_exact_are_relabelled(tmp_path: Path) -> None:
    names = {"workload": "w", "method": "m", "method_seed": 0, "fraction": 1.0, "cost": 1.0, "resource": 1.0}
    branin = rts.workload("synthetic/branin")
    rows = [{**names, "config": "{}", **evaluated(branin, 5.0, scores), "judged_by": "exact"} for scores in ([], [1.0])]
    store.write_table(tmp_path, "results", rows)
    assert store.read_table(tmp_path, "results")["judged_by"].to_pylist() == ["tuning metric", "exact"]


@pytest.mark.parametrize("name", store.TABLES)
def test_a_run_with_a_cut_table_counts_as_not_done(name: str, tmp_path: Path) -> None:
    folder = store.run_folder(tmp_path, "run")
    folder.mkdir(parents=True)
    for table in store.TABLES:
        store.write_table(folder, table, [])
    row = {"workload": "w", "method": "m", "method_seed": 0, "status": store.DONE, "error": ""}
    store.write_table(folder, "runs", [{**row, "trials": 1, "reports": 1, "spent": 1.0, "simulated_seconds": 1.0}])
    assert store.status(tmp_path, "run") == store.DONE
    file = folder / f"{name}.parquet"
    file.write_bytes(file.read_bytes()[:40])
    assert store.status(tmp_path, "run") is None
    with pytest.raises(ArgumentError, match=name):
        store.read_table(folder, name)


def test_without_bounds_there_is_no_regret() -> None:
    assert math.isnan(normalized_regret(workload(bounds=None), 3.0))
    assert math.isnan(evaluated(workload(bounds=None), 5.0, [1.0, 2.0])["regret"])
    assert evaluated(workload(bounds=None), 5.0, [1.0, 2.0])["test_score"] == 1.5


def test_the_exact_value_counts_where_the_optimum_is_known_except_for_a_schedule() -> None:
    branin = rts.workload("synthetic/branin")
    assert branin.bounds is not None
    row = evaluated(branin, 5.0, [1.0, 2.0])
    assert row["judged_by"] == "exact"
    assert row["regret"] == pytest.approx(branin.regret(BEST) / (branin.bounds[1] - branin.bounds[0]))
    assert exact_regret(branin, [Stage(0, {**BEST, "seed": 3, "fidelity": 9})]) == row["regret"]
    assert math.isnan(exact_regret(branin, [Stage(0, BEST), Stage(9, BEST)]))
    quadratic = rts.workload("synthetic/pbt-quadratic")
    assert (
        evaluation_columns(quadratic, 1.0, [5], [1.0], [Stage(0, {"h0": 1.0, "h1": 1.0})])["judged_by"] == "test seeds"
    )


def test_a_changed_workload_has_another_fingerprint() -> None:
    same, other = workload(), workload(bounds=(0.0, 11.0))
    assert fingerprint(same) == fingerprint(workload()) != fingerprint(other)
