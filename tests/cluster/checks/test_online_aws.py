"""`cluster check --online` reports what AWS answers: against moto, and against clients that answer as AWS does."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped] # it ships no types
from botocore.exceptions import ClientError, NoCredentialsError  # type: ignore[import-untyped] # as above

from raytune_suite.cluster.checks.online import aws as online
from raytune_suite.cluster.document import parse
from raytune_suite.cluster.pools import pools
from tests.cluster.checks.edits import IN_1, IN_8, IN_HEAD, Config
from tests.cluster.checks.test_checks import edited, file_of_ours

IMAGE, GROUP = "ami-0123456789abcdef0", "sg-0123456789abcdef0"
FILLED_IN = {
    f"{one}.{key}": value
    for one in (IN_HEAD, IN_1, IN_8)
    for key, value in {"ImageId": IMAGE, "SecurityGroupIds": [GROUP]}.items()
}


def answers(edit: Config, client: Any, file: str = "aws-gpu") -> set[tuple[str, str, str]]:
    text = yaml.safe_dump(edited(file_of_ours(file), edit), sort_keys=False)
    document = parse(text, Path("edited.yaml"))[0]
    return {(one.code, one.severity, one.where) for one in online.check(document, pools(document), client)}


def error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": f"{code} happened"}}, "RunInstances")


class StandIn:
    """Answers as AWS does: everything exists, and dry runs succeed, unless told otherwise."""

    def __init__(self, launch: str = "DryRunOperation", quota: float = 1000.0, architecture: str = "x86_64") -> None:
        self.launch, self.quota, self.architecture = launch, quota, architecture
        self.launched: list[dict[str, Any]] = []

    def __call__(self, service: str, region: str) -> StandIn:
        assert (service, region) in {("ec2", "us-east-1"), ("service-quotas", "us-east-1")}
        return self

    def describe_security_groups(self, **_: Any) -> dict[str, Any]:
        return {}

    def describe_subnets(self, **_: Any) -> dict[str, Any]:
        return {"Subnets": [{"SubnetId": "subnet-0123456789abcdef0", "AvailabilityZone": "us-east-1f"}]}

    def describe_instance_type_offerings(self, **_: Any) -> dict[str, Any]:
        return {"InstanceTypeOfferings": [{"Location": "us-east-1a"}]}

    def describe_images(self, **_: Any) -> dict[str, Any]:
        disk = {"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 75}}
        return {
            "Images": [
                {"Architecture": self.architecture, "RootDeviceName": "/dev/sda1", "BlockDeviceMappings": [disk]}
            ]
        }

    def run_instances(self, **arguments: Any) -> None:
        self.launched.append(arguments)
        raise error(self.launch)

    def get_service_quota(self, **_: Any) -> dict[str, Any]:
        return {"Quota": {"Value": self.quota, "QuotaName": "virtual CPUs"}}


def test_a_file_that_aws_accepts_has_no_finding_and_only_dry_runs() -> None:
    aws = StandIn()
    assert answers(FILLED_IN, aws) == set()
    assert len(aws.launched) == 3
    assert all(one["DryRun"] is True and one["MaxCount"] == 1 for one in aws.launched)


@pytest.mark.parametrize(
    ("aws", "edit", "expected"),
    [
        (StandIn("InvalidParameterCombination"), {}, ("RTS921", "error", IN_1)),
        (StandIn("UnauthorizedOperation"), {}, ("RTS922", "warning", IN_1)),
        (StandIn(quota=2), {}, ("RTS923", "error", "available_node_types.gpu_1.max_workers")),
        (StandIn(quota=8), {}, ("RTS923", "warning", "available_node_types.gpu_1.max_workers")),
        (StandIn(architecture="arm64"), {}, ("RTS907", "error", f"{IN_1}.ImageId")),
        (
            StandIn(),
            {f"{IN_1}.BlockDeviceMappings": [{"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 60}}]},
            ("RTS911", "error", f"{IN_1}.BlockDeviceMappings.0.Ebs.VolumeSize"),
        ),
        (StandIn(), {f"{IN_1}.SubnetIds": ["subnet-0123456789abcdef0"]}, ("RTS910", "error", f"{IN_1}.SubnetIds")),
        (StandIn(), {"provider.availability_zone": "us-east-1b"}, ("RTS921", "error", f"{IN_1}.InstanceType")),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else None,
)
def test_what_aws_rejects_is_reported(aws: StandIn, edit: Config, expected: tuple[str, str, str]) -> None:
    assert expected in answers({**FILLED_IN, **edit}, aws)


def test_without_credentials_there_is_a_warning() -> None:
    class Without(StandIn):
        def describe_security_groups(self, **_: Any) -> dict[str, Any]:
            raise NoCredentialsError

    assert answers(FILLED_IN, Without()) == {("RTS922", "warning", "provider")}


@pytest.mark.e2e
def test_what_does_not_exist_is_reported_by_moto(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with importlib.import_module("moto").mock_aws():
        found = answers({**FILLED_IN, f"{IN_1}.KeyName": "mine", f"{IN_8}.InstanceType": "p9.large"}, None)
    rejected = {where for code, _, where in found if code == "RTS921"}
    assert {f"{IN_1}.ImageId", f"{IN_1}.SecurityGroupIds", f"{IN_1}.KeyName", f"{IN_8}.InstanceType"} <= rejected
