"""Hyperband with synchronous brackets (Li et al. 2018, "Hyperband", JMLR 18:185, Algorithm 1).

A trial that reaches its rung is paused. When all of the rung have reached it, the best 1/eta are resumed from their
checkpoints towards the next rung and the others are stopped. The next bracket opens as soon as the one before has
all its configs, so that a worker never idles. Ray's own never leaves its first bracket unless many trials are live.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Unpack, final

from ray.tune.experiment import Trial
from ray.tune.schedulers import TrialScheduler

from raytune_suite import rungs
from raytune_suite.schedulers.base import StudyScheduler
from raytune_suite.types import COUNT, FAILED, as_loss, check_mode
from raytune_suite.validation import checked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raytune_suite.rungs import Rung, Sizes
    from raytune_suite.schedulers.arguments import SchedulerArgs
    from raytune_suite.types import KnownTrial


@dataclass(eq=False)
class Bracket:
    """One ladder of rungs and the trials on it.

    Attributes:
        plan: Its rungs, the lowest first.
        rung: The index of the rung that its trials are heading for.
        members: The ids of the trials of this rung.
        losses: The losses of those that have reached it or have ended; a crash is `FAILED`.
    """

    plan: list[Rung]
    rung: int = 0
    members: list[str] = field(default_factory=list)
    losses: dict[str, float] = field(default_factory=dict)

    @property
    def level(self) -> int:
        """The resource of the current rung."""
        return self.plan[self.rung].resource

    @property
    def open(self) -> bool:
        """Whether it still takes new trials."""
        return self.rung == 0 and len(self.members) < self.plan[0].configs

    def promote(self) -> tuple[list[str], list[str]]:
        """Move to the next rung; returns the ids of the trials that are promoted, best first, and of the others.

        A bracket that is not full keeps the ratio: it promotes 1/eta of the trials that it has, at least one.
        """
        planned, following = self.plan[self.rung].configs, self.plan[self.rung + 1].configs
        places = max(1, len(self.members) * following // planned)
        kept = rungs.survivors(self.losses, places)
        dropped = [name for name in self.members if name not in kept]
        self.rung, self.members, self.losses = self.rung + 1, kept, {}
        return kept, dropped


@final
class Hyperband(StudyScheduler):
    """Synchronous Hyperband; promotion by pause and resume."""

    pauses: ClassVar[bool] = True
    extends: ClassVar[bool] = True

    @checked(min_t=COUNT, eta=rungs.ETA, sizes=rungs.SIZES)
    def __init__(
        self, *, min_t: int = 1, eta: float = 3, sizes: Sizes = "paper", **args: Unpack[SchedulerArgs]
    ) -> None:
        """`min_t` is the least resource of a rung, `eta` is the reduction factor; for `sizes` see `rungs.hyperband`.

        Raises:
            ArgumentError: If the arguments make no ladder.
        """
        super().__init__(**args)
        self.eta = eta
        self.plans = rungs.hyperband(min_t, self.max_t or min_t, eta, sizes)
        self.brackets: list[Bracket] = []
        self._bracket_of: dict[str, Bracket] = {}
        self._opened = 0
        self._ready: list[str] = []

    def raise_max_t(self, raised: StudyScheduler, trials: Sequence[KnownTrial]) -> float:
        """Continue the rungs of the brackets that are running upwards, plan the next for a higher `max_t`; returns eta.

        Each rung that is added takes the usual share of the configs of the one below.
        """
        assert isinstance(raised, Hyperband)  # noqa: S101 - it has the same arguments
        super().raise_max_t(raised, trials)
        for bracket in self.brackets:
            levels = rungs.continued([rung.resource for rung in bracket.plan], raised.plans[0][-1].resource, self.eta)
            kept = bracket.plan[: len(levels)]
            while len(kept) < len(levels):
                kept.append(rungs.Rung(max(1, math.floor(kept[-1].configs / self.eta)), 0))
            bracket.plan = [rungs.Rung(rung.configs, int(level)) for rung, level in zip(kept, levels, strict=True)]
        self.plans = raised.plans
        return float(self.eta)

    @property
    def levels(self) -> tuple[float, ...]:
        """The resources of the rungs."""
        return tuple(rung.resource for rung in self.plans[0])

    @property
    def entry_level(self) -> float:
        """The first rung of the open bracket, or of the next one."""
        is_open = self.brackets and self.brackets[-1].open
        plan = self.brackets[-1].plan if is_open else self.plans[self._opened % len(self.plans)]
        return plan[0].resource

    def added(self, controller: Any, trial: Trial) -> None:  # noqa: ARG002 - the base's signature
        """Add the trial to the open bracket, or to the next one."""
        if not self.brackets or not self.brackets[-1].open:
            self.brackets.append(Bracket(self.plans[self._opened % len(self.plans)]))
            self._opened += 1
        bracket = self.brackets[-1]
        bracket.members.append(trial.trial_id)
        self._bracket_of[trial.trial_id] = bracket

    def decide(self, controller: Any, trial: Trial, result: dict[str, Any], loss: float) -> str:  # noqa: ARG002
        """Pause at the rung."""
        bracket = self._bracket_of[trial.trial_id]
        if result[self.time_attr] < bracket.level:
            return str(TrialScheduler.CONTINUE)
        bracket.losses[trial.trial_id] = loss
        return str(TrialScheduler.PAUSE)

    def ended(self, controller: Any, trial: Trial, result: dict[str, Any] | None) -> None:  # noqa: ARG002
        """Count a trial that ended on its way to a rung at that rung, with its last loss or as failed."""
        bracket = self._bracket_of.pop(trial.trial_id, None)
        if bracket is None or trial.trial_id not in bracket.members:
            return
        loss = FAILED if result is None else as_loss(result[str(self._metric)], check_mode(self._mode))
        bracket.losses.setdefault(trial.trial_id, loss)

    def choose(self, controller: Any) -> Trial | None:
        """Promote from the rungs that are complete, then resume the first promoted trial that is still paused."""
        no_more = controller.search_alg is not None and controller.search_alg.is_finished()
        for bracket in list(self.brackets):
            self._settle(controller, bracket, no_more=no_more)
        self._ready = [name for name in self._ready if self.trials.has(name, Trial.PAUSED)]
        return self.trials[self._ready[0]] if self._ready else None

    def promotion_due(self) -> bool:
        """Whether promoted trials are still paused, or a rung has just been completed."""
        complete = [bracket.members for bracket in self.brackets if not bracket.open and self._complete(bracket)]
        return any(self.trials.has(name, Trial.PAUSED) for names in (self._ready, *complete) for name in names)

    def debug_string(self) -> str:
        """How many brackets were opened, and the rungs of those that are running."""
        rows = [f"{len(b.losses)}/{len(b.members)} at {b.level}" for b in self.brackets]
        return f"Hyperband: {self._opened} brackets opened, running: {', '.join(rows) or 'none'}"

    def _settle(self, controller: Any, bracket: Bracket, *, no_more: bool) -> None:
        if (bracket.open and not no_more) or not self._complete(bracket):
            return
        if bracket.rung + 1 == len(bracket.plan):
            self.brackets.remove(bracket)
            return
        kept, dropped = bracket.promote()
        for name in dropped:
            if self.trials.has(name, Trial.PAUSED):
                self.stopped_early.add(name)
                controller.stop_trial(self.trials[name])
        bracket.losses.update({name: FAILED for name in kept if name not in self.trials})  # ended by themselves
        self._ready.extend(name for name in kept if name in self.trials)
        if not kept:
            self.brackets.remove(bracket)

    def _complete(self, bracket: Bracket) -> bool:
        """Whether all trials of the rung are paused there, or have ended or crashed."""
        for trial in [self.trials[name] for name in bracket.members if name in self.trials]:
            if trial.status == Trial.ERROR:  # it crashed, and Ray does not retry it
                bracket.losses[trial.trial_id] = FAILED
            elif trial.status != Trial.PAUSED:  # on its way, or still being saved
                return False
        return len(bracket.losses) == len(bracket.members)
