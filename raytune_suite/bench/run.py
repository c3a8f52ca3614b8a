"""One run of a comparison: a method tunes a workload, and what it had found at each third of its budget is judged."""

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

from raytune_suite.bench import store
from raytune_suite.bench.custom_methods import invite
from raytune_suite.engines.base import Simulation
from raytune_suite.engines.callbacks.study_log import Report
from raytune_suite.engines.ray.engine import Settings
from raytune_suite.methods import parts
from raytune_suite.schedulers import SCHEDULERS
from raytune_suite.searchers import SEARCHERS
from raytune_suite.spaces import Space
from raytune_suite.tuning.final_evaluation import judge
from raytune_suite.tuning.task import of_workload
from raytune_suite.tuning.tune import refusal, tune, wire
from raytune_suite.types import DECISIONS, FIDELITY, as_loss
from raytune_suite.workloads import workload as find_workload

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from raytune_suite.methods import Method
    from raytune_suite.schedulers import StudyScheduler
    from raytune_suite.tuning.result import StudyResult
    from raytune_suite.tuning.task import Problem
    from raytune_suite.types import Config, Stage
    from raytune_suite.workloads import Workload

FRACTIONS = (1 / 3, 2 / 3, 1.0)
"""The parts of the budget after which the incumbent is judged."""

CRASHED = 1.0
"""The least normalized regret of an incumbent one of whose test trainings failed: that of the worst bound."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """All that decides what a run finds.

    Attributes:
        workload: The name of the workload.
        label: What the protocol calls the method.
        method: The name of the method, or what stands for its factory.
        args: Its arguments.
        seed: The method seed.
        budget: In full trainings.
        workers: Trials at once; see `limit` for those on Ray.
        tuning_seeds: The training seeds that the method may see.
        test_seeds: Those that judge what it chooses.
        engine: "simulated" or "ray".
        fingerprint: A checksum of what the workload says of itself.
        compute: Ray workers that train beside the simulated clock. They change nothing that is found.
        factory: What makes the method, if it has no name.
        made: The workload itself, if it is not in the registry.
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
    made: Workload | None = None

    @property
    def key(self) -> dict[str, Any]:
        """What decides the outcome, as JSON."""
        left_out = ("compute", "factory", "made")
        own = {name: value for name, value in vars(self).items() if name not in left_out}
        ours = {"schema": store.SCHEMA, "version": version("raytune-suite")}
        return dict(json.loads(json.dumps({**ours, **own}, default=repr)))

    @property
    def id(self) -> str:
        """The name of its folder: something to read, and a checksum of the key."""
        digest = sha256(json.dumps(self.key, sort_keys=True).encode()).hexdigest()[:16]
        return re.sub(r"[^\w.+-]", "-", f"{self.workload}-{self.label}-{self.seed}-{digest}")

    @property
    def names(self) -> dict[str, Any]:
        """The columns that all tables have."""
        return {"workload": self.workload, "method": self.label, "method_seed": self.seed}

    def __str__(self) -> str:
        return f"{self.label} on {self.workload}, seed {self.seed}"

    def find_workload(self) -> Workload:
        """The workload itself, the same one each time."""
        return self.made or _registered(self.workload)

    def extras(self) -> set[str]:
        """The extras of this package that the run needs."""
        sides: list[Any] = [self.find_workload()]
        if self.factory is None:
            searcher, scheduler = parts(self.method)
            sides += [SEARCHERS[searcher], SCHEDULERS[scheduler]]
        return {side.extra for side in sides if side.extra is not None}

    def problem(self) -> Problem:
        """What is tuned and judged.

        Raises:
            RaytuneSuiteError: If something about it cannot be used.
        """
        return of_workload(
            self.find_workload(),
            None,
            None,
            arguments={},
            tuning_seeds=self.tuning_seeds,
            test_seeds=self.test_seeds,
        )

    def refusal(self, problem: Problem) -> str:
        """Check that the method can be made for the problem; returns why it is refused for want of a state, or "".

        Raises:
            SpaceError: If the method cannot serve the space.
            RaytuneSuiteError: If the method cannot be made.
        """
        method = self._method(problem)
        reason = refusal(self.label, _scheduler(method), problem)
        if not reason:
            wire(method, problem, {} if self.factory else dict(self.args), max_concurrent=None, seed=self.seed)
        return reason

    def study(self, problem: Problem, folder: Path) -> StudyResult:
        """Tune."""
        method = self._method(problem)
        return tune(
            workload=self.find_workload(),
            method=method,
            method_args={} if self.factory else self.args,
            num_samples=self._population(method),
            budget=self.budget,
            max_concurrent=self.limit(),
            seed=self.seed,
            tuning_seeds=self.tuning_seeds,
            test_seeds=(),
            storage_path=folder,
            name="study",
            engine=self.simulation() or "ray",
            progress=False,
        )

    def simulation(self) -> Simulation | None:
        """The simulated clock; None on Ray."""
        return Simulation(workers=self.workers, compute=self.compute) if self.engine == "simulated" else None

    def limit(self) -> int | None:
        """The most trials at once on Ray.

        None on the simulated clock, which has workers of its own; for a population, whose members would starve; and for
        what a factory makes, which is wired already.
        """
        if self.engine == "simulated" or self.factory is not None:
            return None
        return None if _scheduler(self.method).population else self.workers

    def _method(self, problem: Problem) -> str | Method:
        return self.method if self.factory is None else invite(self.label, self.factory, self.args, problem, self.seed)

    def _population(self, method: str | Method) -> int | None:
        """The members of a population: one per full training of the budget; None for a method that has none.

        A member that copies another goes back to where that one was, so not all of them reach their end.
        """
        return max(1, math.floor(self.budget)) if _scheduler(method).population else None


@cache
def _registered(name: str) -> Workload:
    return find_workload(name)


def _scheduler(method: str | Method) -> type[StudyScheduler]:
    return SCHEDULERS[parts(method)[1]] if isinstance(method, str) else type(method.scheduler)


def fingerprint(workload: Workload) -> str:
    """A checksum of what a workload says of itself: runs are done again when that has changed."""
    facts = [workload.metric, workload.mode, workload.time_attr, workload.min_t, workload.max_t, workload.eta]
    facts += [workload.bounds, workload.optimum, workload.has_state, workload.mutable, Space(workload.space).describe()]
    return sha256(json.dumps(facts, sort_keys=True, default=repr).encode()).hexdigest()[:16]


def execute(run: Run, folder: Path) -> None:
    """Do a run and write its tables and its decision log into a folder.

    Raises:
        RaytuneSuiteError: If it cannot be done.
    """
    wall, cpu = time.perf_counter(), time.process_time()
    problem, workload = run.problem(), run.find_workload()
    result = run.study(problem, folder)
    judged = judged_rows(run, workload, problem, result)
    trajectory = [
        {
            **run.names,
            "cost": report.cost / workload.max_t,
            "time": report.elapsed,
            "resource": report.resource,
            "tuning_score": report.value,
            "tuning_regret": normalized(workload, report.value),
            "exact_regret": exact_regret(workload, lineage),
        }
        for report, lineage in zip(incumbents(result), result.lineages, strict=True)
    ]
    last = result.reports.iloc[-1]
    counts = {"trials": len(result.trials), "reports": len(result.reports)}
    spent = {"spent": last["cost"] / workload.max_t, "simulated_seconds": last["elapsed"]}
    store.write_table(folder, "results", judged)
    store.write_table(folder, "trajectories", trajectory)
    store.write_table(folder, "runs", [{**run.names, "status": store.DONE, "error": "", **counts, **spent}])
    decisions = folder / "study" / DECISIONS
    if decisions.exists():
        decisions.rename(folder / DECISIONS)
    shutil.rmtree(folder / "study")
    write_key(run, folder)
    seconds = {"wall_seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}
    overhead = math.nan if result.overhead is None else result.overhead
    store.write_table(folder, "timings", [{**run.names, **seconds, "overhead_seconds": overhead}])


def write_ended(run: Run, folder: Path, status: str, error: str) -> None:
    """Write the tables of a run that has found nothing: failed, or refused."""
    for name in store.TABLES:
        store.write_table(folder, name, [])
    nothing = {"trials": 0, "reports": 0, "spent": 0.0, "simulated_seconds": 0.0}
    store.write_table(folder, "runs", [{**run.names, "status": status, "error": error, **nothing}])
    write_key(run, folder)


def write_key(run: Run, folder: Path) -> None:
    """Write what has decided the outcome."""
    store.write_text(folder / store.KEY, json.dumps(run.key, indent=2, sort_keys=True) + "\n")


def judged_rows(run: Run, workload: Workload, problem: Problem, result: StudyResult) -> list[dict[str, Any]]:
    """The rows of "results": the incumbent at each fraction of the budget, those of one schedule trained once."""
    scores: dict[str, list[float]] = {}
    rows, found = [], incumbents(result)
    for fraction in FRACTIONS:
        position = incumbent_at([report.cost for report in found], fraction, run.budget * workload.max_t)
        if position is None:
            continue
        report, lineage = found[position], result.lineages[position]
        schedule = json.dumps([(start, own(config)) for start, config in lineage], sort_keys=True, default=repr)
        if schedule not in scores:
            scores[schedule] = test_scores(run, problem, result, lineage, name=f"test-{len(scores)}")
        rows.append(
            {
                **run.names,
                "fraction": fraction,
                "cost": report.cost / workload.max_t,
                "resource": report.resource,
                "config": json.dumps(own(lineage[-1].config), sort_keys=True, default=repr),
                **judgement(workload, report.value, list(run.test_seeds), scores[schedule], lineage),
            }
        )
    return rows


def incumbents(result: StudyResult) -> list[Report]:
    """The reports at which the incumbent changed."""
    return [Report(*row) for row in result.incumbent.itertuples(index=False, name=None)]


def incumbent_at(costs: Sequence[float], fraction: float, budget: float) -> int | None:
    """Which incumbent it was when this fraction of the budget had been spent; None if there was none yet.

    The last report may go beyond the budget; what it has found still counts.

    Example:
        >>> incumbent_at([1.0, 20.0, 50.0], 1 / 3, 60.0), incumbent_at([1.0, 20.0, 61.0], 1.0, 60.0)
        (1, 2)
    """
    limit = math.inf if fraction == 1 else fraction * budget * (1 + 1e-12)
    found = sum(cost <= limit for cost in costs)
    return found - 1 if found else None


def test_scores(run: Run, problem: Problem, result: StudyResult, lineage: Sequence[Stage], *, name: str) -> list[float]:
    """The scores of a schedule on the test seeds, in their order; NaN where a training failed."""
    if not run.test_seeds:
        return []
    judged = judge(
        problem, lineage, result.path, simulation=run.simulation(), resources=None, settings=Settings(), name=name
    )
    by_seed = dict(zip(judged["seed"].tolist(), judged["value"].tolist(), strict=True))
    return [float(by_seed[seed]) for seed in run.test_seeds]


def judgement(
    workload: Workload, tuning: float, seeds: list[int], scores: list[float], lineage: Sequence[Stage]
) -> dict[str, Any]:
    """What is said of an incumbent; see `store.Results`.

    By what it is judged is a property of the workload and its test seeds alone. Without test seeds nothing but the
    tuning metric judges: where there is no noise, `exact` is that very value. Where trainings have a state, the exact
    value of a config is that of a training with this config throughout, which is not what a population has done.
    """
    test = math.fsum(scores) / len(scores) if scores else math.nan
    gap = as_loss(test, workload.mode) - as_loss(tuning, workload.mode) if math.isfinite(test) else math.nan
    tuning_regret, regret = normalized(workload, tuning), normalized(workload, test)
    if scores and not math.isfinite(test) and workload.bounds is not None:
        regret = max([CRASHED, *(normalized(workload, score) for score in scores if math.isfinite(score))])
    exact = exact_regret(workload, lineage)
    if not scores:
        judged_by, decisive = store.TUNING_METRIC, tuning_regret
    elif workload.exact is not None and not workload.has_state:
        judged_by, decisive = store.EXACT, exact
    else:
        judged_by, decisive = store.TEST_SEEDS, regret
    return {
        "tuning_score": tuning,
        "test_score": test if math.isfinite(test) else math.nan,
        "test_seeds": seeds,
        "test_scores": scores,
        "gap": gap,
        "tuning_regret": tuning_regret,
        "test_regret": regret,
        "exact_regret": exact,
        "regret": decisive,
        "judged_by": judged_by,
    }


def normalized(workload: Workload, score: float) -> float:
    """The regret of a score by the frozen bounds of the workload: 0 is the best, 1 the worst; NaN without bounds."""
    if workload.bounds is None:
        return math.nan
    best, worst = workload.bounds
    return (score - best) / (worst - best)


def exact_regret(workload: Workload, lineage: Sequence[Stage]) -> float:
    """The normalized regret of a config without noise; NaN where no optimum is known, and for a schedule of several."""
    if workload.exact is None or workload.optimum is None or workload.bounds is None or len(lineage) > 1:
        return math.nan
    best, worst = workload.bounds
    return workload.regret(own(lineage[0].config)) / abs(worst - best)


def own(config: Config) -> Config:
    """A config without what is no hyperparameter: the training seed and an assigned fidelity."""
    return {name: value for name, value in config.items() if name not in ("seed", FIDELITY)}
