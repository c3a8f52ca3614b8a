"""Mistakes of people who had not seen the rules: what these missed of two sets of 49 and 46, and others of the same kind.

When the sets were first run, the rules found 47 of 49 (AWS and Google Cloud) and 36 of 46 (Azure, own hosts, KubeRay). The
first 12 here are what they missed, the others belong to the rules that now find these. What is reported as a warning may be
meant, or be prepared for elsewhere.
"""

# ruff: noqa: E501 - the edits are parts of lines and must not be wrapped
from __future__ import annotations

from tests.cluster.checks.unseen_mistakes_files import (
    AWS,
    AZURE,
    BASE,
    GCP,
    LOCAL,
    RAYCLUSTER,
    RAYJOB,
    RC,
    SLURM,
    UnseenMistake,
)

ON_G2, KEY = "      machineType: g2-standard-8 ", "  ssh_private_key: ~/.ssh/id_ed25519 "
PULL, START = "  pull_before_run: true\n", "\nhead_start_ray_commands:\n"
MOUNT = "sudo mkdir -p /shared && sudo mount -t nfs -o hard 192.168.1.5:/studies /shared"
DOCKER = "\ndocker:\n  image: registry.lab.io/ray:2.60.0\n  container_name: raytune\n  run_options: ["
CLAIM, REDIS = "accessModes: [ReadWriteMany] ", "          image: redis:7.4\n"
SHM_MOUNT, SHM = "              - {name: shm, mountPath: /dev/shm}\n", "          - {name: shm, emptyDir:"
HEAD_POD = "        nodeSelector: {raytune-nodes: on-demand}    # your label"
JOB, LARGE = "  ttlSecondsAfterFinished: 600 ", "      maxReplicas: 2\n      numOfHosts: 1\n"


def csi(driver: str, attributes: str) -> list[tuple[str, str]]:
    """Return the edits that add a volume of a storage driver to all pods."""
    volume = f"          - {{name: bucket, csi: {{driver: {driver}, volumeAttributes: {{{attributes}}}}}}}\n"
    return [(SHM_MOUNT, f"{SHM_MOUNT}              - {{name: bucket, mountPath: /bucket}}\n"), (SHM, volume + SHM)]


def tpu(kind: str, runtime: str) -> list[tuple[str, str]]:
    """Return the edit that starts a TPU instead of a machine with a GPU."""
    return [(ON_G2, f"      acceleratorType: {kind}\n      runtimeVersion: {runtime}\n      # ")]


def proxy(command: str) -> list[tuple[str, str]]:
    """Return the edit that sets how ssh reaches the hosts."""
    return [(KEY, f"  ssh_proxy_command: {command}\n{KEY}")]


EIGHTEENTH = [
    UnseenMistake(
        "aws comment in a folded mount",
        AWS,
        "RTS415",
        [("    sudo mkdir -p /shared;\n", "    sudo mkdir -p /shared;   # folder for EFS\n")],
    ),
    UnseenMistake("gcp TPU v4 elsewhere", GCP, "RTS910", tpu("v4-16", "tpu-ubuntu2204-base")),
    UnseenMistake(
        "azure no runtime for GPUs", AZURE, "RTS908", [(PULL, f"{PULL}  disable_automatic_runtime_detection: true\n")]
    ),
    UnseenMistake("hosts shared memory without unit", LOCAL, "RTS902", [(START, f"{DOCKER}--shm-size=8]\n{START}")]),
    UnseenMistake("hosts proxy without port", LOCAL, "RTS601", proxy("ssh -W %h gateway.lab.io")),
    UnseenMistake(
        "hosts only the head mounts", LOCAL, "RTS503", [(START, f"\nhead_setup_commands:\n  - {MOUNT}\n{START}")]
    ),
    UnseenMistake("kuberay claim for one node", BASE, "RTS814", [(CLAIM, "accessModes: [ReadWriteOnce] ")]),
    UnseenMistake(
        "kuberay Redis that forgets",
        BASE,
        "RTS804",
        [(REDIS, f"{REDIS}          args: [--maxmemory-policy, allkeys-lru]\n")],
    ),
    UnseenMistake(
        "kuberay bucket without annotation", RAYCLUSTER, "RTS814", csi("gcsfuse.csi.storage.gke.io", "bucketName: data")
    ),
    UnseenMistake("kuberay deadline in hours", RAYJOB, "RTS821", [(JOB, f"  activeDeadlineSeconds: 24\n{JOB}")]),
    UnseenMistake(
        "kuberay hosts per replica", RAYCLUSTER, "RTS213", [(LARGE, LARGE.replace("numOfHosts: 1", "numOfHosts: 8"))]
    ),
    UnseenMistake(
        "kuberay no token for the autoscaler",
        RAYCLUSTER,
        "RTS803",
        [(HEAD_POD, f"        automountServiceAccountToken: false\n{HEAD_POD}")],
    ),
    # others of the same kind
    UnseenMistake(
        "hosts comment before a folded line",
        LOCAL,
        "RTS415",
        [("    ray start --head", "    # without trials\n    ray start --head")],
    ),
    UnseenMistake(
        "kuberay comment in a folded program",
        RAYJOB,
        "RTS415",
        [("--cpus 6 --gpus 1\n", "--cpus 6 --gpus 1'   # of each trial\n    '")],
    ),
    UnseenMistake(
        "slurm comment between options",
        SLURM,
        "RTS415",
        [
            (
                '    srun --nodes=1 --ntasks=1 -w "$node_i"',
                '    srun --nodes=1 \\\n    # each node\n    --ntasks=1 -w "$node_i"',
            )
        ],
    ),
    UnseenMistake(
        "gcp TPU v3 elsewhere", GCP, "RTS910", [*tpu("v3-8", "tpu-ubuntu2204-base"), ("us-central1-a", "us-central1-c")]
    ),
    UnseenMistake(
        "kuberay TPU v4 elsewhere",
        RAYCLUSTER,
        "RTS910",
        [
            (
                "          nodeSelector: {raytune-nodes: spot}\n",
                "          nodeSelector: {cloud.google.com/gke-tpu-accelerator: tpu-v4-podslice, topology.kubernetes.io/zone: us-central1-a}\n",
            )
        ],
    ),
    UnseenMistake(
        "hosts no shared memory",
        LOCAL,
        "RTS902",
        [(START, f"{DOCKER}-e A=1]\n  disable_shm_size_detection: true\n{START}")],
    ),
    UnseenMistake("aws memory without unit", AWS, "RTS902", [("--shm-size=8g ", "--shm-size=8g --memory=64 ")]),
    UnseenMistake(
        "aws tmpfs without unit", AWS, "RTS902", [("--shm-size=8g ", "--shm-size=8g --tmpfs /scratch:rw,size=64 ")]
    ),
    UnseenMistake(
        "hosts docker run without unit",
        LOCAL,
        "RTS415",
        [("setup_commands:\n", "setup_commands:\n  - docker run -d --shm-size 8 registry.lab.io/exporter\n")],
    ),
    UnseenMistake("hosts nc without port", LOCAL, "RTS601", proxy("ssh gateway.lab.io nc %h")),
    UnseenMistake("hosts socat without port", LOCAL, "RTS601", proxy("socat - TCP:%h")),
    UnseenMistake(
        "gcp tunnel without port",
        GCP,
        "RTS601",
        [("auth:\n", "auth:\n  ssh_proxy_command: gcloud compute start-iap-tunnel %h --zone=us-central1-a\n")],
    ),
    UnseenMistake(
        "hosts only the workers mount", LOCAL, "RTS503", [(START, f"\nworker_setup_commands:\n  - {MOUNT}\n{START}")]
    ),
    UnseenMistake("kuberay claim for one pod", BASE, "RTS814", [(CLAIM, "accessModes: [ReadWriteOncePod] ")]),
    UnseenMistake("kuberay shared disk", BASE, "RTS814", [("YOUR-STORAGE-CLASS", "gp3")]),
    UnseenMistake(
        "kuberay Redis that forgets by its file",
        BASE,
        "RTS804",
        [
            (
                "apiVersion: v1\nkind: Service\n",
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: redis}\ndata: {redis.conf: maxmemory-policy allkeys-lfu}\n---\napiVersion: v1\nkind: Service\n",
            )
        ],
    ),
    UnseenMistake(
        "kuberay volume without bucket", RAYCLUSTER, "RTS814", csi("gcsfuse.csi.storage.gke.io", "mountOptions: ro")
    ),
    UnseenMistake("kuberay disk in the pod", RAYCLUSTER, "RTS814", csi("ebs.csi.aws.com", "size: large")),
    UnseenMistake("kuberay start in minutes", RAYJOB, "RTS821", [(JOB, f"  preRunningDeadlineSeconds: 30\n{JOB}")]),
    UnseenMistake(
        "kuberay timeout without unit",
        RAYJOB,
        "RTS821",
        [("metadata: {name: ", "metadata: {annotations: {ray.io/initializing-timeout: 30s}, name: ")],
    ),
    UnseenMistake(
        "kuberay pod of ten seconds",
        RC,
        "RTS821",
        [
            (
                "          containers:\n            - name: ray-worker\n",
                "          activeDeadlineSeconds: 10\n          containers:\n            - name: ray-worker\n",
            )
        ],
    ),
    UnseenMistake(
        "kuberay account without token",
        RAYCLUSTER,
        "RTS803",
        [
            (HEAD_POD, f"        serviceAccountName: ray\n{HEAD_POD}"),
            (
                "apiVersion: ray.io/v1\n",
                "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: ray}\nautomountServiceAccountToken: false\n---\napiVersion: ray.io/v1\n",
            ),
        ],
    ),
]
