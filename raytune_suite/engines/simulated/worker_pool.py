"""Trainings in a pool of Ray workers, in the same virtual order as in one process: the deterministic parallel mode.

A step is submitted when it begins in virtual time, and awaited when the clock reaches its end. So there are as many
steps in progress as there are virtual workers, whatever the number of processes. Which process executes a step, and
when it ends by the wall clock, does not affect any decision.

A training stays in one process until it is stopped or paused, since moving it requires a checkpoint, and not every
trainable restores exactly. The load is balanced all the same: each virtual worker is always training, so two processes
with equally many trainings do the same amount of work per virtual second. No step is executed before the decision on
the step before it: it would have to be undone, or be wasted, as most steps after a first rung would.

Steps of a fused trainable (see `FusedTrainable`) are submitted late, together: when the first of them is due, each
worker executes all those that have begun on it by one call. So a worker with a GPU trains its share as lanes.
"""

from __future__ import annotations

import itertools
import logging
from typing import TYPE_CHECKING, Any, NamedTuple, Self, final

import ray
from ray.exceptions import RayActorError, RayError

from raytune_suite.engines.ray.engine import connect
from raytune_suite.engines.simulated.evaluators import cannot_be_suspended
from raytune_suite.engines.simulated.pool_worker import PoolWorker
from raytune_suite.errors import StudyError
from raytune_suite.types import check_count

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from ray import tune

    from raytune_suite.engines.simulated.evaluators import Training
    from raytune_suite.types import Config

_logger = logging.getLogger("raytune_suite")

STARTUP_TIMEOUT_S = 20.0
"""Seconds to wait for all workers that the cluster has room for, once the first has started."""
WARNING_INTERVAL_S = 30.0
"""Seconds between two warnings while there is no worker at all."""
SHUTDOWN_TIMEOUT_S = 5.0
"""Seconds that workers have to finish their steps and to remove their files before they are killed."""


@final
class WorkerPoolEvaluator:
    """Trains a Ray class trainable in Ray actors; the reports are those of `InProcessEvaluator`.

    It is a context manager, which starts and ends the actors. An actor that dies is replaced, and the trials on it
    crash. If `setup` or `load_checkpoint` raises, the trial crashes when its first report is due (with
    `InProcessEvaluator`: when it starts).
    """

    def __init__(
        self,
        trainable: type[tune.Trainable],
        cost: Callable[[Config], float],
        *,
        compute: int,
        resources: Mapping[str, float] | None = None,
    ) -> None:
        """Train `trainable` in a pool.

        Args:
            trainable: The trainable.
            cost: The declared virtual seconds of a step of a config.
            compute: The number of actors.
            resources: The resources of each actor; None for one CPU.

        Raises:
            ArgumentError: If `compute` is not a positive integer.
        """
        self._trainable, self.cost = trainable, cost
        self._compute = check_count("compute", compute)
        self._needs = {
            name.upper() if name.upper() in ("CPU", "GPU") else name: amount
            for name, amount in (resources or {"cpu": 1.0}).items()
        }
        self.fused = getattr(trainable, "advance_together", None) is not None
        self._packed: Any = None
        self._workers: list[_WorkerHandle] = []
        self._starting: dict[Any, _WorkerHandle] = {}

    def __enter__(self) -> Self:
        """Start the actors; those that the cluster has no room for yet join later.

        Raises:
            StudyError: If an actor cannot load the trainable.
        """
        connect()
        try:
            self._packed = ray.put(self._trainable)
            for _ in range(self._compute):
                self._start_worker()
            self._wait_for_one()
            total = ray.cluster_resources()
            room = [int(total.get(name, 0) / amount) for name, amount in self._needs.items() if amount]
            self._collect_started(min([self._compute, *room]), STARTUP_TIMEOUT_S)
        except BaseException:
            self._close()
            raise
        if self._starting:
            _logger.warning(
                "the cluster has room for %d of %d Ray workers: the study starts with these, and the others join later",
                len(self._workers),
                self._compute,
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End the actors."""
        self._close()

    def start(self, config: Config) -> Training:
        """The training of a config."""
        return _RemoteTraining(self, config)

    # ---- for the trainings ------------------------------------------------------------------------------------

    def acquire(self) -> _WorkerHandle:
        """The worker with the fewest trainings, which gets another one.

        Raises:
            StudyError: If the replacement of a dead worker cannot start.
        """
        self._collect_started()
        self._wait_for_one()
        worker = min(self._workers, key=lambda worker: worker.trainings)  # the first if several have the fewest
        worker.trainings += 1
        return worker

    def submit_begun(self) -> None:
        """Submit all steps of fused trainings that have begun, one call per worker."""
        for worker in self._workers:
            worker.submit_begun()

    def get(self, worker: _WorkerHandle, reference: Any) -> Any:
        """Wait for the result of a call to a worker.

        Raises:
            RayTaskError: If the call raised.
            StudyError: If the worker died.
        """
        try:
            return ray.get(reference)
        except RayActorError as error:
            if worker in self._workers:
                self._workers.remove(worker)
                self._start_worker()
            raise StudyError(f"the Ray worker of the training died: {_one_line(error)}") from error

    # ---- internals --------------------------------------------------------------------------------------------

    def _start_worker(self) -> None:
        """Request an actor."""
        options: dict[str, Any] = {"num_cpus": self._needs["CPU"], "num_gpus": self._needs.get("GPU", 0)}
        if "memory" in self._needs:
            options["memory"] = self._needs["memory"]
        custom = {name: amount for name, amount in self._needs.items() if name not in ("CPU", "GPU", "memory")}
        actor: Any = ray.remote(PoolWorker).options(resources=custom, **options).remote(self._packed)
        self._starting[actor.ready.remote()] = _WorkerHandle(actor)

    def _collect_started(self, wanted: int = 0, timeout: float = 0.0) -> None:
        """Add the actors that have started to the pool; wait up to `timeout` seconds until it has `wanted`.

        Raises:
            StudyError: If an actor cannot load the trainable.
        """
        if not self._starting:
            return
        missing = min(max(wanted - len(self._workers), 0), len(self._starting))
        if missing:
            ray.wait([*self._starting], num_returns=missing, timeout=timeout)
        for ready in ray.wait([*self._starting], num_returns=len(self._starting), timeout=0)[0]:
            worker = self._starting.pop(ready)
            try:
                ray.get(ready)
            except RayError as error:
                raise StudyError(f"a Ray worker could not start: {_one_line(error)}") from error
            self._workers.append(worker)

    def _wait_for_one(self) -> None:
        while not self._workers:
            self._collect_started(1, WARNING_INTERVAL_S)
            if not self._workers:
                free = ray.available_resources()
                _logger.warning(
                    "still waiting for a Ray worker with %s; the cluster has free: %s",
                    self._needs,
                    {name: free.get(name, 0) for name in self._needs},
                )

    def _close(self) -> None:
        """End the actors; kill those that are in the middle of a long step."""
        ending = [worker.actor.end.remote() for worker in self._workers]
        try:
            if ending:
                ray.wait(ending, num_returns=len(ending), timeout=SHUTDOWN_TIMEOUT_S)
        finally:
            for worker in [*self._workers, *self._starting.values()]:
                ray.kill(worker.actor)
            self._workers, self._starting = [], {}


class _WorkerHandle:
    """An actor, the number of its trainings, and those fused ones whose step has begun but is not submitted."""

    def __init__(self, actor: Any) -> None:
        self.actor, self.trainings = actor, 0
        self.begun: dict[_RemoteTraining, None] = {}

    def submit_begun(self) -> None:
        """Submit the steps that have begun as one call."""
        begun, self.begun = [*self.begun], {}
        if begun:
            keys, configs, states = zip(*(training.first_call() for training in begun), strict=True)
            reference = self.actor.train_together.remote(keys, configs, *states)
            for position, training in enumerate(begun):
                training.submitted(_SharedCall(reference, position))


class _SharedCall(NamedTuple):
    """A call that executes the steps of several trainings, and which of its outcomes is meant."""

    reference: Any
    position: int


class _StoredState(NamedTuple):
    """A checkpoint in Ray's object store. It is pickled by value."""

    reference: Any

    def __reduce__(self) -> tuple[Any, ...]:
        return _store, (ray.get(self.reference),)


def _store(state: Any) -> _StoredState:
    return _StoredState(ray.put(state))


class _RemoteTraining:
    """A training on a worker. Its first step sends all that the worker needs, so that each step is one call."""

    _keys = itertools.count()

    def __init__(self, pool: WorkerPoolEvaluator, config: Config) -> None:
        self._pool, self._config = pool, config
        self._seconds = pool.cost(config)
        self._key = next(self._keys)
        self._state: _StoredState | None = None
        self._worker: _WorkerHandle | None = None
        self._step: Any = None
        self._first = True
        self._finished_step: _FinishedStep | None = None

    def begin(self) -> float:
        if self._worker is None:
            self._worker = self._pool.acquire()
            self._first = True
        if self._pool.fused:
            self._worker.begun[self] = None
        else:
            self._step = self._worker.actor.train.remote(*self.first_call())
        return self._seconds

    def first_call(self) -> tuple[int, Config | None, Any]:
        """The arguments of a step: the key, and for the first step the config, and the state to load."""
        first, self._first = self._first, False
        if not first:
            return self._key, None, None
        return self._key, self._config, None if self._state is None else self._state.reference

    def submitted(self, call: _SharedCall) -> None:
        """Take note of the call that executes the step."""
        self._step = call

    def result(self) -> dict[str, Any]:
        if self._finished_step is not None:
            finished, self._finished_step = self._finished_step, None
            return finished.get()
        worker: Any = self._worker  # set by `begin`
        self._submit(worker)
        step, self._step = self._step, None
        return _outcome(self._pool, worker, step)

    def _submit(self, worker: _WorkerHandle) -> None:
        """Submit the step of a fused training, with all others that have begun."""
        if self in worker.begun:
            self._pool.submit_begun()
            worker.submit_begun()  # also if it has died

    def save(self) -> _StoredState | None:
        if self._in_step():
            raise StudyError(
                "a checkpoint was requested in the middle of a step, which the Ray worker may have finished already: "
                "request it after a report, or train in this process (compute=0)"
            )
        if self._worker is None:
            return self._state
        return self._save(self._worker)

    def _in_step(self) -> bool:
        begun = self._worker is not None and self in self._worker.begun
        return begun or self._step is not None or self._finished_step is not None

    def load(self, state: _StoredState) -> None:
        self._state = state

    def close(self) -> None:
        if self._worker is not None:
            self._worker.trainings -= 1
            self._worker.begun.pop(self, None)
            self._worker.actor.drop.remote(self._key)
            self._worker = None

    def _save(self, worker: _WorkerHandle) -> _StoredState:
        saved, reference = worker.actor.save.options(num_returns=2).remote(self._key)
        self._pool.get(worker, saved)
        return _StoredState(reference)

    def __reduce__(self) -> tuple[Any, ...]:
        """Wait for the step in progress, and pickle its report and the state after it."""
        if self._worker is not None:
            self._submit(self._worker)
        if self._step is not None:
            self._finished_step = _FinishedStep.wait(self._pool, self._worker, self._step)
            self._step = None
        failed = self._finished_step is not None and self._finished_step.error is not None
        state = self._state
        if self._worker is not None and not failed:  # a training that failed will not be used again
            try:
                state = self._save(self._worker)
            except Exception as error:
                raise cannot_be_suspended("in a Ray worker", error) from error
        return _continue_remote, (self._pool, self._config, state, self._finished_step)


def _continue_remote(
    pool: WorkerPoolEvaluator, config: Config, state: _StoredState | None, finished: _FinishedStep | None
) -> _RemoteTraining:
    training = _RemoteTraining(pool, config)
    training._state, training._finished_step = state, finished  # noqa: SLF001 - a part of the class
    return training


def _outcome(pool: WorkerPoolEvaluator, worker: _WorkerHandle, step: Any) -> dict[str, Any]:
    """Wait for the report of a submitted step.

    Raises:
        RayTaskError: If the step raised.
        StudyError: If a fused step raised, or the worker died.
    """
    if not isinstance(step, _SharedCall):
        result: dict[str, Any] = pool.get(worker, step)
        return result
    result, error = pool.get(worker, step.reference)[step.position]
    if error is not None:
        raise StudyError(error)
    return result


class _FinishedStep(NamedTuple):
    """The outcome of a step that finished before it was due."""

    result: dict[str, Any]
    error: Exception | None

    @classmethod
    def wait(cls, pool: WorkerPoolEvaluator, worker: Any, step: Any) -> Self:
        try:
            return cls(_outcome(pool, worker, step), None)
        except Exception as error:  # noqa: BLE001 - whatever a training raises
            return cls({}, error)

    def get(self) -> dict[str, Any]:
        if self.error is not None:
            raise self.error
        return self.result


def _one_line(error: Exception) -> str:
    """The message of an error in one line."""
    return " ".join(str(error).split())
