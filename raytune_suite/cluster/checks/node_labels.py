"""The values of well-known labels of nodes, by which pods choose nodes. With another value pods wait for ever.

Sources: the documentation of Kubernetes ("Well-known labels"), GKE, EKS, AKS and Karpenter, 2026-11.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.checks.gcp import ACCELERATORS
from raytune_suite.cluster.checks.schema_errors import closest
from raytune_suite.cluster.provider_data import regions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding
    from raytune_suite.cluster.document import ClusterDocument, KeyPath

VALUES: dict[str, tuple[str, ...]] = {
    "kubernetes.io/arch": ("amd64", "arm64", "arm", "ppc64le", "s390x", "riscv64"),
    "kubernetes.io/os": ("linux", "windows"),
    "cloud.google.com/gke-accelerator": tuple(ACCELERATORS),
    "cloud.google.com/gke-tpu-accelerator": (
        *("tpu-v3-device", "tpu-v3-slice", "tpu-v4-podslice", "tpu-v5-lite-device", "tpu-v5-lite-podslice"),
        *("tpu-v5p-slice", "tpu-v6e-slice", "tpu7x"),
    ),
    "cloud.google.com/gke-spot": ("true",),
    "cloud.google.com/gke-preemptible": ("true",),
    "cloud.google.com/gke-provisioning": ("standard", "spot", "preemptible"),
    "eks.amazonaws.com/capacityType": ("ON_DEMAND", "SPOT", "CAPACITY_BLOCK"),
    "eks.amazonaws.com/compute-type": ("auto", "ec2", "fargate", "hybrid"),
    "karpenter.sh/capacity-type": ("on-demand", "spot", "reserved"),
    "kubernetes.azure.com/scalesetpriority": ("regular", "spot"),
    "kubernetes.azure.com/mode": ("system", "user"),
    "kubernetes.azure.com/os-sku": ("Ubuntu", "AzureLinux", "Windows2019", "Windows2022", "AzureLinux3", "Ubuntu2204"),
    "karpenter.k8s.aws/instance-gpu-name": (
        *("t4", "t4g", "a10g", "l4", "l40s", "v100", "a100", "h100", "h200", "b200", "b300", "k80", "m60"),
        *("radeon-pro-v520", "gaudi-hl-205"),
    ),
    "karpenter.k8s.aws/instance-gpu-manufacturer": ("nvidia", "amd", "habana", "aws"),
    "nvidia.com/gpu.present": ("true", "false"),
    "nvidia.com/mig.capable": ("true", "false"),
    "nvidia.com/mig.strategy": ("none", "single", "mixed"),
}
"""The values of each label. New ones appear, so that only another form of a known one is an error."""

ALIASES = {"x86_64": "amd64", "x64": "amd64", "aarch64": "arm64", "ondemand": "on-demand", "on_demand": "on-demand"}

FORMER = {
    "beta.kubernetes.io/arch": "kubernetes.io/arch",
    "beta.kubernetes.io/os": "kubernetes.io/os",
    "beta.kubernetes.io/instance-type": "node.kubernetes.io/instance-type",
    "failure-domain.beta.kubernetes.io/zone": "topology.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region": "topology.kubernetes.io/region",
}
"""Labels that nodes no longer have, with their replacements."""


WELL_KNOWN = (
    *VALUES,
    *FORMER,
    *FORMER.values(),
    *("kubernetes.io/hostname", "topology.kubernetes.io/zone", "topology.kubernetes.io/region"),
    *("karpenter.sh/nodepool", "karpenter.k8s.aws/instance-type", "karpenter.k8s.aws/instance-family"),
    *("karpenter.k8s.aws/instance-size", "karpenter.k8s.aws/instance-category", "karpenter.k8s.aws/instance-gpu-count"),
    *("karpenter.k8s.aws/instance-gpu-name", "karpenter.k8s.aws/instance-cpu", "karpenter.k8s.aws/instance-memory"),
    *("karpenter.k8s.aws/instance-generation", "karpenter.k8s.aws/instance-gpu-memory", "karpenter.sh/registered"),
    *("karpenter.k8s.aws/instance-gpu-manufacturer", "karpenter.k8s.aws/instance-local-nvme"),
    *("eks.amazonaws.com/nodegroup", "eks.amazonaws.com/nodegroup-image", "alpha.eksctl.io/nodegroup-name"),
    *("cloud.google.com/gke-nodepool", "cloud.google.com/gke-accelerator-count", "cloud.google.com/machine-family"),
    *("cloud.google.com/gke-tpu-topology", "cloud.google.com/compute-class", "cloud.google.com/gke-gpu-partition-size"),
    *(
        "cloud.google.com/gke-gpu-driver-version",
        "cloud.google.com/gke-local-nvme-ssd",
        "cloud.google.com/gke-boot-disk",
    ),
    *("cloud.google.com/gke-ephemeral-storage-local-ssd", "cloud.google.com/gke-os-distribution"),
    *("cloud.google.com/gke-gpu-sharing-strategy", "cloud.google.com/gke-max-shared-clients-per-gpu"),
    *("kubernetes.azure.com/agentpool", "kubernetes.azure.com/cluster", "kubernetes.azure.com/accelerator"),
    *("nvidia.com/gpu.product", "nvidia.com/gpu.count", "nvidia.com/gpu.memory", "nvidia.com/gpu.family"),
    *("nvidia.com/gpu.machine", "nvidia.com/gpu.replicas", "nvidia.com/gpu.compute.major", "nvidia.com/mig.config"),
    *("nvidia.com/cuda.driver.major", "nvidia.com/gpu.deploy.driver", "nvidia.com/gpu.sharing-strategy"),
    *("amd.com/gpu.product-name", "amd.com/gpu.vram", "node-role.kubernetes.io/control-plane", "kubernetes.io/role"),
)
"""Labels that Kubernetes, clouds and device plugins give to nodes."""

PREFIXES = tuple({name.partition("/")[0] for name in WELL_KNOWN})

ZONE, REGION = "topology.kubernetes.io/zone", "topology.kubernetes.io/region"


class Named(NamedTuple):
    """The values that a label of a node may have for a pod, and where they are written."""

    where: KeyPath
    values: tuple[str, ...]


Choice = dict[str, Named]
"""The labels that a node needs for a pod."""

NO_LABEL = Named((), ())


def choices(document: ClusterDocument, pod: KeyPath) -> list[Choice]:
    """Return the labels that nodes need for a pod at a key path, one choice for each term of its affinity."""
    chosen = {
        str(key): Named((*pod, "nodeSelector", key), (str(value),))
        for key, value in document.mapping(*pod, "nodeSelector").items()
    }
    required: KeyPath = (*pod, "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution")
    result = []
    for number in range(len(document.entries(*required, "nodeSelectorTerms"))):
        term: KeyPath = (*required, "nodeSelectorTerms", number, "matchExpressions")
        own = dict(chosen)
        for index, entry in enumerate(document.entries(*term)):
            values = entry.get("values") if isinstance(entry, dict) and entry.get("operator") == "In" else None
            if isinstance(values, list):
                own.setdefault(str(entry.get("key")), Named((*term, index, "values"), tuple(map(str, values))))
        result.append(own)
    return result or [chosen]


def zones(document: ClusterDocument, pod: KeyPath) -> Iterator[Finding]:
    """Yield a region where a zone belongs, a zone for a region, and a zone of another region."""
    clouds = {region: cloud for cloud in ("aws", "gcp") for region in regions()[cloud]["regions"]}
    for choice in choices(document, pod):
        zone, region = choice.get(ZONE, NO_LABEL), choice.get(REGION, NO_LABEL)
        for value in zone.values:
            if value in clouds:
                sign = "" if clouds[value] == "aws" else "-"
                first = regions()[clouds[value]]["regions"][value][0]
                reason = f"{ZONE} is {value}, which is a region: no node has this label"
                remedy = f"write, for example, `{value}{sign}{first}`, or use {REGION}"
                yield finding(document, "RTS606", zone.where, reason, remedy)
            elif region.values and region.values[0] in clouds and not value.startswith(region.values[0]):
                reason = f"the zone {value} is not in the region {region.values[0]}: no node has both labels"
                yield finding(document, "RTS606", zone.where, reason, "correct one of them")
        for value in region.values:
            parent = next((one for one in clouds if re.fullmatch(f"{one}-?[a-f]", value)), None)
            if value not in clouds and parent is not None:
                reason = f"{REGION} is {value}, which is a zone: no node has this label"
                yield finding(document, "RTS606", region.where, reason, f"write `{parent}`, or use {ZONE}")


def misspelled(document: ClusterDocument, pod: KeyPath) -> Iterator[Finding]:
    """Yield labels that resemble those of nodes, but that no node has."""
    found = {place for choice in choices(document, pod) for place in [(key, choice[key].where) for key in choice]}
    for where, text in document.scalars():
        if where[: len(pod)] == pod and where[-1:] == ("topologyKey",):
            found.add((text, where))
    for name, where in sorted(found, key=str):
        if name in WELL_KNOWN or name.partition("/")[0] not in PREFIXES or name.startswith("node-role."):
            continue
        hint = closest(name, WELL_KNOWN) or closest(name.replace("_", "-"), WELL_KNOWN)
        if hint:
            reason = f"nodes have no label {name!r}: {hint}"
            yield finding(document, "RTS817", where, reason, f"write `{hint.split(chr(39))[1]}`", severity="warning")


def check(document: ClusterDocument, pod: KeyPath) -> Iterator[Finding]:
    """Yield the labels of nodes by which a pod, whose spec is at a key path, finds none."""
    yield from zones(document, pod)
    yield from misspelled(document, pod)
    for key, value in document.mapping(*pod, "nodeSelector").items():
        yield from one(document, (*pod, "nodeSelector", key), str(key), value)
    required: KeyPath = (*pod, "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution")
    for number in range(len(document.entries(*required, "nodeSelectorTerms"))):
        term: KeyPath = (*required, "nodeSelectorTerms", number, "matchExpressions")
        for index, entry in enumerate(document.entries(*term)):
            if isinstance(entry, dict) and entry.get("operator") == "In":
                for place, value in enumerate(document.entries(*term, index, "values")):
                    yield from one(document, (*term, index, "values", place), str(entry.get("key")), value)


def one(document: ClusterDocument, where: KeyPath, key: str, value: Any) -> Iterator[Finding]:
    """Yield a finding if nodes do not have a label with a value."""
    if key in FORMER:
        reason = f"nodes no longer have the label {key}"
        yield finding(document, "RTS817", where, reason, f"write `{FORMER[key]}`", severity="warning")
    known = VALUES.get(key, ())
    if not known or not isinstance(value, str) or value in known or re.search(r"[$<{]|YOUR-", value):
        return
    last = value.rpartition("-")[2].lower()
    by_end = "tpu" not in key  # whose names all end alike
    same = [word for word in known if (by_end and word.rpartition("-")[2] == last) or word.lower() == value.lower()]
    same += [word for word in (ALIASES.get(value.lower()),) if word in known]
    hint = f"did you mean {same[0]!r}?" if same else closest(value, known)
    reason = f"no node has the label {key}: {value}{hint and f': {hint}'}"
    better = hint.split("'")[1] if hint else known[0]
    yield finding(document, "RTS817", where, reason, f"write `{better}`", severity="error" if same else "warning")
