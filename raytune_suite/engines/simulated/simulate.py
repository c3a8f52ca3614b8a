"""Wiring and running a simulated study with an explicit evaluator; `Simulation` in `engine` is built on it.

It drives the same searcher and scheduler objects as the engine on Ray. What they are called with, in which order, and
how many trials are requested in advance is the same; how long training takes is what its evaluator declares. The time
that decisions take never moves the clock, so that the same seeds give the same decision log, to the last bit.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import tempfile
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ray.tune.search import Searcher

from raytune_suite.engines.callbacks.decision_log import DecisionLog
from raytune_suite.engines.simulated.clock import Clock
from raytune_suite.engines.simulated.controller import Controller
from raytune_suite.engines.simulated.trial_factory import make_search, pending_depth
from raytune_suite.errors import ArgumentError
from raytune_suite.schedulers import StudyScheduler, StudySearcher
from raytune_suite.types import COUNT
from raytune_suite.validation import integer, number, optional

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ray.tune import Callback, Stopper
    from ray.tune.experiment import Trial

    from raytune_suite.engines.simulated.evaluators import Evaluator
    from raytune_suite.engines.simulated.running_trial import Fault

YOUNG = 10_000
"""While a study runs, Python's garbage collector starts after this many new objects, instead of 700."""


MAX_WORKERS = 1_000_000

WORKERS = integer(1, most=MAX_WORKERS)

FAILURES = integer(0)
"""What `max_failures` must be. A trial that crashes when it starts takes no virtual time, so that a study that retried
it forever would not end."""

CHECKPOINT_EVERY = integer(0)


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

    trials: Sequence[Trial]
    decisions: DecisionLog
    callbacks: list[Callback]
    scheduler: Any
    seconds: float
    overhead: float


def prepare(
    evaluator: Evaluator,
    folder: str,
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
) -> tuple[Controller, DecisionLog]:
    """Wire a simulated study, ready for `Controller.run`; returns its controller and its decision log.

    Args:
        evaluator: What a worker does.
        folder: An existing folder for temporary files of the study.
        searcher: Any Ray searcher or search algorithm; None for Ray's variant generator.
        scheduler: A scheduler of this package, or any of Ray's; the decisions of the latter are not logged.
        metric: The metric's name.
        mode: "min" or "max".
        num_samples: The maximum number of trials; -1 for no limit.
        time_attr: The reported value that measures the resource, for the decision log.
        space: The search space, if the searcher does not have one: what `param_space` is to `tune.Tuner`.
        time_limit: Virtual seconds; None for no limit. Events that are due at the limit still happen.
        stopper: Ends the study.
        callbacks: Ray callbacks. Every hook but `on_checkpoint` is called, since no checkpoint is a file here.
        workers: How many trials run at once.
        max_failures: How often a trial that crashes, or whose worker is lost, is retried from its last checkpoint.
        checkpoint_every: After how many of its reports a trial saves a checkpoint; 0: only when it is paused.
        faults: When workers are lost.

    Raises:
        ArgumentError: If an argument cannot be used, or the searcher or the scheduler rejects the metric.
    """
    if num_samples != -1:
        COUNT.check("num_samples", num_samples)
    optional(number(above=0, infinite=True)).check("time_limit", time_limit)
    FAILURES.check("max_failures", max_failures)
    CHECKPOINT_EVERY.check("checkpoint_every", checkpoint_every)
    check_faults(faults, WORKERS.check("workers", workers))
    if not scheduler.set_search_properties(metric, mode):
        raise ArgumentError(f"`metric` {metric!r} and `mode` {mode!r} are not those that the scheduler was made with")
    clock: Clock[Any] = Clock()
    decisions = DecisionLog(metric, time_attr, clock)
    if isinstance(scheduler, StudyScheduler):
        scheduler.observers.append(decisions)
    search_alg = make_search(
        _saved_together(searcher, scheduler),
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
        evaluator,
        workers=workers,
        max_pending=limit or pending_depth(search_alg, workers),
        clock=clock,
        checkpoint_every=checkpoint_every,
        stopper=stopper,
        time_limit=time_limit,
        callbacks=callbacks,
        faults=faults,
    )
    return controller, decisions


def _saved_together(searcher: Any, scheduler: Any) -> Any:
    """The searcher, wrapped so that the scheduler is saved with it if it is one of this package's."""
    if not isinstance(scheduler, StudyScheduler) or not isinstance(searcher, Searcher):
        return searcher
    return searcher if isinstance(searcher, StudySearcher) else StudySearcher(searcher, scheduler)


def simulate(evaluator: Evaluator, *, callbacks: Sequence[Callback] = (), **study: Any) -> SimulatedStudy:
    """Run a whole study in virtual time; `study` are the other arguments of `prepare`.

    Raises:
        ArgumentError: See `prepare`.
        StudyError: If the study cannot continue.
    """
    began = time.perf_counter()
    with surroundings() as folder:
        controller, decisions = prepare(evaluator, folder, callbacks=callbacks, **study)
        controller.run(stop=study.get("stopper"))
    overhead = time.perf_counter() - began - controller.training_s
    return SimulatedStudy(
        controller.trials, decisions, [*callbacks], study["scheduler"], controller.clock.now, overhead
    )


@contextlib.contextmanager
def surroundings() -> Iterator[str]:
    """A temporary folder for the files of a study; Ray's log messages and Python's garbage collector are held back."""
    with tempfile.TemporaryDirectory(prefix="simulated-") as folder, _errors_only(), _rare_collections():
        yield folder


@contextlib.contextmanager
def _rare_collections() -> Iterator[None]:
    """Collect garbage less often, and only among the study's objects: scanning Ray's modules takes 50 ms each time."""
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
def _errors_only() -> Iterator[None]:
    """Silence Ray's schedulers, which log each of their steps."""
    logger = logging.getLogger("ray.tune")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def check_faults(faults: Sequence[Fault], workers: int) -> None:
    """Check that the losses of workers are possible.

    Raises:
        ArgumentError: If a time is negative or not a number, or there is no such worker.
    """
    for position, fault in enumerate(faults):
        number(least=0).check(f"faults[{position}].time", fault.time)
        number(least=0, infinite=True).check(f"faults[{position}].back", fault.back)
        integer(0, most=workers - 1).check(f"faults[{position}].worker", fault.worker)
