"""Edits of the text of the files in files/: mistakes with the finding that each must give, and edits that are no mistakes."""

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
    TextMistake(RC, "RTS101", '                  memory: 80Gi\n                limits', '                  memory: 80GB\n                limits'),
    TextMistake(RC, "RTS101", 'cpu: "4"\n                memory: 16Gi\n              limits', 'cpu: 4 cores\n                memory: 16Gi\n              limits'),
    TextMistake(RC, "RTS812", '                  memory: 80Gi\n                  nvidia.com/gpu: "1"\n              volumeMounts', "                  memory: 80Gi\n              volumeMounts", 'nvidia.com/gpu: "1"'),
    TextMistake(RC, "RTS812", '                  memory: 80Gi\n                  nvidia.com/gpu: "1"\n                limits', '                  memory: 160Gi\n                  nvidia.com/gpu: "1"\n                limits'),
    TextMistake(RC, "RTS815", "sizeLimit: 16Gi", "sizeLimit: 128Gi"),
    TextMistake(RC, "RTS813", "- name: shm\n                  mountPath", "- name: dshm\n                  mountPath"),
    TextMistake(RC, "RTS814", "accessModes: [ReadWriteMany]", "accessModes: [ReadWriteOnce]"),
    TextMistake(RC, "RTS201", "replicas: 1", "replicas: 10"),
    TextMistake(RC, "RTS101", 'num-cpus: "0"', "num-cpus: 0"),
    TextMistake(RC, "RTS410", "rayStartParams: {}", 'rayStartParams: {num-gpu: "1"}'),
    TextMistake(RC, "RTS818", "rayStartParams: {}", 'rayStartParams: {num-gpus: "8"}'),
    TextMistake(RC, "RTS811", "replicas: 1\n", "replicas: 1\n      suspend: true\n", "suspend: true"),
    TextMistake(RC, "RTS811", "              - name: RAY_health_check_period_ms", "              - {name: REDIS_PASSWORD, value: secret}\n              - name: RAY_health_check_period_ms"),
    TextMistake(RJ, "RTS811", "submissionMode: K8sJobMode", "submissionMode: InteractiveMode", "backoffLimit: 2"),
    TextMistake(RJ, "RTS101", "submissionMode: K8sJobMode", "submissionMode: K8SJobMode"),
    TextMistake(RJ, "RTS811", "  shutdownAfterJobFinishes: true\n", "", "ttlSecondsAfterFinished"),
    TextMistake(RJ, "RTS103", "  entrypoint:", "  entryPoint:"),
    TextMistake(RJ, "RTS811", "  rayClusterSpec:", "  clusterSelector: {ray.io/cluster: shared}\n  rayClusterSpec:"),
    TextMistake(RJ, "RTS101", "activeDeadlineSeconds: 86400", "activeDeadlineSeconds: 24h"),
    TextMistake(RJ, "RTS811", "    env_vars:\n", "    env_vars\n", "runtimeEnvYAML"),
    TextMistake(RJ, "RTS817", "      restartPolicy: Never\n", "      restartPolicy: Always\n"),
    TextMistake(RJ, "RTS813", "{key: tune_resnet.py, path", "{key: tune.py, path"),
    TextMistake(RC, "RTS101", 'value: "1000"', "value: 1000"),
    TextMistake(RC, "RTS817", "effect: NoSchedule", "effect: NoScheduled"),
    TextMistake(RC, "RTS103", "              volumeMounts:\n                - name: studies\n                  mountPath: /shared\n                - name: shm", "              volumes:\n                - name: studies\n                  mountPath: /shared\n                - name: shm"),
    TextMistake(RC, "RTS814", "                  mountPath: /shared\n                - name: shm", "                  mountPath: /shared\n                  readOnly: true\n                - name: shm", "readOnly"),
    TextMistake(RC, "RTS819", "rayproject/ray:2.60.0-py311-gpu", "rayproject/ray:2.60.0-py312-gpu"),
    TextMistake(RC, "RTS819", 'rayVersion: "2.60.0"', 'rayVersion: "2.9.0"'),
    TextMistake(RC, "RTS411", '      num-cpus: "0"', '      port: "6380"\n      num-cpus: "0"'),
    # own hosts
    TextMistake(HOSTS, "RTS411", "--head --port=6379", "--head --port=6380", "ulimit -n 65536; ray start --address"),
    TextMistake(HOSTS, "RTS605", "    - node03.lab", "    - node03.lab:22"),
    TextMistake(HOSTS, "RTS410", "--num-cpus=0", "--num_cpus=0", "  - >-"),
    TextMistake(HOSTS, "RTS412", "--head --port", "--head --block --port", "  - >-"),
    TextMistake(HOSTS, "RTS413", "apt-get install -y rsync", "apt-get install rsync"),
    TextMistake(HOSTS, "RTS414", "  - sudo apt-get update", "  - sudo echo 'fs.file-max = 100000' >> /etc/sysctl.conf\n  - sudo apt-get update"),
    TextMistake(HOSTS, "RTS415", "raytune-suite\n", "raytune-suite 'torch>=2\n", "  - python3 -m pip"),
    TextMistake(HOSTS, "RTS103", "  head_ip: node01.lab", "  ssh_user: ubuntu\n  head_ip: node01.lab"),
    TextMistake(HOSTS, "RTS416", "  - python3 -m pip", "  - conda activate tune\n  - python3 -m pip"),
    # Slurm
    TextMistake(SLURM, "RTS840", "set -e\n", "set -e\n#SBATCH --exclusive\n", "#SBATCH --exclusive"),
    TextMistake(SLURM, "RTS841", "--cpus-per-task=32", "--cpu-per-task=32"),
    TextMistake(SLURM, "RTS842", "--time=12:00:00", "--time=12h"),
    TextMistake(SLURM, "RTS843", "#SBATCH --cpus-per-task=32\n", "", "        ray start --address"),
    TextMistake(SLURM, "RTS844", '"$SLURM_CPUS_PER_TASK" --num-gpus 4', '"$SLURM_CPUS_PER_TASK" --num-gpus 8', "        ray start --address"),
    TextMistake(SLURM, "RTS845", "--num-cpus 0 --num-gpus 0 --block &", "--num-cpus 0 --num-gpus 0 --block", "    ray start --head"),
    TextMistake(SLURM, "RTS415", "    sleep 5\ndone\n", "    sleep 5\n", "for ((i"),
    TextMistake(SLURM, "RTS106", "--partition=gpu", "--partition=<your-partition>"),
    # whole files
    TextMistake(RC, "RTS106", "storageClassName: nfs-client", "storageClassName: YOUR-STORAGE-CLASS"),
    TextMistake(RC, "RTS101", "kind: PersistentVolumeClaim\nmetadata:\n  name: studies\nspec:\n  accessModes: [ReadWriteMany]", "kind: PersistentVolumeClaim\nmetadata:\n  name: studies\nspec:\n  accessModes: ReadWriteMany", "  accessModes: ReadWriteMany"),
    TextMistake(HOSTS, "RTS102", "upscaling_speed: 1.0", "max_workers: 8"),
]
"""Mistakes that were written before the rules that find them."""
