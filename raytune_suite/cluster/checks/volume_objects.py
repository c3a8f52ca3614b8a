"""Checks of claims, volumes and storage classes: whether they fit together, and whether many pods can write them.

Sources: Kubernetes, "Persistent Volumes" and "Storage Classes"; the manual of the EFS CSI driver; read in 2026-11.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.checks.pod_context import DISKS
from raytune_suite.cluster.checks.pods import PLACEHOLDER
from raytune_suite.cluster.checks.study_volumes import READ_ONLY
from raytune_suite.cluster.quantities import quantity
from raytune_suite.errors import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding, Severity
    from raytune_suite.cluster.document import ClusterDocument, KeyPath

MODES: KeyPath = ("spec", "accessModes")
LEAST_SIZE = 2**30
EFS, EFS_ID = "efs.csi.aws.com", re.compile(r"fs-[0-9a-f]{8,17}(:.*)?")


def check(document: ClusterDocument) -> Iterator[Finding]:
    """Yield the mistakes in a claim, a volume or a storage class."""
    kind = document.get("kind")
    if kind == "PersistentVolumeClaim":
        yield from claim(document)
    elif kind == "PersistentVolume":
        yield from volume(document)
    elif kind == "StorageClass":
        yield from storage_class(document)


def only_read(document: ClusterDocument, where: KeyPath, why: str, remedy: str, severity: Severity) -> Finding:
    """Return a finding about a volume that nobody can write."""
    reason = f"{why}: trials cannot save checkpoints there"
    return finding(document, "RTS814", where, reason, remedy, severity=severity)


def claim(document: ClusterDocument) -> Iterator[Finding]:
    """Yield claims that pods cannot write, or cannot mount as a folder."""
    modes = document.strings(*MODES)
    if modes and set(modes) == {"ReadOnlyMany"}:
        remedy = "write `accessModes: [ReadWriteMany]`, unless the volume has only data"
        yield only_read(document, MODES, "ReadOnlyMany lets pods only read the volume", remedy, "warning")
    if document.get("spec", "volumeMode") == "Block":
        reason = "`volumeMode: Block` gives pods a device and no folder, so no pod mounts it with `volumeMounts`"
        yield finding(document, "RTS814", ("spec", "volumeMode"), reason, "remove it", severity="warning")
    size = quantity(document.get("spec", "resources", "requests", "storage"))
    if "ReadWriteMany" in modes and size is not None and 2**22 <= size < LEAST_SIZE:
        where: KeyPath = ("spec", "resources", "requests", "storage")
        reason = f"{document.get(*where)} hold few checkpoints: a study fails when the volume is full"
        yield finding(document, "RTS814", where, reason, "write 100Gi or more", severity="warning")
    most = quantity(document.get("spec", "resources", "limits", "storage"))
    if most is not None and size is not None and size > most:
        reason = f"the claim requests {document.get('spec', 'resources', 'requests', 'storage')}, more than its limit"
        yield finding(document, "RTS812", ("spec", "resources", "limits", "storage"), reason, "remove `limits`")
    spec = document.mapping("spec")
    if spec.get("storageClassName") == "" and not {"volumeName", "selector"} & set(spec):
        reason = "without a class no volume is made, so the claim waits for one that you create"
        remedy = "write `storageClassName: NAME`, or `volumeName: NAME` of your volume"
        yield finding(document, "RTS814", ("spec", "storageClassName"), reason, remedy, severity="warning")
    bound = {"volumeName", "selector", "dataSource", "dataSourceRef"} & set(spec)
    if "ReadWriteMany" in modes and "storageClassName" not in spec and not bound:
        reason = "the claim names no storage class, and the default one of most clusters makes disks, which only one "
        reason += "machine mounts"
        remedy = "add `storageClassName: ...` with files, such as EFS, Filestore, Azure Files or NFS"
        yield finding(document, "RTS814", ("spec",), reason, remedy, severity="warning")


def volume(document: ClusterDocument) -> Iterator[Finding]:
    """Yield volumes that pods cannot write or share."""
    modes = document.strings(*MODES)
    for kind in ("nfs", "csi", "cephfs", "azureFile"):
        where: KeyPath = ("spec", kind, "readOnly")
        if document.get(*where) is True and "ReadOnlyMany" not in modes:
            yield only_read(document, where, f"`readOnly` of {kind} is true", "remove it", "warning")
    if READ_ONLY.search(",".join(document.strings("spec", "mountOptions"))) and "ReadOnlyMany" not in modes:
        yield only_read(
            document, ("spec", "mountOptions"), "the option `ro` mounts it for reading", "remove `ro`", "warning"
        )
    many = {"ReadWriteMany", "ReadOnlyMany"} & set(modes)
    place = next((one for one in ("hostPath", "local") if document.get("spec", one) is not None), None)
    if many and place is not None:
        reason = f"`{place}` is a folder of each machine, so pods on several machines share nothing with {min(many)}"
        yield finding(
            document, "RTS814", ("spec", place), reason, "use `nfs`, or a driver of files", severity="warning"
        )
    driver = document.get("spec", "csi", "driver")
    if "ReadWriteMany" in modes and driver in DISKS and document.get("spec", "volumeMode") != "Block":
        reason = f"{driver} makes disks, which only one machine mounts"
        remedy = "write `accessModes: [ReadWriteOnce]`, or use a driver of files"
        yield finding(document, "RTS814", MODES, reason, remedy)
    handle = document.get("spec", "csi", "volumeHandle")
    if driver == EFS and isinstance(handle, str) and not EFS_ID.fullmatch(handle) and not PLACEHOLDER.search(handle):
        reason = f"`volumeHandle` is {handle!r}, but must be the ID of a file system of EFS"
        yield finding(
            document, "RTS814", ("spec", "csi", "volumeHandle"), reason, "write, for example, fs-0a1b2c3d4e5f60718"
        )
    if document.get("spec", "persistentVolumeReclaimPolicy") in ("Delete", "Recycle"):
        policy = document.get("spec", "persistentVolumeReclaimPolicy")
        reason = f"with `{policy}` the studies are lost, or the volume fails, when the claim is removed"
        where = ("spec", "persistentVolumeReclaimPolicy")
        yield finding(document, "RTS814", where, reason, "write `Retain`", severity="warning")


def storage_class(document: ClusterDocument) -> Iterator[Finding]:
    """Yield classes whose volumes cannot be written, and parameters that the driver of EFS rejects."""
    if READ_ONLY.search(",".join(document.strings("mountOptions"))):
        yield only_read(
            document, ("mountOptions",), "the option `ro` mounts volumes for reading", "remove `ro`", "error"
        )
    if document.get("provisioner") != EFS:
        return
    given, where = document.mapping("parameters"), ("parameters",)
    mode, system = given.get("provisioningMode"), given.get("fileSystemId")
    if given and mode != "efs-ap":
        reason = f"`provisioningMode` is {mode!r}, but EFS only has efs-ap"
        yield finding(document, "RTS814", where, reason, "write `provisioningMode: efs-ap`")
    if isinstance(system, str) and not EFS_ID.fullmatch(system) and not PLACEHOLDER.search(system):
        reason = f"`fileSystemId` is {system!r}, which is not the ID of an EFS file system"
        yield finding(document, "RTS814", (*where, "fileSystemId"), reason, "write, for example, fs-0a1b2c3d4e5f60718")


def across(documents: list[ClusterDocument]) -> Iterator[Finding]:
    """Yield claims that do not fit the volumes and classes of the same file."""
    volumes = {str(one.get("metadata", "name")): one for one in documents if one.get("kind") == "PersistentVolume"}
    classes = {str(one.get("metadata", "name")): one for one in documents if one.get("kind") == "StorageClass"}
    claims = [one for one in documents if one.get("kind") == "PersistentVolumeClaim"]
    used = {str(one.get("spec", "storageClassName")) for one in [*claims, *volumes.values()]}
    for one in claims:
        name, wanted = one.get("spec", "storageClassName"), one.get("spec", "volumeName")
        if classes and isinstance(name, str) and name and name not in classes and not PLACEHOLDER.search(name):
            match = nearest(name, classes) or (next(iter(classes)) if not used & set(classes) else None)
            if match is not None:
                reason = f"the claim names the storage class {name!r}, but the file has {match!r}"
                remedy = f"write `storageClassName: {match}`, unless {name} exists already"
                yield finding(one, "RTS813", ("spec", "storageClassName"), reason, remedy, severity="warning")
        if isinstance(wanted, str) and wanted in volumes:
            yield from pair(one, volumes[wanted])
        elif isinstance(wanted, str) and volumes:
            match = nearest(wanted, volumes) or next(iter(volumes))
            reason = f"the claim wants the volume {wanted!r}, but the file has {match!r}"
            remedy = f"write `volumeName: {match}`, unless it exists already"
            yield finding(one, "RTS813", ("spec", "volumeName"), reason, remedy, severity="warning")
        elif len(volumes) == 1 and wanted is None:
            (only,) = volumes.values()
            static = name == "" or (name is not None and name == only.get("spec", "storageClassName"))
            yield from pair(one, only) if static else ()
    by_name = {str(one.get("metadata", "name")): one for one in claims}
    for name, one in volumes.items():
        target = one.get("spec", "claimRef", "name")
        if isinstance(target, str) and by_name and target not in by_name:
            match = nearest(target, by_name) or (next(iter(by_name)) if len(by_name) == 1 else None)
            if match is not None:
                reason = f"the volume {name!r} is kept for the claim {target!r}, but the file has {match!r}"
                remedy = f"write `name: {match}` in `claimRef`"
                yield finding(one, "RTS813", ("spec", "claimRef", "name"), reason, remedy, severity="warning")


def pair(claim: ClusterDocument, volume: ClusterDocument) -> Iterator[Finding]:
    """Yield why a claim is never bound to the volume of the same file that it wants."""
    name = volume.get("metadata", "name")
    lacking = [mode for mode in claim.strings(*MODES) if mode not in volume.strings(*MODES)]
    if lacking and volume.strings(*MODES):
        reason = f"the claim wants {lacking[0]}, which the volume {name!r} does not allow: it stays Pending"
        yield finding(claim, "RTS814", MODES, reason, f"write `accessModes: [{lacking[0]}]` in both")
    wanted = quantity(claim.get("spec", "resources", "requests", "storage"))
    size = quantity(volume.get("spec", "capacity", "storage"))
    if wanted is not None and size is not None and wanted > size:
        shown = volume.get("spec", "capacity", "storage")
        reason = (
            f"the claim wants {claim.get('spec', 'resources', 'requests', 'storage')}, but the volume {name!r} has "
        )
        reason += f"{shown}: it stays Pending"
        yield finding(claim, "RTS814", ("spec", "resources", "requests", "storage"), reason, f"write {shown} or less")
    own, other = (one.get("spec", "storageClassName") for one in (claim, volume))
    if own is not None and not PLACEHOLDER.search(str(own)) and (own or "") != (other or ""):
        reason = f"the class of the claim is {own!r}, that of the volume {name!r} is {other or ''!r}: it stays Pending"
        yield finding(claim, "RTS814", ("spec", "storageClassName"), reason, f'write "{other or ""}" in both')
    modes = [one.get("spec", "volumeMode", default="Filesystem") for one in (claim, volume)]
    if modes[0] != modes[1]:
        reason = f"`volumeMode` of the claim is {modes[0]}, that of the volume {name!r} is {modes[1]}: it stays Pending"
        yield finding(claim, "RTS814", ("spec",), reason, f"write `volumeMode: {modes[1]}` in both")
