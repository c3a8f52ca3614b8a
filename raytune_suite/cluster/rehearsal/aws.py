"""The provider `aws` in the lab: moto answers for Amazon, and each machine that it is asked for is switched on here."""

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
from raytune_suite.cluster.rehearsal.machines import CLIENT, Lab
from raytune_suite.cluster.rehearsal.site import saved_by, study_arguments, without_docker, write
from raytune_suite.errors import RehearsalError
from raytune_suite.optional import require

if TYPE_CHECKING:
    from collections.abc import Callable

    from raytune_suite.cluster.document import Document
    from raytune_suite.cluster.pools import Pool
    from raytune_suite.cluster.rehearsal.machines import Machine

PORT = 5000

LIVE = ("pending", "running")
"""The states of an instance that is on."""

ALL = (*LIVE, "shutting-down", "terminated")

RAYS_MAX_WORKERS = 2
"""Ray's default."""

IDLE_MINUTES = 0.3
"""How long a machine of a pool may be idle in the lab, so that it is seen to be given back."""

OWN_IDS = ("SubnetId", "SubnetIds", "NetworkInterfaces", "KeyName")
"""What names things of the person's account; Ray chooses or makes them where they are left out."""


class Aws:
    """A file for AWS in the lab.

    Args:
        document: The cluster file.
        folder: The lab's folder.
        shared: Where machines have the shared folder, besides what they mount.
    """

    grows = True

    def __init__(self, document: Document, folder: Path, *, shared: str) -> None:
        data = json.loads(json.dumps(document.data))  # what YAML's anchors share is each one's own
        self.changes: list[str] = []
        self._shared = shared
        self._region = str(data["provider"]["region"])
        workers = [pool for pool in pools(document) if not pool.head and pool.most > 0]
        self._pools = {pool.name for pool in workers}
        self.least = sum(pool.least for pool in workers)
        self.most = min(sum(pool.most for pool in workers), data.get("max_workers", RAYS_MAX_WORKERS))
        self._cpus, self._gpus = smallest(workers)
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
        without_docker(data, self.changes)
        data["idle_timeout_minutes"] = IDLE_MINUTES
        self.changes.append(f"idle_timeout_minutes: {IDLE_MINUTES:g}, to see machines given back")
        self.file = write(data, folder, document)
        self._fault: Exception | None = None
        self._power = threading.Lock()
        threading.Thread(target=self._follow, daemon=True).start()

    @property
    def head(self) -> Machine:
        """The machine that is the head.

        Raises:
            RehearsalError: If none has been launched.
        """
        for instance in self._instances():
            if tag(instance, "ray-node-type") == "head":
                machine = self._machine(instance["PrivateIpAddress"])
                if machine is not None:
                    return machine
        raise RehearsalError("no head has been launched") from self._fault

    def saved_by(self, address: str, checkpoint: Path) -> bool:
        """Whether a checkpoint may be one that this machine has saved."""
        machine = self._machine(address)
        return machine is not None and saved_by(machine.name, checkpoint)

    def replacement(self, lost: str) -> Callable[[list[str]], bool]:  # noqa: ARG002 - its address may come again
        """A machine that has been launched since must be a worker."""
        before = {instance["InstanceId"] for instance in self._instances(states=ALL)}

        def is_there(workers: list[str]) -> bool:
            new = [one for one in self._instances() if one["InstanceId"] not in before]
            return any(one["PrivateIpAddress"] in workers for one in new)

        return is_there

    def lose(self, address: str) -> None:
        """Reclaim a spot machine: it is gone, and its owner hears of it when he asks."""
        with self._power:
            (instance,) = [one for one in self._instances() if one.get("PrivateIpAddress") == address]
            self._ec2.terminate_instances(InstanceIds=[instance["InstanceId"]])
            self.lab.cut_power(instance["InstanceId"])

    def replace(self, address: str) -> None:
        """Nothing: the autoscaler launches another one."""

    def left(self) -> list[str]:
        """The instances that are still paid for.

        Raises:
            RehearsalError: If a machine could not be switched on.
        """
        if self._fault is not None:
            raise RehearsalError(f"the lab cannot follow EC2: {self._fault}") from self._fault
        return [f"{one['InstanceType']} {one['InstanceId']} runs" for one in self._instances()]

    def study_arguments(self, trials: int, steps: int, seconds: float) -> list[str]:
        """The arguments of our own study."""
        return study_arguments(
            self._shared, cpus=self._cpus, gpus=self._gpus, trials=trials, steps=steps, seconds=seconds
        )

    def launched(self) -> list[str]:
        """What has been launched so far: node type, machine, market."""
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
            *("quotas, rights and prices", "images, containers and drivers", "what pip and apt would download"),
            *("the mount of the shared folder", "GPUs"),
            *([f"pools that no trial needed: {', '.join(idle)}"] if idle else []),
        ]

    def _start_service(self) -> subprocess.Popen[bytes]:
        with (self.lab.folder / "logs" / "moto.log").open("wb") as log:
            service = subprocess.Popen(  # noqa: S603 - our own words
                [sys.executable, "-m", "moto.server", "-H", "0.0.0.0", "-p", str(PORT)],  # noqa: S104 - in the lab
                env={**os.environ, "MOTO_IAM_LOAD_MANAGED_POLICIES": "true"},
                stdout=log,
                stderr=log,
            )
        for _ in range(300):
            with contextlib.suppress(OSError), urllib.request.urlopen(f"http://{CLIENT}:{PORT}/moto-api/") as answer:
                if answer.status == 200:  # noqa: PLR2004 - HTTP's "OK"
                    return service
            time.sleep(0.1)
        raise RehearsalError("moto's server does not start; its log is logs/moto.log (--keep DIR)")

    def _prepare_account(self, data: dict[str, Any]) -> None:
        """Make in the lab's account what the file expects in the person's, and leave out what only that has."""
        iam = require("boto3", extra="rehearse").client("iam", self._region)
        groups: dict[str, str] = {}
        profiles: set[str] = set()
        (network,) = self._ec2.describe_vpcs()["Vpcs"]
        for name, one in data["available_node_types"].items():
            config = one.setdefault("node_config", {})
            for key in OWN_IDS:
                if config.pop(key, None) is not None:
                    self.changes.append(f"{name}.{key}: left out, Ray makes its own in the lab's account")
            for group in config.get("SecurityGroupIds", []):
                if group not in groups:
                    made = self._ec2.create_security_group(GroupName=group, Description="-", VpcId=network["VpcId"])
                    groups[group] = made["GroupId"]
                    self.changes.append(f"security group {group}: one of the lab's account, which stops nobody")
            if groups:
                config["SecurityGroupIds"] = [groups[group] for group in config.get("SecurityGroupIds", [])]
            profile = config.get("IamInstanceProfile", {})
            wanted = str(profile.get("Name") or profile.get("Arn", "").rpartition("/")[2])
            if wanted and wanted not in profiles:
                profiles.add(wanted)
                made = iam.create_instance_profile(InstanceProfileName=wanted)["InstanceProfile"]
                self.changes.append(f"instance profile {wanted}: one of the lab's account, which may do everything")
            if wanted:
                config["IamInstanceProfile"] = {"Name": wanted}
        if data["auth"].pop("ssh_private_key", None):
            self.changes.append("auth.ssh_private_key: left out, Ray makes a key pair in the lab's account")

    def _instances(self, states: tuple[str, ...] = LIVE) -> list[dict[str, Any]]:
        given = [{"Name": "instance-state-name", "Values": list(states)}]
        groups = self._ec2.describe_instances(Filters=given)["Reservations"]
        return [instance for group in groups for instance in group["Instances"]]

    def _machine(self, address: str) -> Machine | None:
        return next((one for one in self.lab.machines if address in one.addresses), None)

    def _follow(self) -> None:
        """Switch machines on and off as instances are launched and terminated."""
        admitted: set[Path] = set()
        while self._fault is None:
            time.sleep(0.3)
            try:
                with self._power:
                    live = {one["InstanceId"]: one for one in self._instances()}
                    for machine in self.lab.machines:
                        if machine.name not in live:
                            self.lab.cut_power(machine.name)
                    on = {machine.name for machine in self.lab.machines}
                    for name, instance in live.items():
                        if name not in on:
                            self._admit_keys(admitted)
                            self._switch_on(instance)
            except Exception as error:  # noqa: BLE001 - kept for whoever asks what is on
                self._fault = error

    def _switch_on(self, instance: dict[str, Any]) -> None:
        public = instance.get("PublicIpAddress")
        addresses = [instance["PrivateIpAddress"], *([public] if public else [])]
        # moto gives one machine however many are asked for, so the autoscaler must not ask for more at a time
        environment = {**self.environment, "AUTOSCALER_MAX_LAUNCH_BATCH": "1", "RAY_USAGE_STATS_ENABLED": "0"}
        self.lab.switch_on(instance["InstanceId"], addresses, environment)

    def _admit_keys(self, admitted: set[Path]) -> None:
        """Let machines be opened by the key pairs that Ray has made."""
        for key in set(Path("~/.ssh").expanduser().glob("*.pem")) - admitted:
            words = ["ssh-keygen", "-y", "-f", str(key)]
            self.lab.admit(subprocess.run(words, capture_output=True, text=True, check=True).stdout)  # noqa: S603 - our own words
            admitted.add(key)


def smallest(workers: list[Pool]) -> tuple[float, float]:
    """The CPUs and GPUs of a trial that fills a machine of the smallest pool, if one with GPUs is there of that."""
    size = min(workers, key=lambda pool: (not pool.gpus, pool.gpus or 0, pool.cpus or 0))
    return (1.0 if size.gpus else size.cpus or 1.0), size.gpus or 0.0


def tag(instance: dict[str, Any], name: str) -> str:
    """The value of an instance's tag, "" if it has none."""
    return next((str(one["Value"]) for one in instance.get("Tags", []) if one["Key"] == name), "")
