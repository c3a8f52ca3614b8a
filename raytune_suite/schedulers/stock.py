"""`StockScheduler`: adapts any of Ray's own schedulers to `StudyScheduler`, which adds what it lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler

from raytune_suite import seeding
from raytune_suite.schedulers.base import StudyScheduler

if TYPE_CHECKING:
    from ray.tune.schedulers import TrialScheduler

    from raytune_suite.schedulers.arguments import SchedulerArgs


class StockScheduler(StudyScheduler):
    """Passes the calls on to one of Ray's schedulers, which sees finite metrics only.

    Its draws from the global random generators come from a seeded stream instead, and its state is saved.

    Example:
        >>> from ray.tune.schedulers import HyperBandScheduler
        >>> scheduler = StockScheduler(HyperBandScheduler(max_t=27), metric="loss", mode="min", max_t=27)
    """

    def __init__(self, stock: TrialScheduler, **args: Unpack[SchedulerArgs]) -> None:
        """`stock` must have been made without metric and mode, which it gets from here."""
        super().__init__(**args)
        self.stock: Any = stock  # Ray's classes are untyped
        self._streams = seeding.GlobalStreams(self.seed, "scheduler", type(self).__name__)
        self._calling = False
        self._has_properties = False
        self._set_properties()

    def set_search_properties(self, metric: str | None, mode: str | None, **spec: Any) -> bool:
        """Take the values of `tune.TuneConfig`, and pass on what is new."""
        if not super().set_search_properties(metric, mode, **spec):
            return False
        self._set_properties()
        return True

    def added(self, controller: Any, trial: Trial) -> None:
        """Pass on."""
        self._call(self.stock.on_trial_add, controller, trial)

    def decide(self, controller: Any, trial: Trial, result: dict[str, Any], loss: float) -> str:
        """Pass on, with the metric as a plain float."""
        plain = {**result, str(self._metric): loss if self._mode == "min" else -loss}
        return str(self._call(self.stock.on_trial_result, controller, trial, plain))

    def ended(self, controller: Any, trial: Trial, result: dict[str, Any] | None) -> None:
        """Pass on. A trial that ends during a call was stopped by Ray's scheduler."""
        if self._calling:
            self.stopped_early.add(trial.trial_id)
        if result is None:
            self._call(self.stock.on_trial_remove, controller, trial)
        else:
            self._call(self.stock.on_trial_complete, controller, trial, result)

    def crashed(self, controller: Any, trial: Trial) -> None:
        """Pass on."""
        self._call(self.stock.on_trial_error, controller, trial)

    def choose(self, controller: Any) -> Trial | None:
        """Pass on. Ray's choice of most schedulers, first in, first out, is made here: it would scan all trials."""
        if type(self.stock).choose_trial_to_run is not FIFOScheduler.choose_trial_to_run:
            chosen: Trial | None = self._call(self.stock.choose_trial_to_run, controller)
            return chosen
        if self.trials.first_pending() is not None:
            return None
        return next((trial for trial in self.live() if trial.status == Trial.PAUSED), None)

    def debug_string(self) -> str:
        """That of Ray's scheduler."""
        return str(self.stock.debug_string())

    def _set_properties(self) -> None:
        """Pass on metric and mode, together and only once: with a mode alone, Ray's use an anonymous metric."""
        if not self._has_properties and self._metric is not None and self._mode is not None:
            self._has_properties = True
            self.stock.set_search_properties(self._metric, self._mode)

    def _call(self, method: Any, *args: Any) -> Any:
        """Call Ray's scheduler, which may stop a trial meanwhile and so be called again."""
        if self._calling:
            return method(*args)
        self._calling = True
        try:
            with self._streams.active():
                return method(*args)
        finally:
            self._calling = False
