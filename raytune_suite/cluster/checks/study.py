"""Check whether a study fits on a cluster."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

from raytune_suite.cluster.capacity import StudyRequirements, slots_per_machine
from raytune_suite.cluster.checks.findings import finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.capacity import Capacity
    from raytune_suite.cluster.checks.findings import Finding
    from raytune_suite.cluster.document import ClusterDocument
    from raytune_suite.cluster.pools import Pool


def check(document: ClusterDocument, pools: list[Pool], capacity: Capacity) -> Iterator[Finding]:
    """Yield the mismatches between a cluster and the study whose capacity was computed."""
    study = capacity.requirements
    for gpus in (process.gpus for process in study.processes or (study,)):
        if gpus <= 1 or math.isclose(gpus, round(gpus)):
            continue
        who = "a process of a trial" if study.processes else "a trial"
        reason = f"{who} needs {gpus:g} GPUs, but Ray only allocates whole GPUs above 1"
        yield finding(document, "RTS704", (), reason, "set `--gpus-per-trial` to a whole number or a fraction below 1")
    where = ("available_node_types",) if document.get("available_node_types") else ()
    if study.processes:
        yield from _check_processes(document, pools, capacity)
    elif all(one.slots == 0 or one.pool.max_machines == 0 for one in capacity.pools):
        reason = (
            f"no pool can place a trial that needs {study.cpus:g} CPUs and {study.gpus:g} GPUs (pools: {_offer(pools)})"
        )
        remedy = "request less per trial, or add a pool of larger machines"
        if any(study.gpus > (one.pool.gpus or 0) > 0 for one in capacity.pools):
            remedy += ", or divide the trial over workers on several machines (`resources` as a list)"
        yield finding(document, "RTS701", where, reason, remedy)
    for one in () if study.processes else capacity.pools:
        pool = one.pool
        if study.gpus and one.slots and pool.gpus and pool.cpus is not None:
            by_gpu = slots_per_machine(pool, StudyRequirements(cpus=0, gpus=study.gpus))
            if by_gpu is not None and one.slots < by_gpu:
                idle = pool.gpus - one.slots * study.gpus
                reason = f"{pool.name} has CPUs for {one.slots} trials but GPUs for {by_gpu}: {idle:g} GPUs stay idle"
                remedy = f"request at most {pool.cpus / by_gpu:g} CPUs per trial"
                yield finding(document, "RTS702", pool.where, reason, remedy)
    if study.max_concurrent is not None and capacity.slots is not None and 0 < capacity.slots < study.max_concurrent:
        reason = f"max_concurrent is {study.max_concurrent}, but only {capacity.slots} trials fit at once"
        remedy = f"set max_concurrent to {capacity.slots}, or raise the pools' max_workers"
        yield finding(document, "RTS703", where, reason, remedy)


def _check_processes(document: ClusterDocument, pools: list[Pool], capacity: Capacity) -> Iterator[Finding]:
    """Yield the mismatches between a cluster and trials of several processes, which may span machines."""
    study = capacity.requirements
    where = ("available_node_types",) if document.get("available_node_types") else ()
    if capacity.slots is None:
        return
    if capacity.slots == 0:
        needs = " + ".join(f"{process.cpus:g} CPUs and {process.gpus:g} GPUs" for process in study.processes)
        reason = f"the pools together cannot place a trial whose processes need {needs} (pools: {_offer(pools)})"
        remedy = "request fewer workers or less for each, add machines, or add a pool of larger ones"
        yield finding(document, "RTS701", where, reason, remedy)
        return
    workers = [one.pool for one in capacity.pools for _ in range(one.machines)]
    by_gpu = dataclasses.replace(study, processes=tuple(dataclasses.replace(each, cpus=0) for each in study.processes))
    if study.gpus and study.max_concurrent is None and by_gpu.places(workers) > capacity.slots:
        reason = f"the pools have CPUs for {capacity.slots} trials but GPUs for {by_gpu.places(workers)}"
        yield finding(document, "RTS702", where, reason, "request fewer CPUs per worker")


def _offer(pools: list[Pool]) -> str:
    """Format what the machines of each pool have."""
    return (
        "; ".join(
            f"{pool.name}: up to {pool.max_machines} machines with {pool.cpus or 0:g} CPUs and {pool.gpus or 0:g} GPUs"
            for pool in pools
            if not pool.head
        )
        or "none"
    )
