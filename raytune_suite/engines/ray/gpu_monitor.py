"""Watches how busy the GPUs of this machine are, and says what to do about GPUs that wait for Python."""

from __future__ import annotations

import importlib.util
import logging
import math
import time
from typing import TYPE_CHECKING, Any, final

from ray.tune import Callback
from ray.tune.experiment import Trial

if TYPE_CHECKING:
    from collections.abc import Callable

_logger = logging.getLogger("raytune_suite")

IDLE = 30.0
"""GPUs that are busy for less than this percentage of the time are reported."""
EVERY_S = 5.0
"""Seconds between two readings."""
READINGS = 24
"""So many readings, two minutes of trainings, precede the report."""


@final
class GPUMonitor(Callback):
    """A Ray Tune callback of one run that warns once if trials leave the GPUs of this machine idle; it is not saved.

    It reads NVML, so it says nothing where `nvidia-ml-py` or the driver is missing, and nothing about other machines.
    The busiest GPU counts: on a machine with more GPUs than trials, the others are idle for a good reason.

    Args:
        utilizations: Returns the percentage of time in which each GPU was busy; an empty list where none can be read.
        clock: Returns seconds.
    """

    def __init__(
        self,
        utilizations: Callable[[], list[float]] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._utilizations, self._clock = utilizations or read_utilizations, clock
        self._readings: list[float] = []
        self._next = -math.inf

    def on_step_end(self, iteration: int, trials: list[Trial], **info: Any) -> None:  # noqa: ARG002 - Ray's signature
        """Take a reading if one is due."""
        now = self._clock()
        if now < self._next:
            return
        self._next = now + EVERY_S
        if not any(trial.status == Trial.RUNNING and uses_gpu(trial) for trial in trials):
            return
        readings = self._utilizations()
        if not readings:
            self._next = math.inf
            return
        self._readings.append(max(readings))
        if len(self._readings) < READINGS:
            return
        mean = sum(self._readings) / len(self._readings)
        self._readings.clear()
        if mean < IDLE:
            self._next = math.inf
            _logger.warning(
                "the busiest GPU of this machine was in use for %.0f %% of the last %.0f s: the trials are too small "
                "for it, or wait for data. Let several share it (resources={'gpu': 0.25}), or fuse them: see the page "
                "'GPUs' of the documentation",
                mean,
                READINGS * EVERY_S,
            )


def uses_gpu(trial: Trial) -> bool:
    """Whether a trial asks for a GPU or a fraction of one."""
    request: Any = trial.placement_group_factory
    return bool(request and request.required_resources.get("GPU", 0) > 0)


def read_utilizations() -> list[float]:
    """Return the percentage of the last moment in which each GPU of this machine was busy, if NVML can be read."""
    if importlib.util.find_spec("pynvml") is None:
        return []
    import pynvml

    try:
        pynvml.nvmlInit()
        handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
        return [float(pynvml.nvmlDeviceGetUtilizationRates(handle).gpu) for handle in handles]
    except pynvml.NVMLError:
        return []
