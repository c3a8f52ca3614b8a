"""Trials that report nothing for a long time are reported once, and ended if requested."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from ray.tune import Callback
from ray.tune.experiment import Trial

from raytune_suite.engines.ray.watchdog import Watchdog
from raytune_suite.engines.simulated.controller import Controller, _overridden
from raytune_suite.engines.simulated.evaluators import CurveEvaluator
from raytune_suite.types import Curve
from tests.engines.simulated.studies import method, simulate


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
    now = 0.0
    ended: list[Any] = []
    (trial,) = alone = trials("silent")
    watchdog = Watchdog(60, ended.append, clock=lambda: now)
    watchdog.on_trial_start(0, alone, trial)
    for second in range(0, 300, 10):
        now = float(second)
        watchdog.on_step_begin(0, alone)
    assert ended == [trial]


def test_paused_and_ended_trials_may_be_silent() -> None:
    now = 0.0
    ended: list[Any] = []
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


class Hang(Callback):
    """Ends silent trials of a simulated study, as Ray does with their processes."""

    def __init__(self) -> None:
        self.ended: list[str] = []
        self.controller: Any = None

    def end(self, trial: Any) -> None:
        self.ended.append(trial.trial_id)
        crash = (self.controller._running[trial], RuntimeError("killed"))
        self.controller.clock.schedule(0.0, (self.controller._failed, crash))


@pytest.mark.slow
def test_of_many_trials_those_that_hang_are_ended_and_the_study_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every twentieth of 400 trials hangs in its third step, for a time in which the others would all have ended."""

    def curve(config: dict[str, Any]) -> Curve:
        hangs = round(config["x"] * 1e6) % 20 == 0
        return Curve(np.arange(1.0, 10), {"loss": np.ones(9)}, np.where(np.arange(9) == 2, 1e7 if hangs else 1.0, 1.0))

    hang = Hang()
    run = Controller.run

    def known(controller: Controller, *args: Any, **info: Any) -> bool:
        hang.controller = controller
        watchdog = Watchdog(60, hang.end, clock=lambda: controller.clock.now)
        controller.callbacks = [watchdog]
        controller._hooks = {name: _overridden(name, [watchdog]) for name in controller._hooks}
        return run(controller, *args, **info)

    monkeypatch.setattr(Controller, "run", known)
    study = simulate(method("random"), CurveEvaluator(curve), num_samples=400, workers=16)
    hanging = {trial.trial_id for trial in study.trials if round(trial.config["x"] * 1e6) % 20 == 0}
    assert len(hanging) > 5
    assert set(hang.ended) == hanging
    assert len(hang.ended) == len(hanging)
    statuses = {trial.trial_id: trial.status for trial in study.trials}
    assert {name for name, status in statuses.items() if status == Trial.ERROR} == hanging
    assert list(statuses.values()).count(Trial.TERMINATED) == 400 - len(hanging)
