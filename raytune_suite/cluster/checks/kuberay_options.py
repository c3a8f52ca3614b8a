"""The rules by which KubeRay's operator rejects options of a cluster: tokens, priorities, network policies, history.

Source: as in `kuberay_rules`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.checks.kuberay_jobs import POD, number, rejected
from raytune_suite.cluster.checks.schema_errors import closest
from raytune_suite.cluster.pools import dicts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding
    from raytune_suite.cluster.document import ClusterDocument, KeyPath

WITH_TOKENS, WITH_KUBERNETES_TOKENS, WITH_PRIORITIES, WITH_ROCKSDB = (2, 52), (2, 55), (2, 56), (2, 57)
"""The first versions of Ray with a feature."""

START_COMMAND = "KUBERAY_GEN_AUTOSCALER_START_CMD"
STATE_FOLDER, STATE_VARIABLES = "/data/gcs", ("RAY_gcs_storage", "RAY_gcs_storage_path")
"""Where the operator mounts the volume with the state of the head, and how it says so to Ray."""

HISTORY_BACKENDS = {
    "GCS": ("GCS_BUCKET",),
    "S3": ("S3_REGION",),
    "AZUREBLOB": (),
    "ALIYUNOSS": ("ALIYUN_BUCKET", "ALIYUN_ENDPOINT", "ALIYUN_REGION"),
}
"""Where the history server stores events (`STORAGE_BACKEND`), and the variables that each needs."""

CLOSED = {"DenyAllEgress": "egressRules", "DenyAllIngress": "ingressRules"}
"""The only rules that a network policy may have, by the mode that closes one direction."""


def check(document: ClusterDocument, top: KeyPath) -> Iterator[Finding]:
    """Yield what the operator rejects in the options of a cluster, whose spec is at a key path."""
    yield from tokens(document, top)
    yield from groups(document, top)
    yield from network(document, top)
    yield from history(document, (*top, "historyServerOptions"))
    if document.get(*top, "gcsFaultToleranceOptions", "backend") == "rocksdb":
        yield from embedded_state(document, top)
    for index, entry in enumerate(document.entries(*top, "autoscalerOptions", "env")):
        if isinstance(entry, dict) and entry.get("name") == START_COMMAND:
            where = (*top, "autoscalerOptions", "env", index)
            yield rejected(document, where, f"{START_COMMAND} is set by the operator", "remove it")


def older(document: ClusterDocument, top: KeyPath, first: tuple[int, int]) -> str | None:
    """Return the stated version of Ray if it is older than the first one with a feature, "missing" without one."""
    stated = document.get(*top, "rayVersion")
    match = re.match(r"(\d+)\.(\d+)", str(stated or ""))
    if match is not None and (int(match[1]), int(match[2])) >= first:
        return None
    return str(stated or "missing")


def tokens(document: ClusterDocument, top: KeyPath) -> Iterator[Finding]:
    """Yield tokens that are required of a Ray that has none, and contradictions in where they come from."""
    where = (*top, "authOptions")
    by_token, by_kubernetes = document.get(*where, "mode") == "token", document.get(*where, "enableK8sTokenAuth")
    stated = older(document, top, WITH_TOKENS)
    if by_token and stated is not None:
        reason = f"`mode: token` needs Ray 2.52 or later, but rayVersion is {stated}"
        yield rejected(document, (*where, "mode"), reason, "write the `rayVersion` of the image, 2.52 or later")
    if by_kubernetes is not True:
        return
    place = (*where, "enableK8sTokenAuth")
    stated = older(document, top, WITH_KUBERNETES_TOKENS)
    if not by_token:
        yield rejected(document, place, "tokens of Kubernetes need `mode: token`", "add `mode: token`")
    elif stated is not None:
        yield rejected(document, place, f"it needs Ray 2.55 or later, but rayVersion is {stated}", "use a newer image")
    if document.get(*where, "secretName"):
        reason = "`secretName` and `enableK8sTokenAuth` are both set"
        yield rejected(document, (*where, "secretName"), reason, "keep one of them")
    if document.get("kind") != "RayCluster":
        reason = f"a {document.get('kind')} does not support tokens of Kubernetes"
        yield rejected(document, place, reason, "remove it: KubeRay then creates a token")


def groups(document: ClusterDocument, top: KeyPath) -> Iterator[Finding]:
    """Yield settings of groups that need a newer Ray, or are negative."""
    for index in range(len(document.entries(*top, "workerGroupSpecs"))):
        where = (*top, "workerGroupSpecs", index)
        stated = older(document, top, WITH_PRIORITIES)
        if number(document.get(*where, "priority")) and stated is not None:
            reason = f"`priority` of a group needs Ray 2.56 or later, but rayVersion is {stated}"
            yield rejected(document, (*where, "priority"), reason, "remove it, or use a newer image")
        if number(document.get(*where, "idleTimeoutSeconds")) < 0:
            reason = f"`idleTimeoutSeconds` is {document.get(*where, 'idleTimeoutSeconds')}"
            yield rejected(document, (*where, "idleTimeoutSeconds"), reason, "write 0 or more")


def network(document: ClusterDocument, top: KeyPath) -> Iterator[Finding]:
    """Yield rules of a network policy that its mode does not need, and rules for groups that do not exist."""
    where = (*top, "networkPolicy")
    given = document.mapping(*where)
    allowed = CLOSED.get(str(given.get("mode")))
    names = [str(one.get("groupName")) for one in dicts(document.entries(*top, "workerGroupSpecs"))]
    places: list[KeyPath] = [(*where, "head"), (*where, "worker")]
    for index, one in enumerate(document.entries(*where, "workerGroups")):
        places.append((*where, "workerGroups", index))
        name = one.get("groupName") if isinstance(one, dict) else None
        if isinstance(name, str) and name not in names:
            hint = closest(name, names)
            reason = f"there is no worker group {name!r}{hint and f': {hint}'}"
            yield rejected(document, (*places[-1], "groupName"), reason, f"write one of {', '.join(names)}")
    for place in places:
        for key in ("ingressRules", "egressRules"):
            if allowed not in (None, key) and document.get(*place, key):
                reason = f"`{key}` are set, but the mode {given['mode']} does not restrict that direction"
                yield rejected(document, (*place, key), reason, f"write `{allowed}`, or `mode: DenyAll`")


def history(document: ClusterDocument, where: KeyPath) -> Iterator[Finding]:
    """Yield what is missing for the history server."""
    if document.get(*where) is None:
        return
    options = (*where, "collectorOptions")
    if not document.mapping(*options):
        yield rejected(
            document, where, "`collectorOptions` are missing", "add `collectorOptions: {image: ..., env: [...]}`"
        )
        return
    if not document.get(*options, "image"):
        yield rejected(document, options, "the collector has no `image`", "add `image: ...`")
    given: dict[str, Any] = {
        str(one.get("name")): one.get("value") or one.get("valueFrom")
        for one in dicts(document.entries(*options, "env"))
    }
    backend = given.get("STORAGE_BACKEND")
    if not isinstance(backend, str):
        reason = "the collector does not know where to store events: `STORAGE_BACKEND` is missing in its `env`"
        yield rejected(document, options, reason, f"add it, one of {', '.join(HISTORY_BACKENDS)}")
        return
    for name in HISTORY_BACKENDS.get(backend.upper(), ()):
        if not given.get(name):
            yield rejected(document, options, f"{name} is missing in its `env`, which {backend} needs", "add it")


def embedded_state(document: ClusterDocument, top: KeyPath) -> Iterator[Finding]:
    """Yield contradictions in a head that keeps the cluster's state on a volume, and what else that needs."""
    where = (*top, "gcsFaultToleranceOptions")
    stated = older(document, top, WITH_ROCKSDB)
    if stated is not None:
        reason = f"the backend rocksdb needs Ray 2.57 or later, but rayVersion is {stated}"
        remedy = "use a newer image, or a Redis"
        yield finding(document, "RTS811", (*where, "backend"), reason, remedy, severity="warning")
    reason = "the operator rejects the backend rocksdb without its feature gate GCSFaultToleranceEmbeddedStorage"
    remedy = "start the operator with --feature-gates=GCSFaultToleranceEmbeddedStorage=true, or use a Redis"
    yield finding(document, "RTS811", (*where, "backend"), reason, remedy, severity="warning")
    storage = document.mapping(*where, "storage")
    for key in ("size", "storageClassName", "accessModes") if storage.get("claimName") else ():
        if storage.get(key):
            reason = f"`claimName` and `{key}` exclude each other: an existing claim has its own"
            yield rejected(document, (*where, "storage", key), reason, "remove one of them")
    container: KeyPath = (*top, "headGroupSpec", *POD, "containers", 0)
    for index, entry in enumerate(document.entries(*container, "env")):
        if isinstance(entry, dict) and entry.get("name") in STATE_VARIABLES:
            yield rejected(document, (*container, "env", index), f"{entry['name']} is set by the operator", "remove it")
    for index, mount in enumerate(document.entries(*container, "volumeMounts")):
        if isinstance(mount, dict) and str(mount.get("mountPath")).rstrip("/") == STATE_FOLDER:
            reason = f"a volume is mounted at {STATE_FOLDER}, where the operator mounts its own"
            yield rejected(document, (*container, "volumeMounts", index), reason, "mount it elsewhere")
