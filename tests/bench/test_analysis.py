"""Summary tables count failures, rank methods on common workloads only, and are reproducible by seed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from raytune_suite.bench import analysis
from raytune_suite.bench.store import TEST_SEEDS, Results
from raytune_suite.errors import ArgumentError


def comparison() -> Results:
    """Method "a" is better than "random" on both workloads; "pbt" supports one; a run of "random" failed."""
    runs, evaluated = [], []
    level = {"a": 0.1, "random": 0.4, "pbt": 0.2}
    for workload in ("table", "state"):
        for method, regret in level.items():
            for seed in range(4):
                cell = {"workload": workload, "method": method, "method_seed": seed}
                status = "refused" if (method, workload) == ("pbt", "table") else "done"
                if (method, workload, seed) == ("random", "table", 3):
                    status = "failed"
                runs.append({**cell, "status": status})
                if status == "done":
                    evaluated += [
                        {**cell, "fraction": fraction, "regret": regret + seed / 100} for fraction in (1 / 3, 1.0)
                    ]
    evaluated[-1]["regret"] = 5.0  # pbt's last run is worse than the worst
    manifest = {"workloads": {"table": {"bounds": [0, 1]}, "state": {"bounds": [0, 1]}, "odd": {"bounds": None}}}
    nothing = pd.DataFrame()
    return Results(manifest, pd.DataFrame(evaluated), nothing, pd.DataFrame(runs), nothing)


def test_a_group_contains_only_methods_that_support_all_of_its_workloads() -> None:
    assert analysis.comparison_groups(comparison()) == [
        (("a", "random"), ("table", "state")),
        (("a", "random", "pbt"), ("state",)),
    ]


def test_failed_runs_and_regrets_beyond_the_bounds_count_as_the_worst() -> None:
    regrets = analysis.regrets(comparison(), "random", ("table", "state"))
    np.testing.assert_allclose(regrets, [[0.4, 0.4], [0.41, 0.41], [0.42, 0.42], [1, 0.43]])
    assert analysis.regrets(comparison(), "pbt", ("state",))[-1] == 1


def test_an_unsupported_pair_has_no_regret() -> None:
    with pytest.raises(ArgumentError, match="'table'"):
        analysis.regrets(comparison(), "pbt", ("table",))


def test_the_headline_table_matches_hand_computed_values() -> None:
    results = comparison()
    table = analysis.headline(results, analysis.comparison_groups(results)[0], "random", seed=0, repetitions=100)
    assert list(table.index) == ["a", "random"]
    assert table["iqm"].tolist() == pytest.approx([0.115, 0.415])  # the middle four of eight
    assert table["mean"].tolist() == pytest.approx([0.115, 0.415])  # the middle two of four, twice
    assert table["mean_rank"].tolist() == [1, 2]
    assert table.loc["a", "improvement"] == 1
    assert table["improvement"].isna().tolist() == [False, True]
    assert table["failures"].tolist() == [0, 1]
    assert (table["low"] <= table["mean"]).all()
    assert (table["mean"] <= table["high"]).all()
    again = analysis.headline(results, analysis.comparison_groups(results)[0], "random", seed=0, repetitions=100)
    pd.testing.assert_frame_equal(table, again)


def evaluation(method: str, seed: int, regret: float) -> dict[str, Any]:
    cell = {
        "workload": "w",
        "method": method,
        "method_seed": seed,
        "fraction": 1.0,
        "resource": 27.0,
        "judged_by": TEST_SEEDS,
    }
    scores = {"tuning_score": regret, "test_score": regret + 0.1}
    return {**cell, **scores, "tuning_regret": regret, "test_regret": regret + 0.1, "regret": regret + 0.1}


def one_workload() -> Results:
    """Two runs each; the second run of "bad" failed."""
    rows = [evaluation("a", 0, 0.1), evaluation("a", 1, 0.4), evaluation("bad", 0, 0.9)]
    outcomes = [("a", 0, "done"), ("a", 1, "done"), ("bad", 0, "done"), ("bad", 1, "failed")]
    runs = [{"workload": "w", "method": name, "method_seed": seed, "status": status} for name, seed, status in outcomes]
    manifest = {"workloads": {"w": {"bounds": [0, 1], "max_t": 27, "exact": False}}}
    return Results(manifest, pd.DataFrame(rows), pd.DataFrame(), pd.DataFrame(runs), pd.DataFrame())


def test_the_gap_is_the_test_regret_minus_the_tuning_regret() -> None:
    gap = analysis.tuning_test_gaps(one_workload()).to_dict("index")["a"]
    assert gap == pytest.approx({"tuning": 0.25, "test": 0.35, "gap": 0.1, "runs": 2})


def test_the_table_of_a_workload_has_one_row_per_method_best_first() -> None:
    table = analysis.workload_table(one_workload(), "w", seed=0, repetitions=50).to_dict("index")
    assert list(table) == ["a", "bad"]
    assert (table["bad"]["iqm"], table["bad"]["failures"]) == (pytest.approx(1.0), 1)
    assert table["a"]["test_score"] == pytest.approx(0.35)
