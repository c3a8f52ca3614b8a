"""One run of a comparison: tune a workload with a method, and evaluate the incumbent at each third of the budget."""

from __future__ import annotations

import json
import math
import re
import shutil
import time
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from raytune_suite.automatic import AUTO, Conditions
from raytune_suite.bench import store
from raytune_suite.bench.custom_methods import build_custom_method
from raytune_suite.engines.callbacks.reports import Report
from raytune_suite.engines.ray.engine import RayEngine
from raytune_suite.engines.simulated.engine import Simulation
from raytune_suite.methods import choose_method, lacks_state, parts, resolve_method
from raytune_suite.schedulers import SCHEDULERS
from raytune_suite.schedulers.fifo import FIFO
from raytune_suite.searchers import SEARCHERS
from raytune_suite.spaces import Space
from raytune_suite.tuning.final_evaluation import evaluate_on_test_seeds
from raytune_suite.tuning.study_folder import StudyFolder
from raytune_suite.tuning.task import workload_task
from raytune_suite.tuning.tune import tune
from raytune_suite.types import DECISIONS, as_loss, split_config
from raytune_suite.workloads import workload as find_workload

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from raytune_suite.engines.base import Engine
    from raytune_suite.methods import Method
    from raytune_suite.schedulers import StudyScheduler
    from raytune_suite.tuning.result import StudyResult
    from raytune_suite.tuning.task import TuningTask
    from raytune_suite.types import Stage
    from raytune_suite.workloads import Workload

FRACTIONS = (1 / 3, 2 / 3, 1.0)
"""The fractions of the budget after which the incumbent is evaluated, unless the protocol sets `judge_at`."""

CRASH_REGRET = 1.0
"""The least normalized regret of an incumbent with a failed test training: that of the worst bound."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """A (method, workload, method seed) cell of a comparison, with everything that determines its result.

    Attributes:
        workload: The name of the workload.
        label: The label of the method in tables.
        method: The name of the method, or the identity of its factory.
        args: The arguments of the method.
        seed: The method seed.
        budget: In full trainings.
        workers: The number of concurrent trials; see `max_concurrent` for the engine "ray".
        tuning_seeds: The training seeds that the method may see.
        test_seeds: The seeds on which its incumbents are evaluated.
        engine: "simulated" or "ray".
        fingerprint: A checksum of the definition of the workload.
        compute: The Ray workers that train in parallel under the simulated clock. They do not change the result.
        factory: The user's function or class that builds the method; None for a registered one.
        custom_workload: The workload itself; None for a registered one.
        judge_at: The full trainings after which incumbents are evaluated, besides the end; None: at `FRACTIONS`.
    """

    workload: str
    label: str
    method: str
    args: dict[str, Any]
    seed: int
    budget: float
    workers: int
    tuning_seeds: tuple[int, ...]
    test_seeds: tuple[int, ...]
    engine: str
    fingerprint: str
    compute: int = 0
    factory: Callable[..., Any] | None = None
    custom_workload: Workload | None = None
    judge_at: tuple[float, ...] | None = None

    @property
    def fractions(self) -> tuple[float, ...]:
        """The fractions of the budget after which the incumbent is evaluated.

        Example:
            >>> from types import SimpleNamespace
            >>> Run.fractions.fget(SimpleNamespace(judge_at=(5, 10, 20), budget=20))
            (0.25, 0.5, 1.0)
        """
        if self.judge_at is None:
            return FRACTIONS
        return (*(mark / self.budget for mark in self.judge_at if mark < self.budget), 1.0)

    @property
    def key(self) -> dict[str, Any]:
        """Everything that determines the result, as JSON values."""
        excluded = ["compute", "factory", "custom_workload", *(["judge_at"] if self.judge_at is None else [])]
        fields = {name: value for name, value in vars(self).items() if name not in excluded}
        versions = {"schema": store.SCHEMA, "version": _installed_version()}
        return dict(json.loads(json.dumps({**versions, **fields}, default=repr)))

    @property
    def id(self) -> str:
        """The name of its folder: a readable part, and a checksum of the key."""
        digest = sha256(json.dumps(self.key, sort_keys=True).encode()).hexdigest()[:16]
        return re.sub(r"[^\w.+-]", "-", f"{self.workload}-{self.label}-{self.seed}-{digest}")

    @property
    def cell(self) -> dict[str, Any]:
        """The columns that identify the run in all tables."""
        return {"workload": self.workload, "method": self.label, "method_seed": self.seed}

    def __str__(self) -> str:
        return f"{self.label} on {self.workload}, seed {self.seed}"

    def find_workload(self) -> Workload:
        """Return the workload, the same object for each call."""
        return self.custom_workload or _registered(self.workload)

    def extras(self) -> set[str]:
        """Return the extras of this package that the run needs."""
        needed_by: list[Any] = [self.find_workload()]
        if self.factory is None and self.method != AUTO:  # which chooses no method whose extra is missing
            searcher, scheduler = parts(self.method)
            needed_by += [SEARCHERS[searcher], SCHEDULERS[scheduler]]
        return {one.extra for one in needed_by if one.extra is not None}

    def tuning_task(self) -> TuningTask:
        """Return the tuning task of the run.

        Raises:
            RaytuneSuiteError: If something about it is invalid.
        """
        return workload_task(self.find_workload(), tuning_seeds=self.tuning_seeds, test_seeds=self.test_seeds)

    def refusal(self, task: TuningTask) -> str:
        """Check that the method can be built for the task; return why it lacks a training state that it needs, or "".

        Raises:
            SpaceError: If the method does not support the space.
            RaytuneSuiteError: If the method cannot be built.
        """
        method, space, objective = self._method(task), Space.of(task.full_space), task.objective
        arguments = {} if self.factory else self.args
        reason = lacks_state(self.label, _scheduler(method), task.stateless)
        if not reason:
            if method == AUTO:
                conditions = Conditions(
                    max_t=objective.max_t, budget=self.budget, workers=self.workers, can_pause=task.can_pause
                )
                choice = choose_method(space, conditions, arguments)
                method, arguments = choice.method, {**choice.arguments, **arguments}
            resolve_method(
                method,
                space,
                objective,
                arguments=arguments,
                defaults=task.defaults,
                max_concurrent=None,
                seed=self.seed,
                stateless=task.stateless,
            )
        return reason

    def study(self, task: TuningTask, folder: Path) -> StudyResult:
        """Tune the workload."""
        method = self._method(task)
        return tune(
            workload=self.find_workload(),
            method=method,
            method_args={} if self.factory else self.args,
            num_samples=self._population_size(method),
            budget=self.budget,
            max_concurrent=self.max_concurrent(),
            seed=self.seed,
            tuning_seeds=self.tuning_seeds,
            test_seeds=(),
            storage_path=folder,
            name="study",
            engine=self.make_engine(),
            progress=False,
        )

    def make_engine(self) -> Engine:
        """Return the engine that runs the study."""
        if self.engine == "ray":
            return RayEngine()
        return Simulation(workers=self.workers, compute=self.compute, extendable=False)

    def max_concurrent(self) -> int | None:
        """Return the limit on concurrent trials on Ray.

        It is None on the simulated clock, which has its own workers; for a population, whose members would starve; and
        for a user-defined method, which sets its own limit.
        """
        if self.engine == "simulated" or self.factory is not None:
            return None
        return None if _scheduler(self.method).population else self.workers

    def _method(self, task: TuningTask) -> str | Method:
        if self.factory is None:
            return self.method
        return build_custom_method(self.label, self.factory, self.args, task, self.seed)

    def _population_size(self, method: str | Method) -> int | None:
        """Return one member per full training of the budget; None for a method without a population.

        A member that copies another resumes from that one's checkpoint, so not all of them reach `max_t`.
        """
        return max(1, math.floor(self.budget)) if _scheduler(method).population else None


@cache
def _installed_version() -> str:
    return version("raytune-suite")


@cache
def _registered(name: str) -> Workload:
    return find_workload(name)


def _scheduler(method: str | Method) -> type[StudyScheduler]:
    """Return the class of the scheduler; "auto" chooses none that needs more than a FIFO needs."""
    if method == AUTO:
        return FIFO
    return SCHEDULERS[parts(method)[1]] if isinstance(method, str) else type(method.scheduler)


def fingerprint(workload: Workload) -> str:
    """Return a checksum of the definition of a workload; runs are repeated when it changes."""
    facts = [workload.metric, workload.mode, workload.time_attr, workload.min_t, workload.max_t, workload.eta]
    facts += [workload.bounds, workload.optimum, workload.has_state, workload.mutable, Space(workload.space).describe()]
    return sha256(json.dumps(facts, sort_keys=True, default=repr).encode()).hexdigest()[:16]


def execute(run: Run, folder: Path) -> None:
    """Execute a run, and write its tables and its decision log into a folder.

    Raises:
        RaytuneSuiteError: If the run fails.
    """
    wall, cpu = time.perf_counter(), time.process_time()
    task, workload = run.tuning_task(), run.find_workload()
    result = run.study(task, folder)
    evaluated = evaluate_incumbents(run, workload, task, result)
    trajectory = [
        {
            **run.cell,
            "cost": report.cost / workload.max_t,
            "time": report.elapsed,
            "resource": report.resource,
            "tuning_score": report.value,
            "tuning_regret": normalized_regret(workload, report.value),
            "exact_regret": exact_regret(workload, lineage),
        }
        for report, lineage in zip(incumbents(result), result.lineages, strict=True)
    ]
    last = result.reports.iloc[-1]
    counts = {"trials": len(result.trials), "reports": len(result.reports)}
    spent = {"spent": last["cost"] / workload.max_t, "simulated_seconds": last["elapsed"]}
    store.write_table(folder, "results", evaluated)
    store.write_table(folder, "trajectories", trajectory)
    store.write_table(folder, "runs", [{**run.cell, "status": store.DONE, "error": "", **counts, **spent}])
    decisions = folder / "study" / DECISIONS
    if decisions.exists():
        decisions.rename(folder / DECISIONS)
    shutil.rmtree(folder / "study")
    write_key(run, folder)
    seconds = {"wall_seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}
    overhead = math.nan if result.overhead is None else result.overhead
    store.write_table(folder, "timings", [{**run.cell, **seconds, "overhead_seconds": overhead}])


def write_without_results(run: Run, folder: Path, status: str, error: str) -> None:
    """Write the tables of a run that failed, or whose method does not support the workload."""
    for name in store.TABLES:
        store.write_table(folder, name, [])
    zeros = {"trials": 0, "reports": 0, "spent": 0.0, "simulated_seconds": 0.0}
    store.write_table(folder, "runs", [{**run.cell, "status": status, "error": error, **zeros}])
    write_key(run, folder)


def write_key(run: Run, folder: Path) -> None:
    """Write the key of a run."""
    store.write_text(folder / store.KEY, json.dumps(run.key, indent=2, sort_keys=True) + "\n")


def evaluate_incumbents(run: Run, workload: Workload, task: TuningTask, result: StudyResult) -> list[dict[str, Any]]:
    """Evaluate the incumbent at each fraction of the budget; returns the rows of the table "results".

    Incumbents with the same schedule are trained once.
    """
    scores: dict[str, list[float]] = {}
    rows, reports = [], incumbents(result)
    for fraction in run.fractions:
        position = incumbent_at([report.cost for report in reports], fraction, run.budget * workload.max_t)
        if position is None:
            continue
        report, lineage = reports[position], result.lineages[position]
        stages = [(start, split_config(config).hyperparameters) for start, config in lineage]
        schedule = json.dumps(stages, sort_keys=True, default=repr)
        if schedule not in scores:
            scores[schedule] = scores_on_test_seeds(run, task, result, lineage, name=f"test-{len(scores)}")
        rows.append(
            {
                **run.cell,
                "fraction": fraction,
                "cost": report.cost / workload.max_t,
                "resource": report.resource,
                "config": json.dumps(split_config(lineage[-1].config).hyperparameters, sort_keys=True, default=repr),
                **evaluation_columns(workload, report.value, list(run.test_seeds), scores[schedule], lineage),
            }
        )
    return rows


def incumbents(result: StudyResult) -> list[Report]:
    """Return the reports at which the incumbent changed."""
    return [Report(*row) for row in result.incumbent.itertuples(index=False, name=None)]


def incumbent_at(costs: Sequence[float], fraction: float, budget: float) -> int | None:
    """Return the index of the incumbent when this fraction of the budget was spent; None if there was none yet.

    The last report may exceed the budget; its incumbent still counts.

    Example:
        >>> incumbent_at([1.0, 20.0, 50.0], 1 / 3, 60.0), incumbent_at([1.0, 20.0, 61.0], 1.0, 60.0)
        (1, 2)
    """
    limit = math.inf if fraction == 1 else fraction * budget * (1 + 1e-12)
    within = sum(cost <= limit for cost in costs)
    return within - 1 if within else None


def scores_on_test_seeds(
    run: Run, task: TuningTask, result: StudyResult, lineage: Sequence[Stage], *, name: str
) -> list[float]:
    """Train a schedule on the test seeds, and return the scores in their order; NaN where a training failed."""
    if not run.test_seeds:
        return []
    evaluated = evaluate_on_test_seeds(task, lineage, StudyFolder.at(result.path), run.make_engine(), name=name)
    by_seed = dict(zip(evaluated["seed"].tolist(), evaluated["value"].tolist(), strict=True))
    return [float(by_seed[seed]) for seed in run.test_seeds]


def evaluation_columns(
    workload: Workload, tuning: float, seeds: list[int], scores: list[float], lineage: Sequence[Stage]
) -> dict[str, Any]:
    """Return the columns that evaluate an incumbent; see `store.Results`.

    The kind of evaluation depends only on the workload and its test seeds. Without test seeds, only the tuning metric
    can evaluate; where there is no noise, the exact value equals it. Where trainings have a state, the exact value of a
    config assumes training with this config throughout, which is not what a population does.
    """
    test = math.fsum(scores) / len(scores) if scores else math.nan
    gap = as_loss(test, workload.mode) - as_loss(tuning, workload.mode) if math.isfinite(test) else math.nan
    tuning_regret, test_regret = normalized_regret(workload, tuning), normalized_regret(workload, test)
    if scores and not math.isfinite(test) and workload.bounds is not None:
        finite = [score for score in scores if math.isfinite(score)]
        test_regret = max([CRASH_REGRET, *(normalized_regret(workload, score) for score in finite)])
    exact = exact_regret(workload, lineage)
    if not scores:
        judged_by, decisive = store.TUNING_METRIC, tuning_regret
    elif workload.exact is not None and not workload.has_state:
        judged_by, decisive = store.EXACT, exact
    else:
        judged_by, decisive = store.TEST_SEEDS, test_regret
    return {
        "tuning_score": tuning,
        "test_score": test if math.isfinite(test) else math.nan,
        "test_seeds": seeds,
        "test_scores": scores,
        "gap": gap,
        "tuning_regret": tuning_regret,
        "test_regret": test_regret,
        "exact_regret": exact,
        "regret": decisive,
        "judged_by": judged_by,
    }


def normalized_regret(workload: Workload, score: float) -> float:
    """Normalize a score by the frozen bounds of the workload: 0 is the best, 1 the worst; NaN without bounds."""
    if workload.bounds is None:
        return math.nan
    best, worst = workload.bounds
    return (score - best) / (worst - best)


def exact_regret(workload: Workload, lineage: Sequence[Stage]) -> float:
    """Return the normalized regret of a config without noise.

    It is NaN if no optimum is known, and for a schedule of several configs.
    """
    if workload.exact is None or workload.optimum is None or workload.bounds is None or len(lineage) > 1:
        return math.nan
    best, worst = workload.bounds
    return workload.regret(split_config(lineage[0].config).hyperparameters) / abs(worst - best)
