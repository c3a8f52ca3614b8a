"""Unusual but valid settings, each as its provider's reference describes it: none of them gives an error.

Each entry has the file, the text that is replaced, and the new text.
"""

# ruff: noqa: E501 - the values are parts of lines and must not be wrapped
from __future__ import annotations

ON_G6, ON_G2 = "      InstanceType: g6.xlarge\n", "      machineType: g2-standard-8 "
PROVIDER, POD = "  cache_stopped_nodes: false ", "          nodeSelector: {raytune-nodes: spot}\n"
VOLUME, JOB = "          - {name: shm, emptyDir", "  backoffLimit: 2 "
GROUP, SPEC = "      numOfHosts: 1\n", "  enableInTreeAutoscaling: true "
AWS, GCP, AZURE, RAYCLUSTER, RAYJOB = (
    *("aws-gpu.yaml", "gcp-gpu.yaml", "azure-gpu.yaml"),
    *("kuberay/raycluster.yaml", "kuberay/rayjob.yaml"),
)
SLURM = "slurm/study.sbatch"
DOCKER_OF_HOSTS = "\ndocker: {image: 'rayproject/ray:2.60.0-py311-gpu', container_name: raytune, pull_before_run: true, run_options: [-v /shared:/shared, --shm-size=8g]}\n\nauth:\n"
INTERFACE = "SubnetId: subnet-0a1b2c3d4e5f60718, Groups: [sg-0123456789abcdef0]"

EXPERTS: dict[str, tuple[str, str, str]] = {
    # EC2: RunInstances, InstanceMetadataOptionsRequest; two hops for containers
    "IMDSv2": (
        AWS,
        ON_G6,
        f"{ON_G6}      MetadataOptions: {{HttpTokens: required, HttpPutResponseHopLimit: 2, HttpEndpoint: enabled}}\n",
    ),
    # EC2 user guide, "Capacity Blocks for ML"
    "capacity block": (
        AWS,
        ON_G6,
        "      InstanceType: p5.48xlarge\n      InstanceMarketOptions: {MarketType: capacity-block}\n      CapacityReservationSpecification: {CapacityReservationTarget: {CapacityReservationId: cr-0123456789abcdef0}}\n",
    ),
    # EC2 user guide, "Placement groups", "Dedicated Hosts"
    "dedicated hosts": (
        AWS,
        ON_G6,
        "      InstanceType: g5.xlarge\n      Placement: {Tenancy: host, HostId: h-0123456789abcdef0}\n",
    ),
    # EBS user guide, "Provisioned IOPS volumes", gp3; KMS aliases
    "fast encrypted disk": (
        AWS,
        "VolumeType: gp3}",
        "VolumeType: gp3, Iops: 16000, Throughput: 1000, Encrypted: true, KmsKeyId: alias/ray}",
    ),
    # EC2 user guide, "Launch templates"; Ray passes the version as text
    "version of a launch template": (
        AWS,
        ON_G6,
        f"{ON_G6}      LaunchTemplate: {{LaunchTemplateName: gpu, Version: 3}}\n",
    ),
    # Compute Engine: instances, Scheduling; Spot VMs
    "Spot VM": (
        GCP,
        "        - preemptible: true ",
        "        - provisioningModel: SPOT\n        - instanceTerminationAction: DELETE\n        # ",
    ),
    "a run of limited time": (
        GCP,
        "        - preemptible: true ",
        "        - maxRunDuration: {seconds: 86400}\n        - instanceTerminationAction: STOP\n        # ",
    ),
    # Cloud TPU: "TPU versions", "TPU software versions"
    **{
        f"TPU {kind}": (GCP, ON_G2, f"      acceleratorType: {kind}\n      runtimeVersion: {runtime}\n      # ")
        for kind, runtime in (
            *(("v4-16", "tpu-ubuntu2204-base"), ("v5litepod-16", "v2-alpha-tpuv5-lite"), ("v5p-8", "v2-alpha-tpuv5")),
            *(("v6e-8", "v2-alpha-tpuv6e"), ("v3-32", "tpu-vm-tf-2.16.1-pjrt")),
        )
    },
    # Ray's example-full.yaml for Azure
    "identity of Azure": (AZURE, PROVIDER, f"  msi_name: ray-msi\n  msi_resource_group: identities\n{PROVIDER}"),
    # NVIDIA GPU operator, "MIG"; Kubernetes: topology spread, native sidecars, projected and ephemeral volumes
    "topology spread": (
        RAYCLUSTER,
        POD,
        f"{POD}          topologySpreadConstraints: [{{maxSkew: 1, topologyKey: topology.kubernetes.io/zone, whenUnsatisfiable: ScheduleAnyway, labelSelector: {{matchLabels: {{ray.io/group: gpu-1-spot}}}}}}]\n",
    ),
    "sidecar": (
        RAYCLUSTER,
        POD,
        f"{POD}          initContainers: [{{name: logs, image: 'fluent/fluent-bit:3.1', restartPolicy: Always}}]\n",
    ),
    "sidecar after Ray": (
        RAYCLUSTER,
        "        volumes: &volumes\n",
        "          - {name: logs, image: 'fluent/fluent-bit:3.1'}\n        volumes: &volumes\n",
    ),
    # GKE: "Plan TPUs"; TPUs in two and three dimensions, hosts with 4 and with 8 chips
    **{
        f"{kind} {topology} of pods": (
            RAYCLUSTER,
            "          nodeSelector: {raytune-nodes: spot}\n          tolerations:\n",
            f"          nodeSelector: {{cloud.google.com/gke-tpu-accelerator: {kind}, cloud.google.com/gke-tpu-topology: {topology}}}\n          tolerations:\n",
        )
        for kind, topology in (("tpu-v6e-slice", "2x4"), ("tpu-v4-podslice", "2x2x1"))
    },
    # KubeRay: RayClusterSpec, RayJobSpec, RayCronJobSpec
    "options of a group": (
        RAYCLUSTER,
        GROUP,
        f"{GROUP}      idleTimeoutSeconds: 0\n      priority: 10\n      labels: {{ray.io/market-type: spot}}\n",
    ),
    "managed by Kueue": (RAYCLUSTER, SPEC, f"  managedBy: kueue.x-k8s.io/multikueue\n{SPEC}"),
    "closed network": (
        RAYCLUSTER,
        SPEC,
        f"  networkPolicy: {{mode: DenyAllEgress, worker: {{egressRules: [{{}}]}}, workerGroups: [{{groupName: gpu-8, egressRules: [{{}}]}}]}}\n{SPEC}",
    ),
    "tokens of Kubernetes": (RAYCLUSTER, "{mode: token}", "{mode: token, enableK8sTokenAuth: true}"),
    "cluster kept after a failure": (
        RAYJOB,
        "  shutdownAfterJobFinishes: true            # idle GPUs cost the same\n  ttlSecondsAfterFinished: 600 ",
        "  deletionStrategy: {onSuccess: {policy: DeleteCluster}, onFailure: {policy: DeleteNone}}\n  # ",
    ),
    "rules of deletion": (
        RAYJOB,
        "  shutdownAfterJobFinishes: true            # idle GPUs cost the same\n  ttlSecondsAfterFinished: 600 ",
        "  deletionStrategy: {deletionRules: [{policy: DeleteCluster, condition: {jobStatus: SUCCEEDED, ttlSeconds: 0}}, {policy: DeleteSelf, condition: {jobDeploymentStatus: Failed, ttlSeconds: 60}}]}\n  # ",
    ),
    "names from the pod": (
        RAYCLUSTER,
        "value: /shared/data}",
        "value: /shared/data}\n              - {name: PLACE, value: $(RAYTUNE_SUITE_DATA)/me}\n              - {name: PRICE, value: $5}",
    ),
}

NEAR: dict[str, tuple[str, str, str]] = {
    # YAML, literal style; POSIX shell: `#` inside a word or quotes, and in the last line
    "comments that end with their line": (
        AWS,
        "initialization_commands:\n",
        "initialization_commands:\n  - |\n    # the folder of EFS\n    test -d /shared ||\n      sudo mkdir -p /shared   # for studies\n  - >-\n    echo 'all # of it' $#\n    a#b;  # the end\n",
    ),
    # docker run: bytes, and a share of the memory
    "sizes with units": (
        AWS,
        "--shm-size=8g ",
        "--shm-size=8589934592 --memory=64g --tmpfs /scratch:rw,size=25% ",
    ),
    # Ray: the options that it would add itself
    "own options for GPUs": (
        AZURE,
        "  pull_before_run: true\n",
        "  pull_before_run: true\n  disable_automatic_runtime_detection: true\n  worker_run_options: [--gpus all]\n",
    ),
    # The manuals of ssh and nc
    "proxy with a port": (
        "local.yaml",
        "  ssh_private_key: ~/.ssh/id_ed25519 ",
        "  ssh_proxy_command: ssh -o 'ProxyCommand=nc -X 5 -x proxy.lab.io:1080 %h %p' -W '[%h]:%p' gateway.lab.io\n  ssh_private_key: ~/.ssh/id_ed25519 ",
    ),
    "mounts of head and workers": (
        "local.yaml",
        "\nhead_start_ray_commands:\n",
        "\nhead_setup_commands: &mount\n  - mountpoint -q /shared || sudo mount -t nfs -o hard 192.168.1.5:/studies /shared\nworker_setup_commands: *mount\n\nhead_start_ray_commands:\n",
    ),
    # Redis, "Key eviction": only keys with a time to live, of which Ray has none
    "Redis that keeps what has no time to live": (
        "kuberay/base.yaml",
        "          image: redis:7.4\n",
        "          image: redis:7.4\n          args: [--maxmemory, 512mb, --maxmemory-policy, volatile-lru]\n",
    ),
    # GKE, "Cloud Storage FUSE CSI driver"
    "bucket with its annotation": (
        "kuberay/base.yaml",
        "    metadata: {labels: {app: raytune-redis}}\n    spec:\n      containers:\n        - name: redis\n",
        '    metadata: {labels: {app: raytune-redis}, annotations: {gke-gcsfuse/volumes: "true"}}\n    spec:\n      volumes: [{name: data, csi: {driver: gcsfuse.csi.storage.gke.io, volumeAttributes: {bucketName: data}}}]\n      containers:\n        - name: redis\n          volumeMounts: [{name: data, mountPath: /bucket}]\n',
    ),
    "deadlines of a day": (
        RAYJOB,
        JOB,
        f"  activeDeadlineSeconds: 86400\n  preRunningDeadlineSeconds: 1800\n{JOB}",
    ),
    # FSx for Lustre, "Mounting from an EC2 instance"; Azure, "Mount Blob Storage by NFS 3.0"
    "Lustre": (
        AWS,
        "STORAGE=YOUR-FILE-SYSTEM.efs.us-east-1.amazonaws.com:/;\n    sudo mkdir -p /shared;\n    mountpoint -q /shared || (sudo apt-get install -qy nfs-common\n    && sudo mount -t nfs4 -o nfsvers=4.1,hard,timeo=600,retrans=2 $STORAGE /shared)",
        "STORAGE=fs-0123456789abcdef0.fsx.us-east-1.amazonaws.com@tcp:/fsx;\n    sudo mkdir -p /shared;\n    mountpoint -q /shared || (sudo apt-get install -qy lustre-client-modules-aws\n    && sudo mount -t lustre -o noatime,flock $STORAGE /shared)",
    ),
    "path with the account": (
        AZURE,
        "YOUR-ACCOUNT.file.core.windows.net:/YOUR-ACCOUNT/studies",
        "acme.file.core.windows.net:/acme/studies",
    ),
    "shared folder for data and one for studies": (
        GCP,
        "$STORAGE /shared)",
        "$STORAGE /shared) && sudo mkdir -p /imagenet && sudo mount -t nfs -o hard,ro 10.0.0.2:/imagenet /imagenet",
    ),
    "packages with similar names": (
        AWS,
        "constraints.txt boto3 ",
        "constraints.txt boto3 scikit-learn azure-identity google-cloud-storage 'ray[tune]' torch opencv-python-headless ",
    ),
    "folder of each machine for sockets": (AWS, "ray start --head", "RAY_TMPDIR=/mnt/ray ray start --head"),
    "own folder in containers": ("local.yaml", "\nauth:\n", DOCKER_OF_HOSTS),
    "minutes in a comment": (AWS, "idle_timeout_minutes: 8  ", "idle_timeout_minutes: 8   # 480 seconds"),
    "hours in a comment": (RAYJOB, JOB, f"  activeDeadlineSeconds: 28800   # eight hours\n{JOB}"),
    "retries of both": (RAYJOB, JOB, f"  submitterConfig: {{backoffLimit: 3}}\n{JOB}"),
    "new driver with open modules": (
        AWS,
        "initialization_commands:\n",
        "initialization_commands:\n  - nvidia-smi || sudo apt-get install -qy nvidia-driver-580-server-open\n",
    ),
    "own name in a message": (
        SLURM,
        "set -euo pipefail\n",
        'set -euo pipefail\necho "$(basename "$0") on $(hostname)"\n',
    ),
    "script that submits itself": (
        SLURM,
        "set -euo pipefail\n",
        'set -euo pipefail\nif [ -z "${SLURM_JOB_ID:-}" ]; then cd "$(dirname "$0")"; exec sbatch "$0" "$@"; fi\n',
    ),
    "folder of each node": (
        SLURM,
        "export RAY_ADDRESS=$address\n",
        "export RAY_ADDRESS=$address RAY_TMPDIR=/tmp/$SLURM_JOB_ID\n",
    ),
    "options of bash": (SLURM, "set -euo pipefail\n", "set -eEuo pipefail; set -o nounset\nset +o posix\n"),
    "hours of a limit": (SLURM, "# adapt; when", "# adapt, 8 hours; when"),
    "packages of a script": (
        SLURM,
        "source .venv/bin/activate\n",
        "source .venv/bin/activate\npip install -q -r requirements.txt scikit-learn\n",
    ),
    "workers without a token": (RAYCLUSTER, POD, f"          automountServiceAccountToken: false\n{POD}"),
}
"""Settings near those that rules report, which give no finding at all."""
