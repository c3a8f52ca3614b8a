"""Whether the machines of a cluster share a folder: each is asked to find a file there, and to write another."""

from __future__ import annotations

import logging
import uuid
from typing import TYPE_CHECKING, Any, final

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from raytune_suite.engines.ray.cluster_state import name

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from raytune_suite.engines.ray.cluster_state import Machine

_logger = logging.getLogger("raytune_suite")

PATIENCE = 30.0
"""Seconds for all machines to answer before a study starts; the first answer takes a process of Ray's, some seconds."""


@final
class StorageProbe:
    """Asks machines about one folder; the answers are fetched later, so that nothing waits for them."""

    def __init__(self, folder: Path) -> None:
        """`folder` is where studies shall lie; it is made here if it is not there."""
        self.folder = folder
        self._asked: dict[Any, Machine] = {}
        self._mark = folder / f".raytune-suite-{uuid.uuid4().hex}"  # a new name, so that no NFS client remembers it

    def ask(self, machines: Iterable[Machine]) -> None:
        """Ask these machines, all but the one on which this process runs."""
        here = ray.get_runtime_context().get_node_id()
        for machine in machines:
            if machine["NodeID"] == here:
                continue
            if not self._asked:
                self.folder.mkdir(parents=True, exist_ok=True)
                self._mark.touch()
            there = NodeAffinitySchedulingStrategy(machine["NodeID"], soft=False)
            self._asked[_question().options(scheduling_strategy=there).remote(str(self._mark))] = machine

    def refusal(self, timeout: float = 0.0) -> str:
        """Why the folder will not do, as far as machines have answered within so many seconds; "" if it will.

        A machine that was lost meanwhile has no say.
        """
        if not self._asked:
            return ""
        answered, _ = ray.wait(list(self._asked), num_returns=len(self._asked), timeout=timeout)
        for answer in answered:
            machine = self._asked.pop(answer)
            try:
                trouble = ray.get(answer)
            except RayError as error:
                _logger.debug("%s could not be asked about %s: %s", name(machine), self.folder, error)
                continue
            if trouble:
                self.close()
                return refusal(self.folder, name(machine), trouble)
        if not self._asked:
            self.close()
        return ""

    def unanswered(self) -> list[str]:
        """The machines that have not answered yet."""
        return [name(machine) for machine in self._asked.values()]

    def close(self) -> None:
        """Ask no more, and remove the file."""
        self._asked.clear()
        self._mark.unlink(missing_ok=True)


def refusal(folder: Any, machine: str, trouble: str) -> str:
    """What to tell a person."""
    return (
        f"`storage_path` leads to {str(folder)!r}, but the machine {machine} {trouble}: trials there could not save "
        "their checkpoints. Give a folder that all machines of the cluster share, such as an NFS mount, or a URI "
        "such as s3://bucket/studies"
    )


def _question() -> Any:
    """A Ray task that brings its code along: a machine that lacks this package can answer."""

    def look(mark: str) -> str:
        from pathlib import Path
        from uuid import uuid4

        if not Path(mark).exists():
            return "does not see that folder"
        own = Path(f"{mark}-{uuid4().hex}")
        try:
            own.touch()
            own.unlink()
        except OSError as error:
            return f"cannot write there ({error.strerror})"
        return ""

    return ray.remote(num_cpus=0, max_retries=0)(look)


def check_shared(folder: Path, machines: Iterable[Machine]) -> str:
    """Why the folder will not do for these machines; "" if it will. It waits for their answers, `PATIENCE` at most."""
    probe = StorageProbe(folder)
    try:
        probe.ask(machines)
        trouble = probe.refusal(PATIENCE)
        for machine in probe.unanswered():
            _logger.warning("%s has not said within %g s whether it sees %s", machine, PATIENCE, folder)
    finally:
        probe.close()
    return trouble
