"""Check that all pods of a cluster write the same folder of the volume to which a study writes.

Sources: Kubernetes, "Persistent Volumes" and "Volumes" (`readOnly`, `subPath`, `subPathExpr`); sockets of Ray, which
file systems of a network do not have; read in 2026-11.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.checks.kuberay_groups import group_name, parameters
from raytune_suite.cluster.checks.kuberay_jobs import POD
from raytune_suite.cluster.checks.kuberay_rules import groups
from raytune_suite.cluster.pools import cluster_spec, dicts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding, Severity
    from raytune_suite.cluster.document import ClusterDocument, KeyPath

SHARED = ("persistentVolumeClaim", "nfs", "csi", "cephfs", "azureFile", "glusterfs")
"""Sources of volumes that pods of several machines may share."""

READ_ONLY = re.compile(r"(^|,)\s*(ro|read[-_]?only)\s*(,|$)")
OF_EACH_POD = ("metadata.name", "metadata.uid", "status.podIP", "status.podIPs", "spec.nodeName", "status.hostIP")
"""Fields that differ from pod to pod."""

USER_OF_RAY = 1000
"""The user of Ray's images, and of most that are made from them."""

SESSIONS = "/tmp"  # noqa: S108 - the folder in a pod, not written here


class Mount(NamedTuple):
    """A shared volume in a container of Ray.

    Attributes:
        group: The key path of the group of pods.
        where: The key path of the mount.
        path: Its folder in the container.
        part: Its folder in the volume.
        source: What identifies the volume.
        shown: The volume, for messages.
        read_only: Why the container cannot write it, "" if it can.
    """

    group: KeyPath
    where: KeyPath
    path: str
    part: str
    source: tuple[Any, ...]
    shown: str
    read_only: str


def check(document: ClusterDocument) -> Iterator[Finding]:
    """Yield shared volumes that groups mount differently, cannot write, or use for what needs a disk."""
    top = cluster_spec(document)
    places: list[KeyPath] = [(*top, "headGroupSpec"), *groups(document, top)]
    mounts = [one for group in places for one in of_group(document, group)]
    yield from differently(document, mounts)
    for one in mounts:
        others = any(other.source != one.source for other in mounts if other.group == one.group)
        name = group_name(document, one.group)
        if one.read_only:
            reason = f"{name} mounts {one.shown} for reading only, so trials cannot save checkpoints there"
            place = (*one.where, "readOnly") if document.get(*one.where, "readOnly") is True else one.where
            severity: Severity | None = "warning" if others else None
            yield finding(document, "RTS814", place, reason, f"remove {one.read_only}", severity=severity)
        variable = own_folder(document, one)
        if variable and not any(other.path != one.path for other in mounts if other.group == one.group):
            reason = f"`subPathExpr: {one.part}` gives each pod of {name} its own folder, since {variable} differs: "
            reason += "the study does not find the checkpoints of its trials"
            yield finding(document, "RTS814", (*one.where, "subPathExpr"), reason, "write `subPath` with one folder")
        yield from sockets(document, one)
    yield from users(document, places, mounts)


def of_group(document: ClusterDocument, group: KeyPath) -> Iterator[Mount]:
    """Yield the shared volumes in the container of Ray of a group."""
    spec = (*group, *POD)
    volumes = {str(one.get("name")): one for one in dicts(document.entries(*spec, "volumes"))}
    for index, mount in enumerate(document.entries(*spec, "containers", 0, "volumeMounts")):
        volume = volumes.get(str(mount.get("name")), {}) if isinstance(mount, dict) else {}
        kind = next((one for one in SHARED if isinstance(volume.get(one), dict)), None)
        if kind is None:
            continue
        source = volume[kind]
        identity = tuple(sorted((key, str(value)) for key, value in source.items() if key != "readOnly"))
        shown = f"the claim {source.get('claimName')!r}" if kind == SHARED[0] else f"the volume {mount.get('name')!r}"
        options = str((source.get("volumeAttributes") or {}).get("mountOptions", "")) if kind == "csi" else ""
        read_only = "`readOnly`" if mount.get("readOnly") is True or source.get("readOnly") is True else ""
        read_only = read_only or ("`ro` from its mountOptions" if READ_ONLY.search(options) else "")
        path, part = str(mount.get("mountPath")).rstrip("/"), mount.get("subPath") or mount.get("subPathExpr")
        where: KeyPath = (*spec, "containers", 0, "volumeMounts", index)
        yield Mount(group, where, path, str(part or ""), (kind, *identity), shown, read_only)


def differently(document: ClusterDocument, mounts: list[Mount]) -> Iterator[Finding]:
    """Yield volumes that groups mount at different paths, and paths at which they have different volumes or folders."""
    by_source: dict[tuple[Any, ...], Mount] = {}
    by_path: dict[str, Mount] = {}
    for one in mounts:
        name = group_name(document, one.group)
        same = by_path.setdefault(one.path, one)
        if one.part == "":
            first = by_source.setdefault(one.source, one)
            if first.path != one.path:
                other = group_name(document, first.group)
                reason = f"{name} mounts {one.shown} at {one.path}, but {other} at {first.path}"
                remedy = f"write `mountPath: {first.path}`: a study has the same folder on all pods"
                yield finding(document, "RTS814", (*one.where, "mountPath"), reason, remedy, severity="warning")
        if one.path in ("/tmp", "/tmp/ray", "/home/ray") or same.group == one.group:  # noqa: S108 - in a pod
            continue
        other = group_name(document, same.group)
        if same.source != one.source:
            reason = f"{name} has {one.shown} at {one.path}, but {other} has {same.shown} there: they share no folder"
            yield finding(
                document, "RTS814", one.where, reason, "mount the same volume in all groups", severity="warning"
            )
        elif same.part != one.part and not same.part.startswith("$") and not one.part.startswith("$"):
            reason = (
                f"{name} has the folder {one.part or '/'} of the volume at {one.path}, but {other} {same.part or '/'}"
            )
            remedy = "write the same `subPath` in all groups"
            yield finding(document, "RTS814", one.where, reason, remedy, severity="warning")


def own_folder(document: ClusterDocument, mount: Mount) -> str:
    """Return the variable by which each pod has a folder of its own, "" if there is none."""
    container = mount.where[:-2]
    for entry in dicts(document.entries(*container, "env")):
        source = entry.get("valueFrom")
        field = source.get("fieldRef", {}).get("fieldPath") if isinstance(source, dict) else None
        if field in OF_EACH_POD and f"$({entry.get('name')})" in mount.part:
            return str(entry.get("name"))
    return ""


def sockets(document: ClusterDocument, mount: Mount) -> Iterator[Finding]:
    """Yield folders of Ray's sockets and objects that are on a shared volume."""
    given, name = parameters(document, mount.group), group_name(document, mount.group)
    folder = given.get("temp-dir", f"{SESSIONS}/ray").rstrip("/")
    if mount.path and (folder == mount.path or folder.startswith(f"{mount.path}/")):
        stated = "temp-dir" in given
        where = (*mount.group, "rayStartParams", "temp-dir") if stated else (*mount.where, "mountPath")
        reason = f"{name} keeps its sessions in {folder}, on {mount.shown}: file systems of a network have no sockets, "
        reason += "so Ray does not start, and pods overwrite each other's sessions"
        remedy = "remove `temp-dir`, and copy the logs" if stated else "mount an emptyDir there"
        yield finding(
            document, "RTS814", where, reason, f"{remedy}; spilled objects and logs belong on the pod's own disk"
        )
    for option in ("plasma-directory", "object-spilling-directory"):
        path = given.get(option, "")
        if mount.path and path.startswith(f"{mount.path}/"):
            reason = f"{name} keeps objects in {path}, on {mount.shown}, which is slow and shared by all pods"
            remedy = "remove it: objects belong in /dev/shm, and spilled ones on the pod's own disk"
            place: KeyPath = (*mount.group, "rayStartParams", option)
            yield finding(document, "RTS814", place, reason, remedy, severity="warning")


def users(document: ClusterDocument, places: list[KeyPath], mounts: list[Mount]) -> Iterator[Finding]:
    """Yield groups that write a shared volume as other users than the head."""
    head = rights(document, places[0])
    for group in places[1:]:
        own = rights(document, group)
        shared = {one.source for one in mounts if one.group == group} & {
            one.source for one in mounts if one.group == places[0]
        }
        images = {str(document.get(*one, *POD, "containers", 0, "image")) for one in (places[0], group)}
        stated = own[0] is not None and head[0] is not None
        if (
            not shared
            or own[0] == head[0]
            or (own[1] is not None and own[1] == head[1])
            or not (stated or len(images) == 1)
        ):
            continue
        who, other = (f"user {one[0]}" if one[0] is not None else "user of the image" for one in (own, head))
        reason = f"{group_name(document, group)} writes the shared volume as the {who}, the head as the {other}: "
        reason += "they may not change each other's files"
        place: KeyPath = (*group, *POD, "securityContext")
        remedy = "write the same `runAsUser`, or the same `fsGroup`, in all groups"
        yield finding(document, "RTS814", place, reason, remedy, severity="warning")


def rights(document: ClusterDocument, group: KeyPath) -> tuple[Any, Any]:
    """Return the user and the group of files of a group's container of Ray."""
    of_pod = document.mapping(*group, *POD, "securityContext")
    own = document.mapping(*group, *POD, "containers", 0, "securityContext")
    user = {**of_pod, **own}.get("runAsUser")
    return None if user == USER_OF_RAY else user, of_pod.get("fsGroup")
