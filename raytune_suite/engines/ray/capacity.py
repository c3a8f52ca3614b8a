"""Whether the machines of a cluster can place the trials of a study, and how many of them at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raytune_suite.engines.ray import cluster_state
from raytune_suite.engines.resources import bundles, strategy
from raytune_suite.errors import ArgumentError, nearest

if TYPE_CHECKING:
    from raytune_suite.engines.resources import Resources


def check_capacity(resources: Resources | None, *, grows: bool) -> None:
    """Check that the cluster can place a trial with these resources, all its bundles together.

    Args:
        resources: What a trial occupies; None if the trainable decides that.
        grows: Whether an autoscaler could start a machine that has the resources.

    Raises:
        ArgumentError: If the machines do not have them, and no other could be started.
    """
    nodes = cluster_state.alive_nodes()
    demand, placed = cluster_state.to_demand(bundles(resources)), strategy(resources)
    if resources is None or grows or cluster_state.can_place(demand, nodes.values(), placed):
        return
    what = "`resources`" if placed == "PACK" else f"`resources`, placed by {placed}"
    who = "no node has that much" if len(demand) == 1 else "the nodes do not have that much together"
    raise ArgumentError(
        f"each trial requests {cluster_state.format_demand(demand)} ({what}), but {who}: "
        f"{cluster_state.describe_nodes(nodes.values())}, and no autoscaler could add machines: {_remedy(resources)}"
    )


def _remedy(resources: Resources) -> str:
    """What to do about resources that cannot be placed."""
    for name in (name for bundle in bundles(resources) for name in bundle):
        match = nearest(name, ("cpu", "gpu", "memory"))
        if name not in {"CPU", "GPU", "memory"} and match is not None:
            return f"did you mean {match!r} instead of {name!r}?"
    return "request less, or add machines"


def requested(max_concurrent: int, resources: Resources | None) -> int:
    """How many trials are requested in advance on the machines that there are: at most one per CPU core, if all fit.

    A process takes seconds of a core to start. If all of many small trials start theirs at once, none reports before
    nearly all have started; meanwhile, those that have started could have run one trial after the other.

    If not all of `max_concurrent` trials fit, some wait for others to end. Their configs are proposed before those
    have reported, as on the simulated clock, so that both make the same decisions.
    """
    nodes = list(cluster_state.alive_nodes().values())
    if max_concurrent > cluster_state.places(cluster_state.to_demand(bundles(resources)), nodes, strategy(resources)):
        return max_concurrent
    return min(max_concurrent, max(1, int(sum(node["Resources"].get("CPU", 0.0) for node in nodes))))
