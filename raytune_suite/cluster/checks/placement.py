"""Checks of where pods may run, and how they end: one host, one zone, neighbors, ports of nodes, times to stop.

Sources: Kubernetes, "Assigning Pods to Nodes", "Pod Topology Spread Constraints" and "Pod Lifecycle"; the notice before
spot machines end (AWS 120 s, GKE and AKS 30 s); Cluster Autoscaler, FAQ; Karpenter, "Disruption"; read in 2026-11.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.checks.node_labels import choices
from raytune_suite.cluster.checks.objects import pod_labels
from raytune_suite.cluster.checks.schema_errors import closest
from raytune_suite.cluster.pools import dicts, is_kuberay, selects_spot
from raytune_suite.cluster.quantities import quantity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding
    from raytune_suite.cluster.checks.pods import PodPlace
    from raytune_suite.cluster.document import ClusterDocument, KeyPath

HOST = "kubernetes.io/hostname"
LONGEST_NOTICE = 120
DEFAULT_GRACE = 30
MOST_ZONES = 3

MAY_BE_MOVED = {
    "cluster-autoscaler.kubernetes.io/safe-to-evict": "true",
    "karpenter.sh/do-not-disrupt": "false",
    "karpenter.sh/do-not-evict": "false",
}
"""Annotations by which a pod is moved to save machines, which ends the study that its head runs."""

LARGE = {"memory": 4 * 2.0**30, "cpu": 4.0}
"""Below these the difference between what is reserved and what is used hardly matters."""

LEAST_CPUS = 0.5
LEAST_DISK = 5 * 2**30
"""Bytes; Ray's session logs and spilled objects take more."""

SCHEDULERS = (
    *("default-scheduler", "volcano", "yunikorn", "kai-scheduler", "scheduler-plugins-scheduler", "koord-scheduler"),
    *("gke.io/optimize-utilization-scheduler", "binpack-scheduler", "my-scheduler"),
)
"""Schedulers of pods that are known."""

SLEEP = re.compile(r"\bsleep\s+(\d+)\b")
ENDLESS = re.compile(r"\b(sleep\s+inf(inity)?|tail\s+-[fF]\b.*|while\s+true\b(?!.*\bbreak\b|.*\bexit\b).*)")


def check(document: ClusterDocument, pod: PodPlace, count: int) -> Iterator[Finding]:
    """Yield where a pod, of which there are at most `count`, may not run, and how it ends."""
    yield from one_host(document, pod, count)
    yield from ports_of_nodes(document, pod, count)
    yield from stopping(document, pod)
    yield from moved(document, pod)
    yield from first(document, pod)
    yield from scheduling(document, pod)
    if is_kuberay(document) and pod.name != "the submitter":
        yield from disk(document, pod)
        yield from memory(document, pod)


def one_host(document: ClusterDocument, pod: PodPlace, count: int) -> Iterator[Finding]:
    """Yield a pod that is tied to one machine."""
    name, where = document.get(*pod.where, "nodeName"), (*pod.where, "nodeName")
    if isinstance(name, str) and name:
        reason = (
            f"`nodeName` puts {pod.name} on {name} without asking whether it fits: then it fails, and is made again"
        )
        remedy = f"write `nodeSelector: {{{HOST}: {name}}}`, or better a label of a group of nodes"
        yield finding(document, "RTS203", where, reason, remedy)
    for choice in choices(document, pod.where) if count > 1 else ():
        if HOST in choice and len(choice[HOST].values) == 1:
            reason = f"all {count} pods of {pod.name} must run on the machine {choice[HOST].values[0]}"
            yield finding(document, "RTS203", choice[HOST].where, reason, "write a label of a group of nodes")


def ports_of_nodes(document: ClusterDocument, pod: PodPlace, count: int) -> Iterator[Finding]:
    """Yield ports of nodes, of which each node has one."""
    for container in pod.containers if count > 1 else ():
        for index, port in enumerate(document.entries(*container, "ports")):
            if isinstance(port, dict) and port.get("hostPort"):
                reason = (
                    f"`hostPort: {port['hostPort']}` lets only one of the {count} pods of {pod.name} run on each node"
                )
                where = (*container, "ports", index, "hostPort")
                yield finding(document, "RTS203", where, reason, "remove it: pods reach each other without")


def stopping(document: ClusterDocument, pod: PodPlace) -> Iterator[Finding]:
    """Yield times to stop that a pod does not have."""
    where = (*pod.where, "terminationGracePeriodSeconds")
    given = document.get(*where)
    grace = given if isinstance(given, int) and not isinstance(given, bool) else DEFAULT_GRACE
    selector = document.mapping(*pod.where, "nodeSelector")
    spot = any(selects_spot(str(key), str(value)) for key, value in selector.items())
    if spot and grace > LONGEST_NOTICE:
        reason = (
            f"{pod.name} has {grace} s to stop, but a spot machine ends at most {LONGEST_NOTICE} s after its notice"
        )
        yield finding(document, "RTS822", where, reason, "write 25 on GKE and AKS, and at most 120 on AWS")
    if given == 0:
        reason = f"{pod.name} is killed at once, without time to write checkpoints"
        yield finding(document, "RTS822", where, reason, "write 30 or more")
    for container in pod.containers:
        begin = (*container, "lifecycle", "postStart")
        if ENDLESS.search(" ".join(map(str, document.entries(*begin, "exec", "command")))):
            reason = f"`postStart` does not end, so {pod.name} is never ready"
            yield finding(document, "RTS412", begin, reason, "add `&` to its command, or make it a container")
        place = (*container, "lifecycle", "preStop")
        words = " ".join(map(str, document.entries(*place, "exec", "command")))
        match = SLEEP.search(words)
        seconds = document.get(*place, "sleep", "seconds", default=match and int(match[1]))
        if isinstance(seconds, int) and grace and seconds >= grace:
            reason = (
                f"`preStop` takes {seconds} s, but the pod is killed after {grace} s (terminationGracePeriodSeconds)"
            )
            remedy = f"write `terminationGracePeriodSeconds: {seconds + 30}`, or a shorter `preStop`"
            yield finding(document, "RTS822", place, reason, remedy)


def moved(document: ClusterDocument, pod: PodPlace) -> Iterator[Finding]:
    """Yield annotations by which the head, or Redis, is moved to another machine."""
    notes = (*pod.where[:-1], "metadata", "annotations")
    for key, value in document.mapping(*notes).items():
        if MAY_BE_MOVED.get(str(key)) == str(value).lower() and (pod.name == "the head" or not is_kuberay(document)):
            reason = f"{key}: {value} lets {pod.name} be moved to another machine, which interrupts the study"
            right = "false" if "safe" in str(key) else "true"
            yield finding(document, "RTS205", (*notes, key), reason, f'write "{right}"', severity="warning")


def first(document: ClusterDocument, pod: PodPlace) -> Iterator[Finding]:
    """Yield init containers that never end, so that the others never start."""
    for container in pod.containers:
        words = " ".join(str(word) for key in ("command", "args") for word in document.entries(*container, key))
        if (
            "initContainers" in container
            and ENDLESS.search(words)
            and document.get(*container, "restartPolicy") is None
        ):
            reason = f"the init container {document.get(*container, 'name')!r} does not end, so {pod.name} never starts"
            remedy = "move it to `containers`, after the first one, or add `restartPolicy: Always` to it"
            yield finding(document, "RTS412", container, reason, remedy)


def scheduling(document: ClusterDocument, pod: PodPlace) -> Iterator[Finding]:
    """Yield a scheduler that does not exist, a class of the system's pods, and a pod without the names of services."""
    name, where = document.get(*pod.where, "schedulerName"), (*pod.where, "schedulerName")
    match = closest(str(name), SCHEDULERS) if isinstance(name, str) and name not in SCHEDULERS else ""
    if isinstance(name, str) and (match or name in ("default", "kube-scheduler")):
        reason = f"no scheduler is called {name!r}{match and f': {match}'}: {pod.name} stays Pending"
        yield finding(document, "RTS817", where, reason, "remove it, or write `default-scheduler`", severity="warning")
    if str(document.get(*pod.where, "priorityClassName")).startswith("system-"):
        reason = f"the class is for the system's own pods; with it {pod.name} evicts those of others"
        remedy = "use a PriorityClass of your own"
        yield finding(document, "RTS817", (*pod.where, "priorityClassName"), reason, remedy, severity="warning")
    if document.get(*pod.where, "dnsPolicy") == "Default":
        reason = f"with `dnsPolicy: Default` {pod.name} does not find services, such as the head's and Redis, by name"
        remedy = "remove it: the default is ClusterFirst"
        yield finding(document, "RTS817", (*pod.where, "dnsPolicy"), reason, remedy, severity="warning")
    for index, entry in enumerate(document.entries(*pod.where, "hostAliases")):
        if (
            isinstance(entry, dict)
            and str(entry.get("ip")).startswith("127.")
            and entry.get("hostnames") != ["localhost"]
        ):
            reason = f"{', '.join(map(str, entry.get('hostnames') or []))} is the pod itself here ({entry['ip']})"
            place: KeyPath = (*pod.where, "hostAliases", index)
            yield finding(document, "RTS411", place, reason, "remove it", severity="warning")
    space, own = document.get(*pod.where[:-1], "metadata", "namespace"), document.get("metadata", "namespace")
    if isinstance(space, str) and space != (own or space + "?") and pod.where[-1:] == ("spec",) and len(pod.where) > 1:
        reason = f"`namespace` of the template is {space!r}, but pods are made in that of the {document.get('kind')}"
        place = (*pod.where[:-1], "metadata", "namespace")
        yield finding(document, "RTS813", place, reason, "write it in the `metadata` of the whole", severity="warning")
    if not is_kuberay(document) or pod.name == "the submitter":
        return
    right = {"ray.io/node-type": "head" if pod.name == "the head" else "worker", "ray.io/is-ray-node": "yes"}
    right["ray.io/group"] = "headgroup" if pod.name == "the head" else pod.name
    for key, value in document.mapping(*pod.where[:-1], "metadata", "labels").items():
        if str(key) in right and str(value) != right[str(key)]:
            reason = f"the label {key}: {value} is the operator's, by which it finds its pods: {right[str(key)]} here"
            place = (*pod.where[:-1], "metadata", "labels", key)
            yield finding(document, "RTS813", place, reason, "remove it", severity="warning")


def disk(document: ClusterDocument, pod: PodPlace) -> Iterator[Finding]:
    """Yield a limit of disk space with which a pod of Ray is evicted."""
    where: KeyPath = (*pod.where, "containers", 0, "resources", "limits", "ephemeral-storage")
    size = quantity(document.get(*where))
    if size is not None and 2**22 <= size < LEAST_DISK:
        reason = f"{pod.name} may write {document.get(*where)} to its disk, and is evicted when logs, packages or "
        reason += "spilled objects take more"
        yield finding(document, "RTS215", where, reason, "write 20Gi or more", severity="warning")
    places = {str(one.get("name")): str(one.get("mountPath")).rstrip("/") for one in mounts(document, pod)}
    for index, volume in enumerate(document.entries(*pod.where, "volumes")):
        empty = volume.get("emptyDir") if isinstance(volume, dict) else None
        path = places.get(str(volume.get("name"))) if isinstance(volume, dict) else None
        if not isinstance(empty, dict) or path not in ("/tmp", "/tmp/ray"):  # noqa: S108 - in the pod
            continue
        where = (*pod.where, "volumes", index, "emptyDir")
        size = quantity(empty.get("sizeLimit"))
        if empty.get("medium") == "Memory":
            reason = f"{pod.name} keeps {path} in memory, where logs and spilled objects take that of the trials"
            yield finding(document, "RTS815", where, reason, "remove `medium: Memory`", severity="warning")
        elif size is not None and 2**22 <= size < LEAST_DISK:
            reason = f"{pod.name} is evicted when {path}, with Ray's logs and spilled objects, has more than "
            yield finding(
                document, "RTS215", where, reason + str(empty["sizeLimit"]), "write 20Gi or more", severity="warning"
            )


def mounts(document: ClusterDocument, pod: PodPlace) -> list[dict[str, Any]]:
    """Return the mounts of a pod's first container."""
    return dicts(document.entries(*pod.where, "containers", 0, "volumeMounts"))


def memory(document: ClusterDocument, pod: PodPlace) -> Iterator[Finding]:
    """Yield a container of Ray without a limit of memory, or with fewer CPUs than it needs."""
    where: KeyPath = (*pod.where, "containers", 0, "resources")
    limits, reserved = document.mapping(*where, "limits"), document.mapping(*where, "requests")
    limit, request = quantity(limits.get("memory")), quantity(reserved.get("memory"))
    if limit is None and request is None and pod.name == "the head":
        reason = "the head reserves no memory, so it is the first pod that a full node ends, and the study with it"
        remedy = "add `memory: 8Gi` to its requests and limits"
        above: KeyPath = where if document.mapping(*where) else where[:-1]
        yield finding(document, "RTS215", above, reason, remedy, severity="warning")
    devices = any("/" in str(name) for name in limits)
    large = request is None or request >= LARGE["memory"] or devices
    if (limits or reserved) and limit is None and pod.name != "the head" and large:
        reason = f"{pod.name} has no limit of memory, so Ray offers, and trials take, all the memory of the node"
        remedy = f"add `memory: {reserved.get('memory', '16Gi')}` to the limits"
        yield finding(document, "RTS818", where, reason, remedy, severity="warning")
    kind = "limits" if "cpu" in limits else "requests"
    cpus = quantity({**reserved, **limits}.get("cpu"))
    if cpus is not None and cpus < (1 if devices else LEAST_CPUS):
        of = "beside its devices, of which trials need one each" if devices else "in which Ray's processes hardly start"
        reason = f"{pod.name} has {cpus:g} CPUs, {of}"
        yield finding(document, "RTS215", (*where, kind, "cpu"), reason, 'write `cpu: "2"` or more', severity="warning")
    for name in LARGE:
        yield from overcommitted(document, pod, where, name)


def overcommitted(document: ClusterDocument, pod: PodPlace, where: KeyPath, name: str) -> Iterator[Finding]:
    """Yield a limit far above what is reserved for a container of Ray."""
    limits, reserved = document.mapping(*where, "limits"), document.mapping(*where, "requests")
    most, least = quantity(limits.get(name)), quantity(reserved.get(name))
    if most is not None and least is not None and least > 0 and most >= max(4 * least, LARGE[name]):
        reason = f"Ray offers {limits[name]} of {name}, the limit of {pod.name}, but only {reserved[name]} is reserved"
        remedy = (
            f"write `{name}: {limits[name]}` in the requests, too: otherwise pods on one node take it from each other"
        )
        yield finding(document, "RTS818", (*where, "requests", name), reason, remedy, severity="warning")


def across(places: list[tuple[ClusterDocument, PodPlace]], documents: list[ClusterDocument]) -> Iterator[Finding]:
    """Yield neighbors that a pod must have, but no pod of the file is, and spreads that count no pod."""
    everything = [labels for one in documents for labels in pod_labels(one)]
    for document, pod in places:
        own = labels_of(document, pod)
        near: KeyPath = (*pod.where, "affinity", "podAffinity", "requiredDuringSchedulingIgnoredDuringExecution")
        for index in range(len(document.entries(*near))):
            wanted = document.mapping(*near, index, "labelSelector", "matchLabels")
            elsewhere = {"namespaces", "namespaceSelector"} & set(document.mapping(*near, index))
            if wanted and not elsewhere and not any(wanted.items() <= labels.items() for labels in [own, *everything]):
                shown = ", ".join(f"{key}: {value}" for key, value in wanted.items())
                reason = f"{pod.name} only runs beside a pod with {shown}, which no pod of this file has"
                remedy = "correct the labels, or remove the affinity"
                yield finding(document, "RTS813", (*near, index), reason, remedy, severity="warning")
        apart: KeyPath = (*pod.where, "affinity", "podAntiAffinity", *near[-1:])
        for index, entry in enumerate(document.entries(*apart)):
            wanted = document.mapping(*apart, index, "labelSelector", "matchLabels")
            zone = isinstance(entry, dict) and str(entry.get("topologyKey")).endswith(("/zone", "/region"))
            if zone and wanted and wanted.items() <= own.items() and is_kuberay(document) and pod.name != "the head":
                reason = f"each zone may have one pod of {pod.name} only, so there are about {MOST_ZONES}"
                yield finding(document, "RTS203", (*apart, index), reason, f"write `topologyKey: {HOST}`, or remove it")
        yield from spread(document, pod, own)


def spread(document: ClusterDocument, pod: PodPlace, own: dict[str, Any]) -> Iterator[Finding]:
    """Yield constraints that do not count a pod's own kind, so that they do not spread it."""
    for index in range(len(document.entries(*pod.where, "topologySpreadConstraints"))):
        where: KeyPath = (*pod.where, "topologySpreadConstraints", index)
        selector = document.mapping(*where, "labelSelector")
        wanted = document.mapping(*where, "labelSelector", "matchLabels")
        if document.get(*where, "labelSelector") is None or (
            wanted and not wanted.items() <= own.items() and not selector.get("matchExpressions")
        ):
            reason = f"the constraint does not count the pods of {pod.name}, as its labelSelector does not select them"
            known = next((key for key in ("ray.io/group", "app") if key in own), None)
            label = f"{{{known}: {own[known]}}}" if known else "the pod's own labels"
            yield finding(
                document,
                "RTS817",
                where,
                reason,
                f"write `labelSelector: {{matchLabels: {label}}}`",
                severity="warning",
            )


def labels_of(document: ClusterDocument, pod: PodPlace) -> dict[str, Any]:
    """Return the labels of a pod, with those that KubeRay adds."""
    own = document.mapping(*pod.where[:-1], "metadata", "labels")
    if not is_kuberay(document) or pod.name == "the submitter":
        return own
    group = "headgroup" if pod.name == "the head" else pod.name
    return next((one for one in pod_labels(document) if one.get("ray.io/group") == group), own)
