"""Checks of what keeps Ray's pods from starting or working although Kubernetes creates them.

Sources: the documentation and source of Ray (`ray start`, shared memory, visible devices), the kubelet's rules for
probes and images, and KubeRay's defaults, read in 2026-11.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from raytune_suite.cluster.checks import ray_variables
from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.checks.kuberay_groups import RAY_IMAGE, group_name, parameters
from raytune_suite.cluster.checks.kuberay_jobs import POD
from raytune_suite.cluster.checks.kuberay_rules import groups
from raytune_suite.cluster.pools import cluster_spec, container_amounts, dicts, gpu_devices
from raytune_suite.cluster.quantities import in_gib, quantity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding, Severity
    from raytune_suite.cluster.document import ClusterDocument, KeyPath

PYTHON_OF_TAG = re.compile(r":[^/]*?(?:\b|_)py(?:thon)?-?(3)\.?(\d{1,2})(?=[-_.+]|$)")
RAY_OF_TAG = re.compile(r":(\d+\.\d+\.\d+)\b")

VISIBLE = {"CUDA_VISIBLE_DEVICES": "nvidia.com/gpu", "HIP_VISIBLE_DEVICES": "amd.com/gpu"}
"""The variables by which Ray knows which GPUs it may use, with their device."""

NO_DEVICES = ("", "-1", "none", "void", "NoDevFiles")

SHM_IS_REQUIRED = 10**10
"""Bytes of an object store that Ray only puts into shared memory."""

LEAST_PART, LEAST_MEMORY = 0.008, 2**32
"""The least part of a pod's memory that its shared memory should have, and the memory from which this matters."""

SLOW_STORAGE = "RAY_OBJECT_STORE_ALLOW_SLOW_STORAGE"
LEAST_OF_AUTOSCALER, USUAL_OF_AUTOSCALER = 100 * 2**20, 2**28
"""Bytes in which the autoscaler's Python does not start, and in which it hardly works; KubeRay gives it 512 MiB."""

LEAST_CPUS_OF_AUTOSCALER = 0.1
SHORT_IDLE, LONG_IDLE = 30, 3600
"""Seconds; a study pauses longer between its brackets."""


def check(document: ClusterDocument) -> Iterator[Finding]:
    """Yield what keeps the pods of a cluster from starting or working."""
    top = cluster_spec(document)
    head: KeyPath = (*top, "headGroupSpec")
    workers = groups(document, top)
    yield from versions(document, head, workers)
    yield from autoscaler(document, top)
    for group in (head, *workers):
        container: KeyPath = (*group, *POD, "containers", 0)
        yield from hidden_gpus(document, group, container)
        yield from object_store(document, group, container)
        for index, entry in enumerate(document.entries(*container, "env")):
            if isinstance(entry, dict) and isinstance(entry.get("value"), str):
                yield from ray_variables.check(
                    document, (*container, "env", index), str(entry.get("name")), entry["value"]
                )
    grows = document.get(*top, "enableInTreeAutoscaling") is True
    for group in workers if grows else ():
        yield from never_pulled(document, group)


def versions(document: ClusterDocument, head: KeyPath, workers: list[KeyPath]) -> Iterator[Finding]:
    """Yield images of workers whose tags state another Python or Ray than the head's, if one is not Ray's own image."""
    place: KeyPath = (*POD, "containers", 0, "image")
    first = str(document.get(*head, *place))
    python, ray = PYTHON_OF_TAG.search(first), RAY_OF_TAG.search(first)
    stated = document.get(*head[:-1], "rayVersion")
    for group in workers:
        image = str(document.get(*group, *place))
        if RAY_IMAGE.match(first) and RAY_IMAGE.match(image):
            continue
        own, own_ray = PYTHON_OF_TAG.search(image), RAY_OF_TAG.search(image)
        if python and own and python.groups() != own.groups():
            reason = f"the image has Python {'.'.join(own.groups())}, but the head's has {'.'.join(python.groups())}: "
            reason += "Ray needs the same on all nodes"
            remedy = f"use an image with Python {'.'.join(python.groups())}"
            yield finding(document, "RTS819", (*group, *place), reason, remedy)
        same_name = image.partition("@")[0].rpartition(":")[0] == first.partition("@")[0].rpartition(":")[0]
        if ray and own_ray and ray[1] == str(stated) and own_ray[1] != ray[1] and same_name:
            reason = f"the tag of the image says {own_ray[1]}, but that of the head {ray[1]}, like rayVersion: "
            reason += "Ray only joins nodes of the same version"
            yield finding(document, "RTS819", (*group, *place), reason, f"use an image with Ray {ray[1]}")


def never_pulled(document: ClusterDocument, group: KeyPath) -> Iterator[Finding]:
    """Yield images that nodes must have already, in a group whose pods start on new nodes."""
    if document.get(*group, "maxReplicas") == document.get(*group, "minReplicas", default=0):
        return
    for kind in ("containers", "initContainers"):
        for index, one in enumerate(document.entries(*group, *POD, kind)):
            if isinstance(one, dict) and one.get("imagePullPolicy") == "Never":
                reason = (
                    f"{group_name(document, group)} grows, but a new node does not have the image, and Never pulls it"
                )
                where = (*group, *POD, kind, index, "imagePullPolicy")
                yield finding(document, "RTS819", where, reason, "write `IfNotPresent`", severity="warning")


def hidden_gpus(document: ClusterDocument, group: KeyPath, container: KeyPath) -> Iterator[Finding]:
    """Yield variables that hide GPUs of a pod from Ray, which then does not start: KubeRay passes their number."""
    devices = gpu_devices(container_amounts(document, container))
    for index, entry in enumerate(document.entries(*container, "env")):
        name = entry.get("name") if isinstance(entry, dict) else None
        value = entry.get("value", "") if name and "valueFrom" not in entry else None
        if not isinstance(value, str) or not devices:
            continue
        where: KeyPath = (*container, "env", index)
        name_of = group_name(document, group)
        visible = 0 if value in NO_DEVICES else len([one for one in value.split(",") if one])
        wanted = devices.get(VISIBLE.get(str(name), ""), 0)
        if wanted and ("num-gpus" in parameters(document, group) or document.mapping(*group, "resources")):
            continue  # Ray may be told of fewer
        if visible < wanted and "$" not in value:
            reason = f"{name_of} has {wanted:g} GPUs, but {name}={value!r} shows {visible} to Ray: it does not "
            reason += "start, or trials find no GPU"
            yield finding(document, "RTS818", where, reason, "remove it: the container has exactly the pod's GPUs")
        elif name == "NVIDIA_VISIBLE_DEVICES" and value in NO_DEVICES[2:4]:
            reason = f"{name_of} requests GPUs, but {name}={value} keeps them out of the container"
            yield finding(document, "RTS818", where, reason, "remove it", severity="warning")


def shared_memory(document: ClusterDocument, group: KeyPath, container: KeyPath) -> float | None:
    """Return the bytes of /dev/shm in a container of Ray, None if only the node knows.

    Without a volume there KubeRay adds one, of the size of the memory that the container requests.
    """
    mounts = dicts(document.entries(*container, "volumeMounts"))
    name = next((one.get("name") for one in mounts if str(one.get("mountPath")).rstrip("/") == "/dev/shm"), None)  # noqa: S108
    if name is None:
        unknown = document.get(*group, *POD, "hostIPC") is True or any(one.get("mountPath") == "/dev" for one in mounts)
        requests, limits = (document.mapping(*container, "resources", kind) for kind in ("requests", "limits"))
        return None if unknown else quantity(requests.get("memory", limits.get("memory")))
    volumes = dicts(document.entries(*group, *POD, "volumes"))
    source = next((one.get("emptyDir") for one in volumes if one.get("name") == name), None)
    if not isinstance(source, dict) or source.get("medium") != "Memory":
        return None
    return quantity(source.get("sizeLimit"))


def object_store(document: ClusterDocument, group: KeyPath, container: KeyPath) -> Iterator[Finding]:
    """Yield an object store that does not fit into the shared memory of its pod."""
    given = parameters(document, group)
    size, has = quantity(given.get("object-store-memory")), shared_memory(document, group, container)
    memory = quantity(document.get(*container, "resources", "limits", "memory"))
    if size is None and has is not None and memory is not None and has < memory * LEAST_PART and memory > LEAST_MEMORY:
        reason = (
            f"{group_name(document, group)}: /dev/shm has {in_gib(has)}, but Ray's object store takes about a third "
        )
        reason += f"of {in_gib(memory)}: Ray puts it on the slow disk"
        mounts = dicts(document.entries(*container, "volumeMounts"))
        index = next(i for i, one in enumerate(mounts) if str(one.get("mountPath")).rstrip("/") == "/dev/shm")  # noqa: S108
        place = (*container, "volumeMounts", index)
        remedy = f"write `sizeLimit: {in_gib(memory // 3)}` in its volume"
        yield finding(document, "RTS815", place, reason, remedy, severity="warning")
    allowed = any(one.get("name") == SLOW_STORAGE for one in dicts(document.entries(*container, "env")))
    if size is None or has is None or size <= has or allowed or "plasma-directory" in given:
        return
    where = (*group, "rayStartParams", "object-store-memory")
    severity, then = outside_shared_memory(size)
    reason = f"{group_name(document, group)}: the object store has {in_gib(size)}, but /dev/shm {in_gib(has)}: {then}"
    remedy = f"write less than {has:.0f}, or mount `emptyDir: {{medium: Memory, sizeLimit: ...}}` of that size"
    yield finding(document, "RTS815", where, reason, remedy, severity=severity)


def outside_shared_memory(size: float) -> tuple[Severity, str]:
    """Return how bad it is if an object store of `size` bytes does not fit into /dev/shm, and what Ray does then."""
    if size > SHM_IS_REQUIRED:
        return "error", "Ray does not start"
    return "warning", "Ray puts it on the slow disk"


def autoscaler(document: ClusterDocument, top: KeyPath) -> Iterator[Finding]:
    """Yield a container of the autoscaler that is killed for memory, and idle times in which a study only pauses."""
    where: KeyPath = (*top, "autoscalerOptions", "resources", "limits", "memory")
    limit = quantity(document.get(*where))
    if limit is not None and 2**22 <= limit < USUAL_OF_AUTOSCALER:
        reason = f"the autoscaler may use {document.get(*where)}, and is killed for memory, so no worker is started"
        severity: Severity = "error" if limit < LEAST_OF_AUTOSCALER else "warning"
        yield finding(document, "RTS215", where, reason, "write 512Mi, as KubeRay does", severity=severity)
    yield from autoscaler_image(document, top)
    places: list[KeyPath] = [(*top, "autoscalerOptions", "idleTimeoutSeconds")]
    places += [(*group, "idleTimeoutSeconds") for group in groups(document, top)]
    for place in places if document.get("kind") != "RayService" else ():
        idle = document.get(*place)
        if isinstance(idle, int) and 0 < idle < SHORT_IDLE:
            reason = f"idle pods are removed after {idle} seconds, and started again after each pause of a study"
            remedy = f"write seconds: {idle} minutes are {idle * 60}"
            yield finding(document, "RTS212", place, reason, remedy, severity="warning")
        elif isinstance(idle, int) and idle > LONG_IDLE:
            reason = f"idle pods cost money for {idle / 3600:.1f} hours before they are removed"
            remedy = "write 300 to 600, which is longer than the pauses between a study's brackets"
            yield finding(document, "RTS212", place, reason, remedy, severity="warning")


def autoscaler_image(document: ClusterDocument, top: KeyPath) -> Iterator[Finding]:
    """Yield an image of the autoscaler with another Ray than the head's, and CPUs with which it hardly works."""
    where: KeyPath = (*top, "autoscalerOptions", "image")
    own = RAY_OF_TAG.search(str(document.get(*where)))
    head = RAY_OF_TAG.search(str(document.get(*top, "headGroupSpec", *POD, "containers", 0, "image")))
    expected = head[1] if head is not None else document.get(*top, "rayVersion")
    if own is not None and expected and own[1] != expected:
        reason = f"the autoscaler has Ray {own[1]}, but the head {expected}: it does not understand the head's state"
        yield finding(document, "RTS819", where, reason, "remove `image`: the operator uses the head's")
    place: KeyPath = (*top, "autoscalerOptions", "resources", "limits", "cpu")
    cpus = quantity(document.get(*place))
    if cpus is not None and 0 < cpus < LEAST_CPUS_OF_AUTOSCALER:
        reason = f"the autoscaler has {document.get(*place)} CPUs, and starts pods only slowly"
        yield finding(document, "RTS215", place, reason, "write 500m, as KubeRay does", severity="warning")
