"""Mistakes with which pods and machines are created, but Ray does not start or a study is lost, with what is valid nearby.

People who had not seen the rules wrote 95 mistakes: 45 of 49 on AWS and Google Cloud were found when the rules were first
run, and 28 of 46 on Azure, own hosts and KubeRay. Here are those that were missed, and others of the same kinds.
"""

# ruff: noqa: E501 - the edits are parts of lines and must not be wrapped
from __future__ import annotations

from tests.cluster.checks.unseen_mistakes_files import (
    AWS,
    AZURE,
    BASE,
    LOCAL,
    RAYCLUSTER,
    RAYJOB,
    SLURM,
    UnseenMistake,
)

WORKER = "              image: *image\n              env: *env\n              # Ray uses"
GPU_8 = '              image: *image\n              env: *env\n              resources:\n                requests: {cpu: "88"'
HEAD = '            resources: {requests: {cpu: "2", memory: 8Gi}, limits: {memory: 8Gi}}\n'
ENV = "              - {name: RAYTUNE_SUITE_DATA, value: /shared/data}"
MOUNTS = "              - {name: shm, mountPath: /dev/shm}\n"
PARAMETERS = "      rayStartParams: {}\n"
IMAGE = "YOUR-REGISTRY/raytune-suite:2.60.0-py311-gpu"
JOB = "  backoffLimit: 2 "
JOB_POD = "            nodeSelector: {raytune-nodes: spot}\n"
OPTIONS = "      version: v2                             #"
REDIS = "          image: redis:7.4\n"
EXPORT = "export RAY_AUTH_MODE=token;\n"
FAILS = "$STORAGE /shared) && sudo chmod 1777 /shared\n"
START = "  - ulimit -n 65536; export RAY_AUTH_MODE=token; ray start --address"
POLICY = "  podSelector: {matchLabels: {app: raytune-redis}}\n  policyTypes"


def before(name: str, file: str, code: str, old: str, new: str) -> UnseenMistake:
    """Return a mistake that adds text before a text of a file."""
    return UnseenMistake(name, file, code, [(old, new + old)])


def on_worker(name: str, code: str, lines: str) -> UnseenMistake:
    """Return a mistake in lines of the container of single GPUs."""
    text = "".join(f"              {line}\n" for line in lines.split("\n"))
    return UnseenMistake(name, RAYCLUSTER, code, [(WORKER, text + WORKER)])


def on_head(name: str, code: str, lines: str) -> UnseenMistake:
    """Return a mistake in lines of the head's container."""
    text = "".join(f"            {line}\n" for line in lines.split("\n"))
    return UnseenMistake(name, RAYCLUSTER, code, [(HEAD, text + HEAD)])


def variable(name: str, code: str, key: str, value: str) -> UnseenMistake:
    """Return a mistake in a variable of all pods."""
    return UnseenMistake(name, RAYCLUSTER, code, [(ENV, f'              - {{name: {key}, value: "{value}"}}\n{ENV}')])


AT_RUN_TIME = [
    # images
    *(
        UnseenMistake(
            f"kuberay worker image {tag}",
            RAYCLUSTER,
            "RTS819",
            [(IMAGE, f"ghcr.io/acme/{head}"), (GPU_8, GPU_8.replace("*image", f"ghcr.io/acme/{tag}"))],
        )
        for head, tag in (
            ("raytune:2.60.0-py311-gpu", "raytune:2.60.0-py310-gpu"),
            ("raytune:2.60.0-py311-gpu", "trials:1.4-python3.12"),
            ("raytune:2.60.0-py311-gpu", "raytune:2.59.0-py311-gpu"),
        )
    ),
    on_worker("kuberay image never pulled", "RTS819", "imagePullPolicy: Never"),
    # GPUs and variables
    variable("kuberay GPUs hidden from all", "RTS818", "CUDA_VISIBLE_DEVICES", ""),
    variable("kuberay GPUs hidden by -1", "RTS818", "CUDA_VISIBLE_DEVICES", "-1"),
    variable("kuberay one of eight GPUs visible", "RTS818", "CUDA_VISIBLE_DEVICES", "0"),
    variable("kuberay GPUs not in the container", "RTS818", "NVIDIA_VISIBLE_DEVICES", "void"),
    variable("kuberay threshold in percent", "RTS410", "RAY_memory_usage_threshold", "95"),
    variable("kuberay threshold with a sign", "RTS410", "RAY_memory_usage_threshold", "95%"),
    variable("kuberay time with a unit", "RTS410", "RAY_health_check_period_ms", "5s"),
    variable("kuberay seconds as milliseconds", "RTS410", "RAY_health_check_timeout_ms", "10"),
    variable("kuberay switch in words", "RTS410", "RAY_preallocate_plasma_memory", "yes"),
    before("aws threshold in percent", AWS, "RTS410", EXPORT, "export RAY_memory_usage_threshold=95; "),
    before(
        "aws threshold in options",
        AWS,
        "RTS410",
        "    - -v /shared:/shared\n",
        "    - -e RAY_object_spilling_threshold=80\n",
    ),
    UnseenMistake(
        "aws GPUs hidden from workers",
        AWS,
        "RTS908",
        [(START, START.replace("export ", "export CUDA_VISIBLE_DEVICES=-1 "))],
    ),
    UnseenMistake(
        "slurm time with a unit",
        SLURM,
        "RTS410",
        [("RAY_health_check_period_ms=1000", "RAY_health_check_period_ms=1s")],
    ),
    # probes
    on_worker(
        "kuberay worker probed at the dashboard",
        "RTS411",
        "livenessProbe: {httpGet: {path: /, port: 8265}, initialDelaySeconds: 60}",
    ),
    on_worker(
        "kuberay worker probed at the GCS", "RTS411", "startupProbe: {tcpSocket: {port: 6379}, failureThreshold: 60}"
    ),
    on_worker(
        "kuberay worker asks its own dashboard",
        "RTS411",
        "livenessProbe: {exec: {command: [bash, -c, 'curl -f http://localhost:8265/api/gcs_healthz']}, initialDelaySeconds: 60}",
    ),
    on_worker(
        "kuberay probe before Ray starts",
        "RTS411",
        "livenessProbe: {tcpSocket: {port: 52365}, periodSeconds: 5, failureThreshold: 2}",
    ),
    on_head(
        "kuberay HTTP to the GCS", "RTS411", "livenessProbe: {httpGet: {path: /, port: 6379}, initialDelaySeconds: 60}"
    ),
    on_head(
        "kuberay no such route",
        "RTS411",
        "livenessProbe: {httpGet: {path: /healthz, port: 8265}, initialDelaySeconds: 60}",
    ),
    on_head(
        "kuberay impatient probe",
        "RTS411",
        "livenessProbe: {exec: {command: [ray, health-check]}, initialDelaySeconds: 60}",
    ),
    # memory
    UnseenMistake(
        "kuberay object store beyond shm",
        RAYCLUSTER,
        "RTS815",
        [(PARAMETERS, '      rayStartParams: {object-store-memory: "20000000000"}\n')],
    ),
    before(
        "kuberay small autoscaler",
        RAYJOB,
        "RTS215",
        OPTIONS,
        "      resources: {requests: {cpu: 100m, memory: 64Mi}, limits: {cpu: 100m, memory: 64Mi}}\n",
    ),
    UnseenMistake(
        "kuberay small Redis",
        BASE,
        "RTS215",
        [("limits: {memory: 1Gi}", "limits: {memory: 32Mi}"), ("memory: 512Mi}", "memory: 32Mi}")],
    ),
    UnseenMistake(
        "kuberay Redis beyond its limit", BASE, "RTS215", [(REDIS, f"{REDIS}          args: [--maxmemory, 2gb]\n")]
    ),
    UnseenMistake(
        "aws object store beyond shm",
        AWS,
        "RTS410",
        [("--address=$RAY_HEAD_IP:6379", "--address=$RAY_HEAD_IP:6379 --object-store-memory=20000000000")],
    ),
    # rights and folders
    on_worker("kuberay read-only root", "RTS814", "securityContext: {readOnlyRootFilesystem: true}"),
    UnseenMistake(
        "kuberay read-only sessions",
        RAYCLUSTER,
        "RTS814",
        [(MOUNTS, f"{MOUNTS}              - {{name: studies, mountPath: /tmp, subPath: tmp, readOnly: true}}\n")],
    ),
    UnseenMistake(
        "kuberay home hidden by a part",
        RAYCLUSTER,
        "RTS813",
        [(MOUNTS, f"{MOUNTS}              - {{name: studies, mountPath: /home/ray, subPath: home}}\n")],
    ),
    UnseenMistake(
        "kuberay Python hidden by a part",
        RAYCLUSTER,
        "RTS813",
        [(MOUNTS, f"{MOUNTS}              - {{name: studies, mountPath: /home/ray/anaconda3, subPath: conda}}\n")],
    ),
    UnseenMistake(
        "kuberay Redis as root",
        BASE,
        "RTS817",
        [(REDIS, f"{REDIS}          securityContext: {{runAsNonRoot: true}}\n")],
    ),
    UnseenMistake(
        "kuberay pod of Redis as root",
        BASE,
        "RTS817",
        [
            (
                "    spec:\n      containers:\n",
                "    spec:\n      securityContext: {runAsNonRoot: true}\n      containers:\n",
            )
        ],
    ),
    UnseenMistake(
        "kuberay Redis cannot write",
        BASE,
        "RTS814",
        [(REDIS, f"{REDIS}          securityContext: {{readOnlyRootFilesystem: true}}\n")],
    ),
    UnseenMistake(
        "kuberay another user than ray",
        RAYCLUSTER,
        "RTS814",
        [
            (IMAGE, "rayproject/ray:2.60.0-py311-gpu"),
            (WORKER, f"              securityContext: {{runAsUser: 1001}}\n{WORKER}"),
        ],
    ),
    # network
    UnseenMistake(
        "kuberay policy for all pods",
        BASE,
        "RTS402",
        [(POLICY, POLICY.replace("{matchLabels: {app: raytune-redis}}", "{}"))],
    ),
    UnseenMistake(
        "kuberay policy closes Ray's ports",
        BASE,
        "RTS402",
        [(POLICY, POLICY.replace("app: raytune-redis", 'ray.io/is-ray-node: "yes"'))],
    ),
    # jobs
    before(
        "kuberay job in my folder",
        RAYJOB,
        "RTS820",
        JOB,
        "  runtimeEnvYAML: |\n    working_dir: /home/anna/projects/raytune_suite\n",
    ),
    before(
        "kuberay job on a Mac", RAYJOB, "RTS820", JOB, "  runtimeEnvYAML: |\n    working_dir: /Users/anna/projects\n"
    ),
    UnseenMistake(
        "kuberay program of my folder",
        RAYJOB,
        "RTS820",
        [("    bash -c 'raytune-suite run", "    bash -c 'python /home/anna/tune.py; raytune-suite run")],
    ),
    UnseenMistake("kuberay idle seconds", RAYJOB, "RTS212", [("idleTimeoutSeconds: 480 ", "idleTimeoutSeconds: 8 ")]),
    before("kuberay idle seconds of a group", RAYCLUSTER, "RTS212", PARAMETERS, "      idleTimeoutSeconds: 5\n"),
    before(
        "kuberay waits for a fixed name",
        RAYJOB,
        "RTS813",
        JOB_POD,
        "            initContainers: [{name: wait, image: 'busybox:1.36', command: [sh, -c, 'until nc -z raytune-digits-head-svc 6379; do sleep 2; done']}]\n",
    ),
    # storage and costs of machines
    UnseenMistake(
        "aws mount may fail", AWS, "RTS503", [(FAILS, "$STORAGE /shared) || true; sudo chmod 1777 /shared\n")]
    ),
    UnseenMistake(
        "aws mount before another command", AWS, "RTS503", [(FAILS, "$STORAGE /shared); sudo chmod 1777 /shared\n")]
    ),
    UnseenMistake("aws nofail", AWS, "RTS503", [("retrans=2 $STORAGE", "retrans=2,nofail $STORAGE")]),
    UnseenMistake("aws EFS over NFS 3", AWS, "RTS503", [("-t nfs4 -o nfsvers=4.1", "-t nfs -o nfsvers=3")]),
    UnseenMistake("azure blobs over NFS 4", AZURE, "RTS503", [("YOUR-ACCOUNT.file.core", "studies.blob.core")]),
    UnseenMistake(
        "azure files over NFS 3",
        AZURE,
        "RTS503",
        [("YOUR-ACCOUNT.file.core", "studies.file.core"), ("vers=4,minorversion=1", "vers=3")],
    ),
    UnseenMistake(
        "azure long name",
        AZURE,
        "RTS609",
        [("cluster_name: raytune-azure", "cluster_name: raytune-hyperparameter-search-vision-team-1")],
    ),
    UnseenMistake(
        "aws stopped machines", AWS, "RTS911", [("cache_stopped_nodes: false ", "cache_stopped_nodes: true ")]
    ),
    UnseenMistake(
        "aws machines that stay",
        AWS,
        "RTS212",
        [("    min_workers: 0\n    max_workers: 2\n", "    min_workers: 2\n    max_workers: 2\n")],
    ),
    UnseenMistake(
        "local mount may fail",
        LOCAL,
        "RTS503",
        [
            (
                "\nhead_start_ray_commands:\n",
                "\nhead_setup_commands: ['sudo mount -t nfs nas:/studies /shared || true']\nhead_start_ray_commands:\n",
            )
        ],
    ),
]

NFS = "\nhead_start_ray_commands:\n"
VALID: dict[str, list[tuple[str, str, str]]] = {
    "image with another name": [
        (RAYCLUSTER, IMAGE, "ghcr.io/acme/head:1.0-py311"),
        (RAYCLUSTER, GPU_8, GPU_8.replace("*image", "ghcr.io/acme/trials:2.0-py311-cu128")),
    ],
    "all GPUs visible": [
        (
            RAYCLUSTER,
            GPU_8,
            GPU_8.replace(
                "*env",
                '[{name: CUDA_VISIBLE_DEVICES, value: "0,1,2,3,4,5,6,7"}, {name: NVIDIA_VISIBLE_DEVICES, value: all}]',
            ),
        )
    ],
    "no GPU on the head": [
        (
            RAYCLUSTER,
            "            env: &env\n",
            "            env:\n              - {name: CUDA_VISIBLE_DEVICES, value: ''}\n",
        ),
        (RAYCLUSTER, WORKER, WORKER.replace("*env", "[]")),
        (RAYCLUSTER, GPU_8, GPU_8.replace("*env", "[]")),
    ],
    "settings of Ray": [
        (
            RAYCLUSTER,
            ENV,
            '              - {name: RAY_memory_usage_threshold, value: "0.95"}\n              - {name: RAY_memory_monitor_refresh_ms, value: "0"}\n'
            + ENV,
        )
    ],
    "probes as KubeRay's": [
        (
            RAYCLUSTER,
            WORKER,
            "              livenessProbe: {exec: {command: [bash, -c, 'wget -T 2 -q -O- http://localhost:52365/api/local_raylet_healthz | grep success']}, initialDelaySeconds: 30, timeoutSeconds: 2, periodSeconds: 5, failureThreshold: 120}\n"
            + WORKER,
        ),
        (
            RAYCLUSTER,
            HEAD,
            "            readinessProbe: {httpGet: {path: /api/gcs_healthz, port: 8265}, initialDelaySeconds: 10}\n"
            + HEAD,
        ),
    ],
    "read-only root with its own sessions": [
        (
            RAYCLUSTER,
            WORKER,
            "              securityContext: {readOnlyRootFilesystem: true, runAsNonRoot: true, runAsUser: 1000}\n"
            + WORKER,
        ),
        (RAYCLUSTER, MOUNTS, MOUNTS + "              - {name: sessions, mountPath: /tmp}\n"),
        (
            RAYCLUSTER,
            "        volumes: &volumes\n",
            "        volumes: &volumes\n          - {name: sessions, emptyDir: {}}\n",
        ),
    ],
    "Redis below its limit": [(BASE, REDIS, f"{REDIS}          args: [--maxmemory, 900mb]\n")],
    "object store in shared memory": [
        (RAYCLUSTER, PARAMETERS, '      rayStartParams: {object-store-memory: "8000000000"}\n')
    ],
    "a file in a folder of the image": [
        (RAYCLUSTER, MOUNTS, MOUNTS + "              - {name: studies, mountPath: /home/ray/.netrc, subPath: netrc}\n")
    ],
    "Redis as another user": [
        (
            BASE,
            REDIS,
            REDIS
            + "          securityContext: {runAsNonRoot: true, runAsUser: 999, readOnlyRootFilesystem: true}\n          volumeMounts: [{name: data, mountPath: /data}]\n",
        ),
        (
            BASE,
            "    spec:\n      containers:\n",
            "    spec:\n      volumes: [{name: data, emptyDir: {}}]\n      containers:\n",
        ),
    ],
    "closed namespace, open among Ray": [
        (BASE, "  ingress:\n    - from: [", "  ingress:\n    - from: [{podSelector: {}}]\n    - from: ["),
        (BASE, POLICY, POLICY.replace("{matchLabels: {app: raytune-redis}}", "{}")),
    ],
    "folder of a volume": [(RAYJOB, JOB, "  runtimeEnvYAML: |\n    working_dir: /shared/code\n" + JOB)],
    "mount that may be there": [
        (
            LOCAL,
            NFS,
            "\nhead_setup_commands: &mount ['mountpoint -q /shared || sudo mount -t nfs nas:/studies /shared && echo mounted || exit 1']\nworker_setup_commands: *mount\n"
            + NFS[1:],
        )
    ],
    "name of 42 characters": [(AZURE, "cluster_name: raytune-azure", f"cluster_name: {'a' * 42}")],
    "blobs over NFS 3": [
        (AZURE, "YOUR-ACCOUNT.file.core", "studies.blob.core"),
        (AZURE, "vers=4,minorversion=1", "vers=3,nolock"),
    ],
    "a cheap machine that stays": [
        (
            "clusters/aws-gpu.yaml",
            "    min_workers: 0\n    max_workers: 8\n",
            "    min_workers: 1\n    max_workers: 8\n",
        )
    ],
}
"""Edits near these rules that give no other finding than the file itself."""
