"""Checks of pods that Kubernetes makes only when it creates them: their names, volumes, resources and vocabulary."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from raytune_suite.cluster.checks import node_labels, setting_rules
from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.checks.schema_errors import as_yaml, closest, label
from raytune_suite.cluster.quantities import in_gib, quantity
from raytune_suite.errors import near

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding
    from raytune_suite.cluster.document import ClusterDocument, KeyPath

VOCABULARY: dict[tuple[str, ...], tuple[str, ...]] = {
    ("restartPolicy",): ("Always", "OnFailure", "Never"),
    ("dnsPolicy",): ("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"),
    ("preemptionPolicy",): ("Never", "PreemptLowerPriority"),
    ("tolerations", "*", "effect"): ("NoSchedule", "PreferNoSchedule", "NoExecute"),
    ("tolerations", "*", "operator"): ("Equal", "Exists", "Lt", "Gt"),
    ("volumes", "*", "emptyDir", "medium"): ("", "Memory", "HugePages", "HugePages-2Mi", "HugePages-1Gi"),
    ("volumes", "*", "hostPath", "type"): (
        *("", "DirectoryOrCreate", "Directory", "FileOrCreate", "File", "Socket", "CharDevice", "BlockDevice"),
    ),
    ("topologySpreadConstraints", "*", "whenUnsatisfiable"): ("DoNotSchedule", "ScheduleAnyway"),
    **{
        (kind, "*", *rest): words
        for kind in ("containers", "initContainers")
        for rest, words in {
            ("imagePullPolicy",): ("Always", "IfNotPresent", "Never"),
            ("ports", "*", "protocol"): ("TCP", "UDP", "SCTP"),
            ("terminationMessagePolicy",): ("File", "FallbackToLogsOnError"),
            ("volumeMounts", "*", "mountPropagation"): ("None", "HostToContainer", "Bidirectional"),
        }.items()
    },
}
"""The words that Kubernetes accepts at places of a pod, which are missing in KubeRay's schema."""

CORE_RESOURCES = re.compile(r"cpu|memory|ephemeral-storage|hugepages-\w+")
ACCELERATOR = re.compile(r"(nvidia|amd|intel|habana|gpu|aws|google|qualcomm|aliyun|huawei)\.[\w.-]*/[\w.-]+")
"""Names of devices, whose requests must equal their limits."""

MISTAKEN_DEVICE = re.compile(
    r"nvidia\.com/(gpus|cuda|.*[A-Z].*|mig-(?!\d+g\.\d+gb).*)|nvidia(\.gpu)?/.*|gpu\.nvidia\.com/gpu"
)

DEVICE_NAMES = {"gpu": "nvidia.com/gpu", "gpus": "nvidia.com/gpu", "tpu": "google.com/tpu"}
MOST_CPUS = 2000
"""More CPUs than any node has: a forgotten m."""

LEAST_MEMORY = 2**22
"""Bytes; less is a forgotten unit."""

FOLDERS_OF_IMAGES = re.compile(
    r"/|/home/ray(/anaconda3(/.*)?)?|/(usr|bin|sbin|lib|lib64|opt/conda|usr/(bin|lib|local))"
)
"""Folders of images with Ray, over which no volume may be mounted."""

LABEL_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
NAMES = ("serviceAccountName", "priorityClassName", "schedulerName", "runtimeClassName")
"""Where a pod names other objects of the cluster."""

SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
ENVIRONMENT_NAME = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")
LABEL_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
IMAGE_NAME = re.compile(
    r"((?:[\w-]+(?:\.[\w-]+)+(?::\d+)?|[\w-]+:\d+|localhost)/)?"  # the registry
    r"[a-z0-9]+([._-]+[a-z0-9]+)*(/[a-z0-9]+([._-]+[a-z0-9]+)*)*(:[\w][\w.-]{0,127})?(@sha256:[0-9a-f]{64})?"
)
LONGEST_LABEL, LONGEST_PORT_NAME, HIGHEST_PORT = 63, 15, 65535
PLACEHOLDER = re.compile(r"\bYOUR-[A-Z-]+|<[^<>\s]+>|\$\{?\w+|\{\{")


@dataclass(frozen=True)
class PodPlace:
    """Where a manifest describes a pod.

    Attributes:
        name: What the pod is, for messages.
        where: The key path of its `spec`.
        containers: The key paths of its containers, then of its init containers.
    """

    name: str
    where: KeyPath
    containers: tuple[KeyPath, ...]


def pod_place(document: ClusterDocument, name: str, where: KeyPath) -> PodPlace:
    """Return the place of a pod whose `spec` is at a key path."""
    containers = tuple(
        (*where, kind, index)
        for kind in ("containers", "initContainers")
        for index, entry in enumerate(document.entries(*where, kind))
        if isinstance(entry, dict)
    )
    return PodPlace(name, where, containers)


def check(document: ClusterDocument, pod: PodPlace) -> Iterator[Finding]:
    """Yield the mistakes in a pod."""
    yield from vocabulary(document, pod)
    yield from tolerations(document, pod)
    yield from volumes(document, pod)
    yield from shared_memory(document, pod)
    for key in NAMES:
        name = document.get(*pod.where, key)
        if isinstance(name, str) and name and not SUBDOMAIN.fullmatch(name) and not PLACEHOLDER.search(name):
            yield bad_name(document, (*pod.where, key), name)
    for container in pod.containers:
        yield from names(document, container)
        yield from ports(document, container)
        yield from environment(document, container)
        yield from resources(document, container)
        yield from setting_rules.check(document, container, "container")
    yield from setting_rules.check(document, pod.where, "pod")
    yield from of_pod(document, pod)
    yield from node_labels.check(document, pod.where)
    yield from labels(document, (*pod.where, "nodeSelector"))
    yield from labels(document, (*pod.where[:-1], "metadata", "labels"))


def sidecar(document: ClusterDocument, container: KeyPath) -> Iterator[Finding]:
    """Yield the mistakes in a container that has only settings, such as that of the autoscaler."""
    words = VOCABULARY["containers", "*", "imagePullPolicy"]
    policy, image = (document.get(*container, key) for key in ("imagePullPolicy", "image"))
    if isinstance(policy, str) and policy not in words:
        reason = f"`imagePullPolicy` is {policy!r}, which is not one of {', '.join(words)}{closest(policy, words)}"
        yield finding(document, "RTS817", (*container, "imagePullPolicy"), reason, f"write one of {', '.join(words)}")
    if isinstance(image, str) and not PLACEHOLDER.search(image) and not IMAGE_NAME.fullmatch(image):
        yield finding(document, "RTS816", (*container, "image"), f"the image {image!r} is invalid", "write NAME:TAG")
    yield from environment(document, container)
    yield from setting_rules.check(document, container, "container")


def entries_at(document: ClusterDocument, where: KeyPath, pattern: tuple[str, ...]) -> Iterator[KeyPath]:
    """Yield the key paths below `where` that match a pattern, in which "*" stands for the entries of a list."""
    if not pattern:
        yield where
    elif pattern[0] == "*":
        for index in range(len(document.entries(*where))):
            yield from entries_at(document, (*where, index), pattern[1:])
    elif pattern[0] in document.mapping(*where):
        yield from entries_at(document, (*where, pattern[0]), pattern[1:])


def vocabulary(document: ClusterDocument, pod: PodPlace) -> Iterator[Finding]:
    """Yield words that Kubernetes does not know."""
    for pattern, words in VOCABULARY.items():
        for where in entries_at(document, pod.where, pattern):
            value = document.get(*where)
            if isinstance(value, str) and value not in words:
                hint = closest(value, words)
                known = ", ".join(word for word in words if word)
                reason = f"{label(where)} is {value!r}, which is not one of {known}{hint and f': {hint}'}"
                remedy = f"write `{where[-1]}: {hint.split(chr(39))[1]}`" if hint else f"write one of {known}"
                yield finding(document, "RTS817", where, reason, remedy)


def tolerations(document: ClusterDocument, pod: PodPlace) -> Iterator[Finding]:
    """Yield tolerations that Kubernetes rejects."""
    for index, entry in enumerate(document.entries(*pod.where, "tolerations")):
        where = (*pod.where, "tolerations", index)
        if not isinstance(entry, dict):
            continue
        if MISTAKEN_DEVICE.fullmatch(str(entry.get("key"))):
            reason = f"no node has a taint {entry['key']!r}"
            remedy = "write `key: nvidia.com/gpu`"
            yield finding(document, "RTS817", (*where, "key"), reason, remedy, severity="warning")
        if entry.get("operator") == "Exists" and entry.get("value"):
            reason = f"a toleration with `operator: Exists` has the value {entry['value']!r}"
            yield finding(document, "RTS817", (*where, "value"), reason, "remove the value, or write `operator: Equal`")
        elif not entry.get("key") and entry.get("operator", "Equal") != "Exists":
            reason = "a toleration without a key needs `operator: Exists`"
            yield finding(document, "RTS817", where, reason, "add `key: ...` or `operator: Exists`")
        if entry.get("tolerationSeconds") is not None and entry.get("effect") not in ("NoExecute", None):
            reason = f"`tolerationSeconds` is set with the effect {entry.get('effect')}"
            yield finding(document, "RTS817", where, reason, "write `effect: NoExecute`, or remove tolerationSeconds")


def volumes(document: ClusterDocument, pod: PodPlace) -> Iterator[Finding]:
    """Yield mounts of volumes that do not exist, volumes without a source or a mount, and paths mounted twice."""
    entries = document.entries(*pod.where, "volumes")
    declared = {str(entry.get("name")): index for index, entry in enumerate(entries) if isinstance(entry, dict)}
    for name, index in declared.items():
        yield from sources(document, (*pod.where, "volumes", index), name)
    known = dict(declared)
    for claim in document.entries("spec", "volumeClaimTemplates"):  # of a StatefulSet
        known[str(claim["metadata"].get("name")) if isinstance(claim, dict) and "metadata" in claim else ""] = -1
    mounted: set[str] = set()
    for container in pod.containers:
        yield from mounts(document, pod, container, known)
        mounted |= {
            str(one.get("name")) for one in document.entries(*container, "volumeMounts") if isinstance(one, dict)
        }
    for name, index in declared.items() if pod.containers else ():
        if name not in mounted:
            reason = f"{pod.name} has the volume {name!r}, but no container mounts it"
            remedy = f"add `- {{name: {name}, mountPath: ...}}` to the container's `volumeMounts`, or remove it"
            yield finding(document, "RTS813", (*pod.where, "volumes", index), reason, remedy, severity="warning")


def sources(document: ClusterDocument, where: KeyPath, name: str) -> Iterator[Finding]:
    """Yield mistakes in where a volume comes from."""
    volume = document.mapping(*where)
    given = [key for key in volume if key != "name"]
    if not LABEL_NAME.fullmatch(name) and "name" in volume:
        yield bad_name(document, (*where, "name"), name)
    if len(given) > 1:
        reason = f"volume {name!r} has two sources: {' and '.join(map(str, given))}"
        yield finding(document, "RTS813", where, reason, "keep one of them")
    elif given and volume[given[0]] is None and given[0] != "emptyDir":
        reason = f"volume {name!r}: `{given[0]}` is empty"
        remedy = f"write the lines of `{given[0]}` indented below it"
        yield finding(document, "RTS813", (*where, given[0]), reason, remedy)


def mounts(document: ClusterDocument, pod: PodPlace, container: KeyPath, declared: dict[str, int]) -> Iterator[Finding]:
    """Yield mounts of a container whose volume or path is wrong."""
    paths: dict[str, str] = {}
    for index, mount in enumerate(document.entries(*container, "volumeMounts")):
        if not isinstance(mount, dict):
            continue
        where = (*container, "volumeMounts", index)
        name, path = str(mount.get("name")), str(mount.get("mountPath", "")).rstrip("/")
        if "name" in mount and name not in declared:
            known = near(name, declared) if declared else "; it has none"
            reason = f"{pod.name} mounts volume {name!r}, which is not one of its volumes{known}"
            remedy = f"add `- name: {name}` with its source to the pod's `volumes`, or correct the name"
            yield finding(document, "RTS813", (*where, "name"), reason, remedy)
        if not mount.get("subPath") and not mount.get("subPathExpr") and FOLDERS_OF_IMAGES.fullmatch(path or "/"):
            reason = f"a volume at {path or '/'} hides what the image has there, such as Ray itself"
            yield finding(document, "RTS813", (*where, "mountPath"), reason, f"write, for example, {path}/data")
        if path and path in paths:
            reason = f"{paths[path]!r} and {name!r} are both mounted at {path}"
            yield finding(document, "RTS813", (*where, "mountPath"), reason, "give each mount its own path")
        if path and not path.startswith(("/", "$", "C:")):
            reason = f"`mountPath` is {path!r}, which is not an absolute path"
            remedy = f"write /{path.lstrip('./~')}"
            yield finding(document, "RTS813", (*where, "mountPath"), reason, remedy, severity="warning")
        paths[path] = name


def shared_memory(document: ClusterDocument, pod: PodPlace) -> Iterator[Finding]:
    """Yield memory volumes that are larger than the memory of a container that mounts them."""
    for index, volume in enumerate(document.entries(*pod.where, "volumes")):
        empty = volume.get("emptyDir") if isinstance(volume, dict) else None
        if not isinstance(empty, dict):
            continue
        where = (*pod.where, "volumes", index, "emptyDir")
        size = quantity(empty.get("sizeLimit"))
        if size is not None and 0 < size < LEAST_MEMORY:
            shown = as_yaml(empty.get("sizeLimit"))
            reason = f"`sizeLimit` is {shown}, which is {size:g} bytes: the pod would be evicted"
            yield finding(document, "RTS812", (*where, "sizeLimit"), reason, "add a unit, such as 16Gi")
        for container in pod.containers:
            mounts = document.entries(*container, "volumeMounts")
            paths = [
                str(mount.get("mountPath")).rstrip("/")
                for mount in mounts
                if isinstance(mount, dict) and mount.get("name") == volume.get("name")
            ]
            limit = quantity(document.get(*container, "resources", "limits", "memory"))
            if empty.get("medium") == "Memory" and paths and size is not None and limit is not None and size > limit:
                reason = (
                    f"{pod.name}: {volume.get('name')} may take {in_gib(size)}, but the memory limit is {in_gib(limit)}"
                )
                remedy = (
                    f"set sizeLimit to about a third of the memory, such as {in_gib(limit // 3)}: it counts as memory"
                )
                yield finding(document, "RTS815", (*where, "sizeLimit"), reason, remedy)
            if empty.get("medium") != "Memory" and "/dev/shm" in paths:  # noqa: S108 - read, not written
                reason = f"{pod.name}: /dev/shm is on the node's disk"
                remedy = "add `medium: Memory` to its emptyDir"
                yield finding(document, "RTS815", where, reason, remedy, severity="warning")


def bad_name(document: ClusterDocument, where: KeyPath, name: str, rule: str = "") -> Finding:
    """Return a finding about a name that Kubernetes rejects."""
    better = re.sub(r"[^a-z0-9-]+", "-", name.lower()).strip("-")[:LONGEST_LABEL].rstrip("-")
    rule = rule or "lower-case letters, digits and `-`"
    remedy = f"write `{where[-1]}: {better}`" if better else "correct it"
    return finding(document, "RTS816", where, f"the name {name!r} is invalid: use {rule}", remedy)


def names(document: ClusterDocument, container: KeyPath) -> Iterator[Finding]:
    """Yield names of containers and of images that Kubernetes rejects."""
    name = document.get(*container, "name")
    if isinstance(name, str) and (not LABEL_NAME.fullmatch(name) or len(name) > LONGEST_LABEL):
        yield bad_name(document, (*container, "name"), name)
    image = document.get(*container, "image")
    if not image and isinstance(name, str):
        reason = f"the container {name!r} has no image"
        yield finding(document, "RTS817", container, reason, "add `image: ...`")
    if isinstance(image, str) and re.search(r"\$\{?\w|\{\{", image):
        reason = f"the image is {image}, but Kubernetes does not replace variables"
        yield finding(
            document, "RTS417", (*container, "image"), reason, "write the name, or apply what `envsubst` prints"
        )
    elif isinstance(image, str) and not PLACEHOLDER.search(image) and not IMAGE_NAME.fullmatch(image):
        capital = image.partition(":")[0] != image.partition(":")[0].lower()
        why = "it has capital letters in its name" if capital else "it is not of the form NAME:TAG"
        yield finding(document, "RTS816", (*container, "image"), f"the image {image!r} is invalid: {why}", "correct it")


def ports(document: ClusterDocument, container: KeyPath) -> Iterator[Finding]:
    """Yield port numbers and names of ports that Kubernetes rejects."""
    seen: dict[str, int] = {}
    for index, port in enumerate(document.entries(*container, "ports")):
        if not isinstance(port, dict):
            continue
        where = (*container, "ports", index)
        for key in ("containerPort", "hostPort"):
            number = port.get(key)
            if isinstance(number, int) and not isinstance(number, bool) and not 0 < number <= HIGHEST_PORT:
                reason = f"`{key}` is {number}, but ports are between 1 and {HIGHEST_PORT}"
                yield finding(document, "RTS816", (*where, key), reason, "correct the number")
        name = port.get("name")
        if isinstance(name, str):
            if not LABEL_NAME.fullmatch(name) or len(name) > LONGEST_PORT_NAME or name.isdecimal():
                rule = f"at most {LONGEST_PORT_NAME} lower-case letters, digits and `-` for ports"
                yield bad_name(document, (*where, "name"), name, rule)
            if name in seen:
                reason = f"two ports are named {name!r}"
                yield finding(document, "RTS816", (*where, "name"), reason, "give each port its own name")
            seen[name] = index


def environment(document: ClusterDocument, container: KeyPath) -> Iterator[Finding]:
    """Yield environment variables that Kubernetes rejects or of which one value is lost."""
    for index, entry in enumerate(document.entries(*container, "env")):
        if not isinstance(entry, dict):
            continue
        where, name = (*container, "env", index), str(entry.get("name"))
        if "name" in entry and not ENVIRONMENT_NAME.fullmatch(name):
            reason = f"the name {name!r} of an environment variable is invalid"
            yield finding(document, "RTS816", (*where, "name"), reason, "use letters, digits and `_`")
        source = entry.get("valueFrom")
        if source is not None and entry.get("value"):
            reason = f"{name} has both `value` and `valueFrom`"
            yield finding(document, "RTS817", where, reason, "keep one of them")
        elif isinstance(source, dict) and len(source) != 1:
            reason = f"`valueFrom` of {name} has {len(source)} sources"
            yield finding(document, "RTS817", (*where, "valueFrom"), reason, "keep one of them")


def resources(document: ClusterDocument, container: KeyPath) -> Iterator[Finding]:
    """Yield requests above their limits, devices that are only requested, and impossible amounts."""
    place = (*container, "resources")
    requests, limits = document.mapping(*place, "requests"), document.mapping(*place, "limits")
    yield from two_vendors(document, place)
    for kind, amounts in (("requests", requests), ("limits", limits)):
        for name, value in amounts.items():
            yield from amount(document, (*place, kind, name), str(name), value)
    for name, value in requests.items():
        requested, limit = quantity(value), quantity(limits.get(name))
        where = (*place, "requests", name)
        device = "/" in str(name)
        if device and name not in limits:
            reason = f"{name} is only requested, but Kubernetes takes GPUs and other devices from the limits"
            yield finding(document, "RTS812", where, reason, f'add `{name}: "{value}"` to the limits')
        elif requested is not None and limit is not None and (requested > limit or (device and requested != limit)):
            relation = "more than" if requested > limit else "other than"
            reason = f"the request of {name} is {value}, {relation} its limit {limits[name]}"
            yield finding(document, "RTS812", where, reason, f"write {limits[name]} in both")


def two_vendors(document: ClusterDocument, where: KeyPath) -> Iterator[Finding]:
    """Yield GPUs of two vendors in one container, which no node has."""
    limits = document.mapping(*where, "limits")
    vendors = {
        str(key).partition("/")[0] for key in limits if re.fullmatch(r"(nvidia|amd|intel|gpu\.intel)\.com/.*", str(key))
    }
    if len(vendors) > 1:
        reason = f"the container requests GPUs of {' and '.join(sorted(vendors))}, which no node has together"
        yield finding(document, "RTS812", (*where, "limits"), reason, "keep one of them", severity="warning")


def of_pod(document: ClusterDocument, pod: PodPlace) -> Iterator[Finding]:
    """Yield devices among the resources of a whole pod, which can only have those of its nodes."""
    for kind in ("requests", "limits"):
        for name in document.mapping(*pod.where, "resources", kind):
            if not CORE_RESOURCES.fullmatch(str(name)):
                where = (*pod.where, "resources", kind, name)
                reason = f"the resources of a whole pod are cpu and memory, not {name}"
                yield finding(document, "RTS812", where, reason, "move it below `resources` of the container")


def amount(document: ClusterDocument, where: KeyPath, name: str, value: Any) -> Iterator[Finding]:
    """Yield mistakes in a single request or limit."""
    number = quantity(value)
    if name.lower() in DEVICE_NAMES:
        reason = f"Kubernetes has no resource {name!r}"
        yield finding(document, "RTS812", where, reason, f"write `{DEVICE_NAMES[name.lower()]}`")
    elif "/" not in name and not CORE_RESOURCES.fullmatch(name):
        hint = near(name, ("cpu", "memory", "ephemeral-storage", "nvidia.com/gpu"))
        reason = f"Kubernetes has no resource {name!r}{hint}"
        yield finding(document, "RTS812", where, reason, "use cpu, memory, ephemeral-storage or nvidia.com/gpu")
    elif MISTAKEN_DEVICE.fullmatch(name):
        reason = f"no device plugin offers the resource {name!r}"
        yield finding(document, "RTS812", where, reason, "write `nvidia.com/gpu`")
    if number is None:
        return
    if ACCELERATOR.fullmatch(name) and number != int(number):
        reason = f"{name} is {value}, but Kubernetes only gives whole devices"
        remedy = "write 1 or more; trials share a GPU with `--gpus-per-trial 0.5`"
        yield finding(document, "RTS812", where, reason, remedy)
    elif name in ("memory", "ephemeral-storage") and 0 < number < LEAST_MEMORY:
        digits = re.match(r"[0-9.]+", str(value))
        meant = f"{digits[0]}Gi" if digits is not None else "16Gi"
        reason = f"{name} is {as_yaml(value)}, which is {number:g} bytes"
        yield finding(document, "RTS812", where, reason, f"add a unit, such as {meant}")
    elif name == "cpu" and number > MOST_CPUS:
        reason = f"cpu is {as_yaml(value)}, which is {number:g} CPUs"
        yield finding(document, "RTS812", where, reason, "write the number of CPUs, or such as 500m for half of one")
    elif number < 0:
        yield finding(document, "RTS812", where, f"{name} is {value}, which is negative", "correct it")


def labels(document: ClusterDocument, where: KeyPath) -> Iterator[Finding]:
    """Yield labels that Kubernetes rejects."""
    for key, value in document.mapping(*where).items():
        prefix, slash, name = str(key).rpartition("/")
        if slash and prefix.count("/") == 0 and not SUBDOMAIN.fullmatch(prefix):
            reason = f"the label {key!r} has the prefix {prefix!r}, which is not the name of a domain"
            yield finding(
                document, "RTS816", (*where, key), reason, f"write `{prefix.lower().replace('_', '-')}/{name}`"
            )
        if not name or not LABEL_VALUE.fullmatch(name) or len(name) > LONGEST_LABEL or str(key).count("/") > 1:
            reason = f"the label {key!r} is invalid"
            yield finding(document, "RTS816", (*where, key), reason, "use letters, digits, `-`, `_` and `.`")
        if isinstance(value, str) and (not LABEL_VALUE.fullmatch(value) or len(value) > LONGEST_LABEL):
            if PLACEHOLDER.search(value):
                continue
            reason = f"the value {value!r} of the label {key} is invalid"
            remedy = f"use at most {LONGEST_LABEL} letters, digits, `-`, `_` and `.`"
            yield finding(document, "RTS816", (*where, key), reason, remedy)
