"""Checks of what the environment of a pod does to Ray and to the programs of trials: folders, networks, variables.

Sources: the manuals of Ray, NCCL, OpenMP and gRPC; Kubernetes, "Define a Command"; read in 2026-11.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.checks.study_volumes import of_group
from raytune_suite.cluster.pools import cluster_spec, dicts, is_kuberay, kuberay_pools
from raytune_suite.cluster.quantities import quantity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding, Severity
    from raytune_suite.cluster.checks.pods import PodPlace
    from raytune_suite.cluster.document import ClusterDocument, KeyPath

FOLDERS = ("RAY_TMPDIR", "TMPDIR", "HOME", "RAY_object_spilling_directory")
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY", "grpc_proxy")
EXCEPTIONS = ("NO_PROXY", "no_proxy")
VALUES: dict[str, tuple[str, str, str]] = {
    "NCCL_SOCKET_IFNAME": (r"(?!lo$|docker0$).*", "connects GPUs of one machine only", "write eth0, or remove it"),
    "GLOO_SOCKET_IFNAME": (r"(?!lo$|docker0$).*", "connects processes of one machine only", "write eth0, or remove it"),
    "OMP_NUM_THREADS": (r"[1-9]\d*", "is not a number of threads", "remove it: Ray sets it to the CPUs of a trial"),
    "RAY_automatic_object_spilling_enabled": ("1|true", "lets trials fail when memory is full", "remove it"),
    "RAY_enable_infeasible_task_early_exit": ("0|false", "ends trials that wait for the autoscaler", "remove it"),
    "RAY_health_check_failure_threshold": (r"([2-9]|\d\d+)", "ends a node after a single late answer", 'write "5"'),
    "CUDA_LAUNCH_BLOCKING": ("0|", "makes GPUs several times slower", "remove it"),
}
"""Values of variables, and what other values do."""

PATHS = ("/home/ray/anaconda3/bin", "$(PATH)")
IN_WORDS = re.compile(r"(?<!\$)\$\(([A-Z][A-Z0-9_]*)\)")
OF_OPERATOR = re.compile(r"RAY_\w+|FQ_RAY_IP|REDIS_PASSWORD|KUBERAY_\w+|\w+_SERVICE_(HOST|PORT)\w*")
MANY_CPUS, LEAST_BYTES_PER_CPU = 16, 2**26


def check(document: ClusterDocument, pod: PodPlace) -> Iterator[Finding]:
    """Yield the mistakes in the environment of a pod's containers, and CPUs that lack their unit."""
    for container in pod.containers:
        env = dicts(document.entries(*container, "env"))
        names = {str(one.get("name")) for one in env}
        for key in ("command", "args"):
            for index, word in enumerate(document.entries(*container, key)):
                missing = [name for name in IN_WORDS.findall(str(word)) if name not in names]
                if is_kuberay(document):
                    missing = [name for name in missing if not OF_OPERATOR.fullmatch(name)]
                if missing and not document.entries(*container, "envFrom"):
                    reason = f"$({missing[0]}) stays as it is, as the container has no variable of this name"
                    remedy = f"add `- {{name: {missing[0]}, value: ...}}` to its `env`"
                    yield finding(document, "RTS417", (*container, key, index), reason, remedy, severity="warning")
        yield from unit(document, container)
    if is_kuberay(document) and pod.name != "the submitter":
        yield from of_ray(document, (*pod.where, "containers", 0), pod)


def unit(document: ClusterDocument, container: KeyPath) -> Iterator[Finding]:
    """Yield CPUs that lack the unit m, as the memory beside them says."""
    for kind in ("requests", "limits"):
        where: KeyPath = (*container, "resources", kind, "cpu")
        cpus = quantity(document.get(*where))
        memory = quantity(document.get(*container, "resources", kind, "memory"))
        memory = memory or quantity(document.get(*container, "resources", "limits", "memory"))
        if cpus is not None and memory and cpus >= MANY_CPUS and memory / cpus < LEAST_BYTES_PER_CPU:
            reason = f"cpu is {document.get(*where)}, whole CPUs, which hardly fits the memory: the pod stays Pending"
            yield finding(
                document, "RTS812", where, reason, f"write {cpus:g}m for {cpus / 1000:g} CPUs", severity="warning"
            )


def of_ray(document: ClusterDocument, container: KeyPath, pod: PodPlace) -> Iterator[Finding]:
    """Yield variables of a container of Ray by which Ray or trials fail."""
    env = dicts(document.entries(*container, "env"))
    names = {str(one.get("name")) for one in env}
    shared = [one.path for one in of_group(document, pod.where[:-2]) if one.path]
    for index, entry in enumerate(document.entries(*container, "env")):
        name, value = (entry.get(key) for key in ("name", "value")) if isinstance(entry, dict) else (None, None)
        where: KeyPath = (*container, "env", index)
        if not isinstance(value, str) or not isinstance(name, str):
            continue
        if name in FOLDERS and any(f"{value}/".startswith(f"{folder}/") for folder in shared):
            sockets = name == "RAY_TMPDIR"
            why = "file systems of a network have no sockets" if sockets else "it is slow, and all pods write there"
            severity: Severity = "error" if sockets else "warning"
            reason = f"{name} is {value}, on the shared volume: {why}"
            yield finding(document, "RTS814", where, reason, "remove it", severity=severity)
        if name in PROXIES and not set(EXCEPTIONS) & names and not document.entries(*container, "envFrom"):
            reason = f"{name} is set without NO_PROXY, so nodes and jobs look for the head and each other at the proxy"
            remedy = "add `NO_PROXY` with localhost,127.0.0.1,.svc,.cluster.local and the range of the pods' addresses"
            yield finding(document, "RTS402", where, reason, remedy, severity="warning")
        if (
            name == "PATH"
            and not any(part in value for part in PATHS)
            and "rayproject" in str(document.get(*container, "image"))
        ):
            reason = f"PATH is {value}, without the folder of Ray in the image"
            yield finding(document, "RTS402", where, reason, "remove it", severity="warning")
        pattern, effect, remedy = VALUES.get(name, (".*", "", ""))
        if not re.fullmatch(pattern, value.strip()) and not re.search(r"[$<{]", value):
            yield finding(document, "RTS410", where, f"{name}={value} {effect}", remedy, severity="warning")


def capacity(document: ClusterDocument) -> Iterator[Finding]:
    """Yield more trials at once than the pods of a job's cluster have room for."""
    where = (*cluster_spec(document)[:-1], "entrypoint")
    text = str(document.get(*where))
    if document.get("kind") not in ("RayJob", "RayCronJob") or "raytune-suite run" not in text:
        return
    found = {
        name: re.search(rf"--{name}[= ](\d+(?:\.\d+)?)(?=\s|$)", text) for name in ("cpus", "gpus", "max-concurrent")
    }
    wanted = {name: float(match[1]) for name, match in found.items() if match is not None}
    workers = [pool for pool in kuberay_pools(document) if not pool.head]
    if "max-concurrent" not in wanted or any(pool.cpus is None or pool.gpus is None for pool in workers):
        return
    cpus, gpus = wanted.get("cpus", 1.0), wanted.get("gpus", 0.0)
    slots = 0.0
    for pool in workers:
        each = [(pool.cpus or 0) // cpus] if cpus else []
        each += [(pool.gpus or 0) / gpus if gpus < 1 else (pool.gpus or 0) // gpus] if gpus else []
        slots += pool.max_machines * (min(each) if each else 0)
    if 0 < slots < wanted["max-concurrent"]:
        reason = (
            f"`--max-concurrent` is {wanted['max-concurrent']:g}, but {int(slots)} trials fit into all pods at once"
        )
        remedy = f"write `--max-concurrent {int(slots)}`, or raise maxReplicas"
        yield finding(document, "RTS703", where, reason, remedy)
