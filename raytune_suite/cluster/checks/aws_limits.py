"""Checks of a file for AWS against what EC2 reports about an instance type: network, cores, how it is sold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.pools import dicts
from raytune_suite.cluster.provider_data import ec2_machines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding
    from raytune_suite.cluster.document import ClusterDocument, KeyPath
    from raytune_suite.cluster.provider_data import MachineFacts

OFFERS: dict[str, tuple[KeyPath, str, str]] = {
    "spot": (("InstanceMarketOptions", "MarketType"), "spot", "as spot machines"),
    "hosts": (("Placement", "Tenancy"), "host", "on dedicated hosts"),
    "hibernation": (("HibernationOptions", "Configured"), "True", "with hibernation"),
}
"""What EC2 does not offer for all types: the setting, its value, and words for it."""


def check(document: ClusterDocument, where: KeyPath) -> Iterator[Finding]:
    """Yield what the machine of a node type, whose node_config is at a key path, cannot have."""
    interfaces = dicts(document.entries(*where, "NetworkInterfaces"))
    yield from same_place(document, (*where, "NetworkInterfaces"), interfaces)
    name = str(document.get(*where, "InstanceType"))
    facts = ec2_machines().get(name)
    if facts is None:
        return
    if interfaces and facts.interfaces:
        yield from adapters(document, (*where, "NetworkInterfaces"), interfaces, name, facts)
    threads = document.get(*where, "CpuOptions", "ThreadsPerCore")
    if isinstance(threads, int) and facts.threads and threads > facts.threads:
        reason = f"a core of {name} has {facts.threads} thread, not {threads}"
        yield finding(document, "RTS905", (*where, "CpuOptions", "ThreadsPerCore"), reason, "remove `CpuOptions`")
    for what, (setting, value, words) in OFFERS.items():
        if what in facts.lacks and str(document.get(*where, *setting)) == value:
            reason = f"EC2 did not offer {name} {words} when this was recorded"
            remedy = "remove it, or use another type"
            yield finding(document, "RTS905", (*where, *setting), reason, remedy, severity="warning")


def same_place(document: ClusterDocument, where: KeyPath, interfaces: list[dict[str, Any]]) -> Iterator[Finding]:
    """Yield network interfaces that have the same place in a machine: the index of the card and of the device."""
    places: dict[tuple[Any, Any], int] = {}
    for index, one in enumerate(interfaces):
        place = (one.get("NetworkCardIndex", 0), one.get("DeviceIndex"))
        if place[1] is not None and place in places:
            reason = f"two network interfaces have `DeviceIndex: {place[1]}` on the card {place[0]}"
            remedy = f"write `DeviceIndex: {index}`"
            yield finding(document, "RTS902", (*where, index, "DeviceIndex"), reason, remedy)
        places[place] = index


def adapters(
    document: ClusterDocument, where: KeyPath, interfaces: list[dict[str, Any]], name: str, facts: MachineFacts
) -> Iterator[Finding]:
    """Yield more network interfaces, cards or Elastic Fabric Adapters than a type has."""
    if len(interfaces) > facts.interfaces:
        reason = f"{name} has at most {facts.interfaces} network interfaces, not {len(interfaces)}"
        yield finding(document, "RTS905", where, reason, "remove some, or use a larger type")
    fast = [index for index, one in enumerate(interfaces) if str(one.get("InterfaceType")).startswith("efa")]
    if len(fast) > facts.efas:
        have = f"at most {facts.efas} Elastic Fabric Adapter(s)" if facts.efas else "no Elastic Fabric Adapter"
        reason = f"{name} has {have} (`InterfaceType: efa`)"
        place = (*where, fast[facts.efas], "InterfaceType")
        remedy = "write `InterfaceType: interface`, or use a type with more of them"
        yield finding(document, "RTS905", place, reason, remedy, severity="warning" if facts.efas else None)
    for index, one in enumerate(interfaces):
        card = one.get("NetworkCardIndex", 0)
        if isinstance(card, int) and card >= facts.cards:
            reason = f"`NetworkCardIndex` is {card}, but {name} has {facts.cards} network card(s), counted from 0"
            place = (*where, index, "NetworkCardIndex")
            remedy = f"write a number up to {facts.cards - 1}"
            yield finding(document, "RTS902", place, reason, remedy, severity="warning")
