"""Edits of our cluster files: mistakes with the finding that each must give, and edits that are no mistakes."""

from __future__ import annotations

from typing import Any, NamedTuple

from raytune_suite.cluster.capacity import ProcessRequirements, StudyRequirements

Config = dict[str, Any]


class Mistake(NamedTuple):
    """An edit of one of our files, and the code of the finding that it must give.

    `edit` maps dotted paths to new values; None removes a value. The finding is expected at `where`, by default at the
    first path of the edit.
    """

    file: str
    code: str
    edit: Config
    where: str | None = None
    study: StudyRequirements | None = None

    @property
    def name(self) -> str:
        edit = ", ".join(f"{where.rpartition('.')[2]}={value}" for where, value in self.edit.items())
        return f"{self.code} {self.file} {(edit or repr(self.study))[:60]}"


def workers(number: int, cpus: float, gpus: float) -> StudyRequirements:
    """A study whose trials have several workers."""
    return StudyRequirements(number * cpus, number * gpus, processes=(ProcessRequirements(cpus, gpus),) * number)


HEAD, GPU_1, GPU_8 = (f"available_node_types.{name}" for name in ("head", "gpu_1", "gpu_8"))
IN_1, IN_8, IN_HEAD = (f"{pool}.node_config" for pool in (GPU_1, GPU_8, HEAD))
ARM = f"{IN_1}.azure_arm_parameters"
START, JOIN, SETUP = "head_start_ray_commands", "worker_start_ray_commands", "setup_commands"
CONFIG = "--autoscaling-config=~/ray_bootstrap_config.yaml"
HEALTHY = f"export RAY_health_check_period_ms=1000; ray start --head --num-cpus=0 {CONFIG}"
SPEC, GROUP, LAST = "spec.headGroupSpec", "spec.workerGroupSpecs.0", "spec.workerGroupSpecs.1.template.spec"
POD, GROUP_NAME = f"{GROUP}.template.spec", f"{GROUP}.groupName"
CONTAINER = f"{POD}.containers.0"
ENV, JOB_AUTH = f"{SPEC}.template.spec.containers.0.env", "spec.rayClusterSpec.authOptions"
RUN, RULES = "docker.run_options", "provider.security_group.IpPermissions"
NO_OPTIONS: dict[str, Config] = {"local": {}, "aws-gpu": {RUN: []}, "gcp-gpu": {RUN: []}, "azure-gpu": {RUN: []}}
"""Edits after which a file does not require a token in containers."""

BY_HAND = [
    {"name": "RAY_AUTH_MODE", "value": "token"},
    {"name": "RAY_AUTH_TOKEN", "valueFrom": {"secretKeyRef": {"name": "mine", "key": "auth_token"}}},
]
OPEN = {"FromPort": 8000, "ToPort": 9000, "IpProtocol": "tcp", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
ALL_OPEN = {"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}
SSH_OPEN = {"FromPort": 22, "ToPort": 22, "IpProtocol": "tcp", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
OURS_OPEN = {"FromPort": 8265, "ToPort": 8265, "IpProtocol": "tcp", "IpRanges": [{"CidrIp": "203.0.113.7/32"}]}
T4 = [{"acceleratorType": "nvidia-tesla-t4", "acceleratorCount": 4}]

AWS = [
    Mistake("aws-gpu", "RTS101", {"max_workers": "ten"}),
    Mistake("aws-gpu", "RTS101", {f"{GPU_1}.resources.GPU": 0.5}),
    Mistake("gcp-gpu", "RTS101", {f"{GPU_1}.resources": None}, GPU_1),
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
    Mistake("aws-gpu", "RTS311", {"file_mounts": {"raytune_suite": "."}}, "file_mounts.raytune_suite"),
    Mistake("aws-gpu", "RTS202", {f"{GPU_8}.max_workers": 0}),
    Mistake("aws-gpu", "RTS202", {"max_workers": 0}),
    Mistake("aws-gpu", "RTS203", {"max_workers": 4}),
    Mistake("local", "RTS204", {START: ["ray stop", HEALTHY.replace("--num-cpus=0", "")]}),
    Mistake("local", "RTS204", {START: None}),
    Mistake("aws-gpu", "RTS204", {f"{HEAD}.resources": {"CPU": 4}}),
    Mistake("aws-gpu", "RTS204", {f"{HEAD}.resources": {}}),  # what EC2 reports takes precedence over --num-cpus=0
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
    Mistake("aws-gpu", "RTS502", {}, "initialization_commands", StudyRequirements(storage_path="~/ray_results")),
    Mistake(
        "local", "RTS502", {}, "initialization_commands", StudyRequirements(storage_path="file:///home/ray/studies")
    ),
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
    Mistake("aws-gpu-spot", "RTS902", {f"{IN_1}.InstanceMarketOptions.MarketType": "spott"}),
    *(Mistake(file, "RTS611", {START: ["ray stop", HEALTHY], **NO_OPTIONS[file]}) for file in NO_OPTIONS),
    Mistake("local", "RTS612", {JOIN: ["ray stop", "ray start --address=$RAY_HEAD_IP:6379"]}),
    Mistake("local", "RTS612", {START: ["ray stop", HEALTHY]}),
    Mistake("aws-gpu", "RTS613", {"file_mounts": {"~/raytune_suite": "."}}),
    Mistake("local", "RTS614", {START: ["ray stop", f"export RAY_AUTH_TOKEN=abc; {HEALTHY}"]}, f"{START}.1"),
    Mistake("aws-gpu", "RTS614", {RUN: ["-e RAY_AUTH_MODE=token -e RAY_AUTH_TOKEN=abc"]}, f"{RUN}.0"),
    Mistake("aws-gpu", "RTS615", {"provider.security_group": {"IpPermissions": [OPEN]}}, f"{RULES}.0"),
    Mistake("aws-gpu", "RTS615", {"provider.security_group": {"IpPermissions": [ALL_OPEN]}}, f"{RULES}.0"),
    Mistake("local", "RTS615", {START: ["ray stop", f"{HEALTHY} --dashboard-host=0.0.0.0"]}),
    Mistake("aws-gpu", "RTS701", {}, "available_node_types", StudyRequirements(gpus=16)),
    Mistake("laptop", "RTS701", {}, "available_node_types", StudyRequirements(gpus=1, cpus=16)),
    Mistake("aws-gpu", "RTS701", {}, "available_node_types", workers(99, 1, 8)),
    Mistake("aws-gpu", "RTS702", {}, "available_node_types", workers(8, 48, 1)),
    Mistake("aws-gpu", "RTS704", {}, "", workers(2, 1, 1.5)),
    Mistake("aws-gpu", "RTS702", {}, GPU_8, StudyRequirements(gpus=1, cpus=48)),
    Mistake("aws-gpu", "RTS703", {}, "available_node_types", StudyRequirements(gpus=1, max_concurrent=999)),
    Mistake("aws-gpu", "RTS704", {}, "", StudyRequirements(gpus=1.5)),
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
    Mistake("kuberay/raycluster", "RTS502", {}, f"{POD}.volumes", StudyRequirements(storage_path="/elsewhere")),
    Mistake("kuberay/raycluster", "RTS801", {f"{CONTAINER}.resources": {"limits": {"cpu": "6"}}}),
    Mistake("kuberay/raycluster", "RTS802", {f"{POD}.restartPolicy": "Always"}),
    Mistake("kuberay/raycluster", "RTS803", {"spec.enableInTreeAutoscaling": False}, "spec"),
    Mistake("kuberay/raycluster", "RTS804", {"spec.gcsFaultToleranceOptions": None}, "spec"),
    Mistake("kuberay/raycluster", "RTS805", {f"{LAST}.tolerations": None}, LAST),
    Mistake("kuberay/raycluster", "RTS806", {"spec.workerGroupSpecs": None}, "spec"),
    Mistake("kuberay/raycluster", "RTS807", {f"{GROUP}.groupName": None}, GROUP_NAME),
    Mistake("kuberay/raycluster", "RTS807", {f"{GROUP}.groupName": "gpu-8"}, "spec.workerGroupSpecs.1.groupName"),
    Mistake("kuberay/raycluster", "RTS807", {f"{GROUP}.groupName": "gpu_1"}),
    Mistake("kuberay/raycluster", "RTS611", {"spec.authOptions": None}, "spec.authOptions"),
    Mistake("kuberay/rayjob", "RTS611", {"spec.rayClusterSpec.authOptions.mode": "disabled"}, JOB_AUTH),
    Mistake("kuberay/raycluster", "RTS612", {"spec.authOptions": None, ENV: BY_HAND}, f"{CONTAINER}.env"),
    Mistake("kuberay/raycluster", "RTS613", {"spec.authOptions": None, ENV: BY_HAND[:1]}, ENV),
    Mistake("kuberay/raycluster", "RTS614", {ENV: [{"name": "RAY_AUTH_TOKEN", "value": "abc"}]}),
    Mistake("kuberay/raycluster", "RTS615", {f"{SPEC}.serviceType": "LoadBalancer"}),
    Mistake("kuberay/raycluster", "RTS103", {f"{GROUP}.minReplica": 1}),
    Mistake("kuberay/raycluster", "RTS103", {f"{POD}.nodeSelectr": {}}),
    Mistake("kuberay/rayjob", "RTS103", {"spec.rayClusterSpec.enableInTreeAutoscalin": True}),
]
MISTAKES = [*AWS, *OTHERS]


class ValidEdit(NamedTuple):
    """An edit of one of our files that is no mistake: it gives no finding of a code, or `at_most` a warning."""

    file: str
    code: str
    edit: Config
    study: StudyRequirements | None = None
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
INIT, SHARED = "initialization_commands", StudyRequirements(storage_path="/shared/studies")
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
VALID_EDITS = [
    ValidEdit("aws-gpu", "RTS204", {START: STOCK}),
    ValidEdit("aws-gpu", "RTS204", {START: None}),
    ValidEdit("gcp-gpu", "RTS204", {START: STOCK}),
    ValidEdit("azure-gpu", "RTS204", {START: STOCK}),
    ValidEdit("gcp-gpu", "RTS204", {f"{HEAD}.resources": {}}),  # the head is started with --num-cpus=0
    ValidEdit("local", "RTS204", {"provider.worker_ips": [], "max_workers": 0, START: STOCK}, at_most="warning"),
    ValidEdit("local", "RTS202", {"provider.worker_ips": [], "max_workers": 0, START: STOCK}, at_most="warning"),
    ValidEdit("local", "RTS202", {"provider": COORDINATOR}),
    ValidEdit("local", "RTS201", {"provider": COORDINATOR, "min_workers": 0}),
    ValidEdit("aws-gpu", "RTS103", {f"{IN_1}.DisableApiStop": True, f"{IN_1}.EnablePrimaryIpv6": True}),
    ValidEdit("aws-gpu", "RTS206", {f"{GPU_1}.node_config": TEMPLATE}),
    ValidEdit("aws-gpu", "RTS308", {f"{GPU_1}.node_config": TEMPLATE}),
    ValidEdit("gcp-gpu", "RTS206", {f"{GPU_1}.node_config": TPU, f"{GPU_1}.resources": {"TPU": 4}}),
    ValidEdit("gcp-gpu", "RTS206", {f"{GPU_1}.node_config": TPU_SLICE, f"{GPU_1}.resources": {"TPU": 4}}),
    ValidEdit("aws-gpu", "RTS303", {"docker.image": "rayproject/ray-ml:2.60.0-py311"}),
    ValidEdit(
        "aws-gpu",
        "RTS303",
        {
            "docker.image": "rayproject/ray:2.60.0-py311",
            **{f"{pool}.docker": {"worker_image": "rayproject/ray:2.60.0-py311-gpu"} for pool in (GPU_1, GPU_8)},
        },
    ),
    ValidEdit("local", "RTS301", {SETUP: ["pip install 'ray[tune]==2.60.*' raytune-suite"]}),
    ValidEdit("local", "RTS305", {SETUP: ["pip install 'ray[tune]==2.60.*' raytune-suite"]}),
    ValidEdit("local", "RTS305", {SETUP: ["cd code && pip install -r requirements.txt"]}, at_most="warning"),
    ValidEdit("local", "RTS305", {SETUP: ["pip install -c pins.txt ray"]}, at_most="warning"),
    ValidEdit("local", "RTS305", {SETUP: ["source ~/venv/bin/activate"]}, at_most="warning"),
    ValidEdit("local", "RTS305", {SETUP: []}, at_most="warning"),
    ValidEdit("aws-gpu", "RTS305", {SETUP: [], "docker": {}}, at_most="warning"),
    ValidEdit("aws-gpu", "RTS305", {SETUP: [], "docker.image": "rayproject/ray:2.60.0-py311-gpu"}),
    ValidEdit("aws-gpu", "RTS305", {SETUP: None, "docker.image": "rayproject/ray:2.60.0-py311-gpu"}),
    *(ValidEdit("aws-gpu", "RTS502", {INIT: [command]}, SHARED) for command in MOUNTS),
    *(ValidEdit("aws-gpu", "RTS501", {INIT: [command]}) for command in MOUNTS),
    *(ValidEdit("local", code, {START: ["bash head.sh"]}, at_most="warning") for code in ("RTS204", "RTS401")),
    ValidEdit("local", "RTS204", {START: [HEALTHY.replace("--num-cpus=0", "--num-cpus '0'")]}),
    ValidEdit("local", "RTS402", {JOIN: ["bash worker.sh"]}, at_most="warning"),
    ValidEdit("local", "RTS402", {JOIN: ['ray stop; ray start --address="$RAY_HEAD_IP:6379"']}),
    ValidEdit("aws-gpu", "RTS502", {INIT: ["sudo mount -a"]}, SHARED, at_most="warning"),
    ValidEdit("aws-gpu", "RTS502", {INIT: ["sudo mount /shared"]}, SHARED, at_most="warning"),
    ValidEdit("aws-gpu", "RTS502", {INIT: ["sudo mount $SOURCE /shared"]}, SHARED, at_most="warning"),
    ValidEdit(
        "aws-gpu",
        "RTS502",
        {INIT: [f"sudo mount -t nfs {NFS} /efs"], "docker.run_options": ["-v /efs:/shared"]},
        SHARED,
    ),
    ValidEdit("aws-gpu", "RTS601", {"auth": None}),
    *(ValidEdit(file, "RTS307", {}) for file in NO_OPTIONS),  # `cluster up` creates the folder of the token
    *(ValidEdit("local", code, {START: ["bash head.sh"], JOIN: ["bash worker.sh"]}) for code in ("RTS611", "RTS612")),
    ValidEdit("local", "RTS611", {START: None}, at_most="warning"),
    ValidEdit("aws-gpu", "RTS611", {START: ["ray stop", HEALTHY]}),  # the container has RAY_AUTH_MODE
    ValidEdit("aws-gpu", "RTS612", {START: ["ray stop", HEALTHY], JOIN: ["ray start --address=$RAY_HEAD_IP:6379"]}),
    ValidEdit("local", "RTS613", {"file_mounts": {"~/raytune_suite": "."}}, at_most="warning"),
    ValidEdit("aws-gpu", "RTS613", {"file_mounts": {"/home/ray/.ray/auth_token": "~/.ray/auth_token"}}),
    ValidEdit("aws-gpu", "RTS614", {RUN: ["-e RAY_AUTH_MODE=token -e RAY_AUTH_TOKEN=$TOKEN"]}),
    ValidEdit("aws-gpu", "RTS615", {"provider.security_group": {"IpPermissions": [SSH_OPEN, OURS_OPEN]}}),
    ValidEdit("aws-gpu", "RTS615", {"provider.security_group": {"IpPermissions": [OPEN]}}, at_most="warning"),
    ValidEdit("kuberay/raycluster", "RTS611", {"spec.authOptions": {}}),
    *(
        ValidEdit("kuberay/raycluster", code, {"spec.authOptions": None, ENV: BY_HAND, f"{CONTAINER}.env": BY_HAND})
        for code in ("RTS611", "RTS613", "RTS614")
    ),
    ValidEdit("kuberay/raycluster", "RTS615", {f"{SPEC}.serviceType": "LoadBalancer"}, at_most="warning"),
    ValidEdit("local", "RTS601", {"auth.ssh_private_key": None}, at_most="warning"),
    ValidEdit("kuberay/raycluster", "RTS201", {f"{GROUP}.maxReplicas": None, f"{GROUP}.minReplicas": 2}),
    ValidEdit("kuberay/raycluster", "RTS202", {f"{GROUP}.maxReplicas": None, f"{GROUP}.replicas": 0}),
    ValidEdit("kuberay/raycluster", "RTS301", {"spec.rayVersion": "2.9.0"}, at_most="warning"),
    *(
        ValidEdit(
            "kuberay/raycluster", code, {f"{CONTAINER}.image": "rayproject/ray:2.9.0-py310-gpu"}, at_most="warning"
        )
        for code in ("RTS301", "RTS309")
    ),
    ValidEdit(
        "kuberay/raycluster",
        "RTS806",
        {"spec.workerGroupSpecs": None, f"{SPEC}.rayStartParams": {}},
        at_most="warning",
    ),
    ValidEdit(
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
