"""Instance types of the clouds: CPUs, GPUs, memory and indicative prices.

Prices and the sizes of common machines come from the dated table instance_types.toml, and from what the command
`raytune-suite cluster prices` has recorded on this machine, which takes precedence. All other types of AWS come from
what EC2 reports about them (`provider_data`), and other types of Google Cloud and Azure from the rules of their names.
"""

from __future__ import annotations

import dataclasses
import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from raytune_suite.cluster.prices import recorded
from raytune_suite.cluster.provider_data import ec2_machines


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
        architecture: "x86_64" or "arm64", "" if unknown.
    """

    name: str
    cpus: int
    memory: float
    gpus: int = 0
    gpu: str = ""
    price: float | None = None
    spot: float | None = None
    architecture: str = ""


@cache
def table() -> dict[str, Any]:
    """Return the contents of instance_types.toml."""
    text = resources.files("raytune_suite.cluster").joinpath("instance_types.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


@cache
def instance_types(cloud: str) -> dict[str, InstanceType]:
    """Return the known instance types of a cloud ("aws", "gcp", "azure") by name; none for other providers.

    Example:
        >>> instance_types("aws")["g6.48xlarge"].gpus
        8
    """
    result: dict[str, InstanceType] = {}
    if cloud == "aws":
        for name, facts in ec2_machines().items():
            if facts is not None:
                result[name] = InstanceType(
                    name, facts.cpus, facts.memory, facts.gpus, facts.gpu, architecture=facts.architecture
                )
    for name, row in table().get(cloud, {}).get("machines", {}).items():
        architecture = result[name].architecture if name in result else ""
        result[name] = InstanceType(name, **row, architecture=architecture)
    for name, facts in recorded(cloud).get("machines", {}).items():
        known = result.get(name) or named(cloud, name)
        if known is not None:
            prices = {key: facts[key] for key in ("price", "spot") if key in facts}
            result[name] = dataclasses.replace(known, **prices)
        elif facts.get("cpus") and facts.get("memory"):
            count, gpu = int(facts.get("gpus", 0)), str(facts.get("gpu", ""))
            sizes = int(facts["cpus"]), float(facts["memory"]), count, gpu
            result[name] = InstanceType(name, *sizes, facts.get("price"), facts.get("spot"))
    return result


def named(cloud: str, name: str) -> InstanceType | None:
    """Return what the name of a machine of Google Cloud or Azure says about it, None if it says nothing."""
    return {"gcp": compute_engine_machine, "azure": azure_size}.get(cloud, lambda _: None)(name)


def instance_type_of(cloud: str, name: str) -> InstanceType | None:
    """Return an instance type from the table, or from the rules of its name; None if neither knows it.

    Example:
        >>> instance_type_of("gcp", "n2-highmem-8").memory, instance_type_of("azure", "Standard_E16ds_v5").memory
        (64.0, 128.0)
    """
    known = instance_types(cloud).get(name)
    if known is None and cloud == "azure":
        same = {other.lower(): machine for other, machine in instance_types(cloud).items()}
        known = same.get(name.lower())
    return named(cloud, name) if known is None else known


GIB_PER_CPU = {"standard": 4.0, "highmem": 8.0, "highcpu": 1.0}
"""The memory of Compute Engine's machines by kind."""

OTHER_GIB_PER_CPU = {
    ("n1", "standard"): 3.75,
    ("n1", "highmem"): 6.5,
    ("n1", "highcpu"): 0.9,
    ("c4", "standard"): 3.75,
    ("c4", "highmem"): 7.75,
    **dict.fromkeys([(series, "highcpu") for series in ("c2d", "c3", "c3d", "n4", "c4", "c4a", "c4d")], 2.0),
}
"""The series in which it differs."""


def compute_engine_machine(name: str) -> InstanceType | None:
    """Return a machine of Compute Engine without GPUs, as its name describes it; None if it does not."""
    architecture = "arm64" if re.match(r"(t2a|c4a|n4a)-", name) else "x86_64"
    custom = re.fullmatch(r"(?:(\w+)-)?custom-(\d+)-(\d+)(?:-ext)?", name)
    if custom is not None:
        return InstanceType(name, int(custom[2]), int(custom[3]) / 1024, architecture=architecture)
    match = re.fullmatch(r"(e2|n1|n2d?|n4[ad]?|c2d?|c3d?|c4[ad]?|t2[ad]|z3)-(standard|highmem|highcpu)-(\d+)", name)
    if match is None:
        return None
    each = OTHER_GIB_PER_CPU.get((match[1], match[2]), GIB_PER_CPU[match[2]])
    return InstanceType(name, int(match[3]), int(match[3]) * each, architecture=architecture)


COMPUTE_ENGINE_SIZES = {
    "e2": (2, 4, 8, 16, 32),
    "n1": (1, 2, 4, 8, 16, 32, 64, 96),
    "n2": (2, 4, 8, 16, 32, 48, 64, 80, 96, 128),
    "n2d": (2, 4, 8, 16, 32, 48, 64, 80, 96, 128, 224),
    "c2": (4, 8, 16, 30, 60),
    "t2d": (1, 2, 4, 8, 16, 32, 48, 60),
    "t2a": (1, 2, 4, 8, 16, 32, 48),
}
"""The numbers of CPUs of the series of Compute Engine that are complete here."""

AZURE_SIZE = re.compile(
    r"(?i)(Standard|Basic)_([A-Z]+)(\d+)(?:-(\d+))?([a-z]*)(?:_[A-Z][A-Z0-9]*)*?(?:_(Promo))?(?:_v\d)?"
)
"""The form of an Azure size: family, CPUs, constrained CPUs, features, accelerator, version."""

AZURE_GIB_PER_CPU = {"D": 4.0, "E": 8.0, "F": 2.0, "DC": 4.0, "EC": 8.0, "L": 8.0}
"""The memory of Azure's sizes without GPUs, by family."""


AZURE_FEATURES = {
    ("D", 2): "-",
    ("D", 3): "- s",
    ("D", 4): "- s d ds a as",
    ("D", 5): "- s d ds as ads ls lds ps pds pls plds",
    ("D", 6): "s ds as ads ls lds als alds ps pds pls plds",
    ("DS", 2): "-",
    ("E", 3): "- s",
    ("E", 4): "- s d ds a as",
    ("E", 5): "- s d ds as ads bs bds ps pds",
    ("E", 6): "s ds as ads bs bds ps pds",
    ("F", 2): "s",
    ("L", 2): "s",
    ("L", 3): "s as",
}
"""The features of series of Azure, by family and version; an "i" (isolated) is left out, and "-" stands for none.

Source: learn.microsoft.com/azure/virtual-machines/sizes.
"""

AZURE_CPUS = {
    ("D", 2): (1, 2, 3, 4, 5, 11, 12, 13, 14, 15),
    ("DS", 2): (1, 2, 3, 4, 5, 11, 12, 13, 14, 15),
    **dict.fromkeys((("D", version) for version in (3, 4, 5)), (2, 4, 8, 16, 32, 48, 64, 96)),
    ("D", 6): (2, 4, 8, 16, 32, 48, 64, 96, 128, 192),
    ("F", 2): (2, 4, 8, 16, 32, 48, 64, 72),
}
"""The numbers in the names of the sizes of some of these series; in version 2 of D they are not numbers of CPUs."""


def fits_azure_series(name: str) -> bool | None:
    """Return whether a size fits the rules of its series, None if they are not known.

    Example:
        >>> fits_azure_series("Standard_D2s_v2"), fits_azure_series("Standard_DS2_v2")
        (False, True)
    """
    match = AZURE_SIZE.fullmatch(name)
    version = re.search(r"(?i)_v(\d)$", name)
    series = (match[2].upper(), int(version[1])) if match is not None and version is not None else None
    if match is None or series not in AZURE_FEATURES or "_" in name.split("_", 1)[1].rpartition("_v")[0]:
        return None
    features = match[5].lower().replace("i", "") or "-"
    numbers = AZURE_CPUS.get(series)
    return features in AZURE_FEATURES[series].split() and (numbers is None or int(match[3]) in numbers)


def azure_size(name: str) -> InstanceType | None:
    """Return an Azure size without GPUs, as its name describes it; None if it does not."""
    match = AZURE_SIZE.fullmatch(name)
    if match is None or match[2].upper() not in AZURE_GIB_PER_CPU or not re.search(r"(?i)_v[2-9]$", name):
        return None
    if fits_azure_series(name) is False or re.search(r"(?i)_D\d+_v2$", name):  # D2_v2 and the like have other numbers
        return None
    architecture = "arm64" if "p" in match[5].lower() else "x86_64"
    memory = int(match[3]) * AZURE_GIB_PER_CPU[match[2].upper()]  # a size with fewer CPUs keeps its memory
    return InstanceType(name, int(match[4] or match[3]), memory, architecture=architecture)


def series_of(size: str) -> str:
    """Return the series of an Azure size: its name without the number of CPUs.

    Example:
        >>> series_of("Standard_NC16as_T4_v3")
        'Standard_NC#as_T4_v3'
    """
    return re.sub(r"\d+(-\d+)?", "#", size, count=1)


def exists(cloud: str, name: str) -> bool | None:
    """Return whether an instance type exists, by the cloud's list or the rules of its names; None if neither tells.

    Example:
        >>> exists("aws", "g5.13xlarge"), exists("aws", "m7g.large"), exists("aws", "z9.large")
        (False, True, None)
        >>> exists("azure", "Standard_NC4ads_A9_v5"), exists("azure", "NC6s_v3"), exists("gcp", "n1-standard-3")
        (None, False, False)
    """
    if name in instance_types(cloud):
        return True
    return {"aws": exists_on_ec2, "gcp": exists_on_compute_engine, "azure": exists_on_azure}[cloud](name)


def exists_on_ec2(name: str) -> bool | None:
    """Return whether EC2 has an instance type; families of which no type is known may be new."""
    families = {known.partition(".")[0] for known in ec2_machines()}
    if name in ec2_machines():
        return True
    return False if "." not in name or name.partition(".")[0] in families else None


def exists_on_compute_engine(name: str) -> bool | None:
    """Return whether Compute Engine has a machine type; the sizes of some series are known, others may exist."""
    match = re.fullmatch(r"(\w+)-(?:standard|highmem|highcpu)-(\d+)", name)
    if match is not None and match[1] in COMPUTE_ENGINE_SIZES:
        return int(match[2]) in COMPUTE_ENGINE_SIZES[match[1]]
    form = re.fullmatch(r"[a-z]\w{0,3}-[a-z][a-z0-9-]*|custom-\d+-\d+(-ext)?", name)
    return False if form is None or name.startswith(tuple(table()["gcp"]["families"])) else None


def exists_on_azure(name: str) -> bool | None:
    """Return whether Azure has a size; sizes of series in the table that it lacks do not exist, others may."""
    known = {size.lower() for size in instance_types("azure")}
    fits = fits_azure_series(name)
    if name.lower() in known or fits or (fits is None and azure_size(name) is not None):
        return True
    if fits is False:
        return False
    return False if AZURE_SIZE.fullmatch(name) is None or series_of(name).lower() in map(series_of, known) else None


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
    facts = recorded(cloud) or table().get(cloud)
    return "" if not facts else f"{facts['as_of']}, {facts['region']}, {facts['source']}"
