"""The node types: their numbers, their machines, and what Ray is told that these have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raytune_suite.cluster.findings import finding
from raytune_suite.cluster.machines import in_complete_family, machines
from raytune_suite.cluster.nodes import INSTANCE_KEY, as_count, flag, provider
from raytune_suite.errors import near

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.findings import Finding
    from raytune_suite.cluster.load import Document, Where
    from raytune_suite.cluster.nodes import Pool

PREDEFINED = ("CPU", "GPU", "TPU", "memory", "object_store_memory")
"""Resources whose names mean something to Ray."""

LONGEST_IDLE = 60
"""Minutes; machines that wait longer for work are forgotten rather than kept."""


def check(document: Document, pools: list[Pool]) -> Iterator[Finding]:
    """What is wrong with the node types of a file for `ray up`."""
    yield from numbers(document, pools)
    yield from head(document, pools)
    for pool in pools:
        yield from machine(document, pool)
        yield from resources(document, pool)
    unknown = [pool for pool in pools if pool.gpus is None]
    if not unknown and not any(pool.gpus for pool in pools if not pool.head):
        remedy = "add a pool of machines with GPUs, or ignore this if the study needs none"
        yield finding(document, "RTS211", ("available_node_types",), "no pool of workers has GPUs", remedy)
    idle = document.get("idle_timeout_minutes", default=5)
    if isinstance(idle, (int, float)) and (idle <= 0 or idle > LONGEST_IDLE):
        what = "go as soon as they have nothing to do" if idle <= 0 else "wait for an hour and longer, and cost money"
        remedy = "5 to 10 minutes outlast the pauses between a study's brackets"
        yield finding(document, "RTS212", ("idle_timeout_minutes",), f"after {idle:g} minutes machines {what}", remedy)


def numbers(document: Document, pools: list[Pool]) -> Iterator[Finding]:
    """Fewest and most machines, of each pool and of all."""
    workers = [pool for pool in pools if not pool.head]
    limit = document.get("max_workers")
    limit = as_count(limit, sum(pool.most for pool in workers) if provider(document) == "local" else 2)
    for pool in workers:
        local = provider(document) == "local"
        where: Where = ("max_workers",) if local else (*pool.where, "max_workers")
        if pool.least > pool.most > 0:
            least: Where = ("min_workers",) if local else (*pool.where, "min_workers")
            reason = f"{pool.name}: at least {pool.least} machines, but at most {pool.most}"
            yield finding(document, "RTS201", least, reason, "lower min_workers or raise max_workers")
        if pool.most <= 0 or limit <= 0:
            reason = f"{pool.name}: {'this pool' if pool.most <= 0 else 'the cluster'} may have no worker at all"
            yield finding(
                document, "RTS202", where if pool.most <= 0 else ("max_workers",), reason, "raise max_workers"
            )
        elif pool.most > limit:
            reason = f"{pool.name} may have {pool.most} machines, but all pools together {limit}"
            yield finding(document, "RTS203", ("max_workers",), reason, f"set the cluster's max_workers to {pool.most}")
    total = sum(pool.least for pool in workers)
    if total > limit > 0:
        reason = f"the pools want {total} machines at least, but all together may have {limit}"
        yield finding(document, "RTS201", ("max_workers",), reason, f"set the cluster's max_workers to {total} or more")
    if not workers and not document.get("available_node_types", default={"none": None}):
        yield finding(document, "RTS202", (), "there is no pool of workers", "add one to available_node_types")


def head(document: Document, pools: list[Pool]) -> Iterator[Finding]:
    """The head: it steers, stays, and trains nothing."""
    start = document.strings("head_start_ray_commands")
    given = flag([command for command in start if "--head" in command], "--num-cpus")
    where: Where = ("head_start_ray_commands",)
    if provider(document) != "external" and given != "0":
        reason = "the head takes trials, which compete with the process that steers them all"
        yield finding(document, "RTS204", where, reason, "start it with `ray start --head --num-cpus=0 ...`")
    for pool in pools:
        offered = document.mapping(*pool.where, "resources")
        if pool.head and isinstance(offered, dict) and (offered.get("CPU") or offered.get("GPU")):
            reason = f"{pool.name} offers {offered}, so that the autoscaler counts on trials there"
            yield finding(document, "RTS204", (*pool.where, "resources"), reason, 'write `resources: {"CPU": 0}`')
        if pool.head and pool.spot:
            reason = f"{pool.name} is a spot machine: the whole study ends when it is reclaimed"
            yield finding(document, "RTS205", (*pool.where, "node_config"), reason, "rent the head on demand")


def machine(document: Document, pool: Pool) -> Iterator[Finding]:
    """Whether the machine exists."""
    cloud = provider(document)
    if cloud not in INSTANCE_KEY:
        return
    where: Where = (*pool.where, *INSTANCE_KEY[cloud])
    name = pool.machine_name
    if name is None:
        yield finding(document, "RTS206", where, f"{pool.name} names no machine", f"write `{where[-1]}: ...`")
    elif pool.machine is None and in_complete_family(cloud, name):
        yield finding(document, "RTS206", where, f"{cloud} has no {name!r}{near(name, machines(cloud))}", "correct it")
    elif pool.machine is None:
        reason = f"the table has no {name!r}, so that neither its GPUs nor its price are known"
        yield finding(document, "RTS207", where, reason, "check `resources` yourself")


def resources(document: Document, pool: Pool) -> Iterator[Finding]:
    """What Ray is told that a machine has."""
    where: Where = (*pool.where, "resources")
    offered = document.mapping(*where)
    for key in offered:
        right = {known.lower(): known for known in PREDEFINED}.get(str(key).lower().rstrip("s"))
        if right is not None and right != key:
            reason = f"Ray takes {key!r} for a resource of your own"
            yield finding(document, "RTS210", (*where, key), reason, f"write {right!r}")
    if pool.machine is None or pool.head:
        return
    real = pool.machine
    if pool.gpus != real.gpus:
        detects = provider(document) == "aws" and bool(offered)
        remedy = "leave `resources: {}`: Ray asks EC2" if detects else f"write `GPU: {real.gpus}`"
        reason = f"{pool.name} says {pool.gpus or 0:g} GPUs, {real.name} has {real.gpus}"
        yield finding(document, "RTS208", where, reason, remedy)
    if pool.cpus is not None and pool.cpus > real.cpus:
        reason = f"{pool.name} says {pool.cpus:g} CPUs, {real.name} has {real.cpus}"
        yield finding(document, "RTS209", where, reason, f"write `CPU: {real.cpus}`")
