"""Checks of TPUs: their slices on Google Cloud, and those of pods on GKE.

Sources: cloud.google.com/tpu/docs (versions, runtimes) and "Plan TPUs in GKE", 2026-11.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.provider_data import regions
from raytune_suite.cluster.quantities import quantity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding, Severity
    from raytune_suite.cluster.document import ClusterDocument, KeyPath

SLICE = re.compile(r"(v\d+[a-z]*)-(\d+)")
SMALL_SLICES = (1, 4, 8)
LARGE_SLICES = (16, 32, 64, 128, 256)
CORES_OF_HOST = 8
"""TPU cores of a host up to v4 and of v5p; later slices count chips."""

RUNTIME = re.compile(r"(tpu|v2)-[a-z0-9][a-z0-9.-]*")
RUNTIME_OF_VERSION = re.compile(r"tpu-?(?:vm-)?(v\d+[a-z]*(?:-lite)?)")
NAMES_IN_RUNTIMES = {"v5litepod": "v5-lite", "v5p": "v5", "v5e": "v5-lite"}
"""How runtimes name versions whose slices have another name."""

ACCELERATOR_LABEL, TOPOLOGY_LABEL = "cloud.google.com/gke-tpu-accelerator", "cloud.google.com/gke-tpu-topology"
ZONE_LABEL = "topology.kubernetes.io/zone"
VERSION_OF_NODES = {"tpu-v3-device": "v3", "tpu-v3-slice": "v3", "tpu-v4-podslice": "v4", "tpu-v5p-slice": "v5p"}
CHIPS = "google.com/tpu"
TOPOLOGY = re.compile(r"[1-9]\d*(x[1-9]\d*){1,2}")
FLAT = re.compile(r"tpu-(v5-lite|v6e)")
"""Versions whose chips are connected in two dimensions; others have three."""


def machine(document: ClusterDocument, where: KeyPath) -> Iterator[Finding]:
    """Yield mistakes in the TPU of a node type, whose node_config is at a key path."""
    kind, runtime = document.get(*where, "acceleratorType"), document.get(*where, "runtimeVersion")
    match = SLICE.fullmatch(kind) if isinstance(kind, str) else None
    if isinstance(kind, str) and "$" not in kind and "YOUR" not in kind:
        reason = f"`acceleratorType` is {kind!r}, "
        if match is None:
            reason += "but must be a version of TPU and a size"
            yield finding(document, "RTS902", (*where, "acceleratorType"), reason, "write, for example, v4-16 or v6e-8")
        elif not possible(match[1], int(match[2])):
            reason += f"but Google Cloud has no slice of {match[2]} "
            reason += "chips" if match[1] in ("v5litepod", "v6e") else "cores"
            yield finding(document, "RTS902", (*where, "acceleratorType"), reason, "write, for example, v4-16 or v6e-8")
        elif match is not None:
            place: KeyPath = (*where, "acceleratorType")
            yield from zone(document, place, match[1], document.get("provider", "availability_zone"))
    if not isinstance(runtime, str) or "$" in runtime or "YOUR" in runtime:
        return
    stated = RUNTIME_OF_VERSION.search(runtime)
    version = match[1] if match is not None else ""
    if not RUNTIME.fullmatch(runtime):
        reason = f"`runtimeVersion` is {runtime!r}, which is not the name of one"
        remedy = "write, for example, tpu-ubuntu2204-base; `gcloud compute tpus tpu-vm versions list` shows them"
        yield finding(document, "RTS902", (*where, "runtimeVersion"), reason, remedy)
    elif stated is not None and version and stated[1] != NAMES_IN_RUNTIMES.get(version, version):
        reason = f"the runtime {runtime} is for TPUs {stated[1]}, but `acceleratorType` is {kind}"
        yield finding(document, "RTS905", (*where, "runtimeVersion"), reason, "use the runtime of the TPU's version")


def zone(document: ClusterDocument, where: KeyPath, version: str, name: object) -> Iterator[Finding]:
    """Yield a finding if a zone is not known to have a version of TPU; versions that get new zones are left out.

    Args:
        document: The file.
        where: The key path of the TPU.
        version: Its version, such as "v4".
        name: The zone.
    """
    table = regions()["gcp"]["tpus"]
    known = table["zones"].get(version)
    if known and isinstance(name, str) and name and "$" not in name and "YOUR" not in name and name not in known:
        reason = f"TPUs {version} are not offered in {name}, as far as was known in {table['as_of']}"
        remedy = f"use one of {', '.join(known)}; `gcloud compute tpus accelerator-types list --zone ZONE` shows them"
        yield finding(document, "RTS910", where, reason, remedy, severity="warning")


def possible(version: str, size: int) -> bool:
    """Return whether there may be a slice of a size; of unknown versions any.

    Example:
        >>> possible("v4", 16), possible("v4", 12), possible("v6e", 4), possible("v6e", 12)
        (True, False, True, False)
    """
    if version in ("v5litepod", "v5e", "v6e"):
        return size in (*SMALL_SLICES, *LARGE_SLICES)
    return version not in ("v2", "v3", "v4", "v5p") or (size > 0 and size % CORES_OF_HOST == 0)


def group(document: ClusterDocument, where: KeyPath, hosts: object) -> Iterator[Finding]:
    """Yield contradictions between the topology of a group's TPUs, its chips per pod and its pods.

    Args:
        document: The manifest.
        where: The key path of the group.
        hosts: `numOfHosts` of the group, None for one.
    """
    spec: KeyPath = (*where, "template", "spec")
    labels = document.mapping(*spec, "nodeSelector")
    topology, kind = labels.get(TOPOLOGY_LABEL), labels.get(ACCELERATOR_LABEL)
    limits = document.mapping(*spec, "containers", 0, "resources", "limits")
    chips = quantity(limits.get(CHIPS))
    label: KeyPath = (*spec, "nodeSelector", TOPOLOGY_LABEL)
    version = VERSION_OF_NODES.get(str(kind), "")
    yield from zone(document, (*spec, "nodeSelector", ZONE_LABEL), version, labels.get(ZONE_LABEL))
    if chips and (topology is None or kind is None) and (topology or kind):
        missing = ACCELERATOR_LABEL if kind is None else TOPOLOGY_LABEL
        reason = f"GKE needs both labels of its TPU nodes, but {missing} is missing"
        yield finding(document, "RTS817", (*spec, "nodeSelector"), reason, f"add `{missing}: ...`", severity="warning")
    if (topology or kind) and not limits.get(CHIPS):
        reason = f"the pod selects TPU nodes, but has no limit for {CHIPS}"
        remedy = f'add `{CHIPS}: "4"` to its limits'
        yield finding(document, "RTS812", (*spec, "containers", 0), reason, remedy, severity="warning")
    if not isinstance(topology, str) or "$" in topology:
        return
    if not TOPOLOGY.fullmatch(topology):
        reason = f"the topology {topology!r} is not one of chips"
        yield finding(document, "RTS817", label, reason, "write, for example, 2x4, or 2x2x2 for v4 and v5p")
        return
    sizes = [int(size) for size in topology.split("x")]
    dimensions = 2 if FLAT.match(str(kind)) else 3
    if isinstance(kind, str) and kind.startswith("tpu") and kind != "tpu-v3-device" and len(sizes) != dimensions:
        reason = f"the topology of {kind} has {dimensions} dimensions, not {len(sizes)}"
        yield finding(
            document, "RTS817", label, reason, "write, for example, 2x4, or 2x2x2 for v4 and v5p", severity="warning"
        )
    count = hosts if isinstance(hosts, int) and not isinstance(hosts, bool) else 1
    if chips and count and chips * count != math.prod(sizes):
        reason = f"the topology {topology} has {math.prod(sizes)} chips, but {count} hosts with {chips:g} have "
        reason += f"{chips * count:g}"
        needed = math.prod(sizes) / chips
        remedy = f"write `numOfHosts: {needed:g}`" if needed == int(needed) else "correct one of them"
        place: KeyPath = where if hosts is None else (*where, "numOfHosts")
        severity: Severity | None = "warning" if hosts is None else None
        yield finding(document, "RTS818", place, reason, remedy, severity=severity)
