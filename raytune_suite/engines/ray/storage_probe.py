"""Check that the nodes of a cluster share a folder: each looks for a file there, and writes another."""

from __future__ import annotations

import logging
import uuid
from typing import TYPE_CHECKING, Any, final

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from raytune_suite.engines.ray.cluster_state import display_name
from raytune_suite.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from raytune_suite.engines.ray.cluster_state import NodeInfo

_logger = logging.getLogger("raytune_suite")

TIMEOUT_S = 30.0
"""Seconds that all nodes have to answer before a study starts. A first answer takes a few: a Ray worker must start."""


@final
class StorageProbe:
    """Checks one folder on many nodes. Answers are collected later, so nothing blocks on them."""

    def __init__(self, folder: Path) -> None:
        """Probe `folder`, where studies are stored; it is created on this machine if it does not exist."""
        self.folder = folder
        self._pending: dict[Any, NodeInfo] = {}
        self._mark = folder / f".raytune-suite-{uuid.uuid4().hex}"  # a new name, which no NFS client has cached

    def start(self, nodes: Iterable[NodeInfo]) -> None:
        """Start the check on these nodes, except on the one that runs this process."""
        here = ray.get_runtime_context().get_node_id()
        for node in nodes:
            if node["NodeID"] == here:
                continue
            if not self._pending:
                self.folder.mkdir(parents=True, exist_ok=True)
                self._mark.touch()
            there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            self._pending[_remote_check().options(scheduling_strategy=there).remote(str(self._mark))] = node

    def problem(self, timeout: float = 0.0) -> str:
        """Return why the folder cannot be used, "" if all answers so far are good.

        Nodes that are lost before they answer are ignored.

        Args:
            timeout: Seconds to wait for answers.
        """
        if not self._pending:
            return ""
        answered, _ = ray.wait(list(self._pending), num_returns=len(self._pending), timeout=timeout)
        for answer in answered:
            node = self._pending.pop(answer)
            try:
                problem = ray.get(answer)
            except RayError as error:
                _logger.debug("%s could not check %s: %s", display_name(node), self.folder, error)
                continue
            if problem:
                self.close()
                return not_shared(self.folder, display_name(node), problem)
        if not self._pending:
            self.close()
        return ""

    def unanswered(self) -> list[str]:
        """Return the names of the nodes that have not answered yet."""
        return [display_name(node) for node in self._pending.values()]

    def close(self) -> None:
        """Forget pending checks and remove the file."""
        self._pending.clear()
        self._mark.unlink(missing_ok=True)


def not_shared(folder: Any, machine: str, problem: str) -> str:
    """Return the error message for a machine on which the folder cannot be used."""
    return (
        f"`storage_path` resolves to {str(folder)!r}, but the machine {machine} {problem}: trials on it could not save "
        "checkpoints. Use a folder that all machines of the cluster share, such as an NFS mount, or a URI such as "
        "s3://bucket/studies"
    )


def _remote_check() -> Any:
    """Return a Ray task whose code is shipped with it, so that nodes without this package can run it."""

    def check(mark: str) -> str:
        from pathlib import Path
        from uuid import uuid4

        if not Path(mark).exists():
            return "does not see this folder"
        own = Path(f"{mark}-{uuid4().hex}")
        try:
            own.touch()
            own.unlink()
        except OSError as error:
            return f"cannot write to it ({error.strerror})"
        return ""

    return ray.remote(num_cpus=0, max_retries=0)(check)


def check_shared_folder(folder: Path, nodes: Iterable[NodeInfo]) -> None:
    """Check that all nodes see a folder and can write to it. Waits `TIMEOUT_S` at most.

    Raises:
        ArgumentError: If a node does not see the folder or cannot write to it.
    """
    probe = StorageProbe(folder)
    try:
        probe.start(nodes)
        problem = probe.problem(TIMEOUT_S)
        for node in probe.unanswered():
            _logger.warning("%s did not report within %g s whether it sees %s", node, TIMEOUT_S, folder)
    finally:
        probe.close()
    if problem:
        raise ArgumentError(problem)
