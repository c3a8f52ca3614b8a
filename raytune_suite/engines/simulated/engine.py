"""The engine that runs a study in virtual time: the twin of `ray_backend`, without Ray's runtime.

It drives the very same searcher and scheduler objects. What is told to them, in which order, and how many trials are
asked for in advance is as on Ray; what a training takes is what its evaluation says. Real decision time never moves
the clock, so that the same seeds give the same decision log, to the last bit.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import math
import tempfile
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ray.tune.search import Searcher

from raytune_suite.engines.callbacks.decision_log import DecisionLog
from raytune_suite.engines.simulated.clock import Clock
from raytune_suite.engines.simulated.controller import Controller
from raytune_suite.engines.simulated.running_trial import Fault
from raytune_suite.engines.simulated.trial_factory import make_search, pending_depth
from raytune_suite.errors import ArgumentError
from raytune_suite.schedulers import StudyScheduler, StudySearcher
from raytune_suite.types import check_count

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ray.tune import Callback, Stopper
    from ray.tune.experiment import Trial

    from raytune_suite.engines.simulated.evaluators import Evaluator

__all__ = ["Fault", "Outcome", "run"]

YOUNG = 10_000
"""So many new objects call for Python's collector while a study runs, in place of 700."""


@dataclass(frozen=True)
class Outcome:
    """What a run of the engine left.

    Attributes:
        trials: Ray's trials, with their last results.
        decisions: The decision log.
        callbacks: The callbacks.
        scheduler: The scheduler.
        seconds: The virtual time at the end.
        overhead: The real seconds that all but the trainings took.
    """

    trials: list[Trial]
    decisions: DecisionLog
    callbacks: list[Callback]
    scheduler: Any
    seconds: float
    overhead: float


def run(
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
) -> Outcome:
    """Run a study in virtual time until it ends.

    Args:
        evaluation: What a worker does.
        searcher: Any Ray searcher or search algorithm; None for Ray's variant generator.
        scheduler: Any Ray scheduler; one of this package's is saved with the searcher, as on Ray.
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
            log.watch(scheduler),
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
    return Outcome(controller.trials, log, [*callbacks], scheduler, clock.now, overhead)


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
