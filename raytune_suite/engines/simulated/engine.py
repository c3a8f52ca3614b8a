"""`Simulation`: the engine that runs a study in virtual time, in this process and without Ray's runtime."""

from __future__ import annotations

import dataclasses
import inspect
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

from ray import tune

from raytune_suite.atomic_file import write_atomically
from raytune_suite.engines.base import Outcome, trainable_name
from raytune_suite.engines.callbacks.budget import EndedTrials, StudyStopper
from raytune_suite.engines.callbacks.progress import Progress
from raytune_suite.engines.callbacks.study_log import StudyLog
from raytune_suite.engines.seed_averaging import mean_curve, on_seeds
from raytune_suite.engines.simulated.evaluators import CurveEvaluator, InProcessEvaluator
from raytune_suite.engines.simulated.running_trial import Fault
from raytune_suite.engines.simulated.simulate import prepare, surroundings
from raytune_suite.engines.simulated.suspension import deferred_interrupt, resume, suspend
from raytune_suite.engines.simulated.worker_pool import WorkerPoolEvaluator
from raytune_suite.engines.storage import local_folder
from raytune_suite.errors import ArgumentError
from raytune_suite.types import check_count, split_config

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from raytune_suite.engines.base import StudySpec
    from raytune_suite.engines.callbacks.decision_log import DecisionLog
    from raytune_suite.engines.simulated.controller import Controller
    from raytune_suite.engines.simulated.evaluators import Evaluator
    from raytune_suite.types import Config, Curve

__all__ = ["Fault", "Simulation"]

SUSPENDED = "simulation.pkl"
"""The file in a study's folder that holds it while it is interrupted."""


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

    def can_resume(self, path: str) -> bool:
        """Whether an interrupted study is stored in the local folder `path`."""
        folder = local_folder(path)
        return folder is not None and (folder / SUSPENDED).is_file()

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
                f"`resources` is {dict(spec.resources)}, but the simulated clock trains in this process: "
                "leave it out, or train in Ray workers with Simulation(compute=...)"
            )
        self.evaluator(spec)

    def run(self, spec: StudySpec) -> Outcome:
        """Run a study in virtual time, or continue it exactly where Ctrl-C interrupted it.

        Raises:
            StudyError: If the study cannot continue.
        """
        began = time.perf_counter()
        with self.evaluator(spec) as evaluator, surroundings() as folder, deferred_interrupt() as interrupted:
            start = self._resumed if spec.resume else self._started
            controller, decisions, log = start(spec, evaluator, folder)
            trained_before = controller.training_s
            try:
                finished = controller.run(interrupted)
                if not finished:
                    _store(spec, suspend(controller, (decisions, log)))
                    controller.close()
            except KeyboardInterrupt:  # the second Ctrl-C
                return Outcome(log=log, scheduler=log.scheduler, interrupted=True)
        if self.can_resume(spec.path) and finished:
            _stored(spec).unlink()
        return Outcome(
            log=log,
            scheduler=log.scheduler,
            decisions=decisions if finished else None,
            interrupted=not finished,
            overhead=time.perf_counter() - began - (controller.training_s - trained_before),
        )

    def _started(self, spec: StudySpec, evaluator: Evaluator, folder: str) -> tuple[Controller, DecisionLog, StudyLog]:
        objective = spec.objective
        log = StudyLog(objective, spec.scheduler)
        progress = [Progress(log, spec.title)] if spec.title is not None else []
        stopper = StudyStopper(spec.budget, metric=objective.metric, time_attr=objective.time_attr)
        controller, decisions = prepare(
            evaluator,
            folder,
            searcher=spec.searcher,
            scheduler=spec.scheduler,
            metric=objective.metric,
            mode=objective.mode,
            time_attr=objective.time_attr,
            num_samples=-1 if spec.num_samples is None else spec.num_samples,
            time_limit=spec.time_limit,
            stopper=stopper,
            callbacks=[log, EndedTrials(stopper), *spec.callbacks, *progress],
            workers=self.workers,
            max_failures=self.max_failures,
            checkpoint_every=self.checkpoint_every,
            faults=self.faults,
        )
        return controller, decisions, log

    @staticmethod
    def _resumed(spec: StudySpec, evaluator: Evaluator, folder: str) -> tuple[Controller, DecisionLog, StudyLog]:
        controller, (decisions, log) = resume(_stored(spec).read_bytes(), evaluator, folder)
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
                f"the simulated clock cannot run the function {trainable_name(trainable)!r}: write a "
                "ray.tune.Trainable class, or use engine='ray'"
            )
        cost = self.cost or spec.cost or (lambda _config: 1.0)
        seconds = cost
        if len(spec.seeds) > 1:
            trainable, seconds = on_seeds(trainable, spec.seeds), lambda config: len(spec.seeds) * cost(config)
        if self.compute:
            return WorkerPoolEvaluator(trainable, seconds, compute=self.compute, resources=spec.resources)
        return nullcontext(InProcessEvaluator(trainable, seconds))


def _stored(spec: StudySpec) -> Path:
    return Path(local_folder(spec.path) or ".") / SUSPENDED


def _store(spec: StudySpec, suspended: bytes) -> None:
    """Write an interrupted study into its folder, as a whole or not at all; an object store holds none."""
    if local_folder(spec.path) is not None:
        write_atomically(_stored(spec), suspended)
