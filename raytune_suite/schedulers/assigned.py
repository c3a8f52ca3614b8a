"""Trains each trial to the fidelity that its searcher has assigned to it, and no further.

The fidelity is in the trial's config, under `FIDELITY`: so it appears in results and survives a restore.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Unpack, final

from ray.tune.experiment import Trial
from ray.tune.schedulers import TrialScheduler

from raytune_suite.errors import ArgumentError
from raytune_suite.schedulers.base import StudyScheduler
from raytune_suite.types import FIDELITY

if TYPE_CHECKING:
    from ray.tune.search import Searcher

    from raytune_suite.schedulers.arguments import SchedulerArgs
    from raytune_suite.types import PromotionDecision


@final
class AssignedFidelity(StudyScheduler):
    """Stops each trial at its fidelity, or pauses it there where the searcher wants to resume some."""

    enforces: ClassVar[bool] = True

    def __init__(self, **args: Unpack[SchedulerArgs]) -> None:
        """See `SchedulerArgs`."""
        super().__init__(**args)
        self._resume = False
        self._due: dict[str, int] = {}
        self._granted: dict[str, int] = {}
        self._over: list[str] = []

    def added(self, controller: Any, trial: Trial) -> None:  # noqa: ARG002 - the base's signature
        """Check that the config has a fidelity.

        Raises:
            ArgumentError: If it has none.
        """
        if FIDELITY not in trial.config:
            raise ArgumentError(
                f"a config has no {FIDELITY!r}, which this scheduler enforces: use a searcher that assigns it (dehb)"
            )

    def decide(self, controller: Any, trial: Trial, result: dict[str, Any], loss: float) -> str:  # noqa: ARG002
        """Stop or pause at the fidelity."""
        name = trial.trial_id
        target = self._granted.get(name, trial.config[FIDELITY])  # the trial's new config may be lost in a kill
        if result[self.time_attr] < target:
            return str(TrialScheduler.CONTINUE)
        if self._due.get(name) == target:  # else this repeats a report, and the trial is due at the next fidelity
            del self._due[name]
        return str(TrialScheduler.PAUSE if self._resume else TrialScheduler.STOP)

    def ended(self, controller: Any, trial: Trial, result: dict[str, Any] | None) -> None:  # noqa: ARG002
        """Forget the trial."""
        self._due.pop(trial.trial_id, None)
        self._granted.pop(trial.trial_id, None)

    def searcher_updated(self, searcher: Searcher) -> None:
        """Take the searcher's decisions on paused trials."""
        self._resume = getattr(searcher, "resume", False)
        decisions: list[PromotionDecision] = getattr(searcher, "promotion_decisions", [])
        for name, fidelity in decisions:
            if fidelity is None:
                self._over.append(name)
            elif name in self.trials:
                self._due[name] = fidelity
        decisions.clear()

    def choose(self, controller: Any) -> Trial | None:
        """Stop the paused trials that are not promoted, then resume the first that is."""
        live = {trial.trial_id: trial for trial in self.live()}
        over = [live[name] for name in self._over if name in live]
        self._over = [trial.trial_id for trial in over if trial.status != Trial.PAUSED]  # still being saved
        for done in over:
            if done.status == Trial.PAUSED:
                self.stopped_early.add(done.trial_id)
                controller.stop_trial(done)
        for name, fidelity in self._due.items():
            if self.trials.has(name, Trial.PAUSED):
                trial: Any = self.trials[name]  # Ray's method is untyped
                trial.set_config({**trial.config, FIDELITY: fidelity})
                self._granted[name] = fidelity
                return self.trials[name]
        self.stop_if_only_paused(controller)
        return None

    def promotion_due(self) -> bool:
        """Whether promoted trials are still paused."""
        return any(self.trials.has(name, Trial.PAUSED) for name in self._due)
