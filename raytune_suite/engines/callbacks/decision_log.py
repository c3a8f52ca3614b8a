"""The decision log: one row per report, in the same form from both engines, so that two runs can be compared.

The log observes the scheduler, so it records simulated studies and studies on a cluster in the same way. On Ray it is
also a callback, so that each snapshot of the study includes it and a resumed study continues it.
"""

from __future__ import annotations

import io
import json
import math
from json.encoder import encode_basestring_ascii
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, final

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
from ray.tune import Callback
from ray.tune.schedulers import TrialScheduler

from raytune_suite.engines.callbacks.rows import Rows
from raytune_suite.engines.flat_results import flattened
from raytune_suite.engines.journal import encode as encode_line
from raytune_suite.engines.journal import read_table
from raytune_suite.errors import ArgumentError
from raytune_suite.types import as_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from ray.tune.experiment import Trial

    from raytune_suite.engines.journal import StudyJournals
    from raytune_suite.types import Config

ROW_GROUP = 50_000
"""Rows of a Parquet file that are written at once, which takes less memory than all."""

ERROR = "ERROR"
"""The decision of a row that records a crash; it has no metric."""


class Decision(NamedTuple):
    """One row of the log.

    Attributes:
        time: The time of the report in virtual seconds; NaN without a clock.
        trial: The number of the trial, from 0 in the order of creation.
        resource: The resource on which the trial had been trained; NaN if it was not reported.
        value: The metric; NaN if it was not a number or not reported.
        decision: CONTINUE, PAUSE, STOP or NOOP (if the scheduler had paused the trial itself), or `ERROR`.
        config: The config with which the trial was trained up to the report, as JSON with sorted keys.
    """

    time: float
    trial: int
    resource: float
    value: float
    decision: str
    config: str

    def line(self) -> str:
        """The row as a line of its journal, in a third of the time that `json` takes."""
        time, trial, resource, value, decision, config = self
        if not math.isfinite(time + resource + value):
            return encode_line(self._asdict())
        return (
            f'{{"time":{time!r},"trial":{trial},"resource":{resource!r},"value":{value!r},"decision":"{decision}",'
            f'"config":{encode_basestring_ascii(config)}}}'
        )


_CONFIGS = json.JSONEncoder(sort_keys=True, default=repr)

_SCHEMA = pa.schema(
    [
        ("time", pa.float64()),
        ("trial", pa.int64()),
        ("resource", pa.float64()),
        ("value", pa.float64()),
        ("decision", pa.string()),
        ("config", pa.string()),
    ]
)


@final
class DecisionLog(Callback):
    """Records the rows of one study, as a `SchedulerObserver` and, on Ray, as one of the study's callbacks.

    Example:
        >>> from raytune_suite.methods import make_method
        >>> log, method = DecisionLog("loss", "training_iteration"), make_method("asha", max_t=27)
        >>> method.scheduler.observers.append(log)

    Attributes:
        journals: The journals to which the rows are appended; None to keep them in memory.
    """

    def __init__(self, metric: str, time_attr: str, clock: Callable[[], float] | None = None) -> None:
        """`clock` returns the seconds since the study started; without it, times are NaN."""
        self.metric, self.time_attr = metric, time_attr
        self._rows: Rows[Decision] = Rows(Decision)
        self._clock = clock
        self._numbers: dict[str, int] = {}
        self._configs: dict[str, tuple[Config, str]] = {}
        self._last: dict[str, tuple[str, Any]] = {}
        self.journals: StudyJournals | None = None

    def attach(self, journals: StudyJournals) -> None:
        """Append to these journals from now on; they have the rows of a study that is resumed."""
        self.journals = journals

    @property
    def rows(self) -> Rows[Decision]:
        """The rows so far, in the order of the reports, stored by columns."""
        if self.journals is None:
            return self._rows
        return Rows(Decision, (row for table in self._tables() for row in _rows_of(table)))

    def encoded(self) -> bytes:
        """What `write` writes."""
        return encode(self._rows) if self.journals is None else _parquet(self._tables())

    def _tables(self) -> Iterator[pa.Table]:
        assert self.journals is not None  # noqa: S101 - the callers have checked it
        return (read_table(piece, _SCHEMA) for piece in self.journals.decisions.pieces())

    def write(self, path: str | Path) -> None:
        """Write the rows as Parquet; equal rows give equal bytes."""
        Path(path).write_bytes(self.encoded())

    # ---- Ray's interface --------------------------------------------------------------------------------------

    def on_trial_result(  # Ray does not call `trial_completed` if the same report ends the study
        self,
        iteration: int,  # noqa: ARG002 - Ray's signature
        trials: list[Trial],  # noqa: ARG002
        trial: Trial,
        result: dict[str, Any],
        **info: Any,  # noqa: ARG002
    ) -> None:
        """Record a report with which the trainable ends its trial."""
        if result.get("done"):
            self._complete(trial, flattened(result))

    def get_state(self) -> dict[str, Any]:
        """Return the state that Ray saves, without the rows that are in a journal."""
        rows = {} if self.journals is not None else {"rows": self._rows}
        return {**rows, "numbers": self._numbers, "last": self._last}

    def set_state(self, state: dict[str, Any]) -> None:
        """Restore the state."""
        self._rows = state.get("rows", self._rows)
        self._numbers, self._last = state["numbers"], state["last"]

    def __getstate__(self) -> dict[str, Any]:
        if self.journals is None:
            return self.__dict__
        return {name: value for name, value in self.__dict__.items() if name not in {"journals", "_rows"}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update({"journals": None, "_rows": Rows(Decision), **state})

    # ---- the interface of `SchedulerObserver` -----------------------------------------------------------------

    def trial_added(self, trial: Trial) -> None:
        """Number a trial, unless it already has a number."""
        self._numbers.setdefault(trial.trial_id, len(self._numbers))

    def trial_decided(self, trial: Trial, config: Config, result: dict[str, Any], decision: str) -> None:
        """Record a decision."""
        trial_id = trial.trial_id
        self._last[trial_id] = (decision, result.get("training_iteration"))
        resource, value = result.get(self.time_attr), result.get(self.metric)
        row = Decision(
            math.nan if self._clock is None else float(self._clock()),
            self._numbers[trial_id],
            _number(resource),
            _number(value),
            decision,
            self._json(trial_id, config),
        )
        if self.journals is None:
            self._rows.append(row)
        else:
            self.journals.decisions.append(row.line())

    def trial_completed(self, trial: Trial, result: dict[str, Any]) -> None:
        """Record the last report of a trial that its trainable ended, unless the scheduler decided on that report."""
        self._complete(trial, result)
        self.trial_removed(trial)

    def trial_removed(self, trial: Trial) -> None:
        """Forget what is needed only until a trial has ended."""
        self._last.pop(trial.trial_id, None)
        self._configs.pop(trial.trial_id, None)

    def _complete(self, trial: Trial, result: dict[str, Any]) -> None:
        decision, iteration = self._last.get(trial.trial_id, ("", None))
        known = decision == TrialScheduler.CONTINUE and iteration == result.get("training_iteration")
        if decision != TrialScheduler.STOP and not known:
            self.trial_decided(trial, trial.config, result, str(TrialScheduler.STOP))

    def trial_failed(self, trial: Trial) -> None:
        """Record a crash."""
        self.trial_decided(trial, trial.config, {self.time_attr: trial.last_result.get(self.time_attr)}, ERROR)

    def _json(self, trial_id: str, config: Config) -> str:
        known = self._configs.get(trial_id)
        if known is not None and known[0] is config:
            return known[1]
        text = _CONFIGS.encode(config)
        self._configs[trial_id] = config, text
        return text


def encode(rows: Sequence[Decision]) -> bytes:
    """The content of a Parquet file with these rows; equal rows give equal bytes."""
    stored = rows if isinstance(rows, Rows) else Rows(Decision, rows)
    columns = [(stored.column(kind.name), kind.type) for kind in _SCHEMA]
    return _parquet(
        pa.table([pa.array(column[first : first + ROW_GROUP], kind) for column, kind in columns], _SCHEMA)
        for first in range(0, len(stored), ROW_GROUP)
    )


def _parquet(tables: Iterable[pa.Table]) -> bytes:
    """The content of a file with the rows of these tables, in groups of `ROW_GROUP`."""
    buffer, rest, rows = io.BytesIO(), _SCHEMA.empty_table(), 0
    with pq.ParquetWriter(buffer, _SCHEMA) as writer:
        for table in tables:
            rest = pa.concat_tables([rest, table])
            while len(rest) >= ROW_GROUP:
                writer.write_table(rest[:ROW_GROUP].combine_chunks())
                rest, rows = rest[ROW_GROUP:], rows + ROW_GROUP
        if len(rest) or not rows:
            writer.write_table(rest.combine_chunks())
    pa.default_memory_pool().release_unused()
    return buffer.getvalue()


def write(path: str | Path, rows: Sequence[Decision]) -> None:
    """Write rows as Parquet."""
    Path(path).write_bytes(encode(rows))


def read(path: str | Path) -> list[Decision]:
    """Read a log that `write` has written.

    Raises:
        ArgumentError: If the file is not a decision log.
    """
    table = pq.read_table(path)
    if table.schema != _SCHEMA:
        raise ArgumentError(
            f"{str(path)!r} has the columns {table.column_names}, but a decision log has {_SCHEMA.names}"
        )
    return list(_rows_of(table))


def _rows_of(table: pa.Table) -> Iterator[Decision]:
    return map(Decision._make, zip(*(column.to_pylist() for column in table.columns), strict=True))


class Difference(NamedTuple):
    """The first difference between two logs.

    Attributes:
        row: The index of the first row that differs, from 0.
        left: The row of the left log, or None if that log has ended.
        right: The row of the right log, or None if that log has ended.
        message: A description of the difference.
    """

    row: int
    left: Decision | None
    right: Decision | None
    message: str


def difference(left: Sequence[Decision], right: Sequence[Decision], *, times: bool = True) -> Difference | None:
    """Return the first difference between two logs, or None if they are equal. NaN equals NaN.

    Args:
        left: A log.
        right: Another log.
        times: Whether to compare the times, which never agree between studies on a cluster.

    Example:
        >>> row = Decision(1.0, 0, 1.0, 0.5, "CONTINUE", "{}")
        >>> difference([row], [row._replace(value=0.25)]).message
        'value 0.5 != 0.25'
    """
    fields = Decision._fields if times else Decision._fields[1:]
    for number, (one, other) in enumerate(zip(left, right, strict=False)):
        if one == other:
            continue
        pairs = [(name, getattr(one, name), getattr(other, name)) for name in fields]
        unequal = [f"{name} {x!r} != {y!r}" for name, x, y in pairs if x != y and not (x != x and y != y)]  # noqa: PLR0124 - NaN
        if unequal:
            return Difference(number, one, other, ", ".join(unequal))
    if len(left) == len(right):
        return None
    number = min(len(left), len(right))
    more, ended = (left, "right") if len(left) > number else (right, "left")
    rest = f"the {ended} log ends after {number} rows, the other has {len(more) - number} more"
    one_row, other_row = (log[number] if len(log) > number else None for log in (left, right))
    return Difference(number, one_row, other_row, rest)


def _number(value: Any) -> float:
    if type(value) is float:
        return value
    number = as_number(value)
    return math.nan if number is None else number
