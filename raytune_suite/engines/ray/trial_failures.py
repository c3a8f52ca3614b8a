"""Which failures of trials count: not a lost machine, a full disk or memory, or a checkpoint that cannot be read."""

from __future__ import annotations

import errno
import logging
import re
from typing import TYPE_CHECKING, Any, final

from ray.exceptions import RayActorError

from raytune_suite.engines.ray import internals
from raytune_suite.errors import StudyError

if TYPE_CHECKING:
    from raytune_suite.engines.ray.cluster_monitor import ClusterMonitor
    from raytune_suite.engines.ray.out_of_memory import MemoryRetries

_logger = logging.getLogger("raytune_suite")

_STORAGE_ERRORS = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.ENODEV, errno.EHOSTDOWN}
)
"""Errors of a storage: it is full, read-only, broken or gone."""

_CODE = re.compile(r"\[errno (\d+)\]", re.IGNORECASE)


@final
class TrialFailures:
    """Decides about each failure of a trial before Ray handles it; an `on_failure` of `internals.trial_failures`.

    Attributes:
        fault: Why the study cannot continue, "" if it can.
    """

    def __init__(self, monitor: ClusterMonitor, retries: MemoryRetries, *, copies_checkpoints: bool) -> None:
        """Decide for one study.

        Args:
            monitor: Knows which machines were lost, and has the study's log.
            retries: Retries the trials that ran out of memory.
            copies_checkpoints: Whether a trial may be restored from the checkpoint of another, as in a population.
                It has none before that from which it could continue.
        """
        self.fault = ""
        self._monitor = monitor
        self._copies_checkpoints, self._retries = copies_checkpoints, retries

    def __call__(self, controller: Any, trial: Any, error: Exception) -> bool:
        """Return whether the failure is excused: the trial is then restarted from its last checkpoint.

        Raises:
            StudyError: If the failure is one of the whole study.
        """
        self._monitor.check_failure(error)
        self._monitor.log.refresh(controller.get_trials())  # the trial may have been created a moment ago
        if isinstance(error, RayActorError):
            return self._monitor.handle_actor_death(trial, error, internals.node_of(error))
        self._check_storage(trial, error)
        if (happens := self._retries.excuse(controller, trial, error)) is not None:
            _logger.warning("trial %d %s", self._monitor.log.number(trial.trial_id), happens)
            return self._retries.retries(trial)
        return trial.is_restoring and self._fall_back(trial, error)

    def _check_storage(self, trial: Any, error: Exception) -> None:
        """End the study if the trial could not write its checkpoint because of the storage."""
        saves = trial.is_saving or "persist_current_checkpoint" in str(error)  # the latter in a function's report
        if not saves or not is_storage_error(error):
            return
        number = self._monitor.log.number(trial.trial_id)
        cause = getattr(error, "cause", None) or error
        self.fault = (
            f"the checkpoint of trial {number} cannot be written to {trial.storage.trial_fs_path}: {cause}. The study "
            "was stopped; free space or repair the storage, and resume with `resume=True`"
        )
        raise StudyError(self.fault)

    def _fall_back(self, trial: Any, error: Exception) -> bool:
        """Let a trial continue from the checkpoint before the one that could not be loaded; returns whether it can.

        If the files are gone, as after a resume from an older snapshot, and there is no other checkpoint, it starts
        from the beginning. If they are there, loading fails for every trial if the trainable has a bug, so that counts.
        """
        if self._copies_checkpoints:
            return False
        number, damaged = self._monitor.log.number(trial.trial_id), trial.latest_checkpoint_result.checkpoint
        gone = not _exists(damaged)
        if internals.drop_latest_checkpoint(trial):
            metrics = trial.latest_checkpoint_result.metrics
            where = f"continues from the one before it, at {metrics.get(self._monitor.log.objective.time_attr)}"
        elif gone:
            where = "starts from the beginning, since there is no other"
        else:
            return False
        cause = "the files are gone" if gone else getattr(error, "cause", None) or error
        _logger.warning("trial %d: its checkpoint %s cannot be loaded: %s. It %s", number, damaged.path, cause, where)
        return True


def is_storage_error(error: Exception) -> bool:
    """Whether an error, or the one that caused it in a trial's process, is one of a storage."""
    cause = getattr(error, "cause", None) or error
    code = getattr(cause, "errno", None)
    codes = {code} if code is not None else {int(number) for number in _CODE.findall(str(cause))}
    return not _STORAGE_ERRORS.isdisjoint(codes)


def _exists(checkpoint: Any) -> bool:
    try:
        return str(checkpoint.filesystem.get_file_info(checkpoint.path).type.name) != "NotFound"
    except OSError:
        return True
