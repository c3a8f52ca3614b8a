"""Checks of KubeRay manifests: the operator's own schema where it is available, then what a schema cannot check."""

from __future__ import annotations

import dataclasses
import os
import re
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml  # type: ignore[import-untyped] # it ships no types

from raytune_suite.cluster.checks.commands import image
from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.checks.kuberay_keys import group_names, misspelled_keys
from raytune_suite.cluster.checks.launcher import missing_values, repeated_keys, schema_error
from raytune_suite.cluster.pools import cluster_spec, kuberay_pools

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding, Severity
    from raytune_suite.cluster.document import ClusterDocument, KeyPath
    from raytune_suite.cluster.pools import Pool

DATA = "RAYTUNE_SUITE_DATA"
"""The variable that names the folder of third-party data; its kuberay/ has the operator's resource definitions."""

LESS_SEVERE = ("RTS301", "RTS309")
"""Codes that are only warnings here: studies are submitted over HTTP, so the pods may have another Ray or Python."""

SUBSCHEMA_KEYS = ("additionalProperties", "allOf", "anyOf", "items", "not", "oneOf")
"""Keys of a schema that hold other schemas."""

POD: KeyPath = ("template", "spec")


def check(document: ClusterDocument, pools: list[Pool], storage_path: str | None) -> Iterator[Finding]:
    """Yield the mistakes in a manifest."""
    yield from misspelled_keys(document) if definition_file(document) is None else definitions(document)
    yield from group_names(document)
    yield from repeated_keys(document)
    yield from missing_values(document)
    yield from cluster(document, pools)
    for pool in pools:
        yield from group(document, pool, storage_path, only=has_no_workers(pools))


def has_no_workers(pools: list[Pool]) -> bool:
    """Return whether there is only a head."""
    return all(pool.head for pool in pools)


def head_trains(document: ClusterDocument, pools: list[Pool]) -> bool:
    """Return whether Ray places trials on the head."""
    values = [document.mapping(*pool.where, "rayStartParams").get("num-cpus", "") for pool in pools if pool.head]
    return any(str(value) != "0" for value in values)


def strict(schema: Any) -> Any:
    """Convert a resource definition's OpenAPI schema to a JSON schema that rejects unknown keys."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("x-kubernetes-int-or-string"):
        return {"anyOf": [{"type": "integer"}, {"type": "string"}]}
    closed = {
        key: strict(value) if key in SUBSCHEMA_KEYS else value for key, value in schema.items() if key[:2] != "x-"
    }
    if "properties" in schema:
        closed["properties"] = {name: strict(part) for name, part in schema["properties"].items()}
        open_ended = schema.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in schema
        if schema.get("type") == "object" and not open_ended:
            closed["additionalProperties"] = False
    if "required" in closed:  # the server fills in defaults before it validates
        filled = {name for name, part in schema.get("properties", {}).items() if "default" in part}
        closed["required"] = [name for name in closed["required"] if name not in filled]
    if closed.pop("nullable", False) and "type" in closed:
        closed["type"] = [closed["type"], "null"]
    closed.pop("format", None)
    return closed


def definition_file(document: ClusterDocument) -> Path | None:
    """Return the file of the operator's schema for this kind of manifest; None if it is not available."""
    place = Path(os.environ.get(DATA, ""), "kuberay", f"ray.io_{str(document.get('kind')).lower()}s.yaml")
    return place if os.environ.get(DATA) and place.is_file() else None


def definitions(document: ClusterDocument) -> Iterator[Finding]:
    """Yield the violations of the operator's own schema, if it is available."""
    kind = str(document.get("kind")).lower()
    place = definition_file(document)
    if place is None:
        return
    definition = yaml.load(place.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe
    served = {one["name"]: one["schema"]["openAPIV3Schema"] for one in definition["spec"]["versions"]}
    wanted = str(document.get("apiVersion")).partition("/")[2]
    if wanted not in served:
        reason = f"the operator does not serve {kind} in version {wanted!r}"
        yield finding(document, "RTS101", ("apiVersion",), reason, f"use ray.io/{next(iter(served))}")
        return
    rules = strict(served[wanted])
    rules["properties"]["metadata"] = {"type": "object"}  # validated by Kubernetes itself
    for error in import_module("jsonschema").Draft202012Validator(rules).iter_errors(document.data):
        yield from schema_error(document, (), error)


def cluster(document: ClusterDocument, pools: list[Pool]) -> Iterator[Finding]:
    """Yield the mistakes that concern the cluster as a whole."""
    top = cluster_spec(document)
    version_here, stated = version("ray"), str(document.get(*top, "rayVersion", default=""))
    if stated and stated != version_here:
        remedy = f"set rayVersion to {version_here!r} and use images of that version, or install {stated} locally"
        reason = f"rayVersion is {stated}, but the local version is {version_here}"
        yield finding(document, "RTS301", (*top, "rayVersion"), reason, remedy, severity="warning")
    if has_no_workers(pools):
        trains = head_trains(document, pools)
        where_trials_run = "trials run on the head" if trains else "no trial can run"
        reason = f"there are no workerGroupSpecs: {where_trials_run}"
        remedy = "add a group of pods with GPUs"
        yield finding(document, "RTS806", top, reason, remedy, severity="warning" if trains else None)
    if not document.get(*top, "enableInTreeAutoscaling"):
        reason = "without `enableInTreeAutoscaling: true` the groups do not grow or shrink"
        yield finding(document, "RTS803", top, reason, "add it, with `autoscalerOptions: {version: v2}`")
    if not document.get(*top, "gcsFaultToleranceOptions"):
        reason = "the head keeps the cluster's state in memory: if it restarts, all workers restart"
        remedy = "add gcsFaultToleranceOptions with a Redis; the study itself can be resumed with --resume"
        yield finding(document, "RTS804", top, reason, remedy)
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


def group(document: ClusterDocument, pool: Pool, storage_path: str | None, *, only: bool) -> Iterator[Finding]:
    """Yield the mistakes in a group of pods; `only` says that the cluster has no other."""
    container: KeyPath = (*pool.where, *POD, "containers", 0)
    if document.get(*container, "image"):
        for found in image(document, (*container, "image"), gpus=bool(pool.gpus)):
            yield dataclasses.replace(found, severity="warning") if found.code in LESS_SEVERE else found
    if pool.head:
        if head_trains(document, [pool]):
            reason = "the head runs trials, which compete with the process that coordinates the study"
            where = (*pool.where, "rayStartParams")
            remedy = 'add `num-cpus: "0"` to its rayStartParams'
            yield finding(document, "RTS204", where, reason, remedy, severity="warning" if only else None)
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
    if not pool.gpus and (has_cuda or tolerates_gpus) and not document.get(*place, "claims"):
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
