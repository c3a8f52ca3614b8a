"""Machines of one's own in the lab: the provider `local`."""

from __future__ import annotations

import copy
import ipaddress
import subprocess
from typing import TYPE_CHECKING

from raytune_suite.cluster.pools import flag
from raytune_suite.cluster.rehearsal.machines import Lab
from raytune_suite.cluster.rehearsal.site import (
    OBJECT_STORE,
    resources_of,
    saved_by,
    study_arguments,
    without_docker,
    write,
)
from raytune_suite.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from raytune_suite.cluster.document import Document
    from raytune_suite.cluster.rehearsal.machines import Machine

CPUS, GPUS = 2, 1
"""What a worker offers in the lab, where its start command says nothing."""

NO_SUCH_PROCESS = 1
"""What `pgrep` answers then."""


class OwnHosts:
    """The machines of the provider `local`, with the addresses of the file.

    Args:
        document: The cluster file.
        folder: The lab's folder.
        shared: Where all machines have the shared folder.
        workers: How many of the file's workers take part at most.
    """

    grows = False

    def __init__(self, document: Document, folder: Path, *, shared: str, workers: int) -> None:
        data = copy.deepcopy(document.data)
        self.changes: list[str] = []
        if "coordinator_address" in data["provider"]:
            raise ArgumentError("a file with a coordinator_address cannot be rehearsed: name head_ip and worker_ips")
        hosts = [data["provider"]["head_ip"], *data["provider"]["worker_ips"]]
        if len(hosts) - 1 > workers:
            hosts = hosts[: workers + 1]
            data["provider"]["worker_ips"] = hosts[1:]
            self.changes.append(f"provider.worker_ips: the first {workers} alone take part")
        for key in ("min_workers", "max_workers"):
            if key in data:
                data[key] = min(data[key], len(hosts) - 1)
        self.least = data.get("min_workers", 0) or len(hosts) - 1
        self.most = len(hosts) - 1
        outside = data["provider"].get("external_head_ip")
        self._addresses = addresses_of([*hosts, *([outside] if outside else [])])
        names = {address: host for host, address in self._addresses.items() if host != address}
        self.lab = Lab(folder, user=data["auth"]["ssh_user"], shared=shared, names=names)
        data["auth"]["ssh_private_key"] = str(self.lab.key)
        self.changes.append("auth.ssh_private_key: the lab's own key")
        without_docker(data, self.changes)
        self.file = write(data, folder, document)
        self.environment: dict[str, str] = {}
        self._shared = shared
        start = document.strings("worker_start_ray_commands")
        self._offered = {"CPU": count(flag(start, "--num-cpus"), CPUS), "GPU": count(flag(start, "--num-gpus"), GPUS)}
        self._worker = resources_of({**self._offered, "object_store_memory": OBJECT_STORE})
        addresses = [self._addresses[host] for host in (hosts[0], outside) if host]
        self._head = self.lab.switch_on("head", addresses, resources_of({"object_store_memory": OBJECT_STORE}))
        for number, host in enumerate(hosts[1:], start=1):
            self.lab.switch_on(f"worker{number}", [self._addresses[host]], self._worker)

    @property
    def head(self) -> Machine:
        """The machine that is the head."""
        return self._head

    @property
    def unrehearsed(self) -> list[str]:
        """What the lab cannot show."""
        return ["GPUs and their drivers", "what pip and apt would download", "the mount of the shared folder"]

    def saved_by(self, address: str, checkpoint: Path) -> bool:
        """Whether a checkpoint may be one that this machine has saved."""
        return saved_by(self._name(address), checkpoint)

    def replacement(self, lost: str) -> Callable[[list[str]], bool]:
        """The lost machine itself must be back."""
        return lambda workers: lost in workers

    def lose(self, address: str) -> None:
        """Cut a machine's power."""
        self.lab.cut_power(self._name(address))

    def replace(self, address: str) -> None:
        """Switch it on again, with an empty disk."""
        number = list(self._addresses.values()).index(address)
        self.lab.switch_on(f"worker{number}", [address], self._worker)

    def launched(self) -> list[str]:
        """The machines that are on."""
        return [machine.name for machine in self.lab.machines]

    def left(self) -> list[str]:
        """The machines on which Ray still runs."""
        found = []
        for machine in self.lab.machines:
            asked = subprocess.run(self.lab.ssh(machine, "pgrep raylet"), capture_output=True, check=False)  # noqa: S603 - our own words
            if asked.returncode != NO_SUCH_PROCESS:
                found.append(f"{machine.name} {'runs Ray' if asked.returncode == 0 else 'does not answer'}")
        return found

    def study_arguments(self, trials: int, steps: int, seconds: float) -> list[str]:
        """The arguments of our own study, each of whose trials fills a worker."""
        return study_arguments(
            self._shared,
            cpus=self._offered["CPU"],
            gpus=self._offered["GPU"],
            trials=trials,
            steps=steps,
            seconds=seconds,
        )

    def _name(self, address: str) -> str:
        return next(machine.name for machine in self.lab.machines if address in machine.addresses)


def count(given: str | None, otherwise: int) -> int:
    """A number that an option gives; `otherwise` where it gives none, or one that only the machine knows."""
    return int(given) if given is not None and given.isdecimal() else otherwise


def addresses_of(hosts: list[str]) -> dict[str, str]:
    """The address of each host; one that is named gets one.

    Raises:
        ArgumentError: If one is of IP version 6, which the lab has not.

    Example:
        >>> addresses_of(["10.0.0.1", "worker.lan"])
        {'10.0.0.1': '10.0.0.1', 'worker.lan': '10.253.0.1'}
    """
    found = {}
    for number, host in enumerate(hosts):
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            found[host] = f"10.253.0.{number}"
        else:
            if address.version != 4:  # noqa: PLR2004 - IP's version 4
                raise ArgumentError(f"the address {host} cannot be rehearsed: the lab has IPv4 alone")
            found[host] = str(address)
    return found
