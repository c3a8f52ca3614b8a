"""The controller of a simulated study: everything that Ray's schedulers and searchers touch on Ray's own.

It keeps to the order of calls of Ray 2.60 (`ray/tune/execution/tune_controller.py`, "TC" below), in which the two
engines agree: trials are asked for in advance up to a depth; the scheduler is asked what to run after each event; it
hears of a report first and then the searcher, unless the decision is STOP; a pause takes effect once its checkpoint
is saved. Starting, saving and restoring a trial take no virtual time, and nothing scans all trials.
"""

from __future__ import annotations

import heapq
import math
import time
from typing import TYPE_CHECKING, Any, final

from ray.exceptions import RayActorError
from ray.train._internal.session import _FutureTrainingResult, _TrainingResult
from ray.tune import Callback
from ray.tune.experiment import Trial
from ray.tune.result import SHOULD_CHECKPOINT
from ray.tune.schedulers import TrialScheduler

from raytune_suite.engines.simulated.clock import Clock
from raytune_suite.engines.simulated.running_trial import Checkpoint, Fault, Stint, flat
from raytune_suite.errors import StudyError

if TYPE_CHECKING:
    from collections.abc import Callable, KeysView, Sequence

    from raytune_suite.engines.simulated.evaluators import Evaluation

_HOOKS = (
    "setup",
    "on_step_begin",
    "on_step_end",
    "on_trial_start",
    "on_trial_save",
    "on_trial_result",
    "on_trial_complete",
    "on_trial_recover",
    "on_trial_error",
    "on_experiment_end",
)


_CRASHED: Any = object()
"""What a training answers that has raised."""


class _Saved(_FutureTrainingResult):
    """A checkpoint that is there already, in place of Ray's future; None where nothing could be saved."""

    def __init__(self, result: _TrainingResult | None) -> None:
        self.result = result

    def resolve(self, block: bool = True) -> _TrainingResult | None:  # noqa: ARG002 - Ray's signature
        return self.result


@final
class Controller:
    """Runs one study in virtual time.

    Attributes:
        search_alg: The search algorithm, as schedulers see it.
        clock: The virtual clock.
        trials: All trials; one that is tried again after a crash goes to the end.
        training_s: Real seconds that trainings took.
    """

    def __init__(
        self,
        search_alg: Any,
        scheduler: Any,
        evaluation: Evaluation,
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
        """See `simulated_backend.run`; `max_pending` is how many trials are asked for in advance."""
        self.search_alg, self._scheduler, self._evaluation = search_alg, scheduler, evaluation
        self.clock: Clock[tuple[Callable[..., None], Any]] = Clock() if clock is None else clock
        self.trials: list[Trial] = []
        self.training_s = 0.0
        self._max_pending, self._checkpoint_every = max_pending, checkpoint_every
        self._stopper, self._time_limit = stopper, math.inf if time_limit is None else time_limit
        self._hooks = {name: _overridden(name, callbacks) for name in _HOOKS}
        self._live: dict[Trial, None] = {}
        self._pending: dict[Trial, None] = {}
        self._unfinished = 0
        self._stints: dict[Trial, Stint] = {}
        self._free = list(range(workers))
        self._lost: set[int] = set()
        self._fresh: set[int] = set()
        self._iteration = 0
        for fault in faults:
            self.clock.schedule(fault.time, (self._lose, fault))

    # ---- what schedulers and searchers call -------------------------------------------------------------------

    def get_trials(self) -> list[Trial]:
        """All trials."""
        return self.trials

    def get_live_trials(self) -> KeysView[Trial]:
        """All trials that were not stopped, the oldest first (Ray has a set)."""
        return self._live.keys()

    def stop_trial(self, trial: Trial) -> None:
        """Stop a trial for good, and tell everybody (TC `stop_trial`)."""
        if trial.is_finished():
            return
        if trial.status == Trial.RUNNING:
            result = flat(trial.last_result)
            self._scheduler.on_trial_complete(self, trial, result)
            self.search_alg.on_trial_complete(trial.trial_id, result=dict(result))
        else:
            self._scheduler.on_trial_remove(self, trial)
            self.search_alg.on_trial_complete(trial.trial_id)
        self._call("on_trial_complete", trial=trial)
        self._leave(trial, Trial.TERMINATED)
        self._live.pop(trial, None)

    def pause_trial(self, trial: Trial, should_checkpoint: bool = True) -> None:
        """Take a running trial from its worker, once its checkpoint is saved (TC `_schedule_trial_pause`)."""
        stint = self._stints.get(trial)
        if stint is None:
            return
        if should_checkpoint:
            stint.decision = str(TrialScheduler.PAUSE)
            self._schedule_trial_save(trial)
        else:
            self._leave(trial, Trial.PAUSED)

    def _schedule_trial_save(self, trial: Trial, result: dict[str, Any] | None = None) -> _Saved | None:  # noqa: ARG002 - Ray's signature
        """Save a checkpoint; it is the trial's latest after the next event (TC `_schedule_trial_save`)."""
        stint = self._stints.get(trial)
        if stint is None:
            return None
        saved = _Saved(None)
        state = self._try(stint, stint.training.save)
        if state is not _CRASHED:
            if state is not None:
                checkpoint: Any = Checkpoint(state, stint.iteration, stint.seconds)
                saved.result = _TrainingResult(checkpoint, dict(stint.last))
            self.clock.schedule(0.0, (self._saved, stint))
        trial.temporary_state.saving_to = saved
        return saved

    # ---- the loop ---------------------------------------------------------------------------------------------

    @property
    def finished(self) -> bool:
        """Whether all trials have ended and there will be no more."""
        return self._unfinished == 0 and bool(self.search_alg.is_finished())

    def run(self, **info: Any) -> None:
        """Run to the end; `info` is what callbacks get at the start.

        Raises:
            StudyError: If nothing runs and nothing can start.
        """
        for hook in self._hooks["setup"]:
            hook(clock=self.clock, **info)
        try:
            while not self.finished:
                self.step()
        finally:
            for trial in list(self._stints):  # after an error
                self._leave(trial, Trial.TERMINATED)
        for hook in self._hooks["on_experiment_end"]:
            hook(trials=self.trials)

    def step(self) -> None:
        """Ask for trials, start trials, and handle one event."""
        if self._hooks["on_step_begin"]:
            self._call("on_step_begin")
        self._fill()
        if not self.clock:
            self._fill()  # the first time may have stopped trials, so that there is room for others
        if self.clock.next_time() > self._time_limit:
            self.clock.now = self._time_limit
            self._stop_all()
        elif self.clock:
            handle, what = self.clock.take()
            handle(what)
        elif not self.finished:
            raise StudyError(f"nothing runs and nothing can start, but the study has not ended: {self._standing()}")
        if self._stopper is not None and self._stopper.stop_all():
            self._stop_all()
        self._iteration += 1
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
            chosen = self._scheduler.choose_trial_to_run(self)
            if chosen is not None and chosen.status == Trial.PAUSED:
                self._set_trial_status(chosen, Trial.PENDING)
            if not self._free or not self._pending:
                return
            first = next(iter(self._pending))  # its process was asked for, and is there before any that is used again
            self._start(chosen if chosen in self._pending and self._free[0] not in self._fresh else first)

    def add(self, trial: Trial) -> None:
        """Add a trial (TC `add_trial`)."""
        self.trials.append(trial)
        if trial.status != Trial.TERMINATED:
            self._live[trial] = None
        self._unfinished += not trial.is_finished()
        if trial.status == Trial.PENDING:
            self._pending[trial] = None
        self._scheduler.on_trial_add(self, trial)

    def _start(self, trial: Trial) -> None:
        self._call("on_trial_start", trial=trial)
        self._set_trial_status(trial, Trial.RUNNING)
        worker = heapq.heappop(self._free)
        self._fresh.discard(worker)
        stint = self._stints[trial] = Stint(trial, worker)
        saved: Any = trial.latest_checkpoint_result
        training = self._try(stint, self._evaluation.start, trial.config)
        if training is _CRASHED:
            return
        stint.training = training
        if saved is not None:
            if self._try(stint, training.load, saved.checkpoint.state) is _CRASHED:
                return
            stint.iteration, stint.seconds = saved.checkpoint.iteration, saved.checkpoint.seconds
            trial.run_metadata.last_result = {"config": trial.config, **saved.metrics}  # TC `on_restore`
        self._train(stint)

    def _train(self, stint: Stint) -> None:
        seconds = self._try(stint, stint.training.begin)
        if seconds is not _CRASHED:
            stint.due = seconds
            self.clock.schedule(seconds, (self._trained, stint))

    # ---- events -----------------------------------------------------------------------------------------------

    def _trained(self, stint: Stint) -> None:
        """A report is due (TC `_process_trial_result`)."""
        trial = stint.trial
        if self._stints.get(trial) is not stint:
            return
        result = self._try(stint, stint.training.result)
        if result is _CRASHED:
            return
        stint.complete(result)
        flat_result = flat(result)
        if (self._stopper is not None and self._stopper(trial.trial_id, result)) or trial.should_stop(flat_result):
            decision = str(TrialScheduler.STOP)
        else:
            decision = self._scheduler.on_trial_result(self, trial, flat_result)
        if decision == TrialScheduler.STOP:
            result["done"] = True
        else:
            self.search_alg.on_trial_result(trial.trial_id, flat_result)
        for hook in self._hooks["on_trial_result"]:
            hook(iteration=self._iteration, trials=self.trials, trial=trial, result=result)
        result["experiment_tag"] = trial.experiment_tag
        news = {"last_result": result, "last_result_time": self.clock.now, "_cached_json": None}
        trial.run_metadata.__dict__.update(news)  # past its slow `__setattr__`, which only drops the cache
        due = self._checkpoint_every and stint.iteration % self._checkpoint_every == 0
        if (due or result.get(SHOULD_CHECKPOINT)) and decision != TrialScheduler.PAUSE:
            self._schedule_trial_save(trial)
        if trial.temporary_state.saving_to is not None:
            stint.decision = decision
        else:
            self._execute(stint, decision)

    def _execute(self, stint: Stint, decision: str, *, after_save: bool = False) -> None:
        if decision == TrialScheduler.CONTINUE:
            self._train(stint)
        elif decision == TrialScheduler.PAUSE:
            self.pause_trial(stint.trial, should_checkpoint=not after_save)
        elif decision == TrialScheduler.STOP:
            self.stop_trial(stint.trial)
        elif decision != TrialScheduler.NOOP:
            raise StudyError(f"the scheduler decided {decision!r}, but must decide CONTINUE, PAUSE, STOP or NOOP")

    def _saved(self, stint: Stint) -> None:
        """A checkpoint is saved (TC `_on_saving_result`)."""
        trial = stint.trial
        if self._stints.get(trial) is not stint:
            return
        saving: Any = trial.temporary_state.saving_to
        if saving is not None and saving.result is not None:
            manager: Any = trial.run_metadata.checkpoint_manager
            manager._latest_checkpoint_result = saving.result  # noqa: SLF001 - its public method keeps all of them
        trial.temporary_state.saving_to = None
        decision, stint.decision = stint.decision, None
        self._call("on_trial_save", trial=trial)
        if decision is not None:
            self._execute(stint, decision, after_save=True)

    def _lose(self, fault: Fault) -> None:
        """A worker is lost."""
        if fault.worker in self._lost:
            return
        self._lost.add(fault.worker)
        if math.isfinite(fault.back):
            self.clock.schedule(fault.back, (self._regain, fault.worker))
        stint = next((stint for stint in self._stints.values() if stint.worker == fault.worker), None)
        if stint is None:
            self._free.remove(fault.worker)
            heapq.heapify(self._free)
        else:
            words = f"worker {fault.worker} was lost after {fault.time:g} s"
            self._failed((stint, RayActorError(error_msg=words, preempted=fault.preempted)))

    def _regain(self, worker: int) -> None:
        self._lost.discard(worker)
        self._fresh.add(worker)
        heapq.heappush(self._free, worker)

    def _failed(self, what: tuple[Stint, Exception]) -> None:
        """A trial has crashed (TC `_process_trial_failure`)."""
        stint, error = what
        trial = stint.trial
        if self._stints.get(trial) is not stint:
            return
        trial.init_local_path()
        trial.handle_error(error)  # type: ignore[arg-type] # Ray takes any error, and says less
        if trial.should_recover():
            self._leave(trial, Trial.ERROR)
            self._scheduler.on_trial_error(self, trial)
            self.trials.remove(trial)
            self._live.pop(trial, None)
            trial.set_status(Trial.PENDING)
            self.add(trial)
            self._call("on_trial_recover", trial=trial)
        else:
            self._scheduler.on_trial_error(self, trial)
            self.search_alg.on_trial_complete(trial.trial_id, error=True)
            self._leave(trial, Trial.ERROR)
            self._call("on_trial_error", trial=trial)

    # ---- within -----------------------------------------------------------------------------------------------

    def _try(self, stint: Stint, call: Callable[..., Any], *args: Any) -> Any:
        """What a training answers; if it raises, the trial crashes with the next event, and this is `_CRASHED`."""
        began = time.perf_counter()
        try:
            return call(*args)
        except Exception as error:  # noqa: BLE001 - whatever a training raises
            self.clock.schedule(0.0, (self._failed, (stint, error)))
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

    def _leave(self, trial: Trial, status: str) -> None:
        """Take a trial from its worker, if it has one (TC `_schedule_trial_stop`)."""
        self._set_trial_status(trial, status)
        trial.temporary_state.saving_to = None
        stint = self._stints.pop(trial, None)
        if stint is None:
            return
        if stint.worker not in self._lost:
            heapq.heappush(self._free, stint.worker)
        if stint.training is not None:
            stint.training.close()

    def _stop_all(self) -> None:
        """End the study; nobody is told of each trial (TC `_stop_experiment_if_needed`)."""
        self.search_alg.set_finished()
        for trial in [*self._stints, *self._live]:
            if not trial.is_finished():
                self._leave(trial, Trial.TERMINATED)

    def _call(self, name: str, **info: Any) -> None:
        for hook in self._hooks[name]:
            hook(iteration=self._iteration, trials=self.trials, **info)

    def _standing(self) -> str:
        counts: dict[str, int] = {}
        for trial in self.trials:
            counts[trial.status] = counts.get(trial.status, 0) + 1
        words = [f"{count} {status.lower()}" for status, count in counts.items()]
        return f"{', '.join(words) or 'no'} trials, {len(self._free)} idle workers, {len(self._lost)} lost ones"


def _overridden(name: str, callbacks: Sequence[Callback]) -> list[Any]:
    """The hooks called `name` of those callbacks that have one of their own."""
    return [getattr(each, name) for each in callbacks if getattr(type(each), name) is not getattr(Callback, name)]
