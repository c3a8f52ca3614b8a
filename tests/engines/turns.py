"""Force the order of the results on real Ray: each step of a trial waits for its turn in virtual time.

A gate, which is a small Ray actor, blocks each step at its start. A callback in the driver releases one step at a
time, and only when Ray is idle: every running trial waits at the gate, and no other can start. The next step to release
is the one that ends first in virtual time. A step takes as long as its config costs, counted from the release of the
trial's previous step, or from the event that freed its worker. Thus the speed of processes has no effect, and the order
equals that of the simulated clock if and only if Ray makes the same decisions in between.
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
from raytune_suite.engines.ray.engine import RayEngine
from raytune_suite.engines.ray.settings import Settings
from tests.engines.simulated.studies import OBJECTIVE, Learner, cost

if TYPE_CHECKING:
    from collections.abc import Sequence

GATE = "gate"


@ray.remote(num_cpus=0)
class Gate:
    """Blocks steps until they are released."""

    def __init__(self) -> None:
        self._steps: dict[str, tuple[float, asyncio.Future[bool]]] = {}

    async def enter(self, trial_id: str, seconds: float) -> bool:
        """Wait for the trial's turn, where `seconds` is the cost of its step; return False if its process must die."""
        turn: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._steps[trial_id] = seconds, turn
        return await turn

    async def waiting(self) -> dict[str, float]:
        """Return the costs of the waiting steps by trial."""
        return {trial_id: seconds for trial_id, (seconds, _) in self._steps.items()}

    async def open(self, trial_id: str, *, alive: bool = True) -> None:
        """Release a step, or make its process die."""
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
    """Like `Saving`, with steps that wait for their turn."""


class Turns(tune.Callback):
    """Opens the gate for one step at a time, and advances the virtual time."""

    def __init__(self, gate: Any, workers: int, deaths: Sequence[tuple[float, int]]) -> None:
        """`deaths` has the virtual times, in ascending order, at which a process dies, each with its trial's number."""
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
        """Return the steps at the gate; a step arrives within milliseconds, and Ray waits 0.1 s for an event."""
        deadline = time.monotonic() + 0.02
        while True:
            waiting: dict[str, float] = ray.get(self._gate.waiting.remote())
            for trial_id in waiting.keys() - running:  # the trial was stopped, so its report is not needed
                self._due.pop(trial_id, None)
                ray.get(self._gate.open.remote(trial_id))
            if running <= waiting.keys() or time.monotonic() > deadline:
                return waiting


def end(trial: Trial) -> tuple[str, int]:
    """Return the final status of a trial and its number of failures."""
    return trial.status, trial.run_metadata.num_failures


def on_ray(made: Any, folder: str, trainable: Any = Learner, *, workers: int = 1, **study: Any) -> DecisionLog:
    """Run a study on real Ray, and return its decision log; `study` has fields of `StudySpec`, and `settings`."""
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
    """Run a study on real Ray whose steps take turns; return its decision log with virtual times, and its turns."""
    gate: Any = Gate.options(name=GATE).remote()  # type: ignore[attr-defined] # Ray's decorator hides it
    turns = Turns(gate, workers, deaths)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DecisionLog.__init__, "__defaults__", (turns.clock,))  # so that the engine's log has times
        try:
            return on_ray(made, folder, trainable, workers=workers, callbacks=(turns,), **study), turns
        finally:
            ray.kill(gate)
