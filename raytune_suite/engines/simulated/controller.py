"""The controller of a simulated study, with all that Ray's schedulers and searchers use of Ray's TuneController.

It follows the order of calls of Ray 2.60 (`ray/tune/execution/tune_controller.py`, "TC" below), so that both engines
agree: trials are requested in advance up to a depth; the scheduler chooses the next trial after each event; a report
goes to the scheduler first and then, unless the decision is STOP, to the searcher; a pause takes effect once its
checkpoint is saved. Starting, saving and restoring a trial take no virtual time, and no operation scans all trials.
"""

from __future__ import annotations

import heapq
import math
import time
from typing import TYPE_CHECKING, Any, final

from ray.exceptions import RayActorError
from ray.train._internal.session import _TrainingResult
from ray.tune import Callback
from ray.tune.experiment import Trial
from ray.tune.result import RESULT_DUPLICATE, SHOULD_CHECKPOINT
from ray.tune.schedulers import TrialScheduler

from raytune_suite.engines.callbacks.budget import is_stopped
from raytune_suite.engines.flat_results import flattened
from raytune_suite.engines.simulated.clock import Clock
from raytune_suite.engines.simulated.finished_trial import Trials
from raytune_suite.engines.simulated.running_trial import (
    Fault,
    RunningTrial,
    SavedCheckpoint,
    SimulatedCheckpoint,
    WithTraceback,
    count_by_status,
)
from raytune_suite.errors import StudyError

if TYPE_CHECKING:
    from collections.abc import Callable, KeysView, Sequence, ValuesView

    from raytune_suite.engines.simulated.evaluators import Evaluator

_HOOKS = ("setup", *(name for name in vars(Callback) if name.startswith("on_")))
"""The hooks of callbacks. All are called but `on_checkpoint`, since no checkpoint is a file here."""

_CRASHED: Any = object()
"""The value of a call to a training that raised."""


@final
class Controller:
    """Runs one study in virtual time.

    Attributes:
        search_alg: The search algorithm; schedulers use it, too.
        scheduler: The scheduler.
        evaluator: The evaluator, which starts the trainings.
        callbacks: The callbacks.
        stopper: Ends the study, or None.
        clock: The virtual clock.
        time_limit: The virtual time at which the study ends.
        trials: All trials; a trial that is retried after a crash moves to the end.
        unsaved: The trials that have changed since a snapshot recorded them (TC `_trials_to_cache`); None: all.
        iteration: The number of steps so far.
        training_s: The real seconds spent in trainings.
        before_end: Called before a limit ends the study.
    """

    def __init__(
        self,
        search_alg: Any,
        scheduler: Any,
        evaluator: Evaluator,
        *,
        workers: int,
        max_pending: int,
        clock: Clock[tuple[Callable[..., None], Any]] | None = None,
        checkpoint_every: int = 0,
        stopper: Any = None,
        time_limit: float | None = None,
        callbacks: Sequence[Callback] = (),
        faults: Sequence[Fault] = (),
    ) -> None:
        """See `engine.run`; `max_pending` is the number of trials that are requested in advance."""
        self.search_alg, self.scheduler, self.evaluator = search_alg, scheduler, evaluator
        self.clock: Clock[tuple[Callable[..., None], Any]] = Clock() if clock is None else clock
        self.trials = Trials()
        self.training_s, self.iteration, self._unfinished = 0.0, 0, 0
        self.before_end: Callable[[], object] | None = None
        self._max_pending, self._checkpoint_every = max_pending, checkpoint_every
        self.callbacks, self.stopper = callbacks, stopper
        self.time_limit = math.inf if time_limit is None else time_limit
        self._hooks = {name: _overridden(name, callbacks) for name in _HOOKS}
        self.unsaved: dict[Trial, None] | None = None
        self._live, self._pending = dict[Trial, None](), dict[Trial, None]()
        self._running: dict[Trial, RunningTrial] = {}
        self._free = list(range(workers))
        self._lost, self._fresh = set[int](), set[int]()
        for fault in faults:
            self.clock.schedule(fault.time, (self._lose, fault))

    # ---- for schedulers and searchers -------------------------------------------------------------------------

    def get_trials(self) -> Trials:
        """All trials."""
        return self.trials

    def get_live_trials(self) -> KeysView[Trial]:
        """All trials that were not stopped, the oldest first (in Ray: a set)."""
        return self._live.keys()

    def stop_trial(self, trial: Trial) -> None:
        """Stop a trial for good, and notify scheduler, searcher and callbacks (TC `stop_trial`)."""
        if trial.is_finished():
            return
        if trial.status == Trial.RUNNING:
            result = flattened(trial.last_result)
            self.scheduler.on_trial_complete(self, trial, result)
            self.search_alg.on_trial_complete(trial.trial_id, result=dict(result))
        else:
            self.scheduler.on_trial_remove(self, trial)
            self.search_alg.on_trial_complete(trial.trial_id)
        self._call("on_trial_complete", trial=trial)
        self._leave(trial, Trial.TERMINATED)
        self._live.pop(trial, None)
        if (packer := getattr(self.search_alg, "packer", None)) is not None:
            self.trials.pack(trial, packer)

    def pause_trial(self, trial: Trial, should_checkpoint: bool = True) -> None:
        """Pause a running trial once its checkpoint is saved (TC `_schedule_trial_pause`)."""
        running = self._running.get(trial)
        if running is None:
            return
        if should_checkpoint:
            running.decision = str(TrialScheduler.PAUSE)
            self._schedule_trial_save(trial)
        else:
            self._leave(trial, Trial.PAUSED)

    def _schedule_trial_save(self, trial: Trial, result: dict[str, Any] | None = None) -> SavedCheckpoint | None:  # noqa: ARG002 - Ray's signature
        """Save a checkpoint, which the next event makes the latest of the trial (TC `_schedule_trial_save`)."""
        running = self._running.get(trial)
        if running is None:
            return None
        saved = SavedCheckpoint(None)
        state = self._try(running, running.training.save)
        if state is not _CRASHED:
            if state is not None:
                checkpoint: Any = SimulatedCheckpoint(state, running.iteration, running.seconds)
                saved.result = _TrainingResult(checkpoint, dict(running.last))
            self.clock.schedule(0.0, (self._saved, running))
        trial.temporary_state.saving_to = saved
        return saved

    def running_trials(self) -> ValuesView[RunningTrial]:
        """The trials that are on a worker, oldest first."""
        return self._running.values()

    # ---- the loop ---------------------------------------------------------------------------------------------

    @property
    def finished(self) -> bool:
        """Whether all trials have ended and no others will start."""
        return self._unfinished == 0 and bool(self.search_alg.is_finished())

    def run(self, until: Callable[[], bool] | None = None, **info: Any) -> bool:
        """Run to the end, or until `until()` is true between two events.

        In the second case the study can be suspended and continued, or run again; end it with `close`.

        Args:
            until: Interrupts the run.
            info: What callbacks receive in `setup`.

        Returns:
            Whether the study has ended.

        Raises:
            StudyError: If no trial runs and none can start.
        """
        for hook in self._hooks["setup"]:
            hook(clock=self.clock, **info)
        try:
            while not self.finished:
                if until is not None and until():
                    return False
                self.step()
        except BaseException:
            self._release()
            raise
        self.close()
        return True

    def close(self) -> None:
        """Close the trainings and notify the callbacks of the end."""
        self._release()
        for hook in self._hooks["on_experiment_end"]:
            hook(trials=self.trials)

    def _release(self) -> None:
        for running in self._running.values():
            if running.training is not None:
                running.training.close()
                running.training = None

    def step(self) -> None:
        """Request trials, start trials, and handle one event."""
        if self._hooks["on_step_begin"]:
            self._call("on_step_begin")
        self._fill()
        due = self.clock.next_time()
        if due == math.inf:
            self._fill()  # the first call may have stopped trials and made room for others
            due = self.clock.next_time()
        if due > self.time_limit:
            self.clock.now = self.time_limit
            self._stop_all()
        elif due < math.inf:
            handle, argument = self.clock.take()
            handle(argument)
        elif not self.finished:
            counts = f"{count_by_status(self.trials)}, {len(self._free)} idle workers, {len(self._lost)} lost"
            raise StudyError(f"no trial runs and none can start, but the study has not ended: {counts}")
        if self.stopper is not None and self.stopper.stop_all():
            self._stop_all()
        self.iteration += 1
        if self._hooks["on_step_end"]:
            self._call("on_step_end")

    def _fill(self) -> None:
        """Start what can be started (TC `_maybe_update_trial_queue` and `_maybe_add_actors`, once per start)."""
        while True:
            while len(self._pending) < self._max_pending and not self.search_alg.is_finished():
                trial = self.search_alg.next_trial()
                if trial is None:
                    break
                self.add(trial)
            chosen = self.scheduler.choose_trial_to_run(self)
            if chosen is not None and chosen.status == Trial.PAUSED:
                self._set_trial_status(chosen, Trial.PENDING)
            if not self._free or not self._pending:
                return
            first = next(iter(self._pending))  # on Ray, the process requested for it starts before another is reused
            self._start(chosen if chosen in self._pending and self._free[0] not in self._fresh else first)

    def add(self, trial: Trial) -> None:
        """Add a trial (TC `add_trial`)."""
        self.trials.append(trial)
        if trial.status != Trial.TERMINATED:
            self._live[trial] = None
        self.scheduler.on_trial_add(self, trial)  # after a restore this may change the status
        self._changed(trial)
        self._unfinished += not trial.is_finished()
        if trial.status == Trial.PENDING:
            self._pending[trial] = None

    def _start(self, trial: Trial) -> None:
        self._call("on_trial_start", trial=trial)
        self._set_trial_status(trial, Trial.RUNNING)
        worker = heapq.heappop(self._free)
        self._fresh.discard(worker)
        running = self._running[trial] = RunningTrial(trial, worker)
        saved: Any = trial.latest_checkpoint_result
        training = self._try(running, self.evaluator.start, trial.config)
        if training is _CRASHED:
            return
        running.training = training
        if saved is not None:
            if self._try(running, training.load, saved.checkpoint.state) is _CRASHED:
                return
            running.iteration, running.seconds = saved.checkpoint.iteration, saved.checkpoint.seconds
            trial.run_metadata.last_result = {"config": trial.config, **saved.metrics}  # TC `on_restore`
        self._train(running)

    def _train(self, running: RunningTrial) -> None:
        seconds = self._try(running, running.training.begin)
        if seconds is not _CRASHED:
            running.due = seconds
            self.clock.schedule(seconds, (self._trained, running))

    # ---- events -----------------------------------------------------------------------------------------------

    def _trained(self, running: RunningTrial) -> None:
        """A report is due (TC `_process_trial_result`)."""
        trial = running.trial
        if self._running.get(trial) is not running:
            return
        result = self._try(running, running.training.result)
        if result is _CRASHED:
            return
        duplicate = RESULT_DUPLICATE in result  # a function has returned after its last report
        if duplicate:
            result = trial.last_result
            result["done"] = True
        else:
            running.complete(result)
        flat_result = flattened(result)
        if is_stopped(self.stopper, trial, result) or trial.should_stop(flat_result):
            decision = str(TrialScheduler.STOP)
        else:
            decision = self.scheduler.on_trial_result(self, trial, flat_result)
        if decision == TrialScheduler.STOP:
            result["done"] = True
        else:
            self.search_alg.on_trial_result(trial.trial_id, flat_result)
        if not duplicate:
            self._update(trial, result)
        due = self._checkpoint_every and running.iteration % self._checkpoint_every == 0
        if (due or result.get(SHOULD_CHECKPOINT)) and decision != TrialScheduler.PAUSE:
            self._schedule_trial_save(trial)
        if trial.temporary_state.saving_to is None:
            self._execute(running, decision)
        elif running.decision is None or decision in (TrialScheduler.PAUSE, TrialScheduler.STOP):
            running.decision = decision

    def _update(self, trial: Trial, result: dict[str, Any]) -> None:
        """Notify the callbacks of a report and make it the last result of the trial (TC `update_last_result`)."""
        for hook in self._hooks["on_trial_result"]:
            hook(iteration=self.iteration, trials=self.trials, trial=trial, result=result)
        result["experiment_tag"] = trial.experiment_tag
        changes = {"last_result": result, "last_result_time": self.clock.now, "_cached_json": None}
        trial.run_metadata.__dict__.update(changes)  # avoids the slow `__setattr__`, which only drops the cache
        self._changed(trial)

    def _execute(self, running: RunningTrial, decision: str, *, after_save: bool = False) -> None:
        if decision == TrialScheduler.CONTINUE:
            self._train(running)
        elif decision == TrialScheduler.PAUSE:
            self.pause_trial(running.trial, should_checkpoint=not after_save)
        elif decision == TrialScheduler.STOP:
            self.stop_trial(running.trial)
        elif decision != TrialScheduler.NOOP:
            raise StudyError(f"the scheduler returned {decision!r}, but must return CONTINUE, PAUSE, STOP or NOOP")

    def _saved(self, running: RunningTrial) -> None:
        """A checkpoint is saved (TC `_on_saving_result`)."""
        trial = running.trial
        if self._running.get(trial) is not running:
            return
        saving: Any = trial.temporary_state.saving_to
        if saving is not None and saving.result is not None:
            manager: Any = trial.run_metadata.checkpoint_manager
            manager._latest_checkpoint_result = saving.result  # noqa: SLF001 - its public method keeps all checkpoints
            trial.run_metadata.invalidate_cache()
            self._changed(trial)
        trial.temporary_state.saving_to = None
        decision, running.decision = running.decision, None
        self._call("on_trial_save", trial=trial)
        if decision is not None:
            self._execute(running, decision, after_save=True)

    def _lose(self, fault: Fault) -> None:
        """A worker is lost."""
        if fault.worker in self._lost:
            return
        self._lost.add(fault.worker)
        if math.isfinite(fault.back):
            self.clock.schedule(fault.back, (self._regain, fault.worker))
        running = next((running for running in self._running.values() if running.worker == fault.worker), None)
        if running is None:
            self._free.remove(fault.worker)
            heapq.heapify(self._free)
        else:
            message = f"worker {fault.worker} was lost after {fault.time:g} s"
            self._failed((running, RayActorError(error_msg=message, preempted=fault.preempted)))

    def _regain(self, worker: int) -> None:
        self._lost.discard(worker)
        self._fresh.add(worker)
        heapq.heappush(self._free, worker)

    def _failed(self, crash: tuple[RunningTrial, Exception]) -> None:
        """A trial has crashed (TC `_process_trial_failure`)."""
        running, error = crash
        trial = running.trial
        if self._running.get(trial) is not running:
            return
        trial.init_local_path()
        kept: Any = error if isinstance(error, RayActorError) else WithTraceback(error)  # Ray writes its text only
        trial.handle_error(kept)
        if trial.should_recover():
            self._leave(trial, Trial.ERROR)
            self.scheduler.on_trial_error(self, trial)
            self.trials.remove(trial)
            self._live.pop(trial, None)
            trial.set_status(Trial.PENDING)
            self.add(trial)
            self._call("on_trial_recover", trial=trial)
        else:
            self.scheduler.on_trial_error(self, trial)
            self.search_alg.on_trial_complete(trial.trial_id, error=True)
            self._leave(trial, Trial.ERROR)
            self._call("on_trial_error", trial=trial)

    # ---- internals --------------------------------------------------------------------------------------------

    def _try(self, running: RunningTrial, call: Callable[..., Any], *args: Any) -> Any:
        """The value of a call to a training; if it raises, the trial crashes with the next event: `_CRASHED`."""
        began = time.perf_counter()
        try:
            return call(*args)
        except Exception as error:  # noqa: BLE001 - whatever a training raises
            self.clock.schedule(0.0, (self._failed, (running, error)))
            return _CRASHED
        finally:
            self.training_s += time.perf_counter() - began

    def _set_trial_status(self, trial: Trial, status: str) -> None:
        finished = trial.is_finished()
        trial.set_status(status)
        self._unfinished += finished - trial.is_finished()
        if status == Trial.PENDING:
            self._pending[trial] = None
        else:
            self._pending.pop(trial, None)

    def _changed(self, trial: Trial) -> None:
        if self.unsaved is not None:
            self.unsaved[trial] = None

    def _leave(self, trial: Trial, status: str) -> None:
        """Remove a trial from its worker, if it has one (TC `_schedule_trial_stop`)."""
        self._set_trial_status(trial, status)
        trial.temporary_state.saving_to = None
        running = self._running.pop(trial, None)
        if running is None:
            return
        if running.worker not in self._lost:
            heapq.heappush(self._free, running.worker)
        self._changed(trial)
        if running.training is not None:
            running.training.close()
            running.training = None  # an event may still refer to it

    def _stop_all(self) -> None:
        """End the study without notice of each trial (TC `_stop_experiment_if_needed`)."""
        if self.before_end is not None:
            self.before_end()  # once: it removes itself
        self.search_alg.set_finished()
        for trial in [*self._running, *self._live]:
            if not trial.is_finished():
                self._leave(trial, Trial.TERMINATED)

    def _call(self, name: str, **info: Any) -> None:
        for hook in self._hooks[name]:
            hook(iteration=self.iteration, trials=self.trials, **info)


def _overridden(name: str, callbacks: Sequence[Callback]) -> list[Any]:
    """The hooks called `name` of those callbacks that define one."""
    return [getattr(each, name) for each in callbacks if getattr(type(each), name) is not getattr(Callback, name)]
