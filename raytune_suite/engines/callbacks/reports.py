"""The reports of a study, and the incumbents among them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from raytune_suite.engines.callbacks.rows import Rows
from raytune_suite.engines.journal import encode
from raytune_suite.types import as_loss

if TYPE_CHECKING:
    from collections.abc import Iterable

    from raytune_suite.types import Mode


class Report(NamedTuple):
    """One report of one trial.

    Attributes:
        trial: The trial's number, from 0 in the order of proposal.
        resource: The resource on which the trial had been trained.
        value: The metric; NaN if it was not a number.
        elapsed: The study's running time so far in seconds, without interruptions.
        cost: The resource that the whole study had spent, including this report.
        complete: Whether the trial's training was complete: it reached `max_t`, or the trainable ended it.
    """

    trial: int
    resource: float
    value: float
    elapsed: float
    cost: float
    complete: bool

    def line(self) -> str:
        """The report as a line of its journal, in a third of the time that `json` takes."""
        trial, resource, value, elapsed, cost, complete = self
        if not math.isfinite(resource + value + elapsed + cost):
            return encode(self._asdict())
        return (
            f'{{"trial":{trial},"resource":{resource!r},"value":{value!r},"elapsed":{elapsed!r},"cost":{cost!r},'
            f'"complete":{"true" if complete else "false"}}}'
        )


def reopen(reports: Rows[Report], max_t: float, before: int | None = None) -> None:
    """Mark the first `before` reports that are below `max_t` as those of incomplete trainings; None: all."""
    reports.view("complete")[:before][reports.view("resource")[:before] < max_t] = False


def incumbents(reports: Iterable[Report], mode: Mode) -> list[Report]:
    """The reports at which the incumbent changed.

    The incumbent is the best config among those trained furthest: a report of a complete training ranks above any
    other, and a report at a higher resource above one at a lower resource, regardless of their values. (The best of
    all reports would compare a lucky first epoch with a complete training.) Values that are not finite are ignored.
    """
    rows = reports if isinstance(reports, Rows) else Rows(Report, reports)
    values = rows.view("value")
    finite = np.isfinite(values)
    distance = np.where(rows.view("complete"), -math.inf, -rows.view("resource"))
    nearest = np.minimum.accumulate(np.where(finite, distance, math.inf))
    changes: list[Report] = []
    best = (math.inf, math.inf)
    for position in np.flatnonzero(finite & (distance == nearest)).tolist():  # no other can rank first
        rank = float(distance[position]), as_loss(float(values[position]), mode)
        if rank < best:
            best = rank
            changes.append(rows[position])
    return changes


def incumbent_frame(best: list[Report]) -> pd.DataFrame:
    """The reports at which the incumbent changed, one per row."""
    return pd.DataFrame(best, columns=list(Report._fields))
