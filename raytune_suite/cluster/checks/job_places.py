"""Checks of a RayJob for what exists elsewhere: folders of the user's machine, services of another cluster."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.pools import cluster_spec, dicts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding, Severity
    from raytune_suite.cluster.document import ClusterDocument, KeyPath

AT_HOME = re.compile(
    r"(?:^|[\s\"'=:,\[])(/Users/\w[^\s\"',\]]*|/home/(?!ray\b)\w[^\s\"',\]]*|[A-Z]:\\[^\s\"',\]]*|/mnt/[a-z]/Users/\S*)"
)
"""A folder of somebody's computer."""

HEAD_SERVICE = re.compile(r"(?<![\w$}).-])([a-z0-9][a-z0-9-]*)-head-svc\b")


def check(document: ClusterDocument) -> Iterator[Finding]:
    """Yield folders of the user's machine, and the service of a head whose name KubeRay generates."""
    if document.get("kind") not in ("RayJob", "RayCronJob"):
        return
    top = cluster_spec(document)
    job = top[:-1]
    yield from own_folders(document, top)
    name = document.get("metadata", "name")
    own = document.get(*top, "headGroupSpec", "headService", "metadata", "name")
    if document.get(*job, "clusterSelector"):
        return
    for where, text in document.scalars():
        inside = where[: len(top)] == top or where[: len(job) + 1] == (*job, "submitterPodTemplate")
        match = HEAD_SERVICE.search(text) if inside or where == (*job, "entrypoint") else None
        if (
            match is None
            or "headService" in where
            or "annotations" in where
            or match[0] == own
            or (match[1] != name and "initContainers" not in where)
        ):
            continue
        severity: Severity | None = None if match[1] == name else "warning"
        reason = f"there is no service {match[0]}: KubeRay generates the name of the job's cluster, as {name}-xxxxx"
        remedy = "remove it: KubeRay's own init container waits for the head, whose address is in $RAY_ADDRESS"
        yield finding(document, "RTS813", where, reason, remedy, severity=severity)


def own_folders(document: ClusterDocument, top: KeyPath) -> Iterator[Finding]:
    """Yield folders of the user's machine in the program and the environment of a job."""
    containers: list[KeyPath] = [(*top, "headGroupSpec", "template", "spec", "containers", 0)]
    containers.append((*top[:-1], "submitterPodTemplate", "spec", "containers", 0))
    mounted = [
        str(mount.get("mountPath")).rstrip("/")
        for container in containers
        for mount in dicts(document.entries(*container, "volumeMounts"))
    ]
    for key in ("entrypoint", "runtimeEnvYAML"):
        where = (*top[:-1], key)
        text = document.get(*where)
        for path in AT_HOME.findall(text) if isinstance(text, str) else ():
            if any(path == folder or path.startswith(f"{folder}/") for folder in mounted if folder):
                continue
            sure = not path.startswith("/home/")
            reason = f"{path} looks like a folder of your machine, which the pods do not have"
            remedy = "write the URI of a .zip file, a folder of the image, or one of a mounted volume"
            yield finding(document, "RTS820", where, reason, remedy, severity="error" if sure else "warning")
            break
