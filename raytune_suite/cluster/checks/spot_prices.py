"""Check the highest price of spot machines against the price of the same machines on demand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.pools import provider

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding
    from raytune_suite.cluster.document import ClusterDocument, KeyPath
    from raytune_suite.cluster.pools import Pool

PRICE: dict[str, KeyPath] = {
    "aws": ("node_config", "InstanceMarketOptions", "SpotOptions", "MaxPrice"),
    "azure": ("node_config", "azure_arm_parameters", "billingProfile", "maxPrice"),
}
"""Where a node type states the highest price, by cloud."""

LOWEST_SHARE, HIGHEST_SHARE = 0.15, 3.0
"""Spot machines cost about 30 to 70 % of the on-demand price, and never more than it."""


def check(document: ClusterDocument, pool: Pool) -> Iterator[Finding]:
    """Yield a highest price at which no machine starts, or that was probably meant in another unit."""
    where: KeyPath = (*pool.where, *PRICE.get(provider(document), ("none",)))
    machine, given = pool.instance_type, document.get(*where)
    try:
        price = float(given) if isinstance(given, (str, int, float)) and not isinstance(given, bool) else 0.0
    except ValueError:
        return
    if machine is None or machine.price is None or price <= 0:
        return
    share = price / machine.price
    usual = f"{machine.name} costs about {machine.price:g} dollars per hour on demand"
    if share < LOWEST_SHARE:
        reason = f"`{where[-1]}` is {given}, but {usual}: at this price no spot machine starts"
        yield finding(
            document, "RTS902", where, reason, "leave it out, which stands for the on-demand price", severity="warning"
        )
    elif share > HIGHEST_SHARE:
        reason = f"`{where[-1]}` is {given} dollars per hour for each machine, but {usual}"
        yield finding(
            document, "RTS902", where, reason, "leave it out, which stands for the on-demand price", severity="warning"
        )
