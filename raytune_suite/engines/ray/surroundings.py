"""What surrounds a study on Ray: environment variables, signal handlers and loggers, restored at its end."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.engines.ray.settings import Settings


@contextlib.contextmanager
def environment(settings: Settings, max_pending: int | None) -> Iterator[None]:
    """Set the environment variables from which alone Ray reads some of its settings."""
    chosen = {"TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "0" if settings.loggers else "1"}
    defaults = {
        "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",  # a metric may come with every tenth report only
        "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",  # they are in the study's folder, and the first is shown at the end
        "RAY_AIR_NEW_OUTPUT": "0",  # the new output prints a box even if it is silenced
        "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    }
    if max_pending is not None:
        defaults["TUNE_MAX_PENDING_TRIALS_PG"] = str(max_pending)
    before = {name: os.environ.get(name) for name in (*chosen, *defaults)}
    handlers = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    os.environ.update({name: value for name, value in defaults.items() if name not in os.environ})
    os.environ.update(chosen)  # the settings are recorded with the study, so they win
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        if threading.current_thread() is threading.main_thread():
            for each, handler in handlers.items():
                if handler is not None:
                    signal.signal(each, handler)


@contextlib.contextmanager
def silenced() -> Iterator[None]:
    """Silence Ray's loggers; we report ourselves what happened."""
    loggers = [logging.getLogger(name) for name in ("ray.tune", "ray.train", "ray.air")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
