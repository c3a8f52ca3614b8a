"""`StudyScheduler`, the base of all schedulers.

The base handles what all schedulers share: the direction of the metric, missing and failed metrics, reports that are
repeated after a fault, the maximum resource of a trial, the number of trials at once, and the state (`saved_state`).
"""

from __future__ import annotations

import abc
import pickle
import warnings
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Unpack, final

from ray.tune.experiment import Trial
from ray.tune.schedulers import TrialScheduler

from raytune_suite import seeding
from raytune_suite.errors import ArgumentError, StudyError
from raytune_suite.schedulers.advance import Advance
from raytune_suite.schedulers.arguments import COMMON, SchedulerArgs
from raytune_suite.schedulers.saved_state import Restore, SavedState, pickled
from raytune_suite.schedulers.trial_queue import TrialQueue
from raytune_suite.spaces import FEATURES, Space
from raytune_suite.types import FAILED, Mode, as_loss, as_resource, check_mode
from raytune_suite.validation import checked, reject_unknown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ray.tune.search import Searcher

    from raytune_suite.schedulers.observer import SchedulerObserver
    from raytune_suite.types import KnownTrial, Stage

MAX_CRASHES, CRASHES_IN_A_ROW = 10, 100
"""A study ends after so many crashes before the first report, or in a row, since crashes spend no budget."""

TRAINED_AGAIN = 3.0
"""Of how many trials one is trained again when a scheduler without rungs gets a higher `max_t`; the usual eta."""

_NOT_SAVED = frozenset({"observers", "fault", "_restore"})
"""The attributes that are not part of the state."""


class LastDecision(NamedTuple):
    """The last report of a trial on which the scheduler decided, and the decision."""

    resource: float
    decision: str


class StudyScheduler(TrialScheduler, abc.ABC):
    """A Ray Tune scheduler whose state is saved with the study.

    The life of a trial, with the calls of Ray that move it and, in brackets, the methods of a subclass that they call:

        on_trial_add (added) ------> PENDING    waits in the queue
        choose_trial_to_run (choose) RUNNING    the trial chosen, or the first in the queue
        on_trial_result (decide) --> RUNNING    CONTINUE, even for a report that was decided on before
                                     PAUSED     PAUSE, once its checkpoint is saved; `choose` may queue it again
                                     ended      STOP: `max_t` is reached, the metric failed, or the subclass says so
        on_trial_error (crashed) --> ERROR      or, if Ray retries it, PENDING by another on_trial_add
        on_trial_complete,
        on_trial_remove (ended) ---> TERMINATED

    Attributes:
        features: The features of a space (`Space.features`) that this scheduler supports; others are rejected by name.
        instead: What to use for a space that it does not support.
        extra: The extra of this package that it needs, or None.
        ladder: Whether it decides by resource, so that `max_t` is required.
        pauses: Whether it pauses trials; a trainable without checkpoints then starts again from scratch.
        needs_state: Whether it copies trainings from one trial to another, which requires checkpoints.
        stops_failed: Whether a trial is stopped that reports no finite number.
        enforces: Whether it ends trials at the fidelity that their searcher assigned, and requires such a searcher.
        rewinds: Whether a trial's resource may decrease (by cloning); otherwise a report at a resource that was
            reported before is a repetition after a fault, and gets the same decision.
        extends: Whether its `max_t` can be raised in a study that has finished.
        population: Whether its trials are a population, which learn from each other and all live to the end.
        trials: Its trials, and the order in which they are to start.
        observers: What is notified of its decisions; not part of its state.
        stopped_early: The ids of the trials that it stopped before `max_t`.
        fault: Why the study cannot continue, if it cannot.
    """

    features: ClassVar[frozenset[str]] = frozenset(FEATURES)
    instead: ClassVar[str] = "use another scheduler"
    extra: ClassVar[str | None] = None
    ladder: ClassVar[bool] = True
    pauses: ClassVar[bool] = False
    needs_state: ClassVar[bool] = False
    stops_failed: ClassVar[bool] = True
    enforces: ClassVar[bool] = False
    rewinds: ClassVar[bool] = False
    extends: ClassVar[bool] = False
    population: ClassVar[bool] = False
    _supports_buffered_results = False

    @checked(**COMMON)
    def __init__(self, **args: Unpack[SchedulerArgs]) -> None:
        """See `SchedulerArgs`; a subclass may add its own arguments.

        Raises:
            ArgumentError: If an argument cannot be used.
            SpaceError: If the space has a feature that this scheduler does not support.
        """
        super().__init__()  # type: ignore[no-untyped-call] # of Ray, inherited
        reject_unknown(type(self).__name__, args, SchedulerArgs.__annotations__)
        mode = args.get("mode")
        self._metric = args.get("metric")
        self._mode: Mode | None = None if mode is None else check_mode(mode)
        self.time_attr = args.get("time_attr", "training_iteration")
        self.seed = seeding.check_seed(args.get("seed", 0))
        self.max_t = args.get("max_t")
        if self.max_t is None and self.ladder:
            raise ArgumentError(f"{type(self).__name__} needs `max_t`, the maximum {self.time_attr} of a trial")
        self.max_concurrent = args.get("max_concurrent")
        space = args.get("space")
        self.space = None if space is None else Space.of(space)
        if self.space is not None:
            self.space.check_supported(f"scheduler {type(self).__name__}", supported=self.features, remedy=self.instead)
        self.observers: list[SchedulerObserver] = []
        self.stopped_early: set[str] = set()
        self.fault: str | None = None
        self._warned = self._metric_reported = False
        self._crashes = self._crashes_in_a_row = 0
        self.trials = TrialQueue()
        self._advance = Advance(self.time_attr)
        self._last_decisions: dict[str, LastDecision] = {}
        self._restore: Restore | None = None
        self._interrupted: frozenset[str] = frozenset()  # those that were running when the study was killed
        self._restart_first: list[str] = []  # those that start first after a restore, and have not started yet

    # ---- what a subclass writes ------------------------------------------------------------------------------

    @abc.abstractmethod
    def added(self, controller: Any, trial: Trial) -> None:
        """A trial is new."""

    @abc.abstractmethod
    def decide(self, controller: Any, trial: Trial, result: dict[str, Any], loss: float) -> str:
        """CONTINUE, PAUSE or STOP (or NOOP, if the trial was paused here) after a report below `max_t`.

        After a PAUSE this may be called again for the same report. `result` contains the metric and `time_attr`; `loss`
        is the metric, negated if necessary so that less is better.
        """

    @abc.abstractmethod
    def ended(self, controller: Any, trial: Trial, result: dict[str, Any] | None) -> None:
        """A trial has ended; `result` is its last, or None if it was decided on already or its metric failed."""

    def choose(self, controller: Any) -> Trial | None:  # noqa: ARG002 - for subclasses
        """The trial to run next, or None for the first in the queue."""
        return None

    def crashed(self, controller: Any, trial: Trial) -> None:
        """A trial has crashed; its status becomes PENDING if Ray retries it, else ERROR."""

    def before_save(self) -> None:
        """Make the state picklable."""

    def raise_max_t(self, raised: StudyScheduler, trials: Sequence[KnownTrial]) -> float:  # noqa: ARG002 - for subclasses
        """Take the higher `max_t` of `raised`, a new scheduler with otherwise the same arguments.

        `trials` are those so far, named by their ids. Returns of how many that were trained to the old `max_t` one is
        to be trained again.
        """
        self.complete_restore()
        self.max_t = raised.max_t
        return TRAINED_AGAIN

    @property
    def levels(self) -> tuple[float, ...]:
        """The resources at which it compares trials, in ascending order; a multi-fidelity searcher learns there."""
        return () if self.max_t is None else (self.max_t,)

    @property
    def entry_level(self) -> float:
        """The level to which the next new trial is trained first; the lowest if that is not known."""
        return self.levels[0] if self.levels else 0.0

    def lineage(self, trial_id: str, resource: float | None = None) -> list[Stage]:  # noqa: ARG002 - for subclasses
        """The schedule of configs behind a trial's report at `resource` (None: its last), if it changes configs."""
        return []

    def searcher_updated(self, searcher: Searcher) -> None:
        """The searcher has proposed a config or learned from a report, and may have decided on paused trials."""

    def promotion_due(self) -> bool:
        """Whether paused trials are to be resumed before any new trial starts."""
        return False

    # ---- Ray's interface --------------------------------------------------------------------------------------

    def set_search_properties(self, metric: str | None, mode: str | None, **spec: Any) -> bool:  # noqa: ARG002 - Ray's
        """Take the values of `tune.TuneConfig`; False if they contradict the constructor's arguments."""
        if (metric and self._metric not in (None, metric)) or (mode and self._mode not in (None, mode)):
            return False
        self._metric = metric or self._metric
        self._mode = check_mode(mode) if mode else self._mode
        return True

    @final
    def on_trial_add(self, tune_controller: Any, trial: Trial) -> None:
        """Take a new trial, or one that is added again after a fault.

        Raises:
            ArgumentError: If the metric or the mode is missing.
        """
        for observer in self.observers:
            observer.trial_added(trial)
        for name, value in (("metric", self._metric), ("mode", self._mode)):
            if value is None:
                raise ArgumentError(
                    f"{type(self).__name__} has no `{name}`: "
                    f"pass it to the scheduler or to `tune.TuneConfig({name}=...)`"
                )
        if self._restore is not None:
            self._restore.add(tune_controller, trial)
        elif trial.trial_id in self.trials.known:
            self.trials.add(trial)
        elif trial.is_finished():
            warnings.warn(
                f"{type(self).__name__} was restored without its state and starts again with empty rungs: "
                "use `make_method(...).tune_config()` or `rts.tune`, which save its state",
                stacklevel=2,
            )
        else:
            self.trials.add(trial)
            self.added(tune_controller, trial)

    @final
    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """Decide on a report. One without the metric or the resource changes nothing, unless `max_t` is reached."""
        config = trial.config  # an exploit replaces it
        self._crashes_in_a_row = 0
        decision = self._decision(tune_controller, trial, result)
        for observer in self.observers:
            observer.trial_decided(trial, config, result, decision)
        return decision

    @final
    def on_trial_complete(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> None:
        """A running trial has ended."""
        for observer in self.observers:
            observer.trial_completed(trial, result)
        self.complete_restore()
        self._metric_reported |= self._metric in result
        self.fault = self.fault or self._advance.ended(trial.trial_id, self._metric, result)
        last = self._forget(trial)
        resource = as_resource(result.get(self.time_attr))
        new = resource is not None and (last is None or self.rewinds or resource > last.resource)
        good = as_loss(result.get(str(self._metric)), check_mode(self._mode)) != FAILED
        self.ended(tune_controller, trial, result if new and good else None)

    @final
    def on_trial_remove(self, tune_controller: Any, trial: Trial) -> None:
        """A pending or paused trial has ended."""
        for observer in self.observers:
            observer.trial_removed(trial)
        self.complete_restore()
        self._advance.removed(trial.trial_id)
        self._forget(trial)
        self.ended(tune_controller, trial, None)

    @final
    def on_trial_error(self, tune_controller: Any, trial: Trial) -> None:
        """A trial has crashed; Ray adds it again if it is retried."""
        for observer in self.observers:
            observer.trial_failed(trial)
        self.complete_restore()
        self._crashes += 1
        self._crashes_in_a_row += 1
        self.crashed(tune_controller, trial)

    @final
    def choose_trial_to_run(self, tune_controller: Any) -> Trial | None:
        """The trial to run next, or None if there is none.

        Raises:
            StudyError: If the study cannot continue.
        """
        if self._restore is not None:
            self.complete_restore()
        self._check_fault()
        self._restart_first = [name for name in self._restart_first if self.trials.has(name, Trial.PENDING)]
        if self._restart_first:  # after a restore Ray would start those first that have reported
            return self.trials[self._restart_first[0]]
        trial = self.choose(tune_controller)
        if trial is not None and trial.status == Trial.PAUSED:
            self.check_state(trial)
            if self.at_capacity():
                return self.trials.first_pending()
            self.trials.resume(trial.trial_id)
        return trial or self.trials.first_pending()

    def debug_string(self) -> str:
        """A one-line summary of the state."""
        return f"{type(self).__name__}: {len(self.trials.known)} trials, {len(self.stopped_early)} stopped early"

    @final
    def save(self, checkpoint_path: str) -> None:
        """Write the state to a file."""
        with open(checkpoint_path, "wb") as file:  # noqa: PTH123 - Ray passes a str
            pickle.dump(self.get_state(), file)

    @final
    def restore(self, checkpoint_path: str) -> None:
        """Read the state from a file; call it before Ray adds the trials again."""
        with open(checkpoint_path, "rb") as file:  # noqa: PTH123 - Ray passes a str
            self.set_state(pickle.load(file))  # noqa: S301 - our own file

    # ---- the state --------------------------------------------------------------------------------------------

    @final
    def get_state(self) -> dict[str, Any]:
        """The state, with ids in place of Ray's trials."""
        if self._restore is not None:  # restored and saved again before anything happened
            return self._restore.saved._asdict()
        self.before_save()
        return SavedState(
            paused=self.trials.paused(),
            running=self.trials.running(self._interrupted.intersection(self._restart_first)),
            first=self.trials.restart_order(self._restart_first),
            ended=self.trials.ended(),
            attributes=pickled({name: value for name, value in self.__dict__.items() if name not in _NOT_SAVED}),
        )._asdict()

    @final
    def set_state(self, state: dict[str, Any]) -> None:
        """Restore a state, as soon as Ray has added all trials again."""
        self._restore = Restore(SavedState(**state))

    @final
    def complete_restore(self) -> None:
        """Load the state that is being restored, if there is one: Ray has added all trials again."""
        if self._restore is None:
            return
        restore, self._restore = self._restore, None
        self.__dict__.update(restore.attributes())
        self._restart_first, self._interrupted = list(restore.saved.first), restore.saved.running
        for name, trial in restore.trials.items():
            if name not in self.trials.known and not trial.is_finished():
                self.trials.add(trial)
                self.added(restore.controller, trial)

    # ---- what subclasses and `StudySearcher` use -------------------------------------------------------------

    @final
    def check_state(self, trial: Trial) -> None:
        """Check that a trial that was to save a checkpoint has one, if this scheduler needs it.

        Raises:
            StudyError: If it has none. The message is kept in `fault`, since Ray wraps the errors of a scheduler.
        """
        if self.needs_state and trial.checkpoint is None:
            self.fault = (
                f"{type(self).__name__} copies trainings, but the trainable saves no checkpoint: "
                "report with `tune.report(..., checkpoint=...)` or write `save_checkpoint`, or use asha"
            )
            raise StudyError(self.fault)

    @final
    def stop_if_only_paused(self, controller: Any) -> None:
        """Stop the paused trials if nothing can change anymore: no trial runs, and the searcher has finished."""
        if controller.search_alg is None or not controller.search_alg.is_finished() or self.trials.active():
            return
        for trial in self.live():
            self.stopped_early.add(trial.trial_id)
            controller.stop_trial(trial)

    @final
    def live(self) -> list[Trial]:
        """The trials that have not ended, oldest first."""
        return self.trials.live()

    @final
    def used(self) -> bool:
        """Whether it has had trials, so that it cannot be used for another study."""
        return bool(self.trials.known) or self._restore is not None

    @final
    def only_crashes(self) -> bool:
        """Whether trials have crashed again and again without a report of the metric."""
        early = self._crashes >= MAX_CRASHES and not self._metric_reported
        return early or self._crashes_in_a_row >= CRASHES_IN_A_ROW

    def forget_crashes(self) -> None:
        """Count crashes from zero: their cause was removed."""
        self.complete_restore()
        self._crashes = self._crashes_in_a_row = 0

    @final
    def at_capacity(self) -> bool:
        """Whether `max_concurrent` trials are running or pending."""
        if self.max_concurrent is None:
            return False
        return self.trials.active() >= self.max_concurrent

    # ---- internals --------------------------------------------------------------------------------------------

    def _decision(self, controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        self.complete_restore()
        resource = as_resource(result.get(self.time_attr))
        at_end = self.max_t is not None and resource is not None and resource >= self.max_t
        self._metric_reported |= self._metric in result
        self.fault = self.fault or self._advance.reported(trial.trial_id, self._metric, result)
        self._check_fault()
        if resource is None or self._metric not in result:
            return str(TrialScheduler.STOP if at_end else TrialScheduler.CONTINUE)
        repeated = self._repeated_decision(trial.trial_id, resource)
        if repeated is not None:
            return repeated
        loss = as_loss(result[self._metric], check_mode(self._mode))
        if at_end or (loss == FAILED and self.stops_failed):
            decision = str(TrialScheduler.STOP)
        else:
            decision = self.decide(controller, trial, result, loss)
            self._last_decisions[trial.trial_id] = LastDecision(resource, decision)
        if decision == TrialScheduler.STOP and not at_end:
            self.stopped_early.add(trial.trial_id)
        return decision

    def _repeated_decision(self, trial_id: str, resource: float) -> str | None:
        """The decision on a report that repeats an earlier one, or None if the report is to be decided on."""
        last = self._last_decisions.get(trial_id)
        if last is None or resource > last.resource:
            return None
        paused, interrupted = last.decision == TrialScheduler.PAUSE, trial_id in self._interrupted
        if self.rewinds and not (paused and interrupted):
            return None  # a clone, which has just been resumed
        if resource == last.resource:
            return None if paused and not self.rewinds else last.decision
        if paused and not interrupted and not self._warned:  # else it was being saved when the study was killed
            self._warned = True  # once for the whole study
            warnings.warn(
                f"a trial that was paused at {self.time_attr} = {last.resource:g} resumed from {resource:g}: its "
                "trainable does not save a checkpoint at each report (or crashed while saving one), so the training in "
                "between is repeated after each pause",
                stacklevel=4,
            )
        return str(TrialScheduler.CONTINUE)

    def _check_fault(self) -> None:
        if self.fault is not None:
            raise StudyError(self.fault)

    def _forget(self, trial: Trial) -> LastDecision | None:
        """Remove a trial; returns the last decision on it."""
        self.trials.remove(trial.trial_id)
        return self._last_decisions.pop(trial.trial_id, None)
