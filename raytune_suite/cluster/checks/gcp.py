"""Checks of a file for Google Cloud: the instance of Compute Engine, and the rules that no type can state."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from raytune_suite.cluster.checks import api_schema, gcp_labels, gcp_machines, tpus
from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.checks.gcp_labels import simple_label
from raytune_suite.cluster.pools import dicts
from raytune_suite.errors import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding, Severity
    from raytune_suite.cluster.document import ClusterDocument, KeyPath

ACCELERATORS: dict[str, tuple[str, tuple[int, ...]]] = {
    "nvidia-tesla-t4": ("n1-", (1, 2, 4)),
    "nvidia-tesla-t4-vws": ("n1-", (1, 2, 4)),
    "nvidia-tesla-p4": ("n1-", (1, 2, 4)),
    "nvidia-tesla-p4-vws": ("n1-", (1, 2, 4)),
    "nvidia-tesla-p100": ("n1-", (1, 2, 4)),
    "nvidia-tesla-p100-vws": ("n1-", (1, 2, 4)),
    "nvidia-tesla-v100": ("n1-", (1, 2, 4, 8)),
    "nvidia-tesla-a100": ("a2-", (1, 2, 4, 8, 16)),
    "nvidia-a100-80gb": ("a2-ultragpu-", (1, 2, 4, 8)),
    "nvidia-l4": ("g2-", (1, 2, 4, 8)),
    "nvidia-l4-vws": ("g2-", (1, 2, 4, 8)),
    "nvidia-h100-80gb": ("a3-", (1, 2, 4, 8)),
    "nvidia-h100-mega-80gb": ("a3-megagpu-", (8,)),
    "nvidia-h200-141gb": ("a3-ultragpu-", (8,)),
    "nvidia-b200": ("a4-", (8,)),
    "nvidia-gb200": ("a4x-", (4,)),
    "nvidia-rtx-pro-6000": ("g4-", (1, 2, 4, 8)),
    "nvidia-rtx-pro-6000-vws": ("g4-", (1, 2, 4, 8)),
}
"""GPUs, the machine series that has them, and their possible numbers (docs.cloud.google.com/compute/docs/gpus)."""

RETIRED = ("nvidia-tesla-k80",)
MOST_CPUS = {
    "nvidia-tesla-v100": {1: 12, 2: 24, 4: 48, 8: 96},
    "nvidia-tesla-p100": {1: 16, 2: 32, 4: 96},
    "nvidia-tesla-p4": {1: 24, 2: 48, 4: 96},
    "nvidia-tesla-t4": {1: 48, 2: 48, 4: 96},
}
"""The most virtual CPUs of an N1 machine, by number of GPUs (as above, section "Network bandwidths and GPUs")."""

RESOURCE_NAME = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
"""The form of names in Compute Engine (RFC 1035)."""

DATED_IMAGES = ("ubuntu-os-cloud", "debian-cloud", "deeplearning-platform-release", "rocky-linux-cloud", "ml-images")
"""Projects of public images whose names all end in a date."""

BUILT_IN = re.compile(r"(a2|a3|a4|a4x|g2|g4)-")
"""Machine series with built-in GPUs."""

PROJECT = r"([a-z][a-z0-9.-]*:)?[a-z]([a-z0-9-]{4,28}[a-z0-9])"

EMAIL = r"^(default|[^@\s]+@[^@\s]+\.gserviceaccount\.com)$"
SCOPES = r"https://(www\.googleapis\.com/auth/.+|mail\.google\.com/.*)"

DISK_TYPES = (
    "pd-standard",
    "pd-balanced",
    "pd-ssd",
    "pd-extreme",
    "hyperdisk-balanced",
    "hyperdisk-extreme",
    "hyperdisk-throughput",
    "hyperdisk-ml",
    "hyperdisk-balanced-high-availability",
    "local-ssd",
)

DISKS_OF_SERIES = {
    r"(c4|c4a|c4d|n4|n4a|n4d|a4|a4x|g4|x4|m4)-": r"hyperdisk-.*|local-ssd",
    r"(g2|c3|c3d|h3|a3)-": r"pd-balanced|pd-ssd|hyperdisk-.*|local-ssd",
    r"(n1|t2d|t2a|a2|e2|c2|c2d)-": r"pd-.*|hyperdisk-(throughput|ml|balanced|extreme)|local-ssd",
}
"""The disk types that machine series can have (docs.cloud.google.com/compute/docs/disks, 2026-11)."""

CPU_PLATFORMS = (
    *("Intel Sandy Bridge", "Intel Ivy Bridge", "Intel Haswell", "Intel Broadwell", "Intel Skylake"),
    *("Intel Cascade Lake", "Intel Ice Lake", "Intel Sapphire Rapids", "Intel Emerald Rapids", "Intel Granite Rapids"),
    *("AMD Rome", "AMD Milan", "AMD Genoa", "AMD Turin", "Ampere Altra", "Google Axion"),
)
"""The names of CPU platforms (docs.cloud.google.com/compute/docs/cpu-platforms)."""

SMALLEST_DISK = 40
"""GB; with a container for GPUs (15 GB) and an image with drivers, a smaller root disk is soon full."""

LONGEST_CLUSTER_NAME = 64 - 8 - 1 - len("ray--worker")
"""Ray adds to it to name machines (INSTANCE_NAME_MAX_LEN)."""


def machine(document: ClusterDocument, where: KeyPath) -> Iterator[Finding]:
    """Yield the mistakes in the machine of a node type, whose node_config is at a key path."""
    config = document.mapping(*where)
    yield from gcp_machines.custom(document, (*where, "machineType"))
    yield from tpus.machine(document, where)
    yield from gpus(document, where, config)
    yield from scheduling(document, where, config)
    yield from disks(document, where, config)
    yield from access(document, where)
    yield from gcp_labels.check(document, where, config)
    yield from cpu_platform(document, (*where, "minCpuPlatform"))


def whole_file(document: ClusterDocument) -> Iterator[Finding]:
    """Yield the mistakes in the rest of a file for Google Cloud."""
    yield from names(document)
    yield from head_account(document)


def cpu_platform(document: ClusterDocument, where: KeyPath) -> Iterator[Finding]:
    """Yield a finding if Compute Engine has no CPU platform of this name."""
    given = document.get(*where)
    if not isinstance(given, str) or given in CPU_PLATFORMS:
        return
    ends = [name for name in CPU_PLATFORMS if name.partition(" ")[2].lower() == given.lower()]
    similar = ends[0] if ends else nearest(given, CPU_PLATFORMS)
    reason = f"Compute Engine has no CPU platform {given!r}{f': did you mean {similar!r}?' if similar else ''}"
    remedy = f"write `minCpuPlatform: {similar}`" if similar else f"use one of {', '.join(CPU_PLATFORMS)}"
    yield finding(document, "RTS902", where, reason, remedy, severity=None if similar else "warning")


def settings_of(config: dict[str, Any]) -> dict[str, Any]:
    """Return the scheduling settings of a machine, merged if they are a list."""
    given = config.get("scheduling")
    merged: dict[str, Any] = {}
    for part in dicts(given if isinstance(given, list) else [given]):
        merged.update(part)
    return merged


def short(value: Any) -> str:
    """Return the name at the end of a URL."""
    return str(value).rpartition("/")[2]


def gpus(document: ClusterDocument, where: KeyPath, config: dict[str, Any]) -> Iterator[Finding]:
    """Yield GPUs that do not fit the machine."""
    machine, place = short(config.get("machineType", "")), (*where, "guestAccelerators")
    given = config.get("guestAccelerators")
    if len(dicts(given if isinstance(given, list) else [])) > 1:
        yield finding(document, "RTS908", place, "a machine has GPUs of one kind only", "remove the other entries")
    for index, one in enumerate(dicts(given if isinstance(given, list) else [])):
        kind = short(one.get("acceleratorType", ""))
        try:
            count = int(one.get("acceleratorCount", 1))
        except (TypeError, ValueError):
            continue
        for key in ("acceleratorType", "acceleratorCount"):
            if key not in one:
                reason = f"`{key}` is missing in `guestAccelerators`"
                yield finding(document, "RTS903", (*place, index), reason, f"add `{key}: ...`")
        if kind in RETIRED:
            reason, remedy = (
                f"Google Cloud no longer has {kind}",
                "use nvidia-tesla-t4 with an n1 machine, or a g2 machine",
            )
            yield finding(document, "RTS902", (*place, index, "acceleratorType"), reason, remedy)
        elif kind and kind not in ACCELERATORS:
            yield unknown_gpu(document, (*place, index, "acceleratorType"), kind)
        elif kind:
            yield from fitting(document, (*place, index), machine, kind, count)


def unknown_gpu(document: ClusterDocument, where: KeyPath, kind: str) -> Finding:
    """Return a finding about an unknown type of GPU."""
    same = [known for known in ACCELERATORS if known.endswith(f"-{kind.rpartition('-')[2].lower()}")]
    suggestion = f": did you mean {same[0]!r}?" if same else api_schema.closest(kind, ACCELERATORS)
    sure = bool(suggestion) or not re.fullmatch(r"(nvidia|ct\d\w*)-[a-z0-9-]+", kind)
    reason = f"Google Cloud has no accelerator {kind!r}{suggestion}"
    severity: Severity | None = None if sure else "warning"
    remedy = "`gcloud compute accelerator-types list` shows them"
    return finding(document, "RTS902", where, reason, remedy, severity=severity)


def fitting(document: ClusterDocument, where: KeyPath, machine: str, kind: str, count: int) -> Iterator[Finding]:
    """Yield a finding if a machine cannot have a number of GPUs of a kind."""
    series, counts = ACCELERATORS[kind]
    top: KeyPath = where[:-1]
    if machine and not machine.startswith(series) and not (series == "n1-" and machine.startswith("custom-")):
        reason = f"{machine} cannot have {kind}: only machines {series}... can"
        remedy = "use such a machine, or remove `guestAccelerators`"
        yield finding(document, "RTS908", top, reason, remedy)
    elif count not in counts:
        reason = f"{count} GPUs {kind} cannot be attached, only {', '.join(map(str, counts))}"
        yield finding(document, "RTS908", (*where, "acceleratorCount"), reason, f"use {counts[0]}")
    elif kind in MOST_CPUS and (match := re.fullmatch(r"n1-\w+-(\d+)", machine)):
        most = MOST_CPUS[kind].get(count)
        if most is not None and int(match[1]) > most:
            reason = f"{machine} with {count} {kind} has too many CPUs: at most {most}"
            yield finding(document, "RTS908", top, reason, "use a smaller machine, or more GPUs")


def has_gpus(config: dict[str, Any]) -> bool:
    """Return whether a machine has GPUs."""
    return bool(config.get("guestAccelerators")) or BUILT_IN.match(short(config.get("machineType", ""))) is not None


def scheduling(document: ClusterDocument, where: KeyPath, config: dict[str, Any]) -> Iterator[Finding]:
    """Yield contradictions in the scheduling of a machine."""
    given, place = settings_of(config), (*where, "scheduling")
    spot = given.get("provisioningModel") == "SPOT" or given.get("preemptible") in (True, "true", "True")
    policy = given.get("onHostMaintenance")
    if has_gpus(config) and (policy == "MIGRATE" or (policy is None and not spot)):
        reason = "a machine with GPUs cannot be migrated, so `onHostMaintenance` must be TERMINATE"
        remedy = "add `scheduling: [{onHostMaintenance: TERMINATE}]`"
        yield finding(document, "RTS908", place if given else where, reason, remedy)
    elif spot and policy == "MIGRATE":
        reason = "a spot machine cannot be migrated, so `onHostMaintenance` must be TERMINATE"
        yield finding(document, "RTS905", place, reason, "write `onHostMaintenance: TERMINATE`, or remove it")
    if spot and given.get("automaticRestart") in (True, "true", "True"):
        reason = "a spot machine cannot have `automaticRestart`"
        yield finding(document, "RTS905", place, reason, "remove it: the autoscaler starts another machine")
    if given.get("preemptible") is False and given.get("provisioningModel") == "SPOT":
        yield finding(
            document, "RTS905", place, "`provisioningModel: SPOT` contradicts `preemptible: false`", "remove one"
        )
    if given.get("preemptible") in (True, "true", "True") and given.get("provisioningModel") == "STANDARD":
        yield finding(
            document, "RTS905", place, "`provisioningModel: STANDARD` contradicts `preemptible: true`", "remove one"
        )
    timed = [key for key in ("maxRunDuration", "terminationTime") if key in given]
    if timed and "instanceTerminationAction" not in given:
        reason = f"`{timed[0]}` needs `instanceTerminationAction`, which says what happens then"
        remedy = "add `instanceTerminationAction: DELETE`"
        yield finding(document, "RTS903", place, reason, remedy, severity="warning")
    if given.get("instanceTerminationAction") == "STOP" and spot:
        reason = "reclaimed machines are stopped, not deleted: Ray starts others, and their disks cost money"
        yield finding(
            document, "RTS905", place, reason, "write `instanceTerminationAction: DELETE`", severity="warning"
        )
    if "instanceTerminationAction" in given and given.get("provisioningModel") != "SPOT" and not timed:
        reason = "`instanceTerminationAction` is for machines with `provisioningModel: SPOT`"
        old: Severity | None = "warning" if spot else None
        yield finding(document, "RTS905", place, reason, "add it, or remove this", severity=old)


def disks(document: ClusterDocument, where: KeyPath, config: dict[str, Any]) -> Iterator[Finding]:
    """Yield mistakes in the disks of a machine."""
    given = config.get("disks")
    templates = ("sourceInstanceTemplate", "sourceMachineImage", "acceleratorType", "acceleratorConfig")
    if not given and "machineType" in config and not any(key in config for key in templates):
        reason = "the machine has no disk to start from"
        remedy = "add `disks: [{boot: true, autoDelete: true, initializeParams: {sourceImage: ..., diskSizeGb: 200}}]`"
        yield finding(document, "RTS903", where, reason, remedy)
    all_disks = dicts(given if isinstance(given, list) else [])
    boots = [disk for disk in all_disks if disk.get("boot") in (True, "true", "True")]
    if all_disks and len(boots) != 1:
        reason = f"{len(boots) or 'none'} of the disks has `boot: true`, but exactly one must have it"
        yield finding(document, "RTS903", (*where, "disks"), reason, "add `boot: true` to the first disk")
    for index, disk in enumerate(all_disks):
        place: KeyPath = (*where, "disks", index)
        start = disk.get("initializeParams")
        if "source" not in disk and start is None:
            reason = "a disk has neither `initializeParams` nor `source`"
            yield finding(
                document, "RTS903", place, reason, "add `initializeParams: {sourceImage: ..., diskSizeGb: 200}`"
            )
        if "source" in disk and start is not None:
            yield finding(document, "RTS905", place, "`source` and `initializeParams` exclude each other", "remove one")
        if disk.get("autoDelete") is not True and start is not None and disk.get("type") != "SCRATCH":
            reason = "the disk stays when Ray deletes its machine, and costs money"
            yield finding(document, "RTS911", place, reason, "add `autoDelete: true`")
        if isinstance(start, dict):
            yield from new_disk(document, (*place, "initializeParams"), start, config, boot=disk in boots)


def new_disk(
    document: ClusterDocument, where: KeyPath, start: dict[str, Any], config: dict[str, Any], *, boot: bool
) -> Iterator[Finding]:
    """Yield mistakes in the settings of a disk that is created with its machine."""
    image, kind, size = start.get("sourceImage"), start.get("diskType"), str(start.get("diskSizeGb", ""))
    if boot and not image and "sourceSnapshot" not in start:
        yield finding(document, "RTS903", where, "the disk to start from has no `sourceImage`", "add one")
    if isinstance(image, str) and image and not api_schema.PLACEHOLDER.search(image):
        if not re.search(r"(^|/)(global/)?images/.", image) or re.match(r"[a-z0-9-]+/[a-z0-9-]+$", image):
            reason = f"`sourceImage` is {image!r}, but must be the path of an image"
            remedy = "write projects/PROJECT/global/images/NAME or projects/PROJECT/global/images/family/FAMILY"
            yield finding(document, "RTS909", (*where, "sourceImage"), reason, remedy)
        yield from image_name(document, (*where, "sourceImage"), image)
        yield from gcp_machines.image_project(document, (*where, "sourceImage"))
    if isinstance(image, str) and image:
        yield from image_of(document, (*where, "sourceImage"), image, config)
    if isinstance(kind, str) and kind:
        yield from disk_type(document, (*where, "diskType"), kind, short(config.get("machineType", "")))
    if boot and size.isdecimal() and int(size) < SMALLEST_DISK and document.get("docker", "image"):
        reason = f"the root disk has {size} GB, but the container alone needs about 15 and the image as much"
        yield finding(document, "RTS911", (*where, "diskSizeGb"), reason, "write `diskSizeGb: 200`")


def disk_type(document: ClusterDocument, where: KeyPath, kind: str, machine: str) -> Iterator[Finding]:
    """Yield a type of disk that does not exist, is written without its zone, or that a machine cannot have."""
    name, zone = short(kind), document.get("provider", "availability_zone") or "ZONE"
    if name not in DISK_TYPES:
        reason = f"Google Cloud has no disk type {name!r}{api_schema.closest(name, DISK_TYPES)}"
        yield finding(document, "RTS902", where, reason, f"use one of {', '.join(DISK_TYPES[:5])}")
        return
    if not re.search(r"(^|/)zones/[^/]+/diskTypes/", kind):
        reason = f"`diskType` is {kind!r}, but Compute Engine expects a path with the zone"
        yield finding(document, "RTS909", where, reason, f"write `zones/{zone}/diskTypes/{name}`")
    for series, types in DISKS_OF_SERIES.items():
        if re.match(series, machine) and not re.fullmatch(types, name):
            better = "pd-balanced" if re.fullmatch(types, "pd-balanced") else "hyperdisk-balanced"
            reason = f"{machine} cannot have a disk of the type {name}"
            yield finding(document, "RTS905", where, reason, f"write `diskType: zones/{zone}/diskTypes/{better}`")


def image_name(document: ClusterDocument, where: KeyPath, image: str) -> Iterator[Finding]:
    """Yield a finding if the last part of an image's path cannot be its name, or is that of a family."""
    match = re.search(r"(?:projects/([^/]+)/)?(?:global/)?images/(family/)?(.+)$", image)
    if match is None:
        return
    project, family, name = match.groups()
    if not RESOURCE_NAME.fullmatch(name):
        better = re.sub(r"^(?:family|images)[=:/]", "", name)
        reason = f"`sourceImage` ends in {name!r}, which cannot be the name of an image"
        remedy = f"write projects/{project or 'PROJECT'}/global/images/family/{better}"
        yield finding(document, "RTS909", where, reason, remedy)
    elif not family and project in DATED_IMAGES and not re.search(r"-v?\d{8}", name):
        reason = f"the images of {project} end in a date, so {name!r} is probably a family of images"
        remedy = f"write projects/{project}/global/images/family/{name}"
        yield finding(document, "RTS909", where, reason, remedy, severity="warning")


def image_of(document: ClusterDocument, where: KeyPath, image: str, config: dict[str, Any]) -> Iterator[Finding]:
    """Yield a finding if an image does not fit the machine."""
    machine, name = short(config.get("machineType", "")), short(image)
    arm_machine, arm_image = re.match(r"(t2a|c4a|n4a|a4x)-", machine) is not None, "arm64" in name
    if machine and arm_image != arm_machine and (arm_image or re.search(r"amd64|x86|common-|cu\d\d\d|lts$", name)):
        ones = ("ARM", "x86") if arm_image else ("x86", "ARM")
        reason = f"the image is for {ones[0]} processors, but {machine} has an {ones[1]} processor"
        yield finding(document, "RTS907", where, reason, f"use an image for {ones[1]}")
    if has_gpus(config) and re.search(r"common-cpu|-cpu(-|$)", name):
        reason = f"{name} has no GPU driver, but the machine has GPUs"
        remedy = "use an image with a driver: `gcloud compute images list --project deeplearning-platform-release`"
        yield finding(document, "RTS907", where, reason, remedy)
    if "windows" in image:
        yield finding(
            document, "RTS907", where, "Ray's cluster launcher only starts Linux machines", "use Ubuntu or Debian"
        )
    items = config.get("metadata", {}).get("items") if isinstance(config.get("metadata"), dict) else None
    names = {
        str(item.get("key"))
        for item in dicts(items if isinstance(items, list) else [])
        if str(item.get("value")).lower() not in ("false", "no", "0")
    }
    if has_gpus(config) and "deeplearning-platform-release" in image and "install-nvidia-driver" not in names:
        reason = "images of deeplearning-platform-release install the GPU driver only if the metadata ask for it"
        remedy = 'add `metadata: {items: [{key: install-nvidia-driver, value: "True"}]}`'
        yield finding(document, "RTS907", where, reason, remedy, severity="warning")


def access(document: ClusterDocument, where: KeyPath) -> Iterator[Finding]:
    """Yield mistakes in a machine's network and service account."""
    accounts = dicts(document.entries(*where, "serviceAccounts"))
    if len(accounts) > 1:
        reason = "a machine has one service account only"
        yield finding(document, "RTS905", (*where, "serviceAccounts"), reason, "remove the others")
    for index, account in enumerate(accounts):
        yield from service_account(document, (*where, "serviceAccounts", index), account)
    interfaces = dicts(document.entries(*where, "networkInterfaces"))
    public = any(one.get("accessConfigs") for one in interfaces)
    if interfaces and not public and not document.get("provider", "use_internal_ips"):
        reason = "the machine has no public address, and `use_internal_ips` is not set: `ray up` waits for one"
        remedy = "add `accessConfigs: [{name: External NAT, type: ONE_TO_ONE_NAT}]`, or `use_internal_ips: true`"
        yield finding(document, "RTS905", (*where, "networkInterfaces"), reason, remedy)
    for index, one in enumerate(interfaces):
        place: KeyPath = (*where, "networkInterfaces", index)
        subnetwork, network = str(one.get("subnetwork", "regions//")), str(one.get("network", "/"))
        if not re.search(f"regions/|{api_schema.PLACEHOLDER.pattern}", subnetwork):
            reason = f"`subnetwork` is {subnetwork!r}, but Compute Engine expects a path"
            remedy = f"write `regions/{document.get('provider', 'region')}/subnetworks/{short(subnetwork)}`"
            yield finding(document, "RTS909", (*place, "subnetwork"), reason, remedy)
        if "/" not in network:
            reason = f"`network` is {network!r}, but Compute Engine expects a path"
            yield finding(document, "RTS909", (*place, "network"), reason, f"write `global/networks/{network}`")


def service_account(document: ClusterDocument, where: KeyPath, account: dict[str, Any]) -> Iterator[Finding]:
    """Yield mistakes in the service account of a machine."""
    email, scopes = account.get("email"), account.get("scopes")
    if not scopes:
        reason = "a service account without `scopes` gives no access"
        remedy = "add `scopes: [https://www.googleapis.com/auth/cloud-platform]`"
        yield finding(document, "RTS903", where, reason, remedy)
    if not email:
        reason = "a service account has no `email`"
        yield finding(document, "RTS903", where, reason, "add `email: NAME@PROJECT.iam.gserviceaccount.com`")
    elif isinstance(email, str) and not re.search(f"{EMAIL}|{api_schema.PLACEHOLDER.pattern}", email):
        reason = f"{email!r} is not a service account"
        remedy = "write NAME@PROJECT.iam.gserviceaccount.com; `gcloud iam service-accounts list` shows them"
        yield finding(document, "RTS909", (*where, "email"), reason, remedy)
    for number, scope in enumerate(scopes if isinstance(scopes, list) else []):
        if isinstance(scope, str) and not re.fullmatch(SCOPES, scope):
            reason = f"{scope!r} is not a scope for the API of Compute Engine, which takes URLs"
            remedy = f"write `https://www.googleapis.com/auth/{scope}`"
            yield finding(document, "RTS909", (*where, "scopes", number), reason, remedy)


def names(document: ClusterDocument) -> Iterator[Finding]:
    """Yield names that become part of names or labels of machines, and that Compute Engine rejects."""
    name = document.get("cluster_name")
    if isinstance(name, str) and (not re.fullmatch(r"[a-z0-9-]+", name) or len(name) > LONGEST_CLUSTER_NAME):
        reason = f"{name!r} becomes part of machines' names: up to {LONGEST_CLUSTER_NAME} lower-case letters, digits, -"
        remedy = f"write `cluster_name: {simple_label(name).replace('_', '-')[:LONGEST_CLUSTER_NAME]}`"
        yield finding(document, "RTS609", ("cluster_name",), reason, remedy)
    for kind in document.mapping("available_node_types"):
        if not re.fullmatch(r"[a-z0-9_-]{1,63}", str(kind)):
            reason = f"the node type {kind!r} becomes a label of machines: lower-case letters, digits, - and _ only"
            remedy = f"rename it to `{simple_label(kind)}`"
            yield finding(document, "RTS609", ("available_node_types", kind), reason, remedy)
    project = document.get("provider", "project_id")
    if isinstance(project, str) and project and not api_schema.PLACEHOLDER.search(project):
        if project.isdecimal():
            reason = f"`project_id` is {project}, the number of a project"
            remedy = "write its ID; `gcloud projects list` shows both"
            yield finding(document, "RTS609", ("provider", "project_id"), reason, remedy, severity="warning")
        elif not re.fullmatch(PROJECT, project):
            reason = f"`project_id` is {project!r}, but IDs have 6 to 30 lower-case letters, digits and hyphens"
            remedy = "write the ID, not the name; `gcloud projects list` shows both"
            short_only = re.fullmatch(r"[a-z][a-z0-9-]{0,4}", project) is not None
            severity: Severity | None = "warning" if short_only else None
            yield finding(document, "RTS609", ("provider", "project_id"), reason, remedy, severity=severity)
    user = document.get("auth", "ssh_user")
    if isinstance(user, str) and user and not re.fullmatch(r"[a-z_][a-z0-9_-]{0,31}", user):
        reason = f"{user!r} cannot be the name of a Linux user"
        yield finding(document, "RTS609", ("auth", "ssh_user"), reason, "use lower-case letters, digits, - and _")
    elif user == "root":
        reason = "images of Google Cloud do not allow `root` to log in"
        yield finding(document, "RTS609", ("auth", "ssh_user"), reason, "write `ssh_user: ubuntu`")


def head_account(document: ClusterDocument) -> Iterator[Finding]:
    """Yield a finding if the head's service account may not start workers."""
    head = document.get("head_node_type")
    where: KeyPath = ("available_node_types", head, "node_config", "serviceAccounts")
    for index, account in enumerate(dicts(document.entries(*where))):
        scopes = account.get("scopes")
        scopes = [str(scope) for scope in scopes] if isinstance(scopes, list) else []
        if scopes and not any(re.search(r"/auth/(cloud-platform|compute)$", scope) for scope in scopes):
            reason = "the head's service account has no scope for Compute Engine, so it cannot start workers"
            remedy = "add https://www.googleapis.com/auth/cloud-platform"
            yield finding(document, "RTS903", (*where, index, "scopes"), reason, remedy)
