"""Read the public price lists of clouds: EC2's offers, Azure's retail prices, and SkyPilot's catalogs.

Google publishes prices only by SKU and with a key, so that those of Compute Engine come from SkyPilot's catalog.
"""

from __future__ import annotations

import csv
import json
import re
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from raytune_suite.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from io import TextIOWrapper

Machines = dict[str, dict[str, Any]]
"""The facts about machines by name, see `prices.recorded`."""

REGIONS = {"aws": "us-east-1", "gcp": "us-central1", "azure": "eastus"}
"""The region of each cloud whose prices are read by default."""

EC2_OFFERS = "https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws/AmazonEC2/current/{region}/index.csv"
AZURE_PRICES = "https://prices.azure.com/api/retail/prices?$filter="
SKYPILOT = "https://raw.githubusercontent.com/skypilot-org/skypilot-catalog/master/catalogs/v8/{cloud}/vms.csv"

ON_DEMAND = {
    "TermType": "OnDemand",
    "Tenancy": "Shared",
    "Operating System": "Linux",
    "Pre Installed S/W": "NA",
    "CapacityStatus": "Used",
    "Unit": "Hrs",
}
"""The columns of EC2's offers that select on-demand Linux machines."""

BUILT_IN = {
    "g2-standard": "L4",
    "a2-ultragpu": "A100-80GB",
    "a2": "A100",
    "a3-ultragpu": "H200",
    "a3-megagpu": "H100-MEGA",
    "a3": "H100",
    "a4": "B200",
}
"""SkyPilot's names of the GPUs of Compute Engine's machines, whose prices its catalog lists separately."""

TIMEOUT_S = 60.0


def open_text(address: str) -> TextIOWrapper:
    """Open a public address for reading.

    Raises:
        ArgumentError: If it cannot be reached.
    """
    from io import TextIOWrapper
    from urllib.error import URLError
    from urllib.request import urlopen

    try:
        return TextIOWrapper(urlopen(address, timeout=TIMEOUT_S), encoding="utf-8")  # noqa: S310 - one of the constants above
    except (URLError, TimeoutError) as error:
        raise ArgumentError(
            f"{address.partition('?')[0]} cannot be read ({error}): connect to the network, or use `--file`"
        ) from error


def ec2(lines: Iterable[str]) -> Machines:
    """Return the on-demand machines in EC2's offers of a region, in CSV."""
    rows = iter(lines)
    header = next((line for line in rows if line.startswith('"SKU"')), "")
    result: Machines = {}
    for row in csv.DictReader(chain([header], rows)):
        price = number(row.get("PricePerUnit"))
        if price and all(row.get(key) == value for key, value in ON_DEMAND.items()):
            facts = {"cpus": number(row.get("vCPU")), "memory": number(row.get("Memory"))}
            facts["gpus"] = number(row.get("GPU"))
            result[str(row["Instance Type"])] = {"price": price, **{key: one for key, one in facts.items() if one}}
    return result


def azure(items: Iterable[dict[str, Any]]) -> Machines:
    """Return the on-demand and spot prices in entries of Azure's retail prices: the lowest of each machine."""
    result: Machines = {}
    for item in items:
        kind, name = str(item.get("skuName")), str(item.get("armSkuName"))
        if "Windows" in str(item.get("productName")) or "Low Priority" in kind or item.get("type") != "Consumption":
            continue
        key, price = "spot" if "Spot" in kind else "price", float(item["retailPrice"])
        if price > 0:
            facts = result.setdefault(name, {})
            facts[key] = min(price, facts.get(key, price))
    return result


def azure_items(region: str) -> Iterator[dict[str, Any]]:
    """Yield Azure's retail prices of machines in a region, page by page."""
    wanted = f"serviceName eq 'Virtual Machines' and armRegionName eq '{region}' and priceType eq 'Consumption'"
    address: str | None = AZURE_PRICES + quote(wanted)
    while address:
        with open_text(address) as page:
            content = json.load(page)
        yield from content["Items"]
        address = content.get("NextPageLink")
        if address and not address.startswith("https://prices.azure.com"):
            return


def skypilot(lines: Iterable[str], region: str) -> Machines:
    """Return the machines of a region in a catalog of SkyPilot: prices are those of the cheapest zone."""
    result: Machines = {}
    gpus: Machines = {}
    for row in csv.DictReader(lines):
        if row.get("Region") != region:
            continue
        name, gpu = row.get("InstanceType") or "", row.get("AcceleratorName") or ""
        facts = {"cpus": number(row.get("vCPUs")), "memory": number(row.get("MemoryGiB"))}
        facts["gpus"] = number(row.get("AcceleratorCount"))
        place = result if name else gpus
        one = place.setdefault(name or f"{gpu}:{facts['gpus']:g}", {})
        one |= {key: value for key, value in facts.items() if value} | ({"gpu": gpu} if gpu else {})
        for key, column in (("price", "Price"), ("spot", "SpotPrice")):
            price = number(row.get(column))
            if price:
                one[key] = min(price, one.get(key, price))
    for name, facts in result.items():
        add_built_in(name, facts, gpus)
    return {name: facts for name, facts in result.items() if "price" in facts}


def add_built_in(name: str, facts: dict[str, Any], gpus: Machines) -> None:
    """Add the price of the GPUs that a machine of Compute Engine has; without it, remove the machine's price."""
    gpu = next((known for start, known in BUILT_IN.items() if name.startswith(f"{start}-")), None)
    if gpu is None:
        return
    count = re.search(r"-(\d+)g(?:-|$)", name)
    by_cpus = {"4": 1, "8": 1, "12": 1, "16": 1, "24": 2, "32": 1, "48": 4, "96": 8}
    number_of = int(count[1]) if count else by_cpus.get(name.rpartition("-")[2], 0)
    price = gpus.get(f"{gpu}:{number_of}", {})
    for key in ("price", "spot"):
        if key in facts and key in price:
            facts[key] = round(facts[key] + price[key], 5)
        else:
            facts.pop(key, None)


def number(text: str | None) -> float:
    """Return the number at the beginning of a text such as "16 GiB" or "1,024 GiB", 0 if there is none."""
    match = re.match(r"[\d,]+(\.\d+)?", text or "")
    return float(match[0].replace(",", "")) if match else 0.0


def installed_catalog(cloud: str) -> Path | None:
    """Return the newest catalog of a SkyPilot installed here, None if there is none."""
    found = Path("~/.sky/catalogs").expanduser().glob(f"v*/{cloud}/vms.csv")
    return max(found, key=lambda place: number(place.parts[-3][1:]), default=None)


def read(cloud: str, region: str, file: Path | None = None) -> tuple[Machines, str]:
    """Return a cloud's machines in a region, and their source.

    Args:
        cloud: "aws", "gcp" or "azure".
        region: The region.
        file: A catalog of SkyPilot; by default that of an installed SkyPilot, then the cloud's own list.

    Raises:
        ArgumentError: If the source cannot be reached, or has no machine in the region.
    """
    place = file or installed_catalog(cloud)
    if place is not None:
        with place.open(encoding="utf-8") as lines:
            machines, source = skypilot(lines, region), f"SkyPilot's catalog {place}"
    elif cloud == "azure":
        machines, source = azure(azure_items(region)), "prices.azure.com"
    else:
        template, parse = (EC2_OFFERS, ec2) if cloud == "aws" else (SKYPILOT, lambda rows: skypilot(rows, region))
        source = template.format(region=region, cloud=cloud)
        with open_text(source) as lines:
            machines = parse(lines)
    if not machines:
        raise ArgumentError(f"{source} has no prices of {cloud} in the region {region!r}: check `--region`")
    return machines, source
