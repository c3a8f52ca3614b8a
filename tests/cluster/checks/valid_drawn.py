"""Valid values near the rules for the mistakes of `unseen_drawn.py`: none of them gives an error."""

# ruff: noqa: E501 - the values are parts of lines and must not be wrapped
from __future__ import annotations

COMMANDS = [
    "conda create -y -n tune python=3.11 && conda install --yes -n tune pip",
    "yes | conda create -n tune python=3.11",
    "micromamba create --yes --name tune python=3.11",
    "conda env update -f environment.yml; conda env list; conda run -n tune python -V",
    "sudo zypper -n install nfs-client; sudo zypper --non-interactive in rsync",
    "curl -LO https://example.org/Miniconda3-latest-Linux-x86_64.sh && bash Miniconda3-latest-Linux-x86_64.sh -b -p ~/miniconda3",
    "bash ~/Miniforge3-Linux-x86_64.sh -bup ~/miniforge3",
    "sudo sh cuda_12.4.0_550.54.14_linux.run --silent --toolkit",
    "git commit -am update || true; git commit --amend --no-edit || true; git rebase --continue || true",
    "(crontab -l 2>/dev/null; echo '@daily true') | crontab -",
    "crontab -l || true",
    "sudo adduser --disabled-password --gecos '' tuner || true",
    "openssl req -x509 -newkey rsa:2048 -nodes -keyout k.pem -out c.pem -subj /CN=ray",
    "gcloud --quiet compute instances delete old; gcloud auth configure-docker us-docker.pkg.dev --quiet; gcloud info",
    "export CLOUDSDK_CORE_DISABLE_PROMPTS=1; CLOUDSDK_CORE_DISABLE_PROMPTS=1 gcloud components update",
    "rm -rf build; cp -r a b; mv a b; cp --interactive=never a b 2>/dev/null || true",
    "sudo DEBIAN_FRONTEND=noninteractive dpkg-reconfigure tzdata; DEBIAN_FRONTEND=noninteractive sudo apt-get install -y tzdata",
    "sudo dpkg-reconfigure -fnoninteractive tzdata; sudo dpkg-reconfigure --frontend=noninteractive locales",
    "python3 <<'END'\nprint(1)\nEND",
    "cat <<END > ~/a.txt\na\nEND",
    "curl -s https://example.org/install.sh | bash; curl -s https://example.org/a.py | python3",
    "bash -lc 'echo a'; sh -c 'echo b'; bash < script.sh; cat ~/a.txt",
    "az login --identity; wandb login $WANDB_API_KEY; gh auth login --with-token < token; hf auth login --token $HF_TOKEN",
    "export HF_TOKEN=a WANDB_API_KEY=b",
    "npm init -y; poetry init --no-interaction; terraform apply -auto-approve",
    "pip install -U raytune-suite ray-lightning; pip install --upgrade pip wheel setuptools",
    "pip install -U 'ray[default]==2.60.0'; pip install --force-reinstall ray==2.60.0",
    "pip install -U -r requirements.txt ray",
    "sqlite3 --version; psql -c 'select 1'; mysql -e 'select 1' || true; node --version; R --version",
    "sudo su - ray -c 'echo a'; su -c 'echo a' ray || true",
    "pip install torch==2.4.0+cu121 --index-url https://download.pytorch.org/whl/cu121",
    "PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cu121 pip install 'torch==2.4.0+cu121'",
    "CUDA_VISIBLE_DEVICES= python -c 'import torch'; export CUDA_VISIBLE_DEVICES=0",
    "conda activate tune && pip list; source activate base && pip list",
    "bash -c 'for i in 1 2; do echo \"$i\"; done'; bash -lc 'echo \"a b\"; [ -n \"$HOME\" ] && echo yes'; sh -c 'case $1 in a) echo a;; esac'",
    "conda install -y pip && pip install torch; sudo apt-get install -y unzip python3-pip; unzip -qo a.zip; unzip -l a.zip",
    "nvtop --version || true; top -b -n 1 | head; less --version | head -1",
    "ls /home/ray/data || true; mkdir -p /home/shared/a; sudo useradd -m tuner; ls /home/tuner/",
]
"""Set-up commands of own hosts with the account ray."""

SCRIPTS = {
    "posix": """#!/bin/sh
#SBATCH --nodes=1 --ntasks-per-node=1 --cpus-per-task=8 --time=01:00:00
. .venv/bin/activate
if [ -n "$SLURM_JOB_ID" ]; then echo "$SLURM_JOB_ID"; fi
for i in 1 2 3; do echo $i; done
python tune.py
""",
    "env": """#!/usr/bin/env -S bash -l
#SBATCH --nodes=1 --ntasks-per-node=1 --cpus-per-task=8 --time=01:00:00
set -euo pipefail
declare -a names=(a b)
[[ ${#names[@]} -eq 2 ]] && source .venv/bin/activate
python tune.py
""",
    "one variable for all nodes": """#!/bin/bash
#SBATCH --nodes=2 --ntasks-per-node=1 --cpus-per-task=8 --gpus-per-node=2 --time=01:00:00
nodes=($(scontrol show hostnames "$SLURM_JOB_NODELIST"))
node=${nodes[0]}
port=$((20000 + SLURM_JOB_ID % 10000))
export RAY_ADDRESS=$node:$port
srun --nodes=1 --ntasks=1 -w "$node" ray start --head --node-ip-address="$node" --port=$port --num-cpus=0 --num-gpus=0 --block &
sleep 20
node=${nodes[1]}
srun --nodes=1 --ntasks=1 -w "$node" ray start --address="$RAY_ADDRESS" --num-cpus=8 --num-gpus=2 --block &
sleep 20
python tune.py
""",
}

MORE_SCRIPTS = {
    "numbers": """#!/bin/bash
#SBATCH --nodes=2 --ntasks-per-node=1 --cpus-per-task=8 --gpus-per-node=a100:4 --gpus=a100:8 --time=01:00:00
module load python/3.11
source .venv/bin/activate
module load cuda/12.4
python tune.py --storage-path $SCRATCH/studies
""",
    "one node": """#!/bin/bash
#SBATCH --nodes=1 --ntasks-per-node=1 --cpus-per-task=8 --gpus-per-node=2 --time=01:00:00
source .venv/bin/activate
python tune.py --storage-path /tmp/studies
""",
    "nodes by default": """#!/bin/bash
#SBATCH --ntasks=1 --cpus-per-task=8 --gpus=2 --time=01:00:00
source .venv/bin/activate
python tune.py --storage-path /tmp/studies
""",
    "shared folder": """#!/bin/bash
#SBATCH --nodes=4 --ntasks-per-node=1 --cpus-per-task=8 --gpus=8 --time=01:00:00
source .venv/bin/activate
python tune.py --storage-path /tmpfs/studies
""",
    "amounts": """#!/bin/bash
#SBATCH --nodes=2 --ntasks-per-node=1 --cpus-per-task=128 --mem-per-cpu=4000 --tmp=200G --gpus-per-node=a100:8
#SBATCH --time=1-12 --time-min=90 --signal=B:TERM@300 --begin=23:30
trap 'kill $(jobs -p)' TERM
port=$((30000 + RANDOM % 20000))
list=$SLURM_JOB_NODELIST
nodes=($(scontrol show hostnames "$list"))
head=${nodes[0]}
rm -rf "${SCRATCHDIR:?}/ray" "$TMPDIR/old"
for node in "${nodes[@]:1}"; do echo "$node of ${#nodes[@]}"; done
srun --nodes=1 --ntasks=1 -w "$head" ray start --head --node-ip-address="$head" --port=$port --num-cpus=0 --num-gpus=0 --block &
srun --nodes=1 --ntasks=1 -x "$head" ray start --address="$head:$port" --num-cpus="$SLURM_CPUS_PER_TASK" --num-gpus="${SLURM_GPUS_PER_NODE##*:}" --object-store-memory=100000000000 --min-worker-port=40000 --max-worker-port=40999 --block &
python tune.py --storage-path /scratch/me/studies &
wait $!
""",
    "ports": """#!/bin/bash
#SBATCH --nodes=1 --cpus-per-task=8 --gpus-per-node=1 --mem=64000 --requeue
port=2${SLURM_JOB_ID: -4}
ray start --head --node-ip-address=127.0.0.1 --port=$port --num-cpus=8 --num-gpus=1
apptainer exec --nv image.sif python tune.py --storage-path /scratch/me/studies $(test -d /scratch/me/studies/a && echo --resume)
""",
    "parts": """#!/bin/bash
#SBATCH --nodes=1 --cpus-per-task=4
#SBATCH hetjob
#SBATCH --nodes=2 --cpus-per-task=8 --gres=gpu:2
#SBATCH hetjob
#SBATCH --nodes=1 --cpus-per-task=64 --gpus-per-node=8
head=$SLURM_JOB_NODELIST_HET_GROUP_0
port=$((20000 + SLURM_JOB_ID % 20000))
srun --het-group=0 ray start --head --node-ip-address="$head" --port=$port --num-cpus=0 --block &
for group in $(seq 1 $((SLURM_HET_SIZE - 1))); do
    cpus=SLURM_CPUS_PER_TASK_HET_GROUP_$group
    srun --het-group="$group" --ntasks-per-node=1 bash -c 'ray start --address='"$head:$port"' --num-cpus=$SLURM_CPUS_ON_NODE --num-gpus=$SLURM_GPUS_ON_NODE --block' &
    echo "${!cpus}"
done
python tune.py
""",
}
SCRIPTS |= MORE_SCRIPTS

OBJECTS = """apiVersion: v1
kind: Service
metadata: {name: dashboard, namespace: research}
spec: {clusterIP: None, ipFamilyPolicy: PreferDualStack, ipFamilies: [IPv4, IPv6], internalTrafficPolicy: Local, selector: {ray.io/node-type: head}, ports: [{name: a-1, port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: outside}
spec: {type: LoadBalancer, clusterIP: 10.0.0.7, loadBalancerSourceRanges: [203.0.113.0/24, "2001:db8::/32"], selector: {app: x}, ports: [{port: 80, targetPort: 8265}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: proxy}
spec:
  replicas: 2
  strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 25%, maxUnavailable: 0}}
  selector: {matchLabels: {app: proxy}}
  template:
    metadata: {labels: {app: proxy}, creationTimestamp: null}
    spec:
      priorityClassName: high
      containers:
        - name: proxy
          image: nginx:1.27
          terminationMessagePath: /dev/termination-log
          ports: [{containerPort: 80, name: http-1}, {containerPort: 443, name: 8443-tls}]
          envFrom: [{prefix: APP_, secretRef: {name: proxy}}]
          volumeMounts: [{name: secrets, mountPath: /secrets}, {name: scratch, mountPath: /scratch}]
      volumes:
        - {name: secrets, csi: {driver: secrets-store.csi.k8s.io, readOnly: true}}
        - {name: scratch, ephemeral: {volumeClaimTemplate: {spec: {accessModes: [ReadWriteOncePod], resources: {requests: {storage: 1Ti}}}}}}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: workers}
spec: {maxUnavailable: 10%, selector: {matchLabels: {app: proxy}}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: all}
spec:
  tls: [{hosts: ["*.ray.example.org"], secretName: tls}]
  rules: [{host: "*.ray.example.org", http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: dashboard, port: {name: a-1}}}}]}}]
---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: fast}
provisioner: pd.csi.storage.gke.io
volumeBindingMode: WaitForFirstConsumer
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: a}
spec: {schedule: "*/15 9-17 1,15 JAN-mar MON-fri", timeZone: America/Argentina/Buenos_Aires, jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: a, image: busybox}]}}}}}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: b}
spec: {schedule: "@hourly", timeZone: Etc/UTC, jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: a, image: busybox}]}}}}}
---
apiVersion: v1
kind: Secret
metadata: {name: registry}
type: kubernetes.io/dockerconfigjson
stringData: {.dockerconfigjson: '{"auths": {"registry.example.org": {"auth": "YQ=="}}}'}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: redis}
spec:
  replicas: 3
  serviceName: redis
  selector: {matchLabels: {app: redis}}
  template:
    metadata: {labels: {app: redis}}
    spec: {containers: [{name: redis, image: 'redis:7.4', args: [--cluster-enabled, "yes", --port, "7000"], ports: [{containerPort: 7000, name: redis}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: redis}
spec: {selector: {app: redis}, ports: [{port: 7000}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: cache}
spec:
  selector: {matchLabels: {app: cache}}
  template:
    metadata: {labels: {app: cache}}
    spec: {containers: [{name: cache, image: 'docker.io/valkey:8', env: [{name: A_TOKEN, valueFrom: {secretKeyRef: {name: s, key: k}}}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: cache}
spec: {selector: {app: cache}, ports: [{port: 80, targetPort: 6379}]}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: small}
spec: {accessModes: [ReadWriteMany], resources: {requests: {storage: 8Mi}}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: r}
rules: [{apiGroups: [ray.io], resources: [rayclusters, rayclusters/status], verbs: [get, list, watch, patch]}, {apiGroups: [""], resources: [pods], verbs: ["*"]}]
"""

EDITS = [
    (
        "clusters/gcp-gpu.yaml",
        '    resources: {"CPU": 96, "GPU": 8}\n',
        '    resources: {"CPU": 96, "GPU": 8}\n    initialization_commands:\n      - sudo nvidia-smi -pm 1\n      - STORAGE=10.0.0.5:/share; sudo mkdir -p /shared; mountpoint -q /shared || sudo mount -t nfs -o hard $STORAGE /shared && sudo chmod 1777 /shared\n',
    ),
    (
        "clusters/gcp-gpu.yaml",
        "  region: us-central1\n  availability_zone: us-central1-a\n",
        "  region: us-east4\n  availability_zone: us-east4-c\n",
    ),
    (
        "clusters/gcp-gpu.yaml",
        'value: "True"}\n',
        'value: "True"}\n          - {key: enable-oslogin, value: "FALSE"}\n',
    ),
    ("clusters/azure-gpu.yaml", "location: eastus\n", "location: westeurope\n"),
    ("clusters/azure-gpu.yaml", "Standard_NC8as_T4_v3", "Standard_NV36ads_A10_v5"),
    ("clusters/azure-gpu.yaml", "{maxPrice: -1}", "{maxPrice: 0.6}"),
    (
        "clusters/aws-gpu-spot.yaml",
        "{MarketType: spot}",
        "{MarketType: spot, SpotOptions: {MaxPrice: '0.50'}}",
    ),
    (
        "clusters/aws-gpu.yaml",
        "    resources: {}                     # Ray asks",
        "    worker_setup_commands:\n      - cd ~/raytune_suite && python -m pip install -q -c constraints.txt 'ray[default]==2.60.0' '.[all]' flash-attn\n    resources: {}                     # Ray asks",
    ),
    ("clusters/aws-gpu.yaml", "    - -v /shared:/shared\n", "    - -v /shared:/shared:rw -v /data:/data:ro\n"),
    ("clusters/aws-gpu.yaml", "demo, build]", "demo, build, 'data/*', '*.ckpt', 'tests']"),
    ("clusters/local.yaml", "[192.168.1.11, 192.168.1.12]", "[gpu-1.lab, gpu-2.lab]"),
    (
        "clusters/local.yaml",
        "--address=$RAY_HEAD_IP:6379",
        "--address=$RAY_HEAD_IP:6379 --min-worker-port=30000 --max-worker-port=39999 --memory=64000000000",
    ),
    (
        "clusters/local.yaml",
        "export RAY_AUTH_MODE=token; ray start --address",
        "export RAY_AUTH_MODE=token RAY_health_check_failure_threshold=3; ray start --address",
    ),
    ("clusters/aws-gpu.yaml", "cluster_name:", "head_node: {}\nworker_nodes: {}\nmin_workers: 0\ncluster_name:"),
    ("clusters/local.yaml", "cluster_name:", "available_node_types: {}\nhead_node_type: {}\ncluster_name:"),
    ("clusters/kuberay/rayjob.yaml", 'num-cpus: "0" ', 'num-gpus: "2"\n        num-cpus: "0" '),
    (
        "clusters/kuberay/raycluster.yaml",
        "dashboard-host: 0.0.0.0 ",
        'dashboard-port: "8443"\n      dashboard-host: 127.0.0.1 ',
    ),
    ("clusters/aws-gpu.yaml", "cluster_name: raytune-aws", "cluster_name: team/ray_tune-1.0"),
    (
        "clusters/aws-gpu.yaml",
        "      InstanceType: m6i.xlarge ",
        "      PrivateIpAddress: 10.0.0.10\n      InstanceType: m6i.xlarge ",
    ),
    (
        "clusters/aws-gpu.yaml",
        "      InstanceType: g6.xlarge\n",
        "      InstanceType: g6.xlarge\n      InstanceInitiatedShutdownBehavior: stop\n      Placement: {GroupId: pg-0a1b2c3d4e5f60718}\n      CpuOptions: {CoreCount: 2, ThreadsPerCore: 1}\n      LaunchTemplate: {LaunchTemplateName: gpus, Version: $Latest}\n",
    ),
    (
        "clusters/aws-gpu-spot.yaml",
        "      InstanceType: g6.xlarge\n",
        "      InstanceType: g6.xlarge\n      InstanceInitiatedShutdownBehavior: terminate\n      LaunchTemplate: {LaunchTemplateId: lt-0a1b2c3d4e5f60718, Version: '12'}\n",
    ),
    *(
        ("clusters/aws-gpu.yaml", "VolumeType: gp3}", f"VolumeType: gp3, Encrypted: true, KmsKeyId: '{key}'}}")
        for key in (
            "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
            "1234abcd-12ab-34cd-56ef-1234567890ab",
            "mrk-1234abcd12ab34cd56ef1234567890ab",
            "arn:aws:kms:us-east-1:123456789012:alias/disks",
        )
    ),
    ("clusters/aws-gpu-spot.yaml", "MarketType: spot", "MarketType: on-demand"),
    *(
        (
            "clusters/aws-gpu.yaml",
            "{VolumeSize: 200, VolumeType: gp3}",
            f"{{VolumeSize: {size}, VolumeType: {kind}, {rest}}}",
        )
        for size, kind, rest in (
            (100, "gp3", "Iops: 16000, Throughput: 1000"),
            (60, "gp3", "Throughput: 750"),
            (100, "io1", "Iops: 5000"),
            (60, "io2", "Iops: 60000"),
        )
    ),
    (
        "clusters/aws-gpu.yaml",
        "  - ray stop\n  - ulimit -n 65536; export RAY",
        "  - ray stop || true; sleep 1\n  - export CUDA_VISIBLE_DEVICES=0,1,2,3,4,5,6,7 NVIDIA_VISIBLE_DEVICES=all; export RAY",
    ),
    ("clusters/aws-gpu.yaml", "    - --shm-size=8g ", "    - -e NVIDIA_VISIBLE_DEVICES=all\n    - --shm-size=8g "),
    ("clusters/aws-gpu.yaml", "token; ray start --address", "token; sudo -E env PATH=$PATH ray start --address"),
    (
        "clusters/aws-gpu.yaml",
        "\nsetup_commands:\n",
        "\nsetup_commands:\n  - conda create -y -n tune python=3.11\n  - conda activate tune && bash ~/raytune_suite/install.sh\n  - pip install -r raytune_suite/requirements.txt\n",
    ),
    (
        "clusters/aws-gpu.yaml",
        '    resources: {"CPU": 0} ',
        '    min_workers: 0\n    max_workers: 0\n    resources: {"CPU": 0} ',
    ),
    (
        "tests/cluster/checks/files/cron.yaml",
        "    entrypointNumCpus: 1\n",
        "    entrypointNumCpus: 0.5\n    entrypointNumGpus: 1\n",
    ),
    (
        "tests/cluster/checks/files/example-gcp.yaml",
        "        - provisioningModel: SPOT\n",
        "        - provisioningModel: SPOT\n        - maxRunDuration: {seconds: 86400}\n        - instanceTerminationAction: DELETE\n",
    ),
    (
        "clusters/aws-gpu.yaml",
        "    - -v /shared:/shared\n",
        "    - -v /shared:/shared -v /home/ubuntu/data:/home/ubuntu/data\n",
    ),
    (
        "clusters/gcp-gpu.yaml",
        "            diskSizeGb: 200 ",
        "            diskType: zones/us-central1-a/diskTypes/pd-balanced\n            labels: {team: ml}\n            diskSizeGb: 200 ",
    ),
    (
        "clusters/gcp-gpu.yaml",
        "        - boot: true\n",
        "        - {type: SCRATCH, interface: NVME, autoDelete: true, initializeParams: {diskType: zones/us-central1-a/diskTypes/local-ssd}}\n        - boot: true\n          diskEncryptionKey: {kmsKeyName: projects/p/locations/us-central1/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1}\n",
    ),
    (
        "clusters/gcp-gpu.yaml",
        "        - boot: true\n",
        "        - {autoDelete: true, initializeParams: {diskType: zones/us-central1-a/diskTypes/hyperdisk-balanced, diskSizeGb: 100, provisionedIops: 4000, provisionedThroughput: 200}}\n        - boot: true\n",
    ),
    (
        "clusters/gcp-gpu.yaml",
        "machineType: n2-standard-4 ",
        "tags: {items: [ray, ssh-in]}\n      hostname: head.example.org\n      machineType: n2-standard-4 ",
    ),
    *(
        ("tests/cluster/checks/files/cron.yaml", '"30 2 * * *"', f'"{schedule}"')
        for schedule in (
            "0 0 1 1 *",
            "@daily",
            "@every 1h30m",
            "*/15 9-17 * * MON-FRI",
            "0 2 1,15 * 0,6",
            "0-30/10 * ? * *",
        )
    ),
    (
        "tests/cluster/checks/files/complete.yaml",
        "            - name: ray-worker\n",
        '            - name: ray-worker\n              command: ["/bin/bash", "-c", "--"]\n              args: ["echo before; pip install lightning"]\n',
    ),
    (
        "tests/cluster/checks/files/complete.yaml",
        "            - name: ray-worker\n",
        '            - name: ray-worker\n              command: ["python3", "-c", "import torch"]\n',
    ),
    (
        "tests/cluster/checks/files/complete.yaml",
        "  namespace: research\nspec:\n  rayVersion",
        '  namespace: research\n  annotations: {ray.io/overwrite-container-cmd: "true"}\nspec:\n  rayVersion',
    ),
    (
        "tests/cluster/checks/files/complete.yaml",
        "                capabilities: {add: [SYS_PTRACE]}\n",
        "                privileged: true\n",
    ),
    (
        "tests/cluster/checks/files/complete.yaml",
        "                - {mountPath: /tmp/ray, name: ray-logs}\n",
        "                - {mountPath: /tmp/ray, name: ray-logs, mountPropagation: HostToContainer}\n",
    ),
    ("tests/cluster/checks/files/complete.yaml", "            emptyDir: {}\n", "            emptyDir:\n"),
    ("tests/cluster/checks/files/complete.yaml", "    env: []\n", "    env:\n"),
    (
        "tests/cluster/checks/files/complete.yaml",
        "metadata:\n  name: raycluster-dashboard\n  namespace: research\n",
        "metadata:\n  name: raycluster-dashboard\n",
    ),
    (
        "tests/cluster/checks/files/example-aws.yaml",
        "    - -e RAY_AUTH_MODE=token\n",
        '    - "-e RAY_AUTH_MODE=token"\n    - -e GREETING=a:b\n',
    ),
    (
        "tests/cluster/checks/files/example-aws.yaml",
        '{"~/.ray": "~/.ray"}',
        '{"~/.ray": "~/.ray", "~/docker": "clusters", "/tmp/auth": "clusters"}',
    ),
    ("tests/cluster/checks/files/example-docker.yaml", "cluster_name: default", "cluster_name: Lab.2@night"),
    ("clusters/local.yaml", "cluster_name: local", "cluster_name: 'lab: third floor'"),
    (
        "clusters/local.yaml",
        "token; ray start --address=$RAY_HEAD_IP:6379",
        "token; ray start --address=$RAY_HEAD_IP:6379 || (ray stop --force; ray start --address=$RAY_HEAD_IP:6379)",
    ),
]
"""A file, a text in it, and the text that replaces it."""
