"""What `cluster check` finds: nothing bad in our own files, and each mistake in an edited copy of one."""

from __future__ import annotations

import contextlib
import copy
import os
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import yaml  # type: ignore[import-untyped] # it has no types of its own

from raytune_suite.cluster.capacity import Trial
from raytune_suite.cluster.checks.check import check, check_document
from raytune_suite.cluster.checks.findings import CODES
from raytune_suite.cluster.document import parse
from raytune_suite.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.check import Report

ROOT = Path(__file__).parents[2]
CLUSTERS = ROOT / "clusters"
OURS = sorted([*CLUSTERS.glob("*.yaml"), *CLUSTERS.glob("kuberay/ray*.yaml")])

DATA = os.environ.get("RAYTUNE_SUITE_DATA") and str(Path(os.environ["RAYTUNE_SUITE_DATA"]).absolute())

Config = dict[str, Any]


class Mistake(NamedTuple):
    """An edit of one of our files, and the finding that it must give, on the line of `where`.

    The edit gives values their places; None takes one away. Without `where` the finding is at the first of them.
    """

    file: str
    code: str
    edit: Config
    where: str | None = None
    trial: Trial | None = None

    @property
    def name(self) -> str:
        edit = ", ".join(f"{where.rpartition('.')[2]}={value}" for where, value in self.edit.items())
        return f"{self.code} {self.file} {(edit or repr(self.trial))[:60]}"


HEAD, GPU_1, GPU_8 = (f"available_node_types.{name}" for name in ("head", "gpu_1", "gpu_8"))
IN_1, IN_8, IN_HEAD = (f"{pool}.node_config" for pool in (GPU_1, GPU_8, HEAD))
ARM = f"{IN_1}.azure_arm_parameters"
START, JOIN, SETUP = "head_start_ray_commands", "worker_start_ray_commands", "setup_commands"
HEALTHY = "export RAY_health_check_period_ms=1000; ray start --head --num-cpus=0 --autoscaling-config=x"
SPEC, GROUP, LAST = "spec.headGroupSpec", "spec.workerGroupSpecs.0", "spec.workerGroupSpecs.1.template.spec"
POD, GROUP_NAME = f"{GROUP}.template.spec", f"{GROUP}.groupName"
CONTAINER = f"{POD}.containers.0"
T4 = [{"acceleratorType": "nvidia-tesla-t4", "acceleratorCount": 4}]

AWS = [
    Mistake("aws-gpu", "RTS101", {"max_workers": "ten"}),
    Mistake("aws-gpu", "RTS101", {f"{GPU_1}.resources.GPU": 0.5}),
    Mistake("aws-gpu", "RTS101", {f"{GPU_1}.resources": None}, GPU_1),
    Mistake("aws-gpu", "RTS101", {SETUP: "pip install ray"}),
    Mistake("aws-gpu", "RTS101", {"idle_timeout_minutes": -1}),
    Mistake("aws-gpu", "RTS103", {"idle_timeout_minuts": 5}),
    Mistake("aws-gpu", "RTS103", {f"{GPU_1}.max_worker": 3}),
    Mistake("aws-gpu", "RTS103", {"provider.availabilty_zone": "us-east-1a"}),
    Mistake("aws-gpu", "RTS103", {f"{IN_1}.InstanceTyp": "g6.xlarge"}),
    Mistake("aws-gpu", "RTS103", {"head_node": {"InstanceType": "m5.large"}}),
    Mistake("aws-gpu", "RTS104", {"provider.type": "awss"}),
    Mistake("aws-gpu", "RTS105", {"head_node_type": "haed", START: [HEALTHY]}, ""),
    Mistake("aws-gpu", "RTS105", {"docker.container_name": None}, ""),
    Mistake("aws-gpu", "RTS201", {f"{GPU_1}.min_workers": 9}),
    Mistake("aws-gpu", "RTS201", {"max_workers": 4, f"{GPU_1}.min_workers": 8}),
    Mistake("aws-gpu", "RTS202", {f"{GPU_8}.max_workers": 0}),
    Mistake("aws-gpu", "RTS202", {"max_workers": 0}),
    Mistake("aws-gpu", "RTS203", {"max_workers": 4}),
    Mistake("local", "RTS204", {START: ["ray stop", HEALTHY.replace("--num-cpus=0", "")]}),
    Mistake("local", "RTS204", {START: None}),
    Mistake("aws-gpu", "RTS204", {f"{HEAD}.resources": {"CPU": 4}}),
    Mistake("aws-gpu", "RTS204", {f"{HEAD}.resources": {}}),  # EC2 is asked, and what it says goes before --num-cpus=0
    Mistake("aws-gpu", "RTS204", {START: None, f"{HEAD}.resources": {}}),
    Mistake("gcp-gpu", "RTS204", {START: ["ray stop", "ray start --head"], f"{HEAD}.resources": {}}),
    Mistake("aws-gpu", "RTS205", {f"{IN_HEAD}.InstanceMarketOptions": {"MarketType": "spot"}}, IN_HEAD),
    Mistake("aws-gpu", "RTS206", {f"{IN_1}.InstanceType": "g5.13xlarge"}),
    Mistake("aws-gpu", "RTS206", {f"{IN_1}.InstanceType": None}),
    Mistake("aws-gpu", "RTS207", {f"{IN_1}.InstanceType": "x9.large"}),
    Mistake("aws-gpu", "RTS208", {f"{GPU_8}.resources": {"CPU": 192}}),
    Mistake("aws-gpu", "RTS208", {f"{GPU_1}.resources": {"GPU": 8}}),
    Mistake("aws-gpu", "RTS209", {f"{GPU_1}.resources": {"CPU": 96, "GPU": 1}}),
    Mistake("aws-gpu", "RTS210", {f"{GPU_8}.resources.gpu": 8}),
    Mistake("aws-gpu", "RTS211", {f"{IN_1}.InstanceType": "m5.large", GPU_8: None}, "available_node_types"),
    Mistake("aws-gpu", "RTS212", {"idle_timeout_minutes": 600}),
    Mistake("aws-gpu", "RTS212", {"idle_timeout_minutes": 0}),
    Mistake("aws-gpu", "RTS301", {f"{SETUP}.0": "pip install ray==2.9.0 ./raytune_suite"}),
    Mistake("aws-gpu", "RTS301", {"docker.image": "rayproject/ray:2.9.0-py311-gpu"}),
    Mistake("aws-gpu", "RTS302", {"docker.image": "rayproject/ray:2.60.0-py399-gpu"}),
    Mistake("aws-gpu", "RTS303", {"docker.image": "rayproject/ray:2.60.0-py311"}),
    Mistake("aws-gpu", "RTS304", {"docker.image": "rayproject/ray:latest-py311-gpu"}),
    Mistake("aws-gpu", "RTS304", {"docker.image": "registry.example.com/mine"}),
    Mistake("aws-gpu", "RTS305", {SETUP: None, "docker": None}),
    Mistake("local", "RTS305", {SETUP: ["pip install ray ./raytune_suite"]}),
    Mistake("aws-gpu", "RTS306", {SETUP: ["pip install ray==2.60.0"]}),
    Mistake("aws-gpu", "RTS307", {"file_mounts.~/data": "/does/not/exist"}),
    Mistake("aws-gpu", "RTS308", {f"{IN_8}.ImageId": None}),
    Mistake("aws-gpu", "RTS308", {f"{IN_1}.ImageId": "latest_dlami"}),
    Mistake("aws-gpu", "RTS308", {f"{IN_1}.ImageId": ""}),
    Mistake("aws-gpu", "RTS309", {"docker.image": "rayproject/ray:2.60.0-py310-gpu"}),
    Mistake("aws-gpu", "RTS309", {"docker.image": "rayproject/ray:2.60.0-gpu"}),
    Mistake("aws-gpu", "RTS310", {"file_mounts.~/raytune_suite": "clusters"}, f"{SETUP}.0"),
    Mistake("aws-gpu", "RTS310", {f"{SETUP}.0": "cd ~/raytune_suite && pip install ray==2.60.0 -r mine.txt ."}),
    Mistake("aws-gpu", "RTS401", {START: ["ray stop", "ray start --head --num-cpus=0"]}),
    Mistake("aws-gpu", "RTS402", {JOIN: ["ray stop", "ray start --address=10.0.0.1:6379"]}),
    Mistake("aws-gpu", "RTS403", {JOIN: ["ray start --address=$RAY_HEAD_IP:6379"]}),
    Mistake("aws-gpu", "RTS404", {START: ["ray stop", HEALTHY.replace("health", "other")]}),
    Mistake("aws-gpu", "RTS501", {"initialization_commands": []}),
    Mistake("aws-gpu", "RTS502", {}, "initialization_commands", Trial(storage_path="~/ray_results")),
    Mistake("local", "RTS502", {}, "initialization_commands", Trial(storage_path="file:///home/ray/studies")),
    Mistake("aws-gpu", "RTS601", {"auth.ssh_user": None}, "auth"),
    Mistake("local", "RTS601", {"auth.ssh_private_key": None}, "auth"),
    Mistake("azure-gpu", "RTS601", {"auth.ssh_private_key": "~/.ssh/id_rsa"}, "auth"),
    Mistake("aws-gpu", "RTS602", {"auth.ssh_private_key": "~/no/such/key"}),
    Mistake("aws-gpu", "RTS603", {f"{IN_8}.SecurityGroupIds": None}, IN_8),
    Mistake("aws-gpu", "RTS604", {}, "available_node_types"),
    Mistake("local", "RTS605", {"provider.worker_ips.1": "192.168.1.10"}),
    Mistake("local", "RTS605", {"provider.worker_ips.1": "192.168.1.11"}),
    Mistake("local", "RTS605", {"provider.head_ip": "192.168.1.300"}),
    Mistake("local", "RTS202", {"max_workers": 0, "min_workers": 0}),
    Mistake("aws-gpu", "RTS606", {"provider.availability_zone": "eu-west-1a"}),
    Mistake("gcp-gpu", "RTS607", {"provider.project_id": None}, "provider"),
    Mistake("azure-gpu", "RTS607", {"provider.resource_group": None}, "provider"),
    Mistake("aws-gpu", "RTS607", {"provider.region": None}, "provider"),
    Mistake("gcp-gpu", "RTS607", {"provider.availability_zone": None}, "provider"),
    Mistake("azure-gpu", "RTS607", {"provider.location": None}, "provider"),
    Mistake("local", "RTS213", {"max_workers": 1, "min_workers": 1}),
    Mistake("aws-gpu-spot", "RTS608", {f"{IN_1}.InstanceMarketOptions.MarketType": "spott"}),
    Mistake("aws-gpu", "RTS701", {}, "available_node_types", Trial(gpus=16)),
    Mistake("laptop", "RTS701", {}, "available_node_types", Trial(gpus=1, cpus=16)),
    Mistake("aws-gpu", "RTS702", {}, GPU_8, Trial(gpus=1, cpus=48)),
    Mistake("aws-gpu", "RTS703", {}, "available_node_types", Trial(gpus=1, max_concurrent=999)),
    Mistake("aws-gpu", "RTS704", {}, "", Trial(gpus=1.5)),
]
OTHERS = [
    Mistake("gcp-gpu", "RTS103", {f"{IN_1}.machinType": "g2-standard-8"}),
    Mistake("gcp-gpu", "RTS205", {f"{IN_HEAD}.scheduling": [{"preemptible": True}]}, IN_HEAD),
    Mistake("gcp-gpu", "RTS206", {f"{IN_1}.machineType": "g2-standard-6"}),
    Mistake("gcp-gpu", "RTS208", {f"{GPU_8}.resources": {"CPU": 96}}),
    Mistake(
        "gcp-gpu",
        "RTS208",
        {f"{IN_1}.machineType": "n1-standard-8", f"{IN_1}.guestAccelerators": T4},
        f"{GPU_1}.resources",
    ),
    Mistake("azure-gpu", "RTS103", {f"{ARM}.vmsize": "Standard_NC8as_T4_v3"}),
    Mistake("azure-gpu", "RTS206", {f"{ARM}.vmSize": "Standard_NC7as_T4_v3"}),
    Mistake("kuberay/raycluster", "RTS201", {f"{GROUP}.minReplicas": 9}),
    Mistake("kuberay/raycluster", "RTS202", {f"{GROUP}.maxReplicas": 0}),
    Mistake("kuberay/raycluster", "RTS204", {f"{SPEC}.rayStartParams": {}}),
    Mistake("kuberay/raycluster", "RTS205", {f"{SPEC}.template.spec.nodeSelector": {"gke-spot": "true"}}),
    Mistake("kuberay/raycluster", "RTS301", {"spec.rayVersion": "2.9.0"}),
    Mistake("kuberay/raycluster", "RTS301", {f"{CONTAINER}.image": "rayproject/ray:2.9.0-py311-gpu"}),
    Mistake("kuberay/raycluster", "RTS303", {f"{CONTAINER}.image": "rayproject/ray:2.60.0-py311"}),
    Mistake("kuberay/raycluster", "RTS501", {f"{POD}.volumes": []}),
    Mistake("kuberay/raycluster", "RTS502", {}, f"{POD}.volumes", Trial(storage_path="/elsewhere")),
    Mistake("kuberay/raycluster", "RTS801", {f"{CONTAINER}.resources": {"limits": {"cpu": "6"}}}),
    Mistake("kuberay/raycluster", "RTS802", {f"{POD}.restartPolicy": "Always"}),
    Mistake("kuberay/raycluster", "RTS803", {"spec.enableInTreeAutoscaling": False}, "spec"),
    Mistake("kuberay/raycluster", "RTS804", {"spec.gcsFaultToleranceOptions": None}, "spec"),
    Mistake("kuberay/raycluster", "RTS805", {f"{LAST}.tolerations": None}, LAST),
    Mistake("kuberay/raycluster", "RTS806", {"spec.workerGroupSpecs": None}, "spec"),
    Mistake("kuberay/raycluster", "RTS807", {f"{GROUP}.groupName": None}, GROUP_NAME),
    Mistake("kuberay/raycluster", "RTS807", {f"{GROUP}.groupName": "gpu-8"}, "spec.workerGroupSpecs.1.groupName"),
    Mistake("kuberay/raycluster", "RTS807", {f"{GROUP}.groupName": "gpu_1"}),
    Mistake("kuberay/raycluster", "RTS103", {f"{GROUP}.minReplica": 1}),
    Mistake("kuberay/raycluster", "RTS103", {f"{POD}.nodeSelectr": {}}),
    Mistake("kuberay/rayjob", "RTS103", {"spec.rayClusterSpec.enableInTreeAutoscalin": True}),
]
MISTAKES = [*AWS, *OTHERS]


class Sense(NamedTuple):
    """An edit of one of our files that is no mistake: it gives no finding of a code, or `at_most` a warning."""

    file: str
    code: str
    edit: Config
    trial: Trial | None = None
    at_most: str | None = None

    @property
    def name(self) -> str:
        edit = ", ".join(f"{where.rpartition('.')[2]}={value}" for where, value in self.edit.items())
        return f"{self.code} {self.file} {edit[:60]}"


STOCK = ["ray stop", "ray start --head --port=6379 --autoscaling-config=~/ray_bootstrap_config.yaml"]
TEMPLATE = {"LaunchTemplate": {"LaunchTemplateName": "mine"}}
TPU = {"acceleratorType": "v2-8", "runtimeVersion": "tpu-vm-base"}
TPU_SLICE = {"acceleratorConfig": {"type": "V4", "topology": "2x2x1"}, "runtimeVersion": "tpu-vm-v4-base"}
COORDINATOR = {"type": "local", "coordinator_address": "192.168.1.9:8000"}
INIT, SHARED = "initialization_commands", Trial(storage_path="/shared/studies")
NFS = "10.0.0.1:/export"
MOUNTS = (
    f"sudo mount {NFS} /shared",
    f"mountpoint -q /shared || (sudo mkdir -p /shared && sudo mount -o hard {NFS} /shared)",
    f"echo '{NFS} /shared nfs defaults 0 0' | sudo tee -a /etc/fstab && sudo mount -a",
    f"sudo mount -t nfs {NFS} /shared > /dev/null 2>&1",
    f"sudo mount -t nfs4 {NFS} /shared 2>&1 | tee mount.log || true",
    f"sudo mount -t nfs {NFS} /shared -o nolock",
    "sudo mount -t cifs //10.0.0.1/export /shared -o guest",
    "s3fs bucket /shared -o iam_role=auto",
    "rclone mount remote:bucket /shared --daemon",
)
SENSIBLE = [
    Sense("aws-gpu", "RTS204", {START: STOCK}),
    Sense("aws-gpu", "RTS204", {START: None}),
    Sense("gcp-gpu", "RTS204", {START: STOCK}),
    Sense("azure-gpu", "RTS204", {START: STOCK}),
    Sense("gcp-gpu", "RTS204", {f"{HEAD}.resources": {}}),  # started with --num-cpus=0
    Sense("local", "RTS204", {"provider.worker_ips": [], "max_workers": 0, START: STOCK}, at_most="warning"),
    Sense("local", "RTS202", {"provider.worker_ips": [], "max_workers": 0, START: STOCK}, at_most="warning"),
    Sense("local", "RTS202", {"provider": COORDINATOR}),
    Sense("local", "RTS201", {"provider": COORDINATOR, "min_workers": 0}),
    Sense("aws-gpu", "RTS103", {f"{IN_1}.DisableApiStop": True, f"{IN_1}.EnablePrimaryIpv6": True}),
    Sense("aws-gpu", "RTS206", {f"{GPU_1}.node_config": TEMPLATE}),
    Sense("aws-gpu", "RTS308", {f"{GPU_1}.node_config": TEMPLATE}),
    Sense("gcp-gpu", "RTS206", {f"{GPU_1}.node_config": TPU, f"{GPU_1}.resources": {"TPU": 4}}),
    Sense("gcp-gpu", "RTS206", {f"{GPU_1}.node_config": TPU_SLICE, f"{GPU_1}.resources": {"TPU": 4}}),
    Sense("aws-gpu", "RTS303", {"docker.image": "rayproject/ray-ml:2.60.0-py311"}),
    Sense(
        "aws-gpu",
        "RTS303",
        {
            "docker.image": "rayproject/ray:2.60.0-py311",
            **{f"{pool}.docker": {"worker_image": "rayproject/ray:2.60.0-py311-gpu"} for pool in (GPU_1, GPU_8)},
        },
    ),
    Sense("local", "RTS301", {SETUP: ["pip install 'ray[tune]==2.60.*' raytune-suite"]}),
    Sense("local", "RTS305", {SETUP: ["pip install 'ray[tune]==2.60.*' raytune-suite"]}),
    Sense("local", "RTS305", {SETUP: ["cd code && pip install -r requirements.txt"]}, at_most="warning"),
    Sense("local", "RTS305", {SETUP: ["pip install -c pins.txt ray"]}, at_most="warning"),
    Sense("local", "RTS305", {SETUP: ["source ~/venv/bin/activate"]}, at_most="warning"),
    Sense("local", "RTS305", {SETUP: []}, at_most="warning"),
    Sense("aws-gpu", "RTS305", {SETUP: [], "docker": {}}, at_most="warning"),
    Sense("aws-gpu", "RTS305", {SETUP: [], "docker.image": "rayproject/ray:2.60.0-py311-gpu"}),
    Sense("aws-gpu", "RTS305", {SETUP: None, "docker.image": "rayproject/ray:2.60.0-py311-gpu"}),
    *(Sense("aws-gpu", "RTS502", {INIT: [command]}, SHARED) for command in MOUNTS),
    *(Sense("aws-gpu", "RTS501", {INIT: [command]}) for command in MOUNTS),
    *(Sense("local", code, {START: ["bash head.sh"]}, at_most="warning") for code in ("RTS204", "RTS401")),
    Sense("local", "RTS204", {START: [HEALTHY.replace("--num-cpus=0", "--num-cpus '0'")]}),
    Sense("local", "RTS402", {JOIN: ["bash worker.sh"]}, at_most="warning"),
    Sense("local", "RTS402", {JOIN: ['ray stop; ray start --address="$RAY_HEAD_IP:6379"']}),
    Sense("aws-gpu", "RTS502", {INIT: ["sudo mount -a"]}, SHARED, at_most="warning"),
    Sense("aws-gpu", "RTS502", {INIT: ["sudo mount /shared"]}, SHARED, at_most="warning"),
    Sense("aws-gpu", "RTS502", {INIT: ["sudo mount $SOURCE /shared"]}, SHARED, at_most="warning"),
    Sense(
        "aws-gpu",
        "RTS502",
        {INIT: [f"sudo mount -t nfs {NFS} /efs"], "docker.run_options": ["-v /efs:/shared"]},
        SHARED,
    ),
    Sense("aws-gpu", "RTS601", {"auth": None}),
    Sense("local", "RTS601", {"auth.ssh_private_key": None}, at_most="warning"),
    Sense("kuberay/raycluster", "RTS201", {f"{GROUP}.maxReplicas": None, f"{GROUP}.minReplicas": 2}),
    Sense("kuberay/raycluster", "RTS202", {f"{GROUP}.maxReplicas": None, f"{GROUP}.replicas": 0}),
    Sense("kuberay/raycluster", "RTS301", {"spec.rayVersion": "2.9.0"}, at_most="warning"),
    *(
        Sense("kuberay/raycluster", code, {f"{CONTAINER}.image": "rayproject/ray:2.9.0-py310-gpu"}, at_most="warning")
        for code in ("RTS301", "RTS309")
    ),
    Sense(
        "kuberay/raycluster",
        "RTS806",
        {"spec.workerGroupSpecs": None, f"{SPEC}.rayStartParams": {}},
        at_most="warning",
    ),
    Sense(
        "kuberay/raycluster",
        "RTS801",
        {
            f"{CONTAINER}.resources": {"limits": {"cpu": "6"}},
            f"{CONTAINER}.image": "rayproject/ray:2.60.0-py311-gpu",
            f"{POD}.tolerations": [{"operator": "Exists"}],
        },
        at_most="warning",
    ),
]
FROM_TEXT = {"RTS102", "RTS106"}
"""Codes whose tests are below, since they cannot be made by an edit of values."""


def way(where: str) -> tuple[str | int, ...]:
    return tuple(int(step) if step.isdecimal() else step for step in where.split("."))


def edited(config: Config, edit: Config) -> Config:
    bad = copy.deepcopy(config)
    for where, value in edit.items():
        *above, last = way(where)
        place: Any = bad
        for step in above:
            place = place[step]
        if value is None:
            del place[last]
        else:
            place[last] = value
    return bad


@pytest.fixture(autouse=True)
def in_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file mounts of our files are relative to it; the schema of KubeRay is tested apart."""
    monkeypatch.chdir(ROOT)
    monkeypatch.delenv("RAYTUNE_SUITE_DATA", raising=False)


def checked(text: str, trial: Trial | None = None) -> Report:
    return check_document(parse(text, Path("edited.yaml"))[0], trial)


@pytest.mark.parametrize("path", OURS, ids=lambda path: str(path.relative_to(CLUSTERS)))
def test_our_own_files_have_no_error(path: Path) -> None:
    report = check(path, Trial(cpus=2, gpus=1, storage_path="/shared/studies"))
    assert [found for found in report.findings if found.severity == "error"] == []
    assert report.capacity is not None
    assert report.capacity.slots != 0


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: str(mistake.name))
def test_a_mistake_is_found_where_it_is(mistake: Mistake) -> None:
    good = yaml.safe_load((CLUSTERS / f"{mistake.file}.yaml").read_text())
    bad = edited(good, mistake.edit)
    text = yaml.safe_dump(bad, sort_keys=False)
    document = parse(text, Path("edited.yaml"))[0]
    wanted = next(iter(mistake.edit)) if mistake.where is None else mistake.where
    report = check_document(document, mistake.trial)
    found = [one for one in report.findings if one.code == mistake.code and one.where == wanted]
    assert found, [(one.code, one.where, one.reason) for one in report.findings]
    assert found[0].remedy
    if bad != good:
        before = checked(yaml.safe_dump(good, sort_keys=False)).findings
        assert (mistake.code, wanted) not in {(one.code, one.where) for one in before}
    if document.node(way(wanted)) is not None and not wanted[-1].isdecimal():
        assert f"{way(wanted)[-1]}:" in text.splitlines()[found[0].line - 1]


@pytest.mark.parametrize("sense", SENSIBLE, ids=lambda sense: str(sense.name))
def test_what_is_no_mistake_is_not_found(sense: Sense) -> None:
    config = edited(yaml.safe_load((CLUSTERS / f"{sense.file}.yaml").read_text()), sense.edit)
    report = checked(yaml.safe_dump(config, sort_keys=False), sense.trial)
    found = [one for one in report.findings if one.code == sense.code and one.severity != sense.at_most]
    assert [(one.where, one.severity, one.reason) for one in found] == []
    assert not {"RTS101", "RTS105"} & {one.code for one in report.findings}, report.findings


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("numpy\nray[tune]==2.60.0  # not 2.9.0\n", set()),
        ("ray==2.9.0\n", {("RTS301", "error")}),
        ("ray[tune]\n", {("RTS305", "error")}),
        ("# ray==2.60.0\nnumpy\n", {("RTS305", "warning")}),
    ],
)
@pytest.mark.parametrize("command", ["pip install -r pins.txt", "uv pip install --requirement=/code/pins.txt numpy"])
def test_requirements_are_read_where_they_are(
    said: str, wanted: set[tuple[str, str]], command: str, tmp_path: Path
) -> None:
    (tmp_path / "pins.txt").write_text(said)
    config = yaml.safe_load((CLUSTERS / "local.yaml").read_text())
    config |= {SETUP: [command], "file_mounts": {"/code": str(tmp_path)}}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(config))
    found = {(one.code, one.severity) for one in check(tmp_path / "mine.yaml").findings}
    assert {one for one in found if one[0] in {"RTS301", "RTS305"}} == wanted


def test_the_folders_that_are_shared_are_named() -> None:
    config = yaml.safe_load((CLUSTERS / "aws-gpu.yaml").read_text())
    config[INIT] = [f"sudo mount -t nfs {NFS} /efs > /dev/null 2>&1"]
    (found,) = [one for one in checked(yaml.safe_dump(config), SHARED).findings if one.code == "RTS502"]
    assert found.reason.endswith("; shared here: /efs")
    assert found.severity == "error"


def test_every_code_has_a_mistake_that_gives_it() -> None:
    assert {mistake.code for mistake in MISTAKES} | FROM_TEXT == set(CODES)


@pytest.mark.parametrize("path", OURS, ids=lambda path: str(path.relative_to(CLUSTERS)))
def test_a_value_of_another_form_is_no_crash(path: Path) -> None:
    good = yaml.safe_load(yaml.safe_dump(yaml.safe_load(path.read_text())))  # without aliases
    drawn = random.Random(0)
    for where in drawn.sample(list(places(good, "")), 12):
        text = yaml.safe_dump(edited(good, {where: drawn.choice([5, "x", [1], {"a": 1}, {}])}))
        with contextlib.suppress(ArgumentError):  # a quantity of Kubernetes
            report = checked(text, Trial(gpus=1, storage_path="/shared/studies"))
            assert report.capacity is not None or "RTS101" in {one.code for one in report.findings}


def places(value: Any, above: str) -> Iterator[str]:
    """The ways to all values within one; those of keys with dots cannot be written so."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in inner:
        if "." not in str(key):
            yield f"{above}{key}"
            yield from places(part, f"{above}{key}.")


def test_a_pool_that_is_switched_off_is_no_error_while_another_is_there() -> None:
    config = yaml.safe_load((CLUSTERS / "aws-gpu.yaml").read_text())
    off = {f"{GPU_8}.max_workers": 0}
    (found,) = [one for one in checked(yaml.safe_dump(edited(config, off))).findings if one.code == "RTS202"]
    assert found.severity == "warning"
    for more in ({f"{GPU_1}.max_workers": 0}, {f"{GPU_8}.min_workers": 1}):
        report = checked(yaml.safe_dump(edited(config, {**off, **more})))
        assert ("RTS202", "error") in {(one.code, one.severity) for one in report.findings}


def test_a_group_that_is_switched_off_is_no_error_while_another_is_there() -> None:
    text = (CLUSTERS / "kuberay" / "raycluster.yaml").read_text().replace("maxReplicas: 2", "maxReplicas: 0")
    (found,) = [one for one in checked(text).findings if one.code == "RTS202"]
    assert (found.severity, found.where) == ("warning", "spec.workerGroupSpecs.1.maxReplicas")


def test_a_key_that_is_given_twice_is_found_on_its_second_line() -> None:
    text = (CLUSTERS / "local.yaml").read_text() + "max_workers: 3\n"
    (found,) = [one for one in checked(text).findings if one.code == "RTS102"]
    assert (found.line, found.where) == (len(text.splitlines()), "max_workers")


def test_values_that_only_the_reader_knows_are_named_until_they_are_given() -> None:
    text = (CLUSTERS / "aws-gpu.yaml").read_text()
    assert {found.reason.split()[0] for found in checked(text).missing} == {
        "YOUR-GROUP",
        "YOUR-IMAGE",
        "YOUR-FILE-SYSTEM",
    }
    for name, value in {"GROUP": "0123456789abcdef0", "IMAGE": "0123456789abcdef0", "FILE-SYSTEM": "fs-01"}.items():
        text = text.replace(f"YOUR-{name}", value)
    assert checked(text).missing == []


def test_a_role_of_your_own_is_no_finding() -> None:
    config = yaml.safe_load((CLUSTERS / "aws-gpu.yaml").read_text())
    profile = {"Arn": "arn:aws:iam::123456789012:instance-profile/ray-head"}
    config = edited(config, {f"{IN_HEAD}.IamInstanceProfile": profile})
    assert "RTS604" not in {found.code for found in checked(yaml.safe_dump(config)).findings}


def test_an_unknown_key_comes_with_the_nearest_known_one() -> None:
    text = (CLUSTERS / "local.yaml").read_text() + "idle_timeout_minuts: 3\n"
    (found,) = checked(text).findings[-1:]
    assert found.reason == "nobody reads `idle_timeout_minuts`: did you mean 'idle_timeout_minutes'?"


@pytest.mark.parametrize(
    ("text", "words"),
    [("a: [1", "is not YAML"), ("- a\n- b\n", "key: value"), ("# nothing\n", "is empty")],
)
def test_what_is_no_cluster_file_is_refused(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "file.yaml").write_text(text)
    with pytest.raises(ArgumentError, match=words):
        check(tmp_path / "file.yaml")


def test_a_file_that_is_not_there_is_refused() -> None:
    with pytest.raises(ArgumentError, match="No such file"):
        check(Path("no.yaml"))


class TestWithTheOperatorsSchema:
    """KubeRay's own resource definitions, where the folder of others' data is."""

    @pytest.fixture(autouse=True)
    def definitions(self, monkeypatch: pytest.MonkeyPatch) -> None:
        if not DATA or not Path(DATA, "kuberay").is_dir():
            pytest.skip("RAYTUNE_SUITE_DATA names no folder with kuberay/")
        monkeypatch.setenv("RAYTUNE_SUITE_DATA", DATA)

    @pytest.mark.parametrize("name", ["raycluster", "rayjob"])
    def test_our_manifests_fit_it(self, name: str) -> None:
        assert check(CLUSTERS / "kuberay" / f"{name}.yaml").errors == 0

    def test_a_misspelt_key_is_found(self) -> None:
        text = (CLUSTERS / "kuberay" / "rayjob.yaml").read_text().replace("backoffLimit", "backofLimit")
        (found,) = [one for one in checked(text).findings if one.severity == "error"]
        assert (found.code, found.where) == ("RTS103", "spec.backofLimit")
        assert "did you mean 'backoffLimit'?" in found.reason

    def test_a_text_for_a_number_is_found(self) -> None:
        text = (CLUSTERS / "kuberay" / "raycluster.yaml").read_text().replace("maxReplicas: 8", "maxReplicas: many")
        assert ("RTS101", "spec.workerGroupSpecs.0.maxReplicas") in {
            (one.code, one.where) for one in checked(text).findings
        }
