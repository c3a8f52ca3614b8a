"""What is said of an incumbent: its gap, its regrets, and by which of them it is judged."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import pytest

import raytune_suite as rts
from raytune_suite.bench import store
from raytune_suite.bench.run import exact_regret, fingerprint, incumbent_at, judgement, normalized
from raytune_suite.types import Stage

if TYPE_CHECKING:
    from pathlib import Path

BEST = {"x1": 1.0, "x2": 0.5}


def workload(**changes: Any) -> rts.Workload:
    """A workload with bounds from 0, the best, to 10, and nothing exact."""
    branin = rts.workload("synthetic/branin")
    return dataclasses.replace(branin, **{"bounds": (0.0, 10.0), "optimum": None, "exact": None, **changes})


def judged(of: rts.Workload, tuning: float, scores: list[float]) -> dict[str, Any]:
    """What is said of a config with these scores."""
    return judgement(of, tuning, [5, 6][: len(scores)], scores, [Stage(0, BEST)])


@pytest.mark.parametrize(
    ("fraction", "expected"), [(1 / 3, 1), (2 / 3, 1), (1.0, 3), (0.01, None), (1 / 30, 0), (0.5, 1)]
)
def test_an_incumbent_counts_from_when_it_was_found(fraction: float, expected: int | None) -> None:
    assert incumbent_at([1.0, 10.0, 25.0, 31.0], fraction, 30.0) == expected


@pytest.mark.parametrize(("mode", "bounds", "sign"), [("min", (0.0, 10.0), 1), ("max", (10.0, 0.0), -1)])
def test_the_gap_and_the_regrets_are_positive_where_it_is_worse(mode: str, bounds: Any, sign: int) -> None:
    said = judged(workload(mode=mode, bounds=bounds), 5.0, [5.0 + 2 * sign, 5.0 + 4 * sign])
    assert said["test_score"] == 5.0 + 3 * sign
    assert said["gap"] == 3.0
    assert (said["tuning_regret"], said["test_regret"], said["regret"]) == (0.5, 0.8, 0.8)
    assert math.isnan(said["exact_regret"])
    assert said["judged_by"] == "test seeds"


def test_a_failed_test_training_counts_as_the_worst() -> None:
    said = judged(workload(), 5.0, [2.0, math.nan])
    assert math.isnan(said["test_score"])
    assert math.isnan(said["gap"])
    assert said["test_regret"] == said["regret"] == 1.0
    assert judged(workload(), 5.0, [25.0, math.nan])["regret"] == 2.5


def test_without_test_seeds_the_tuning_metric_judges() -> None:
    said = judged(workload(), 5.0, [])
    assert math.isnan(said["test_score"])
    assert math.isnan(said["gap"])
    assert (said["regret"], said["judged_by"]) == (0.5, "tuning metric")


def test_without_test_seeds_a_value_without_noise_is_the_tuned_one_and_called_so() -> None:
    branin = rts.workload("synthetic/branin")
    said = judged(branin, 5.0, [])
    assert (said["regret"], said["judged_by"]) == (said["tuning_regret"], "tuning metric")
    assert said["exact_regret"] != said["tuning_regret"]


def test_runs_that_called_the_tuned_value_exact_are_read_as_judged_by_it(tmp_path: Path) -> None:
    names = {"workload": "w", "method": "m", "method_seed": 0, "fraction": 1.0, "cost": 1.0, "resource": 1.0}
    branin = rts.workload("synthetic/branin")
    rows = [{**names, "config": "{}", **judged(branin, 5.0, scores), "judged_by": "exact"} for scores in ([], [1.0])]
    store.write_table(tmp_path, "results", rows)
    assert store.read_table(tmp_path, "results")["judged_by"].to_pylist() == ["tuning metric", "exact"]


def test_without_bounds_there_is_no_regret() -> None:
    assert math.isnan(normalized(workload(bounds=None), 3.0))
    assert math.isnan(judged(workload(bounds=None), 5.0, [1.0, 2.0])["regret"])
    assert judged(workload(bounds=None), 5.0, [1.0, 2.0])["test_score"] == 1.5


def test_where_the_optimum_is_known_the_noise_free_value_judges_but_not_that_of_a_schedule() -> None:
    branin = rts.workload("synthetic/branin")
    assert branin.bounds is not None
    said = judged(branin, 5.0, [1.0, 2.0])
    assert said["judged_by"] == "exact"
    assert said["regret"] == pytest.approx(branin.regret(BEST) / (branin.bounds[1] - branin.bounds[0]))
    assert exact_regret(branin, [Stage(0, {**BEST, "seed": 3, "fidelity": 9})]) == said["regret"]
    assert math.isnan(exact_regret(branin, [Stage(0, BEST), Stage(9, BEST)]))
    quadratic = rts.workload("synthetic/pbt-quadratic")
    assert judgement(quadratic, 1.0, [5], [1.0], [Stage(0, {"h0": 1.0, "h1": 1.0})])["judged_by"] == "test seeds"


def test_a_workload_that_has_changed_has_another_fingerprint() -> None:
    same, other = workload(), workload(bounds=(0.0, 11.0))
    assert fingerprint(same) == fingerprint(workload()) != fingerprint(other)
