"""The state of a Ray cluster: its nodes, its autoscaler, and the resources that pending trials wait for."""

from __future__ import annotations

import errno
import socket
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import ray
from ray.tune.experiment import Trial
from ray.util import placement_group_table

from raytune_suite.engines.ray import internals
from raytune_suite.engines.ray.worker_bundles import trial_of
from raytune_suite.packing import Bundle, Demand, count_trials

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

NodeInfo = dict[str, Any]
"""A node as `ray.nodes()` describes it."""


def alive_nodes() -> dict[str, NodeInfo]:
    """Return the nodes that are alive, by node id. Takes less than a millisecond."""
    return {node_id: node for node_id, node in all_nodes().items() if node["Alive"]}


def all_nodes() -> dict[str, NodeInfo]:
    """Return the nodes that are or were alive, by node id."""
    return {node["NodeID"]: node for node in ray.nodes()}


def head_address() -> str:
    """Return the address of the cluster's head, at which its GCS listens."""
    return str(ray.get_runtime_context().gcs_address)


def this_node() -> str:
    """Return the id of the node of this process."""
    return str(ray.get_runtime_context().get_node_id())


def head_answers(address: str, timeout: float = 1.0) -> bool:
    """Return whether the cluster's head accepts a connection within `timeout` seconds."""
    host, port = address.rsplit(":", 1)
    return _accepts(host.strip("[]"), int(port), timeout)


def display_name(node: NodeInfo) -> str:
    """Return the node's host name and address."""
    host, address = node["NodeManagerHostname"], node["NodeManagerAddress"]
    return str(address) if host == address else f"{host} ({address})"


def accepts_connections(node: NodeInfo, timeout: float = 1.0) -> bool:
    """Return whether the node's raylet accepts a connection within `timeout` seconds."""
    return _accepts(node["NodeManagerAddress"], node["NodeManagerPort"], timeout)


def _accepts(host: str, port: int, timeout: float) -> bool:
    try:
        with socket.create_connection((host, port), timeout):
            return True
    except OSError as error:  # a name that cannot be resolved now, or too many open files, says nothing about the host
        return isinstance(error, socket.gaierror) or error.errno in (errno.EMFILE, errno.ENFILE)


# ---- resource demands -------------------------------------------------------------------------------------------


def to_bundle(resources: Mapping[str, float]) -> Bundle:
    """Convert the `resources` argument of `tune` to a bundle with Ray's names.

    Example:
        >>> sorted(to_bundle({"cpu": 2, "gpu": 0.5, "memory": 0}))
        [('CPU', 2.0), ('GPU', 0.5)]
    """
    names = {"cpu": "CPU", "gpu": "GPU"}
    return frozenset((names.get(key, key), float(amount)) for key, amount in resources.items() if amount)


def to_demand(bundles: Iterable[Mapping[str, float]]) -> Demand:
    """Convert the bundles of a trial."""
    return tuple(map(to_bundle, bundles))


def places(demand: Demand, nodes: Iterable[NodeInfo], strategy: str = "PACK") -> int:
    """Return how many trials with these bundles fit on the nodes, as if they were free.

    Example:
        >>> places((to_bundle({"cpu": 0.5, "gpu": 1}),), [{"Resources": {"CPU": 4.0, "GPU": 2.0}}])
        2
    """
    return count_trials(demand, (node["Resources"] for node in nodes), strategy)


def can_place(demand: Demand, nodes: Iterable[NodeInfo], strategy: str = "PACK") -> bool:
    """Return whether the bundles of a trial fit on the nodes together, if those are free."""
    return count_trials(demand, (node["Resources"] for node in nodes), strategy, most=1) > 0


def format_resources(resources: Iterable[tuple[str, float]]) -> str:
    """Format resources for messages, without those that Ray adds for its own bookkeeping.

    Example:
        >>> format_resources({"GPU": 0.5, "CPU": 4.0, "node:10.0.0.1": 1.0}.items())
        '{CPU: 4, GPU: 0.5}'
    """
    shown = sorted((key, amount) for key, amount in resources if not key.startswith(("node:", "object_store")))
    return "{" + ", ".join(f"{key}: {amount:.12g}" for key, amount in shown) + "}"


def format_demand(demand: Demand) -> str:
    """Format the bundles of a trial for messages.

    Example:
        >>> format_demand((to_bundle({"cpu": 1}), to_bundle({"gpu": 2})))
        '{CPU: 1} + {GPU: 2}'
    """
    return " + ".join(map(format_resources, demand))


def describe_nodes(nodes: Iterable[NodeInfo]) -> str:
    """Summarize the resources of the nodes: "2 machines with {CPU: 4, GPU: 1}". Memory is omitted."""
    kinds = Counter(
        format_resources((key, amount) for key, amount in node["Resources"].items() if key != "memory")
        for node in nodes
    )
    shown = [
        f"{count} machine{'s' * (count > 1)} with {'nothing' if kind == '{}' else kind}"
        for kind, count in kinds.items()
    ]
    return f"the cluster has {' and '.join(shown) or 'no machine'}"


def count_pending(trials: Iterable[Trial]) -> tuple[Counter[Demand], Counter[Demand]]:
    """Count the pending trials by demand: those that wait for resources, and those that have them and are starting.

    Trials that have not requested a placement group yet are in neither count.
    """
    factories: list[Any] = [trial.placement_group_factory for trial in trials if trial.status == Trial.PENDING]
    pending = Counter(to_demand(factory.bundles) for factory in factories)
    if not pending:
        return pending, pending
    groups = list(placement_group_table().values())
    unplaced, placed = (
        Counter(to_demand(group["bundles"].values()) for group in groups if group["state"] == state)
        for state in ("PENDING", "CREATED")
    )
    waiting = pending & unplaced
    return waiting, (pending - waiting) & placed


def waiting_workers(trials: Iterable[Trial]) -> Counter[Demand]:
    """Count the running trials whose workers wait for resources besides those of the trial, by demand."""
    running = {trial.trial_id for trial in trials if trial.status == Trial.RUNNING}
    groups = placement_group_table().values() if running else ()
    return Counter(
        to_demand(group["bundles"].values())
        for group in groups
        if group["state"] == "PENDING" and trial_of(group["name"]) in running
    )


# ---- the autoscaler ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class AutoscalerStatus:
    """The last known status of the cluster's autoscaler.

    Attributes:
        known: Whether the autoscaler has reported yet.
        grows: Whether it can start additional nodes; every provider except `local` can.
        starting: The number of nodes that are being started, by pool.
        failed: The pools in which it could not start a node, with the reason.
        impossible: Demands that no pool can satisfy; autoscaler v1 never reports these.
    """

    known: bool = True
    grows: bool = True
    starting: Counter[str] = field(default_factory=Counter)
    failed: Mapping[str, str] = field(default_factory=dict)
    impossible: frozenset[Demand] = frozenset()


def autoscaler_status() -> AutoscalerStatus | None:
    """Return the status of the connected cluster's autoscaler, None if it has no autoscaler."""
    status = internals.autoscaler_status()
    return parse_v1_status(status) if isinstance(status, dict) else parse_v2_status(status)


def parse_v1_status(status: Mapping[str, Any]) -> AutoscalerStatus | None:
    """Parse the status that autoscaler v1 publishes; None if it starts no nodes."""
    report = status.get("autoscaler_report")
    if report is None:
        return AutoscalerStatus(known=False)
    starting = Counter({pool: int(count) for pool, count in report["pending_launches"].items()})
    starting.update(pool for _, pool, _ in report["pending_nodes"])
    kinds = [*report["active_nodes"], *starting]
    if not _pools(kinds):  # without a cluster file, the autoscaler only lists the nodes that have joined
        return None if kinds else AutoscalerStatus(known=False)
    availability = report["node_availability_summary"]["node_availabilities"]
    unavailable = {pool: each for pool, each in availability.items() if not each["is_available"]}
    return AutoscalerStatus(
        grows=set(_pools(kinds)) != {_LOCAL_POOL},
        starting=starting,
        failed={
            pool: (each["unavailable_node_information"] or {}).get("description") or "it is not available"
            for pool, each in unavailable.items()
        },
    )


def parse_v2_status(reply: Any) -> AutoscalerStatus:
    """Parse the `GetClusterStatusReply` of autoscaler v2.

    It never reports that it cannot start nodes, but in that case it lists every unplaced demand as infeasible.
    """
    state = reply.autoscaling_state
    starting = Counter({each.ray_node_type_name: each.count for each in state.pending_instance_requests})
    starting.update(
        each.ray_node_type_name for each in state.pending_instances if "(HEAD)" not in each.details
    )  # the head is listed too until the provider has reported its address
    active = [node.ray_node_type_name for node in reply.cluster_resource_state.node_states]
    return AutoscalerStatus(
        known=bool(_pools([*active, *starting])),
        starting=starting,
        failed={each.ray_node_type_name: each.reason for each in state.failed_instance_requests},
        impossible=frozenset(
            tuple(to_bundle(request.resources_bundle) for request in gang.requests)
            for gang in state.infeasible_gang_resource_requests
        ),
    )


_LOCAL_POOL = "local.cluster.node"
"""The only pool of the provider `local`, whose hosts all exist from the start."""


def _pools(kinds: Iterable[str]) -> list[str]:
    """Return the node types that are pools; without a cluster file, Ray makes up a node type for each node."""
    return [kind for kind in kinds if kind and not kind.startswith("node_")]


# ---- why trials wait --------------------------------------------------------------------------------------------


def describe_waiting(waiting: Counter[Demand], nodes: Sequence[NodeInfo], scaler: AutoscalerStatus | None) -> str:
    """Return a one-line message: which resources pending trials need, why they have none, what the autoscaler does."""
    needs, placeable = [], True
    for demand, count in waiting.items():
        need = f"{count} trials need" if count > 1 else "1 trial needs"
        possible = can_place(demand, nodes)
        placeable &= possible
        who = "no machine has" if len(demand) == 1 else "the machines do not have"
        reason = f"which {who}{' free' if possible else ''}"
        needs.append(f"{need} {format_demand(demand)}, {reason}")
    return f"waiting for resources: {'; '.join(needs)}; {_describe_autoscaler(scaler, placeable=placeable)}"


def describe_blocked(trial: Demand, workers: Demand, nodes: Sequence[NodeInfo]) -> str:
    """Return why the workers of trials cannot start while the trials' own processes run, and what to do about it."""
    whole = next((each for each in ((*trial, *workers), workers) if can_place(each, nodes)), ())
    needs = f"each trial waits for its workers, which need {format_demand(workers)} besides {format_demand(trial)}"
    if not whole:
        return f"{needs}: {describe_nodes(nodes)}. Use fewer workers, or less for each"
    first = [] if len(whole) > len(workers) else ["{}"]
    listed = ", ".join([*first, *(str(dict(sorted(bundle))) for bundle in whole)])
    return (
        f"{needs}, but other trials or other work occupy the rest: {describe_nodes(nodes)}. Pass "
        f"`resources=[{listed}]`, so that a trial starts together with its workers"
    )


def find_impossible(
    demands: Iterable[Demand], nodes: Sequence[NodeInfo], scaler: AutoscalerStatus | None
) -> Demand | None:
    """Return the first demand that can never be placed unless someone adds nodes or pools, None if all can."""
    for demand in demands:
        if not can_place(demand, nodes) and (scaler is None or demand in scaler.impossible):
            return demand
    return None


def _describe_autoscaler(scaler: AutoscalerStatus | None, *, placeable: bool) -> str:
    if scaler is None:
        return "the cluster has no autoscaler to start more machines"
    if scaler.starting:
        pools = " and ".join(f"{count} {pool}" for pool, count in sorted(scaler.starting.items()))
        return f"the autoscaler is starting {pools}"
    if scaler.failed:
        return "; ".join(f"the autoscaler could not start {pool}: {why}" for pool, why in sorted(scaler.failed.items()))
    if not scaler.known:
        return "no autoscaler has reported yet"
    limit = "" if placeable else ": no pool has these resources, or the pool that has them is full"
    return f"the autoscaler is not starting any machine{limit}"
