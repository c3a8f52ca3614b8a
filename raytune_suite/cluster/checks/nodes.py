"""Checks of the node types: their sizes, their machines, and the resources that Ray is told about."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from raytune_suite.cluster.checks.api_schema import closest
from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.instance_types import exists, instance_types
from raytune_suite.cluster.pools import INSTANCE_KEY, as_count, flag, provider
from raytune_suite.cluster.ray_start import LEAST_OBJECT_STORE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding, Severity
    from raytune_suite.cluster.document import ClusterDocument, KeyPath
    from raytune_suite.cluster.pools import Pool

PREDEFINED = ("CPU", "GPU", "TPU", "memory", "object_store_memory")
"""Resources that have a meaning in Ray."""

LONGEST_IDLE = 60
"""Minutes; a longer idle timeout is probably unintended."""

OTHER_SERVICES = {"ml": "SageMaker", "db": "RDS", "cache": "ElastiCache", "search": "OpenSearch"}
OTHER_SERVICE = re.compile(r"(ml|db|cache|search)\.[a-z]")
"""Instance types of other services of AWS, by their prefix."""


def check(document: ClusterDocument, pools: list[Pool]) -> Iterator[Finding]:
    """Yield the mistakes in the node types of a file for `ray up`."""
    on_head = list(trials_on_head(document, pools))
    head_only = bool(on_head) and not any(pool.max_machines > 0 for pool in pools if not pool.head)
    less: Severity | None = "warning" if head_only else None
    yield from (replace(found, severity=less or found.severity) for found in on_head)
    for found in pool_sizes(document, pools):
        yield replace(found, severity="warning") if head_only and found.code == "RTS202" else found
    yield from spot_heads(document, pools)
    for pool in pools:
        yield from instance_type(document, pool)
        yield from resources(document, pool)
    unknown = [pool for pool in pools if pool.gpus is None]
    if not unknown and not any(pool.gpus for pool in pools if not pool.head):
        remedy = "add a pool of machines with GPUs; ignore this if the study needs none"
        yield finding(document, "RTS211", ("available_node_types",), "no worker pool has GPUs", remedy)
    idle = document.get("idle_timeout_minutes", default=5)
    if isinstance(idle, (int, float)) and (idle <= 0 or idle > LONGEST_IDLE):
        what = "are removed as soon as they are idle" if idle <= 0 else "stay idle for over an hour, which costs money"
        remedy = "use 5 to 10 minutes, which is longer than the pauses between a study's brackets"
        reason = f"idle_timeout_minutes is {idle:g}: machines {what}"
        yield finding(document, "RTS212", ("idle_timeout_minutes",), reason, remedy)


def sizes_of_head(document: ClusterDocument) -> Iterator[Finding]:
    """Yield a finding if workers of the head's type are demanded that may not exist."""
    where: KeyPath = ("available_node_types", str(document.get("head_node_type")), "min_workers")
    least, most = document.get(*where), document.get(*where[:-1], "max_workers", default=0)
    if as_count(least, 0) > as_count(most, 0):
        reason = f"the head's type requires {least} workers besides the head, but may have {most}"
        yield finding(document, "RTS201", where, reason, "write `min_workers: 0`: the head itself does not count")


def pool_sizes(document: ClusterDocument, pools: list[Pool]) -> Iterator[Finding]:
    """Yield mistakes in the fewest and most machines of each pool and of the cluster."""
    workers = [pool for pool in pools if not pool.head]
    yield from sizes_of_head(document)
    limit = document.get("max_workers")
    limit = as_count(limit, sum(pool.max_machines for pool in workers) if provider(document) == "local" else 2)
    for pool in workers:
        local = provider(document) == "local"
        where: KeyPath = ("max_workers",) if local else (*pool.where, "max_workers")
        if pool.min_machines > pool.max_machines > 0:
            place: KeyPath = ("min_workers",) if local else (*pool.where, "min_workers")
            reason = f"{pool.name} has at least {pool.min_machines} machines, but at most {pool.max_machines}"
            yield finding(document, "RTS201", place, reason, "lower min_workers or raise max_workers")
        if pool.max_machines <= 0 or limit <= 0:
            reason = f"{pool.name}: {'the pool' if pool.max_machines <= 0 else 'the cluster'} may not have any worker"
            others = any(other.max_machines > 0 for other in workers)
            off = limit > 0 and pool.min_machines == pool.max_machines == 0 and others
            place = where if pool.max_machines <= 0 else ("max_workers",)
            severity: Severity | None = "warning" if off else None
            yield finding(document, "RTS202", place, reason, "raise max_workers", severity=severity)
        elif pool.max_machines > limit:
            reason = f"{pool.name} may have {pool.max_machines} machines, but the cluster only {limit}"
            remedy = f"set the cluster's max_workers to {pool.max_machines}"
            yield finding(document, "RTS203", ("max_workers",), reason, remedy)
    named = len(document.entries("provider", "worker_ips")) if provider(document) == "local" else 0
    if named > limit > 0:
        reason = f"there are {named} hosts, but max_workers is {limit}: {named - limit} of them stay idle"
        yield finding(document, "RTS213", ("max_workers",), reason, f"set min_workers and max_workers to {named}")
    sizes: list[KeyPath] = [(), *(pool.where for pool in workers if provider(document) != "local")]
    for place in [(*above, key) for above in sizes for key in ("min_workers", "max_workers")]:
        if as_count(document.get(*place), 0) < 0:
            reason = f"`{place[-1]}` is {document.get(*place)}, but must be 0 or more"
            yield finding(document, "RTS201", place, reason, "write 0 or more")
    total = sum(pool.min_machines for pool in workers)
    if total > limit > 0:
        reason = f"the pools have at least {total} machines together, but the cluster at most {limit}"
        yield finding(document, "RTS201", ("max_workers",), reason, f"set the cluster's max_workers to {total} or more")
    if not workers and not document.get("available_node_types", default={"none": None}):
        yield finding(document, "RTS202", (), "there is no worker pool", "add one to available_node_types")


def trials_on_head(document: ClusterDocument, pools: list[Pool]) -> Iterator[Finding]:
    """Yield a finding if trials would run on the head.

    `ray up` passes each node the resources of its type (on AWS, those that EC2 reports for the machine), and they take
    precedence over the options of `ray start`. Hosts of the provider `local` get no resources.
    """
    cloud = provider(document)
    asks_ec2 = cloud == "aws" and all(pool.instance_type_name for pool in pools)  # about all pools or none
    start = document.strings("head_start_ray_commands")
    num_cpus = (flag([command for command in start if "--head" in command], "--num-cpus") or "").strip("\"'")
    hidden = bool(start) and not any("ray start" in command for command in start)  # the user's own script
    remedy = 'set `resources: {"CPU": 0}`'
    for pool in pools:
        where: KeyPath = (*pool.where, "resources")
        offered = document.mapping(*where)
        if pool.head and (offered.get("CPU") or offered.get("GPU")):
            reason = f"{pool.name} offers {offered}, so Ray places trials there"
            yield finding(document, "RTS204", where, reason, remedy)
        elif pool.head and asks_ec2 and "CPU" not in offered and num_cpus == "0":
            reason = f"{pool.name} offers the resources that EC2 reports for its machine, despite `--num-cpus=0`"
            yield finding(document, "RTS204", where, reason, remedy)
    known = any("CPU" in document.mapping(*pool.where, "resources") for pool in pools if pool.head)
    if cloud != "external" and num_cpus != "0" and (cloud == "local" or not known):
        reason = "the head runs trials, which compete with the process that coordinates the study"
        remedy = "start it with `ray start --head --num-cpus=0 ...`"
        if cloud != "local":
            remedy = 'set `resources: {"CPU": 0}` in its node type'
        severity: Severity | None = "warning" if hidden else None
        yield finding(document, "RTS204", ("head_start_ray_commands",), reason, remedy, severity=severity)


def spot_heads(document: ClusterDocument, pools: list[Pool]) -> Iterator[Finding]:
    """Yield a finding if the head may be reclaimed."""
    for pool in pools:
        if pool.head and pool.spot:
            reason = f"{pool.name} is a spot machine: when it is reclaimed, the study ends"
            yield finding(document, "RTS205", (*pool.where, "node_config"), reason, "use an on-demand machine")


def instance_type(document: ClusterDocument, pool: Pool) -> Iterator[Finding]:
    """Yield a finding if the instance type is missing, does not exist, or is not in the table."""
    cloud = provider(document)
    if cloud not in INSTANCE_KEY:
        return
    where: KeyPath = (*pool.where, *INSTANCE_KEY[cloud])
    name = pool.instance_type_name
    config = document.mapping(*pool.where, "node_config")
    if name is None and cloud == "aws" and "LaunchTemplate" in config:
        reason = f"{pool.name} names its instance type in its launch template only, so Ray asks EC2 about no pool"
        remedy = "set `InstanceType` here too, or check the `resources` of all pools yourself"
        yield finding(document, "RTS207", where, reason, remedy)
    elif name is None and cloud == "gcp" and ("acceleratorType" in config or "acceleratorConfig" in config):
        return  # a TPU; the table only has machines with CPUs and GPUs
    elif name is None:
        yield finding(document, "RTS206", where, f"{pool.name} has no instance type", f"add `{where[-1]}: ...`")
    if name is None:
        return
    short = str(name).rpartition("/")[2]
    other = OTHER_SERVICE.match(short) if cloud == "aws" else None
    if other is not None:
        reason = f"{short!r} is a type of {OTHER_SERVICES[other[1]]}, not of EC2"
        yield finding(document, "RTS206", where, reason, f"write {short.partition('.')[2]}")
    elif exists(cloud, short) is False:
        reason = f"{cloud} has no instance type {short!r}{closest(short, instance_types(cloud))}"
        yield finding(document, "RTS206", where, reason, "correct it")
    elif pool.instance_type is None:
        hint = closest(short, instance_types(cloud))
        reason = f"the table has no instance type {short!r}, so its existence, GPUs and price are unknown{hint}"
        remedy = f"check its name and `resources`, ask with `--online`, or run `raytune-suite cluster prices {cloud}`"
        yield finding(document, "RTS207", where, reason, remedy)


def resources(document: ClusterDocument, pool: Pool) -> Iterator[Finding]:
    """Yield mistakes in the resources that a node type states."""
    where: KeyPath = (*pool.where, "resources")
    offered = document.mapping(*where)
    for key in offered:
        right = {known.lower(): known for known in PREDEFINED}.get(str(key).lower().rstrip("s"))
        if right is not None and right != key:
            reason = f"Ray treats {key!r} as a custom resource"
            yield finding(document, "RTS210", (*where, key), reason, f"rename it to {right!r}")
    store = offered.get("object_store_memory")
    if isinstance(store, int) and not isinstance(store, bool) and 2**20 <= store < LEAST_OBJECT_STORE:
        reason = f"`object_store_memory` is {store} bytes, less than the 75 MiB that Ray requires"
        remedy = f"write {LEAST_OBJECT_STORE} or more, or remove it"
        yield finding(document, "RTS902", (*where, "object_store_memory"), reason, remedy)
    if pool.instance_type is None or pool.head:
        return
    real = pool.instance_type
    if pool.gpus != real.gpus:
        detects = provider(document) == "aws" and bool(offered)
        remedy = "set `resources: {}`: Ray asks EC2" if detects else f"set `GPU: {real.gpus}`"
        reason = f"{pool.name} states {pool.gpus or 0:g} GPUs, but {real.name} has {real.gpus}"
        yield finding(document, "RTS208", where, reason, remedy)
    if pool.cpus is not None and pool.cpus > real.cpus:
        reason = f"{pool.name} states {pool.cpus:g} CPUs, but {real.name} has {real.cpus}"
        yield finding(document, "RTS209", where, reason, f"set `CPU: {real.cpus}`")
