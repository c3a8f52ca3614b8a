"""Mistakes that were written from the documentation and issue threads of the providers, without looking at the rules.

They measure how general the rules are. When the first 87 (and two more) were written, the rules found 78 of 89: AWS 17 of
18, Google Cloud 12 of 13, Azure 12 of 12, own hosts 8 of 10, KubeRay 17 of 20, Slurm 12 of 16. The two that are left out
are no mistakes on every cluster: `--gres=gpu=4`, and `conda activate` after `module load`. Of the last 54, which were
written after the rules had been extended for the first ones, the rules found 48: AWS 15 of 16, Google Cloud 6 of 6, Azure
6 of 6, own hosts 4 of 5, KubeRay 12 of 14, Slurm 5 of 7.
"""

# ruff: noqa: E501 - the edits are parts of lines and must not be wrapped
from __future__ import annotations

from tests.cluster.checks.unseen_amounts_and_places import TWENTIETH
from tests.cluster.checks.unseen_at_run_time import AT_RUN_TIME
from tests.cluster.checks.unseen_blind import EIGHTEENTH
from tests.cluster.checks.unseen_by_class import BY_CLASS, EIGHTH, FIFTH, FOURTH, NINTH, SECOND, SEVENTH, SIXTH, THIRD
from tests.cluster.checks.unseen_drawn import ELEVENTH, FOURTEENTH, TENTH, THIRTEENTH, TWELFTH
from tests.cluster.checks.unseen_from_manuals import FROM_MANUALS
from tests.cluster.checks.unseen_from_reference import FIFTEENTH, SEVENTEENTH, SIXTEENTH
from tests.cluster.checks.unseen_from_threads import FROM_THREADS
from tests.cluster.checks.unseen_kuberay import KUBERAY
from tests.cluster.checks.unseen_last import AT_THE_LAST
from tests.cluster.checks.unseen_mistakes_files import AWS, AZURE, GCP, HOSTS, LOCAL, RC, RJ, SLURM, SPOT, UnseenMistake
from tests.cluster.checks.unseen_two_places import NINETEENTH

UNSEEN = [
    *AT_RUN_TIME,
    *FROM_MANUALS,
    *FROM_THREADS,
    *BY_CLASS,
    *SECOND,
    *THIRD,
    *FOURTH,
    *FIFTH,
    *SIXTH,
    *SEVENTH,
    *EIGHTH,
    *NINTH,
    *TENTH,
    *ELEVENTH,
    *TWELFTH,
    *THIRTEENTH,
    *FOURTEENTH,
    *FIFTEENTH,
    *SIXTEENTH,
    *SEVENTEENTH,
    *EIGHTEENTH,
    *KUBERAY,
    *NINETEENTH,
    *TWENTIETH,
    *AT_THE_LAST,
    UnseenMistake(
        "aws SubnetID",
        AWS,
        "RTS103",
        [("      InstanceType: g6.xlarge\n", "      InstanceType: g6.xlarge\n      SubnetID: subnet-0a1b2c3d\n")],
    ),
    UnseenMistake(
        "aws MarketType Spot",
        SPOT,
        "RTS902",
        [("InstanceMarketOptions: {MarketType: spot}", "InstanceMarketOptions: {MarketType: Spot}")],
    ),
    UnseenMistake(
        "aws persistent spot",
        SPOT,
        "RTS905",
        [
            (
                "InstanceMarketOptions: {MarketType: spot}",
                "InstanceMarketOptions: {MarketType: spot, SpotOptions: {SpotInstanceType: persistent}}",
            )
        ],
    ),
    UnseenMistake(
        "aws small root disk",
        AWS,
        "RTS911",
        [("Ebs: {VolumeSize: 200, VolumeType: gp3}", "Ebs: {VolumeSize: 30, VolumeType: gp3}")],
    ),
    UnseenMistake(
        "aws io2 without Iops",
        AWS,
        "RTS903",
        [("Ebs: {VolumeSize: 200, VolumeType: gp3}", "Ebs: {VolumeSize: 200, VolumeType: io2}")],
    ),
    UnseenMistake(
        "aws gp2 with Throughput",
        AWS,
        "RTS905",
        [("Ebs: {VolumeSize: 200, VolumeType: gp3}", "Ebs: {VolumeSize: 200, VolumeType: gp2, Throughput: 500}")],
    ),
    UnseenMistake(
        "aws private key without KeyName",
        AWS,
        "RTS601",
        [("  ssh_user: ubuntu ", "  ssh_private_key: ~/.ssh/my.pem\n  ssh_user: ubuntu ")],
    ),
    UnseenMistake(
        "aws SecurityGroups with SubnetIds",
        AWS,
        "RTS905",
        [
            (
                "      SecurityGroupIds: *groups\n  gpu_8",
                "      SecurityGroups: [default]\n      SubnetIds: [subnet-0a1b2c3d]\n  gpu_8",
            )
        ],
    ),
    UnseenMistake(
        "aws idle timeout with unit", AWS, "RTS101", [("idle_timeout_minutes: 8 ", "idle_timeout_minutes: 8m ")]
    ),
    UnseenMistake("aws zone in the style of GCP", AWS, "RTS606", [("us-east-1a,us-east-1b,us-east-1c", "us-east-1-a")]),
    UnseenMistake(
        "aws p4d in us-west-1",
        AWS,
        "RTS206",
        [
            ("region: us-east-1\n", "region: us-west-1\n"),
            ("us-east-1a,us-east-1b,us-east-1c", "us-west-1a"),
            ("InstanceType: g6.48xlarge", "InstanceType: p4d.24xlarge"),
            ("efs.us-east-1", "efs.us-west-1"),
            ("--region us-east-1", "--region us-west-1"),
        ],
    ),
    UnseenMistake(
        "aws tags as mapping",
        AWS,
        "RTS901",
        [
            (
                "      InstanceType: g6.xlarge\n",
                "      InstanceType: g6.xlarge\n      TagSpecifications: [{ResourceType: instance, Tags: {team: vision}}]\n",
            )
        ],
    ),
    UnseenMistake(
        "aws min above the cluster's max",
        AWS,
        "RTS201",
        [
            ("max_workers: 10 ", "max_workers: 4 "),
            (
                "  gpu_1:                              # many small machines for one trial each: the lowest price per GPU\n    min_workers: 0",
                "  gpu_1:\n    min_workers: 6",
            ),
        ],
    ),
    UnseenMistake(
        "aws run_options as text",
        AWS,
        "RTS101",
        [
            (
                "  run_options:\n    - --ulimit nofile=65536:65536     # each trial opens files and connections\n    - --shm-size=8g                   # for Ray's object store and the data loaders of PyTorch\n    - -v /shared:/shared\n    - -e RAYTUNE_SUITE_DATA=/shared/data      # third-party data, for studies that need it\n    - -e RAY_AUTH_MODE=token          # Ray's commands in the container use the token\n",
                "  run_options: --shm-size=8g -v /shared:/shared -e RAY_AUTH_MODE=token\n",
            )
        ],
    ),
    UnseenMistake(
        "aws Tenancy Dedicated",
        AWS,
        "RTS902",
        [("      InstanceType: g6.xlarge\n", "      InstanceType: g6.xlarge\n      Placement: {Tenancy: Dedicated}\n")],
    ),
    UnseenMistake(
        "aws relative target of a mount", AWS, "RTS311", [('{"~/raytune_suite": "."', '{"raytune_suite": "."')]
    ),
    UnseenMistake(
        "aws cd in a command of its own",
        AWS,
        "RTS416",
        [
            (
                "  - cd ~/raytune_suite && python -m pip install -q -c constraints.txt 'ray[default]==2.60.0' '.[all]'\n",
                "  - cd ~/raytune_suite\n  - python -m pip install -q -c constraints.txt 'ray[default]==2.60.0' '.[all]'\n",
            )
        ],
    ),
    UnseenMistake(
        "aws export in a command of its own",
        AWS,
        "RTS416",
        [
            (
                "  - ulimit -n 65536; export RAY_AUTH_MODE=token; ray start --address",
                "  - export RAY_AUTH_MODE=token\n  - ulimit -n 65536; ray start --address",
            )
        ],
    ),
    UnseenMistake(
        "gcp machineType of another zone",
        GCP,
        "RTS910",
        [("machineType: g2-standard-8 ", "machineType: zones/us-west1-a/machineTypes/g2-standard-8 ")],
    ),
    UnseenMistake("gcp disk size with unit", GCP, "RTS901", [("diskSizeGb: 200 ", "diskSizeGb: 200GB ")]),
    UnseenMistake(
        "gcp T4 on N2",
        GCP,
        "RTS908",
        [
            (
                "machineType: g2-standard-8      #",
                "machineType: n2-standard-8\n      guestAccelerators: [{acceleratorType: nvidia-tesla-t4, acceleratorCount: 1}]     #",
            )
        ],
    ),
    UnseenMistake(
        "gcp image without project",
        GCP,
        "RTS909",
        [("projects/deeplearning-platform-release/global/images/YOUR-IMAGE", "common-cu129-ubuntu-2204")],
    ),
    UnseenMistake(
        "gcp label with capitals",
        GCP,
        "RTS902",
        [
            (
                "      disks: *disks\n      metadata: &driver",
                "      labels: {Team: Vision}\n      disks: *disks\n      metadata: &driver",
            )
        ],
    ),
    UnseenMistake(
        "gcp preemptible with automaticRestart",
        GCP,
        "RTS905",
        [("        - preemptible: true ", "        - automaticRestart: true\n        - preemptible: true ")],
    ),
    UnseenMistake("gcp project's name", GCP, "RTS609", [("project_id: YOUR-PROJECT ", "project_id: My Project ")]),
    UnseenMistake(
        "gcp short scope",
        GCP,
        "RTS909",
        [
            (
                "      machineType: n2-standard-4 ",
                "      serviceAccounts: [{email: ray@my-project.iam.gserviceaccount.com, scopes: [cloud-platform]}]\n      machineType: n2-standard-4 ",
            )
        ],
    ),
    UnseenMistake("gcp disk type pd-ssd", GCP, "RTS902", [("          type: PERSISTENT", "          type: pd-ssd")]),
    UnseenMistake("gcp metadata value True", GCP, "RTS901", [('value: "True"}', "value: True}")]),
    UnseenMistake(
        "gcp minCpuPlatform Ice Lake",
        GCP,
        "RTS902",
        [("      machineType: n2-standard-4 ", "      minCpuPlatform: Ice Lake\n      machineType: n2-standard-4 ")],
    ),
    UnseenMistake(
        "gcp two zones",
        GCP,
        "RTS606",
        [("availability_zone: us-central1-a", "availability_zone: us-central1-a,us-central1-b")],
    ),
    UnseenMistake("gcp cluster name", GCP, "RTS609", [("cluster_name: raytune-gcp", "cluster_name: RayTune_GCP")]),
    UnseenMistake("azure maxPrice 0", AZURE, "RTS902", [("maxPrice: -1", "maxPrice: 0")]),
    UnseenMistake(
        "azure price without spot",
        AZURE,
        "RTS905",
        [
            (
                "        priority: Spot                # reclaimed with 30 seconds' notice: save a checkpoint about every minute\n",
                "",
            )
        ],
    ),
    UnseenMistake("azure sku as number", AZURE, "RTS901", [('imageSku: "2204"', "imageSku: 2204")]),
    UnseenMistake("azure small disk", AZURE, "RTS911", [("osDiskSize: 200 ", "osDiskSize: 20 ")]),
    UnseenMistake("azure user admin", AZURE, "RTS609", [("ssh_user: ubuntu", "ssh_user: admin")]),
    UnseenMistake("azure location", AZURE, "RTS906", [("location: eastus\n", "location: us-east\n")]),
    UnseenMistake(
        "azure subscription's name",
        AZURE,
        "RTS609",
        [("subscription_id: YOUR-SUBSCRIPTION", "subscription_id: Pay-As-You-Go")],
    ),
    UnseenMistake(
        "azure group's name", AZURE, "RTS609", [("resource_group: raytune-azure ", "resource_group: raytune azure! ")]
    ),
    UnseenMistake(
        "azure size without prefix", AZURE, "RTS206", [("vmSize: Standard_NC8as_T4_v3", "vmSize: NC8as_T4_v3")]
    ),
    UnseenMistake("azure tags as list", AZURE, "RTS101", [("provider:\n", "provider:\n  tags: [team, vision]\n")]),
    UnseenMistake("azure zone 4", AZURE, "RTS606", [("provider:\n", 'provider:\n  availability_zone: "4"\n')]),
    UnseenMistake(
        "azure cache as text", AZURE, "RTS101", [("cache_stopped_nodes: false", 'cache_stopped_nodes: "no"')]
    ),
    UnseenMistake("hosts head with port", LOCAL, "RTS605", [("head_ip: 192.168.1.10 ", "head_ip: 192.168.1.10:6379 ")]),
    UnseenMistake(
        "hosts workers as text", LOCAL, "RTS101", [("[192.168.1.11, 192.168.1.12]", "192.168.1.11, 192.168.1.12")]
    ),
    UnseenMistake("hosts range", LOCAL, "RTS605", [("[192.168.1.11, 192.168.1.12]", '["192.168.1.[11-12]"]')]),
    UnseenMistake("hosts public key", LOCAL, "RTS601", [("~/.ssh/id_ed25519 ", "~/.ssh/id_ed25519.pub ")]),
    UnseenMistake(
        "hosts initial_workers", LOCAL, "RTS103", [("min_workers: 2\n", "min_workers: 2\ninitial_workers: 2\n")]
    ),
    UnseenMistake("hosts redis-port", HOSTS, "RTS410", [("--port=6379 ", "--redis-port=6379 ")]),
    UnseenMistake(
        "hosts node-ip-address of workers",
        HOSTS,
        "RTS402",
        [("--num-gpus=4", "--num-gpus=4 --node-ip-address=192.168.1.11")],
    ),
    UnseenMistake(
        "hosts temp-dir on shared storage",
        HOSTS,
        "RTS410",
        [("ray start --head", "ray start --head --temp-dir=/shared/ray")],
    ),
    UnseenMistake(
        "hosts object store with unit", HOSTS, "RTS410", [("--num-gpus=4", "--num-gpus=4 --object-store-memory=50GB")]
    ),
    UnseenMistake(
        "hosts resources without quotes", HOSTS, "RTS101", [("--num-gpus=4", '--num-gpus=4 --resources={"big": 1}')]
    ),
    UnseenMistake(
        "kuberay submitter restartPolicy",
        RJ,
        "RTS817",
        [
            (
                "restartPolicy: Never\n      containers:\n        - name: submitter",
                "restartPolicy: Always\n      containers:\n        - name: submitter",
            )
        ],
    ),
    UnseenMistake(
        "kuberay long job name",
        RJ,
        "RTS811",
        [("name: tune-resnet\n", "name: tune-resnet50-on-imagenet-with-bohb-and-eight-gpus\n")],
    ),
    UnseenMistake(
        "kuberay entrypointNumCpus text",
        RJ,
        "RTS101",
        [("  backoffLimit: 2\n", '  backoffLimit: 2\n  entrypointNumCpus: "2"\n')],
    ),
    UnseenMistake("kuberay service type", RC, "RTS817", [("serviceType: ClusterIP", "serviceType: Loadbalancer")]),
    UnseenMistake(
        "kuberay pod label",
        RC,
        "RTS816",
        [
            (
                "      template:\n        spec:\n          restartPolicy: Never",
                "      template:\n        metadata: {labels: {team: vision & speech}}\n        spec:\n          restartPolicy: Never",
            )
        ],
    ),
    UnseenMistake(
        "kuberay toleration value",
        RC,
        "RTS817",
        [("              operator: Exists\n", '              operator: Exists\n              value: "true"\n')],
    ),
    UnseenMistake(
        "kuberay memory 80g",
        RC,
        "RTS101",
        [
            (
                '                limits:\n                  cpu: "12"\n                  memory: 80Gi\n',
                '                limits:\n                  cpu: "12"\n                  memory: 80g\n',
            ),
            (
                '                requests:\n                  cpu: "12"\n                  memory: 80Gi\n',
                '                requests:\n                  cpu: "12"\n                  memory: 80g\n',
            ),
        ],
    ),
    UnseenMistake(
        "kuberay env value and valueFrom",
        RC,
        "RTS817",
        [
            (
                "                - name: WANDB_API_KEY\n",
                "                - name: WANDB_API_KEY\n                  value: abc\n",
            )
        ],
    ),
    UnseenMistake(
        "kuberay two mounts at one path",
        RC,
        "RTS813",
        [("                mountPath: /home/ray/code\n", "                mountPath: /shared\n")],
    ),
    UnseenMistake(
        "kuberay gpu only in requests",
        RC,
        "RTS812",
        [
            (
                '                  memory: 80Gi\n                  nvidia.com/gpu: "1"\n              volumeMounts',
                "                  memory: 80Gi\n              volumeMounts",
            )
        ],
    ),
    UnseenMistake(
        "kuberay ft-enabled false",
        RC,
        "RTS811",
        [
            (
                "  labels:\n    team: vision\n",
                '  labels:\n    team: vision\n  annotations: {ray.io/ft-enabled: "false"}\n',
            )
        ],
    ),
    UnseenMistake(
        "kuberay redis address twice",
        RC,
        "RTS811",
        [
            (
                "              - name: RAY_health_check_period_ms\n",
                "              - {name: RAY_REDIS_ADDRESS, value: redis:6379}\n              - name: RAY_health_check_period_ms\n",
            )
        ],
    ),
    UnseenMistake(
        "kuberay sidecar first",
        RC,
        "RTS819",
        [
            (
                "          containers:\n            - name: ray-worker",
                "          containers:\n            - name: fluent-bit\n              image: fluent/fluent-bit:3.2.2\n            - name: ray-worker",
            )
        ],
    ),
    UnseenMistake("kuberay port name", RC, "RTS816", [("name: gcs-server}", "name: gcs_server}")]),
    UnseenMistake("kuberay claim 200GB", RC, "RTS101", [("storage: 200Gi", "storage: 200GB")]),
    UnseenMistake(
        "kuberay activeDeadlineSeconds 0", RJ, "RTS811", [("activeDeadlineSeconds: 86400", "activeDeadlineSeconds: 0")]
    ),
    UnseenMistake(
        "kuberay entrypoint not in ConfigMap",
        RJ,
        "RTS813",
        [("entrypoint: python /home/ray/code/tune_resnet.py", "entrypoint: python /home/ray/code/train.py")],
    ),
    UnseenMistake(
        "kuberay resources quoting",
        RC,
        "RTS410",
        [("      rayStartParams: {}\n", "      rayStartParams: {resources: '{\"big\": 4}'}\n")],
    ),
    UnseenMistake(
        "kuberay image tag order",
        RC,
        "RTS304",
        [("rayproject/ray:2.60.0-py311-gpu", "rayproject/ray:2.60.0-gpu-py311")],
    ),
    UnseenMistake(
        "kuberay hostPath for studies",
        RC,
        "RTS501",
        [
            (
                "            - name: studies\n              persistentVolumeClaim:\n                claimName: studies\n",
                "            - name: studies\n              hostPath: {path: /mnt/studies}\n",
            )
        ],
    ),
    UnseenMistake(
        "slurm open-mode apend", SLURM, "RTS842", [("#SBATCH --time", "#SBATCH --open-mode=apend\n#SBATCH --time")]
    ),
    UnseenMistake("slurm mail-type FAILED", SLURM, "RTS842", [("END,FAIL\n", "END,FAILED\n")]),
    UnseenMistake(
        "slurm directive after a command",
        SLURM,
        "RTS840",
        [("#SBATCH --time=12:00:00\n", ""), ("set -e\n", "set -e\n#SBATCH --time=12:00:00\n")],
    ),
    UnseenMistake("slurm # SBATCH", SLURM, "RTS840", [("#SBATCH --gpus-per-node=4", "# SBATCH --gpus-per-node=4")]),
    UnseenMistake("slurm time 12h", SLURM, "RTS842", [("12:00:00", "12h")]),
    UnseenMistake(
        "slurm mem and mem-per-cpu",
        SLURM,
        "RTS842",
        [("#SBATCH --mem=240G\n", "#SBATCH --mem=240G\n#SBATCH --mem-per-cpu=8G\n")],
    ),
    UnseenMistake("slurm $HOME in output", SLURM, "RTS842", [("--output=logs/", "--output=$HOME/logs/")]),
    UnseenMistake(
        "slurm head in the foreground",
        SLURM,
        "RTS845",
        [("--num-cpus 0 --num-gpus 0 --block &\n", "--num-cpus 0 --num-gpus 0 --block\n")],
    ),
    UnseenMistake(
        "slurm undefined variable",
        SLURM,
        "RTS417",
        [
            (
                'RAY_ADDRESS= srun --nodes=1 --ntasks=1 -w "$head_node"',
                'RAY_ADDRESS= srun --nodes=1 --ntasks=1 -w "$head"',
            )
        ],
    ),
    UnseenMistake(
        "slurm address without port", SLURM, "RTS410", [('--address "$RAY_ADDRESS"', '--address "$head_node_ip"')]
    ),
    UnseenMistake(
        "slurm SLURM_GPUS_PER_TASK",
        SLURM,
        "RTS843",
        [("--num-gpus 4 --block", '--num-gpus "$SLURM_GPUS_PER_TASK" --block')],
    ),
    UnseenMistake("slurm shebang on line 2", SLURM, "RTS840", [("#!/bin/bash\n", "\n#!/bin/bash\n")]),
    UnseenMistake(
        "slurm study in the background", SLURM, "RTS845", [("/scratch/vision/studies\n", "/scratch/vision/studies &\n")]
    ),
    UnseenMistake("slurm CRLF", SLURM, "RTS840", [("\n", "\r\n")]),
    UnseenMistake(
        "aws role instead of profile",
        AWS,
        "RTS909",
        [
            (
                "      InstanceType: g6.xlarge\n",
                "      InstanceType: g6.xlarge\n      IamInstanceProfile: {Arn: arn:aws:iam::123456789012:role/ray-worker}\n",
            )
        ],
    ),
    UnseenMistake(
        "aws interfaces and groups",
        AWS,
        "RTS905",
        [
            (
                "      InstanceType: g6.xlarge\n",
                "      InstanceType: g6.xlarge\n      NetworkInterfaces: [{DeviceIndex: 0, SubnetId: subnet-0a1b2c3d, Groups: [sg-0a1b2c3d]}]\n",
            )
        ],
    ),
    UnseenMistake(
        "aws KeyName pem",
        AWS,
        "RTS909",
        [("      InstanceType: g6.xlarge\n", "      InstanceType: g6.xlarge\n      KeyName: my-key.pem\n")],
    ),
    UnseenMistake(
        "aws xvda on Ubuntu",
        AWS,
        "RTS907",
        [("ami-YOUR-IMAGE", "latest_dlami"), ("DeviceName: /dev/sda1", "DeviceName: /dev/xvda")],
    ),
    UnseenMistake(
        "aws EbsOptimized text",
        AWS,
        "RTS901",
        [("      InstanceType: g6.xlarge\n", '      InstanceType: g6.xlarge\n      EbsOptimized: "true"\n')],
    ),
    UnseenMistake(
        "aws CpuOptions",
        AWS,
        "RTS103",
        [
            (
                "      InstanceType: g6.xlarge\n",
                "      InstanceType: g6.xlarge\n      CpuOptions: {CoreCount: 2, ThreadPerCore: 1}\n",
            )
        ],
    ),
    UnseenMistake(
        "aws HttpTokens",
        AWS,
        "RTS902",
        [
            (
                "      InstanceType: g6.xlarge\n",
                "      InstanceType: g6.xlarge\n      MetadataOptions: {HttpTokens: require}\n",
            )
        ],
    ),
    UnseenMistake(
        "aws Monitoring",
        AWS,
        "RTS901",
        [("      InstanceType: g6.xlarge\n", "      InstanceType: g6.xlarge\n      Monitoring: true\n")],
    ),
    UnseenMistake(
        "aws IpPermissions",
        AWS,
        "RTS101",
        [
            (
                "  cache_stopped_nodes: false",
                "  security_group: {GroupName: ray, IpPermissions: {FromPort: 22, ToPort: 22, IpProtocol: tcp}}\n  cache_stopped_nodes: false",
            )
        ],
    ),
    UnseenMistake("aws upscaling fast", AWS, "RTS101", [("upscaling_speed: 10.0", "upscaling_speed: fast")]),
    UnseenMistake(
        "aws file_mounts list",
        AWS,
        "RTS101",
        [('file_mounts: {"~/raytune_suite": ".", "~/.ray": "~/.ray"}', 'file_mounts: ["~/raytune_suite", "~/.ray"]')],
    ),
    UnseenMistake(
        "aws ec2-user", AWS, "RTS907", [("ssh_user: ubuntu", "ssh_user: ec2-user"), ("ami-YOUR-IMAGE", "latest_dlami")]
    ),
    UnseenMistake(
        "aws min -1",
        AWS,
        "RTS201",
        [("    min_workers: 0\n    max_workers: 8", "    min_workers: -1\n    max_workers: 8")],
    ),
    UnseenMistake("aws zones list", AWS, "RTS101", [("us-east-1a,us-east-1b,us-east-1c", "[us-east-1a, us-east-1b]")]),
    UnseenMistake("aws HEAD_IP", AWS, "RTS402", [("--address=$RAY_HEAD_IP:6379", "--address=$HEAD_IP:6379")]),
    UnseenMistake("aws bootstrap yml", AWS, "RTS401", [("ray_bootstrap_config.yaml", "ray_bootstrap_config.yml")]),
    UnseenMistake(
        "gcp nvidia-t4",
        GCP,
        "RTS902",
        [
            (
                "machineType: g2-standard-8      #",
                "machineType: n1-standard-8\n      guestAccelerators: [{acceleratorType: nvidia-t4, acceleratorCount: 1}]     #",
            )
        ],
    ),
    UnseenMistake(
        "gcp MIGRATE",
        GCP,
        "RTS908",
        [
            (
                "        - onHostMaintenance: TERMINATE        # mach",
                "        - onHostMaintenance: MIGRATE        # mach",
            )
        ],
    ),
    UnseenMistake(
        "gcp email",
        GCP,
        "RTS909",
        [
            (
                "      machineType: n2-standard-4 ",
                "      serviceAccounts: [{email: ray@my-project, scopes: ['https://www.googleapis.com/auth/cloud-platform']}]\n      machineType: n2-standard-4 ",
            )
        ],
    ),
    UnseenMistake(
        "gcp subnetwork elsewhere",
        GCP,
        "RTS910",
        [
            (
                "      machineType: n2-standard-4 ",
                "      networkInterfaces: [{subnetwork: projects/p/regions/us-east1/subnetworks/default}]\n      machineType: n2-standard-4 ",
            )
        ],
    ),
    UnseenMistake(
        "gcp tags list",
        GCP,
        "RTS901",
        [("      machineType: n2-standard-4 ", "      tags: [ray]\n      machineType: n2-standard-4 ")],
    ),
    UnseenMistake(
        "gcp CPU 4 of 8", GCP, "RTS210", [('resources: {"CPU": 8, "GPU": 1}', 'resources: {"cpu": 8, "gpu": 1}')]
    ),
    UnseenMistake("azure Preemptible", AZURE, "RTS902", [("priority: Spot ", "priority: Preemptible ")]),
    UnseenMistake("azure no offer", AZURE, "RTS903", [("        imageOffer: ubuntu-hpc\n", "")]),
    UnseenMistake("azure disk unit", AZURE, "RTS901", [("osDiskSize: 200 ", "osDiskSize: 200GB ")]),
    UnseenMistake("azure T4 v4", AZURE, "RTS207", [("Standard_NC8as_T4_v3", "Standard_NC8as_T4_v4")]),
    UnseenMistake(
        "azure deallocate",
        AZURE,
        "RTS902",
        [("        billingProfile", "        evictionPolicy: Stop\n        billingProfile")],
    ),
    UnseenMistake("azure GPU 2 of 1", AZURE, "RTS208", [('{"CPU": 8, "GPU": 1}', '{"CPU": 8, "GPU": 2}')]),
    UnseenMistake("hosts user with host", LOCAL, "RTS601", [("ssh_user: ray ", "ssh_user: ray@192.168.1.10 ")]),
    UnseenMistake("hosts gpus four", HOSTS, "RTS410", [("--num-gpus=4", "--num-gpus=four")]),
    UnseenMistake(
        "hosts reboot", HOSTS, "RTS412", [("  - sudo apt-get update &&", "  - sudo reboot\n  - sudo apt-get update &&")]
    ),
    UnseenMistake(
        "hosts venv lost",
        HOSTS,
        "RTS416",
        [("  - python3 -m pip install --user", "  - source ~/venv/bin/activate\n  - python3 -m pip install")],
    ),
    UnseenMistake("hosts block", HOSTS, "RTS412", [("ray start --head", "ray start --head --block")]),
    UnseenMistake(
        "kuberay replicas above max",
        RC,
        "RTS201",
        [("replicas: 1\n      minReplicas", "replicas: 10\n      minReplicas")],
    ),
    UnseenMistake(
        "kuberay autoscaling text", RC, "RTS101", [("enableInTreeAutoscaling: true", 'enableInTreeAutoscaling: "true"')]
    ),
    UnseenMistake(
        "kuberay image without tag", RC, "RTS304", [("image: rayproject/ray:2.60.0-py311\n", "image: rayproject/ray\n")]
    ),
    UnseenMistake(
        "kuberay pull policy",
        RC,
        "RTS817",
        [
            (
                "              image: rayproject/ray:2.60.0-py311-gpu\n",
                "              image: rayproject/ray:2.60.0-py311-gpu\n              imagePullPolicy: Allways\n",
            )
        ],
    ),
    UnseenMistake(
        "kuberay runtime env",
        RJ,
        "RTS811",
        [("      - lightning==2.5.0\n", "      - lightning==2.5.0\n     torch: x\n")],
    ),
    UnseenMistake(
        "kuberay ttl without shutdown",
        RJ,
        "RTS811",
        [("shutdownAfterJobFinishes: true", "shutdownAfterJobFinishes: false")],
    ),
    UnseenMistake(
        "kuberay secretName",
        RC,
        "RTS103",
        [("                      name: wandb\n", "                      secretName: wandb\n")],
    ),
    UnseenMistake("kuberay medium memory", RC, "RTS817", [("medium: Memory", "medium: memory")]),
    UnseenMistake(
        "kuberay autoscaler 500 CPUs",
        RC,
        "RTS812",
        [("limits: {cpu: 500m, memory: 512Mi}", "limits: {cpu: 500m, memory: 512m}")],
    ),
    UnseenMistake(
        "kuberay service account", RJ, "RTS816", [("serviceAccountName: trainer", "serviceAccountName: Trainer_SA")]
    ),
    UnseenMistake(
        "kuberay preStop text", RC, "RTS101", [('command: ["/bin/sh", "-c", "ray stop"]', "command: ray stop")]
    ),
    UnseenMistake(
        "kuberay claim case",
        RC,
        "RTS103",
        [("                claimName: studies\n", "                claimname: studies\n")],
    ),
    UnseenMistake(
        "kuberay num-gpus underscore",
        RC,
        "RTS410",
        [("      rayStartParams: {}\n", '      rayStartParams: {num_gpus: "1"}\n')],
    ),
    UnseenMistake(
        "kuberay worker port clash",
        RC,
        "RTS411",
        [("      dashboard-host: 0.0.0.0\n", '      dashboard-host: 0.0.0.0\n      dashboard-port: "6379"\n')],
    ),
    UnseenMistake("slurm gpus a100-4", SLURM, "RTS842", [("--gpus-per-node=4", "--gpus-per-node=a100-4")]),
    UnseenMistake(
        "slurm off by one",
        SLURM,
        "RTS845",
        [("worker_num=$((SLURM_JOB_NUM_NODES - 1))", "worker_num=$SLURM_JOB_NUM_NODES")],
    ),
    UnseenMistake("slurm mem 240", SLURM, "RTS842", [("--mem=240G", "--mem=240")]),
    UnseenMistake("slurm worker without block", SLURM, "RTS845", [("--num-gpus 4 --block &", "--num-gpus 4 &")]),
    UnseenMistake(
        "slurm no export",
        SLURM,
        "RTS416",
        [("export RAY_ADDRESS=$head_node_ip:$port", "RAY_ADDRESS=$head_node_ip:$port")],
    ),
    UnseenMistake("slurm time missing colon", SLURM, "RTS842", [("12:00:00", "12:00.00")]),
    UnseenMistake("slurm ntasks 1", SLURM, "RTS842", [("#SBATCH --ntasks-per-node=1", "#SBATCH --ntasks=1")]),
]
