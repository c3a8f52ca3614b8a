"""Validate a protocol (names, arguments, spaces, packages, data), and list its runs."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from raytune_suite.automatic import AUTO
from raytune_suite.bench.custom_methods import factory_identity
from raytune_suite.bench.run import Run, fingerprint
from raytune_suite.errors import ArgumentError, DataError, MissingPackageError, RaytuneSuiteError, SpaceError
from raytune_suite.methods import parts
from raytune_suite.schedulers.fifo import FIFO
from raytune_suite.searchers.random import RandomSearcher
from raytune_suite.workloads import Workload
from raytune_suite.workloads import workload as find_workload

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from raytune_suite.bench.protocol import MethodEntry, Protocol, WorkloadEntry
    from raytune_suite.tuning.task import TuningTask


@dataclass(frozen=True)
class Plan:
    """The runs of a comparison.

    Attributes:
        protocol: The specification.
        workloads: The workloads by name, without the missing ones.
        runs: All runs in the order of (workload, method, method seed), which is also the order of the tables.
        refused: By run id, why the method does not support the workload: it needs training state, or another space.
        missing: By name, why a workload was left out.
    """

    protocol: Protocol
    workloads: Mapping[str, Workload]
    runs: tuple[Run, ...]
    refused: Mapping[str, str]
    missing: Mapping[str, str]

    def refusals(self) -> list[str]:
        """A line for each method that does not support all workloads, with the reason."""
        by_method: dict[str, dict[str, str]] = {}
        for one in self.runs:
            if one.id in self.refused:
                by_method.setdefault(one.label, {})[one.workload] = self.refused[one.id]
        lines = []
        for label, reasons in by_method.items():
            (workload, why), *others = reasons.items()
            more = f" and {len(others)} more" if others else ""
            lines.append(f"not supported: {label} on {workload}{more}: {why}")
        return lines


def plan(protocol: Protocol, *, skip_missing: bool = False) -> Plan:
    """Validate everything that a protocol names, and list its runs.

    Args:
        protocol: The specification.
        skip_missing: Whether to leave out workloads whose data or packages are missing, instead of failing.

    Raises:
        ArgumentError: If something is invalid; the message names the line of the protocol.
    """
    _check_methods(protocol)
    workloads: dict[str, Workload] = {}
    runs: list[Run] = []
    refused: dict[str, str] = {}
    missing: dict[str, str] = {}
    for entry in protocol.workloads:
        location = protocol.location("workloads", entry.workload)
        try:
            workload = _workload(entry)
            task = _check_workload(_runs_of(protocol, protocol.methods[0], entry, workload)[0])
        except (DataError, MissingPackageError) as error:
            if not skip_missing:
                raise ArgumentError(f"{location}{error} (or skip such workloads with --skip-missing)") from error
            missing[entry.workload] = str(error)
            continue
        except RaytuneSuiteError as error:
            raise ArgumentError(f"{location}{error}") from error
        workloads[entry.workload] = workload
        for method in protocol.methods:
            pair = _runs_of(protocol, method, entry, workload)
            reason = _unsupported(protocol, pair[0], task)
            refused |= {run.id: reason for run in pair if reason}
            runs += pair
    for method in protocol.methods:
        reasons = [refused.get(run.id) for run in runs if run.label == method.label]
        if reasons and all(reasons):
            location = protocol.location("methods", method.label)
            raise ArgumentError(f"{location}{method.label} supports none of the workloads: {reasons[0]}")
    if not runs:
        raise ArgumentError(f"{protocol.location()}all workloads are missing: {'; '.join(missing.values())}")
    ordered = sorted(runs, key=lambda run: tuple(run.cell.values()))
    _check_distinct(ordered)
    return Plan(protocol, workloads, tuple(ordered), refused, missing)


def _workload(entry: WorkloadEntry) -> Workload:
    """Return the workload of an entry, with the bounds of the entry.

    Raises:
        RaytuneSuiteError: If there is no such workload, or the bounds cannot be used.
    """
    workload = entry.custom_workload or find_workload(entry.workload)
    if not isinstance(workload, Workload):
        raise ArgumentError.invalid("workload", workload, "a Workload, or a function that returns one")
    if entry.bounds is None:
        return workload
    if workload.bounds is not None:
        raise ArgumentError(
            f"`bounds` is {list(entry.bounds)}, but workload {workload.name!r} has its own, {list(workload.bounds)}: "
            "leave them out"
        )
    return dataclasses.replace(workload, bounds=entry.bounds)


def _check_methods(protocol: Protocol) -> None:
    """Reject unknown method names."""
    for entry in protocol.methods:
        if entry.factory is None and entry.method != AUTO:
            try:
                parts(entry.method)
            except RaytuneSuiteError as error:
                raise ArgumentError(f"{protocol.location('methods', entry.label, 'method')}{error}") from error


def _check_workload(run: Run) -> TuningTask:
    """Reject a workload that the engine cannot run; returns its tuning task."""
    task = run.tuning_task()
    if run.engine == "simulated":  # Ray runs anything
        anything = {"searcher": RandomSearcher(), "scheduler": FIFO(), "storage_path": "", "name": ""}
        run.make_engine().check(task.spec(seeds=run.tuning_seeds, **anything))
    return task


def _unsupported(protocol: Protocol, run: Run, task: TuningTask) -> str:
    """Return why the method of a run does not support its workload, or ""."""
    try:
        return run.refusal(task)
    except SpaceError as error:
        return str(error)
    except RaytuneSuiteError as error:
        location = protocol.location("methods", run.label, "args")
        raise ArgumentError(f"{location}{run.label} on {run.workload}: {error}") from error


def _runs_of(protocol: Protocol, method: MethodEntry, entry: WorkloadEntry, workload: Workload) -> list[Run]:
    """Return the runs of a method on a workload, one for each method seed."""
    run = Run(
        workload=entry.workload,
        label=method.label,
        method=method.method if method.factory is None else factory_identity(method.factory),
        args=dict(method.args),
        seed=0,
        budget=entry.budget,
        workers=method.workers or entry.workers,
        tuning_seeds=workload.tuning_seeds if entry.tuning_seeds is None else entry.tuning_seeds,
        test_seeds=workload.test_seeds if entry.test_seeds is None else entry.test_seeds,
        engine=protocol.engine,
        fingerprint=fingerprint(workload),
        compute=protocol.compute if workload.curve is None else 0,
        factory=method.factory,
        custom_workload=workload if entry.custom_workload or entry.bounds else None,
        judge_at=entry.judge_at,
    )
    return [dataclasses.replace(run, seed=seed) for seed in entry.method_seeds]


def _check_distinct(runs: Collection[Run]) -> None:
    """Reject two runs with the same label, workload and seed.

    Raises:
        ArgumentError: If there are any.
    """
    seen: set[tuple[str, ...]] = set()
    for run in runs:
        cell = tuple(map(str, run.cell.values()))
        if cell in seen:
            raise ArgumentError(f"{run} is requested twice: use distinct labels for methods and names for workloads")
        seen.add(cell)
