"""Detects trials whose resource does not advance: nothing would ever stop them, and they spend no budget."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

from raytune_suite.errors import nearest, shown
from raytune_suite.types import ADDED_BY_RAY, as_resource

if TYPE_CHECKING:
    from collections.abc import Mapping

WITHOUT = 10
"""The most reports of a trial in a row with the metric and without a number as the resource."""

STALLED = 100
"""The most reports of a trial in a row at which its resource does not increase."""

IDLE = 10
"""The most trials in a row that end without having spent any resource."""


@dataclass(slots=True)
class _Position:
    """Where a trial is: its last resource, and for how many reports it has not advanced."""

    resource: float = -math.inf
    without: int = 0
    stalled: int = 0


@final
class Advance:
    """Watches the resource of all trials of a study.

    Example:
        >>> advance = Advance("epochs")
        >>> advance.ended("a", "loss", {"loss": 0.5, "epoch": 3})
        "`time_attr` is 'epochs', but trial a reported epoch, loss: did you mean 'epoch'?"
    """

    def __init__(self, time_attr: str) -> None:
        """`time_attr` is the key of the resource in a report."""
        self.time_attr = time_attr
        self._positions: dict[str, _Position] = {}
        self._known = time_attr == "training_iteration"  # which both engines count themselves
        self._idle = 0

    def reported(self, trial_id: str, metric: str | None, result: Mapping[str, Any]) -> str | None:
        """Take a report; returns why the study cannot continue, None if it can."""
        position = self._positions.get(trial_id)
        if position is None:
            position = self._positions[trial_id] = _Position()
        resource = as_resource(result.get(self.time_attr))
        if resource is None:
            position.without += 1
            enough = position.without >= (WITHOUT if metric in result else STALLED)
            return self._missing(trial_id, result) if enough else None
        self._known = True
        advanced = resource > position.resource or result.get("iterations_since_restore") == 1
        position.stalled = 0 if advanced else position.stalled + 1
        position.resource, position.without = resource, 0
        if position.stalled < STALLED:
            return None
        return (
            f"`time_attr` is {self.time_attr!r}, but it did not increase in {STALLED + 1} reports in a row of "
            f"trial {trial_id}, the last with {shown(result[self.time_attr])}: it must increase as the trial is trained"
        )

    def ended(self, trial_id: str, metric: str | None, result: Mapping[str, Any]) -> str | None:
        """Take the last report of a trial; returns why the study cannot continue, None if it can."""
        fault = self.reported(trial_id, metric, result)
        position = self._positions.pop(trial_id)
        if metric not in result:
            return fault
        self._idle = 0 if position.resource > 0 else self._idle + 1
        if fault is None and (not self._known or (self._idle >= IDLE and position.without)):
            return self._missing(trial_id, result)
        if fault is None and self._idle >= IDLE:
            return (
                f"`time_attr` is {self.time_attr!r}, but the last {IDLE} trials ended at {position.resource:g}: it "
                "must be above 0 once a trial is trained, since it is what a study spends"
            )
        return fault

    def removed(self, trial_id: str) -> None:
        """Forget a trial that ended without another report."""
        self._positions.pop(trial_id, None)

    def _missing(self, trial_id: str, result: Mapping[str, Any]) -> str:
        start = f"`time_attr` is {self.time_attr!r}, but trial {trial_id} reported"
        if self.time_attr in result:
            return f"{start} it as {shown(result[self.time_attr])}: it must be a number that increases with training"
        keys = sorted(map(str, set(result) - ADDED_BY_RAY))
        keys = [key for key in keys if key != "config" and not key.startswith("config/")]
        match = nearest(self.time_attr, keys)
        return f"{start} {', '.join(keys) or 'nothing'}{f': did you mean {match!r}?' if match else ': report it, too'}"
