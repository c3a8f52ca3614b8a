"""Filling in a template changes values and keeps comments."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml  # type: ignore[import-untyped] # it ships no types
from hypothesis import given
from hypothesis import strategies as st

from raytune_suite.cluster.checks import check_document
from raytune_suite.cluster.document import parse, read
from raytune_suite.cluster.pools import cluster_of
from raytune_suite.cluster.render import read_settings, render
from raytune_suite.errors import ArgumentError

if TYPE_CHECKING:
    from raytune_suite.cluster.document import ClusterDocument

ROOT = Path(__file__).parents[2]
CLUSTERS = ROOT / "clusters"
COMMENT = re.compile(r"(?:^| )#.*$", re.MULTILINE)


def template(name: str) -> ClusterDocument:
    return cluster_of(read(CLUSTERS / f"{name}.yaml"))


def filled(name: str, **settings: Any) -> Any:
    return yaml.safe_load(render(template(name), {key.replace("__", "."): value for key, value in settings.items()}))


AWS = {
    "region": "us-west-2",
    "zone": "us-west-2a",
    "image": "registry.example.com/mine:1-gpu",
    "storage": "fs-0123456789abcdef0.efs.us-west-2.amazonaws.com:/",
    "gpu_1.instance_type": "g5.xlarge",
    "gpu_1.max_workers": "16",
    "max_workers": "18",
    "available_node_types.head.node_config.ImageId": "ami-0123456789abcdef0",
    "available_node_types.head.node_config.SecurityGroupIds.0": "sg-0123456789abcdef0",
}


HEAD = "available_node_types.head.node_config"
FILLED = {
    "aws-gpu": {
        "storage": "fs-0123456789abcdef0.efs.us-east-1.amazonaws.com:/",
        f"{HEAD}.ImageId": "ami-0123456789abcdef0",
        f"{HEAD}.SecurityGroupIds.0": "sg-0123456789abcdef0",
    },
    "gcp-gpu": {
        "storage": "10.0.0.2:/share",
        "provider.project_id": "mine",
        f"{HEAD}.disks.0.initializeParams.sourceImage": "projects/mine/global/images/with-driver",
    },
    "azure-gpu": {
        "storage": "mine.file.core.windows.net:/mine/studies",
        "provider.subscription_id": "00000000-0000-0000-0000-000000000000",
        f"{HEAD}.azure_arm_parameters.imageVersion": "22.04.2025061901",
    },
    "kuberay/base": {"spec.storageClassName": "efs-sc"},
    "kuberay/raycluster": {"image": "registry.example.com/mine:2.60.0-py311-gpu"},
}
FILLED |= {"aws-gpu-spot": FILLED["aws-gpu"], "kuberay/rayjob": FILLED["kuberay/raycluster"]}
"""Everything that a new user must set."""


@pytest.mark.parametrize("path", sorted(CLUSTERS.rglob("*.yaml")), ids=lambda path: str(path.stem))
def test_every_placeholder_can_be_set_as_the_guide_says(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    name = str(path.relative_to(CLUSTERS).with_suffix(""))
    settings = FILLED.get(name, {})
    text = render(template(name), read_settings([f"{key}={value}" for key, value in settings.items()], None))
    report = check_document(cluster_of(parse(text, path)))
    assert (report.errors, report.missing) == (0, [])
    assert "YOUR-" not in COMMENT.sub("", text)
    guide = "".join(page.read_text() for page in (ROOT / "docs" / "clusters").glob("*.md"))
    assert [key for key in settings if key not in guide] == []


def test_settings_change_no_other_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    before = template("aws-gpu")
    text = render(before, AWS)
    assert COMMENT.findall(text) == COMMENT.findall(before.text)
    after = yaml.safe_load(text)
    pool = after["available_node_types"]["gpu_1"]
    assert (after["provider"]["region"], after["provider"]["availability_zone"]) == ("us-west-2", "us-west-2a")
    assert after["docker"]["image"] == "registry.example.com/mine:1-gpu"
    assert (pool["node_config"]["InstanceType"], pool["max_workers"], after["max_workers"]) == ("g5.xlarge", 16, 18)
    assert {one["node_config"]["ImageId"] for one in after["available_node_types"].values()} == {
        "ami-0123456789abcdef0"
    }
    assert "STORAGE=fs-0123456789abcdef0.efs.us-west-2.amazonaws.com:/;" in after["initialization_commands"][0]
    changed = [old for old, new in zip(before.text.splitlines(), text.splitlines(), strict=True) if old != new]
    assert len(changed) == len(AWS)
    report = check_document(parse(text, before.path)[0])
    assert (report.errors, report.missing) == (0, [])


def test_resources_are_adjusted_to_the_instance_type_where_ray_cannot_ask_the_cloud() -> None:
    pool = filled("gcp-gpu", gpu_8__instance_type="a2-highgpu-8g")["available_node_types"]["gpu_8"]
    assert (pool["node_config"]["machineType"], pool["resources"]) == ("a2-highgpu-8g", {"CPU": 96, "GPU": 8})
    pool = filled("azure-gpu", gpu_1__instance_type="Standard_NC24ads_A100_v4")["available_node_types"]["gpu_1"]
    assert pool["resources"] == {"CPU": 24, "GPU": 1}
    assert filled("azure-gpu", region="westeurope")["provider"]["location"] == "westeurope"


def test_a_string_stays_a_string() -> None:
    config = filled("azure-gpu", available_node_types__head__node_config__azure_arm_parameters__imageSku="2404")
    assert config["available_node_types"]["head"]["node_config"]["azure_arm_parameters"]["imageSku"] == "2404"


def test_own_hosts() -> None:
    config = filled("local", provider__head_ip="10.77.0.1", provider__worker_ips="[10.77.0.2, 10.77.0.3]")
    assert config["provider"] == {"type": "local", "head_ip": "10.77.0.1", "worker_ips": ["10.77.0.2", "10.77.0.3"]}
    assert filled("local", workers__max_workers=1)["max_workers"] == 1


@pytest.mark.parametrize("name", ["kuberay/raycluster", "kuberay/rayjob"])
def test_a_kuberay_manifest(name: str) -> None:
    settings = {"image": "registry.example.com/mine:1-gpu", "storage": "my-claim", "gpu-8.max_workers": 5}
    text = render(template(name), settings)
    assert COMMENT.findall(text) == COMMENT.findall(template(name).text)
    spec = yaml.safe_load(text)["spec"]
    spec = spec.get("rayClusterSpec", spec)
    pods = [one["template"]["spec"] for one in (spec["headGroupSpec"], *spec["workerGroupSpecs"])]
    assert {pod["containers"][0]["image"] for pod in pods} == {"registry.example.com/mine:1-gpu"}
    assert {pod["volumes"][0]["persistentVolumeClaim"]["claimName"] for pod in pods} == {"my-claim"}
    assert spec["workerGroupSpecs"][1]["maxReplicas"] == 5


@given(st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=30))
def test_any_string_survives_a_round_trip(value: str) -> None:
    document = parse("cluster_name: &name old  # yours\nother: *name\n", Path("small.yaml"))[0]
    text = render(document, {"cluster_name": value})
    assert yaml.safe_load(text) == {"cluster_name": value, "other": value}
    assert text.endswith("  # yours\nother: *name\n")


@pytest.mark.parametrize(
    ("name", "settings", "mentioned"),
    [
        ("aws-gpu", {"provider.regoin": "x"}, "did you mean 'provider.region'"),
        ("aws-gpu", {"regoin": "x"}, "did you mean 'region'"),
        ("aws-gpu", {"gpu_2.max_workers": 1}, "has no 'gpu_2.max_workers'.*'gpu_1.max_workers' or 'gpu_8.max_workers'"),
        ("aws-gpu", {"ImageId": "ami-0"}, "did you mean 'available_node_types.head.node_config.ImageId'"),
        ("aws-gpu", {"qqqqqqqq": 1}, "known: region, zone, image, storage, gpu_1.min_workers"),
        ("aws-gpu", {"image": "ami-0123456789abcdef0"}, "'ami-0123456789abcdef0'.*head.node_config.ImageId"),
        ("kuberay/raycluster", {"gpu-9.max_workers": 1}, "'gpu-1-spot.max_workers' or 'gpu-8.max_workers'"),
        ("aws-gpu", {"available_node_types": 1}, "'available_node_types'"),
        ("local", {"storage": "x"}, "`STORAGE="),
        ("local", {"workers.instance_type": "x"}, "`instance_type`.*'local'"),
    ],
)
def test_a_setting_that_does_not_apply_is_rejected(name: str, settings: dict[str, Any], mentioned: str) -> None:
    with pytest.raises(ArgumentError, match=mentioned):
        render(template(name), settings)


def test_settings_of_the_command_line_take_precedence_over_toml(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('region = "us-west-2"\n[gpu_1]\nmax_workers = 4\nmin_workers = 1\n')
    assert read_settings(["gpu_1.max_workers=6"], tmp_path / "mine.toml") == {
        "region": "us-west-2",
        "gpu_1.max_workers": "6",
        "gpu_1.min_workers": 1,
    }
    with pytest.raises(ArgumentError, match="NAME=VALUE"):
        read_settings(["region"], None)
    with pytest.raises(ArgumentError, match=r"no\.toml"):
        read_settings([], tmp_path / "no.toml")
