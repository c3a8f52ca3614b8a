"""Check that pods fit the machines that their labels name: what a machine has, less what the kubelet keeps for itself.

Sources: what nodes reserve, in the documentation of GKE ("Plan node sizes"), EKS (bootstrap of its AMI) and AKS
("Resource reservations"); the labels of Karpenter and of EKS Auto Mode; GPUs on GKE; read in 2026-11.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.checks.node_labels import NO_LABEL, choices
from raytune_suite.cluster.instance_types import InstanceType, instance_type_of, instance_types
from raytune_suite.cluster.pools import cluster_spec, is_kuberay
from raytune_suite.cluster.quantities import in_gib, quantity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding
    from raytune_suite.cluster.checks.node_labels import Choice
    from raytune_suite.cluster.checks.pods import PodPlace
    from raytune_suite.cluster.document import ClusterDocument, KeyPath

TYPE = ("node.kubernetes.io/instance-type", "beta.kubernetes.io/instance-type")
ACCELERATOR, COUNT = "cloud.google.com/gke-accelerator", "cloud.google.com/gke-accelerator-count"

GKE_MACHINES = {
    "nvidia-l4": "g2-",
    "nvidia-tesla-a100": "a2-(highgpu|megagpu)-",
    "nvidia-a100-80gb": "a2-ultragpu-",
    "nvidia-h100-80gb": "a3-highgpu-",
    "nvidia-h100-mega-80gb": "a3-megagpu-",
    "nvidia-h200-141gb": "a3-ultragpu-",
    "nvidia-b200": "a4-highgpu-",
    "nvidia-rtx-pro-6000": "g4-standard-",
}
"""The machines with each GPU of GKE."""

ATTACHED = {"nvidia-tesla-t4": 4, "nvidia-tesla-p4": 4, "nvidia-tesla-p100": 4, "nvidia-tesla-v100": 8}
"""The most GPUs of each kind that are attached to a machine of the series N1, which has up to 96 CPUs."""

KARPENTER = re.compile(r"(?:karpenter\.k8s\.aws|eks\.amazonaws\.com)/instance-(\w+(?:-\w+)?)")

KEPT_CPUS = ((1, 0.06), (1, 0.01), (2, 0.005), (10**6, 0.0025))
"""What EKS and GKE keep of each CPU: of the first, the second, the next two, and all others."""

KEPT_CPUS_ON_AKS = ((1, 0.06), (2, 0.1), (4, 0.14), (8, 0.18), (16, 0.26), (32, 0.42), (10**6, 0.74))
"""What AKS keeps altogether, by the most CPUs for which it holds."""

KEPT_GIB_ON_GKE = ((4, 0.25), (4, 0.2), (8, 0.1), (112, 0.06), (10**6, 0.02))
KEPT_GIB = {"aws": 0.65, "azure": 0.7}
"""What EKS and AKS keep at least, with 30 pods on a node, and what evicts pods."""

CODES = {"cpu": "RTS209", "memory": "RTS214", "GPUs": "RTS208"}
AUTOSCALER = {"cpu": 0.5, "memory": 2.0**29}


def check(document: ClusterDocument, pod: PodPlace) -> Iterator[Finding]:
    """Yield a pod, whose spec is at a key path, that no machine with its labels can hold."""
    found = None
    wanted = requests(document, pod)
    for choice in choices(document, pod.where):
        machines = candidates(choice)
        if machines is None:
            return
        found = problem(pod, choice, machines, wanted)
        if found is None:
            return
    if found is not None:
        where, code, reason, remedy = found
        yield finding(document, code, where, reason, remedy)


def requests(document: ClusterDocument, pod: PodPlace) -> dict[str, float]:
    """Return the CPUs, bytes of memory and GPUs that a pod reserves, with those of the autoscaler in the head's pod."""
    running: list[dict[str, float]] = []
    first: list[dict[str, float]] = []
    for container in pod.containers:
        stays = container[-2] == "containers" or document.get(*container, "restartPolicy") == "Always"
        (running if stays else first).append(of_container(document, container))
    if is_kuberay(document) and pod.name == "the head":
        top = cluster_spec(document)
        if document.get(*top, "enableInTreeAutoscaling") is True:
            running.append(AUTOSCALER | of_container(document, (*top, "autoscalerOptions")))
    total = {name: sum(one.get(name, 0) for one in running) for name in CODES}
    return {name: max([total[name], *(one.get(name, 0) for one in first)]) for name in CODES}


def of_container(document: ClusterDocument, container: KeyPath) -> dict[str, float]:
    """Return what a container reserves: its requests, and its limits where it has none."""
    limits = document.mapping(*container, "resources", "limits")
    given = {**limits, **document.mapping(*container, "resources", "requests")}
    amounts = {str(name): quantity(value) or 0 for name, value in given.items()}
    result = {name: amounts[name] for name in ("cpu", "memory") if name in amounts}
    return result | {"GPUs": sum(amounts.get(name, 0) for name in ("nvidia.com/gpu", "amd.com/gpu"))}


def candidates(choice: Choice) -> list[tuple[str, InstanceType]] | None:
    """Return the machines that have some labels, each with its cloud; None if the labels name none that is known."""
    named = [choice[label].values for label in TYPE if label in choice]
    result: list[tuple[str, InstanceType]] | None = None
    if named:
        result = []
        for name in named[0]:
            cloud = "azure" if re.match("(?i)standard_|basic_", name) else "aws" if "." in name else "gcp"
            machine = instance_type_of(cloud, name)
            if machine is None:
                return None
            result.append((cloud, machine))
    if ACCELERATOR in choice:
        result = with_accelerator(choice, result)
    karpenter = {match[1]: choice[label].values for label in choice if (match := KARPENTER.fullmatch(label))}
    if karpenter:
        machines = [
            one for cloud, one in result or [("aws", one) for one in instance_types("aws").values()] if cloud == "aws"
        ]
        kept = [one for one in machines if all(matches(one, *pair) for pair in karpenter.items())]
        result = [("aws", one) for one in kept] if kept or named else None  # families may be newer than the list
    return result


def with_accelerator(
    choice: Choice, machines: list[tuple[str, InstanceType]] | None
) -> list[tuple[str, InstanceType]] | None:
    """Return the machines of GKE with a kind of GPU, of some machines if they are given; None if it is not known."""
    result = []
    for kind in choice[ACCELERATOR].values:
        counts = choice[COUNT].values if COUNT in choice else ()
        known = instance_types("gcp")
        if kind in ATTACHED:
            name = f"n1 with {kind}"
            built = [InstanceType(name, 96, 624, ATTACHED[kind], kind)]
            if machines is not None:
                built = [one for _, one in machines if one.name.startswith("n1-") or "custom" in one.name]
                built = [InstanceType(one.name, one.cpus, one.memory, ATTACHED[kind], kind) for one in built]
        elif kind in GKE_MACHINES:
            built = [one for name, one in known.items() if re.match(GKE_MACHINES[kind], name)]
            if machines is not None:
                names = {one.name for _, one in machines}
                built = [one for one in built if one.name in names]
        else:
            return machines
        result += [("gcp", one) for one in built if not counts or kind in ATTACHED or str(one.gpus) in counts]
    return result


def matches(machine: InstanceType, label: str, values: tuple[str, ...]) -> bool:
    """Return whether a machine of EC2 has one of some values of a label of Karpenter; unknown labels match."""
    family, _, size = machine.name.partition(".")
    facts = {
        "family": family,
        "size": size,
        "category": re.match("[a-z]+", family)[0] if re.match("[a-z]+", family) else "",  # type: ignore[index]
        "cpu": str(machine.cpus),
        "gpu-count": str(machine.gpus),
    }
    return label not in facts or facts[label] in values


def allocatable(cloud: str, machine: InstanceType) -> dict[str, float]:
    """Return the CPUs, bytes and GPUs of a machine that pods may have at most.

    Example:
        >>> at_most = allocatable("aws", InstanceType("g6.2xlarge", 8, 32, 1, "L4"))
        >>> round(at_most["cpu"], 2), in_gib(at_most["memory"]), at_most["GPUs"]
        (7.91, '31.4Gi', 1)
    """
    if cloud == "azure":
        kept = next(part for most, part in KEPT_CPUS_ON_AKS if machine.cpus <= most)
    else:
        kept = shares(machine.cpus, KEPT_CPUS)
    gib = KEPT_GIB.get(cloud) or shares(machine.memory, KEPT_GIB_ON_GKE) + 0.1
    return {"cpu": machine.cpus - kept, "memory": (machine.memory - gib) * 2.0**30, "GPUs": machine.gpus}


def shares(amount: float, steps: tuple[tuple[int, float], ...]) -> float:
    """Return the sum of the parts of an amount that are kept, step by step.

    Example:
        >>> shares(16, KEPT_GIB_ON_GKE)
        2.6
    """
    total = 0.0
    for width, part in steps:
        total += min(max(amount, 0), width) * part
        amount -= width
    return round(total, 6)


def problem(
    pod: PodPlace, choice: Choice, machines: list[tuple[str, InstanceType]], wanted: dict[str, float]
) -> tuple[KeyPath, str, str, str] | None:
    """Return the place, code, reason and remedy if no machine can hold a pod, None otherwise."""
    labels = [label for label in choice if label in (*TYPE, ACCELERATOR, COUNT) or KARPENTER.fullmatch(label)]
    shown = " and ".join(f"{label.rpartition('/')[2]} {', '.join(choice[label].values)}" for label in labels)
    where = choice[labels[0]].where if labels else pod.where
    if not machines:
        return where, "RTS817", f"no machine has {shown} together, so {pod.name} stays Pending", "keep one of them"
    offers = [(one, allocatable(cloud, one)) for cloud, one in machines]
    if any(all(wanted[name] <= has[name] for name in wanted) for _, has in offers):
        return None
    for name in ("GPUs", "cpu", "memory"):
        best, has = max(offers, key=lambda pair: pair[1][name])
        if wanted[name] > has[name]:
            break
    else:  # each amount fits some machine
        best, has = min(
            offers, key=lambda pair: sum(max(0, wanted[key] - pair[1][key]) / max(1, wanted[key]) for key in wanted)
        )
        name = next(key for key in ("GPUs", "cpu", "memory") if wanted[key] > has[key])
    need, most = (in_gib(one) if name == "memory" else f"{one:g}" for one in (wanted[name], has[name]))
    nominal = {"cpu": f"{best.cpus} CPUs", "memory": f"{best.memory:g} GiB", "GPUs": f"{best.gpus} GPUs"}[name]
    what = {"cpu": f"{need} CPUs", "memory": f"{need} of memory", "GPUs": f"{need} GPUs"}[name]
    left = "" if name == "GPUs" else f", of which pods get at most {most}"
    of_type = best.name if len(machines) == 1 else f"the largest machine for it ({shown}), {best.name},"
    reason = f"{pod.name} requests {what}, but {of_type} has {nominal}{left}: it stays Pending"
    return where, CODES[name], reason, "request less in its containers together, or choose a larger machine"


def architecture(document: ClusterDocument, pod: PodPlace) -> Iterator[Finding]:
    """Yield labels of a processor that the machines of other labels do not have."""
    for choice in choices(document, pod.where):
        stated = choice.get("kubernetes.io/arch")
        machines = [one for _, one in candidates(choice) or [] if one.architecture]
        known = {{"x86_64": "amd64"}.get(one.architecture, one.architecture) for one in machines}
        if stated is not None and known and not known & set(stated.values):
            reason = f"{machines[0].name} has the processor {min(known)}, but kubernetes.io/arch is {stated.values[0]}"
            yield finding(document, "RTS817", stated.where, reason, f"write `kubernetes.io/arch: {min(known)}`")
    arm = any(one.get("kubernetes.io/arch", NO_LABEL).values == ("arm64",) for one in choices(document, pod.where))
    for container in pod.containers if arm else ():
        image = str(document.get(*container, "image"))
        if re.search(r"(^|/)rayproject/ray(-ml|-llm)?:", image) and "aarch64" not in image:
            reason = f"{pod.name} runs on arm64, but {image} is for amd64: `exec format error`"
            yield finding(document, "RTS819", (*container, "image"), reason, f"write `image: {image}-aarch64`")
