"""Checks of who can run code in a cluster: Ray's token, and ports that are open to the world."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from raytune_suite.cluster import tokens
from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.pools import RUN_OPTIONS, cluster_spec, dicts, flag, is_kuberay, provider

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding, Severity
    from raytune_suite.cluster.document import ClusterDocument, KeyPath
    from raytune_suite.cluster.pools import Pool

LAUNCHED = ("aws", "gcp", "azure", "local", "vsphere")
"""Providers whose nodes start Ray with commands in the file."""

PORTS = {6379: "the head", 8265: "the dashboard and Ray Jobs", 10001: "Ray's client"}
"""The ports through which Ray runs code for others."""

EVERYWHERE = ("0.0.0.0/0", "::/0")
ANY_HOST = ("0.0.0.0", "::")  # noqa: S104 - compared, not bound

WRITTEN = re.compile(r"\bRAY_AUTH_TOKEN[= ]+[\"']?([A-Za-z0-9+/_-]+)")
"""A token in a command."""

COMMANDS = {"head": "head_start_ray_commands", "worker": "worker_start_ray_commands"}

SETUP = ("initialization_commands", "setup_commands", "head_setup_commands", "worker_setup_commands")

REMEDY = (
    'add `"~/.ray": "~/.ray"` to file_mounts, and `export RAY_AUTH_MODE=token` before `ray start` on head and workers, '
    "as clusters/*.yaml do"
)

BEHIND_FIREWALL = ("aws", "gcp", "azure")
"""Providers with a firewall around the machines that Ray launches; who may pass is checked on its own."""

OWN_TOKEN = {"RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"}

OF_SERVICE_ACCOUNT = "RAY_ENABLE_K8S_TOKEN_AUTH"
"""The variable with which Ray reads the token of the pod's service account."""


def check(document: ClusterDocument, pools: list[Pool]) -> Iterator[Finding]:
    """Yield missing tokens, tokens that do not reach a node or are public, and open ports."""
    if is_kuberay(document):
        yield from pods(document, pools)
    elif provider(document) in LAUNCHED:
        yield from machines(document)
        yield from security_group(document)


def machines(document: ClusterDocument) -> Iterator[Finding]:
    """Yield mistakes in the tokens of a file for `ray up`."""
    starts = {kind: document.strings(key) for kind, key in COMMANDS.items()}
    options = {kind: tokens.container_options(document, kind) for kind in COMMANDS}
    requires = {kind: tokens.requires_token([*starts[kind], *options[kind]]) for kind in COMMANDS}
    own_script = {kind: bool(starts[kind]) and not any("ray start" in one for one in starts[kind]) for kind in COMMANDS}
    if not requires["head"] and not own_script["head"]:
        where: KeyPath = (COMMANDS["head"],)
        host = (flag(starts["head"], "--dashboard-host") or "").strip("\"'")
        if host in ANY_HOST:
            reason = f"the dashboard listens on {host} without a token: anyone in the network can run code through it"
            remedy = f"remove `--dashboard-host`, or {REMEDY}"
            guarded: Severity | None = "warning" if provider(document) in BEHIND_FIREWALL else None
            yield finding(document, "RTS615", where, reason, remedy, severity=guarded)
        reason = "no token is required: anyone who reaches the ports 6379, 8265 or 10001 of a node can run code there"
        yield finding(document, "RTS611", where, reason, REMEDY)
    for kind, other in (("worker", "head"), ("head", "worker")):
        if requires[other] and not requires[kind] and starts[kind] and not own_script[kind]:
            reason = f"the {other} uses a token, but the {kind} does not: no worker can join"
            remedy = "add `export RAY_AUTH_MODE=token` before `ray start`"
            yield finding(document, "RTS612", (COMMANDS[kind],), reason, remedy)
    if requires["head"] and not is_copied(document):
        reason = "a token is required, but nothing copies it to the nodes"
        remedy = 'add `"~/.ray": "~/.ray"` to file_mounts'
        severity: Severity | None = "warning" if provider(document) == "local" else None  # it may be there
        yield finding(document, "RTS613", ("file_mounts",), reason, remedy, severity=severity)
    places = {key: document.strings(key) for key in (*COMMANDS.values(), *SETUP)}
    places |= {f"docker.{key}": document.strings("docker", key) for key in RUN_OPTIONS}
    for key, texts in places.items():
        for index, text in enumerate(texts):
            if WRITTEN.search(text):
                reason = "the token is in the file, which is copied to all nodes and shown by `ps`"
                remedy = f"keep it in ~/.ray/auth_token: {REMEDY}"
                yield finding(document, "RTS614", (*key.split("."), index), reason, remedy)


def is_copied(document: ClusterDocument) -> bool:
    """Return whether the token gets to the nodes: by file_mounts, or by a command or option that mentions it."""
    targets = [str(target).rstrip("/") for target in document.mapping("file_mounts")]
    if any(re.search(r"(^|/)\.ray(/auth_token)?$", target) for target in targets):
        return True
    texts = [text for key in (*COMMANDS.values(), *SETUP) for text in document.strings(key)]
    texts += [text for key in RUN_OPTIONS for text in document.strings("docker", key)]
    return any("auth_token" in text or "RAY_AUTH_TOKEN" in text for text in [*texts, *targets])


def security_group(document: ClusterDocument) -> Iterator[Finding]:
    """Yield rules of a security group on EC2 that open Ray's ports to the world."""
    where: KeyPath = ("provider", "security_group", "IpPermissions")
    for index, rule in enumerate(document.entries(*where)):
        open_ports = [port for port in PORTS if isinstance(rule, dict) and opens(rule, port)]
        if open_ports:
            yield open_to_the_world(document, (*where, index), open_ports)


def open_to_the_world(document: ClusterDocument, where: KeyPath, ports: list[int]) -> Finding:
    """Return a finding about ports that are open to all addresses, which is an error without a token."""
    names = " and ".join(f"{port} ({PORTS[port]})" for port in ports)
    if tokens.is_protected(document):
        reason = f"{names} open to all addresses, and Ray sends the token unencrypted"
        severity: Severity = "warning"
    else:
        reason = f"{names} open to all addresses without a token: anyone can run code in the cluster"
        severity = "error"
    remedy = "allow your own address only, or use `ray dashboard` and `kubectl port-forward`, which are encrypted"
    return finding(document, "RTS615", where, reason, remedy, severity=severity)


def opens(rule: dict[str, Any], port: int) -> bool:
    """Return whether a rule of a security group opens a port to all addresses.

    Example:
        >>> opens({"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}, 8265)
        True
        >>> opens({"FromPort": 22, "ToPort": 22, "IpProtocol": "tcp", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}, 8265)
        False
    """
    ranges = [*dicts(rule.get("IpRanges") or []), *dicts(rule.get("Ipv6Ranges") or [])]
    if not any(one.get(key) in EVERYWHERE for one in ranges for key in ("CidrIp", "CidrIpv6")):
        return False
    if str(rule.get("IpProtocol")) == "-1":
        return True
    first, last = rule.get("FromPort"), rule.get("ToPort", rule.get("FromPort"))
    return isinstance(first, int) and isinstance(last, int) and (first <= port <= last or first == -1)


def pods(document: ClusterDocument, pools: list[Pool]) -> Iterator[Finding]:
    """Yield mistakes in the tokens of a KubeRay manifest, and a dashboard that is open to the world."""
    top = cluster_spec(document)
    protected, by_operator = tokens.is_protected(document), tokens.operator_creates_token(document)
    if not protected:
        reason = "no token is required: anyone in the network of the pods can run code in the cluster"
        remedy = "add `authOptions: {mode: token}` (KubeRay 1.5.1 or newer)"
        yield finding(document, "RTS611", (*top, "authOptions"), reason, remedy)
    elif not by_operator:
        yield from by_hand(document, pools)
    for pool in pools:
        value = tokens.variables(document, pool.where).get("RAY_AUTH_TOKEN")
        if value:
            where: KeyPath = (*pool.where, "template", "spec", "containers", 0, "env")
            reason = f"{pool.name}: the token is in the file, and shown to everyone who may read pods"
            yield finding(document, "RTS614", where, reason, "take it from a secret: `valueFrom: {secretKeyRef: ...}`")
    place: KeyPath = (*top, "headGroupSpec", "serviceType")
    notes = " ".join(map(str, document.mapping(*top, "headServiceAnnotations").items())).lower()
    if document.get(*place) == "LoadBalancer" and "internal" not in notes:
        yield open_to_the_world(document, place, list(PORTS))


def by_hand(document: ClusterDocument, pools: list[Pool]) -> Iterator[Finding]:
    """Yield groups of pods that lack a token whose variables are written in the manifest."""
    for pool in pools:
        given = tokens.variables(document, pool.where)
        where: KeyPath = (*pool.where, "template", "spec", "containers", 0, "env")
        if given.get("RAY_AUTH_MODE") != "token":
            reason = f"the head requires a token, but {pool.name} does not use one: its pods cannot join"
            yield finding(document, "RTS612", where, reason, "add the same `env` as for the head")
        elif not OWN_TOKEN & set(given) and given.get(OF_SERVICE_ACCOUNT) not in ("1", "true"):
            reason = f"{pool.name} has RAY_AUTH_MODE=token, but no RAY_AUTH_TOKEN"
            remedy = "use `authOptions: {mode: token}` instead, which does both"
            yield finding(document, "RTS613", where, reason, remedy)
