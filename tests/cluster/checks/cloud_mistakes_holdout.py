"""Mistakes in files for AWS, Google Cloud and Azure that were written before the rules which find them.

They measure how general those rules are: none was built from an example in this file. The others are in
`cloud_mistakes.py`.
"""

from __future__ import annotations

from tests.cluster.checks.edits import ARM, IN_1, IN_8, INIT, JOIN, START, Mistake

RUN = "docker.run_options"
DISK = {"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 200}}
HEAD_START = "ray start --head --port=6379 --num-cpus=0 --autoscaling-config=~/ray_bootstrap_config.yaml"
PROFILE = "arn:aws:iam::123456789012:instance-profile/ray-worker"
UBUNTU = {"imagePublisher": "Canonical", "imageOffer": "0001-com-ubuntu-server-jammy", "imageSku": "22_04-lts-gen2"}

HOLDOUT = [
    # AWS: the shape of RunInstances
    Mistake("aws-gpu", "RTS901", {f"{IN_1}.SecurityGroupIds": "sg-0123456789abcdef0"}),
    Mistake("aws-gpu", "RTS901", {f"{IN_1}.BlockDeviceMappings": DISK}),
    Mistake("aws-gpu", "RTS901", {f"{IN_1}.IamInstanceProfile": PROFILE}),
    Mistake(
        "aws-gpu",
        "RTS103",
        {f"{IN_1}.TagSpecifications": [{"ResourceType": "instance", "Tag": []}]},
        f"{IN_1}.TagSpecifications.0.Tag",
    ),
    Mistake(
        "aws-gpu",
        "RTS902",
        {f"{IN_1}.BlockDeviceMappings": [{"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 200, "VolumeType": "ssd"}}]},
        f"{IN_1}.BlockDeviceMappings.0.Ebs.VolumeType",
    ),
    Mistake(
        "aws-gpu",
        "RTS905",
        {
            f"{IN_1}.BlockDeviceMappings": [
                {"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 200, "VolumeType": "gp2", "Throughput": 500}}
            ]
        },
        f"{IN_1}.BlockDeviceMappings.0.Ebs.Throughput",
    ),
    Mistake(
        "aws-gpu",
        "RTS902",
        {
            f"{IN_1}.InstanceMarketOptions": {
                "MarketType": "spot",
                "SpotOptions": {"InstanceInterruptionBehavior": "Terminate"},
            }
        },
        f"{IN_1}.InstanceMarketOptions.SpotOptions.InstanceInterruptionBehavior",
    ),
    Mistake("aws-gpu", "RTS904", {f"{IN_1}.MarketType": "spot"}),
    Mistake("aws-gpu", "RTS901", {f"{IN_1}.EbsOptimized": "yes"}),
    # AWS: regions, identifiers, references
    Mistake("aws-gpu", "RTS906", {"provider.region": "us-east1", "provider.availability_zone": None}),
    Mistake("aws-gpu", "RTS909", {f"{IN_1}.SubnetIds": ["vpc-0123456789abcdef0"]}, f"{IN_1}.SubnetIds.0"),
    Mistake("aws-gpu", "RTS909", {f"{IN_1}.KeyName": "~/.ssh/my-key.pem"}),
    Mistake(
        "aws-gpu",
        "RTS910",
        {f"{IN_1}.Placement": {"AvailabilityZone": "us-west-2b"}},
        f"{IN_1}.Placement.AvailabilityZone",
    ),
    Mistake(
        "aws-gpu",
        "RTS910",
        {INIT: ["sudo mount -t nfs4 fs-0123456789abcdef0.efs.eu-west-1.amazonaws.com:/ /shared"]},
        f"{INIT}.0",
    ),
    Mistake("aws-gpu", "RTS907", {f"{IN_8}.InstanceType": "g5g.16xlarge"}),
    Mistake(
        "aws-gpu",
        "RTS911",
        {f"{IN_1}.BlockDeviceMappings": [{"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 30}}]},
        f"{IN_1}.BlockDeviceMappings.0.Ebs.VolumeSize",
    ),
    # AWS: starting Ray
    Mistake("aws-gpu", "RTS410", {START: ["ray stop", HEAD_START.replace("--port", "--redis-port")]}, f"{START}.1"),
    Mistake(
        "aws-gpu",
        "RTS410",
        {JOIN: ["ray stop", "ray start --address=$RAY_HEAD_IP:6379 --object-store-memory=20GB"]},
        f"{JOIN}.1",
    ),
    Mistake("aws-gpu", "RTS411", {START: ["ray stop", HEAD_START.replace("6379", "6380")]}, f"{JOIN}.1"),
    Mistake("aws-gpu", "RTS214", {RUN: ["--shm-size=64g", "-v /shared:/shared"]}, f"{RUN}.0"),
    # Google Cloud
    Mistake("gcp-gpu", "RTS606", {"provider.availability_zone": "us-west1-b"}),
    Mistake("gcp-gpu", "RTS906", {"provider.region": "us-central1-a", "provider.availability_zone": "us-central1-a"}),
    Mistake(
        "gcp-gpu",
        "RTS908",
        {
            f"{IN_1}.machineType": "n2-standard-8",
            f"{IN_1}.guestAccelerators": [{"acceleratorType": "nvidia-tesla-t4", "acceleratorCount": 1}],
        },
        f"{IN_1}.guestAccelerators",
    ),
    Mistake(
        "gcp-gpu",
        "RTS908",
        {f"{IN_1}.scheduling": [{"preemptible": True}, {"onHostMaintenance": "MIGRATE"}]},
        f"{IN_1}.scheduling",
    ),
    Mistake("gcp-gpu", "RTS904", {f"{IN_1}.preemptible": True}),
    Mistake(
        "gcp-gpu",
        "RTS904",
        {
            f"{IN_1}.disks": [
                {
                    "boot": True,
                    "diskSizeGb": 200,
                    "sourceImage": "projects/ubuntu-os-cloud/global/images/family/ubuntu-2204-lts",
                }
            ]
        },
        f"{IN_1}.disks.0.sourceImage",
    ),
    Mistake(
        "gcp-gpu",
        "RTS901",
        {f"{IN_1}.metadata": {"items": {"install-nvidia-driver": "True"}}},
        f"{IN_1}.metadata.items",
    ),
    Mistake("gcp-gpu", "RTS609", {"cluster_name": "Raytune_GCP"}),
    Mistake("gcp-gpu", "RTS609", {"provider.project_id": "My Project 123"}),
    Mistake(
        "gcp-gpu",
        "RTS903",
        {f"{IN_1}.serviceAccounts": [{"email": "ray@mine.iam.gserviceaccount.com"}]},
        f"{IN_1}.serviceAccounts.0",
    ),
    Mistake("gcp-gpu", "RTS902", {f"{IN_1}.labels": {"Team": "ML Research"}}, f"{IN_1}.labels.Team"),
    # Azure
    Mistake("azure-gpu", "RTS906", {"provider.location": "us-east-1"}),
    Mistake("azure-gpu", "RTS902", {f"{ARM}.priority": "Preemptible"}),
    Mistake("azure-gpu", "RTS901", {f"{ARM}.osDiskSize": "200GB"}),
    Mistake("azure-gpu", "RTS901", {f"{ARM}.billingProfile": -1}),
    Mistake("azure-gpu", "RTS904", {f"{IN_1}.vmSize": "Standard_NC8as_T4_v3"}),
    Mistake("azure-gpu", "RTS609", {"auth.ssh_user": "admin"}),
    Mistake("azure-gpu", "RTS101", {"provider.availability_zone": 1}),
    Mistake("azure-gpu", "RTS609", {"provider.subscription_id": "my-subscription"}),
    Mistake("azure-gpu", "RTS903", {f"{ARM}.imageSku": None}, ARM),
    Mistake(
        "azure-gpu",
        "RTS907",
        {f"{ARM}.vmSize": "Standard_D8ps_v5", **{f"{ARM}.{key}": value for key, value in UBUNTU.items()}},
        ARM,
    ),
]
