"""Notices clones that train on with the config of the member that they copied, because the new one has no effect.

A member of a population copies the checkpoint of a better one and continues with another config. If the trainable sets
its hyperparameters before it loads the checkpoint, those of the checkpoint may come back: PyTorch's optimizers save
their learning rates, so that `load_state_dict` undoes the new one. Then the clone repeats its source to the bit.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple, final

from raytune_suite.types import as_number

if TYPE_CHECKING:
    from typing import Any

    from raytune_suite.types import Config

REPEATED = 3
"""Warn after so many reports of clones that repeat others; one may have the same value by chance."""


class _Value(NamedTuple):
    """A report of a member that began with a certain checkpoint."""

    trial_id: str
    config: Config
    value: float


class _Checkpoint(NamedTuple):
    """What identifies a checkpoint: its member, how many others that had copied, and its resource."""

    trial_id: str
    copies: int
    resource: float


@final
class CloneGuard:
    """Compares the reports of members that began with the same checkpoint, and have different configs.

    Attributes:
        repeated: How many reports were those of another member to the bit, whose config was another one.
    """

    def __init__(self) -> None:
        """No member has copied another one."""
        self.repeated = 0
        self._ended = False
        self._values: set[float] = set()
        self._own: dict[str, dict[float, _Value]] = {}  # the reports of a member since it last copied another one
        self._copies: dict[str, int] = {}
        self._since: dict[_Checkpoint, dict[float, list[_Value]]] = {}  # the reports of all that began with it
        self._origins: dict[str, list[_Checkpoint]] = {}  # of a member since it last copied another one

    def cloned(self, trial_id: str, source: str, resource: float) -> None:
        """A member has copied the checkpoint of another one at this resource."""
        if self._ended:
            return
        self._own.pop(trial_id, None)
        self._copies[trial_id] = self._copies.get(trial_id, 0) + 1
        checkpoint = _Checkpoint(source, self._copies.get(source, 0), resource)
        self._origins[trial_id] = [checkpoint]
        if checkpoint not in self._since:
            later = {at: [value] for at, value in self._own.get(source, {}).items() if at > resource}
            self._since[checkpoint] = later
            self._origins.setdefault(source, []).append(checkpoint)

    def reported(self, trial_id: str, resource: float, value: Any, config: Config) -> bool:
        """Take a report; returns whether it is the one after which to warn.

        The first report that differs from that of another member ends all comparisons: the new configs have an effect.
        """
        number = as_number(value)
        if self._ended or number is None or not math.isfinite(number):
            return False
        report = _Value(trial_id, config, number)
        self._own.setdefault(trial_id, {})[resource] = report
        for checkpoint in self._origins.get(trial_id, ()):
            others = self._since[checkpoint].setdefault(resource, [])
            other = next((each for each in others if each.trial_id != trial_id and each.config != config), None)
            if other is not None:
                if other.value != number:
                    return self._end()
                self.repeated += 1
                self._values.add(number)
            others.append(report)
        if self.repeated >= REPEATED and len(self._values) > 1:  # a metric that never changes says nothing
            self._end()
            return True
        return False

    def _end(self) -> bool:
        self._ended = True
        self._own, self._copies, self._since, self._origins = {}, {}, {}, {}
        return False
