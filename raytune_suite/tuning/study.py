"""The steps of a study: check everything, run it on an engine, evaluate its choice, write the tables."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from raytune_suite.automatic import AUTO, Conditions, MethodChoice
from raytune_suite.engines import extension
from raytune_suite.engines.callbacks.notebook import in_notebook
from raytune_suite.engines.callbacks.stop_rules import bind_bounds, rule_text
from raytune_suite.engines.callbacks.trackers import make_trackers
from raytune_suite.engines.resources import as_json, check_resources
from raytune_suite.engines.stored_study import storage_errors
from raytune_suite.engines.study_lock import study_lock
from raytune_suite.errors import ArgumentError, StudyError
from raytune_suite.methods import choose_method, resolve_method
from raytune_suite.searchers import AskTellSearcher
from raytune_suite.spaces import Space
from raytune_suite.spaces.stored import to_json
from raytune_suite.tuning.arguments import check_limits, check_storage
from raytune_suite.tuning.final_evaluation import evaluate_on_test_seeds
from raytune_suite.tuning.result import check_outcome, study_result
from raytune_suite.tuning.study_folder import SCHEMA, StudyFolder, encode_manifest, plain, study_name
from raytune_suite.tuning.warm_start import learn_from

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ray.tune import Callback, Stopper

    from raytune_suite.engines.base import Engine, StudySpec
    from raytune_suite.engines.resources import Resources
    from raytune_suite.methods import Method
    from raytune_suite.tuning.arguments import Limits
    from raytune_suite.tuning.result import StudyResult
    from raytune_suite.tuning.task import TuningTask


@dataclass(frozen=True, kw_only=True)
class StudyOptions:
    """How a task is tuned; see the arguments of `tune`."""

    method: str | Method
    method_args: Mapping[str, Any]
    limits: Limits
    resources: Resources | Sequence[Mapping[str, float]] | None
    max_concurrent: int | None
    seed: int
    callbacks: tuple[Callback, ...]
    progress: bool | None
    trackers: tuple[str, ...] = ()
    stop: tuple[Stopper, ...] = ()
    retry: bool = False
    warm_start: tuple[StudyFolder, ...] = ()
    price_per_hour: float | None = None


def run_study(
    task: TuningTask,
    options: StudyOptions,
    engine: Engine,
    storage_path: str | Path,
    name: str | None,
    *,
    resume: bool,
    storage_filesystem: Any = None,
) -> StudyResult:
    """Run a study, or continue it, and write its tables.

    Raises:
        RaytuneSuiteError: See `tune`.
        StudyInterrupted: After Ctrl-C; the message says how to continue.
    """
    if options.retry and not resume:
        raise ArgumentError("`retry` applies only to a study that is resumed: add `resume=True` (`--resume`)")
    space = Space.of(task.full_space)
    choice = None
    if isinstance(options.method, str) and options.method == AUTO:
        choice = _stored_choice(engine, storage_path, name, storage_filesystem) if resume else None
        choice = choice or _choose(task, options, engine, space)
        arguments = {**choice.arguments, **options.method_args}
        options = dataclasses.replace(options, method=choice.method, method_args=arguments)
    method = _resolve(task, options, space)
    bind_bounds(options.stop, task.objective, space, population=method.scheduler.population)
    if isinstance(method.searcher, AskTellSearcher) and not method.scheduler.population:
        method.searcher.avoid_repeats()
    if options.retry and not isinstance(method.searcher, AskTellSearcher):
        raise ArgumentError(f"`retry` does not work with {method.name!r}: a searcher of Ray chooses all configs itself")
    if options.warm_start and not resume:  # else the searcher has learned it already
        learn_from(options.warm_start, method, space, task.objective)
    limits = check_limits(options.limits, method, task.objective)
    resources = check_resources(options.resources)
    name = study_name(name, f"{task.label}-{method.name}", resume=resume)
    folder = StudyFolder(check_storage(storage_path, storage_filesystem), name, storage_filesystem)
    if isinstance(method.searcher, AskTellSearcher):
        method.searcher.watch(folder.files)
    manifest = _manifest(task, options, method.name, limits, space) | engine.describe()
    if choice is not None:
        manifest[AUTO] = {"reason": choice.reason, "arguments": choice.arguments}
    spec = task.spec(
        searcher=method.searcher,
        scheduler=method.scheduler,
        storage_path=folder.storage_path,
        name=name,
        storage_filesystem=storage_filesystem,
        seeds=task.tuning_seeds,
        num_samples=limits.num_samples,
        budget=limits.resource(task.objective),
        time_limit=limits.time_limit,
        dollars=limits.dollars,
        price_per_hour=options.price_per_hour,
        stop=options.stop,
        resources=resources,
        callbacks=(*options.callbacks, *make_trackers(options.trackers, folder.path)),
        title=method.name if _shows_progress(options) else None,
        resume=resume,
        extendable=True,
        manifest=encode_manifest(manifest),
    )
    extends = method.scheduler.extends and isinstance(method.searcher, AskTellSearcher)
    folder.check(engine, manifest, resume=resume, retry=options.retry, extends=extends)
    engine.check(spec)
    with contextlib.ExitStack() as held:
        with storage_errors(folder.files):
            lock = held.enter_context(study_lock(folder.files))
        # again: another process may have run it in between
        change = folder.check(engine, manifest, resume=resume, retry=options.retry, extends=extends)
        if change is not None:
            folder.extend(spec.manifest, change)
        if choice is not None and options.progress is not False:
            _announce(choice, resumed=spec.resume)
        return _run(task, engine, folder, dataclasses.replace(spec, check_lock=lock.check), method.name)


def _run(task: TuningTask, engine: Engine, folder: StudyFolder, spec: StudySpec, method: str) -> StudyResult:
    """Run a study whose lock this process holds."""
    if spec.resume:
        spec = dataclasses.replace(spec, manifest=folder.repair_manifest())
    else:
        folder.write_manifest(spec.manifest)
    outcome = engine.run(spec)
    if outcome.interrupted:
        raise folder.interrupted(engine, f"after {len(outcome.log.trials)} trials")
    if outcome.scheduler.fault is not None:
        raise StudyError(outcome.scheduler.fault)
    best = check_outcome(outcome.log, spec.files)
    test_scores = None
    if task.test_seeds:
        test_scores = evaluate_on_test_seeds(
            task,
            outcome.log.lineage(best[-1]),
            folder,
            engine,
            resources=spec.resources,
            resume=spec.resume,
            check_lock=spec.check_lock,
        )
    folder.write_tables(outcome.log, best, test_scores, outcome.decisions)
    engine.finish(spec.files)  # after the tables: a kill in between must leave a study that can be resumed
    return study_result(spec, outcome, method, best, test_scores, space=Space(task.full_space))


def _resolve(task: TuningTask, options: StudyOptions, space: Space) -> Method:
    method = resolve_method(
        options.method,
        space,
        task.objective,
        arguments=options.method_args,
        defaults=task.defaults,
        max_concurrent=options.max_concurrent,
        seed=options.seed,
        stateless=task.stateless,
    )
    if method.scheduler.pauses and task.unsaved:
        raise ArgumentError(
            f"method {method.name!r} pauses trials, but {task.unsaved}: write them, or use a method that needs no "
            "checkpoints, such as asha or mfes"
        )
    return method


def _choose(task: TuningTask, options: StudyOptions, engine: Engine, space: Space) -> MethodChoice:
    """Choose the method of a new study."""
    workers = (options.max_concurrent, engine.workers)
    arguments = {**task.defaults, **options.method_args}
    conditions = Conditions(
        max_t=task.objective.max_t,
        time_attr=task.objective.time_attr,
        budget=options.limits.budget,
        num_samples=options.limits.num_samples,
        time_limit=options.limits.time_limit,
        workers=min((count for count in workers if count is not None), default=None),
        can_pause=task.can_pause,
        warm=bool(options.warm_start),
        **{name: arguments[name] for name in ("min_t", "eta") if name in arguments},
    )
    return choose_method(space, conditions, options.method_args)


def _stored_choice(engine: Engine, storage_path: str | Path, name: str | None, filesystem: Any) -> MethodChoice | None:
    """Return the method that was chosen when the study to resume started; None if there is no such study.

    Raises:
        ArgumentError: If the study was started with a method by name.
    """
    folder = StudyFolder(check_storage(storage_path, filesystem), study_name(name, "", resume=True), filesystem)
    with storage_errors(folder.files):
        if not engine.can_resume(folder.files) and extension.base(folder.files) is None:
            return None
        manifest = folder.manifest()
    if AUTO not in manifest:
        raise ArgumentError(
            f"`method` is {AUTO!r}, but was {manifest['method']!r} when this study started: "
            "resume it with the same arguments"
        )
    return MethodChoice(method=manifest["method"], **manifest[AUTO])


def _announce(choice: MethodChoice, *, resumed: bool) -> None:
    """Print on stderr which method was chosen, and why; the reason may be that of limits which have changed since."""
    from rich.console import Console

    if resumed:
        choice = dataclasses.replace(choice, reason=f"{choice.reason} (chosen when this study started)")
    Console(stderr=True, highlight=False, soft_wrap=True).print(str(choice), style="dim", markup=False)


def _shows_progress(options: StudyOptions) -> bool:
    return (sys.stderr.isatty() or in_notebook()) if options.progress is None else options.progress


def _manifest(task: TuningTask, options: StudyOptions, method: str, limits: Limits, space: Space) -> dict[str, Any]:
    """What decides the outcome of a study, as it is stored with it; a study is resumed with the same."""
    objective = task.objective
    return {
        "schema": SCHEMA,
        "trainable": task.label,
        "method": method,
        "method_args": plain(options.method_args),
        "space": to_json(space.param_space),
        "metric": objective.metric,
        "mode": objective.mode,
        "max_t": objective.max_t,
        "time_attr": objective.time_attr,
        **limits._asdict(),
        "max_concurrent": options.max_concurrent,
        "resources": as_json(options.resources),
        "seed": options.seed,
        "tuning_seeds": list(task.tuning_seeds),
        "test_seeds": list(task.test_seeds),
        "stop": [rule_text(rule) for rule in options.stop],
        "warm_start": [study.path for study in options.warm_start],
    }
