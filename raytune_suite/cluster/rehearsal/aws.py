"""The provider `aws` in the lab: moto replaces Amazon's service, and each instance is a machine of the lab."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raytune_suite.cluster.pools import pools
from raytune_suite.cluster.rehearsal.lab import CLIENT, Lab
from raytune_suite.cluster.rehearsal.lab_cluster import may_have_saved, remove_docker, study_arguments, write_copy
from raytune_suite.errors import RehearsalError
from raytune_suite.optional import require

if TYPE_CHECKING:
    from collections.abc import Callable

    from raytune_suite.cluster.document import ClusterDocument
    from raytune_suite.cluster.pools import Pool
    from raytune_suite.cluster.rehearsal.lab import LabMachine

PORT = 5000

LIVE = ("pending", "running")
"""The states of an instance that is switched on."""

ALL = (*LIVE, "shutting-down", "terminated")

RAYS_MAX_WORKERS = 2
"""Ray's default for `max_workers`."""

IDLE_MINUTES = 0.3
"""The idle timeout in the lab, short enough to observe that idle machines are removed."""

ACCOUNT_KEYS = ("SubnetId", "SubnetIds", "NetworkInterfaces", "KeyName")
"""Keys that refer to the user's account; without them Ray chooses or creates these things."""


class AwsLabCluster:
    """A file for the provider `aws` in the lab.

    Args:
        document: The cluster file.
        folder: The folder for the lab's files.
        shared: The path of the shared folder on every machine, besides those that they mount.
    """

    grows = True

    def __init__(self, document: ClusterDocument, folder: Path, *, shared: str) -> None:
        data = json.loads(json.dumps(document.data))  # a copy in which YAML aliases are not shared
        self.changes: list[str] = []
        self._shared = shared
        self._region = str(data["provider"]["region"])
        workers = [pool for pool in pools(document) if not pool.head and pool.max_machines > 0]
        self._pools = {pool.name for pool in workers}
        self.min_workers = sum(pool.min_machines for pool in workers)
        self.max_workers = min(sum(pool.max_machines for pool in workers), data.get("max_workers", RAYS_MAX_WORKERS))
        self._cpus, self._gpus = smallest_resources(workers)
        self.lab = Lab(folder, user=data["auth"]["ssh_user"], shared=shared, names={})
        self.environment = {
            "AWS_ENDPOINT_URL": f"http://{CLIENT}:{PORT}",
            "AWS_ACCESS_KEY_ID": "lab",
            "AWS_SECRET_ACCESS_KEY": "lab",
            "AWS_DEFAULT_REGION": self._region,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        os.environ.update(self.environment)
        self._service = self._start_service()
        self._ec2 = require("boto3", extra="rehearse").client("ec2", self._region)
        self._prepare_account(data)
        remove_docker(data, self.changes)
        data["idle_timeout_minutes"] = IDLE_MINUTES
        self.changes.append(f"idle_timeout_minutes: {IDLE_MINUTES:g}, to observe that idle machines are removed")
        self.file = write_copy(data, folder, document)
        self._fault: Exception | None = None
        self._lock = threading.Lock()
        threading.Thread(target=self._follow, daemon=True).start()

    @property
    def head(self) -> LabMachine:
        """The head.

        Raises:
            RehearsalError: If it has not been launched yet.
        """
        for instance in self._instances():
            if tag(instance, "ray-node-type") == "head":
                machine = self._machine(instance["PrivateIpAddress"])
                if machine is not None:
                    return machine
        raise RehearsalError("the head has not been launched yet") from self._fault

    def may_have_saved(self, address: str, checkpoint: Path) -> bool:
        """Return whether a machine may have saved a checkpoint."""
        machine = self._machine(address)
        return machine is not None and may_have_saved(machine.name, checkpoint)

    def replacement_condition(self, lost: str) -> Callable[[list[str]], bool]:  # noqa: ARG002 - addresses are reused
        """Return a condition on the workers' addresses: whether an instance launched from now on has joined."""
        before = {instance["InstanceId"] for instance in self._instances(states=ALL)}

        def has_joined(workers: list[str]) -> bool:
            new = [one for one in self._instances() if one["InstanceId"] not in before]
            return any(one["PrivateIpAddress"] in workers for one in new)

        return has_joined

    def lose(self, address: str) -> None:
        """Cut the power of a machine, as if its spot instance were reclaimed."""
        with self._lock:
            (instance,) = [one for one in self._instances() if one.get("PrivateIpAddress") == address]
            self._ec2.terminate_instances(InstanceIds=[instance["InstanceId"]])
            self.lab.cut_power(instance["InstanceId"])

    def restore(self, address: str) -> None:
        """Do nothing: the autoscaler launches another instance."""

    def still_running(self) -> list[str]:
        """Return the instances that are still paid for.

        Raises:
            RehearsalError: If a machine could not be switched on.
        """
        if self._fault is not None:
            raise RehearsalError(
                f"the lab could not switch machines on and off as EC2 requested: {self._fault}"
            ) from self._fault
        return [f"{one['InstanceType']} {one['InstanceId']} runs" for one in self._instances()]

    def study_arguments(self, trials: int, steps: int, seconds: float) -> list[str]:
        """Return the arguments of our own study."""
        return study_arguments(
            self._shared, cpus=self._cpus, gpus=self._gpus, trials=trials, steps=steps, seconds=seconds
        )

    def launched(self) -> list[str]:
        """Return what has been launched so far: node type, instance type, market."""
        kinds = Counter(
            f"{tag(one, 'ray-user-node-type')} ({one['InstanceType']}, {one.get('InstanceLifecycle', 'on demand')})"
            for one in self._instances(states=ALL)
        )
        return [f"{number} x {kind}" for kind, number in kinds.items()]

    @property
    def unrehearsed(self) -> list[str]:
        """What the lab cannot show."""
        launched = {tag(one, "ray-user-node-type") for one in self._instances(states=ALL)}
        idle = sorted(self._pools - launched)
        return [
            *("quotas, permissions and prices", "images, containers and drivers", "downloads of pip and apt"),
            *("the mount of the shared folder", "GPUs"),
            *([f"pools that no trial needed: {', '.join(idle)}"] if idle else []),
        ]

    def _start_service(self) -> subprocess.Popen[bytes]:
        with (self.lab.folder / "logs" / "moto.log").open("wb") as log:
            service = subprocess.Popen(  # noqa: S603 - our own command
                [sys.executable, "-m", "moto.server", "-H", "0.0.0.0", "-p", str(PORT)],  # noqa: S104 - only inside the lab
                env={**os.environ, "MOTO_IAM_LOAD_MANAGED_POLICIES": "true"},
                stdout=log,
                stderr=log,
            )
        for _ in range(300):
            with contextlib.suppress(OSError), urllib.request.urlopen(f"http://{CLIENT}:{PORT}/moto-api/") as answer:
                if answer.status == 200:  # noqa: PLR2004 - HTTP's "OK"
                    return service
            time.sleep(0.1)
        raise RehearsalError("moto's server does not start; see logs/moto.log (with --keep DIR)")

    def _prepare_account(self, data: dict[str, Any]) -> None:
        """Create in the lab's account what the file expects in the user's, and remove what only the user's has."""
        iam = require("boto3", extra="rehearse").client("iam", self._region)
        groups: dict[str, str] = {}
        profiles: set[str] = set()
        (network,) = self._ec2.describe_vpcs()["Vpcs"]
        for name, one in data["available_node_types"].items():
            config = one.setdefault("node_config", {})
            for key in ACCOUNT_KEYS:
                if config.pop(key, None) is not None:
                    self.changes.append(f"{name}.{key}: removed, Ray creates its own in the lab's account")
            for group in config.get("SecurityGroupIds", []):
                if group not in groups:
                    made = self._ec2.create_security_group(GroupName=group, Description="-", VpcId=network["VpcId"])
                    groups[group] = made["GroupId"]
                    self.changes.append(f"security group {group}: replaced by the lab's own, which is not enforced")
            if groups:
                config["SecurityGroupIds"] = [groups[group] for group in config.get("SecurityGroupIds", [])]
            profile = config.get("IamInstanceProfile", {})
            wanted = str(profile.get("Name") or profile.get("Arn", "").rpartition("/")[2])
            if wanted and wanted not in profiles:
                profiles.add(wanted)
                made = iam.create_instance_profile(InstanceProfileName=wanted)["InstanceProfile"]
                self.changes.append(f"instance profile {wanted}: replaced by the lab's own, with all permissions")
            if wanted:
                config["IamInstanceProfile"] = {"Name": wanted}
        if data["auth"].pop("ssh_private_key", None):
            self.changes.append("auth.ssh_private_key: removed, Ray creates a key pair in the lab's account")

    def _instances(self, states: tuple[str, ...] = LIVE) -> list[dict[str, Any]]:
        filters = [{"Name": "instance-state-name", "Values": list(states)}]
        groups = self._ec2.describe_instances(Filters=filters)["Reservations"]
        return [instance for group in groups for instance in group["Instances"]]

    def _machine(self, address: str) -> LabMachine | None:
        return next((one for one in self.lab.machines if address in one.addresses), None)

    def _follow(self) -> None:
        """Switch machines on and off as instances are launched and terminated."""
        authorized: set[Path] = set()
        while self._fault is None:
            time.sleep(0.3)
            try:
                with self._lock:
                    live = {one["InstanceId"]: one for one in self._instances()}
                    for machine in self.lab.machines:
                        if machine.name not in live:
                            self.lab.cut_power(machine.name)
                    on = {machine.name for machine in self.lab.machines}
                    for name, instance in live.items():
                        if name not in on:
                            self._authorize_keys(authorized)
                            self._switch_on(instance)
            except Exception as error:  # noqa: BLE001 - raised by `still_running`
                self._fault = error

    def _switch_on(self, instance: dict[str, Any]) -> None:
        public = instance.get("PublicIpAddress")
        addresses = [instance["PrivateIpAddress"], *([public] if public else [])]
        # moto launches one instance per request, whatever its count, so the autoscaler must request one at a time
        environment = {**self.environment, "AUTOSCALER_MAX_LAUNCH_BATCH": "1", "RAY_USAGE_STATS_ENABLED": "0"}
        self.lab.switch_on(instance["InstanceId"], addresses, environment)

    def _authorize_keys(self, authorized: set[Path]) -> None:
        """Authorize the key pairs that Ray has created on the machines."""
        for key in set(Path("~/.ssh").expanduser().glob("*.pem")) - authorized:
            command = ["ssh-keygen", "-y", "-f", str(key)]
            self.lab.authorize(subprocess.run(command, capture_output=True, text=True, check=True).stdout)  # noqa: S603 - our own command
            authorized.add(key)


def smallest_resources(workers: list[Pool]) -> tuple[float, float]:
    """Return the CPUs and GPUs of a trial that occupies a machine of the smallest pool, preferably one with GPUs."""
    size = min(workers, key=lambda pool: (not pool.gpus, pool.gpus or 0, pool.cpus or 0))
    return (1.0 if size.gpus else size.cpus or 1.0), size.gpus or 0.0


def tag(instance: dict[str, Any], name: str) -> str:
    """Return the value of an instance's tag, "" if it does not have the tag."""
    return next((str(one["Value"]) for one in instance.get("Tags", []) if one["Key"] == name), "")
