"""The interface of a cluster in the lab: machines, and a copy of the cluster file that is adapted to them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol

import yaml  # type: ignore[import-untyped] # it ships no types

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from raytune_suite.cluster.document import ClusterDocument
    from raytune_suite.cluster.rehearsal.lab import Lab, LabMachine

OBJECT_STORE = 100_000_000
"""Bytes of each machine's object store, which is small because all machines share this host's memory."""


class LabCluster(Protocol):
    """A cluster file in the lab.

    Attributes:
        lab: The lab with its machines.
        file: The adapted copy of the cluster file.
        changes: How the copy differs from the file, and why.
        environment: The environment variables of commands that use the cluster.
        min_workers: The number of workers that are started with the cluster.
        max_workers: The most workers.
        grows: Whether machines are launched for waiting trials, and removed when they are idle.
    """

    lab: Lab
    file: Path
    changes: list[str]
    environment: dict[str, str]
    min_workers: int
    max_workers: int
    grows: bool

    @property
    def head(self) -> LabMachine:
        """The head.

        Raises:
            RehearsalError: If it has not been launched yet.
        """

    @property
    def unrehearsed(self) -> list[str]:
        """What the lab cannot show."""

    def may_have_saved(self, address: str, checkpoint: Path) -> bool:
        """Return whether a machine may have saved a checkpoint; our own study records the machine."""

    def replacement_condition(self, lost: str) -> Callable[[list[str]], bool]:
        """Return a condition on the workers' addresses: whether one has replaced the machine that was just lost."""

    def lose(self, address: str) -> None:
        """Cut the power of a machine."""

    def restore(self, address: str) -> None:
        """Switch a lost machine on again, if the provider does not launch another one."""

    def launched(self) -> list[str]:
        """Return the machines that have been launched so far."""

    def still_running(self) -> list[str]:
        """Return what is still running, or paid for."""

    def study_arguments(self, trials: int, steps: int, seconds: float) -> list[str]:
        """Return the arguments of our own study."""


def resources_environment(resources: Mapping[str, float]) -> dict[str, str]:
    """Return environment variables that make `ray start` offer these resources on any machine."""
    return {"RAY_OVERRIDE_RESOURCES": json.dumps(resources), "RAY_USAGE_STATS_ENABLED": "0"}


def remove_docker(data: dict[str, Any], changes: list[str]) -> None:
    """Remove containers from a cluster file, and record the change."""
    if data.pop("docker", None):
        changes.append("docker: removed, its commands run directly on the machine")


def study_arguments(shared: str, **settings: float) -> list[str]:
    """Return the command line of our own study."""
    options = [word for name, value in settings.items() for word in (f"--{name}", f"{value:g}")]
    return ["--storage-path", f"{shared}/studies", *options]


def may_have_saved(machine: str, checkpoint: Path) -> bool:
    """Return whether a machine may have saved a checkpoint; our own study records the machine in each checkpoint."""
    marks = list(checkpoint.glob("by-*"))
    return not marks or checkpoint / f"by-{machine}" in marks


def write_copy(data: dict[str, Any], folder: Path, document: ClusterDocument) -> Path:
    """Write the adapted copy of a cluster file, and return its path."""
    place = folder / document.path.name
    place.write_text(yaml.safe_dump(data, sort_keys=False, width=1000), encoding="utf-8")
    return place
