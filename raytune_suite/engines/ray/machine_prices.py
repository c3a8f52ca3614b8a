"""What the machines of a Ray cluster cost, and the callback that counts it while a study runs."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

from ray.tune import Callback

from raytune_suite.cluster.document import read
from raytune_suite.cluster.pools import pools
from raytune_suite.engines.ray import cluster_state, internals
from raytune_suite.engines.ray.cluster_monitor import CHECK_INTERVAL_S
from raytune_suite.errors import ArgumentError, RaytuneSuiteError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ray.tune.experiment import Trial

    from raytune_suite.cluster.pools import Pool
    from raytune_suite.engines.base import StudySpec
    from raytune_suite.engines.callbacks.budget import StudyStopper
    from raytune_suite.engines.callbacks.study_log import StudyLog
    from raytune_suite.engines.ray.cluster_state import NodeInfo

CLUSTER_FILE = Path("~/ray_bootstrap_config.yaml")
"""Where `ray up` puts the cluster file on the head."""

GROUP_LABEL = "ray.io/node-group"
"""The label of a node with the name of its pool."""

_logger = logging.getLogger("raytune_suite")


def cluster_pools() -> list[Pool]:
    """The pools of the cluster that `ray up` started, if this is its head; otherwise none."""
    path = CLUSTER_FILE.expanduser()
    if internals.started_here() or not path.is_file():
        return []
    try:
        return pools(read(path)[0])
    except (RaytuneSuiteError, OSError, IndexError):
        return []


def pool_of(node: NodeInfo, known: Sequence[Pool]) -> Pool | None:
    """The pool of a node, by its label, else by its CPUs and GPUs; None if it is not certain."""
    group = node.get("Labels", {}).get(GROUP_LABEL)
    if named := [pool for pool in known if pool.name == group]:
        return named[0]
    size = tuple(float(node["Resources"].get(kind, 0.0)) for kind in ("CPU", "GPU"))
    same = [pool for pool in known if (pool.cpus, pool.gpus) == size]
    return same[0] if len({pool.price for pool in same}) == 1 else None


def hourly(nodes: Iterable[NodeInfo], known: Sequence[Pool]) -> tuple[float, list[NodeInfo]]:
    """US dollars per hour of the nodes whose price is known, and the other nodes."""
    total, unknown = 0.0, []
    for node in nodes:
        pool = pool_of(node, known)
        if pool is None or pool.price is None:
            unknown.append(node)
        else:
            total += pool.price
    return total, unknown


def check_prices(spec: StudySpec) -> None:
    """Check that a study with a limit in dollars knows the prices of its machines.

    Raises:
        ArgumentError: If it does not.
    """
    if spec.dollars is None or spec.price_per_hour is not None:
        return
    known = cluster_pools()
    for node in hourly(cluster_state.alive_nodes().values(), known)[1]:
        pool = pool_of(node, known)
        name = cluster_state.display_name(node)
        if pool is not None:
            name += f", a {pool.instance_type_name or 'machine'} of the pool {pool.name!r},"
        raise ArgumentError(
            f"`budget` is '{spec.dollars:g} USD', but the price of the machine {name} is not known: set "
            "`price_per_hour`, the US dollars per hour of one machine"
        )


def make_meter(spec: StudySpec, log: StudyLog) -> Meter:
    """What counts the cost of a study, if a price is known."""
    known = [] if spec.price_per_hour is not None else cluster_pools()
    if known and hourly(cluster_state.alive_nodes().values(), known)[1]:
        known = []
    return Meter(log, spec.price_per_hour, known, spec.dollars)


@final
class Meter(Callback):
    """A Ray Tune callback of one run that counts in the study's log what the machines cost; not saved with the study.

    All machines that are alive count, even those on which no trial runs. A machine of unknown price that joins later
    counts as the most expensive pool. Without a price, nothing is counted.
    """

    def __init__(self, log: StudyLog, each: float | None, known: Sequence[Pool], limit: float | None) -> None:
        """Count for `log`.

        Args:
            log: The study's log.
            each: US dollars per hour of each machine; None for the prices of the pools.
            known: The pools; empty if not all of their prices are known.
            limit: US dollars that the study may cost; None for no limit.
        """
        self._log, self._each, self._known, self._limit = log, each, known, limit
        self._next = 0.0
        self._warned = False

    def on_step_begin(self, iteration: int, trials: list[Trial], **info: Any) -> None:  # noqa: ARG002 - Ray's signature
        """Look which machines there are, if it is time."""
        now = time.monotonic()
        if now >= self._next and (self._each is not None or self._known):
            self._next = now + CHECK_INTERVAL_S
            self._log.bill.charge(self._hourly(list(cluster_state.alive_nodes().values())), self._log.elapsed)

    def limit(self, stopper: StudyStopper) -> None:
        """Let a stopper end the study when it has spent its dollars."""
        stopper.too_expensive = self._too_expensive

    def _too_expensive(self) -> bool:
        return self._limit is not None and (self._log.dollars or 0.0) >= self._limit

    def _hourly(self, nodes: list[NodeInfo]) -> float:
        if self._each is not None:
            return self._each * len(nodes)
        total, unknown = hourly(nodes, self._known)
        if not unknown:
            return total
        highest = max(pool.price for pool in self._known if pool.price is not None)
        if not self._warned:
            self._warned = True
            name = cluster_state.display_name(unknown[0])
            _logger.warning("the price of the machine %s is not known; it counts as $%g per hour", name, highest)
        return total + highest * len(unknown)
