"""Checks that a cloud's machines, images, GPUs, memory and permissions fit together across a file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from raytune_suite.cluster.checks import aws, azure, gcp, regions
from raytune_suite.cluster.checks.api_schema import closest
from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.checks.ray_start import HEAD, POWERS, SUFFIX, WORKER, ray_starts
from raytune_suite.cluster.pools import INSTANCE_KEY, provider
from raytune_suite.cluster.provider_data import schema

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from raytune_suite.cluster.checks.findings import Finding, Severity
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

CUDA_OF_GPU = {
    "K80": (0, 11.4),
    "P100": (0, 12.9),
    "P4": (0, 12.9),
    "V100": (0, 12.9),
    "T4": (10, 99),
    "A100": (11, 99),
    "A100-80GB": (11, 99),
    "A10G": (11.1, 99),
    "L4": (11.8, 99),
    "L40S": (11.8, 99),
    "H100": (11.8, 99),
    "H200": (11.8, 99),
    "B200": (12.8, 99),
    "B300": (12.9, 99),
    "RTX PRO Server 6000": (12.8, 99),
}
"""The oldest and newest CUDA toolkit with code for a GPU (docs.nvidia.com/cuda, release notes)."""

TAG_CUDA = re.compile(r"-cu(\d{2})(\d)(?:\d)?\b|cuda[-:]?(\d{2})\.(\d)")
"""The CUDA version in the tag of a container image."""

REGISTRIES: dict[str, tuple[str, str, str]] = {
    r"\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com": (
        r"ecr get-login|docker login|credential-ecr|credHelper",
        "aws ecr get-login-password --region REGION | docker login --username AWS --password-stdin REGISTRY",
        "IamInstanceProfile",
    ),
    r"([a-z0-9-]+-docker\.pkg\.dev|([a-z]+\.)?gcr\.io)": (
        r"gcloud auth|docker login|docker-credential-gcr|credHelper",
        "gcloud auth configure-docker REGISTRY --quiet",
        "serviceAccounts",
    ),
    r"[a-z0-9]+\.azurecr\.io": (r"az acr login|docker login|credHelper", "az acr login --name REGISTRY", ""),
}
"""Private registries of the clouds: what logs in there, the command to write, and the setting that gives access."""

OWN_KEYS = ("node_config", "min_workers", "max_workers", "resources", "labels", "docker", "priority", "idle_timeout_s")
"""Keys of a node type that are not settings of its machine, even if one has the same name."""

USES_S3 = re.compile(r"\baws s3(api)?\b|\bmount-s3\b|\bs3fs\b|\bgoofys\b")
USES_GCS = re.compile(r"\bgsutil\b|\bgcloud storage\b|\bgcsfuse\b")

SDK = {"aws": r"boto3", "gcp": r"google-api-python-client", "azure": r"azure-(mgmt|identity|cli|common|core)"}
"""The packages with which the autoscaler on the head starts workers."""


def check(document: ClusterDocument, pools: list[Pool]) -> Iterator[Finding]:
    """Yield the mistakes in a file for AWS, Google Cloud or Azure."""
    yield from regions.check(document)
    yield from aws.check(document)
    yield from gcp.check(document)
    yield from azure.check(document)
    if provider(document) in SDK:
        yield from outside_node_config(document)
        for pool in pools:
            yield from architecture(document, pool)
            yield from gpu_names(document, pool)
            yield from cuda(document, pool)
            yield from memory(document, pool)
        yield from one_image(document, pools)
        yield from started_resources(document, pools)
        yield from registries(document)
        yield from permissions(document, pools)
        yield from head_packages(document)


def outside_node_config(document: ClusterDocument) -> Iterator[Finding]:
    """Yield settings of a machine that stand beside its node_config."""
    cloud = provider(document)
    known = azure.schema()["properties"] if cloud == "azure" else request_settings(cloud)
    arm = azure.schema()["properties"]["azure_arm_parameters"]["properties"] if cloud == "azure" else {}
    for name in document.mapping("available_node_types"):
        where: KeyPath = ("available_node_types", name)
        for key in document.mapping(*where):
            if (key in known and key not in OWN_KEYS) or (key in arm and key not in OWN_KEYS):
                inner = f"{{azure_arm_parameters: {{{key}: ...}}}}" if key in arm else f"{{{key}: ...}}"
                reason = f"`{key}` belongs in the node_config of {name}, but stands beside it"
                yield finding(document, "RTS904", (*where, key), reason, f"indent it: `node_config: {inner}`")


def request_settings(cloud: str) -> Collection[str]:
    """Return the names of all settings of a machine."""
    parts: dict[str, Any] = schema(cloud)
    settings: Collection[str] = parts["definitions"][parts["$ref"].rpartition("/")[2]]["properties"]
    return settings


def image_of(document: ClusterDocument, pool: Pool) -> tuple[KeyPath, str]:
    """Return the container image of a pool with its key path, "" without a container."""
    own: KeyPath = (*pool.where, "docker", "worker_image")
    special: KeyPath = ("docker", "head_image" if pool.head else "worker_image")
    for where in (own, special, ("docker", "image")):
        if document.get(*where):
            return where, str(document.get(*where))
    return ("docker", "image"), ""


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
            yield finding(document, "RTS908", where, reason, f"write {right[0]!r}: trials that ask for it would wait")
        elif name not in RAY_GPUS:
            reason = f"Ray has no GPU type {name!r}{closest(name, RAY_GPUS)}"
            yield finding(
                document, "RTS908", where, reason, f"use one of {', '.join(RAY_GPUS[:12])}", severity="warning"
            )


def cuda(document: ClusterDocument, pool: Pool) -> Iterator[Finding]:
    """Yield a container whose CUDA version does not support the machine's GPU, or is newer than its driver."""
    where, image = image_of(document, pool)
    match = TAG_CUDA.search(image)
    machine = pool.instance_type
    if match is None or machine is None or not machine.gpus:
        return
    version = float(f"{match[1] or match[3]}.{match[2] or match[4]}")
    oldest, newest = CUDA_OF_GPU.get(machine.gpu, (0, 99))
    if not oldest <= version <= newest:
        bound = f"before {oldest:g}" if version < oldest else f"after {newest:g}"
        reason = (
            f"{image} has CUDA {version:g}, but versions {bound} have no code for the {machine.gpu} of {machine.name}"
        )
        yield finding(document, "RTS303", where, reason, "use an image with another CUDA version")
    for disk in document.entries(*pool.where, "node_config", "disks"):
        source = str(disk.get("initializeParams", {}).get("sourceImage")) if isinstance(disk, dict) else ""
        driver = re.search(r"-cu(\d{2})(\d)", source)
        if driver is not None and int(driver[1]) < int(version):
            reason = (
                f"{image} has CUDA {version:g}, but the machine's image has the driver for CUDA {driver[1]}.{driver[2]}"
            )
            yield finding(
                document, "RTS303", where, reason, "use a newer machine image, or a container with an older CUDA"
            )


def size_in_gib(text: str) -> float | None:
    """Return a size such as "64g" in GiB, None if it is none. Docker counts bytes without a unit.

    Example:
        >>> size_in_gib("64g"), size_in_gib("512m"), size_in_gib("many")
        (64.0, 0.5, None)
    """
    match = SUFFIX.match(text)
    if match is not None:
        return float(float(match[1]) * 2.0 ** (POWERS[match[2][0].lower()] - 30))
    return int(text) / 2**30 if text.isdecimal() else None


def run_options(document: ClusterDocument, pool: Pool) -> list[tuple[KeyPath, str]]:
    """Return the options of `docker run` for a pool, with their key paths."""
    places: list[KeyPath] = [("docker", "run_options")]
    places.append(("docker", "head_run_options" if pool.head else "worker_run_options"))
    places.append((*pool.where, "docker", "worker_run_options"))
    return [((*where, index), text) for where in places for index, text in enumerate(document.strings(*where))]


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
        elif size < 0.01:  # noqa: PLR2004 - 10 MiB
            reason = f"`--shm-size={match[1]}` is {size * 2**30:.0f} bytes, because it has no unit"
            yield finding(document, "RTS902", where, reason, f"write `--shm-size={match[1]}g`")
        elif machine is not None and size > machine.memory and not pool.head:
            reason = (
                f"the shared memory of {size:g} GiB is larger than the memory of {machine.name}, {machine.memory:g} GiB"
            )
            yield finding(document, "RTS214", where, reason, f"write `--shm-size={max(1, int(machine.memory * 0.3))}g`")
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


def started_resources(document: ClusterDocument, pools: list[Pool]) -> Iterator[Finding]:
    """Yield numbers of CPUs and GPUs in `ray start` that exceed those of all machines.

    `ray up` passes a node type's `resources` by a variable, which takes precedence, so that these options only mislead.
    """
    for key in (HEAD, WORKER):
        machines = [pool.instance_type for pool in pools if pool.head == (key == HEAD)]
        known = [machine for machine in machines if machine is not None]
        for index, text in enumerate(document.strings(key)):
            for options in ray_starts(text):
                for name, field in (("--num-gpus", "gpus"), ("--num-cpus", "cpus")):
                    value = dict(options).get(name)
                    if not known or len(known) != len(machines) or not value or not value.isdecimal():
                        continue
                    most = max(getattr(machine, field) for machine in known)
                    if int(value) > most:
                        reason = f"`{name}={value}` is more than any of the machines has ({most})"
                        remedy = f"remove `{name}`: Ray detects it"
                        yield finding(document, "RTS908", (key, index), reason, remedy)


def registries(document: ClusterDocument) -> Iterator[Finding]:
    """Yield images in a private registry into which no command logs in."""
    commands = " ".join(text for _, text in document.scalars() if " " in text)
    types = document.mapping("available_node_types")
    for where in [("docker", key) for key in ("image", "head_image", "worker_image")] + [
        ("available_node_types", name, "docker", "worker_image") for name in types
    ]:
        image = document.get(*where)
        for pattern, (login, command, _) in REGISTRIES.items():
            found = re.match(pattern, str(image or ""))
            if found is not None and not re.search(login, commands):
                reason = f"{image} is in a private registry, and no command logs in there"
                remedy = f"add to `initialization_commands`: `{command.replace('REGISTRY', found[0])}`"
                yield finding(document, "RTS912", where, reason, remedy)


def permissions(document: ClusterDocument, pools: list[Pool]) -> Iterator[Finding]:
    """Yield commands on workers that use the cloud's storage without a role or account that allows it."""
    cloud = provider(document)
    pattern, setting = {"aws": (USES_S3, "IamInstanceProfile"), "gcp": (USES_GCS, "serviceAccounts")}.get(
        cloud, (None, "")
    )
    if pattern is None:
        return
    lacking = [
        pool.name
        for pool in pools
        if not pool.head and not {setting, "LaunchTemplate"} & set(document.mapping(*pool.where, "node_config"))
    ]
    keys = ("initialization_commands", "setup_commands", "worker_setup_commands", WORKER)
    texts = [((key, index), text) for key in keys for index, text in enumerate(document.strings(key))]
    credentials = "AWS_ACCESS_KEY_ID|AWS_PROFILE|aws configure|--no-sign-request|activate-service-account"
    for where, text in texts:
        if lacking and pattern.search(text) and not re.search(credentials, " ".join(text for _, text in texts)):
            reason = f"the workers use the cloud's storage, but {', '.join(lacking)} has no `{setting}`"
            yield finding(
                document, "RTS912", where, reason, f"add `{setting}` to these node types; Ray gives it the head only"
            )
            return


def head_packages(document: ClusterDocument) -> Iterator[Finding]:
    """Yield a finding if nothing installs the packages with which the head starts workers."""
    cloud = provider(document)
    texts = [text for key in ("setup_commands", "head_setup_commands") for text in document.strings(key)]
    image = str(document.get("docker", "head_image") or document.get("docker", "image") or "")
    if document.get("head_setup_commands") is None or re.search(SDK[cloud], " ".join(texts)) or image:
        return  # Ray's defaults install them, and Ray's images contain them
    if any(re.search(r"\s-r\s|requirements|\.\[|environment\.ya?ml|source |conda activate", text) for text in texts):
        return
    package = {"aws": "boto3", "gcp": "google-api-python-client", "azure": "azure-cli azure-mgmt-compute"}[cloud]
    reason = f"no command installs {package} on the head, which needs it to start workers"
    severity: Severity | None = "warning"
    where: KeyPath = ("head_setup_commands",)
    yield finding(document, "RTS912", where, reason, f"add `pip install {package}`", severity=severity)
