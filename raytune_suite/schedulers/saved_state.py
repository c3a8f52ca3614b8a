"""How the state of a scheduler is saved and restored.

Ray saves a searcher with each snapshot of a study and never saves a scheduler (ray#30838): after a restore its ASHA has
forgotten its rungs and its HyperBand hangs. The state of a `StudyScheduler` is therefore saved as that of its searcher:
`StudySearcher` wraps any searcher, as Ray's own `ConcurrencyLimiter` does, and its state is the scheduler's. On a
restore Ray first hands back the state and then adds every trial again, as a new object; the scheduler waits for the
first call of another kind and then loads its attributes, with the new trials in place of the old ones.
"""

from __future__ import annotations

import io
import pickle
from typing import TYPE_CHECKING, Any, NamedTuple

from ray import cloudpickle
from ray.tune.experiment import Trial

if TYPE_CHECKING:
    from collections.abc import Mapping


class SavedState(NamedTuple):
    """A scheduler's state.

    Attributes:
        paused: The ids of the trials that were paused.
        running: The ids of those that were running.
        first: The ids of those that start first after the restore, in this order.
        ended: The ids of those that had ended.
        attributes: The scheduler's attributes, pickled, with ids in place of trials.
    """

    paused: frozenset[str]
    running: frozenset[str]
    first: tuple[str, ...]
    ended: frozenset[str]
    attributes: bytes


class Restore:
    """A restore that waits until Ray has added all trials again.

    Attributes:
        saved: The state.
        trials: By id, the trials that were added so far.
        controller: What added them.
    """

    def __init__(self, saved: SavedState) -> None:
        """No trial was added yet."""
        self.saved = saved
        self.trials: dict[str, Trial] = {}
        self.controller: Any = None

    def add(self, controller: Any, trial: Trial) -> None:
        """Take a trial that is added again, and give it the status that Ray has lost."""
        self.controller = controller
        self.trials[trial.trial_id] = trial
        if trial.status == Trial.PENDING and trial.trial_id in self.saved.paused:
            trial.set_status(Trial.PAUSED)  # Ray would start it at once, before its promotion
        elif trial.status == Trial.PENDING and trial.trial_id in self.saved.ended:
            trial.set_status(Trial.TERMINATED)  # Ray does not save that a paused trial was stopped

    def attributes(self) -> dict[str, Any]:
        """The scheduler's attributes, with the trials that were added."""
        loaded: dict[str, Any] = _Unpickler(io.BytesIO(self.saved.attributes), self.trials).load()
        return loaded


def pickled(attributes: Mapping[str, Any]) -> bytes:
    """Pickle attributes, with ids in place of trials."""
    buffer = io.BytesIO()
    pickler: Any = _Pickler(buffer)  # type: ignore[no-untyped-call] # of Ray, inherited
    pickler.dump(attributes)
    return buffer.getvalue()


class _Pickler(cloudpickle.Pickler):
    """Writes a trial as its id."""

    def persistent_id(self, obj: Any) -> str | None:
        return str(obj.trial_id) if isinstance(obj, Trial) else None


class _Unpickler(pickle.Unpickler):
    """Replaces ids by trials."""

    def __init__(self, file: io.BytesIO, trials: dict[str, Trial]) -> None:
        super().__init__(file)
        self._trials = trials

    def persistent_load(self, pid: Any) -> Trial:
        return self._trials[pid]
