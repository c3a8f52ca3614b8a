"""The steps of a study: check everything, run it on an engine, evaluate its choice, write the tables."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from raytune_suite.engines.callbacks.notebook import in_notebook
from raytune_suite.engines.stored_study import storage_errors
from raytune_suite.engines.study_lock import study_lock
from raytune_suite.errors import StudyError
from raytune_suite.methods import resolve_method
from raytune_suite.spaces import Space
from raytune_suite.spaces.stored import to_json
from raytune_suite.tuning.arguments import check_limits, check_resources, check_storage
from raytune_suite.tuning.final_evaluation import evaluate_on_test_seeds
from raytune_suite.tuning.result import check_outcome, study_result
from raytune_suite.tuning.study_folder import SCHEMA, StudyFolder, encode_manifest, plain, study_name

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ray.tune import Callback

    from raytune_suite.engines.base import Engine, StudySpec
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
    resources: Mapping[str, float] | None
    max_concurrent: int | None
    seed: int
    callbacks: tuple[Callback, ...]
    progress: bool | None


def run_study(
    task: TuningTask,
    options: StudyOptions,
    engine: Engine,
    storage_path: str | Path,
    name: str | None,
    *,
    resume: bool,
) -> StudyResult:
    """Run a study, or continue it, and write its tables.

    Raises:
        RaytuneSuiteError: See `tune`.
        StudyInterrupted: After Ctrl-C; the message says how to continue.
    """
    space = Space.of(task.full_space)
    method = _resolve(task, options, space)
    limits = check_limits(options.limits, method, task.objective)
    resources = check_resources(options.resources)
    name = study_name(name, f"{task.label}-{method.name}", resume=resume)
    folder = StudyFolder(check_storage(storage_path), name)
    manifest = _manifest(task, options, method.name, limits, space) | engine.describe()
    spec = task.spec(
        searcher=method.searcher,
        scheduler=method.scheduler,
        storage_path=folder.storage_path,
        name=name,
        seeds=task.tuning_seeds,
        num_samples=limits.num_samples,
        budget=limits.resource(task.objective),
        time_limit=limits.time_limit,
        resources=resources,
        callbacks=options.callbacks,
        title=method.name if _shows_progress(options) else None,
        resume=resume,
        manifest=encode_manifest(manifest),
    )
    folder.check(engine, manifest, resume=resume)
    engine.check(spec)
    with contextlib.ExitStack() as held:
        with storage_errors(folder.files):
            lock = held.enter_context(study_lock(folder.files))
        folder.check(engine, manifest, resume=resume)  # again: another process may have run it in between
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
    best = check_outcome(outcome.log, spec.path)
    test_scores = None
    if task.test_seeds:
        test_scores = evaluate_on_test_seeds(
            task,
            outcome.log.lineage(best[-1]),
            spec.path,
            engine,
            resources=spec.resources,
            resume=spec.resume,
            check_lock=spec.check_lock,
        )
    result = study_result(spec, outcome, method, best, test_scores, space=Space(task.full_space))
    folder.write_tables(result, outcome.decisions)
    return result


def _resolve(task: TuningTask, options: StudyOptions, space: Space) -> Method:
    return resolve_method(
        options.method,
        space,
        task.objective,
        arguments=options.method_args,
        defaults=task.defaults,
        max_concurrent=options.max_concurrent,
        seed=options.seed,
        stateless=task.stateless,
    )


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
        "space": space.describe(),
        "domains": to_json(space.param_space),
        "metric": objective.metric,
        "mode": objective.mode,
        "max_t": objective.max_t,
        "time_attr": objective.time_attr,
        **limits._asdict(),
        "max_concurrent": options.max_concurrent,
        "resources": dict(options.resources or {}),
        "seed": options.seed,
        "tuning_seeds": list(task.tuning_seeds),
        "test_seeds": list(task.test_seeds),
    }
