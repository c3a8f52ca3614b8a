"""Adapt KubeRay manifests to a Kubernetes cluster with one small node and without GPUs."""

from __future__ import annotations

import json
from typing import Any

from raytune_suite.cluster.pools import GPU_RESOURCE, KUBERAY, dicts

WORKERS = 2
"""The number of worker pods of a rehearsal."""

SMALL = {"cpu": "200m", "memory": "1Gi"}
"""What each container of Ray requests."""

PLACEMENT = ("nodeSelector", "tolerations", "affinity", "topologySpreadConstraints", "priorityClassName", "nodeName")


def adapt(documents: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[str]]:
    """Return copies of the documents of a file that one small node can run, and how they differ.

    Groups of workers keep their images, commands, volumes and environment. The first has two pods, the others none;
    their GPUs and CPUs are only claimed towards Ray. Volumes are those of the node.
    """
    # written and read as JSON, so that parts with an anchor are not shared
    changes: list[str] = []
    result = json.loads(json.dumps(documents, default=str))
    for document in result:
        if document.get("kind") == "PersistentVolumeClaim" and isinstance(document.get("spec"), dict):
            document["spec"].pop("storageClassName", None)
            document["spec"]["accessModes"] = ["ReadWriteOnce"]
            changes.append(f"claim {document['metadata']['name']}: a folder of the node, which all pods share")
        if document.get("kind") in KUBERAY:
            adapt_cluster(cluster_of(document), changes)
    return result, changes


def cluster_of(document: dict[str, Any]) -> dict[str, Any]:
    """Return the specification of the cluster in a KubeRay manifest; empty if it has none."""
    spec = document.get("spec") or {}
    spec = (spec.get("jobTemplate") or {}) if document.get("kind") == "RayCronJob" else spec
    key = {"RayCluster": None, "RayService": "rayClusterConfig"}.get(str(document.get("kind")), "rayClusterSpec")
    return spec if key is None else spec.get(key) or {}


def adapt_cluster(cluster: dict[str, Any], changes: list[str]) -> None:
    """Adapt the specification of a cluster."""
    cluster["enableInTreeAutoscaling"] = False
    changes.append("autoscaling: off, the groups have a fixed number of pods")
    groups = dicts(cluster.get("workerGroupSpecs") or [])
    for group in [*dicts([cluster.get("headGroupSpec")]), *groups]:
        name = str(group.get("groupName", "head"))
        adapt_pod(group, name, changes)
    for index, group in enumerate(groups):
        count = 0 if index else WORKERS
        if group.get("replicas") != count:
            changes.append(f"{group.get('groupName')}: {count} pods")
        group.update(replicas=count, minReplicas=count, maxReplicas=max(count, 1), numOfHosts=1)


def adapt_pod(group: dict[str, Any], name: str, changes: list[str]) -> None:
    """Adapt the pods of a group: they fit anywhere, and claim their CPUs and GPUs only towards Ray."""
    pod = (group.get("template") or {}).get("spec") or {}
    changes += [f"{name}: {key} removed" for key in PLACEMENT if pod.pop(key, None)]
    for index, container in enumerate(dicts(pod.get("containers") or [])):
        given = container.get("resources") or {}
        both = {**(given.get("requests") or {}), **(given.get("limits") or {})}
        gpus = sum(int(str(value)) for key, value in both.items() if GPU_RESOURCE.fullmatch(str(key)))
        container["resources"] = {"requests": SMALL}
        if index == 0:
            parameters = group.setdefault("rayStartParams", {}) or {}
            group["rayStartParams"] = {"num-cpus": "0" if name == "head" else "1", **parameters}
            if gpus:
                group["rayStartParams"]["num-gpus"] = str(gpus)
                changes.append(f"{name}: {gpus} GPUs are simulated")
