"""No scheduling: each trial is trained to its end, in the order of proposal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, final

from ray.tune.schedulers import TrialScheduler

from raytune_suite.schedulers.base import StudyScheduler

if TYPE_CHECKING:
    from ray.tune.experiment import Trial


@final
class FIFO(StudyScheduler):
    """First in, first out; with `max_t` it ends each trial there."""

    ladder: ClassVar[bool] = False
    extends: ClassVar[bool] = True
    stops_failed: ClassVar[bool] = False

    def added(self, controller: Any, trial: Trial) -> None:
        """Nothing to do."""

    def decide(self, controller: Any, trial: Trial, result: dict[str, Any], loss: float) -> str:  # noqa: ARG002
        """Continue."""
        return str(TrialScheduler.CONTINUE)

    def ended(self, controller: Any, trial: Trial, result: dict[str, Any] | None) -> None:
        """Nothing to do."""
