"""Watches for trials that report nothing for a long time: a deadlock, a lost connection, a loader that waits."""

from __future__ import annotations

import logging
import math
import time
from typing import TYPE_CHECKING, Any, final

from ray.tune import Callback
from ray.tune.experiment import Trial

if TYPE_CHECKING:
    from collections.abc import Callable

_logger = logging.getLogger("raytune_suite")


@final
class Watchdog(Callback):
    """A Ray Tune callback of one run that warns about silent trials, and can end them; it is not saved.

    A trial that is ended counts as one that crashed: `max_failures` says whether it is retried from its checkpoint.
    """

    def __init__(
        self,
        silent_s: float,
        end: Callable[[Trial], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`silent_s` are the seconds of silence that are normal, by `clock`; `end` ends the process of a trial."""
        self._silent_s, self._end, self._clock = silent_s, end, clock
        self._last_sign: dict[str, float] = {}
        self._next = -math.inf

    def on_step_begin(self, iteration: int, trials: list[Trial], **info: Any) -> None:  # noqa: ARG002 - Ray's signature
        """Warn about trials that have become silent, once each."""
        now = self._clock()
        if now < self._next:
            return
        self._next = now + min(1.0, self._silent_s / 4)
        if not any(now - last > self._silent_s for last in self._last_sign.values()):
            return
        for trial in trials:
            last = self._last_sign.get(trial.trial_id, now)
            if now - last <= self._silent_s:
                continue
            if trial.status != Trial.RUNNING:
                del self._last_sign[trial.trial_id]
                continue
            self._last_sign[trial.trial_id] = math.inf  # until it reports again
            what = "has been ended" if self._end else "may have hung (`rts.Settings(stop_silent=True)` would end it)"
            _logger.warning("trial %s has reported nothing for %.0f s and %s", trial.trial_id, now - last, what)
            if self._end:
                self._end(trial)

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:  # noqa: ARG002
        """The trial runs."""
        self._last_sign[trial.trial_id] = self._clock()

    def on_trial_result(
        self,
        iteration: int,  # noqa: ARG002 - Ray's signature
        trials: list[Trial],  # noqa: ARG002
        trial: Trial,
        result: dict[str, Any],  # noqa: ARG002
        **info: Any,  # noqa: ARG002
    ) -> None:
        """The trial has reported."""
        self._last_sign[trial.trial_id] = self._clock()

    def on_trial_save(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:  # noqa: ARG002
        """The trial has saved a checkpoint."""
        self._last_sign[trial.trial_id] = self._clock()

    def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:  # noqa: ARG002
        """The trial has ended."""
        self._last_sign.pop(trial.trial_id, None)

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:  # noqa: ARG002
        """The trial has crashed."""
        self._last_sign.pop(trial.trial_id, None)
