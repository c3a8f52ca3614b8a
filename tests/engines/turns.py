"""Forces the order of the results on real Ray: each step of a trial waits for its turn in virtual time.

A gate, which is a small Ray actor, holds all steps that were begun. A callback in the driver opens it for one step at
a time, and only when Ray has come to rest: every running trial waits at the gate, and nothing more can start. It is
the turn of the step that ends first, where one takes as long as its config is declared to cost, from the virtual time
at which the step before it, or whatever freed its worker, was let through. So no process is faster than another, and
the order is that of the simulated clock if, and only if, all that Ray decides in between is as there.
"""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING, Any

import pytest
import ray
from ray import tune
from ray.tune.experiment import Trial
from ray.tune.result import SHOULD_CHECKPOINT

from raytune_suite.engines.base import StudySpec
from raytune_suite.engines.callbacks.decision_log import DecisionLog
from raytune_suite.engines.ray.engine import RayEngine, Settings
from tests.engines.simulated.studies import OBJECTIVE, Learner, cost

if TYPE_CHECKING:
    from collections.abc import Sequence

GATE = "gate"


@ray.remote(num_cpus=0)
class Gate:
    """Where steps wait."""

    def __init__(self) -> None:
        self._steps: dict[str, tuple[float, asyncio.Future[bool]]] = {}

    async def enter(self, trial_id: str, seconds: float) -> bool:
        """Wait until it is the trial's turn; `seconds` is what its step costs. False: the process shall die."""
        turn: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._steps[trial_id] = seconds, turn
        return await turn

    async def waiting(self) -> dict[str, float]:
        """What the steps that wait cost, by trial."""
        return {trial_id: seconds for trial_id, (seconds, _) in self._steps.items()}

    async def open(self, trial_id: str, *, alive: bool = True) -> None:
        """Let a step through, or let its process die."""
        self._steps.pop(trial_id)[1].set_result(alive)


class Gated(Learner):
    """A learner whose steps wait for their turn."""

    def step(self) -> dict[str, Any]:
        gate: Any = ray.get_actor(GATE)
        if not ray.get(gate.enter.remote(self.trial_id, cost(self.config))):
            os._exit(1)
        return super().step()


class Saving(Learner):
    """Saves a checkpoint at each report."""

    def step(self) -> dict[str, Any]:
        return {**super().step(), SHOULD_CHECKPOINT: True}


class GatedSaving(Saving, Gated):
    """As `Saving`, in turns."""


class Turns(tune.Callback):
    """Opens the gate, and keeps the virtual time."""

    def __init__(self, gate: Any, workers: int, deaths: Sequence[tuple[float, int]]) -> None:
        """`deaths`: at which virtual times, rising, the process of which trial (by number) dies."""
        self._gate, self._workers = gate, workers
        self._deaths = [*deaths]
        self._numbers: dict[str, int] = {}
        self.ends: dict[int, tuple[str, int]] = {}
        self._due: dict[str, float] = {}
        self._before: Any = None
        self.now = 0.0

    def clock(self) -> float:
        """The virtual time."""
        return self.now

    def on_step_begin(self, iteration: int, trials: list[Trial], **info: Any) -> None:  # noqa: ARG002 - Ray's signature
        self._before = [trial.status for trial in trials]

    def on_step_end(self, iteration: int, trials: list[Trial], **info: Any) -> None:  # noqa: ARG002 - Ray's signature
        for trial in trials:
            self._numbers.setdefault(trial.trial_id, len(self._numbers))
        states = [trial.status for trial in trials]
        running = {trial.trial_id for trial in trials if trial.status == Trial.RUNNING}
        full = len(running) == self._workers
        at_rest = full or (states == self._before and Trial.PENDING not in states)
        waiting = self._arrived(running)
        if not running or not at_rest or not running <= waiting.keys():
            return
        for trial_id in running - self._due.keys():
            self._due[trial_id] = self.now + waiting[trial_id]
        first = min(running, key=self._due.__getitem__)
        if self._deaths and self._deaths[0][0] < self._due[first]:
            self.now, number = self._deaths.pop(0)
            victim = next(trial_id for trial_id in running if self._numbers[trial_id] == number)
            del self._due[victim]
            ray.get(self._gate.open.remote(victim, alive=False))
        else:
            self.now = self._due.pop(first)
            ray.get(self._gate.open.remote(first))

    def on_experiment_end(self, trials: list[Trial], **info: Any) -> None:  # noqa: ARG002 - Ray's signature
        self.ends = {self._numbers[trial.trial_id]: end(trial) for trial in trials}

    def _arrived(self, running: set[str]) -> dict[str, float]:
        """What waits at the gate. A step comes in milliseconds, and Ray waits a tenth of a second for an event."""
        deadline = time.monotonic() + 0.02
        while True:
            waiting: dict[str, float] = ray.get(self._gate.waiting.remote())
            for trial_id in waiting.keys() - running:  # it was stopped from outside: nobody waits for its report
                self._due.pop(trial_id, None)
                ray.get(self._gate.open.remote(trial_id))
            if running <= waiting.keys() or time.monotonic() > deadline:
                return waiting


def end(trial: Trial) -> tuple[str, int]:
    """How a trial has ended, and how often it has failed."""
    return trial.status, trial.run_metadata.num_failures


def on_ray(made: Any, folder: str, trainable: Any = Learner, *, workers: int = 1, **study: Any) -> DecisionLog:
    """The decision log of a study on real Ray, without times; `study` are fields of `StudySpec`, and `settings`."""
    settings = study.pop("settings", Settings(snapshot_s=1000))
    spec = StudySpec(
        trainable=trainable,
        objective=OBJECTIVE,
        searcher=made.searcher,
        scheduler=made.scheduler,
        resources={"cpu": ray.cluster_resources()["CPU"] / workers},
        storage_path=folder,
        **{"name": "study", **study},
    )
    decisions = RayEngine(settings).run(spec).decisions
    assert decisions is not None
    return decisions


def on_ray_in_turns(
    made: Any,
    folder: str,
    trainable: Any = Gated,
    *,
    workers: int,
    deaths: Sequence[tuple[float, int]] = (),
    **study: Any,
) -> tuple[DecisionLog, Turns]:
    """A study on real Ray where each step waits for its turn: its decision log with virtual times, and its turns."""
    gate: Any = Gate.options(name=GATE).remote()  # type: ignore[attr-defined] # Ray's decorator hides it
    turns = Turns(gate, workers, deaths)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DecisionLog.__init__, "__defaults__", (turns.clock,))  # the log that the engine makes has times
        try:
            return on_ray(made, folder, trainable, workers=workers, callbacks=(turns,), **study), turns
        finally:
            ray.kill(gate)
