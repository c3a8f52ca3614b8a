"""Mistakes that others made, from threads of Ray, KubeRay and other projects; each has the name of its thread.

They measure how general the rules are. Of the first 32, the rules found 25 when they were collected: AWS 6 of 7, Google
Cloud 5 of 5, Azure 1 of 2, Slurm 6 of 9, KubeRay 4 of 6, own hosts 3 of 3. Of the next 15, which were measured
after the rules had been extended for the first ones, they found 11 (Slurm 3 of 3, own hosts 3 of 4, Azure 1 of 1, KubeRay 2
of 4, AWS 2 of 2, Google Cloud 0 of 1), and of the last 10, after another round, 7 (Slurm 2 of 3, KubeRay 2 of 3, AWS 2 of 2,
Google Cloud 1 of 2).
"""

# ruff: noqa: E501 - the edits are parts of lines and must not be wrapped
from __future__ import annotations

from tests.cluster.checks.unseen_mistakes_files import (
    AWS,
    AZURE,
    GCP,
    LOCAL,
    RAYCLUSTER,
    RAYJOB,
    RC,
    SLURM,
    SPOT,
    UnseenMistake,
)

FROM_THREADS = [
    UnseenMistake(
        "aws ray#14551 SubnetId",
        AWS,
        "RTS904",
        [
            (
                "      InstanceType: g6.xlarge\n",
                "      InstanceType: g6.xlarge\n      SubnetId: subnet-0a1b2c3d4e5f60718\n",
            )
        ],
    ),
    UnseenMistake(
        "aws ray#16125 SubnetID",
        AWS,
        "RTS103",
        [
            (
                "      InstanceType: g6.xlarge\n",
                "      InstanceType: g6.xlarge\n      SubnetID: subnet-0a1b2c3d4e5f60718\n",
            )
        ],
    ),
    UnseenMistake(
        "aws ray#10243 max_workers with letters", AWS, "RTS101", [("max_workers: 10 ", "max_workers: 2kvl ")]
    ),
    UnseenMistake(
        "aws ray#16125 head min over max",
        AWS,
        "RTS201",
        [("  head:\n", "  head:\n    min_workers: 1\n    max_workers: 0\n")],
    ),
    UnseenMistake(
        "aws ray#1431 MaxPrice beside", SPOT, "RTS904", [("{MarketType: spot}", '{MarketType: spot, MaxPrice: "0.5"}')]
    ),
    UnseenMistake(
        "aws ray#23560 image of node type",
        AWS,
        "RTS103",
        [("  gpu_1: ", "  gpu_1:\n    docker: {image: rayproject/ray:2.60.0-py311-gpu}\n    # ")],
    ),
    UnseenMistake(
        "aws ray#10243 profile by role text",
        AWS,
        "RTS909",
        [
            (
                "      InstanceType: m6i.xlarge",
                "      IamInstanceProfile: {Arn: ray-head-profile}\n      InstanceType: m6i.xlarge",
            )
        ],
    ),
    UnseenMistake(
        "gcp ray#3883 K80",
        GCP,
        "RTS902",
        [
            (
                "machineType: g2-standard-8 ",
                "guestAccelerators: [{acceleratorType: nvidia-tesla-k80, acceleratorCount: 1}]\n      machineType: n1-standard-8 ",
            )
        ],
    ),
    UnseenMistake(
        "gcp ray#3883 no TERMINATE",
        GCP,
        "RTS908",
        [
            ("        - preemptible: true ", "        # "),
            ("        - onHostMaintenance: TERMINATE  ", "        - automaticRestart: true #  "),
        ],
    ),
    UnseenMistake(
        "gcp ray#44308 A100 on n1",
        GCP,
        "RTS908",
        [
            (
                "machineType: g2-standard-8 ",
                "guestAccelerators: [{acceleratorType: nvidia-tesla-a100, acceleratorCount: 1}]\n      machineType: n1-standard-8 ",
            )
        ],
    ),
    UnseenMistake(
        "gcp elasticluster#150 image path",
        GCP,
        "RTS909",
        [
            (
                "projects/deeplearning-platform-release/global/images/YOUR-IMAGE",
                "https://www.googleapis.com/compute/v1/projects/test-cloud",
            )
        ],
    ),
    UnseenMistake(
        "gcp skypilot#3235 STANDARD",
        GCP,
        "RTS905",
        [("        - preemptible: true ", "        - provisioningModel: STANDARD\n        - preemptible: true ")],
    ),
    UnseenMistake("azure AZ-103#136 D2s_v2", AZURE, "RTS206", [("Standard_D4s_v5", "Standard_D2s_v2")]),
    UnseenMistake(
        "azure quickstart#246 region name", AZURE, "RTS906", [("location: eastus", "location: East Coast US")]
    ),
    UnseenMistake(
        "slurm ray#35711 apend",
        SLURM,
        "RTS842",
        [("#SBATCH --job-name=tune\n", "#SBATCH --job-name=tune\n#SBATCH --open-mode=apend\n")],
    ),
    UnseenMistake(
        "slurm ray#35711 mail-type twice",
        SLURM,
        "RTS102",
        [("#SBATCH --mail-type=END,FAIL\n", "#SBATCH --mail-type=BEGIN\n#SBATCH --mail-type=fail\n")],
    ),
    UnseenMistake("slurm ray#35711 my_email", SLURM, "RTS106", [("me@example.com", "<my_email>")]),
    UnseenMistake(
        "slurm ray#35711 port fixed", SLURM, "RTS846", [("port=$((10000 + SLURM_JOB_ID % 20000))", "port=6379")]
    ),
    UnseenMistake(
        "slurm ray#10827 one hyphen",
        SLURM,
        "RTS841",
        [
            (
                'srun --nodes=1 --ntasks=1 -w "$node_i"',
                'srun --nodes=1 --ntasks=1 -cpus-per-task=${SLURM_CPUS_PER_TASK} -w "$node_i"',
            )
        ],
    ),
    UnseenMistake("slurm ray#10827 redis-port", SLURM, "RTS410", [("--port=$port", "--redis-port=$port")]),
    UnseenMistake(
        "slurm WG#2404 tasks for cpus",
        SLURM,
        "RTS844",
        [("--ntasks-per-node=1", "--ntasks-per-node=32"), ("--cpus-per-task=32", "--cpus-per-task=1")],
    ),
    UnseenMistake(
        "slurm ray#30925 GPUS_PER_TASK", SLURM, "RTS843", [("--num-gpus 4", '--num-gpus "${SLURM_GPUS_PER_TASK}"')]
    ),
    UnseenMistake(
        "slurm ray#10986 gres and ntasks",
        SLURM,
        "RTS844",
        [("--ntasks-per-node=1\n", "--ntasks=12\n"), ("--nodes=4\n", "--ntasks-per-node=4\n")],
    ),
    UnseenMistake(
        "kuberay ray#4581 misspelled affinity",
        RAYCLUSTER,
        "RTS103",
        [
            (
                "          nodeSelector: {raytune-nodes: spot}\n",
                "          affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoreDuringExecution: [{labelSelector: {matchLabels: {app: ray}}, topologyKey: kubernetes.io/hostname}]}}\n",
            )
        ],
    ),
    UnseenMistake(
        "kuberay kuberay#3764 backticks",
        RAYJOB,
        "RTS415",
        [("raytune-suite run live/digits-mlp", "python -c \"print('`my.table`')\"; raytune-suite run live/digits-mlp")],
    ),
    UnseenMistake(
        "kuberay kuberay#2210 submitter",
        RAYJOB,
        "RTS101",
        [
            (
                "  backoffLimit: 2 ",
                "  submitterPodTemplate:\n    spec:\n      containers: [{image: 'rayproject/ray:2.60.0-py311'}]\n  backoffLimit: 2 ",
            )
        ],
    ),
    UnseenMistake(
        "kuberay kuberay#3555 interactive",
        RAYJOB,
        "RTS811",
        [("  backoffLimit: 2 ", "  submissionMode: InteractiveMode\n  backoffLimit: 3 ")],
    ),
    UnseenMistake(
        "kuberay kuberay#528 small head",
        RAYCLUSTER,
        "RTS215",
        [
            (
                'requests: {cpu: "2", memory: 8Gi}, limits: {memory: 8Gi}',
                'requests: {cpu: "2", memory: 512Mi}, limits: {memory: 1Gi}',
            ),
            ("sizeLimit: 8Gi", "sizeLimit: 256Mi"),
        ],
    ),
    UnseenMistake(
        "kuberay kuberay#770 v1alpha1",
        RAYCLUSTER,
        "RTS103",
        [("apiVersion: ray.io/v1\n", "apiVersion: ray.io/v1alpha1\n")],
    ),
    UnseenMistake("hosts ray#4811 placeholder", LOCAL, "RTS106", [("ssh_user: ray ", "ssh_user: YOUR_USERNAME ")]),
    UnseenMistake(
        "hosts ray#4811 redis-address",
        LOCAL,
        "RTS410",
        [("--address=$RAY_HEAD_IP:6379", "--redis-address=$RAY_HEAD_IP:6379")],
    ),
    UnseenMistake(
        "hosts ray#4811 initial_workers",
        LOCAL,
        "RTS103",
        [("max_workers: 2\n", "max_workers: 2\ninitial_workers: 0\n")],
    ),
    UnseenMistake(
        "slurm saga#717 workdir",
        SLURM,
        "RTS841",
        [("#SBATCH --job-name=tune\n", "#SBATCH --job-name=tune\n#SBATCH --workdir /scratch/me/\n")],
    ),
    UnseenMistake(
        "slurm saga#717 --gpu", SLURM, "RTS841", [("--gpus-per-node=4\n", "--gres=gpu:p100:2\n#SBATCH --gpu=2\n")]
    ),
    UnseenMistake(
        "slurm lumi#55 both", SLURM, "RTS842", [("--gpus-per-node=4\n", "--gpus-per-task=1 --ntasks-per-gpu=1\n")]
    ),
    UnseenMistake(
        "hosts ray#20711 no autoscaling config",
        LOCAL,
        "RTS401",
        [(" --autoscaling-config=~/ray_bootstrap_config.yaml", " --dashboard-host=192.168.3.23")],
    ),
    UnseenMistake(
        "hosts ray#16961 alias",
        LOCAL,
        "RTS416",
        [("setup_commands:\n", "initialization_commands: [alias docker='sudo docker']\nsetup_commands:\n")],
    ),
    UnseenMistake(
        "hosts ray#18529 conda env create",
        LOCAL,
        "RTS418",
        [("setup_commands:\n", "setup_commands:\n  - conda env create -f ~/raytune_suite/environment.yml\n")],
    ),
    UnseenMistake(
        "hosts ray#59905 latest image",
        LOCAL,
        "RTS309",
        [("file_mounts:", "docker: {image: 'rayproject/ray:latest-cpu', container_name: ray_container}\nfile_mounts:")],
    ),
    UnseenMistake("azure azure-cli#1313 medium", AZURE, "RTS206", [("vmSize: Standard_D4s_v5", "vmSize: medium")]),
    UnseenMistake(
        "kuberay kuberay#865 containerName",
        RAYCLUSTER,
        "RTS817",
        [
            (
                "{name: RAYTUNE_SUITE_DATA, value: /shared/data}",
                "{name: CPU_REQUEST, valueFrom: {resourceFieldRef: {containerName: ray-wrker, resource: requests.cpu}}}",
            )
        ],
    ),
    UnseenMistake(
        "kuberay kuberay#321 gpus only in ray",
        RAYCLUSTER,
        "RTS818",
        [
            ("rayStartParams: {}", 'rayStartParams: {num-gpus: "1"}'),
            ('requests: {cpu: "6", memory: 24Gi, nvidia.com/gpu: "1"}', 'requests: {cpu: "6", memory: 24Gi}'),
            ('limits: {cpu: "6", memory: 24Gi, nvidia.com/gpu: "1"}', 'limits: {cpu: "6", memory: 24Gi}'),
        ],
    ),
    UnseenMistake(
        "kuberay ray#23874 num_gpus", RAYCLUSTER, "RTS410", [("rayStartParams: {}", 'rayStartParams: {num_gpus: "1"}')]
    ),
    UnseenMistake(
        "kuberay kuberay#1003 autoscaler resources",
        RAYCLUSTER,
        "RTS818",
        [
            (
                "    upscalingMode: Default ",
                "    resources: {limits: {cpu: '14', memory: 54Gi, nvidia.com/gpu: 1}, requests: {cpu: '14', memory: 54Gi}}\n    upscalingMode: Default ",
            )
        ],
    ),
    UnseenMistake("aws ray#12881 provider kubernetes", AWS, "RTS104", [("  type: aws\n", "  type: kubernetes\n")]),
    UnseenMistake(
        "aws ray#16125 SubnetIds text",
        AWS,
        "RTS901",
        [
            (
                "      InstanceType: g6.xlarge\n",
                "      InstanceType: g6.xlarge\n      SubnetIds: subnet-0a1b2c3d4e5f60718\n",
            )
        ],
    ),
    UnseenMistake(
        "gcp ray#3883 no docker in image",
        GCP,
        "RTS907",
        [
            (
                "projects/deeplearning-platform-release/global/images/YOUR-IMAGE",
                "projects/ubuntu-os-cloud/global/images/family/ubuntu-2204-lts",
            )
        ],
    ),
    UnseenMistake(
        "slurm snakepipes#929 placeholder",
        SLURM,
        "RTS842",
        [("--ntasks-per-node=1", "--ntasks-per-node=__MRO_THREADS__")],
    ),
    UnseenMistake(
        "slurm radical.pilot#2109 one task on two nodes",
        SLURM,
        "RTS842",
        [('srun --nodes=1 --ntasks=1 -w "$node_i"', "srun --nodes=2 --ntasks=1")],
    ),
    UnseenMistake(
        "slurm radical.pilot#2109 GPUs of a step",
        SLURM,
        "RTS844",
        [('srun --nodes=1 --ntasks=1 -w "$node_i"', 'srun --nodes=1 --ntasks=1 -w "$node_i" --gres=gpu:8')],
    ),
    UnseenMistake(
        "kuberay dataverse#191 conatainerPort", RC, "RTS101", [("{containerPort: 8265", "{conatainerPort: 8265")]
    ),
    UnseenMistake(
        "kuberay podman#28964 hostPort twice",
        RC,
        "RTS817",
        [
            ("{containerPort: 8265, name: dashboard}", "{containerPort: 8265, hostPort: 8265, name: dashboard}"),
            ("{containerPort: 10001, name: client}", "{containerPort: 10001, hostPort: 8265, name: client}"),
        ],
    ),
    UnseenMistake(
        "kuberay strimzi#11394 volume twice",
        RAYCLUSTER,
        "RTS101",
        [
            (
                "          - {name: shm, emptyDir",
                "          - {name: studies, emptyDir: {}}\n          - {name: shm, emptyDir",
            )
        ],
    ),
    UnseenMistake("aws ray#12379 latest_dlami", AWS, "RTS308", [("ami-YOUR-IMAGE", "latest_dlami")]),
    UnseenMistake(
        "aws ray#12379 worker_default_node_type",
        AWS,
        "RTS103",
        [("head_node_type: head\n", "head_node_type: head\nworker_default_node_type: gpu_1\n")],
    ),
    UnseenMistake(
        "gcp ray#12511 driver not asked for",
        GCP,
        "RTS907",
        [
            (
                'metadata: &driver\n        items:\n          - {key: install-nvidia-driver, value: "True"}',
                "labels: {team: ml}",
            ),
            ("      metadata: *driver\n", ""),
        ],
    ),
    UnseenMistake(
        "gcp ray#2660 GPU type",
        GCP,
        "RTS902",
        [
            (
                "machineType: g2-standard-8 ",
                "guestAccelerators: [{acceleratorType: nvidia-t4, acceleratorCount: 1}]\n      machineType: n1-standard-8 ",
            )
        ],
    ),
]
