"""The decision log: one row per report, alike from both engines, so that two runs can be compared.

A scheduler is watched from outside: what Ray's controller, or ours, tells it and what it answers is all there is to
know. So the same few lines record a simulated study and one on a cluster. There the log is a Ray callback, too, so that
it is saved with each snapshot of the study, and a study that is resumed goes on with it.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, NamedTuple, final

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
from ray.tune import Callback
from ray.tune.schedulers import TrialScheduler
from ray.tune.utils import flatten_dict

from raytune_suite.errors import ArgumentError
from raytune_suite.types import as_number

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ray.tune.experiment import Trial

    from raytune_suite.types import Config

ERROR = "ERROR"
"""The decision of a row that tells of a crash; it has no metric."""


class Decision(NamedTuple):
    """One row.

    Attributes:
        time: When the report came, in virtual seconds; NaN where nobody gave a clock.
        trial: The number of the trial in the order of creation, from 0.
        resource: How much the trial had been trained; NaN where it was not reported.
        value: The metric; NaN where it was no number, or not reported.
        decision: CONTINUE, PAUSE, STOP or NOOP (where the scheduler had paused the trial itself), or `ERROR`.
        config: The config with which the trial had been trained up to the report, as JSON with sorted keys.
    """

    time: float
    trial: int
    resource: float
    value: float
    decision: str
    config: str


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
    """Keeps the rows of one study. On Ray it is one of the study's callbacks, to be saved with it.

    Attributes:
        rows: The rows so far, in the order of the reports.
    """

    def __init__(self, metric: str, time_attr: str, clock: Callable[[], float] | None = None) -> None:
        """`clock` tells the seconds since the study began; without it the times are NaN."""
        self.metric, self.time_attr = metric, time_attr
        self.rows: list[Decision] = []
        self._clock = clock
        self._numbers: dict[str, int] = {}
        self._configs: dict[str, tuple[Config, str]] = {}
        self._last: dict[str, tuple[str, Any]] = {}

    def watch(self, scheduler: Any) -> Any:
        """A scheduler that does what `scheduler` does, and is recorded. Hand it to `tune.TuneConfig` or an engine."""
        return _Watched(scheduler, self)

    def write(self, path: str | Path) -> None:
        """Write the rows as Parquet: the same rows give the same bytes."""
        write(path, self.rows)

    # ---- Ray's interface --------------------------------------------------------------------------------------

    def on_trial_result(  # as `completed`, of which Ray says nothing where the same report ends the study
        self,
        iteration: int,  # noqa: ARG002 - Ray's signature
        trials: list[Trial],  # noqa: ARG002
        trial: Trial,
        result: dict[str, Any],
        **info: Any,  # noqa: ARG002
    ) -> None:
        """Note a report on which the trial ends by itself."""
        if result.get("done"):
            self.completed(trial, flatten_dict(result))

    def get_state(self) -> dict[str, Any]:
        """What Ray saves."""
        return {"rows": self.rows, "numbers": self._numbers, "last": self._last}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self.rows, self._numbers, self._last = state["rows"], state["numbers"], state["last"]

    # ---- what a watched scheduler tells -----------------------------------------------------------------------

    def added(self, trial: Trial) -> None:
        """A trial was added, perhaps again."""
        self._numbers.setdefault(trial.trial_id, len(self._numbers))

    def decided(self, trial: Trial, config: Config, result: dict[str, Any], decision: str) -> None:
        """The scheduler has decided."""
        trial_id = trial.trial_id
        self._last[trial_id] = (decision, result.get("training_iteration"))
        resource, value = result.get(self.time_attr), result.get(self.metric)
        self.rows.append(
            Decision(
                math.nan if self._clock is None else self._clock(),
                self._numbers[trial_id],
                _number(resource),
                _number(value),
                decision,
                self._json(trial_id, config),
            )
        )

    def completed(self, trial: Trial, result: dict[str, Any]) -> None:
        """A running trial has ended: on a decision that is known, or by itself on a report that nobody decided on."""
        decision, iteration = self._last.get(trial.trial_id, ("", None))
        known = decision == TrialScheduler.CONTINUE and iteration == result.get("training_iteration")
        if decision != TrialScheduler.STOP and not known:
            self.decided(trial, trial.config, result, str(TrialScheduler.STOP))

    def failed(self, trial: Trial) -> None:
        """A trial has crashed."""
        self.decided(trial, trial.config, {self.time_attr: trial.last_result.get(self.time_attr)}, ERROR)

    def _json(self, trial_id: str, config: Config) -> str:
        known = self._configs.get(trial_id)
        if known is not None and known[0] is config:
            return known[1]
        text = json.dumps(config, sort_keys=True, default=repr)
        self._configs[trial_id] = config, text
        return text


class _Watched(TrialScheduler):
    """Passes all on, and notes the decisions."""

    def __init__(self, scheduler: Any, log: DecisionLog) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # of Ray, inherited
        self._scheduler, self._log = scheduler, log

    @property
    def metric(self) -> Any:
        return self._scheduler.metric

    @property
    def supports_buffered_results(self) -> bool:
        return bool(self._scheduler.supports_buffered_results)

    def set_search_properties(self, metric: str | None, mode: str | None, **spec: Any) -> bool:
        return bool(self._scheduler.set_search_properties(metric, mode, **spec))

    def on_trial_add(self, tune_controller: Any, trial: Trial) -> None:
        self._log.added(trial)
        self._scheduler.on_trial_add(tune_controller, trial)

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> Any:
        config = trial.config  # an exploit changes it
        decision = self._scheduler.on_trial_result(tune_controller, trial, result)
        self._log.decided(trial, config, result, decision)
        return decision

    def on_trial_complete(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> None:
        self._log.completed(trial, result)
        self._scheduler.on_trial_complete(tune_controller, trial, result)

    def on_trial_remove(self, tune_controller: Any, trial: Trial) -> None:
        self._scheduler.on_trial_remove(tune_controller, trial)

    def on_trial_error(self, tune_controller: Any, trial: Trial) -> None:
        self._log.failed(trial)
        self._scheduler.on_trial_error(tune_controller, trial)

    def choose_trial_to_run(self, tune_controller: Any) -> Any:
        return self._scheduler.choose_trial_to_run(tune_controller)

    def debug_string(self) -> str:
        return str(self._scheduler.debug_string())

    def save(self, checkpoint_path: str) -> None:
        self._scheduler.save(checkpoint_path)

    def restore(self, checkpoint_path: str) -> None:
        self._scheduler.restore(checkpoint_path)

    def __getattr__(self, name: str) -> Any:
        if name == "_scheduler":  # while it is unpickled
            raise AttributeError(name)
        return getattr(self._scheduler, name)


def write(path: str | Path, rows: Sequence[Decision]) -> None:
    """Write rows as Parquet: the same rows give the same bytes."""
    columns = list(zip(*rows, strict=True)) or [()] * len(Decision._fields)
    table = pa.table(
        [pa.array(list(column), kind.type) for column, kind in zip(columns, _SCHEMA, strict=True)], _SCHEMA
    )
    pq.write_table(table, path)


def read(path: str | Path) -> list[Decision]:
    """Read what `write` wrote.

    Raises:
        ArgumentError: If the file is no decision log.
    """
    table = pq.read_table(path)
    if table.schema != _SCHEMA:
        raise ArgumentError(
            f"{str(path)!r} has the columns {table.column_names}, but a decision log has {_SCHEMA.names}"
        )
    return [Decision(*row) for row in zip(*(column.to_pylist() for column in table.columns), strict=True)]


class Difference(NamedTuple):
    """Where two logs part.

    Attributes:
        row: The first row that differs, from 0.
        left: The one log's row there, or None where it has ended.
        right: The other's.
        words: What differs, in a few words.
    """

    row: int
    left: Decision | None
    right: Decision | None
    words: str


def difference(left: Sequence[Decision], right: Sequence[Decision], *, times: bool = True) -> Difference | None:
    """Where two logs part first, or None where they are equal. NaN equals NaN.

    Args:
        left: The one log.
        right: The other.
        times: Whether the times must agree, too; those of a study on a cluster never do.

    Example:
        >>> row = Decision(1.0, 0, 1.0, 0.5, "CONTINUE", "{}")
        >>> difference([row], [row._replace(value=0.25)]).words
        'value 0.5 against 0.25'
    """
    fields = Decision._fields if times else Decision._fields[1:]
    for number, (one, other) in enumerate(zip(left, right, strict=False)):
        if one == other:
            continue
        pairs = [(name, getattr(one, name), getattr(other, name)) for name in fields]
        words = [f"{name} {x!r} against {y!r}" for name, x, y in pairs if x != y and not (x != x and y != y)]  # noqa: PLR0124 - NaN
        if words:
            return Difference(number, one, other, ", ".join(words))
    if len(left) == len(right):
        return None
    number = min(len(left), len(right))
    more, ended = (left, "right") if len(left) > number else (right, "left")
    rest = f"the {ended} log ends after {number} rows, the other goes on for {len(more) - number} more"
    one_row, other_row = (log[number] if len(log) > number else None for log in (left, right))
    return Difference(number, one_row, other_row, rest)


def _number(value: Any) -> float:
    if type(value) is float:
        return value
    number = as_number(value)
    return math.nan if number is None else number
