"""Valid values of the classes of which `unseen_by_class.py` has mistakes: none of them gives an error."""

# ruff: noqa: E501 - the values are parts of lines and must not be wrapped
from __future__ import annotations

COMMANDS = [
    "ray start --address=$RAY_HEAD_IP:6379 --min-worker-port=0 --max-worker-port=0 --metrics-export-port=8080 --dashboard-agent-listen-port=52365",
    "cat > ~/.ssh/config <<EOF\nHost *\nEOF",
    "git -C ~/code rm a; git lfs pull; git grep x; docker ps || true; pip install --no-cache --user -U pip; conda env list; apt-cache policy x; sudo apt-get -o Acquire::Retries=3 update",
    "pip3 --version; python3 -m pip -q check; systemctl --user list-unit-files || true; uv pip sync requirements.txt",
    "for i in $(seq 1 4); do echo $i; done",
    "for ((i = 0; i < 4; i++)); do echo $i; done; x=$((1 + 2)); if [ $x -gt 2 ]; then echo big; fi",
    "if [[ $x == a* && -n $y ]]; then echo yes; fi; [ a = b ] || true; test a = b || true",
    "python3 -m pip install --user 'torch>=2.4,<3' \"numpy==1.26.*\" git+https://example.org/a@main ./b '.[all]' -c constraints.txt",
    "pip install --index-url https://example.org/simple?a=b lightning > log 2>&1",
    "pip install torch --extra-index-url=https://download.pytorch.org/whl/cu124",
    'export A=1 B="two words" PATH=$HOME/bin:$PATH',
    "A=1 B=2 env | grep A",
    'echo "~/data is mounted" && cd ~/data && ls "$HOME/data"',
    "echo 'export A=1' >> ~/.bashrc; cat ~/.bashrc > ~/bashrc.copy",
    "command -v yum && sudo yum install -y nfs-utils || sudo apt-get install -y nfs-common",
    "sudo mount -t cifs -o credentials=/etc/smb,uid=1000 //server/share /shared",
    "sudo bash -c 'cd /tmp && echo a > b' 2>&1 | tee log",
    "nohup python3 serve.py > log 2>&1 &",
    "python3 -c 'a = 1; print(a)'",
    "awk '{ print $1 = 2 }' file; sed -i 's/a = b/c = d/' file",
    "echo {1..4} {a,b}; echo ${x}..${y}",
    "cat <<EOF > ~/a.cfg\na = b\n[section]\nEOF",
    "expr 1 + 2; let 'a = 1'; printf '%s = %s' a b",
    "timeout 60 bash -c 'until nvidia-smi; do sleep 1; done'",
    "ray start --head --port=6380 --dashboard-port=8266 --min-worker-port=20000 --max-worker-port=29999 --labels=gpu=a100,zone=a --node-ip-address=10.0.0.1 --num-cpus=0 --autoscaling-config=~/ray_bootstrap_config.yaml",
]
SCRIPTS = {
    "arrays": """#!/bin/bash
#SBATCH --nodes=3 --ntasks-per-node=1 --cpus-per-task=8 --gpus-per-node=2 --partition=gpu,long
mapfile -t nodes < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
read -r -a more <<< "a b"
declare -A table
table[a]=1
text=abc
echo "${nodes[1]} ${more[1]} ${table[a]} ${text[0]} ${BASH_SOURCE[0]} ${PIPESTATUS[1]}"
head=${nodes[0]}
port=$((10000 + SLURM_JOB_ID % 20000))
srun --overlap -N1 -n1 -w "$head" ray start --head --node-ip-address="$head" --port=$port --num-cpus=0 --block &
sleep 10
for ((i = 0; i < SLURM_JOB_NUM_NODES; i++)); do
    if [ "$i" -eq 0 ]; then continue; fi
    srun --overlap -N1 -n1 -c8 -w "${nodes[$i]}" ray start --address="$head:$port" --num-cpus=8 --num-gpus=2 --block &
done
srun --overlap -N1 -n1 -w "$head" python tune.py
ray stop
wait
""",
    "wait with trap": """#!/bin/bash
#SBATCH --nodes=1 --cpus-per-task=8 --array=1-8%2
trap 'kill $(jobs -p)' EXIT
port=$((10000 + SLURM_JOB_ID % 20000))
ray start --head --port=$port --num-cpus=8 --block &
sleep 10
python tune.py
""",
}
OBJECTS = {
    "access": """apiVersion: v1
kind: ServiceAccount
metadata: {name: trainer}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: trainer}
rules:
  - {apiGroups: [""], resources: [pods, pods/log], verbs: [get, list]}
  - {apiGroups: [ray.io], resources: [rayclusters], resourceNames: [tuning], verbs: ["*"]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: trainer}
subjects: [{kind: ServiceAccount, name: trainer, namespace: ml}, {kind: Group, name: people, apiGroup: rbac.authorization.k8s.io}]
roleRef: {kind: Role, name: trainer, apiGroup: rbac.authorization.k8s.io}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: "system:reader"}
rules: [{nonResourceURLs: [/metrics], verbs: [get]}]
""",
    "limits": """apiVersion: v1
kind: Namespace
metadata: {name: ml-team}
---
apiVersion: v1
kind: ResourceQuota
metadata: {name: gpus, namespace: ml-team}
spec: {hard: {requests.nvidia.com/gpu: 8, cpu: "64", memory: 512Gi, pods: 20}, scopes: [NotTerminating]}
---
apiVersion: v1
kind: LimitRange
metadata: {name: default}
spec: {limits: [{type: Container, default: {memory: 1Gi}, defaultRequest: {cpu: 100m}}]}
---
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: low}
value: -10
preemptionPolicy: Never
globalDefault: false
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: head}
spec: {minAvailable: 1, selector: {matchLabels: {ray.io/node-type: head}}}
""",
    "outside": """apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: dashboard, annotations: {nginx.ingress.kubernetes.io/rewrite-target: "/$1"}}
spec:
  ingressClassName: nginx
  rules: [{host: ray.example.org, http: {paths: [{path: /dashboard/(.*), pathType: ImplementationSpecific, backend: {service: {name: head, port: {number: 8265}}}}]}}]
---
apiVersion: v1
kind: Service
metadata: {name: head-lb}
spec: {type: LoadBalancer, externalTrafficPolicy: Local, loadBalancerSourceRanges: [203.0.113.0/24], selector: {ray.io/node-type: head}, ports: [{port: 80, targetPort: dashboard}]}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: h}
spec: {minReplicas: 1, maxReplicas: 4, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: x}, metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}}]}
---
apiVersion: autoscaling/v1
kind: HorizontalPodAutoscaler
metadata: {name: old}
spec: {minReplicas: 1, maxReplicas: 4, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: x}}
""",
    "batch": """apiVersion: batch/v1
kind: CronJob
metadata: {name: clean}
spec:
  schedule: "*/30 3 * * 1-5"
  concurrencyPolicy: Forbid
  jobTemplate: {spec: {template: {spec: {restartPolicy: OnFailure, containers: [{name: clean, image: 'busybox:1.36'}], initContainers: [{name: side, image: busybox, restartPolicy: Always, readinessProbe: {exec: {command: ["true"]}}}]}}}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: many}
spec: {completionMode: Indexed, completions: 4, parallelism: 2, template: {spec: {restartPolicy: Never, containers: [{name: a, image: busybox}]}}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: redis}
spec:
  serviceName: redis
  replicas: 3
  podManagementPolicy: Parallel
  updateStrategy: {type: OnDelete}
  selector: {matchLabels: {app: redis}}
  template: {metadata: {labels: {app: redis}}, spec: {containers: [{name: redis, image: 'redis:7', volumeMounts: [{name: data, mountPath: /data}]}]}}
  volumeClaimTemplates: [{metadata: {name: data}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 10Gi}}}}]
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: plugin}
spec: {updateStrategy: {type: RollingUpdate}, selector: {matchLabels: {app: p}}, template: {metadata: {labels: {app: p}}, spec: {containers: [{name: p, image: 'p:1'}]}}}
""",
    "volumes": """apiVersion: v1
kind: PersistentVolume
metadata: {name: nas}
spec: {accessModes: [ReadWriteMany], capacity: {storage: 1Ti}, nfs: {server: nas.lab, path: /export}, persistentVolumeReclaimPolicy: Retain, storageClassName: ""}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: nas}
spec: {accessModes: [ReadWriteMany], storageClassName: "", volumeName: nas, resources: {requests: {storage: 1Ti}}}
---
apiVersion: v1
kind: Secret
metadata: {name: keys}
type: Opaque
data: {token: c2VjcmV0, other: ""}
stringData: {plain: "any text"}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: code}
immutable: true
data: {tune.py: "import ray", .hidden: "", A_B-c.txt: x}
binaryData: {model: AAEC}
""",
    "of others": """apiVersion: serving.knative.dev/v1
kind: Service
metadata: {name: model}
spec: {template: {spec: {containers: [{image: 'a:1'}]}}}
---
apiVersion: batch.volcano.sh/v1alpha1
kind: Job
metadata: {name: v}
spec: {minAvailable: 3}
---
apiVersion: crd.projectcalico.org/v1
kind: NetworkPolicy
metadata: {name: c}
spec: {selector: all()}
---
apiVersion: kueue.x-k8s.io/v1beta1
kind: ClusterQueue
metadata: {name: q}
spec: {namespaceSelector: {}}
""",
    "choices of nodes": """apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  nodeSelector: {kubernetes.io/arch: amd64, cloud.google.com/gke-accelerator: nvidia-h100-mega-80gb, karpenter.sh/capacity-type: spot, eks.amazonaws.com/capacityType: SPOT, mine.example.org/any: Thing}
  tolerations: [{operator: Exists}, {key: a.b/c, operator: Equal, value: "", effect: NoExecute, tolerationSeconds: 30}]
  topologySpreadConstraints: [{maxSkew: 1, minDomains: 2, topologyKey: zone, whenUnsatisfiable: DoNotSchedule, nodeTaintsPolicy: Honor}]
  imagePullSecrets: [{name: my-registry.example}]
  hostAliases: [{ip: 10.0.0.1, hostnames: [nas]}, {ip: "fe80::1", hostnames: [b]}]
  dnsConfig: {nameservers: ["10.0.0.10", "fd00::10"]}
  resources: {limits: {cpu: "4", memory: 8Gi}}
  volumes:
    - {name: all, projected: {sources: [{configMap: {name: a}}, {secret: {name: b}}, {serviceAccountToken: {path: token, expirationSeconds: 3600}}]}}
    - {name: host, hostPath: {path: /data/a..b, type: DirectoryOrCreate}}
    - {name: code, configMap: {name: code}}
  containers:
    - name: a
      image: a:1
      resources: {limits: {nvidia.com/mig-1g.5gb: 1}, requests: {nvidia.com/mig-1g.5gb: 1}}
      lifecycle: {preStop: {sleep: {seconds: 5}}}
      envFrom: [{prefix: A_, configMapRef: {name: a}}]
      volumeMounts: [{name: all, mountPath: /all}, {name: host, mountPath: /host}, {name: code, mountPath: /home/ray/tune.py, subPath: tune.py}]
""",
}
SERVE = [
    "applications: [{name: llm, route_prefix: /, import_path: ray-operator.config.samples.vllm.serve:model, runtime_env: {working_dir: 'https://example.org/master.zip', pip: ['vllm==0.5.4'], env_vars: {TENSOR_PARALLELISM: '2'}}, deployments: [{name: VLLMDeployment, num_replicas: 1, ray_actor_options: {num_cpus: 8}}]}]",
    "applications: [{name: a--b, import_path: aviary.backend:application, route_prefix: /a--b, args: {model: ./models/a.yaml, llm_configs: [{accelerator_type: H100}]}}]",
    "applications: [{name: a, import_path: pkg.mod:app, route_prefix: null}]",
    "applications: [{import_path: m.app, route_prefix: /a/b, args: {x: 1}, deployments: [{name: D, num_replicas: auto, autoscaling_config: {min_replicas: 0, max_replicas: 4, target_ongoing_requests: 2}}]}]",
    "proxy_location: EveryNode\nhttp_options: {host: 0.0.0.0, port: 8000}\nlogging_config: {log_level: DEBUG, encoding: JSON}\napplications: [{name: a, import_path: 'm:app', runtime_env: {working_dir: 'https://example.org/a.zip', pip: [torch==2.4]}}, {name: b, import_path: 'm:app', route_prefix: /b}]",
    "applications: [{import_path: 'm:app', deployments: [{name: D, user_config: {a: [1]}, ray_actor_options: {num_cpus: 0.5, num_gpus: 0.25, resources: {x: 1}, accelerator_type: L4}, placement_group_bundles: [{CPU: 1}, {GPU: 1}], placement_group_strategy: STRICT_PACK}]}]",
]
RUNTIME_ENVIRONMENTS = [
    "working_dir: ./\npip: requirements.txt\n",
    "working_dir: s3://bucket/code.zip\npip: {packages: [torch==2.4, 'git+https://example.org/a'], pip_check: false, pip_version: '==24'}\n",
    "uv: [requests>=2, 'torch ; python_version > \"3.8\"']\nenv_vars: {A: '1', B: ''}\nexcludes: [data/]\n",
    "conda: {dependencies: [python=3.11, pip, {pip: [lightning]}]}\n",
    "conda: my-environment\nconfig: {setup_timeout_seconds: 1800, eager_install: false}\n",
    "py_modules: ['gs://bucket/a.whl']\nworker_process_setup_hook: mod.setup\n",
    "image_uri: quay.io/me/ray:1\nenv_vars: {A: b}\n",
    "{}",
]
EDITS = [
    ("aws-gpu.yaml", "  run_options:\n", "  worker_run_options: [--gpus all, --runtime=nvidia]\n  run_options:\n"),
    (
        "aws-gpu.yaml",
        "VolumeType: gp3}",
        "VolumeType: gp3, Iops: 3000, Throughput: 250, Encrypted: true, KmsKeyId: alias/a}",
    ),
    (
        "aws-gpu.yaml",
        "      InstanceType: g6.xlarge\n",
        "      InstanceType: g6.xlarge\n      DisableApiTermination: false\n      MetadataOptions: {HttpTokens: required, HttpPutResponseHopLimit: 2}\n      Placement: {GroupName: ml}\n",
    ),
    ("aws-gpu.yaml", "rsync_exclude: [.venv, .git, demo, build]", "rsync_exclude: ['**/*.pt', '- cache/', 'my data/']"),
    (
        "gcp-gpu.yaml",
        "machineType: n2-standard-4 ",
        "minCpuPlatform: Intel Ice Lake\n      hostname: head.example.com\n      deletionProtection: false\n      machineType: n2-standard-4 ",
    ),
    (
        "gcp-gpu.yaml",
        "diskSizeGb: 200 ",
        "diskType: zones/us-central1-a/diskTypes/pd-balanced\n            diskSizeGb: 200 ",
    ),
    ("azure-gpu.yaml", "  location: eastus\n", "  location: eastus\n  subnet_mask: 10.10.0.0/24\n"),
    ("local.yaml", "worker_ips: [192.168.1.11, 192.168.1.12]", "worker_ips: [gpu1, gpu-2.lab.example.org]"),
    ("local.yaml", "  ssh_user: ray ", "  ssh_proxy_command: ssh -W %h:%p bastion\n  ssh_user: ray "),
    ("kuberay/rayjob.yaml", "bash -c 'raytune-suite", "env A=1 bash -c 'raytune-suite"),
]
"""A file, a text in it, and the text that replaces it."""
