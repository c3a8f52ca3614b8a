"""Trajectories become step functions that count failed runs, and speed-ups use the final regret of the baseline."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from raytune_suite.bench import anytime
from raytune_suite.bench.analysis import comparison_groups
from raytune_suite.bench.store import EXACT, FAILED, TUNING_METRIC, Results
from tests.bench.report.example import BUDGET, comparison


def two(judged_by: str = TUNING_METRIC) -> Results:
    """Two methods with one run each: both find 0.5 and then 0.2, asha at half the cost of random."""
    results = comparison(["random", "asha"], ["w"], 1, judged_by=[judged_by], refused=(), failed=())
    rows = [
        {"method": method, "cost": cost * factor, "time": cost, "tuning_regret": regret, "exact_regret": regret + 0.1}
        for method, factor in (("random", 1.0), ("asha", 0.5))
        for cost, regret in ((10.0, 0.5), (20.0, 0.2))
    ]
    changes = pd.DataFrame(rows).assign(workload="w", method_seed=0, resource=1.0, tuning_score=0.0)
    return dataclasses.replace(results, trajectories=changes)


def test_positions_are_shares_of_the_budget_or_of_the_longest_time() -> None:
    results = two()
    (by_cost,) = anytime.trajectories(results, "cost")["random", "w"]
    (by_time,) = anytime.trajectories(results, "time")["random", "w"]
    longest = results.runs["simulated_seconds"].max()
    assert by_cost.positions == pytest.approx(np.array([10, 20]) / BUDGET)
    assert by_time.positions == pytest.approx(np.array([10, 20]) / longest)
    assert by_cost.regrets == pytest.approx([0.5, 0.2])


def test_the_exact_regret_is_used_where_it_is_known() -> None:
    (run,) = anytime.trajectories(two(EXACT), "cost")["asha", "w"]
    assert run.regrets == pytest.approx([0.6, 0.3])


def test_a_curve_is_nan_before_the_first_incumbent_and_a_step_function_after_it() -> None:
    values = anytime.stack_curves(anytime.trajectories(two(), "cost"), "random", ["w"])[:, 0, 0]
    assert np.isnan(values[anytime.GRID < 10 / BUDGET]).all()
    assert (values[(anytime.GRID >= 10 / BUDGET) & (anytime.GRID < 20 / BUDGET)] == 0.5).all()
    assert (values[anytime.GRID >= 20 / BUDGET] == 0.2).all()


def test_a_failed_run_has_the_worst_regret_throughout() -> None:
    results = two()
    failed = results.runs["status"].mask(results.runs["method"] == "asha", FAILED)
    runs = anytime.trajectories(dataclasses.replace(results, runs=results.runs.assign(status=failed)), "cost")
    assert (anytime.stack_curves(runs, "asha", ["w"]) == 1).all()


def test_half_the_cost_is_a_speed_up_of_two() -> None:
    results = two()
    (group,) = comparison_groups(results)
    table = anytime.speedups(anytime.trajectories(results, "cost"), group, "random")
    assert dict(zip(group.methods, table["w"], strict=True)) == {"random": 1.0, "asha": 2.0}


def test_a_target_that_is_lost_again_does_not_count_as_reached() -> None:
    run = anytime.Trajectory(np.array([0.1, 0.2, 0.3, 0.4]), np.array([0.6, 0.2, 0.5, 0.3]))
    assert anytime.worst_from_here(run).tolist() == [0.6, 0.5, 0.5, 0.3]
    assert len(anytime.worst_from_here(anytime.Trajectory(np.empty(0), np.empty(0)))) == 0


def test_bands_contain_each_methods_curve_and_are_reproducible_by_seed() -> None:
    results = comparison(["random", "asha"], ["v", "w"], 4, refused=(), failed=())
    runs = anytime.trajectories(results, "cost")
    first, again = (anytime.bands(runs, ["random", "asha"], ["v", "w"], seed=3, repetitions=50) for _ in range(2))
    assert list(first) == ["random", "asha"]
    for method, band in first.items():
        known = ~np.isnan(band.middle)
        assert known[-1]
        assert (band.low[known] <= band.middle[known]).all()
        assert (band.middle[known] <= band.high[known]).all()
        np.testing.assert_array_equal(np.stack(band), np.stack(again[method]))
