"""Checks of custom machine types of Google Cloud (docs.cloud.google.com/compute/docs/instances, 2026-11)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from raytune_suite.cluster.checks.findings import finding
from raytune_suite.errors import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding
    from raytune_suite.cluster.document import ClusterDocument, KeyPath

MEMORY_PER_CPU = {
    "n1": (0.9, 6.5),
    "n2": (0.5, 8.0),
    "n2d": (0.5, 8.0),
    "e2": (0.5, 8.0),
    "n4": (2.0, 8.0),
    "n4d": (2.0, 8.0),
    "g2": (4.0, 14.0),
}
"""The least and the most GB of memory for each CPU of a custom machine, by series."""


PUBLIC = (
    *(
        "debian-cloud",
        "ubuntu-os-cloud",
        "ubuntu-os-accelerator-images",
        "rocky-linux-cloud",
        "rhel-cloud",
        "cos-cloud",
    ),
    *(
        "deeplearning-platform-release",
        "ml-images",
        "centos-cloud",
        "fedora-coreos-cloud",
        "suse-cloud",
        "nvidia-vgpu-public",
    ),
)
"""Projects with public images."""


def image_project(document: ClusterDocument, where: KeyPath) -> Iterator[Finding]:
    """Yield a project of images that resembles a public one."""
    match = re.search(r"projects/([^/]+)/global/images", str(document.get(*where)))
    if match is None or match[1] in PUBLIC:
        return
    similar = next((one for one in PUBLIC if one.startswith(match[1])), None) or nearest(match[1], PUBLIC)
    if similar is not None:
        reason = f"{match[1]} is not a project of public images: did you mean {similar!r}?"
        remedy = f"write projects/{similar}/..., if {match[1]} is not your own"
        yield finding(document, "RTS909", where, reason, remedy, severity="warning")


def custom(document: ClusterDocument, where: KeyPath) -> Iterator[Finding]:
    """Yield a custom machine type with a form, a number of CPUs, or memory that does not exist."""
    name = str(document.get(*where) or "").rpartition("/")[2]
    match = re.fullmatch(r"(?:(\w+)-)?custom(?:-(.*))?", name)
    if match is None:
        return
    series, rest = match[1] or "n1", re.fullmatch(r"(\d+)-(\d+)(-ext)?", match[2] or "")
    if rest is None:
        reason = f"`machineType` is {name}, but a custom machine states its CPUs and its memory in MB"
        yield finding(document, "RTS206", where, reason, f"write, for example, {match[1] or 'n1'}-custom-8-32768")
        return
    cpus, memory = int(rest[1]), int(rest[2])
    least, most = MEMORY_PER_CPU.get(series, (0.0, 1e9))
    if cpus > 1 and cpus % 2:
        reason = f"{name} has {cpus} CPUs, but custom machines have an even number of them"
        yield finding(document, "RTS206", where, reason, f"write {name.replace(f'-{cpus}-', f'-{cpus + 1}-')}")
    elif memory % 256:
        reason = f"{name} has {memory} MB of memory, which is not a multiple of 256"
        better = name.replace(f"-{memory}", f"-{round(memory / 256) * 256}")
        yield finding(document, "RTS206", where, reason, f"write {better}")
    elif not least <= memory / 1024 / cpus <= most and not rest[3]:
        reason = f"{name} has {memory / 1024 / cpus:.1f} GB per CPU, but machines {series} have {least} to {most}"
        better = name.replace(f"-{memory}", f"-{cpus * 4096}")
        yield finding(document, "RTS206", where, reason, f"write, for example, {better}")
