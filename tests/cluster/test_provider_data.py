"""The dated data about clouds and Ray fit what is installed, and are written by the command that they name."""

from __future__ import annotations

import gzip
import importlib
import json
from pathlib import Path

import pytest

from raytune_suite.cluster import provider_data
from raytune_suite.cluster.provider_data import refresh


@pytest.mark.slow
def test_the_options_of_ray_start_are_those_of_the_installed_ray() -> None:
    assert refresh.ray_start_table() == json.loads(provider_data.read("ray_start.json"))


def test_the_schema_of_ec2_is_written_from_botocore() -> None:
    botocore = Path(str(importlib.import_module("botocore").__file__)).parent
    model = json.loads(gzip.decompress((botocore / "data/ec2/2016-11-15/service-2.json.gz").read_bytes()))
    written = refresh.ec2_schema(model, "now")["definitions"]
    shipped = provider_data.schema("aws")["definitions"]
    assert set(shipped) <= set(written)
    assert set(shipped["RunInstancesRequest"]["properties"]) <= set(written["RunInstancesRequest"]["properties"])


def test_a_discovery_document_becomes_a_schema() -> None:
    parts = {
        "Instance": {
            "type": "object",
            "properties": {
                "disks": {"type": "array", "items": {"$ref": "Disk"}},
                "labels": {"type": "object", "additionalProperties": {"type": "string"}},
            },
        },
        "Disk": {"type": "object", "properties": {"sizeGb": {"type": "string", "format": "int64"}}},
    }
    definitions = refresh.compute_schema({"revision": "1", "schemas": parts})["definitions"]
    assert definitions["Instance"]["properties"]["disks"]["items"] == {"$ref": "#/definitions/Disk"}
    assert definitions["Instance"]["properties"]["labels"]["additionalProperties"] == {"type": "string"}
    assert definitions["Disk"]["properties"]["sizeGb"]["type"] == ["integer", "string"]
    assert definitions["Disk"]["additionalProperties"] is False


@pytest.mark.parametrize("cloud", ["aws", "gcp", "azure"])
def test_regions_are_dated_and_have_a_source(cloud: str) -> None:
    facts = provider_data.regions()[cloud]
    assert facts["as_of"]
    assert facts["source"]
    assert all(set(letters) <= set("abcdef123") for letters in facts["regions"].values())


def test_the_data_are_small() -> None:
    folder = Path(str(provider_data.__file__)).parent
    assert sum(file.stat().st_size for file in folder.iterdir() if file.suffix in {".json", ".csv", ".toml"}) < 300_000


def test_the_table_of_ec2_has_the_limits_of_a_type() -> None:
    facts = {
        "VCpuInfo": {"DefaultVCpus": 4, "DefaultThreadsPerCore": 2},
        "MemoryInfo": {"SizeInMiB": 16384},
        "ProcessorInfo": {"SupportedArchitectures": ["x86_64"]},
        "NetworkInfo": {"MaximumNetworkInterfaces": 4, "EfaInfo": {"MaximumEfaInterfaces": 1}},
        "SupportedUsageClasses": ["on-demand"],
        "DedicatedHostsSupported": False,
    }
    table = refresh.ec2_table({"shapes": {"InstanceType": {"enum": ["a.b", "new.type"]}}}, {"a.b": facts}, {}, "now")
    assert table.splitlines()[1:] == [
        ",".join(refresh.EC2_COLUMNS),
        "a.b,4,16.0,0,,x86_64,,4,1,1,2,spot hosts cluster",
        "new.type" + "," * (len(refresh.EC2_COLUMNS) - 1),
    ]


def test_what_a_type_of_ec2_lacks_is_read() -> None:
    machine = provider_data.ec2_machines()["g6.xlarge"]
    assert machine is not None
    assert (machine.interfaces, machine.cards, machine.efas, machine.threads) == (4, 1, 0, 2)
    assert "hibernation" in machine.lacks
