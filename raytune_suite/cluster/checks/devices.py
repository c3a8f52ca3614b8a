"""Checks of accelerators: which of a pod's devices Ray counts, and what else shows or hides them.

Sources: `_get_num_gpus` and `_get_custom_resources` of Ray's autoscaler for KubeRay; `IsGPUResourceKey` of KubeRay; the
device plugins of NVIDIA (MIG, time-slicing), Intel, Habana and Huawei; read in 2026-11.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.checks.kuberay_groups import group_name, parameters
from raytune_suite.cluster.checks.kuberay_jobs import POD
from raytune_suite.cluster.checks.kuberay_rules import groups
from raytune_suite.cluster.checks.node_labels import NO_LABEL, choices
from raytune_suite.cluster.pools import cluster_spec, container_amounts, dicts, gpu_devices
from raytune_suite.cluster.quantities import quantity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding, Severity
    from raytune_suite.cluster.document import ClusterDocument, KeyPath

AS_GPU = re.compile(
    r"nvidia\.com/(mig-.+|gpu\.shared|gpu-.+\.shared|.*gpu.*[^u])|gpu\.intel\.com/(i915|xe)|"
    r"(aliyun|volcano\.sh|nos\.nebuly|run\.ai)[\w./-]*gpu[\w-]*[^u]"
)
"""Devices that are GPUs, but whose names do not end in `gpu`, by which Ray's autoscaler knows them."""

CUSTOM = {
    "habana.ai/gaudi": "HPU",
    "huawei.com/Ascend910": "NPU",
    "aws.amazon.com/neuron": "neuron_cores",
    "aws.amazon.com/neuroncore": "neuron_cores",
}
"""Ray's resource for accelerators other than GPUs; without help, the autoscaler knows only the one for TPUs."""

OF_CUDA = re.compile(r"[:-](?:.*[-_.])?cu(?:da)?[-_]?1\d|nvidia/cuda|nvcr\.io/")
OF_CPU = re.compile(r"[:_.-]cpu(?=$|[-_.@])")
VENDORS = {"nvidia": "nvidia.com/gpu", "amd": "amd.com/gpu"}
NUMBER = "nvidia.com/gpu.count"
OF_WHOLE_NODE = 8
USES = "NVIDIA_DRIVER_CAPABILITIES"


def check(document: ClusterDocument) -> Iterator[Finding]:
    """Yield the mistakes in the accelerators of a cluster's groups."""
    top = cluster_spec(document)
    for group in ((*top, "headGroupSpec"), *groups(document, top)):
        container: KeyPath = (*group, *POD, "containers", 0)
        limits = document.mapping(*container, "resources", "limits")
        if group[-1] != "headGroupSpec":
            yield from uncounted(document, group, container, list(map(str, limits)))
            yield from vendor(document, group, container, list(map(str, limits)))
        yield from shown(document, group, container)
        yield from stated(document, group, container)
        yield from on_node(document, group, container)
        for kind in ("initContainers", "containers"):
            yield from elsewhere(document, group, kind)


def uncounted(document: ClusterDocument, group: KeyPath, container: KeyPath, names: list[str]) -> Iterator[Finding]:
    """Yield devices that Ray does not count, so that no pod is started for a trial that needs one."""
    given, own = parameters(document, group), document.mapping(*group, "resources")
    scaled = document.get(*cluster_spec(document), "enableInTreeAutoscaling") is True
    mentioned = f"{given.get('resources', '')} {' '.join(map(str, own))}"
    for name in names:
        where = (*container, "resources", "limits", name)
        number = document.get(*where)
        if AS_GPU.fullmatch(name) and "num-gpus" not in given and "GPU" not in own:
            if not scaled and name.startswith("nvidia.com/mig-"):
                continue  # the operator counts these
            reason = f"{group_name(document, group)}: Ray's autoscaler counts devices whose names end in `gpu`, not "
            reason += f"{name}, so it starts no pod for a trial with a GPU"
            if not scaled:
                reason = f"{group_name(document, group)}: KubeRay counts devices whose names end in `gpu`, not {name}"
            remedy = f'add `num-gpus: "{number}"` to the rayStartParams of the group'
            severity: Severity | None = "warning" if name.startswith("nvidia.com/mig-") else None  # KubeRay counts it
            yield finding(document, "RTS801", where, reason, remedy, severity=severity)
        elif name in CUSTOM and CUSTOM[name] not in mentioned and scaled:
            reason = f"{group_name(document, group)}: Ray's autoscaler does not know that {name} is its resource "
            reason += f"{CUSTOM[name]}, so it starts no pod for a trial that needs one"
            remedy = f'add `resources: \'"{{\\"{CUSTOM[name]}\\": {number}}}"\'` to the rayStartParams of the group'
            yield finding(document, "RTS801", where, reason, remedy, severity="warning")


def vendor(document: ClusterDocument, group: KeyPath, container: KeyPath, names: list[str]) -> Iterator[Finding]:
    """Yield a toleration, an image or a node selector for GPUs of another vendor than the device's."""
    own = next((one for one, device in VENDORS.items() if device in names), None)
    if own is None:
        return
    other = next(one for one in VENDORS if one != own)
    keys = [str(one.get("key")) for one in dicts(document.entries(*group, *POD, "tolerations"))]
    name, image = group_name(document, group), str(document.get(*container, "image"))
    if VENDORS[other] in keys and VENDORS[own] not in keys:
        reason = f"{name} has {VENDORS[own]}, but tolerates the taint {VENDORS[other]}"
        where: KeyPath = (*group, *POD, "tolerations", keys.index(VENDORS[other]), "key")
        yield finding(document, "RTS805", where, reason, f"write `key: {VENDORS[own]}`")
    if (own == "amd" and OF_CUDA.search(image)) or (own == "nvidia" and "rocm" in image):
        reason = f"{name} has GPUs of {own}, but the image {image} is for those of {other}"
        remedy = "use an image with " + ("ROCm" if own == "amd" else "CUDA")
        yield finding(document, "RTS303", (*container, "image"), reason, remedy)
    if OF_CPU.search(image):
        reason = f"{name} has {VENDORS[own]}, but the tag of {image} says that it is for CPUs"
        yield finding(document, "RTS303", (*container, "image"), reason, "use the image for GPUs", severity="warning")
    for choice in choices(document, (*group, *POD)):
        label = next((one for one in choice if one.startswith(f"{other}.com/gpu")), None)
        if label is not None:
            reason = f"{name} has {VENDORS[own]}, but the label {label} is of nodes with GPUs of {other}"
            yield finding(document, "RTS817", choice[label].where, reason, "correct one of them")


def shown(document: ClusterDocument, group: KeyPath, container: KeyPath) -> Iterator[Finding]:
    """Yield variables that show a pod all GPUs of its node, or hide those that it has from its programs."""
    gpus = sum(gpu_devices(container_amounts(document, container)).values())
    for index, entry in enumerate(document.entries(*container, "env")):
        name, value = (entry.get(key) for key in ("name", "value")) if isinstance(entry, dict) else (None, None)
        where: KeyPath = (*container, "env", index)
        if name == "NVIDIA_VISIBLE_DEVICES" and value == "all" and gpus < OF_WHOLE_NODE:
            reason = f"{group_name(document, group)} sees all GPUs of its node, including those of other pods"
            yield finding(document, "RTS818", where, reason, "remove it: Kubernetes sets it", severity="warning")
        if name == USES and isinstance(value, str) and not {"all", "compute"} & set(value.split(",")):
            reason = f"{USES} is {value!r}, without `compute`: programs do not find CUDA"
            yield finding(document, "RTS818", where, reason, "write `compute,utility`", severity="warning")


def stated(document: ClusterDocument, group: KeyPath, container: KeyPath) -> Iterator[Finding]:
    """Yield resources of a group beyond what its pod has, or under a name that trials do not use."""
    amounts = container_amounts(document, container)
    has = {"GPU": sum(gpu_devices(amounts).values()), "CPU": quantity(amounts.get("cpu"))}
    for key, value in document.mapping(*group, "resources").items():
        where, most, number = (*group, "resources", key), has.get(str(key)), quantity(value)
        if str(key) in ("cpu", "gpu", "cpus", "gpus", "CPUs", "GPUs", "Memory"):
            right = "memory" if key == "Memory" else str(key).upper().rstrip("S")
            reason = f"Ray's name of this resource is {right}; it takes {key!r} for a custom resource"
            yield finding(document, "RTS210", where, reason, f"write `{right}`")
        elif most is not None and number is not None and number > most:
            reason = f"{group_name(document, group)}: `resources` says {value} {key}s, but the pod has {most:g}"
            remedy = "remove it: KubeRay takes it from the pod"
            yield finding(document, "RTS818", where, reason, remedy, severity="warning")


def on_node(document: ClusterDocument, group: KeyPath, container: KeyPath) -> Iterator[Finding]:
    """Yield a pod with more GPUs than the nodes with its labels have."""
    gpus = sum(gpu_devices(document.mapping(*container, "resources", "limits")).values())
    for choice in choices(document, (*group, *POD)):
        numbers = [int(value) for value in choice.get(NUMBER, NO_LABEL).values if value.isdecimal()]
        if numbers and gpus > max(numbers):
            reason = f"{group_name(document, group)} has {gpus:g} GPUs, but selects nodes with {max(numbers)}"
            yield finding(document, "RTS208", choice[NUMBER].where, reason, f'write `{NUMBER}: "{gpus:g}"`')


def elsewhere(document: ClusterDocument, group: KeyPath, kind: str) -> Iterator[Finding]:
    """Yield GPUs of other containers than Ray's, which trials cannot use."""
    for index, one in enumerate(document.entries(*group, *POD, kind)):
        if (kind == "containers" and index == 0) or not isinstance(one, dict):
            continue
        where: KeyPath = (*group, *POD, kind, index, "resources", "limits")
        devices = gpu_devices(document.mapping(*where))
        for name, number in devices.items():
            if quantity(number):
                reason = f"the container {one.get('name')!r} has {number:g} {name}, which Ray's container does not get"
                remedy = "write it in the limits of the first container"
                yield finding(document, "RTS702", (*where, name), reason, remedy)
