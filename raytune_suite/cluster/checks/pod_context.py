"""Checks of what pods need around them: annotations of storage drivers, tokens, and a Redis that forgets.

Sources: "Cloud Storage FUSE CSI driver" and "Parallelstore CSI driver" of GKE; Kubernetes: "CSI ephemeral volumes",
"Storage classes", "Configure service accounts"; Redis: "Key eviction"; read in 2026-11.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from raytune_suite.cluster.checks import folded_comments
from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.pools import cluster_spec, is_kuberay

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding, Severity
    from raytune_suite.cluster.checks.pods import PodPlace
    from raytune_suite.cluster.document import ClusterDocument, KeyPath

GCSFUSE, PARALLELSTORE = "gcsfuse.csi.storage.gke.io", "parallelstore.csi.storage.gke.io"
INJECTED = {GCSFUSE: "gke-gcsfuse/volumes", PARALLELSTORE: "gke-parallelstore/volumes"}
"""The annotation by which GKE adds the container that mounts a driver's volumes."""

OWN_SIDECAR = re.compile(r"gke-(gcsfuse|parallelstore)-sidecar")

DISKS = ("kubernetes.io/no-provisioner", "ebs.csi.aws.com", "pd.csi.storage.gke.io", "disk.csi.azure.com")
"""Drivers of disks, which one machine mounts; they have no volumes that are written in a pod."""

DISK_CLASSES = (
    *("gp2", "gp3", "standard-rwo", "premium-rwo", "managed", "managed-csi", "managed-premium", "managed-csi-premium"),
    *("ebs-sc", "local-path", "local-storage", "standard", "hostpath", "ebs-csi", "gp3-csi", "do-block-storage"),
    *(
        "linode-block-storage",
        "hcloud-volumes",
        "oci-bv",
        "pd-ssd",
        "pd-balanced",
        "hyperdisk-balanced",
        "rook-ceph-block",
    ),
)
"""Storage classes of clouds, and of k3s, with such disks."""

POLICY = re.compile(r"maxmemory-policy[\s=\"']+(allkeys-\w+)")
"""A policy by which Redis drops any key; Ray's have no time to live, so that `volatile-...` drops none of them."""

TOKEN: KeyPath = ("automountServiceAccountToken",)


def check(document: ClusterDocument, pod: PodPlace) -> Iterator[Finding]:
    """Yield what a pod lacks around it."""
    yield from drivers(document, pod)
    for container in pod.containers:
        yield from folded_comments.check(document, [(*container, "command"), (*container, "args")])
        words = [str(word) for key in ("command", "args") for word in document.entries(*container, key)]
        redis = "redis" in f"{document.get(*container, 'image')} {' '.join(words)}"
        match = POLICY.search(" ".join(words)) if redis else None
        if match is not None:
            place = (*container, "args" if document.get(*container, "args") else "command")
            yield forgets(document, place, match[1])


def forgets(document: ClusterDocument, where: KeyPath, policy: str) -> Finding:
    """Return a finding about a Redis that drops keys."""
    reason = f"with `maxmemory-policy {policy}` a full Redis drops keys: if it holds the state of Ray, that is lost"
    return finding(document, "RTS804", where, reason, "write `maxmemory-policy noeviction`")


def drivers(document: ClusterDocument, pod: PodPlace) -> Iterator[Finding]:
    """Yield volumes of storage drivers that cannot be mounted in a pod as they are written."""
    for index, volume in enumerate(document.entries(*pod.where, "volumes")):
        driver = volume["csi"].get("driver") if isinstance(volume, dict) and isinstance(volume.get("csi"), dict) else ""
        where: KeyPath = (*pod.where, "volumes", index, "csi")
        if driver in INJECTED:
            yield from annotation(document, pod, where, str(driver))
        if driver == GCSFUSE and not document.get(*where, "volumeAttributes", "bucketName"):
            reason, remedy = "the volume names no bucket", "add `volumeAttributes: {bucketName: NAME}`"
            yield finding(document, "RTS814", where, reason, remedy)
        if driver in DISKS:
            reason = f"{driver} has no volumes that are written in the pod"
            remedy = "write a PersistentVolumeClaim, or `ephemeral: {volumeClaimTemplate: ...}`"
            yield finding(document, "RTS814", where, reason, remedy, severity="warning")


def annotation(document: ClusterDocument, pod: PodPlace, where: KeyPath, driver: str) -> Iterator[Finding]:
    """Yield a finding if a pod lacks the annotation by which GKE adds the container that mounts the volume."""
    key = INJECTED[driver]
    given = document.get(*pod.where[:-1], "metadata", "annotations", key)
    names = [str(document.get(*container, "name")) for container in pod.containers]
    templated = isinstance(given, str) and re.search(r"[${]", given)
    if str(given).lower() != "true" and not templated and not any(map(OWN_SIDECAR.match, names)):
        state = f"{given!r}" if given is not None else "missing"
        reason = f"{pod.name} has a volume of {driver}, but its annotation {key} is {state}: GKE does not mount it"
        remedy = f'add `metadata: {{annotations: {{{key}: "true"}}}}` beside the `spec` of the pod'
        severity: Severity | None = None if driver == GCSFUSE else "warning"
        yield finding(document, "RTS814", where, reason, remedy, severity=severity)


def across(documents: list[ClusterDocument], places: list[tuple[ClusterDocument, PodPlace]]) -> Iterator[Finding]:
    """Yield what the documents of a file say about each other.

    Args:
        documents: The documents.
        places: The pods that they describe.
    """
    for document in documents:
        if document.get("kind") == "ConfigMap":
            for key, text in document.mapping("data").items():
                match = POLICY.search(text) if isinstance(text, str) else None
                if match is not None:
                    yield forgets(document, ("data", key), match[1])
        if document.get("kind") == "PersistentVolumeClaim":
            yield from shared_disk(document, documents)
        if is_kuberay(document):
            yield from autoscaler_token(document, documents)
    volumes = {str(one.get("metadata", "name")): one for one in documents if one.get("kind") == "PersistentVolume"}
    claims = {str(one.get("metadata", "name")): one for one in documents if one.get("kind") == "PersistentVolumeClaim"}
    for document, pod in places:
        for index, volume in enumerate(document.entries(*pod.where, "volumes")):
            source = volume.get("persistentVolumeClaim") if isinstance(volume, dict) else None
            claim = claims.get(str(source.get("claimName"))) if isinstance(source, dict) else None
            bound = None if claim is None else volumes.get(str(claim.get("spec", "volumeName")))
            driver = "" if bound is None else bound.get("spec", "csi", "driver")
            if driver in INJECTED:
                yield from annotation(document, pod, (*pod.where, "volumes", index), str(driver))


def shared_disk(claim: ClusterDocument, documents: list[ClusterDocument]) -> Iterator[Finding]:
    """Yield a claim that many pods may write, of a storage class with disks, which only one machine mounts."""
    name = claim.get("spec", "storageClassName")
    own = [one for one in documents if one.get("kind") == "StorageClass" and one.get("metadata", "name") == name]
    disks = any(one.get("provisioner") in DISKS for one in own) if own else name in DISK_CLASSES
    if "ReadWriteMany" in claim.strings("spec", "accessModes") and claim.get("spec", "volumeMode") != "Block" and disks:
        reason = f"the storage class {name!r} makes disks, which only one machine mounts: the claim stays Pending"
        remedy = "use a class with files, such as EFS, Filestore, Azure Files or NFS"
        yield finding(claim, "RTS814", ("spec", "storageClassName"), reason, remedy, severity="warning")


def autoscaler_token(document: ClusterDocument, documents: list[ClusterDocument]) -> Iterator[Finding]:
    """Yield a head whose autoscaler gets no token for the API of Kubernetes: the pod says so, or its account."""
    top = cluster_spec(document)
    pod: KeyPath = (*top, "headGroupSpec", "template", "spec")
    given, where = document.get(*pod, *TOKEN), (*pod, *TOKEN)
    named = document.get(*pod, "serviceAccountName")
    accounts = [one for one in documents if one.get("kind") == "ServiceAccount"]
    account = next((one for one in accounts if named and one.get("metadata", "name") == named), None)
    if given is None and account is not None:
        given, where = account.get(*TOKEN), (*pod, "serviceAccountName")
    projected = "serviceAccountToken" in str(document.get(*pod, "volumes"))
    if given is False and document.get(*top, "enableInTreeAutoscaling") is True and not projected:
        of = "" if where[-1] in TOKEN else f" of the account {named!r}"
        reason = f"`automountServiceAccountToken`{of} is false, but the autoscaler beside the head needs the "
        reason += "token to start and remove pods"
        yield finding(document, "RTS803", where, reason, "remove it from the head", severity="error")
