"""The machines that clouds rent: CPUs, GPUs, memory and indicative prices, from the dated table machines.toml."""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any


@dataclass(frozen=True)
class Machine:
    """One kind of machine.

    Attributes:
        name: The cloud's name of it.
        cpus: Virtual CPUs.
        memory: GiB.
        gpus: How many GPUs it has.
        gpu: What GPUs these are, "" without any.
        price: Indicative US dollars per hour on demand; None if unknown.
        spot: The same as a spot machine.
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
    """The table machines.toml as it is."""
    text = resources.files("raytune_suite.cluster").joinpath("instance_types.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def machines(cloud: str) -> dict[str, Machine]:
    """Every machine of a cloud ("aws", "gcp", "azure") that the table has, by name; none of another provider.

    Example:
        >>> machines("aws")["g6.48xlarge"].gpus
        8
    """
    return {name: Machine(name, **facts) for name, facts in table().get(cloud, {}).get("machines", {}).items()}


def in_complete_family(cloud: str, name: str) -> bool:
    """Whether the table lists all sizes of the family that `name` claims to be of.

    Example:
        >>> in_complete_family("aws", "g5.13xlarge"), in_complete_family("aws", "m7g.large")
        (True, False)
    """
    return name.startswith(tuple(table().get(cloud, {}).get("families", ())))


def with_accelerators(machine: Machine, accelerators: list[dict[str, Any]]) -> Machine:
    """A machine of Google's with the GPUs that are added to it; as it is if it brings its own.

    Example:
        >>> t4 = [{"acceleratorType": "nvidia-tesla-t4", "acceleratorCount": 4}]
        >>> with_accelerators(machines("gcp")["n1-standard-16"], t4).gpus
        4
    """
    known = table()["gcp"]["accelerators"]
    for accelerator in accelerators if machine.gpus == 0 else ():
        count = int(accelerator.get("acceleratorCount", 1))
        kind = str(accelerator.get("acceleratorType", "")).rpartition("/")[2]
        more = known.get(kind, {}).get("price")
        price = None if more is None or machine.price is None else machine.price + count * more
        machine = dataclasses.replace(
            machine, gpus=machine.gpus + count, gpu=known.get(kind, {}).get("gpu", kind), price=price
        )
    return machine


def price_note(cloud: str) -> str:
    """Where the prices of a cloud come from, and when; "" of a provider without prices."""
    facts = table().get(cloud)
    return "" if facts is None else f"{facts['as_of']}, {facts['region']}, {facts['source']}"
