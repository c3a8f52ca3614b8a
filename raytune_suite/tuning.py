"""`tune()`: a whole study with one call, and the record of what came out."""

from __future__ import annotations

import dataclasses
import datetime as dt
import inspect
import json
import logging
import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from ray import tune as ray_tune

from raytune_suite import seeding
from raytune_suite.errors import ArgumentError, StudyError, StudyInterrupted, near
from raytune_suite.execution import ray_backend
from raytune_suite.execution.budget import StudyStopper
from raytune_suite.execution.progress import Progress
from raytune_suite.execution.ray_backend import Settings
from raytune_suite.execution.seeds import SEED, on_seeds
from raytune_suite.execution.study_log import Report, StudyLog, incumbents
from raytune_suite.methods import Method, make_method, options, parts
from raytune_suite.optional import EXTRAS, require
from raytune_suite.schedulers import SCHEDULERS, StudyScheduler
from raytune_suite.schedulers.fifo import FIFO
from raytune_suite.schedulers.population import PopulationScheduler, ReplayScheduler, Stage
from raytune_suite.searchers import SEARCHERS
from raytune_suite.searchers.grid import GridSearcher
from raytune_suite.spaces import Space
from raytune_suite.types import Config, Mode, as_number, check_count, check_mode
from raytune_suite.workloads import Workload
from raytune_suite.workloads import workload as find_workload

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ray.tune import Callback, ResultGrid

    from raytune_suite.execution.ray_backend import Trainable

_logger = logging.getLogger("raytune_suite")

POPULATION = 10
"""The population of a method that has one, where nobody says how many."""


@dataclass(frozen=True)
class StudyResult:
    """What a study found.

    Attributes:
        name: The study's name.
        path: The folder in which it lies.
        method: The method's name.
        metric: The metric's name.
        mode: "min" or "max".
        time_attr: The reported value that counts the resource.
        max_t: The most resource of a trial, or None.
        trials: One row per trial, indexed by its number: status (Ray's word), outcome (ours), stopped_early, resource,
            value (the last one), error, config/..., and the other values of the last report.
        reports: One row per report: trial, resource, value, elapsed (seconds), cost (the study's so far), complete.
        incumbent: The rows of `reports` at which the incumbent changed; the last one is the result.
        best_config: The incumbent's config; of a population method, what it ended with.
        lineage: The schedule behind the incumbent: one stage, or several of a population method.
        test_scores: One row per test seed (seed, value): the chosen config trained anew; None if no seeds were given.
        result_grid: Ray's own result.
    """

    name: str
    path: str
    method: str
    metric: str
    mode: Mode
    time_attr: str
    max_t: int | None
    trials: pd.DataFrame
    reports: pd.DataFrame
    incumbent: pd.DataFrame
    best_config: Config
    lineage: list[Stage]
    test_scores: pd.DataFrame | None
    result_grid: ResultGrid

    @property
    def best_trial(self) -> int:
        """The number of the incumbent's trial."""
        return int(self.incumbent["trial"].iloc[-1])

    @property
    def best_value(self) -> float:
        """The metric of the incumbent, on the tuning seeds."""
        return float(self.incumbent["value"].iloc[-1])

    @property
    def test_value(self) -> float | None:
        """The mean of the metric over the test seeds, NaN if a training failed; None if there were no test seeds."""
        return None if self.test_scores is None else float(self.test_scores["value"].mean(skipna=False))


@dataclass(frozen=True)
class _Problem:
    """What is tuned, whether it came as arguments or as a workload."""

    trainable: Trainable
    space: dict[str, Any]
    metric: str
    mode: Mode
    time_attr: str
    max_t: int | None
    tuning_seeds: tuple[int, ...]
    test_seeds: tuple[int, ...]
    defaults: dict[str, Any]


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
        max_concurrent: The most trials at once; by default as many as the cluster can place.
        seed: Drives all draws of the method.
        tuning_seeds: The training seeds that the method may see. A trainable finds its seed in `config["seed"]`. With
            several (class trainables only) each trial trains on all of them, and its metric is the mean.
        test_seeds: Training seeds on which the chosen config is trained anew at the end, to be judged.
        storage_path: The folder or URI that holds studies.
        name: The study's name; by default made of the trainable, the method and the time.
        resume: Go on with the study called `name`, with the arguments and callbacks that it began with.
        callbacks: Ray callbacks.
        settings: How Ray shall run it; the defaults are the fastest.
        progress: Whether to show a line about the study as it runs; by default on a terminal only.

    Raises:
        ArgumentError: If an argument cannot be used; nothing was started.
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
    problem = _problem(
        trainable, space, workload, arguments=arguments, tuning_seeds=tuning_seeds, test_seeds=test_seeds
    )
    full_space = {**problem.space, SEED: problem.tuning_seeds[0]} if problem.tuning_seeds else problem.space
    wired = _wire(method, full_space, problem, dict(method_args or {}), max_concurrent=max_concurrent, seed=seed)
    num_samples = _check_limits(wired, problem, num_samples, budget, time_limit)
    _check_resources(resources)
    storage = str(storage_path) if "://" in str(storage_path) else str(Path(storage_path).expanduser().resolve())
    name = _check_name(problem, wired, storage, name, resume=resume)
    manifest = {
        "schema": 1,
        "method": wired.name,
        "method_args": _plain(method_args or {}),
        "space": Space(full_space).describe(),
        "metric": problem.metric,
        "mode": problem.mode,
        "max_t": problem.max_t,
        "time_attr": problem.time_attr,
        "num_samples": num_samples,
        "budget": budget,
        "time_limit": time_limit,
        "max_concurrent": max_concurrent,
        "resources": dict(resources or {}),
        "settings": dataclasses.asdict(settings or Settings()),
        "seed": seed,
        "tuning_seeds": list(problem.tuning_seeds),
        "test_seeds": list(problem.test_seeds),
    }
    _check_manifest(f"{storage}/{name}", manifest, resume=resume)
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
    trained = problem.trainable
    if len(problem.tuning_seeds) > 1:
        trained = on_seeds(trained, problem.tuning_seeds)  # type: ignore[arg-type] # _problem has checked that it is a class
    outcome = ray_backend.run(
        trained,
        searcher=wired.searcher,
        scheduler=wired.scheduler,
        metric=problem.metric,
        mode=problem.mode,
        num_samples=num_samples,
        time_limit=time_limit,
        stopper=StudyStopper(total, metric=problem.metric, time_attr=problem.time_attr),
        resources=resources,
        storage_path=storage,
        name=name,
        callbacks=watchers,
        resume=resume,
        settings=settings or Settings(),
    )
    log = next(callback for callback in outcome.callbacks if isinstance(callback, StudyLog))
    found = incumbents(log.reports, log.mode)
    if outcome.interrupted:
        raise StudyInterrupted(f"interrupted after {len(log.trials)} trials; {_how_to_resume(storage, name)}")
    _check_outcome(log, found, outcome.path)
    best = log.trials[found[-1].trial]
    lineage = [Stage(0, best.config)]
    if isinstance(outcome.scheduler, PopulationScheduler):
        lineage = outcome.scheduler.lineage(best.trial_id, found[-1].resource)
    test_scores = _judge(problem, lineage, outcome.path, resources, settings) if problem.test_seeds else None
    result = StudyResult(
        name=name,
        path=outcome.path,
        method=wired.name,
        metric=problem.metric,
        mode=problem.mode,
        time_attr=problem.time_attr,
        max_t=problem.max_t,
        trials=log.trials_frame(),
        reports=log.reports_frame(),
        incumbent=pd.DataFrame(found, columns=list(Report._fields)),
        best_config={
            key: value for key, value in lineage[-1].config.items() if key != SEED or not problem.tuning_seeds
        },
        lineage=lineage,
        test_scores=test_scores,
        result_grid=outcome.grid,
    )
    _write(result)
    return result


def _problem(
    trainable: Any,
    space: dict[str, Any] | None,
    workload: str | Workload | None,
    *,
    arguments: dict[str, Any],
    tuning_seeds: Sequence[int] | None,
    test_seeds: Sequence[int] | None,
) -> _Problem:
    """Check what is tuned, and complete it from the workload.

    Raises:
        ArgumentError: If something is missing, given twice, or cannot be used.
    """
    if workload is not None:
        return _workload_problem(
            workload, trainable, space, arguments=arguments, tuning_seeds=tuning_seeds, test_seeds=test_seeds
        )
    for key, value in (("trainable", trainable), ("space", space), ("metric", arguments["metric"])):
        if value is None:
            raise ArgumentError(f"`{key}` is missing: give `trainable`, `space`, `metric` and `mode`, or a `workload`")
    seeds = _check_seeds("tuning_seeds", tuning_seeds if tuning_seeds is not None else [0] if test_seeds else [])
    tests = _check_seeds("test_seeds", test_seeds or [])
    shared = sorted(set(seeds) & set(tests))
    if shared:
        raise ArgumentError(f"the seeds {shared} are among `tuning_seeds` and `test_seeds`: the method has seen them")
    checked = ray_backend.check_trainable(trainable)
    is_class = inspect.isclass(checked)
    if len(seeds) > 1 and not is_class:
        raise ArgumentError(
            f"`tuning_seeds` has {len(seeds)} seeds, but a function can be trained on one at a time only: "
            "give one, or write a ray.tune.Trainable class"
        )
    if not isinstance(space, dict):
        raise ArgumentError(f"`space` is {space!r}, but must be a dict of ray.tune domains")
    if seeds and SEED in space:
        raise ArgumentError(f"the space has an entry {SEED!r}, where the trainable shall find its seed: rename it")
    return _Problem(
        trainable=checked,
        space=space,
        metric=str(arguments["metric"]),
        mode=check_mode(arguments["mode"]),
        time_attr=arguments["time_attr"] or "training_iteration",
        max_t=arguments["max_t"],
        tuning_seeds=seeds,
        test_seeds=tests,
        defaults={},
    )


def _workload_problem(
    workload: str | Workload,
    trainable: Any,
    space: dict[str, Any] | None,
    *,
    arguments: dict[str, Any],
    tuning_seeds: Sequence[int] | None,
    test_seeds: Sequence[int] | None,
) -> _Problem:
    """What a workload says, as arguments."""
    given = [key for key, value in {"trainable": trainable, "space": space, **arguments}.items() if value is not None]
    if given:
        raise ArgumentError(f"`{given[0]}` and `workload` are both given, but the workload brings its own")
    found = find_workload(workload) if isinstance(workload, str) else workload
    for module in EXTRAS[found.extra] if found.extra else ():
        require(module, extra=str(found.extra))
    problem = _problem(
        found.trainable,
        found.space,
        None,
        arguments={"metric": found.metric, "mode": found.mode, "max_t": found.max_t, "time_attr": found.time_attr},
        tuning_seeds=found.tuning_seeds if tuning_seeds is None else tuning_seeds,
        test_seeds=found.test_seeds if test_seeds is None else test_seeds,
    )
    defaults = {"min_t": found.min_t, "eta": found.eta, "mutable": found.mutable or None}
    return dataclasses.replace(problem, defaults=defaults)


def _wire(
    method: str | Method,
    space: dict[str, Any],
    problem: _Problem,
    method_args: dict[str, Any],
    *,
    max_concurrent: int | None,
    seed: int,
) -> Method:
    """The method, made or completed.

    Raises:
        ArgumentError: If a method made by hand contradicts the arguments.
    """
    if not isinstance(method, Method):
        searcher, scheduler = parts(method)
        takes = {*options(SEARCHERS[searcher]), *options(SCHEDULERS[scheduler])}
        defaults = {key: value for key, value in problem.defaults.items() if key in takes}
        return make_method(
            method,
            space,
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
    ok = method.searcher.set_search_properties(problem.metric, problem.mode, space)
    if not ok or not method.scheduler.set_search_properties(problem.metric, problem.mode):
        raise ArgumentError(f"method {method.name!r} was made with another space, metric or mode: leave them out there")
    for name in ("max_t", "time_attr"):
        theirs, ours = getattr(method.scheduler, name), getattr(problem, name)
        if theirs != ours:
            raise ArgumentError(f"method {method.name!r} was made with {name}={theirs!r}, but the study has {ours!r}")
    if method.scheduler.used():
        raise ArgumentError(f"method {method.name!r} has been used in a study: make a new one for each")
    return method


def _check_limits(
    method: Method, problem: _Problem, num_samples: int | None, budget: float | None, time_limit: float | None
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


def _check_seeds(name: str, seeds: Sequence[int]) -> tuple[int, ...]:
    checked = tuple(seeding.check_seed(seed) for seed in seeds)
    if len(set(checked)) < len(checked):
        raise ArgumentError(f"`{name}` is {list(checked)}, but must not hold a seed twice")
    return checked


def _check_name(problem: _Problem, method: Method, storage: str, name: str | None, *, resume: bool) -> str:
    """The study's name.

    Raises:
        ArgumentError: If it is taken, or shall be resumed and is not there.
    """
    if name is None:
        if resume:
            raise ArgumentError("`resume` needs `name`: which study shall go on")
        what = problem.trainable if isinstance(problem.trainable, str) else problem.trainable.__name__
        now = dt.datetime.now().astimezone()
        return f"{what.strip('<>')}-{method.name}-{now:%Y%m%d-%H%M%S-%f}"
    if not name or "/" in name:
        raise ArgumentError(f"`name` is {name!r}, but must be the name of a folder")
    there = ray_backend.exists(storage, name)
    if resume and not there:
        raise ArgumentError(f"no study named {name!r} is in {storage}: leave out `resume` to start it")
    if there and not resume:
        raise ArgumentError(
            f"a study named {name!r} is in {storage} already: go on with it by `resume=True`, or choose another name"
        )
    return name


def _check_manifest(path: str, manifest: dict[str, Any], *, resume: bool) -> None:
    """Write the manifest of a new study, or compare it with that of the one to be resumed.

    Raises:
        ArgumentError: If an argument differs: the study would not be one.
    """
    folder = ray_backend.local_folder(path)
    if folder is None:
        return
    place = folder / "study.json"
    if resume and place.exists():
        before = json.loads(place.read_text())
        for key, value in manifest.items():
            if before.get(key) != _plain(value):
                raise ArgumentError(
                    f"`{key}` was {before.get(key)!r} when this study began and is {value!r} now: a study goes on with "
                    "the arguments that it began with"
                )
        return
    folder.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps(manifest, indent=2, default=repr) + "\n")


def _plain(value: Any) -> Any:
    """`value` as JSON would give it back."""
    return json.loads(json.dumps(value, default=repr))


def _how_to_resume(storage: str, name: str) -> str:
    return (
        f"everything is saved. Go on with the same call and `resume=True, name={name!r}, storage_path={storage!r}` "
        f"(`raytune-suite run`: --resume --name {name} --storage-path {storage})"
    )


def _check_outcome(log: StudyLog, found: list[Report], path: str) -> None:
    """Tell about failures.

    Raises:
        StudyError: If no trial has a usable result.
    """
    failed = [record for record in log.trials if record.error]
    if found:
        if failed:
            _logger.warning("%d of %d trials failed; their errors are in %s", len(failed), len(log.trials), path)
        return
    if failed:
        raise StudyError(
            f"all {len(failed)} trials that ended have failed, the first with {failed[0].error!r}; "
            f"the tracebacks are in {path}/*/error.txt"
        )
    if log.unmetered and not log.reports:
        raise StudyError(
            f"no trial has reported the metric {log.metric!r}{near(log.metric, log.unmetered)} "
            f"(reported: {', '.join(log.unmetered)})"
        )
    if log.wrong is not None:
        number, value = log.wrong
        raise StudyError(f"trial {number} reported {log.metric!r} as {value!r}, but a metric must be a number")
    if log.reports:
        raise StudyError(
            f"no trial has reported a finite {log.metric!r}: all {len(log.reports)} reports are NaN or infinite"
        )
    raise StudyError(f"no trial has reported anything before the study ended; its folder is {path}")


def _judge(
    problem: _Problem,
    lineage: list[Stage],
    path: str,
    resources: Mapping[str, float] | None,
    settings: Settings | None,
) -> pd.DataFrame:
    """Train the chosen schedule anew on each test seed; a study within the study's folder, resumed if it is there.

    A training that fails has a score of NaN, and is told.

    Raises:
        StudyError: If Ray gave up.
        StudyInterrupted: After Ctrl-C.
    """
    space = {**lineage[0].config, SEED: ray_tune.grid_search(list(problem.test_seeds))}
    common: dict[str, Any] = {"metric": problem.metric, "mode": problem.mode, "time_attr": problem.time_attr}
    searcher = GridSearcher(space=space, **common)
    scheduler: StudyScheduler = FIFO(max_t=problem.max_t, **common)
    if len(lineage) > 1:
        scheduler = ReplayScheduler(lineage, keep=(SEED,), max_t=problem.max_t, **common)
    log = StudyLog(max_t=problem.max_t, scheduler=scheduler, **common)
    outcome = ray_backend.run(
        problem.trainable,
        searcher=searcher,
        scheduler=scheduler,
        metric=problem.metric,
        mode=problem.mode,
        num_samples=-1,
        time_limit=None,
        stopper=StudyStopper(None, metric=problem.metric, time_attr=problem.time_attr),
        resources=resources,
        storage_path=path,
        name="test",
        callbacks=[log],
        resume=ray_backend.exists(path, "test"),
        settings=settings or Settings(),
    )
    log = next(callback for callback in outcome.callbacks if isinstance(callback, StudyLog))
    if outcome.interrupted:
        folder, _, name = path.rpartition("/")
        raise StudyInterrupted(f"interrupted while judging on the test seeds; {_how_to_resume(folder, name)}")
    trials = log.trials_frame()
    good = trials["outcome"] == "trained in full"
    scores = pd.DataFrame({"seed": trials[f"config/{SEED}"].astype(int), "value": trials["value"].where(good)})
    if not good.all():
        _logger.warning("training failed on the test seeds %s", sorted(scores["seed"][~good]))
    return scores.sort_values("seed").reset_index(drop=True)


def _write(result: StudyResult) -> None:
    """Write the tables beside the study, if its folder is local."""
    folder = ray_backend.local_folder(result.path)
    if folder is None:
        return
    result.reports.to_parquet(folder / "reports.parquet")
    result.incumbent.to_parquet(folder / "incumbent.parquet")
    if result.test_scores is not None:
        result.test_scores.to_parquet(folder / "test_scores.parquet")
