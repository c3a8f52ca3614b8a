"""Checks of tolerations against the taints that clouds put on their nodes, and of the head's, which may be too wide.

Sources: Kubernetes, "Taints and Tolerations"; the taints of GPU and spot nodes of GKE and AKS; read in 2026-11.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.checks.node_labels import NO_LABEL, choices
from raytune_suite.cluster.checks.pool_names import selects_on_demand
from raytune_suite.cluster.checks.schema_errors import closest
from raytune_suite.cluster.pools import is_kuberay, selects_spot

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding
    from raytune_suite.cluster.checks.pods import PodPlace
    from raytune_suite.cluster.document import ClusterDocument, KeyPath

AKS_SPOT = "kubernetes.azure.com/scalesetpriority"
TAINTS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "nvidia.com/gpu": (("present", "true", ""), ("NoSchedule",)),
    "amd.com/gpu": (("present", "true", ""), ("NoSchedule",)),
    "cloud.google.com/gke-spot": (("true",), ("NoSchedule",)),
    "cloud.google.com/gke-preemptible": (("true",), ("NoSchedule",)),
    "google.com/tpu": (("present",), ("NoSchedule",)),
    AKS_SPOT: (("spot",), ("NoSchedule",)),
    "CriticalAddonsOnly": (("true",), ("NoSchedule",)),
    "node.kubernetes.io/not-ready": (("",), ("NoExecute", "NoSchedule")),
    "node.kubernetes.io/unreachable": (("",), ("NoExecute", "NoSchedule")),
}
"""The values and effects of each taint that is known; of GPUs other values are possible, but rare."""

WITH_GPUS = ("g2", "g4", "a2", "a3", "a4", "a4x", "n1")
"""The families of machines of Google Cloud with GPUs."""


def check(document: ClusterDocument, pod: PodPlace) -> Iterator[Finding]:
    """Yield tolerations that do not fit the taint which they name, and a spot pod of AKS without one."""
    where: KeyPath = (*pod.where, "tolerations")
    keys = []
    for index, entry in enumerate(document.entries(*where)):
        if isinstance(entry, dict):
            keys.append(str(entry.get("key", "")))
            yield from one(document, (*where, index))
    for choice in choices(document, pod.where):
        if AKS_SPOT in choice and choice[AKS_SPOT].values == ("spot",) and not {AKS_SPOT, ""} & set(keys):
            reason = f"AKS taints all its spot nodes, and {pod.name} does not tolerate that: it stays Pending"
            remedy = f"add the toleration `{{key: {AKS_SPOT}, operator: Equal, value: spot, effect: NoSchedule}}`"
            yield finding(document, "RTS805", choice[AKS_SPOT].where, reason, remedy)
    yield from contradictory(document, pod)
    if pod.name == "the head" and is_kuberay(document):
        yield from head(document, pod)


def contradictory(document: ClusterDocument, pod: PodPlace) -> Iterator[Finding]:
    """Yield labels that no node has together, or whose nodes have no GPUs or no Linux."""
    gpus = any("gpu" in str(document.mapping(*one, "resources", "limits")) for one in pod.containers)
    for choice in choices(document, pod.where):
        spot = [label for label, (_, values) in choice.items() if all(selects_spot(label, one) for one in values)]
        regular = [
            label for label, (_, values) in choice.items() if all(selects_on_demand(label, one) for one in values)
        ]
        if spot and regular:
            reason = f"{pod.name} selects spot nodes ({spot[0]}) and on-demand ones ({regular[0]})"
            yield finding(document, "RTS817", choice[regular[0]].where, reason, "keep one of them", severity="warning")
        kind = choice.get("eks.amazonaws.com/compute-type", NO_LABEL)
        if kind.values == ("fargate",) and gpus:
            reason = f"{pod.name} has GPUs, which Fargate does not: it stays Pending"
            yield finding(document, "RTS817", kind.where, reason, "select nodes of EC2")
        family = choice.get("cloud.google.com/machine-family", NO_LABEL)
        if gpus and family.values and not set(family.values) & set(WITH_GPUS):
            reason = f"{pod.name} has GPUs, but machines of the family {family.values[0]} have none"
            yield finding(document, "RTS208", family.where, reason, f"write one of {', '.join(WITH_GPUS)}")
        system = choice.get("kubernetes.io/os", NO_LABEL)
        if system.values == ("windows",) and is_kuberay(document):
            reason = f"{pod.name} selects nodes with Windows, but Ray's images are for Linux"
            yield finding(document, "RTS817", system.where, reason, "write `kubernetes.io/os: linux`")


def one(document: ClusterDocument, where: KeyPath) -> Iterator[Finding]:
    """Yield what is wrong in a toleration at a key path."""
    entry = document.mapping(*where)
    key, effect, value = (str(entry.get(name) or "") for name in ("key", "effect", "value"))
    if key not in TAINTS:
        hint = closest(key, TAINTS) if "/" in key else ""
        if hint:
            reason = f"clouds put no taint {key!r} on nodes: {hint}"
            remedy = f"write `key: {hint.split(chr(39))[1]}`, unless it is your own"
            yield finding(document, "RTS805", (*where, "key"), reason, remedy)
        return
    values, effects = TAINTS[key]
    if effect and effect not in effects and effect in ("NoSchedule", "NoExecute", "PreferNoSchedule"):
        reason = f"the taint {key} has the effect {effects[0]}, but only {effect} is tolerated"
        yield finding(document, "RTS805", (*where, "effect"), reason, f"write `effect: {effects[0]}`")
    if entry.get("operator", "Equal") == "Equal" and value not in values and not re.search(r"[$<{]", value):
        reason = f"the taint {key} usually has the value {values[0]!r}, but only {value!r} is tolerated"
        yield finding(document, "RTS805", (*where, "value"), reason, "write `operator: Exists`, without `value`")


def head(document: ClusterDocument, pod: PodPlace) -> Iterator[Finding]:
    """Yield a head that may run on nodes that are reclaimed, by its affinity or its tolerations."""
    fixed = document.mapping(*pod.where, "nodeSelector")
    for choice in choices(document, pod.where):
        for label, (where, values) in choice.items():
            if label not in fixed and any(selects_spot(label, value) for value in values):
                reason = (
                    f"the head may run on a node that is reclaimed ({label}: {', '.join(values)}), which ends the study"
                )
                yield finding(document, "RTS205", where, reason, "select on-demand nodes")
    for index, entry in enumerate(document.entries(*pod.where, "tolerations")) if not fixed else ():
        key = entry.get("key") if isinstance(entry, dict) else "-"
        affine = document.mapping(*pod.where, "affinity", "nodeAffinity")
        everything = not key and isinstance(entry, dict) and entry.get("operator") == "Exists"
        if (everything or "spot" in str(key) or key == AKS_SPOT) and not affine:
            reason = "the head tolerates the taints of spot nodes and selects no others, so it may be reclaimed"
            remedy = "add a `nodeSelector` for on-demand nodes, or remove the toleration"
            yield finding(document, "RTS205", (*pod.where, "tolerations", index), reason, remedy, severity="warning")
