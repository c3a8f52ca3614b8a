"""Prices and machine types are read from public lists, and recorded for the check."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import pytest

from raytune_suite.cli import main
from raytune_suite.cluster import instance_types, price_lists, prices
from raytune_suite.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OFFERS = """\
"FormatVersion","v1.0"
"Publication Date","2026-11-20T00:00:00Z"
"SKU","TermType","Unit","PricePerUnit","Instance Type","vCPU","Memory","GPU","Tenancy","Operating System","Pre Installed S/W","CapacityStatus"
"A","OnDemand","Hrs","0.8048000000","g6.xlarge","4","16 GiB","1","Shared","Linux","NA","Used"
"B","OnDemand","Hrs","0.9900000000","g6.xlarge","4","16 GiB","1","Dedicated","Linux","NA","Used"
"C","OnDemand","Hrs","0.9000000000","g6.xlarge","4","16 GiB","1","Shared","Windows","NA","Used"
"D","OnDemand","Hrs","55.0400000000","p5.48xlarge","192","2,048 GiB","8","Shared","Linux","NA","Used"
"E","Reserved","Hrs","0.1000000000","m5.large","2","8 GiB","","Shared","Linux","NA","Used"
"""  # noqa: E501 - as in the list

CATALOG = """\
InstanceType,vCPUs,MemoryGiB,AcceleratorName,AcceleratorCount,GpuInfo,Region,AvailabilityZone,Price,SpotPrice
a3-highgpu-8g,208.0,1872.0,,,,us-central1,us-central1-a,9.46006,2.17547
a3-highgpu-8g,208.0,1872.0,,,,us-east4,us-east4-a,1.0,1.0
a2-highgpu-1g,12.0,85.0,,,,us-central1,us-central1-a,0.73948,0.44371
n2-standard-8,8.0,32.0,,,,us-central1,us-central1-a,0.39,0.10
n2-standard-8,8.0,32.0,,,,us-central1,us-central1-b,0.38,0.11
x9-standard-4,4.0,16.0,,,,us-central1,us-central1-b,0.5,
,,,H100,8.0,,us-central1,us-central1-a,78.5,20.0
"""


def item(sku: str, price: float, name: str = "Standard_NC8as_T4_v3", product: str = "NCasT4_v3") -> dict[str, object]:
    facts = {"armSkuName": name, "skuName": sku, "retailPrice": price, "productName": product}
    return {**facts, "type": "Consumption"}


def test_only_on_demand_linux_machines_of_ec2_are_read() -> None:
    assert price_lists.ec2(io.StringIO(OFFERS)) == {
        "g6.xlarge": {"price": 0.8048, "cpus": 4, "memory": 16, "gpus": 1},
        "p5.48xlarge": {"price": 55.04, "cpus": 192, "memory": 2048, "gpus": 8},
    }
    assert price_lists.ec2([]) == {}


def test_prices_of_azure_are_on_demand_and_spot() -> None:
    items = [
        item("NC8as T4 v3", 0.752),
        item("NC8as T4 v3 Spot", 0.3),
        item("NC8as T4 v3 Low Priority", 0.1),
        item("NC8as T4 v3", 1.1, product="NCasT4_v3 Windows"),
    ]
    assert price_lists.azure(items) == {"Standard_NC8as_T4_v3": {"price": 0.752, "spot": 0.3}}


def test_a_catalog_of_skypilot_has_the_cheapest_zone_and_separate_gpus() -> None:
    machines = price_lists.skypilot(io.StringIO(CATALOG), "us-central1")
    assert machines["n2-standard-8"] == {"cpus": 8, "memory": 32, "price": 0.38, "spot": 0.10}
    assert machines["a3-highgpu-8g"]["price"] == 87.96006
    assert "a2-highgpu-1g" not in machines  # the catalog has no price of its GPU


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("RAYTUNE_SUITE_DATA", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    instance_types.instance_types.cache_clear()
    yield tmp_path
    instance_types.instance_types.cache_clear()


def test_recorded_prices_and_machines_take_precedence(folder: Path) -> None:
    catalog = folder / "vms.csv"
    catalog.write_text(CATALOG)
    before = instance_types.price_note("gcp")
    assert main(["cluster", "prices", "gcp", "--file", str(catalog)]) == 0
    assert json.loads((folder / "prices" / "gcp.json").read_text())["region"] == "us-central1"
    machines = instance_types.instance_types("gcp")
    assert (machines["n2-standard-8"].price, machines["n2-standard-8"].spot) == (0.38, 0.10)
    assert (machines["a3-highgpu-8g"].gpu, machines["a3-highgpu-8g"].gpus) == ("H100", 8)
    assert (machines["x9-standard-4"].cpus, machines["x9-standard-4"].memory) == (4, 16.0)
    assert instance_types.price_note("gcp") != before
    assert "vms.csv" in instance_types.price_note("gcp")


def test_an_installed_skypilot_is_preferred(folder: Path) -> None:
    for version in ("v9", "v10"):
        place = folder / ".sky" / "catalogs" / version / "gcp" / "vms.csv"
        place.parent.mkdir(parents=True)
        place.write_text(CATALOG)
    assert "v10" in price_lists.read("gcp", "us-central1")[1]


def test_a_region_without_prices_is_rejected(folder: Path) -> None:
    catalog = folder / "vms.csv"
    catalog.write_text(CATALOG)
    with pytest.raises(ArgumentError, match="mars-1"):
        price_lists.read("gcp", "mars-1", catalog)


@pytest.mark.usefixtures("folder")
def test_damaged_records_are_ignored() -> None:
    prices.record("aws", "us-east-1", "here", "2026-11-28", {}).write_text("[")
    assert prices.recorded("aws") == {}
    assert instance_types.instance_types("aws")["g6.xlarge"].price is not None
