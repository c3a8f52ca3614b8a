"""The log of a study that is not running: read from its journals, or about to be extended."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from raytune_suite.engines.callbacks.bill import Bill
from raytune_suite.engines.callbacks.study_log import RAISED, StudyLog, reopen, replay
from raytune_suite.engines.callbacks.trial_record import TrialRecord
from raytune_suite.types import Stage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from raytune_suite.types import Objective


def from_records(objective: Objective, reports: Iterable[dict[str, Any]], trials: Iterable[dict[str, Any]]) -> StudyLog:
    """The log of a study as its journals have it, to be queried only."""
    nobody: Any = None
    log = StudyLog(objective, nobody)
    _add_trials(log, trials)
    metrics: dict[int, dict[str, Any]] = {}  # the others in the last report of each trial
    rows, longer = replay(reports)
    for position, report in enumerate(rows):
        if report.trial >= len(log.trials):
            continue  # its trial is not written yet
        log.trials[report.trial].position = len(log.reports)
        log.reports.append(report)
        record = longer.get(position, {})
        metrics[report.trial] = record.get("metrics", {})
        if "lineage" in record:
            log._lineages[report.trial, report.cost] = [Stage(*stage) for stage in record["lineage"]]  # noqa: SLF001 - this makes the object
        if "dollars" in record:
            log.bill = Bill(hourly=0.0, charged=record["dollars"])
        log._cost.spent = report.cost  # noqa: SLF001 - as above
    for number, others in metrics.items():
        trial = log.trials[number]
        assert trial.position is not None  # noqa: S101 - it was set above
        trial.last = {objective.metric: log.reports[trial.position].value, **others}
    return log


def _add_trials(log: StudyLog, records: Iterable[dict[str, Any]]) -> None:
    """Add the trials as the records of their journal have them, the last ones counting."""
    for record in records:
        number = record["trial"]
        if number == len(log.trials):
            log._numbers[record["trial_id"]] = number  # noqa: SLF001 - this makes the object
            log.trials.append(TrialRecord(record["trial_id"]))
        if number < len(log.trials):
            for name in ("status", "config", "error", "stopped_early", "lost_machines", "retried"):
                if name in record:
                    setattr(log.trials[number], name, record[name])


def raise_max_t(log: StudyLog, max_t: int) -> list[int]:
    """Give the log a higher `max_t`: what was complete at the one before is complete no more.

    Returns:
        The numbers of the trials that were trained to the one before.
    """
    ended = {report.trial for report in log.reports if report.complete and report.resource < max_t}
    log.objective = dataclasses.replace(log.objective, max_t=max_t)
    reopen(log.reports, max_t)
    if log.journals is not None:
        log.journals.reports.append({RAISED: max_t})
    return sorted(ended)
