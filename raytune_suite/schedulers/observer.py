"""`SchedulerObserver`: what is notified of a scheduler's decisions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from ray.tune.experiment import Trial

    from raytune_suite.types import Config


class SchedulerObserver(Protocol):
    """Receives every event and every decision of a scheduler, as a decision log does."""

    def trial_added(self, trial: Trial) -> None:
        """A trial was added, possibly again."""

    def trial_decided(self, trial: Trial, config: Config, result: dict[str, Any], decision: str) -> None:
        """The scheduler has decided on a report; `config` is the one that made it."""

    def trial_completed(self, trial: Trial, result: dict[str, Any]) -> None:
        """A running trial has ended; `result` is its last."""

    def trial_failed(self, trial: Trial) -> None:
        """A trial has crashed."""

    def trial_removed(self, trial: Trial) -> None:
        """A pending or paused trial has ended."""
