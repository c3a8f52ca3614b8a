"""Watches the cluster under a study: why trials wait, machines that join without its folder, machines that are lost."""

from __future__ import annotations

import logging
import math
import time
from typing import TYPE_CHECKING, Any, NamedTuple, final

from ray.exceptions import ActorUnavailableError, RayActorError, RayTaskError
from ray.tune import Callback
from ray.tune.experiment import Trial

from raytune_suite.engines.ray import cluster_state
from raytune_suite.engines.ray.storage_probe import StorageProbe, refusal
from raytune_suite.errors import StudyError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from raytune_suite.engines.callbacks.study_log import StudyLog
    from raytune_suite.engines.ray.cluster_state import Autoscaler, Demand, Machine

_logger = logging.getLogger("raytune_suite")

LOOK_S = 3.0
"""Seconds between two looks at the cluster, of about a millisecond each."""

TELL_S = 60.0
"""The least seconds between two lines of the log about waiting; the line on a terminal is always up to date."""

GRACE_S = 30.0
"""So long trials may ask for what nothing can give, before the study ends."""

VERDICT_S = 2.0
"""So long a machine may take to fall silent after a trial's process on it has died, to count as lost."""

LATELY_S = 60.0
"""So long after a machine was lost it may be why a process died that no machine is known of."""

LOST_MACHINE_RETRIES = 5
"""So often in a row a trial may lose its machine without getting further; then its config counts as what kills them."""

_RAYS_REFUSAL = "Unable to set up cluster storage"


@final
class ClusterWatch(Callback):
    """A Ray Tune callback of one run; it is not saved with the study.

    Attributes:
        log: The study's log.
        fault: Why the study cannot go on, if it cannot.
    """

    def __init__(
        self, log: StudyLog, folder: Path | None, scaler: Callable[[], Autoscaler | None], *, on_terminal: bool
    ) -> None:
        """Watch the study that `log` keeps.

        Args:
            log: Told what trials wait for, and which have lost their machine.
            folder: The folder of studies; None if it is no local one.
            scaler: Tells what the autoscaler is about.
            on_terminal: Whether a line on a terminal shows what trials wait for.
        """
        self.fault = ""
        self.log, self._folder, self._scaler, self._on_terminal = log, folder, scaler, on_terminal
        self._probe = None if folder is None else StorageProbe(folder)
        self._alive = set(cluster_state.machines())
        self._known = self._alive.copy()
        self._many = len(self._known) > 1
        self._lost_at = -math.inf
        self._next = self._tell_next = 0.0
        self._told = ""
        self._idle_since: float | None = None
        self._hopeless_since: float | None = None
        self._losses: dict[str, _Losses] = {}

    # ---- Ray's interface --------------------------------------------------------------------------------------

    def on_step_end(self, iteration: int, trials: list[Trial], **info: Any) -> None:  # noqa: ARG002 - Ray's signature
        """Look, if it is time.

        Raises:
            StudyError: If a machine that has joined does not see the study's folder, or trials wait for what nothing
                can ever give them.
        """
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + LOOK_S
        machines = cluster_state.machines()
        if self._alive - machines.keys():
            self._lost_at = now
        self._alive = set(machines)
        self._check_storage(machines)
        self.log.waiting = self._waiting(trials, list(machines.values()), now)
        self._tell(now)

    def on_experiment_end(self, trials: list[Trial], **info: Any) -> None:  # noqa: ARG002 - Ray's signature
        """Leave nothing behind."""
        self.log.waiting = ""
        if self._probe is not None:
            self._probe.close()

    # ---- storage ----------------------------------------------------------------------------------------------

    def _check_storage(self, machines: dict[str, Machine]) -> None:
        new = machines.keys() - self._known
        self._known |= new
        self._many |= bool(new)
        if self._probe is None:
            return
        self._probe.ask(machines[node] for node in new)
        self._end(self._probe.refusal())

    def check_failure(self, error: Exception) -> None:
        """Look at what a trial failed with.

        Raises:
            StudyError: If it did not see the study's folder.
        """
        if self._many and isinstance(error, RayTaskError) and _RAYS_REFUSAL in str(error):
            self._end(refusal(self._folder, str(error.ip), "does not see that folder"))

    def _end(self, fault: str) -> None:
        if fault:
            self.fault = f"{fault}. The study was ended, and goes on with `resume=True` once that is so"
            raise StudyError(self.fault)

    # ---- waiting ----------------------------------------------------------------------------------------------

    def _waiting(self, trials: list[Trial], machines: list[Machine], now: float) -> str:
        """Why trials wait for machines; "" if they don't, or only for others to end."""
        waiting = cluster_state.unplaced(trials)
        if not waiting:
            self._idle_since = self._hopeless_since = None
            return ""
        scaler = self._scaler()
        self._check_hope(cluster_state.hopeless(waiting, machines, scaler), machines, now)
        if any(trial.status == Trial.RUNNING for trial in trials):
            self._idle_since = None
        elif self._idle_since is None:
            self._idle_since = now
        idle = self._idle_since is not None and now - self._idle_since >= LOOK_S
        coming = scaler is not None and bool(scaler.starting or scaler.failed)
        return cluster_state.why_waiting(waiting, machines, scaler) if idle or coming else ""

    def _check_hope(self, demand: Demand | None, machines: list[Machine], now: float) -> None:
        if demand is None:
            self._hopeless_since = None
            return
        self._hopeless_since = now if self._hopeless_since is None else self._hopeless_since
        if now - self._hopeless_since >= GRACE_S:
            raise StudyError(
                f"a trial asks for {' + '.join(map(cluster_state.words, demand))}, which no machine and no pool of an "
                f"autoscaler can ever give: {cluster_state.inventory(machines)}. Add such a machine or pool "
                "and go on with `resume=True`, or start another study with less in `resources`"
            )

    def _tell(self, now: float) -> None:
        reason = self.log.waiting
        if not self._on_terminal and reason not in ("", self._told) and now >= self._tell_next:
            self._told, self._tell_next = reason, now + TELL_S
            _logger.warning("%s", reason)

    # ---- lost machines ----------------------------------------------------------------------------------------

    def excuses(self, trial: Trial, error: RayActorError, node: str) -> bool:
        """Whether a trial's process died because its machine was lost, which is no failure of the trial.

        Args:
            trial: The trial.
            error: What Ray raised. If Ray knows that the machine was drained or has died, it says so there.
            node: The id of its machine; "" if it had none yet.
        """
        machines = cluster_state.all_machines()
        if len(machines) == 1:
            return False
        machine = machines.get(node)
        silent = self._lost_lately(machines) if machine is None else _falls_silent(machine)
        if not (silent or error.preempted or isinstance(error, ActorUnavailableError)):
            return False
        losses = self._losses.get(trial.trial_id, _Losses())
        if machine is not None and not machine["Alive"] and node == losses.node:
            return True  # it was to take over another's process, which was there, too
        number = self.log.number(trial.trial_id)
        place = "a machine" if machine is None else cluster_state.name(machine)
        iteration = int((trial.last_result or {}).get("training_iteration", 0))
        count = losses.in_a_row + 1 if iteration <= losses.reached else 1
        self._losses[trial.trial_id] = _Losses(count, max(iteration, losses.reached), node)
        self.log.lost_machine(trial.trial_id)
        if count > LOST_MACHINE_RETRIES:
            _logger.warning(
                "trial %d: it has lost %d machines in a row and got no further, so that its config may be what kills "
                "them: this is counted as its failure",
                number,
                count,
            )
            return False
        saved: Any = trial.latest_checkpoint_result
        at = None if saved is None else saved.metrics.get(self.log.objective.time_attr)
        goes_on = "starts again, without a checkpoint" if at is None else f"goes on from its checkpoint at {at}"
        _logger.warning("trial %d: its machine %s was lost; it %s", number, place, goes_on)
        return True

    def _lost_lately(self, machines: dict[str, Machine]) -> bool:
        """Whether one of these was lost since the last look, or not long before that."""
        lost = any(not machines[node]["Alive"] for node in self._alive)
        return lost or time.monotonic() - self._lost_at < LATELY_S


class _Losses(NamedTuple):
    """The machines that a trial has lost: how many in a row without getting further, how far it was, the last."""

    in_a_row: int = 0
    reached: int = -1
    node: str = ""


def _falls_silent(machine: Machine) -> bool:
    """Whether a machine is gone, or goes within `VERDICT_S`."""
    deadline = time.monotonic() + VERDICT_S
    while machine["Alive"] and cluster_state.answers(machine):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
        machine = cluster_state.all_machines()[machine["NodeID"]]
    return True
