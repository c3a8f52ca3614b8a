"""A protocol's runs, after everything has been checked: names, arguments, spaces, packages and data."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from raytune_suite.bench.custom_methods import identity
from raytune_suite.bench.run import Run, fingerprint
from raytune_suite.engines.base import evaluation
from raytune_suite.errors import ArgumentError, DataError, MissingPackageError, RaytuneSuiteError, SpaceError
from raytune_suite.methods import parts
from raytune_suite.workloads import workload as find_workload

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from raytune_suite.bench.protocol import Entrant, Protocol, Task
    from raytune_suite.tuning.task import Problem
    from raytune_suite.workloads import Workload


@dataclass(frozen=True)
class Plan:
    """What is to be done.

    Attributes:
        protocol: What was asked for.
        workloads: By name, those that take part.
        runs: All runs in the order of (workload, method, method seed), as the tables have them.
        refused: By the id of a run, why its method cannot serve its workload: for want of a state, or for its space.
        missing: By name, why a workload was left out.
    """

    protocol: Protocol
    workloads: Mapping[str, Workload]
    runs: tuple[Run, ...]
    refused: Mapping[str, str]
    missing: Mapping[str, str]


def plan(protocol: Protocol, *, skip_missing: bool = False) -> Plan:
    """Check all that a protocol names, and lay out its runs.

    Args:
        protocol: What was asked for.
        skip_missing: Whether workloads whose data or packages are missing are left out.

    Raises:
        ArgumentError: If something cannot be used; the message has the line of the protocol.
    """
    _check_methods(protocol)
    workloads: dict[str, Workload] = {}
    runs: list[Run] = []
    refused: dict[str, str] = {}
    missing: dict[str, str] = {}
    for task in protocol.tasks:
        where = protocol.where("workloads", task.workload)
        try:
            workload = task.made or find_workload(task.workload)
            problem = _check_workload(_runs(protocol, protocol.entrants[0], task, workload)[0])
        except (DataError, MissingPackageError) as error:
            if not skip_missing:
                raise ArgumentError(f"{where}{error} (or leave such workloads out with --skip-missing)") from error
            missing[task.workload] = str(error)
            continue
        except RaytuneSuiteError as error:
            raise ArgumentError(f"{where}{error}") from error
        workloads[task.workload] = workload
        for entrant in protocol.entrants:
            those = _runs(protocol, entrant, task, workload)
            reason = _refusal(protocol, those[0], problem)
            refused |= {run.id: reason for run in those if reason}
            runs += those
    for entrant in protocol.entrants:
        reasons = [refused.get(run.id) for run in runs if run.label == entrant.label]
        if reasons and all(reasons):
            place = protocol.where("methods", entrant.label)
            raise ArgumentError(f"{place}{entrant.label} can serve none of the workloads: {reasons[0]}")
    if not runs:
        raise ArgumentError(f"{protocol.where()}no workload is left: {'; '.join(missing.values())}")
    ordered = sorted(runs, key=lambda run: tuple(run.names.values()))
    _check_distinct(ordered)
    return Plan(protocol, workloads, tuple(ordered), refused, missing)


def _check_methods(protocol: Protocol) -> None:
    """Refuse the name of a method that nobody has registered."""
    for entrant in protocol.entrants:
        if entrant.factory is None:
            try:
                parts(entrant.method)
            except RaytuneSuiteError as error:
                raise ArgumentError(f"{protocol.where('methods', entrant.label, 'method')}{error}") from error


def _check_workload(run: Run) -> Problem:
    """Refuse what the engine cannot run."""
    problem, simulation = run.problem(), run.simulation()
    if simulation is not None:
        evaluation(problem, simulation, run.tuning_seeds)
    return problem


def _refusal(protocol: Protocol, run: Run, problem: Problem) -> str:
    """Why a run's method cannot serve its workload, for want of a state or for its space, or ""."""
    try:
        return run.refusal(problem)
    except SpaceError as error:
        return str(error)
    except RaytuneSuiteError as error:
        place = protocol.where("methods", run.label, "args")
        raise ArgumentError(f"{place}{run.label} on {run.workload}: {error}") from error


def _runs(protocol: Protocol, entrant: Entrant, task: Task, workload: Workload) -> list[Run]:
    """The runs of a method on a workload, one for each method seed."""
    run = Run(
        workload=task.workload,
        label=entrant.label,
        method=entrant.method if entrant.factory is None else identity(entrant.factory),
        args=dict(entrant.args),
        seed=0,
        budget=task.budget,
        workers=task.workers,
        tuning_seeds=workload.tuning_seeds if task.tuning_seeds is None else task.tuning_seeds,
        test_seeds=workload.test_seeds if task.test_seeds is None else task.test_seeds,
        engine=protocol.engine,
        fingerprint=fingerprint(workload),
        compute=protocol.compute if workload.curve is None else 0,
        factory=entrant.factory,
        made=task.made,
    )
    return [dataclasses.replace(run, seed=seed) for seed in task.method_seeds]


def _check_distinct(runs: Collection[Run]) -> None:
    """Refuse two runs that no table could tell apart.

    Raises:
        ArgumentError: If there are such.
    """
    seen: set[tuple[str, ...]] = set()
    for run in runs:
        names = tuple(map(str, run.names.values()))
        if names in seen:
            raise ArgumentError(f"{run} is asked for twice: give each method and each workload a name of its own")
        seen.add(names)
