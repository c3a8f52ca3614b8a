"""Checks of KubeRay manifests: the operator's schema and rules, then what they do not check."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

from raytune_suite.cluster.checks import (
    contradictions,
    deadlines,
    devices,
    documents,
    embedded,
    folded_comments,
    head_access,
    job_commands,
    job_endings,
    job_environment,
    job_places,
    job_study,
    kuberay_groups,
    kuberay_rules,
    kuberay_runtime,
    manifests,
    pod_environment,
    pod_runtime,
    study_command,
    study_volumes,
    submitters,
)
from raytune_suite.cluster.checks import pods as pod_checks
from raytune_suite.cluster.checks.commands import image, ray_version, within
from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.pools import cluster_spec, container_amounts, gpu_devices, kuberay_pools

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding, Severity
    from raytune_suite.cluster.document import ClusterDocument, KeyPath
    from raytune_suite.cluster.pools import Pool

LESS_SEVERE = ("RTS301", "RTS309")
"""Codes that are only warnings here: studies are submitted over HTTP, so the pods may have another Ray or Python."""

POD: KeyPath = ("template", "spec")

DATA = "RAYTUNE_SUITE_DATA"
"""The variable with the folder of third-party data."""

LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
"""A name that may be part of a pod's name."""


def check(document: ClusterDocument, pools: list[Pool], storage_path: str | None) -> Iterator[Finding]:
    """Yield the mistakes in a manifest."""
    wrong_version = list(manifests.wrong_kind(document))
    yield from wrong_version
    if wrong_version:
        return
    yield from manifests.schema(document)
    yield from kuberay_rules.check(document)
    yield from documents.each_pod(document)
    yield from job_places.check(document)
    yield from deadlines.check(document)
    yield from folded_comments.check(document, [(*cluster_spec(document)[:-1], "entrypoint")])
    yield from job_commands.entrypoint(document)
    yield from embedded.check(document)
    yield from pod_checks.labels(document, ("metadata", "labels"))
    yield from submitters.check(document)
    yield from job_endings.check(document)
    yield from study_command.check(document)
    if not pools:  # the job runs on a cluster that exists already
        return
    yield from kuberay_groups.check(document)
    yield from kuberay_runtime.check(document)
    yield from study_volumes.check(document)
    yield from devices.check(document)
    yield from head_access.check(document)
    yield from job_environment.check(document)
    yield from pod_environment.capacity(document)
    yield from pod_runtime.cluster(document)
    yield from group_names(document)
    yield from cluster(document, pools)
    yield from entrypoint_amounts(document, pools)
    yield from job_commands.study(document, pools)
    yield from job_study.check(document, pools)
    for pool in pools:
        yield from group(document, pool, storage_path or named_storage(document))


def entrypoint_amounts(document: ClusterDocument, pools: list[Pool]) -> Iterator[Finding]:
    """Yield CPUs and GPUs for the program of a job that no pod has, so that it never starts."""
    for key, offered in (
        ("entrypointNumCpus", [pool.cpus for pool in pools]),
        ("entrypointNumGpus", [pool.gpus for pool in pools]),
    ):
        where = (*cluster_spec(document)[:-1], key)
        wanted, known = document.get(*where), [amount for amount in offered if amount is not None]
        if isinstance(wanted, (int, float)) and len(known) == len(offered) and wanted > max(known, default=0):
            reason = (
                f"`{key}` is {wanted:g}, but no pod has more than {max(known, default=0):g}: the program never starts"
            )
            yield finding(document, "RTS818", where, reason, f"write `{key}: {max(known, default=0):g}` or less")


def named_storage(document: ClusterDocument) -> str | None:
    """Return the value of --storage-path in the entrypoint of a job, None if there is none."""
    entrypoint = document.get(*cluster_spec(document)[:-1], "entrypoint")
    match = re.search(r"--storage[-_]path[= ]+([^\s'\"$]+)", entrypoint) if isinstance(entrypoint, str) else None
    return None if match is None else match[1]


def group_names(document: ClusterDocument) -> Iterator[Finding]:
    """Yield mistakes in the names of worker groups, which become parts of their pods' names."""
    top = cluster_spec(document)
    seen = set()
    for where in kuberay_rules.groups(document, top):
        name = document.get(*where, "groupName")
        severity: Severity | None = None
        if name is None:
            reason, remedy = "a worker group has no groupName", "add one, such as `groupName: gpu-1`"
        elif not LABEL.fullmatch(str(name).lower()):
            reason = f"the group name {name!r} cannot be part of a pod's name"
            remedy = "use at most 63 lower-case letters, digits and `-`"
        elif name in seen:
            reason, remedy = f"two worker groups are named {name!r}", "give each group its own name"
        elif name != str(name).lower():
            reason = f"the group name {name!r} has capital letters, which the names of its pods and network rules lack"
            remedy, severity = f"write `groupName: {str(name).lower()}`", "warning"
        else:
            seen.add(name)
            continue
        yield finding(document, "RTS807", (*where, "groupName"), reason, remedy, severity=severity)


def has_no_workers(pools: list[Pool]) -> bool:
    """Return whether there is only a head."""
    return all(pool.head for pool in pools)


def head_trains(document: ClusterDocument, pools: list[Pool]) -> bool:
    """Return whether Ray places trials on the head."""
    for pool in pools:
        given = document.mapping(*pool.where, "rayStartParams").get("num-cpus", "")
        offered = document.mapping(*pool.where, "resources").get("CPU", "")
        if pool.head and "0" not in (str(given), str(offered)):
            return True
    return False


def cluster(document: ClusterDocument, pools: list[Pool]) -> Iterator[Finding]:
    """Yield the mistakes that concern the cluster as a whole."""
    top = cluster_spec(document)
    version_here, stated = ray_version(), str(document.get(*top, "rayVersion", default=""))
    if stated and stated != version_here and document.get("kind") != "RayService":
        remedy = f"set rayVersion to {version_here!r} and use images of that version, or install {stated} locally"
        reason = f"rayVersion is {stated}, but the local version is {version_here}"
        yield finding(document, "RTS301", (*top, "rayVersion"), reason, remedy, severity="warning")
    if has_no_workers(pools) and document.get("kind") != "RayService":
        trains = head_trains(document, pools)
        where_trials_run = "trials run on the head" if trains else "no trial can run"
        reason = f"there are no workerGroupSpecs: {where_trials_run}"
        remedy = "add a group of pods with GPUs"
        yield finding(document, "RTS806", top, reason, remedy, severity="warning" if trains else None)
    fixed = all(pool.head or 0 < pool.min_machines == pool.max_machines for pool in pools)
    if not document.get(*top, "enableInTreeAutoscaling") and not fixed:
        reason = "without `enableInTreeAutoscaling: true` the groups do not grow or shrink"
        yield finding(document, "RTS803", top, reason, "add it, with `autoscalerOptions: {version: v2}`")
    by_annotation = str(document.get(*kuberay_rules.FAULT_TOLERANT, default="")).lower() == "true"
    if not document.get(*top, "gcsFaultToleranceOptions") and not by_annotation:
        reason = "the head keeps the cluster's state in memory: if it restarts, all workers restart"
        remedy = "add gcsFaultToleranceOptions with a Redis; the study itself can be resumed with --resume"
        yield finding(document, "RTS804", top, reason, remedy)
    yield from pod_checks.resources(document, (*top, "autoscalerOptions"))
    yield from pod_checks.sidecar(document, (*top, "autoscalerOptions"))
    idle = document.get(*top, "autoscalerOptions", "idleTimeoutSeconds")
    if isinstance(idle, int) and idle <= 0:
        remedy = "use 300 to 600, which is longer than the pauses between a study's brackets"
        where = (*top, "autoscalerOptions", "idleTimeoutSeconds")
        yield finding(document, "RTS212", where, f"idle pods are removed after {idle} seconds", remedy)
    if not any(pool.gpus for pool in pools if not pool.head) and len(pools) > 1:
        first = next(pool for pool in pools if not pool.head)
        reason = "no worker group's first container has a limit for nvidia.com/gpu"
        remedy = "add `nvidia.com/gpu: 1` to its resource limits; ignore this if the study needs no GPU"
        yield finding(document, "RTS211", first.where, reason, remedy)


def group(document: ClusterDocument, pool: Pool, storage_path: str | None) -> Iterator[Finding]:
    """Yield the mistakes in a group of pods."""
    container: KeyPath = (*pool.where, *POD, "containers", 0)
    if document.get(*container, "image"):
        devices = gpu_devices(container_amounts(document, container))  # num-gpus alone makes none
        for found in image(document, (*container, "image"), gpus=bool(devices)):
            yield dataclasses.replace(found, severity="warning") if found.code in LESS_SEVERE else found
    yield from environment(document, pool, container)
    if pool.head:
        yield from job_commands.memory(document, container, "the head")
        if document.get("kind") != "RayService" and head_trains(document, [pool]):
            reason = "the head runs trials, which compete with the process that coordinates the study"
            where = (*pool.where, "rayStartParams")
            remedy = 'add `num-cpus: "0"` to its rayStartParams'
            yield finding(document, "RTS204", where, reason, remedy)
        devices = gpu_devices(container_amounts(document, container))
        if any(devices.values()) and pool.cpus == 0 and document.get("kind") != "RayService":
            reason = "the head has a GPU, but offers no CPUs (`num-cpus` is 0), so trials do not use it"
            yield finding(document, "RTS702", container, reason, "remove the GPU from the head's limits")
        if pool.spot:
            reason = "the head runs on a node that may be reclaimed, which would end the study"
            yield finding(document, "RTS205", (*pool.where, *POD, "nodeSelector"), reason, "select on-demand nodes")
    else:
        yield from workers(document, pool)
    claims = document.entries(*pool.where, *POD, "volumes")
    kinds = ("persistentVolumeClaim", "nfs", "csi", "cephfs")
    shared = [one.get("name") for one in claims if isinstance(one, dict) and any(kind in one for kind in kinds)]
    mounted = document.entries(*container, "volumeMounts")
    folders = [str(one.get("mountPath")) for one in mounted if isinstance(one, dict) and one.get("name") in shared]
    where = (*pool.where, *POD, "volumes")
    if storage_path is None and not folders:
        reason = f"{pool.name} mounts no volume that all pods share"
        remedy = "mount a ReadWriteMany claim in each group, or store studies at a URI such as s3://bucket/studies"
        yield finding(document, "RTS501", where, reason, remedy)
    if storage_path is not None and "://" not in storage_path:
        inside = any(storage_path == folder or storage_path.startswith(f"{folder}/") for folder in folders)
        if not inside:
            reason = f"{pool.name} does not mount the study's storage_path {storage_path!r}"
            yield finding(document, "RTS502", where, reason, "mount the same claim there in each group")


def environment(document: ClusterDocument, pool: Pool, container: KeyPath) -> Iterator[Finding]:
    """Yield environment variables that Ray does not read, and a data folder that is on no volume."""
    entries = document.entries(*container, "volumeMounts")
    paths = [str(one.get("mountPath")) for one in entries if isinstance(one, dict)]
    for index, entry in enumerate(document.entries(*container, "env")):
        where, given = (*container, "env", index), entry if isinstance(entry, dict) else {}
        yield from contradictions.variables(document, where, [str(given.get("name"))])
        data = str(given.get("value")) if given.get("name") == DATA else ""
        if data.startswith("/") and paths and not within(data, paths) and not data.startswith("/home/"):
            reason = f"the data are expected in {data}, where {pool.name} mounts no volume"
            yield finding(document, "RTS502", where, reason, f"write a folder below {paths[0]}", severity="warning")


def workers(document: ClusterDocument, pool: Pool) -> Iterator[Finding]:
    """Yield the mistakes in a worker group."""
    where, name = pool.where, pool.name
    bounded = document.get(*where, "maxReplicas") is not None  # its default is 2147483647
    if bounded and pool.min_machines > pool.max_machines:
        reason = f"{name} has at least {pool.min_machines} pods, but at most {pool.max_machines}"
        yield finding(document, "RTS201", (*where, "minReplicas"), reason, "lower minReplicas or raise maxReplicas")
    if pool.max_machines <= 0 and (bounded or not document.get(*cluster_spec(document), "enableInTreeAutoscaling")):
        others = any(one.max_machines > 0 for one in kuberay_pools(document))
        off = pool.min_machines == pool.max_machines == 0 and others
        severity: Severity | None = "warning" if off else None
        place: KeyPath = (*where, "maxReplicas")
        reason = f"{name} can never have a pod"
        yield finding(document, "RTS202", place, reason, "raise maxReplicas", severity=severity)
    has_cuda = re.search(r"-(gpu|cu\d+)", str(document.get(*where, *POD, "containers", 0, "image", default="")))
    tolerations = document.entries(*where, *POD, "tolerations")
    keys = [str(one.get("key", "")) for one in tolerations if isinstance(one, dict)]
    tolerates_gpus = any("gpu" in key for key in keys)
    place = (*where, *POD, "containers", 0, "resources")
    others = any(pod_checks.ACCELERATOR.fullmatch(str(key)) for key in document.mapping(*place, "limits"))
    if not pool.gpus and (has_cuda or tolerates_gpus) and not document.get(*place, "claims") and not others:
        sign = "an image with CUDA" if has_cuda else "a toleration for GPU nodes"
        reason = f"{name} has {sign}, but no nvidia.com/gpu"
        remedy = "add `nvidia.com/gpu: 1` to its resource limits"
        yield finding(document, "RTS801", place, reason, remedy, severity=None if tolerates_gpus else "warning")
    if pool.gpus and not tolerates_gpus and "" not in keys:
        remedy = "add the toleration `{key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}`"
        reason = f"{name} does not tolerate the taint that most clouds put on GPU nodes"
        yield finding(document, "RTS805", (*where, *POD), reason, remedy)
    policy = document.get(*where, *POD, "restartPolicy")
    top = cluster_spec(document)
    autoscaler_v2 = str(document.get(*top, "autoscalerOptions", "version", default="")) == "v2"
    if autoscaler_v2 and policy not in (None, "Never"):
        reason = f"{name}: restartPolicy {policy!r} restarts pods that autoscaler v2 has replaced"
        yield finding(document, "RTS802", (*where, *POD, "restartPolicy"), reason, "set `restartPolicy: Never`")
