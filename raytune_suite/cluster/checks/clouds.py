"""Checks that a cloud's machines, images, GPUs, memory and permissions fit together across a file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from raytune_suite.cluster.checks import (
    api_schema,
    aws,
    azure,
    cloud_access,
    cuda,
    gcp,
    gpu_places,
    graphics_machines,
    regions,
    setting_rules,
)
from raytune_suite.cluster.checks.api_schema import closest
from raytune_suite.cluster.checks.containers import image_of, run_options
from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.checks.pods import entries_at
from raytune_suite.cluster.checks.start_commands import HEAD, WORKERS, starts
from raytune_suite.cluster.pools import INSTANCE_KEY, provider
from raytune_suite.cluster.provider_data import schema
from raytune_suite.cluster.quantities import in_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from raytune_suite.cluster.checks.findings import Finding
    from raytune_suite.cluster.document import ClusterDocument, KeyPath
    from raytune_suite.cluster.pools import Pool

RAY_GPUS = (
    *("V100", "P100", "T4", "P4", "K80", "A10G", "L4", "L40S", "A100", "A100-40G", "A100-80G", "H100", "H200", "H20"),
    *("B200", "B300", "GB200", "GB300", "RTX-PRO-6000"),
)
"""Ray's names of GPUs of NVIDIA (ray.util.accelerators)."""

SAME_GPU = {
    "A100-80GB": ("A100", "A100-80G"),
    "A100": ("A100", "A100-40G", "A100-80G"),
    "RTX PRO Server 6000": ("RTX-PRO-6000",),
    "RTX PRO 6000": ("RTX-PRO-6000",),
}
"""Ray's names of GPUs whose names differ in the table of instance types."""

RULES: dict[str, ModuleType] = {"aws": aws, "azure": azure, "gcp": gcp}
"""The rules of each cloud: its `machine` checks a node type, its `whole_file` the rest."""

PLAIN_PROJECTS = r"\b(ubuntu-os-cloud|ubuntu-os-pro-cloud|debian-cloud|rocky-linux-cloud|centos-cloud|rhel-cloud)\b"
PLAIN_PUBLISHERS = r"(?i)^(Canonical|Debian|RedHat|SUSE|almalinux|resf|OpenLogic)$"
"""Who publishes images of operating systems without docker, on Google Cloud and on Azure."""

ONLY_ONCE: dict[str, tuple[tuple[str, ...], ...]] = {
    "aws": (
        ("PrivateIpAddress",),
        ("Ipv6Addresses",),
        ("NetworkInterfaces", "*", "NetworkInterfaceId"),
        ("NetworkInterfaces", "*", "PrivateIpAddress"),
        ("NetworkInterfaces", "*", "PrivateIpAddresses"),
        ("NetworkInterfaces", "*", "Ipv6Addresses"),
    ),
    "gcp": (
        ("networkInterfaces", "*", "networkIP"),
        ("networkInterfaces", "*", "accessConfigs", "*", "natIP"),
        ("disks", "*", "initializeParams", "diskName"),
    ),
}
"""Settings that only one machine at a time can have."""

INSTALLS_DOCKER = re.compile(
    r"docker(?:-ce|\.io|-engine)|get\.docker\.com|\bmoby|podman|install\b[^;&|]*\bdocker", re.IGNORECASE
)

LEAST_MEMORY = 4
"""GiB; with less the head's processes are killed for lack of memory, and workers have nothing left for trials."""


def check(document: ClusterDocument, pools: list[Pool], storage_path: str | None = None) -> Iterator[Finding]:
    """Yield the mistakes in a file for AWS, Google Cloud or Azure, and in a study's storage on its nodes."""
    yield from regions.check(document)
    yield from requests(document)
    if provider(document) in INSTANCE_KEY:
        for pool in pools:
            yield from architecture(document, pool)
            yield from gpu_names(document, pool)
            yield from gpu_places.check(document, pool)
            yield from graphics_machines.check(document, pool)
            yield from cuda.check(document, pool)
            yield from memory(document, pool)
            yield from too_small(document, pool)
            yield from no_docker(document, pool)
            yield from container_gpus(document, pool)
            yield from built_in_gpus(document, pool)
            yield from only_once(document, pool)
            yield from cores(document, pool)
        yield from one_image(document, pools)
        yield from started_resources(document, pools)
        yield from cloud_access.check(document, pools, storage_path)
    else:
        yield from cloud_access.container(document)


def only_once(document: ClusterDocument, pool: Pool) -> Iterator[Finding]:
    """Yield settings that only one machine at a time can have, in a pool of several."""
    if pool.head or pool.max_machines < 2:  # noqa: PLR2004 - two machines collide
        return
    where: KeyPath = (*pool.where, "node_config")
    for pattern in ONLY_ONCE.get(provider(document), ()):
        for place in entries_at(document, where, pattern):
            value = document.get(*place)
            if value and not api_schema.PLACEHOLDER.search(str(value)):
                reason = (
                    f"`{place[-1]}` is set for {pool.max_machines} machines of {pool.name}, but only one can have it"
                )
                remedy = f"remove it, or write `max_workers: 1` for {pool.name}"
                yield finding(document, "RTS905", place, reason, remedy)


def cores(document: ClusterDocument, pool: Pool) -> Iterator[Finding]:
    """Yield more cores or threads than a machine has."""
    where: KeyPath = (*pool.where, "node_config", "CpuOptions")
    options = document.mapping(*where)
    count, threads = options.get("CoreCount"), options.get("ThreadsPerCore", 1)
    if pool.instance_type is None or not (isinstance(count, int) and isinstance(threads, int)):
        return
    if count * threads > pool.instance_type.cpus:
        reason = (
            f"{pool.instance_type.name} has {pool.instance_type.cpus} CPUs, not {count} cores with {threads} threads"
        )
        yield finding(document, "RTS905", (*where, "CoreCount"), reason, "write fewer, or remove `CpuOptions`")


def requests(document: ClusterDocument) -> Iterator[Finding]:
    """Yield the mistakes in the requests that Ray sends: against the cloud's schema, then by the cloud's own rules."""
    cloud = provider(document)
    if cloud not in RULES:
        return
    for name in document.mapping("available_node_types"):
        where: KeyPath = ("available_node_types", name, "node_config")
        yield from api_schema.violations(document, where, schema(cloud), cloud, nulls=cloud == "gcp")
        yield from RULES[cloud].machine(document, where)
        yield from setting_rules.check(document, where, cloud)
    yield from RULES[cloud].whole_file(document)


def architecture(document: ClusterDocument, pool: Pool) -> Iterator[Finding]:
    """Yield a finding if a container image is for another processor than a machine's."""
    machine, (_, image) = pool.instance_type, image_of(document, pool)
    if machine is None or not machine.architecture or "rayproject/ray" not in image:
        return
    arm = re.search(r"-aarch64\b|-arm64\b", image) is not None
    if arm != (machine.architecture == "arm64"):
        which = ("ARM", "x86") if arm else ("x86", "ARM")
        reason = f"{image} is for {which[0]} processors, but {machine.name} has an {which[1]} processor"
        remedy = "use a machine with that processor, or " + (
            "remove `-aarch64` from the tag" if arm else "add `-aarch64` to the tag"
        )
        yield finding(document, "RTS907", machine_key(document, pool), reason, remedy)


def machine_key(document: ClusterDocument, pool: Pool) -> KeyPath:
    """Return the key path of a pool's instance type."""
    return (*pool.where, *INSTANCE_KEY[provider(document)])


def one_image(document: ClusterDocument, pools: list[Pool]) -> Iterator[Finding]:
    """Yield machines with different processors that start from the same machine image."""
    seen: dict[str, Pool] = {}
    for pool in pools:
        image = document.get(*pool.where, "node_config", "ImageId")
        if not isinstance(image, str) or pool.instance_type is None or not pool.instance_type.architecture:
            continue
        other = seen.setdefault(image, pool)
        if other.instance_type is not None and other.instance_type.architecture != pool.instance_type.architecture:
            reason = (
                f"{pool.name} and {other.name} start from the same image {image}, but {pool.instance_type.name} is "
                f"{pool.instance_type.architecture} and {other.instance_type.name} {other.instance_type.architecture}"
            )
            yield finding(document, "RTS907", (*pool.where, "node_config", "ImageId"), reason, "use an image for each")


def gpu_names(document: ClusterDocument, pool: Pool) -> Iterator[Finding]:
    """Yield names of GPUs, among the resources or labels, that are not those of the machine."""
    places: list[tuple[KeyPath, str]] = [
        ((*pool.where, "resources", key), str(key).partition(":")[2])
        for key in document.mapping(*pool.where, "resources")
        if str(key).startswith("accelerator_type:")
    ]
    label = document.get(*pool.where, "labels", "ray.io/accelerator-type")
    if label is not None:
        places.append(((*pool.where, "labels", "ray.io/accelerator-type"), str(label)))
    machine = pool.instance_type
    for where, name in places:
        right = () if machine is None else SAME_GPU.get(machine.gpu, (machine.gpu.replace(" ", "-"),))
        if name.startswith(("TPU", "AMD", "Intel", "aws-", "google-")):
            continue
        if machine is not None and not machine.gpus:
            reason = f"{pool.name} claims a GPU {name}, but {machine.name} has none"
            yield finding(document, "RTS908", where, reason, "remove it")
        elif machine is not None and machine.gpu and name not in right:
            reason = f"{pool.name} claims a GPU {name}, but {machine.name} has {machine.gpu}"
            yield finding(document, "RTS908", where, reason, f"write {right[0]!r}: trials that request it would wait")
        elif name not in RAY_GPUS:
            reason = f"Ray has no GPU type {name!r}{closest(name, RAY_GPUS)}"
            yield finding(
                document, "RTS908", where, reason, f"use one of {', '.join(RAY_GPUS[:12])}", severity="warning"
            )


def size_in_gib(text: str) -> float | None:
    """Return a size such as "64g" in GiB, None if it is none. Docker counts bytes without a unit.

    Example:
        >>> size_in_gib("64g"), size_in_gib("512m"), size_in_gib("many")
        (64.0, 0.5, None)
    """
    size = float(text) if text.isdecimal() else in_bytes(text)
    return None if size is None else size / 2**30


def memory(document: ClusterDocument, pool: Pool) -> Iterator[Finding]:
    """Yield more memory than a machine has: shared memory of its container, or the resources `memory`."""
    machine = pool.instance_type
    for where, text in run_options(document, pool):
        match = re.search(r"--shm-size[= ]+[\"']?([^\s\"']+)", text)
        if match is None or "$" in match[1]:
            continue
        size = size_in_gib(match[1])
        if size is None:
            reason = f"`--shm-size` is {match[1]!r}, which is not a size"
            yield finding(document, "RTS902", where, reason, "write `--shm-size=8g`")
        elif machine is not None and size > machine.memory and not pool.head:
            reason = (
                f"the shared memory of {size:g} GiB is larger than the memory of {machine.name}, {machine.memory:g} GiB"
            )
            yield finding(document, "RTS214", where, reason, f"write `--shm-size={max(1, int(machine.memory * 0.3))}g`")
    yield from stated_memory(document, pool)


def container_gpus(document: ClusterDocument, pool: Pool) -> Iterator[Finding]:
    """Yield a container that requires GPUs on a machine without them, which docker does not start."""
    machine = pool.instance_type
    for where, text in run_options(document, pool):
        match = re.search(r"--gpus[= ]\S+|--runtime[= ]nvidia\b", text)
        if match is not None and machine is not None and not machine.gpus and image_of(document, pool)[1]:
            reason = f"docker starts no container with `{match[0]}` on {machine.name}, which has no GPU ({pool.name})"
            remedy = "remove it: Ray adds it where there are GPUs; or move it to `worker_run_options`"
            yield finding(document, "RTS908", where, reason, remedy)


def built_in_gpus(document: ClusterDocument, pool: Pool) -> Iterator[Finding]:
    """Yield a number of GPUs in `guestAccelerators` other than that of a machine of Google Cloud which has its own."""
    machine, where = pool.instance_type, (*pool.where, "node_config", "guestAccelerators")
    for index, one in enumerate(document.entries(*where)):
        given = one.get("acceleratorCount") if isinstance(one, dict) else None
        own = machine.gpus if machine is not None and gcp.BUILT_IN.match(machine.name) else 0
        if machine is not None and own and isinstance(given, int) and given != own:
            reason = f"{machine.name} has {own} GPUs, but `acceleratorCount` is {given}"
            yield finding(document, "RTS908", (*where, index, "acceleratorCount"), reason, "remove it")


def no_docker(document: ClusterDocument, pool: Pool) -> Iterator[Finding]:
    """Yield a plain image of an operating system, which has no docker, for a file with containers."""
    if not image_of(document, pool)[1]:
        return
    texts = " ".join(document.strings("initialization_commands"))
    texts += " ".join(document.strings(*pool.where, "initialization_commands"))
    config: KeyPath = (*pool.where, "node_config")
    texts += f"{document.get(*config, 'metadata')} {document.get(*config, 'azure_arm_parameters', 'customData')}"
    places: list[tuple[KeyPath, str]] = [
        ((*config, "disks", index, "initializeParams", "sourceImage"), PLAIN_PROJECTS)
        for index in range(len(document.entries(*config, "disks")))
    ]
    places.append(((*config, "azure_arm_parameters", "imagePublisher"), PLAIN_PUBLISHERS))
    for where, pattern in places:
        value = document.get(*where)
        if isinstance(value, str) and re.search(pattern, value) and not INSTALLS_DOCKER.search(texts):
            reason = f"{value} is an image without docker, but the file runs Ray in containers"
            remedy = "use an image with docker, or install it first in `initialization_commands`"
            yield finding(document, "RTS907", where, reason, remedy)


def too_small(document: ClusterDocument, pool: Pool) -> Iterator[Finding]:
    """Yield a machine with too little memory for the processes of Ray."""
    machine = pool.instance_type
    if machine is not None and machine.memory < LEAST_MEMORY:
        reason = f"{machine.name} has {machine.memory:g} GiB of memory, but Ray alone needs about 2"
        remedy = f"use a machine with at least {LEAST_MEMORY} GiB"
        yield finding(document, "RTS215", machine_key(document, pool), reason, remedy)


def stated_memory(document: ClusterDocument, pool: Pool) -> Iterator[Finding]:
    """Yield memory among the resources of a node type, or for its object store, that its machine does not have."""
    machine = pool.instance_type
    for key in ("memory", "object_store_memory"):
        given = document.get(*pool.where, "resources", key)
        if not isinstance(given, int) or isinstance(given, bool):
            continue
        place: KeyPath = (*pool.where, "resources", key)
        if machine is not None and given > machine.memory * 2**30:
            reason = f"{pool.name} states {given / 2**30:.0f} GiB of `{key}`, but {machine.name} has {machine.memory:g}"
            yield finding(
                document, "RTS214", place, reason, f"write `{key}: {int(machine.memory * 0.7) * 2**30}` at most"
            )
        elif 0 < given < 2**20:
            reason = f"`{key}` is {given}, but Ray counts bytes"
            yield finding(document, "RTS902", place, reason, f"write `{key}: {given * 2**30}` for {given} GiB")
    for where, options in starts(document, HEAD if pool.head else WORKERS):
        given = options.get("object-store-memory", "")
        if machine is not None and given.isdecimal() and int(given) > machine.memory * 2**30:
            size = f"{int(given) / 2**30:.0f} GiB"
            reason = f"`--object-store-memory` is {size}, but {machine.name} has {machine.memory:g}"
            yield finding(document, "RTS214", where, reason, "leave it out: Ray takes 30 % of the memory")


def started_resources(document: ClusterDocument, pools: list[Pool]) -> Iterator[Finding]:
    """Yield numbers of CPUs and GPUs in `ray start` that exceed those of all machines.

    `ray up` passes a node type's `resources` by a variable, which takes precedence, so that these options only mislead.
    """
    for key in (HEAD, WORKERS):
        machines = [pool.instance_type for pool in pools if pool.head == (key == HEAD)]
        known = [machine for machine in machines if machine is not None]
        if not known or len(known) != len(machines):
            continue
        for where, options in starts(document, key):
            for name, most in (
                ("num-gpus", max(one.gpus for one in known)),
                ("num-cpus", max(one.cpus for one in known)),
            ):
                value = options.get(name, "")
                if value.isdecimal() and int(value) > most:
                    reason = f"`--{name}={value}` is more than any of the machines has ({most})"
                    yield finding(document, "RTS908", where, reason, f"remove `--{name}`: Ray detects it")
