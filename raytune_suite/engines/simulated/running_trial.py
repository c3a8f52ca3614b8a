"""What the simulated controller keeps of a trial while it is on a worker, and how a worker is lost."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from ray.tune.utils import flatten_dict

if TYPE_CHECKING:
    from ray.tune.experiment import Trial


class Fault(NamedTuple):
    """A worker is lost.

    What is due at that very time is lost with it. As on Ray the trial on it goes on from its last checkpoint, if
    `max_failures` allows that; a preempted worker is no failure.

    Attributes:
        time: When, in virtual seconds.
        worker: Which, from 0. A trial starts on the free worker with the lowest number.
        back: After how many seconds it is there again; infinity for never.
        preempted: Whether the cluster took it away on purpose.
    """

    time: float
    worker: int
    back: float = 0.0
    preempted: bool = False


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a trial goes on from."""

    state: Any
    iteration: int
    seconds: float


@dataclass(slots=True, eq=False)
class Stint:
    """A trial on a worker, from its start there until it leaves.

    Attributes:
        trial: The trial.
        worker: The worker's number.
        training: Its training, once that has started.
        iteration: How many reports the trial has made, those before its last checkpoint included.
        seconds: The virtual seconds that they took.
        since_restore: How many it has made here.
        seconds_since_restore: The virtual seconds that these took.
        due: The virtual seconds that the next one takes.
        last: The last report.
        decision: What is to be done once the checkpoint is there that is being saved.
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


def flat(result: dict[str, Any]) -> dict[str, Any]:
    """A copy of a result that is flattened as Ray does it."""
    for value in result.values():
        if isinstance(value, dict):
            flattened: dict[str, Any] = flatten_dict(result)
            return flattened
    return dict(result)
