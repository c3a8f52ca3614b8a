"""Settings of KubeRay's files near the mistakes of `unseen_kuberay.py`, which give no finding at all."""

# ruff: noqa: E501 - the values are parts of lines and must not be wrapped
from __future__ import annotations

CLUSTER, JOB, BASE = (f"kuberay/{name}.yaml" for name in ("raycluster", "rayjob", "base"))
SPOT = "          nodeSelector: {raytune-nodes: spot}\n"
VOLUME = "          - {name: studies, persistentVolumeClaim: {claimName: raytune-studies}}"
MOUNT = "              - {name: studies, mountPath: /shared} "
ENV = "              - {name: RAYTUNE_SUITE_DATA"
OPTIONS = "      numOfHosts: 1\n      rayStartParams: {}\n"
HEAD = "          - name: ray-head\n"
END = "echo --resume)'"
RETRIES = "  backoffLimit: 2 "
IMAGE = "          image: redis:7.4\n"
CLAIM = "  storageClassName: YOUR-STORAGE-CLASS"
SUBMITTER = "  submitterPodTemplate:\n    spec:\n      restartPolicy: {}\n      containers: [{{name: ray-job-submitter, image: 'registry.acme.io/ml/raytune-suite:2.60.0-py311-gpu'}}]\n"
SERVICE = "---\napiVersion: v1\nkind: Service"
CLASS = "apiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: {name: efs-sc}\nprovisioner: efs.csi.aws.com\n"


def nodes(labels: str) -> tuple[str, str, str]:
    """Return the edit by which the small group selects nodes with more labels."""
    return CLUSTER, SPOT, f"          nodeSelector: {{raytune-nodes: spot, {labels}}}\n"


def spot(line: str) -> tuple[str, str, str]:
    """Return the edit that adds a setting to the pods of the small group."""
    return CLUSTER, SPOT, f"          {line}\n{SPOT}"


def volume(spec: str) -> tuple[str, str, str]:
    """Return the edit that adds a volume beside the claim."""
    return (
        BASE,
        SERVICE,
        f"---\napiVersion: v1\nkind: PersistentVolume\nmetadata: {{name: data}}\nspec:\n  {spec}\n{SERVICE}",
    )


NEAR_KUBERAY: dict[str, tuple[str, str, str]] = {
    "machine with room": nodes("node.kubernetes.io/instance-type: g6.2xlarge"),
    "family and size with room": nodes(
        "karpenter.k8s.aws/instance-family: g5, karpenter.k8s.aws/instance-size: 4xlarge"
    ),
    "machine of AKS": nodes("node.kubernetes.io/instance-type: Standard_NC24ads_A100_v4"),
    "unknown machine": nodes("node.kubernetes.io/instance-type: g99.2xlarge"),
    "accelerator of GKE": nodes("cloud.google.com/gke-accelerator: nvidia-l4"),
    "attached accelerator of GKE": nodes("cloud.google.com/gke-accelerator: nvidia-tesla-t4"),
    "accelerator and machine": nodes(
        "cloud.google.com/gke-accelerator: nvidia-l4, node.kubernetes.io/instance-type: g2-standard-12"
    ),
    "one of two machines": spot(
        "affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: node.kubernetes.io/instance-type, operator: In, values: [g6.xlarge, g6.4xlarge]}]}]}}}"
    ),
    "zone and region": nodes("topology.kubernetes.io/zone: us-east-1a, topology.kubernetes.io/region: us-east-1"),
    "zone of GKE": nodes("topology.kubernetes.io/zone: us-central1-a"),
    "zone of AKS": nodes("topology.kubernetes.io/zone: westeurope-1"),
    "label of your own": nodes("acme.io/gpu-pool: a"),
    "pods by host": spot(
        "affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{labelSelector: {matchLabels: {ray.io/group: gpu-1-spot}}, topologyKey: kubernetes.io/hostname}]}}"
    ),
    "spread of the group": spot(
        "topologySpreadConstraints: [{maxSkew: 1, topologyKey: topology.kubernetes.io/zone, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {ray.io/group: gpu-1-spot}}}]"
    ),
    "beside pods of the cluster": spot(
        'affinity: {podAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{labelSelector: {matchLabels: {ray.io/is-ray-node: "yes"}}, topologyKey: topology.kubernetes.io/zone}]}}'
    ),
    "another scheduler": spot("schedulerName: volcano"),
    "class of your own": spot("priorityClassName: studies"),
    "short notice": (CLUSTER, "terminationGracePeriodSeconds: 60 ", "terminationGracePeriodSeconds: 25 "),
    "stop in time": (
        CLUSTER,
        "            - name: ray-worker\n",
        "            - name: ray-worker\n              lifecycle: {preStop: {exec: {command: [sh, -c, sleep 10; ray stop]}}}\n",
    ),
    "init container that ends": spot(
        "initContainers: [{name: wait, image: 'busybox:1.36', command: [sh, -c, 'until nslookup $RAY_IP; do sleep 2; done']}]"
    ),
    "native sidecar": spot(
        "initContainers: [{name: logs, image: 'busybox:1.36', restartPolicy: Always, command: [sh, -c, 'while true; do sleep 60; done']}]"
    ),
    "not evicted": (
        CLUSTER,
        "    template:\n      spec:\n        nodeSelector",
        '    template:\n      metadata: {annotations: {cluster-autoscaler.kubernetes.io/safe-to-evict: "false"}}\n      spec:\n        nodeSelector',
    ),
    "same folder of the claim": (CLUSTER, MOUNT, "              - {name: studies, mountPath: /shared, subPath: team} "),
    "volume of NFS": (CLUSTER, VOLUME, "          - {name: studies, nfs: {server: nas.lab.io, path: /studies}}"),
    "data besides": (CLUSTER, ENV, f"{ENV.replace('RAYTUNE_SUITE_DATA', 'NCCL_DEBUG')}, value: INFO}}\n{ENV}"),
    "sessions on the pod's disk": (
        CLUSTER,
        "      dashboard-host: 0.0.0.0 ",
        "      temp-dir: /home/ray/tmp\n      dashboard-host: 0.0.0.0 ",
    ),
    "same group of files": (CLUSTER, SPOT, f"          securityContext: {{fsGroup: 100}}\n{SPOT}"),
    "slice counted by hand": (
        CLUSTER,
        'limits: {cpu: "6", memory: 24Gi, nvidia.com/gpu: "1"}',
        'limits: {cpu: "6", memory: 24Gi, nvidia.com/gpu: "1", ephemeral-storage: 100Gi}',
    ),
    "capabilities of the driver": (
        CLUSTER,
        ENV,
        f"              - {{name: NVIDIA_DRIVER_CAPABILITIES, value: 'compute,utility'}}\n{ENV}",
    ),
    "object store by hand": (CLUSTER, OPTIONS, OPTIONS.replace("{}", '{object-store-memory: "6000000000"}')),
    "all ports of the head": (
        CLUSTER,
        HEAD,
        f"{HEAD}            ports: [{{containerPort: 6379, name: gcs-server}}, {{containerPort: 8265, name: dashboard}}, {{containerPort: 10001, name: client}}]\n",
    ),
    "own head": (CLUSTER, ENV, f"              - {{name: DASHBOARD, value: 'http://raytune-head-svc:8265'}}\n{ENV}"),
    "Redis of the namespace": (CLUSTER, "raytune-redis:6379", "raytune-redis.ml.svc.cluster.local:6379"),
    "label of a scheduler": (
        CLUSTER,
        "metadata: {name: raytune}",
        "metadata: {name: raytune, labels: {ray.io/scheduler-name: volcano, volcano.sh/queue-name: gpus}}",
    ),
    "taint with its value": (
        CLUSTER,
        "{key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}",
        "{key: nvidia.com/gpu, operator: Equal, value: present, effect: NoSchedule}",
    ),
    "taint of your own": (
        CLUSTER,
        "            - {key: nvidia.com/gpu",
        "            - {key: acme.io/team, operator: Exists}\n            - {key: nvidia.com/gpu",
    ),
    # jobs
    "next command after success": (JOB, END, "echo --resume) && echo done'"),
    "status kept": (JOB, END, "echo --resume); status=$?; echo done; exit $status'"),
    "log with the status": (JOB, "bash -c 'raytune-suite", "bash -o pipefail -c 'raytune-suite"),
    "strict shell": (JOB, "bash -c 'raytune-suite", "bash -c 'set -e; raytune-suite"),
    "options of the study": (JOB, "--budget 40", "--budget=40 --seed 1 --retry-failed --max-concurrent 4"),
    "variable of the pod": (
        JOB,
        "--storage-path /shared/studies",
        "--storage-path /shared/studies --seed $RAYTUNE_SUITE_DATA",
    ),
    "pod that submits": (JOB, RETRIES, SUBMITTER.format("Never") + RETRIES),
    "pod that submits again": (JOB, RETRIES, SUBMITTER.format("OnFailure") + RETRIES),
    "variables of the job": (JOB, RETRIES, f"  runtimeEnvYAML: |\n    env_vars: {{WANDB_MODE: offline}}\n{RETRIES}"),
    "name of the job": (JOB, RETRIES, f"  jobId: digits-1\n{RETRIES}"),
    # other objects
    "class of files": (
        BASE,
        "apiVersion: v1\nkind: PersistentVolumeClaim",
        f"{CLASS}parameters: {{provisioningMode: efs-ap, fileSystemId: fs-0a1b2c3d4e5f60718}}\n---\napiVersion: v1\nkind: PersistentVolumeClaim",
    ),
    "volume for reading": volume(
        "capacity: {storage: 1Ti}\n  accessModes: [ReadOnlyMany]\n  persistentVolumeReclaimPolicy: Retain\n  nfs: {server: nas.lab.io, path: /data, readOnly: true}"
    ),
    "disk for one": volume(
        "capacity: {storage: 1Ti}\n  accessModes: [ReadWriteOnce]\n  persistentVolumeReclaimPolicy: Retain\n  hostPath: {path: /data}"
    ),
    "Redis with options": (
        BASE,
        IMAGE,
        f"{IMAGE}          args: [redis-server, --save, '60', '1', --bind, 0.0.0.0, --protected-mode, 'no']\n          readinessProbe: {{exec: {{command: [redis-cli, ping]}}}}\n",
    ),
    "password from a secret": (
        BASE,
        IMAGE,
        f"{IMAGE}          args: [redis-server, --requirepass, $(REDIS_PASSWORD)]\n          env: [{{name: REDIS_PASSWORD, valueFrom: {{secretKeyRef: {{name: redis, key: password}}}}}}]\n",
    ),
    "volume of Redis": (
        BASE,
        "    spec:\n      containers:\n        - name: redis\n",
        "    spec:\n      volumes: [{name: data, persistentVolumeClaim: {claimName: redis}}]\n      containers:\n        - name: redis\n          volumeMounts: [{name: data, mountPath: /data}]\n",
    ),
    "two kinds of pods admitted": (
        BASE,
        "      ports: [{port: 6379}]\n",
        "      ports: [{port: 6379}]\n    - from: [{podSelector: {matchLabels: {app: exporter}}}]\n      ports: [{port: 6379, protocol: TCP}]\n",
    ),
    "pods of another namespace": (
        BASE,
        "from: [{podSelector:",
        "from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ml}}, podSelector:",
    ),
    "rights of an account": (
        BASE,
        "apiVersion: v1\nkind: PersistentVolumeClaim",
        'apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: ray}\n---\napiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: pods}\nrules: [{apiGroups: [""], resources: [pods], verbs: [get]}]\n---\napiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: ray}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: pods}\nsubjects: [{kind: ServiceAccount, name: ray, namespace: default}]\n---\napiVersion: v1\nkind: PersistentVolumeClaim',
    ),
    "quota with room": (
        BASE,
        "apiVersion: v1\nkind: PersistentVolumeClaim",
        'apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: ray}\nspec: {hard: {requests.storage: 1Ti, requests.nvidia.com/gpu: "16", limits.memory: 2Ti}}\n---\napiVersion: v1\nkind: PersistentVolumeClaim',
    ),
    # environments, loops and rooms
    "proxy with exceptions": (
        CLUSTER,
        ENV,
        f"              - {{name: HTTP_PROXY, value: 'http://proxy:3128'}}\n              - {{name: NO_PROXY, value: '.svc,10.0.0.0/8'}}\n{ENV}",
    ),
    "network of NCCL": (
        CLUSTER,
        ENV,
        f'              - {{name: NCCL_SOCKET_IFNAME, value: eth0}}\n              - {{name: OMP_NUM_THREADS, value: "1"}}\n              - {{name: TMPDIR, value: /tmp/own}}\n{ENV}',
    ),
    "family with GPUs": nodes("cloud.google.com/machine-family: g2"),
    "name of Karpenter's GPU": nodes("karpenter.k8s.aws/instance-gpu-name: l4"),
    "Linux on EC2": nodes("kubernetes.io/os: linux, eks.amazonaws.com/compute-type: ec2"),
    "resources of the group": (
        CLUSTER,
        OPTIONS,
        OPTIONS.replace("rayStartParams", 'resources: {CPU: "6", GPU: "1", disk: "1"}\n      rayStartParams'),
    ),
    "image of the autoscaler": (
        CLUSTER,
        "    version: v2 ",
        "    image: registry.acme.io/ml/raytune-suite:2.60.0-py311\n    resources: {limits: {cpu: 500m, memory: 512Mi}}\n    version: v2 ",
    ),
    "a quarter of an hour": (CLUSTER, "idleTimeoutSeconds: 480", "idleTimeoutSeconds: 900"),
    "small sidecar": (
        CLUSTER,
        "        volumes: &volumes\n",
        "          - {name: exporter, image: 'prom/node-exporter:v1.8.2', resources: {requests: {cpu: 250m, memory: 128Mi}, limits: {memory: 128Mi}}}\n        volumes: &volumes\n",
    ),
    "long time limit": (JOB, "bash -c 'raytune-suite", "bash -c 'timeout 8h raytune-suite"),
    "wait for a service": (
        JOB,
        "bash -c 'raytune-suite",
        'bash -c \'until python -c "import socket"; do sleep 1; done; raytune-suite',
    ),
    "wait before the study": (JOB, "bash -c 'raytune-suite", "bash -c 'for i in 1 2; do sleep 1; done; raytune-suite"),
    "as many trials as fit": (JOB, "--budget 40", "--budget 40 --max-concurrent 24"),
    "image of the job": (
        JOB,
        RETRIES,
        f"  runtimeEnvYAML: |\n    image_uri: registry.acme.io/ml/raytune-suite:2.60.0-py311-gpu\n{RETRIES}",
    ),
    "PyTorch with CUDA": (JOB, RETRIES, f"  runtimeEnvYAML: |\n    pip: [torch==2.9.0+cu128]\n{RETRIES}"),
    "server of a volume": volume(
        "capacity: {storage: 1Ti}\n  accessModes: [ReadWriteMany]\n  persistentVolumeReclaimPolicy: Retain\n  mountOptions: [hard, nfsvers=4.1]\n  nfs: {server: nas.lab.io, path: /data}"
    ),
}
