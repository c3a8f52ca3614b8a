"""`StockScheduler`: one of Ray's own schedulers behind our base, which adds what it lacks."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, ClassVar, Unpack, final

from ray.tune.schedulers import FIFOScheduler

from raytune_suite import seeding
from raytune_suite.schedulers.base import SchedulerArgs, StudyScheduler

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from ray.tune.experiment import Trial
    from ray.tune.schedulers import TrialScheduler


class StockScheduler(StudyScheduler):
    """Passes the calls on to a stock scheduler that sees live trials and finite metrics only.

    Attributes:
        draws: Whether the stock scheduler draws from the global generators; they are then ours for the time of a call.
        takes_searcher: Whether it may know that a searcher proposes the configs.
    """

    draws: ClassVar[bool] = False
    takes_searcher: ClassVar[bool] = True

    def __init__(self, stock: TrialScheduler, **args: Unpack[SchedulerArgs]) -> None:
        """`stock` is made without metric and mode; it gets them from here."""
        super().__init__(**args)
        self.stock: Any = stock  # Ray's is untyped, and sees a view in place of its controller
        self._streams = seeding.GlobalStreams(self.seed, "scheduler", type(self).__name__)
        self._told = False
        self._fifo = type(stock).choose_trial_to_run is FIFOScheduler.choose_trial_to_run
        self._tell_stock()

    @final
    def set_search_properties(self, metric: str | None, mode: str | None, **spec: Any) -> bool:
        """Take what `tune.TuneConfig` says, and hand on what is new."""
        if not super().set_search_properties(metric, mode, **spec):
            return False
        self._tell_stock()
        return True

    @final
    def added(self, controller: Any, trial: Trial) -> None:
        """Pass on."""
        with self._global_streams():
            self.stock.on_trial_add(self._view(controller), trial)

    def decide(self, controller: Any, trial: Trial, result: dict[str, Any], loss: float) -> str:
        """Pass on, with the metric as a plain float."""
        news = {**result, str(self._metric): loss if self._mode == "min" else -loss}
        if not self.draws:
            return str(self.stock.on_trial_result(self._view(controller), trial, news))
        with self._streams.active():
            return str(self.stock.on_trial_result(self._view(controller), trial, news))

    @final
    def ended(self, controller: Any, trial: Trial, result: dict[str, Any] | None) -> None:
        """Pass on."""
        if result is None:
            self.stock.on_trial_remove(self._view(controller), trial)
        else:
            self.stock.on_trial_complete(self._view(controller), trial, result)

    @final
    def errored(self, controller: Any, trial: Trial) -> None:
        """Pass on."""
        self.stock.on_trial_error(self._view(controller), trial)

    @final
    def choose(self, controller: Any) -> Trial | None:
        """Pass on; Ray's first in, first out needs no scan."""
        first = self._longest_pending() if self._fifo else None
        return first or self.stock.choose_trial_to_run(self._view(controller))

    def debug_string(self) -> str:
        """The stock scheduler's."""
        return str(self.stock.debug_string())

    def _tell_stock(self) -> None:
        """Hand on metric and mode, both at once and once only: given a mode alone, Ray's take an anonymous metric."""
        if not self._told and self._metric is not None and self._mode is not None:
            self._told = True
            self.stock.set_search_properties(self._metric, self._mode)

    def _view(self, controller: Any) -> _View:
        return _View(controller, self)

    def _global_streams(self) -> AbstractContextManager[None]:
        return self._streams.active() if self.draws else contextlib.nullcontext()


class _View:
    """Ray's controller as a stock scheduler sees it: with the live trials only.

    Ray's schedulers scan all trials at each step, which makes a study's cost quadratic in the number of its trials.
    """

    def __init__(self, controller: Any, scheduler: StockScheduler) -> None:
        self._controller = controller
        self._scheduler = scheduler

    @property
    def search_alg(self) -> Any:
        return self._controller.search_alg if self._scheduler.takes_searcher else None

    def get_trials(self) -> list[Trial]:
        return self._scheduler.live()

    def get_live_trials(self) -> list[Trial]:
        return self._scheduler.live()

    def stop_trial(self, trial: Trial) -> None:
        self._scheduler.stopped_early.add(trial.trial_id)
        self._controller.stop_trial(trial)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._controller, name)
