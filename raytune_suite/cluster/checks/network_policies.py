"""Check that network policies leave the ports open by which the pods of Ray reach each other.

A policy closes a direction for the pods that it selects; what any policy allows is open. Nodes of Ray use many ports,
most of which they choose when they start. Source: Kubernetes, "Network policies".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.pools import dicts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding
    from raytune_suite.cluster.document import ClusterDocument

OF_RAY = ("ray.io/is-ray-node", "ray.io/cluster", "ray.io/node-type", "ray.io/group", "app.kubernetes.io/created-by")
MANY_PORTS = 1000
SIDES = {"Ingress": ("ingress", "from"), "Egress": ("egress", "to")}


def across(documents: list[ClusterDocument]) -> Iterator[Finding]:
    """Yield policies that apply to the pods of Ray, and close ports among them that no policy opens."""
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
