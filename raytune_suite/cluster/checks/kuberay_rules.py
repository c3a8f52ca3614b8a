"""The rules by which KubeRay's operator rejects manifests that its schema accepts.

Source: ray-operator/controllers/ray/utils/validation.go and constant.go of https://github.com/ray-project/kuberay, read
in 2026-11. Rules about feature gates are left out, since a file does not say which are enabled.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from raytune_suite.cluster.checks import kuberay_jobs, kuberay_options, tpus
from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.checks.kuberay_jobs import POD, number, rejected
from raytune_suite.cluster.checks.pods import bad_name, labels
from raytune_suite.cluster.checks.schema_errors import closest
from raytune_suite.cluster.pools import cluster_spec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding
    from raytune_suite.cluster.document import ClusterDocument, KeyPath

LONGEST_NAME = {"RayCluster": 53, "RayJob": 47, "RayService": 47, "RayCronJob": 47}
"""The longest name of each kind; the names of its pods and services are longer by a suffix."""

NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")

REDIS_ADDRESS, REDIS_PASSWORD, REDIS_USERNAME = "RAY_REDIS_ADDRESS", "REDIS_PASSWORD", "REDIS_USERNAME"
AUTOSCALER_V2 = "RAY_enable_autoscaler_v2"
TLS_VARIABLES = ("RAY_USE_TLS", "RAY_TLS_SERVER_CERT", "RAY_TLS_SERVER_KEY", "RAY_TLS_CA_CERT")
FAULT_TOLERANT: KeyPath = ("metadata", "annotations", "ray.io/ft-enabled")
STATE_NAMESPACE: KeyPath = ("metadata", "annotations", "ray.io/external-storage-namespace")
SERVICE_TYPES = ("ClusterIP", "NodePort", "LoadBalancer", "ExternalName")


def check(document: ClusterDocument) -> Iterator[Finding]:
    """Yield what the operator rejects in a manifest."""
    kind = str(document.get("kind"))
    yield from resource_name(document, kind)
    for rule in kuberay_jobs.RULES_BY_KIND.get(kind, ()):
        yield from rule(document, kuberay_jobs.job_of(kind))
    top = cluster_spec(document)
    if document.mapping(*top):
        for rule in CLUSTER_RULES:
            yield from rule(document, top)


def resource_name(document: ClusterDocument, kind: str) -> Iterator[Finding]:
    """Yield a finding if the name of the resource is missing, invalid or too long."""
    name, where = document.get("metadata", "name"), ("metadata", "name")
    if name is None:
        if document.get("metadata", "generateName") is None:
            remedy = "add `name: ...` below `metadata`"
            yield finding(document, "RTS816", ("metadata",), "the resource has no name", remedy)
        return
    longest = LONGEST_NAME.get(kind, 53)
    if not isinstance(name, str):
        return
    if not NAME.fullmatch(name) and "$" not in name and "{" not in name:
        yield bad_name(document, where, name, "lower-case letters, digits and `-`, with a letter first")
    elif len(name) > longest:
        reason = f"the name {name!r} has {len(name)} characters, but a {kind} may have {longest}"
        yield rejected(document, where, reason, f"write `name: {name[:longest].rstrip('-')}`")


def groups(document: ClusterDocument, top: KeyPath) -> list[KeyPath]:
    """Return the key paths of the worker groups that are mappings."""
    entries = document.entries(*top, "workerGroupSpecs")
    return [(*top, "workerGroupSpecs", index) for index, entry in enumerate(entries) if isinstance(entry, dict)]


def variable(document: ClusterDocument, group: KeyPath, name: str) -> KeyPath | None:
    """Return the key path of an environment variable of a group's Ray container, None if it is not set."""
    where: KeyPath = (*group, *POD, "containers", 0, "env")
    for index, entry in enumerate(document.entries(*where)):
        if isinstance(entry, dict) and entry.get("name") == name:
            return (*where, index)
    return None


def containers(document: ClusterDocument, top: KeyPath) -> Iterator[Finding]:
    """Yield groups without containers, and resources that are given twice."""
    for group in ((*top, "headGroupSpec"), *groups(document, top)):
        spec = (*group, *POD)
        if document.get(*spec) is not None and not document.get(*spec, "containers"):
            yield rejected(document, spec, "the pod has no container", "add `containers: [...]`")
        parameters = document.mapping(*group, "rayStartParams")
        given = [key for key in ("num-cpus", "num-gpus", "memory", "resources") if parameters.get(key)]
        if given and document.mapping(*group, "resources"):
            reason = f"`resources` and `{given[0]}` of rayStartParams are both set"
            yield rejected(document, (*group, "rayStartParams", given[0]), reason, "keep one of them")
        if "labels" in parameters:
            reason = "`labels` in rayStartParams is not supported"
            yield rejected(document, (*group, "rayStartParams", "labels"), reason, "use `labels` of the group")
        yield from labels(document, (*group, "labels"))


def head_service(document: ClusterDocument, top: KeyPath) -> Iterator[Finding]:
    """Yield a finding if the type of the head's service is unknown."""
    for where in ((*top, "headGroupSpec", "serviceType"), (*top, "headGroupSpec", "headService", "spec", "type")):
        value = document.get(*where)
        if isinstance(value, str) and value and value not in SERVICE_TYPES:
            hint = closest(value, SERVICE_TYPES)
            reason = f"Kubernetes has no service type {value!r}{hint and f': {hint}'}"
            yield finding(document, "RTS817", where, reason, f"write one of {', '.join(SERVICE_TYPES)}")


def nothing_starts(document: ClusterDocument, top: KeyPath) -> Iterator[Finding]:
    """Yield a cluster that is suspended, and groups of which no pod is ever started."""
    queued = "kueue.x-k8s.io/queue-name" in document.mapping("metadata", "labels")
    if top == ("spec",) and document.get(*top, "suspend") is True and not queued:
        reason = "the cluster is suspended, so none of its pods is started"
        yield finding(document, "RTS202", (*top, "suspend"), reason, "remove `suspend`", severity="warning")
    if document.get(*top, "enableInTreeAutoscaling") is True:
        return
    sizes = {
        group: max(number(document.get(*group, "replicas")), number(document.get(*group, "minReplicas")))
        for group in groups(document, top)
    }
    for group, size in sizes.items():
        if size == 0 and number(document.get(*group, "maxReplicas")) > 0:
            name = document.get(*group, "groupName", default="the group")
            reason = f"{name} starts with no pod, and without autoscaling it stays so"
            remedy = "write `replicas: N`, or `enableInTreeAutoscaling: true`"
            yield finding(
                document, "RTS202", group, reason, remedy, severity="warning" if any(sizes.values()) else None
            )


def replicas(document: ClusterDocument, top: KeyPath) -> Iterator[Finding]:
    """Yield numbers of replicas that contradict each other or are negative."""
    for group in groups(document, top):
        low, high = document.get(*group, "minReplicas"), document.get(*group, "maxReplicas")
        count = document.get(*group, "replicas")
        name = document.get(*group, "groupName", default="the group")
        for key in ("replicas", "minReplicas", "maxReplicas"):
            if number(document.get(*group, key)) < 0:
                reason = f"`{key}` is {document.get(*group, key)}"
                yield finding(document, "RTS201", (*group, key), reason, "write 0 or more")
        if isinstance(document.get(*group, "numOfHosts"), int) and number(document.get(*group, "numOfHosts")) < 1:
            reason = f"{name} has {document.get(*group, 'numOfHosts')} hosts per replica"
            yield finding(document, "RTS201", (*group, "numOfHosts"), reason, "write 1, or remove it")
        yield from several_hosts(document, group, str(name))
        if isinstance(count, int) and isinstance(high, int) and count > high:
            reason = f"{name} requests {count} pods, but may have at most {high}"
            remedy = f"write `replicas: {high}`, or raise maxReplicas"
            yield finding(document, "RTS201", (*group, "replicas"), reason, remedy)
        elif isinstance(low, int) and 0 < number(count) < low:
            reason = f"{name} requests {count} pods, but has at least {low}"
            remedy = f"write `replicas: {low}`, or lower minReplicas"
            yield finding(document, "RTS201", (*group, "replicas"), reason, remedy, severity="warning")


def several_hosts(document: ClusterDocument, group: KeyPath, name: str) -> Iterator[Finding]:
    """Yield a group without TPUs of which each replica is several pods, as it is with a slice of TPUs."""
    hosts, spec = number(document.get(*group, "numOfHosts")), (*group, *POD)
    limits = document.mapping(*spec, "containers", 0, "resources", "limits")
    if hosts <= 1 or tpus.CHIPS in limits or tpus.TOPOLOGY_LABEL in document.mapping(*spec, "nodeSelector"):
        return
    most = number(document.get(*group, "maxReplicas"))
    total = f", and {most} replicas {most * hosts}" if most > 1 else ""
    reason = f"`numOfHosts` is {hosts}, so each replica of {name} is {hosts} pods{total}"
    remedy = "write `numOfHosts: 1`: only slices of TPUs have several hosts"
    yield finding(document, "RTS213", (*group, "numOfHosts"), reason, remedy)


def state(document: ClusterDocument, top: KeyPath) -> Iterator[Finding]:
    """Yield contradictions in where the head keeps the cluster's state."""
    head: KeyPath = (*top, "headGroupSpec")
    options = document.mapping(*top, "gcsFaultToleranceOptions")
    by_annotation = str(document.get(*FAULT_TOLERANT, default="")).lower()
    if options and by_annotation:
        reason = f"the annotation {FAULT_TOLERANT[-1]} and gcsFaultToleranceOptions are both set"
        yield rejected(document, FAULT_TOLERANT, reason, "remove the annotation")
    if options and document.get(*STATE_NAMESPACE):
        reason = f"the annotation {STATE_NAMESPACE[-1]} and gcsFaultToleranceOptions are both set"
        remedy = "write it as `gcsFaultToleranceOptions.externalStorageNamespace`"
        yield rejected(document, STATE_NAMESPACE, reason, remedy)
    address = variable(document, head, REDIS_ADDRESS)
    if address and not options and by_annotation != "true":
        reason = f"{REDIS_ADDRESS} is set without gcsFaultToleranceOptions"
        yield rejected(document, address, reason, "add `gcsFaultToleranceOptions: {redisAddress: ...}` instead")
    moved = ((REDIS_ADDRESS, "redisAddress"), (REDIS_PASSWORD, "redisPassword"), (REDIS_USERNAME, "redisUsername"))
    for name, key in moved:
        place = variable(document, head, name)
        if place and (options or name == REDIS_USERNAME):
            reason = f"{name} is set as an environment variable"
            yield rejected(document, place, reason, f"move it to `gcsFaultToleranceOptions.{key}`")
    for option, key in (("redis-password", "redisPassword"), ("redis-username", "redisUsername")):
        if document.get(*head, "rayStartParams", option) and (options or option == "redis-username"):
            place, remedy = (*head, "rayStartParams", option), f"move it to `gcsFaultToleranceOptions.{key}`"
            yield rejected(document, place, f"`{option}` is set in rayStartParams", remedy)
    if options:
        yield from state_backend(document, (*top, "gcsFaultToleranceOptions"))


def state_backend(document: ClusterDocument, where: KeyPath) -> Iterator[Finding]:
    """Yield settings that do not belong to the backend that keeps the state, and a Redis without an address."""
    embedded = document.get(*where, "backend") == "rocksdb"
    wrong = ("redisAddress", "redisPassword", "redisUsername", "externalStorageNamespace") if embedded else ("storage",)
    for key in wrong:
        if document.get(*where, key):
            reason = f"`{key}` does not belong to the backend {'rocksdb' if embedded else 'redis'}"
            yield rejected(document, (*where, key), reason, "remove it, or change `backend`")
    if not embedded and not document.get(*where, "redisAddress"):
        reason, remedy = "gcsFaultToleranceOptions has no redisAddress", "add `redisAddress: HOST:6379`"
        yield finding(document, "RTS811", where, reason, remedy, severity="warning")
    address = document.get(*where, "redisAddress")
    if isinstance(address, str) and not re.search(r"[${<]|YOUR-", address):
        scheme, host = re.match(r"(?:(\w+)://)?(?:[^@/]*@)?\[?([^\]:/]*)", address).groups()  # type: ignore[union-attr]
        if scheme not in (None, "redis", "rediss"):
            reason = f"`redisAddress` is {address}, but Ray connects to redis:// or rediss:// only"
            yield finding(document, "RTS811", (*where, "redisAddress"), reason, "write HOST:PORT")
        elif "_" in host:
            reason = f"`redisAddress` names the host {host}, but services of Kubernetes have no `_` in their names"
            remedy = f"write {address.replace(host, host.replace('_', '-'))}"
            yield finding(document, "RTS811", (*where, "redisAddress"), reason, remedy, severity="warning")
    if isinstance(address, str) and address and not re.search(r":\d+$|[${]", address):
        reason = f"`redisAddress` is {address}, without a port"
        remedy = f"write `redisAddress: {address}:6379`"
        yield finding(document, "RTS811", (*where, "redisAddress"), reason, remedy, severity="warning")


def autoscaling(document: ClusterDocument, top: KeyPath) -> Iterator[Finding]:
    """Yield contradictions between the autoscaler and what is suspended, set or missing."""
    head: KeyPath = (*top, "headGroupSpec")
    on = document.get(*top, "enableInTreeAutoscaling") is True
    v2 = document.get(*top, "autoscalerOptions", "version") == "v2"
    place = variable(document, head, AUTOSCALER_V2)
    value = str(document.get(*place, "value")).lower() if place else ""
    if place and on and document.get(*top, "autoscalerOptions", "version"):
        reason = f"{AUTOSCALER_V2} and autoscalerOptions.version are both set"
        yield rejected(document, place, reason, "remove the environment variable")
    if place and not on and value in ("1", "true"):
        reason = f"{AUTOSCALER_V2} is set, but autoscaling is off"
        yield rejected(document, place, reason, "add `enableInTreeAutoscaling: true`")
    policy: KeyPath = (*head, *POD, "restartPolicy")
    if on and v2 and document.get(*policy) not in (None, "Never"):
        reason = f"restartPolicy of the head is {document.get(*policy)}, but autoscaler v2 replaces pods itself"
        yield rejected(document, policy, reason, "write `restartPolicy: Never`")
    idle = document.get(*top, "autoscalerOptions", "idleTimeoutSeconds")
    if number(idle) < 0:
        where = (*top, "autoscalerOptions", "idleTimeoutSeconds")
        yield rejected(document, where, f"`idleTimeoutSeconds` is {idle}", "write 0 or more")
    for group in groups(document, top):
        if on and document.get(*group, "suspend") is True:
            reason = "a group cannot be suspended while autoscaling is on"
            yield rejected(document, (*group, "suspend"), reason, "remove `suspend`, or set `maxReplicas: 0`")
        for key in ("idleTimeoutSeconds", "priority"):
            if document.get(*group, key) and not v2 and value not in ("1", "true"):
                reason = f"`{key}` of a group needs autoscaler v2"
                yield rejected(document, (*group, key), reason, "add `autoscalerOptions: {version: v2}`")


def encryption(document: ClusterDocument, top: KeyPath) -> Iterator[Finding]:
    """Yield variables that KubeRay sets itself if it encrypts Ray's traffic."""
    for group in ((*top, "headGroupSpec"), *groups(document, top)) if document.get(*top, "tlsOptions") else ():
        for name in TLS_VARIABLES:
            place = variable(document, group, name)
            if place:
                yield rejected(document, place, f"{name} is set together with tlsOptions", "remove it")


CLUSTER_RULES = (
    containers,
    head_service,
    nothing_starts,
    replicas,
    state,
    autoscaling,
    kuberay_options.check,
    encryption,
)
