"""Ask Azure about a file: whether its subscription, sizes and images exist in the location, and the quotas.

The template that Ray deploys cannot be validated before Ray has created the resource group.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.checks.online.rest import NotAskedError, RestClient, filled_in, quota, refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding
    from raytune_suite.cluster.document import ClusterDocument, KeyPath
    from raytune_suite.cluster.pools import Pool

ROOT = "https://management.azure.com"
SUBSCRIPTIONS, SKUS, COMPUTE = "2022-12-01", "2021-07-01", "2024-07-01"
"""Versions of the interface: subscriptions, sizes, and the rest of Microsoft.Compute."""

SPOT_CORES, ALL_CORES = "lowPriorityCores", "cores"
"""The quotas of a region's virtual CPUs, of spot machines and of all others."""


def check(document: ClusterDocument, pools: list[Pool], client: RestClient | None = None) -> Iterator[Finding]:
    """Yield what Azure answers about a file for Azure.

    Args:
        document: The file.
        pools: Its pools.
        client: The client; by default one with the credentials that azure-identity finds.
    """
    rest = RestClient(ROOT, token) if client is None else client
    subscription, location = document.get("provider", "subscription_id"), document.get("provider", "location")
    place: KeyPath = ("provider", "subscription_id")
    if not filled_in(subscription) or not filled_in(location):
        reason = "the subscription or the location has no value yet"
        yield finding(document, "RTS922", ("provider",), reason, "replace the placeholder")
        return
    compute = f"subscriptions/{subscription}/providers/Microsoft.Compute"
    region = f"{compute}/locations/{location}"
    try:
        answer = rest.get(f"subscriptions/{subscription}", **{"api-version": SUBSCRIPTIONS})
        if answer.failed:
            yield refused(document, place, answer, f"the subscription {subscription}", "see `az account list`")
            return
        selected = {"api-version": SKUS, "$filter": f"location eq '{location}'"}
        answer = rest.get(f"{compute}/skus", **selected)
        if answer.failed:
            yield refused(document, ("provider", "location"), answer, "the location", "see `az account list-locations`")
            return
        sizes = {
            str(one["name"]).lower(): one
            for one in answer.value.get("value", [])
            if one.get("resourceType") == "virtualMachines"
        }
        usages = rest.get(f"{region}/usages", **{"api-version": COMPUTE})
        free = {
            plain(str(one["name"]["value"])): one["limit"] - one["currentValue"]
            for one in usages.value.get("value", [])
        }
        for pool in pools:
            yield from size(document, pool, sizes, free)
            yield from image(document, pool, rest, region)
    except NotAskedError as error:
        yield finding(document, "RTS922", ("provider",), f"Azure was not asked: {error}", error.remedy)


def token() -> str:
    """Return an access token of the credentials that azure-identity finds.

    Raises:
        NotAskedError: If azure-identity is not installed, or there are no credentials.
    """
    try:
        identity, core = import_module("azure.identity"), import_module("azure.core.exceptions")
    except ImportError as error:
        raise NotAskedError("the package azure-identity is not installed", "pip install azure-identity") from error
    try:
        return str(identity.DefaultAzureCredential().get_token(f"{ROOT}/.default").token)
    except core.ClientAuthenticationError as error:
        raise NotAskedError("azure-identity finds no credentials", "run `az login`") from error


def plain(name: str) -> str:
    """Return the name of a quota as sizes and quotas write it alike: without spaces, in lower case.

    Example:
        >>> plain("Standard NCASv3_T4 Family") == plain("standardNCASv3_T4Family")
        True
    """
    return name.replace(" ", "").lower()


def size(
    document: ClusterDocument, pool: Pool, sizes: dict[str, dict[str, Any]], free: dict[str, float]
) -> Iterator[Finding]:
    """Yield a size that the location does not have or the subscription may not use, or a quota that is too small.

    Args:
        document: The file.
        pool: The pool.
        sizes: What Azure says about each size, by its name in lower case.
        free: What is left of each quota, by its plain name.
    """
    where: KeyPath = (*pool.where, "node_config", "azure_arm_parameters", "vmSize")
    name = pool.instance_type_name
    if not filled_in(name):
        return
    facts = sizes.get(str(name).lower())
    location = document.get("provider", "location")
    if facts is None:
        remedy = f"see `az vm list-skus --location {location} --size {name}`"
        yield finding(document, "RTS921", where, f"{location} does not offer {name}", remedy)
        return
    blocked = [one for one in facts.get("restrictions", []) if one.get("type") == "Location"]
    if blocked:
        reason = f"{name} is not available in {location} for this subscription: {blocked[0].get('reasonCode')}"
        yield finding(document, "RTS921", where, reason, "use another size or location, or ask Azure's support")
        return
    can = {one["name"]: one["value"] for one in facts.get("capabilities", [])}
    if pool.spot and can.get("LowPriorityCapable") == "False":
        yield finding(document, "RTS921", where, f"{name} cannot be a spot machine", "remove `priority`")
    cpus = float(can.get("vCPUs", 0))
    for quota_name in (SPOT_CORES,) if pool.spot else (str(facts.get("family", "")), ALL_CORES):
        if plain(quota_name) in free:
            found = quota(document, where, quota_name, free[plain(quota_name)], cpus, max(pool.max_machines, 1))
            if found is not None:
                yield found


def image(document: ClusterDocument, pool: Pool, rest: RestClient, region: str) -> Iterator[Finding]:
    """Yield a machine image that the location does not have."""
    arm: KeyPath = (*pool.where, "node_config", "azure_arm_parameters")
    keys = ("imagePublisher", "imageOffer", "imageSku", "imageVersion")
    publisher, offer, sku, version = (document.get(*arm, key) for key in keys)
    if not (filled_in(publisher) and filled_in(offer) and filled_in(sku) and isinstance(version, str)):
        return
    path = f"{region}/publishers/{publisher}/artifacttypes/vmimage/offers/{offer}/skus/{sku}/versions"
    one = filled_in(version) and version != "latest"
    answer = rest.get(f"{path}/{version}" if one else path, **{"api-version": COMPUTE})
    if answer.failed:
        remedy = f"see `az vm image list --publisher {publisher} --offer {offer} --sku {sku} --all`"
        key = "imageVersion" if one else "imageSku"
        what = f"the image {publisher}:{offer}:{sku}{f':{version}' if one else ''}"
        yield refused(document, (*arm, key), answer, what, remedy)
