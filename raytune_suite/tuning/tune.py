"""`tune()`: a whole study with one call."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ray.tune import Callback

from raytune_suite import seeding
from raytune_suite.automatic import AUTO
from raytune_suite.engines.callbacks.stop_rules import make_rules
from raytune_suite.engines.callbacks.trackers import TRACKERS
from raytune_suite.engines.ray.settings import Settings
from raytune_suite.engines.resources import RESOURCES
from raytune_suite.engines.storage import checked_filesystem
from raytune_suite.methods import METHOD_ARGS
from raytune_suite.tuning.arguments import BUDGET, LIMIT, NAME, PRICE, Limits, make_engine
from raytune_suite.tuning.result import StudyResult
from raytune_suite.tuning.study import StudyOptions, run_study
from raytune_suite.tuning.task import make_task
from raytune_suite.tuning.warm_start import sources
from raytune_suite.types import COUNT, MODE
from raytune_suite.validation import checked, flag, instance, one_of, optional, sequence, text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from raytune_suite.engines.base import Engine
    from raytune_suite.engines.resources import Resources
    from raytune_suite.methods import Method
    from raytune_suite.workloads import Workload


@checked(
    method_args=optional(METHOD_ARGS),
    metric=optional(text("the name of a reported value")),
    mode=optional(MODE),
    max_t=optional(COUNT),
    time_attr=optional(text("the name of a reported value")),
    num_samples=optional(COUNT),
    budget=BUDGET,
    time_limit=LIMIT,
    price_per_hour=PRICE,
    resources=optional(RESOURCES),
    max_concurrent=optional(COUNT),
    seed=seeding.SEED,
    tuning_seeds=optional(seeding.SEEDS),
    test_seeds=optional(seeding.SEEDS),
    storage_path=instance((str, Path), "the path of a folder, or a URI"),
    name=optional(NAME),
    resume=flag(),
    retry=optional(one_of("failed")),
    warm_start=sequence(instance((StudyResult, str, Path), "a result or a path"), "a list of results or paths"),
    callbacks=sequence(instance(Callback, "a callback"), "a list of callbacks of Ray Tune"),
    trackers=sequence(one_of(*TRACKERS), "a list of " + ", ".join(map(repr, TRACKERS))),
    settings=optional(instance(Settings, "a raytune_suite.Settings")),
    progress=optional(flag()),
)
def tune(
    trainable: Any = None,
    space: dict[str, Any] | None = None,
    *,
    workload: str | Workload | None = None,
    method: str | Method = AUTO,
    method_args: Mapping[str, Any] | None = None,
    metric: str | None = None,
    mode: str | None = None,
    max_t: int | None = None,
    time_attr: str | None = None,
    num_samples: int | None = None,
    budget: float | str | None = None,
    time_limit: float | None = None,
    price_per_hour: float | None = None,
    resources: Resources | Sequence[Mapping[str, float]] | None = None,
    max_concurrent: int | None = None,
    seed: int = 0,
    tuning_seeds: Sequence[int] | None = None,
    test_seeds: Sequence[int] | None = None,
    storage_path: str | Path = "~/ray_results",
    storage_filesystem: Any = None,
    name: str | None = None,
    resume: bool = False,
    retry: str | None = None,
    stop: Any = None,
    warm_start: Sequence[StudyResult | str | Path] = (),
    callbacks: Sequence[Callback] = (),
    trackers: Sequence[str] = (),
    engine: str | Engine = "ray",
    settings: Settings | None = None,
    progress: bool | None = None,
) -> StudyResult:
    """Run a study, and return its result. However it ends, `resume=True` with the same arguments continues it.

    Args:
        trainable: A function of a config that calls `ray.tune.report`, or a `ray.tune.Trainable` class.
        space: The search space, a dict of Ray Tune's domains.
        workload: A workload or its name, instead of `trainable`, `space`, `metric`, `mode`, `max_t` and `time_attr`.
        method: A method ("asha"), a pair ("tpe+asha"), or a `Method`. By default, one that suits the study is chosen.
        method_args: Arguments of the method, such as `{"eta": 4}`.
        metric: The reported value to optimize.
        mode: "min" or "max".
        max_t: The maximum resource of a trial, in units of `time_attr`; multi-fidelity methods need it.
        time_attr: The reported value that measures a trial's resource; by default the number of reports.
        num_samples: The maximum number of trials. For a population method, its size: by default 10.
        budget: The total of all trials, in full trainings (`max_t` each), or what all machines may cost, as "20 USD".
        time_limit: Seconds. `num_samples`, `budget` or `time_limit` is required, unless the method ends by itself.
        price_per_hour: US dollars per hour of one machine. By default looked up for machines that `ray up` started.
        resources: What a trial occupies, by default `{"cpu": 1}`; with several workers, a list with a dict per process.
        max_concurrent: The maximum number of trials at once. On a cluster that grows, the number that it can hold.
        seed: Seeds all random draws of the method.
        tuning_seeds: Training seeds that the method sees (in `config["seed"]`); with several, metrics are averaged.
        test_seeds: Training seeds on which the chosen config is finally trained from scratch and scored.
        storage_path: The folder or URI that holds studies; on several machines, one that all of them can access.
        storage_filesystem: The file system of pyarrow or fsspec in which `storage_path` is a path, if it is not a URI.
        name: The study's name, by default derived from the trainable, the method and the time.
        resume: Continue the study called `name`; with higher limits or a larger space, even after it has finished.
        retry: "failed" to train the configs of failed trials again, as new trials of the study that is resumed.
        stop: Targets such as `{"val_loss": 0.05}`, rules such as `rts.NoImprovement(20)`, Ray's stoppers, or functions.
        warm_start: Results or paths of earlier studies; the searcher first learns from those of their trials that fit.
        callbacks: Ray Tune callbacks.
        trackers: Trackers that also log trials: "mlflow", "wandb", "tensorboard" or "trackio".
        engine: "ray", "simulated" (a virtual clock in this process), or a `Simulation` with its own settings.
        settings: How Ray runs the study.
        progress: Whether to show a progress line, or a table in a notebook; by default on a terminal or in a notebook.

    Raises:
        RaytuneSuiteError: Before anything starts, if an argument cannot be used (ArgumentError, UnknownNameError,
            SpaceError, MissingPackageError); later, if no trial has a usable result (StudyError).
        StudyInterrupted: After Ctrl-C; the message says how to continue.
    """
    task = make_task(trainable, space, workload, metric, mode, max_t, time_attr, tuning_seeds, test_seeds)
    limits = Limits.of(num_samples, cast("Any", budget), time_limit)
    how: dict[str, Any] = {"resources": resources, "max_concurrent": max_concurrent, "seed": seed, "progress": progress}
    how |= {"callbacks": tuple(callbacks), "trackers": tuple(trackers), "warm_start": sources(warm_start)}
    how |= {"method": method, "method_args": dict(method_args or {}), "retry": retry is not None}
    options = StudyOptions(limits=limits, stop=make_rules(stop, task.objective), price_per_hour=price_per_hour, **how)
    made, filesystem = make_engine(engine, settings), checked_filesystem(storage_filesystem)
    return run_study(task, options, made, storage_path, name, resume=resume, storage_filesystem=filesystem)
