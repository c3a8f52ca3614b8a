"""Our files for AWS, filled in by `cluster render` and launched by `ray up`, with moto in place of EC2 and IAM."""

from __future__ import annotations

import importlib
import shutil
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import yaml  # type: ignore[import-untyped] # it ships no types

from raytune_suite import cli
from raytune_suite.cluster import commands
from raytune_suite.cluster.document import read
from raytune_suite.cluster.tokens import create_token

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]

REGION, ZONES = "us-west-2", ("us-west-2a", "us-west-2b")
IMAGE = "ami-0123456789abcdef0"
HOME_ADDRESS = "203.0.113.7/32"
SETTINGS = {
    "region": REGION,
    "zone": ",".join(ZONES),
    "storage": f"fs-0123456789abcdef0.efs.{REGION}.amazonaws.com:/",
    "available_node_types.head.node_config.ImageId": IMAGE,
}
OWN_ROLE = "IamInstanceProfile: {Arn: arn:aws:iam::123456789012:instance-profile/ray-head}"

MACHINES = {
    "gpu_1": ("g6.xlarge", {"CPU": 4, "GPU": 1, "accelerator_type:L4": 1}),
    "gpu_8": ("g6.48xlarge", {"CPU": 192, "GPU": 8, "accelerator_type:L4": 1}),
}


class Shell:
    """A stand-in for ssh to a machine, which records what it would run and reports success."""

    calls: list[dict[str, Any]]
    exitcode = 0

    def __init__(self, **arguments: Any) -> None:
        self.arguments = arguments
        self.cmd_runner = self  # `ray down` runs two commands with it

    def start(self) -> None:
        for there, here in self.arguments["file_mounts"].items():
            if there.startswith("~/ray_bootstrap_"):  # what the autoscaler reads on the head
                shutil.copy(here, Path(there).expanduser())
        self.calls.append(self.arguments)
        self.arguments["provider"].set_node_tags(self.arguments["node_id"], {"ray-node-status": "up-to-date"})

    def join(self) -> None:
        """Do nothing: there is no thread."""

    def run(self, *_words: Any, **_options: Any) -> str:
        return ""


@pytest.fixture
def head(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """The setups of the head, in a new AWS account and a new home folder."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # Ray caches responses of the cloud there
    monkeypatch.chdir(tmp_path)  # the folder that is copied to the machines
    for name in ("constraints.txt", "pyproject.toml"):
        (tmp_path / name).touch()
    ray_commands: Any = importlib.import_module("ray.autoscaler._private.commands")
    monkeypatch.setattr(Shell, "calls", [], raising=False)
    monkeypatch.setattr(ray_commands, "NodeUpdaterThread", Shell)
    monkeypatch.setattr(ray_commands, "POLL_INTERVAL", 0.1)
    no_waiting = SimpleNamespace(sleep=lambda _seconds: None, time=time.time)  # 30 s until a role is known
    monkeypatch.setattr("ray.autoscaler._private.aws.config.time", no_waiting)
    with importlib.import_module("moto").mock_aws(config={"iam": {"load_aws_managed_policies": True}}):
        yield Shell.calls


def ray(command: commands.Command) -> None:
    """Run one of our commands in this process, in which AWS is mocked."""
    program, *words = command.argv
    assert program == "ray"
    importlib.import_module("ray.scripts.scripts").cli(words, standalone_mode=False)


def client(service: str) -> Any:
    return importlib.import_module("boto3").client(service, REGION)


def instances() -> dict[str, dict[str, Any]]:
    """Return the running instances, by node type."""
    running = [{"Name": "instance-state-name", "Values": ["pending", "running"]}]
    groups = client("ec2").describe_instances(Filters=running)["Reservations"]
    running_instances = [one for group in groups for one in group["Instances"]]
    named = {tags(one)["ray-user-node-type"]: one for one in running_instances}
    assert len(named) == len(running_instances)
    return named


def tags(instance: dict[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in instance["Tags"]}


def disks(instance: dict[str, Any]) -> list[tuple[str, str, int]]:
    """Return the device, type and GB of each volume of an instance."""
    mine = [{"Name": "attachment.instance-id", "Values": [instance["InstanceId"]]}]
    volumes = client("ec2").describe_volumes(Filters=mine)["Volumes"]
    return [(one["Attachments"][0]["Device"], one["VolumeType"], one["Size"]) for one in volumes]


def launch(pools: list[str]) -> dict[str, Any]:
    """Launch one worker of each pool like the head's autoscaler, and return the configuration that it read."""
    file = Path("~/ray_bootstrap_config.yaml").expanduser()
    config: dict[str, Any] = yaml.safe_load(file.read_text())
    node_provider: Any = importlib.import_module("ray.autoscaler.v2.instance_manager.node_provider")
    reader: Any = importlib.import_module("ray.autoscaler.v2.instance_manager.config").FileConfigReader(str(file))
    of_aws: Any = importlib.import_module("ray.autoscaler._private.aws.node_provider")
    adapter = node_provider.NodeProviderAdapter(
        of_aws.AWSNodeProvider(config["provider"], config["cluster_name"]), reader
    )
    for pool in pools:
        adapter._launch_nodes_by_type(pool, 1, "request")
    assert adapter.poll_errors() == []
    assert {one.node_type for one in adapter.get_non_terminated().values()} == {"head", *pools}
    return config


@pytest.mark.e2e
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # Ray does not close a file
@pytest.mark.parametrize(
    ("name", "spot", "own_role"),
    [pytest.param("aws-gpu", False, False, marks=pytest.mark.long), ("aws-gpu-spot", True, True)],
)
def test_a_filled_in_file_launches_its_machines_and_terminates_them(
    name: str, spot: bool, own_role: bool, head: list[dict[str, Any]], tmp_path: Path
) -> None:
    mine = tmp_path / "mine.yaml"
    group = security_group()
    values = {**SETTINGS, "available_node_types.head.node_config.SecurityGroupIds.0": group}
    settings = [word for key, value in values.items() for word in ("--set", f"{key}={value}")]
    assert cli.main(["cluster", "render", str(ROOT / f"clusters/{name}.yaml"), *settings, "--output", str(mine)]) == 0
    if own_role:
        before = mine.read_text()
        mine.write_text(before.replace(f"#   {OWN_ROLE}", OWN_ROLE))
        assert mine.read_text() != before
        iam_profile()
    assert cli.main(["cluster", "check", str(mine), *([] if not own_role else ["--strict"])]) == 0
    document = read(mine)[0]

    assert commands.needs_token(document)
    create_token()
    (start,) = commands.up(document, yes=True)
    ray(start)
    (setup,) = head
    assert setup["file_mounts"]["~/.ray"] == "~/.ray"
    check_head(instances()["head"], name, own_role=own_role)
    check_access(instances()["head"], group, tmp_path / "home")
    check_setup(setup)

    config = launch(list(MACHINES))
    assert set(instances()) == {"head", *MACHINES}
    for pool, (kind, resources) in MACHINES.items():
        check_worker(instances()[pool], kind, spot=spot)
        assert resources.items() <= config["available_node_types"][pool]["resources"].items()
    assert config["available_node_types"]["head"]["resources"]["CPU"] == 0

    (stop,) = commands.down(document, yes=True)
    ray(stop)
    assert instances() == {}


def security_group() -> str:
    """Create the group that docs/clusters/aws.md describes."""
    ec2 = client("ec2")
    (network,) = ec2.describe_vpcs()["Vpcs"]
    made = ec2.create_security_group(GroupName="raytune", Description="raytune", VpcId=network["VpcId"])
    group: str = made["GroupId"]
    ssh = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": HOME_ADDRESS}]}
    within = {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group}]}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[ssh, within])
    return group


def iam_profile() -> None:
    """Create the role that docs/clusters/aws.md describes."""
    iam = client("iam")
    iam.create_role(RoleName="ray-head", AssumeRolePolicyDocument="{}")
    iam.create_instance_profile(InstanceProfileName="ray-head")
    iam.add_role_to_instance_profile(InstanceProfileName="ray-head", RoleName="ray-head")


def check_head(head: dict[str, Any], name: str, *, own_role: bool) -> None:
    """Check that the head is on demand, and has the instance type, image, disk and role of the file."""
    assert (head["InstanceType"], head["ImageId"], head.get("InstanceLifecycle")) == ("m6i.xlarge", IMAGE, None)
    assert head["Placement"]["AvailabilityZone"] in ZONES
    assert disks(head) == [("/dev/sda1", "gp3", 200)]
    cluster = {"aws-gpu": "raytune-aws", "aws-gpu-spot": "raytune-aws-spot"}[name]
    wanted = {"ray-cluster-name": cluster, "ray-node-type": "head", "Name": f"ray-{cluster}-head"}
    assert wanted.items() <= tags(head).items()
    role = "ray-head" if own_role else "ray-autoscaler-v1"
    assert head["IamInstanceProfile"]["Arn"].endswith(f":instance-profile/{role}")
    assert [one["RoleName"] for one in client("iam").list_roles()["Roles"]] == [role]


def check_access(head: dict[str, Any], group: str, home: Path) -> None:
    """Check that a local key gives access from the user's own address only, and that Ray has opened nothing else."""
    assert [one["KeyName"] for one in client("ec2").describe_key_pairs()["KeyPairs"]] == [head["KeyName"]]
    key = home / ".ssh" / f"{head['KeyName']}.pem"
    assert (key.stat().st_mode & 0o777, "PRIVATE KEY" in key.read_text()) == (0o600, True)
    assert [one["GroupId"] for one in head["SecurityGroups"]] == [group]
    groups = client("ec2").describe_security_groups()["SecurityGroups"]
    assert {one["GroupName"] for one in groups} == {"default", "raytune"}
    rules = next(one["IpPermissions"] for one in groups if one["GroupId"] == group)
    from_outside = [
        (rule["IpProtocol"], rule["FromPort"], rule["ToPort"], place["CidrIp"])
        for rule in rules
        for place in rule["IpRanges"]
    ]
    assert from_outside == [("tcp", 22, 22, HOME_ADDRESS)]
    assert {pair["GroupId"] for rule in rules for pair in rule["UserIdGroupPairs"]} == {group}


def check_setup(setup: dict[str, Any]) -> None:
    """Check that the head mounts the storage, runs our container, installs the project, and starts the autoscaler."""
    assert any(SETTINGS["storage"] in command for command in setup["initialization_commands"])
    assert setup["docker_config"]["image"] == "rayproject/ray:2.60.0-py311-gpu"
    assert {"~/raytune_suite", "~/ray_bootstrap_config.yaml", "~/ray_bootstrap_key.pem"} <= set(setup["file_mounts"])
    assert any("'.[all]'" in command for command in setup["setup_commands"])
    assert any("--autoscaling-config=~/ray_bootstrap_config.yaml" in command for command in setup["ray_start_commands"])


def check_worker(worker: dict[str, Any], kind: str, *, spot: bool) -> None:
    """Check that a worker has the instance type and market of its pool, and the group of the head."""
    assert (worker["InstanceType"], worker["ImageId"]) == (kind, IMAGE)
    assert worker.get("InstanceLifecycle") == ("spot" if spot else None)
    assert disks(worker) == [("/dev/sda1", "gp3", 200)]
    assert worker["Placement"]["AvailabilityZone"] in ZONES
    head = instances()["head"]
    assert (worker["KeyName"], worker["SecurityGroups"]) == (head["KeyName"], head["SecurityGroups"])
    assert "IamInstanceProfile" not in worker  # workers have no permissions
    assert tags(worker)["ray-node-type"] == "worker"
