"""`PromotingScheduler`, the base of the schedulers that promote asynchronously (Li et al. 2020, "A System for Massively
Parallel Hyperparameter Tuning", MLSys, Algorithm 2).

A trial that reaches a rung is paused, unless it is the next to be promoted. Whenever a worker is free, the best trial
among the best 1/eta of a rung that was not promoted yet is resumed, higher rungs first; only if there is none, a new
config starts. No trial waits for a rung to fill, so a slow trial delays no other, but some promotions are wrong.
"""  # noqa: D205 - the title does not fit into one line

from __future__ import annotations

import abc
import bisect
import heapq
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from ray.tune.experiment import Trial
from ray.tune.schedulers import TrialScheduler

from raytune_suite.schedulers.base import StudyScheduler
from raytune_suite.types import FAILED, as_loss, check_mode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raytune_suite.types import KnownTrial

Entry: TypeAlias = tuple[float, int, str]
"""A trial on a rung: its loss, its position in the order of arrival, its id."""


@dataclass(eq=False)
class OpenRung:
    """A rung that never closes.

    Attributes:
        resource: Where it is.
        arrived: All trials that have reached it, the best first.
        waiting: A heap of those that were not promoted.
    """

    resource: float
    arrived: list[Entry] = field(default_factory=list)
    waiting: list[Entry] = field(default_factory=list)

    def arrive(self, trial_id: str, loss: float) -> Entry:
        """Add a trial."""
        entry = (loss, len(self.arrived), trial_id)
        bisect.insort(self.arrived, entry)
        heapq.heappush(self.waiting, entry)
        return entry

    def candidate(self, eta: Fraction) -> Entry | None:
        """The best trial that waits, if it is among the best 1/eta of all; otherwise there is no candidate."""
        if not self.waiting or self.waiting[0][0] == FAILED:
            return None
        best = self.waiting[0]
        return best if bisect.bisect_left(self.arrived, best) < int(len(self.arrived) / eta) else None


class PromotingScheduler(StudyScheduler, abc.ABC):
    """Asynchronous promotion by pause and resume; a subclass calls `set_ladders` and places new trials in `added`.

    Attributes:
        skips: Whether a trial whose report passes several rungs waits at the highest; else it waits at each in turn.
        rungs: The rungs of each bracket, the lowest first, without the end of the training.
    """

    pauses: ClassVar[bool] = True
    skips: ClassVar[bool] = False

    def set_ladders(self, ladders: Sequence[Sequence[float]], eta: float) -> None:
        """Create the rungs of each bracket at these resources."""
        self.eta = Fraction(eta)
        self.rungs = [[OpenRung(resource) for resource in ladder] for ladder in ladders]
        self._sort_rungs()
        self._place: dict[str, tuple[int, int, float]] = {}
        self._offered: set[str] = set()

    def extend_ladders(self, ladders: Sequence[Sequence[float]], trials: Sequence[KnownTrial]) -> None:
        """Add rungs above those of the brackets, and brackets. Trials that have ended count where they have been.

        Args:
            ladders: The resources of each bracket's rungs; those that it has come first.
            trials: The trials so far, named by their ids.
        """
        ended = {trial.name: trial for trial in trials if trial.ended}
        placed = {name for ladder in self.rungs for rung in ladder for _, _, name in rung.arrived}
        for ladder, resources in zip(self.rungs, ladders, strict=False):
            below = {name for _, _, name in ladder[-1].arrived} if ladder else ended.keys() - placed
            for resource in resources[len(ladder) :]:
                rung = OpenRung(resource)
                for name, trial in ended.items():
                    loss = trial.loss_at(resource) if name in below else None
                    if loss is not None and loss != FAILED:
                        rung.arrive(name, loss)
                below = {name for _, _, name in rung.arrived}
                ladder.append(rung)
        self.rungs += [[OpenRung(resource) for resource in ladder] for ladder in ladders[len(self.rungs) :]]
        self._sort_rungs()

    def _sort_rungs(self) -> None:
        heights = [(rung, height) for ladder in self.rungs for height, rung in enumerate(ladder)]
        self._highest_first = sorted(heights, key=lambda pair: -pair[0].resource)

    def place(self, trial: Trial, bracket: int) -> None:
        """Place a new trial in a bracket."""
        self._place[trial.trial_id] = (bracket, 0, 0.0)

    def open(self, height: int) -> bool:  # noqa: ARG002 - for subclasses
        """Whether trials are promoted from rungs at this height."""
        return True

    def arrived(self, height: int) -> None:
        """A trial has arrived at a rung at this height."""

    def reported(self, trial_id: str, resource: float, loss: float) -> None:
        """A trial has reported."""

    def decide(self, controller: Any, trial: Trial, result: dict[str, Any], loss: float) -> str:  # noqa: ARG002
        """Pause at the rung, unless this trial is the next to be promoted."""
        self.reported(trial.trial_id, result[self.time_attr], loss)
        bracket, height, paused_at = self._place[trial.trial_id]
        ladder, resource = self.rungs[bracket], result[self.time_attr]
        if resource <= paused_at and trial.trial_id not in self._offered:
            return str(TrialScheduler.PAUSE)  # the study was killed while the trial was being saved
        if height == len(ladder) or resource < ladder[height].resource:
            return str(TrialScheduler.CONTINUE)
        while self.skips and height + 1 < len(ladder) and resource >= ladder[height + 1].resource:
            ladder[height].arrive(trial.trial_id, loss)  # it does not wait there, since its place is higher
            self.arrived(height)
            height += 1
        entry = ladder[height].arrive(trial.trial_id, loss)
        self._place[trial.trial_id] = (bracket, height + 1, resource)
        self.arrived(height)
        self._offered.discard(trial.trial_id)
        if self._next() is not entry:
            return str(TrialScheduler.PAUSE)
        heapq.heappop(ladder[height].waiting)
        return str(TrialScheduler.CONTINUE)

    def ended(self, controller: Any, trial: Trial, result: dict[str, Any] | None) -> None:  # noqa: ARG002
        """Count a trial that ended on its way to a rung at that rung, with its last loss or as failed.

        One that was paused was not on its way: the study ends, and may be extended.
        """
        bracket, height, _ = self._place.pop(trial.trial_id)
        self._offered.discard(trial.trial_id)
        if height < len(self.rungs[bracket]) and trial.status != Trial.PAUSED:
            loss = FAILED if result is None else as_loss(result[str(self._metric)], check_mode(self._mode))
            self.rungs[bracket][height].arrive(trial.trial_id, loss)
            self.arrived(height)

    def choose(self, controller: Any) -> Trial | None:
        """The paused trial to promote, if there is one."""
        entry = self._next()
        if entry is None:
            self.stop_if_only_paused(controller)
            return None
        trial = self.trials[entry[2]]
        if trial.status != Trial.PAUSED:
            return None  # still being saved
        self._offered.add(trial.trial_id)
        return trial

    def promotion_due(self) -> bool:
        """Whether a trial is to be promoted."""
        return self._next() is not None

    def _next(self) -> Entry | None:
        """The trial to promote: that of the highest rung that has a candidate."""
        for rung, height in self._highest_first:
            if not self.open(height):
                continue
            while rung.waiting and self._gone(rung.waiting[0][2], height):
                heapq.heappop(rung.waiting)
            entry = rung.candidate(self.eta)
            if entry is not None:
                return entry
        return None

    def _gone(self, name: str, height: int) -> bool:
        """Whether a trial that waited at this height has ended, or was resumed after it was offered to Ray."""
        if name not in self.trials or self.trials[name].is_finished() or self._place[name][1] != height + 1:
            return True
        return name in self._offered and not self.trials.has(name, Trial.PAUSED)
