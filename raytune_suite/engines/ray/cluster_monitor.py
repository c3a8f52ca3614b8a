"""Monitor the cluster under a study: resources that trials wait for, nodes that join, and nodes that are lost."""

from __future__ import annotations

import logging
import math
import time
from typing import TYPE_CHECKING, Any, NamedTuple, final

from ray.exceptions import ActorUnavailableError, RayActorError, RayTaskError
from ray.tune import Callback
from ray.tune.experiment import Trial

from raytune_suite.engines.ray import cluster_state
from raytune_suite.engines.ray.storage_probe import StorageProbe, not_shared
from raytune_suite.errors import StudyError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from raytune_suite.engines.callbacks.study_log import StudyLog
    from raytune_suite.engines.ray.cluster_state import AutoscalerStatus, NodeInfo
    from raytune_suite.packing import Demand

_logger = logging.getLogger("raytune_suite")

CHECK_INTERVAL_S = 3.0
"""Seconds between two checks of the cluster, each of which takes about a millisecond."""

LOG_INTERVAL_S = 60.0
"""Least seconds between two log messages about waiting; the line on a terminal is always up to date."""

BUSY_S = 30.0
"""Seconds without a running trial before a study reports that it waits for resources which a machine has in total.

Shorter gaps are normal: resources are released only when the processes of earlier trials have ended.
"""

IMPOSSIBLE_TIMEOUT_S = 30.0
"""Seconds that trials may wait for resources that nothing can provide before the study ends."""

SILENCE_TIMEOUT_S = 2.0
"""Seconds after the death of a trial's process in which its node must stop answering to count as lost."""

RECENT_LOSS_S = 60.0
"""Seconds after the loss of a node in which it explains the death of a process whose node is unknown."""

LOST_MACHINE_RETRIES = 5
"""How many nodes in a row a trial may lose without progress, before its config is blamed for their loss."""

_STORAGE_ERROR = "Unable to set up cluster storage"
"""How Ray's error begins in a trial that does not see the study's folder."""


@final
class ClusterMonitor(Callback):
    """A Ray Tune callback of one run; it is not saved with the study.

    Attributes:
        log: The study's log.
        fault: Why the study cannot continue, "" if it can.
    """

    def __init__(
        self, log: StudyLog, folder: Path | None, scaler: Callable[[], AutoscalerStatus | None], *, on_terminal: bool
    ) -> None:
        """Monitor the study that `log` records.

        Args:
            log: Receives what trials wait for, and which of them have lost their node.
            folder: The folder of studies; None if it is not a local one.
            scaler: Returns the status of the autoscaler.
            on_terminal: Whether a line on a terminal shows what trials wait for; otherwise it is logged.
        """
        self.fault = ""
        self.log, self._folder, self._scaler, self._on_terminal = log, folder, scaler, on_terminal
        self._probe = None if folder is None else StorageProbe(folder)
        self._head, self._here = cluster_state.head_address(), cluster_state.this_node()
        self._head_answers = True
        self._alive = set(cluster_state.alive_nodes())
        self._known = self._alive.copy()
        self._has_many_nodes = len(self._known) > 1
        self._lost_at = -math.inf
        self._next_check = self._next_log = 0.0
        self._logged = ""
        self._idle_since: float | None = None
        self._impossible_since: float | None = None
        self._blocked_since: float | None = None
        self._losses: dict[str, _Losses] = {}

    # ---- Ray's interface --------------------------------------------------------------------------------------

    def on_step_end(self, iteration: int, trials: list[Trial], **info: Any) -> None:  # noqa: ARG002 - Ray's signature
        """Check the cluster if it is time.

        Raises:
            StudyError: If a node that has joined does not see the study's folder, trials wait for resources that
                nothing can ever provide, or Ray on this machine has died.
        """
        waits = any(trial.status == Trial.PENDING for trial in trials) or self._blocked_since is not None
        if self.log.waiting and not waits:
            self.log.waiting = ""  # at once: the study may end with this step
        now = time.monotonic()
        if now < self._next_check:
            return
        self._next_check = now + CHECK_INTERVAL_S
        if not self._check_head():
            return  # all other questions would wait for it
        nodes = cluster_state.alive_nodes()
        self._check_this_node(nodes)
        if self._alive - nodes.keys():
            self._lost_at = now
        self._alive = set(nodes)
        self._check_storage(nodes)
        self.log.waiting = self._blocked(trials, list(nodes.values()), now) or self._waiting(
            trials, list(nodes.values()), now
        )
        self._log_waiting(now)

    def on_experiment_end(self, trials: list[Trial], **info: Any) -> None:  # noqa: ARG002 - Ray's signature
        """Clean up."""
        self.log.waiting = ""
        if self._probe is not None:
            self._probe.close()

    # ---- the head ---------------------------------------------------------------------------------------------

    def _check_head(self) -> bool:
        """Return whether the head of the cluster answers, and warn when that changes."""
        answers = cluster_state.head_answers(self._head)
        if answers and not self._head_answers:
            _logger.warning("the head of the Ray cluster, %s, responds again", self._head)
        elif self._head_answers and not answers:
            _logger.warning(
                "the head of the Ray cluster, %s, does not respond. If it does not come back, Ray ends this process "
                "after a minute: then resume the study with `resume=True` once the head runs again",
                self._head,
            )
        self._head_answers = answers
        return answers

    def _check_this_node(self, nodes: dict[str, NodeInfo]) -> None:
        """Check the node of this process, without which no trial can run.

        Raises:
            StudyError: If it has died.
        """
        node = nodes.get(self._here)
        if node is None or not node["Alive"] or not cluster_state.accepts_connections(node):
            self._end_study("Ray on this machine has died: its raylet is no longer running")

    # ---- storage ----------------------------------------------------------------------------------------------

    def _check_storage(self, nodes: dict[str, NodeInfo]) -> None:
        joined = nodes.keys() - self._known
        self._known |= joined
        self._has_many_nodes |= bool(joined)
        if self._probe is None:
            return
        self._probe.start(nodes[node_id] for node_id in joined)
        self._end_study(self._probe.problem())

    def check_failure(self, error: Exception) -> None:
        """Check the error with which a trial failed.

        Raises:
            StudyError: If the trial did not see the study's folder.
        """
        if self._has_many_nodes and isinstance(error, RayTaskError) and _STORAGE_ERROR in str(error):
            self._end_study(not_shared(self._folder, str(error.ip), "does not see this folder"))

    def _end_study(self, fault: str) -> None:
        if fault:
            self.fault = f"{fault}. The study was stopped; resume it with `resume=True` after fixing this"
            raise StudyError(self.fault)

    # ---- waiting ----------------------------------------------------------------------------------------------

    def _waiting(self, trials: list[Trial], nodes: list[NodeInfo], now: float) -> str:
        """Return what trials wait for, "" unless the user can do something about it.

        Waiting is reported where an autoscaler is starting nodes or fails to, where no node has the resources, and
        where the study has had no running or starting trial for `BUSY_S`: then other work occupies the resources.
        """
        waiting, starting = cluster_state.count_pending(trials)
        if not waiting:
            self._idle_since = self._impossible_since = None
            return ""
        scaler = self._scaler()
        self._check_possible(cluster_state.find_impossible(waiting, nodes, scaler), nodes, now)
        if starting or any(trial.status == Trial.RUNNING for trial in trials):
            self._idle_since = None
        elif self._idle_since is None:
            self._idle_since = now
        if scaler is not None and (scaler.starting or scaler.failed):
            return cluster_state.describe_waiting(waiting, nodes, scaler)
        placeable = all(cluster_state.can_place(demand, nodes) for demand in waiting)
        patience = BUSY_S if placeable else CHECK_INTERVAL_S
        if self._idle_since is None or now - self._idle_since < patience:
            return ""
        return cluster_state.describe_waiting(waiting, nodes, scaler)

    def _blocked(self, trials: list[Trial], nodes: list[NodeInfo], now: float) -> str:
        """Return for which workers all running trials wait, "" if some train.

        Raises:
            StudyError: If nothing would ever start them: the trials occupy the resources of each other's workers.
        """
        running = [trial for trial in trials if trial.status == Trial.RUNNING]
        workers = cluster_state.waiting_workers(running)
        if not running or workers.total() < len(running):
            self._blocked_since = None
            return ""
        self._blocked_since = now if self._blocked_since is None else self._blocked_since
        if now - self._blocked_since < BUSY_S:
            return ""
        factory: Any = running[0].placement_group_factory
        reason = cluster_state.describe_blocked(
            cluster_state.to_demand(factory.bundles), workers.most_common(1)[0][0], nodes
        )
        if self._scaler() is None:
            self.fault = f"the study was stopped: {reason}"
            raise StudyError(self.fault)
        return reason

    def _check_possible(self, impossible: Demand | None, nodes: list[NodeInfo], now: float) -> None:
        if impossible is None:
            self._impossible_since = None
            return
        self._impossible_since = now if self._impossible_since is None else self._impossible_since
        if now - self._impossible_since >= IMPOSSIBLE_TIMEOUT_S:
            raise StudyError(
                f"a trial needs {cluster_state.format_demand(impossible)}, which no machine and no autoscaler pool can "
                f"provide: {cluster_state.describe_nodes(nodes)}. Add such a machine or pool and resume with "
                "`resume=True`, or start another study with smaller `resources`"
            )

    def _log_waiting(self, now: float) -> None:
        reason = self.log.waiting
        if not self._on_terminal and reason not in ("", self._logged) and now >= self._next_log:
            self._logged, self._next_log = reason, now + LOG_INTERVAL_S
            _logger.warning("%s", reason)

    # ---- lost nodes -------------------------------------------------------------------------------------------

    def handle_actor_death(self, trial: Trial, error: RayActorError, node_id: str) -> bool:
        """Return whether a trial's actor died because its node was lost, which is not a failure of the trial.

        The loss is recorded in the study's log. A trial that loses `LOST_MACHINE_RETRIES` nodes in a row without
        progress is not excused any more.

        Args:
            trial: The trial.
            error: The error that Ray raised, which says whether Ray knows that the node was drained or has died.
            node_id: The node of the actor, "" if it had none yet.

        Raises:
            StudyError: If the node of this process has died.
        """
        nodes = cluster_state.all_nodes()
        self._check_this_node(nodes)
        if len(nodes) == 1:
            return False
        node = nodes.get(node_id)
        silent = self._lost_recently(nodes) if node is None else _stops_answering(node)
        if not (silent or error.preempted or isinstance(error, ActorUnavailableError)):
            return False
        losses = self._losses.get(trial.trial_id, _Losses())
        if node is not None and not node["Alive"] and node_id == losses.node_id:
            return True  # counted already: the trial was about to reuse the actor of another one on this node
        number = self.log.number(trial.trial_id)
        iteration = int((trial.last_result or {}).get("training_iteration", 0))
        count = losses.in_a_row + 1 if iteration <= losses.iteration else 1
        self._losses[trial.trial_id] = _Losses(count, max(iteration, losses.iteration), node_id)
        self.log.lost_machine(trial.trial_id)
        if count > LOST_MACHINE_RETRIES:
            _logger.warning(
                "trial %d: lost %d machines in a row without progress. Its config may be the cause, so this counts as "
                "a failure of the trial",
                number,
                count,
            )
            return False
        saved: Any = trial.latest_checkpoint_result
        at = None if saved is None else saved.metrics.get(self.log.objective.time_attr)
        restart = "restarts without a checkpoint" if at is None else f"resumes from its checkpoint at {at}"
        place = "" if node is None else f" {cluster_state.display_name(node)}"
        _logger.warning("trial %d: its machine%s was lost; it %s", number, place, restart)
        return True

    def _lost_recently(self, nodes: dict[str, NodeInfo]) -> bool:
        """Return whether a node was lost since the last check or shortly before it."""
        lost = any(not nodes[node_id]["Alive"] for node_id in self._alive)
        return lost or time.monotonic() - self._lost_at < RECENT_LOSS_S


class _Losses(NamedTuple):
    """The nodes that a trial has lost: how many in a row without progress, at which iteration, and the last one."""

    in_a_row: int = 0
    iteration: int = -1
    node_id: str = ""


def _stops_answering(node: NodeInfo) -> bool:
    """Return whether a node is dead, or stops answering within `SILENCE_TIMEOUT_S`."""
    deadline = time.monotonic() + SILENCE_TIMEOUT_S
    while node["Alive"] and cluster_state.accepts_connections(node):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
        node = cluster_state.all_nodes()[node["NodeID"]]
    return True
