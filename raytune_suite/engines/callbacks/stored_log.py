"""The log of a study that is not running: read from its journals, or about to be extended."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any, final

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]

from raytune_suite.engines import journal
from raytune_suite.engines.arrow_memory import returned_memory
from raytune_suite.engines.callbacks.bill import Bill
from raytune_suite.engines.callbacks.reports import Report, reopen
from raytune_suite.engines.callbacks.rows import Rows
from raytune_suite.engines.callbacks.study_log import LAST, RAISED, StudyLog
from raytune_suite.engines.callbacks.trial_record import Configs, TrialRecord
from raytune_suite.types import Stage

if TYPE_CHECKING:
    from raytune_suite.engines.storage import Folder
    from raytune_suite.types import Objective

_FLOATS = ("resource", "value", "elapsed", "cost", RAISED)
_REPORTS = pa.schema(
    [("trial", pa.int64()), *((name, pa.float64()) for name in _FLOATS), ("complete", pa.bool_()), (LAST, pa.int64())]
)

_MORE = (b'"metrics":', b'"lineage":', b'"dollars":')
"""Keys that some reports have as well."""


@final
class StoredReports:
    """The reports in a journal, which may be a million.

    Attributes:
        rows: The reports.
        metrics: The other values in the last report of each trial that has any.
        lineages: The schedule of configs behind reports, by trial and cost, where there is one.
        dollars: What the study had cost at the last report; None if no price is known.
    """

    def __init__(self) -> None:
        """No report yet."""
        self.rows: Rows[Report] = Rows(Report)
        self.metrics: dict[int, dict[str, Any]] = {}
        self.lineages: dict[tuple[int, float], list[Stage]] = {}
        self.dollars: float | None = None

    @classmethod
    def of(cls, folder: Folder) -> StoredReports:
        """The reports in the folder of a study.

        Raises:
            StudyError: If a line is damaged.
            OSError: If it cannot be read.
        """
        reports = cls()
        with journal.names_damage(folder, "reports"), returned_memory():
            for piece in journal.pieces(folder, "reports"):
                reports.add(piece)
        return reports

    def __len__(self) -> int:
        return len(self.rows)

    def add(self, piece: bytes) -> None:
        """Add the next lines of the journal.

        Raises:
            ValueError: If a line is damaged.
        """
        table = journal.read_table(piece, _REPORTS)
        is_report = table["trial"].is_valid().to_numpy()
        reports = table.filter(pa.array(is_report)).select(Report._fields)
        marks = table.filter(pa.array(~is_report))
        if any(column.null_count for column in reports.columns):
            raise ValueError("a report is not complete")
        columns = {name: reports[name].to_numpy() for name in Report._fields}
        before = len(self.rows) + np.cumsum(is_report)[~is_report]
        self.rows.extend(columns)
        for last, raised, count in zip(marks[LAST].to_pylist(), marks[RAISED].to_pylist(), before, strict=True):
            if last is not None:
                self.rows[last] = self.rows[last]._replace(complete=True)
            elif raised is not None:
                reopen(self.rows, raised, count)
            else:
                raise ValueError("a record has no report")
        if self.metrics or any(key in piece for key in _MORE):
            self._add_more(np.array(piece.splitlines(), dtype=object)[is_report], columns["trial"])

    def _add_more(self, lines: Any, trials: Any) -> None:
        """Take what these reports have besides the fields of `Report`."""
        lineages = [position for position, line in enumerate(lines) if b'"lineage":' in line]
        _, last = np.unique(trials[::-1], return_index=True)
        for position in sorted({*lineages, *(len(trials) - 1 - last).tolist()}):
            record = json.loads(lines[position])
            self.metrics[record["trial"]] = record.get("metrics", {})
            if "lineage" in record:
                self.lineages[record["trial"], record["cost"]] = [Stage(*stage) for stage in record["lineage"]]
            self.dollars = record.get("dollars", self.dollars)


@final
class StoredTrials:
    """The trials in a journal, as their last records have them.

    Attributes:
        records: The trials, ordered by number.
        configs: Their configs.
        read: How many records were read.
    """

    def __init__(self) -> None:
        """No trial yet."""
        self.records: Rows[TrialRecord] = Rows(TrialRecord)
        self.configs = Configs()
        self.read = 0

    @classmethod
    def of(cls, folder: Folder) -> StoredTrials:
        """The trials in the folder of a study.

        Raises:
            StudyError: If a line is damaged.
            OSError: If it cannot be read.
        """
        trials = cls()
        with journal.names_damage(folder, "trials"):
            for piece in journal.pieces(folder, "trials"):
                trials.add(piece)
        return trials

    def __len__(self) -> int:
        return self.read

    def add(self, piece: bytes) -> None:
        """Add the next lines of the journal.

        Raises:
            ValueError: If a line is damaged.
        """
        for record in journal.parse(piece):
            self.read += 1
            number = record["trial"]
            if number == len(self.records):
                self.records.append(TrialRecord(record["trial_id"]))
                self.configs.append({})
            if number < len(self.records):
                self.records.update(number, **{name: record[name] for name in _FIELDS if name in record})
                if "config" in record:
                    self.configs.replace(number, record["config"])


_FIELDS = ("status", "error", "stopped_early", "lost_machines", "retried")
"""Fields of `TrialRecord` that the journal has, besides the id and the config."""


def from_stored(objective: Objective, reports: StoredReports, trials: StoredTrials) -> StudyLog:
    """The log of a study as its journals have it, to be queried only."""
    nobody: Any = None
    log = StudyLog(objective, nobody)
    log.trials, log.configs, log.reports = trials.records, trials.configs, reports.rows
    log._numbers.update((trial_id, number) for number, trial_id in enumerate(log.trials.column("trial_id")))  # noqa: SLF001 - this makes the object
    numbers = reports.rows.column("trial")
    if len(numbers) and numbers.max() >= len(log.trials):  # a trial that is not written yet
        known = numbers < len(log.trials)
        log.reports, numbers = Rows(Report), numbers[known]
        log.reports.extend({name: reports.rows.column(name)[known] for name in Report._fields})
    log._lineages = reports.lineages  # noqa: SLF001 - as above
    if reports.dollars is not None:
        log.bill = Bill(hourly=0.0, charged=reports.dollars)
    if len(log.reports):
        log._cost.spent = log.reports[-1].cost  # noqa: SLF001 - as above
    trials_seen, last = np.unique(numbers[::-1], return_index=True)
    for number, position in zip(trials_seen.tolist(), (len(numbers) - 1 - last).tolist(), strict=True):
        others = reports.metrics.get(number)
        reported = {objective.metric: log.reports[position].value, **others} if others else None
        log.trials.update(number, position=position, last=reported)
    return log


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
