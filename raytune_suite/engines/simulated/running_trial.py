"""What the simulated controller keeps of a trial while it runs on a worker, and how workers are lost."""

from __future__ import annotations

import traceback
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from ray.train._internal.session import _FutureTrainingResult

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ray.train._internal.session import _TrainingResult
    from ray.tune.experiment import Trial


class Fault(NamedTuple):
    """The loss of a worker.

    Events that are due on the worker at that very time are lost, too. As on Ray, the trial on it restarts from its last
    checkpoint if `max_failures` allows it; the preemption of a worker does not count as a failure.

    Attributes:
        time: The virtual second of the loss.
        worker: The number of the worker, from 0. A trial starts on the free worker with the lowest number.
        back: The number of seconds until the worker returns; infinity if it does not.
        preempted: Whether the cluster took the worker away on purpose.
    """

    time: float
    worker: int
    back: float = 0.0
    preempted: bool = False


@dataclass(frozen=True, slots=True)
class SimulatedCheckpoint:
    """The checkpoint of a trial: the state of its training, and how long it had trained."""

    state: Any
    iteration: int
    seconds: float


class SavedCheckpoint(_FutureTrainingResult):
    """A checkpoint that is complete already, in place of Ray's future; None if nothing was saved."""

    def __init__(self, result: _TrainingResult | None) -> None:
        self.result = result

    def resolve(self, block: bool = True) -> _TrainingResult | None:  # noqa: ARG002 - Ray's signature
        """The checkpoint."""
        return self.result


@dataclass(slots=True, eq=False)
class RunningTrial:
    """A trial on a worker, from its start there until it leaves.

    Attributes:
        trial: The trial.
        worker: The number of the worker.
        training: Its training, once started.
        iteration: The number of reports of the trial, including those before its last checkpoint.
        seconds: The virtual seconds that these took.
        since_restore: The number of reports on this worker.
        seconds_since_restore: The virtual seconds that these took.
        due: The virtual seconds that the next report takes.
        last: The last report.
        decision: The decision to execute once the checkpoint that is being saved is complete.
    """

    trial: Trial
    worker: int
    training: Any = None
    iteration: int = 0
    seconds: float = 0.0
    since_restore: int = 0
    seconds_since_restore: float = 0.0
    due: float = 0.0
    last: dict[str, Any] = field(default_factory=dict)
    decision: str | None = None

    def complete(self, result: dict[str, Any]) -> None:
        """Add to a report what Ray adds, in virtual seconds."""
        self.iteration = result.setdefault("training_iteration", self.iteration + 1)
        self.seconds += self.due
        self.since_restore += 1
        self.seconds_since_restore += self.due
        result.setdefault("done", False)
        result["time_this_iter_s"] = self.due
        result["time_total_s"] = self.seconds
        result["iterations_since_restore"] = self.since_restore
        result["time_since_restore"] = self.seconds_since_restore
        result["trial_id"] = self.trial.trial_id
        self.last = result


class WithTraceback(Exception):  # noqa: N818 - it stands in for the error of a training
    """An error of a training whose text is its traceback."""

    def __init__(self, error: Exception) -> None:
        super().__init__("".join(traceback.format_exception(error)))


def count_by_status(trials: Iterable[Trial]) -> str:
    """How many of the trials have each status, as messages say it."""
    counts = Counter(trial.status for trial in trials)
    return f"{', '.join(f'{count} {status.lower()}' for status, count in counts.items()) or 'no'} trials"
