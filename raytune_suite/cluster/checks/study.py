"""Check whether a study fits on a cluster."""

from __future__ import annotations

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
    whole = math.isclose(study.gpus, round(study.gpus))
    if study.gpus > 1 and not whole:
        reason = f"a trial needs {study.gpus:g} GPUs, but Ray only allocates whole GPUs above 1"
        yield finding(document, "RTS704", (), reason, "set `--gpus-per-trial` to a whole number or a fraction below 1")
    where = ("available_node_types",) if document.get("available_node_types") else ()
    if all(one.slots == 0 or one.pool.max_machines == 0 for one in capacity.pools):
        have = "; ".join(f"{p.name}: {p.cpus or 0:g} CPUs, {p.gpus or 0:g} GPUs" for p in pools if not p.head) or "none"
        reason = f"no pool can place a trial that needs {study.cpus:g} CPUs and {study.gpus:g} GPUs (pools: {have})"
        yield finding(document, "RTS701", where, reason, "request less per trial, or add a pool of larger machines")
    for one in capacity.pools:
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
