"""Mistakes in our files and in files like Ray's and KubeRay's examples, each written before the rules that find it.

The places of those of the second and the third set were drawn by chance from the keys of the files and of the providers'
models, and each is the realistic mistake nearest to the place. The fourth and the fifth set are deliberately hard:
contradictions across a file, and commands that fail for what the machine has. M stands for a reference manual, T for a thread, H for what people do
by hand. The share that the rules found when they were first run, without those that turned out to be no mistakes, and without
those that another rule found by accident:

| set | AWS | Google Cloud | Azure | own hosts | KubeRay | Slurm | all |
|---|---|---|---|---|---|---|---|
| TENTH | 31 of 35 | 14 of 15 | 12 of 12 | 10 of 10 | 26 of 28 | 8 of 9 | 101 of 109 |
| ELEVENTH | 29 of 34 | 13 of 15 | 11 of 11 | 9 of 9 | 26 of 30 | 9 of 10 | 97 of 109 |
| TWELFTH | 30 of 32 | 13 of 13 | 10 of 11 | 9 of 9 | 27 of 28 | 6 of 6 | 95 of 99 |
| THIRTEENTH | 12 of 22 | 9 of 10 | 5 of 5 | 4 of 5 | 9 of 16 | 2 of 5 | 41 of 63 |
| FOURTEENTH | 9 of 12 | 1 of 2 | 1 of 1 | 1 of 1 | 5 of 7 | 2 of 2 | 19 of 25 |

Of the last set, a schedule that starts a cluster each minute is still not found, and left out.
"""

# ruff: noqa: E501, ERA001 - the edits are parts of lines and must not be wrapped; comments say what is right
from __future__ import annotations

from tests.cluster.checks.unseen_mistakes_files import (
    ARRAY as SA,
)
from tests.cluster.checks.unseen_mistakes_files import (
    AWS,
    AZURE,
    BASE,
    GCP,
    HOSTS,
    LOCAL,
    RAYCLUSTER,
    RAYJOB,
    RC,
    RJ,
    RS,
    SLURM,
    SPOT,
    UnseenMistake,
)
from tests.cluster.checks.unseen_mistakes_files import (
    COMPLETE as KC,
)
from tests.cluster.checks.unseen_mistakes_files import (
    CRON as CR,
)
from tests.cluster.checks.unseen_mistakes_files import (
    EXAMPLE_AWS as EA,
)
from tests.cluster.checks.unseen_mistakes_files import (
    EXAMPLE_AZURE as EZ,
)
from tests.cluster.checks.unseen_mistakes_files import (
    EXAMPLE_DOCKER as ED,
)
from tests.cluster.checks.unseen_mistakes_files import (
    EXAMPLE_GCP as EG,
)

TENTH = [
    # market options are a structure (ray#1431)
    UnseenMistake(
        "aws T spot as text",
        SPOT,
        "RTS901",
        [("InstanceMarketOptions: {MarketType: spot}", "InstanceMarketOptions: spot")],
    ),
    # Tags is a list of Key and Value
    UnseenMistake(
        "aws H tags as a mapping",
        AWS,
        "RTS901",
        [
            (
                "      InstanceType: g6.xlarge\n",
                "      InstanceType: g6.xlarge\n      TagSpecifications:\n        - ResourceType: instance\n          Tags: {team: ml, owner: me}\n",
            )
        ],
    ),
    # ray#32266: string indices must be integers
    UnseenMistake(
        "aws T tag specification not a list",
        AWS,
        "RTS901",
        [
            (
                "      InstanceType: g6.xlarge\n",
                "      InstanceType: g6.xlarge\n      TagSpecifications:\n        ResourceType: instance\n        Tags: [{Key: team, Value: ml}]\n",
            )
        ],
    ),
    # Ray asserts that each node type has KeyName
    UnseenMistake(
        "aws T private key without a key name",
        AWS,
        "RTS601",
        [("  ssh_user: ubuntu ", "  ssh_private_key: ~/.ssh/team.pem\n  ssh_user: ubuntu ")],
    ),
    # both may not be given
    UnseenMistake(
        "aws M subnet beside interfaces",
        AWS,
        "RTS905",
        [
            (
                "      InstanceType: g6.xlarge\n",
                "      InstanceType: g6.xlarge\n      SubnetIds: [subnet-0a1b2c3d4e5f60718]\n      NetworkInterfaces: [{DeviceIndex: 0, SubnetId: subnet-0a1b2c3d4e5f60718, AssociatePublicIpAddress: false, Groups: [sg-0a1b2c3d4e5f60718]}]\n",
            )
        ],
    ),
    # belongs in NetworkInterfaces
    UnseenMistake(
        "aws H public address at the node",
        AWS,
        "RTS904",
        [("      InstanceType: g6.xlarge\n", "      InstanceType: g6.xlarge\n      AssociatePublicIpAddress: true\n")],
    ),
    # no such type
    UnseenMistake("aws H type without a dot", AWS, "RTS206", [("InstanceType: g6.xlarge", "InstanceType: g6xlarge")]),
    # SageMaker's prefix
    UnseenMistake(
        "aws H type of SageMaker", AWS, "RTS206", [("InstanceType: g6.xlarge", "InstanceType: ml.g5.xlarge")]
    ),
    # x86 machines
    UnseenMistake(
        "aws H ARM image of Ray",
        AWS,
        "RTS907",
        [("rayproject/ray:2.60.0-py311-gpu", "rayproject/ray:2.60.0-py311-gpu-aarch64")],
    ),
    # a list is required
    UnseenMistake(
        "aws H disks as a mapping",
        AWS,
        "RTS901",
        [
            (
                "      BlockDeviceMappings: &disk\n        - DeviceName: /dev/sda1\n          Ebs:",
                "      BlockDeviceMappings: &disk\n          DeviceName: /dev/sda1\n          Ebs:",
            )
        ],
    ),
    # only gp3 has it
    UnseenMistake(
        "aws M throughput of gp2",
        AWS,
        "RTS905",
        [("Ebs: {VolumeSize: 200, VolumeType: gp3}", "Ebs: {VolumeSize: 200, VolumeType: gp2, Throughput: 250}")],
    ),
    # KmsKeyId needs Encrypted
    UnseenMistake(
        "aws M key without encryption",
        AWS,
        "RTS903",
        [("Ebs: {VolumeSize: 200, VolumeType: gp3}", "Ebs: {VolumeSize: 200, VolumeType: gp3, KmsKeyId: alias/ebs}")],
    ),
    # a number of GiB
    UnseenMistake(
        "aws H size with unit in the disk",
        AWS,
        "RTS901",
        [("Ebs: {VolumeSize: 200, VolumeType: gp3}", "Ebs: {VolumeSize: 200GB, VolumeType: gp3}")],
    ),
    # Ray expects a text
    UnseenMistake(
        "aws H zones as list", AWS, "RTS101", [("us-east-1a,us-east-1b,us-east-1c ", "[us-east-1a, us-east-1b]\n  #")]
    ),
    # no such region
    UnseenMistake("aws H region with underscores", AWS, "RTS906", [("  region: us-east-1\n", "  region: us_east_1\n")]),
    # the name is not expanded
    UnseenMistake(
        "aws H address without dollar", AWS, "RTS402", [("--address=$RAY_HEAD_IP:6379", "--address=RAY_HEAD_IP:6379")]
    ),
    # no head starts
    UnseenMistake(
        "aws H head without head", AWS, "RTS410", [("ray start --head --port=6379", "ray start --port=6379")]
    ),
    # the container's home is /home/ray
    UnseenMistake(
        "aws H config in the home of the host",
        AWS,
        "RTS503",
        [
            (
                "--autoscaling-config=~/ray_bootstrap_config.yaml",
                "--autoscaling-config=/home/ubuntu/ray_bootstrap_config.yaml",
            )
        ],
    ),
    # asks for confirmation
    UnseenMistake(
        "aws H conda asks",
        AWS,
        "RTS413",
        [("\nsetup_commands:\n", "\nsetup_commands:\n  - conda create -n tune python=3.11\n")],
    ),
    # another version than the image's
    UnseenMistake(
        "aws T newest ray in the container",
        AWS,
        "RTS305",
        [
            (
                "python -m pip install -q -c constraints.txt 'ray[default]==2.60.0' '.[all]'",
                "python -m pip install -U 'ray[default]' '.[all]'",
            )
        ],
    ),
    # a list is required
    UnseenMistake(
        "aws H run options as text",
        AWS,
        "RTS101",
        [
            (
                "  run_options:\n    - --ulimit nofile=65536:65536     # each trial opens files and connections\n    - --shm-size=8g                   # for Ray's object store and the data loaders of PyTorch\n    - -v /shared:/shared\n    - -e RAYTUNE_SUITE_DATA=/shared/data      # third-party data, for studies that need it\n    - -e RAY_AUTH_MODE=token          # Ray's commands in the container use the token\n",
                "  run_options: --shm-size=8g -v /shared:/shared -e RAY_AUTH_MODE=token\n",
            )
        ],
    ),
    # rsync cannot read buckets
    UnseenMistake(
        "aws H mount from S3",
        AWS,
        "RTS307",
        [('"~/.ray": "~/.ray"}', '"~/.ray": "~/.ray", "/data": "s3://bucket/data"}')],
    ),
    # a list is required
    UnseenMistake(
        "aws H excludes as text",
        AWS,
        "RTS101",
        [("rsync_exclude: [.venv, .git, demo, build] ", 'rsync_exclude: ".venv, .git" ')],
    ),
    # a number is required
    UnseenMistake(
        "aws H minutes with unit", AWS, "RTS101", [("idle_timeout_minutes: 8 ", "idle_timeout_minutes: 8m ")]
    ),
    # contradiction
    UnseenMistake(
        "aws H min above max of a type",
        AWS,
        "RTS201",
        [("    min_workers: 0\n    max_workers: 8", "    min_workers: 9\n    max_workers: 8")],
    ),
    # no such type
    UnseenMistake(
        "aws H head type of another name", AWS, "RTS105", [("head_node_type: head\n", "head_node_type: head_node\n")]
    ),
    # a custom resource that no trial asks for
    UnseenMistake(
        "aws H gpu in lower case",
        AWS,
        "RTS210",
        [("resources: {}                     # Ray asks", 'resources: {"gpu": 1}             # Ray asks')],
    ),
    # an instance profile's ARN is needed
    UnseenMistake(
        "aws T role instead of a profile",
        AWS,
        "RTS909",
        [
            (
                "      InstanceType: g6.xlarge\n",
                "      InstanceType: g6.xlarge\n      IamInstanceProfile: {Arn: arn:aws:iam::123456789012:role/ray-worker}\n",
            )
        ],
    ),
    # text is required
    UnseenMistake(
        "aws H spot price as a number",
        SPOT,
        "RTS901",
        [("{MarketType: spot}", "{MarketType: spot, SpotOptions: {MaxPrice: 0.4}}")],
    ),
    # only T machines
    UnseenMistake(
        "aws M credits of a GPU machine",
        AWS,
        "RTS905",
        [
            (
                "      InstanceType: g6.xlarge\n",
                "      InstanceType: g6.xlarge\n      CreditSpecification: {CpuCredits: unlimited}\n",
            )
        ],
    ),
    # they exclude each other
    UnseenMistake(
        "aws M reservation preference and target",
        AWS,
        "RTS905",
        [
            (
                "      InstanceType: g6.xlarge\n",
                "      InstanceType: g6.xlarge\n      CapacityReservationSpecification: {CapacityReservationPreference: none, CapacityReservationTarget: {CapacityReservationId: cr-0a1b2c3d4e5f60718}}\n",
            )
        ],
    ),
    # the name of the pair, without .pem
    UnseenMistake(
        "aws H key name with suffix",
        AWS,
        "RTS909",
        [
            ("  ssh_user: ubuntu ", "  ssh_private_key: ~/.ssh/team.pem\n  ssh_user: ubuntu "),
            ("      InstanceType: m6i.xlarge ", "      KeyName: team.pem\n      InstanceType: m6i.xlarge "),
            ("      InstanceType: g6.xlarge\n", "      InstanceType: g6.xlarge\n      KeyName: team.pem\n"),
            ("      InstanceType: g6.48xlarge\n", "      InstanceType: g6.48xlarge\n      KeyName: team.pem\n"),
        ],
    ),
    # IpRanges has CidrIp
    UnseenMistake(
        "aws H addresses as texts",
        AWS,
        "RTS901",
        [
            (
                "  region: us-east-1\n",
                "  region: us-east-1\n  security_group:\n    GroupName: ray\n    IpPermissions: [{FromPort: 22, ToPort: 22, IpProtocol: tcp, IpRanges: [10.1.0.0/16]}]\n",
            )
        ],
    ),
    # CIDR needs /32
    UnseenMistake(
        "aws H address without a mask",
        AWS,
        "RTS902",
        [
            (
                "  region: us-east-1\n",
                "  region: us-east-1\n  security_group:\n    GroupName: ray\n    IpPermissions: [{FromPort: 22, ToPort: 22, IpProtocol: tcp, IpRanges: [{CidrIp: 10.1.0.7}]}]\n",
            )
        ],
    ),
    # ray#45189: breaks file mounts
    UnseenMistake(
        "aws T colon in the name", AWS, "RTS609", [("cluster_name: raytune-aws", "cluster_name: team:raytune")]
    ),
    # nvidia-tesla-t4
    UnseenMistake(
        "gcp T accelerator by short name",
        GCP,
        "RTS902",
        [
            (
                "machineType: g2-standard-8      #",
                "guestAccelerators: [{acceleratorType: T4, acceleratorCount: 1}]\n      machineType: n1-standard-8      #",
            )
        ],
    ),
    # 1, 2 or 4
    UnseenMistake(
        "gcp M three cards",
        GCP,
        "RTS908",
        [
            (
                "machineType: g2-standard-8      #",
                "guestAccelerators: [{acceleratorType: nvidia-tesla-t4, acceleratorCount: 3}]\n      machineType: n1-standard-8      #",
            )
        ],
    ),
    # deepvariant#70: at most 12 vCPUs for one V100
    UnseenMistake(
        "gcp T too many CPUs for one card",
        GCP,
        "RTS908",
        [
            (
                "machineType: g2-standard-8      #",
                "guestAccelerators: [{acceleratorType: nvidia-tesla-v100, acceleratorCount: 1}]\n      machineType: n1-standard-32      #",
            )
        ],
    ),
    # contradiction
    UnseenMistake(
        "gcp M restart of preemptible",
        GCP,
        "RTS905",
        [("        - preemptible: true ", "        - automaticRestart: true\n        - preemptible: true ")],
    ),
    # enumeration SPOT
    UnseenMistake(
        "gcp M model in lower case",
        GCP,
        "RTS902",
        [("        - preemptible: true ", "        - provisioningModel: spot  ")],
    ),
    # the full URL
    UnseenMistake(
        "gcp M short scope",
        GCP,
        "RTS909",
        [
            (
                "machineType: g2-standard-8      #",
                "serviceAccounts: [{email: ray@my-project.iam.gserviceaccount.com, scopes: [cloud-platform]}]\n      machineType: g2-standard-8      #",
            )
        ],
    ),
    # URL malformed
    UnseenMistake(
        "gcp T bare name of the subnet",
        GCP,
        "RTS909",
        [
            (
                "machineType: g2-standard-8      #",
                "networkInterfaces: [{subnetwork: default}]\n      machineType: g2-standard-8      #",
            )
        ],
    ),
    # one zone only
    UnseenMistake(
        "gcp H zones of AWS's style",
        GCP,
        "RTS606",
        [("availability_zone: us-central1-a\n", "availability_zone: us-central1-a,us-central1-b\n")],
    ),
    # needs zones/.../diskTypes/
    UnseenMistake(
        "gcp M bare disk type",
        GCP,
        "RTS909",
        [("            diskSizeGb: 200 ", "            diskType: pd-ssd\n            diskSizeGb: 200 ")],
    ),
    # another zone
    UnseenMistake(
        "gcp H disk type of another zone",
        GCP,
        "RTS910",
        [
            (
                "            diskSizeGb: 200 ",
                "            diskType: zones/us-west1-b/diskTypes/pd-ssd\n            diskSizeGb: 200 ",
            )
        ],
    ),
    # items
    UnseenMistake(
        "gcp H metadata as pairs",
        GCP,
        "RTS103",
        [
            (
                '        items:\n          - {key: install-nvidia-driver, value: "True"}',
                '        install-nvidia-driver: "True"',
            )
        ],
    ),
    # tags.items
    UnseenMistake(
        "gcp H network tags as list",
        GCP,
        "RTS901",
        [("machineType: g2-standard-8      #", "tags: [ray, ssh]\n      machineType: g2-standard-8      #")],
    ),
    # malformed path
    UnseenMistake(
        "gcp H image by project and family",
        GCP,
        "RTS909",
        [("projects/deeplearning-platform-release/global/images/YOUR-IMAGE", "ubuntu-os-cloud/ubuntu-2204-lts")],
    ),
    # local disks have 375 GB
    UnseenMistake(
        "gcp M local disk of 500 GB",
        GCP,
        "RTS902",
        [
            ("      metadata: &driver", "      # scratch\n      metadata: &driver"),
            (
                "        - boot: true\n",
                "        - {type: SCRATCH, interface: NVME, autoDelete: true, initializeParams: {diskType: zones/us-central1-a/diskTypes/local-ssd, diskSizeGb: 500}}\n        - boot: true\n",
            ),
        ],
    ),
    # ONE_TO_ONE_NAT
    UnseenMistake(
        "gcp M type of the access config",
        GCP,
        "RTS902",
        [
            (
                "machineType: g2-standard-8      #",
                "networkInterfaces: [{network: global/networks/default, accessConfigs: [{type: EXTERNAL}]}]\n      machineType: g2-standard-8      #",
            )
        ],
    ),
    # Standard_
    UnseenMistake(
        "azure T size without prefix", AZURE, "RTS206", [("vmSize: Standard_NC8as_T4_v3", "vmSize: NC8as_T4_v3")]
    ),
    # -1 or above 0
    UnseenMistake(
        "azure M price of zero", AZURE, "RTS902", [("billingProfile: {maxPrice: -1}", "billingProfile: {maxPrice: 0}")]
    ),
    # a number
    UnseenMistake(
        "azure H disk with unit",
        AZURE,
        "RTS901",
        [
            (
                "        vmSize: Standard_NC8as_T4_v3\n        osDiskSize: 200\n",
                "        vmSize: Standard_NC8as_T4_v3\n        osDiskSize: 200GB\n",
            )
        ],
    ),
    # text such as 22.04.2024...
    UnseenMistake("azure H version as number", AZURE, "RTS901", [("&version YOUR-IMAGE-VERSION", "&version 22.04")]),
    # text
    UnseenMistake(
        "azure H SKU as number", AZURE, "RTS901", [('        imageSku: "2204"\n', "        imageSku: 2204\n")]
    ),
    # GUID
    UnseenMistake(
        "azure H subscription by name",
        AZURE,
        "RTS609",
        [("subscription_id: YOUR-SUBSCRIPTION ", "subscription_id: ml-research ")],
    ),
    # no spaces
    UnseenMistake(
        "azure H group with space",
        AZURE,
        "RTS609",
        [("resource_group: raytune-azure ", "resource_group: raytune azure ")],
    ),
    # reserved name
    UnseenMistake("azure M user admin", AZURE, "RTS609", [("ssh_user: ubuntu ", "ssh_user: admin ")]),
    # ssh_public_key needed too
    UnseenMistake(
        "azure T private key alone",
        AZURE,
        "RTS601",
        [("  ssh_user: ubuntu ", "  ssh_private_key: ~/.ssh/id_rsa\n  ssh_user: ubuntu ")],
    ),
    # belongs in azure_arm_parameters
    UnseenMistake(
        "azure H size beside the parameters",
        AZURE,
        "RTS904",
        [
            (
                "    node_config:\n      azure_arm_parameters:\n        vmSize: Standard_NC8as_T4_v3\n",
                "    node_config:\n      vmSize: Standard_NC8as_T4_v3\n      azure_arm_parameters:\n",
            )
        ],
    ),
    # misspelled
    UnseenMistake(
        "azure H ARM parameters misspelled",
        AZURE,
        "RTS103",
        [
            (
                "      azure_arm_parameters:\n        vmSize: Standard_NC8as_T4_v3\n",
                "      azure_arm_paramters:\n        vmSize: Standard_NC8as_T4_v3\n",
            )
        ],
    ),
    # CIDR
    UnseenMistake(
        "azure H subnet without prefix",
        AZURE,
        "RTS902",
        [("  location: eastus\n", "  location: eastus\n  subnet_mask: 10.0.0.0\n")],
    ),
    # a list
    UnseenMistake(
        "hosts H addresses in one text",
        LOCAL,
        "RTS101",
        [("worker_ips: [192.168.1.11, 192.168.1.12] ", "worker_ips: 192.168.1.11, 192.168.1.12 ")],
    ),
    # one text
    UnseenMistake("hosts H head as list", LOCAL, "RTS101", [("head_ip: 192.168.1.10 ", "head_ip: [192.168.1.10] ")]),
    # the private key
    UnseenMistake("hosts H public key", LOCAL, "RTS601", [("~/.ssh/id_ed25519 ", "~/.ssh/id_ed25519.pub ")]),
    # host:port
    UnseenMistake(
        "hosts H coordinator without port",
        LOCAL,
        "RTS605",
        [("  head_ip: 192.168.1.10 ", "  coordinator_address: 192.168.1.5\n  head_ip: 192.168.1.10 ")],
    ),
    # no address
    UnseenMistake("hosts H number above 255", LOCAL, "RTS605", [("192.168.1.11,", "192.168.1.256,")]),
    # workers cannot reach it
    UnseenMistake("hosts T head on localhost", LOCAL, "RTS605", [("head_ip: 192.168.1.10 ", "head_ip: localhost ")]),
    # each command has its own shell
    UnseenMistake(
        "hosts T environment activated alone",
        LOCAL,
        "RTS416",
        [("\nsetup_commands:\n", "\nsetup_commands:\n  - source ~/venvs/tune/bin/activate\n")],
    ),
    # each command has its own shell
    UnseenMistake(
        "hosts H limit in its own command",
        LOCAL,
        "RTS416",
        [
            (
                "  - ulimit -n 65536; export RAY_AUTH_MODE=token; ray start",
                "  - ulimit -n 65536\n  - export RAY_AUTH_MODE=token; ray start",
            )
        ],
    ),
    # port missing
    UnseenMistake(
        "hosts H address without port", LOCAL, "RTS410", [("--address=$RAY_HEAD_IP:6379", "--address=$RAY_HEAD_IP")]
    ),
    # each command has its own shell
    UnseenMistake(
        "hosts H environment of conda alone",
        HOSTS,
        "RTS416",
        [("setup_commands:\n", "setup_commands:\n  - conda activate tune\n")],
    ),
    # a number
    UnseenMistake(
        "kuberay H replicas as text", RAYCLUSTER, "RTS101", [("      replicas: 0\n", '      replicas: "0"\n')]
    ),
    # text of JSON
    UnseenMistake(
        "kuberay T resources as mapping",
        RAYCLUSTER,
        "RTS101",
        [("      rayStartParams: {}\n", "      rayStartParams: {resources: {spot: 1}}\n")],
    ),
    # ray#50298
    UnseenMistake(
        "kuberay T selector beside the spec",
        RC,
        "RTS103",
        [
            (
                "      template:\n        spec:\n          restartPolicy: Never\n          nodeSelector:\n            cloud.google.com/gke-accelerator: nvidia-tesla-a100\n",
                "      template:\n        nodeSelector:\n          cloud.google.com/gke-accelerator: nvidia-tesla-a100\n        spec:\n          restartPolicy: Never\n",
            )
        ],
    ),
    # kuberay#2210
    UnseenMistake(
        "kuberay T submitter without name",
        RJ,
        "RTS101",
        [
            (
                "        - name: submitter\n          image: rayproject/ray:2.60.0-py311\n",
                "        - image: rayproject/ray:2.60.0-py311\n",
            )
        ],
    ),
    # OnFailure or Never
    UnseenMistake(
        "kuberay T submitter restarts always",
        RJ,
        "RTS817",
        [
            (
                "      restartPolicy: Never\n      containers:\n        - name: submitter",
                "      restartPolicy: Always\n      containers:\n        - name: submitter",
            )
        ],
    ),
    # kuberay#3980
    UnseenMistake(
        "kuberay T long name of a job",
        RJ,
        "RTS811",
        [("  name: tune-resnet\n", "  name: tune-resnet-on-imagenet-with-asha-and-64-gpus-seed-0\n")],
    ),
    # kuberay#2239
    UnseenMistake(
        "kuberay T variables null",
        RC,
        "RTS101",
        [
            (
                '            env:\n              - name: RAY_health_check_period_ms\n                value: "1000"\n',
                "            env:\n",
            )
        ],
    ),
    # nvidia.com/gpu
    UnseenMistake(
        "kuberay T key of the GPU",
        RC,
        "RTS812",
        [
            (
                '                  nvidia.com/gpu: "1"\n                limits:',
                '                  nvidia/gpu: "1"\n                limits:',
            ),
            (
                '                  nvidia.com/gpu: "1"\n              volumeMounts',
                '                  nvidia/gpu: "1"\n              volumeMounts',
            ),
        ],
    ),
    # objects with name
    UnseenMistake(
        "kuberay H pull secret as text",
        RC,
        "RTS101",
        [
            (
                "          containers:\n            - name: ray-worker\n",
                "          imagePullSecrets: [registry]\n          containers:\n            - name: ray-worker\n",
            )
        ],
    ),
    # objects
    UnseenMistake(
        "kuberay H port as number",
        RC,
        "RTS101",
        [("              - {containerPort: 8265, name: dashboard}\n", "              - 8265\n")],
    ),
    # only for containers
    UnseenMistake(
        "kuberay M privileged pod",
        RC,
        "RTS103",
        [
            (
                "          restartPolicy: Never\n",
                "          restartPolicy: Never\n          securityContext: {privileged: true}\n",
            )
        ],
    ),
    # one handler
    UnseenMistake(
        "kuberay M two handlers of a probe",
        RC,
        "RTS817",
        [
            (
                "            - name: ray-worker\n",
                "            - name: ray-worker\n              livenessProbe: {httpGet: {path: /healthz, port: 52365}, exec: {command: [ray, status]}}\n",
            )
        ],
    ),
    # whole numbers
    UnseenMistake(
        "kuberay M half a GPU",
        RAYCLUSTER,
        "RTS812",
        [
            (
                'limits: {cpu: "6", memory: 24Gi, nvidia.com/gpu: "1"}',
                'limits: {cpu: "6", memory: 24Gi, nvidia.com/gpu: "0.5"}',
            ),
            (
                'requests: {cpu: "6", memory: 24Gi, nvidia.com/gpu: "1"}',
                'requests: {cpu: "6", memory: 24Gi, nvidia.com/gpu: "0.5"}',
            ),
        ],
    ),
    # LoadBalancer
    UnseenMistake(
        "kuberay H case of the service",
        RC,
        "RTS817",
        [("    serviceType: ClusterIP\n", "    serviceType: Loadbalancer\n")],
    ),
    # a text
    UnseenMistake(
        "kuberay T config of serve as mapping", RS, "RTS101", [("  serveConfigV2: |\n", "  serveConfigV2:\n")]
    ),
    # a text
    UnseenMistake(
        "kuberay H entrypoint as list",
        RJ,
        "RTS101",
        [
            (
                "  entrypoint: python /home/ray/code/tune_resnet.py --storage-path /shared/studies\n",
                "  entrypoint: [python, /home/ray/code/tune_resnet.py]\n",
            )
        ],
    ),
    # env_vars
    UnseenMistake("kuberay H variables in camel case", RJ, "RTS103", [("    env_vars:\n", "    envVars:\n")]),
    # ray.io/cluster, and not beside a spec
    UnseenMistake(
        "kuberay M selector's key",
        RJ,
        "RTS811",
        [
            (
                "  submissionMode: K8sJobMode\n",
                "  submissionMode: K8sJobMode\n  clusterSelector: {ray.io/cluster-name: tuning}\n",
            )
        ],
    ),
    # enumeration
    UnseenMistake(
        "kuberay H upscaling mode", RC, "RTS101", [("    upscalingMode: Default\n", "    upscalingMode: Fast\n")]
    ),
    # operator rejects it
    UnseenMistake(
        "kuberay M tolerance switched off and on",
        RC,
        "RTS811",
        [("  name: tuning\n  labels:\n", '  name: tuning\n  annotations: {ray.io/ft-enabled: "false"}\n  labels:\n')],
    ),
    # enumeration
    UnseenMistake(
        "kuberay M effect",
        RC,
        "RTS817",
        [("              effect: NoSchedule\n", "              effect: NoScheduled\n")],
    ),
    # labels are texts
    UnseenMistake(
        "kuberay H boolean label", RC, "RTS101", [("    team: vision\n", "    team: vision\n    gpu: yes\n")]
    ),
    # 0777 is 511
    UnseenMistake(
        "kuberay M decimal mode",
        RC,
        "RTS817",
        [
            (
                "              name: training-code\n",
                "              name: training-code\n              defaultMode: 777\n",
            )
        ],
    ),
    # 2.6 as a number
    UnseenMistake("kuberay H version as float", RAYCLUSTER, "RTS101", [('rayVersion: "2.60.0" ', "rayVersion: 2.60 ")]),
    # ray start is not run
    UnseenMistake(
        "kuberay H own command of the worker",
        RC,
        "RTS412",
        [
            (
                "            - name: ray-worker\n",
                '            - name: ray-worker\n              command: ["python", "worker.py"]\n',
            )
        ],
    ),
    # no such unit
    UnseenMistake("kuberay H storage in GB", RC, "RTS101", [("      storage: 200Gi\n", "      storage: 200GB\n")]),
    # a list
    UnseenMistake(
        "kuberay M mode as text", BASE, "RTS101", [("  accessModes: [ReadWriteMany] ", "  accessModes: ReadWriteMany ")]
    ),
    # enumeration
    UnseenMistake("kuberay M policy type", BASE, "RTS817", [("policyTypes: [Ingress]", "policyTypes: [ingress]")]),
    # format
    UnseenMistake("slurm H time in hours", SLURM, "RTS842", [("--time=12:00:00", "--time=12h")]),
    # words after the value
    UnseenMistake("slurm H memory with space", SLURM, "RTS841", [("--mem=240G", "--mem=240 GB")]),
    # not read
    UnseenMistake(
        "slurm H directive after a command", SLURM, "RTS840", [("set -e\n", "set -e\n#SBATCH --exclusive\n")]
    ),
    # a comment
    UnseenMistake(
        "slurm H space in the marker", SLURM, "RTS840", [("#SBATCH --gpus-per-node=4", "# SBATCH --gpus-per-node=4")]
    ),
    # never ends
    UnseenMistake(
        "slurm H worker in the foreground", SLURM, "RTS845", [("--num-gpus 4 --block &", "--num-gpus 4 --block")]
    ),
    # not expanded
    UnseenMistake(
        "slurm H variable in a directive",
        SLURM,
        "RTS842",
        [("--output=logs/tune-%j.out", "--output=logs/tune-$SLURM_JOB_ID.out")],
    ),
    # dash has no arrays
    UnseenMistake("slurm T arrays in sh", SLURM, "RTS415", [("#!/bin/bash", "#!/bin/sh")]),
    # exclude each other
    UnseenMistake(
        "slurm M memory twice",
        SLURM,
        "RTS842",
        [("#SBATCH --mem=240G", "#SBATCH --mem=240G\n#SBATCH --mem-per-cpu=8G")],
    ),
    # commas
    UnseenMistake(
        "slurm H mail types by semicolon", SLURM, "RTS842", [("--mail-type=END,FAIL", "--mail-type=END;FAIL")]
    ),
]

ELEVENTH = [
    # CamelCase
    UnseenMistake(
        "aws H shutdown behavior as in Terraform",
        EA,
        "RTS103",
        [
            (
                "      InstanceType: g5.xlarge\n",
                "      InstanceType: g5.xlarge\n      instance_initiated_shutdown_behavior: terminate\n",
            )
        ],
    ),
    # CamelCase
    UnseenMistake(
        "aws H metadata options as in Terraform",
        EA,
        "RTS103",
        [
            (
                "        HttpTokens: required\n        HttpPutResponseHopLimit: 2\n",
                "        http_tokens: required\n        http_put_response_hop_limit: 2\n",
            )
        ],
    ),
    # pg-...
    UnseenMistake(
        "aws M placement group by name as ID",
        EA,
        "RTS909",
        [
            (
                "      InstanceType: g5.xlarge\n",
                "      InstanceType: g5.xlarge\n      Placement: {GroupId: tuning-cluster}\n",
            )
        ],
    ),
    # one-time spot machines cannot be stopped
    UnseenMistake(
        "aws M stop on shutdown of spot",
        EA,
        "RTS905",
        [
            (
                "      InstanceType: g5.xlarge\n",
                "      InstanceType: g5.xlarge\n      InstanceInitiatedShutdownBehavior: stop\n",
            )
        ],
    ),
    # SubnetIds in node_config
    UnseenMistake(
        "aws H subnet of the provider",
        EA,
        "RTS103",
        [("  region: us-west-2\n", "  region: us-west-2\n  subnet_id: subnet-0c5e6b7f8a9d0e1f2\n")],
    ),
    # belongs in node_config
    UnseenMistake(
        "aws H type beside the node config",
        EA,
        "RTS904",
        [("    node_config:\n      InstanceType: g5.xlarge\n", "    InstanceType: g5.xlarge\n    node_config:\n")],
    ),
    # each needs its own
    UnseenMistake(
        "aws M one address for four workers",
        EA,
        "RTS905",
        [("      InstanceType: g5.xlarge\n", "      InstanceType: g5.xlarge\n      PrivateIpAddress: 10.0.0.10\n")],
    ),
    # a point
    UnseenMistake("aws H comma in the price", EA, "RTS902", [('MaxPrice: "0.60"', 'MaxPrice: "0,60"')]),
    # a number
    UnseenMistake(
        "aws M interface with a text index",
        EA,
        "RTS901",
        [
            (
                "      SubnetIds:\n        - subnet-0c5e6b7f8a9d0e1f2\n      SecurityGroupIds:\n        - sg-0c5e6b7f8a9d0e1f2\n      BlockDeviceMappings:\n        - DeviceName: /dev/sda1\n          Ebs:\n            VolumeSize: 140\n            VolumeType: gp3\n      MetadataOptions",
                "      NetworkInterfaces:\n        - {DeviceIndex: '0', SubnetId: subnet-0c5e6b7f8a9d0e1f2, Groups: [sg-0c5e6b7f8a9d0e1f2], AssociatePublicIpAddress: true}\n      BlockDeviceMappings:\n        - DeviceName: /dev/sda1\n          Ebs:\n            VolumeSize: 140\n            VolumeType: gp3\n      MetadataOptions",
            )
        ],
    ),
    # node_config
    UnseenMistake(
        "aws H node config in camel case",
        EA,
        "RTS103",
        [("    node_config:\n      InstanceType: g5.xlarge\n", "    nodeConfig:\n      InstanceType: g5.xlarge\n")],
    ),
    # lower case
    UnseenMistake(
        "aws H image in capitals",
        EA,
        "RTS909",
        [
            (
                "      InstanceType: g5.xlarge\n      ImageId: ami-0387d929287ab193e\n",
                "      InstanceType: g5.xlarge\n      ImageId: AMI-0387D929287AB193E\n",
            )
        ],
    ),
    # ImageId
    UnseenMistake(
        "aws H key of the image",
        EA,
        "RTS103",
        [("      InstanceType: g5.xlarge\n      ImageId:", "      InstanceType: g5.xlarge\n      ImageID:")],
    ),
    # disabled or default
    UnseenMistake(
        "aws M automatic recovery enabled",
        EA,
        "RTS902",
        [
            (
                "      InstanceType: g5.xlarge\n",
                "      InstanceType: g5.xlarge\n      MaintenanceOptions: {AutoRecovery: enabled}\n",
            )
        ],
    ),
    # under auth
    UnseenMistake(
        "aws H user of the provider",
        EA,
        "RTS103",
        [
            ("  region: us-west-2\n", "  region: us-west-2\n  ssh_user: ubuntu\n"),
            ("auth:\n  ssh_user: ubuntu\n", "auth:\n"),
        ],
    ),
    # another cloud
    UnseenMistake(
        "aws H accelerators as in Google's cloud",
        EA,
        "RTS103",
        [
            (
                "      InstanceType: g5.xlarge\n",
                "      InstanceType: g5.xlarge\n      guestAccelerators: [{acceleratorType: nvidia-a10g, acceleratorCount: 1}]\n",
            )
        ],
    ),
    # not expanded
    UnseenMistake(
        "aws H name with a variable", EA, "RTS417", [("cluster_name: default\n", "cluster_name: tune-$USER\n")]
    ),
    # a boolean
    UnseenMistake(
        "aws H deletion as text",
        EA,
        "RTS901",
        [
            (
                "      BlockDeviceMappings:\n        - DeviceName: /dev/sda1\n          Ebs:\n            VolumeSize: 140\n            VolumeType: gp3\n      InstanceMarket",
                "      BlockDeviceMappings:\n        - DeviceName: /dev/sda1\n          Ebs:\n            VolumeSize: 140\n            VolumeType: gp3\n            DeleteOnTermination: 'yes'\n      InstanceMarket",
            )
        ],
    ),
    # BlockDeviceMappings
    UnseenMistake(
        "aws H disk size of the machine",
        EA,
        "RTS904",
        [("      InstanceType: g5.xlarge\n", "      InstanceType: g5.xlarge\n      VolumeSize: 200\n")],
    ),
    # idle_timeout_minutes
    UnseenMistake(
        "aws T seconds of KubeRay", EA, "RTS103", [("idle_timeout_minutes: 5\n", "idleTimeoutSeconds: 300\n")]
    ),
    # misspelled
    UnseenMistake(
        "aws H market option", EA, "RTS103", [("      InstanceMarketOptions:\n", "      InstanceMarketOption:\n")]
    ),
    # a mapping by YAML
    UnseenMistake(
        "aws H variable as mapping",
        EA,
        "RTS101",
        [("    - -e RAY_AUTH_MODE=token\n", "    - -e RAY_AUTH_MODE: token\n")],
    ),
    # no such type
    UnseenMistake(
        "aws H comma after the type", EA, "RTS206", [("InstanceType: g5.xlarge\n", "InstanceType: g5.xlarge,\n")]
    ),
    # worker_setup_commands
    UnseenMistake(
        "aws H set-up of a type",
        EA,
        "RTS103",
        [
            (
                "    max_workers: 4\n    resources:",
                "    max_workers: 4\n    setup_commands: [pip install lightning]\n    resources:",
            )
        ],
    ),
    # availability_zone
    UnseenMistake(
        "aws T zones in plural",
        EA,
        "RTS103",
        [("  availability_zone: us-west-2a,us-west-2b\n", "  availability_zones: us-west-2a,us-west-2b\n")],
    ),
    # IAM has no region
    UnseenMistake(
        "aws M region in the ARN of a profile",
        EA,
        "RTS909",
        [
            (
                "        Name: ray-worker\n",
                "        Arn: arn:aws:iam:us-west-2:123456789012:instance-profile/ray-worker\n",
            )
        ],
    ),
    # default
    UnseenMistake(
        "aws M shared tenancy",
        EA,
        "RTS902",
        [("      InstanceType: g5.xlarge\n", "      InstanceType: g5.xlarge\n      Placement: {Tenancy: shared}\n")],
    ),
    # $Latest
    UnseenMistake(
        "aws M version of a template",
        EA,
        "RTS902",
        [
            (
                "      InstanceType: g5.xlarge\n",
                "      InstanceType: g5.xlarge\n      LaunchTemplate: {LaunchTemplateId: lt-0c5e6b7f8a9d0e1f2, Version: latest}\n",
            )
        ],
    ),
    # 2 cores
    UnseenMistake(
        "aws M more cores than the machine",
        EA,
        "RTS905",
        [
            (
                "      InstanceType: g5.xlarge\n",
                "      InstanceType: g5.xlarge\n      CpuOptions: {CoreCount: 8, ThreadsPerCore: 2}\n",
            )
        ],
    ),
    # mappings
    UnseenMistake(
        "aws M addresses of version 6 as texts",
        EA,
        "RTS901",
        [("      InstanceType: g5.xlarge\n", "      InstanceType: g5.xlarge\n      Ipv6Addresses: ['2001:db8::5']\n")],
    ),
    # SecurityGroupIds
    UnseenMistake(
        "aws H groups in capitals",
        EA,
        "RTS103",
        [
            (
                "      SecurityGroupIds:\n        - sg-0c5e6b7f8a9d0e1f2\n      BlockDeviceMappings:\n        - DeviceName: /dev/sda1\n          Ebs:\n            VolumeSize: 140\n            VolumeType: gp3\n      InstanceMarket",
                "      SecurityGroupIDs:\n        - sg-0c5e6b7f8a9d0e1f2\n      BlockDeviceMappings:\n        - DeviceName: /dev/sda1\n          Ebs:\n            VolumeSize: 140\n            VolumeType: gp3\n      InstanceMarket",
            )
        ],
    ),
    # spot
    UnseenMistake(
        "aws H market in capitals", EA, "RTS902", [("        MarketType: spot\n", "        MarketType: Spot\n")]
    ),
    # required
    UnseenMistake(
        "aws H tokens in capitals", EA, "RTS902", [("        HttpTokens: required\n", "        HttpTokens: Required\n")]
    ),
    # removed keys
    UnseenMistake(
        "aws T head node of old versions",
        EA,
        "RTS103",
        [
            (
                "head_node_type: ray.head.default\n",
                "head_node_type: ray.head.default\nhead_node: {InstanceType: m5.large}\nworker_nodes: {InstanceType: g5.xlarge}\ninitial_workers: 1\n",
            )
        ],
    ),
    # g5 has an A10G
    UnseenMistake(
        "aws M short name of the accelerator",
        EA,
        "RTS908",
        [('resources: {"CPU": 4, "GPU": 1}', 'resources: {"CPU": 4, "GPU": 1, "accelerator_type:A100": 1}')],
    ),
    # not expanded
    UnseenMistake(
        "gcp H image as variable",
        EG,
        "RTS417",
        [
            (
                "          initializeParams:\n            diskSizeGb: 150\n            sourceImage: projects/deeplearning-platform-release/global/images/family/common-cu129-ubuntu-2204-nvidia-580\n",
                "          initializeParams:\n            diskSizeGb: 150\n            sourceImage: $IMAGE\n",
            )
        ],
    ),
    # only hyperdisks and pd-extreme
    UnseenMistake(
        "gcp M IOPS of a balanced disk",
        EG,
        "RTS905",
        [
            (
                "            diskType: zones/us-west1-a/diskTypes/pd-balanced\n",
                "            diskType: zones/us-west1-a/diskTypes/pd-balanced\n            provisionedIops: 5000\n",
            )
        ],
    ),
    # mappings with type
    UnseenMistake(
        "gcp M features as texts",
        EG,
        "RTS901",
        [
            (
                "          initializeParams:\n            diskSizeGb: 150\n",
                "          guestOsFeatures: [GVNIC]\n          initializeParams:\n            diskSizeGb: 150\n",
            )
        ],
    ),
    # kmsKeyName
    UnseenMistake(
        "gcp M key as text",
        EG,
        "RTS901",
        [
            (
                "          initializeParams:\n            diskSizeGb: 150\n",
                "          diskEncryptionKey: projects/p/locations/us-west1/keyRings/r/cryptoKeys/k\n          initializeParams:\n            diskSizeGb: 150\n",
            )
        ],
    ),
    # a path
    UnseenMistake(
        "gcp M key by short name",
        EG,
        "RTS909",
        [
            (
                "          initializeParams:\n            diskSizeGb: 150\n",
                "          diskEncryptionKey: {kmsKeyName: disks}\n          initializeParams:\n            diskSizeGb: 150\n",
            )
        ],
    ),
    # min_workers
    UnseenMistake(
        "gcp H replicas of KubeRay",
        EG,
        "RTS103",
        [("    min_workers: 0\n    max_workers: 2\n", "    minReplicas: 0\n    maxReplicas: 2\n")],
    ),
    # a number
    UnseenMistake(
        "gcp H size of the disk with unit",
        EG,
        "RTS901",
        [("            diskSizeGb: 150\n", "            diskSizeGb: 150GB\n")],
    ),
    # a mapping
    UnseenMistake(
        "gcp H resources as text",
        EG,
        "RTS101",
        [('    resources: {"CPU": 8, "GPU": 1}\n', '    resources: "CPU: 8, GPU: 1"\n')],
    ),
    # a mapping
    UnseenMistake(
        "gcp M shielded as boolean",
        EG,
        "RTS901",
        [
            (
                "      machineType: n1-standard-8\n",
                "      machineType: n1-standard-8\n      shieldedInstanceConfig: true\n",
            )
        ],
    ),
    # PREMIUM
    UnseenMistake(
        "gcp H tier in lower case",
        EG,
        "RTS902",
        [
            (
                "              type: ONE_TO_ONE_NAT\n",
                "              type: ONE_TO_ONE_NAT\n              networkTier: premium\n",
            )
        ],
    ),
    # a region
    UnseenMistake("gcp H zone as region", EG, "RTS906", [("  region: us-west1\n", "  region: us-west1-a\n")]),
    # full address
    UnseenMistake(
        "gcp H account without domain",
        EG,
        "RTS909",
        [
            (
                "        - email: ray-worker@tuning-lab-401212.iam.gserviceaccount.com\n",
                "        - email: ray-worker@tuning-lab-401212\n",
            )
        ],
    ),
    # cannot migrate
    UnseenMistake(
        "gcp M migration with a GPU",
        EG,
        "RTS908",
        [("        - onHostMaintenance: TERMINATE\n", "        - onHostMaintenance: MIGRATE\n")],
    ),
    # no such type
    UnseenMistake(
        "gcp H type without hyphen", EG, "RTS207", [("machineType: n1-standard-8\n", "machineType: n1-standard8\n")]
    ),
    # lower case
    UnseenMistake("gcp M label in capitals", EG, "RTS902", [("labels: {team: vision}", "labels: {Team: vision}")]),
    # under provider
    UnseenMistake(
        "azure H cache at the top",
        EZ,
        "RTS103",
        [("cluster_name: default\n", "cluster_name: default\ncache_stopped_nodes: false\n")],
    ),
    # osDiskSize
    UnseenMistake(
        "azure H size of the disk as in ARM", EZ, "RTS103", [("        osDiskSize: 128\n", "        diskSizeGB: 128\n")]
    ),
    # 6
    UnseenMistake(
        "azure H CPUs beyond the size",
        EZ,
        "RTS209",
        [('resources: {"CPU": 6, "GPU": 1}', 'resources: {"CPU": 12, "GPU": 1}')],
    ),
    # a letter first
    UnseenMistake("azure M user that begins with a digit", EZ, "RTS609", [("ssh_user: ubuntu", "ssh_user: 1ubuntu")]),
    # text
    UnseenMistake(
        "azure H SKU as list",
        EZ,
        "RTS901",
        [
            (
                '        vmSize: Standard_NC6s_v3\n        imagePublisher: microsoft-dsvm\n        imageOffer: ubuntu-hpc\n        imageSku: "2204"\n',
                '        vmSize: Standard_NC6s_v3\n        imagePublisher: microsoft-dsvm\n        imageOffer: ubuntu-hpc\n        imageSku: ["2204"]\n',
            )
        ],
    ),
    # retired in 2023
    UnseenMistake("azure T retired size", EZ, "RTS207", [("vmSize: Standard_NC6s_v3", "vmSize: Standard_NC6")]),
    # beside run_options
    UnseenMistake(
        "azure H pulling as an option",
        EZ,
        "RTS101",
        [("  run_options:\n", "  run_options:\n    - pull_before_run: true\n")],
    ),
    # not expanded
    UnseenMistake(
        "azure H number as variable", EZ, "RTS101", [("    min_workers: 0\n", "    min_workers: ${MIN_WORKERS}\n")]
    ),
    # a mapping
    UnseenMistake(
        "azure H image alone",
        EZ,
        "RTS101",
        [
            (
                "docker:\n  image: rayproject/ray:2.60.0-py311-gpu\n  container_name: ray_container\n  run_options:\n    - -e RAY_AUTH_MODE=token\n",
                "docker: rayproject/ray:2.60.0-py311-gpu\n",
            )
        ],
    ),
    # its name
    UnseenMistake(
        "azure H group by path",
        EZ,
        "RTS609",
        [
            (
                "resource_group: ray-cluster",
                "resource_group: /subscriptions/3f2a9b1c-4d5e-4f60-8a7b-9c0d1e2f3a4b/resourceGroups/ray-cluster",
            )
        ],
    ),
    # only with Spot
    UnseenMistake(
        "azure M price of a regular machine",
        EZ,
        "RTS905",
        [("        priority: Spot\n", "        priority: Regular\n")],
    ),
    # top level
    UnseenMistake(
        "hosts H excludes among the mounts",
        ED,
        "RTS103",
        [('file_mounts: {"~/.ray": "~/.ray"}\n', 'file_mounts:\n  "~/.ray": "~/.ray"\n  rsync_exclude: ["**/.git"]\n')],
    ),
    # auto, record, pretty
    UnseenMistake(
        "hosts M style of the log",
        ED,
        "RTS410",
        [("ray start --head --port", "ray start --head --log-style=json --port")],
    ),
    # not expanded
    UnseenMistake("hosts H user as variable", ED, "RTS417", [("ssh_user: mlops", "ssh_user: $USER")]),
    # addresses only
    UnseenMistake(
        "hosts H port in the address", ED, "RTS605", [("[10.20.0.5, 10.20.0.6]", "['10.20.0.5:22', '10.20.0.6:22']")]
    ),
    # file_mounts
    UnseenMistake("hosts H mount in singular", ED, "RTS103", [("file_mounts: {", "file_mount: {")]),
    # a mapping
    UnseenMistake(
        "hosts H mounts as in Docker",
        ED,
        "RTS101",
        [('file_mounts: {"~/.ray": "~/.ray"}\n', 'file_mounts:\n  - "~/.ray:~/.ray"\n')],
    ),
    # text
    UnseenMistake("hosts H user by number", ED, "RTS101", [("ssh_user: mlops", "ssh_user: 1001")]),
    # a list
    UnseenMistake("hosts H range of addresses", ED, "RTS605", [("[10.20.0.5, 10.20.0.6]", "[10.20.0.5-10.20.0.6]")]),
    # a path
    UnseenMistake(
        "hosts H key itself",
        ED,
        "RTS601",
        [
            (
                "  ssh_private_key: ~/.ssh/id_rsa\n",
                "  ssh_private_key: |\n    -----BEGIN OPENSSH PRIVATE KEY-----\n    b3BlbnNzaC1rZXktdjEAAAAA\n    -----END OPENSSH PRIVATE KEY-----\n",
            )
        ],
    ),
    # failureThreshold
    UnseenMistake(
        "kuberay H retries of Compose",
        KC,
        "RTS103",
        [("                failureThreshold: 10\n", "                retries: 10\n")],
    ),
    # DirectoryOrCreate
    UnseenMistake(
        "kuberay M type of a host path",
        KC,
        "RTS817",
        [
            (
                "            - name: ray-logs\n              emptyDir: {sizeLimit: 20Gi}\n",
                "            - name: ray-logs\n              hostPath: {path: /var/log/ray, type: directoryOrCreate}\n",
            )
        ],
    ),
    # a number
    UnseenMistake(
        "kuberay H replicas by themselves", KC, "RTS101", [("      replicas: 1\n", "      replicas: auto\n")]
    ),
    # a quantity
    UnseenMistake(
        "kuberay M divisor in GB",
        KC,
        "RTS101",
        [
            (
                "              envFrom:\n",
                "              env: [{name: MEM, valueFrom: {resourceFieldRef: {resource: limits.memory, divisor: 1GB}}}]\n              envFrom:\n",
            )
        ],
    ),
    # a name has a letter
    UnseenMistake(
        "kuberay M port of digits as name",
        KC,
        "RTS817",
        [
            (
                "            - name: ray-worker\n",
                "            - name: ray-worker\n              livenessProbe: {tcpSocket: {port: '52365'}}\n",
            )
        ],
    ),
    # resourceName
    UnseenMistake(
        "kuberay M resource of the policy",
        KC,
        "RTS103",
        [
            (
                "            - name: ray-worker\n",
                "            - name: ray-worker\n              resizePolicy: [{resource: cpu, restartPolicy: NotRequired}]\n",
            )
        ],
    ),
    # type
    UnseenMistake(
        "kuberay M profile as text",
        KC,
        "RTS101",
        [("                capabilities: {add: [SYS_PTRACE]}\n", "                seccompProfile: RuntimeDefault\n")],
    ),
    # not in templates
    UnseenMistake(
        "kuberay M ephemeral container",
        KC,
        "RTS817",
        [
            (
                "          containers:\n            - name: ray-worker\n",
                "          ephemeralContainers: [{name: debug, image: 'busybox:1.36'}]\n          containers:\n            - name: ray-worker\n",
            )
        ],
    ),
    # 30000-32767
    UnseenMistake("kuberay M port of the node", KC, "RTS817", [("      nodePort: 30265\n", "      nodePort: 8265\n")]),
    # privileged only
    UnseenMistake(
        "kuberay M propagation without privileges",
        KC,
        "RTS817",
        [
            (
                "                - {mountPath: /tmp/ray, name: ray-logs}\n",
                "                - {mountPath: /tmp/ray, name: ray-logs, mountPropagation: Bidirectional}\n",
            )
        ],
    ),
    # a number
    UnseenMistake(
        "kuberay H user by name", KC, "RTS101", [("          runAsUser: 1000\n", "          runAsUser: ray\n")]
    ),
    # port
    UnseenMistake(
        "kuberay H ports of the probe",
        KC,
        "RTS103",
        [
            (
                "            - name: ray-worker\n",
                "            - name: ray-worker\n              livenessProbe: {httpGet: {path: /healthz, ports: 52365}}\n",
            )
        ],
    ),
    # add
    UnseenMistake(
        "kuberay H capabilities as list",
        KC,
        "RTS101",
        [("capabilities: {add: [SYS_PTRACE]}", "capabilities: [SYS_PTRACE]")],
    ),
    # RuntimeDefault
    UnseenMistake(
        "kuberay T profile of old annotations",
        KC,
        "RTS817",
        [
            (
                "                capabilities: {add: [SYS_PTRACE]}\n",
                "                seccompProfile: {type: runtime/default}\n",
            )
        ],
    ),
    # a boolean
    UnseenMistake(
        "kuberay H read only as text",
        KC,
        "RTS101",
        [
            (
                "                - {mountPath: /mnt/shared, name: shared}\n              resources",
                "                - {mountPath: /mnt/shared, name: shared, readOnly: 'true'}\n              resources",
            )
        ],
    ),
    # seconds
    UnseenMistake(
        "kuberay M sleep as number",
        KC,
        "RTS101",
        [
            (
                "            - name: ray-worker\n",
                "            - name: ray-worker\n              lifecycle: {preStop: {sleep: 10}}\n",
            )
        ],
    ),
    # claimName
    UnseenMistake(
        "kuberay H name of the claim",
        KC,
        "RTS103",
        [
            (
                "            - name: shared\n              persistentVolumeClaim: {claimName: shared}\n---",
                "            - name: shared\n              persistentVolumeClaim: {name: shared}\n---",
            )
        ],
    ),
    # httpGet
    UnseenMistake(
        "kuberay H probe without a handler",
        KC,
        "RTS103",
        [
            (
                "            - name: ray-worker\n",
                "            - name: ray-worker\n              livenessProbe: {path: /healthz, port: 52365}\n",
            )
        ],
    ),
    # status.podIP
    UnseenMistake(
        "kuberay M field of the pod",
        KC,
        "RTS817",
        [
            (
                "              envFrom:\n",
                "              env: [{name: IP, valueFrom: {fieldRef: {fieldPath: status.podIp}}}]\n              envFrom:\n",
            )
        ],
    ),
    # secretRef
    UnseenMistake(
        "kuberay H name of the source",
        KC,
        "RTS103",
        [("                - secretRef: {name: wandb}\n", "                - name: wandb\n")],
    ),
    # spec.type
    UnseenMistake(
        "kuberay H type of the head's service",
        KC,
        "RTS103",
        [("    serviceType: ClusterIP\n", "    headService: {type: LoadBalancer}\n")],
    ),
    # In
    UnseenMistake(
        "kuberay M operator of an expression",
        KC,
        "RTS817",
        [("operator: In, values: [g5.2xlarge]", "operator: Equals, values: [g5.2xlarge]")],
    ),
    # env
    UnseenMistake(
        "kuberay H environment of Compose",
        KC,
        "RTS103",
        [
            (
                "              envFrom:\n                - secretRef: {name: wandb}\n",
                "              environment: {WANDB_MODE: offline}\n",
            )
        ],
    ),
    # of the pod
    UnseenMistake(
        "kuberay H tolerations of the container",
        KC,
        "RTS103",
        [
            (
                "            - name: ray-worker\n",
                "            - name: ray-worker\n              tolerations: [{key: nvidia.com/gpu, operator: Exists}]\n",
            )
        ],
    ),
    # topologyKey
    UnseenMistake(
        "kuberay M affinity without topology",
        KC,
        "RTS101",
        [
            (
                "          affinity:\n",
                "          affinity:\n            podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{labelSelector: {matchLabels: {ray.io/group: small-group}}}]}\n",
            )
        ],
    ),
    # G
    UnseenMistake(
        "kuberay H memory in lower case",
        KC,
        "RTS101",
        [('limits: {cpu: "7", memory: 28G, nvidia.com/gpu: 1}', 'limits: {cpu: "7", memory: 28g, nvidia.com/gpu: 1}')],
    ),
    # 0-23
    UnseenMistake("kuberay M hour 25", CR, "RTS811", [('schedule: "30 2 * * *"', 'schedule: "30 25 * * *"')]),
    # no spec here
    UnseenMistake(
        "kuberay H spec of the template",
        CR,
        "RTS103",
        [
            (
                "  jobTemplate:\n    entrypoint: python -m train --config /mnt/shared/config.yaml\n    entrypointNumCpus: 1\n",
                "  jobTemplate:\n    spec:\n      entrypoint: python -m train --config /mnt/shared/config.yaml\n      entrypointNumCpus: 1\n",
            )
        ],
    ),
    # .zip
    UnseenMistake("kuberay M working directory without zip", CR, "RTS820", [("archive/main.zip", "archive/main")]),
    # selects nothing
    UnseenMistake(
        "kuberay H service in another namespace",
        KC,
        "RTS813",
        [
            (
                "  name: raycluster-dashboard\n  namespace: research\n",
                "  name: raycluster-dashboard\n  namespace: default\n",
            )
        ],
    ),
    # D-HH:MM:SS
    UnseenMistake("slurm H days with colons", SA, "RTS842", [("-t 1-00:00:00", "-t 1:00:00:00")]),
    # quotes
    UnseenMistake("slurm H name of two words", SA, "RTS841", [("-J asha", "-J asha tune")]),
    # gpu:a100:4
    UnseenMistake("slurm H number before the type", SA, "RTS842", [("gpu:a100:4", "gpu:4:a100")]),
    # not closed
    UnseenMistake("slurm H parenthesis", SA, "RTS415", [("| head -n 1)\n", "| head -n 1\n")]),
    # the other node stays idle
    UnseenMistake(
        "slurm H worker on the head's node",
        SA,
        "RTS845",
        [('srun -N 1 -n 1 -x "$head" ray start', 'srun -N 1 -n 1 -w "$head" ray start')],
    ),
    # no spaces
    UnseenMistake(
        "slurm H spaces of an export",
        SA,
        "RTS415",
        [("export RAY_ADDRESS=$head:$port RAY", "export RAY_ADDRESS = $head:$port RAY")],
    ),
    # no %k
    UnseenMistake("slurm H pattern of the output", SA, "RTS842", [("-o %x-%j.out", "-o %x-%k.out")]),
    # the job ends at once
    UnseenMistake(
        "slurm H study in the background",
        SA,
        "RTS845",
        [
            (
                "python tune.py --storage-path /project/p200123/studies\n",
                "python tune.py --storage-path /project/p200123/studies &\n",
            )
        ],
    ),
    # no such partition
    UnseenMistake("slurm H semicolon after the partition", SA, "RTS842", [("-p gpu\n", "-p gpu;\n")]),
    # one node only
    UnseenMistake(
        "slurm M tasks fewer than nodes", SA, "RTS842", [("#SBATCH --ntasks-per-node=1\n", "#SBATCH -n 1\n")]
    ),
]

TWELFTH = [
    # never fulfilled
    UnseenMistake("aws M price of zero", EA, "RTS902", [('MaxPrice: "0.60"', 'MaxPrice: "0"')]),
    # a set without values
    UnseenMistake(
        "aws H mounts by arrows",
        EA,
        "RTS307",
        [('file_mounts: {"~/.ray": "~/.ray"}', 'file_mounts: {"~/.ray:~/.ray"}')],
    ),
    # not indented
    UnseenMistake(
        "aws H settings of the machine one level up",
        EA,
        "RTS904",
        [
            (
                "    node_config:\n      InstanceType: g5.xlarge\n      ImageId: ami-0387d929287ab193e\n",
                "    node_config:\n    InstanceType: g5.xlarge\n    ImageId: ami-0387d929287ab193e\n    node_config_rest:\n      Monitoring: {Enabled: true}\n",
            )
        ],
    ),
    # a mapping
    UnseenMistake(
        "aws H profile as list",
        EA,
        "RTS901",
        [
            (
                "      IamInstanceProfile:\n        Name: ray-worker\n",
                "      IamInstanceProfile:\n        - Name: ray-worker\n",
            )
        ],
    ),
    # its name
    UnseenMistake(
        "aws H key pair by its ID",
        EA,
        "RTS909",
        [
            (
                "      InstanceType: g5.xlarge\n      ImageId: ami-0387d929287ab193e\n      KeyName: research\n",
                "      InstanceType: g5.xlarge\n      ImageId: ami-0387d929287ab193e\n      KeyName: key-0a1b2c3d4e5f60718\n",
            )
        ],
    ),
    # a number
    UnseenMistake(
        "aws H hop limit as text",
        EA,
        "RTS901",
        [("        HttpPutResponseHopLimit: 2\n", '        HttpPutResponseHopLimit: "2"\n')],
    ),
    # not expanded
    UnseenMistake(
        "aws H market as variable", EA, "RTS417", [("        MarketType: spot\n", "        MarketType: $MARKET\n")]
    ),
    # a list
    UnseenMistake(
        "aws H commands in one text",
        EA,
        "RTS101",
        [("worker_setup_commands: []\n", "worker_setup_commands: pip install lightning\n")],
    ),
    # a list
    UnseenMistake(
        "aws H excludes as mapping",
        EA,
        "RTS101",
        [('rsync_exclude:\n  - "**/.git"\n  - "**/.git/**"\n', 'rsync_exclude: {git: "**/.git"}\n')],
    ),
    # beside, not inside
    UnseenMistake(
        "aws H key pair under the interface",
        EA,
        "RTS904",
        [
            (
                "      KeyName: research\n      IamInstanceProfile:\n        Name: ray-worker\n",
                "      IamInstanceProfile:\n        Name: ray-worker\n        KeyName: research\n",
            )
        ],
    ),
    # one GPU
    UnseenMistake(
        "aws H GPUs of four", EA, "RTS208", [('resources: {"CPU": 4, "GPU": 1}', 'resources: {"CPU": 4, "GPU": 4}')]
    ),
    # Name
    UnseenMistake(
        "aws H profile by its name alone",
        EA,
        "RTS901",
        [("      IamInstanceProfile:\n        Name: ray-head\n", "      IamInstanceProfile: ray-head\n")],
    ),
    # initialization_commands
    UnseenMistake(
        "aws H user data as commands",
        EA,
        "RTS103",
        [("initialization_commands:\n", "user_data: |\n  #!/bin/bash\n  mkdir /data\ninitialization_commands:\n")],
    ),
    # KeyName
    UnseenMistake(
        "aws H pair in capitals",
        EA,
        "RTS103",
        [
            (
                "      InstanceType: m5.large\n      ImageId: ami-0387d929287ab193e\n      KeyName: research\n",
                "      InstanceType: m5.large\n      ImageId: ami-0387d929287ab193e\n      keyName: research\n",
            )
        ],
    ),
    # text
    UnseenMistake(
        "aws H number as tag", EA, "RTS901", [("              Value: tuning\n", "              Value: 2026\n")]
    ),
    # a number
    UnseenMistake(
        "aws H GPU as word", EA, "RTS101", [('resources: {"CPU": 4, "GPU": 1}', 'resources: {"CPU": 4, "GPU": yes}')]
    ),
    # classic EC2
    UnseenMistake(
        "aws T names of groups",
        EA,
        "RTS905",
        [
            (
                "      SecurityGroupIds:\n        - sg-0c5e6b7f8a9d0e1f2\n      BlockDeviceMappings:\n        - DeviceName: /dev/sda1\n          Ebs:\n            VolumeSize: 140\n            VolumeType: gp3\n      InstanceMarket",
                "      SecurityGroups:\n        - ray-cluster\n      BlockDeviceMappings:\n        - DeviceName: /dev/sda1\n          Ebs:\n            VolumeSize: 140\n            VolumeType: gp3\n      InstanceMarket",
            )
        ],
    ),
    # one region
    UnseenMistake(
        "aws H region as list", EA, "RTS101", [("  region: us-west-2\n", "  region: [us-west-2, us-east-1]\n")]
    ),
    # docker run has other names
    UnseenMistake(
        "aws H limits of Compose",
        EA,
        "RTS902",
        [("    - --ulimit nofile=65536:65536\n", "    - --ulimits nofile=65536:65536\n    - --mem_limit 8g\n")],
    ),
    # no such type
    UnseenMistake(
        "aws M tags of a volume for a network",
        EA,
        "RTS902",
        [("        - ResourceType: instance\n", "        - ResourceType: vm\n")],
    ),
    # us-west-2
    UnseenMistake("aws H region in words", EA, "RTS906", [("  region: us-west-2\n", "  region: Oregon\n")]),
    # misspelled
    UnseenMistake(
        "aws H type of the volume",
        EA,
        "RTS103",
        [("            VolumeType: gp3\n      InstanceMarket", "            VolumeTyp: gp3\n      InstanceMarket")],
    ),
    # in BlockDeviceMappings
    UnseenMistake(
        "aws H disk outside of its list",
        EA,
        "RTS904",
        [
            (
                "      BlockDeviceMappings:\n        - DeviceName: /dev/sda1\n          Ebs:\n            VolumeSize: 140\n            VolumeType: gp3\n      InstanceMarket",
                "      Ebs: {VolumeSize: 140, VolumeType: gp3}\n      InstanceMarket",
            )
        ],
    ),
    # a list in a list
    UnseenMistake(
        "aws H start commands nested",
        EA,
        "RTS101",
        [("worker_start_ray_commands:\n  - ray stop\n", "worker_start_ray_commands:\n  - - ray stop\n")],
    ),
    # a number
    UnseenMistake("aws H port in words", EA, "RTS410", [("--port=6379 --num-cpus=0", "--port=default --num-cpus=0")]),
    # aws
    UnseenMistake("aws H provider with region", EA, "RTS104", [("  type: aws\n", "  type: aws/us-west-2\n")]),
    # bytes
    UnseenMistake(
        "aws H memory with unit",
        EA,
        "RTS410",
        [("ray start --address=$RAY_HEAD_IP:6379", "ray start --address=$RAY_HEAD_IP:6379 --object-store-memory=20GB")],
    ),
    # Arn
    UnseenMistake(
        "aws H profile of another kind",
        EA,
        "RTS909",
        [("        Name: ray-worker\n", "        Name: arn:aws:iam::123456789012:instance-profile/ray-worker\n")],
    ),
    # TagSpecifications
    UnseenMistake(
        "aws H tags at the top",
        EA,
        "RTS103",
        [("head_node_type: ray.head.default\n", "head_node_type: ray.head.default\ntags: {project: tuning}\n")],
    ),
    # not a name for a mapping
    UnseenMistake(
        "aws M device of NVMe",
        EA,
        "RTS907",
        [
            (
                "        - DeviceName: /dev/sda1\n          Ebs:\n            VolumeSize: 140\n            VolumeType: gp3\n      InstanceMarket",
                "        - DeviceName: /dev/nvme0n1\n          Ebs:\n            VolumeSize: 140\n            VolumeType: gp3\n      InstanceMarket",
            )
        ],
    ),
    # a boolean
    UnseenMistake(
        "aws H docker off by word", EA, "RTS101", [("  pull_before_run: True\n", "  pull_before_run: always\n")]
    ),
    # idle_timeout_s there
    UnseenMistake(
        "aws H idle minutes per type",
        EA,
        "RTS103",
        [("    max_workers: 4\n    resources", "    max_workers: 4\n    idle_timeout_minutes: 10\n    resources")],
    ),
    # us-west1
    UnseenMistake("gcp H region in words", EG, "RTS906", [("  region: us-west1\n", "  region: oregon\n")]),
    # no public address
    UnseenMistake(
        "gcp M address of no access",
        EG,
        "RTS905",
        [
            (
                "          accessConfigs:\n            - name: External NAT\n              type: ONE_TO_ONE_NAT\n",
                "          accessConfigs: []\n",
            )
        ],
    ),
    # another cloud
    UnseenMistake(
        "gcp H root device of AWS",
        EG,
        "RTS103",
        [("            diskSizeGb: 150\n", "            diskSizeGb: 150\n            VolumeType: gp3\n")],
    ),
    # YAML: empty
    UnseenMistake(
        "gcp H parameters not indented",
        EG,
        "RTS904",
        [
            (
                "          initializeParams:\n            diskSizeGb: 150\n            sourceImage:",
                "          initializeParams:\n          diskSizeGb: 150\n          sourceImage:",
            )
        ],
    ),
    # misspelled
    UnseenMistake(
        "gcp H most workers", EG, "RTS103", [("    max_workers: 2\n    resources", "    max_worker: 2\n    resources")]
    ),
    # one T4
    UnseenMistake("gcp H GPU of two", EG, "RTS208", [('"CPU": 8, "GPU": 1', '"CPU": 8, "GPU": 2')]),
    # disks remain and cost money
    UnseenMistake(
        "gcp M root disk kept",
        EG,
        "RTS911",
        [
            (
                "        - boot: true\n          autoDelete: true\n          type: PERSISTENT\n          initializeParams:\n            diskSizeGb: 150\n",
                "        - boot: true\n          autoDelete: false\n          type: PERSISTENT\n          initializeParams:\n            diskSizeGb: 150\n",
            )
        ],
    ),
    # removed option
    UnseenMistake(
        "gcp T redis address of old versions",
        EG,
        "RTS410",
        [("ray start --address=$RAY_HEAD_IP:6379", "ray start --redis-address=$RAY_HEAD_IP:6379")],
    ),
    # in node_config
    UnseenMistake(
        "gcp H account beside the type",
        EG,
        "RTS904",
        [
            (
                '    resources: {"CPU": 8, "GPU": 1}\n',
                '    serviceAccounts: [{email: ray@tuning-lab-401212.iam.gserviceaccount.com, scopes: [https://www.googleapis.com/auth/cloud-platform]}]\n    resources: {"CPU": 8, "GPU": 1}\n',
            )
        ],
    ),
    # a size
    UnseenMistake(
        "gcp H shared memory without a unit's letter",
        EG,
        "RTS902",
        [("    - --ulimit nofile=65536:65536\n", "    - --shm-size=8GiBs\n")],
    ),
    # items
    UnseenMistake(
        "gcp H metadata as list",
        EG,
        "RTS901",
        [
            (
                '      metadata:\n        items:\n          - key: install-nvidia-driver\n            value: "True"\n',
                '      metadata:\n        - key: install-nvidia-driver\n          value: "True"\n',
            )
        ],
    ),
    # a list
    UnseenMistake(
        "gcp H scopes as text",
        EG,
        "RTS901",
        [
            (
                "        - email: ray-worker@tuning-lab-401212.iam.gserviceaccount.com\n          scopes: [https://www.googleapis.com/auth/cloud-platform]\n",
                "        - email: ray-worker@tuning-lab-401212.iam.gserviceaccount.com\n          scopes: https://www.googleapis.com/auth/cloud-platform\n",
            )
        ],
    ),
    # GPUs only with N1
    UnseenMistake(
        "gcp M no machine of that GPU", EG, "RTS908", [("machineType: n1-standard-8\n", "machineType: n2-standard-8\n")]
    ),
    # text
    UnseenMistake(
        "azure H version as list",
        EZ,
        "RTS901",
        [
            (
                '        vmSize: Standard_NC6s_v3\n        imagePublisher: microsoft-dsvm\n        imageOffer: ubuntu-hpc\n        imageSku: "2204"\n        imageVersion: latest\n',
                '        vmSize: Standard_NC6s_v3\n        imagePublisher: microsoft-dsvm\n        imageOffer: ubuntu-hpc\n        imageSku: "2204"\n        imageVersion: [latest]\n',
            )
        ],
    ),
    # no docker
    UnseenMistake(
        "azure M plain image in containers",
        EZ,
        "RTS907",
        [
            (
                '        vmSize: Standard_NC6s_v3\n        imagePublisher: microsoft-dsvm\n        imageOffer: ubuntu-hpc\n        imageSku: "2204"\n',
                "        vmSize: Standard_NC6s_v3\n        imagePublisher: Canonical\n        imageOffer: 0001-com-ubuntu-server-jammy\n        imageSku: 22_04-lts-gen2\n",
            )
        ],
    ),
    # outside the container
    UnseenMistake(
        "azure H docker in the container",
        EZ,
        "RTS415",
        [
            (
                "setup_commands:\n  - pip install raytune-suite\n",
                "setup_commands:\n  - pip install raytune-suite\n  - sudo systemctl restart docker\n",
            )
        ],
    ),
    # removed
    UnseenMistake(
        "azure T fraction of old versions",
        EZ,
        "RTS103",
        [
            (
                "idle_timeout_minutes: 5\n",
                "idle_timeout_minutes: 5\ntarget_utilization_fraction: 0.8\nautoscaling_mode: default\n",
            )
        ],
    ),
    # Spot
    UnseenMistake(
        "azure H priority of spot", EZ, "RTS902", [("        priority: Spot\n", "        priority: Preemptible\n")]
    ),
    # subscription_id
    UnseenMistake("azure H subscription", EZ, "RTS103", [("  subscription_id:", "  subscriptionId:")]),
    # -1 only
    UnseenMistake("azure M negative price", EZ, "RTS902", [("          maxPrice: 1.2\n", "          maxPrice: -2\n")]),
    # a space in the name
    UnseenMistake(
        "azure H image with a colon's space",
        EZ,
        "RTS609",
        [("  image: rayproject/ray:2.60.0-py311-gpu\n", "  image: rayproject/ray:2.60.0 -py311-gpu\n")],
    ),
    # another cloud
    UnseenMistake("azure H size of AWS", EZ, "RTS206", [("vmSize: Standard_NC6s_v3", "vmSize: g5.xlarge")]),
    # inside azure_arm_parameters
    UnseenMistake(
        "azure H priority beside the parameters",
        EZ,
        "RTS904",
        [("        priority: Spot\n        billingProfile:\n          maxPrice: 1.2\n", "      priority: Spot\n")],
    ),
    # not expanded
    UnseenMistake(
        "azure H version by command",
        EZ,
        "RTS417",
        [
            (
                '        vmSize: Standard_NC6s_v3\n        imagePublisher: microsoft-dsvm\n        imageOffer: ubuntu-hpc\n        imageSku: "2204"\n        imageVersion: latest\n',
                '        vmSize: Standard_NC6s_v3\n        imagePublisher: microsoft-dsvm\n        imageOffer: ubuntu-hpc\n        imageSku: "2204"\n        imageVersion: $(az vm image list --query version)\n',
            )
        ],
    ),
    # no image
    UnseenMistake(
        "hosts H container without image", ED, "RTS105", [("  image: rayproject/ray:2.60.0-py311-gpu\n", "")]
    ),
    # two hosts
    UnseenMistake("hosts H more workers than hosts", ED, "RTS203", [("max_workers: 2\n", "max_workers: 8\n")]),
    # no region
    UnseenMistake(
        "hosts H region of own hosts", ED, "RTS103", [("  type: local\n", "  type: local\n  region: us-west-2\n")]
    ),
    # no host name
    UnseenMistake(
        "hosts H name with underscores and dash", ED, "RTS605", [("[10.20.0.5, 10.20.0.6]", "[gpu-01-.lab, 10.20.0.6]")]
    ),
    # a number
    UnseenMistake("hosts H speed in words", ED, "RTS101", [("upscaling_speed: 1.0\n", "upscaling_speed: fast\n")]),
    # 0 or more
    UnseenMistake("hosts H speed below zero", ED, "RTS101", [("upscaling_speed: 1.0\n", "upscaling_speed: -1\n")]),
    # a colon
    UnseenMistake(
        "hosts H volume by equals",
        ED,
        "RTS503",
        [("    - -v /mnt/studies:/mnt/studies\n", "    - -v /mnt/studies=/mnt/studies\n")],
    ),
    # the first is lost
    UnseenMistake(
        "hosts H same target twice",
        ED,
        "RTS102",
        [
            (
                'file_mounts: {"~/.ray": "~/.ray"}',
                'file_mounts: {"~/.ray": "~/.ray", "~/code": ".", "~/code": "examples"}',
            )
        ],
    ),
    # all or a number
    UnseenMistake("hosts H GPUs by name", ED, "RTS902", [("    - --gpus all\n", "    - --gpus=A100\n")]),
    # not expanded
    UnseenMistake(
        "kuberay H GPU as variable",
        CR,
        "RTS101",
        [
            (
                'limits: {cpu: "8", memory: 32Gi, nvidia.com/gpu: 1}',
                'limits: {cpu: "8", memory: 32Gi, nvidia.com/gpu: $GPUS}',
            )
        ],
    ),
    # no quantity
    UnseenMistake(
        "kuberay H memory with a comma",
        KC,
        "RTS101",
        [('requests: {cpu: "2", memory: 8G}', 'requests: {cpu: "2", memory: "1,5Gi"}')],
    ),
    # a number
    UnseenMistake(
        "kuberay H seconds with unit", CR, "RTS101", [("ttlSecondsAfterFinished: 300", "ttlSecondsAfterFinished: 5m")]
    ),
    # 0 or more
    UnseenMistake(
        "kuberay H least replicas below zero", KC, "RTS201", [("      minReplicas: 1\n", "      minReplicas: -1\n")]
    ),
    # no quantity
    UnseenMistake(
        "kuberay H cores in words",
        CR,
        "RTS101",
        [
            (
                'limits: {cpu: "8", memory: 32Gi, nvidia.com/gpu: 1}',
                "limits: {cpu: 8 cores, memory: 32Gi, nvidia.com/gpu: 1}",
            )
        ],
    ),
    # no image
    UnseenMistake(
        "kuberay H image under the command",
        KC,
        "RTS817",
        [("            - name: fetch\n              image: busybox:1.36\n", "            - name: fetch\n")],
    ),
    # a mapping
    UnseenMistake(
        "kuberay T empty directory as text",
        KC,
        "RTS101",
        [
            (
                "          - name: ray-logs\n            emptyDir: {}\n",
                "          - name: ray-logs\n            emptyDir: /tmp/ray\n",
            )
        ],
    ),
    # a name
    UnseenMistake("kuberay H no name", KC, "RTS816", [("  name: raycluster-complete\n", "")]),
    # above 0
    UnseenMistake(
        "kuberay H idle time below zero",
        KC,
        "RTS811",
        [("    idleTimeoutSeconds: 300\n", "    idleTimeoutSeconds: -1\n")],
    ),
    # rayVersion
    UnseenMistake("kuberay H version of Ray", CR, "RTS103", [("      rayVersion:", "      rayversion:")]),
    # a name
    UnseenMistake(
        "kuberay H name of the container",
        KC,
        "RTS101",
        [("            - name: ray-worker\n              image:", "            - image:")],
    ),
    # claimName
    UnseenMistake(
        "kuberay H claim as text",
        KC,
        "RTS101",
        [
            (
                "            - name: shared\n              persistentVolumeClaim: {claimName: shared}\n---",
                "            - name: shared\n              persistentVolumeClaim: shared\n---",
            )
        ],
    ),
    # 2.60.0
    UnseenMistake("kuberay H version with v", KC, "RTS301", [('rayVersion: "2.60.0"', 'rayVersion: "v2.60"')]),
    # no key
    UnseenMistake(
        "kuberay M key of a taint",
        KC,
        "RTS817",
        [
            (
                "{key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}",
                "{key: nvidia.com/gpu=present, operator: Exists, effect: NoSchedule}",
            )
        ],
    ),
    # must be equal
    UnseenMistake(
        "kuberay H request below the limit of a GPU",
        CR,
        "RTS812",
        [
            (
                'requests: {cpu: "8", memory: 32Gi, nvidia.com/gpu: 1}',
                'requests: {cpu: "8", memory: 32Gi, nvidia.com/gpu: 2}',
            )
        ],
    ),
    # spec beside template
    UnseenMistake(
        "kuberay H template without colon's indentation",
        KC,
        "RTS101",
        [
            (
                "      template:\n        spec:\n          affinity:\n",
                "      template:\n      spec:\n          affinity:\n",
            )
        ],
    ),
    # ClusterFirst
    UnseenMistake(
        "kuberay M policy of DNS",
        KC,
        "RTS817",
        [("        serviceAccountName: ray\n", "        serviceAccountName: ray\n        dnsPolicy: clusterFirst\n")],
    ),
    # GPU requested without a limit
    UnseenMistake(
        "kuberay H limits only for the memory of the GPU",
        CR,
        "RTS812",
        [('limits: {cpu: "8", memory: 32Gi, nvidia.com/gpu: 1}, ', "")],
    ),
    # lower case
    UnseenMistake(
        "kuberay H claim in capitals",
        KC,
        "RTS816",
        [
            (
                "            - name: shared\n              persistentVolumeClaim: {claimName: shared}\n---",
                "            - name: shared\n              persistentVolumeClaim: {claimName: Shared_Data}\n---",
            )
        ],
    ),
    # a space
    UnseenMistake(
        "kuberay H size with unit of bytes",
        KC,
        "RTS101",
        [("emptyDir: {sizeLimit: 20Gi}", "emptyDir: {sizeLimit: 20 Gi}")],
    ),
    # hides everything
    UnseenMistake(
        "kuberay H mount at the root",
        KC,
        "RTS813",
        [
            (
                "                - {mountPath: /mnt/shared, name: shared}\n          containers",
                "                - {mountPath: /, name: shared}\n          containers",
            )
        ],
    ),
    # no such volume
    UnseenMistake(
        "kuberay H volume by another name",
        CR,
        "RTS813",
        [
            (
                "volumeMounts: [{name: shared, mountPath: /mnt/shared}]\n            volumes",
                "volumeMounts: [{name: shared-data, mountPath: /mnt/shared}]\n            volumes",
            )
        ],
    ),
    # in spec
    UnseenMistake(
        "kuberay H tolerations of the template",
        CR,
        "RTS103",
        [
            (
                "          template:\n            spec:\n              tolerations: [{key: nvidia.com/gpu, operator: Exists}]\n",
                "          template:\n            tolerations: [{key: nvidia.com/gpu, operator: Exists}]\n            spec:\n",
            )
        ],
    ),
    # not negative
    UnseenMistake(
        "kuberay M negative limit",
        KC,
        "RTS812",
        [('limits: {cpu: "7", memory: 28G, nvidia.com/gpu: 1}', 'limits: {cpu: "-7", memory: 28G, nvidia.com/gpu: 1}')],
    ),
    # Helm's values
    UnseenMistake(
        "kuberay H key of Helm",
        CR,
        "RTS103",
        [
            (
                '      rayVersion: "2.60.0"\n',
                '      rayVersion: "2.60.0"\n      image: {repository: rayproject/ray, tag: 2.60.0-py311}\n',
            )
        ],
    ),
    # Always, IfNotPresent, Never
    UnseenMistake(
        "kuberay M policy of pulling",
        KC,
        "RTS817",
        [("    imagePullPolicy: IfNotPresent\n", "    imagePullPolicy: Sometimes\n")],
    ),
    # NoSchedule
    UnseenMistake(
        "kuberay M effect of an affinity",
        KC,
        "RTS817",
        [("operator: Exists, effect: NoSchedule}", "operator: Exists, effect: requiredDuringScheduling}")],
    ),
    # text
    UnseenMistake(
        "kuberay H annotation as number",
        KC,
        "RTS101",
        [
            (
                "  namespace: research\nspec:\n  rayVersion",
                "  namespace: research\n  annotations: {cost-center: 4711}\nspec:\n  rayVersion",
            )
        ],
    ),
    # gpu:a100:4
    UnseenMistake("slurm H GPUs in words", SA, "RTS842", [("--gres=gpu:a100:4", "--gres=4xa100")]),
    # an option
    UnseenMistake("slurm H account without dash", SA, "RTS841", [("#SBATCH -A p200123", "#SBATCH A p200123")]),
    # never continues
    UnseenMistake(
        "slurm H missing ampersand of the head", SA, "RTS845", [("--num-gpus=0 --block &\n", "--num-gpus=0 --block\n")]
    ),
    # another port
    UnseenMistake("slurm H port of the head", SA, "RTS411", [('--address="$RAY_ADDRESS"', '--address="$head:6379"')]),
    # four
    UnseenMistake(
        "slurm H more GPUs than asked for", SA, "RTS844", [("--num-cpus=64 --num-gpus=4", "--num-cpus=64 --num-gpus=8")]
    ),
    # a number
    UnseenMistake("slurm H nodes in words", SA, "RTS842", [("#SBATCH -N 2", "#SBATCH -N two")]),
]
THIRTEENTH = [
    # names, not IDs
    UnseenMistake("aws M zone by its ID", EA, "RTS606", [("us-west-2a,us-west-2b", "usw2-az1,usw2-az2")]),
    # commas
    UnseenMistake("aws H zones by semicolon", EA, "RTS606", [("us-west-2a,us-west-2b", "us-west-2a;us-west-2b")]),
    # another region
    UnseenMistake(
        "aws H zone of the machine outside those of the provider",
        AWS,
        "RTS910",
        [
            (
                "      InstanceType: g6.xlarge\n",
                "      InstanceType: g6.xlarge\n      Placement: {AvailabilityZone: us-west-2a}\n",
            )
        ],
    ),
    # ARM
    UnseenMistake(
        "aws M ARM machine with an image for x86",
        AWS,
        "RTS907",
        [("InstanceType: g6.xlarge", "InstanceType: g5g.xlarge")],
    ),
    # starts another machine like the head's
    UnseenMistake(
        "aws H second head",
        AWS,
        "RTS213",
        [("  head:\n    resources", "  head:\n    min_workers: 1\n    max_workers: 1\n    resources")],
    ),
    # not on PyPI
    UnseenMistake(
        "aws T local version without its index",
        AWS,
        "RTS415",
        [("\nsetup_commands:\n", "\nsetup_commands:\n  - pip install torch==2.4.0+cu121\n")],
    ),
    # relative to the home folder
    UnseenMistake(
        "aws H requirements in no folder",
        AWS,
        "RTS310",
        [("\nsetup_commands:\n", "\nsetup_commands:\n  - pip install -r requirements.txt\n")],
    ),
    # one of eight is seen
    UnseenMistake(
        "aws T hidden GPUs",
        AWS,
        "RTS208",
        [
            (
                "export RAY_AUTH_MODE=token; ray start --address",
                "export CUDA_VISIBLE_DEVICES=0; export RAY_AUTH_MODE=token; ray start --address",
            )
        ],
    ),
    # stops what was started
    UnseenMistake(
        "aws H stop after start",
        AWS,
        "RTS402",
        [
            (
                "worker_start_ray_commands:\n  - ray stop\n  - ulimit -n 65536; export RAY_AUTH_MODE=token; ray start --address=$RAY_HEAD_IP:6379",
                "worker_start_ray_commands:\n  - ulimit -n 65536; export RAY_AUTH_MODE=token; ray start --address=$RAY_HEAD_IP:6379\n  - ray stop",
            )
        ],
    ),
    # sudo does not find ray, and drops variables
    UnseenMistake(
        "aws H start as root",
        AWS,
        "RTS416",
        [("export RAY_AUTH_MODE=token; ray start --address", "export RAY_AUTH_MODE=token; sudo ray start --address")],
    ),
    # versions differ
    UnseenMistake(
        "aws H images of two versions",
        AWS,
        "RTS301",
        [
            (
                "  image: rayproject/ray:2.60.0-py311-gpu\n",
                "  image: rayproject/ray:2.60.0-py311-gpu\n  worker_image: rayproject/ray:2.55.0-py311-gpu\n",
            )
        ],
    ),
    # no boot volume
    UnseenMistake(
        "aws M root disk of st1",
        AWS,
        "RTS905",
        [("Ebs: {VolumeSize: 200, VolumeType: gp3}", "Ebs: {VolumeSize: 500, VolumeType: st1}")],
    ),
    # Iops required
    UnseenMistake(
        "aws M io2 without IOPS",
        AWS,
        "RTS903",
        [("Ebs: {VolumeSize: 200, VolumeType: gp3}", "Ebs: {VolumeSize: 200, VolumeType: io2}")],
    ),
    # at most 500 per GiB
    UnseenMistake(
        "aws M IOPS per GB",
        AWS,
        "RTS902",
        [("Ebs: {VolumeSize: 200, VolumeType: gp3}", "Ebs: {VolumeSize: 20, VolumeType: gp3, Iops: 16000}")],
    ),
    # at most 0.25 MiB/s per IOPS
    UnseenMistake(
        "aws M throughput per IOPS",
        AWS,
        "RTS902",
        [
            (
                "Ebs: {VolumeSize: 200, VolumeType: gp3}",
                "Ebs: {VolumeSize: 200, VolumeType: gp3, Iops: 3000, Throughput: 1000}",
            )
        ],
    ),
    # 65536 GiB
    UnseenMistake(
        "aws M size beyond EBS",
        AWS,
        "RTS902",
        [("Ebs: {VolumeSize: 200, VolumeType: gp3}", "Ebs: {VolumeSize: 200000, VolumeType: gp3}")],
    ),
    # a secret in the file
    UnseenMistake(
        "aws H key in commands",
        AWS,
        "RTS614",
        [
            (
                "\nsetup_commands:\n",
                "\nsetup_commands:\n  - export AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY && aws s3 sync s3://b /data\n",
            )
        ],
    ),
    # no workers at all
    UnseenMistake("aws H workers of no type", AWS, "RTS202", [("max_workers: 10 ", "max_workers: 0 ")]),
    # no such folder
    UnseenMistake(
        "aws H path of Windows", AWS, "RTS307", [('"~/raytune_suite": "."', '"~/raytune_suite": "C:\\\\code\\\\suite"')]
    ),
    # the secret is missing
    UnseenMistake(
        "aws H both credentials and profile",
        AWS,
        "RTS903",
        [
            (
                "  cache_stopped_nodes: false ",
                "  aws_credentials: {aws_access_key_id: AKIAIOSFODNN7EXAMPLE}\n  cache_stopped_nodes: false ",
            )
        ],
    ),
    # no such environment in Ray's image
    UnseenMistake(
        "aws H conda in the container",
        AWS,
        "RTS415",
        [("python -c 'import ray; assert", "source activate pytorch_p310 && python -c 'import ray; assert")],
    ),
    # names may not begin with sg-
    UnseenMistake(
        "aws H group for the world",
        AWS,
        "RTS905",
        [
            (
                "  cache_stopped_nodes: false ",
                "  security_group: {GroupName: sg-ray, IpPermissions: []}\n  cache_stopped_nodes: false ",
            )
        ],
    ),
    # contradiction
    UnseenMistake(
        "gcp M model beside preemptible",
        GCP,
        "RTS905",
        [("        - preemptible: true ", "        - provisioningModel: STANDARD\n        - preemptible: true ")],
    ),
    # instanceTerminationAction
    UnseenMistake(
        "gcp M duration without an action",
        GCP,
        "RTS903",
        [("        - preemptible: true ", "        - maxRunDuration: {seconds: 86400}\n        - preemptible: true ")],
    ),
    # no access to any API
    UnseenMistake(
        "gcp M account without scopes",
        EG,
        "RTS903",
        [
            (
                "        - email: ray-worker@tuning-lab-401212.iam.gserviceaccount.com\n          scopes: [https://www.googleapis.com/auth/cloud-platform]\n",
                "        - email: ray-worker@tuning-lab-401212.iam.gserviceaccount.com\n",
            )
        ],
    ),
    # another zone
    UnseenMistake(
        "gcp H type of another zone",
        GCP,
        "RTS910",
        [("machineType: g2-standard-8      #", "machineType: zones/us-east1-b/machineTypes/g2-standard-8      #")],
    ),
    # another region
    UnseenMistake(
        "gcp H subnet of another region",
        GCP,
        "RTS910",
        [
            (
                "machineType: g2-standard-8      #",
                "networkInterfaces: [{subnetwork: regions/us-east1/subnetworks/default, accessConfigs: [{type: ONE_TO_ONE_NAT}]}]\n      machineType: g2-standard-8      #",
            )
        ],
    ),
    # built in
    UnseenMistake(
        "gcp M accelerator of a built-in machine",
        GCP,
        "RTS908",
        [
            (
                "machineType: g2-standard-8      #",
                "guestAccelerators: [{acceleratorType: nvidia-tesla-t4, acceleratorCount: 1}]\n      machineType: g2-standard-8      #",
            )
        ],
    ),
    # a, b, c, f
    UnseenMistake(
        "gcp M zone that does not exist",
        GCP,
        "RTS606",
        [("availability_zone: us-central1-a", "availability_zone: us-central1-d")],
    ),
    # x86 machines
    UnseenMistake(
        "gcp M image for ARM",
        GCP,
        "RTS907",
        [("global/images/YOUR-IMAGE", "global/images/common-cpu-ubuntu-2204-arm64-v20260909")],
    ),
    # no spaces
    UnseenMistake(
        "gcp H label with a space", EG, "RTS902", [("labels: {team: vision}", "labels: {cost center: vision}")]
    ),
    # only of spot machines, or with a duration
    UnseenMistake(
        "gcp M action of a standard machine",
        EG,
        "RTS905",
        [("        - provisioningModel: SPOT\n", "        - instanceTerminationAction: DELETE\n")],
    ),
    # 4095 GB
    UnseenMistake(
        "azure M system disk beyond the limit",
        AZURE,
        "RTS902",
        [("Standard_NC8as_T4_v3\n        osDiskSize: 200", "Standard_NC8as_T4_v3\n        osDiskSize: 8192")],
    ),
    # 1, 2 or 3
    UnseenMistake(
        "azure M zone with the region",
        AZURE,
        "RTS606",
        [("  location: eastus\n", "  location: eastus\n  availability_zone: eastus-1\n")],
    ),
    # 1, 2 or 3
    UnseenMistake(
        "azure M zone four",
        AZURE,
        "RTS606",
        [("  location: eastus\n", "  location: eastus\n  availability_zone: '4'\n")],
    ),
    # _v4
    UnseenMistake("azure H size without its version", AZURE, "RTS207", [("Standard_ND96asr_v4", "Standard_ND96asr")]),
    # ends the study
    UnseenMistake(
        "azure H spot head",
        AZURE,
        "RTS205",
        [("        vmSize: Standard_D4s_v5 ", "        priority: Spot\n        vmSize: Standard_D4s_v5 ")],
    ),
    # %h:%p
    UnseenMistake(
        "hosts M proxy without the host",
        LOCAL,
        "RTS601",
        [("  ssh_user: ray ", "  ssh_proxy_command: ssh -W bastion\n  ssh_user: ray ")],
    ),
    # one host twice
    UnseenMistake(
        "hosts H worker twice", LOCAL, "RTS605", [("[192.168.1.11, 192.168.1.12]", "[192.168.1.11, 192.168.1.11]")]
    ),
    # a number
    UnseenMistake(
        "hosts H drop of the CPU option",
        LOCAL,
        "RTS410",
        [("--port=6379 --num-cpus=0 --auto", "--port=6379 --num-cpus 0 --num-gpus none --auto")],
    ),
    # a placeholder
    UnseenMistake(
        "hosts H address of the docs", LOCAL, "RTS605", [("head_ip: 192.168.1.10 ", "head_ip: HEAD_NODE_IP ")]
    ),
    # single addresses
    UnseenMistake("hosts H network address", LOCAL, "RTS605", [("[192.168.1.11, 192.168.1.12]", "[192.168.1.0/24]")]),
    # the submitter cannot reach it
    UnseenMistake(
        "kuberay T dashboard of the head only",
        RAYJOB,
        "RTS410",
        [("dashboard-host: 0.0.0.0 ", "dashboard-host: 127.0.0.1 ")],
    ),
    # only autoscaler v2
    UnseenMistake(
        "kuberay M idle time of a group with autoscaler v1",
        KC,
        "RTS811",
        [("    - groupName: small-group\n", "    - groupName: small-group\n      idleTimeoutSeconds: 60\n")],
    ),
    # no pod has them
    UnseenMistake(
        "kuberay M more CPUs than any pod",
        CR,
        "RTS818",
        [("    entrypointNumCpus: 1\n", "    entrypointNumCpus: 64\n")],
    ),
    # a list, or a file
    UnseenMistake(
        "kuberay H packages in one text",
        RJ,
        "RTS820",
        [("    pip:\n      - lightning==2.5.0\n", "    pip: lightning, torch\n")],
    ),
    # a unit
    UnseenMistake("kuberay H volume of 100 bytes", BASE, "RTS812", [("storage: 100Gi", "storage: 100")]),
    # each has other data
    UnseenMistake(
        "kuberay H three Redis behind one name", BASE, "RTS804", [("spec:\n  replicas: 1\n", "spec:\n  replicas: 3\n")]
    ),
    # Redis listens on 6379
    UnseenMistake(
        "kuberay H service's port of Redis",
        BASE,
        "RTS411",
        [("  ports: [{port: 6379}]\n---\napiVersion: apps/v1", "  ports: [{port: 6380}]\n---\napiVersion: apps/v1")],
    ),
    # above 0
    UnseenMistake(
        "kuberay M deadline of zero", RJ, "RTS811", [("activeDeadlineSeconds: 86400", "activeDeadlineSeconds: 0")]
    ),
    # rejected
    UnseenMistake(
        "kuberay M sidecar with a template",
        RJ,
        "RTS811",
        [("submissionMode: K8sJobMode", "submissionMode: SidecarMode")],
    ),
    # the head's pod has none
    UnseenMistake(
        "kuberay H GPUs of the head",
        RAYCLUSTER,
        "RTS818",
        [
            (
                '      num-cpus: "0"                         #',
                '      num-gpus: "1"\n      num-cpus: "0"                         #',
            )
        ],
    ),
    # swapped units
    UnseenMistake(
        "kuberay H memory in CPU",
        RC,
        "RTS812",
        [
            (
                '                  cpu: "12"\n                  memory: 80Gi\n                  nvidia.com/gpu: "1"\n                limits',
                '                  cpu: 12Gi\n                  memory: 80Gi\n                  nvidia.com/gpu: "1"\n                limits',
            )
        ],
    ),
    # maxReplicas is 10
    UnseenMistake(
        "kuberay M replicas beyond the maximum", KC, "RTS201", [("      replicas: 1\n", "      replicas: 20\n")]
    ),
    # a secret in the file
    UnseenMistake(
        "kuberay H secret as plain text",
        RC,
        "RTS614",
        [
            (
                "              - name: RAY_health_check_period_ms\n",
                "              - {name: WANDB_API_KEY, value: 0123456789abcdef0123456789abcdef01234567}\n              - name: RAY_health_check_period_ms\n",
            )
        ],
    ),
    # a list
    UnseenMistake(
        "kuberay H preStop of the operator",
        KC,
        "RTS101",
        [('                  command: ["/bin/sh", "-c", "ray stop"]\n', '                  command: "ray stop"\n')],
    ),
    # two vendors
    UnseenMistake(
        "kuberay M two groups on one GPU limit",
        KC,
        "RTS812",
        [
            (
                "nvidia.com/gpu: 1}\n                requests",
                "nvidia.com/gpu: 1, amd.com/gpu: 1}\n                requests",
            )
        ],
    ),
    # 1 or more
    UnseenMistake(
        "kuberay H hosts of a group", RAYCLUSTER, "RTS201", [("      numOfHosts: 1\n", "      numOfHosts: 0\n")]
    ),
    # 16 against 4
    UnseenMistake(
        "slurm M GPUs in two ways",
        SLURM,
        "RTS842",
        [("#SBATCH --gpus-per-node=4", "#SBATCH --gpus-per-node=4\n#SBATCH --gpus=4")],
    ),
    # four per node
    UnseenMistake(
        "slurm H step with more GPUs",
        SA,
        "RTS844",
        [('srun -N 1 -n 1 -x "$head" ray', 'srun -N 1 -n 1 --gres=gpu:8 -x "$head" ray')],
    ),
    # two nodes
    UnseenMistake(
        "slurm H step on more nodes", SA, "RTS844", [('srun -N 1 -n 1 -x "$head" ray', 'srun -N 3 -n 3 -x "$head" ray')]
    ),
    # the module's Python comes first
    UnseenMistake(
        "slurm H activation before the module",
        SA,
        "RTS416",
        [
            (
                "module purge\nmodule load Python/3.11 CUDA/12.4\nsource /project/p200123/env/bin/activate\n",
                "source /project/p200123/env/bin/activate\nmodule purge\nmodule load Python/3.11 CUDA/12.4\n",
            )
        ],
    ),
    # each node has its own
    UnseenMistake(
        "slurm H storage on the node",
        SA,
        "RTS503",
        [("--storage-path /project/p200123/studies", "--storage-path /tmp/studies")],
    ),
]
FOURTEENTH = [
    # the dashboard's port
    UnseenMistake(
        "aws H worker joins another port than the dashboard",
        EA,
        "RTS411",
        [("--address=$RAY_HEAD_IP:6379", "--address=$RAY_HEAD_IP:8265")],
    ),
    # g5.xlarge has 16 GiB
    UnseenMistake(
        "aws H object store above memory",
        EA,
        "RTS214",
        [("--address=$RAY_HEAD_IP:6379", "--address=$RAY_HEAD_IP:6379 --object-store-memory=40000000000")],
    ),
    # 16 GiB
    UnseenMistake("aws H shared memory above memory", AWS, "RTS214", [("--shm-size=8g", "--shm-size=64g")]),
    # packages named pip and install
    UnseenMistake(
        "aws H conda and pip mixed",
        AWS,
        "RTS415",
        [("\nsetup_commands:\n", "\nsetup_commands:\n  - conda install -y pip install torch\n")],
    ),
    # ubuntu has apt
    UnseenMistake(
        "aws H yum on Ubuntu",
        AWS,
        "RTS415",
        [("sudo apt-get install -qy nfs-common", "sudo yum install -qy nfs-utils")],
    ),
    # install
    UnseenMistake(
        "aws H pip's typo", AWS, "RTS415", [("\nsetup_commands:\n", "\nsetup_commands:\n  - pip intsall lightning\n")]
    ),
    # asks when it runs again
    UnseenMistake(
        "aws H unzip asks",
        AWS,
        "RTS418",
        [("\nsetup_commands:\n", "\nsetup_commands:\n  - wget https://example.org/data.zip && unzip data.zip\n")],
    ),
    # fails when it runs again
    UnseenMistake(
        "aws H clone twice",
        AWS,
        "RTS418",
        [("\nsetup_commands:\n", "\nsetup_commands:\n  - git clone https://github.com/me/code.git\n")],
    ),
    # unquoted JSON
    UnseenMistake(
        "aws H quotes of JSON",
        AWS,
        "RTS101",
        [("--address=$RAY_HEAD_IP:6379", '--address=$RAY_HEAD_IP:6379 --resources={"spot": 1}')],
    ),
    # options without an image
    UnseenMistake(
        "aws H docker off and its options on",
        AWS,
        "RTS105",
        [("  image: rayproject/ray:2.60.0-py311-gpu\n", '  image: ""\n')],
    ),
    # the head has GPUs and trials
    UnseenMistake(
        "aws H type of the head only for workers",
        AWS,
        "RTS204",
        [("head_node_type: head\n", "head_node_type: gpu_8\n")],
    ),
    # spot machines use no reservation
    UnseenMistake(
        "aws H spot with a reservation",
        SPOT,
        "RTS905",
        [
            (
                "      InstanceType: g6.xlarge\n",
                "      InstanceType: g6.xlarge\n      CapacityReservationSpecification: {CapacityReservationTarget: {CapacityReservationId: cr-0a1b2c3d4e5f60718}}\n",
            )
        ],
    ),
    # no driver
    UnseenMistake(
        "gcp H driver without metadata",
        GCP,
        "RTS907",
        [
            (
                '      metadata: &driver\n        items:\n          - {key: install-nvidia-driver, value: "True"}\n',
                "      metadata: &driver\n        items: []\n",
            )
        ],
    ),
    # ; missing
    UnseenMistake(
        "gcp H wait for a driver that is misspelled",
        GCP,
        "RTS415",
        [("until nvidia-smi >/dev/null 2>&1; do", "until nvidia-smi >/dev/null 2>&1 do")],
    ),
    # a variable without a value
    UnseenMistake(
        "azure H wrong storage of another account",
        AZURE,
        "RTS417",
        [("$STORAGE /shared) && sudo", "$STORAGES /shared) && sudo")],
    ),
    # this machine only
    UnseenMistake(
        "hosts H head_ip among mounts", LOCAL, "RTS307", [('"~/.ray": "~/.ray"', '"~/.ray": "192.168.1.10:~/.ray"')]
    ),
    # nvidia.com/gpu
    UnseenMistake(
        "kuberay H GPU toleration as the wrong vendor",
        RAYCLUSTER,
        "RTS817",
        [
            (
                "- {key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}\n            # the",
                "- {key: nvidia.com/gpus, operator: Exists, effect: NoSchedule}\n            # the",
            )
        ],
    ),
    # workers do not see the studies
    UnseenMistake(
        "kuberay H shared volume only of the head",
        KC,
        "RTS501",
        [
            (
                "              volumeMounts:\n                - {mountPath: /tmp/ray, name: ray-logs}\n                - {mountPath: /mnt/shared, name: shared}\n              resources",
                "              volumeMounts:\n                - {mountPath: /tmp/ray, name: ray-logs}\n              resources",
            )
        ],
    ),
    # no shared volume
    UnseenMistake(
        "kuberay H storage of the entrypoint elsewhere",
        RJ,
        "RTS502",
        [("--storage-path /shared/studies", "--storage-path /tmp/studies")],
    ),
    # head and workers differ
    UnseenMistake(
        "kuberay H mounts at two places",
        KC,
        "RTS814",
        [("              - mountPath: /mnt/shared\n", "              - mountPath: /shared\n")],
    ),
    # the ConfigMap has no such key
    UnseenMistake(
        "kuberay H script that the map lacks",
        RJ,
        "RTS813",
        [("{key: tune_resnet.py, path: tune_resnet.py}", "{key: tune.py, path: tune_resnet.py}")],
    ),
    # no port
    UnseenMistake(
        "kuberay H Redis password on one side",
        RAYCLUSTER,
        "RTS811",
        [("    redisAddress: raytune-redis:6379        #", "    redisAddress: raytune-redis             #")],
    ),
    # 24 minutes
    UnseenMistake("slurm H time as HH:MM", SA, "RTS842", [("-t 1-00:00:00", "-t 24:00")]),
    # not expanded
    UnseenMistake("slurm H variable of sbatch in single quotes", SA, "RTS415", [('--port="$port"', "--port='$port'")]),
]
