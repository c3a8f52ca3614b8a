"""How the state of a scheduler is written: with the ids of the trials in place of Ray's objects."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any, NamedTuple

from ray import cloudpickle
from ray.tune.experiment import Trial

if TYPE_CHECKING:
    import io


class Saved(NamedTuple):
    """A scheduler's state.

    Attributes:
        paused: The ids of the trials that were paused.
        begun: The ids of those that ran, in the order in which they were due.
        ended: The ids of those that had ended.
        state: All fields, pickled, with ids in place of the trials.
    """

    paused: frozenset[str]
    begun: tuple[str, ...]
    ended: frozenset[str]
    state: bytes


class Pickler(cloudpickle.Pickler):
    """Writes a trial as its id."""

    def persistent_id(self, obj: Any) -> str | None:
        return str(obj.trial_id) if isinstance(obj, Trial) else None


class Unpickler(pickle.Unpickler):
    """Puts the trials that Ray has added again in place of the ids."""

    def __init__(self, file: io.BytesIO, trials: dict[str, Trial]) -> None:
        super().__init__(file)
        self._trials = trials

    def persistent_load(self, pid: Any) -> Trial:
        return self._trials[pid]
