"""Dated data about what clouds and Ray accept: JSON schemas of requests, regions, and instance types.

`python -m raytune_suite.cluster.provider_data.refresh` writes the files anew from the providers' own descriptions.
"""

from __future__ import annotations

import csv
import json
import tomllib
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

SCHEMAS = {"aws": "ec2_run_instances.json", "gcp": "compute_instance.json"}
"""The files with the JSON schema of a node_config. Azure's is made from the template that Ray deploys."""


class MachineFacts(NamedTuple):
    """What EC2 reports about an instance type; empty if only its name is known.

    Attributes:
        cpus: Virtual CPUs.
        memory: GiB.
        gpus: The number of GPUs.
        gpu: The model of the GPUs.
        architecture: "x86_64" or "arm64".
        regions: The regions that offer it; empty if unknown, as for all types without GPUs.
    """

    cpus: int
    memory: float
    gpus: int
    gpu: str
    architecture: str
    regions: tuple[str, ...] = ()


def read(name: str) -> str:
    """Return the text of a data file."""
    return resources.files(__name__).joinpath(name).read_text(encoding="utf-8")


@cache
def schema(cloud: str) -> dict[str, Any]:
    """Return the JSON schema of a node_config for "aws" or "gcp"."""
    result: dict[str, Any] = json.loads(read(SCHEMAS[cloud]))
    return result


@cache
def regions() -> dict[str, Any]:
    """Return the contents of regions.toml."""
    return tomllib.loads(read("regions.toml"))


def settings(cloud: str) -> list[str]:
    """Return the names of a machine's settings: the keys of a node_config for "aws" or "gcp"."""
    request = schema(cloud)
    return list(request["definitions"][request["$ref"].rpartition("/")[2]]["properties"])


@cache
def ec2_machines() -> dict[str, MachineFacts | None]:
    """Return what EC2 reports about each instance type; None if only its name is known."""
    lines = [line for line in read("ec2_instance_types.csv").splitlines() if not line.startswith("#")]
    return {
        row["name"]: MachineFacts(
            int(row["cpus"]),
            float(row["memory"]),
            int(row["gpus"]),
            row["gpu"],
            row["architecture"],
            tuple(row["regions"].split()),
        )
        if row["cpus"]
        else None
        for row in csv.DictReader(lines)
    }
