"""Checks of rights, folders and probes with which the kubelet does not start a container, or ends it.

Sources: Kubernetes, "Configure a security context" and "Configure probes"; the Dockerfiles of the images; the ports
that Ray opens on the head ("Configuring Ray: ports"), read in 2026-11.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.checks.kuberay_groups import group_name, parameters
from raytune_suite.cluster.checks.kuberay_jobs import POD
from raytune_suite.cluster.checks.kuberay_rules import groups
from raytune_suite.cluster.checks.pod_values import PROBES
from raytune_suite.cluster.pools import cluster_spec, dicts
from raytune_suite.cluster.quantities import in_gib, quantity
from raytune_suite.cluster.ray_start import DEFAULT_PORTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding, Severity
    from raytune_suite.cluster.checks.pods import PodPlace
    from raytune_suite.cluster.document import ClusterDocument, KeyPath

STARTS_AS_ROOT = re.compile(
    r"(docker\.io/|public\.ecr\.aws/docker/)?(library/)?"
    r"(redis|valkey|nginx|httpd|python|busybox|alpine|ubuntu|debian|bash|fedora|rockylinux|postgres|mysql)([:@].*)?|"
    r"(docker\.io/)?(valkey/valkey|nvidia/cuda|pytorch/pytorch|continuumio/(mini|ana)conda3)([:@].*)?"
)
"""Images whose Dockerfile names no other user than root."""

OF_RAY = re.compile(r"(docker\.io/|quay\.io/)?rayproject/ray(-ml|-llm)?[:@]")
OF_REDIS = re.compile(r"(.*/)?(redis|valkey)([:@]|$)")
LEAST_OF_REDIS = 2**26
USER_OF_RAY = 1000
SESSIONS = "/tmp"  # noqa: S108 - the folder in a pod, not written here
OWN_FOLDERS = re.compile(r"/home/ray(/anaconda3)?|/usr(/bin|/lib|/local)?|/bin|/lib")
"""Folders of images with Ray that a folder of a volume hides, too."""

ON_HEAD = {"dashboard-port": "dashboard", "port": "GCS", "ray-client-server-port": "Ray Client server"}
GRPC = ("port", "ray-client-server-port")
ASKED = re.compile(r"\b(?:localhost|127\.0\.0\.1|0\.0\.0\.0):(\d+)")
NO_ROUTE = ("/healthz", "/health", "/ready", "/readyz", "/live", "/livez", "/ping", "/status", "/-/healthz")
SHORTEST_START, SLOW_CLIENT = 20, 3
"""Seconds that Ray needs to start, and that a command of `ray` takes."""


def check(document: ClusterDocument, pod: PodPlace) -> Iterator[Finding]:
    """Yield rights with which a container of a pod does not start."""
    of_pod = document.mapping(*pod.where, "securityContext")
    for container in pod.containers:
        image, where = str(document.get(*container, "image")), (*container, "securityContext")
        both = {**of_pod, **document.mapping(*where)}
        place = where if document.mapping(*where) else (*pod.where, "securityContext")
        user = both.get("runAsUser")
        if both.get("runAsNonRoot") is True and user is None and STARTS_AS_ROOT.fullmatch(image):
            reason = f"{image} starts as root, which `runAsNonRoot` forbids: the container is not started"
            yield finding(document, "RTS817", place, reason, "add `runAsUser: 1000`, or another user that is not root")
        paths = [str(one.get("mountPath")).rstrip("/") for one in dicts(document.entries(*container, "volumeMounts"))]
        home = any(path.startswith("/home") for path in paths)
        if OF_RAY.match(image) and isinstance(user, int) and user not in (0, USER_OF_RAY) and not home:
            reason = f"`runAsUser` is {user}, but the home folder of {image} belongs to the user {USER_OF_RAY}, ray"
            yield finding(document, "RTS814", place, reason, f"write `runAsUser: {USER_OF_RAY}`", severity="warning")
        if OF_REDIS.match(image):
            yield from redis(document, container)
        read_only = both.get("readOnlyRootFilesystem") is True
        if read_only and OF_REDIS.match(image) and "/data" not in paths:
            reason = f"{image} writes snapshots to /data, which is read-only here: then it refuses all writes"
            remedy = "mount a volume at /data"
            yield finding(document, "RTS814", (*where, "readOnlyRootFilesystem"), reason, remedy, severity="warning")


def redis(document: ClusterDocument, container: KeyPath) -> Iterator[Finding]:
    """Yield a Redis that is killed for memory when it has some data."""
    limit = quantity(document.get(*container, "resources", "limits", "memory"))
    words = [str(word) for key in ("command", "args") for word in document.entries(*container, key)]
    match = re.search(r"--maxmemory\s+(\d+)(k|kb|m|mb|g|gb)?(\s|$)", " ".join(words), re.IGNORECASE)
    units = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "kb": 2**10, "mb": 2**20, "gb": 2**30}
    most = int(match[1]) * units[(match[2] or "").lower()] if match is not None else None
    where = (*container, "resources", "limits", "memory")
    if limit is not None and 2**22 <= limit < LEAST_OF_REDIS:
        reason = f"Redis may use {in_gib(limit)}, and is killed when it holds the state of a few jobs"
        yield finding(document, "RTS215", where, reason, "write 512Mi or more", severity="warning")
    elif limit is not None and most is not None and most > limit:
        reason = f"Redis may store {in_gib(most)} (`--maxmemory`), but the limit of its memory is {in_gib(limit)}"
        remedy = "raise the limit above `--maxmemory`: otherwise Redis is killed for memory"
        yield finding(document, "RTS215", where, reason, remedy, severity="warning")


def cluster(document: ClusterDocument) -> Iterator[Finding]:
    """Yield folders that the containers of Ray cannot write or use, and probes of ports that they do not open."""
    top = cluster_spec(document)
    head: KeyPath = (*top, "headGroupSpec")
    given = parameters(document, head)
    opened = {option: given.get(option, str(DEFAULT_PORTS[option])) for option in ON_HEAD}
    for group in (head, *groups(document, top)):
        container: KeyPath = (*group, *POD, "containers", 0)
        yield from sessions(document, group, container)
        yield from hidden_folders(document, group, container)
        for probe in PROBES:
            if document.mapping(*container, probe):
                yield from times(document, (*container, probe), group)
                if group == head:
                    yield from of_head(document, (*container, probe), opened)
                else:
                    yield from of_worker(document, (*container, probe), group, opened)


def sessions(document: ClusterDocument, group: KeyPath, container: KeyPath) -> Iterator[Finding]:
    """Yield a finding if Ray cannot write the folder of its sessions."""
    folder = parameters(document, group).get("temp-dir", SESSIONS)
    volumes = {str(one.get("name")): one for one in dicts(document.entries(*group, *POD, "volumes"))}
    around: list[tuple[str, int]] = []
    for index, mount in enumerate(document.entries(*container, "volumeMounts")):
        path = str(mount.get("mountPath")).rstrip("/") if isinstance(mount, dict) else "-"
        if f"{folder}/ray/".startswith(f"{path}/") and path:
            around.append((path, index))
    if around:
        path, index = max(around)
        mount = document.mapping(*container, "volumeMounts", index)
        volume = volumes.get(str(mount.get("name")), {})
        fixed = next((kind for kind in ("configMap", "secret", "downwardAPI", "projected") if kind in volume), None)
        if mount.get("readOnly") is True or fixed:
            reason = f"{group_name(document, group)}: Ray writes its sessions below {path}, which is read-only"
            yield finding(document, "RTS814", (*container, "volumeMounts", index), reason, "mount an emptyDir there")
    elif document.get(*container, "securityContext", "readOnlyRootFilesystem") is True:
        reason = f"{group_name(document, group)}: Ray writes its sessions to {folder}/ray, which is read-only"
        where = (*container, "securityContext", "readOnlyRootFilesystem")
        yield finding(document, "RTS814", where, reason, f"mount an emptyDir at {folder}, or remove it")


def hidden_folders(document: ClusterDocument, group: KeyPath, container: KeyPath) -> Iterator[Finding]:
    """Yield folders of volumes that hide those of the image, unless an init container may have copied them."""
    filled = {
        str(mount.get("name"))
        for one in dicts(document.entries(*group, *POD, "initContainers"))
        for mount in dicts(one.get("volumeMounts") or [])
    }
    for index, mount in enumerate(document.entries(*container, "volumeMounts")):
        path = str(mount.get("mountPath")).rstrip("/") if isinstance(mount, dict) else ""
        part = path and (mount.get("subPath") or mount.get("subPathExpr"))
        if part and OWN_FOLDERS.fullmatch(path) and str(mount.get("name")) not in filled:
            reason = f"a folder of a volume at {path} hides what the image has there, such as Ray itself"
            where: KeyPath = (*container, "volumeMounts", index, "mountPath")
            known = OF_RAY.match(str(document.get(*container, "image")))
            severity: Severity | None = None if known else "warning"
            yield finding(document, "RTS813", where, reason, f"write, for example, {path}/data", severity=severity)


def probed(document: ClusterDocument, where: KeyPath) -> tuple[str, KeyPath]:
    """Return the port that a probe asks, as text, and the key path; "" if there is none."""
    for handler in ("httpGet", "tcpSocket", "grpc"):
        port = document.get(*where, handler, "port")
        if isinstance(port, int):
            return str(port), (*where, handler, "port")
    words = " ".join(map(str, document.entries(*where, "exec", "command")))
    match = ASKED.search(words)
    return (match[1], (*where, "exec")) if match is not None and "||" not in words else ("", where)


def of_worker(document: ClusterDocument, where: KeyPath, group: KeyPath, opened: dict[str, str]) -> Iterator[Finding]:
    """Yield a probe of a worker that asks a port of the head."""
    port, place = probed(document, where)
    option = next((one for one, number in opened.items() if number == port), None)
    declared = {
        str(one.get("containerPort"))
        for container in dicts(document.entries(*group, *POD, "containers"))
        for one in dicts(container.get("ports") or [])
    }
    if option is not None and port not in declared:
        then = "is never ready" if where[-1] == "readinessProbe" else "is restarted again and again"
        reason = f"{group_name(document, group)} {then}: only the head opens port {port} ({ON_HEAD[option]})"
        severity: Severity | None = "warning" if where[-1] == "readinessProbe" else None
        remedy = "remove the probe: KubeRay adds one that asks the worker's own agent, port 52365"
        yield finding(document, "RTS411", place, reason, remedy, severity=severity)


def of_head(document: ClusterDocument, where: KeyPath, opened: dict[str, str]) -> Iterator[Finding]:
    """Yield a probe over HTTP of the head's ports that do not speak it, and of paths that do not exist."""
    port, path = document.get(*where, "httpGet", "port"), document.get(*where, "httpGet", "path")
    if not isinstance(port, int):
        return
    if str(port) in [opened[option] for option in GRPC]:
        reason = f"port {port} of Ray does not speak HTTP, so the probe always fails"
        yield finding(document, "RTS411", (*where, "httpGet", "port"), reason, "write `tcpSocket` instead")
    elif str(port) == opened["dashboard-port"] and path in NO_ROUTE:
        reason = f"the dashboard has no {path}, so the probe fails"
        remedy = "write `path: /api/gcs_healthz`, or remove the probe: KubeRay adds its own"
        yield finding(document, "RTS411", (*where, "httpGet", "path"), reason, remedy, severity="warning")


def times(document: ClusterDocument, where: KeyPath, group: KeyPath) -> Iterator[Finding]:
    """Yield a probe that ends Ray before it has started, or a command before it has answered."""
    values = document.mapping(*where)
    delay, period, failures = (
        values.get(key, usual)
        for key, usual in (("initialDelaySeconds", 0), ("periodSeconds", 10), ("failureThreshold", 3))
    )
    first = bool(document.mapping(*where[:-1], "startupProbe")) and where[-1] == "livenessProbe"
    known = all(isinstance(one, int) for one in (delay, period, failures))
    if known and not first and where[-1] != "readinessProbe" and delay + period * failures < SHORTEST_START:
        reason = (
            f"{group_name(document, group)}: the probe ends the container after {delay + period * failures} seconds,"
        )
        reason += " in which Ray hardly starts"
        remedy = "add `initialDelaySeconds: 30`, or raise `failureThreshold`"
        yield finding(document, "RTS411", where, reason, remedy, severity="warning")
    words = " ".join(map(str, document.entries(*where, "exec", "command")))
    limit = values.get("timeoutSeconds", 1)
    if (
        re.search(r"(^|[\s/])ray (status|health-check|list)\b", words)
        and isinstance(limit, int)
        and limit < SLOW_CLIENT
    ):
        reason = f"`timeoutSeconds` is {limit}, but a command of `ray` takes a few seconds"
        yield finding(document, "RTS411", where, reason, "write `timeoutSeconds: 10`", severity="warning")
