"""Instance types of the clouds: CPUs, GPUs, memory and indicative prices, from the dated table instance_types.toml."""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any


@dataclass(frozen=True)
class InstanceType:
    """An instance type of a cloud.

    Attributes:
        name: The cloud's name for it.
        cpus: Virtual CPUs.
        memory: GiB.
        gpus: The number of GPUs.
        gpu: The model of the GPUs, "" if it has none.
        price: Indicative on-demand price in US dollars per hour; None if unknown.
        spot: Indicative spot price in US dollars per hour; None if unknown.
    """

    name: str
    cpus: int
    memory: int
    gpus: int = 0
    gpu: str = ""
    price: float | None = None
    spot: float | None = None


@cache
def table() -> dict[str, Any]:
    """Return the contents of instance_types.toml."""
    text = resources.files("raytune_suite.cluster").joinpath("instance_types.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def instance_types(cloud: str) -> dict[str, InstanceType]:
    """Return the known instance types of a cloud ("aws", "gcp", "azure") by name; none for other providers.

    Example:
        >>> instance_types("aws")["g6.48xlarge"].gpus
        8
    """
    return {name: InstanceType(name, **facts) for name, facts in table().get(cloud, {}).get("machines", {}).items()}


def in_complete_family(cloud: str, name: str) -> bool:
    """Return whether the table lists every size of the family that `name` belongs to.

    Example:
        >>> in_complete_family("aws", "g5.13xlarge"), in_complete_family("aws", "m7g.large")
        (True, False)
    """
    return name.startswith(tuple(table().get(cloud, {}).get("families", ())))


def with_accelerators(instance: InstanceType, accelerators: list[dict[str, Any]]) -> InstanceType:
    """Return a Google Cloud instance type with attached GPUs; unchanged if it has built-in GPUs.

    Example:
        >>> t4 = [{"acceleratorType": "nvidia-tesla-t4", "acceleratorCount": 4}]
        >>> with_accelerators(instance_types("gcp")["n1-standard-16"], t4).gpus
        4
    """
    known = table()["gcp"]["accelerators"]
    for accelerator in accelerators if instance.gpus == 0 else ():
        count = int(accelerator.get("acceleratorCount", 1))
        kind = str(accelerator.get("acceleratorType", "")).rpartition("/")[2]
        each = known.get(kind, {}).get("price")
        price = None if each is None or instance.price is None else instance.price + count * each
        instance = dataclasses.replace(
            instance, gpus=instance.gpus + count, gpu=known.get(kind, {}).get("gpu", kind), price=price
        )
    return instance


def price_note(cloud: str) -> str:
    """Return the date, region and source of a cloud's prices, "" for providers without prices."""
    facts = table().get(cloud)
    return "" if facts is None else f"{facts['as_of']}, {facts['region']}, {facts['source']}"
