"""Mistakes in files for AWS, Google Cloud and Azure, with which the rules that find them were developed.

Several come from threads of people whose `ray up` failed: a service account beside the node_config (ray#27915), a live
migration of machines with GPUs (ray#3883), a container whose CUDA version the GPU does not support (ray#43565).
"""

from __future__ import annotations

from raytune_suite.cluster.capacity import StudyRequirements
from tests.cluster.checks.cloud_mistakes_holdout import HEAD_START, PROFILE, RUN
from tests.cluster.checks.edits import ARM, GPU_1, IN_1, IN_8, INIT, JOIN, SETUP, START, Mistake

MARKET, DISK_0 = f"{IN_1}.InstanceMarketOptions", f"{IN_1}.BlockDeviceMappings.0"
BOOT = f"{IN_1}.disks.0"
CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"
ACCOUNT = {"email": "ray@mine.iam.gserviceaccount.com", "scopes": [CLOUD_PLATFORM]}
IMAGES = "projects/deeplearning-platform-release/global/images"
NAT = [{"name": "External NAT", "type": "ONE_TO_ONE_NAT"}]
DRIVER = {"install-nvidia-driver": "True"}
T4_IN = "projects/mine/zones/{}/acceleratorTypes/nvidia-tesla-t4"
N1 = {f"{IN_1}.machineType": "n1-standard-8", f"{IN_1}.scheduling": [{"onHostMaintenance": "TERMINATE"}]}
ECR = "123456789012.dkr.ecr.us-east-1.amazonaws.com/ray:2.60.0-py311-gpu"
OPEN = {"FromPort": 22, "ToPort": 22, "IpProtocol": "tcp", "CidrIp": "0.0.0.0/0"}
WORKER = "ray start --address=$RAY_HEAD_IP:6379"


def gpu(kind: str, count: int) -> dict[str, object]:
    return {f"{IN_1}.guestAccelerators": [{"acceleratorType": kind, "acceleratorCount": count}]}


DEVELOPED = [
    # AWS
    Mistake("aws-gpu", "RTS901", {MARKET: "spot"}),
    Mistake("aws-gpu", "RTS901", {f"{DISK_0}.Ebs.VolumeSize": "200GB"}),
    Mistake(
        "aws-gpu",
        "RTS901",
        {MARKET: {"MarketType": "spot", "SpotOptions": {"MaxPrice": 0.5}}},
        f"{MARKET}.SpotOptions.MaxPrice",
    ),
    Mistake("aws-gpu", "RTS904", {MARKET: {"MarketType": "spot", "MaxPrice": "0.5"}}, f"{MARKET}.MaxPrice"),
    Mistake("aws-gpu", "RTS904", {f"{IN_1}.Tags": [{"Key": "team", "Value": "ml"}]}),
    Mistake("aws-gpu", "RTS103", {f"{IN_1}.SecurityGroupId": ["sg-0123456789abcdef0"]}),
    Mistake(
        "aws-gpu",
        "RTS910",
        {f"{IN_1}.Placement": {"AvailabilityZone": "us-east-1"}},
        f"{IN_1}.Placement.AvailabilityZone",
    ),
    Mistake("aws-gpu", "RTS606", {"provider.availability_zone": "us-east-1a us-east-1b"}),
    Mistake("aws-gpu", "RTS606", {"provider.availability_zone": "use1-az1"}),
    Mistake("aws-gpu", "RTS601", {f"{IN_1}.KeyName": "my-key"}),
    Mistake(
        "aws-gpu",
        "RTS909",
        {f"{IN_1}.IamInstanceProfile": {"Arn": PROFILE.replace("instance-profile", "role")}},
        f"{IN_1}.IamInstanceProfile.Arn",
    ),
    Mistake("aws-gpu", "RTS909", {f"{IN_1}.IamInstanceProfile": {"Name": PROFILE}}, f"{IN_1}.IamInstanceProfile.Name"),
    Mistake("aws-gpu", "RTS206", {f"{IN_1}.InstanceType": "g6-xlarge"}),
    Mistake("aws-gpu", "RTS909", {f"{IN_1}.ImageId": "ubuntu-22.04"}),
    Mistake(
        "aws-gpu",
        "RTS908",
        {f"{GPU_1}.resources": {"accelerator_type:A10G": 1}},
        f"{GPU_1}.resources.accelerator_type:A10G",
    ),
    Mistake(
        "aws-gpu",
        "RTS908",
        {f"{GPU_1}.labels": {"ray.io/accelerator-type": "A100"}},
        f"{GPU_1}.labels.ray.io/accelerator-type",
    ),
    Mistake("aws-gpu", "RTS912", {"docker.image": ECR}),
    Mistake("aws-gpu", "RTS912", {INIT: ["mount-s3 bucket /shared"]}, f"{INIT}.0"),
    Mistake(
        "aws-gpu",
        "RTS902",
        {f"{IN_1}.MetadataOptions": {"HttpTokens": "enabled"}},
        f"{IN_1}.MetadataOptions.HttpTokens",
    ),
    Mistake(
        "aws-gpu",
        "RTS904",
        {f"{IN_1}.CapacityReservationSpecification": {"CapacityReservationId": "cr-0123456789abcdef0"}},
        f"{IN_1}.CapacityReservationSpecification.CapacityReservationId",
    ),
    Mistake(
        "aws-gpu",
        "RTS905",
        {
            f"{IN_1}.NetworkInterfaces": [
                {"DeviceIndex": 0, "SubnetId": "subnet-0123456789abcdef0", "Groups": ["sg-0123456789abcdef0"]}
            ]
        },
        f"{IN_1}.SecurityGroupIds",
    ),
    Mistake("aws-gpu", "RTS907", {"auth.ssh_user": "ec2-user"}, f"{DISK_0}.DeviceName"),
    Mistake("aws-gpu", "RTS609", {"auth.ssh_user": "root"}),
    Mistake("aws-gpu", "RTS411", {START: ["ray stop", f"{HEAD_START} --dashboard-port=6379"]}, f"{START}.1"),
    Mistake("aws-gpu", "RTS412", {JOIN: ["ray stop", f"{WORKER} --block"]}, f"{JOIN}.1"),
    Mistake("aws-gpu", "RTS411", {JOIN: ["ray stop", WORKER.replace("6379", "8265")]}, f"{JOIN}.1"),
    Mistake("aws-gpu", "RTS908", {JOIN: ["ray stop", f"{WORKER} --num-gpus=16"]}, f"{JOIN}.1"),
    Mistake(
        "aws-gpu",
        "RTS309",
        {SETUP: ["conda create -y -n ray python=3.8", "pip install ray==2.60.0 raytune-suite"]},
        f"{SETUP}.0",
    ),
    Mistake("aws-gpu", "RTS503", {RUN: ["--shm-size=8g", "-v /mnt/efs:/shared"]}, f"{RUN}.1"),
    Mistake("aws-gpu", "RTS904", {f"{DISK_0}.VolumeSize": 500}),
    Mistake("aws-gpu", "RTS901", {f"{IN_1}.Monitoring": True}),
    Mistake(
        "aws-gpu",
        "RTS103",
        {"provider.security_group": {"IpPermissions": [OPEN]}},
        "provider.security_group.IpPermissions.0.CidrIp",
    ),
    Mistake("aws-gpu", "RTS303", {"docker.image": "rayproject/ray:2.60.0-py311-cu117"}),
    Mistake("aws-gpu", "RTS905", {f"{IN_1}.SecurityGroups": ["default"]}),
    Mistake("aws-gpu", "RTS904", {f"{IN_1}.SubnetId": "subnet-0123456789abcdef0"}),
    # Google Cloud
    Mistake("gcp-gpu", "RTS908", {**gpu("nvidia-tesla-t4", 3), **N1}, f"{IN_1}.guestAccelerators.0.acceleratorCount"),
    Mistake("gcp-gpu", "RTS902", {**gpu("T4", 1), **N1}, f"{IN_1}.guestAccelerators.0.acceleratorType"),
    Mistake(
        "gcp-gpu", "RTS910", {**gpu(T4_IN.format("us-west1-a"), 1), **N1}, f"{IN_1}.guestAccelerators.0.acceleratorType"
    ),
    Mistake("gcp-gpu", "RTS909", {f"{BOOT}.initializeParams.sourceImage": "ubuntu-2204-lts"}),
    Mistake("gcp-gpu", "RTS909", {f"{BOOT}.initializeParams.diskType": "pd-ssd"}),
    Mistake(
        "gcp-gpu",
        "RTS909",
        {f"{IN_1}.serviceAccounts": [{**ACCOUNT, "scopes": ["cloud-platform"]}]},
        f"{IN_1}.serviceAccounts.0.scopes.0",
    ),
    Mistake("gcp-gpu", "RTS904", {f"{GPU_1}.serviceAccounts": [ACCOUNT]}),
    Mistake(
        "gcp-gpu",
        "RTS909",
        {f"{IN_1}.networkInterfaces": [{"network": "default", "accessConfigs": NAT}]},
        f"{IN_1}.networkInterfaces.0.network",
    ),
    Mistake("gcp-gpu", "RTS905", {f"{IN_1}.networkInterfaces": [{"network": "global/networks/default"}]}),
    Mistake("gcp-gpu", "RTS905", {f"{IN_1}.scheduling": {"preemptible": True, "automaticRestart": True}}),
    Mistake("gcp-gpu", "RTS103", {f"{IN_1}.metadata": DRIVER}, f"{IN_1}.metadata.install-nvidia-driver"),
    Mistake(
        "gcp-gpu",
        "RTS901",
        {f"{IN_1}.metadata": {"items": [{"key": "install-nvidia-driver", "value": True}]}},
        f"{IN_1}.metadata.items.0.value",
    ),
    Mistake("gcp-gpu", "RTS901", {f"{IN_1}.guestAccelerators": {"acceleratorType": "nvidia-l4"}}),
    Mistake("gcp-gpu", "RTS906", {"provider.region": "us-east-1"}),
    Mistake("gcp-gpu", "RTS206", {f"{IN_1}.machineType": "a2-highgpu-3g"}),
    Mistake("gcp-gpu", "RTS901", {f"{IN_1}.tags": ["ray"]}),
    Mistake("gcp-gpu", "RTS901", {f"{IN_1}.scheduling": {"preemptible": "yes"}}, f"{IN_1}.scheduling.preemptible"),
    Mistake(
        "gcp-gpu",
        "RTS907",
        {f"{BOOT}.initializeParams.sourceImage": f"{IMAGES}/family/common-cpu"},
    ),
    Mistake(
        "gcp-gpu",
        "RTS903",
        {
            f"{IN_1}.disks": [
                {"initializeParams": {"sourceImage": "projects/ubuntu-os-cloud/global/images/family/ubuntu-2204-lts"}}
            ]
        },
        f"{IN_1}.disks",
    ),
    # Azure
    Mistake("azure-gpu", "RTS206", {f"{ARM}.vmSize": "NC8as_T4_v3"}),
    Mistake("azure-gpu", "RTS901", {f"{ARM}.imageVersion": 22.04}),
    Mistake("azure-gpu", "RTS906", {"provider.location": "East US"}),
    Mistake("azure-gpu", "RTS904", {f"{ARM}.zones": ["1"]}),
    Mistake("azure-gpu", "RTS606", {"provider.availability_zone": "eastus-1"}),
    Mistake("azure-gpu", "RTS905", {f"{ARM}.priority": "Regular"}, f"{ARM}.billingProfile"),
    Mistake("azure-gpu", "RTS901", {f"{ARM}.billingProfile": {"maxPrice": "-1"}}, f"{ARM}.billingProfile.maxPrice"),
    Mistake("azure-gpu", "RTS905", {f"{ARM}.vmSize": "Standard_B4ms"}, f"{ARM}.priority"),
    Mistake("azure-gpu", "RTS901", {f"{IN_1}.tags": {"team": 5}}, f"{IN_1}.tags.team"),
    Mistake("azure-gpu", "RTS609", {"provider.resource_group": "ray tune!"}),
    Mistake(
        "azure-gpu",
        "RTS601",
        {"auth.ssh_public_key": "ssh-rsa AAAAB3Nza me@laptop", "auth.ssh_private_key": "~/.ssh/id_rsa"},
    ),
    Mistake("azure-gpu", "RTS901", {f"{ARM}.enableAcceleratedNetworking": "true"}),
    Mistake("azure-gpu", "RTS906", {"provider.location": "europe-west4"}),
    Mistake("azure-gpu", "RTS904", {f"{ARM}.resource_group": "mine"}),
]

S3, GS = StudyRequirements(storage_path="s3://bucket/studies"), StudyRequirements(storage_path="gs://bucket/studies")
READ_ONLY = [{**ACCOUNT, "scopes": [CLOUD_PLATFORM.replace("cloud-platform", "devstorage.read_only")]}]
PRIVATE = {"DeviceIndex": 0, "SubnetId": "subnet-0123456789abcdef0", "Groups": ["sg-0123456789abcdef0"]}
AMAZON_LINUX = "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
OLD_DRIVER = "projects/deeplearning-platform-release/global/images/common-cu113-v20220316-nvidia-470"

DEVELOPED += [
    Mistake(
        "aws-gpu",
        "RTS303",
        {SETUP: ["pip install torch --index-url https://download.pytorch.org/whl/cpu"]},
        f"{SETUP}.0",
    ),
    Mistake(
        "aws-gpu",
        "RTS303",
        {f"{IN_1}.InstanceType": "p6-b200.48xlarge", "docker.image": "rayproject/ray:2.60.0-py311-cu124"},
        "docker.image",
    ),
    Mistake(
        "aws-gpu",
        "RTS303",
        {INIT: ["sudo apt-get install -qy nvidia-driver-470"], "docker.image": "rayproject/ray:2.60.0-py311-cu128"},
        "docker.image",
    ),
    Mistake(
        "gcp-gpu",
        "RTS303",
        {f"{BOOT}.initializeParams.sourceImage": OLD_DRIVER, "docker.image": "rayproject/ray:2.60.0-py311-cu121"},
        "docker.image",
    ),
    Mistake("aws-gpu", "RTS609", {"docker.container_name": "ray tune"}),
    Mistake("aws-gpu", "RTS609", {"docker.image": "MyTeam/Ray:2.60.0-py311-gpu"}),
    Mistake("aws-gpu", "RTS601", {"auth.ssh_private_key": "~/.ssh/id_rsa.pub"}),
    Mistake(
        "aws-gpu",
        "RTS503",
        {INIT: ["sudo mount -t nfs4 fs-0123456789abcdef0.efs.us-east-1.amazonaws.com /shared"]},
        f"{INIT}.0",
    ),
    Mistake("gcp-gpu", "RTS503", {INIT: ["gcsfuse gs://bucket /shared"]}, f"{INIT}.0"),
    Mistake("aws-gpu", "RTS912", {}, "available_node_types", S3),
    Mistake("gcp-gpu", "RTS912", {f"{IN_1}.serviceAccounts": READ_ONLY}, f"{IN_1}.serviceAccounts.0.scopes", GS),
    Mistake(
        "aws-gpu",
        "RTS905",
        {
            f"{IN_1}.SecurityGroupIds": ["sg-0123456789abcdef0"],
            "available_node_types.head.node_config.SecurityGroupIds": ["sg-0123456789abcdef1"],
        },
    ),
    Mistake(
        "aws-gpu",
        "RTS905",
        {
            f"{IN_1}.NetworkInterfaces": [{**PRIVATE, "AssociatePublicIpAddress": False}],
            f"{IN_1}.SecurityGroupIds": None,
        },
    ),
    Mistake("aws-gpu", "RTS214", {JOIN: ["ray stop", f"{WORKER} --object-store-memory=2000000000000"]}, f"{JOIN}.1"),
    Mistake("aws-gpu", "RTS907", {f"{IN_1}.ImageId": AMAZON_LINUX}),
    Mistake(
        "azure-gpu",
        "RTS907",
        {
            f"{ARM}.imageSku": "22_04-lts",
            f"{ARM}.vmSize": "Standard_NC40ads_H100_v5",
            f"{ARM}.imagePublisher": "Canonical",
            f"{ARM}.imageOffer": "0001-com-ubuntu-server-jammy",
        },
    ),
    Mistake(
        "aws-gpu",
        "RTS103",
        {"provider.aws_credentials": {"access_key": "A", "secret_key": "S"}},
        "provider.aws_credentials.access_key",
    ),
    Mistake("aws-gpu", "RTS910", {RUN: ["-v /shared:/shared", "-e AWS_DEFAULT_REGION=eu-west-1"]}, f"{RUN}.1"),
    Mistake("aws-gpu", "RTS215", {"available_node_types.head.node_config.InstanceType": "t3.micro"}),
    Mistake("aws-gpu", "RTS303", {f"{IN_1}.InstanceType": "g4ad.4xlarge"}, "docker.image"),
    Mistake(
        "aws-gpu",
        "RTS206",
        {
            f"{IN_8}.InstanceType": "p4d.24xlarge",
            "provider.region": "af-south-1",
            "provider.availability_zone": None,
            INIT: [],
        },
    ),
]
