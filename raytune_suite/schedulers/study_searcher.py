"""`StudySearcher`: a searcher together with the scheduler whose state is saved with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ray.tune.search import ConcurrencyLimiter, Searcher

from raytune_suite.errors import ArgumentError

if TYPE_CHECKING:
    from raytune_suite.schedulers.base import StudyScheduler


class StudySearcher(Searcher):
    """A searcher together with the scheduler whose state is saved with it, as one Ray Tune searcher.

    It also enforces `max_concurrent`. Ray's `ConcurrencyLimiter` counts paused trials, so that a scheduler that waits
    for a rung to fill waits forever; this one counts the trials that are running or pending.
    """

    def __init__(self, searcher: Searcher, scheduler: StudyScheduler) -> None:
        """Wrap `searcher`.

        Raises:
            ArgumentError: If the searcher cannot be saved: on a restore Ray would silently start the study again. If it
                limits the trials at once by a count that includes paused ones, and the scheduler pauses trials.
        """
        if type(searcher).save is Searcher.save or type(searcher).restore is Searcher.restore:
            raise ArgumentError(
                f"searcher {type(searcher).__name__} has no `save` and `restore`, so a study with it could not "
                "be resumed: implement both, or derive it from `AskTellSearcher`, which has them"
            )
        if isinstance(searcher, ConcurrencyLimiter) and scheduler.pauses:
            raise ArgumentError(
                "searcher ConcurrencyLimiter counts paused trials, so a rung may never fill: pass the searcher in "
                "it, and `max_concurrent` to the scheduler"
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
        """A new config, unless paused trials come first, `max_concurrent` is reached, or all trials crash."""
        self.scheduler.complete_restore()
        if self.scheduler.only_crashes():
            return Searcher.FINISHED
        if self.scheduler.promotion_due() or self.scheduler.at_capacity():
            return None
        if hasattr(self.searcher, "entry_level"):
            self.searcher.entry_level = self.scheduler.entry_level
        config = self.searcher.suggest(trial_id)
        self.scheduler.searcher_updated(self.searcher)
        return config

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Pass on."""
        self.searcher.on_trial_result(trial_id, result)
        self.scheduler.searcher_updated(self.searcher)

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Pass on."""
        self.searcher.on_trial_complete(trial_id, result, error)
        self.scheduler.searcher_updated(self.searcher)

    def get_state(self) -> dict[str, Any]:
        """The scheduler's; Ray saves the wrapped searcher's own beside it."""
        return self.scheduler.get_state()

    def set_state(self, state: dict[str, Any]) -> None:
        """Restore the scheduler's state."""
        self.scheduler.set_state(state)

    def save(self, checkpoint_path: str) -> None:
        """Save the searcher."""
        self.searcher.save(checkpoint_path)

    def restore(self, checkpoint_path: str) -> None:
        """Restore the searcher."""
        self.searcher.restore(checkpoint_path)
