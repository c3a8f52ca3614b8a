"""Checks of pods by the rules of Kubernetes' API server: probes, affinities, rights, paths and variables.

Source: pkg/apis/core/validation of https://github.com/kubernetes/kubernetes (Apache-2.0).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.checks.pods import HIGHEST_PORT, LABEL_NAME, PLACEHOLDER, bad_name, entries_at
from raytune_suite.cluster.checks.schema_errors import closest
from raytune_suite.cluster.pools import dicts
from raytune_suite.errors import near

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from raytune_suite.cluster.checks.findings import Finding
    from raytune_suite.cluster.checks.pods import PodPlace
    from raytune_suite.cluster.document import ClusterDocument, KeyPath

PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc")
LEAST: dict[str, int] = {
    "initialDelaySeconds": 0,
    **dict.fromkeys(("periodSeconds", "timeoutSeconds", "successThreshold", "failureThreshold"), 1),
}
"""The least value of each number of a probe; 0 stands for the default."""

SELECTOR_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")
NODE_OPERATORS = (*SELECTOR_OPERATORS, "Gt", "Lt")
HIGHEST_WEIGHT = 100
HIGHEST_MODE = 0o777

FIELDS = (
    *("metadata.name", "metadata.namespace", "metadata.uid", "metadata.labels", "metadata.annotations"),
    *("spec.nodeName", "spec.serviceAccountName", "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs"),
)
"""The fields of a pod that an environment variable may have as its value."""

AMOUNTS = tuple(f"{kind}.{name}" for kind in ("limits", "requests") for name in ("cpu", "memory", "ephemeral-storage"))
PATH_IN_VOLUME = "a path inside the volume: relative, and without `..`"
OF_SHELL = re.compile(r"\$\{?([A-Z_]\w*)\}?(?=/|:|$)")
VARIABLE = re.compile(r"(?<!\$)\$\(([A-Za-z_][\w.-]*)\)")


def wrong(document: ClusterDocument, where: KeyPath, reason: str, remedy: str) -> Finding:
    """Return a finding about a value that the API server rejects."""
    return finding(document, "RTS817", where, reason, remedy)


def check(document: ClusterDocument, pod: PodPlace) -> Iterator[Finding]:
    """Yield the mistakes in the values of a pod."""
    yield from affinity(document, (*pod.where, "affinity"))
    yield from spread(document, pod)
    yield from network(document, pod)
    yield from items(document, pod)
    yield from rights(document, (*pod.where, "securityContext"), {})
    for key, least in (("terminationGracePeriodSeconds", 0), ("activeDeadlineSeconds", 1)):
        value = document.get(*pod.where, key)
        if isinstance(value, int) and value < least:
            yield wrong(document, (*pod.where, key), f"`{key}` is {value}", f"write {least} or more")
    seen: set[str] = set()
    for container in pod.containers:
        name = str(document.get(*container, "name"))
        if name in seen:
            reason = f"two containers of {pod.name} are named {name!r}"
            yield finding(document, "RTS816", (*container, "name"), reason, "give each container its own name")
        seen.add(name)
        yield from probes(document, container)
        yield from rights(document, (*container, "securityContext"), document.mapping(*pod.where, "securityContext"))
        yield from paths(document, container)
        yield from sources(document, container)
        yield from other_container(document, pod, container)
        yield from claimed(document, pod, container)


def probes(document: ClusterDocument, container: KeyPath) -> Iterator[Finding]:
    """Yield probes without a test or with several, and numbers that they cannot have."""
    ports = [port for port in document.entries(*container, "ports") if isinstance(port, dict)]
    names = {str(port["name"]) for port in ports if port.get("name")}
    for probe in PROBES:
        where = (*container, probe)
        values = document.mapping(*where)
        given = [key for key in HANDLERS if key in values]
        if values and len(given) != 1:
            what = f"{' and '.join(given)}" if given else "no test"
            yield wrong(document, where, f"`{probe}` has {what}", f"give it one of {', '.join(HANDLERS)}")
        for key, least in LEAST.items():
            value = values.get(key)
            if isinstance(value, int) and value < 0:
                yield wrong(document, (*where, key), f"`{key}` is {value}", f"write {least} or more")
        if probe != "readinessProbe" and values.get("successThreshold", 1) not in (0, 1):
            reason = f"`successThreshold` of a {probe} is {values['successThreshold']}, but must be 1"
            yield wrong(document, (*where, "successThreshold"), reason, "remove it")
        for key in given:
            port = document.get(*where, key, "port")
            if isinstance(port, int) and not 0 < port <= HIGHEST_PORT:
                reason = f"`port` is {port}, but ports are between 1 and {HIGHEST_PORT}"
                yield wrong(document, (*where, key, "port"), reason, "correct the number")
            elif isinstance(port, str) and port not in names and not PLACEHOLDER.search(port):
                reason = f"`port` is {port!r}, but the container has no port of this name{near(port, names)}"
                yield wrong(document, (*where, key, "port"), reason, "write the number, or name a port under `ports`")
            scheme = document.get(*where, key, "scheme")
            if isinstance(scheme, str) and scheme not in ("HTTP", "HTTPS"):
                yield wrong(document, (*where, key, "scheme"), f"`scheme` is {scheme!r}", "write HTTP or HTTPS")


def affinity(document: ClusterDocument, where: KeyPath) -> Iterator[Finding]:
    """Yield conditions that nodes or other pods cannot be asked for."""
    kinds = document.mapping(*where)
    for place, key, value in below(kinds, where):
        if key in ("matchExpressions", "matchFields") and isinstance(value, list):
            operators = NODE_OPERATORS if "nodeAffinity" in place else SELECTOR_OPERATORS
            for index in range(len(value)):
                yield from expression(document, (*place, key, index), operators)
        if key == "weight" and isinstance(value, int) and not 1 <= value <= HIGHEST_WEIGHT:
            reason = f"`weight` is {value}, but must be between 1 and {HIGHEST_WEIGHT}"
            yield wrong(document, (*place, key), reason, "correct it")
        if key == "topologyKey" and value == "":
            yield wrong(document, (*place, key), "`topologyKey` is empty", "write `kubernetes.io/hostname`")


def below(value: Any, where: KeyPath) -> Iterator[tuple[KeyPath, str, Any]]:
    """Yield each key below a value, with the path of its mapping and its value."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield where, str(key), part
            yield from below(part, (*where, str(key)))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from below(part, (*where, index))


def expression(document: ClusterDocument, where: KeyPath, operators: Collection[str]) -> Iterator[Finding]:
    """Yield mistakes in one condition on labels."""
    operator, values = document.get(*where, "operator"), document.get(*where, "values")
    if not isinstance(operator, str):
        return
    if operator not in operators:
        hint = closest(operator, operators)
        reason = f"`operator` is {operator!r}, which is not one of {', '.join(operators)}{hint and f': {hint}'}"
        remedy = f"write `operator: {hint.split(chr(39))[1]}`" if hint else f"write one of {', '.join(operators)}"
        yield wrong(document, (*where, "operator"), reason, remedy)
    elif operator in ("In", "NotIn") and not values:
        reason = f"a condition with `operator: {operator}` has no values"
        yield wrong(document, (*where, "operator"), reason, "add `values: [...]`, or write `operator: Exists`")
    elif operator in ("Exists", "DoesNotExist") and values:
        reason = f"a condition with `operator: {operator}` has values"
        yield wrong(document, (*where, "values"), reason, "remove `values`, or write `operator: In`")
    elif operator in ("Gt", "Lt") and isinstance(values, list) and (len(values) != 1 or not str(values[0]).isdecimal()):
        reason = f"a condition with `operator: {operator}` needs one whole number"
        yield wrong(document, (*where, "values"), reason, 'write, for example, `values: ["8"]`')


def spread(document: ClusterDocument, pod: PodPlace) -> Iterator[Finding]:
    """Yield constraints on the spread of pods that Kubernetes rejects."""
    for where in entries_at(document, pod.where, ("topologySpreadConstraints", "*")):
        skew = document.get(*where, "maxSkew")
        if isinstance(skew, int) and skew < 1:
            yield wrong(document, (*where, "maxSkew"), f"`maxSkew` is {skew}", "write 1 or more")
        for index in range(len(document.entries(*where, "labelSelector", "matchExpressions"))):
            place = (*where, "labelSelector", "matchExpressions", index)
            yield from expression(document, place, SELECTOR_OPERATORS)


def network(document: ClusterDocument, pod: PodPlace) -> Iterator[Finding]:
    """Yield settings of the network that contradict each other."""
    host = document.get(*pod.where, "hostNetwork") is True
    policy = document.get(*pod.where, "dnsPolicy")
    if host and policy in (None, "ClusterFirst"):
        reason = f"{pod.name} has the network of its node, so it does not find services such as Redis by name"
        remedy = "add `dnsPolicy: ClusterFirstWithHostNet`"
        yield finding(document, "RTS817", (*pod.where, "hostNetwork"), reason, remedy, severity="warning")
    if policy == "None" and not document.get(*pod.where, "dnsConfig", "nameservers"):
        reason = "`dnsPolicy` is None, but `dnsConfig` has no nameservers"
        yield wrong(document, (*pod.where, "dnsPolicy"), reason, "add `dnsConfig: {nameservers: [...]}`")
    for name in ("hostname", "subdomain"):
        value = document.get(*pod.where, name)
        if isinstance(value, str) and not LABEL_NAME.fullmatch(value) and not PLACEHOLDER.search(value):
            yield bad_name(document, (*pod.where, name), value)
    yield from host_ports(document, pod)
    for container in pod.containers if host else ():
        for where in entries_at(document, container, ("ports", "*")):
            inner, outer = document.get(*where, "containerPort"), document.get(*where, "hostPort")
            if outer is not None and inner != outer:
                reason = f"`hostPort` is {outer}, but with hostNetwork it must be the containerPort {inner}"
                yield wrong(document, (*where, "hostPort"), reason, "remove it")


def host_ports(document: ClusterDocument, pod: PodPlace) -> Iterator[Finding]:
    """Yield ports of the node that a pod takes twice."""
    seen: set[tuple[object, ...]] = set()
    for container in pod.containers:
        for where in entries_at(document, container, ("ports", "*", "hostPort")):
            port = document.mapping(*where[:-1])
            taken = (port["hostPort"], port.get("hostIP"), port.get("protocol", "TCP"))
            if taken in seen:
                reason = f"two ports of {pod.name} take the port {taken[0]} of the node"
                yield wrong(document, where, reason, "choose different ports, or remove `hostPort`")
            seen.add(taken)


def rights(document: ClusterDocument, where: KeyPath, of_pod: dict[str, Any]) -> Iterator[Finding]:
    """Yield rights of a pod or container that contradict each other."""
    own = document.mapping(*where)
    both = {**of_pod, **own}
    if not own:
        return
    if both.get("runAsNonRoot") is True and both.get("runAsUser") == 0:
        reason = "`runAsNonRoot` is true, but `runAsUser` is 0, which is root: the container is not started"
        yield wrong(document, where, reason, "write `runAsUser: 1000`, the user of the Ray images")
    if own.get("privileged") is True and own.get("allowPrivilegeEscalation") is False:
        reason = "`privileged` is true, but `allowPrivilegeEscalation` is false"
        yield wrong(document, (*where, "allowPrivilegeEscalation"), reason, "remove one of them")
    for key in ("runAsUser", "runAsGroup", "fsGroup"):
        value = own.get(key)
        if isinstance(value, int) and not 0 <= value < 2**31:
            yield wrong(document, (*where, key), f"`{key}` is {value}", "write a number from 0 to 2147483647")
    for kind in ("add", "drop"):
        for index, name in enumerate(document.entries(*where, "capabilities", kind)):
            if isinstance(name, str) and name.upper().startswith("CAP_"):
                reason = f"{name} is the kernel's name; container runtimes expect it without CAP_"
                remedy = f"write {name.upper().removeprefix('CAP_')}"
                place = (*where, "capabilities", kind, index)
                yield finding(document, "RTS817", place, reason, remedy, severity="warning")
    profile = own.get("seccompProfile")
    kinds = ("RuntimeDefault", "Unconfined", "Localhost")
    if isinstance(profile, dict) and isinstance(profile.get("type"), str) and profile["type"] not in kinds:
        reason = f"`type` of the seccompProfile is {profile['type']!r}"
        yield wrong(document, (*where, "seccompProfile", "type"), reason, f"write one of {', '.join(kinds)}")


def outside(path: object) -> bool:
    """Return whether a path leads out of its volume."""
    return isinstance(path, str) and (path.startswith("/") or ".." in path.split("/"))


def paths(document: ClusterDocument, container: KeyPath) -> Iterator[Finding]:
    """Yield paths of mounts that Kubernetes rejects."""
    for where in entries_at(document, container, ("volumeMounts", "*")):
        mount = document.mapping(*where)
        for key in ("subPath", "subPathExpr"):
            if outside(mount.get(key)):
                reason = f"`{key}` is {mount[key]!r}, but must be {PATH_IN_VOLUME}"
                yield wrong(document, (*where, key), reason, f"write {str(mount[key]).strip('/').replace('../', '')}")
        both = mount.get("mountPropagation") == "Bidirectional"
        if both and document.get(*container, "securityContext", "privileged") is not True:
            reason = "`mountPropagation: Bidirectional` is only allowed in privileged containers"
            yield wrong(document, (*where, "mountPropagation"), reason, "write `mountPropagation: HostToContainer`")
        if mount.get("subPath") and mount.get("subPathExpr"):
            yield wrong(document, where, "`subPath` and `subPathExpr` are both set", "keep one of them")
        if isinstance(mount.get("mountPath"), str) and ":" in mount["mountPath"][2:]:
            reason = f"`mountPath` is {mount['mountPath']!r}, but must not contain a colon"
            yield wrong(document, (*where, "mountPath"), reason, "write the path inside the container only")
        if isinstance(mount.get("subPath"), str) and "$(" in mount["subPath"]:
            reason = "Kubernetes does not replace variables in `subPath`"
            yield wrong(document, (*where, "subPath"), reason, "write `subPathExpr`")


def items(document: ClusterDocument, pod: PodPlace) -> Iterator[Finding]:
    """Yield paths and modes of files from volumes that Kubernetes rejects."""
    for where in entries_at(document, pod.where, ("volumes", "*")):
        for place, key, value in below(document.mapping(*where), where):
            if key in ("defaultMode", "mode") and isinstance(value, int) and not 0 <= value <= HIGHEST_MODE:
                reason = f"`{key}` is {value}, which is 0{value:o} in base 8, but 0777 is the highest"
                remedy = f"write 0{value}" if re.fullmatch("[0-7]{3}", str(value)) else "write, for example, 0755"
                yield wrong(document, (*place, key), reason, remedy)
            if key == "path" and "items" in place and outside(value):
                yield wrong(document, (*place, key), f"`path` is {value!r}, but must be {PATH_IN_VOLUME}", "correct it")
        server, path = (document.get(*where, "nfs", key) for key in ("server", "path"))
        if isinstance(path, str) and not path.startswith("/"):
            reason = f"`path` of the NFS volume is {path!r}, which is not an absolute path"
            yield wrong(document, (*where, "nfs", "path"), reason, f"write /{path}")
        if isinstance(server, str) and re.search(r"[:/]", server) and server.count(":") < 2:  # noqa: PLR2004 - IPv6 has more
            reason = f"`server` of the NFS volume is {server!r}, but must be a name or an address only"
            yield wrong(document, (*where, "nfs", "server"), reason, "write the path in `path`")


def other_container(document: ClusterDocument, pod: PodPlace, container: KeyPath) -> Iterator[Finding]:
    """Yield variables with an amount of a container that the pod does not have."""
    names = {str(document.get(*one, "name")) for one in pod.containers}
    for where in entries_at(document, container, ("env", "*", "valueFrom", "resourceFieldRef", "containerName")):
        name = document.get(*where)
        if isinstance(name, str) and name not in names:
            reason = f"{pod.name} has no container {name!r}{near(name, names)}"
            yield wrong(document, where, reason, f"write one of {', '.join(sorted(names))}, or remove it")


def claimed(document: ClusterDocument, pod: PodPlace, container: KeyPath) -> Iterator[Finding]:
    """Yield claims of devices that the pod does not have."""
    names = [str(one.get("name")) for one in dicts(document.entries(*pod.where, "resourceClaims"))]
    for where in entries_at(document, container, ("resources", "claims", "*", "name")):
        name = document.get(*where)
        if isinstance(name, str) and name not in names:
            reason = f"{pod.name} has no claim of devices {name!r}{near(name, names)}"
            yield wrong(document, where, reason, f"add `- name: {name}` to `resourceClaims` of the pod")


def sources(document: ClusterDocument, container: KeyPath) -> Iterator[Finding]:
    """Yield variables that have an unknown source, or name others that are not set before."""
    known: set[str] = set()
    for where in entries_at(document, container, ("env", "*")):
        entry = document.mapping(*where)
        for kind, key, allowed in (("fieldRef", "fieldPath", FIELDS), ("resourceFieldRef", "resource", AMOUNTS)):
            value = document.get(*where, "valueFrom", kind, key)
            plain = value.partition("[")[0] if isinstance(value, str) else None
            if plain is not None and plain not in allowed and "hugepages" not in plain:
                hint = closest(plain, allowed)
                reason = f"`{key}` is {value!r}, which is not a field for a variable{hint and f': {hint}'}"
                yield wrong(document, (*where, "valueFrom", kind, key), reason, f"write one of {', '.join(allowed)}")
        text = entry.get("value")
        of_shell = OF_SHELL.match(text) if isinstance(text, str) else None
        if of_shell is not None:
            reason = f"{entry.get('name')} is {text}, but Kubernetes only replaces variables written as $(NAME)"
            remedy = f"write $({of_shell[1]}), if the container defines it above, or the value itself"
            yield finding(document, "RTS417", (*where, "value"), reason, remedy, severity="warning")
        for name in VARIABLE.findall(text) if isinstance(text, str) else ():
            later = any(one.get("name") == name for one in document.entries(*container, "env") if isinstance(one, dict))
            if name not in known and later and name != entry.get("name"):
                reason = f"$({name}) is set below this line, so it is not replaced here"
                yield finding(document, "RTS417", where, reason, f"move {name} above it", severity="warning")
        known.add(str(entry.get("name")))
    for where in entries_at(document, container, ("envFrom", "*")):
        given = [key for key in ("configMapRef", "secretRef") if key in document.mapping(*where)]
        if len(given) != 1:
            reason = "an entry of `envFrom` names both a ConfigMap and a Secret" if given else "it names nothing"
            yield wrong(document, where, reason, "write `configMapRef` or `secretRef` with a `name`")
