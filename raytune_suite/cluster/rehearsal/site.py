"""What a cluster file becomes in the lab: machines, and a copy of the file that fits them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol

import yaml  # type: ignore[import-untyped] # it has no types of its own

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from raytune_suite.cluster.document import Document
    from raytune_suite.cluster.rehearsal.machines import Lab, Machine

OBJECT_STORE = 100_000_000
"""Bytes of each machine's object store: all machines share this host's memory."""


class Site(Protocol):
    """A cluster file in the lab.

    Attributes:
        lab: The machines.
        file: The copy of the cluster file that fits them.
        changes: In what it differs, and why.
        environment: What a command that uses the cluster needs in its environment.
        least: How many workers are there from the beginning.
        most: How many there can be.
        grows: Whether machines are launched when trials wait, and given back when they are idle.
    """

    lab: Lab
    file: Path
    changes: list[str]
    environment: dict[str, str]
    least: int
    most: int
    grows: bool

    @property
    def head(self) -> Machine:
        """The machine that is the head.

        Raises:
            RehearsalError: If there is none yet.
        """

    @property
    def unrehearsed(self) -> list[str]:
        """What the lab cannot show."""

    def saved_by(self, address: str, checkpoint: Path) -> bool:
        """Whether a checkpoint is one of our own study's, saved by this machine."""

    def replacement(self, lost: str) -> Callable[[list[str]], bool]:
        """A condition on the workers' addresses: one has taken the place of the one that was just lost."""

    def lose(self, address: str) -> None:
        """Cut a machine's power."""

    def replace(self, address: str) -> None:
        """Do what happens after a machine was lost, if anything."""

    def launched(self) -> list[str]:
        """What has been launched so far."""

    def left(self) -> list[str]:
        """What still runs after the cluster was stopped."""

    def study_arguments(self, trials: int, steps: int, seconds: float) -> list[str]:
        """The arguments of our own study."""


def resources_of(offered: Mapping[str, float]) -> dict[str, str]:
    """The environment in which `ray start` offers these resources, whatever the machine has."""
    return {"RAY_OVERRIDE_RESOURCES": json.dumps(offered), "RAY_USAGE_STATS_ENABLED": "0"}


def without_docker(data: dict[str, Any], changes: list[str]) -> None:
    """Leave containers out of a cluster file."""
    if data.pop("docker", None):
        changes.append("docker: left out, the commands of the container run on the machine itself")


def study_arguments(shared: str, **settings: float) -> list[str]:
    """The command line of our own study."""
    words = [word for name, value in settings.items() for word in (f"--{name}", f"{value:g}")]
    return ["--storage-path", f"{shared}/studies", *words]


def saved_by(machine: str, checkpoint: Path) -> bool:
    """Whether a machine may have saved a checkpoint; our own study writes into each who did."""
    marks = list(checkpoint.glob("by-*"))
    return not marks or checkpoint / f"by-{machine}" in marks


def write(data: dict[str, Any], folder: Path, document: Document) -> Path:
    """Write the copy of a cluster file."""
    place = folder / document.path.name
    place.write_text(yaml.safe_dump(data, sort_keys=False, width=1000), encoding="utf-8")
    return place
