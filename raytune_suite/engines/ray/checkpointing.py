"""Periodic checkpoints of running trials, so that lost trials and killed studies resume from them."""

from __future__ import annotations

import inspect
import math
import time
from typing import TYPE_CHECKING, Any, final

from ray import tune
from ray.tune import Callback
from ray.tune.experiment import Trial
from ray.tune.registry import get_trainable_cls
from ray.tune.trainable import FunctionTrainable

if TYPE_CHECKING:
    from collections.abc import Callable

    from raytune_suite.schedulers import StudyScheduler

KEPT = 2
"""So many checkpoints are kept of a trial: a killed study may know the last but one only."""

SHARE = 0.05
"""At most this part of a trial's time goes into them."""


def saves(trainable: Any, scheduler: StudyScheduler) -> bool:
    """Whether trials can be saved as they run: those of a class that saves and loads its state.

    A function saves what it likes. A population saves its members itself, and clones those checkpoints later: it
    would miss one that was dropped for a newer one.
    """
    known = get_trainable_cls(trainable) if isinstance(trainable, str) else trainable
    return (
        inspect.isclass(known)
        and issubclass(known, tune.Trainable)
        and not issubclass(known, FunctionTrainable)
        and known.save_checkpoint is not tune.Trainable.save_checkpoint
        and known.load_checkpoint is not tune.Trainable.load_checkpoint
        and not scheduler.needs_state
    )


def kept(scheduler: StudyScheduler) -> int | None:
    """How many checkpoints of a trial are kept by default; None for all."""
    return None if scheduler.needs_state else KEPT


@final
class Checkpoints(Callback):
    """A Ray Tune callback of one run that asks for them after reports; it decides nothing, and is not saved."""

    def __init__(self, period: float, clock: Callable[[], float] = time.monotonic) -> None:
        """`period` is the seconds between two checkpoints, measured by `clock`."""
        self._period, self._clock = period, clock
        self._due: dict[str, float] = {}
        self._asked: dict[str, float] = {}

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:  # noqa: ARG002
        """It runs, from its last checkpoint if it has one."""
        self._due[trial.trial_id] = self._clock() + self._period
        self._asked.pop(trial.trial_id, None)

    def on_trial_result(
        self,
        iteration: int,  # noqa: ARG002 - Ray's signature
        trials: list[Trial],  # noqa: ARG002
        trial: Trial,
        result: dict[str, Any],
        **info: Any,  # noqa: ARG002
    ) -> None:
        """Request one, if it is time and the trial continues. Where it is paused, Ray saves it anyway."""
        now = self._clock()
        if now < self._due[trial.trial_id] or result.get("done") or trial.status != Trial.RUNNING or trial.is_saving:
            return
        result["should_checkpoint"] = True
        self._asked[trial.trial_id], self._due[trial.trial_id] = now, math.inf

    def on_trial_save(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:  # noqa: ARG002
        """It has been saved."""
        now = self._clock()
        took = now - self._asked.pop(trial.trial_id, now)
        self._due[trial.trial_id] = now + max(self._period, took / SHARE)
