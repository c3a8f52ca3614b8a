"""What a cluster can do for a study: which pools place a trial, how many run at once, and what an hour costs."""

from __future__ import annotations

import json
import math
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from raytune_suite.cluster.checks.findings import finding
from raytune_suite.errors import ArgumentError, near

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from raytune_suite.cluster.checks.findings import Finding
    from raytune_suite.cluster.document import Document
    from raytune_suite.cluster.pools import Pool

ROUNDING = 1e-9
"""So that three thirds of a GPU are a GPU."""


@dataclass(frozen=True)
class Trial:
    """What a study asks for.

    Attributes:
        cpus: CPUs of each trial.
        gpus: GPUs of each trial; parts such as 0.5 too.
        max_concurrent: Trials at once, None for as many as fit.
        storage_path: Where the study shall lie, None if unknown.
    """

    cpus: float = 1.0
    gpus: float = 0.0
    max_concurrent: int | None = None
    storage_path: str | None = None


@dataclass(frozen=True)
class Share:
    """What one pool does for a study.

    Attributes:
        pool: The pool.
        slots: Trials at once on each of its machines; None if the file does not say what these have.
        machines: The machines that the study uses at most.
        price: US dollars per hour of each; None if unknown.
        at_most: Whether `price` is the one on demand of a spot machine whose own price is unknown.
    """

    pool: Pool
    slots: int | None
    machines: int
    price: float | None
    at_most: bool


@dataclass(frozen=True)
class Capacity:
    """What a cluster does for a study.

    Attributes:
        shares: One for each pool of workers.
        slots: Trials at once, over all pools; None if a pool does not say what it has.
        dollars: Per hour when all these run, the head too; None if a price is unknown.
        at_most: Whether a spot machine is counted at its price on demand.
        trial: What was asked for.
    """

    shares: list[Share]
    slots: int | None
    dollars: float | None
    at_most: bool
    trial: Trial


def slots_per_machine(pool: Pool, trial: Trial) -> int | None:
    """The trials that one machine of a pool runs at once; None if the file does not say what it has."""
    if (pool.gpus is None and trial.gpus > 0) or pool.cpus is None:
        return None
    fits = []
    if trial.gpus > 0:
        whole = trial.gpus >= 1
        gpus = pool.gpus or 0.0
        fits.append(gpus / trial.gpus if whole else math.floor(gpus) * math.floor(1 / trial.gpus + ROUNDING))
    if trial.cpus > 0:
        fits.append(pool.cpus / trial.cpus)
    return math.floor(min(fits) + ROUNDING) if fits else None


def capacity(pools: list[Pool], trial: Trial, max_workers: int | None) -> Capacity:
    """What pools do for a study: machines are counted from those that hold most trials, up to what all may be.

    Args:
        pools: All pools, the head's too.
        trial: What the study asks for.
        max_workers: Most workers of all pools together; None for no such limit.
    """
    workers = [pool for pool in pools if not pool.head]
    left = sum(pool.most for pool in workers) if max_workers is None else max_workers
    wanted = math.inf if trial.max_concurrent is None else trial.max_concurrent
    per_machine = {pool.name: slots_per_machine(pool, trial) for pool in workers}
    used: dict[str, int] = {}
    running = 0
    for pool in sorted(workers, key=lambda pool: -(per_machine[pool.name] or 0)):
        slots = per_machine[pool.name]
        needed = (
            pool.most
            if slots is None
            else 0
            if slots == 0
            else min(pool.most, wanted_machines(wanted - running, slots))
        )
        used[pool.name] = max(0, min(needed, left), min(pool.least, left))
        left -= used[pool.name]
        running += used[pool.name] * (slots or 0)
    shares = [share(pool, per_machine[pool.name], used[pool.name]) for pool in workers]
    known = all(one.slots is not None for one in shares)
    paid = [*(one for one in shares if one.machines), *(share(pool, 0, 1) for pool in pools if pool.head)]
    prices = [None if one.price is None else one.price * one.machines for one in paid]
    dollars = None if None in prices else sum(price for price in prices if price is not None)
    return Capacity(
        shares,
        int(min(running, wanted)) if known else None,
        dollars,
        at_most=any(one.at_most for one in paid),
        trial=trial,
    )


def wanted_machines(trials: float, slots: int) -> int:
    """The machines for `trials` more trials; a huge number where there is no limit."""
    return 2**31 if math.isinf(trials) else max(0, math.ceil(trials / slots))


def share(pool: Pool, slots: int | None, machines: int) -> Share:
    """A pool's share, with its price."""
    on_demand = None if pool.machine is None else pool.machine.price
    at_most = pool.spot and pool.price is None and on_demand is not None
    return Share(pool, slots, machines, on_demand if at_most else pool.price, at_most)


def check_study(document: Document, pools: list[Pool], found: Capacity, trial: Trial) -> Iterator[Finding]:
    """What is wrong between a cluster and a study."""
    whole = math.isclose(trial.gpus, round(trial.gpus))
    if trial.gpus > 1 and not whole:
        reason = f"a trial asks for {trial.gpus:g} GPUs, but above 1 Ray gives whole GPUs only"
        yield finding(document, "RTS704", (), reason, "give `--gpus-per-trial` a whole number, or a part of one GPU")
    asked = f"{trial.cpus:g} CPUs and {trial.gpus:g} GPUs"
    where = ("available_node_types",) if document.get("available_node_types") else ()
    if all(one.slots == 0 or one.pool.most == 0 for one in found.shares):
        have = "; ".join(f"{p.name}: {p.cpus or 0:g} CPUs, {p.gpus or 0:g} GPUs" for p in pools if not p.head) or "none"
        reason = f"no pool can place a trial of {asked} ({have})"
        yield finding(document, "RTS701", where, reason, "ask for less per trial, or add a pool of larger machines")
    for one in found.shares:
        pool = one.pool
        if trial.gpus and one.slots and pool.gpus and pool.cpus is not None:
            by_gpu = slots_per_machine(pool, Trial(cpus=0, gpus=trial.gpus))
            if by_gpu is not None and one.slots < by_gpu:
                idle = pool.gpus - one.slots * trial.gpus
                reason = f"{pool.name} has CPUs for {one.slots} trials and GPUs for {by_gpu}: {idle:g} GPUs stay idle"
                remedy = f"ask for at most {pool.cpus / by_gpu:g} CPUs per trial"
                yield finding(document, "RTS702", pool.where, reason, remedy)
    if trial.max_concurrent is not None and found.slots is not None and 0 < found.slots < trial.max_concurrent:
        reason = f"the study wants {trial.max_concurrent} trials at once, and {found.slots} fit"
        remedy = f"set max_concurrent to {found.slots}, or raise the pools' max_workers"
        yield finding(document, "RTS703", where, reason, remedy)


def read_study(path: Path) -> Trial:
    """What a study asks for: its study.json, or a TOML file with the same words as `rts.tune`.

    These are `resources` (a table with cpu and gpu), `max_concurrent` and `storage_path`; other words are not read from
    a study.json, which has many.

    Raises:
        ArgumentError: If the file cannot be read, or a TOML file has other words.
    """
    try:
        text = path.expanduser().read_text(encoding="utf-8")
        said: dict[str, Any] = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise ArgumentError(f"{str(path)!r} cannot be read as a study: {error}") from error
    words = ("resources", "max_concurrent", "storage_path")
    for word in said if path.suffix != ".json" else ():
        if word not in words:
            raise ArgumentError(f"{str(path)!r}: unknown word {word!r}{near(word, words)}")
    resources = said.get("resources") or {}
    return Trial(
        cpus=float(resources.get("cpu", 1.0)),
        gpus=float(resources.get("gpu", 0.0)),
        max_concurrent=said.get("max_concurrent"),
        storage_path=said.get("storage_path"),
    )
