"""`StudyScheduler`, the base of all schedulers.

The base owns what is the same for all of them: the direction of the metric, missing and failed metrics, reports that
come twice after a fault, the most resource that a trial may have, the number of trials at once, and the state.

**State.** Ray saves a searcher with each snapshot of a study and never saves a scheduler (ray#30838): after a restore
its ASHA has forgotten its rungs and its HyperBand hangs. Here the scheduler's state travels in the searcher's:
`StudySearcher` wraps any searcher, as Ray's own `ConcurrencyLimiter` does, and its state is the scheduler's. On a
restore Ray hands back the state first and then adds every trial again, as a new object; the scheduler waits for the
first call of another kind and then loads its state with the new trial objects in place of the old.
"""

from __future__ import annotations

import abc
import io
import pickle
import warnings
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypedDict, Unpack, final

from ray.tune.experiment import Trial
from ray.tune.schedulers import TrialScheduler

from raytune_suite import seeding
from raytune_suite.errors import ArgumentError, StudyError
from raytune_suite.schedulers._state import Pickler, Saved, Unpickler
from raytune_suite.spaces import FEATURES, Space
from raytune_suite.types import FAILED, Mode, as_loss, as_number, check_count, check_mode

if TYPE_CHECKING:
    from ray.tune.search import Searcher

HOPELESS = 10
"""So many crashes before the first report of any trial end a study: a crash costs no budget, so nothing else might."""


class SchedulerArgs(TypedDict, total=False):
    """The arguments that every scheduler takes, all by keyword.

    Attributes:
        space: The search space; only the schedulers that change a config need it.
        metric: The name of the reported value to optimize. Without it `tune.TuneConfig` gives it.
        mode: "min" or "max", as for the metric.
        time_attr: The reported value that counts how much a trial has been trained.
        max_t: The most resource of a trial, in units of `time_attr`; it ends there. None: it ends by itself.
        max_concurrent: The most trials that may run at once. None: as many as the cluster can place.
        seed: Drives all draws of this scheduler.
    """

    space: dict[str, Any] | None
    metric: str | None
    mode: str | None
    time_attr: str
    max_t: int | None
    max_concurrent: int | None
    seed: int


class Seen(NamedTuple):
    """The last report that a trial made, and what was decided on it."""

    resource: float
    decision: str


class StudyScheduler(TrialScheduler, abc.ABC):
    """A Ray Tune scheduler that remembers.

    Attributes:
        features: The features of a space (`Space.features`) that this scheduler serves; others are refused by name.
        instead: What to take for a space that it cannot serve.
        extra: The extra of this package that it needs, or None.
        ladder: Whether it decides by resource, so that `max_t` must be given.
        pauses: Whether it pauses trials; a trainable without checkpoints then starts again.
        needs_state: Whether it copies trainings from one trial to another, which needs checkpoints.
        stops_failed: Whether a trial is stopped that reports no finite number.
        enforces: Whether it ends trials at the fidelity that their searcher assigned, and needs such a searcher.
        rewinds: Whether a trial's resource may go back (by cloning); else a report at a resource that was seen before
            is a replay after a fault, and gets the same decision again without a second look.
        stopped_early: The ids of the trials that it stopped before `max_t`.
        fault: Why the study cannot go on, if it cannot.
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
    _supports_buffered_results = False

    def __init__(self, **args: Unpack[SchedulerArgs]) -> None:
        """See `SchedulerArgs`. Leaves add arguments of their own.

        Raises:
            ArgumentError: If an argument cannot be used.
            SpaceError: If the space has a feature that this scheduler cannot serve.
        """
        super().__init__()  # type: ignore[no-untyped-call] # of Ray, inherited
        mode = args.get("mode")
        self._metric = args.get("metric")
        self._mode: Mode | None = None if mode is None else check_mode(mode)
        self.time_attr = args.get("time_attr", "training_iteration")
        self.seed = seeding.check_seed(args.get("seed", 0))
        self.max_t = args.get("max_t")
        if self.max_t is None and self.ladder:
            raise ArgumentError(f"{type(self).__name__} needs `max_t`: the most {self.time_attr} that a trial may have")
        self.max_concurrent = args.get("max_concurrent")
        for name, value in (("max_t", self.max_t), ("max_concurrent", self.max_concurrent)):
            if value is not None:
                check_count(name, value)
        space = args.get("space")
        self.space = None if space is None else Space(space)
        if self.space is not None:
            self.space.check_supported(f"scheduler {type(self).__name__}", supported=self.features, remedy=self.instead)
        self.stopped_early: set[str] = set()
        self.fault: str | None = None
        self._crashes = 0
        self._ever_reported = False
        self._trials: dict[str, Trial] = {}
        self._known: set[str] = set()
        self._seen: dict[str, Seen] = {}
        self._saved: Saved | None = None
        self._readded: dict[str, Trial] = {}
        self._host: Any = None
        self._queue: dict[str, None] = {}
        self._pending: dict[str, None] = {}
        self._first: list[str] = []
        self._rerun: frozenset[str] = frozenset()

    # ---- what a leaf writes -----------------------------------------------------------------------------------

    @abc.abstractmethod
    def added(self, controller: Any, trial: Trial) -> None:
        """A trial is new."""

    @abc.abstractmethod
    def decide(self, controller: Any, trial: Trial, result: dict[str, Any], loss: float) -> str:
        """CONTINUE, PAUSE or STOP (or NOOP, if the trial was paused here) after a report below `max_t`.

        After a PAUSE this may be asked again for the same report. `result` holds the metric and `time_attr`; `loss` is
        the metric turned so that less is better.
        """

    @abc.abstractmethod
    def ended(self, controller: Any, trial: Trial, result: dict[str, Any] | None) -> None:
        """A trial has ended; `result` is its last, or None where no decision was made on it or the metric failed."""

    @abc.abstractmethod
    def choose(self, controller: Any) -> Trial | None:
        """The trial to run next, or None where any pending one will do."""

    def errored(self, controller: Any, trial: Trial) -> None:
        """A trial has crashed; if Ray tries it again, its status is PENDING thereafter, else ERROR."""

    def before_save(self) -> None:
        """Make the state picklable."""

    @property
    def levels(self) -> tuple[float, ...]:
        """The resources at which it compares trials, rising; a multi-fidelity searcher learns there."""
        return () if self.max_t is None else (self.max_t,)

    def hear(self, searcher: Searcher) -> None:
        """The searcher has learnt something; it may have said what shall become of a trial."""

    def waiting(self) -> bool:
        """Whether paused trials are due to go on, so that no new trial should come before them."""
        return False

    # ---- Ray's interface --------------------------------------------------------------------------------------

    def set_search_properties(self, metric: str | None, mode: str | None, **spec: Any) -> bool:  # noqa: ARG002 - Ray's
        """Take what `tune.TuneConfig` says; False where it contradicts the constructor's arguments."""
        if (metric and self._metric not in (None, metric)) or (mode and self._mode not in (None, mode)):
            return False
        self._metric = metric or self._metric
        self._mode = check_mode(mode) if mode else self._mode
        return True

    @final
    def on_trial_add(self, tune_controller: Any, trial: Trial) -> None:
        """Take a new trial, or an old one again after a fault.

        Raises:
            ArgumentError: If nobody has given the metric or the mode.
        """
        for name, value in (("metric", self._metric), ("mode", self._mode)):
            if value is None:
                raise ArgumentError(
                    f"{type(self).__name__} has no `{name}`: "
                    f"give it to the scheduler or to `tune.TuneConfig({name}=...)`"
                )
        if self._saved is not None:
            self._readded[trial.trial_id] = trial
            self._host = tune_controller
            if trial.status == Trial.PENDING and trial.trial_id in self._saved.paused:
                trial.set_status(Trial.PAUSED)  # Ray would start it at once, before its promotion
            elif trial.status == Trial.PENDING and trial.trial_id in self._saved.ended:
                trial.set_status(Trial.TERMINATED)  # Ray does not save that a paused trial was stopped
        elif trial.trial_id in self._known:
            self._trials.pop(trial.trial_id, None)
            self._trials[trial.trial_id] = trial
            self._pending[trial.trial_id] = None
        elif trial.is_finished():
            warnings.warn(
                f"{type(self).__name__} was restored without its state and starts again with empty rungs: "
                "let `make_method(...).tune_config()` or `rts.tune` wire it, so that its state is saved",
                stacklevel=2,
            )
        else:
            self._take(tune_controller, trial)

    @final
    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """Decide after a report. One without the metric or the resource decides nothing, unless `max_t` is reached."""
        self._finish_restore(tune_controller)
        resource = as_number(result.get(self.time_attr))
        at_end = self.max_t is not None and resource is not None and resource >= self.max_t
        self._ever_reported |= self._metric in result
        if resource is None or self._metric not in result:
            return str(TrialScheduler.STOP if at_end else TrialScheduler.CONTINUE)
        seen = self._seen.get(trial.trial_id)
        if seen is not None and not self.rewinds and resource <= seen.resource:
            if seen.decision != TrialScheduler.PAUSE:
                return seen.decision if resource == seen.resource else str(TrialScheduler.CONTINUE)
            if resource < seen.resource and trial.trial_id in self._rerun:
                return str(TrialScheduler.CONTINUE)  # it was being saved when the study was killed
            if resource < seen.resource:
                warnings.warn(
                    f"a trial that was paused at {self.time_attr} = {seen.resource:g} went on from {resource:g}: its "
                    "trainable saves no checkpoint at each report (or it crashed while saving one), so that what lies "
                    "between is trained again",
                    stacklevel=2,
                )
                return str(TrialScheduler.CONTINUE)
        again = seen is not None and resource <= seen.resource and trial.trial_id in self._rerun
        if seen is not None and again and self.rewinds and seen.decision == TrialScheduler.PAUSE:
            # as above; a clone would not have been told to pause
            return seen.decision if resource == seen.resource else str(TrialScheduler.CONTINUE)
        loss = as_loss(result[self._metric], check_mode(self._mode))
        if at_end or (loss == FAILED and self.stops_failed):
            decision = str(TrialScheduler.STOP)
        else:
            decision = self.decide(tune_controller, trial, result, loss)
            self._seen[trial.trial_id] = Seen(resource, decision)
        if decision == TrialScheduler.STOP and not at_end:
            self.stopped_early.add(trial.trial_id)
        return decision

    @final
    def on_trial_complete(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> None:
        """A running trial has ended."""
        self._finish_restore(tune_controller)
        self._ever_reported |= self._metric in result
        seen = self._seen.pop(trial.trial_id, None)
        self._trials.pop(trial.trial_id, None)
        self._queue.pop(trial.trial_id, None)
        resource = as_number(result.get(self.time_attr))
        fresh = resource is not None and (seen is None or self.rewinds or resource > seen.resource)
        good = as_loss(result.get(str(self._metric)), check_mode(self._mode)) != FAILED
        self.ended(tune_controller, trial, result if fresh and good else None)

    @final
    def on_trial_remove(self, tune_controller: Any, trial: Trial) -> None:
        """A pending or paused trial has ended."""
        self._finish_restore(tune_controller)
        self._seen.pop(trial.trial_id, None)
        self._trials.pop(trial.trial_id, None)
        self._queue.pop(trial.trial_id, None)
        self.ended(tune_controller, trial, None)

    @final
    def on_trial_error(self, tune_controller: Any, trial: Trial) -> None:
        """A trial has crashed; Ray adds it again if it will be tried again."""
        self._finish_restore(tune_controller)
        self._crashes += 1
        self.errored(tune_controller, trial)

    @final
    def choose_trial_to_run(self, tune_controller: Any) -> Trial | None:
        """The trial to run next, if it matters which."""
        self._finish_restore(tune_controller)
        self._first = [name for name in self._first if self._is(name, Trial.PENDING)]
        if self._first:  # after a restore Ray would start those first that have reported
            return self._trials[self._first[0]]
        trial = self.choose(tune_controller)
        if trial is not None and trial.status == Trial.PAUSED:
            self.check_state(trial)
            if not self.full():
                self._pending[trial.trial_id] = None
                self._queue.pop(trial.trial_id, None)
                self._queue[trial.trial_id] = None
                return trial
            trial = None
        return trial or self._longest_pending()

    def debug_string(self) -> str:
        """One line about the state."""
        return f"{type(self).__name__}: {len(self._known)} trials, {len(self.stopped_early)} stopped early"

    @final
    def save(self, checkpoint_path: str) -> None:
        """Write the state to a file."""
        with open(checkpoint_path, "wb") as file:  # noqa: PTH123 - Ray hands a str
            pickle.dump(self.get_state(), file)

    @final
    def restore(self, checkpoint_path: str) -> None:
        """Read the state from a file; to be called before Ray adds the trials again."""
        with open(checkpoint_path, "rb") as file:  # noqa: PTH123 - Ray hands a str
            self.set_state(pickle.load(file))  # noqa: S301 - our own file

    # ---- state and counts -------------------------------------------------------------------------------------

    @final
    def get_state(self) -> dict[str, Any]:
        """The state, with the ids of the trials in place of Ray's objects."""
        if self._saved is not None:  # restored and saved again before anything happened
            return self._saved._asdict()
        self.before_save()
        buffer = io.BytesIO()
        pickler: Any = Pickler(buffer)  # type: ignore[no-untyped-call] # of Ray, inherited
        pickler.dump(self.__dict__)
        paused = frozenset(name for name, trial in self._trials.items() if trial.status == Trial.PAUSED)
        begun = [name for name in self._queue if self._is(name, Trial.RUNNING)]
        ended = frozenset(self._known - self._trials.keys())
        return Saved(paused, tuple(begun), ended, buffer.getvalue())._asdict()

    @final
    def set_state(self, state: dict[str, Any]) -> None:
        """Become what was saved, as soon as Ray has added all trials again."""
        self._saved, self._readded = Saved(**state), {}

    @final
    def check_state(self, trial: Trial) -> None:
        """Check that a trial that was to save a checkpoint has one, where that matters.

        Raises:
            StudyError: If not. It is kept in `fault`, since Ray turns errors of a scheduler into its own.
        """
        if self.needs_state and trial.checkpoint is None:
            self.fault = (
                f"{type(self).__name__} copies trainings, but the trainable saves no checkpoint: "
                "report with `tune.report(..., checkpoint=...)` or write `save_checkpoint`, or use asha"
            )
            raise StudyError(self.fault)

    @final
    def wake(self) -> None:
        """Load what was restored. Ray has added all trials again when it first asks for a new one."""
        self._finish_restore(self._host)

    @final
    def end_paused(self, controller: Any) -> None:
        """Stop what is paused if nothing can change any more: no trial runs, and no other will come."""
        live = self.live()
        if (
            controller.search_alg is not None
            and controller.search_alg.is_finished()
            and all(trial.status == Trial.PAUSED for trial in live)
        ):
            for trial in live:
                self.stopped_early.add(trial.trial_id)
                controller.stop_trial(trial)

    @final
    def live(self) -> list[Trial]:
        """The trials that have not ended, oldest first."""
        return [trial for trial in self._trials.values() if not trial.is_finished()]

    @final
    def used(self) -> bool:
        """Whether it has had trials: it cannot serve another study."""
        return bool(self._known) or self._saved is not None

    @final
    def hopeless(self) -> bool:
        """Whether trials crash again and again and none has ever reported the metric."""
        return self._crashes >= HOPELESS and not self._ever_reported

    @final
    def full(self) -> bool:
        """Whether as many trials run or are about to run as `max_concurrent` allows."""
        if self.max_concurrent is None:
            return False
        active = sum(trial.status in (Trial.RUNNING, Trial.PENDING) for trial in self.live())
        return active >= self.max_concurrent

    def _is(self, name: str, status: str) -> bool:
        return name in self._trials and self._trials[name].status == status

    def _longest_pending(self) -> Trial | None:
        """The trial that waits longest for a worker; of several, Ray would take one by the hash of its address."""
        while self._pending:
            name = next(iter(self._pending))
            if self._is(name, Trial.PENDING):
                return self._trials[name]
            del self._pending[name]
        return None

    def _take(self, controller: Any, trial: Trial) -> None:
        self._trials[trial.trial_id] = trial
        self._known.add(trial.trial_id)
        self._pending[trial.trial_id] = None
        self._queue[trial.trial_id] = None
        self.added(controller, trial)

    def _finish_restore(self, controller: Any) -> None:
        if self._saved is None:
            return
        saved, readded = self._saved, self._readded
        self.__dict__.update(Unpickler(io.BytesIO(saved.state), readded).load())
        self._saved, self._readded = None, {}
        self._first, self._rerun = list(saved.begun), frozenset(saved.begun)
        for name, trial in readded.items():
            if name not in self._known and not trial.is_finished():
                self._take(controller, trial)
