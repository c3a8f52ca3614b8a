"""Hyperband with asynchronous promotion (Li et al. 2020, "A System for Massively Parallel Hyperparameter Tuning",
MLSys, Algorithm 2 and section 3.2; each bracket of Hyperband is one of its ladders). With `brackets=1` it is ASHA as
published, which promotes; Ray's is the stopping variant.

A trial that reaches a rung is paused, unless it is the next to be promoted. Whenever a worker is free, the best trial
among the best 1/eta of a rung that was not promoted yet is resumed, higher rungs first; only if there is none, a new
config starts. No trial waits for a rung to fill, so a slow trial delays no other, but some promotions are wrong.
"""  # noqa: D205 - the title does not fit into one line

from __future__ import annotations

import bisect
import heapq
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, Unpack, final

from ray.tune.experiment import Trial
from ray.tune.schedulers import TrialScheduler

from raytune_suite import rungs
from raytune_suite.schedulers.base import StudyScheduler
from raytune_suite.types import COUNT, FAILED, as_loss, check_mode
from raytune_suite.validation import checked, integer, optional

if TYPE_CHECKING:
    from raytune_suite.rungs import Sizes
    from raytune_suite.schedulers.arguments import SchedulerArgs

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


@final
class AsyncHyperband(StudyScheduler):
    """Asynchronous Hyperband; promotion by pause and resume."""

    pauses: ClassVar[bool] = True

    @checked(min_t=COUNT, eta=rungs.ETA, sizes=rungs.SIZES, brackets=optional(COUNT))
    def __init__(
        self,
        *,
        min_t: int = 1,
        eta: float = 3,
        sizes: Sizes = "paper",
        brackets: int | None = None,
        **args: Unpack[SchedulerArgs],
    ) -> None:
        """`min_t` is the least resource of a rung, `eta` is the reduction factor; for `sizes` see `rungs.hyperband`.

        `brackets` is the number of Hyperband's brackets to use, starting with that of the most configs; None: all.

        Raises:
            ArgumentError: If the arguments make no ladder, or there are more brackets than rungs.
        """
        super().__init__(**args)
        plans = rungs.hyperband(min_t, self.max_t or min_t, eta, sizes)
        optional(integer(1, len(plans))).check("brackets", brackets)
        self.plans = plans[:brackets]
        self.eta = Fraction(eta)
        self.rungs = [[OpenRung(rung.resource) for rung in plan[:-1]] for plan in self.plans]
        heights = [(rung, height) for ladder in self.rungs for height, rung in enumerate(ladder)]
        self._highest_first = sorted(heights, key=lambda pair: -pair[0].resource)
        self._bracket = 0
        self._opened = 0
        self._place: dict[str, tuple[int, int, float]] = {}
        self._offered: set[str] = set()

    @property
    def levels(self) -> tuple[float, ...]:
        """The resources of the rungs."""
        return tuple(rung.resource for rung in self.plans[0])

    def added(self, controller: Any, trial: Trial) -> None:  # noqa: ARG002 - the base's signature
        """Add the trial to the current bracket; each in turn takes as many trials as in Hyperband."""
        if self._opened == self.plans[self._bracket][0].configs:
            self._bracket, self._opened = (self._bracket + 1) % len(self.plans), 0
        self._opened += 1
        self._place[trial.trial_id] = (self._bracket, 0, 0.0)

    def decide(self, controller: Any, trial: Trial, result: dict[str, Any], loss: float) -> str:  # noqa: ARG002
        """Pause at the rung, unless this trial is the next to be promoted."""
        bracket, height, paused_at = self._place[trial.trial_id]
        ladder, resource = self.rungs[bracket], result[self.time_attr]
        if resource <= paused_at and trial.trial_id not in self._offered:
            return str(TrialScheduler.PAUSE)  # the study was killed while the trial was being saved
        if height == len(ladder) or resource < ladder[height].resource:
            return str(TrialScheduler.CONTINUE)
        entry = ladder[height].arrive(trial.trial_id, loss)
        self._place[trial.trial_id] = (bracket, height + 1, resource)
        self._offered.discard(trial.trial_id)
        if self._next() is not entry:
            return str(TrialScheduler.PAUSE)
        heapq.heappop(ladder[height].waiting)
        return str(TrialScheduler.CONTINUE)

    def ended(self, controller: Any, trial: Trial, result: dict[str, Any] | None) -> None:  # noqa: ARG002
        """Count a trial that ended on its way to a rung at that rung, with its last loss or as failed."""
        bracket, height, _ = self._place.pop(trial.trial_id)
        self._offered.discard(trial.trial_id)
        if height < len(self.rungs[bracket]):
            loss = FAILED if result is None else as_loss(result[str(self._metric)], check_mode(self._mode))
            self.rungs[bracket][height].arrive(trial.trial_id, loss)

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

    def debug_string(self) -> str:
        """How many trials have reached each rung."""
        rows = ["/".join(str(len(rung.arrived)) for rung in ladder) for ladder in self.rungs if ladder]
        return f"Asynchronous Hyperband: trials on the rungs of each bracket: {', '.join(rows)}"

    def _next(self) -> Entry | None:
        """The trial to promote: that of the highest rung that has a candidate."""
        for rung, height in self._highest_first:
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
