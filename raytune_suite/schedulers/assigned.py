"""Trains each trial to the fidelity that its searcher has assigned to it, and no further.

The fidelity stands in the trial's config, under `FIDELITY`: this scheduler holds no second copy, a result shows it, and
a restore finds it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Unpack, final

from ray.tune.experiment import Trial
from ray.tune.schedulers import TrialScheduler

from raytune_suite.errors import ArgumentError
from raytune_suite.schedulers.base import SchedulerArgs, StudyScheduler
from raytune_suite.types import FIDELITY

if TYPE_CHECKING:
    from ray.tune.search import Searcher

    from raytune_suite.types import Verdict


@final
class AssignedFidelity(StudyScheduler):
    """Stops each trial at its fidelity, or pauses it there where the searcher wants to resume some."""

    pauses: ClassVar[bool] = True
    enforces: ClassVar[bool] = True

    def __init__(self, **args: Unpack[SchedulerArgs]) -> None:
        """See `SchedulerArgs`."""
        super().__init__(**args)
        self._resume = False
        self._due: dict[str, int] = {}
        self._over: list[str] = []

    def added(self, controller: Any, trial: Trial) -> None:  # noqa: ARG002 - the base's signature
        """Check that there is a fidelity.

        Raises:
            ArgumentError: If not.
        """
        if FIDELITY not in trial.config:
            raise ArgumentError(
                f"a config has no {FIDELITY!r}, which this scheduler enforces: use a searcher that assigns it, as dehb"
            )

    def decide(self, controller: Any, trial: Trial, result: dict[str, Any], loss: float) -> str:  # noqa: ARG002
        """Stop or pause at the fidelity."""
        if result[self.time_attr] < trial.config[FIDELITY]:
            return str(TrialScheduler.CONTINUE)
        self._due.pop(trial.trial_id, None)
        return str(TrialScheduler.PAUSE if self._resume else TrialScheduler.STOP)

    def ended(self, controller: Any, trial: Trial, result: dict[str, Any] | None) -> None:  # noqa: ARG002
        """Forget it."""
        self._due.pop(trial.trial_id, None)

    def hear(self, searcher: Searcher) -> None:
        """Take the searcher's verdicts on paused trials."""
        self._resume = getattr(searcher, "resume", False)
        verdicts: list[Verdict] = getattr(searcher, "verdicts", [])
        for name, fidelity in verdicts:
            if fidelity is None:
                self._over.append(name)
            elif name in self._trials:
                self._due[name] = fidelity
        verdicts.clear()

    def choose(self, controller: Any) -> Trial | None:
        """End the paused trials that are over, then resume the first that was promoted."""
        for name in [name for name in self._over if name not in self._trials or self._is(name, Trial.PAUSED)]:
            self._over.remove(name)
            if name in self._trials:
                self.stopped_early.add(name)
                controller.stop_trial(self._trials[name])
        for name, fidelity in self._due.items():
            if self._is(name, Trial.PAUSED):
                trial: Any = self._trials[name]  # Ray's method is untyped
                trial.set_config({**trial.config, FIDELITY: fidelity})
                return self._trials[name]
        return None

    def waiting(self) -> bool:
        """Whether promoted trials are still paused."""
        return any(self._is(name, Trial.PAUSED) for name in self._due)
