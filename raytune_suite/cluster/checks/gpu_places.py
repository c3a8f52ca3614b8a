"""Check that a region or zone has the GPUs of a machine, and that a size with GPUs is still sold.

The places of AWS are in the table of instance types, those of Google Cloud and Azure in `regions.toml`, with source and
date. New places appear, so that a place which is missing there is a warning.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.instance_types import series_of
from raytune_suite.cluster.pools import INSTANCE_KEY, provider
from raytune_suite.cluster.provider_data import regions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding, Severity
    from raytune_suite.cluster.document import ClusterDocument, KeyPath
    from raytune_suite.cluster.pools import Pool

GPU_OF_SERIES = {
    "g2-": "nvidia-l4",
    "a2-highgpu-": "nvidia-tesla-a100",
    "a2-megagpu-": "nvidia-tesla-a100",
    "a2-ultragpu-": "nvidia-a100-80gb",
    "a3-highgpu-": "nvidia-h100-80gb",
    "a3-edgegpu-": "nvidia-h100-80gb",
    "a3-megagpu-": "nvidia-h100-mega-80gb",
    "a3-ultragpu-": "nvidia-h200-141gb",
    "a4-": "nvidia-b200",
}
"""The GPUs of Compute Engine's machines that have their own, by the beginning of their names."""

RETIRED: tuple[tuple[str, str, str, Severity], ...] = (
    (r"Standard_NC(6|12|24r?)(_Promo)?", "NC", "September 2023", "error"),
    (r"Standard_NC(6|12|24r?)s_v2", "NCv2", "September 2023", "error"),
    (r"Standard_ND(6|12|24r?)s", "ND", "September 2023", "error"),
    (r"Standard_NV(6|12|24)(_Promo)?", "NV", "September 2023", "error"),
    (r"Standard_NC(6|12|24)s_v3", "NCv3", "September 2025", "warning"),  # as announced in 2024
)
"""Series of Azure with GPUs that are no longer sold (learn.microsoft.com, "Retired sizes" and migration guides)."""


def check(document: ClusterDocument, pool: Pool) -> Iterator[Finding]:
    """Yield a place that does not have a pool's machines."""
    if provider(document) == "gcp":
        for where, kind in gpus(document, pool):
            yield from zone(document, where, kind)
    elif provider(document) == "azure":
        yield from size(document, (*pool.where, *INSTANCE_KEY["azure"]))


def gpus(document: ClusterDocument, pool: Pool) -> Iterator[tuple[KeyPath, str]]:
    """Yield the kinds of GPUs of a machine of Compute Engine, with the key paths that name them."""
    where: KeyPath = (*pool.where, *INSTANCE_KEY["gcp"])
    name = str(document.get(*where)).rpartition("/")[2]
    own = next((kind for start, kind in GPU_OF_SERIES.items() if name.startswith(start)), None)
    if own is not None:
        yield where, own
        return
    place: KeyPath = (*pool.where, "node_config", "guestAccelerators")
    for index, one in enumerate(document.entries(*place)):
        if isinstance(one, dict) and one.get("acceleratorType"):
            yield (*place, index, "acceleratorType"), str(one["acceleratorType"]).rpartition("/")[2]


def zone(document: ClusterDocument, where: KeyPath, kind: str) -> Iterator[Finding]:
    """Yield a region or zone of Google Cloud without a kind of GPUs."""
    facts = regions()["gcp"]["gpus"]
    places, region = facts["zones"].get(kind.removesuffix("-vws")), document.get("provider", "region")
    if places is None or region not in regions()["gcp"]["regions"]:
        return
    given = document.get("provider", "availability_zone")
    if region not in places:
        reason = f"{region} had no {kind} in {facts['as_of']}, so these machines never start"
        remedy = f"use a region with them: {', '.join(list(places)[-8:])}"
        yield finding(document, "RTS910", where, reason, remedy, severity="warning")
    elif (
        isinstance(given, str)
        and given.startswith(f"{region}-")
        and given.removeprefix(f"{region}-") in {*regions()["gcp"]["regions"][region]} - {*places[region]}
    ):
        reason = f"the zone {given} had no {kind} in {facts['as_of']}, so these machines never start"
        remedy = f"use a zone with them: {', '.join(f'{region}-{letter}' for letter in places[region])}"
        yield finding(document, "RTS910", where, reason, remedy, severity="warning")


def size(document: ClusterDocument, where: KeyPath) -> Iterator[Finding]:
    """Yield a size of Azure that is retired, or that a region of the USA does not have."""
    name, region = str(document.get(*where)), document.get("provider", "location")
    for pattern, series, date, severity in RETIRED:
        if re.fullmatch(pattern, name, re.IGNORECASE):
            reason = f"Azure retired the series {series} of {name} in {date}"
            remedy = "use a size such as Standard_NC4as_T4_v3 or Standard_NC24ads_A100_v4"
            yield finding(document, "RTS206", where, reason, remedy, severity=severity)
            return
    facts = regions()["azure"]["gpus"]
    places = next((found for kind, found in facts["regions"].items() if kind.lower() == series_of(name).lower()), None)
    if places is not None and region in facts["known"] and region not in places:
        reason = f"{region} did not have {name} in {facts['as_of']}, so these machines may never start"
        remedy = f"use a region with them, such as {', '.join(places[:6])}; `az vm list-skus` shows them"
        yield finding(document, "RTS910", where, reason, remedy, severity="warning")
