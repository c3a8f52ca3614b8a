"""Ask Compute Engine about a file: whether its project, machine types, GPUs and images exist, and the quotas.

Compute Engine has no dry run, so nothing tells whether it would launch a machine.
"""

from __future__ import annotations

import re
from importlib import import_module
from typing import TYPE_CHECKING, Any

from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.checks.online.rest import NotAskedError, RestClient, filled_in, quota, refused
from raytune_suite.cluster.pools import dicts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding
    from raytune_suite.cluster.document import ClusterDocument, KeyPath
    from raytune_suite.cluster.pools import Pool

ROOT = "https://compute.googleapis.com/compute/v1"
SCOPE = "https://www.googleapis.com/auth/compute.readonly"

QUOTA_OF_GPU = {
    "nvidia-l4": "NVIDIA_L4_GPUS",
    "nvidia-tesla-t4": "NVIDIA_T4_GPUS",
    "nvidia-tesla-v100": "NVIDIA_V100_GPUS",
    "nvidia-tesla-p100": "NVIDIA_P100_GPUS",
    "nvidia-tesla-p4": "NVIDIA_P4_GPUS",
    "nvidia-tesla-a100": "NVIDIA_A100_GPUS",
    "nvidia-a100-80gb": "NVIDIA_A100_80GB_GPUS",
}
"""The regional quotas of GPUs by type (Compute Engine API, regions.quotas[].metric). Those of H100 and later GPUs are
kept by another service."""

ALL_GPUS = "GPUS_ALL_REGIONS"
"""The quota of GPUs of a project in all regions together."""


def check(document: ClusterDocument, pools: list[Pool], client: RestClient | None = None) -> Iterator[Finding]:
    """Yield what Compute Engine answers about a file for Google Cloud.

    Args:
        document: The file.
        pools: Its pools.
        client: The client; by default one with the application-default credentials.
    """
    rest = RestClient(ROOT, token) if client is None else client
    project, zone = document.get("provider", "project_id"), document.get("provider", "availability_zone")
    place: KeyPath = ("provider", "project_id")
    if not filled_in(project) or not filled_in(zone):
        yield finding(
            document, "RTS922", ("provider",), "the project or the zone has no value yet", "replace the placeholder"
        )
        return
    try:
        answer = rest.get(f"projects/{project}")
        if answer.failed:
            yield refused(document, place, answer, f"the project {project!r}", "see `gcloud projects list`")
            return
        for pool in pools:
            yield from machine_types(document, pool, rest, f"projects/{project}/zones/{zone}")
            yield from images(document, pool, rest)
        region = rest.get(f"projects/{project}/regions/{zone.rpartition('-')[0]}")
        if region.failed:
            remedy = "see `gcloud compute regions list`"
            yield refused(document, ("provider", "region"), region, "the region", remedy)
            return
        yield from quotas(document, pools, [*region.value.get("quotas", []), *answer.value.get("quotas", [])])
    except NotAskedError as error:
        yield finding(document, "RTS922", ("provider",), f"Compute Engine was not asked: {error}", error.remedy)


def token() -> str:
    """Return an access token of the application-default credentials.

    Raises:
        NotAskedError: If google-auth is not installed, or there are no credentials.
    """
    try:
        auth, transport = import_module("google.auth"), import_module("google.auth.transport.requests")
    except ImportError as error:
        raise NotAskedError("the package google-auth is not installed", "pip install google-auth") from error
    try:
        credentials, _ = auth.default(scopes=[SCOPE])
        credentials.refresh(transport.Request())
    except auth.exceptions.GoogleAuthError as error:
        raise NotAskedError(str(error), "run `gcloud auth application-default login`") from error
    return str(credentials.token)


def machine_types(document: ClusterDocument, pool: Pool, rest: RestClient, zone: str) -> Iterator[Finding]:
    """Yield a machine type or GPU that the zone does not have."""
    where: KeyPath = (*pool.where, "node_config", "machineType")
    name = str(pool.instance_type_name or "").rpartition("/")[2]
    if filled_in(name) and "custom-" not in name:
        answer = rest.get(f"{zone}/machineTypes/{name}")
        if answer.failed:
            remedy = f"see `gcloud compute machine-types list --filter=name={name}` for its zones"
            yield refused(document, where, answer, f"the machine type {name} in this zone", remedy)
    for kind, _ in attached(document, pool):
        answer = rest.get(f"{zone}/acceleratorTypes/{kind}")
        if answer.failed:
            remedy = f"see `gcloud compute accelerator-types list --filter=name={kind}` for its zones"
            place: KeyPath = (*pool.where, "node_config", "guestAccelerators")
            yield refused(document, place, answer, f"the GPU {kind} in this zone", remedy)


def attached(document: ClusterDocument, pool: Pool) -> list[tuple[str, int]]:
    """Return the types and numbers of a machine's attached GPUs."""
    given = dicts(document.entries(*pool.where, "node_config", "guestAccelerators"))
    found = [(str(one.get("acceleratorType")).rpartition("/")[2], one.get("acceleratorCount", 1)) for one in given]
    return [(kind, int(count)) for kind, count in found if str(count).isdecimal()]


def images(document: ClusterDocument, pool: Pool, rest: RestClient) -> Iterator[Finding]:
    """Yield machine images that do not exist, or that need a larger disk."""
    for index, disk in enumerate(document.entries(*pool.where, "node_config", "disks")):
        new: Any = disk.get("initializeParams") if isinstance(disk, dict) else None
        image = str(new.get("sourceImage")) if isinstance(new, dict) else ""
        match = re.search(r"(projects/[^/]+/global/images/.+)$", image) if filled_in(image) else None
        if match is None:
            continue
        where: KeyPath = (*pool.where, "node_config", "disks", index, "initializeParams", "sourceImage")
        answer = rest.get(match[1])
        if answer.failed:
            remedy = f"see `gcloud compute images list --project {match[1].split('/')[1]}`"
            yield refused(document, where, answer, "the image", remedy)
            continue
        size, least = str(new.get("diskSizeGb", "")), int(answer.value.get("diskSizeGb", 0))
        if size.isdecimal() and int(size) < least:
            reason = f"the disk has {size} GB, but the image needs {least}"
            place: KeyPath = (*where[:-1], "diskSizeGb")
            yield finding(document, "RTS911", place, reason, f"write `diskSizeGb: {least}` or more", severity="error")


def quotas(document: ClusterDocument, pools: list[Pool], given: list[dict[str, Any]]) -> Iterator[Finding]:
    """Yield quotas of GPUs that are too small for a pool."""
    free = {one["metric"]: float(one["limit"]) - float(one.get("usage", 0)) for one in given if "metric" in one}
    for pool in pools:
        machine = pool.instance_type
        if machine is None or not machine.gpus:
            continue
        where: KeyPath = (*pool.where, "node_config", "machineType")
        kinds = [QUOTA_OF_GPU.get(kind, "") for kind, _ in attached(document, pool)] or [built_in(machine.name)]
        names = [f"PREEMPTIBLE_{kind}" if pool.spot else kind for kind in kinds if kind]
        for name in [*names, *([] if pool.spot else [ALL_GPUS])]:
            if name in free:
                found = quota(document, where, name, free[name], machine.gpus, max(pool.max_machines, 1))
                if found is not None:
                    yield found


def built_in(machine: str) -> str:
    """Return the quota of the GPUs that machines of a series have, "" if it is unknown.

    Example:
        >>> built_in("g2-standard-8"), built_in("a2-ultragpu-1g"), built_in("a3-highgpu-8g")
        ('NVIDIA_L4_GPUS', 'NVIDIA_A100_80GB_GPUS', '')
    """
    series = {"g2-": "nvidia-l4", "a2-ultragpu-": "nvidia-a100-80gb", "a2-": "nvidia-tesla-a100"}
    return next((QUOTA_OF_GPU[kind] for start, kind in series.items() if machine.startswith(start)), "")
