"""Checks of Kubernetes objects beside the pods: selectors, services, network policies and labels.

Source: the validation of these objects in pkg/apis of https://github.com/kubernetes/kubernetes (Apache-2.0).
"""

from __future__ import annotations

import base64
import ipaddress
import re
from typing import TYPE_CHECKING, Any

from raytune_suite.cluster.checks.cron import wrong_schedule
from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.checks.pod_values import SELECTOR_OPERATORS, expression
from raytune_suite.cluster.checks.pods import HIGHEST_PORT, LEAST_MEMORY, PLACEHOLDER, entries_at, labels
from raytune_suite.cluster.checks.schema_errors import as_yaml, closest
from raytune_suite.cluster.pools import cluster_spec, is_kuberay, kuberay_pools
from raytune_suite.cluster.quantities import quantity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding
    from raytune_suite.cluster.document import ClusterDocument, KeyPath

CONTROLLERS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job")
RESTART_POLICIES = {
    **dict.fromkeys(("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"), ("Always",)),
    "Job": ("Never", "OnFailure"),
}
SELECTORS: dict[str, tuple[KeyPath, KeyPath | None]] = {
    "Service": (("spec", "selector"), None),
    "NetworkPolicy": (("spec", "podSelector", "matchLabels"), ("spec", "podSelector", "matchExpressions")),
    "PodDisruptionBudget": (("spec", "selector", "matchLabels"), ("spec", "selector", "matchExpressions")),
    "PodMonitor": (("spec", "selector", "matchLabels"), ("spec", "selector", "matchExpressions")),
}
"""Where objects select pods: by labels, and by conditions."""

SERVICE_TYPES = ("ClusterIP", "NodePort", "LoadBalancer", "ExternalName")
OF_RAY = {"ray.io/is-ray-node": ("yes",), "ray.io/node-type": ("head", "worker", "redis-cleanup")}
"""Labels of pods that KubeRay sets, with their values."""

CONTENT_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")

NODE_PORTS = range(30000, 32768)
"""The usual range of ports that services open on nodes."""

REDIS = re.compile(r"(\S*/)?(redis|valkey)(:|$)")
REPLICATED = re.compile(r"replicaof|slaveof|sentinel|cluster-enabled|redis\.conf|command|args")

WORDS: dict[tuple[str, ...], dict[tuple[str, ...], tuple[str, ...]]] = {
    ("Service",): {
        ("spec", "type"): SERVICE_TYPES,
        ("spec", "ports", "*", "protocol"): ("TCP", "UDP", "SCTP"),
        ("spec", "sessionAffinity"): ("None", "ClientIP"),
        ("spec", "externalTrafficPolicy"): ("Cluster", "Local"),
    },
    ("NetworkPolicy",): {
        ("spec", "policyTypes", "*"): ("Ingress", "Egress"),
        **{("spec", way, "*", "ports", "*", "protocol"): ("TCP", "UDP", "SCTP") for way in ("ingress", "egress")},
    },
    ("PersistentVolumeClaim", "PersistentVolume"): {("spec", "volumeMode"): ("Filesystem", "Block")},
    ("PersistentVolume",): {("spec", "persistentVolumeReclaimPolicy"): ("Retain", "Delete", "Recycle")},
    ("StorageClass",): {
        ("volumeBindingMode",): ("Immediate", "WaitForFirstConsumer"),
        ("reclaimPolicy",): ("Retain", "Delete"),
    },
    ("Deployment",): {("spec", "strategy", "type"): ("Recreate", "RollingUpdate")},
}
"""The words that the API server accepts, by the kind of object and the place."""


def labels_of_ray(document: ClusterDocument) -> Iterator[Finding]:
    """Yield labels that select no pod of KubeRay, which gives them other values."""
    for where, text in document.scalars():
        known = OF_RAY.get(str(where[-1])) if where else None
        selects = len(where) > 1 and where[-2] in ("matchLabels", "selector")
        if known and selects and text not in (*known, where[-1]) and not PLACEHOLDER.search(text):
            reason = f"no pod has the label {where[-1]}: {text}, as KubeRay gives it the value {' or '.join(known)}"
            remedy = f'write `{where[-1]}: "{known[0]}"`' if known[0] == "yes" else f"write `{where[-1]}: {known[0]}`"
            yield finding(document, "RTS813", where, reason, remedy)


def check(document: ClusterDocument) -> Iterator[Finding]:
    """Yield the mistakes in an object that is not Ray's."""
    kind = str(document.get("kind"))
    yield from labels_of_ray(document)
    yield from labels(document, ("metadata", "labels"))
    yield from tiny_volume(document, kind)
    yield from several_redis(document, kind)
    for kinds, rules in WORDS.items():
        for pattern, words in rules.items() if kind in kinds else ():
            yield from unknown_words(document, pattern, words)
    if kind in CONTROLLERS:
        yield from controller(document, kind)
    if kind == "Service":
        yield from service(document)
        yield from unselected(document)
    if kind == "NetworkPolicy":
        yield from blocks(document)
    wrong = wrong_schedule(str(document.get("spec", "schedule", default="@daily"))) if kind == "CronJob" else None
    if wrong is not None:
        reason = f"the schedule {document.get('spec', 'schedule')!r} is not one of cron: {wrong}"
        yield finding(document, "RTS817", ("spec", "schedule"), reason, 'write, for example, "0 3 * * *"')
    if kind in ("ConfigMap", "Secret"):
        yield from contents(document, kind)
    if kind in SELECTORS:
        where, conditions = SELECTORS[kind]
        yield from labels(document, where)
        for index in range(len(document.entries(*conditions)) if conditions else 0):
            yield from expression(document, (*(conditions or ()), index), SELECTOR_OPERATORS)


def tiny_volume(document: ClusterDocument, kind: str) -> Iterator[Finding]:
    """Yield the size of a volume that lacks its unit."""
    where: KeyPath = ("spec", "resources", "requests", "storage")
    size = quantity(document.get(*where)) if kind == "PersistentVolumeClaim" else None
    if size is not None and 0 < size < LEAST_MEMORY:
        shown = document.get(*where)
        yield finding(document, "RTS812", where, f"`storage` is {shown}, which is {size:g} bytes", f"write {shown}Gi")


def several_redis(document: ClusterDocument, kind: str) -> Iterator[Finding]:
    """Yield several pods of a Redis without replication, of which each has other data."""
    number = document.get("spec", "replicas")
    daemon = kind == "DaemonSet"
    if not daemon and (kind not in CONTROLLERS or not isinstance(number, int) or number < 2):  # noqa: PLR2004 - one is right
        return
    for container in document.entries("spec", "template", "spec", "containers"):
        text = str(container)
        if isinstance(container, dict) and REDIS.match(str(container.get("image"))) and not REPLICATED.search(text):
            many = "a pod on each node" if daemon else f"{number} pods"
            reason = f"{many} of Redis without replication, each with other data, of which a service chooses any"
            remedy = "write `kind: Deployment`" if daemon else "write `replicas: 1`"
            yield finding(document, "RTS804", ("kind",) if daemon else ("spec", "replicas"), reason, remedy)


def unknown_words(document: ClusterDocument, pattern: tuple[str, ...], words: tuple[str, ...]) -> Iterator[Finding]:
    """Yield values at a place that are not one of some words."""
    for where in entries_at(document, (), pattern):
        value = document.get(*where)
        if isinstance(value, str) and value not in words:
            hint = closest(value, words)
            key = where[-1] if isinstance(where[-1], str) else where[-2]
            reason = f"`{key}` is {value!r}, which is not one of {', '.join(words)}{hint and f': {hint}'}"
            remedy = f"write {hint.split(chr(39))[1]}" if hint else f"write one of {', '.join(words)}"
            yield finding(document, "RTS817", where, reason, remedy)


def controller(document: ClusterDocument, kind: str) -> Iterator[Finding]:
    """Yield pods that their own controller would not find, or may not restart."""
    wanted = document.mapping("spec", "selector", "matchLabels")
    own = document.mapping("spec", "template", "metadata", "labels")
    for key, value in wanted.items():
        if own.get(key) != value:
            has = f"have {key}: {own[key]}" if key in own else "do not have it"
            reason = f"the selector wants the label {key}: {value}, but the pods of `template` {has}"
            place: KeyPath = ("spec", "selector", "matchLabels", key)
            yield finding(document, "RTS813", place, reason, "write the same label in both")
    policy, allowed = document.get("spec", "template", "spec", "restartPolicy"), RESTART_POLICIES[kind]
    if document.mapping("spec", "template", "spec") and (policy or "Always") not in allowed:
        place = ("spec", "template", "spec", "restartPolicy")
        reason = f"`restartPolicy` is {policy or 'missing, so Always'}, but a {kind} needs {' or '.join(allowed)}"
        yield finding(document, "RTS817", place, reason, f"write `restartPolicy: {allowed[0]}`")


def service(document: ClusterDocument) -> Iterator[Finding]:
    """Yield ports of a service that Kubernetes rejects."""
    entries = document.entries("spec", "ports")
    ports = [(("spec", "ports", index), port) for index, port in enumerate(entries) if isinstance(port, dict)]
    kind = document.get("spec", "type", default="ClusterIP")
    for where, port in ports:
        for key in ("port", "targetPort"):
            number = port.get(key)
            if isinstance(number, int) and not 0 < number <= HIGHEST_PORT:
                reason = f"`{key}` is {number}, but ports are between 1 and {HIGHEST_PORT}"
                yield finding(document, "RTS817", (*where, key), reason, "correct the number")
        target = port.get("targetPort")
        if isinstance(target, str) and target.isdecimal():
            yield port_in_quotes(document, (*where, "targetPort"), target)
        if "name" not in port and len(ports) > 1:
            reason = "a service with several ports needs a name for each"
            yield finding(document, "RTS817", where, reason, "add `name: ...`")
        node = port.get("nodePort")
        if isinstance(node, int) and kind not in ("NodePort", "LoadBalancer"):
            reason = f"`nodePort` is set, but the type of the service is {kind}"
            yield finding(document, "RTS817", (*where, "nodePort"), reason, "write `type: NodePort`, or remove it")
        elif isinstance(node, int) and node not in NODE_PORTS:
            reason = f"`nodePort` is {node}, but must be between {NODE_PORTS.start} and {NODE_PORTS.stop - 1}"
            yield finding(document, "RTS817", (*where, "nodePort"), reason, "correct the number, or remove it")
    names = [port.get("name") for _, port in ports if port.get("name")]
    for name in sorted({str(name) for name in names if names.count(name) > 1}):
        reason = f"two ports of the service are named {name!r}"
        yield finding(document, "RTS817", ("spec", "ports"), reason, "give each port its own name")
    if not ports and kind != "ExternalName" and document.get("spec", "clusterIP") != "None":
        yield finding(document, "RTS817", ("spec",), "the service has no ports", "add `ports: [{port: ...}]`")


def unselected(document: ClusterDocument) -> Iterator[Finding]:
    """Yield a service that sends to no pod."""
    external = document.get("spec", "type") == "ExternalName"
    if not document.mapping("spec", "selector") and document.entries("spec", "ports") and not external:
        reason = "the service has no `selector`, so it sends to no pod, unless you write its EndpointSlices"
        remedy = "add `selector: {app: ...}` with the labels of the pods"
        yield finding(document, "RTS813", ("spec",), reason, remedy, severity="warning")


def contents(document: ClusterDocument, kind: str) -> Iterator[Finding]:
    """Yield keys of a config map or secret that Kubernetes rejects, and values that are not encoded."""
    for part in ("data", "binaryData", "stringData"):
        for key, value in document.mapping(part).items():
            where: KeyPath = (part, key)
            if not CONTENT_KEY.fullmatch(str(key)):
                reason = f"the key {str(key)!r} has other characters than letters, digits, `-`, `_` and `.`"
                better = str(key).rpartition("/")[2]
                yield finding(document, "RTS816", where, reason, f"write `{better}`, and set its `path` in the volume")
            encoded = part == "binaryData" or (part == "data" and kind == "Secret")
            if encoded and isinstance(value, str) and not is_base64(value) and not PLACEHOLDER.search(value):
                reason = f"the value of {key!r} is not in base64"
                remedy = "write it below `stringData`, or what `echo -n VALUE | base64` prints"
                yield finding(document, "RTS817", where, reason, remedy)


def is_base64(text: str) -> bool:
    """Return whether a text is in base64.

    Example:
        >>> is_base64("c2VjcmV0"), is_base64("secret!")
        (True, False)
    """
    try:
        base64.b64decode("".join(text.split()), validate=True)
    except ValueError:
        return False
    return True


def blocks(document: ClusterDocument) -> Iterator[Finding]:
    """Yield ranges of addresses that are none, and ports, of a network policy."""
    for way, ends in (("ingress", "from"), ("egress", "to")):
        for where in entries_at(document, ("spec",), (way, "*", ends, "*", "ipBlock", "cidr")):
            value = document.get(*where)
            try:
                ipaddress.ip_network(str(value))
            except ValueError as error:
                reason = f"`cidr` is {as_yaml(value)}, but must be a range of addresses: {error}"
                yield finding(document, "RTS817", where, reason, "write, for example, 10.0.0.0/16")
        for where in entries_at(document, ("spec",), (way, "*", "ports", "*", "port")):
            number = document.get(*where)
            if isinstance(number, str) and number.isdecimal():
                yield port_in_quotes(document, where, number)
            if isinstance(number, int) and not 0 < number <= HIGHEST_PORT:
                reason = f"`port` is {number}, but ports are between 1 and {HIGHEST_PORT}"
                yield finding(document, "RTS817", where, reason, "correct the number")


def port_in_quotes(document: ClusterDocument, where: KeyPath, number: str) -> Finding:
    """Return a finding about the number of a port in quotes, which Kubernetes takes as the name of one."""
    reason = f'`{where[-1]}` is "{number}", and text is the name of a port, which has a letter'
    return finding(document, "RTS817", where, reason, f"write `{where[-1]}: {number}`, without quotes")


def pod_labels(document: ClusterDocument) -> list[dict[str, Any]]:
    """Return the labels of the pods that a manifest describes, with those that KubeRay adds."""
    if not is_kuberay(document):
        where: KeyPath = ("metadata",) if document.get("kind") == "Pod" else ("spec", "template", "metadata")
        pod = document.get("kind") == "Pod" or document.get("kind") in CONTROLLERS
        return [document.mapping(*where, "labels")] if pod else []
    named = document.get("kind") == "RayCluster"
    result = []
    for pool in kuberay_pools(document):
        added = {
            "ray.io/is-ray-node": "yes",
            "ray.io/node-type": "head" if pool.head else "worker",
            "ray.io/group": "headgroup" if pool.head else pool.name,
            "app.kubernetes.io/name": "kuberay",
            "app.kubernetes.io/created-by": "kuberay-operator",
            **(
                {"ray.io/cluster": document.get("metadata", "name")}
                if named and document.get("metadata", "name")
                else {}
            ),
        }
        result.append({**document.mapping(*pool.where, "template", "metadata", "labels"), **added})
    return result


def named_ports(documents: list[ClusterDocument]) -> Iterator[Finding]:
    """Yield names of ports in services that no container of the selected pods of the file has."""
    for document in documents:
        wanted = document.mapping("spec", "selector") if document.get("kind") == "Service" else {}
        pods = [one for one in documents if wanted and any(wanted.items() <= own.items() for own in pod_labels(one))]
        spec: KeyPath = ("spec", "template", "spec")
        if not pods or any(is_kuberay(one) for one in pods):
            continue
        containers = [
            one for pod in pods for one in pod.entries(*(("spec",) if pod.get("kind") == "Pod" else spec), "containers")
        ]
        ports = [port for one in containers if isinstance(one, dict) for port in one.get("ports") or []]
        names = {str(port.get("name")) for port in ports if isinstance(port, dict)}
        for index, port in enumerate(document.entries("spec", "ports")):
            name = port.get("targetPort") if isinstance(port, dict) else None
            if isinstance(name, str) and not name.isdecimal() and name not in names:
                reason = f"`targetPort` is {name!r}, but the pods have no port of this name"
                place: KeyPath = ("spec", "ports", index, "targetPort")
                yield finding(document, "RTS813", place, reason, "write the number, or name the port of the container")


def other_namespaces(documents: list[ClusterDocument]) -> Iterator[Finding]:
    """Yield selectors that fit pods of the file, but only in other namespaces, in which they select nothing."""
    for document in documents:
        where = SELECTORS.get(str(document.get("kind")), ((), None))[0]
        wanted = document.mapping(*where) if where else {}
        same = [
            one for one in documents if wanted and any(wanted.items() <= labels.items() for labels in pod_labels(one))
        ]
        spaces = {str(one.get("metadata", "namespace", default="default")) for one in same}
        own = document.get("metadata", "namespace", default="default")
        stated = [one for one in (document, *same) if one.get("metadata", "namespace") is not None]
        if spaces and own not in spaces and document.get("kind") != "PodMonitor":
            reason = f"the {document.get('kind')} is in the namespace {own!r}, but its pods are in {min(spaces)!r}"
            place: KeyPath = ("metadata", "namespace") if document.get("metadata", "namespace") else ("metadata",)
            yield finding(
                document,
                "RTS813",
                place,
                f"{reason}, so it selects none of them",
                f"write `namespace: {min(spaces)}`",
                severity=None if len(stated) == 1 + len(same) else "warning",
            )


def across(documents: list[ClusterDocument]) -> Iterator[Finding]:
    """Yield selectors that fit no pod of the file, although its pods have their labels with other values."""
    yield from named_ports(documents)
    yield from other_namespaces(documents)
    pods = [labels for document in documents for labels in pod_labels(document)]
    jobs = any(is_kuberay(one) and one.get("kind") != "RayCluster" and cluster_spec(one) for one in documents)
    for document in documents:
        where = SELECTORS.get(str(document.get("kind")), ((), None))[0]
        wanted = document.mapping(*where) if where else {}
        if not wanted or not pods or any(wanted.items() <= labels.items() for labels in pods):
            continue
        for key, value in wanted.items():
            others = sorted({str(labels[key]) for labels in pods if key in labels})
            if not others or value in others or (jobs and key == "ray.io/cluster"):
                continue
            kind = document.get("kind")
            reason = f"the {kind} selects pods with {key}: {value}, but those of this file have {', '.join(others)}"
            remedy = f"write `{key}: {others[0]}`, unless the pods are in another file"
            yield finding(document, "RTS813", (*where, key), reason, remedy, severity="warning")
