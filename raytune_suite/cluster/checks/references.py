"""Checks across the documents of a file of manifests: claims, config maps and secrets that others name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.checks.pods import entries_at
from raytune_suite.cluster.checks.schema_errors import closest, label
from raytune_suite.errors import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding
    from raytune_suite.cluster.checks.pods import PodPlace
    from raytune_suite.cluster.document import ClusterDocument, KeyPath

ACCESS_MODES = ("ReadWriteMany", "ReadWriteOnce", "ReadOnlyMany", "ReadWriteOncePod")

IN_VOLUMES = (("persistentVolumeClaim", "claimName"), ("configMap", "name"), ("secret", "secretName"))
IN_CONTAINERS = (
    *(("env", "*", "valueFrom", source, "name") for source in ("configMapKeyRef", "secretKeyRef")),
    *(("envFrom", "*", source, "name") for source in ("configMapRef", "secretRef")),
)
"""Where volumes and containers name other objects."""

KINDS = {
    "persistentVolumeClaim": "PersistentVolumeClaim",
    **dict.fromkeys(("configMap", "configMapKeyRef", "configMapRef"), "ConfigMap"),
    **dict.fromkeys(("secret", "secretKeyRef", "secretRef"), "Secret"),
}
"""The kind of object that each key names."""

Reference = tuple["KeyPath", str, str]
"""The key path of a name, the kind of the object that it names, and the name."""


def claim(document: ClusterDocument) -> Iterator[Finding]:
    """Yield unknown access modes of a volume claim, and a claim that asks for no storage."""
    for index, mode in enumerate(document.entries("spec", "accessModes")):
        if mode not in ACCESS_MODES:
            where: KeyPath = ("spec", "accessModes", index)
            hint = closest(str(mode), ACCESS_MODES)
            reason = f"Kubernetes has no access mode {mode!r}{hint and f': {hint}'}"
            yield finding(document, "RTS817", where, reason, f"write one of {', '.join(ACCESS_MODES)}")
    needed = {("accessModes",): "[ReadWriteMany]", ("resources", "requests", "storage"): "100Gi"}
    for path, example in needed.items() if document.mapping("spec") else ():
        if not document.get("spec", *path):
            reason = f"the claim has no {label(path)}"
            yield finding(document, "RTS817", ("spec",), reason, f"add `{'.'.join(path)}: {example}`")


def references(document: ClusterDocument, pod: PodPlace) -> Iterator[Reference]:
    """Yield the objects that a pod names."""
    patterns: list[tuple[str, ...]] = [("volumes", "*", *path) for path in IN_VOLUMES]
    patterns += [(kind, "*", *path) for kind in ("containers", "initContainers") for path in IN_CONTAINERS]
    for pattern in patterns:
        for where in entries_at(document, pod.where, pattern):
            if isinstance(document.get(*where), str):
                yield where, KINDS[pattern[-2]], str(document.get(*where))


def namespace(document: ClusterDocument) -> str:
    """Return the namespace of an object."""
    return str(document.get("metadata", "namespace", default="default"))


def keys_of(target: ClusterDocument) -> set[str]:
    """Return the keys of a config map or secret."""
    return {str(key) for part in ("data", "stringData", "binaryData") for key in target.mapping(part)}


def named_keys(document: ClusterDocument, where: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    """Yield the keys of a config map or secret that the reference at a key path uses."""
    source = where[:-1]
    for index in range(len(document.entries(*source, "items"))):
        place = (*source, "items", index, "key")
        if isinstance(document.get(*place), str):
            yield place, str(document.get(*place))
    if isinstance(document.get(*source, "key"), str) and document.get(*source, "optional") is not True:
        yield (*source, "key"), str(document.get(*source, "key"))


def check(document: ClusterDocument, pod: PodPlace, others: list[ClusterDocument]) -> Iterator[Finding]:
    """Yield names that resemble those of objects in the same file, keys that these lack, and claims for one node.

    Objects that are not in the file may exist in the cluster, so they are not reported.
    """
    by_kind: dict[str, dict[str, ClusterDocument]] = {}
    for other in others:
        by_kind.setdefault(str(other.get("kind")), {})[str(other.get("metadata", "name"))] = other
    for where, kind, name in references(document, pod):
        known = by_kind.get(kind, {})
        target = known.get(name)
        if target is not None and namespace(target) != namespace(document):
            reason = f"{pod.name} runs in the namespace {namespace(document)!r}, but the {kind} {name!r} is in "
            reason += repr(namespace(target))
            remedy = f"write `namespace: {namespace(document)}` there: pods only see objects of their own namespace"
            both = document.get("metadata", "namespace") and target.get("metadata", "namespace")
            yield finding(document, "RTS813", where, reason, remedy, severity=None if both else "warning")
        if target is None:
            match = nearest(name, known)
            if match is not None:
                reason = f"{pod.name} names the {kind} {name!r}, but the file has {match!r}"
                yield finding(
                    document, "RTS813", where, reason, f"write `{where[-1]}: {match}`, unless it exists already"
                )
            continue
        if kind != "PersistentVolumeClaim":
            for place, key in named_keys(document, where):
                if key not in keys_of(target):
                    known_keys = ", ".join(sorted(keys_of(target)))
                    reason = f"the {kind} {name!r} has no key {key!r}; it has {known_keys}"
                    yield finding(document, "RTS813", place, reason, "correct the key")


def mounted_files(
    document: ClusterDocument, pod: PodPlace, others: list[ClusterDocument]
) -> Iterator[tuple[str, str, set[str]]]:
    """Yield the config maps of the file that a pod's first container mounts: folder, name and files."""
    maps = {str(one.get("metadata", "name")): one for one in others if one.get("kind") == "ConfigMap"}
    volumes = {str(one.get("name")): one for one in document.entries(*pod.where, "volumes") if isinstance(one, dict)}
    for mount in document.entries(*pod.where, "containers", 0, "volumeMounts"):
        given = volumes.get(str(mount.get("name"))) if isinstance(mount, dict) else None
        source = given.get("configMap") if isinstance(given, dict) else None
        source = source if isinstance(source, dict) else {}
        target = maps.get(str(source.get("name")))
        if target is None or mount.get("subPath"):
            continue
        items = source.get("items")
        files = {str(one.get("path")) for one in items if isinstance(one, dict)} if items else keys_of(target)
        yield f"{str(mount.get('mountPath')).rstrip('/')}/", str(target.get("metadata", "name")), files


def program(document: ClusterDocument, pod: PodPlace, words: list[str], others: list[ClusterDocument]) -> Iterator[str]:
    """Yield the files that a command names where no config map of the file puts them.

    Args:
        document: The manifest.
        pod: The pod in which the command runs.
        words: The words of the command.
        others: All documents of the file.
    """
    mounted = list(mounted_files(document, pod, others))
    entries = document.entries(*pod.where, "containers", 0, "volumeMounts")
    folders = tuple(f"{str(one.get('mountPath')).rstrip('/')}/" for one in entries if isinstance(one, dict))
    for word in (word.strip("\"';&|()") for word in words):
        for folder, name, files in mounted:
            rest = word.removeprefix(folder)
            if word.startswith(folder) and rest and not rest.endswith("/") and rest not in files:
                yield f"the ConfigMap {name!r} at {folder} has no {rest}; it has {', '.join(sorted(files))}"
            elif word.startswith("/") and not word.startswith(folders) and word.rpartition("/")[2] in files:
                yield f"the command names {word}, but the ConfigMap {name!r} with this file is mounted at {folder}"


def single_node_claims(target: ClusterDocument, users: int) -> Iterator[Finding]:
    """Yield a finding if a claim that pods on several nodes use, or may use, can only be mounted by one.

    Args:
        target: The claim.
        users: The most pods of the file that use it.
    """
    modes = target.strings("spec", "accessModes")
    if not users and modes and not {"ReadWriteMany", "ReadOnlyMany"} & set(modes):
        reason = f"no pod of this file uses the claim {target.get('metadata', 'name')!r}, and {' and '.join(modes)} "
        reason += f"lets only {'one pod' if modes == ['ReadWriteOncePod'] else 'the pods of one machine'} mount it"
        remedy = "write `accessModes: [ReadWriteMany]` if it is for the studies of several nodes"
        yield finding(target, "RTS814", ("spec", "accessModes"), reason, remedy, severity="warning")
    if users > 1 and modes and "ReadWriteMany" not in modes:
        only = "read" if "ReadOnlyMany" in modes else "mount"
        reason = f"{users} pods use the claim {target.get('metadata', 'name')!r}, but {' and '.join(modes)} lets "
        reason += "them only read it" if only == "read" else "the pods of one node mount it"
        remedy = (
            "write `accessModes: [ReadWriteMany]`, with a storage class that supports it, such as NFS, EFS or Filestore"
        )
        yield finding(target, "RTS814", ("spec", "accessModes"), reason, remedy)
