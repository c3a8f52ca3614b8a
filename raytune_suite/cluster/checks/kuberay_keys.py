"""Check the keys and group names of a KubeRay manifest without the operator's schema."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.checks.launcher import unknown_key
from raytune_suite.cluster.pools import cluster_spec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding
    from raytune_suite.cluster.document import ClusterDocument, KeyPath

CLUSTER_KEYS = (
    *("authOptions", "autoscalerOptions", "enableInTreeAutoscaling", "gcsFaultToleranceOptions", "headGroupSpec"),
    *("headServiceAnnotations", "historyServerOptions", "managedBy", "networkPolicy", "rayVersion", "suspend"),
    *("tlsOptions", "upgradeStrategy", "workerGroupSpecs"),
)
AUTOSCALER_KEYS = (
    *("args", "command", "env", "envFrom", "idleTimeoutSeconds", "image", "imagePullPolicy", "resources"),
    *("securityContext", "upscalingMode", "version", "volumeMounts"),
)
STATE_KEYS = ("backend", "externalStorageNamespace", "redisAddress", "redisPassword", "redisUsername", "storage")
HEAD_KEYS = (
    *("enableIngress", "headService", "ingressOptions", "labels", "rayStartParams", "resources", "serviceType"),
    "template",
)
GROUP_KEYS = (
    *("groupName", "idleTimeoutSeconds", "labels", "maxReplicas", "minReplicas", "numOfHosts", "priority"),
    *("rayStartParams", "replicas", "resources", "scaleStrategy", "suspend", "template"),
)
POD_KEYS = (
    *("affinity", "containers", "dnsPolicy", "hostNetwork", "imagePullSecrets", "initContainers", "nodeName"),
    *("nodeSelector", "os", "overhead", "priority", "priorityClassName", "restartPolicy", "runtimeClassName"),
    *("schedulerName", "securityContext", "serviceAccount", "serviceAccountName", "subdomain"),
    *("terminationGracePeriodSeconds", "tolerations", "topologySpreadConstraints", "volumes", "hostname", "hostPID"),
    *("hostIPC", "hostUsers", "hostAliases", "dnsConfig", "preemptionPolicy", "schedulingGates", "resources"),
    *("resourceClaims", "readinessGates", "enableServiceLinks", "activeDeadlineSeconds"),
)
CONTAINER_KEYS = (
    *("args", "command", "env", "envFrom", "image", "imagePullPolicy", "lifecycle", "livenessProbe", "name", "ports"),
    *("readinessProbe", "resources", "securityContext", "startupProbe", "volumeDevices", "volumeMounts", "workingDir"),
)
"""Keys of KubeRay 1.4 and of Kubernetes. Later versions may have more, so only near misses count as mistakes."""

LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
"""A name that may be part of a pod's name."""


def misspelled_keys(document: ClusterDocument) -> Iterator[Finding]:
    """Yield unknown keys that resemble a known one."""
    top = cluster_spec(document)
    groups: list[KeyPath] = [
        (*top, "workerGroupSpecs", i) for i in range(len(document.entries(*top, "workerGroupSpecs")))
    ]
    head: KeyPath = (*top, "headGroupSpec")
    places: list[tuple[KeyPath, tuple[str, ...]]] = [
        (top, CLUSTER_KEYS),
        ((*top, "autoscalerOptions"), AUTOSCALER_KEYS),
        ((*top, "gcsFaultToleranceOptions"), STATE_KEYS),
        (head, HEAD_KEYS),
        *((group, GROUP_KEYS) for group in groups),
        *(((*group, "template", "spec"), POD_KEYS) for group in (head, *groups)),
        *(((*group, "template", "spec", "containers", 0), CONTAINER_KEYS) for group in (head, *groups)),
    ]
    for where, known in places:
        for key in document.mapping(*where):
            if key not in known and difflib.get_close_matches(str(key), known, n=1, cutoff=0.8):
                yield unknown_key(document, (*where, key), known)


def group_names(document: ClusterDocument) -> Iterator[Finding]:
    """Yield mistakes in the names of worker groups, which become parts of their pods' names."""
    top = cluster_spec(document)
    seen = set()
    for index, group in enumerate(document.entries(*top, "workerGroupSpecs")):
        if not isinstance(group, dict):
            continue
        where: KeyPath = (*top, "workerGroupSpecs", index, "groupName")
        name = group.get("groupName")
        if name is None:
            reason, remedy = "a worker group has no groupName", "add one, such as `groupName: gpu-1`"
        elif not LABEL.fullmatch(str(name)):
            reason = f"the group name {name!r} cannot be part of a pod's name"
            remedy = "use at most 63 lower-case letters, digits and `-`"
        elif name in seen:
            reason, remedy = f"two worker groups are named {name!r}", "give each group its own name"
        else:
            seen.add(name)
            continue
        yield finding(document, "RTS807", where, reason, remedy)
