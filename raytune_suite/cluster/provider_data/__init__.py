"""Dated data about what clouds and Ray accept: JSON schemas of requests, regions, instance types, options.

`python -m raytune_suite.cluster.provider_data.refresh` rewrites the files from what the providers publish.
"""

from __future__ import annotations

import csv
import json
import tomllib
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

from raytune_suite.cluster.provider_data.azure import template_schema

SCHEMAS = {"aws": "ec2_run_instances.json", "gcp": "compute_instance.json"}
"""The files with the JSON schema of a node_config. Azure's is made from the template that Ray deploys."""

CLOUDS = (*SCHEMAS, "azure")
"""The providers of which this package knows the schema of a node_config."""


class MachineFacts(NamedTuple):
    """What EC2 reports about an instance type; empty if only its name is known.

    Attributes:
        cpus: Virtual CPUs.
        memory: GiB.
        gpus: The number of GPUs.
        gpu: The model of the GPUs.
        architecture: "x86_64" or "arm64".
        regions: The regions that offer it; empty if unknown, as for all types without GPUs.
        interfaces: The most network interfaces.
        cards: The number of network cards.
        efas: The most Elastic Fabric Adapters; 0 if it has none.
        threads: Threads of each core; 0 if unknown.
        lacks: What EC2 does not offer for it: "spot", "hosts" (dedicated ones), "hibernation",
            "cluster" (placement groups).
    """

    cpus: int
    memory: float
    gpus: int
    gpu: str
    architecture: str
    regions: tuple[str, ...] = ()
    interfaces: int = 0
    cards: int = 0
    efas: int = 0
    threads: int = 0
    lacks: tuple[str, ...] = ()


def read(name: str) -> str:
    """Return the text of a data file."""
    return resources.files(__name__).joinpath(name).read_text(encoding="utf-8")


@cache
def schema(cloud: str) -> dict[str, Any]:
    """Return the JSON schema of a node_config for "aws", "gcp" or "azure"."""
    if cloud == "azure":
        return template_schema()
    result: dict[str, Any] = json.loads(read(SCHEMAS[cloud]))
    return result


@cache
def regions() -> dict[str, Any]:
    """Return the contents of regions.toml."""
    return tomllib.loads(read("regions.toml"))


@cache
def ray_commands() -> dict[str, list[str]]:
    """Return the options, and names of arguments, of each command of `ray`."""
    commands: dict[str, list[str]] = json.loads(read("ray_start.json"))["commands"]
    return commands


@cache
def setting_rules() -> dict[str, list[dict[str, Any]]]:
    """Return the contents of setting_rules.toml: the rules of each section."""
    return tomllib.loads(read("setting_rules.toml"))


@cache
def serve_schema() -> dict[str, Any]:
    """Return the JSON schema of a config of Ray Serve."""
    result: dict[str, Any] = json.loads(read("serve_config.json"))
    return result


@cache
def ray_start_options() -> dict[str, str]:
    """Return the options of `ray start` with their types: "integer", "float", "boolean", "flag", "text" or choices."""
    options: dict[str, str] = json.loads(read("ray_start.json"))["options"]
    return options


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
            int(row["interfaces"]),
            int(row["cards"]),
            int(row["efas"]),
            int(row["threads"] or 0),
            tuple(row["lacks"].split()),
        )
        if row["cpus"]
        else None
        for row in csv.DictReader(lines)
    }
