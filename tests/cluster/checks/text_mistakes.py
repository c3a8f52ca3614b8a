"""Edits of the text of the files in files/: mistakes with the finding that each must give."""

# ruff: noqa: E501 - the edits are parts of lines and must not be wrapped
from __future__ import annotations

from typing import NamedTuple


class TextMistake(NamedTuple):
    """An edit of the text of a file, and the code of the finding that it must give.

    The finding is expected on the first line of `at`, by default of `new`, at its first place in the edited text.
    """

    file: str
    code: str
    old: str
    new: str
    at: str | None = None

    @property
    def name(self) -> str:
        return f"{self.code} {self.file} {' '.join((self.new or self.old).split())[:60]}"


RC, RJ, HOSTS, SLURM = "raycluster.yaml", "rayjob.yaml", "hosts.yaml", "ray.sbatch"

HELD_OUT = [
    # KubeRay
    TextMistake(RC, "RTS108", "kind: RayCluster", "kind: Raycluster"),
    TextMistake(RJ, "RTS108", "kind: RayJob", "kind: RayJobs"),
    TextMistake(RC, "RTS101", "apiVersion: ray.io/v1", "apiVersion: ray.io/v1beta1"),
    TextMistake(RC, "RTS816", "  name: tuning", "  name: Tuning_Cluster"),
    TextMistake(RC, "RTS807", "groupName: a100", "groupName: A100"),
    TextMistake(
        RC,
        "RTS101",
        '                  memory: 80Gi\n                  nvidia.com/gpu: "1"\n                limits',
        '                  memory: 80GB\n                  nvidia.com/gpu: "1"\n                limits',
    ),
    TextMistake(
        RC,
        "RTS101",
        'cpu: "4"\n                memory: 16Gi\n              limits',
        "cpu: 4 cores\n                memory: 16Gi\n              limits",
    ),
    TextMistake(
        RC,
        "RTS812",
        '                  memory: 80Gi\n                  nvidia.com/gpu: "1"\n              volumeMounts',
        "                  memory: 80Gi\n              volumeMounts",
        'nvidia.com/gpu: "1"',
    ),
    TextMistake(
        RC,
        "RTS812",
        '                  memory: 80Gi\n                  nvidia.com/gpu: "1"\n                limits',
        '                  memory: 160Gi\n                  nvidia.com/gpu: "1"\n                limits',
    ),
    TextMistake(RC, "RTS815", "sizeLimit: 16Gi", "sizeLimit: 128Gi"),
    TextMistake(RC, "RTS813", "- name: shm\n                  mountPath", "- name: dshm\n                  mountPath"),
    TextMistake(RC, "RTS814", "accessModes: [ReadWriteMany]", "accessModes: [ReadWriteOnce]"),
    TextMistake(RC, "RTS201", "replicas: 1", "replicas: 10"),
    TextMistake(RC, "RTS101", 'num-cpus: "0"', "num-cpus: 0"),
    TextMistake(RC, "RTS410", "rayStartParams: {}", 'rayStartParams: {num-gpu: "1"}'),
    TextMistake(RC, "RTS818", "rayStartParams: {}", 'rayStartParams: {num-gpus: "8"}'),
    TextMistake(RC, "RTS811", "replicas: 1\n", "replicas: 1\n      suspend: true\n", "suspend: true"),
    TextMistake(
        RC,
        "RTS811",
        "              - name: RAY_health_check_period_ms",
        "              - {name: REDIS_PASSWORD, value: secret}\n              - name: RAY_health_check_period_ms",
    ),
    TextMistake(RJ, "RTS811", "submissionMode: K8sJobMode", "submissionMode: InteractiveMode", "backoffLimit: 2"),
    TextMistake(RJ, "RTS811", "submissionMode: K8sJobMode", "submissionMode: K8SJobMode"),
    TextMistake(RJ, "RTS811", "  shutdownAfterJobFinishes: true\n", "", "ttlSecondsAfterFinished"),
    TextMistake(RJ, "RTS103", "  entrypoint:", "  entryPoint:"),
    TextMistake(RJ, "RTS811", "  rayClusterSpec:", "  clusterSelector: {ray.io/cluster: shared}\n  rayClusterSpec:"),
    TextMistake(RJ, "RTS101", "activeDeadlineSeconds: 86400", "activeDeadlineSeconds: 24h"),
    TextMistake(RJ, "RTS811", "    env_vars:\n", "    env_vars\n", "runtimeEnvYAML"),
    TextMistake(RJ, "RTS817", "      restartPolicy: Never\n", "      restartPolicy: Always\n"),
    TextMistake(RJ, "RTS813", "{key: tune_resnet.py, path", "{key: tune.py, path"),
    TextMistake(RC, "RTS101", 'value: "1000"', "value: 1000"),
    TextMistake(RC, "RTS817", "effect: NoSchedule", "effect: NoScheduled"),
    TextMistake(
        RC,
        "RTS103",
        "              volumeMounts:\n                - name: studies\n                  mountPath: /shared\n                - name: shm",
        "              volumes:\n                - name: studies\n                  mountPath: /shared\n                - name: shm",
    ),
    TextMistake(
        RC,
        "RTS814",
        "                  mountPath: /shared\n                - name: shm",
        "                  mountPath: /shared\n                  readOnly: true\n                - name: shm",
        "readOnly",
    ),
    TextMistake(RC, "RTS819", "rayproject/ray:2.60.0-py311-gpu", "rayproject/ray:2.60.0-py312-gpu"),
    TextMistake(RC, "RTS819", 'rayVersion: "2.60.0"', 'rayVersion: "2.9.0"'),
    TextMistake(RC, "RTS411", '      num-cpus: "0"', '      port: "6380"\n      num-cpus: "0"'),
    # own hosts
    TextMistake(HOSTS, "RTS411", "--head --port=6379", "--head --port=6380", "ulimit -n 65536; export"),
    TextMistake(HOSTS, "RTS605", "    - node03.lab", "    - node03.lab:22"),
    TextMistake(HOSTS, "RTS410", "--num-cpus=0", "--num_cpus=0", "  - >-"),
    TextMistake(HOSTS, "RTS412", "--head --port", "--head --block --port", "  - >-"),
    TextMistake(HOSTS, "RTS413", "apt-get install -y rsync", "apt-get install rsync"),
    TextMistake(
        HOSTS,
        "RTS414",
        "  - sudo apt-get update",
        "  - sudo echo 'fs.file-max = 100000' >> /etc/sysctl.conf\n  - sudo apt-get update",
    ),
    TextMistake(HOSTS, "RTS415", "raytune-suite\n", "raytune-suite 'torch>=2\n", "  - python3 -m pip"),
    TextMistake(HOSTS, "RTS103", "  head_ip: node01.lab", "  ssh_user: ubuntu\n  head_ip: node01.lab"),
    TextMistake(HOSTS, "RTS416", "  - python3 -m pip", "  - conda activate tune\n  - python3 -m pip"),
    # Slurm
    TextMistake(SLURM, "RTS840", "set -e\n", "set -e\n#SBATCH --exclusive\n", "#SBATCH --exclusive"),
    TextMistake(SLURM, "RTS841", "--cpus-per-task=32", "--cpu-per-task=32"),
    TextMistake(SLURM, "RTS842", "--time=12:00:00", "--time=12h"),
    TextMistake(SLURM, "RTS843", "#SBATCH --cpus-per-task=32\n", "", "        ray start --address"),
    TextMistake(
        SLURM,
        "RTS844",
        '"$SLURM_CPUS_PER_TASK" --num-gpus 4',
        '"$SLURM_CPUS_PER_TASK" --num-gpus 8',
        "        ray start --address",
    ),
    TextMistake(
        SLURM,
        "RTS845",
        "--num-cpus 0 --num-gpus 0 --block &",
        "--num-cpus 0 --num-gpus 0 --block",
        "    ray start --head",
    ),
    TextMistake(SLURM, "RTS415", "    sleep 5\ndone\n", "    sleep 5\n", "for ((i"),
    TextMistake(SLURM, "RTS106", "--partition=gpu", "--partition=<your-partition>"),
    # whole files
    TextMistake(RC, "RTS106", "storageClassName: nfs-client", "storageClassName: YOUR-STORAGE-CLASS"),
    TextMistake(
        RC,
        "RTS101",
        "kind: PersistentVolumeClaim\nmetadata:\n  name: studies\nspec:\n  accessModes: [ReadWriteMany]",
        "kind: PersistentVolumeClaim\nmetadata:\n  name: studies\nspec:\n  accessModes: ReadWriteMany",
        "  accessModes: ReadWriteMany",
    ),
    TextMistake(HOSTS, "RTS102", "upscaling_speed: 1.0", "max_workers: 8"),
]
"""Mistakes that were written before the rules that find them."""

GPU_LIMIT = '                  memory: 80Gi\n                  nvidia.com/gpu: "1"\n              volumeMounts'
SECOND_CLUSTER = """
---
apiVersion: ray.io/v1
kind: RayCluster
metadata: {name: second}
spec:
  headGroupSpec:
    rayStartParams: {}
    template:
      spec:
        containers: {name: ray-head}
"""

FRESH = [
    # KubeRay
    TextMistake(RC, "RTS101", "enableInTreeAutoscaling: true", 'enableInTreeAutoscaling: "true"'),
    TextMistake(RC, "RTS103", "  workerGroupSpecs:", "  workerGroupSpec:"),
    TextMistake(RC, "RTS101", "    - groupName: a100\n", "      groupName: a100\n", "  workerGroupSpecs:"),
    TextMistake(RC, "RTS103", "  headGroupSpec:", "  rayStartParams: {}\n  headGroupSpec:"),
    TextMistake(
        RC,
        "RTS103",
        "      replicas: 1\n",
        "      replicas: 1\n      restartPolicy: Never\n",
        "      restartPolicy: Never",
    ),
    TextMistake(RC, "RTS101", "replicas: 1\n", 'replicas: "1"\n'),
    TextMistake(RC, "RTS101", "idleTimeoutSeconds: 300", "idleTimeoutSeconds: 5m"),
    TextMistake(RC, "RTS101", "upscalingMode: Default", "upscalingMode: Fast"),
    TextMistake(
        RC, "RTS101", "secretKeyRef: {name: redis-password, key: password}", "secretKeyRef: {name: redis-password}"
    ),
    TextMistake(RC, "RTS103", "            configMap:", "            configmap:"),
    TextMistake(RC, "RTS103", "                  mountPath: /dev/shm", "                  mountpath: /dev/shm"),
    TextMistake(RC, "RTS812", GPU_LIMIT, GPU_LIMIT.replace("gpu:", "gpus:"), '                  nvidia.com/gpus: "1"'),
    TextMistake(
        RC,
        "RTS812",
        'requests:\n                  cpu: "12"',
        'requests:\n                  cpu: "16"',
        '                  cpu: "16"',
    ),
    TextMistake(RC, "RTS812", GPU_LIMIT, GPU_LIMIT.replace("80Gi", '"80"')),
    TextMistake(RC, "RTS411", "containerPort: 6379", "containerPort: 6380"),
    TextMistake(RC, "RTS816", "- name: ray-head", "- name: Ray_Head"),
    TextMistake(RC, "RTS101", 'value: "1000"', "value: on"),
    TextMistake(
        RC,
        "RTS813",
        "              claimName: studies\n          - name: code",
        "              claimName: studie\n          - name: code",
    ),
    TextMistake(RC, "RTS101", "storage: 200Gi", "storage: 200GB"),
    TextMistake(RC, "RTS103", "storageClassName: nfs-client", "storageClass: nfs-client"),
    TextMistake(RC, "RTS817", "serviceType: ClusterIP", "serviceType: Clusterip"),
    TextMistake(RC, "RTS410", "dashboard-host: 0.0.0.0", "dashboard_host: 0.0.0.0"),
    TextMistake(RC, "RTS410", "rayStartParams: {}", 'rayStartParams: {object-store-memory: "8Gi"}'),
    TextMistake(RC, "RTS817", "operator: Exists", "operator: Exist"),
    TextMistake(RC, "RTS101", 'command: ["/bin/sh", "-c", "ray stop"]', 'command: /bin/sh -c "ray stop"'),
    TextMistake(RC, "RTS101", "sizeLimit: 16Gi", "sizeLimit: 16GiB"),
    TextMistake(RC, "RTS201", "minReplicas: 0", "minReplicas: 8"),
    TextMistake(RC, "RTS101", 'rayVersion: "2.60.0"', "rayVersion: 2.60"),
    TextMistake(RJ, "RTS101", "ttlSecondsAfterFinished: 600", 'ttlSecondsAfterFinished: "600"'),
    TextMistake(RJ, "RTS103", "shutdownAfterJobFinishes: true", "shutdownAfterJobFinished: true"),
    TextMistake(RJ, "RTS103", "  rayClusterSpec:", "  rayClusterConfig:"),
    TextMistake(
        RJ,
        "RTS101",
        "entrypoint: python /home/ray/code/tune_resnet.py --storage-path /shared/studies",
        "entrypoint: [python, /home/ray/code/tune_resnet.py]",
    ),
    TextMistake(RJ, "RTS103", "  runtimeEnvYAML: |", "  runtimeEnv: |"),
    TextMistake(RJ, "RTS103", "    headGroupSpec:", "    headGroup:"),
    TextMistake(
        RJ, "RTS811", "  shutdownAfterJobFinishes: true\n  ttlSecondsAfterFinished: 600\n", "  suspend: true\n"
    ),
    TextMistake(RJ, "RTS108", "kind: ConfigMap", "kind: Configmap"),
    TextMistake(RJ, "RTS101", "data:\n  tune_resnet.py: |", "data:\n  epochs: 5\n  tune_resnet.py: |", "  epochs: 5"),
    TextMistake(RJ, "RTS103", "serviceAccountName: trainer", "serviceAcountName: trainer"),
    TextMistake(
        RJ,
        "RTS812",
        "nvidia.com/gpu: 1}\n                  requests",
        "nvidia.com/gpu: 2}\n                  requests",
        '                  requests: {cpu: "8", memory: 32Gi',
    ),
    TextMistake(RJ, "RTS103", "  backoffLimit: 2", "  backOffLimit: 2"),
    # own hosts
    TextMistake(HOSTS, "RTS605", "head_ip: node01.lab", "head_ip: 192.168.1.10/24"),
    TextMistake(
        HOSTS,
        "RTS101",
        "  worker_ips:\n    - node02.lab\n    - node03.lab\n    - node04.lab",
        "  worker_ips: node02.lab, node03.lab, node04.lab",
    ),
    TextMistake(HOSTS, "RTS601", "ssh_user: ubuntu", "ssh_user: ubuntu@node01.lab"),
    TextMistake(HOSTS, "RTS601", "  ssh_user: ubuntu", "  ssh_private_key: ~/.ssh/id_rsa.pub\n  ssh_user: ubuntu"),
    TextMistake(HOSTS, "RTS402", "$RAY_HEAD_IP:6379", "$RAY_HEADIP:6379", "worker_start_ray_commands:"),
    TextMistake(
        HOSTS, "RTS402", "--address=$RAY_HEAD_IP:6379", "--address='$RAY_HEAD_IP:6379'", "  - ulimit -n 65536; export"
    ),
    TextMistake(HOSTS, "RTS103", "min_workers: 3", "min_worker: 3"),
    TextMistake(HOSTS, "RTS103", "head_start_ray_commands:", "head_start_ray_command:"),
    TextMistake(
        HOSTS, "RTS101", 'file_mounts: {\n  "~/project": ".",\n  "~/.ray": "~/.ray",\n}', 'file_mounts: ["~/project"]'
    ),
    TextMistake(HOSTS, "RTS413", "  - sudo apt-get", "  - wandb login\n  - sudo apt-get"),
    TextMistake(HOSTS, "RTS412", "  - sudo apt-get", "  - python3 -m http.server 8000\n  - sudo apt-get"),
    TextMistake(HOSTS, "RTS101", "idle_timeout_minutes: 5", "idle_timeout_minutes: 5m"),
    TextMistake(
        HOSTS, "RTS414", "  - sudo apt-get update && sudo apt-get install", "  - apt-get update && apt-get install"
    ),
    TextMistake(HOSTS, "RTS410", "--num-gpus=4", "--num-gpus=four", "  - ulimit -n 65536; export"),
    TextMistake(HOSTS, "RTS411", "--head --port=6379", "--head --port=6379 --dashboard-port=6379", "  - >-"),
    TextMistake(HOSTS, "RTS101", "upscaling_speed: 1.0", "upscaling_speed: fast"),
    TextMistake(HOSTS, "RTS104", "type: local", "type: locals"),
    # Slurm
    TextMistake(SLURM, "RTS842", "--gpus-per-node=4", "--gres=gpus:4"),
    TextMistake(SLURM, "RTS840", "#SBATCH --mem=240G", "# SBATCH --mem=240G"),
    TextMistake(SLURM, "RTS842", "END,FAIL", "END,FAILED"),
    TextMistake(SLURM, "RTS841", "--nodes=4", "--nodes = 4"),
    TextMistake(SLURM, "RTS842", "--mem=240G", "--mem=240"),
    TextMistake(SLURM, "RTS845", '    srun --nodes=1 --ntasks=1 -w "$node_i" \\\n', "", "        ray start --address"),
    TextMistake(SLURM, "RTS845", "--num-gpus 4 --block &", "--num-gpus 4 --block", "        ray start --address"),
    TextMistake(SLURM, "RTS845", "--num-gpus 0 --block &", "--num-gpus 0 &", "    ray start --head"),
    TextMistake(SLURM, "RTS843", "$SLURM_CPUS_PER_TASK", "$SLURM_CPU_PER_TASK", "        ray start --address"),
    TextMistake(
        SLURM, "RTS411", '--address "$RAY_ADDRESS"', '--address "$head_node_ip:6379"', "        ray start --address"
    ),
    TextMistake(SLURM, "RTS845", "python -u tune_resnet.py", "srun python -u tune_resnet.py"),
    TextMistake(SLURM, "RTS842", "--time=12:00:00", "--time='2 days'"),
    TextMistake(SLURM, "RTS842", "--output=logs/", "--output=$HOME/logs/"),
    TextMistake(SLURM, "RTS843", "#SBATCH --mem=240G", "#SBATCH --mem=240G\n#SBATCH --export=NONE", "#SBATCH --export"),
    TextMistake(SLURM, "RTS844", '--num-cpus "$SLURM_CPUS_PER_TASK"', "--num-cpus 64", "        ray start --address"),
    TextMistake(SLURM, "RTS410", "--port=$port", "--redis-port=$port", "    ray start --head"),
    TextMistake(SLURM, "RTS415", 'echo "Starting the head on $head_node"', 'echo "Starting the head on $head_node'),
    TextMistake(SLURM, "RTS840", "#!/bin/bash\n", "", "#SBATCH --job-name"),
    TextMistake(
        SLURM, "RTS842", "#SBATCH --mem=240G", "#SBATCH --mem=240G\n#SBATCH --mem-per-cpu=8G", "#SBATCH --mem-per-cpu"
    ),
    TextMistake(SLURM, "RTS846", "port=$((10000 + SLURM_JOB_ID % 20000))", "port=6379", "    ray start --head"),
    TextMistake(SLURM, "RTS841", "--nodes=4", "--node=4"),
    TextMistake(
        SLURM,
        "RTS845",
        "--storage-path /scratch/vision/studies",
        "--storage-path /scratch/vision/studies &",
        "python -u",
    ),
    TextMistake(SLURM, "RTS842", "--cpus-per-task=32", "--cpus-per-task='32 cores'"),
    # whole files
    TextMistake(
        RC,
        "RTS102",
        '              limits:\n                cpu: "4"\n                memory: 16Gi\n            vol',
        '              limits:\n                cpu: "4"\n                memory: 16Gi\n                cpu: "8"\n            vol',
        '                cpu: "8"',
    ),
    TextMistake(
        RC,
        "RTS101",
        "                sizeLimit: 16Gi\n",
        f"                sizeLimit: 16Gi{SECOND_CLUSTER}",
        "        containers: {name",
    ),
    TextMistake(RC, "RTS102", "---\n", "", "apiVersion: ray.io/v1"),
]
"""Mistakes that were written after the rules, without a look at them."""

LATER = [
    TextMistake(
        RC,
        "RTS813",
        "  name: studies\nspec:",
        "  name: studies\n  namespace: storage\nspec:",
        "              claimName: studies",
    ),
    TextMistake(RJ, "RTS502", "--storage-path /shared/studies", "--storage-path /data/studies", "          volumes:"),
    TextMistake(RC, "RTS202", 'rayVersion: "2.60.0"', 'rayVersion: "2.60.0"\n  suspend: true', "  suspend: true"),
    TextMistake(
        RJ,
        "RTS202",
        "replicas: 4\n        minReplicas: 4",
        "replicas: 0\n        minReplicas: 0",
        "      - groupName: gpu",
    ),
    TextMistake(
        RC,
        "RTS101",
        "          - name: code\n            configMap:",
        "          - name: studies\n            configMap:",
    ),
    TextMistake(RC, "RTS101", "{containerPort: 8265, name: dashboard}", "{containerPort: 6379, name: dashboard}"),
    TextMistake(RC, "RTS417", "image: rayproject/ray:2.60.0-py311\n", "image: ${REGISTRY}/ray:2.60.0-py311\n"),
    TextMistake(
        RC,
        "RTS812",
        '                  cpu: "12"\n                  memory: 80Gi\n                  nvidia.com/gpu: "1"\n                limits',
        '                  cpu: "12"\n                  memory: 80Gi\n                  gpu: "1"\n                limits',
        '                  gpu: "1"',
    ),
    TextMistake(RC, "RTS812", "memory: 16Gi\n            volumeMounts", "memory: 16m\n            volumeMounts"),
    TextMistake(
        RC,
        "RTS103",
        "  enableInTreeAutoscaling: true\n  autoscalerOptions:\n",
        "  autoscalerOptions:\n    enableInTreeAutoscaling: true\n",
        "    enableInTreeAutoscaling",
    ),
    TextMistake(RC, "RTS103", "  serviceType: ClusterIP", '  num-cpus: "0"\n    serviceType: ClusterIP'),
    TextMistake(
        RC,
        "RTS816",
        "cloud.google.com/gke-accelerator: nvidia-tesla-a100",
        "cloud.google.com/gke-accelerator: nvidia tesla a100",
    ),
    TextMistake(RC, "RTS101", "cloud.google.com/gke-accelerator: nvidia-tesla-a100", "raytune-gpu: true"),
    TextMistake(RC, "RTS816", "image: rayproject/ray:2.60.0-py311\n", "image: RayProject/ray:2.60.0-py311\n"),
    TextMistake(RC, "RTS817", "accessModes: [ReadWriteMany]", "accessModes: [ReadWriteAny]"),
    TextMistake(
        RC,
        "RTS811",
        "gcsFaultToleranceOptions:\n",
        "gcsFaultToleranceOptions:\n    storage: {size: 10Gi}\n",
        "    storage: {size",
    ),
    TextMistake(
        RJ, "RTS811", "  submissionMode: K8sJobMode\n", "  submissionMode: SidecarMode\n", "  submitterPodTemplate:"
    ),
    TextMistake(RJ, "RTS811", "activeDeadlineSeconds: 86400", "activeDeadlineSeconds: 0"),
    TextMistake(
        RJ, "RTS811", "name: tune-resnet\n", "name: tune-resnet-with-many-learning-rates-on-all-gpus-of-the-lab\n"
    ),
    TextMistake(HOSTS, "RTS417", "--head --port=6379", "--head --node-ip-address=$RAY_HEAD_IP --port=6379", "  - >-"),
    TextMistake(HOSTS, "RTS417", "head_ip: node01.lab", "head_ip: ${HEAD_IP}"),
    TextMistake(
        HOSTS,
        "RTS417",
        "--user 'ray[default,tune]==2.60.0'",
        "--user 'ray[default,tune]==2.60.0' $EXTRA_PACKAGES",
        "  - python3 -m pip",
    ),
    TextMistake(HOSTS, "RTS605", "head_ip: node01.lab", "head_ip: 127.0.0.1"),
    TextMistake(
        HOSTS,
        "RTS402",
        "ulimit -n 65536; export RAY_AUTH_MODE=token; ray start --address",
        "ulimit -n 65536 ray start --address",
        "worker_start_ray_commands:",
    ),
    TextMistake(HOSTS, "RTS412", "  - python3 -m pip", "  - python3 monitor.py &\n  - python3 -m pip"),
    TextMistake(
        HOSTS,
        "RTS110",
        "idle_timeout_minutes: 5",
        "idle_timeout_minutes: 5\n# the time of the nightly restart\nmaintenance: 12:30:00",
        "maintenance: 12:30:00",
    ),
    TextMistake(
        SLURM, "RTS842", "--nodes=4\n#SBATCH --ntasks-per-node=1", "--nodes=4\n#SBATCH --ntasks=1", "#SBATCH --ntasks=1"
    ),
    TextMistake(
        SLURM, "RTS102", "#SBATCH --mem=240G", "#SBATCH --mem=240G\n#SBATCH --time=24:00:00", "#SBATCH --time=12:00:00"
    ),
    TextMistake(
        SLURM,
        "RTS845",
        'ray start --address "$RAY_ADDRESS"',
        'ray status --address "$RAY_ADDRESS"',
        "    ray start --head",
    ),
    TextMistake(SLURM, "RTS844", "#SBATCH --gpus-per-node=4\n", "", "        ray start --address"),
]
"""Mistakes that were written last, with more rules: names across namespaces, variables, and groups without pods."""

TEXT_MISTAKES = [*HELD_OUT, *FRESH, *LATER]
