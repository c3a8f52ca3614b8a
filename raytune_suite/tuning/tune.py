"""`tune()`: a whole study with one call."""

from __future__ import annotations

import dataclasses
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from raytune_suite.engines import base
from raytune_suite.engines.base import Simulation, check_engine
from raytune_suite.engines.callbacks.budget import StudyStopper
from raytune_suite.engines.callbacks.progress import Progress
from raytune_suite.engines.callbacks.study_log import Report, StudyLog, incumbents
from raytune_suite.engines.ray import engine as ray_engine
from raytune_suite.engines.ray.engine import Settings
from raytune_suite.errors import ArgumentError, StudyInterrupted
from raytune_suite.methods import Method, make_method, options, parts
from raytune_suite.schedulers import SCHEDULERS
from raytune_suite.schedulers.population import PopulationScheduler
from raytune_suite.searchers import SEARCHERS
from raytune_suite.searchers.grid import GridSearcher
from raytune_suite.spaces import Space
from raytune_suite.tuning.final_evaluation import judge
from raytune_suite.tuning.result import (
    StudyResult,
    check_manifest,
    check_name,
    check_outcome,
    how_to_resume,
    plain,
    write,
)
from raytune_suite.tuning.task import Problem, make_problem
from raytune_suite.types import SEED, as_number, check_count, hyperparameters

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ray.tune import Callback

    from raytune_suite.schedulers import StudyScheduler
    from raytune_suite.workloads import Workload

__all__ = ["Simulation", "StudyResult", "tune"]

POPULATION = 10
"""The population of a method that has one, where nobody says how many."""


def tune(
    trainable: Any = None,
    space: dict[str, Any] | None = None,
    *,
    workload: str | Workload | None = None,
    method: str | Method = "asha",
    method_args: Mapping[str, Any] | None = None,
    metric: str | None = None,
    mode: str | None = None,
    max_t: int | None = None,
    time_attr: str | None = None,
    num_samples: int | None = None,
    budget: float | None = None,
    time_limit: float | None = None,
    resources: Mapping[str, float] | None = None,
    max_concurrent: int | None = None,
    seed: int = 0,
    tuning_seeds: Sequence[int] | None = None,
    test_seeds: Sequence[int] | None = None,
    storage_path: str | Path = "~/ray_results",
    name: str | None = None,
    resume: bool = False,
    callbacks: Sequence[Callback] = (),
    engine: str | Simulation = "ray",
    settings: Settings | None = None,
    progress: bool | None = None,
) -> StudyResult:
    """Tune a model.

    The study is saved as it goes: whatever ends it, `resume=True` with the same arguments goes on with it.

    Args:
        trainable: Any Ray trainable: a function of a config that calls `ray.tune.report`, or a `tune.Trainable` class.
        space: The search space in Ray Tune's own objects.
        workload: A workload or its name, in place of `trainable`, `space`, `metric`, `mode` and `max_t`.
        method: The name of a method ("asha") or of a pair ("tpe+asha"), or a `Method` made by hand.
        method_args: The arguments of the method, such as `{"eta": 4}`.
        metric: The name of the reported value to optimize.
        mode: "min" or "max".
        max_t: The most resource of a trial, in units of `time_attr`. All methods that judge unfinished trials need it.
        time_attr: The reported value that counts how much a trial has been trained; by default the reports.
        num_samples: The most trials. For a population method the size of the population, by default 10.
        budget: The most that all trials together may spend, in full trainings: `budget * max_t` units of `time_attr`.
        time_limit: The most seconds. At least one of these three ends the study, unless the method ends by itself.
        resources: What one trial occupies, such as `{"cpu": 2, "gpu": 0.5}`; by default one CPU.
        max_concurrent: The most trials at once; by default as many as the cluster can place. Where an autoscaler starts
            machines, give how many its pools can hold: so many ask for one together, in place of one after the other.
        seed: Drives all draws of the method.
        tuning_seeds: The training seeds that the method may see. A trainable finds its seed in `config["seed"]`. With
            several (class trainables only) each trial trains on all of them, and its metric is the mean.
        test_seeds: Training seeds on which the chosen config is trained anew at the end, to be judged.
        storage_path: The folder or URI that holds studies; on several machines one that all of them see.
        name: The study's name; by default made of the trainable, the method and the time.
        resume: Go on with the study called `name`, with the arguments and callbacks that it began with.
        callbacks: Ray callbacks.
        engine: "ray", or "simulated" for a virtual clock in this process: the same decisions thousands of times faster
            where curves are looked up. A `Simulation` has its settings.
        settings: How Ray shall run it; the defaults are the fastest.
        progress: Whether to show a line about the study as it runs; by default on a terminal only.

    Raises:
        ArgumentError: If an argument cannot be used, or the cluster can never do it; nothing was started.
        UnknownNameError: If the method, an argument of it or the workload is unknown; nothing was started.
        SpaceError: If the space is malformed or the method cannot serve it; nothing was started.
        MissingPackageError: If the method or the workload needs a package that is missing; nothing was started.
        StudyError: If no trial has a usable result; the message says why.
        StudyInterrupted: After Ctrl-C; the message says how to go on.

    Example:
        >>> import raytune_suite as rts
        >>> result = rts.tune(workload="live/digits-mlp", method="asha", budget=5)  # doctest: +SKIP
        >>> result.best_config  # doctest: +SKIP
    """
    arguments = {"metric": metric, "mode": mode, "max_t": max_t, "time_attr": time_attr}
    simulation = check_engine(engine)
    problem = make_problem(
        trainable, space, workload, arguments=arguments, tuning_seeds=tuning_seeds, test_seeds=test_seeds
    )
    wired = wire(method, problem, dict(method_args or {}), max_concurrent=max_concurrent, seed=seed)
    num_samples = _check_limits(wired, problem, num_samples, budget, time_limit)
    _check_resources(resources)
    storage = str(storage_path) if "://" in str(storage_path) else str(Path(storage_path).expanduser().resolve())
    if simulation is not None:
        base.evaluation(problem, simulation, problem.tuning_seeds, resources)  # refuses what it cannot run
        if resume:
            raise ArgumentError("a simulated study is not resumed: run it again, the same seeds give the same study")
    name = check_name(problem, wired.name, storage, name, resume=resume)
    if simulation is None:
        ray_engine.check_cluster(storage, resources)
    path = f"{storage}/{name}"
    settings = settings or Settings()
    manifest = {
        "schema": 1,
        "method": wired.name,
        "method_args": plain(method_args or {}),
        "space": Space(problem.full_space).describe(),
        "metric": problem.metric,
        "mode": problem.mode,
        "max_t": problem.max_t,
        "time_attr": problem.time_attr,
        "num_samples": num_samples,
        "budget": budget,
        "time_limit": time_limit,
        "max_concurrent": max_concurrent,
        "resources": dict(resources or {}),
        "engine": "ray" if simulation is None else repr(dataclasses.replace(simulation, cost=None)),
        "settings": dataclasses.asdict(settings),
        "seed": seed,
        "tuning_seeds": list(problem.tuning_seeds),
        "test_seeds": list(problem.test_seeds),
    }
    check_manifest(path, manifest, resume=resume)
    log = StudyLog(
        metric=problem.metric,
        mode=problem.mode,
        time_attr=problem.time_attr,
        max_t=problem.max_t,
        scheduler=wired.scheduler,
    )
    watchers: list[Callback] = [log, *callbacks]
    if sys.stderr.isatty() if progress is None else progress:
        watchers.append(Progress(log, wired.name))
    total = None if budget is None else budget * (problem.max_t or 1)
    ran = base.run(
        problem,
        simulation,
        seeds=problem.tuning_seeds,
        searcher=wired.searcher,
        scheduler=wired.scheduler,
        num_samples=num_samples,
        time_limit=time_limit,
        stopper=StudyStopper(total, metric=problem.metric, time_attr=problem.time_attr),
        resources=resources,
        storage_path=storage,
        name=name,
        callbacks=watchers,
        resume=resume,
        settings=settings,
    )
    log = next(callback for callback in ran.callbacks if isinstance(callback, StudyLog))
    found = incumbents(log.reports, log.mode)
    if ran.interrupted:
        again = "a simulated study starts anew" if simulation else how_to_resume(storage, name)
        raise StudyInterrupted(f"interrupted after {len(log.trials)} trials; {again}")
    check_outcome(log, found, path)
    lineages = [log.lineage(report) for report in found]
    test_scores = None
    if problem.test_seeds:
        test_scores = judge(problem, lineages[-1], path, simulation=simulation, resources=resources, settings=settings)
    result = StudyResult(
        name=name,
        path=ran.path,
        method=wired.name,
        metric=problem.metric,
        mode=problem.mode,
        time_attr=problem.time_attr,
        max_t=problem.max_t,
        trials=log.trials_frame(),
        reports=log.reports_frame(),
        incumbent=pd.DataFrame(found, columns=list(Report._fields)),
        best_config={
            key: value
            for key, value in hyperparameters(lineages[-1][-1].config).items()
            if key != SEED or not problem.tuning_seeds
        },
        lineages=lineages,
        test_scores=test_scores,
        result_grid=ran.grid,
        overhead=ran.overhead,
    )
    write(result, ran.decisions)
    return result


def wire(
    method: str | Method,
    problem: Problem,
    method_args: dict[str, Any],
    *,
    max_concurrent: int | None,
    seed: int,
) -> Method:
    """The method, made or completed.

    Raises:
        ArgumentError: If the method cannot serve the problem, or one made by hand contradicts the arguments.
    """
    if not isinstance(method, Method):
        searcher, scheduler = parts(method)
        reason = refusal(method, SCHEDULERS[scheduler], problem)
        if reason:
            raise ArgumentError(reason)
        takes = {*options(SEARCHERS[searcher]), *options(SCHEDULERS[scheduler])}
        defaults = {key: value for key, value in problem.defaults.items() if key in takes}
        return make_method(
            method,
            problem.full_space,
            metric=problem.metric,
            mode=problem.mode,
            max_t=problem.max_t,
            time_attr=problem.time_attr,
            max_concurrent=max_concurrent,
            seed=seed,
            **{**defaults, **method_args},
        )
    if method_args or max_concurrent is not None:
        raise ArgumentError("`method` is made already: give `method_args` and `max_concurrent` where it is made")
    ok = method.searcher.set_search_properties(problem.metric, problem.mode, problem.full_space)
    if not ok or not method.scheduler.set_search_properties(problem.metric, problem.mode):
        raise ArgumentError(f"method {method.name!r} was made with another space, metric or mode: leave them out there")
    for name in ("max_t", "time_attr"):
        theirs, ours = getattr(method.scheduler, name), getattr(problem, name)
        if theirs != ours:
            raise ArgumentError(f"method {method.name!r} was made with {name}={theirs!r}, but the study has {ours!r}")
    if method.scheduler.used():
        raise ArgumentError(f"method {method.name!r} has been used in a study: make a new one for each")
    return method


def refusal(name: str, scheduler: type[StudyScheduler], problem: Problem) -> str:
    """Why a method with this scheduler cannot serve a problem whose trainings have no state; "" if it can."""
    if not problem.stateless or not scheduler.needs_state:
        return ""
    return (
        f"method {name!r} copies and changes trainings, but {problem.stateless}: "
        "use asha, hyperband or bohb, or a workload that is trained live"
    )


def _check_limits(
    method: Method, problem: Problem, num_samples: int | None, budget: float | None, time_limit: float | None
) -> int:
    """The number of trials for Ray, -1 for no limit.

    Raises:
        ArgumentError: If nothing would end the study, or a limit cannot be used.
    """
    if num_samples is not None:
        check_count("num_samples", num_samples)
    for name, limit in (("budget", budget), ("time_limit", time_limit)):
        number = as_number(limit)
        if limit is not None and (number is None or not number > 0):
            raise ArgumentError(f"`{name}` is {limit!r}, but must be a number greater than 0")
    if budget is not None and problem.max_t is None:
        raise ArgumentError("`budget` counts full trainings, so `max_t` must say how long one is")
    if num_samples is not None:
        return num_samples
    if isinstance(method.scheduler, PopulationScheduler):
        return POPULATION
    if budget is None and time_limit is None and not isinstance(method.searcher, GridSearcher):
        raise ArgumentError("nothing would end the study: give `num_samples`, `budget` or `time_limit`")
    return -1


def _check_resources(resources: Mapping[str, float] | None) -> None:
    """Refuse what Ray would refuse only when the first trial starts.

    Raises:
        ArgumentError: If an amount is no number of 0 or more, or a trial would occupy no CPU.
    """
    for name, amount in (resources or {}).items():
        number = as_number(amount)
        if number is None or not 0 <= number < math.inf or (name.lower() == "cpu" and number == 0):
            raise ArgumentError(f"`resources` has {name}={amount!r}, but must have a positive number there")
        if name.lower() == "gpu" and number > 1 and number != int(number):
            raise ArgumentError(
                f"`resources` has {name}={amount!r}, but a trial has a part of one GPU, such as 0.5, or whole ones"
            )
