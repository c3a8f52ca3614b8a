"""KubeRay's manifests: the operator's own schema where it is at hand, then what no schema sees."""

from __future__ import annotations

import dataclasses
import os
import re
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml  # type: ignore[import-untyped] # it has no types of its own

from raytune_suite.cluster.checks.commands import image
from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.checks.kuberay_keys import group_names, misspelt
from raytune_suite.cluster.checks.launcher import missing_values, repeated_keys, schema_error
from raytune_suite.cluster.pools import cluster_spec, kuberay_pools

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding, Severity
    from raytune_suite.cluster.document import Document, Where
    from raytune_suite.cluster.pools import Pool

DATA = "RAYTUNE_SUITE_DATA"
"""The variable that names the folder of others' data; its kuberay/ holds the operator's resource definitions."""

OVER_HTTP = ("RTS301", "RTS309")
"""What does not matter much where studies are handed in by `ray job submit`, which needs not the Ray of the pods."""

KEPT = ("additionalProperties", "allOf", "anyOf", "items", "not", "oneOf")
"""Words of a schema under which schemas stand."""

POD: Where = ("template", "spec")


def check(document: Document, pools: list[Pool], storage_path: str | None) -> Iterator[Finding]:
    """What is wrong with a manifest."""
    yield from misspelt(document) if definition_file(document) is None else definitions(document)
    yield from group_names(document)
    yield from repeated_keys(document)
    yield from missing_values(document)
    yield from whole(document, pools)
    for pool in pools:
        yield from group(document, pool, storage_path, only=alone(pools))


def alone(pools: list[Pool]) -> bool:
    """Whether there is a head and nothing else."""
    return all(pool.head for pool in pools)


def head_trains(document: Document, pools: list[Pool]) -> bool:
    """Whether Ray places trials on the head."""
    given = [document.mapping(*pool.where, "rayStartParams").get("num-cpus", "") for pool in pools if pool.head]
    return any(str(value) != "0" for value in given)


def strict(schema: Any) -> Any:
    """A resource definition's OpenAPI schema as a JSON schema that refuses unknown keys."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("x-kubernetes-int-or-string"):
        return {"anyOf": [{"type": "integer"}, {"type": "string"}]}
    closed = {key: strict(value) if key in KEPT else value for key, value in schema.items() if key[:2] != "x-"}
    if "properties" in schema:
        closed["properties"] = {name: strict(part) for name, part in schema["properties"].items()}
        open_ended = schema.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in schema
        if schema.get("type") == "object" and not open_ended:
            closed["additionalProperties"] = False
    if "required" in closed:  # the server fills defaults in before it looks
        filled = {name for name, part in schema.get("properties", {}).items() if "default" in part}
        closed["required"] = [name for name in closed["required"] if name not in filled]
    if closed.pop("nullable", False) and "type" in closed:
        closed["type"] = [closed["type"], "null"]
    closed.pop("format", None)
    return closed


def definition_file(document: Document) -> Path | None:
    """The operator's own schema of a manifest's kind; None where the folder of data does not have it."""
    place = Path(os.environ.get(DATA, ""), "kuberay", f"ray.io_{str(document.get('kind')).lower()}s.yaml")
    return place if os.environ.get(DATA) and place.is_file() else None


def definitions(document: Document) -> Iterator[Finding]:
    """The operator's own schema, where the folder of data has it."""
    kind = str(document.get("kind")).lower()
    place = definition_file(document)
    if place is None:
        return
    definition = yaml.load(place.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe
    served = {one["name"]: one["schema"]["openAPIV3Schema"] for one in definition["spec"]["versions"]}
    wanted = str(document.get("apiVersion")).partition("/")[2]
    if wanted not in served:
        reason = f"the operator has no {kind} of version {wanted!r}"
        yield finding(document, "RTS101", ("apiVersion",), reason, f"write ray.io/{next(iter(served))}")
        return
    rules = strict(served[wanted])
    rules["properties"]["metadata"] = {"type": "object"}  # Kubernetes' own
    for error in import_module("jsonschema").Draft202012Validator(rules).iter_errors(document.data):
        yield from schema_error(document, (), error)


def whole(document: Document, pools: list[Pool]) -> Iterator[Finding]:
    """The cluster as a whole."""
    top = cluster_spec(document)
    said, here = str(document.get(*top, "rayVersion", default="")), version("ray")
    if said and said != here:
        remedy = f"write rayVersion: {here!r} and images of that version, or install {said} here"
        reason = f"rayVersion is {said}, here is {here}"
        yield finding(document, "RTS301", (*top, "rayVersion"), reason, remedy, severity="warning")
    if alone(pools):
        trains = head_trains(document, pools)
        reason = (
            f"no workerGroupSpecs: {'trials run on the head, which steers them' if trains else 'nothing can train'}"
        )
        remedy = "add a group of pods with GPUs"
        yield finding(document, "RTS806", top, reason, remedy, severity="warning" if trains else None)
    if not document.get(*top, "enableInTreeAutoscaling"):
        reason = "without `enableInTreeAutoscaling: true` the groups keep their size"
        yield finding(document, "RTS803", top, reason, "add it, with `autoscalerOptions: {version: v2}`")
    if not document.get(*top, "gcsFaultToleranceOptions"):
        reason = "the head keeps the cluster's state in memory: if it restarts, all workers restart too"
        remedy = "add gcsFaultToleranceOptions with a Redis; a study itself goes on from its storage by --resume"
        yield finding(document, "RTS804", top, reason, remedy)
    idle = document.get(*top, "autoscalerOptions", "idleTimeoutSeconds")
    if isinstance(idle, int) and idle <= 0:
        remedy = "300 to 600 outlast the pauses between a study's brackets"
        where = (*top, "autoscalerOptions", "idleTimeoutSeconds")
        yield finding(document, "RTS212", where, f"idle pods go after {idle} seconds", remedy)
    if not any(pool.gpus for pool in pools if not pool.head) and len(pools) > 1:
        first = next(pool for pool in pools if not pool.head)
        reason = "no group's first container has a limit of nvidia.com/gpu"
        remedy = "write `nvidia.com/gpu: 1` into its resources' limits; ignore this if the study needs no GPU"
        yield finding(document, "RTS211", first.where, reason, remedy)


def group(document: Document, pool: Pool, storage_path: str | None, *, only: bool) -> Iterator[Finding]:
    """One group of pods, maybe the only one."""
    container: Where = (*pool.where, *POD, "containers", 0)
    if document.get(*container, "image"):
        for found in image(document, (*container, "image"), gpus=bool(pool.gpus)):
            yield dataclasses.replace(found, severity="warning") if found.code in OVER_HTTP else found
    if pool.head:
        if head_trains(document, [pool]):
            reason = "the head takes trials, which compete with the process that steers them all"
            where = (*pool.where, "rayStartParams")
            remedy = 'write `num-cpus: "0"` into its rayStartParams'
            yield finding(document, "RTS204", where, reason, remedy, severity="warning" if only else None)
        if pool.spot:
            reason = "the head runs on a node that may be reclaimed, which ends the study"
            yield finding(document, "RTS205", (*pool.where, *POD, "nodeSelector"), reason, "select nodes on demand")
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
        remedy = "mount a claim with ReadWriteMany in each group, or give studies a URI such as s3://bucket/studies"
        yield finding(document, "RTS501", where, reason, remedy)
    if storage_path is not None and "://" not in storage_path:
        inside = any(storage_path == folder or storage_path.startswith(f"{folder}/") for folder in folders)
        if not inside:
            reason = f"{pool.name} does not mount the study's storage_path {storage_path!r}"
            yield finding(document, "RTS502", where, reason, "mount the same claim there in each group")


def workers(document: Document, pool: Pool) -> Iterator[Finding]:
    """One group of workers."""
    where, name = pool.where, pool.name
    bounded = document.get(*where, "maxReplicas") is not None  # if not, the operator's schema says 2147483647
    if bounded and pool.least > pool.most:
        reason = f"{name}: at least {pool.least} pods, but at most {pool.most}"
        yield finding(document, "RTS201", (*where, "minReplicas"), reason, "lower minReplicas or raise maxReplicas")
    if pool.most <= 0 and (bounded or not document.get(*cluster_spec(document), "enableInTreeAutoscaling")):
        off = pool.least == pool.most == 0 and any(one.most > 0 for one in kuberay_pools(document))
        severity: Severity | None = "warning" if off else None
        place: Where = (*where, "maxReplicas")
        yield finding(document, "RTS202", place, f"{name} may have no pod", "raise maxReplicas", severity=severity)
    looks = re.search(r"-(gpu|cu\d+)", str(document.get(*where, *POD, "containers", 0, "image", default="")))
    tolerations = document.entries(*where, *POD, "tolerations")
    keys = [str(one.get("key", "")) for one in tolerations if isinstance(one, dict)]
    names_gpus = any("gpu" in key for key in keys)
    place = (*where, *POD, "containers", 0, "resources")
    if not pool.gpus and (looks or names_gpus) and not document.get(*place, "claims"):
        reason = f"{name} has {'an image with CUDA' if looks else 'a toleration for GPU nodes'}, but no nvidia.com/gpu"
        remedy = "write `nvidia.com/gpu: 1` into its resources' limits"
        yield finding(document, "RTS801", place, reason, remedy, severity=None if names_gpus else "warning")
    if pool.gpus and not names_gpus and "" not in keys:
        remedy = "add `{key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}`"
        reason = f"{name} tolerates no taint of GPU nodes, which most clouds set"
        yield finding(document, "RTS805", (*where, *POD), reason, remedy)
    policy = document.get(*where, *POD, "restartPolicy")
    top = cluster_spec(document)
    second = str(document.get(*top, "autoscalerOptions", "version", default="")) == "v2"
    if second and policy not in (None, "Never"):
        reason = f"{name}: restartPolicy {policy!r} restarts pods that autoscaler v2 has given up"
        yield finding(document, "RTS802", (*where, *POD, "restartPolicy"), reason, "write `restartPolicy: Never`")
