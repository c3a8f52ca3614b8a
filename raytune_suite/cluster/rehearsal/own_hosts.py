"""The user's own hosts in the lab: the provider `local`."""

from __future__ import annotations

import copy
import ipaddress
import subprocess
from typing import TYPE_CHECKING

from raytune_suite.cluster.pools import flag
from raytune_suite.cluster.rehearsal.lab import Lab
from raytune_suite.cluster.rehearsal.lab_cluster import (
    OBJECT_STORE,
    may_have_saved,
    remove_docker,
    resources_environment,
    study_arguments,
    write_copy,
)
from raytune_suite.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from raytune_suite.cluster.document import ClusterDocument
    from raytune_suite.cluster.rehearsal.lab import LabMachine

CPUS, GPUS = 2, 1
"""The resources of a worker in the lab if its start command states none."""

NO_SUCH_PROCESS = 1
"""The exit status of `pgrep` if no process matches."""


class OwnHostsLabCluster:
    """A file for the provider `local` in the lab; the machines have the addresses of the file.

    Args:
        document: The cluster file.
        folder: The folder for the lab's files.
        shared: The path of the shared folder on every machine.
        workers: The most workers of the file to use.
    """

    grows = False

    def __init__(self, document: ClusterDocument, folder: Path, *, shared: str, workers: int) -> None:
        data = copy.deepcopy(document.data)
        self.changes: list[str] = []
        if "coordinator_address" in data["provider"]:
            raise ArgumentError("a file with `coordinator_address` cannot be rehearsed: use `head_ip` and `worker_ips`")
        hosts = [data["provider"]["head_ip"], *data["provider"]["worker_ips"]]
        if len(hosts) - 1 > workers:
            hosts = hosts[: workers + 1]
            data["provider"]["worker_ips"] = hosts[1:]
            self.changes.append(f"provider.worker_ips: only the first {workers} are used")
        for key in ("min_workers", "max_workers"):
            if key in data:
                data[key] = min(data[key], len(hosts) - 1)
        self.min_workers = data.get("min_workers", 0) or len(hosts) - 1
        self.max_workers = len(hosts) - 1
        external = data["provider"].get("external_head_ip")
        self._addresses = addresses_of([*hosts, *([external] if external else [])])
        names = {address: host for host, address in self._addresses.items() if host != address}
        self.lab = Lab(folder, user=data["auth"]["ssh_user"], shared=shared, names=names)
        data["auth"]["ssh_private_key"] = str(self.lab.key)
        self.changes.append("auth.ssh_private_key: the lab's own key")
        remove_docker(data, self.changes)
        self.file = write_copy(data, folder, document)
        self.environment: dict[str, str] = {}
        self._shared = shared
        start = document.strings("worker_start_ray_commands")
        self._resources = {
            "CPU": as_integer(flag(start, "--num-cpus"), CPUS),
            "GPU": as_integer(flag(start, "--num-gpus"), GPUS),
        }
        self._worker_environment = resources_environment({**self._resources, "object_store_memory": OBJECT_STORE})
        addresses = [self._addresses[host] for host in (hosts[0], external) if host]
        head_environment = resources_environment({"object_store_memory": OBJECT_STORE})
        self._head = self.lab.switch_on("head", addresses, head_environment, keep_home=True)
        for number, host in enumerate(hosts[1:], start=1):
            address = self._addresses[host]
            self.lab.switch_on(f"worker{number}", [address], self._worker_environment, keep_home=True)

    @property
    def head(self) -> LabMachine:
        """The head."""
        return self._head

    @property
    def unrehearsed(self) -> list[str]:
        """What the lab cannot show."""
        return ["GPUs and their drivers", "downloads of pip and apt", "the mount of the shared folder"]

    def may_have_saved(self, address: str, checkpoint: Path) -> bool:
        """Return whether a machine may have saved a checkpoint."""
        return may_have_saved(self._name(address), checkpoint)

    def replacement_condition(self, lost: str) -> Callable[[list[str]], bool]:
        """Return a condition on the workers' addresses: whether the lost machine itself has rejoined."""
        return lambda workers: lost in workers

    def lose(self, address: str) -> None:
        """Cut the power of a machine."""
        self.lab.cut_power(self._name(address))

    def restore(self, address: str) -> None:
        """Switch the machine on again. Like a real host it still has its home folder, with the token."""
        number = list(self._addresses.values()).index(address)
        self.lab.switch_on(f"worker{number}", [address], self._worker_environment, keep_home=True)

    def launched(self) -> list[str]:
        """Return the machines that are on."""
        return [machine.name for machine in self.lab.machines]

    def still_running(self) -> list[str]:
        """Return the machines on which Ray is still running."""
        running = []
        for machine in self.lab.machines:
            command = self.lab.ssh(machine, "pgrep raylet")
            status = subprocess.run(command, capture_output=True, check=False).returncode  # noqa: S603 - our own command
            if status != NO_SUCH_PROCESS:
                running.append(f"{machine.name} {'runs Ray' if status == 0 else 'does not respond'}")
        return running

    def study_arguments(self, trials: int, steps: int, seconds: float) -> list[str]:
        """Return the arguments of our own study, each of whose trials occupies a whole worker."""
        return study_arguments(
            self._shared,
            cpus=self._resources["CPU"],
            gpus=self._resources["GPU"],
            trials=trials,
            steps=steps,
            seconds=seconds,
        )

    def _name(self, address: str) -> str:
        return next(machine.name for machine in self.lab.machines if address in machine.addresses)


def as_integer(text: str | None, default: int) -> int:
    """Return the value of an option as an integer, `default` if it is missing or a shell expression."""
    return int(text) if text is not None and text.isdecimal() else default


def addresses_of(hosts: list[str]) -> dict[str, str]:
    """Return the IP address of each host; hosts with a name get an address of the lab.

    Raises:
        ArgumentError: If an address has IP version 6, which the lab does not support.

    Example:
        >>> addresses_of(["10.0.0.1", "worker.lan"])
        {'10.0.0.1': '10.0.0.1', 'worker.lan': '10.253.0.1'}
    """
    addresses = {}
    for number, host in enumerate(hosts):
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            addresses[host] = f"10.253.0.{number}"
        else:
            if address.version != 4:  # noqa: PLR2004 - IP's version 4
                raise ArgumentError(f"the address {host} cannot be rehearsed: the lab only supports IPv4")
            addresses[host] = str(address)
    return addresses
