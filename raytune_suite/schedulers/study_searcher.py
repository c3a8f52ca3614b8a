"""`StudySearcher`: a searcher and the scheduler that shall be saved with it, as one Ray Tune searcher."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ray.tune.search import Searcher

from raytune_suite.errors import ArgumentError

if TYPE_CHECKING:
    from raytune_suite.schedulers.base import StudyScheduler


class StudySearcher(Searcher):
    """A searcher and the scheduler that shall be saved with it, as one Ray Tune searcher.

    It also keeps to `max_concurrent`. Ray's `ConcurrencyLimiter` counts paused trials, so that a scheduler which
    waits for a full rung waits for ever; this one counts those that run or are about to.
    """

    def __init__(self, searcher: Searcher, scheduler: StudyScheduler) -> None:
        """Wrap `searcher`.

        Raises:
            ArgumentError: If the searcher cannot be saved: on a restore Ray would start the study again, silently.
        """
        if type(searcher).save is Searcher.save or type(searcher).restore is Searcher.restore:
            raise ArgumentError(
                f"searcher {type(searcher).__name__} has no `save` and `restore`, so that no study with it could be "
                "resumed: write both, or derive it from `AskTellSearcher`, which has them"
            )
        self.searcher = searcher
        self.scheduler = scheduler
        super().__init__(metric=searcher.metric, mode=searcher.mode)

    @property
    def metric(self) -> Any:
        """The searcher's."""
        return self.searcher.metric

    @property
    def mode(self) -> Any:
        """The searcher's."""
        return self.searcher.mode

    def set_search_properties(self, metric: str | None, mode: str | None, config: dict[str, Any], **spec: Any) -> bool:
        """Pass on."""
        return bool(self.searcher.set_search_properties(metric, mode, config, **spec))

    def suggest(self, trial_id: str) -> Any:
        """A new config, unless paused trials come first or enough trials are there; none where all crash."""
        self.scheduler.wake()
        if self.scheduler.hopeless():
            return Searcher.FINISHED
        if self.scheduler.waiting() or self.scheduler.full():
            return None
        config = self.searcher.suggest(trial_id)
        self.scheduler.hear(self.searcher)
        return config

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Pass on."""
        self.searcher.on_trial_result(trial_id, result)
        self.scheduler.hear(self.searcher)

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Pass on."""
        self.searcher.on_trial_complete(trial_id, result, error)
        self.scheduler.hear(self.searcher)

    def get_state(self) -> dict[str, Any]:
        """The scheduler's; Ray saves the wrapped searcher's own beside it."""
        return self.scheduler.get_state()

    def set_state(self, state: dict[str, Any]) -> None:
        """Hand the scheduler its state."""
        self.scheduler.set_state(state)

    def save(self, checkpoint_path: str) -> None:
        """Save the searcher."""
        self.searcher.save(checkpoint_path)

    def restore(self, checkpoint_path: str) -> None:
        """Restore the searcher."""
        self.searcher.restore(checkpoint_path)
