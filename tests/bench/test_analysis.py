"""The tables of a report count failures, rank only what can be ranked together, and repeat by their seed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from raytune_suite.bench import analysis
from raytune_suite.bench.store import TEST_SEEDS, Results
from raytune_suite.errors import ArgumentError


def comparison() -> Results:
    """Method "a" is better than "random" on both workloads; "pbt" serves one; a run of "random" failed."""
    runs, judged = [], []
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
                    judged += [{**cell, "fraction": part, "regret": regret + seed / 100} for part in (1 / 3, 1.0)]
    judged[-1]["regret"] = 5.0  # pbt's last run is worse than the worst
    manifest = {"workloads": {"table": {"bounds": [0, 1]}, "state": {"bounds": [0, 1]}, "odd": {"bounds": None}}}
    nothing = pd.DataFrame()
    return Results(manifest, pd.DataFrame(judged), nothing, pd.DataFrame(runs), nothing)


def test_only_methods_that_serve_the_same_workloads_are_in_a_group() -> None:
    assert analysis.groups(comparison()) == [
        (("a", "random"), ("table", "state")),
        (("a", "random", "pbt"), ("state",)),
    ]


def test_a_failed_run_and_a_regret_beyond_the_bounds_count_as_the_worst() -> None:
    found = analysis.regrets(comparison(), "random", ("table", "state"))
    np.testing.assert_allclose(found, [[0.4, 0.4], [0.41, 0.41], [0.42, 0.42], [1, 0.43]])
    assert analysis.regrets(comparison(), "pbt", ("state",))[-1] == 1


def test_a_refused_pair_has_no_regret() -> None:
    with pytest.raises(ArgumentError, match="has no run on workload 'table'"):
        analysis.regrets(comparison(), "pbt", ("table",))


def test_the_headline_by_hand() -> None:
    results = comparison()
    table = analysis.headline(results, analysis.groups(results)[0], "random", seed=0, repetitions=100)
    assert list(table.index) == ["a", "random"]
    assert table["iqm"].tolist() == pytest.approx([0.115, 0.415])  # the middle four of eight
    assert table["mean"].tolist() == pytest.approx([0.115, 0.415])  # the middle two of four, twice
    assert table["mean_rank"].tolist() == [1, 2]
    assert table.loc["a", "improvement"] == 1
    assert table["improvement"].isna().tolist() == [False, True]
    assert table["failures"].tolist() == [0, 1]
    assert (table["low"] <= table["mean"]).all()
    assert (table["mean"] <= table["high"]).all()
    again = analysis.headline(results, analysis.groups(results)[0], "random", seed=0, repetitions=100)
    pd.testing.assert_frame_equal(table, again)


def judged(method: str, seed: int, regret: float) -> dict[str, Any]:
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
    """Two runs each; the second run of "never" failed."""
    rows = [judged("a", 0, 0.1), judged("a", 1, 0.4), judged("never", 0, 0.9)]
    ended = [("a", 0, "done"), ("a", 1, "done"), ("never", 0, "done"), ("never", 1, "failed")]
    runs = [{"workload": "w", "method": name, "method_seed": seed, "status": status} for name, seed, status in ended]
    manifest = {"workloads": {"w": {"bounds": [0, 1], "max_t": 27, "exact": False}}}
    return Results(manifest, pd.DataFrame(rows), pd.DataFrame(), pd.DataFrame(runs), pd.DataFrame())


def test_the_gap_is_what_the_tuning_seeds_flatter() -> None:
    gap = analysis.gaps(one_workload()).to_dict("index")["a"]
    assert gap == pytest.approx({"tuning": 0.25, "test": 0.35, "gap": 0.1, "runs": 2})


def test_a_workload_has_a_row_per_method_best_first() -> None:
    table = analysis.by_method(one_workload(), "w", seed=0, repetitions=50).to_dict("index")
    assert list(table) == ["a", "never"]
    assert (table["never"]["iqm"], table["never"]["failures"]) == (pytest.approx(1.0), 1)
    assert table["a"]["test_score"] == pytest.approx(0.35)
