"""The engine that runs a study in virtual time, in this process and without Ray's runtime.

It drives the same searcher and scheduler objects as the engine on Ray. What they are called with, in which order, and
how many trials are requested in advance is the same; how long training takes is what its evaluator declares. The time
that decisions take never moves the clock, so that the same seeds give the same decision log, to the last bit.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import inspect
import logging
import math
import tempfile
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

from ray import tune
from ray.tune.search import Searcher

from raytune_suite.engines.base import Outcome
from raytune_suite.engines.callbacks.budget import StudyStopper
from raytune_suite.engines.callbacks.decision_log import DecisionLog
from raytune_suite.engines.callbacks.progress import Progress
from raytune_suite.engines.callbacks.study_log import StudyLog
from raytune_suite.engines.seed_averaging import mean_curve, on_seeds
from raytune_suite.engines.simulated.clock import Clock
from raytune_suite.engines.simulated.controller import Controller
from raytune_suite.engines.simulated.evaluators import CurveEvaluator, InProcessEvaluator
from raytune_suite.engines.simulated.running_trial import Fault
from raytune_suite.engines.simulated.trial_factory import make_search, pending_depth
from raytune_suite.engines.simulated.worker_pool import WorkerPoolEvaluator
from raytune_suite.errors import ArgumentError
from raytune_suite.schedulers import StudyScheduler, StudySearcher
from raytune_suite.types import check_count, split_config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ray.tune import Callback, Stopper
    from ray.tune.experiment import Trial

    from raytune_suite.engines.base import StudySpec
    from raytune_suite.engines.simulated.evaluators import Evaluator
    from raytune_suite.types import Config, Curve

__all__ = ["Fault", "Simulation", "simulate"]

YOUNG = 10_000
"""While a study runs, Python's garbage collector starts after this many new objects, instead of 700."""


@final
@dataclass(frozen=True)
class Simulation:
    """The simulated clock: runs studies in virtual time with the same searcher and scheduler objects as on Ray.

    Attributes:
        workers: How many trials run at once, in virtual time.
        cost: The virtual seconds of one unit of resource for a config. None: what the workload declares, else 1.
        faults: When workers are lost.
        max_failures: How often a trial that crashes, or whose worker is lost, is retried from its last checkpoint.
        checkpoint_every: After how many reports a trial saves a checkpoint; 0: only when it is paused.
        compute: How many Ray workers train class trainables, each with `tune`'s `resources`. None or 0: this process
            trains. It changes how long a study takes, never its decisions.

    Raises:
        ArgumentError: If a value cannot be used.
    """

    workers: int = 4
    cost: Callable[[Config], float] | None = None
    faults: Sequence[Fault] = ()
    max_failures: int = 0
    checkpoint_every: int = 0
    compute: int | None = None

    def __post_init__(self) -> None:
        check_count("workers", self.workers)
        if self.compute is not None and self.compute != 0:
            check_count("compute", self.compute)

    def describe(self) -> dict[str, Any]:
        """The settings, without the cost function."""
        return {"engine": repr(dataclasses.replace(self, cost=None))}

    def can_resume(self, path: str) -> bool:  # noqa: ARG002 - the interface
        """Whether an interrupted study is stored at `path`."""
        return False

    def check(self, spec: StudySpec) -> None:
        """Check that the study can be simulated.

        Raises:
            ArgumentError: If the trainable is a function, or Ray workers would have to look up curves.
        """
        self.evaluator(spec)

    def run(self, spec: StudySpec) -> Outcome:
        """Run a study in virtual time.

        Raises:
            StudyError: If the study cannot continue.
        """
        objective, scheduler = spec.objective, spec.scheduler
        log = StudyLog(objective, scheduler)
        callbacks: list[Callback] = [log, *spec.callbacks]
        if spec.title is not None:
            callbacks.append(Progress(log, spec.title))
        try:
            with self.evaluator(spec) as evaluator:
                simulated = simulate(
                    evaluator,
                    searcher=spec.searcher,
                    scheduler=scheduler,
                    metric=objective.metric,
                    mode=objective.mode,
                    time_attr=objective.time_attr,
                    num_samples=-1 if spec.num_samples is None else spec.num_samples,
                    time_limit=spec.time_limit,
                    stopper=StudyStopper(spec.budget, metric=objective.metric, time_attr=objective.time_attr),
                    callbacks=callbacks,
                    workers=self.workers,
                    max_failures=self.max_failures,
                    checkpoint_every=self.checkpoint_every,
                    faults=self.faults,
                )
        except KeyboardInterrupt:
            return Outcome(log=log, scheduler=scheduler, interrupted=True)
        return Outcome(log=log, scheduler=scheduler, decisions=simulated.decisions, overhead=simulated.overhead)

    def evaluator(self, spec: StudySpec) -> AbstractContextManager[Evaluator]:
        """What a worker does for this study, within the context.

        Raises:
            ArgumentError: If the trainable is a function: those run in Ray's processes only. If Ray workers would have
                to look up curves.
        """
        if spec.curve is not None:
            if self.compute:
                raise ArgumentError(
                    f"`compute` is {self.compute}, but this workload looks its learning curves up and trains nothing: "
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
                f"the simulated clock cannot run the function {getattr(trainable, '__name__', trainable)!r}: write a "
                "ray.tune.Trainable class, or use engine='ray'"
            )
        cost = self.cost or spec.cost or (lambda _config: 1.0)
        seconds = cost
        if len(spec.seeds) > 1:
            trainable, seconds = on_seeds(trainable, spec.seeds), lambda config: len(spec.seeds) * cost(config)
        if self.compute:
            return WorkerPoolEvaluator(trainable, seconds, compute=self.compute, resources=spec.resources)
        return nullcontext(InProcessEvaluator(trainable, seconds))


@dataclass(frozen=True)
class SimulatedStudy:
    """What `simulate` returns.

    Attributes:
        trials: Ray's trials, with their last results.
        decisions: The decision log.
        callbacks: The callbacks.
        scheduler: The scheduler.
        seconds: The virtual time at the end.
        overhead: The real seconds that everything but the training took.
    """

    trials: list[Trial]
    decisions: DecisionLog
    callbacks: list[Callback]
    scheduler: Any
    seconds: float
    overhead: float


def simulate(
    evaluation: Evaluator,
    *,
    searcher: Any,
    scheduler: Any,
    metric: str,
    mode: str,
    num_samples: int,
    time_attr: str = "training_iteration",
    space: dict[str, Any] | None = None,
    time_limit: float | None = None,
    stopper: Stopper | None = None,
    callbacks: Sequence[Callback] = (),
    workers: int = 4,
    max_failures: int = 0,
    checkpoint_every: int = 0,
    faults: Sequence[Fault] = (),
) -> SimulatedStudy:
    """Run a study in virtual time until it ends.

    Args:
        evaluation: What a worker does.
        searcher: Any Ray searcher or search algorithm; None for Ray's variant generator.
        scheduler: A scheduler of this package, or any of Ray's; the decisions of the latter are not logged.
        metric: The metric's name.
        mode: "min" or "max".
        num_samples: The most trials; -1 for no limit.
        time_attr: The reported value that counts the resource, for the decision log.
        space: The search space, where the searcher does not have one: what `param_space` is to `tune.Tuner`.
        time_limit: Virtual seconds; None for no limit. What is due at the limit still happens.
        stopper: Ends the study.
        callbacks: Ray callbacks. They get all hooks but `on_checkpoint`, since no checkpoint is a file here.
        workers: How many trials run at once.
        max_failures: How often a trial that crashes, or whose worker is lost, is tried again from its last checkpoint.
        checkpoint_every: After how many reports of a trial it saves a checkpoint, as Ray's `checkpoint_frequency` does;
            with 1 it is as a function that reports a checkpoint each time. With 0 a trial saves one only when it is
            paused, or a scheduler asks for it: that is how Ray treats a class trainable by default, but for the one
            that it saves at the very end.
        faults: The workers that are lost.

    Raises:
        ArgumentError: If an argument cannot be used, or searcher or scheduler refuse the metric.
        StudyError: If the study cannot go on.
    """
    _check(num_samples=num_samples, time_limit=time_limit, max_failures=max_failures, checkpoint_every=checkpoint_every)
    _check_faults(faults, check_count("workers", workers))
    if isinstance(scheduler, StudyScheduler) and isinstance(searcher, Searcher):
        searcher = searcher if isinstance(searcher, StudySearcher) else StudySearcher(searcher, scheduler)
    if not scheduler.set_search_properties(metric, mode):
        raise ArgumentError(
            f"the scheduler refuses the metric {metric!r} ({mode!r}), since it was made with one: "
            "make it without metric and mode"
        )
    clock: Clock[Any] = Clock()
    log = DecisionLog(metric, time_attr, clock)
    if isinstance(scheduler, StudyScheduler):
        scheduler.observers.append(log)
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="simulated-") as folder, _quiet(), _garbage_left_alone():
        search_alg = make_search(
            searcher,
            space=space,
            metric=metric,
            mode=mode,
            num_samples=num_samples,
            max_failures=max_failures,
            checkpoint_every=checkpoint_every,
            folder=folder,
        )
        limit = getattr(scheduler, "max_concurrent", None)
        controller = Controller(
            search_alg,
            scheduler,
            evaluation,
            workers=workers,
            max_pending=limit or pending_depth(search_alg, workers),
            clock=clock,
            checkpoint_every=checkpoint_every,
            stopper=stopper,
            time_limit=time_limit,
            callbacks=callbacks,
            faults=faults,
        )
        controller.run(stop=stopper, num_samples=num_samples, total_num_samples=search_alg.total_samples)
    overhead = time.perf_counter() - began - controller.training_s
    return SimulatedStudy(controller.trials, log, [*callbacks], scheduler, clock.now, overhead)


@contextlib.contextmanager
def _garbage_left_alone() -> Iterator[None]:
    """Let Python's collector look less often, and only at what the study makes: Ray's modules take it 50 ms a look."""
    youngest, *older = gc.get_threshold()
    ours = gc.get_freeze_count() == 0
    if ours:
        gc.freeze()
    if youngest:  # else it is switched off
        gc.set_threshold(max(youngest, YOUNG), *older)
    try:
        yield
    finally:
        gc.set_threshold(youngest, *older)
        if ours:
            gc.unfreeze()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep Ray's schedulers from telling each of their steps."""
    logger = logging.getLogger("ray.tune")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _check(*, num_samples: int, time_limit: float | None, max_failures: int, checkpoint_every: int) -> None:
    if num_samples != -1:
        check_count("num_samples", num_samples)
    if time_limit is not None and not time_limit > 0:
        raise ArgumentError(f"`time_limit` is {time_limit!r}, but must be a number of seconds above 0, or None")
    if max_failures < 0:
        raise ArgumentError(
            f"`max_failures` is {max_failures!r}, but must be 0 or more: a trial that crashes when it starts "
            "takes no virtual time, so that a study which tries it for ever would not end"
        )
    if checkpoint_every < 0:
        raise ArgumentError(f"`checkpoint_every` is {checkpoint_every!r}, but must be 0 (at pauses only) or more")


def _check_faults(faults: Sequence[Fault], workers: int) -> None:
    for fault in faults:
        if not 0 <= fault.time < math.inf or not fault.back >= 0 or not 0 <= fault.worker < workers:
            raise ArgumentError(
                f"`faults` has {fault}, but a time and a `back` must be 0 or more, and a worker from 0 to {workers - 1}"
            )
