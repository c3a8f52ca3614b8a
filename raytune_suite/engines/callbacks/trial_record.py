"""The records of trials, how they are stored, and the table that they make."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple, final

import numpy as np
import pandas as pd
from ray.tune.experiment import Trial

from raytune_suite.engines.flat_results import flattened
from raytune_suite.engines.packed_values import PackedSequence, PackedValues, is_plain
from raytune_suite.types import ADDED_BY_RAY

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from raytune_suite.engines.callbacks.reports import Report
    from raytune_suite.engines.callbacks.rows import Rows
    from raytune_suite.types import Config

    _Flags = NDArray[np.bool_]

NO_REPORT = -1
"""The position of the last report of a trial that has reported nothing."""


class TrialRecord(NamedTuple):
    """The current state of a trial.

    Attributes:
        trial_id: Ray's id.
        status: Ray's status.
        last: The trial's last result, flattened as in Ray; once the trial has ended, without what Ray adds to it, and
            None if it has nothing but the metric, which is in the trial's last report.
        error: The last line of the trial's error, or "".
        stopped_early: Whether the scheduler stopped the trial before its end.
        lost_machines: How often the trial lost its machine; always 0 in a simulated study.
        retried: Whether the trial has failed, and its config has been trained again as another trial.
        position: The position of its last report among all reports, or `NO_REPORT`.
    """

    trial_id: str
    status: str = Trial.PENDING
    last: Any = None
    error: str = ""
    stopped_early: bool = False
    lost_machines: int = 0
    retried: bool = False
    position: int = NO_REPORT


def without_number(trials: Sequence[Trial], numbers: Mapping[str, int], most: int) -> list[Trial]:
    """The trials that have no number yet, at `most` so many: the last ones, but for trials that are retried."""
    new: list[Trial] = []
    for trial in reversed(trials if most > 0 else ()):
        if trial.trial_id not in numbers:
            new.append(trial)
            if len(new) == most:
                break
    return new[::-1]


def reported_by_trainable(last: dict[str, Any] | None) -> dict[str, Any]:
    """What the trainable reported of a flat result."""
    return {name: value for name, value in (last or {}).items() if name not in ADDED_BY_RAY}


@final
class Configs(PackedSequence["Config"]):
    """The configs of trials, by number. One that was packed takes a third of the memory, and is copied at each use.

    Example:
        >>> configs = Configs([{"x": 0.5}, {"x": 0.25}])
        >>> configs.pack(0)
        >>> configs[0], len(configs)
        ({'x': 0.5}, 2)
    """

    def __init__(self, configs: Iterable[Config] = ()) -> None:
        """At first `configs`."""
        super().__init__()
        self._packed = PackedValues()
        for config in configs:
            self.append(config)

    def __repr__(self) -> str:
        return f"Configs({list(self)!r})"

    def replace(self, number: int, config: Config) -> None:
        """Replace a config, unless it is packed."""
        if number in self._others:
            self._others[number] = config

    def pack(self, number: int) -> None:
        """Pack a config that does not change any more, if it consists of plain values."""
        config = self._others.get(number)
        if config is not None and is_plain(config):
            self._starts[number] = self._packed.add(self._others.pop(number))

    def _unpacked(self, start: int) -> Config:
        config: Config = self._packed.read(start)
        return config


def trials_frame(trials: Rows[TrialRecord], configs: Configs, reports: Rows[Report], metric: str) -> pd.DataFrame:
    """All trials, one per row, indexed by number; see `StudyResult.trials`."""
    if not trials:
        return pd.DataFrame(columns=["trial", "status", "outcome"]).set_index("trial")
    positions = trials.column("position")
    reported = positions != NO_REPORT
    resource, value, complete = np.zeros(len(trials)), np.full(len(trials), math.nan), np.zeros(len(trials), bool)
    for column, name in ((resource, "resource"), (value, "value"), (complete, "complete")):
        column[reported] = reports.column(name)[positions[reported]]
    status, stopped_early = np.array(trials.column("status"), dtype=object), trials.column("stopped_early")
    columns: dict[str, NDArray[Any]] = {
        "trial": np.arange(len(trials)),
        "trial_id": np.array(trials.column("trial_id"), dtype=object),
        "status": status,
        "outcome": _outcomes(
            failed=(status == Trial.ERROR) | (reported & ~np.isfinite(value)),
            stopped_early=stopped_early,
            complete=complete,
        ),
        "stopped_early": stopped_early,
        "lost_machines": trials.column("lost_machines"),
        "resource": resource,
        "value": value,
        "error": np.array(trials.column("error"), dtype=object),
        "retried": trials.column("retried"),
    }
    for number, (config, last) in enumerate(zip(configs, trials.column("last"), strict=True)):
        row = {f"config/{name}": cell for name, cell in flattened(config).items()}
        row |= {metric: float(value[number])} if last is None and reported[number] else reported_by_trainable(last)
        for name, cell in row.items():
            if name not in columns:
                columns[name] = np.full(len(trials), math.nan, dtype=object)
            elif columns[name].dtype != object:  # a value that is called as one of the above
                columns[name] = columns[name].astype(object)
            columns[name][number] = cell
    inferred = {name: pd.Series(columns.pop(name), copy=False).infer_objects() for name in list(columns)}  # one by one
    return pd.DataFrame(inferred, copy=False).set_index("trial")


def _outcomes(
    *, failed: NDArray[np.bool_], stopped_early: NDArray[np.bool_], complete: NDArray[np.bool_]
) -> NDArray[Any]:
    """The outcomes of trials: "failed", "stopped early", "trained in full" or "unfinished".

    A trial whose last metric is not finite has failed, regardless of its status in Ray.
    """
    outcomes = np.full(len(failed), "unfinished", dtype=object)
    outcomes[complete] = "trained in full"
    outcomes[stopped_early] = "stopped early"
    outcomes[failed] = "failed"
    return outcomes
