"""Mistakes against reference manuals, the operator's source, and what EC2 reports about machines, with those of threads.

They are what the rules missed of sets of 290, 131 and 78 mistakes, or found for another reason, and what belongs to the same
rules. All were written before the rules that find these; the second and the third one after reading the other rules. The third
one is deliberately hard: contradictions across a file, and commands. The share that the
rules found when they were first run, without what turned out to be no mistake:

| set | AWS | Google Cloud | Azure | own hosts | KubeRay | Slurm | all |
|---|---|---|---|---|---|---|---|
| FIFTEENTH | 71 of 75 | 27 of 31 | 16 of 16 | 28 of 31 | 109 of 119 | 18 of 18 | 269 of 290 |
| SIXTEENTH | 32 of 32 | 12 of 14 | 6 of 6 | 15 of 16 | 40 of 47 | 13 of 16 | 118 of 131 |
| SEVENTEENTH | 11 of 22 | 4 of 4 | 2 of 2 | 15 of 18 | 9 of 20 | 11 of 12 | 52 of 78 |

A GPU that a zone of Google Cloud does not offer, a volume for one node that another file uses, and more GPUs in `ray start` than
in the machine are still not found.
"""

# ruff: noqa: E501 - the edits are parts of lines and must not be wrapped
from __future__ import annotations

from tests.cluster.checks.unseen_mistakes_files import (
    AWS,
    BASE,
    CRON,
    GCP,
    LAPTOP,
    LOCAL,
    RAYCLUSTER,
    RAYJOB,
    RJ,
    RS,
    SLURM,
    SPOT,
    UnseenMistake,
)

ON_G6, ON_G2 = "      InstanceType: g6.xlarge\n", "      machineType: g2-standard-8 "
HEAD, GROUPS = "      InstanceType: m6i.xlarge ", "      SecurityGroupIds: *groups\n"
SPEC, JOB, POD = (
    "  enableInTreeAutoscaling: true ",
    "  backoffLimit: 2 ",
    "          nodeSelector: {raytune-nodes: spot}\n",
)
RESOURCES = '            resources: {requests: {cpu: "2", memory: 8Gi}, limits: {memory: 8Gi}}\n'
FIRST = "  gcsFaultToleranceOptions:\n    redisAddress: raytune-redis:6379 "
SERVE, UPGRADE = "  serveConfigV2: |\n", "  upgradeStrategy: {type: NewClusterWithIncrementalUpgrade"
INTERFACE = "SubnetId: subnet-0a1b2c3d4e5f60718, Groups: [sg-0123456789abcdef0]"


def added(name: str, file: str, code: str, before: str, text: str) -> UnseenMistake:
    """Return a mistake that adds text before a text of a file."""
    return UnseenMistake(name, file, code, [(before, text + before)])


def interfaces(name: str, code: str, machine: str, *entries: str) -> UnseenMistake:
    """Return a mistake in the network interfaces of a machine."""
    shown = ", ".join(f"{{{entry}, {INTERFACE}}}" for entry in entries)
    text = f"      InstanceType: {machine}\n      NetworkInterfaces: [{shown}]\n"
    return UnseenMistake(name, AWS, code, [(ON_G6, text), (GROUPS, "")])


def tpu(name: str, code: str, settings: str) -> UnseenMistake:
    """Return a mistake in the settings of a TPU."""
    return UnseenMistake(name, GCP, code, [(ON_G2, f"{settings}      # ")])


FIFTEENTH = [
    added("aws dedicated host in a group", AWS, "RTS905", ON_G6, "      Placement: {GroupName: pg, Tenancy: host}\n"),
    interfaces("aws two devices at one place", "RTS902", "g6.xlarge", "DeviceIndex: 0", "DeviceIndex: 0"),
    interfaces("aws EFA on a machine without", "RTS905", "m5.large", "DeviceIndex: 0, InterfaceType: efa"),
    interfaces("aws too many interfaces", "RTS905", "t3.nano", *(f"DeviceIndex: {index}" for index in range(3))),
    tpu(
        "gcp slice of a size that is none",
        "RTS902",
        "      acceleratorType: v4-12\n      runtimeVersion: tpu-vm-v4-base\n",
    ),
    tpu("gcp runtime with a space", "RTS902", "      acceleratorType: v4-16\n      runtimeVersion: tpu-vm-v4-bas e\n"),
    UnseenMistake(
        "gcp machine and TPU",
        GCP,
        "RTS905",
        [(ON_G2, f"      acceleratorType: v4-16\n      runtimeVersion: tpu-vm-v4-base\n{ON_G2}")],
    ),
    added("kuberay manager that is none", RAYCLUSTER, "RTS811", SPEC, "  managedBy: kueue\n"),
    added("kuberay negative tries of the submitter", RAYJOB, "RTS817", JOB, "  submitterConfig: {backoffLimit: -1}\n"),
    added(
        "kuberay cluster kept and removed",
        RAYJOB,
        "RTS811",
        JOB,
        "  deletionStrategy: {onSuccess: {policy: DeleteCluster}, onFailure: {policy: DeleteNone}}\n",
    ),
    added(
        "kuberay workers removed beside the autoscaler",
        RAYJOB,
        "RTS811",
        JOB,
        "  deletionStrategy: {onSuccess: {policy: DeleteWorkers}, onFailure: {policy: DeleteCluster}}\n",
    ),
    added(
        "kuberay policy without a value",
        RAYJOB,
        "RTS811",
        JOB,
        "  deletionStrategy: {onSuccess: {}, onFailure: {policy: DeleteCluster}}\n",
    ),
    added(
        "kuberay two states in a condition",
        RAYJOB,
        "RTS811",
        JOB,
        "  deletionStrategy: {deletionRules: [{policy: DeleteSelf, condition: {jobStatus: FAILED, jobDeploymentStatus: Failed, ttlSeconds: 5}}]}\n",
    ),
    added(
        "kuberay command that never ends",
        RAYCLUSTER,
        "RTS412",
        RESOURCES,
        '            command: ["sleep", "infinity"]\n',
    ),
    added(
        "kuberay sidecar in the first place",
        RAYCLUSTER,
        "RTS819",
        "          - name: ray-head\n",
        "          - name: logs\n            image: fluent/fluent-bit:3.1\n",
    ),
    UnseenMistake(
        "kuberay time zone that is none",
        CRON,
        "RTS811",
        [('"30 2 * * *"\n', '"30 2 * * *"\n  timeZone: Europe/Munich\n')],
    ),
    UnseenMistake(
        "kuberay program beside its folder",
        RJ,
        "RTS813",
        [("python /home/ray/code/tune", "python /home/ray/codes/tune")],
    ),
    added(
        "kuberay step above the surge",
        RS,
        "RTS811",
        SERVE,
        f"{UPGRADE}, clusterUpgradeOptions: {{gatewayClassName: istio, intervalSeconds: 30, maxSurgePercent: 10, stepSizePercent: 20}}}}\n",
    ),
    added("kuberay upgrade without options", RS, "RTS811", SERVE, f"{UPGRADE}}}\n"),
    added(
        "kuberay upgrade in no time",
        RS,
        "RTS811",
        SERVE,
        f"{UPGRADE}, clusterUpgradeOptions: {{gatewayClassName: istio, intervalSeconds: 0, stepSizePercent: 20}}}}\n",
    ),
    UnseenMistake(
        "kuberay no time to start",
        RS,
        "RTS811",
        [("  name: classifier\n", '  name: classifier\n  annotations: {ray.io/initializing-timeout: "soon"}\n')],
    ),
    UnseenMistake(
        "kuberay namespace of the state twice",
        RAYCLUSTER,
        "RTS811",
        [("{name: raytune}", "{name: raytune, annotations: {ray.io/external-storage-namespace: a}}")],
    ),
    UnseenMistake(
        "kuberay topology of more hosts",
        RAYCLUSTER,
        "RTS818",
        [
            (
                POD,
                "          nodeSelector: {cloud.google.com/gke-tpu-accelerator: tpu-v4-podslice, cloud.google.com/gke-tpu-topology: 2x2x2}\n",
            ),
            (
                'limits: {cpu: "6", memory: 24Gi, nvidia.com/gpu: "1"}',
                'limits: {cpu: "6", memory: 24Gi, google.com/tpu: "4"}',
            ),
        ],
    ),
    UnseenMistake(
        "kuberay flat topology of v4",
        RAYCLUSTER,
        "RTS817",
        [
            (
                POD,
                "          nodeSelector: {cloud.google.com/gke-tpu-accelerator: tpu-v4-podslice, cloud.google.com/gke-tpu-topology: 2x2}\n",
            )
        ],
    ),
    UnseenMistake(
        "kuberay TPU nodes without a limit",
        RAYCLUSTER,
        "RTS812",
        [
            (
                POD,
                "          nodeSelector: {cloud.google.com/gke-tpu-accelerator: tpu-v6e-slice, cloud.google.com/gke-tpu-topology: 2x2}\n",
            )
        ],
    ),
    UnseenMistake(
        "kuberay TPU that is none",
        RAYCLUSTER,
        "RTS817",
        [(POD, "          nodeSelector: {cloud.google.com/gke-tpu-accelerator: tpu-v6e-slices}\n")],
    ),
    added("kuberay account as a variable", RAYCLUSTER, "RTS417", POD, "          serviceAccountName: $KSA_NAME\n"),
    UnseenMistake(
        "kuberay cluster named by a variable", RAYCLUSTER, "RTS417", [("{name: raytune}", "{name: '${CLUSTER}'}")]
    ),
    UnseenMistake(
        "kuberay claim named by a variable",
        RAYCLUSTER,
        "RTS417",
        [("claimName: raytune-studies", "claimName: $(CLAIM)")],
    ),
    added(
        "kuberay rocksdb with an old Ray",
        RS,
        "RTS811",
        '    rayVersion: "2.60.0"\n',
        "    gcsFaultToleranceOptions: {backend: rocksdb}\n",
    ),
    UnseenMistake(
        "kuberay rocksdb with a claim and a size",
        RAYCLUSTER,
        "RTS811",
        [(FIRST, "  gcsFaultToleranceOptions:\n    backend: rocksdb\n    storage: {claimName: a, size: 1Gi}\n    # ")],
    ),
    UnseenMistake(
        "kuberay rocksdb with its own variable",
        RAYCLUSTER,
        "RTS811",
        [
            (FIRST, "  gcsFaultToleranceOptions:\n    backend: rocksdb\n    # "),
            (
                "- {name: RAYTUNE_SUITE_DATA,",
                "- {name: RAY_gcs_storage, value: rocksdb}\n              - {name: RAYTUNE_SUITE_DATA,",
            ),
        ],
    ),
    UnseenMistake(
        "kuberay tokens of Kubernetes with a secret",
        RAYCLUSTER,
        "RTS811",
        [("{mode: token}", "{mode: token, enableK8sTokenAuth: true, secretName: a}")],
    ),
    UnseenMistake(
        "kuberay tokens of Kubernetes for a job",
        RAYJOB,
        "RTS811",
        [("{mode: token}", "{mode: token, enableK8sTokenAuth: true}")],
    ),
    UnseenMistake(
        "kuberay tokens of Kubernetes without a mode",
        RAYCLUSTER,
        "RTS811",
        [("{mode: token}", "{enableK8sTokenAuth: true}")],
    ),
    UnseenMistake(
        "kuberay priority with an old Ray",
        RAYCLUSTER,
        "RTS811",
        [
            ("      numOfHosts: 1\n", "      numOfHosts: 1\n      priority: 5\n"),
            ('rayVersion: "2.60.0"', 'rayVersion: "2.55.0"'),
        ],
    ),
    UnseenMistake(
        "kuberay negative time of a group",
        RAYCLUSTER,
        "RTS811",
        [("      numOfHosts: 1\n", "      numOfHosts: 1\n      idleTimeoutSeconds: -1\n")],
    ),
    UnseenMistake(
        "kuberay labels of a group",
        RAYCLUSTER,
        "RTS816",
        [("      numOfHosts: 1\n", "      numOfHosts: 1\n      labels: {ray.io/zone: a zone}\n")],
    ),
    added(
        "kuberay rules for the open direction",
        RAYCLUSTER,
        "RTS811",
        SPEC,
        "  networkPolicy: {mode: DenyAllIngress, head: {egressRules: [{}]}}\n",
    ),
    added(
        "kuberay rules for no group",
        RAYCLUSTER,
        "RTS811",
        SPEC,
        "  networkPolicy: {mode: DenyAll, workerGroups: [{groupName: gpu-9}]}\n",
    ),
    added("kuberay history without a collector", RAYCLUSTER, "RTS811", SPEC, "  historyServerOptions: {}\n"),
    added(
        "kuberay history without a bucket",
        RAYCLUSTER,
        "RTS811",
        SPEC,
        "  historyServerOptions: {collectorOptions: {image: a, env: [{name: STORAGE_BACKEND, value: gcs}]}}\n",
    ),
    UnseenMistake(
        "kuberay start of the autoscaler",
        RAYCLUSTER,
        "RTS811",
        [("    version: v2  ", "    env: [{name: KUBERAY_GEN_AUTOSCALER_START_CMD, value: a}]\n    version: v2  ")],
    ),
    UnseenMistake(
        "hosts head of another name",
        LAPTOP,
        "RTS105",
        [("head_node_type: ray.head.default", "head_node_type: head"), ("  ray.head.default:\n", "  head:\n")],
    ),
    UnseenMistake(
        "hosts small object store",
        LAPTOP,
        "RTS902",
        [('"object_store_memory": 80000000', '"object_store_memory": 8000000')],
    ),
    UnseenMistake("hosts vsphere without a configuration", LOCAL, "RTS607", [("  type: local\n", "  type: vsphere\n")]),
]

SIXTEENTH = [
    interfaces("aws network card that is none", "RTS902", "g6.xlarge", "DeviceIndex: 0, NetworkCardIndex: 1"),
    interfaces(
        "aws two EFAs",
        "RTS905",
        "g5.8xlarge",
        "DeviceIndex: 0, InterfaceType: efa",
        "DeviceIndex: 1, InterfaceType: efa",
    ),
    added(
        "aws threads of a core",
        AWS,
        "RTS905",
        HEAD,
        "      CpuOptions: {CoreCount: 2, ThreadsPerCore: 2}\n      InstanceType: m7g.xlarge #",
    ),
    UnseenMistake(
        "aws spot machine that is not sold",
        SPOT,
        "RTS905",
        [("InstanceType: g6.xlarge", "InstanceType: u-6tb1.56xlarge")],
    ),
    UnseenMistake(
        "aws setting of old versions", AWS, "RTS103", [("max_workers: 10 ", "initial_workers: 2\nmax_workers: 10 ")]
    ),
    tpu(
        "gcp slice with an underscore", "RTS902", "      acceleratorType: v4_16\n      runtimeVersion: tpu-vm-v4-base\n"
    ),
    tpu(
        "gcp runtime of another version",
        "RTS905",
        "      acceleratorType: v4-16\n      runtimeVersion: v2-alpha-tpuv6e\n",
    ),
    added("gcp runtime of no TPU", GCP, "RTS903", ON_G2, "      runtimeVersion: tpu-vm-v4-base\n"),
    UnseenMistake(
        "gcp action without SPOT",
        GCP,
        "RTS905",
        [("        - preemptible: true ", "        - instanceTerminationAction: DELETE\n        - preemptible: true ")],
    ),
    UnseenMistake(
        "gcp spot machine that is stopped",
        GCP,
        "RTS905",
        [
            (
                "        - preemptible: true ",
                "        - provisioningModel: SPOT\n        - instanceTerminationAction: STOP\n        # ",
            )
        ],
    ),
    UnseenMistake(
        "hosts shell of another user",
        LOCAL,
        "RTS413",
        [("head_start_ray_commands:\n  - ray stop\n", "head_start_ray_commands:\n  - ray stop\n  - sudo su - ray\n")],
    ),
    UnseenMistake(
        "hosts login shell",
        LOCAL,
        "RTS413",
        [("head_start_ray_commands:\n  - ray stop\n", "head_start_ray_commands:\n  - ray stop\n  - bash -l\n")],
    ),
    UnseenMistake(
        "kuberay idle GPU of the head",
        RAYCLUSTER,
        "RTS702",
        [("limits: {memory: 8Gi}}", 'limits: {memory: 8Gi, nvidia.com/gpu: "1"}}')],
    ),
    UnseenMistake(
        "kuberay variable of a shell", RAYCLUSTER, "RTS417", [("value: /shared/data}", "value: $HOME/data}")]
    ),
    UnseenMistake(
        "kuberay port in quotes", BASE, "RTS817", [("      ports: [{port: 6379}]", "      ports: [{port: '6379'}]")]
    ),
    UnseenMistake(
        "kuberay target in quotes",
        BASE,
        "RTS817",
        [("ports: [{port: 6379}]\n---", "ports: [{port: 6379, targetPort: '6379'}]\n---")],
    ),
    UnseenMistake(
        "kuberay folder of your machine", RJ, "RTS820", [("    env_vars:\n", "    working_dir: ./src\n    env_vars:\n")]
    ),
    UnseenMistake("kuberay trials with more GPUs", RAYJOB, "RTS701", [("--cpus 6 --gpus 1", "--cpus 6 --gpus 16")]),
    UnseenMistake("kuberay trials with more CPUs", RAYJOB, "RTS702", [("--cpus 6 --gpus 1", "--cpus 12 --gpus 1")]),
    UnseenMistake(
        "kuberay service that only answers itself",
        RS,
        "RTS820",
        [("    applications:\n", "    http_options: {host: 127.0.0.1}\n    applications:\n")],
    ),
    UnseenMistake(
        "kuberay service at another port",
        RS,
        "RTS411",
        [("    applications:\n", "    http_options: {port: 9000}\n    applications:\n")],
    ),
    UnseenMistake("slurm loop that leaves out a node", SLURM, "RTS845", [("i <= worker_num", "i < worker_num")]),
    UnseenMistake(
        "slurm study at another port",
        SLURM,
        "RTS411",
        [("export RAY_ADDRESS=$head_node_ip:$port", "export RAY_ADDRESS=$head_node_ip:6379")],
    ),
    UnseenMistake(
        "slurm step on all nodes",
        SLURM,
        "RTS845",
        [('    srun --nodes=1 --ntasks=1 -w "$node_i"', '    srun -w "$node_i"')],
    ),
]

SEVENTEENTH = [
    UnseenMistake(
        "aws pattern that excludes the project",
        AWS,
        "RTS310",
        [("[.venv, .git, demo, build]", "[.venv, .git, '*.toml']")],
    ),
    UnseenMistake(
        "aws address of the head",
        AWS,
        "RTS402",
        [("ray start --address=", "ray start --node-ip-address=$RAY_HEAD_IP --address=")],
    ),
    UnseenMistake(
        "aws capital letters of a setting",
        AWS,
        "RTS103",
        [("RAY_health_check_period_ms", "RAY_HEALTH_CHECK_PERIOD_MS")],
    ),
    UnseenMistake(
        "aws data outside the volume", AWS, "RTS503", [("RAYTUNE_SUITE_DATA=/shared/data", "RAYTUNE_SUITE_DATA=/data")]
    ),
    UnseenMistake(
        "hosts question to no cluster",
        LOCAL,
        "RTS401",
        [("head_start_ray_commands:\n", "head_start_ray_commands:\n  - ray status\n")],
    ),
    UnseenMistake(
        "kuberay PATH that loses the image's",
        RJ,
        "RTS820",
        [("    env_vars:\n", "    env_vars:\n      PATH: /opt/bin\n")],
    ),
    UnseenMistake(
        "kuberay replicas beyond the nodes",
        RS,
        "RTS701",
        [("            num_replicas: 2\n", "            num_replicas: 20\n            max_replicas_per_node: 1\n")],
    ),
    UnseenMistake(
        "kuberay label of pods that is none",
        BASE,
        "RTS813",
        [('ray.io/is-ray-node: "yes"', 'ray.io/is-ray-node: "true"')],
    ),
    UnseenMistake("kuberay day that never comes", CRON, "RTS811", [('"30 2 * * *"', '"30 2 30 2 *"')]),
    UnseenMistake(
        "slurm arithmetic with one parenthesis",
        SLURM,
        "RTS415",
        [("$((SLURM_JOB_NUM_NODES - 1))", "$(SLURM_JOB_NUM_NODES - 1)")],
    ),
]
