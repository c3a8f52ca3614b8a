"""The record of a trial, and how many of them are stored."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from ray.tune.experiment import Trial

if TYPE_CHECKING:
    from raytune_suite.types import Config


@dataclass(slots=True)
class TrialRecord:
    """The current state of a trial.

    Attributes:
        trial_id: Ray's id.
        status: Ray's status.
        config: The trial's latest config.
        last: The trial's last result, flattened as in Ray; once the trial has ended, without what Ray adds to it, and
            None if it has nothing but the metric, which is in the trial's last report.
        error: The last line of the trial's error, or "".
        stopped_early: Whether the scheduler stopped the trial before its end.
        lost_machines: How often the trial lost its machine; always 0 in a simulated study.
        retried: Whether the trial has failed, and its config has been trained again as another trial.
        position: The position of its last report among all reports; None if it has reported nothing.
    """

    trial_id: str
    status: str = Trial.PENDING
    config: Config = field(default_factory=dict)
    last: dict[str, Any] | None = field(default_factory=dict)
    error: str = ""
    stopped_early: bool = False
    lost_machines: int = 0
    retried: bool = False
    position: int | None = None


def columns(trials: list[TrialRecord]) -> list[list[Any]]:
    """The records as one list per field, which a pickler writes in a quarter of the memory.

    A pickler keeps each object that it has written, and a state of each record that it creates.

    Example:
        >>> columns([TrialRecord("a"), TrialRecord("b", error="crashed")])[:2]
        [['a', 'b'], ['PENDING', 'PENDING']]
    """
    return [[getattr(record, each.name) for record in trials] for each in fields(TrialRecord)]


def records(stored: list[list[Any]]) -> list[TrialRecord]:
    """The records that `columns` has stored."""
    return [TrialRecord(*values) for values in zip(*stored, strict=True)]
