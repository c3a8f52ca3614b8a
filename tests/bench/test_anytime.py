"""Trajectories become step functions in which a failed run counts, and a speed-up is read where the baseline ends."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from raytune_suite.bench import analysis, anytime
from raytune_suite.bench.store import Results

FOUND = {
    ("random", 0): [(1, 0.8), (10, 0.4)],
    ("random", 1): [(2, 0.8), (10, 0.4)],
    ("fast", 0): [(1, 0.4), (4, 0.1)],
    ("fast", 1): [(2, 0.4)],
    ("never", 0): [(1, 0.9)],
    ("never", 1): [],
}


def comparison() -> Results:
    """Two runs each; the second run of "never" failed."""
    runs, changes, judged = [], [], []
    for (method, seed), steps in FOUND.items():
        cell: dict[str, Any] = {"workload": "w", "method": method, "method_seed": seed}
        runs.append({**cell, "status": "done" if steps else "failed"})
        for cost, regret in steps:
            changes.append({**cell, "cost": cost, "time": 10 * cost, "tuning_regret": regret, "exact_regret": np.nan})
        if steps:
            scores = {
                "tuning_score": regret,
                "test_score": regret + 0.1,
                "tuning_regret": regret,
                "test_regret": regret + 0.1,
            }
            judged.append({**cell, "fraction": 1.0, "regret": regret + 0.1, **scores})
    manifest = {"workloads": {"w": {"bounds": [0, 1], "budget": 20}}}
    return Results(manifest, pd.DataFrame(judged), pd.DataFrame(changes), pd.DataFrame(runs), pd.DataFrame())


def row(table: pd.DataFrame, method: str, *columns: str) -> list[float]:
    return [float(table[column][method]) for column in columns]


def test_a_curve_is_a_step_function_and_a_failed_run_is_the_worst_throughout() -> None:
    at = np.array([0.5, 1.0, 9.9, 10.0, 20.0])
    np.testing.assert_allclose(
        anytime.trajectories(comparison(), "random", ("w",), "cost", at)[..., 0].T,
        [[np.nan, 0.8, 0.8, 0.4, 0.4], [np.nan, np.nan, 0.8, 0.4, 0.4]],
    )
    assert anytime.trajectories(comparison(), "never", ("w",), "cost", at)[:, 1, 0].tolist() == [1.0] * 5


@pytest.mark.parametrize(("axis", "scale"), [("cost", 1), ("time", 10), ("share", 1 / 20)])
def test_the_axes_differ_in_their_scale_alone(axis: anytime.Axis, scale: float) -> None:
    at = np.array([1.0, 5.0, 12.0])
    by_cost = anytime.trajectories(comparison(), "fast", ("w",), "cost", at)
    np.testing.assert_allclose(anytime.trajectories(comparison(), "fast", ("w",), axis, scale * at), by_cost)


def test_a_grid_goes_from_the_first_incumbent_to_the_budget() -> None:
    at = anytime.grid(comparison(), ("w",), "cost", 5)
    assert (at[0], at[-1]) == (pytest.approx(1), pytest.approx(20))
    assert anytime.grid(comparison(), ("w",), "share", 5)[-1] == pytest.approx(1)


def test_a_speed_up_is_read_where_the_baseline_ends() -> None:
    table = anytime.speedups(comparison(), "random").set_index("method")
    assert row(table, "fast", "target", "baseline", "reached", "speedup") == [0.4, 10, 2, 5]
    assert row(table, "never", "reached", "speedup") == [np.inf, 0]
    assert "random" not in table.index


def test_bands_and_ranks_have_every_method_of_the_group() -> None:
    results = comparison()
    (group,) = analysis.groups(results)
    at = anytime.grid(results, group.workloads, "share", 4)
    found = anytime.bands(results, group, "share", at, seed=0, repetitions=50)
    assert list(found) == ["random", "fast", "never"]
    assert found["fast"].low[-1] <= found["fast"].middle[-1] <= found["fast"].high[-1]
    ranks = anytime.mean_ranks(results, group, at)
    assert [ranks[name][-1] for name in ("fast", "random", "never")] == [1, 2, 3]


def test_the_gap_is_what_the_tuning_seeds_flatter() -> None:
    table = analysis.gaps(comparison())
    assert row(table, "fast", "tuning", "test", "gap", "runs") == pytest.approx([0.25, 0.35, 0.1, 2])


def test_a_workload_has_a_row_per_method_best_first() -> None:
    table = analysis.by_method(comparison(), "w", seed=0, repetitions=50)
    assert list(table.index) == ["fast", "random", "never"]
    assert row(table, "never", "iqm", "failures") == pytest.approx([1.0, 1])  # (1.0 + 1) / 2
    assert table.loc["fast", "test_score"] == pytest.approx(0.35)
