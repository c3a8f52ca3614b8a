"""Trials that report nothing for a long time are reported once, and ended if requested."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from ray.tune.experiment import Trial

from raytune_suite.engines.ray.watchdog import Watchdog

if TYPE_CHECKING:
    import pytest


def trials(*names: str) -> list[Any]:
    return [SimpleNamespace(trial_id=name, status=Trial.RUNNING) for name in names]


def test_a_silent_trial_is_reported_once(caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    silent, talking = both = trials("silent", "talking")
    watchdog = Watchdog(60, clock=lambda: now)
    for trial in both:
        watchdog.on_trial_start(0, both, trial)
    for second in range(0, 300, 10):
        now = float(second)
        watchdog.on_trial_result(0, both, talking, {})
        watchdog.on_step_begin(0, both)
    assert [record.args[0] for record in caplog.records if isinstance(record.args, tuple)] == ["silent"]
    watchdog.on_trial_save(0, both, silent)  # a sign of life
    now += 100
    watchdog.on_step_begin(0, both)
    assert len(caplog.records) == 3  # both were silent


def test_a_silent_trial_is_ended_if_requested() -> None:
    now, ended = 0.0, []
    (trial,) = alone = trials("silent")
    watchdog = Watchdog(60, ended.append, clock=lambda: now)
    watchdog.on_trial_start(0, alone, trial)
    for second in range(0, 300, 10):
        now = float(second)
        watchdog.on_step_begin(0, alone)
    assert ended == [trial]


def test_paused_and_ended_trials_may_be_silent() -> None:
    now, ended = 0.0, []
    paused, done, failed = both = trials("paused", "done", "failed")
    watchdog = Watchdog(60, ended.append, clock=lambda: now)
    for trial in both:
        watchdog.on_trial_start(0, both, trial)
    paused.status = Trial.PAUSED
    watchdog.on_trial_complete(0, both, done)
    watchdog.on_trial_error(0, both, failed)
    now = 1000.0
    watchdog.on_step_begin(0, both)
    assert ended == []
