"""`Simulation`: the engine that runs a study in virtual time, in this process and without Ray's runtime."""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import logging
import math
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

from ray import tune

from raytune_suite.engines import extension, snapshots, stored_study
from raytune_suite.engines.base import Outcome, trainable_name
from raytune_suite.engines.callbacks.budget import EndedTrials, StudyStopper
from raytune_suite.engines.callbacks.notebook import progress_callback
from raytune_suite.engines.callbacks.stored_log import StoredReports
from raytune_suite.engines.callbacks.study_log import StudyLog
from raytune_suite.engines.resources import as_json, bundles
from raytune_suite.engines.seed_averaging import mean_curve, on_seeds
from raytune_suite.engines.simulated.evaluators import CurveEvaluator, InProcessEvaluator
from raytune_suite.engines.simulated.running_trial import Fault
from raytune_suite.engines.simulated.simulate import (
    CHECKPOINT_EVERY,
    FAILURES,
    MAX_WORKERS,
    WORKERS,
    check_faults,
    prepare,
    surroundings,
)
from raytune_suite.engines.simulated.suspension import deferred_interrupt, resume, suspend
from raytune_suite.engines.simulated.worker_pool import WorkerPoolEvaluator
from raytune_suite.engines.study_snapshots import StudySnapshots
from raytune_suite.errors import ArgumentError, StudyError
from raytune_suite.types import split_config
from raytune_suite.validation import check_fields, flag, function, instance, integer, number, optional, sequence

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from raytune_suite.engines.base import StudySpec
    from raytune_suite.engines.callbacks.bill import Bill
    from raytune_suite.engines.callbacks.decision_log import DecisionLog
    from raytune_suite.engines.simulated.controller import Controller
    from raytune_suite.engines.simulated.evaluators import Evaluator
    from raytune_suite.engines.snapshots import Generation
    from raytune_suite.engines.storage import Folder
    from raytune_suite.engines.stored_study import StoredStudy
    from raytune_suite.types import Config, Curve

__all__ = ["Fault", "Simulation"]

SUSPENDED = "simulation.pkl"
"""The file in a snapshot that holds an interrupted study."""

_logger = logging.getLogger("raytune_suite")


@final
@dataclass(frozen=True)
class Simulation:
    """The simulated clock: runs studies in virtual time with the same searcher and scheduler objects as on Ray.

    Attributes:
        workers: How many trials run at once, in virtual time.
        cost: The virtual seconds between two reports of a config. None: what the workload declares, else 1.
        faults: When workers are lost.
        max_failures: How often a trial that crashes, or whose worker is lost, is retried from its last checkpoint.
        checkpoint_every: After how many reports a trial saves a checkpoint; 0: only when it is paused.
        extendable: Whether a finished study keeps its state, so that it can be extended.
        compute: How many Ray workers train class trainables, each with `tune`'s `resources`. None or 0: this process
            trains. It changes how long a study takes, never its decisions.
        snapshot_s: Minimum seconds, of real time, between two snapshots of the study's state, from which a killed study
            is resumed.

    Raises:
        ArgumentError: If a value cannot be used.
    """

    workers: int = 4
    cost: Callable[[Config], float] | None = None
    faults: Sequence[Fault] = ()
    max_failures: int = 0
    checkpoint_every: int = 0
    compute: int | None = None
    extendable: bool = True
    snapshot_s: float = 5.0

    def __post_init__(self) -> None:
        check_fields(
            self,
            workers=WORKERS,
            cost=optional(function("a function of a config that returns seconds")),
            faults=sequence(instance(Fault, "a Fault"), "a list of Faults"),
            max_failures=FAILURES,
            checkpoint_every=CHECKPOINT_EVERY,
            compute=optional(integer(0, most=MAX_WORKERS)),
            extendable=flag(),
            snapshot_s=number(least=0),
        )
        check_faults(self.faults, self.workers)

    def describe(self) -> dict[str, Any]:
        """The settings that decide the outcome, without the cost function, and the others."""
        deciding = {
            "workers": self.workers,
            "faults": repr(list(self.faults)),
            "max_failures": self.max_failures,
            "checkpoint_every": self.checkpoint_every,
        }
        return {
            "engine": "simulated",
            "simulation": deciding,
            "settings": {"compute": self.compute, "extendable": self.extendable, "snapshot_s": self.snapshot_s},
        }

    def can_resume(self, study: Folder) -> bool:
        """Whether an interrupted or killed study is stored in its folder."""
        return snapshots.latest(study).snapshot is not None

    def without_faults(self) -> Simulation:
        """The same simulation, in which no worker is lost."""
        return dataclasses.replace(self, faults=())

    def check(self, spec: StudySpec) -> None:
        """Check that the study can be simulated.

        Raises:
            ArgumentError: If the trainable is a function, Ray workers would have to look up curves, or a setting would
                have no effect.
        """
        if spec.curve is not None and self.cost is not None:
            raise ArgumentError("`cost` has no effect: the curves of this workload have their own times; leave it out")
        if spec.resources and not self.compute:
            raise ArgumentError(
                f"`resources` is {as_json(spec.resources)}, but the simulated clock trains in this process: "
                "leave it out, or train in Ray workers with Simulation(compute=...)"
            )
        if spec.resources and not isinstance(spec.resources, Mapping):
            raise ArgumentError(
                "`resources` has several bundles, but Ray workers of the simulated clock are single processes: use a "
                "dict such as {'cpu': 1}, or engine='ray'"
            )
        if spec.dollars is not None and spec.price_per_hour is None:
            raise ArgumentError(
                f"`budget` is '{spec.dollars:g} USD', but simulated machines have no price: set `price_per_hour`"
            )
        self.evaluator(spec)

    def run(self, spec: StudySpec) -> Outcome:
        """Run a study in virtual time, or continue it where Ctrl-C interrupted it, or from its last snapshot.

        Raises:
            StudyError: If the study cannot continue, or its snapshots keep failing.
        """
        began = time.perf_counter()
        spec = dataclasses.replace(spec, extendable=spec.extendable and self.extendable)
        study = spec.files
        stored = stored_study.resume(study) if spec.resume else stored_study.create(study)
        with (
            contextlib.closing(stored.journals),
            self.evaluator(spec) as evaluator,
            surroundings() as folder,
            deferred_interrupt() as interrupted,
        ):
            if stored.generation is None:
                controller, decisions, log = self._started(spec, evaluator, folder)
                log.attach(stored.journals)
            else:
                controller, decisions, log = _resumed(spec, stored, stored.generation, evaluator, folder)
            log.budget = spec.budget
            if spec.price_per_hour is not None:
                log.bill.charge(spec.price_per_hour, controller.clock.now)
            controller.time_limit = _time_limit(spec, log.bill)
            decisions.attach(stored.journals)
            trained_before, ended = controller.training_s, _Ended(spec, stored, controller, (decisions, log))
            taken = _Snapshots(spec, stored, controller, (decisions, log), self.snapshot_s)
            try:
                finished = controller.run(taken.before(interrupted))
                if not finished:
                    _store(spec, stored, _suspended(controller, (decisions, log)))
                    controller.close()
                ended.keep(finished=finished)
            except KeyboardInterrupt:  # the second Ctrl-C
                return Outcome(log=log, scheduler=log.scheduler, interrupted=True)
        return Outcome(
            log=log,
            scheduler=log.scheduler,
            decisions=decisions if finished else None,
            interrupted=not finished,
            overhead=time.perf_counter() - began - (controller.training_s - trained_before),
        )

    def finish(self, study: Folder) -> None:
        """Remove the snapshots of a study that has finished: there is nothing to continue."""
        with stored_study.storage_errors(study):
            snapshots.clear(study)

    def _started(self, spec: StudySpec, evaluator: Evaluator, folder: str) -> tuple[Controller, DecisionLog, StudyLog]:
        objective = spec.objective
        log = StudyLog(objective, spec.scheduler)
        progress = [progress_callback(log, spec.title)] if spec.title is not None else []
        stopper = StudyStopper(spec.budget, metric=objective.metric, time_attr=objective.time_attr, rules=spec.stop)
        controller, decisions = prepare(
            evaluator,
            folder,
            searcher=spec.searcher,
            scheduler=spec.scheduler,
            metric=objective.metric,
            mode=objective.mode,
            time_attr=objective.time_attr,
            num_samples=-1 if spec.num_samples is None else spec.num_samples,
            stopper=stopper,
            callbacks=[log, EndedTrials(stopper), *spec.callbacks, *progress],
            workers=self.workers,
            max_failures=self.max_failures,
            checkpoint_every=self.checkpoint_every,
            faults=self.faults,
        )
        return controller, decisions, log

    def evaluator(self, spec: StudySpec) -> AbstractContextManager[Evaluator]:
        """What a worker does for this study, within the context.

        Raises:
            ArgumentError: If the trainable is a function: those run in Ray's processes only. If Ray workers would have
                to look up curves.
        """
        if spec.curve is not None:
            if self.compute:
                raise ArgumentError(
                    f"`compute` is {self.compute}, but this workload looks up its learning curves and trains nothing: "
                    "leave `compute` out"
                )
            curve = mean_curve(spec.curve, spec.seeds) if len(spec.seeds) > 1 else spec.curve

            def seeded(config: Config) -> Curve:
                hyperparameters, seed, _ = split_config(config)
                return curve(hyperparameters, seed)

            return nullcontext(CurveEvaluator(seeded, spec.objective.time_attr))
        trainable: Any = spec.trainable
        if not (inspect.isclass(trainable) and issubclass(trainable, tune.Trainable)):
            raise ArgumentError(
                f"the simulated clock cannot run the function {trainable_name(trainable)!r}: write a "
                "ray.tune.Trainable class, or use engine='ray'"
            )
        cost = self.cost or spec.cost or (lambda _config: 1.0)
        seconds = cost
        if len(spec.seeds) > 1:
            trainable, seconds = on_seeds(trainable, spec.seeds), lambda config: len(spec.seeds) * cost(config)
        if self.compute:
            resources = bundles(spec.resources)[0]  # `check` has rejected more
            return WorkerPoolEvaluator(trainable, seconds, compute=self.compute, resources=resources)
        return nullcontext(InProcessEvaluator(trainable, seconds))


def _time_limit(spec: StudySpec, bill: Bill) -> float:
    """The virtual time at which the study reaches its time limit, or has spent its dollars."""
    time_limit = math.inf if spec.time_limit is None else spec.time_limit
    return time_limit if spec.dollars is None else min(time_limit, bill.affords(spec.dollars))


def _resumed(
    spec: StudySpec, stored: StoredStudy, generation: Generation, evaluator: Evaluator, folder: str
) -> tuple[Controller, DecisionLog, StudyLog]:
    try:
        controller, (decisions, log) = resume(generation.files.get(SUSPENDED, b""), evaluator, folder)
    except StudyError as error:
        raise StudyError(f"{spec.path}, {stored_study.describe(generation)}: {error}") from error
    log.attach(stored.journals, StoredReports.of(spec.files).rows)
    extension.apply(
        dataclasses.replace(spec, time_limit=None),  # which is the controller's matter
        extension.change_of(generation),
        search_alg=controller.search_alg,
        stopper=controller.stopper,
        scheduler=controller.scheduler,
        log=log,
    )
    return controller, decisions, log


class _Ended:
    """The state in which a study ends, from which it can be extended."""

    def __init__(self, spec: StudySpec, stored: StoredStudy, controller: Controller, extra: Any) -> None:
        self._spec, self._stored, self._controller, self._extra = spec, stored, controller, extra
        self._state: tuple[bytes, dict[str, Any]] | None = None
        if spec.extendable:
            controller.before_end = self._take

    def _take(self) -> None:
        self._controller.before_end = None
        with contextlib.suppress(StudyError):  # a training without checkpoints, or what cannot be pickled
            suspended = suspend(self._controller, self._extra)
            self._state = suspended, self._stored.journals.seal()

    def keep(self, *, finished: bool) -> None:
        """Store the state of a study that has finished."""
        if not finished or not self._spec.extendable:
            return
        if self._controller.before_end is not None:  # it has ended by itself
            self._take()
        if self._state is not None:
            suspended, covers = self._state
            files = {SUSPENDED: suspended, stored_study.MANIFEST: self._spec.manifest}
            extension.keep(self._spec.files, files, covers)


class _UnsavableError(Exception):
    """A part of the study cannot be saved."""


class _Snapshots:
    """The snapshots of a study while it runs, from which it is resumed after a kill."""

    def __init__(self, spec: StudySpec, stored: StoredStudy, controller: Controller, extra: Any, period: float) -> None:
        self._controller, self._extra = controller, extra
        self._possible = True
        self._saved = StudySnapshots(
            stored.writer,
            stored.journals,
            period=period,
            constant={stored_study.MANIFEST: spec.manifest},
            check=spec.check_lock,
            delay=period,
        )

    def before(self, until: Callable[[], bool]) -> Callable[[], bool]:
        """Return `until`, which takes a snapshot first if it is time."""

        def saved_until() -> bool:
            if self._possible and self._saved.due:
                self._take()
            return until()

        return saved_until

    def _take(self) -> None:
        try:
            self._saved.take(self._state, force=False, final=False)
        except _UnsavableError as error:
            self._possible = False
            _logger.warning("no snapshots are taken, so this study would be lost if it were killed: %s", error)

    def _state(self) -> dict[str, bytes]:
        try:
            return {SUSPENDED: _suspended(self._controller, self._extra)}
        except StudyError as error:
            raise _UnsavableError(str(error)) from error


def _suspended(controller: Controller, extra: Any) -> bytes:
    """Suspend a study without what belongs to this process."""
    before_end, controller.before_end = controller.before_end, None
    try:
        return suspend(controller, extra)
    finally:
        controller.before_end = before_end


def _store(spec: StudySpec, stored: StoredStudy, suspended: bytes) -> None:
    """Write a snapshot of an interrupted study."""
    with stored_study.storage_errors(spec.files):
        covers = stored.journals.seal()
        spec.check_lock()
        stored.writer.write({SUSPENDED: suspended, stored_study.MANIFEST: spec.manifest}, covers)
