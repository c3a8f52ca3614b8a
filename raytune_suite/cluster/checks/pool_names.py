"""Check that machines are what the names and comments of their pools say, and that a price limit allows them.

A name such as gpu_8 states eight GPUs, unless the names of the pools are numbered: gpu_1, gpu_2. Sources: "Spot
Instances" of AWS and Azure (up to 90 % below the on-demand price); the labels and taints of GKE, AKS and Karpenter.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.pools import (
    INSTANCE_KEY,
    as_count,
    container_amounts,
    dicts,
    gpu_devices,
    is_kuberay,
    provider,
)
from raytune_suite.cluster.quantities import quantity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding
    from raytune_suite.cluster.document import ClusterDocument, KeyPath
    from raytune_suite.cluster.pools import Pool

GPUS = re.compile(r"(?:^|[-_])(?:gpus?[-_]?x?([1-9]\d?)|([1-9]\d?)x?[-_]?gpus?)(?=$|[-_])", re.IGNORECASE)
"""A number of GPUs in a name, such as gpu_8 or 8gpu."""

MODELS = ("t4", "l4", "a10", "l40s", "a100", "v100", "h100", "h200", "b200", "p100", "k80")
TIMES = re.compile(
    rf"(?:^|[-_])(?:([1-9]\d?)x[-_]?(?:{'|'.join(MODELS)})|(?:{'|'.join(MODELS)})[-_]?x([1-9]\d?))(?=$|[-_])"
)
"""A number of GPUs of a model in a name, such as 8xl4 or a100x8."""

COMMENTED = re.compile(r"(?<![\w.,-])(\d{1,3})(?: x)?(?: NVIDIA)?(?: [A-Z]\d{1,3}\w?)? (v?CPU|GPU)s?\b")
VAGUE = re.compile(r"\b(up to|quota|trials?|least|most|or|per|instead|fewer|not)\b")
"""Words of a comment that is not about what one machine has."""

SPOT = re.compile(r"(?<!no)(?<!non)(?:^|[-_])(spot|preemptible)(?=$|[-_\d])(?!-?fallback)", re.IGNORECASE)
ON_DEMAND = re.compile(r"(?:^|[-_])on[-_]?demand(?=$|[-_\d])", re.IGNORECASE)
SPOT_LABELS = ("cloud.google.com/gke-spot", "cloud.google.com/gke-preemptible", "kubernetes.azure.com/scalesetpriority")

LOWEST_SPOT, HIGHEST_SPOT = 0.1, 3.0
"""The lowest price of a spot machine as a part of its on-demand price, and a limit that was meant in another unit."""

MAX_PRICE: dict[str, tuple[str, ...]] = {
    "aws": ("InstanceMarketOptions", "SpotOptions", "MaxPrice"),
    "azure": ("azure_arm_parameters", "billingProfile", "maxPrice"),
}


def check(document: ClusterDocument, pools: list[Pool]) -> Iterator[Finding]:
    """Yield pools whose machines are others than their names or comments say, or that their price limit excludes."""
    workers = [pool for pool in pools if not pool.head]
    numbers = sorted(filter(None, (number_in(pool.name) for pool in workers)))
    numbered = numbers == list(range(1, len(numbers) + 1))
    for pool in workers:
        yield from names(document, pool, numbered=numbered)
        yield from market(document, pool)
    for pool in pools:
        yield from comments(document, pool)
        yield from price_limit(document, pool)


def number_in(name: str) -> int | None:
    """Return the number beside `gpu` in a name, None if there is none.

    Example:
        >>> number_in("gpu_8"), number_in("spot-2gpu"), number_in("gpu-80gb"), number_in("gpu_01")
        (8, 2, None, None)
    """
    match = GPUS.search(name)
    return None if match is None else int(match[1] or match[2])


def models_in(text: str) -> set[str]:
    """Return the models of GPUs in a name.

    Example:
        >>> models_in("spot-8xl4"), models_in("nvidia-h100-80gb"), models_in("NVIDIA A10G")
        ({'l4'}, {'h100'}, {'a10'})
    """
    parts = [re.sub(r"^\d+x|x\d+$", "", part) for part in re.split(r"[-_ ]", text.lower())]
    return {part.replace("a10g", "a10") for part in parts} & set(MODELS)


def key_of_name(document: ClusterDocument, pool: Pool) -> KeyPath:
    """Return the key path of a pool's name."""
    return (*pool.where, "groupName") if is_kuberay(document) else pool.where


def names(document: ClusterDocument, pool: Pool, *, numbered: bool) -> Iterator[Finding]:
    """Yield a number or a model of GPUs in a pool's name that its machines do not have."""
    has = pool.instance_type.gpus if pool.instance_type is not None else pool.gpus
    container: KeyPath = (*pool.where, "template", "spec", "containers", 0)
    devices = gpu_devices(container_amounts(document, container))
    hosts = as_count(document.get(*pool.where, "numOfHosts"), 1)
    if not has or pool.where == ("provider",) or any("mig" in name for name in devices):
        return
    times = TIMES.search(pool.name.lower())
    stated = int(times[1] or times[2]) if times is not None else None if numbered else number_in(pool.name)
    machine = "its pods have" if is_kuberay(document) else f"{pool.instance_type_name or 'its machine'} has"
    if stated is not None and stated <= 16 and stated not in (has, hosts, has * hosts):  # noqa: PLR2004
        reason = f"the name {pool.name} says {stated} GPUs, but {machine} {has:g}"
        remedy = "correct the machine, or rename the pool"
        yield finding(document, "RTS208", key_of_name(document, pool), reason, remedy, severity="warning")
    selector = document.mapping(*pool.where, "template", "spec", "nodeSelector")
    accelerator = str(selector.get("cloud.google.com/gke-accelerator", ""))
    real = models_in(pool.instance_type.gpu if pool.instance_type is not None else accelerator)
    named = models_in(pool.name)
    if real and named and not real & named:
        says, are = (", ".join(sorted(models)).upper() for models in (named, real))
        reason = f"the name {pool.name} says {says}, but the GPUs are {are}"
        remedy = "correct the machine, or rename the pool"
        yield finding(document, "RTS208", key_of_name(document, pool), reason, remedy, severity="warning")


def comments(document: ClusterDocument, pool: Pool) -> Iterator[Finding]:
    """Yield a comment beside a machine that states another number of GPUs or CPUs than it has."""
    machine, cloud = pool.instance_type, provider(document)
    if machine is None or cloud not in INSTANCE_KEY:
        return
    lines = document.text.splitlines()
    for key in (("resources",), INSTANCE_KEY[cloud]):
        where: KeyPath = (*pool.where, *key)
        if document.get(*where) is None:
            continue
        comment = lines[document.line(where) - 1].partition(" #")[2]
        amounts = COMMENTED.findall(comment)
        if VAGUE.search(comment) or len({kind for _, kind in amounts}) < len(amounts):
            continue
        for number, kind in amounts:
            has = machine.gpus if kind == "GPU" else machine.cpus
            offered = pool.gpus if kind == "GPU" else pool.cpus
            if int(number) not in (has, offered):
                reason = f"the comment says {number} {kind}{'s' * (number != '1')}, but {machine.name} has {has}"
                remedy = "correct the machine, or the comment"
                yield finding(document, "RTS208", where, reason, remedy, severity="warning")


def market(document: ClusterDocument, pool: Pool) -> Iterator[Finding]:
    """Yield a pool that is named after, or prepared for, the other kind of machines: spot or on-demand."""
    spot, on_demand = bool(SPOT.search(pool.name)), bool(ON_DEMAND.search(pool.name))
    config = document.mapping(*pool.where, "node_config")
    where = key_of_name(document, pool)
    if is_kuberay(document):
        place: KeyPath = (*pool.where, "template", "spec")
        selector = document.mapping(*place, "nodeSelector")
        regular = any(selects_on_demand(str(key), str(value)) for key, value in selector.items())
        tolerations = dicts(document.entries(*place, "tolerations"))
        prepared = any(one.get("key") in SPOT_LABELS or one.get("value") == "spot" for one in tolerations)
        where = (*place, "nodeSelector")
        expensive = regular and not pool.spot and (prepared or spot) and not on_demand
        what = "tolerates spot nodes" if prepared and not spot else "is named after spot nodes"
        reason = f"{pool.name} {what}, but selects on-demand nodes, which cost the full price"
    else:
        known = pool.instance_type_name is not None and "LaunchTemplate" not in config
        expensive = spot and not on_demand and not pool.spot and known
        reason = f"{pool.name} is named after spot machines, but has on-demand machines, which cost the full price"
    if expensive:
        yield finding(document, "RTS905", where, reason, "correct one of them", severity="warning")
    elif on_demand and pool.spot and not spot:
        reason = f"{pool.name} is named after on-demand machines, but has spot machines, which may be reclaimed"
        yield finding(document, "RTS905", where, reason, "correct one of them", severity="warning")


def selects_on_demand(label: str, value: str) -> bool:
    """Return whether a node selector selects nodes that are not reclaimed, by the labels that clouds use.

    Example:
        >>> selects_on_demand("karpenter.sh/capacity-type", "on-demand"), selects_on_demand("gpu", "true")
        (True, False)
    """
    regular = re.fullmatch(r"(?i)on[-_]?demand", value) or (
        label in (*SPOT_LABELS, "cloud.google.com/gke-provisioning")
        and value.lower() in ("false", "regular", "standard")
    )
    return bool(regular)


def price_limit(document: ClusterDocument, pool: Pool) -> Iterator[Finding]:
    """Yield a limit of the price of spot machines at which there never is one, or that is far above their price."""
    cloud, machine = provider(document), pool.instance_type
    if cloud not in MAX_PRICE or not pool.spot or machine is None:
        return
    where: KeyPath = (*pool.where, "node_config", *MAX_PRICE[cloud])
    limit = quantity(document.get(*where))
    lowest = max((machine.price or 0) * LOWEST_SPOT, (machine.spot or 0) / 2)
    if limit is not None and 0 < limit < lowest:
        usual = f"{machine.spot:.2f} on spot" if machine.spot else f"{machine.price:.2f} on demand"
        reason = f"at most {limit:g} USD per hour are paid for {machine.name}, which costs about {usual}: there is none"
        remedy = "remove the limit: the price of a spot machine never exceeds that on demand"
        yield finding(document, "RTS202", where, reason, remedy, severity="warning")
    elif limit is not None and machine.price and limit > machine.price * HIGHEST_SPOT:
        reason = (
            f"the limit is {limit:g} USD per hour for each {machine.name}, which costs {machine.price:.2f} on demand"
        )
        remedy = "write USD per hour, not cents; or remove the limit, which then is the on-demand price"
        yield finding(document, "RTS902", where, reason, remedy, severity="warning")
