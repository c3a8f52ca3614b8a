"""Checks of how the pods of a cluster, its jobs and its users reach the head, and how the head reaches Redis.

Sources: `getServicePorts`, `setContainerEnvVars` and `FetchHeadServiceURL` of KubeRay; `ray start`; read in 2026-11.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.checks.kuberay_groups import LOOPBACK, group_name, parameters
from raytune_suite.cluster.checks.kuberay_jobs import POD
from raytune_suite.cluster.checks.kuberay_rules import groups
from raytune_suite.cluster.pools import cluster_spec, dicts, is_kuberay
from raytune_suite.cluster.ray_start import DEFAULT_PORTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding, Severity
    from raytune_suite.cluster.document import ClusterDocument, KeyPath

HEAD_SERVICE = re.compile(r"(?<![\w$}).-])([a-z0-9][a-z0-9-]*)-head-svc\b")

OF_OPERATOR = (
    *("RAY_IP", "FQ_RAY_IP", "RAY_CLUSTER_NAME", "RAY_CLOUD_INSTANCE_ID", "RAY_NODE_TYPE_NAME", "RAY_PORT"),
    *("RAY_DASHBOARD_ADDRESS", "KUBERAY_GEN_RAY_START_CMD"),
)
"""Variables that the operator sets, unless the manifest does."""

HEAD_ONLY = (
    *("dashboard-host", "dashboard-port", "include-dashboard", "ray-client-server-port", "port"),
    *("gcs-server-port", "autoscaling-config", "system-config", "no-monitor"),
)
LEAST_PORTS = 50

OWN_ADDRESS = re.compile(r"(?:ray://)?(auto|local|127\.0\.0\.1(:\d+)?|localhost(:\d+)?)")
BY_SUBMITTER = ("K8sJobMode", "HTTPMode", "None")


def check(document: ClusterDocument) -> Iterator[Finding]:
    """Yield the mistakes in the addresses and ports of a cluster's head."""
    top = cluster_spec(document)
    head: KeyPath = (*top, "headGroupSpec")
    yield from redis(document, top)
    yield from service(document, head)
    yield from dashboard(document, head)
    for group in (head, *groups(document, top)):
        yield from start_options(document, group)
        for index, entry in enumerate(document.entries(*group, *POD, "containers", 0, "env")):
            if isinstance(entry, dict) and isinstance(entry.get("value"), str):
                place: KeyPath = (*group, *POD, "containers", 0, "env", index)
                yield from variable(document, place, str(entry.get("name")), entry["value"])
                by_token = document.get(*top, "authOptions", "mode") == "token"
                if by_token and entry.get("name") == "RAY_AUTH_MODE" and entry["value"] != "token":
                    reason = f"RAY_AUTH_MODE is {entry['value']!r} in {group_name(document, group)}, but `authOptions` "
                    reason += "requires the token"
                    yield finding(document, "RTS612", place, reason, "remove it: the operator sets it")
    yield from needed(document, top)


def redis(document: ClusterDocument, top: KeyPath) -> Iterator[Finding]:
    """Yield an address of Redis that is Ray's own, or that of the head's pod."""
    where: KeyPath = (*top, "gcsFaultToleranceOptions", "redisAddress")
    address = document.get(*where)
    match = (
        re.match(r"(?:\w+://)?(?:[^@/]*@)?\[?([^\]:/]+)\]?(?::(\d+))?", address) if isinstance(address, str) else None
    )
    if match is None:
        return
    host, name = match[1], document.get("metadata", "name")
    containers = dicts(document.entries(*top, "headGroupSpec", *POD, "containers"))
    own = any(re.search(r"redis|valkey", str(one.get("image"))) for one in containers)
    if host in (*LOOPBACK, "0.0.0.0") and not own:  # noqa: S104 - compared, not bound
        reason = f"`redisAddress` is {address}, which is the head's own pod, where no Redis runs"
        yield finding(document, "RTS804", where, reason, "write the name of a service of Redis", severity="error")
    elif host.partition(".")[0] in (f"{name}-head-svc", f"{name}-head") or "head-svc" in host:
        reason = f"`redisAddress` is {address}, the head of a cluster of Ray, which is not Redis"
        yield finding(document, "RTS804", where, reason, "write the name of a service of Redis", severity="error")
    elif own and host in LOOPBACK:
        reason = "Redis runs in the head's pod, and its data are lost with it"
        yield finding(document, "RTS804", where, reason, "run it in its own Deployment, with a Service")
    if re.fullmatch(r"[\w-]+\.svc(\.cluster\.local)?", host):
        reason = f"`redisAddress` names {host}, but between the service and `svc` comes its namespace"
        remedy = f"write {host.partition('.')[0]}, or {host.replace('.svc', '.NAMESPACE.svc', 1)}"
        yield finding(document, "RTS811", where, reason, remedy, severity="error")
    if match[2] in ("8265", "10001"):
        reason = f"`redisAddress` is {address}, but {match[2]} is a port of Ray's head"
        yield finding(document, "RTS411", where, reason, f"write {host}:6379", severity="warning")


def service(document: ClusterDocument, head: KeyPath) -> Iterator[Finding]:
    """Yield a service by which the head's ports are open on every node, and one that selects other pods."""
    for where in ((*head, "serviceType"), (*head, "headService", "spec", "type")):
        if document.get(*where) == "NodePort":
            reason = (
                "NodePort opens the ports of the head, through which anyone can run code, on all nodes of Kubernetes"
            )
            remedy = "remove it, and use `kubectl port-forward`"
            yield finding(document, "RTS615", where, reason, remedy, severity="warning")
    if document.get(*head, "enableIngress") is True:
        reason = (
            "`enableIngress` opens the dashboard, through which anyone can run code, to all who can reach the ingress"
        )
        remedy = "remove it, and use `kubectl port-forward`"
        yield finding(document, "RTS615", (*head, "enableIngress"), reason, remedy, severity="warning")
    if document.mapping(*head, "headService", "spec", "selector"):
        where = (*head, "headService", "spec", "selector")
        reason = "the operator selects the head's pod by its own labels, and merges these"
        yield finding(document, "RTS813", where, reason, "remove `selector`", severity="warning")


def dashboard(document: ClusterDocument, head: KeyPath) -> Iterator[Finding]:
    """Yield a head without the dashboard, or without its port: the operator makes the head's service of the ports."""
    where: KeyPath = (*head, *POD, "containers", 0, "ports")
    ports = dicts(document.entries(*where))
    opened = parameters(document, head).get("dashboard-port", str(DEFAULT_PORTS["dashboard-port"]))
    kind = document.get("kind")
    mode = str(document.get(*cluster_spec(document)[:-1], "submissionMode"))
    severity: Severity = "error" if kind in ("RayJob", "RayCronJob") and mode in BY_SUBMITTER else "warning"
    declared = document.entries(*head, "headService", "spec", "ports")
    if parameters(document, head).get("include-dashboard", "").strip("\"'").lower() == "false":
        reason = "`include-dashboard` is false, but jobs are submitted to the dashboard, and probes ask it"
        off: KeyPath = (*head, "rayStartParams", "include-dashboard")
        yield finding(document, "RTS411", off, reason, "remove it", severity=severity)
    if ports and not any(one.get("name") == "dashboard" for one in ports) and not declared:
        number = next((one for one in ports if str(one.get("containerPort")) == opened), None)
        why = f"port {opened} has another name" if number is not None else "`dashboard` is not among them"
        reason = f"the operator makes the head's service of these ports, and {why}: jobs do not reach the dashboard"
        remedy = f"add `{{containerPort: {opened}, name: dashboard}}`, or remove `ports`"
        yield finding(document, "RTS411", where, reason, remedy, severity=severity)
    elif not ports and opened.isdecimal() and int(opened) != DEFAULT_PORTS["dashboard-port"]:
        reason = f"the dashboard listens on {opened}, but the operator's service of the head sends to 8265"
        remedy = f"remove `dashboard-port`, or add `ports: [{{containerPort: {opened}, name: dashboard}}]` to the head"
        place: KeyPath = (*head, "rayStartParams", "dashboard-port")
        yield finding(document, "RTS411", place, reason, remedy, severity=severity)


def start_options(document: ClusterDocument, group: KeyPath) -> Iterator[Finding]:
    """Yield options of `ray start` that keep nodes from finding each other, or that only a head has."""
    given, where = parameters(document, group), (*group, "rayStartParams")
    address = given.get("node-ip-address", "").strip("\"'")
    if address in LOOPBACK or re.fullmatch(r"\d+\.\d+\.\d+\.\d+", address):
        reason = f"`node-ip-address` is {address}, but each pod has another address"
        remedy = "remove it: Ray finds the address of the pod"
        yield finding(document, "RTS402", (*where, "node-ip-address"), reason, remedy, severity="error")
    if group[-1] == "headGroupSpec":
        scaled = document.get(*cluster_spec(document), "enableInTreeAutoscaling") is True
        if given.get("no-monitor") == "false" and scaled:
            reason = "`no-monitor: false` starts a second autoscaler in addition to that of the operator"
            yield finding(document, "RTS410", (*where, "no-monitor"), reason, "remove it", severity="warning")
    else:
        for name in HEAD_ONLY:
            if name in given:
                reason = f"`{name}` is an option of the head, and a worker does not use it"
                yield finding(
                    document, "RTS410", (*where, name), reason, "remove it, or move it to the head", severity="warning"
                )
    low, high = (given.get(f"{end}-worker-port", "") for end in ("min", "max"))
    if low.isdecimal() and high.isdecimal() and 0 < int(high) - int(low) < LEAST_PORTS:
        reason = (
            f"processes of this node share {int(high) - int(low) + 1} ports, but each trial, actor and worker needs one"
        )
        yield finding(
            document,
            "RTS411",
            (*where, "max-worker-port"),
            reason,
            "remove both, or leave 1000 ports",
            severity="warning",
        )
    if document.entries(*group, "scaleStrategy", "workersToDelete"):
        place: KeyPath = (*group, "scaleStrategy", "workersToDelete")
        reason = "the operator deletes these pods, whatever runs on them; the autoscaler writes this list itself"
        yield finding(document, "RTS202", place, reason, "remove `scaleStrategy`", severity="warning")


def variable(document: ClusterDocument, where: KeyPath, name: str, value: str) -> Iterator[Finding]:
    """Yield a variable that replaces one of the operator's, or sends programs elsewhere."""
    if name in OF_OPERATOR:
        reason = f"{name} replaces what the operator sets, by which nodes and the autoscaler find each other"
        yield finding(document, "RTS402", where, reason, "remove it", severity="warning")
    elif name == "RAY_ADDRESS" and value and not OWN_ADDRESS.fullmatch(value):
        reason = f"RAY_ADDRESS is {value}: programs in this pod connect there, and not to the node beside them"
        yield finding(document, "RTS402", where, reason, "remove it: the operator sets it", severity="warning")


def needed(document: ClusterDocument, top: KeyPath) -> Iterator[Finding]:
    """Yield groups of which the autoscaler cannot tell the CPUs, so that it does not start."""
    if document.get(*top, "enableInTreeAutoscaling") is not True:
        return
    for group in ((*top, "headGroupSpec"), *groups(document, top)):
        container: KeyPath = (*group, *POD, "containers", 0)
        amounts = [document.mapping(*container, "resources", kind) for kind in ("limits", "requests")]
        stated = parameters(document, group).get("num-cpus") or document.mapping(*group, "resources").get("CPU")
        if document.mapping(*container) and stated is None and not any("cpu" in one for one in amounts):
            reason = f"the autoscaler does not start, because {group_name(document, group)} states no CPUs"
            remedy = 'add `cpu: "4"` to the requests of its first container, or `num-cpus` to its rayStartParams'
            yield finding(document, "RTS803", (*container, "resources"), reason, remedy, severity="error")


def across(documents: list[ClusterDocument]) -> Iterator[Finding]:
    """Yield services of heads that no cluster of the file has, in the pods of a RayCluster."""
    clusters = [one for one in documents if is_kuberay(one)]
    known = {f"{one.get('metadata', 'name')}-head-svc" for one in clusters}
    for one in clusters:
        known.add(str(one.get(*cluster_spec(one), "headGroupSpec", "headService", "metadata", "name")))
    for document in clusters:
        name = document.get("metadata", "name")
        for where, text in document.scalars() if document.get("kind") == "RayCluster" else ():
            match = HEAD_SERVICE.search(text) if POD[0] in where and "annotations" not in where else None
            if match is not None and match[0] not in known and name is not None:
                reason = f"{match[0]} is the service of another cluster's head; that of this one is {name}-head-svc"
                remedy = f"write {name}-head-svc, or $RAY_ADDRESS, which the operator sets"
                yield finding(document, "RTS813", where, reason, remedy, severity="warning")
