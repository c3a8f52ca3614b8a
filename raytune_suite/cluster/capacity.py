"""The capacity of a cluster for a study: which pools can place a trial, how many run at once, and the cost per hour."""

from __future__ import annotations

import json
import math
import tomllib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from raytune_suite.errors import ArgumentError, near, shown
from raytune_suite.packing import STRATEGIES, count_trials
from raytune_suite.validation import check_fields, instance, integer, mapping, number, one_of, optional, sequence, text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from raytune_suite.cluster.pools import Pool

ROUNDING = 1e-9
"""Tolerance so that three trials of 1/3 GPU fit on one GPU."""

LARGEST_POOL = 1000
"""The most machines of a pool that are counted for trials of several processes."""

AMOUNT = number(least=0, most=1e9)
"""What the CPUs and GPUs of a trial must be."""


@dataclass(frozen=True)
class ProcessRequirements:
    """What one process of a trial needs from a machine.

    Raises:
        ArgumentError: If a value cannot be used.

    Attributes:
        cpus: CPUs.
        gpus: GPUs; fractions such as 0.5 are allowed.
    """

    cpus: float = 0.0
    gpus: float = 0.0

    def __post_init__(self) -> None:
        check_fields(self, cpus=AMOUNT, gpus=AMOUNT)

    def bundle(self) -> frozenset[tuple[str, float]]:
        """The resources with Ray's names."""
        return frozenset((name, amount) for name, amount in (("CPU", self.cpus), ("GPU", self.gpus)) if amount)


@dataclass(frozen=True)
class StudyRequirements:
    """What a study needs from a cluster.

    Raises:
        ArgumentError: If a value cannot be used.

    Attributes:
        cpus: CPUs per trial, of all its processes.
        gpus: GPUs per trial, of all its processes; fractions such as 0.5 are allowed.
        max_concurrent: The most trials at once, None for as many as fit.
        storage_path: Where the study is stored, None if unknown.
        processes: The processes of a trial with several of them; empty if it has one.
        strategy: How Ray places the processes on machines: "PACK", "SPREAD", "STRICT_PACK" or "STRICT_SPREAD".
    """

    cpus: float = 1.0
    gpus: float = 0.0
    max_concurrent: int | None = None
    storage_path: str | None = None
    processes: tuple[ProcessRequirements, ...] = ()
    strategy: str = STRATEGIES[0]

    def __post_init__(self) -> None:
        check_fields(
            self,
            cpus=AMOUNT,
            gpus=AMOUNT,
            max_concurrent=optional(integer(1)),
            storage_path=optional(text("a path")),
            processes=sequence(instance(ProcessRequirements, "a process"), "a list of processes"),
            strategy=one_of(*STRATEGIES),
        )

    def places(self, machines: list[Pool], most: float = math.inf) -> int:
        """Return how many trials run at once on these machines, each of which is described by its pool."""
        offered = ({"CPU": machine.cpus or 0.0, "GPU": machine.gpus or 0.0} for machine in machines)
        return count_trials(tuple(process.bundle() for process in self.processes), offered, self.strategy, most)


@dataclass(frozen=True)
class PoolCapacity:
    """The capacity of one pool for a study.

    Attributes:
        pool: The pool.
        slots: Whole trials at once on each machine; None if the file does not state the machines' resources.
        machines: The most machines that the study uses.
        price: US dollars per hour of each machine; None if unknown.
        at_most: Whether `price` is the on-demand price of a spot machine whose spot price is unknown.
    """

    pool: Pool
    slots: int | None
    machines: int
    price: float | None
    at_most: bool


@dataclass(frozen=True)
class Capacity:
    """The capacity of a cluster for a study.

    Attributes:
        pools: The capacity of each worker pool.
        slots: Trials at once over all pools; None if the file does not state the resources of a pool.
        dollars: Cost per hour while all of them run, including the head; None if a price is unknown.
        at_most: Whether a spot machine is counted at its on-demand price.
        requirements: The study's requirements.
    """

    pools: list[PoolCapacity]
    slots: int | None
    dollars: float | None
    at_most: bool
    requirements: StudyRequirements


def slots_per_machine(pool: Pool, study: StudyRequirements) -> int | None:
    """Return how many trials one machine of a pool runs at once; None if the file does not state its resources."""
    if (pool.gpus is None and study.gpus > 0) or pool.cpus is None:
        return None
    if study.processes:
        return study.places([pool])
    fits = []
    if study.gpus > 0:
        whole = study.gpus >= 1
        gpus = pool.gpus or 0.0
        fits.append(gpus / study.gpus if whole else math.floor(gpus) * math.floor(1 / study.gpus + ROUNDING))
    if study.cpus > 0:
        fits.append(pool.cpus / study.cpus)
    return math.floor(min(fits) + ROUNDING) if fits else None


def compute_capacity(pools: list[Pool], study: StudyRequirements, max_workers: int | None) -> Capacity:
    """Compute the capacity of pools for a study, filling the machines with the most slots first.

    Args:
        pools: All pools, including the head's.
        study: The study's requirements.
        max_workers: The most workers over all pools; None for no such limit.
    """
    workers = [pool for pool in pools if not pool.head]
    left = sum(pool.max_machines for pool in workers) if max_workers is None else max_workers
    wanted = math.inf if study.max_concurrent is None else study.max_concurrent
    slots_by_pool = {pool.name: slots_per_machine(pool, study) for pool in workers}
    known = None not in slots_by_pool.values()
    used, running = (_pack if study.processes and known else _fill)(workers, study, slots_by_pool, left)
    by_pool = [pool_capacity(pool, slots_by_pool[pool.name], used[pool.name]) for pool in workers]
    paid = [*(one for one in by_pool if one.machines), *(pool_capacity(pool, 0, 1) for pool in pools if pool.head)]
    prices = [None if one.price is None else one.price * one.machines for one in paid]
    return Capacity(
        by_pool,
        int(min(running, wanted)) if known else None,
        None if None in prices else sum(price for price in prices if price is not None),
        at_most=any(one.at_most for one in paid),
        requirements=study,
    )


def _fill(
    workers: list[Pool], study: StudyRequirements, slots_by_pool: Mapping[str, int | None], left: int
) -> tuple[dict[str, int], int]:
    """Return the machines used of each pool and the trials on them, for trials that run on one machine each."""
    wanted = math.inf if study.max_concurrent is None else study.max_concurrent
    used: dict[str, int] = {}
    running = 0
    for pool in sorted(workers, key=lambda pool: -(slots_by_pool[pool.name] or 0)):
        slots = slots_by_pool[pool.name]
        needed = pool.max_machines
        if slots is not None:
            needed = 0 if slots == 0 else min(needed, machines_for(wanted - running, slots))
        used[pool.name] = max(0, min(needed, left), min(pool.min_machines, left))
        left -= used[pool.name]
        running += used[pool.name] * (slots or 0)
    return used, running


def _pack(
    workers: list[Pool], study: StudyRequirements, slots_by_pool: Mapping[str, int | None], left: int
) -> tuple[dict[str, int], int]:
    """Return the machines used of each pool and the trials on them, for trials whose processes span machines."""
    wanted = math.inf if study.max_concurrent is None else study.max_concurrent
    useful = [pool for pool in workers if any(_holds(pool, process) for process in study.processes)]
    ordered = sorted(useful, key=lambda pool: (-(slots_by_pool[pool.name] or 0), -(pool.gpus or 0), -(pool.cpus or 0)))
    machines = [pool for pool in ordered for _ in range(min(pool.max_machines, LARGEST_POOL))][: max(0, left)]
    running = study.places(machines, wanted)
    low, high = 0, len(machines)  # the fewest machines that hold as many trials
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if study.places(machines[:middle], wanted) >= running else (middle + 1, high)
    used = Counter(pool.name for pool in machines[:low])
    for pool in workers:
        used[pool.name] = max(used[pool.name], min(pool.min_machines, left - (used.total() - used[pool.name])))
    return dict(used), running


def _holds(pool: Pool, process: ProcessRequirements) -> bool:
    return (pool.cpus or 0.0) >= process.cpus and (pool.gpus or 0.0) >= process.gpus


def machines_for(trials: float, slots: int) -> int:
    """Return the number of machines for `trials` more trials; a huge number if there is no limit."""
    return 2**31 if math.isinf(trials) else max(0, math.ceil(trials / slots))


def pool_capacity(pool: Pool, slots: int | None, machines: int) -> PoolCapacity:
    """Return the capacity of a pool, with its price."""
    on_demand = None if pool.instance_type is None else pool.instance_type.price
    at_most = pool.spot and pool.price is None and on_demand is not None
    return PoolCapacity(pool, slots, machines, on_demand if at_most else pool.price, at_most)


def read_requirements(path: Path) -> StudyRequirements:
    """Read a study's requirements from its study.json, or from a TOML file with arguments of `rts.tune`.

    The arguments are `resources` (a table with cpu and gpu, or a list of such tables), `max_concurrent` and
    `storage_path`. Other keys of a study.json are ignored.

    Raises:
        ArgumentError: If the file cannot be read, or a TOML file has other keys.
    """
    try:
        content = path.expanduser().read_text(encoding="utf-8")
        values: Any = json.loads(content) if path.suffix == ".json" else tomllib.loads(content)
    except (OSError, ValueError, RecursionError) as error:
        raise ArgumentError(f"{str(path)!r} cannot be read as a study: {error}") from error
    if not isinstance(values, dict):
        raise ArgumentError(
            f"{str(path)!r} is {shown(values)}, but must be a study.json, or TOML with arguments of tune"
        )
    known = ("resources", "max_concurrent", "storage_path")
    for key in values if path.suffix != ".json" else ():
        if key not in known:
            raise ArgumentError(f"{str(path)!r}: unknown key {key!r}{near(key, known)}")
    return StudyRequirements(
        **_trial(values.get("resources") or {}),
        max_concurrent=values.get("max_concurrent"),
        storage_path=values.get("storage_path"),
    )


def _trial(resources: Any) -> dict[str, Any]:
    """Return the requirements of a trial with these resources.

    Raises:
        ArgumentError: If they are neither a table nor a list of tables.
    """
    table = mapping("a table such as {cpu = 2, gpu = 0.5}, or a list of such tables")
    strategy = STRATEGIES[0]
    if isinstance(resources, dict) and "bundles" in resources:  # as a study.json stores a PlacementGroupFactory
        resources, strategy = resources["bundles"], resources.get("strategy", strategy)
    if not isinstance(resources, list):
        values = {name.lower(): amount for name, amount in table.check("resources", resources).items()}
        return {"cpus": values.get("cpu", 1.0), "gpus": values.get("gpu", 0.0)}
    processes = []
    for index, each in enumerate(resources):
        values = {name.lower(): amount for name, amount in table.check(f"resources[{index}]", each).items()}
        processes.append(ProcessRequirements(values.get("cpu", 0.0), values.get("gpu", 0.0)))
    return {
        "cpus": sum(process.cpus for process in processes),
        "gpus": sum(process.gpus for process in processes),
        "processes": tuple(process for process in processes if process.bundle()),
        "strategy": strategy,
    }
