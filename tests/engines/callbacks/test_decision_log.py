"""The decision log: its contents, in memory and on disk, and the first difference between two logs."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from ray import cloudpickle

from raytune_suite.engines.callbacks.decision_log import Decision, DecisionLog, difference, read, write
from raytune_suite.errors import ArgumentError
from raytune_suite.schedulers.asha import ASHA
from tests.engines.simulated.studies import LEARNER, METRIC, SPACE, Learner, method, simulate

if TYPE_CHECKING:
    from pathlib import Path

ROWS = [
    Decision(1.0, 0, 1.0, 0.5, "CONTINUE", '{"x": 1}'),
    Decision(2.0, 1, 1.0, math.nan, "STOP", '{"x": 2}'),
    Decision(3.0, 0, 2.0, 0.25, "PAUSE", '{"x": 1}'),
]


def test_written_rows_can_be_read_and_equal_rows_give_equal_bytes(tmp_path: Path) -> None:
    write(tmp_path / "a.parquet", ROWS)
    write(tmp_path / "b.parquet", list(ROWS))
    assert difference(read(tmp_path / "a.parquet"), ROWS) is None
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_a_log_may_be_empty(tmp_path: Path) -> None:
    write(tmp_path / "empty.parquet", [])
    assert read(tmp_path / "empty.parquet") == []


def test_a_table_with_other_columns_is_rejected(tmp_path: Path) -> None:
    pd.DataFrame({"time": [1.0]}).to_parquet(tmp_path / "other.parquet")
    with pytest.raises(ArgumentError, match=r"other\.parquet"):
        read(tmp_path / "other.parquet")


def test_equal_logs_do_not_differ() -> None:
    assert difference(ROWS, [row._replace() for row in ROWS]) is None


def test_the_first_difference_contains_both_rows() -> None:
    other = [ROWS[0], ROWS[1]._replace(trial=2, value=0.1), ROWS[2]._replace(decision="STOP")]
    result = difference(ROWS, other)
    assert result is not None
    assert result[:3] == (1, ROWS[1], other[1])
    assert all(name in result.message for name in ("trial", "value"))
    assert "decision" not in result.message


def test_times_can_be_ignored() -> None:
    later = [row._replace(time=row.time + 1) for row in ROWS]
    result = difference(ROWS, later)
    assert result is not None
    assert "time" in result.message
    assert difference(ROWS, later, times=False) is None


@pytest.mark.parametrize(("left", "right"), [(ROWS, ROWS[:2]), (ROWS[:2], ROWS)])
def test_a_log_may_end_before_the_other(left: list[Decision], right: list[Decision]) -> None:
    result = difference(left, right)
    assert result is not None
    assert (result.row, result.left or result.right) == (2, ROWS[2])
    assert None in (result.left, result.right)
    assert "2 rows" in result.message


def test_a_study_is_recorded_report_by_report() -> None:
    rows = simulate(method("hyperband"), num_samples=9).decisions.rows
    assert [row.time for row in rows] == sorted(row.time for row in rows)
    assert {row.trial for row in rows} == set(range(9))
    assert {row.decision for row in rows} == {"CONTINUE", "PAUSE", "STOP"}
    assert all(set(json.loads(row.config)) == set(SPACE) for row in rows)


def test_a_clone_is_recorded_with_the_config_that_made_the_report() -> None:
    rows = simulate(method("pbt"), LEARNER, num_samples=6).decisions.rows
    for row in [row for row in rows if row.decision == "NOOP"]:
        following = next((later for later in rows if later.trial == row.trial and later.time > row.time), None)
        before = [earlier for earlier in rows if earlier.trial == row.trial and earlier.time < row.time]
        assert following is None or following.config != row.config
        assert before[-1].config == row.config
    assert any(row.decision == "NOOP" for row in rows)


def test_an_end_decided_by_the_trainable_is_recorded() -> None:
    class Short(Learner):
        def step(self) -> dict[str, object]:
            return {**super().step(), "done": self.iteration == 1}

    from raytune_suite.engines.simulated.evaluators import InProcessEvaluator

    rows = simulate(method("random"), InProcessEvaluator(Short, lambda _: 1.0), num_samples=2).decisions.rows
    assert [row[1:3] + row[4:5] for row in rows] == [
        (0, 1.0, "CONTINUE"), (1, 1.0, "CONTINUE"), (0, 2.0, "STOP"), (1, 2.0, "STOP")
    ]  # fmt: skip


def test_an_observer_is_pickled_with_its_scheduler() -> None:
    log, scheduler = DecisionLog("loss", "training_iteration"), ASHA(max_t=9, **METRIC)
    scheduler.observers.append(log)
    pickled = cloudpickle.dumps({"scheduler": scheduler, "callbacks": [log]})  # as Ray does in tuner.pkl
    again = cloudpickle.loads(pickled)
    assert again["scheduler"].observers == again["callbacks"]


def test_a_restored_scheduler_keeps_its_observers() -> None:
    log, scheduler, other = DecisionLog("loss", "training_iteration"), ASHA(max_t=9, **METRIC), ASHA(max_t=9, **METRIC)
    other.observers.append(log)
    other.set_state(scheduler.get_state())
    other.complete_restore()
    assert other.observers == [log]
