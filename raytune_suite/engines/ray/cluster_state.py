"""What a Ray cluster is and does: its machines, its autoscaler, and what trials wait for there."""

from __future__ import annotations

import socket
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import ray
from ray.tune.experiment import Trial
from ray.util import placement_group_table

from raytune_suite.engines.ray import internals

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Bundle = frozenset[tuple[str, float]]
"""What one process of a trial occupies on one machine, such as `{("CPU", 4.0), ("GPU", 1.0)}`."""

Demand = tuple[Bundle, ...]
"""What a trial occupies: mostly one bundle."""

Machine = dict[str, Any]
"""One node as `ray.nodes()` tells it."""


def machines() -> dict[str, Machine]:
    """The nodes that are alive, by their ids. It takes less than a millisecond."""
    return {node: machine for node, machine in all_machines().items() if machine["Alive"]}


def all_machines() -> dict[str, Machine]:
    """The nodes that are or were alive, by their ids."""
    return {node["NodeID"]: node for node in ray.nodes()}


def name(machine: Machine) -> str:
    """What a person calls it."""
    host, address = machine["NodeManagerHostname"], machine["NodeManagerAddress"]
    return str(address) if host == address else f"{host} ({address})"


def answers(machine: Machine, timeout: float = 1.0) -> bool:
    """Whether Ray's process on this machine takes a connection, within so many seconds."""
    try:
        with socket.create_connection((machine["NodeManagerAddress"], machine["NodeManagerPort"]), timeout):
            return True
    except OSError:
        return False


# ---- what trials ask for ----------------------------------------------------------------------------------------


def bundle(resources: Mapping[str, float]) -> Bundle:
    """`tune`'s `resources` as Ray places them.

    Example:
        >>> sorted(bundle({"cpu": 2, "gpu": 0.5, "memory": 0}))
        [('CPU', 2.0), ('GPU', 0.5)]
    """
    names = {"cpu": "CPU", "gpu": "GPU"}
    return frozenset((names.get(key, key), float(amount)) for key, amount in resources.items() if amount)


def fits(asked: Bundle, machine: Machine) -> bool:
    """Whether the machine has as much as that, be it free or not."""
    return all(machine["Resources"].get(key, 0) >= amount for key, amount in asked)


def can_place(demand: Demand, them: Iterable[Machine]) -> bool:
    """Whether each bundle fits one of the machines."""
    known = list(them)
    return all(any(fits(asked, machine) for machine in known) for asked in demand)


def words(resources: Iterable[tuple[str, float]]) -> str:
    """Resources for a person, without those that Ray counts for itself.

    Example:
        >>> words({"GPU": 0.5, "CPU": 4.0, "node:10.0.0.1": 1.0}.items())
        '{CPU: 4, GPU: 0.5}'
    """
    shown = sorted((key, amount) for key, amount in resources if not key.startswith(("node:", "object_store")))
    return "{" + ", ".join(f"{key}: {amount:.12g}" for key, amount in shown) + "}"


def inventory(them: Iterable[Machine]) -> str:
    """What the machines have, for a person: "2 machines with {CPU: 4, GPU: 1}"; memory is left out."""
    kinds = Counter(words((key, n) for key, n in each["Resources"].items() if key != "memory") for each in them)
    shown = [f"{n} machine{'s' * (n > 1)} with {'nothing' if what == '{}' else what}" for what, n in kinds.items()]
    return f"the cluster has {' and '.join(shown) or 'no machine'}"


def unplaced(trials: Iterable[Trial]) -> Counter[Demand]:
    """What pending trials ask for and the cluster has not placed yet.

    Those of which Ray has not been told yet are left out, and those that are placed and wait for their process.
    """
    factories: list[Any] = [trial.placement_group_factory for trial in trials if trial.status == Trial.PENDING]
    pending = Counter(_demand(factory.bundles) for factory in factories)
    if not pending:
        return pending
    groups = placement_group_table().values()
    return pending & Counter(_demand(group["bundles"].values()) for group in groups if group["state"] == "PENDING")


def _demand(bundles: Iterable[Mapping[str, float]]) -> Demand:
    return tuple(bundle(each) for each in bundles)


# ---- the autoscaler ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Autoscaler:
    """What the cluster's autoscaler is about.

    Attributes:
        known: Whether there is one; else Ray has not told.
        grows: Whether it can start machines that are not there yet, as all but the provider `local` can.
        starting: How many machines of which pool are on their way.
        failed: Pools of which it could not start a machine, and why.
        impossible: What no pool has; its first version never tells.
    """

    known: bool = True
    grows: bool = True
    starting: Counter[str] = field(default_factory=Counter)
    failed: Mapping[str, str] = field(default_factory=dict)
    impossible: frozenset[Demand] = frozenset()


def autoscaler() -> Autoscaler | None:
    """The autoscaler of the cluster to which this process is connected; None where there is none."""
    status = internals.autoscaler_status()
    return read_v1(status) if isinstance(status, dict) else read_v2(status)


def read_v1(status: Mapping[str, Any]) -> Autoscaler | None:
    """What the first version of Ray's autoscaler has told; None if it starts no machines."""
    report = status.get("autoscaler_report")
    if report is None:
        return Autoscaler(known=False)
    starting = Counter({pool: int(count) for pool, count in report["pending_launches"].items()})
    starting.update(pool for _, pool, _ in report["pending_nodes"])
    kinds = [*report["active_nodes"], *starting]
    if not _pools(kinds):  # it mirrors machines that came by themselves
        return None if kinds else Autoscaler(known=False)
    availability = report["node_availability_summary"]["node_availabilities"]
    lacking = {pool: each for pool, each in availability.items() if not each["is_available"]}
    return Autoscaler(
        grows=set(_pools(kinds)) != {_HOSTS},
        starting=starting,
        failed={
            pool: (each["unavailable_node_information"] or {}).get("description") or "it is not available"
            for pool, each in lacking.items()
        },
    )


def read_v2(reply: Any) -> Autoscaler:
    """What the second version has told, a `GetClusterStatusReply`.

    It never says that it starts no machines. But then it says of all that has no place that it is impossible.
    """
    state = reply.autoscaling_state
    starting = Counter({each.ray_node_type_name: each.count for each in state.pending_instance_requests})
    starting.update(
        each.ray_node_type_name for each in state.pending_instances if "(HEAD)" not in each.details
    )  # the head is listed, too, until the provider has said where it is
    active = [node.ray_node_type_name for node in reply.cluster_resource_state.node_states]
    return Autoscaler(
        known=bool(_pools([*active, *starting])),
        starting=starting,
        failed={each.ray_node_type_name: each.reason for each in state.failed_instance_requests},
        impossible=frozenset(
            tuple(bundle(request.resources_bundle) for request in gang.requests)
            for gang in state.infeasible_gang_resource_requests
        ),
    )


_HOSTS = "local.cluster.node"
"""The one pool of the provider `local`: hosts that are there from the beginning."""


def _pools(kinds: Iterable[str]) -> list[str]:
    """Those that are pools; where nothing starts machines, Ray calls each machine a kind of its own."""
    return [kind for kind in kinds if kind and not kind.startswith("node_")]


# ---- why trials wait --------------------------------------------------------------------------------------------


def why_waiting(waiting: Counter[Demand], them: Sequence[Machine], scaler: Autoscaler | None) -> str:
    """In a few words for what trials wait, and what comes of it."""
    asks, placeable = [], True
    for demand, count in waiting.items():
        ask = f"{count} trials ask" if count > 1 else "1 trial asks"
        can = can_place(demand, them)
        placeable &= can
        asks.append(f"{ask} for {' + '.join(map(words, demand))}, {'none is free' if can else 'no machine has that'}")
    doubt = "" if placeable else ": no pool has it, or one has reached its limit"
    return f"waiting for machines: {'; '.join(asks)}; {_prospect(scaler, doubt)}"


def hopeless(waiting: Iterable[Demand], them: Sequence[Machine], scaler: Autoscaler | None) -> Demand | None:
    """The first of those that can never be placed, as long as nobody adds other machines or pools."""
    for demand in waiting:
        if not can_place(demand, them) and (scaler is None or demand in scaler.impossible):
            return demand
    return None


def _prospect(scaler: Autoscaler | None, doubt: str) -> str:
    if scaler is None:
        return "no autoscaler would start one"
    if scaler.starting:
        coming = " and ".join(f"{count} {pool}" for pool, count in sorted(scaler.starting.items()))
        return f"the autoscaler is starting {coming}"
    if scaler.failed:
        return "; ".join(f"the autoscaler could not start {pool}: {why}" for pool, why in sorted(scaler.failed.items()))
    return f"the autoscaler is starting none{doubt}" if scaler.known else "nothing is known of an autoscaler"
