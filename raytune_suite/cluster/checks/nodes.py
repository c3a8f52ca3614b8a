"""The node types: their numbers, their machines, and what Ray is told that these have."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.instance_types import in_complete_family, machines
from raytune_suite.cluster.pools import INSTANCE_KEY, as_count, flag, provider
from raytune_suite.errors import near

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding, Severity
    from raytune_suite.cluster.document import Document, Where
    from raytune_suite.cluster.pools import Pool

PREDEFINED = ("CPU", "GPU", "TPU", "memory", "object_store_memory")
"""Resources whose names mean something to Ray."""

LONGEST_IDLE = 60
"""Minutes; machines that wait longer for work are forgotten rather than kept."""


def check(document: Document, pools: list[Pool]) -> Iterator[Finding]:
    """What is wrong with the node types of a file for `ray up`."""
    on_head = list(trials_on_head(document, pools))
    alone = bool(on_head) and not any(pool.most > 0 for pool in pools if not pool.head)  # then trials must run there
    less: Severity | None = "warning" if alone else None
    yield from (replace(found, severity=less or found.severity) for found in on_head)
    for found in numbers(document, pools):
        yield replace(found, severity="warning") if alone and found.code == "RTS202" else found
    yield from spot_head(document, pools)
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
            off = limit > 0 and pool.least == pool.most == 0 and any(other.most > 0 for other in workers)
            place: Where = where if pool.most <= 0 else ("max_workers",)
            severity: Severity | None = "warning" if off else None
            yield finding(document, "RTS202", place, reason, "raise max_workers", severity=severity)
        elif pool.most > limit:
            reason = f"{pool.name} may have {pool.most} machines, but all pools together {limit}"
            yield finding(document, "RTS203", ("max_workers",), reason, f"set the cluster's max_workers to {pool.most}")
    named = len(document.entries("provider", "worker_ips")) if provider(document) == "local" else 0
    if named > limit > 0:
        reason = f"{named} hosts are named, but max_workers is {limit}: {named - limit} of them will stay idle"
        yield finding(document, "RTS213", ("max_workers",), reason, f"set min_workers and max_workers to {named}")
    total = sum(pool.least for pool in workers)
    if total > limit > 0:
        reason = f"the pools want {total} machines at least, but all together may have {limit}"
        yield finding(document, "RTS201", ("max_workers",), reason, f"set the cluster's max_workers to {total} or more")
    if not workers and not document.get("available_node_types", default={"none": None}):
        yield finding(document, "RTS202", (), "there is no pool of workers", "add one to available_node_types")


def trials_on_head(document: Document, pools: list[Pool]) -> Iterator[Finding]:
    """Whether the head, which steers, would train too.

    `ray up` tells each node the resources of its type, on AWS with those that EC2 names for the machine, and Ray takes
    them before the options of `ray start`; it tells nothing to one's own hosts.
    """
    cloud = provider(document)
    asks = cloud == "aws" and all(pool.machine_name for pool in pools)  # it asks about all of them or none
    start = document.strings("head_start_ray_commands")
    told = (flag([command for command in start if "--head" in command], "--num-cpus") or "").strip("\"'")
    unseen = bool(start) and not any("ray start" in command for command in start)  # a script of one's own
    for pool in pools:
        where: Where = (*pool.where, "resources")
        offered = document.mapping(*where)
        if pool.head and (offered.get("CPU") or offered.get("GPU")):
            reason = f"{pool.name} offers {offered}, so that the autoscaler counts on trials there"
            yield finding(document, "RTS204", where, reason, 'write `resources: {"CPU": 0}`')
        elif pool.head and asks and "CPU" not in offered and told == "0":
            reason = f"{pool.name} offers what EC2 says that its machine has, whatever `--num-cpus` says"
            yield finding(document, "RTS204", where, reason, 'write `resources: {"CPU": 0}`')
    known = any("CPU" in document.mapping(*pool.where, "resources") for pool in pools if pool.head)
    if cloud != "external" and told != "0" and (cloud == "local" or not known):
        reason = "the head takes trials, which compete with the process that steers them all"
        remedy = "start it with `ray start --head --num-cpus=0 ...`"
        if cloud != "local":
            remedy = 'write `resources: {"CPU": 0}` into its node type'
        severity: Severity | None = "warning" if unseen else None
        yield finding(document, "RTS204", ("head_start_ray_commands",), reason, remedy, severity=severity)


def spot_head(document: Document, pools: list[Pool]) -> Iterator[Finding]:
    """Whether the head stays."""
    for pool in pools:
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
    config = document.mapping(*pool.where, "node_config")
    if name is None and cloud == "aws" and "LaunchTemplate" in config:
        reason = f"{pool.name}'s machine stands in its launch template, and Ray then asks EC2 about no pool"
        remedy = "write `InstanceType` here too, or check the `resources` of all pools yourself"
        yield finding(document, "RTS207", where, reason, remedy)
    elif name is None and cloud == "gcp" and ("acceleratorType" in config or "acceleratorConfig" in config):
        return  # a TPU is no machine of the table's
    elif name is None:
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
