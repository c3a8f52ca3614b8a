"""A test double of Ray's TuneController: it drives real searchers, schedulers and `Trial` objects, without Ray.

It keeps to Ray 2.60's order of calls (`ray/tune/execution/tune_controller.py`): the scheduler hears of a report first,
then the searcher unless the decision is STOP; a pause takes effect when its checkpoint has been saved; a snapshot holds
the state of the searcher and of the trials, and after a restore every trial is added again as a new object.
Workers train in virtual time.
"""

from __future__ import annotations

import copy
import heapq
import itertools
import math
import shutil
import tempfile
import weakref
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ray import cloudpickle
from ray.train._internal.session import _FutureTrainingResult, _TrainingResult
from ray.tune.experiment import Experiment, Trial
from ray.tune.schedulers import TrialScheduler
from ray.tune.search import SearchGenerator

from raytune_suite.spaces import Space
from raytune_suite.types import hyperparameters

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

METRIC = "loss"
LONGEST = 500
"""No training of a test is longer; one that is has not been stopped."""


class Training(Protocol):
    """What a worker holds while it trains."""

    def step(self, config: dict[str, Any]) -> float:
        """Train for one iteration; returns the loss."""

    def cost(self, config: dict[str, Any]) -> float:
        """The virtual seconds of an iteration."""


class Curve:
    """A learning curve that depends on the config alone; the best config is at .37 in each unit coordinate."""

    def __init__(self, space: dict[str, Any]) -> None:
        self.space = Space(space)
        self.progress = 0.0

    def step(self, config: dict[str, Any]) -> float:
        self.progress += self.rate(config)
        return 1 / (1 + self.progress) + 0.3 * (1 - self.rate(config))

    def cost(self, config: dict[str, Any]) -> float:
        return 0.5 + self.rate(config)

    def rate(self, config: dict[str, Any]) -> float:
        """How fast it learns, from 0 to 1."""
        off = [abs(unit - 0.37) for unit in self.space.encode(hyperparameters(config)) if not math.isnan(unit)]
        return math.exp(-3 * sum(off) / len(off))


class Report(NamedTuple):
    """One line of the log of decisions; `number` counts the trials in the order of their creation."""

    number: int
    iteration: int
    loss: float | None
    decision: str


class HangError(AssertionError):
    """Nothing runs, nothing can start, and the study has not ended."""


class _Saved(_FutureTrainingResult):
    """A checkpoint that has been written already."""

    def __init__(self, result: Any) -> None:
        self.result = result

    def resolve(self, block: bool = True) -> Any:  # noqa: ARG002 - Ray's signature
        return self.result


@dataclass
class Worker:
    """A trial at work."""

    training: Training
    iteration: int = 0

    def twin(self) -> Worker:
        """A copy, as a checkpoint is; trainings change no object that they hold."""
        return Worker(copy.copy(self.training), self.iteration)


@dataclass(frozen=True)
class Setup:
    """How a study is run.

    Attributes:
        space: The search space.
        samples: How many trials there are.
        training: Makes what a worker holds.
        mode: The direction of the metric, which is the negated loss for "max".
        workers: How many trials run at once.
        max_pending: How many trials Ray asks for in advance; with a searcher it is one.
        end: The iteration at which a trial ends by itself.
        fault: What happens at a report of a trial: "crash", "nan", "inf", "missing", "string", "end", "return" or None.
        max_failures: How often a crashed trial is tried again.
        convert: Turns the loss into what is reported.
        save_each: Whether a trial saves a checkpoint at each report, or only when it is paused.
        forgets: Whether a training starts again from nothing each time that it is resumed.
        stride: How many "steps" a report counts.
        snapshots: Whether the state of the trials is kept after each event, as Ray does now and then. It keeps anew
            only what it marked, and forgets to mark a trial that is stopped while it is paused.
    """

    space: dict[str, Any]
    samples: int = 20
    training: Callable[[dict[str, Any]], Training] = Curve
    mode: str = "min"
    workers: int = 1
    max_pending: int = 1
    end: int = LONGEST
    fault: Callable[[int, int], str | None] = lambda _number, _iteration: None
    max_failures: int = 0
    convert: Callable[[float], Any] = float
    save_each: bool = True
    forgets: bool = False
    stride: int = 1
    snapshots: bool = False


@dataclass(frozen=True)
class Snapshot:
    """What is on disk when the driver is killed."""

    folder: str
    trials: list[Any]
    numbers: dict[str, int]
    clock: float
    pristine: bytes
    setup: Setup


@dataclass
class Controller:
    """Everything that a scheduler touches on Ray's controller, and the loop behind it."""

    search_alg: Any
    scheduler: Any
    setup: Setup
    pristine: bytes = b""
    clock: float = 0.0
    trials: list[Trial] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)
    log: list[Report] = field(default_factory=list)
    most_running: int = 0
    ended: dict[int, Worker] = field(default_factory=dict)
    configs: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    _pending: list[Trial] = field(default_factory=list)
    _workers: dict[str, Worker] = field(default_factory=dict)
    _events: list[Any] = field(default_factory=list)
    _order: Iterator[int] = field(default_factory=itertools.count)
    _marked: set[Trial] = field(default_factory=set)
    _kept: dict[str, Any] = field(default_factory=dict)
    _crashed: set[tuple[int, int]] = field(default_factory=set)

    # ---- what schedulers call ---------------------------------------------------------------------------------

    def get_trials(self) -> list[Trial]:
        return self.trials

    def get_live_trials(self) -> list[Trial]:
        return [trial for trial in self.trials if trial.status != Trial.TERMINATED]

    def stop_trial(self, trial: Trial) -> None:
        if trial.status in (Trial.ERROR, Trial.TERMINATED):
            return
        if trial.status in (Trial.PENDING, Trial.PAUSED):
            self.scheduler.on_trial_remove(self, trial)
            self.search_alg.on_trial_complete(trial.trial_id)
        else:
            self.scheduler.on_trial_complete(self, trial, dict(trial.last_result))
            self.search_alg.on_trial_complete(trial.trial_id, result=dict(trial.last_result))
        self._leave(trial, Trial.TERMINATED)

    def pause_trial(self, trial: Trial, should_checkpoint: bool = True) -> None:
        if should_checkpoint:
            self._push("saved", trial)
        else:
            self._leave(trial, Trial.PAUSED)

    def _schedule_trial_save(self, trial: Trial, result: dict[str, Any] | None = None) -> _Saved | None:
        if trial.trial_id not in self._workers:
            return None
        worker = self._workers[trial.trial_id].twin()
        saved = _TrainingResult(worker, dict(result or trial.last_result))  # type: ignore[arg-type] # a double's checkpoint
        manager: Any = trial.run_metadata.checkpoint_manager
        manager._latest_checkpoint_result = saved
        trial.run_metadata.invalidate_cache()
        return _Saved(saved)

    # ---- the loop ---------------------------------------------------------------------------------------------

    @property
    def finished(self) -> bool:
        return bool(self.search_alg.is_finished()) and all(trial.is_finished() for trial in self.trials)

    def run(self, reports: int | None = None) -> Controller:
        """Run to the end, or until the log has so many reports."""
        while not self.finished and (reports is None or len(self.log) < reports):
            self.step()
        return self

    def run_failing_saves(self, times: int) -> Controller:
        """Run to the end; so many times a trial crashes while its checkpoint is being written."""
        while not self.finished:
            self.step()
            saving = [event[3] for event in self._events if event[2] == "saved"]
            if saving and times:
                times -= 1
                self._fail(saving[0])
        return self

    def settle(self) -> Controller:
        """Run until no checkpoint is being written."""
        while any(event[2] == "saved" for event in self._events):
            self.step()
        return self

    def step(self) -> None:
        """Ask for trials, start trials, and handle one event."""
        for _ in range(3):
            self._ask()
            self._start_all()
            if self._events or self.finished:
                break
        else:
            raise HangError(f"{[(self.numbers[t.trial_id], t.status) for t in self.trials if not t.is_finished()]}")
        if self._events:
            kind: str
            worker: Worker
            self.clock, _, kind, trial, worker = heapq.heappop(self._events)
            if self._workers.get(trial.trial_id) is worker:
                self._saved(trial) if kind == "saved" else self._trained(trial, worker)
        if self.setup.snapshots:
            self._keep()

    def kill(self) -> Snapshot:
        """What Ray's `save_to_dir` leaves."""
        folder = tempfile.mkdtemp(prefix="snapshot-")
        self._keep()
        self.search_alg.save_to_dir(folder, session_str="double")
        kept = list(self._kept.values())
        snapshot = Snapshot(folder, kept, dict(self.numbers), self.clock, self.pristine, self.setup)
        weakref.finalize(snapshot, shutil.rmtree, folder, ignore_errors=True)
        return snapshot

    def _keep(self) -> None:
        self._kept |= {trial.trial_id: trial.get_json_state() for trial in self._marked}
        self._marked.clear()

    def _ask(self) -> None:
        while len(self._pending) < self.setup.max_pending and not self.search_alg.is_finished():
            trial = self.search_alg.next_trial()
            if trial is None:
                return
            trial.max_failures = self.setup.max_failures
            self.numbers[trial.trial_id] = len(self.numbers)
            self.add(trial)

    def add(self, trial: Trial) -> None:
        """Add a trial, a new one or one after a restore."""
        trial.create_placement_group_factory()
        self.trials.append(trial)
        self.scheduler.on_trial_add(self, trial)
        self._marked.add(trial)
        if trial.status == Trial.PENDING:
            self._pending.append(trial)

    def _start_all(self) -> None:
        while True:
            chosen = self.scheduler.choose_trial_to_run(self)
            if chosen is not None and chosen.status == Trial.PAUSED:
                chosen.set_status(Trial.PENDING)
                self._pending.append(chosen)
            if len(self._workers) >= self.setup.workers or not self._pending:
                return
            self._start(chosen if chosen in self._pending else self._pending[0])
            self._ask()

    def _start(self, trial: Trial) -> None:
        self._pending.remove(trial)
        saved: Any = trial.latest_checkpoint_result
        if saved and not self.setup.forgets:
            worker = saved.checkpoint.twin()
            trial.run_metadata.last_result = dict(saved.metrics)
        else:
            worker = Worker(self.setup.training(self.setup.space))
        self._workers[trial.trial_id] = worker
        trial.set_status(Trial.RUNNING)
        self.most_running = max(self.most_running, len(self._workers))
        self._train(trial)

    def _train(self, trial: Trial) -> None:
        self._push("trained", trial, self._workers[trial.trial_id].training.cost(trial.config))

    def _push(self, kind: str, trial: Trial, delay: float = 0.0) -> None:
        event = (self.clock + delay, next(self._order), kind, trial, self._workers[trial.trial_id])
        heapq.heappush(self._events, event)

    def _leave(self, trial: Trial, status: str) -> None:
        worker = self._workers.pop(trial.trial_id, None)
        if worker is not None:
            self._marked.add(trial)
            self.ended[self.numbers[trial.trial_id]] = worker
        if trial in self._pending:
            self._pending.remove(trial)
        trial.set_status(status)

    def _trained(self, trial: Trial, worker: Worker) -> None:
        number = self.numbers[trial.trial_id]
        fault = self.setup.fault(number, worker.iteration + 1)
        if fault == "crash" and (number, worker.iteration + 1) not in self._crashed:
            self._crashed.add((number, worker.iteration + 1))
            self._fail(trial)
        elif fault == "return":
            self._decided(trial, {**trial.last_result, "done": True}, TrialScheduler.STOP)
        else:
            worker.iteration += 1
            assert worker.iteration <= LONGEST, "a training was never stopped"
            self._report(trial, worker, fault)

    def _report(self, trial: Trial, worker: Worker, fault: str | None) -> None:
        loss = worker.training.step(trial.config)
        value: Any = {"nan": math.nan, "inf": math.inf, "string": "n/a"}.get(str(fault), loss)
        if not isinstance(value, str):
            value = self.setup.convert(-value if self.setup.mode == "max" else value)
        result = {"training_iteration": worker.iteration, "epoch": worker.iteration, "done": False, METRIC: value}
        result |= {"trial_id": trial.trial_id, "steps": self.setup.stride * worker.iteration}
        if fault == "missing":
            del result[METRIC]
        if fault == "end" or worker.iteration >= self.setup.end:
            result["done"] = True
        self.configs.append((self.numbers[trial.trial_id], trial.config))
        if trial.should_stop(result):
            decision = TrialScheduler.STOP
        else:
            decision = self.scheduler.on_trial_result(self, trial, result)
        if decision == TrialScheduler.STOP:
            result["done"] = True
        else:
            self.search_alg.on_trial_result(trial.trial_id, result)
        trial.run_metadata.last_result = result
        trial.run_metadata.last_result_time = self.clock
        self._marked.add(trial)
        seen = None if fault in ("nan", "inf", "string", "missing") else loss
        self.log.append(Report(self.numbers[trial.trial_id], worker.iteration, seen, decision))
        self._decided(trial, result, decision)

    def _decided(self, trial: Trial, result: dict[str, Any], decision: str) -> None:
        if decision == TrialScheduler.STOP:
            trial.run_metadata.last_result = result
            self.stop_trial(trial)
        elif decision == TrialScheduler.PAUSE:
            self.pause_trial(trial)
        elif decision == TrialScheduler.CONTINUE:
            if self.setup.save_each:
                self._schedule_trial_save(trial)
            self._train(trial)
        else:
            assert decision == TrialScheduler.NOOP
            assert trial.status == Trial.PAUSED

    def _saved(self, trial: Trial) -> None:
        self._schedule_trial_save(trial)
        self._leave(trial, Trial.PAUSED)

    def _fail(self, trial: Trial) -> None:
        trial.run_metadata.num_failures += 1
        if not trial.should_recover():
            self.scheduler.on_trial_error(self, trial)
            self.search_alg.on_trial_complete(trial.trial_id, error=True)
            self._leave(trial, Trial.ERROR)
            return
        self._leave(trial, Trial.ERROR)
        self.scheduler.on_trial_error(self, trial)
        trial.set_status(Trial.PENDING)
        self.trials.remove(trial)
        self.add(trial)


def start(searcher: Any, scheduler: Any, setup: Setup) -> Controller:
    """A study of these objects, wired as `tune.Tuner` does; `searcher` may be a search algorithm of Ray's."""
    pristine = cloudpickle.dumps((searcher, scheduler))
    search_alg = searcher if hasattr(searcher, "next_trial") else SearchGenerator(searcher)
    assert search_alg.set_search_properties(METRIC, setup.mode, setup.space)
    assert scheduler.set_search_properties(METRIC, setup.mode)
    wired = setup.space if search_alg is searcher else {}
    folder = tempfile.mkdtemp(prefix="study-")
    experiment = Experiment("double", _train, config=wired, num_samples=setup.samples, storage_path=folder)
    search_alg.add_configurations([experiment])
    controller = Controller(search_alg, scheduler, setup, pristine)
    weakref.finalize(controller, shutil.rmtree, folder, ignore_errors=True)
    return controller


def revive(snapshot: Snapshot, **changes: Any) -> Controller:
    """The study again, in the order of Ray's `TuneController.resume`."""
    searcher, scheduler = cloudpickle.loads(snapshot.pristine)
    controller = start(searcher, scheduler, replace(snapshot.setup, **changes))
    controller.clock, controller.numbers = snapshot.clock, dict(snapshot.numbers)
    if controller.search_alg.has_checkpoint(snapshot.folder):
        controller.search_alg.restore_from_dir(snapshot.folder)
    trials = []
    for state, metadata in snapshot.trials:
        trial = Trial.from_json_state(state)
        trial.restore_run_metadata(metadata)
        trials.append(trial)
    for trial in sorted(trials, key=lambda trial: trial.run_metadata.last_result_time, reverse=True):
        if not trial.is_finished():
            trial.set_status(Trial.PENDING)
        controller.add(trial)
    return controller


def _train(config: dict[str, Any]) -> None:
    """Never called: it gives Ray's `Experiment` a name."""
