"""Check regions and zones: their form, their membership, and whether what a file refers to lies in them."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from raytune_suite.cluster.checks.api_schema import closest
from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.pools import provider
from raytune_suite.cluster.provider_data import regions
from raytune_suite.errors import nearest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from raytune_suite.cluster.checks.findings import Finding, Severity
    from raytune_suite.cluster.document import ClusterDocument, KeyPath

REGION_KEY = {"aws": "region", "gcp": "region", "azure": "location"}
"""Where each cloud's region is written, under `provider`."""

FORMS = {
    "aws": r"[a-z]{2,5}(-(gov|iso[bef]?))?-(north|south|east|west|central)?(north|south|east|west|central)?-\d",
    "gcp": r"[a-z]+-[a-z]+\d+",
    "azure": r"[a-z]+\d?",
}
"""The form of a region's name, by cloud; a name of this form may be newer than our list."""

ZONE_FORMS = {"aws": r"[a-z]|-[a-z]{3}-\d[a-z]|-wl\d-[a-z]{3}-wlz-\d", "gcp": r"-([a-z]|ai\d[a-z]?)"}
"""What follows a region in the name of a zone. For AWS, Local Zones and Wavelength Zones have longer names."""

REFERENCES: dict[str, tuple[tuple[str, str], ...]] = {
    "aws": (
        ("file system", r"\b(?:fs-[\w-]+|YOUR-[A-Z-]+)\.(?:efs|fsx)\.([a-z0-9-]+)\.amazonaws\.com"),
        ("resource", r"\barn:aws[\w-]*:(?:ec2|elasticfilesystem|kms|resource-groups|secretsmanager|ssm):([a-z0-9-]+):"),
        ("registry", r"\b\d{12}\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com"),
        ("environment", r"\bAWS_(?:DEFAULT_)?REGION=[\"']?([a-z0-9-]+)"),
        ("command for a region", r"\baws\b[^;&|\n]*--region[= ]([a-z0-9-]+)"),
    ),
    "gcp": (
        ("zone", r"\bzones/([a-z0-9-]+)/"),
        ("subnetwork", r"\bregions/([a-z0-9-]+)/subnetworks/"),
        ("registry", r"\b([a-z]+-[a-z]+\d+)-docker\.pkg\.dev"),
    ),
}
"""Texts that name a region or zone, by cloud: what they refer to, and a pattern whose group is the name."""

HARMLESS = ("registry", "environment", "command for a region")
"""References that work across regions, at a price."""


def check(document: ClusterDocument) -> Iterator[Finding]:
    """Yield the mistakes in the regions and zones of a file for a cloud."""
    cloud = provider(document)
    if cloud not in REGION_KEY:
        return
    where: KeyPath = ("provider", REGION_KEY[cloud])
    region = document.get(*where)
    wrong = None if not isinstance(region, str) or not region else unknown_region(document, cloud, where, region)
    if wrong is not None:
        yield wrong
    if isinstance(region, str) and (wrong is None or wrong.severity == "warning"):
        yield from zones(document, cloud, region)
        yield from references(document, cloud, region)


def unknown_region(document: ClusterDocument, cloud: str, where: KeyPath, region: str) -> Finding | None:
    """Return a finding about a region that does not exist, as far as is known."""
    known = regions()[cloud]["regions"]
    if region in known or re.fullmatch(r"[a-z]{2}-isob?[ef]?-[a-z]+-\d", region):
        return None
    key, remedy = where[-1], f"use a region of {cloud}"
    parent = next((one for one in known if re.fullmatch(f"{one}({ZONE_FORMS.get(cloud, '$^')})", region)), None)
    others = [other for other in REGION_KEY if other != cloud and region in regions()[other]["regions"]]
    compact = re.sub(r"[\s_-]", "", region.lower())
    same = next((one for one in known if one.replace("-", "") == compact), None)
    if parent is not None:
        reason = f"`{key}` is {region!r}, which is a zone of the region {parent!r}"
        remedy = f"write `{key}: {parent}` and `availability_zone: {region}`"
    elif same is not None:
        reason, remedy = f"`{key}` is {region!r}, but the region is called {same!r}", f"write `{key}: {same}`"
    elif others:
        reason = f"`{key}` is {region!r}, which is a region of {others[0]}, not of {cloud}"
    elif re.fullmatch(FORMS[cloud], region) and may_be_new(region, known):
        reason = f"{region!r} is not among the regions of {cloud} that were known in {regions()[cloud]['as_of']}"
        return finding(document, "RTS906", where, reason, "check its name", severity="warning")
    else:
        reason = f"{cloud} has no region {region!r}{closest(region, known)}"
    return finding(document, "RTS906", where, reason, remedy)


def may_be_new(region: str, known: Collection[str]) -> bool:
    """Return whether a region of the right form may be newer than our list: it has a new number, or resembles none."""
    stems = {one.rstrip("0123456789") for one in known}
    return region.rstrip("0123456789") in stems or nearest(region, known) is None


def zones(document: ClusterDocument, cloud: str, region: str) -> Iterator[Finding]:
    """Yield mistakes in `availability_zone`."""
    where: KeyPath = ("provider", "availability_zone")
    given = document.get(*where)
    if cloud == "azure":
        yield from azure_zones(document, where, given, region)
        for name in document.mapping("available_node_types"):
            place = ("available_node_types", name, "node_config", "azure_arm_parameters", "availability_zone")
            yield from azure_zones(document, place, document.get(*place), region)
        return
    if not isinstance(given, str) or not given:
        return
    names = [zone.strip() for zone in given.split(",")]
    if cloud == "gcp" and len(names) > 1:
        reason = f"`availability_zone` is {given!r}, but Ray uses exactly one zone on Google Cloud"
        yield finding(document, "RTS606", where, reason, f"write `availability_zone: {names[0]}`")
    for zone in names:
        wrong = wrong_zone(document, cloud, where, zone, region)
        if wrong is not None:
            yield wrong


def wrong_zone(document: ClusterDocument, cloud: str, where: KeyPath, zone: str, region: str) -> Finding | None:
    """Return a finding about a zone that is not one of a region."""
    letters = regions()[cloud]["regions"].get(region, "abcdef")
    sign = "" if cloud == "aws" else "-"
    remedy = f"use a zone of {region}: {', '.join(f'{region}{sign}{letter}' for letter in letters)}"
    if re.fullmatch(r"[a-z]{3}\d-az\d", zone):
        reason = f"{zone!r} is the ID of a zone, but the name of one is expected here"
        return finding(document, "RTS606", where, reason, remedy)
    if not re.fullmatch(re.escape(region) + f"({ZONE_FORMS[cloud]})", zone):
        reason = f"zone {zone!r} is not in region {region!r}"
        if zone == region:
            reason = f"{zone!r} is a region, not a zone"
        return finding(document, "RTS606", where, reason, remedy)
    letter = zone.removeprefix(region).removeprefix(sign)
    if len(letter) == 1 and letter not in letters:
        reason = f"region {region!r} has no zone {letter!r}, as far as was known in {regions()[cloud]['as_of']}"
        severity: Severity | None = "warning" if cloud == "aws" else None  # accounts may have other letters
        return finding(document, "RTS606", where, reason, remedy, severity=severity)
    return None


def azure_zones(document: ClusterDocument, where: KeyPath, given: object, region: str) -> Iterator[Finding]:
    """Yield mistakes in the zones of Azure, which are numbers in a text, such as "1,2"."""
    if given is None:
        return
    if not isinstance(given, str):
        reason = f"`availability_zone` is {given!r}, but Ray expects text"
        text = ",".join(map(str, given)) if isinstance(given, list) else given
        yield finding(document, "RTS901", where, reason, f'write `availability_zone: "{text}"`')
        return
    names = [zone.strip() for zone in given.split(",")]
    if len(names) == 1 and names[0].lower() in ("auto", "none", "null"):
        return
    for zone in names:
        if zone not in ("1", "2", "3"):
            reason = f"{zone!r} is not a zone of Azure"
            yield finding(document, "RTS606", where, reason, 'write numbers, such as `availability_zone: "1,2"`')
            return
    if not regions()["azure"]["regions"].get(region, "123"):
        reason = f"region {region!r} has no zones, as far as was known in {regions()['azure']['as_of']}"
        yield finding(document, "RTS606", where, reason, 'remove it, or write `availability_zone: "none"`')


@lru_cache(maxsize=4096)
def named(cloud: str, text: str) -> tuple[tuple[str, str], ...]:
    """Return what a text refers to, each with its region or zone."""
    return tuple((what, name) for what, pattern in REFERENCES.get(cloud, ()) for name in re.findall(pattern, text))


def references(document: ClusterDocument, cloud: str, region: str) -> Iterator[Finding]:
    """Yield texts that refer to something in another region or zone than the nodes."""
    zones_of_file = document.get("provider", "availability_zone")
    allowed = {zone.strip() for zone in str(zones_of_file).split(",")} if zones_of_file else set()
    for where, text in document.scalars():
        for what, name in named(cloud, text):
            here = region if what != "zone" else next(iter(allowed), name)
            if name == here or (what == "zone" and not allowed):
                continue
            reason = f"the {what} is in {name}, but the nodes are in {here}"
            harmless: Severity | None = "warning" if what in HARMLESS else None
            yield finding(document, "RTS910", where, reason, f"use one in {here}", severity=harmless)
    for name in document.mapping("available_node_types") if cloud == "aws" else ():
        config: KeyPath = ("available_node_types", name, "node_config")
        for place in ((*config, "Placement", "AvailabilityZone"),):
            zone = document.get(*place)
            if not isinstance(zone, str):
                continue
            wrong = wrong_zone(document, cloud, place, zone, region)
            if wrong is not None:
                reason = f"zone {zone!r} is not one of region {region!r}, where the nodes are"
                yield finding(document, "RTS910", place, reason, wrong.remedy, severity=wrong.severity)
            elif allowed and zone not in allowed:
                reason = f"the nodes are placed in {zone}, but `availability_zone` is {zones_of_file}"
                yield finding(document, "RTS910", place, reason, f"add {zone} to `availability_zone`, or remove this")
