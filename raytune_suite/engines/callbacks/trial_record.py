"""The records of trials, how they are stored, and the table that they make."""

from __future__ import annotations

import marshal
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, final, overload

import numpy as np
import pandas as pd
from ray.tune.experiment import Trial

from raytune_suite.engines.flat_results import flattened
from raytune_suite.types import ADDED_BY_RAY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from raytune_suite.engines.callbacks.reports import Report
    from raytune_suite.engines.callbacks.rows import Rows
    from raytune_suite.types import Config

    _Flags = NDArray[np.bool_]

NO_REPORT = -1
"""The position of the last report of a trial that has reported nothing."""

_PLAIN = frozenset({bool, int, float, str, type(None)})


class TrialRecord(NamedTuple):
    """The current state of a trial.

    Attributes:
        trial_id: Ray's id.
        status: Ray's status.
        stored_config: The trial's latest config, packed by `pack_config` or not; None if it is not known.
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
    stored_config: Any = None
    last: Any = None
    error: str = ""
    stopped_early: bool = False
    lost_machines: int = 0
    retried: bool = False
    position: int = NO_REPORT

    @property
    def config(self) -> Config:
        """The trial's latest config."""
        return unpack_config(self.stored_config)

    @property
    def packed(self) -> bool:
        """Whether the config is packed, as it is once the trial has completed."""
        return isinstance(self.stored_config, bytes)


def reported_by_trainable(last: dict[str, Any] | None) -> dict[str, Any]:
    """What the trainable reported of a flat result."""
    return {name: value for name, value in (last or {}).items() if name not in ADDED_BY_RAY}


def pack_config(config: Config) -> Config | bytes:
    """A config in a third of its memory, if all its values are plain."""
    for name, value in config.items():
        if type(value) not in _PLAIN or type(name) is not str:
            return config
    return marshal.dumps(config)


def unpack_config(stored: Config | bytes | None) -> Config:
    """The config that was packed, or not; {} for None.

    Example:
        >>> unpack_config(pack_config({"x": 0.5, "layers": 3}))
        {'x': 0.5, 'layers': 3}
    """
    config: Config = marshal.loads(stored) if isinstance(stored, bytes) else stored or {}  # noqa: S302 - of `pack_config`
    return config


@final
class Configs(Sequence["Config"]):
    """The configs of trials, by their numbers; those that are packed are created at each use."""

    def __init__(self, stored: Sequence[Config | bytes]) -> None:
        """`stored` is a column of records."""
        self._stored = stored

    def __len__(self) -> int:
        return len(self._stored)

    @overload
    def __getitem__(self, position: int) -> Config: ...
    @overload
    def __getitem__(self, position: slice) -> list[Config]: ...
    def __getitem__(self, position: int | slice) -> Config | list[Config]:
        if isinstance(position, slice):
            return list(map(unpack_config, self._stored[position]))
        return unpack_config(self._stored[position])

    def __repr__(self) -> str:
        return repr(list(self))


def trials_frame(trials: Rows[TrialRecord], reports: Rows[Report], metric: str) -> pd.DataFrame:
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
    for number, (stored_config, last) in enumerate(
        zip(trials.column("stored_config"), trials.column("last"), strict=True)
    ):
        row = {f"config/{name}": cell for name, cell in flattened(unpack_config(stored_config)).items()}
        row |= {metric: float(value[number])} if last is None and reported[number] else reported_by_trainable(last)
        for name, cell in row.items():
            if name not in columns:
                columns[name] = np.full(len(trials), math.nan, dtype=object)
            elif columns[name].dtype != object:  # a value that is called as one of the above
                columns[name] = columns[name].astype(object)
            columns[name][number] = cell
    return pd.DataFrame(columns).infer_objects().set_index("trial")


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
