"""Asynchronous successive halving, the *stopping* variant (Li et al. 2020, "A System for Massively Parallel
Hyperparameter Tuning", MLSys; the paper's Algorithm 2 promotes instead).

A trial that reaches a rung continues if it is among the best 1/eta that have reached it so far, and is stopped for good
otherwise. Nothing is ever paused, so trainables need no checkpoints. The decisions are those of Ray's `ASHAScheduler`,
but brackets are drawn from a seeded stream and share their rungs, no report is recorded a second time when its trial
ends, there is no rung shortly before `max_t`, and no trial is stopped at a rung where most have exactly the same loss.
A trial whose report passes several rungs is judged at the highest of them only; Ray's judges it at the lower ones, too,
with the next reports, which belong to none of these rungs.
"""  # noqa: D205 - the title does not fit into one line

from __future__ import annotations

import array
import bisect
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Unpack, final

from ray.tune.schedulers import TrialScheduler

from raytune_suite import rungs, seeding
from raytune_suite.schedulers.base import StudyScheduler
from raytune_suite.schedulers.brackets import BracketDraw
from raytune_suite.types import COUNT, FAILED, as_loss, check_mode
from raytune_suite.validation import checked, integer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ray.tune.experiment import Trial
    from ray.tune.search import Searcher

    from raytune_suite.schedulers.arguments import SchedulerArgs
    from raytune_suite.types import KnownTrial

FEW_EQUAL = 2
"""The number of equal losses at a rung that may be a coincidence."""


@dataclass(eq=False)
class StoppingRung:
    """A rung at which trials are stopped.

    Attributes:
        level: Its resource.
        scores: The negated losses of the trials that have reached it, in ascending order.
        trials: The ids of these trials, but for those that have ended.
    """

    level: float
    scores: array.array[float] = field(default_factory=lambda: array.array("d"))
    trials: set[str] = field(default_factory=set)

    @property
    def tied(self) -> bool:
        """Whether most scores are equal to the last bit: most trials have not learned anything yet.

        Such a rung cannot tell which trials will. In reinforcement learning, those that have changed at all are often
        worse at first, and better later.
        """
        middle = self.scores[len(self.scores) // 2]
        equal = bisect.bisect_right(self.scores, middle) - bisect.bisect_left(self.scores, middle)
        return middle != -FAILED and equal > max(FEW_EQUAL, len(self.scores) / 2)


@dataclass(eq=False)
class StoppingBracket:
    """The rungs at which trials are judged, the highest first; those of other brackets may be among them.

    Example:
        >>> bracket = StoppingBracket([StoppingRung(1.0)], eta=2)
        >>> [bracket.record(name, 1, loss) for name, loss in [("a", 0.5), ("b", 0.4), ("c", 0.6)]]
        [True, True, False]
    """

    ladder: list[StoppingRung]
    eta: float

    def record(self, trial_id: str, resource: float, loss: float) -> bool:
        """Record a report at the highest rung that the trial passes with it; returns whether the trial may continue."""
        for rung in self.ladder:
            if trial_id in rung.trials:
                return True  # it has passed those below, too, even if it did not report there
            if resource >= rung.level:
                score = -loss
                good = not rung.scores or score >= rungs.stopping_cutoff(rung.scores, self.eta)
                good = good or (rung.tied and loss != FAILED)
                bisect.insort(rung.scores, score)
                rung.trials.add(trial_id)
                return good
        return True


@final
class ASHA(StudyScheduler):
    """Stops all but the best 1/eta of the trials at each rung, without waiting for others to reach it."""

    extends: ClassVar[bool] = True

    @checked(min_t=COUNT, eta=rungs.ETA, brackets=COUNT)
    def __init__(self, *, min_t: int = 1, eta: float = 3, brackets: int = 1, **args: Unpack[SchedulerArgs]) -> None:
        """`min_t` is the least resource at which a trial is stopped, `eta` is the reduction factor.

        With several `brackets`, trials of bracket s are first judged at the rung `min_t * eta**s`, with all that have
        reached it. Lower brackets get more trials; if the searcher knows how well each level predicts the highest,
        those that do get more.

        Raises:
            ArgumentError: If the arguments make no ladder, or there are more brackets than rungs.
        """
        super().__init__(**args)
        max_t = self.max_t or min_t
        integer(1, len(rungs.halving_levels(min_t, max_t, eta))).check("brackets", brackets)
        ladders = [rungs.halving_levels(min_t, max_t, eta, s) for s in range(brackets)]
        every = {level: StoppingRung(level) for level in ladders[0]}
        self.brackets = [StoppingBracket([every[level] for level in reversed(levels)], eta) for levels in ladders]
        odds = rungs.bracket_odds([len(levels) for levels in ladders])
        stream = seeding.stream(self.seed, "scheduler", "ASHA")
        self._draw = BracketDraw([levels[0] for levels in ladders], odds, stream)
        self._bracket_of: dict[str, StoppingBracket] = {}
        self._levels = rungs.geometric(min_t, max_t, eta)

    @property
    def levels(self) -> tuple[float, ...]:
        """The resources of the rungs, and `max_t`."""
        return self._levels

    def raise_max_t(self, raised: StudyScheduler, trials: Sequence[KnownTrial]) -> float:
        """Add the rungs of a higher `max_t`, and return eta (as Brandt et al. 2023, "Iterative Deepening Hyperband").

        What trials have reached counts at the rungs below: those that were trained to the end before have passed the
        rung there, if there is one. A rung between, where there was none before, gets the scores of all trials.
        """
        assert isinstance(raised, ASHA)  # noqa: S101 - it has the same arguments
        self.complete_restore()
        known = {rung.level: rung for rung in self.brackets[0].ladder}
        for rung in raised.brackets[0].ladder:
            if rung.level not in known:
                passed = [trial.loss_at(rung.level) for trial in trials]
                scores = sorted(-loss for loss in passed if loss is not None and loss != FAILED)
                rung.scores = array.array("d", scores)
                known[rung.level] = rung
        for bracket, higher in zip(self.brackets, raised.brackets, strict=False):  # there may be more brackets now
            bracket.ladder = [known[rung.level] for rung in higher.ladder]
        self.max_t, self._levels = raised.max_t, raised.levels
        self._draw.starts, self._draw.odds = raised._draw.starts, raised._draw.odds  # noqa: SLF001 - of this class
        return self.brackets[0].eta

    def added(self, controller: Any, trial: Trial) -> None:  # noqa: ARG002 - the base's signature
        """Draw the trial's bracket."""
        self._bracket_of[trial.trial_id] = self.brackets[self._draw.draw()]

    def searcher_updated(self, searcher: Searcher) -> None:
        """Take the searcher's weights of the levels."""
        if len(self.brackets) > 1:
            self._draw.update(searcher)

    def decide(self, controller: Any, trial: Trial, result: dict[str, Any], loss: float) -> str:  # noqa: ARG002
        """Stop the trial at a rung if it is not among the best."""
        good = self._bracket_of[trial.trial_id].record(trial.trial_id, result[self.time_attr], loss)
        return str(TrialScheduler.CONTINUE if good else TrialScheduler.STOP)

    def ended(self, controller: Any, trial: Trial, result: dict[str, Any] | None) -> None:  # noqa: ARG002
        """Record the last result of a trial that ended by itself: others are compared with it."""
        bracket = self._bracket_of.pop(trial.trial_id)
        if result is not None:
            loss = as_loss(result[str(self._metric)], check_mode(self._mode))
            bracket.record(trial.trial_id, result[self.time_attr], loss)
        for rung in bracket.ladder:
            rung.trials.discard(trial.trial_id)
