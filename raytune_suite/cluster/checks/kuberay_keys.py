"""What can be said of a KubeRay manifest's keys and names without the operator's schema."""

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
    from raytune_suite.cluster.document import Document, Where

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
"""Keys of KubeRay 1.4 and of Kubernetes; later ones may have more, so that only near misses are mistakes."""

LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
"""What Kubernetes takes for a part of a pod's name."""


def misspelt(document: Document) -> Iterator[Finding]:
    """Keys that are nearly known ones."""
    top = cluster_spec(document)
    groups: list[Where] = [
        (*top, "workerGroupSpecs", i) for i in range(len(document.entries(*top, "workerGroupSpecs")))
    ]
    head: Where = (*top, "headGroupSpec")
    places: list[tuple[Where, tuple[str, ...]]] = [
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


def group_names(document: Document) -> Iterator[Finding]:
    """The names of the groups of workers, which become parts of their pods' names."""
    top = cluster_spec(document)
    seen = set()
    for index, group in enumerate(document.entries(*top, "workerGroupSpecs")):
        if not isinstance(group, dict):
            continue
        where: Where = (*top, "workerGroupSpecs", index, "groupName")
        name = group.get("groupName")
        if name is None:
            reason, remedy = "a group of workers has no groupName", "write `groupName: gpu-1`"
        elif not LABEL.fullmatch(str(name)):
            reason = f"the group's name {name!r} cannot be part of a pod's name"
            remedy = "write lower-case letters, digits and `-`, 63 at most"
        elif name in seen:
            reason, remedy = f"two groups are called {name!r}", "give each its own name"
        else:
            seen.add(name)
            continue
        yield finding(document, "RTS807", where, reason, remedy)
