"""The trials that a scheduler knows, and the order in which they are to start."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from ray.tune.experiment import Trial

if TYPE_CHECKING:
    from collections.abc import Collection

_ACTIVE = (Trial.PENDING, Trial.RUNNING)


@final
class TrialQueue:
    """The trials of a study that have not ended, by id, and the orders in which they start.

    There are two orders, since a trial that is retried after a crash waits again, but keeps its place in a restore.

    Attributes:
        known: The ids of all trials, including those that have ended.
    """

    def __init__(self) -> None:
        """No trial yet."""
        self.known: set[str] = set()
        self._trials: dict[str, Trial] = {}
        self._started: dict[str, None] = {}  # in the order in which they were added or resumed
        self._active: dict[str, None] = {}  # added or resumed; those that were paused since are dropped when counted
        self._waiting: dict[str, None] = {}  # in the order in which they wait; started ones are dropped at the front
        self._resumed_alone: str | None = None  # resumed when no trial had a process

    def __contains__(self, trial_id: object) -> bool:
        return trial_id in self._trials

    def __getitem__(self, trial_id: str) -> Trial:
        return self._trials[trial_id]

    def has(self, trial_id: str, status: str) -> bool:
        """Whether this trial has not ended and has this status."""
        return trial_id in self._trials and self._trials[trial_id].status == status

    def live(self) -> list[Trial]:
        """The trials that have not ended, in the order in which they were added."""
        return [trial for trial in self._trials.values() if not trial.is_finished()]

    def add(self, trial: Trial) -> None:
        """Add a trial, or add it again when it is retried."""
        self.known.add(trial.trial_id)
        self._trials.pop(trial.trial_id, None)
        self._trials[trial.trial_id] = trial
        self._started.setdefault(trial.trial_id)
        self._active[trial.trial_id] = None
        self._waiting[trial.trial_id] = None

    def resume(self, trial_id: str) -> None:
        """Let a paused trial wait again."""
        if any(self.has(name, Trial.RUNNING) or self._has_process(name) for name in self._active):
            self._resumed_alone = None
        elif self._resumed_alone is None or not self.has(self._resumed_alone, Trial.PENDING):
            self._resumed_alone = trial_id
        self._started.pop(trial_id, None)
        self._started[trial_id] = self._active[trial_id] = None
        self._waiting[trial_id] = None

    def remove(self, trial_id: str) -> None:
        """Remove a trial that has ended."""
        self._trials.pop(trial_id, None)
        self._started.pop(trial_id, None)
        self._active.pop(trial_id, None)

    def active(self) -> int:
        """How many trials are running or pending."""
        for trial_id in [name for name in self._active if self._trials[name].status not in _ACTIVE]:
            del self._active[trial_id]
        return len(self._active)

    def first_pending(self) -> Trial | None:
        """The pending trial that has waited longest; Ray would choose by the hash of its address."""
        while self._waiting:
            trial_id = next(iter(self._waiting))
            if self.has(trial_id, Trial.PENDING):
                return self._trials[trial_id]
            del self._waiting[trial_id]
        return None

    def running(self, interrupted: Collection[str] = ()) -> frozenset[str]:
        """The ids of the trials that are running, and of those `interrupted` by a kill that wait to run again."""
        return frozenset(
            trial_id
            for trial_id in self._started
            if self.has(trial_id, Trial.RUNNING) or (trial_id in interrupted and self.has(trial_id, Trial.PENDING))
        )

    def restart_order(self, waiting: Collection[str] = ()) -> tuple[str, ...]:
        """The ids of the trials that a restore starts before others, in this order.

        These are the ones that are running, those that a restore lets wait (`waiting`), and two kinds that have waited
        for a shorter time than others, but that Ray starts before: those that are about to run in a process that
        another trial has left, and the one that was resumed first when no trial had a process, as after a restore.
        """
        running = self.running(waiting)
        return tuple(
            trial_id
            for trial_id in self._started
            if trial_id in running
            or (self.has(trial_id, Trial.PENDING) and (self._has_process(trial_id) or trial_id == self._resumed_alone))
        )

    def _has_process(self, trial_id: str) -> bool:
        return self._trials[trial_id].temporary_state.ray_actor is not None

    def paused(self) -> frozenset[str]:
        """The ids of the trials that are paused."""
        return frozenset(trial_id for trial_id, trial in self._trials.items() if trial.status == Trial.PAUSED)

    def ended(self) -> frozenset[str]:
        """The ids of the trials that were removed."""
        return frozenset(self.known - self._trials.keys())
