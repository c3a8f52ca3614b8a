"""Check that network policies leave the ports open by which the pods of Ray reach each other.

A policy closes a direction for the pods that it selects; what any policy allows is open. Nodes of Ray use many ports,
most of which they choose when they start. Source: Kubernetes, "Network policies".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.pools import dicts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding
    from raytune_suite.cluster.document import ClusterDocument

OF_RAY = ("ray.io/is-ray-node", "ray.io/cluster", "ray.io/node-type", "ray.io/group", "app.kubernetes.io/created-by")
OF_NAMESPACE = "kubernetes.io/metadata.name"
MANY_PORTS = 1000
REDIS = re.compile(r"redis|valkey")
RUN_CODE = (6379, 8265, 10001, "redis", "dashboard", "client", "gcs", "gcs-server")
"""Ports with which one can run code in the cluster: of Redis and the GCS, of jobs, and of Ray Client."""

SIDES = {"Ingress": ("ingress", "from"), "Egress": ("egress", "to")}


def across(documents: list[ClusterDocument]) -> Iterator[Finding]:
    """Yield policies that apply to the pods of Ray, and close ports among them that no policy opens."""
    for one in documents:
        if one.get("kind") == "NetworkPolicy":
            yield from alternatives(one)
            yield from without_head(one)
            yield from not_read(one)
            yield from strangers(one)
    policies = [one for one in documents if one.get("kind") == "NetworkPolicy" and of_ray(one)]
    for side, (key, peers) in SIDES.items():
        if any(opens(rule, peers) for one in policies for rule in dicts(one.entries("spec", key))):
            continue
        for one in policies:
            if side not in sides(one):
                continue
            everything = not one.mapping("spec", "podSelector")
            which = "all pods of the namespace" if everything else "pods of Ray"
            reason = f"the policy applies to {which}, and closes ports by which the nodes of Ray reach each other"
            remedy = "name the pods that are meant in `podSelector`" if everything else "allow all ports among them"
            remedy += f', or add a rule `{peers}: [{{podSelector: {{matchLabels: {{ray.io/is-ray-node: "yes"}}}}}}]`'
            yield finding(one, "RTS402", ("spec", "podSelector"), reason, remedy, severity="warning")


def of_ray(policy: ClusterDocument) -> bool:
    """Return whether a policy selects all pods, or pods of Ray by the labels of KubeRay."""
    if "podSelector" not in policy.mapping("spec"):
        return False
    labels = policy.mapping("spec", "podSelector", "matchLabels")
    conditions = dicts(policy.entries("spec", "podSelector", "matchExpressions"))
    if not labels and not conditions:
        return True
    names = [*labels, *(one.get("key") for one in conditions)]
    return any(name in OF_RAY for name in names) and "redis-cleanup" not in labels.values()


def sides(policy: ClusterDocument) -> list[Any]:
    """Return the directions that a policy closes."""
    given = policy.entries("spec", "policyTypes")
    return given or ["Ingress", *(["Egress"] if policy.get("spec", "egress") is not None else [])]


def opens(rule: dict[str, Any], peers: str) -> bool:
    """Return whether a rule of a policy opens many ports to other pods.

    Example:
        >>> opens({"from": [{"podSelector": {}}]}, "from"), opens({"ports": [{"port": 6379}]}, "from")
        (True, False)
    """
    ports = dicts(rule.get("ports") or [])
    wide = not ports or any(
        "port" not in one
        or (
            isinstance(one.get("endPort"), int)
            and isinstance(one["port"], int)
            and one["endPort"] - one["port"] > MANY_PORTS
        )
        for one in ports
    )
    return wide and not (rule.get(peers) and all("ipBlock" in one and len(one) == 1 for one in dicts(rule[peers])))


def listed(rule: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """Return the mappings in a list of a rule."""
    value = rule.get(key)
    return dicts(value) if isinstance(value, list) else []


def alternatives(policy: ClusterDocument) -> Iterator[Finding]:
    """Yield a rule that admits everybody to a port beside one that names who may reach the pods."""
    rules = policy.entries("spec", "ingress")
    named = [rule for rule in dicts(rules) if rule.get("from")]
    for index, rule in enumerate(rules):
        ports = listed(rule, "ports") if isinstance(rule, dict) else [{}]
        dangerous = [one.get("port") for one in ports if one.get("port") in RUN_CODE]
        if not isinstance(rule, dict) or rule.get("from") or not named or (ports and not dangerous):
            continue
        which = f"port {dangerous[0]}" if dangerous else "all ports"
        reason = f"rules are alternatives, and this one opens {which} to everybody, as it has no `from`"
        remedy = "write `ports` without a dash, below `from`" if dangerous else "remove it, or add `from`"
        yield finding(policy, "RTS615", ("spec", "ingress", index), reason, remedy, severity="warning")
    for index, rule in enumerate(rules):
        peers = listed(rule, "from") if isinstance(rule, dict) else []
        anywhere = [one for one in peers if one.get("namespaceSelector") == {} and not one.get("podSelector")]
        if anywhere and any(one.get("podSelector") for one in peers):
            reason = "entries of `from` are alternatives, and one of them is every pod of every namespace"
            remedy = "write `namespaceSelector` and `podSelector` in one entry, without a dash between them"
            yield finding(policy, "RTS615", ("spec", "ingress", index, "from"), reason, remedy, severity="warning")


def without_head(policy: ClusterDocument) -> Iterator[Finding]:
    """Yield a policy that admits workers to Redis, but not the head, which alone uses it."""
    if not about_redis(policy) or of_ray(policy):
        return
    rules = dicts(policy.entries("spec", "ingress"))
    peers = [peer for rule in rules for peer in (listed(rule, "from") or [{}])]
    if peers and not any(may_be_head(peer) for peer in peers):
        reason = "only workers are admitted to Redis, but it is the head that stores its state there"
        remedy = 'write `matchLabels: {ray.io/is-ray-node: "yes"}`'
        yield finding(policy, "RTS804", ("spec", "ingress"), reason, remedy, severity="warning")


def may_be_head(peer: dict[str, Any]) -> bool:
    """Return whether a peer of a policy may be the head of a cluster of Ray.

    Example:
        >>> may_be_head({"podSelector": {"matchLabels": {"ray.io/node-type": "worker"}}}), may_be_head({})
        (False, True)
    """
    selector = peer.get("podSelector")
    labels = selector.get("matchLabels") if isinstance(selector, dict) else None
    if not isinstance(labels, dict):
        return True
    return labels.get("ray.io/node-type") != "worker" and labels.get("ray.io/group", "headgroup") == "headgroup"


def not_read(policy: ClusterDocument) -> Iterator[Finding]:
    """Yield rules of a direction that the policy does not close, and a policy that admits nobody."""
    types = policy.entries("spec", "policyTypes")
    for side, (key, peers) in SIDES.items():
        rules, where = policy.get("spec", key), ("spec", key)
        if types and side not in types and rules:
            reason = f"`policyTypes` lacks {side}, so the rules in `{key}` are not read, and everybody is admitted"
            yield finding(policy, "RTS615", where, reason, f"add {side} to `policyTypes`", severity="warning")
        if side == "Ingress" and side in sides(policy) and not rules and about_redis(policy):
            reason = "the policy admits nobody, not even the head, which stores its state there"
            remedy = 'write `ingress: [{from: [{podSelector: {matchLabels: {ray.io/is-ray-node: "yes"}}}]}]`'
            yield finding(
                policy, "RTS804", where if rules is not None else ("spec",), reason, remedy, severity="warning"
            )
        for index, rule in enumerate(policy.entries(*where)):
            if isinstance(rule, dict) and peers in rule and not rule[peers] and side in sides(policy):
                reason = f"`{peers}` is empty, which stands for everybody"
                remedy = "name the pods that are meant"
                yield finding(policy, "RTS615", (*where, index, peers), reason, remedy, severity="warning")


def about_redis(policy: ClusterDocument) -> bool:
    """Return whether a policy is for the pods of Redis, by its name and its selector."""
    labels = policy.mapping("spec", "podSelector", "matchLabels")
    return REDIS.search(f"{policy.get('metadata', 'name')} {' '.join(map(str, labels.values()))}") is not None


def strangers(policy: ClusterDocument) -> Iterator[Finding]:
    """Yield peers of a policy that are nobody, or everybody, and rules that open Redis to them."""
    for key, peers in SIDES.values():
        for number, rule in enumerate(policy.entries("spec", key)):
            entries = listed(rule, peers) if isinstance(rule, dict) else []
            for index, peer in enumerate(entries):
                where = ("spec", key, number, peers, index)
                yield from peer_of(policy, where, peer, key)


def peer_of(policy: ClusterDocument, where: tuple[str | int, ...], peer: dict[str, Any], key: str) -> Iterator[Finding]:
    """Yield a peer, at a key path, that is nobody or everybody."""
    space, pods = peer.get("namespaceSelector"), peer.get("podSelector")
    labels = space.get("matchLabels") if isinstance(space, dict) else None
    if isinstance(labels, dict) and "name" in labels and OF_NAMESPACE not in labels:
        reason = f"namespaces have the label {OF_NAMESPACE}, and `name` only if somebody added it"
        remedy = f"write `{OF_NAMESPACE}: {labels['name']}`"
        yield finding(policy, "RTS813", (*where, "namespaceSelector"), reason, remedy, severity="warning")
    if key != "ingress" or not (about_redis(policy) or of_ray(policy)):
        return
    block = peer.get("ipBlock")
    if isinstance(block, dict) and block.get("cidr") in ("0.0.0.0/0", "::/0"):
        reason = f"`cidr: {block['cidr']}` admits every address to ports through which anyone can run code"
        remedy = 'write `podSelector: {matchLabels: {ray.io/is-ray-node: "yes"}}`'
        yield finding(policy, "RTS615", (*where, "ipBlock"), reason, remedy, severity="warning")
    elif (
        policy.mapping("spec", "podSelector")
        and about_redis(policy)
        and (pods == {} or (pods is None and space is not None))
    ):
        who = "all pods of the namespace" if space is None else "all pods of these namespaces"
        reason = f"the policy admits {who} to Redis, and anyone who can write there can run code in the cluster"
        remedy = 'write `podSelector: {matchLabels: {ray.io/is-ray-node: "yes"}}`, in the same entry'
        yield finding(policy, "RTS615", where, reason, remedy, severity="warning")
