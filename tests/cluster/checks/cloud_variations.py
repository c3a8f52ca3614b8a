"""Valid variations of our files for AWS, Google Cloud and Azure: none of them gives an error."""

from __future__ import annotations

from tests.cluster.checks.cloud_mistakes import ACCOUNT, CLOUD_PLATFORM, ECR, N1, NAT, gpu
from tests.cluster.checks.cloud_mistakes_holdout import HEAD_START, PROFILE, RUN
from tests.cluster.checks.edits import ARM, GPU_1, GPU_8, HEAD, IN_1, IN_8, IN_HEAD, INIT, JOIN, START, Config

SUBNET, GROUP, CLUSTER = "subnet-0123456789abcdef0", "sg-0123456789abcdef0", "123456789012"
ROOT, DATA = "/dev/sda1", "/dev/sdf"
REGION_2 = {"provider.region": "us-west-2", "provider.availability_zone": "us-west-2a, us-west-2b"}
EFS = "fs-0123456789abcdef0.efs.us-west-2.amazonaws.com:/"
NFS_2 = {INIT: [f"sudo mount -t nfs4 {EFS} /shared"]}
ALL_ARM = {
    f"{IN_HEAD}.InstanceType": "m7g.xlarge",
    f"{IN_1}.InstanceType": "g5g.xlarge",
    f"{IN_8}.InstanceType": "g5g.16xlarge",
    "docker.image": "rayproject/ray:2.60.0-py311-gpu-aarch64",
}
GALLERY = "/subscriptions/0/resourceGroups/mine/providers/Microsoft.Compute/galleries/g/images/ray/versions/1.0.0"
IMAGES = "projects/ubuntu-os-cloud/global/images"
ARM_IMAGE = {"sourceImage": "projects/my-project/global/images/docker-arm64-v1", "diskSizeGb": "100"}


def spot(**options: str) -> Config:
    return {f"{IN_1}.InstanceMarketOptions": {"MarketType": "spot", "SpotOptions": options}}


def disk(**ebs: object) -> Config:
    return {f"{IN_1}.BlockDeviceMappings": [{"DeviceName": ROOT, "Ebs": {"VolumeSize": 200, **ebs}}]}


AWS: list[Config] = [
    {"provider.region": "eu-central-1", "provider.availability_zone": "eu-central-1a", INIT: []},
    {**REGION_2, **NFS_2},
    {**REGION_2, **NFS_2, "provider.availability_zone": "us-west-2-lax-1a"},  # a Local Zone
    {**REGION_2, **NFS_2, "provider.availability_zone": "us-west-2-wl1-sfo-wlz-1"},  # a Wavelength Zone
    {"provider.region": "us-gov-west-1", "provider.availability_zone": "us-gov-west-1a", INIT: []},
    {"provider.region": "ap-southeast-9", "provider.availability_zone": None, INIT: []},  # may be new
    {f"{IN_1}.InstanceMarketOptions": {"MarketType": "interruptible-capacity-reservation"}},
    {
        f"{IN_1}.InstanceMarketOptions": {"MarketType": "capacity-block"},
        f"{IN_1}.CapacityReservationSpecification": {
            "CapacityReservationTarget": {"CapacityReservationId": "cr-0a1b2c3d4e5f60718"}
        },
    },
    spot(MaxPrice="0.75", SpotInstanceType="one-time", InstanceInterruptionBehavior="terminate"),
    disk(VolumeType="gp3", Iops=6000, Throughput=500, Encrypted=True),
    disk(VolumeType="io2", Iops=10000),
    disk(VolumeType="gp3", KmsKeyId="alias/ebs", Encrypted=True, DeleteOnTermination=True),
    {f"{IN_1}.BlockDeviceMappings.1": {"DeviceName": DATA, "VirtualName": "ephemeral0"}},
    {f"{IN_1}.BlockDeviceMappings": [{"DeviceName": "/dev/sdb", "NoDevice": ""}]},
    {f"{IN_1}.IamInstanceProfile": {"Name": "ray-worker"}},
    {f"{IN_HEAD}.IamInstanceProfile": {"Arn": PROFILE}},
    {f"{IN_HEAD}.IamInstanceProfile": {"Arn": "arn:aws-us-gov:iam::123456789012:instance-profile/team/ray"}},
    {f"{IN_1}.TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": "team", "Value": "ml"}]}]},
    {f"{IN_1}.SubnetIds": [SUBNET]},
    {
        f"{IN_1}.InstanceType": "g6.8xlarge",  # the smaller ones have no adapter
        f"{IN_1}.SecurityGroupIds": None,
        f"{IN_1}.NetworkInterfaces": [
            {"DeviceIndex": 0, "SubnetId": SUBNET, "Groups": [GROUP], "InterfaceType": "efa"}
        ],
    },
    {f"{IN_1}.Placement": {"GroupName": "close-together", "AvailabilityZone": "us-east-1a"}},
    {f"{IN_1}.MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 2}},
    {
        f"{IN_1}.CapacityReservationSpecification": {
            "CapacityReservationTarget": {"CapacityReservationId": "cr-0123456789abcdef0"}
        }
    },
    {f"{IN_1}.UserData": "#!/bin/bash\nmkdir -p /scratch\n"},
    {f"{IN_1}.LaunchTemplate": {"LaunchTemplateName": "ray", "Version": 3}},
    {f"{IN_1}.LaunchTemplate": {"LaunchTemplateId": "lt-0123456789abcdef0", "Version": "$Latest"}},
    {f"{IN_1}.ImageId": "resolve:ssm:/aws/service/deeplearning/ami/x86_64/base/latest/ami-id"},
    {f"{IN_1}.InstanceType": "g6e.2xlarge"},
    {f"{IN_1}.InstanceType": "p4de.24xlarge"},
    {f"{IN_1}.InstanceType": "g9.xlarge"},  # may be new
    {f"{GPU_1}.resources": {"accelerator_type:L4": 1, "GPU": 1}},
    {f"{GPU_1}.labels": {"ray.io/accelerator-type": "L4", "market": "spot"}},
    {"docker.image": ECR, INIT: ["aws ecr get-login-password | docker login --username AWS --password-stdin x"]},
    ALL_ARM,
    {
        "auth.ssh_user": "ec2-user",
        **{f"{one}.BlockDeviceMappings.0.DeviceName": "/dev/xvda" for one in (IN_HEAD, IN_1, IN_8)},
    },
    {START: ["ray stop", f"{HEAD_START} --dashboard-host=0.0.0.0 --ray-client-server-port=20002"]},
    {
        START: ["ray stop", HEAD_START.replace("6379", "6380")],
        JOIN: ["ray stop", "ray start --address=$RAY_HEAD_IP:6380"],
    },
    {
        JOIN: [
            "ray stop",
            "ray start --address $RAY_HEAD_IP:6379 --object-store-memory 2000000000 --resources '{\"a\": 1}'",
        ]
    },
    {
        JOIN: [
            "ray stop",
            'ulimit -n 65536; ray start --address="${RAY_HEAD_IP}:6379" --num-gpus=$(nvidia-smi -L | wc -l)',
        ]
    },
    {"docker.pull_before_run": False, RUN: ["--shm-size=4gb", "-v /shared:/shared", "--env=A=B", "--privileged"]},
    {f"{GPU_8}.node_config.CpuOptions": {"CoreCount": 96, "ThreadsPerCore": 1}},
    {"provider.key_pair": {"key_name": "mine"}},
    {f"{HEAD}.resources": None, f"{GPU_1}.resources": None, f"{GPU_8}.resources": None},  # Ray asks EC2
    {
        "provider.security_group": {
            "GroupName": "ray",
            "IpPermissions": [
                {"FromPort": 22, "ToPort": 22, "IpProtocol": "tcp", "IpRanges": [{"CidrIp": "203.0.113.7/32"}]}
            ],
        }
    },
]

GCP: list[Config] = [
    {"provider.region": "europe-west4", "provider.availability_zone": "europe-west4-a"},
    {"provider.region": "us-central2", "provider.availability_zone": "us-central2-b"},  # for TPUs only
    {"provider.availability_zone": "us-central1-f", "provider.project_id": "example.com:ray-tuning-1"},
    {f"{IN_1}.scheduling": {"provisioningModel": "SPOT", "instanceTerminationAction": "DELETE"}},
    {f"{IN_1}.scheduling": [{"preemptible": True}]},
    {**gpu("nvidia-tesla-t4", 1), **N1},
    {**gpu("projects/mine/zones/us-central1-a/acceleratorTypes/nvidia-tesla-v100", 1), **N1},
    {f"{IN_1}.machineType": "a2-highgpu-1g", f"{GPU_1}.resources": {"CPU": 12, "GPU": 1}},
    {
        f"{IN_1}.machineType": "a2-ultragpu-1g",
        **gpu("nvidia-a100-80gb", 1),
        f"{GPU_1}.resources": {"CPU": 12, "GPU": 1},
    },
    {f"{IN_HEAD}.machineType": "n2-custom-8-32768"},
    {f"{IN_HEAD}.machineType": "e2-highmem-8"},
    {f"{IN_HEAD}.machineType": "zones/us-central1-a/machineTypes/c3-standard-8"},
    {
        f"{IN_HEAD}.machineType": "t2a-standard-4",
        "docker.head_image": "rayproject/ray:2.60.0-py311-aarch64",
        f"{IN_HEAD}.disks": [{"boot": True, "autoDelete": True, "initializeParams": ARM_IMAGE}],
    },
    {f"{IN_1}.serviceAccounts": [ACCOUNT], f"{IN_HEAD}.serviceAccounts": [ACCOUNT]},
    {f"{IN_1}.serviceAccounts": [{"email": "default", "scopes": [CLOUD_PLATFORM]}]},
    {f"{IN_1}.labels": {"team": "ml-research", "cost_center": "42"}, f"{IN_1}.tags": {"items": ["ray", "ssh-1"]}},
    {
        f"{IN_1}.networkInterfaces": [
            {"subnetwork": "projects/host/regions/us-central1/subnetworks/ray", "accessConfigs": NAT}
        ]
    },
    {
        "provider.use_internal_ips": True,
        **{f"{one}.networkInterfaces": [{"network": "global/networks/default"}] for one in (IN_HEAD, IN_1, IN_8)},
    },
    {f"{IN_1}.disks.0.initializeParams.diskType": "zones/us-central1-a/diskTypes/pd-balanced"},
    {f"{IN_1}.disks.0.initializeParams.diskSizeGb": "300"},
    {f"{IN_1}.reservationAffinity": {"consumeReservationType": "ANY_RESERVATION"}},
    {f"{IN_1}.shieldedInstanceConfig": {"enableSecureBoot": False}, f"{IN_1}.minCpuPlatform": "Intel Cascade Lake"},
    {
        "docker.image": "us-central1-docker.pkg.dev/mine/ray/ray:2.60.0-py311-gpu",
        INIT: ["gcloud auth configure-docker us-central1-docker.pkg.dev --quiet"],
    },
]

AZURE: list[Config] = [
    {"provider.location": "westeurope", "provider.availability_zone": "1,2"},
    {"provider.location": "newzealandnorth", f"{ARM}.availability_zone": "none"},
    {"provider.availability_zone": "auto"},
    {f"{ARM}.vmSize": "Standard_NC6s_v3", f"{GPU_1}.resources": {"CPU": 6, "GPU": 1}},
    {f"{ARM}.vmSize": "Standard_NV36ads_A10_v5"},
    {f"{ARM}.vmSize": "Standard_NC24rs_v3", f"{GPU_1}.resources": {"CPU": 24, "GPU": 4}},
    {f"{ARM}.vmSize": "Standard_E16-8ds_v5", f"{GPU_1}.resources": {"CPU": 8}},
    {f"{ARM}.vmSize": "standard_nc8as_t4_v3"},
    {f"{ARM}.vmSize": "Standard_F16s_v2", f"{GPU_1}.resources": {"CPU": 16}},
    {f"{ARM}.priority": "spot", f"{ARM}.evictionPolicy": "Delete", f"{ARM}.billingProfile": {"maxPrice": 0.5}},
    {f"{ARM}.priority": None, f"{ARM}.billingProfile": None},
    {f"{ARM}.imageId": GALLERY, **{f"{ARM}.image{part}": None for part in ("Publisher", "Offer", "Sku", "Version")}},
    {"provider.subscription_id": "01234567-89ab-cdef-0123-456789abcdef", "provider.subnet_mask": "10.42.0.0/16"},
    {f"{IN_1}.tags": {"team": "ml"}, "provider.tags": {"team": "ml"}},
    {"provider.resource_group": "RG_ray.(tuning)-1", "auth.ssh_user": "azureuser"},
    {f"{ARM}.enableAcceleratedNetworking": True, f"{ARM}.osDiskSize": 512},
]

VARIATIONS: list[tuple[str, Config]] = [
    *(("aws-gpu", edit) for edit in AWS),
    *(("gcp-gpu", edit) for edit in GCP),
    *(("azure-gpu", edit) for edit in AZURE),
]
