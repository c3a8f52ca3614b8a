"""The two engines behind one call: Ray's runtime, and the simulated clock."""

from __future__ import annotations

import inspect
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ray import tune

from raytune_suite.engines.ray import engine as ray_engine
from raytune_suite.engines.ray.engine import Outcome
from raytune_suite.engines.seed_averaging import mean_curve, on_seeds
from raytune_suite.engines.simulated import engine as simulated_engine
from raytune_suite.engines.simulated.evaluators import Curves, InProcess
from raytune_suite.engines.simulated.worker_pool import Parallel
from raytune_suite.errors import ArgumentError
from raytune_suite.types import FIDELITY, SEED, check_count

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ray.tune import Callback

    from raytune_suite.engines.callbacks.budget import StudyStopper
    from raytune_suite.engines.ray.engine import Settings
    from raytune_suite.engines.simulated.engine import Fault
    from raytune_suite.engines.simulated.evaluators import Evaluation
    from raytune_suite.schedulers import StudyScheduler
    from raytune_suite.tuning.task import Problem
    from raytune_suite.types import Config, Curve


@dataclass(frozen=True)
class Simulation:
    """The simulated clock: the same searcher and scheduler objects without Ray's runtime, in virtual time.

    Attributes:
        workers: How many trials run at once, in virtual time.
        cost: The virtual seconds of one unit of resource for a config. None: as the workload declares, else 1.
        faults: Workers that are lost, and when.
        max_failures: How often a trial that crashes, or whose worker is lost, is tried again from its last checkpoint.
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


def check_engine(engine: Any) -> Simulation | None:
    """The simulation to run, or None for Ray.

    Raises:
        ArgumentError: If `engine` is neither "ray" nor "simulated" nor a `Simulation`.
    """
    if isinstance(engine, Simulation):
        return engine
    if engine not in ("ray", "simulated"):
        raise ArgumentError(f"`engine` is {engine!r}, but must be 'ray', 'simulated' or a Simulation(...)")
    return Simulation() if engine == "simulated" else None


def run(
    problem: Problem,
    simulation: Simulation | None,
    *,
    seeds: Sequence[int],
    searcher: Any,
    scheduler: StudyScheduler,
    num_samples: int,
    time_limit: float | None,
    stopper: StudyStopper,
    resources: Mapping[str, float] | None,
    storage_path: str,
    name: str,
    callbacks: Sequence[Callback],
    resume: bool,
    settings: Settings,
) -> Outcome:
    """Run a study on the engine that was chosen; the arguments are those of `ray_backend.run`.

    With several `seeds` each trial trains on all of them. Without, or with one, a config holds its seed.

    Raises:
        ArgumentError: If the simulated clock cannot run this.
        StudyError: If the engine gave up.
    """
    common: dict[str, Any] = {
        "searcher": searcher,
        "scheduler": scheduler,
        "metric": problem.metric,
        "mode": problem.mode,
        "num_samples": num_samples,
        "time_limit": time_limit,
        "stopper": stopper,
        "callbacks": callbacks,
    }
    if simulation is None:
        trained = problem.trainable
        if len(seeds) > 1:
            trained = on_seeds(trained, seeds)  # type: ignore[arg-type] # make_problem has checked that it is a class
        return ray_engine.run(
            trained,
            resources=resources,
            storage_path=storage_path,
            name=name,
            resume=resume,
            settings=settings,
            **common,
        )
    path = f"{storage_path}/{name}"
    try:
        with evaluation(problem, simulation, seeds, resources) as trainings:
            simulated = simulated_engine.run(
                trainings,
                time_attr=problem.time_attr,
                workers=simulation.workers,
                max_failures=simulation.max_failures,
                checkpoint_every=simulation.checkpoint_every,
                faults=simulation.faults,
                **common,
            )
    except KeyboardInterrupt:
        return Outcome(None, path, True, [*callbacks], scheduler, None)
    return Outcome(None, path, False, simulated.callbacks, scheduler, simulated.decisions, simulated.overhead)


def evaluation(
    problem: Problem, simulation: Simulation, seeds: Sequence[int], resources: Mapping[str, float] | None = None
) -> AbstractContextManager[Evaluation]:
    """What a worker of the simulated clock does for this problem, within the context.

    Raises:
        ArgumentError: If the trainable is a function: those run in processes of Ray's only. If Ray workers shall
            compute curves.
    """
    if problem.curve is not None:
        if simulation.compute:
            raise ArgumentError(
                f"`compute` is {simulation.compute}, but the curves of this workload are looked up, and nothing is "
                "trained: leave `compute` out"
            )
        curve = mean_curve(problem.curve, seeds) if len(seeds) > 1 else problem.curve

        def seeded(config: Config) -> Curve:
            bare = {key: value for key, value in config.items() if key not in (SEED, FIDELITY)}
            return curve(bare, config.get(SEED, 0))

        return nullcontext(Curves(seeded, problem.time_attr))
    trainable: Any = problem.trainable
    if not (inspect.isclass(trainable) and issubclass(trainable, tune.Trainable)):
        raise ArgumentError(
            f"the simulated clock cannot train {getattr(trainable, '__name__', trainable)!r}: write a "
            "ray.tune.Trainable class, or take the engine 'ray'"
        )
    cost = simulation.cost or problem.cost or (lambda _config: 1.0)
    seconds = cost
    if len(seeds) > 1:
        trainable, seconds = on_seeds(trainable, seeds), lambda config: len(seeds) * cost(config)
    if simulation.compute:
        return Parallel(trainable, seconds, compute=simulation.compute, resources=resources)
    return nullcontext(InProcess(trainable, seconds))
