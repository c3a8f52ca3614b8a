"""Valid edits of the text of the files in files/, and valid small manifests in KubeRay's style."""

# ruff: noqa: E501 - the edits are parts of lines and must not be wrapped
from __future__ import annotations

from typing import NamedTuple

from tests.cluster.checks.text_mistakes import HOSTS, RC, RJ, SLURM


class ValidText(NamedTuple):
    """An edit of the text of a file that is no mistake: it gives no error."""

    file: str
    old: str
    new: str

    @property
    def name(self) -> str:
        return f"{self.file} {' '.join((self.new or self.old).split())[:60]}"


VALID_TEXTS = [
    ValidText(
        HOSTS, "--num-gpus=4", "--num-gpus=4 --temp-dir=/tmp/ray --node-ip-address=$(hostname -I | cut -d' ' -f1)"
    ),
    ValidText(RC, "rayproject/ray:2.60.0-py311-gpu", "rayproject/ray:2.60.0-py311-cu128"),
    ValidText(RC, "rayStartParams: {}", 'rayStartParams: {resources: "\'{\\"big\\": 4}\'"}'),
    ValidText(RJ, "tune_resnet.py --storage", "tune_resnet.py; echo /home/ray/code/ --storage"),
    ValidText(SLURM, "nodes_array=($nodes)", 'mapfile -t nodes_array < <(echo "$nodes")\nhttp_proxy=${https_proxy}'),
    ValidText(SLURM, '--address "$RAY_ADDRESS"', '--address "$head_node_ip:$port"'),
    ValidText(
        RC,
        'cpu: "4"\n                memory: 16Gi\n              limits',
        "cpu: 500m\n                memory: 2G\n              limits",
    ),
    ValidText(
        RC,
        'cpu: "12"\n                  memory: 80Gi\n                  nvidia.com/gpu: "1"\n                limits',
        "cpu: 12\n                  memory: 80Gi\n                  nvidia.com/gpu: 1\n                limits",
    ),
    ValidText(RC, "  name: tuning\n", "  generateName: tuning-\n"),
    ValidText(
        RC,
        "  name: tuning\n",
        "  name: tuning\n  namespace: ml\n  annotations: {note: 'mine'}\n  creationTimestamp: null\n",
    ),
    ValidText(
        RC,
        "    template:\n      spec:\n        containers:\n          - name: ray-head",
        "    template:\n      metadata:\n      spec:\n        containers:\n          - name: ray-head",
    ),
    ValidText(RC, '      num-cpus: "0"\n      dashboard-host: 0.0.0.0', '      {}\n    resources: {CPU: "0"}'),
    ValidText(RC, '      num-cpus: "0"\n      dashboard-host: 0.0.0.0', "      dashboard-host: 0.0.0.0"),
    ValidText(
        RC,
        '      num-cpus: "0"\n',
        '      num-cpus: "0"\n      block: "true"\n      no-monitor: "true"\n      node-ip-address: $MY_POD_IP\n      object-store-memory: "2000000000"\n',
    ),
    ValidText(RC, "rayStartParams: {}", 'rayStartParams: {resources: \'"{\\"Custom1\\": 1}"\'}'),
    ValidText(RC, "rayStartParams: {}", 'rayStartParams: {num-gpus: "1", num-cpus: "12"}'),
    ValidText(RC, "      rayStartParams: {}\n", ""),
    ValidText(RC, "{containerPort: 6379, name: gcs-server}", "{containerPort: 6379, name: gcs}"),
    ValidText(
        RC,
        "              name: training-code\n",
        "              name: training-code\n              defaultMode: 0755\n",
    ),
    ValidText(
        RC,
        "            configMap:\n              name: training-code\n",
        "            csi:\n              driver: secrets-store.csi.k8s.io\n              readOnly: true\n              volumeAttributes: {secretProviderClass: mine}\n",
    ),
    ValidText(RC, "            configMap:\n              name: training-code\n", "            emptyDir: {}\n"),
    ValidText(
        RC,
        "        volumes:\n          - name: studies\n",
        "          - name: fluentbit\n            image: fluent/fluent-bit:3.2.2\n            volumeMounts: [{name: code, mountPath: /logs}]\n        volumes:\n          - name: studies\n",
    ),
    ValidText(
        RC,
        "        containers:\n          - name: ray-head",
        "        initContainers:\n          - name: wait\n            image: busybox:1.36\n            command: [sh, -c, 'sleep 1']\n        containers:\n          - name: ray-head",
    ),
    ValidText(RC, 'value: "1000"', "valueFrom: {fieldRef: {fieldPath: status.podIP}}"),
    ValidText(RC, "accessModes: [ReadWriteMany]", "accessModes: [ReadWriteMany, ReadOnlyMany]"),
    ValidText(
        RC, "image: rayproject/ray:2.60.0-py311\n", "image: registry.example.com:5000/ml/ray@sha256:" + "0" * 64 + "\n"
    ),
    ValidText(RC, "groupName: a100", "groupName: 4-gpus"),
    ValidText(
        RC,
        "      replicas: 1\n      minReplicas: 0\n      maxReplicas: 6\n",
        "      numOfHosts: 4\n      maxReplicas: 2\n      minReplicas: 0\n",
    ),
    ValidText(
        RC,
        'nvidia.com/gpu: "1"\n                limits:\n                  cpu: "12"\n                  memory: 80Gi\n                  nvidia.com/gpu: "1"',
        'google.com/tpu: "4"\n                limits:\n                  cpu: "12"\n                  memory: 80Gi\n                  google.com/tpu: "4"',
    ),
    ValidText(
        RC,
        'nvidia.com/gpu: "1"\n                limits:\n                  cpu: "12"\n                  memory: 80Gi\n                  nvidia.com/gpu: "1"',
        'nvidia.com/mig-1g.5gb: 2\n                limits:\n                  cpu: "12"\n                  memory: 80Gi\n                  nvidia.com/mig-1g.5gb: 2',
    ),
    ValidText(
        RC,
        "apiVersion: v1\nkind: PersistentVolumeClaim",
        "apiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: {name: fast}\nprovisioner: efs.csi.aws.com\n---\napiVersion: v1\nkind: PersistentVolumeClaim",
    ),
    ValidText(RJ, "submissionMode: K8sJobMode\n", "submissionMode: HTTPMode\n"),
    ValidText(RJ, "  shutdownAfterJobFinishes: true\n  ttlSecondsAfterFinished: 600\n", ""),
    ValidText(RJ, "  backoffLimit: 2\n", "  suspend: true\n"),
    ValidText(
        RJ,
        "  runtimeEnvYAML: |\n    pip:\n      - lightning==2.5.0\n    env_vars:\n      WANDB_MODE: offline\n",
        "  runtimeEnvYAML: 'working_dir: https://example.com/code.zip'\n",
    ),
    ValidText(RJ, "data:\n  tune_resnet", "immutable: true\ndata:\n  tune_resnet"),
    ValidText(HOSTS, "node03.lab", "gpu_node_3"),
    ValidText(
        HOSTS, "  - python3 -m pip", "  - while read -r line; do echo $line; done < hosts.txt\n  - python3 -m pip"
    ),
    ValidText(HOSTS, "$RAY_HEAD_IP:6379", "node01.lab:6379"),
    ValidText(
        HOSTS,
        "  - python3 -m pip",
        "  - (stat ~/venv &> /dev/null || python3 -m venv ~/venv) || true\n  - python3 -m pip",
    ),
    ValidText(HOSTS, "head_ip: node01.lab", "head_ip: fd00::10"),
    ValidText(HOSTS, "apt-get install -y rsync", "apt-get -yq install rsync"),
    ValidText(HOSTS, "  - python3 -m pip", "  - yes | sudo apt-get install nfs-common\n  - python3 -m pip"),
    ValidText(
        HOSTS, "  - python3 -m pip", "  - nohup tensorboard --logdir /shared > /tmp/tb.log 2>&1 &\n  - python3 -m pip"
    ),
    ValidText(
        HOSTS,
        "  - python3 -m pip",
        "  - echo 'vm.overcommit_memory = 1' | sudo tee -a /etc/sysctl.conf\n  - python3 -m pip",
    ),
    ValidText(
        HOSTS,
        "  - python3 -m pip",
        "  - |\n    cat > ~/setup.sh <<'EOF'\n    echo \"it's fine\"\n    EOF\n    bash ~/setup.sh\n  - python3 -m pip",
    ),
    ValidText(
        HOSTS,
        "  - python3 -m pip",
        "  - source ~/miniconda3/etc/profile.d/conda.sh && conda create -y -n tune python=3.11\n  - python3 -m pip",
    ),
    ValidText(HOSTS, "--head --port=6379", "--head --port 6379 --ray-client-server-port 0 --resources='{\"node\": 1}'"),
    ValidText(
        HOSTS,
        "ray start --address=$RAY_HEAD_IP:6379 --num-gpus=4",
        'ray start --address="${RAY_HEAD_IP}:6379" --num-gpus=$(nvidia-smi -L | wc -l)',
    ),
    ValidText(HOSTS, "  - sudo apt-get update", "  - mountpoint -q /data || sudo mount /data\n  - sudo apt-get update"),
    ValidText(HOSTS, "  ssh_user: ubuntu", "  ssh_user: root"),
    ValidText(SLURM, "--gpus-per-node=4", "--gres=gpu:a100:4"),
    ValidText(SLURM, "#SBATCH --time=12:00:00", "##SBATCH --time=12h\n#SBATCH -t 1-12"),
    ValidText(
        SLURM, "#SBATCH --nodes=4\n#SBATCH --ntasks-per-node=1\n", "#SBATCH -N 4 --ntasks-per-node 1    # four nodes\n"
    ),
    ValidText(SLURM, "--mem=240G", "--mem=240GB"),
    ValidText(SLURM, "--mem=240G", "--mem=0 --exclusive"),
    ValidText(SLURM, "END,FAIL", "end,fail"),
    ValidText(SLURM, '"$SLURM_CPUS_PER_TASK"', '"${SLURM_CPUS_ON_NODE}"'),
    ValidText(
        SLURM,
        "#SBATCH --account=vision\n",
        "#SBATCH --signal=B:USR1@120\n#SBATCH --array=0-3%2\n#SBATCH --export=ALL,MODE=fast\n",
    ),
    ValidText(SLURM, "python -u tune_resnet.py", "srun --nodes=1 --ntasks=1 --overlap python -u tune_resnet.py"),
    ValidText(
        SLURM, "python -u tune_resnet.py --storage-path /scratch/vision/studies", "python -u tune_resnet.py &\nwait $!"
    ),
    ValidText(SLURM, "set -e\n", 'set -e\ncat <<EOF > settings.txt\nit\'s "here"\nEOF\n'),
    ValidText(SLURM, "set -e\n", "set -e\nset -x  # it's shown\n"),
]

HEAD = """
  headGroupSpec:
    rayStartParams: {}
    template:
      spec:
        containers:
          - name: ray-head
            image: rayproject/ray:2.60.0-py311
            env:
            resources: {limits: {cpu: "1", memory: 2G}, requests: {cpu: 500m, memory: 2G}}
"""

VALID_MANIFESTS = {
    "existing-cluster": """
apiVersion: ray.io/v1
kind: RayJob
metadata: {name: on-existing}
spec:
  entrypoint: python -c "import ray; ray.init()"
  clusterSelector: {ray.io/cluster: shared}
""",
    "interactive": f"""
apiVersion: ray.io/v1
kind: RayJob
metadata: {{name: interactive, namespace: default}}
spec:
  submissionMode: InteractiveMode
  jobId: ""
  rayClusterSpec:{HEAD.replace(chr(10), chr(10) + "  ")}""",
    "service": f"""
apiVersion: ray.io/v1
kind: RayService
metadata: {{name: fruit}}
spec:
  serveConfigV2: |
    applications:
      - name: fruit_app
        import_path: fruit.deployment_graph
  rayClusterConfig:
    rayVersion: "2.9.0"{HEAD.replace(chr(10), chr(10) + "  ").replace("2.60.0-py311", "2.9.0")}""",
    "nightly": f"""
apiVersion: ray.io/v1
kind: RayCronJob
metadata: {{name: nightly}}
spec:
  schedule: "0 3 * * 1-5"
  jobTemplate:
    entrypoint: python tune.py
    rayClusterSpec:{HEAD.replace(chr(10), chr(10) + "    ")}""",
    "redis": f"""
apiVersion: ray.io/v1alpha1
kind: RayCluster
metadata:
  name: with-redis
  annotations: {{ray.io/ft-enabled: "true"}}
spec:{HEAD.replace("            env:", "            env: [{name: RAY_REDIS_ADDRESS, value: 'redis:6379'}]")}---
kind: ConfigMap
apiVersion: v1
metadata: {{name: redis-config}}
data: {{redis.conf: "port 6379"}}
---
apiVersion: v1
kind: Service
metadata: {{name: redis}}
spec:
  type: ClusterIP
  ports: [{{name: redis, port: 6379}}]
  selector: {{app: redis}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {{name: redis-data}}
spec:
  accessModes: [ReadWriteOnce]
  resources: {{requests: {{storage: 8Gi}}}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {{name: redis}}
spec:
  replicas: 1
  selector: {{matchLabels: {{app: redis}}}}
  template:
    metadata: {{labels: {{app: redis}}}}
    spec:
      containers:
        - name: redis
          image: redis:7.4.0
          volumeMounts:
            - {{name: config, mountPath: /usr/local/etc/redis/redis.conf, subPath: redis.conf}}
            - {{name: redis-data, mountPath: /data}}
      volumes:
        - {{name: config, configMap: {{name: redis-config}}}}
        - {{name: redis-data, persistentVolumeClaim: {{claimName: redis-data}}}}
""",
    "queue": f"""
apiVersion: scheduling.run.ai/v2
kind: Queue
metadata: {{name: team-a}}
spec: {{parentQueue: all, resources: {{cpu: {{quota: -1}}}}}}
---
apiVersion: ray.io/v1
kind: RayCluster
metadata: {{name: half-gpu, labels: {{kai.scheduler/queue: team-a}}}}
spec:{HEAD}""",
}
"""Manifests with the features of KubeRay's samples that were once taken for mistakes, or might be."""

DIRECTIVES = """#!/bin/bash
# shellcheck disable=SC2206
#SBATCH --job-name=test
#SBATCH --cpus-per-task=5
#SBATCH --mem-per-cpu=1GB
#SBATCH --nodes=4
#SBATCH --tasks-per-node=1
#SBATCH --gpus-per-task=1
#SBATCH --time=00:30:00
"""

VALID_SCRIPTS = {
    "started-one-by-one": DIRECTIVES
    + """
set -x
nodes=$(scontrol show hostnames "$SLURM_JOB_NODELIST")
nodes_array=($nodes)
head_node=${nodes_array[0]}
head_node_ip=$(srun --nodes=1 --ntasks=1 -w "$head_node" hostname --ip-address)

# if we detect a space, we'll convert it
if [[ "$head_node_ip" == *" "* ]]; then
IFS=' ' read -ra ADDR <<<"$head_node_ip"
if [[ ${#ADDR[0]} -gt 16 ]]; then
  head_node_ip=${ADDR[1]}
else
  head_node_ip=${ADDR[0]}
fi
fi

port=6379
ip_head=$head_node_ip:$port
export ip_head
srun --nodes=1 --ntasks=1 -w "$head_node" \\
    ray start --head --node-ip-address="$head_node_ip" --port=$port \\
    --num-cpus "${SLURM_CPUS_PER_TASK}" --num-gpus "${SLURM_GPUS_PER_TASK}" --block &
sleep 10
worker_num=$((SLURM_JOB_NUM_NODES - 1))
for ((i = 1; i <= worker_num; i++)); do
    node_i=${nodes_array[$i]}
    srun --nodes=1 --ntasks=1 -w "$node_i" \\
        ray start --address "$ip_head" \\
        --num-cpus "${SLURM_CPUS_PER_TASK}" --num-gpus "${SLURM_GPUS_PER_TASK}" --block &
    sleep 5
done
python -u trainer.py "$SLURM_CPUS_PER_TASK"
""",
    "symmetric": DIRECTIVES
    + """
ip_head=$(hostname -I | awk '{print $1}'):6379
srun --nodes="$SLURM_JOB_NUM_NODES" --ntasks="$SLURM_JOB_NUM_NODES" \\
    ray symmetric-run --address "$ip_head" --min-nodes "$SLURM_JOB_NUM_NODES" \\
    --num-cpus="${SLURM_CPUS_PER_TASK}" -- python -u trainer.py
""",
    "over-ssh": DIRECTIVES
    + """
module purge; module load cuda
source /apps/conda/etc/profile.d/conda.sh
conda activate tune
head=$(hostname); port=$(shuf -i 20000-30000 -n 1)
ray start --head --port="$port" --num-cpus="$SLURM_CPUS_PER_TASK" --num-gpus=1
for host in $(scontrol show hostnames "$SLURM_JOB_NODELIST" | grep -v "$head"); do
    ssh "$host" "source /apps/conda/etc/profile.d/conda.sh; conda activate tune; ray start --address=$head:$port --num-gpus=1" &
done
sleep 30
python tune.py 2>&1 | tee "tune-$SLURM_JOB_ID.log"
ray stop
""",
    "one-node": DIRECTIVES.replace("--nodes=4", "--nodes=1")
    + """
uv run python tune.py --gpus "$SLURM_GPUS_ON_NODE" || { echo "it didn't work"; exit 1; }
""",
}
"""Scripts in the style of Ray's documentation and of users."""
