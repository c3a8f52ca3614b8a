"""Checks of a Redis that keeps the state of a cluster: where it listens, who reaches it, and what makes it forget.

Sources: redis.io, "Redis configuration" (`bind`, `port`, `protected-mode`, `timeout`); its image; read in 2026-11.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.checks.kuberay_groups import LOOPBACK
from raytune_suite.cluster.checks.pod_values import PROBES
from raytune_suite.cluster.pools import is_kuberay, selects_spot
from raytune_suite.errors import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding
    from raytune_suite.cluster.checks.pods import PodPlace
    from raytune_suite.cluster.document import ClusterDocument, KeyPath

IMAGE = re.compile(r"(.*/)?(redis|valkey|redis-stack-server|keydb|dragonfly)([:@]|$)")
PORT = 6379
SERVER = re.compile(r"(redis|valkey|keydb)-server|docker-entrypoint|dragonfly|\.sh\b|\.conf\b")
ENDLESS = re.compile(r"^(sleep|tail|watch)\b")
SHORT_TIMEOUT = 3600
INTERNAL = ("internal", "private")


class Server(NamedTuple):
    """A container with Redis.

    Attributes:
        where: The key path of the container.
        key: Where its words are: "args" or "command".
        words: The words of its command and arguments.
        text: These words as one text.
    """

    where: KeyPath
    key: str
    words: list[str]
    text: str

    def option(self, name: str) -> str | None:
        """Return the value of an option, None if it is not given."""
        match = re.search(rf"(?:^|\s)--{name}[\s=]+(\S+(?:\s+(?!--)\S+)*)", self.text)
        return None if match is None else match[1].strip("\"'")

    @property
    def port(self) -> int | None:
        """The port on which it listens, None if a file says it."""
        given = self.option("port")
        if given is not None:
            return int(given) if given.isdecimal() else None
        return None if re.search(r"\.conf\b|\.sh\b|\$", self.text) else PORT


def servers(document: ClusterDocument, pod: PodPlace) -> list[Server]:
    """Return the containers of a pod with Redis."""
    found = []
    for container in pod.containers:
        if IMAGE.match(str(document.get(*container, "image"))) and container[-2] == "containers":
            words = [str(word) for key in ("command", "args") for word in document.entries(*container, key)]
            key = "args" if document.entries(*container, "args") else "command"
            found.append(Server(container, key, words, " ".join(words)))
    return found


def check(document: ClusterDocument, pod: PodPlace, count: int) -> Iterator[Finding]:
    """Yield the mistakes in the containers of a pod with Redis, of which there are `count`."""
    found = servers(document, pod)
    for one in found:
        yield from listening(document, one)
        yield from probes(document, one)
    if not found or is_kuberay(document):
        return
    if count == 0:
        reason = "there is no pod of Redis, so the head does not start"
        yield finding(document, "RTS804", ("spec", "replicas"), reason, "write `replicas: 1`", severity="error")
    yield from stored(document, pod, found)
    yield from on_nodes(document, pod, found)
    for key, value in document.mapping(*pod.where, "nodeSelector").items():
        if selects_spot(str(key), str(value)):
            reason = "Redis runs on a node that may be reclaimed, and the state of the cluster is lost with it"
            where: KeyPath = (*pod.where, "nodeSelector", key)
            yield finding(document, "RTS804", where, reason, "select on-demand nodes")


def on_nodes(document: ClusterDocument, pod: PodPlace, found: list[Server]) -> Iterator[Finding]:
    """Yield a Redis that all who reach its node can reach, past network policies."""
    places = [(*pod.where, "hostNetwork")] if document.get(*pod.where, "hostNetwork") is True else []
    for one in found:
        for index, port in enumerate(document.entries(*one.where, "ports")):
            if isinstance(port, dict) and port.get("hostPort"):
                places.append((*one.where, "ports", index, "hostPort"))
    for where in places:
        reason = (
            f"`{where[-1]}` opens Redis to all who reach the node: anyone who writes there can run code in the cluster"
        )
        yield finding(document, "RTS615", where, reason, "remove it", severity="warning")


def stored(document: ClusterDocument, pod: PodPlace, found: list[Server]) -> Iterator[Finding]:
    """Yield a Redis whose data are on no volume although it has one, and an image whose version may change."""
    for one in found:
        image = str(document.get(*one.where, "image"))
        if re.fullmatch(r"[^:@]*(/[^:@]*)?(:latest)?", image):
            reason = f"{image} is another version after each pull, which may not read the data of the one before"
            yield finding(document, "RTS304", (*one.where, "image"), reason, "write, for example, `redis:7.4`")
        mounts = document.entries(*one.where, "volumeMounts")
        paths = [str(mount.get("mountPath")).rstrip("/") for mount in mounts if isinstance(mount, dict)]
        claims = [
            volume
            for volume in document.entries(*pod.where, "volumes")
            if isinstance(volume, dict) and "persistentVolumeClaim" in volume
        ]
        folder = one.option("dir") or "/data"
        if (
            claims
            and paths
            and not re.search(r"\.conf\b", one.text)
            and not any(f"{folder}/".startswith(f"{path}/") for path in paths)
        ):
            reason = f"Redis stores its data in {folder}, but the volume is at {paths[0]}: they are lost with the pod"
            place: KeyPath = (*one.where, "volumeMounts", 0)
            yield finding(document, "RTS804", place, reason, f"write `mountPath: {folder}`")


def listening(document: ClusterDocument, one: Server) -> Iterator[Finding]:
    """Yield options with which Redis does not start, is not reached, or is reached by everybody who reads the file."""
    where = (*one.where, one.key)
    bound, password, closes = one.option("bind"), one.option("requirepass"), one.option("timeout")
    if one.words and not SERVER.search(one.text) and (ENDLESS.match(one.text) or one.key == "command"):
        reason = f"the container runs `{one.text[:50]}`, not Redis"
        yield finding(document, "RTS804", where, reason, "remove it, or begin with `redis-server`", severity="error")
    if len(one.words) == 1 and re.match(r"(redis|valkey)-server ", one.text):
        shown = ", ".join(one.text.split())
        reason = f"`{one.text}` is one word, so a program of this name, with its spaces, is looked up"
        yield finding(document, "RTS817", where, reason, f"write `{one.key}: [{shown}]`")
    if bound is not None and all(address.lstrip("-") in LOOPBACK for address in bound.split()):
        reason = f"Redis is bound to {bound}, so only its own pod reaches it"
        yield finding(document, "RTS411", where, reason, "remove `--bind`, or write 0.0.0.0")
    if one.option("protected-mode") == "yes" and password is None and bound is None:
        reason = "in protected mode, without a password, Redis refuses all other pods"
        yield finding(document, "RTS411", where, reason, "write `--protected-mode no`; a NetworkPolicy guards the port")
    if password is not None and not re.search(r"[$<]|YOUR-", password) and password not in ("", '""'):
        reason = "the password of Redis is written in the file, which is shown to everyone who may read pods"
        remedy = "write `--requirepass $(REDIS_PASSWORD)`, with the variable from a Secret"
        yield finding(document, "RTS614", where, reason, remedy)
    if closes is not None and closes.isdecimal() and 0 < int(closes) < SHORT_TIMEOUT:
        reason = f"Redis closes connections that are idle for {closes} s, including that of the head"
        yield finding(document, "RTS804", where, reason, "write `--timeout 0`")


def probes(document: ClusterDocument, one: Server) -> Iterator[Finding]:
    """Yield probes that ask Redis at another port or over HTTP, and ports that are declared but not open."""
    port = one.port
    for index, given in enumerate(document.entries(*one.where, "ports")):
        number = given.get("containerPort") if isinstance(given, dict) else None
        exporter = isinstance(given, dict) and "metric" in str(given.get("name"))
        if port is not None and isinstance(number, int) and number != port and not exporter:
            reason = f"the container declares port {number}, but Redis listens on {port}"
            remedy = f'write `containerPort: {port}`, or `args: [redis-server, --port, "{number}"]`'
            place: KeyPath = (*one.where, "ports", index, "containerPort")
            yield finding(document, "RTS411", place, reason, remedy, severity="warning")
    for probe in PROBES:
        where = (*one.where, probe)
        words = " ".join(map(str, document.entries(*where, "exec", "command")))
        match = re.search(r"redis-cli\b.*?\s-p\s*(\d+)", words)
        asked = int(match[1]) if match is not None else document.get(*where, "tcpSocket", "port")
        if document.get(*where, "httpGet") is not None:
            reason = "Redis does not speak HTTP, so the probe always fails"
            yield finding(
                document, "RTS411", (*where, "httpGet"), reason, f"write `tcpSocket: {{port: {port or PORT}}}`"
            )
        elif port is not None and isinstance(asked, int) and asked != port:
            reason = f"the probe asks port {asked}, but Redis listens on {port}"
            yield finding(document, "RTS411", where, reason, f"write {port}")


def service(document: ClusterDocument, ports: set[int]) -> Iterator[Finding]:
    """Yield a service by which others than the pods reach Redis, or which does not reach it.

    Args:
        document: The service.
        ports: The ports on which the servers of Redis that it selects listen; empty if they are not known.
    """
    kind, notes = document.get("spec", "type"), str(document.mapping("metadata", "annotations")).lower()
    if kind in ("LoadBalancer", "NodePort") and not any(word in notes for word in INTERNAL):
        reason = f"a {kind} opens Redis to more than the pods, and anyone who writes there can run code in the cluster"
        yield finding(document, "RTS615", ("spec", "type"), reason, "remove `type`", severity="warning")
    if document.entries("spec", "externalIPs"):
        reason = (
            "`externalIPs` open Redis to more than the pods, and anyone who writes there can run code in the cluster"
        )
        yield finding(document, "RTS615", ("spec", "externalIPs"), reason, "remove it", severity="warning")
    for index, port in enumerate(document.entries("spec", "ports")):
        where: KeyPath = ("spec", "ports", index)
        if isinstance(port, dict) and port.get("protocol") in ("UDP", "SCTP"):
            reason = f"Redis speaks TCP, but the service forwards {port['protocol']}"
            yield finding(document, "RTS411", (*where, "protocol"), reason, "write `protocol: TCP`, or remove it")
        target = port.get("targetPort", port.get("port")) if isinstance(port, dict) else None
        only = len(document.entries("spec", "ports")) == 1
        if isinstance(target, int) and ports and only and target not in ports:
            reason = f"the service sends to port {target}, but Redis listens on {min(ports)}"
            key = "targetPort" if "targetPort" in port else "port"
            yield finding(document, "RTS411", (*where, key), reason, f"add `targetPort: {min(ports)}`")


def across(documents: list[ClusterDocument], places: list[tuple[ClusterDocument, PodPlace]]) -> Iterator[Finding]:
    """Yield services and policies that do not fit the Redis of the same file."""
    pods = []
    for document, pod in places:
        found = [] if is_kuberay(document) else servers(document, pod)
        if found:
            pods.append((document.mapping(*pod.where[:-1], "metadata", "labels"), found, document, pod))
    for document in documents:
        kind = document.get("kind")
        if kind == "HorizontalPodAutoscaler":
            yield from copies(document, {str(one.get("metadata", "name")) for *_, one, _ in pods}, documents)
        wanted = document.mapping("spec", "selector" if kind == "Service" else "podSelector")
        wanted = wanted if kind == "Service" else document.mapping("spec", "podSelector", "matchLabels")
        chosen = [one for labels, one, *_ in pods if wanted and wanted.items() <= labels.items()]
        ports = {server.port for one in chosen for server in one if server.port is not None}
        known = ports if ports and all(server.port for one in chosen for server in one) else set()
        if kind == "Service" and (chosen or "redis" in str(wanted)):
            yield from service(document, known)
        elif kind == "NetworkPolicy" and known:
            yield from policy(document, known)


def policy(document: ClusterDocument, ports: set[int]) -> Iterator[Finding]:
    """Yield a policy that admits pods to other ports than those of Redis only, or over another protocol."""
    rules = [rule for rule in document.entries("spec", "ingress") if isinstance(rule, dict)]
    entries = [
        (("spec", "ingress", number, "ports", index), one)
        for number in range(len(rules))
        for index, one in enumerate(document.entries("spec", "ingress", number, "ports"))
        if isinstance(one, dict)
    ]
    everything = any(not rule.get("ports") for rule in rules) or any("endPort" in one for _, one in entries)
    numbers = [one.get("port") for _, one in entries]
    if everything or not entries or not all(isinstance(one, int) for one in numbers):
        return
    fitting = [(where, one) for where, one in entries if one.get("port") in ports]
    if not fitting:
        reason = f"the policy admits pods to port {numbers[0]} only, but Redis listens on {min(ports)}"
        yield finding(document, "RTS411", entries[0][0], reason, f"write `port: {min(ports)}`")
    elif all(one.get("protocol") in ("UDP", "SCTP") for _, one in fitting):
        where, one = fitting[0]
        reason = f"the policy admits {one['protocol']} only, but Redis speaks TCP"
        yield finding(document, "RTS411", where, reason, "remove `protocol`")


def copies(document: ClusterDocument, names: set[str], documents: list[ClusterDocument]) -> Iterator[Finding]:
    """Yield an autoscaler that starts more pods of Redis, each with other data, or that names nothing of the file."""
    target, most = document.get("spec", "scaleTargetRef", "name"), document.get("spec", "maxReplicas")
    kind = document.get("spec", "scaleTargetRef", "kind")
    if target in names and isinstance(most, int) and most > 1:
        reason = f"it starts up to {most} pods of Redis without replication, each with other data"
        yield finding(document, "RTS804", ("spec", "maxReplicas"), reason, "remove it")
    if kind in ("RayCluster", "RayJob"):
        reason = f"a {kind} has no scale of pods; Ray's autoscaler does this"
        remedy = "remove it, and write `enableInTreeAutoscaling: true`"
        yield finding(document, "RTS817", ("spec", "scaleTargetRef"), reason, remedy)
    known = [str(one.get("metadata", "name")) for one in documents if one.get("kind") == kind]
    match = nearest(str(target), known) if known and target not in known else None
    if match is not None:
        reason = f"it scales the {kind} {target!r}, but the file has {match!r}"
        place: KeyPath = ("spec", "scaleTargetRef", "name")
        yield finding(document, "RTS813", place, reason, f"write `name: {match}`", severity="warning")
