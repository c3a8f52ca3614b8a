"""Reports as they are stored: lines of a journal, read as columns."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from raytune_suite.engines.callbacks.decision_log import Decision
from raytune_suite.engines.callbacks.reports import Report, incumbents
from raytune_suite.engines.callbacks.stored_log import StoredReports, StoredTrials, from_stored
from raytune_suite.engines.journal import encode
from raytune_suite.types import Mode, Objective, Stage, as_loss

VALUES = [0.1, -1e-310, 1e22, math.nan, math.inf, -math.inf]
OBJECTIVE = Objective("loss", "min", "training_iteration", 9)


def report(trial: int, resource: float, value: float = 0.5, *, complete: bool = False) -> Report:
    return Report(trial, resource, value, 2 * resource, 10.0 * trial + resource, complete)


def lines(*records: Report | dict[str, Any]) -> bytes:
    return "".join(f"{each.line() if isinstance(each, Report) else encode(each)}\n" for each in records).encode()


def read(*pieces: bytes) -> StoredReports:
    reports = StoredReports()
    for piece in pieces:
        reports.add(piece)
    return reports


@pytest.mark.parametrize("value", VALUES)
def test_a_row_is_written_as_json_writes_it(value: float) -> None:
    one, row = report(3, 1.0, value), Decision(0.5, 3, 1.0, value, "STOP", '{"name": "\u00e9\\n"}')
    assert one.line() == encode(one._asdict())
    assert row.line() == encode(row._asdict())
    assert repr(read(lines(one)).rows[0]) == repr(one)


def test_marks_change_the_reports_before_them() -> None:
    first = lines(report(0, 9.0), report(1, 4.0, complete=True), {"last": 0}, {"raised_max_t": 27})
    second = lines(report(2, 4.0, complete=True), {"last": 1})
    assert [each.complete for each in read(first, second).rows] == [False, True, True]
    assert [each.complete for each in read(first + second).rows] == [False, True, True]


@pytest.mark.parametrize("split", [0, 1, 2, 3])
def test_a_study_has_the_last_metrics_of_its_trials_and_all_lineages(split: int) -> None:
    records: list[Report | dict[str, Any]] = [
        {**report(0, 1.0)._asdict(), "metrics": {"accuracy": 0.1}, "dollars": 1.0},
        {**report(1, 1.0)._asdict(), "metrics": {"accuracy": 0.2}, "lineage": [[0, {"x": 1}], [1, {"x": 2}]]},
        {**report(0, 2.0, 0.25)._asdict(), "dollars": 3.0},
        report(7, 1.0),
    ]
    pieces = [piece for piece in (lines(*records[:split]), lines(*records[split:])) if piece]
    trials = StoredTrials()
    trials.add(lines(*({"trial": number, "trial_id": str(number), "config": {"x": number}} for number in (0, 1))))
    log = from_stored(OBJECTIVE, read(*pieces), trials)
    assert [trial.last for trial in log.trials] == [None, {"loss": 0.5, "accuracy": 0.2}]
    assert [trial.position for trial in log.trials] == [2, 1]
    assert len(log.reports) == 3, "trial 7 is not written yet"
    assert log.lineage(log.reports[1]) == [Stage(0, {"x": 1}), Stage(1, {"x": 2})]
    assert (log.dollars, log.spent) == (3.0, 2.0)


@pytest.mark.parametrize("damaged", [b"\x00\xff\n", b'{"trial":0}\n', b"{}\n", b"[1]\n", b"\n", b'{"trial":"a"}\n'])
def test_a_damaged_line_is_rejected(damaged: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever the parser says
        read(lines(report(0, 1.0)) + damaged)


@pytest.mark.parametrize("mode", ["min", "max"])
def test_incumbents_are_those_of_a_plain_loop(mode: Mode) -> None:
    rng = np.random.default_rng(0)
    for _ in range(100):
        reports = [
            report(0, float(rng.integers(1, 4)), float(rng.choice([*VALUES, *range(4)])), complete=rng.random() < 0.2)
            for _ in range(rng.integers(0, 12))
        ]
        expected: list[Report] = []
        best = (math.inf, math.inf)
        for each in reports:
            rank = (-math.inf if each.complete else -each.resource, as_loss(each.value, mode))
            if math.isfinite(each.value) and rank < best:
                best = rank
                expected.append(each)
        assert json.dumps(incumbents(reports, mode)) == json.dumps(expected)
