"""Mistakes by class: each from a thread, from a reference manual, or of the kind that people make by hand.

They were written in nine sets, each before the rules that find it. M stands for a reference manual, T for a thread, H for what
people do by hand. When they were first run, the rules found 59 of 82, 34 of 53, 19 of 40, 26 of 39, 35 of 43, 38 of 46, 41 of
47, 40 of 46 and 40 of 44, without those that turned out to be no mistakes, and without those that another rule found by
accident. One is still not found, and left out: a script of Slurm that starts the study, and exits, before it starts Ray.
"""

# ruff: noqa: E501 - the edits are parts of lines and must not be wrapped
from __future__ import annotations

from tests.cluster.checks.unseen_mistakes_files import (
    AWS,
    AZURE,
    BASE,
    GCP,
    HOSTS,
    LOCAL,
    RAYCLUSTER,
    RC,
    RJ,
    RS,
    SLURM,
    SPOT,
    STUDY,
    UnseenMistake,
)

TYPE = "      InstanceType: g6.xlarge\n"
GPU_DISK = "machineType: g2-standard-8      #"
WORKER = "            - name: ray-worker\n"
SELECTOR = "          nodeSelector: {raytune-nodes: spot}\n"

BY_CLASS = [
    # manual
    UnseenMistake(
        "aws M termination protection", AWS, "RTS905", [(TYPE, TYPE + "      DisableApiTermination: true\n")]
    ),
    UnseenMistake(
        "aws M shutdown behavior", AWS, "RTS902", [(TYPE, TYPE + "      InstanceInitiatedShutdownBehavior: delete\n")]
    ),
    UnseenMistake("aws M spot on host", SPOT, "RTS905", [(TYPE, TYPE + "      Placement: {Tenancy: host}\n")]),
    UnseenMistake("aws M gp3 iops", AWS, "RTS902", [("VolumeType: gp3}", "VolumeType: gp3, Iops: 200}")]),
    UnseenMistake(
        "aws M stop of one-time spot",
        SPOT,
        "RTS905",
        [("{MarketType: spot}", "{MarketType: spot, SpotOptions: {InstanceInterruptionBehavior: stop}}")],
    ),
    UnseenMistake(
        "aws M reserved tag",
        AWS,
        "RTS902",
        [
            (
                TYPE,
                TYPE + "      TagSpecifications: [{ResourceType: instance, Tags: [{Key: 'aws:team', Value: ml}]}]\n",
            )
        ],
    ),
    UnseenMistake(
        "aws M hibernation", AWS, "RTS905", [(TYPE, TYPE + "      HibernationOptions: {Configured: true}\n")]
    ),
    UnseenMistake(
        "aws H price with dollar",
        SPOT,
        "RTS902",
        [("{MarketType: spot}", '{MarketType: spot, SpotOptions: {MaxPrice: "$0.40"}}')],
    ),
    UnseenMistake("aws H group of 16 digits", AWS, "RTS909", [("[sg-YOUR-GROUP]", "[sg-0a1b2c3d4e5f6071]")]),
    UnseenMistake(
        "aws T KeyName on the head only",
        AWS,
        "RTS601",
        [
            ("  ssh_user: ubuntu ", "  ssh_private_key: ~/.ssh/tune.pem\n  ssh_user: ubuntu "),
            ("      InstanceType: m6i.xlarge", "      KeyName: tune\n      InstanceType: m6i.xlarge"),
        ],
    ),
    UnseenMistake(
        "aws H single quotes", AWS, "RTS402", [("--address=$RAY_HEAD_IP:6379", "--address='$RAY_HEAD_IP:6379'")]
    ),
    UnseenMistake("aws H Arm machine", AWS, "RTS907", [("InstanceType: g6.xlarge", "InstanceType: g5g.xlarge")]),
    UnseenMistake(
        "aws H idle timeout under provider",
        AWS,
        "RTS103",
        [
            ("idle_timeout_minutes: 8               # longer than the pauses between the brackets of a study\n", ""),
            ("  type: aws\n", "  type: aws\n  idle_timeout_minutes: 8\n"),
        ],
    ),
    UnseenMistake(
        "gcp M deletion protection", GCP, "RTS905", [(GPU_DISK, "deletionProtection: true\n      " + GPU_DISK)]
    ),
    UnseenMistake(
        "gcp M platform of AMD",
        GCP,
        "RTS905",
        [("machineType: n2-standard-4", "minCpuPlatform: AMD Milan\n      machineType: n2-standard-4")],
    ),
    UnseenMistake(
        "gcp M termination action on demand",
        GCP,
        "RTS905",
        [
            (
                "machineType: g2-standard-96\n      disks: *disks\n      metadata: *driver\n      scheduling:\n",
                "machineType: g2-standard-96\n      disks: *disks\n      metadata: *driver\n      scheduling:\n        - instanceTerminationAction: DELETE\n",
            )
        ],
    ),
    UnseenMistake(
        "gcp T email with project left",
        GCP,
        "RTS106",
        [
            (
                GPU_DISK,
                "serviceAccounts: [{email: ray-autoscaler-sa-v1@<PROJECT_ID>.iam.gserviceaccount.com, scopes: ['https://www.googleapis.com/auth/cloud-platform']}]\n      "
                + GPU_DISK,
            )
        ],
    ),
    UnseenMistake(
        "gcp M metadata key",
        GCP,
        "RTS902",
        [('value: "True"}', 'value: "True"}\n          - {key: startup script, value: "echo started"}')],
    ),
    UnseenMistake(
        "gcp M metadata key twice",
        GCP,
        "RTS902",
        [('value: "True"}', 'value: "True"}\n          - {key: install-nvidia-driver, value: "False"}')],
    ),
    UnseenMistake("gcp M network tag", GCP, "RTS902", [(GPU_DISK, "tags: {items: [Ray_Worker]}\n      " + GPU_DISK)]),
    UnseenMistake(
        "gcp T accelerator of another zone",
        GCP,
        "RTS910",
        [
            (
                GPU_DISK,
                "guestAccelerators: [{acceleratorType: projects/my-project/zones/europe-west4-a/acceleratorTypes/nvidia-tesla-t4, acceleratorCount: 1}]\n      "
                + GPU_DISK.replace("g2-standard-8", "n1-standard-8"),
            )
        ],
    ),
    UnseenMistake(
        "gcp H location", GCP, "RTS103", [("  availability_zone: us-central1-a", "  location: us-central1-a")]
    ),
    UnseenMistake(
        "gcp M short disk type", GCP, "RTS909", [("diskSizeGb: 200 ", "diskType: pd-ssd\n            diskSizeGb: 200 ")]
    ),
    UnseenMistake(
        "gcp M pd-standard on g2",
        GCP,
        "RTS905",
        [("diskSizeGb: 200 ", "diskType: zones/us-central1-a/diskTypes/pd-standard\n            diskSizeGb: 200 ")],
    ),
    UnseenMistake(
        "gcp M run duration",
        GCP,
        "RTS901",
        [("        - preemptible: true ", "        - maxRunDuration: 8h\n        - preemptible: true ")],
    ),
    UnseenMistake(
        "gcp M zone d", GCP, "RTS606", [("availability_zone: us-central1-a", "availability_zone: us-central1-d")]
    ),
    UnseenMistake("azure M disk over 4095", AZURE, "RTS902", [("osDiskSize: 200 ", "osDiskSize: 5000 ")]),
    UnseenMistake(
        "azure M group with a full stop",
        AZURE,
        "RTS609",
        [("resource_group: raytune-azure ", "resource_group: raytune. ")],
    ),
    UnseenMistake("azure H hyphen in size", AZURE, "RTS206", [("Standard_D4s_v5", "Standard_D4s-v5")]),
    UnseenMistake("azure M user root", AZURE, "RTS609", [("ssh_user: ubuntu", "ssh_user: root")]),
    UnseenMistake("azure H price as text", AZURE, "RTS901", [("{maxPrice: -1}", '{maxPrice: "-1"}')]),
    UnseenMistake(
        "azure M small subnet",
        AZURE,
        "RTS902",
        [("  location: eastus\n", "  location: eastus\n  subnet_mask: 10.10.0.0/30\n")],
    ),
    UnseenMistake(
        "azure H size beside the parameters",
        AZURE,
        "RTS206",
        [
            (
                "      azure_arm_parameters:\n        vmSize: Standard_NC8as_T4_v3\n",
                "      vmSize: Standard_NC8as_T4_v3\n      azure_arm_parameters:\n",
            )
        ],
    ),
    UnseenMistake(
        "azure T retired size", AZURE, "RTS207", [("Standard_NC8as_T4_v3", "Standard_NC6"), ('"CPU": 8', '"CPU": 6')]
    ),
    UnseenMistake(
        "azure M spot of B series",
        AZURE,
        "RTS905",
        [("Standard_NC8as_T4_v3", "Standard_B8ms"), ('{"CPU": 8, "GPU": 1}', '{"CPU": 8}')],
    ),
    UnseenMistake(
        "hosts T mount in /opt", LOCAL, "RTS414", [('{"~/raytune_suite": "."', '{"/opt/raytune_suite": "."')]
    ),
    UnseenMistake(
        "hosts T external address left",
        LOCAL,
        "RTS106",
        [("  worker_ips:", "  external_head_ip: YOUR_HEAD_PUBLIC_IP\n  worker_ips:")],
    ),
    UnseenMistake("hosts H letter l", LOCAL, "RTS605", [("192.168.1.12]", "192.168.l.12]")]),
    UnseenMistake(
        "hosts M small object store", HOSTS, "RTS410", [("--num-gpus=4", "--num-gpus=4 --object-store-memory=8000000")]
    ),
    UnseenMistake(
        "hosts M CPU in resources", HOSTS, "RTS410", [("--num-gpus=4", "--num-gpus=4 --resources='{\"CPU\":8}'")]
    ),
    UnseenMistake("hosts M labels", HOSTS, "RTS410", [("--num-gpus=4", "--num-gpus=4 --labels=a100")]),
    UnseenMistake(
        "hosts H exclude as text",
        LOCAL,
        "RTS101",
        [("rsync_exclude: [.venv, .git, demo, build] ", 'rsync_exclude: "**/.git" ')],
    ),
    UnseenMistake(
        "hosts H three of two workers",
        LOCAL,
        "RTS201",
        [("min_workers: 2\nmax_workers: 2", "min_workers: 3\nmax_workers: 3")],
    ),
    UnseenMistake(
        "hosts M proxy without host",
        LOCAL,
        "RTS601",
        [("  ssh_user: ray ", "  ssh_proxy_command: ssh -W bastion.example.com\n  ssh_user: ray ")],
    ),
    UnseenMistake(
        "hosts M client port", HOSTS, "RTS411", [("--port=6379 ", "--port=6379 --ray-client-server-port=6379 ")]
    ),
    UnseenMistake(
        "hosts M worker ports reversed",
        HOSTS,
        "RTS410",
        [("--num-gpus=4", "--num-gpus=4 --min-worker-port=20000 --max-worker-port=10002")],
    ),
    UnseenMistake(
        "hosts H redirect to /etc",
        HOSTS,
        "RTS414",
        [("setup_commands:\n", "setup_commands:\n  - echo 'fs.file-max=1000000' >> /etc/sysctl.conf\n")],
    ),
    UnseenMistake(
        "kuberay T selector beside spec",
        RAYCLUSTER,
        "RTS103",
        [
            (SELECTOR, ""),
            ("          restartPolicy: Never              #", "          restartPolicy: Never              #"),
            (
                "      template:\n        spec:\n          restartPolicy",
                "      template:\n        nodeSelector: {raytune-nodes: spot}\n        spec:\n          restartPolicy",
            ),
        ],
    ),
    UnseenMistake(
        "kuberay T nvidia/gpu",
        RJ,
        "RTS801",
        [
            ('limits: {cpu: "8", memory: 32Gi, nvidia.com/gpu: 1}', 'limits: {cpu: "8", memory: 32Gi, nvidia/gpu: 1}'),
            (
                'requests: {cpu: "8", memory: 32Gi, nvidia.com/gpu: 1}',
                'requests: {cpu: "8", memory: 32Gi, nvidia/gpu: 1}',
            ),
        ],
    ),
    UnseenMistake(
        "kuberay T camel case in serveConfigV2",
        RS,
        "RTS103",
        [("            num_replicas: 2", "            numReplicas: 2")],
    ),
    UnseenMistake("kuberay H serveConfigV2 as map", RS, "RTS101", [("  serveConfigV2: |\n", "  serveConfigV2:\n")]),
    UnseenMistake(
        "kuberay H import path", RS, "RTS820", [("import_path: serve_model.app", "import_path: serve_model")]
    ),
    UnseenMistake(
        "kuberay H spec of a job in a service", RS, "RTS101", [("  rayClusterConfig:\n", "  rayClusterSpec:\n")]
    ),
    UnseenMistake(
        "kuberay T long service",
        RS,
        "RTS811",
        [("  name: classifier\n", "  name: classifier-of-the-vision-team-for-production-in-europe\n")],
    ),
    UnseenMistake(
        "kuberay M volume name",
        RC,
        "RTS816",
        [
            (
                "            - name: shm\n              emptyDir",
                "            - name: shared_memory\n              emptyDir",
            ),
            ("                - name: shm\n", "                - name: shared_memory\n"),
        ],
    ),
    UnseenMistake("kuberay M container name", RAYCLUSTER, "RTS816", [("- name: ray-worker\n", "- name: Ray-Worker\n")]),
    UnseenMistake(
        "kuberay M two handlers",
        RAYCLUSTER,
        "RTS817",
        [
            (
                WORKER,
                WORKER
                + "              livenessProbe: {tcpSocket: {port: 8076}, exec: {command: [ray, health-check]}}\n",
            )
        ],
    ),
    UnseenMistake(
        "kuberay M success threshold",
        RAYCLUSTER,
        "RTS817",
        [
            (
                WORKER,
                WORKER + "              livenessProbe: {exec: {command: [ray, health-check]}, successThreshold: 3}\n",
            )
        ],
    ),
    UnseenMistake(
        "kuberay M skew",
        RAYCLUSTER,
        "RTS817",
        [
            (
                SELECTOR,
                SELECTOR
                + "          topologySpreadConstraints: [{maxSkew: 0, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: DoNotSchedule}]\n",
            )
        ],
    ),
    UnseenMistake(
        "kuberay M root and non-root",
        RAYCLUSTER,
        "RTS817",
        [(WORKER, WORKER + "              securityContext: {runAsNonRoot: true, runAsUser: 0}\n")],
    ),
    UnseenMistake("kuberay M access mode", BASE, "RTS817", [("[ReadWriteMany] ", "[ReadWriteAll] ")]),
    UnseenMistake(
        "kuberay M protocol",
        BASE,
        "RTS817",
        [("ports: [{port: 6379}]\n---\napi", "ports: [{port: 6379, protocol: tcp}]\n---\napi")],
    ),
    UnseenMistake(
        "kuberay M strategy",
        BASE,
        "RTS817",
        [("  replicas: 1\n", "  replicas: 1\n  strategy: {type: Recreate, rollingUpdate: {maxSurge: 1}}\n")],
    ),
    UnseenMistake(
        "kuberay H configMapRef as text",
        RAYCLUSTER,
        "RTS101",
        [(WORKER, WORKER + "              envFrom: [{configMapRef: training-settings}]\n")],
    ),
    UnseenMistake(
        "kuberay M ephemeral storage",
        RAYCLUSTER,
        "RTS101",
        [('requests: {cpu: "6", memory: 24Gi, ', 'requests: {cpu: "6", memory: 24Gi, ephemeral-storage: 100GiB, ')],
    ),
    UnseenMistake(
        "kuberay M weight",
        RAYCLUSTER,
        "RTS817",
        [
            (
                SELECTOR,
                SELECTOR
                + "          affinity: {nodeAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 200, preference: {matchExpressions: [{key: gpu, operator: Exists}]}}]}}\n",
            )
        ],
    ),
    UnseenMistake(
        "kuberay T annotation true",
        RC,
        "RTS101",
        [
            (
                "      template:\n        spec:\n          restartPolicy: Never",
                "      template:\n        metadata: {annotations: {gke-gcsfuse/volumes: true}}\n        spec:\n          restartPolicy: Never",
            )
        ],
    ),
    UnseenMistake(
        "kuberay M entrypointResources",
        RJ,
        "RTS101",
        [("  backoffLimit: 2\n", "  backoffLimit: 2\n  entrypointResources: {big: 1}\n")],
    ),
    UnseenMistake(
        "kuberay M pip and conda",
        RJ,
        "RTS820",
        [("    env_vars:\n", "    conda: {dependencies: [python=3.11]}\n    env_vars:\n")],
    ),
    UnseenMistake(
        "kuberay T submitter without Ray",
        RJ,
        "RTS819",
        [
            (
                "          image: rayproject/ray:2.60.0-py311\n          resources:\n            requests: {cpu: 500m",
                "          image: python:3.11-slim\n          resources:\n            requests: {cpu: 500m",
            )
        ],
    ),
    UnseenMistake(
        "slurm M array reversed",
        SLURM,
        "RTS842",
        [("#SBATCH --job-name=tune\n", "#SBATCH --job-name=tune\n#SBATCH --array=8-1\n")],
    ),
    UnseenMistake(
        "slurm T step with more CPUs",
        SLURM,
        "RTS844",
        [('srun --nodes=1 --ntasks=1 -w "$node_i"', 'srun --nodes=1 --ntasks=1 --cpus-per-task=192 -w "$node_i"')],
    ),
    UnseenMistake("slurm M decimal memory", SLURM, "RTS842", [("--mem=240G", "--mem=1.5T")]),
    UnseenMistake(
        "slurm M exclusive yes",
        SLURM,
        "RTS842",
        [("#SBATCH --job-name=tune\n", "#SBATCH --job-name=tune\n#SBATCH --exclusive=yes\n")],
    ),
    UnseenMistake("slurm M signal name", STUDY, "RTS842", [("--signal=B:USR1@120", "--signal=B:SIGUSER1@120")]),
    UnseenMistake(
        "slurm M begin",
        SLURM,
        "RTS842",
        [("#SBATCH --job-name=tune\n", "#SBATCH --job-name=tune\n#SBATCH --begin=tomorow\n")],
    ),
    UnseenMistake(
        "slurm M hint",
        SLURM,
        "RTS842",
        [("#SBATCH --job-name=tune\n", "#SBATCH --job-name=tune\n#SBATCH --hint=nomultithreading\n")],
    ),
    UnseenMistake(
        "slurm M option of srun",
        SLURM,
        "RTS841",
        [("#SBATCH --job-name=tune\n", "#SBATCH --job-name=tune\n#SBATCH --kill-on-bad-exit=1\n")],
    ),
    UnseenMistake(
        "slurm M export of one variable",
        SLURM,
        "RTS843",
        [("#SBATCH --job-name=tune\n", "#SBATCH --job-name=tune\n#SBATCH --export=WANDB_MODE=offline\n")],
    ),
    UnseenMistake("slurm H no array", SLURM, "RTS417", [("nodes_array=($nodes)", "nodes_array=$nodes")]),
    UnseenMistake(
        "slurm M constraint unbalanced",
        SLURM,
        "RTS842",
        [("#SBATCH --job-name=tune\n", '#SBATCH --job-name=tune\n#SBATCH --constraint="[a100|h100"\n')],
    ),
    UnseenMistake(
        "slurm T wait after the study",
        SLURM,
        "RTS412",
        [
            (
                "python -u tune_resnet.py --storage-path /scratch/vision/studies\n",
                "python -u tune_resnet.py --storage-path /scratch/vision/studies\nwait\n",
            )
        ],
    ),
]

SECOND = [
    UnseenMistake(
        "aws T GPUs for a head without",
        AWS,
        "RTS908",
        [("    - --shm-size=8g  ", "    - --gpus all\n    - --shm-size=8g  ")],
    ),
    UnseenMistake("aws H soft limit above hard", AWS, "RTS902", [("nofile=65536:65536", "nofile=65536:4096")]),
    UnseenMistake(
        "aws M placement elsewhere",
        AWS,
        "RTS910",
        [(TYPE, TYPE + "      Placement: {GroupName: ml, AvailabilityZone: us-west-2a}\n")],
    ),
    UnseenMistake(
        "aws M no primary interface",
        AWS,
        "RTS903",
        [
            (
                TYPE,
                TYPE
                + "      NetworkInterfaces: [{DeviceIndex: 1, SubnetId: subnet-0a1b2c3d4e5f60718, Groups: [sg-0a1b2c3d4e5f60718]}]\n",
            ),
            (
                "      BlockDeviceMappings: *disk\n      SecurityGroupIds: *groups\n  gpu_8",
                "      BlockDeviceMappings: *disk\n  gpu_8",
            ),
        ],
    ),
    UnseenMistake("aws H zones by letter", AWS, "RTS606", [("us-east-1a,us-east-1b,us-east-1c", "a,b,c")]),
    UnseenMistake(
        "aws H CPUs as text",
        AWS,
        "RTS101",
        [
            (
                "    resources: {}                     # Ray asks EC2: 4 CPUs",
                '    resources: {"CPU": "4", "GPU": 1}                     # Ray asks EC2: 4 CPUs',
            )
        ],
    ),
    UnseenMistake(
        "aws H pip with redirection",
        AWS,
        "RTS415",
        [("setup_commands:\n", "setup_commands:\n  - pip install torch>=2.4\n")],
    ),
    UnseenMistake(
        "aws H pip with one equals sign",
        AWS,
        "RTS415",
        [("setup_commands:\n", "setup_commands:\n  - pip install -q lightning=2.5.0\n")],
    ),
    UnseenMistake(
        "aws H yum on Ubuntu", AWS, "RTS415", [("sudo apt-get install -qy nfs-common", "sudo yum install -y nfs-utils")]
    ),
    UnseenMistake(
        "gcp M two L4 on a machine with one",
        GCP,
        "RTS908",
        [(GPU_DISK, "guestAccelerators: [{acceleratorType: nvidia-l4, acceleratorCount: 2}]\n      " + GPU_DISK)],
    ),
    UnseenMistake(
        "gcp M terminate in lower case",
        GCP,
        "RTS902",
        [("onHostMaintenance: TERMINATE        #", "onHostMaintenance: terminate        #")],
    ),
    UnseenMistake("gcp H underscores in the machine", GCP, "RTS206", [("n2-standard-4", "n2_standard_4")]),
    UnseenMistake(
        "gcp H zone without hyphen",
        GCP,
        "RTS606",
        [("availability_zone: us-central1-a", "availability_zone: us-central1a")],
    ),
    UnseenMistake("gcp M autoDelete yes", GCP, "RTS901", [("autoDelete: true", 'autoDelete: "yes"')]),
    UnseenMistake("gcp M node type in capitals", GCP, "RTS609", [("  gpu_1:\n", "  GPU_1:\n")]),
    UnseenMistake(
        "gcp H name of an L40", GCP, "RTS207", [(GPU_DISK, GPU_DISK.replace("g2-standard-8", "l4-standard-8"))]
    ),
    UnseenMistake(
        "azure H path of the group",
        AZURE,
        "RTS609",
        [("resource_group: raytune-azure ", "resource_group: /subscriptions/0a/resourceGroups/raytune ")],
    ),
    UnseenMistake("azure H region of AWS", AZURE, "RTS906", [("location: eastus\n", "location: us-east-1\n")]),
    UnseenMistake("azure M user in capitals", AZURE, "RTS609", [("ssh_user: ubuntu", "ssh_user: Ubuntu")]),
    UnseenMistake(
        "azure H profile as number", AZURE, "RTS901", [("billingProfile: {maxPrice: -1}", "billingProfile: -1")]
    ),
    UnseenMistake(
        "azure M more CPUs than the machine", AZURE, "RTS209", [('{"CPU": 8, "GPU": 1}', '{"CPU": 12, "GPU": 1}')]
    ),
    UnseenMistake(
        "azure H cifs without password",
        AZURE,
        "RTS413",
        [
            (
                "sudo mount -t nfs -o vers=4,minorversion=1,sec=sys,hard $STORAGE /shared",
                "sudo mount -t cifs //raytune.file.core.windows.net/studies /shared",
            )
        ],
    ),
    UnseenMistake(
        "hosts H password", LOCAL, "RTS103", [("  ssh_user: ray ", "  ssh_password: secret\n  ssh_user: ray ")]
    ),
    UnseenMistake(
        "hosts H workers with --head",
        HOSTS,
        "RTS402",
        [("ray start --address=$RAY_HEAD_IP:6379", "ray start --head --port=6379")],
    ),
    UnseenMistake(
        "hosts H address without port", HOSTS, "RTS410", [("--address=$RAY_HEAD_IP:6379", "--address=$RAY_HEAD_IP")]
    ),
    UnseenMistake(
        "hosts T client's address",
        HOSTS,
        "RTS411",
        [("--address=$RAY_HEAD_IP:6379", "--address=ray://$RAY_HEAD_IP:10001")],
    ),
    UnseenMistake(
        "hosts T dashboard's address",
        HOSTS,
        "RTS411",
        [("--address=$RAY_HEAD_IP:6379", "--address=http://$RAY_HEAD_IP:8265")],
    ),
    UnseenMistake(
        "hosts M dashboard host with port",
        HOSTS,
        "RTS410",
        [("--dashboard-host=0.0.0.0", "--dashboard-host=0.0.0.0:8265")],
    ),
    UnseenMistake(
        "hosts H spaces around the equals sign",
        HOSTS,
        "RTS415",
        [("export RAY_AUTH_MODE=token; ray start --address", "export RAY_AUTH_MODE = token; ray start --address")],
    ),
    UnseenMistake(
        "hosts H no workers", LOCAL, "RTS202", [("worker_ips: [192.168.1.11, 192.168.1.12]", "worker_ips: []")]
    ),
    UnseenMistake(
        "kuberay T two commands in an entrypoint",
        RJ,
        "RTS820",
        [("  entrypoint: python", "  entrypoint: pip install optuna; python")],
    ),
    UnseenMistake(
        "kuberay T entrypoint as one word",
        RJ,
        "RTS820",
        [
            (
                "  entrypoint: python /home/ray/code/tune_resnet.py --storage-path /shared/studies",
                "  entrypoint: \"'python /home/ray/code/tune_resnet.py'\"",
            )
        ],
    ),
    UnseenMistake("kuberay T runtimeEnvYaml", RJ, "RTS103", [("  runtimeEnvYAML:", "  runtimeEnvYaml:")]),
    UnseenMistake("kuberay M underscore in a port's name", RC, "RTS816", [("name: gcs-server}", "name: gcs_server}")]),
    UnseenMistake(
        "kuberay M class in capitals", RC, "RTS816", [("storageClassName: nfs-client", "storageClassName: NFS_Client")]
    ),
    UnseenMistake(
        "kuberay M path as key of a ConfigMap",
        RJ,
        "RTS816",
        [("data:\n  tune_resnet.py: |", "data:\n  src/data.py: |\n    import numpy\n  tune_resnet.py: |")],
    ),
    UnseenMistake(
        "kuberay M number in a ConfigMap",
        RJ,
        "RTS101",
        [("data:\n  tune_resnet.py: |", "data:\n  epochs: 10\n  tune_resnet.py: |")],
    ),
    UnseenMistake(
        "kuberay M mode 600",
        RC,
        "RTS817",
        [
            (
                "            configMap:\n              name: training-code",
                "            configMap:\n              defaultMode: 600\n              name: training-code",
            )
        ],
    ),
    UnseenMistake(
        "kuberay M prefix in capitals",
        RAYCLUSTER,
        "RTS816",
        [(SELECTOR, "          nodeSelector: {Team_A/gpu: spot}\n")],
    ),
    UnseenMistake(
        "kuberay H env as in compose",
        RAYCLUSTER,
        "RTS101",
        [("- {name: RAYTUNE_SUITE_DATA, value: /shared/data}", "- RAYTUNE_SUITE_DATA: /shared/data")],
    ),
    UnseenMistake(
        "kuberay H two objects in one document",
        BASE,
        "RTS102",
        [("---\napiVersion: v1\nkind: Service", "apiVersion: v1\nkind: Service")],
    ),
    UnseenMistake("kuberay H num_gpu of a deployment", RS, "RTS103", [("num_gpus: 1}", "num_gpu: 1}")]),
    UnseenMistake("kuberay H replica with more GPUs than a pod", RS, "RTS701", [("num_gpus: 1}", "num_gpus: 2}")]),
    UnseenMistake(
        "kuberay M autoscaling min over max",
        RS,
        "RTS820",
        [("            num_replicas: 2\n", "            autoscaling_config: {min_replicas: 4, max_replicas: 2}\n")],
    ),
    UnseenMistake(
        "slurm M more nodes listed",
        SLURM,
        "RTS842",
        [("#SBATCH --job-name=tune\n", "#SBATCH --job-name=tune\n#SBATCH --nodelist=gpu[01-08]\n")],
    ),
    UnseenMistake("slurm M days with colons", SLURM, "RTS842", [("--time=12:00:00", "--time=1:12:00:00")]),
    UnseenMistake(
        "slurm M dependency without number",
        SLURM,
        "RTS842",
        [("#SBATCH --job-name=tune\n", "#SBATCH --job-name=tune\n#SBATCH --dependency=afterok:12345,afterany\n")],
    ),
    UnseenMistake("slurm M range of CPUs", SLURM, "RTS842", [("--cpus-per-task=32", "--cpus-per-task=16-32")]),
    UnseenMistake(
        "slurm H underscores in srun",
        SLURM,
        "RTS841",
        [('srun --nodes=1 --ntasks=1 -w "$node_i"', 'srun --nodes=1 --ntasks=1 --cpus_per_task=32 -w "$node_i"')],
    ),
    UnseenMistake(
        "slurm H spaces around the equals sign", SLURM, "RTS415", [("head_node_ip=$(srun", "head_node_ip = $(srun")]
    ),
    UnseenMistake(
        "slurm H bracket without spaces",
        STUDY,
        "RTS415",
        [('if [ "$joined" -ge "$workers" ]; then', 'if ["$joined" -ge "$workers"]; then')],
    ),
    UnseenMistake(
        "slurm H braces with a variable",
        SLURM,
        "RTS415",
        [("for ((i = 1; i <= worker_num; i++)); do", "for i in {1..$worker_num}; do")],
    ),
    UnseenMistake(
        "slurm H GPUs of all nodes",
        SLURM,
        "RTS844",
        [
            ("--gpus-per-node=4", "--gpus=4"),
        ],
    ),
]

THIRD = [
    UnseenMistake(
        "aws M EFA in capitals",
        AWS,
        "RTS902",
        [
            (
                TYPE,
                TYPE
                + "      NetworkInterfaces: [{DeviceIndex: 0, InterfaceType: EFA, SubnetId: subnet-0a1b2c3d4e5f60718, Groups: [sg-0a1b2c3d4e5f60718]}]\n",
            ),
            (
                "      BlockDeviceMappings: *disk\n      SecurityGroupIds: *groups\n  gpu_8",
                "      BlockDeviceMappings: *disk\n  gpu_8",
            ),
        ],
    ),
    UnseenMistake(
        "aws M ports reversed",
        AWS,
        "RTS902",
        [
            (
                "  cache_stopped_nodes: false ",
                "  security_group: {IpPermissions: [{FromPort: 9000, ToPort: 8000, IpProtocol: tcp, IpRanges: [{CidrIp: 203.0.113.7/32}]}]}\n  cache_stopped_nodes: false ",
            )
        ],
    ),
    UnseenMistake(
        "aws H minima above the cluster's maximum",
        AWS,
        "RTS201",
        [
            ("    min_workers: 0\n    max_workers: 8", "    min_workers: 8\n    max_workers: 8"),
            ("    min_workers: 0\n    max_workers: 2", "    min_workers: 2\n    max_workers: 4"),
            ("max_workers: 10 ", "max_workers: 9 "),
        ],
    ),
    UnseenMistake(
        "aws H mount elsewhere", AWS, "RTS503", [("    - -v /shared:/shared\n", "    - -v /share:/shared\n")]
    ),
    UnseenMistake(
        "aws M tag twice",
        AWS,
        "RTS902",
        [
            (
                TYPE,
                TYPE
                + "      TagSpecifications: [{ResourceType: instance, Tags: [{Key: team, Value: ml}, {Key: team, Value: vision}]}]\n",
            )
        ],
    ),
    UnseenMistake("aws H user in capitals", AWS, "RTS609", [("ssh_user: ubuntu ", "ssh_user: Ubuntu ")]),
    UnseenMistake(
        "aws H exclude without commas", AWS, "RTS101", [("[.venv, .git, demo, build]", "[.venv .git demo build]")]
    ),
    UnseenMistake(
        "aws H container with a space", AWS, "RTS609", [("container_name: raytune", "container_name: ray tune")]
    ),
    UnseenMistake(
        "gcp H metadata as mapping",
        GCP,
        "RTS901",
        [
            (
                '        items:\n          - {key: install-nvidia-driver, value: "True"}',
                '        items: {install-nvidia-driver: "True"}',
            )
        ],
    ),
    UnseenMistake("gcp H no disk to boot", GCP, "RTS903", [("        - boot: true", "        - boot: false")]),
    UnseenMistake(
        "gcp H GPU of a machine without",
        GCP,
        "RTS208",
        [(GPU_DISK, GPU_DISK.replace("g2-standard-8", "n1-standard-8"))],
    ),
    UnseenMistake("gcp H zone as region", GCP, "RTS906", [("region: us-central1\n", "region: us-central1-a\n")]),
    UnseenMistake(
        "gcp M scopes as text",
        GCP,
        "RTS901",
        [
            (
                GPU_DISK,
                "serviceAccounts: [{email: default, scopes: 'https://www.googleapis.com/auth/cloud-platform'}]\n      "
                + GPU_DISK,
            )
        ],
    ),
    UnseenMistake("azure M disk size as text", AZURE, "RTS901", [("osDiskSize: 200 ", 'osDiskSize: "200" ')]),
    UnseenMistake(
        "azure H max_workers of the provider",
        AZURE,
        "RTS103",
        [("max_workers: 9 ", "# max_workers: 9 "), ("  type: azure\n", "  type: azure\n  max_workers: 9\n")],
    ),
    UnseenMistake(
        "azure H private key as public",
        AZURE,
        "RTS601",
        [
            (
                "  ssh_user: ubuntu ",
                "  ssh_private_key: ~/.ssh/id_rsa\n  ssh_public_key: ~/.ssh/id_rsa\n  ssh_user: ubuntu ",
            )
        ],
    ),
    UnseenMistake(
        "hosts M port below 1024",
        HOSTS,
        "RTS410",
        [("--port=6379 ", "--port=379 "), ("$RAY_HEAD_IP:6379", "$RAY_HEAD_IP:379")],
    ),
    UnseenMistake(
        "hosts M port of workers",
        HOSTS,
        "RTS411",
        [("--num-gpus=4", "--num-gpus=4 --dashboard-agent-listen-port=10050")],
    ),
    UnseenMistake("hosts H path of Windows", LOCAL, "RTS602", [("~/.ssh/id_ed25519 ", "~\\.ssh\\id_ed25519 ")]),
    UnseenMistake(
        "hosts H no semicolon after export",
        HOSTS,
        "RTS402",
        [("export RAY_AUTH_MODE=token; ray start --address", "export RAY_AUTH_MODE=token ray start --address")],
    ),
    UnseenMistake(
        "hosts H one ampersand",
        LOCAL,
        "RTS415",
        [("cd ~/raytune_suite && python3 -m pip", "cd ~/raytune_suite & python3 -m pip")],
    ),
    UnseenMistake("hosts H bashrc overwritten", HOSTS, "RTS415", [(">> ~/.bashrc", "> ~/.bashrc")]),
    UnseenMistake(
        "kuberay M name of a T4 on GKE",
        RC,
        "RTS817",
        [("gke-accelerator: nvidia-tesla-a100", "gke-accelerator: nvidia-t4")],
    ),
    UnseenMistake(
        "kuberay M profile of MIG",
        RJ,
        "RTS812",
        [
            ("memory: 32Gi, nvidia.com/gpu: 1}", "memory: 32Gi, nvidia.com/mig-1g5gb: 1}"),
            ("memory: 32Gi, nvidia.com/gpu: 1}", "memory: 32Gi, nvidia.com/mig-1g5gb: 1}"),
        ],
    ),
    UnseenMistake(
        "kuberay M no topologyKey",
        RAYCLUSTER,
        "RTS101",
        [
            (
                SELECTOR,
                SELECTOR
                + "          affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{labelSelector: {matchLabels: {ray.io/node-type: worker}}}]}}\n",
            )
        ],
    ),
    UnseenMistake(
        "kuberay H limit of shared memory without unit", RC, "RTS812", [("sizeLimit: 16Gi", "sizeLimit: 16")]
    ),
    UnseenMistake(
        "kuberay M storage in limits",
        BASE,
        "RTS817",
        [("resources: {requests: {storage: 100Gi}}", "resources: {limits: {storage: 100Gi}}")],
    ),
    UnseenMistake(
        "kuberay H selector without matchLabels",
        BASE,
        "RTS103",
        [('{podSelector: {matchLabels: {ray.io/is-ray-node: "yes"}}}', '{podSelector: {ray.io/is-ray-node: "yes"}}')],
    ),
    UnseenMistake(
        "kuberay M no selector",
        BASE,
        "RTS101",
        [("  selector: {matchLabels: {app: raytune-redis}}\n  template", "  template")],
    ),
    UnseenMistake(
        "kuberay M strategy of a service",
        RS,
        "RTS811",
        [("  rayClusterConfig:\n", "  upgradeStrategy: {type: RollingUpdate}\n  rayClusterConfig:\n")],
    ),
    UnseenMistake(
        "kuberay H password as text",
        RAYCLUSTER,
        "RTS101",
        [("    redisAddress: raytune-redis:6379 ", "    redisPassword: secret\n    redisAddress: raytune-redis:6379 ")],
    ),
    UnseenMistake(
        "kuberay H limits beside the container",
        RAYCLUSTER,
        "RTS812",
        [
            (
                "          restartPolicy: Never              #",
                "          resources: {limits: {nvidia.com/gpu: 1}}\n          restartPolicy: Never              #",
            )
        ],
    ),
    UnseenMistake(
        "kuberay M mount of a file",
        RC,
        "RTS813",
        [("                mountPath: /home/ray/code\n", "                mountPath: /home/ray\n")],
    ),
    UnseenMistake("slurm M gres with two numbers", SLURM, "RTS842", [("--gpus-per-node=4", "--gres=gpu:a100:4:2")]),
    UnseenMistake(
        "slurm M memory per GPU", SLURM, "RTS842", [("--mem=240G\n", "--mem=240G\n#SBATCH --mem-per-gpu=60G\n")]
    ),
    UnseenMistake("slurm H comma at the end", SLURM, "RTS842", [("--partition=gpu\n", "--partition=gpu,\n")]),
    UnseenMistake(
        "slurm H loop from 0", SLURM, "RTS845", [("for ((i = 1; i <= worker_num", "for ((i = 0; i <= worker_num")]
    ),
    UnseenMistake(
        "slurm H port beyond 65535",
        SLURM,
        "RTS411",
        [("port=$((10000 + SLURM_JOB_ID % 20000))", "port=$((6379 + SLURM_JOB_ID))")],
    ),
    UnseenMistake(
        "slurm H sum without brackets",
        SLURM,
        "RTS415",
        [("port=$((10000 + SLURM_JOB_ID % 20000))", "port=10000 + SLURM_JOB_ID % 20000")],
    ),
    UnseenMistake(
        "slurm T step beside Ray's",
        SLURM,
        "RTS845",
        [
            (
                "python -u tune_resnet.py",
                "srun --nodes=1 --ntasks=1 --gpus=4 --cpus-per-task=32 python -u tune_resnet.py",
            )
        ],
    ),
]

FOURTH = [
    UnseenMistake("aws H region as on Google Cloud", AWS, "RTS906", [("region: us-east-1\n", "region: us-east1\n")]),
    UnseenMistake("aws H name of an image", AWS, "RTS909", [("ami-YOUR-IMAGE", "ubuntu-22.04")]),
    UnseenMistake(
        "aws M GPU of another machine",
        AWS,
        "RTS908",
        [
            (
                "    resources: {}                     # Ray asks EC2: 4 CPUs",
                '    resources: {"CPU": 4, "GPU": 1, "accelerator_type:T4": 1}                     # Ray asks EC2: 4 CPUs',
            )
        ],
    ),
    UnseenMistake(
        "aws H image without its account",
        AWS,
        "RTS304",
        [("image: rayproject/ray:2.60.0-py311-gpu", "image: ray:2.60.0-py311-gpu")],
    ),
    UnseenMistake(
        "aws H other Python on the head",
        AWS,
        "RTS302",
        [("  container_name: raytune\n", "  head_image: rayproject/ray:2.60.0-py312-cpu\n  container_name: raytune\n")],
    ),
    UnseenMistake(
        "aws H synced files as text",
        AWS,
        "RTS101",
        [("rsync_exclude:", "cluster_synced_files: ~/data\nrsync_exclude:")],
    ),
    UnseenMistake(
        "gcp H underscore in the project", GCP, "RTS609", [("project_id: YOUR-PROJECT ", "project_id: my_project ")]
    ),
    UnseenMistake("gcp M custom machine without memory", GCP, "RTS206", [("n2-standard-4", "n2-custom-8")]),
    UnseenMistake("gcp M custom machine with odd CPUs", GCP, "RTS206", [("n2-standard-4", "n2-custom-7-20480")]),
    UnseenMistake("gcp M three A100", GCP, "RTS206", [(GPU_DISK, GPU_DISK.replace("g2-standard-8", "a2-highgpu-3g"))]),
    UnseenMistake(
        "gcp H account without domain",
        GCP,
        "RTS909",
        [
            (
                GPU_DISK,
                "serviceAccounts: [{email: ray@my-project, scopes: ['https://www.googleapis.com/auth/cloud-platform']}]\n      "
                + GPU_DISK,
            )
        ],
    ),
    UnseenMistake("gcp H labels as list", GCP, "RTS901", [(GPU_DISK, "labels: [team]\n      " + GPU_DISK)]),
    UnseenMistake(
        "gcp M TPU without version",
        GCP,
        "RTS903",
        [
            (
                "      machineType: g2-standard-8      #",
                "      acceleratorType: v4-8\n      # machineType: g2-standard-8      #",
            )
        ],
    ),
    UnseenMistake(
        "azure H image without docker",
        AZURE,
        "RTS907",
        [
            (
                "        vmSize: Standard_NC8as_T4_v3\n        osDiskSize: 200\n        imagePublisher: microsoft-dsvm\n        imageOffer: ubuntu-hpc\n",
                "        vmSize: Standard_NC8as_T4_v3\n        osDiskSize: 200\n        imagePublisher: Canonical\n        imageOffer: 0001-com-ubuntu-server-jammy\n",
            )
        ],
    ),
    UnseenMistake(
        "azure H braces around the subscription",
        AZURE,
        "RTS609",
        [("YOUR-SUBSCRIPTION", '"{12345678-1234-1234-1234-123456789012}"')],
    ),
    UnseenMistake(
        "azure H internal addresses yes",
        AZURE,
        "RTS101",
        [("  location: eastus\n", '  location: eastus\n  use_internal_ips: "yes"\n')],
    ),
    UnseenMistake(
        "azure H priority in the profile",
        AZURE,
        "RTS904",
        [
            ("        priority: Spot                #", "        #"),
            ("{maxPrice: -1}", "{maxPrice: -1, priority: Spot}"),
        ],
    ),
    UnseenMistake("hosts H type in capitals", LOCAL, "RTS104", [("type: local", "type: Local")]),
    UnseenMistake(
        "hosts H braces around the workers",
        LOCAL,
        "RTS101",
        [("[192.168.1.11, 192.168.1.12]", "{192.168.1.11, 192.168.1.12}")],
    ),
    UnseenMistake("hosts H leading zero", LOCAL, "RTS605", [("head_ip: 192.168.1.10 ", "head_ip: 192.168.001.010 ")]),
    UnseenMistake("hosts H option twice", HOSTS, "RTS410", [("--num-gpus=4", "--num-gpus=4 --num-gpus=2")]),
    UnseenMistake(
        "hosts H dash of a text editor",
        HOSTS,
        "RTS410",
        [("--address=$RAY_HEAD_IP:6379", "\u2013address=$RAY_HEAD_IP:6379")],
    ),
    UnseenMistake(
        "hosts H quotes of a text editor",
        HOSTS,
        "RTS415",
        [("'ray[default,tune]==2.60.0'", "\u2018ray[default,tune]==2.60.0\u2019")],
    ),
    UnseenMistake(
        "hosts H filter as text", LOCAL, "RTS101", [("rsync_exclude:", "rsync_filter: .gitignore\nrsync_exclude:")]
    ),
    UnseenMistake(
        "kuberay H quotes of a text editor",
        RC,
        "RTS101",
        [('                value: "1000"', "                value: \u201c1000\u201d")],
    ),
    UnseenMistake(
        "kuberay M namespace", RC, "RTS816", [("  name: tuning\n", "  name: tuning\n  namespace: ML_Team\n")]
    ),
    UnseenMistake(
        "kuberay M annotation with a space",
        RC,
        "RTS816",
        [("  labels:\n    team: vision\n", "  annotations: {team note: vision}\n  labels:\n    team: vision\n")],
    ),
    UnseenMistake(
        "kuberay H 6000 CPUs",
        RAYCLUSTER,
        "RTS812",
        [
            (
                'requests: {cpu: "6", memory: 24Gi, nvidia.com/gpu: "1"}',
                'requests: {cpu: "6000", memory: 24Gi, nvidia.com/gpu: "1"}',
            ),
            (
                'limits: {cpu: "6", memory: 24Gi, nvidia.com/gpu: "1"}',
                'limits: {cpu: "6000", memory: 24Gi, nvidia.com/gpu: "1"}',
            ),
        ],
    ),
    UnseenMistake(
        "kuberay H replicas below the minimum",
        RC,
        "RTS201",
        [("      replicas: 1\n      minReplicas: 0", "      replicas: 1\n      minReplicas: 2")],
    ),
    UnseenMistake(
        "kuberay H mounts of the pod",
        RAYCLUSTER,
        "RTS103",
        [
            (
                "              volumeMounts: *mounts\n          volumes: *volumes\n    - groupName: gpu-8",
                "          volumeMounts: *mounts\n          volumes: *volumes\n    - groupName: gpu-8",
            )
        ],
    ),
    UnseenMistake(
        "kuberay H env of the pod",
        RAYCLUSTER,
        "RTS103",
        [
            (
                "          restartPolicy: Never              #",
                "          env: [{name: OMP_NUM_THREADS, value: '4'}]\n          restartPolicy: Never              #",
            )
        ],
    ),
    UnseenMistake(
        "kuberay H read-only claim",
        RJ,
        "RTS814",
        [
            (
                "              persistentVolumeClaim: {claimName: studies}\n            - name: code",
                "              persistentVolumeClaim: {claimName: studies, readOnly: true}\n            - name: code",
            )
        ],
    ),
    UnseenMistake(
        "kuberay H entrypoint as list",
        RJ,
        "RTS101",
        [
            (
                "entrypoint: python /home/ray/code/tune_resnet.py --storage-path /shared/studies",
                "entrypoint: [python, /home/ray/code/tune_resnet.py]",
            )
        ],
    ),
    UnseenMistake(
        "kuberay H redis of another service",
        BASE,
        "RTS813",
        [
            (
                "  selector: {app: raytune-redis}\n  ports: [{port: 6379}]",
                "  selector: {app: raytune-redis}\n  ports: [{port: 6379, targetPort: redis}]",
            )
        ],
    ),
    UnseenMistake("slurm H dash of a text editor", SLURM, "RTS415", [("#SBATCH --nodes=4", "#SBATCH \u2013nodes=4")]),
    UnseenMistake("slurm H spaces in a directive", SLURM, "RTS841", [("#SBATCH --nodes=4", "#SBATCH --nodes = 4")]),
    UnseenMistake(
        "slurm M CPUs per GPU",
        SLURM,
        "RTS842",
        [("--cpus-per-task=32\n", "--cpus-per-task=32\n#SBATCH --cpus-per-gpu=8\n")],
    ),
    UnseenMistake(
        "slurm H address with another port",
        SLURM,
        "RTS411",
        [("export RAY_ADDRESS=$head_node_ip:$port", "export RAY_ADDRESS=$head_node_ip:6379")],
    ),
    UnseenMistake("slurm H folder as output", SLURM, "RTS842", [("--output=logs/tune-%j.out", "--output=logs/")]),
    UnseenMistake("slurm H address of mail", SLURM, "RTS842", [("--mail-user=me@example.com", "--mail-user=me@")]),
    UnseenMistake(
        "slurm M number of an array",
        SLURM,
        "RTS843",
        [("python -u tune_resnet.py", 'python -u tune_resnet.py --seed "$SLURM_ARRAY_TASK_ID"')],
    ),
]

FIFTH = [
    UnseenMistake(
        "aws M capacity block without reservation",
        SPOT,
        "RTS903",
        [("{MarketType: spot}", "{MarketType: capacity-block}")],
    ),
    UnseenMistake(
        "aws H price as number",
        SPOT,
        "RTS901",
        [("{MarketType: spot}", "{MarketType: spot, SpotOptions: {MaxPrice: 0.4}}")],
    ),
    UnseenMistake(
        "aws H credentials in the file",
        AWS,
        "RTS103",
        [
            (
                "  cache_stopped_nodes: false ",
                "  aws_credentials: {aws_access_key: AKIAIOSFODNN7EXAMPLE, aws_secret_key: wJalr}\n  cache_stopped_nodes: false ",
            )
        ],
    ),
    UnseenMistake("aws M device of another system", AWS, "RTS907", [("/dev/sda1", "/dev/sda")]),
    UnseenMistake("aws H volume in MB", AWS, "RTS902", [("VolumeSize: 200,", "VolumeSize: 204800,")]),
    UnseenMistake(
        "aws H node type that does not exist",
        AWS,
        "RTS105",
        [("head_node_type: head\n", "head_node_type: head_node\n")],
    ),
    UnseenMistake(
        "aws H requirements that are not copied",
        AWS,
        "RTS310",
        [
            (
                "pip install -q -c constraints.txt 'ray[default]==2.60.0' '.[all]'",
                "pip install -q -r requirements-gpu.txt 'ray[default]==2.60.0' '.[all]'",
            )
        ],
    ),
    UnseenMistake(
        "aws T sleep after reboot",
        AWS,
        "RTS412",
        [
            (
                "initialization_commands:\n",
                "initialization_commands:\n  - sudo apt-get install -qy linux-headers-aws && sudo reboot\n",
            )
        ],
    ),
    UnseenMistake(
        "gcp H bucket mounted with scheme",
        GCP,
        "RTS503",
        [("sudo mount -t nfs -o hard,timeo=600,retrans=3 $STORAGE /shared", "sudo gcsfuse gs://my-studies /shared")],
    ),
    UnseenMistake(
        "gcp M image of ARM",
        GCP,
        "RTS907",
        [("global/images/YOUR-IMAGE", "global/images/common-cu129-ubuntu-2204-arm64-v20260909")],
    ),
    UnseenMistake(
        "gcp M preemptible with STANDARD",
        GCP,
        "RTS905",
        [("        - preemptible: true ", "        - provisioningModel: STANDARD\n        - preemptible: true ")],
    ),
    UnseenMistake("gcp H region of two words", GCP, "RTS906", [("region: us-central1\n", "region: us central1\n")]),
    UnseenMistake("gcp H GPUs of the other pool", GCP, "RTS208", [('{"CPU": 96, "GPU": 8}', '{"CPU": 96, "GPU": 1}')]),
    UnseenMistake(
        "azure M identity of a machine",
        AZURE,
        "RTS904",
        [
            (
                "        vmSize: Standard_NC8as_T4_v3\n",
                "        vmSize: Standard_NC8as_T4_v3\n        msi: my-identity\n",
            )
        ],
    ),
    UnseenMistake(
        "azure H eviction without spot",
        AZURE,
        "RTS905",
        [
            (
                "        vmSize: Standard_ND96asr_v4\n",
                "        vmSize: Standard_ND96asr_v4\n        evictionPolicy: Delete\n",
            )
        ],
    ),
    UnseenMistake(
        "azure H version of Ubuntu as offer", AZURE, "RTS901", [("imageOffer: ubuntu-hpc", "imageOffer: 2204")]
    ),
    UnseenMistake(
        "azure H share over NFS with SMB's path",
        AZURE,
        "RTS503",
        [("YOUR-ACCOUNT.file.core.windows.net:/YOUR-ACCOUNT/studies", "//raytune.file.core.windows.net/studies")],
    ),
    UnseenMistake(
        "azure H spot head",
        AZURE,
        "RTS205",
        [("        vmSize: Standard_D4s_v5 ", "        priority: Spot\n        vmSize: Standard_D4s_v5 ")],
    ),
    UnseenMistake("hosts M negative CPUs", HOSTS, "RTS410", [("--num-gpus=4", "--num-gpus=4 --num-cpus=-1")]),
    UnseenMistake(
        "hosts H head address written out wrongly", HOSTS, "RTS402", [("$RAY_HEAD_IP:6379", "${RAY_HEAD_ADDRESS}:6379")]
    ),
    UnseenMistake("hosts H nfs to localhost", HOSTS, "RTS503", [("nas.lab:/export", "localhost:/export")]),
    UnseenMistake(
        "hosts H nvidia-smi in the container",
        LOCAL,
        "RTS902",
        [
            (
                "file_mounts:",
                "docker: {image: 'rayproject/ray:2.60.0-py311-gpu', container_name: ray, run_options: [--gpu all]}\nfile_mounts:",
            )
        ],
    ),
    UnseenMistake("hosts H upscaling as percent", LOCAL, "RTS101", [("upscaling_speed: 1.0", "upscaling_speed: 100%")]),
    UnseenMistake(
        "hosts H pip of the system",
        HOSTS,
        "RTS415",
        [("python3 -m pip install --user", "sudo source ~/.venv/bin/activate && python3 -m pip install")],
    ),
    UnseenMistake(
        "hosts T ray stop --force twice wrong",
        HOSTS,
        "RTS410",
        [("head_start_ray_commands:\n  - ray stop\n", "head_start_ray_commands:\n  - ray stop --grace\n")],
    ),
    UnseenMistake(
        "kuberay M job's schedule", RJ, "RTS101", [("kind: RayJob\nmetadata:", "kind: RayCronJob\nmetadata:")]
    ),
    UnseenMistake(
        "kuberay M two environment variables",
        RAYCLUSTER,
        "RTS101",
        [
            (
                '              - {name: RAY_health_check_timeout_ms, value: "1000"}',
                '              - {name: RAY_health_check_period_ms, value: "2000"}',
            )
        ],
    ),
    UnseenMistake(
        "kuberay M taint effect as value",
        RAYCLUSTER,
        "RTS817",
        [
            (
                "{key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}",
                "{key: nvidia.com/gpu, operator: Exists, effect: PreferNoExecute}",
            )
        ],
    ),
    UnseenMistake(
        "kuberay H image with space",
        RAYCLUSTER,
        "RTS816",
        [("YOUR-REGISTRY/raytune-suite:2.60.0-py311-gpu", "'registry.lab/raytune-suite: 2.60.0-py311-gpu'")],
    ),
    UnseenMistake(
        "kuberay H image with https",
        RC,
        "RTS816",
        [("image: rayproject/ray:2.60.0-py311-gpu", "image: https://registry.lab/ray:2.60.0-py311-gpu")],
    ),
    UnseenMistake(
        "kuberay H claim in a text",
        RC,
        "RTS101",
        [
            (
                "            persistentVolumeClaim:\n              claimName: studies\n          - name: code",
                "            persistentVolumeClaim: studies\n          - name: code",
            )
        ],
    ),
    UnseenMistake(
        "kuberay H memory of the object store",
        RC,
        "RTS818",
        [("      rayStartParams: {}", '      rayStartParams: {object-store-memory: "100000000000"}')],
    ),
    UnseenMistake(
        "kuberay M deletion without rules",
        RJ,
        "RTS811",
        [("  backoffLimit: 2\n", "  backoffLimit: 2\n  deletionStrategy: {onSuccess: {policy: DeleteSelf}}\n")],
    ),
    UnseenMistake(
        "kuberay T autoscaling of a fixed group", RC, "RTS201", [("      maxReplicas: 6", "      maxReplicas: 0")]
    ),
    UnseenMistake("kuberay H deployment of two Redis", BASE, "RTS101", [("  replicas: 1\n", "  replicas: 2.5\n")]),
    UnseenMistake(
        "kuberay M service with a name of a number",
        BASE,
        "RTS816",
        [("kind: Service\nmetadata: {name: raytune-redis}", "kind: Service\nmetadata: {name: 1-redis}")],
    ),
    UnseenMistake("slurm M time of zero", SLURM, "RTS842", [("--time=12:00:00", "--time=00:00:00")]),
    UnseenMistake(
        "slurm H quotation not closed",
        SLURM,
        "RTS415",
        [('echo "Starting the head on $head_node"', 'echo "Starting the head on $head_node')],
    ),
    UnseenMistake(
        "slurm H head and workers by one srun",
        SLURM,
        "RTS845",
        [('RAY_ADDRESS= srun --nodes=1 --ntasks=1 -w "$head_node"', "RAY_ADDRESS= srun")],
    ),
    UnseenMistake(
        "slurm H done without do", SLURM, "RTS415", [("i <= worker_num; i++)); do", "i <= worker_num; i++));")]
    ),
    UnseenMistake(
        "slurm H GPUs by type and number swapped", SLURM, "RTS842", [("--gpus-per-node=4", "--gpus-per-node=4:a100")]
    ),
    UnseenMistake("slurm M partition by letter with equals", SLURM, "RTS842", [("--partition=gpu", "-p=gpu")]),
    UnseenMistake(
        "slurm H environment of another shell",
        SLURM,
        "RTS415",
        [('source "$HOME/venvs/tune/bin/activate"', 'source "$HOME/venvs/tune/bin/activate.csh"')],
    ),
]

SIXTH = [
    UnseenMistake(
        "aws H region of the image's parameter",
        AWS,
        "RTS909",
        [
            (
                "ami-YOUR-IMAGE",
                "resolve:ssm:aws/service/deeplearning/ami/x86_64/base-oss-nvidia-driver-gpu-ubuntu-22.04/latest/ami-id",
            )
        ],
    ),
    UnseenMistake(
        "aws M subnet and interface",
        AWS,
        "RTS905",
        [
            (
                TYPE,
                TYPE
                + "      SubnetIds: [subnet-0a1b2c3d4e5f60718]\n      NetworkInterfaces: [{DeviceIndex: 0, SubnetId: subnet-0a1b2c3d4e5f60718, Groups: [sg-0a1b2c3d4e5f60718]}]\n",
            )
        ],
    ),
    UnseenMistake(
        "aws H storage of another region",
        AWS,
        "RTS910",
        [("efs.us-east-1.amazonaws.com", "efs.us-west-2.amazonaws.com")],
    ),
    UnseenMistake(
        "aws H comma in the zones", AWS, "RTS606", [("us-east-1a,us-east-1b,us-east-1c", "us-east-1a us-east-1b")]
    ),
    UnseenMistake("aws M group of a VPC by name", AWS, "RTS905", [(TYPE, TYPE + "      SecurityGroups: [default]\n")]),
    UnseenMistake(
        "aws H docker in setup", AWS, "RTS415", [("setup_commands:\n", "setup_commands:\n  - docker pull redis:7\n")]
    ),
    UnseenMistake(
        "aws H systemctl in setup",
        AWS,
        "RTS415",
        [("setup_commands:\n", "setup_commands:\n  - sudo systemctl restart nvidia-persistenced\n")],
    ),
    UnseenMistake(
        "aws H home of the host",
        AWS,
        "RTS902",
        [("    - -v /shared:/shared\n", "    - -v /shared:/shared\n    - -v /home/ubuntu:/home/ray\n")],
    ),
    UnseenMistake(
        "gcp M scope of another service only",
        GCP,
        "RTS903",
        [
            (
                "      machineType: n2-standard-4 ",
                "      serviceAccounts: [{email: ray@my-project.iam.gserviceaccount.com, scopes: ['https://www.googleapis.com/auth/devstorage.read_write']}]\n      machineType: n2-standard-4 ",
            )
        ],
    ),
    UnseenMistake("gcp H GPU count as text", GCP, "RTS101", [('{"CPU": 8, "GPU": 1}', '{"CPU": 8, "GPU": "1"}')]),
    UnseenMistake(
        "gcp M local ssd as boot",
        GCP,
        "RTS905",
        [("diskSizeGb: 200 ", "diskType: zones/us-central1-a/diskTypes/local-ssd\n            diskSizeGb: 200 ")],
    ),
    UnseenMistake(
        "gcp M network tag too long",
        GCP,
        "RTS902",
        [(GPU_DISK, "tags: {items: [" + "a" * 70 + "]}\n      " + GPU_DISK)],
    ),
    UnseenMistake(
        "gcp H driver as number",
        GCP,
        "RTS901",
        [('{key: install-nvidia-driver, value: "True"}', "{key: install-nvidia-driver, value: 1}")],
    ),
    UnseenMistake(
        "gcp H project in the zone",
        GCP,
        "RTS606",
        [("availability_zone: us-central1-a", "availability_zone: projects/mine/zones/us-central1-a")],
    ),
    UnseenMistake(
        "azure M public address off",
        AZURE,
        "RTS904",
        [
            (
                "        vmSize: Standard_NC8as_T4_v3\n",
                "        vmSize: Standard_NC8as_T4_v3\n        provisionPublicIp: false\n",
            )
        ],
    ),
    UnseenMistake(
        "azure H image as one text",
        AZURE,
        "RTS909",
        [
            (
                '        imagePublisher: microsoft-dsvm\n        imageOffer: ubuntu-hpc\n        imageSku: "2204"\n        imageVersion: &version YOUR-IMAGE-VERSION\n',
                "        imageId: microsoft-dsvm:ubuntu-hpc:2204:latest\n",
            ),
            ("        imageVersion: *version\n", "        imageVersion: latest\n"),
            ("        imageVersion: *version\n", "        imageVersion: latest\n"),
        ],
    ),
    UnseenMistake("azure H price below spot", AZURE, "RTS902", [("{maxPrice: -1}", "{maxPrice: -0.5}")]),
    UnseenMistake(
        "azure H key of another cloud",
        AZURE,
        "RTS606",
        [("  location: eastus\n", "  location: eastus\n  availability_zone: eastus-1\n")],
    ),
    UnseenMistake(
        "hosts H two heads", LOCAL, "RTS101", [("head_ip: 192.168.1.10 ", "head_ip: [192.168.1.10, 192.168.1.11] ")]
    ),
    UnseenMistake("hosts H address of the docker bridge", LOCAL, "RTS605", [("192.168.1.12]", "172.17.0.1]")]),
    UnseenMistake("hosts M port as word", HOSTS, "RTS410", [("--port=6379 ", "--port=redis ")]),
    UnseenMistake(
        "hosts H grep of a missing tool",
        HOSTS,
        "RTS415",
        [
            (
                "setup_commands:\n",
                "setup_commands:\n  - for host in cat hosts.txt; do ssh-keyscan $host >> ~/.ssh/known_hosts; done\n",
            )
        ],
    ),
    UnseenMistake(
        "hosts H quotes inside quotes", HOSTS, "RTS101", [("--num-gpus=4", "--num-gpus=4 --resources='{'a100': 4}'")]
    ),
    UnseenMistake(
        "hosts H mount at every start",
        HOSTS,
        "RTS414",
        [
            (
                "sudo mkdir -p /shared && sudo mount -t nfs4 nas.lab:/export /shared",
                "mount -t nfs4 nas.lab:/export /shared",
            )
        ],
    ),
    UnseenMistake(
        "kuberay H quantities swapped",
        RC,
        "RTS812",
        [
            (
                '                limits:\n                  cpu: "12"\n                  memory: 80Gi',
                '                limits:\n                  cpu: 80Gi\n                  memory: "12"',
            )
        ],
    ),
    UnseenMistake(
        "kuberay M mount path relative with tilde", RC, "RTS813", [("mountPath: /home/ray/code", "mountPath: ~/code")]
    ),
    UnseenMistake(
        "kuberay M lower bound of the priority",
        RAYCLUSTER,
        "RTS817",
        [(SELECTOR, SELECTOR + "          preemptionPolicy: Always\n")],
    ),
    UnseenMistake(
        "kuberay M readiness by a port that is not open",
        RC,
        "RTS817",
        [
            (
                "              lifecycle:\n",
                "              readinessProbe: {httpGet: {path: /, port: metrics}}\n              lifecycle:\n",
            )
        ],
    ),
    UnseenMistake(
        "kuberay M key of a secret",
        RC,
        "RTS101",
        [
            (
                "                      name: wandb\n                      key: api-key\n",
                "                      name: wandb\n",
            )
        ],
    ),
    UnseenMistake(
        "kuberay H toleration of the taint's text",
        RAYCLUSTER,
        "RTS817",
        [
            (
                "{key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}",
                '{key: "nvidia.com/gpu=present:NoSchedule", operator: Exists}',
            )
        ],
    ),
    UnseenMistake(
        "kuberay H dashboard for the pod only",
        RAYCLUSTER,
        "RTS410",
        [("dashboard-host: 0.0.0.0 ", "dashboard-host: 127.0.0.1 ")],
    ),
    UnseenMistake("kuberay M autoscaler v3", RAYCLUSTER, "RTS101", [("    version: v2 ", "    version: v3 ")]),
    UnseenMistake(
        "kuberay H idle timeout with unit",
        RAYCLUSTER,
        "RTS101",
        [("idleTimeoutSeconds: 480 ", "idleTimeoutSeconds: 8m ")],
    ),
    UnseenMistake("kuberay H version with v", RC, "RTS301", [('rayVersion: "2.60.0"', "rayVersion: v2.60.0")]),
    UnseenMistake(
        "kuberay H pip with one equals sign", RJ, "RTS820", [("      - lightning==2.5.0", "      - lightning=2.5.0")]
    ),
    UnseenMistake(
        "kuberay H number in env_vars", RJ, "RTS101", [("      WANDB_MODE: offline", "      OMP_NUM_THREADS: 4")]
    ),
    UnseenMistake(
        "kuberay H requirements in pip's list",
        RJ,
        "RTS103",
        [("      - lightning==2.5.0", "      packages: [lightning==2.5.0]\n      version: 24.0")],
    ),
    UnseenMistake("kuberay H policy for egress", BASE, "RTS817", [("policyTypes: [Ingress]", "policyTypes: [Ingres]")]),
    UnseenMistake("kuberay M requests of storage in numbers", BASE, "RTS101", [("storage: 100Gi", "storage: 100 Gi")]),
    UnseenMistake(
        "slurm M cluster by name twice", SLURM, "RTS102", [("--account=vision", "--account=vision --account=speech")]
    ),
    UnseenMistake("slurm M uppercase option", SLURM, "RTS841", [("#SBATCH --nodes=4", "#SBATCH --Nodes=4")]),
    UnseenMistake("slurm H semicolon in a directive", SLURM, "RTS842", [("--nodes=4\n", "--nodes=4; --exclusive\n")]),
    UnseenMistake(
        "slurm H loop beyond the nodes",
        SLURM,
        "RTS845",
        [("worker_num=$((SLURM_JOB_NUM_NODES - 1))", "worker_num=$((SLURM_JOB_NUM_NODES + 1))")],
    ),
    UnseenMistake("slurm H workers without &", SLURM, "RTS845", [("--num-gpus 4 --block &", "--num-gpus 4 --block")]),
    UnseenMistake("slurm H RAY_ADRESS", SLURM, "RTS417", [('--address "$RAY_ADDRESS"', '--address "$RAY_ADRESS"')]),
    UnseenMistake("slurm H memory of the node in bytes", SLURM, "RTS842", [("--mem=240G", "--mem=240000000000")]),
]

SEVENTH = [
    UnseenMistake("aws M volume of type gp4", AWS, "RTS902", [("VolumeType: gp3}", "VolumeType: gp4}")]),
    UnseenMistake(
        "aws M throughput of 5000", AWS, "RTS902", [("VolumeType: gp3}", "VolumeType: gp3, Throughput: 5000}")]
    ),
    UnseenMistake(
        "aws H key pair of a file",
        AWS,
        "RTS601",
        [
            ("  ssh_user: ubuntu ", "  ssh_private_key: my-key\n  ssh_user: ubuntu "),
            ("      InstanceType: m6i.xlarge", "      KeyName: my-key\n      InstanceType: m6i.xlarge"),
            (TYPE, TYPE + "      KeyName: my-key\n"),
            ("      InstanceType: g6.48xlarge\n", "      InstanceType: g6.48xlarge\n      KeyName: my_key\n"),
        ],
    ),
    UnseenMistake(
        "aws H spot beside the options",
        SPOT,
        "RTS904",
        [("InstanceMarketOptions: {MarketType: spot}", "MarketType: spot")],
    ),
    UnseenMistake(
        "aws H GPUs of g5 on g6",
        AWS,
        "RTS208",
        [
            ("InstanceType: g6.48xlarge", "InstanceType: g6.12xlarge"),
            (
                "    resources: {}                     # 192",
                '    resources: {"CPU": 192, "GPU": 8}                     # 192',
            ),
        ],
    ),
    UnseenMistake(
        "aws H region of the registry",
        AWS,
        "RTS304",
        [("image: rayproject/ray:2.60.0-py311-gpu", "image: 123456789012.dkr.ecr.us-east-1.amazonaws.com/ray-gpu")],
    ),
    UnseenMistake(
        "aws H port 22 for the world",
        AWS,
        "RTS902",
        [
            (
                "  cache_stopped_nodes: false ",
                "  security_group: {IpPermissions: [{FromPort: 22, ToPort: 22, IpProtocol: tcp, IpRanges: [{CidrIp: 0.0.0.0}]}]}\n  cache_stopped_nodes: false ",
            )
        ],
    ),
    UnseenMistake(
        "gcp H spot by flag of gcloud", GCP, "RTS103", [("        - preemptible: true ", "        - spot: true ")]
    ),
    UnseenMistake(
        "gcp M accelerator path",
        GCP,
        "RTS208",
        [
            (
                GPU_DISK,
                "guestAccelerators: [{acceleratorType: nvidia-tesla-v100, acceleratorCount: 16}]\n      "
                + GPU_DISK.replace("g2-standard-8", "n1-standard-8"),
            )
        ],
    ),
    UnseenMistake(
        "gcp M source of a disk and image",
        GCP,
        "RTS905",
        [
            (
                "          initializeParams:\n",
                "          source: zones/us-central1-a/disks/data\n          initializeParams:\n",
            )
        ],
    ),
    UnseenMistake(
        "gcp H subnetwork by name",
        GCP,
        "RTS905",
        [(GPU_DISK, "networkInterfaces: [{subnetwork: ml}]\n      " + GPU_DISK)],
    ),
    UnseenMistake(
        "gcp H head without a disk",
        GCP,
        "RTS103",
        [
            (
                "      disks: &disks\n        - boot: true\n          autoDelete: true\n          type: PERSISTENT\n          initializeParams:\n            diskSizeGb: 200 ",
                "      disks: &disks\n        - autoDelete: true\n          boot: true\n          type: PERSISTENT\n          initializeParam:\n            diskSizeGb: 200 ",
            )
        ],
    ),
    UnseenMistake("azure H disk of 2 TB in MB", AZURE, "RTS902", [("osDiskSize: 200 ", "osDiskSize: 2048000 ")]),
    UnseenMistake("azure M spot with low priority", AZURE, "RTS902", [("priority: Spot ", "priority: LowPriority ")]),
    UnseenMistake("azure H region and zone in one", AZURE, "RTS906", [("location: eastus\n", "location: eastus-1\n")]),
    UnseenMistake("azure H size of AWS", AZURE, "RTS206", [("Standard_NC8as_T4_v3", "g4dn.2xlarge")]),
    UnseenMistake(
        "azure M mask of another form",
        AZURE,
        "RTS902",
        [("  location: eastus\n", "  location: eastus\n  subnet_mask: 255.255.0.0\n")],
    ),
    UnseenMistake("hosts H comma in a name", LOCAL, "RTS605", [("192.168.1.12]", '"192.168.1.12,"]')]),
    UnseenMistake(
        "hosts H user in the key",
        LOCAL,
        "RTS602",
        [("ssh_private_key: ~/.ssh/id_ed25519 ", "ssh_private_key: ray@192.168.1.10 ")],
    ),
    UnseenMistake("hosts M GPUs by index", HOSTS, "RTS410", [("--num-gpus=4", "--num-gpus=0,1,2,3")]),
    UnseenMistake("hosts H upper-case option", HOSTS, "RTS410", [("--num-gpus=4", "--Num-GPUs=4")]),
    UnseenMistake(
        "hosts H variable of a shell that is not set", HOSTS, "RTS417", [("--num-gpus=4", "--num-gpus=$NUM_GPUS")]
    ),
    UnseenMistake(
        "hosts H chmod of a missing sudo",
        HOSTS,
        "RTS414",
        [("setup_commands:\n", "setup_commands:\n  - mkdir -p /opt/data && chmod 777 /opt/data\n")],
    ),
    UnseenMistake(
        "hosts H ray of pip and conda",
        HOSTS,
        "RTS305",
        [("'ray[default,tune]==2.60.0'", "'ray[default,tune]>=2.60.0'")],
    ),
    UnseenMistake(
        "hosts H ray up in the commands",
        HOSTS,
        "RTS410",
        [
            (
                "  - ray stop\n  - ulimit -n 65536; export RAY_AUTH_MODE=token; ray start --address",
                "  - ray stpo\n  - ulimit -n 65536; export RAY_AUTH_MODE=token; ray start --address",
            )
        ],
    ),
    UnseenMistake(
        "kuberay H memory in MB", RAYCLUSTER, "RTS812", [("limits: {memory: 8Gi}}", "limits: {memory: 8192}}")]
    ),
    UnseenMistake(
        "kuberay H tag of a GPU image on the head",
        RAYCLUSTER,
        "RTS101",
        [("value: /shared/data}", "valueFrom: /shared/data}")],
    ),
    UnseenMistake(
        "kuberay M host port twice used",
        RC,
        "RTS816",
        [("{containerPort: 8265, name: dashboard}", "{containerPort: 8265, name: dashboard, hostPort: 70000}")],
    ),
    UnseenMistake(
        "kuberay M label with an empty key",
        RC,
        "RTS816",
        [("  labels:\n    team: vision\n", "  labels:\n    team/: vision\n")],
    ),
    UnseenMistake(
        "kuberay H two spaces too few",
        RC,
        "RTS103",
        [("    - groupName: a100\n      replicas: 1\n", "    - groupName: a100\n      replica: 1\n")],
    ),
    UnseenMistake(
        "kuberay M init container without image",
        RAYCLUSTER,
        "RTS817",
        [
            (
                "          containers:\n            - name: ray-worker",
                "          initContainers: [{name: wait, command: [sleep, '5']}]\n          containers:\n            - name: ray-worker",
            )
        ],
    ),
    UnseenMistake(
        "kuberay M update of a StatefulSet",
        BASE,
        "RTS108",
        [("apiVersion: apps/v1\nkind: Deployment", "apiVersion: extensions/v1beta1\nkind: Deployment")],
    ),
    UnseenMistake(
        "kuberay H claim of a size as text",
        BASE,
        "RTS101",
        [("{requests: {storage: 100Gi}}", "{requests: {storage: 100 GB}}")],
    ),
    UnseenMistake(
        "kuberay M session affinity",
        BASE,
        "RTS817",
        [
            (
                "  ports: [{port: 6379}]\n---\napiVersion: apps",
                "  sessionAffinity: clientip\n  ports: [{port: 6379}]\n---\napiVersion: apps",
            )
        ],
    ),
    UnseenMistake(
        "kuberay H schedule of a job",
        RJ,
        "RTS103",
        [("  backoffLimit: 2\n", "  backoffLimit: 2\n  schedule: '0 3 * * *'\n")],
    ),
    UnseenMistake(
        "kuberay H deadline in hours", RJ, "RTS101", [("activeDeadlineSeconds: 86400", "activeDeadlineSeconds: 24h")]
    ),
    UnseenMistake(
        "kuberay H environment in JSON",
        RJ,
        "RTS820",
        [("    pip:\n      - lightning==2.5.0\n", "    pip: lightning==2.5.0, torch\n")],
    ),
    UnseenMistake("kuberay H route without slash", RS, "RTS820", [("route_prefix: /\n", "route_prefix: classify\n")]),
    UnseenMistake("kuberay H replicas as text in Serve", RS, "RTS820", [("num_replicas: 2\n", "num_replicas: two\n")]),
    UnseenMistake(
        "slurm M memory for each CPU and node",
        SLURM,
        "RTS842",
        [("--mem=240G\n", "--mem=240G\n#SBATCH --mem-per-cpu=8G\n")],
    ),
    UnseenMistake("slurm M GPUs per socket", SLURM, "RTS842", [("--gpus-per-node=4\n", "--gpus-per-socket=2\n")]),
    UnseenMistake("slurm H nodes as list", SLURM, "RTS842", [("--nodes=4\n", "--nodes=gpu01,gpu02\n")]),
    UnseenMistake("slurm H hostname of all", SLURM, "RTS845", [("head_node=${nodes_array[0]}", "head_node=$nodes")]),
    UnseenMistake(
        "slurm H no head address",
        SLURM,
        "RTS410",
        [("export RAY_ADDRESS=$head_node_ip:$port", "export RAY_ADDRESS=:$port")],
    ),
    UnseenMistake("slurm H module in the wrong case", SLURM, "RTS841", [("#SBATCH --mem=240G", "#SBATCH --mem=240 G")]),
    UnseenMistake(
        "slurm H then missing", STUDY, "RTS415", [('"$workers" ]; then break; fi', '"$workers" ]; break; fi')]
    ),
    UnseenMistake(
        "slurm H single quotes around a variable",
        SLURM,
        "RTS415",
        [('--address "$RAY_ADDRESS"', "--address '$RAY_ADDRESS'")],
    ),
]

EIGHTH = [
    UnseenMistake(
        "aws M instance profile by an ARN of another account's form",
        AWS,
        "RTS909",
        [(TYPE, TYPE + "      IamInstanceProfile: {Arn: 'arn:aws:iam::12345:instance-profile/ray'}\n")],
    ),
    UnseenMistake(
        "aws M launch template without a name", AWS, "RTS903", [(TYPE, TYPE + "      LaunchTemplate: {Version: '1'}\n")]
    ),
    UnseenMistake("aws M affinity without host", AWS, "RTS903", [(TYPE, TYPE + "      Placement: {Affinity: host}\n")]),
    UnseenMistake("aws H tags as text", AWS, "RTS901", [(TYPE, TYPE + "      TagSpecifications: team=ml\n")]),
    UnseenMistake(
        "aws H block device by name only",
        AWS,
        "RTS904",
        [("          Ebs: {VolumeSize: 200, VolumeType: gp3}       #", "          VolumeSize: 200       #")],
    ),
    UnseenMistake(
        "aws H instance types as list",
        AWS,
        "RTS901",
        [("InstanceType: g6.xlarge", "InstanceType: [g6.xlarge, g5.xlarge]")],
    ),
    UnseenMistake(
        "aws H mistyped variable of the file system", AWS, "RTS417", [("$STORAGE /shared)", "$STORGE /shared)")]
    ),
    UnseenMistake(
        "aws H setup of the head for all", AWS, "RTS103", [("head_setup_commands:\n", "head_setup_command:\n")]
    ),
    UnseenMistake(
        "gcp M image with family and version",
        GCP,
        "RTS909",
        [("global/images/YOUR-IMAGE", "global/images/family/common-cu129-ubuntu-2204:v20260909")],
    ),
    UnseenMistake(
        "gcp M disk name in capitals",
        GCP,
        "RTS902",
        [("diskSizeGb: 200 ", "diskName: Root_Disk\n            diskSizeGb: 200 ")],
    ),
    UnseenMistake(
        "gcp M min CPU platform of Google", GCP, "RTS902", [(GPU_DISK, "minCpuPlatform: skylake\n      " + GPU_DISK)]
    ),
    UnseenMistake("gcp H max_workers as text", GCP, "RTS101", [("max_workers: 10 ", 'max_workers: "10" ')]),
    UnseenMistake("gcp H worker type as head", GCP, "RTS101", [("head_node_type: head\n", "head_node_type: [head]\n")]),
    UnseenMistake(
        "azure H key of ARM's own template",
        AZURE,
        "RTS103",
        [("        vmSize: Standard_NC8as_T4_v3\n", "        hardwareProfile: {vmSize: Standard_NC8as_T4_v3}\n")],
    ),
    UnseenMistake("azure M user with a dot at the end", AZURE, "RTS609", [("ssh_user: ubuntu", "ssh_user: ubuntu.")]),
    UnseenMistake(
        "azure H cluster name with a space",
        AZURE,
        "RTS609",
        [("cluster_name: raytune-azure", "cluster_name: raytune azure")],
    ),
    UnseenMistake("azure H no GPU in the resources", AZURE, "RTS208", [('{"CPU": 8, "GPU": 1}', '{"CPU": 8}')]),
    UnseenMistake("hosts H empty head", LOCAL, "RTS101", [("head_ip: 192.168.1.10 ", "head_ip: ")]),
    UnseenMistake("hosts H worker in quotes with a space", LOCAL, "RTS605", [("192.168.1.12]", '"192.168.1.12 "]')]),
    UnseenMistake("hosts M system config", HOSTS, "RTS410", [("--num-gpus=4", "--num-gpus=4 --system-config={a:1}")]),
    UnseenMistake("hosts M no value of an option", HOSTS, "RTS410", [("--num-gpus=4", "--num-gpus")]),
    UnseenMistake(
        "hosts H while without do",
        HOSTS,
        "RTS415",
        [("setup_commands:\n", "setup_commands:\n  - until ping -c1 nas.lab; sleep 1; done\n")],
    ),
    UnseenMistake(
        "hosts H apt with a wrong word",
        HOSTS,
        "RTS415",
        [
            (
                "sudo apt-get update && sudo apt-get install -y rsync",
                "sudo apt-get update && sudo apt-get instal -y rsync",
            )
        ],
    ),
    UnseenMistake(
        "hosts H pip with a wrong option", HOSTS, "RTS415", [("pip install --user 'ray", "pip install --users 'ray")]
    ),
    UnseenMistake(
        "hosts H git clone over ssh",
        HOSTS,
        "RTS413",
        [("setup_commands:\n", "setup_commands:\n  - test -d ~/code || git clone git@github.com:me/code.git ~/code\n")],
    ),
    UnseenMistake(
        "kuberay M grace period above the deadline",
        RAYCLUSTER,
        "RTS101",
        [("terminationGracePeriodSeconds: 60 ", "terminationGracePeriodSeconds: 60.5 ")],
    ),
    UnseenMistake("kuberay M group with 60 letters", RC, "RTS807", [("groupName: a100", "groupName: " + "a" * 64)]),
    UnseenMistake(
        "kuberay M port zero",
        RC,
        "RTS411",
        [("{containerPort: 10001, name: client}", "{containerPort: 0, name: client}")],
    ),
    UnseenMistake(
        "kuberay H secret in the environment",
        RAYCLUSTER,
        "RTS614",
        [("{name: RAYTUNE_SUITE_DATA, value: /shared/data}", "{name: RAY_AUTH_TOKEN, value: c2VjcmV0c2VjcmV0}")],
    ),
    UnseenMistake(
        "kuberay H resources of GPU in the head",
        RAYCLUSTER,
        "RTS812",
        [("limits: {memory: 8Gi}}", "limits: {memory: 8Gi, gpu: 1}}")],
    ),
    UnseenMistake("kuberay H number of hosts as text", RAYCLUSTER, "RTS101", [("numOfHosts: 1", 'numOfHosts: "1"')]),
    UnseenMistake(
        "kuberay H restart policy of the worker",
        RAYCLUSTER,
        "RTS802",
        [("restartPolicy: Never  ", "restartPolicy: never  ")],
    ),
    UnseenMistake(
        "kuberay H toleration in one line",
        RAYCLUSTER,
        "RTS101",
        [
            (
                "            - {key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}\n            # the taints",
                "            - nvidia.com/gpu=present:NoSchedule\n            # the taints",
            )
        ],
    ),
    UnseenMistake("kuberay M quantity with a comma", RC, "RTS101", [("sizeLimit: 16Gi", 'sizeLimit: "16,5Gi"')]),
    UnseenMistake(
        "kuberay H two jobs of a name",
        RJ,
        "RTS813",
        [("kind: ConfigMap\nmetadata:\n  name: training-code", "kind: ConfigMap\nmetadata:\n  name: Training-Code")],
    ),
    UnseenMistake("kuberay H retries as text", RJ, "RTS101", [("backoffLimit: 2", "backoffLimit: two")]),
    UnseenMistake(
        "kuberay H policy's port as text", BASE, "RTS101", [("      ports: [{port: 6379}]", "      ports: [6379]")]
    ),
    UnseenMistake(
        "kuberay H redis of the wrong tag", BASE, "RTS816", [("image: redis:7.4", "image: redis:7.4:latest")]
    ),
    UnseenMistake("slurm M memory of 0.5T", SLURM, "RTS842", [("--mem=240G", "--mem=0.5T")]),
    UnseenMistake("slurm M unknown type of mail", SLURM, "RTS842", [("END,FAIL", "END;FAIL")]),
    UnseenMistake("slurm H one equals sign too many", SLURM, "RTS842", [("--time=12:00:00", "--time==12:00:00")]),
    UnseenMistake("slurm H underscore in the option", SLURM, "RTS841", [("--cpus-per-task=32", "--cpus_per_task=32")]),
    UnseenMistake(
        "slurm H index from 1 of the head",
        SLURM,
        "RTS417",
        [("head_node=${nodes_array[0]}", "head_node=${nodes_array[4]}")],
    ),
    UnseenMistake(
        "slurm H head with --address",
        SLURM,
        "RTS410",
        [("ray start --head --node-ip-address", "ray start --head --address=auto --node-ip-address")],
    ),
    UnseenMistake(
        "slurm H esac for fi", STUDY, "RTS415", [('"$workers" ]; then break; fi', '"$workers" ]; then break; esac')]
    ),
    UnseenMistake("slurm H port of another name", SLURM, "RTS411", [("--port=$port", "--port=$ports")]),
]

NINTH = [
    UnseenMistake(
        "aws H spot price as object", SPOT, "RTS901", [("{MarketType: spot}", "{MarketType: spot, SpotOptions: 0.4}")]
    ),
    UnseenMistake(
        "aws M three characters of a key",
        AWS,
        "RTS902",
        [
            (
                "      SecurityGroupIds: &groups [sg-YOUR-GROUP]\n",
                "      SecurityGroupIds: &groups [sg-YOUR-GROUP]\n      PrivateIpAddress: 10.0.0.5.1\n",
            )
        ],
    ),
    UnseenMistake(
        "aws M device names in use twice",
        AWS,
        "RTS902",
        [
            (
                "        - DeviceName: /dev/sda1\n",
                "        - {DeviceName: /dev/sda1, Ebs: {VolumeSize: 100}}\n        - DeviceName: /dev/sda1\n",
            )
        ],
    ),
    UnseenMistake(
        "aws M core count", AWS, "RTS902", [(TYPE, TYPE + "      CpuOptions: {CoreCount: 2, ThreadsPerCore: 4}\n")]
    ),
    UnseenMistake(
        "aws H mount in the container",
        AWS,
        "RTS503",
        [("setup_commands:\n", "setup_commands:\n  - sudo mount -t nfs4 10.0.0.9:/ /data\n")],
    ),
    UnseenMistake(
        "aws H CUDA of the wheels",
        AWS,
        "RTS303",
        [
            (
                "setup_commands:\n",
                "setup_commands:\n  - pip install torch --index-url=https://download.pytorch.org/whl/cu999\n",
            )
        ],
    ),
    UnseenMistake(
        "aws H pools under workers", AWS, "RTS101", [("  gpu_1:  ", "  worker_nodes:\n    min_workers: 0\n  gpu_1:  ")]
    ),
    UnseenMistake(
        "gcp H disk in initializeParams",
        GCP,
        "RTS904",
        [
            (
                "          autoDelete: true\n          type: PERSISTENT\n          initializeParams:\n",
                "          type: PERSISTENT\n          initializeParams:\n            autoDelete: true\n",
            )
        ],
    ),
    UnseenMistake(
        "gcp M node affinity",
        GCP,
        "RTS902",
        [
            (
                "        - onHostMaintenance: TERMINATE        #",
                "        - nodeAffinities: [{key: pool, operator: In, values: [a]}]\n        - onHostMaintenance: TERMINATE        #",
            )
        ],
    ),
    UnseenMistake(
        "gcp M label of 70 letters", GCP, "RTS902", [(GPU_DISK, "labels: {team: " + "a" * 70 + "}\n      " + GPU_DISK)]
    ),
    UnseenMistake("gcp H region of Azure", GCP, "RTS906", [("region: us-central1\n", "region: centralus\n")]),
    UnseenMistake(
        "gcp H bucket of S3",
        GCP,
        "RTS503",
        [
            (
                "mount -t nfs -o hard,timeo=600,retrans=3 $STORAGE /shared",
                "mount -t nfs -o hard,timeo=600,retrans=3 s3://studies /shared",
            )
        ],
    ),
    UnseenMistake(
        "azure H GPU type in the resources", AZURE, "RTS208", [('{"CPU": 8, "GPU": 1}', '{"CPU": 8, "T4": 1}')]
    ),
    UnseenMistake(
        "azure H image of Windows",
        AZURE,
        "RTS907",
        [
            (
                "imagePublisher: microsoft-dsvm\n        imageOffer: ubuntu-hpc\n",
                "imagePublisher: MicrosoftWindowsServer\n        imageOffer: WindowsServer\n",
            )
        ],
    ),
    UnseenMistake(
        "azure M two zones in a list",
        AZURE,
        "RTS101",
        [("  location: eastus\n", "  location: eastus\n  availability_zone: [1, 2]\n")],
    ),
    UnseenMistake(
        "azure H rights of the key",
        AZURE,
        "RTS601",
        [
            (
                "  ssh_user: ubuntu ",
                "  ssh_private_key: ~/.ssh/id_rsa\n  ssh_public_key: ssh-rsa AAAAB3 me@lab\n  ssh_user: ubuntu ",
            )
        ],
    ),
    UnseenMistake("hosts H name with underscore and space", LOCAL, "RTS605", [("192.168.1.12]", "gpu node 2]")]),
    UnseenMistake("hosts H ssh port in the user", LOCAL, "RTS601", [("ssh_user: ray ", "ssh_user: ray:2222 ")]),
    UnseenMistake("hosts H max below min", LOCAL, "RTS201", [("max_workers: 2\n", "max_workers: 1\n")]),
    UnseenMistake("hosts M resources as list", HOSTS, "RTS410", [("--num-gpus=4", "--num-gpus=4 --resources='[1,2]'")]),
    UnseenMistake("hosts M memory with unit", HOSTS, "RTS410", [("--num-gpus=4", "--num-gpus=4 --memory=64GB")]),
    UnseenMistake(
        "hosts H wrong file of the autoscaler",
        HOSTS,
        "RTS401",
        [("~/ray_bootstrap_config.yaml", "~/ray_bootstrap_config.yml")],
    ),
    UnseenMistake(
        "hosts H sudo before a variable",
        HOSTS,
        "RTS415",
        [
            (
                "  - ulimit -n 65536; export RAY_AUTH_MODE=token; ray start --address",
                "  - sudo ulimit -n 65536; export RAY_AUTH_MODE=token; ray start --address",
            )
        ],
    ),
    UnseenMistake("hosts H braces not closed", HOSTS, "RTS415", [("$RAY_HEAD_IP:6379", "${RAY_HEAD_IP:6379")]),
    UnseenMistake(
        "kuberay M probe of seconds as text",
        RAYCLUSTER,
        "RTS101",
        [
            (
                WORKER,
                WORKER + "              livenessProbe: {exec: {command: [ray, health-check]}, periodSeconds: 10s}\n",
            )
        ],
    ),
    UnseenMistake(
        "kuberay M spread without selector's form",
        RAYCLUSTER,
        "RTS817",
        [
            (
                SELECTOR,
                SELECTOR
                + "          topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedul}]\n",
            )
        ],
    ),
    UnseenMistake(
        "kuberay M projected volume",
        RC,
        "RTS101",
        [
            (
                "            configMap:\n              name: training-code",
                "            projected: {sources: {configMap: {name: training-code}}}",
            )
        ],
    ),
    UnseenMistake(
        "kuberay H names of two containers",
        RC,
        "RTS101",
        [
            (
                "            - name: ray-worker\n",
                "            - {name: ray-worker, image: 'fluent/fluent-bit:3.0'}\n            - name: ray-worker\n",
            )
        ],
    ),
    UnseenMistake(
        "kuberay H GPU as millis",
        RJ,
        "RTS812",
        [
            ("memory: 32Gi, nvidia.com/gpu: 1}", "memory: 32Gi, nvidia.com/gpu: 500m}"),
            ("memory: 32Gi, nvidia.com/gpu: 1}", "memory: 32Gi, nvidia.com/gpu: 500m}"),
        ],
    ),
    UnseenMistake(
        "kuberay H claim in another namespace",
        RC,
        "RTS813",
        [
            ("metadata:\n  name: studies\n", "metadata:\n  name: studies\n  namespace: storage\n"),
            ("  name: tuning\n", "  name: tuning\n  namespace: ml\n"),
        ],
    ),
    UnseenMistake(
        "kuberay H more workers than the maximum",
        RJ,
        "RTS201",
        [("        replicas: 4\n        minReplicas: 4", "        replicas: 8\n        minReplicas: 4")],
    ),
    UnseenMistake(
        "kuberay H suspended group",
        RAYCLUSTER,
        "RTS811",
        [("    - groupName: gpu-8  ", "    - suspend: true\n      groupName: gpu-8  ")],
    ),
    UnseenMistake(
        "kuberay M selector of the job",
        RJ,
        "RTS811",
        [("  backoffLimit: 2\n", "  backoffLimit: 2\n  clusterSelector: {ray.io/cluster: tuning}\n")],
    ),
    UnseenMistake(
        "kuberay H number of a port as text",
        BASE,
        "RTS101",
        [("  ports: [{port: 6379}]\n---\napiVersion: apps", '  ports: [{port: "6379"}]\n---\napiVersion: apps')],
    ),
    UnseenMistake(
        "kuberay H redis of two names",
        BASE,
        "RTS813",
        [
            (
                "template:\n    metadata: {labels: {app: raytune-redis}}",
                "template:\n    metadata: {labels: {app: redis}}",
            )
        ],
    ),
    UnseenMistake(
        "kuberay M route of two applications",
        RS,
        "RTS820",
        [
            (
                "        route_prefix: /\n",
                "        route_prefix: /\n      - name: second\n        import_path: serve_model.app\n        route_prefix: /\n",
            )
        ],
    ),
    UnseenMistake(
        "slurm M negative nice",
        SLURM,
        "RTS842",
        [("#SBATCH --job-name=tune\n", "#SBATCH --job-name=tune\n#SBATCH --nice=high\n")],
    ),
    UnseenMistake(
        "slurm M constraint empty",
        SLURM,
        "RTS842",
        [("#SBATCH --job-name=tune\n", "#SBATCH --job-name=tune\n#SBATCH --constraint=\n")],
    ),
    UnseenMistake(
        "slurm M deadline in words",
        SLURM,
        "RTS842",
        [("#SBATCH --job-name=tune\n", "#SBATCH --job-name=tune\n#SBATCH --deadline=friday\n")],
    ),
    UnseenMistake("slurm H sleep of the head", SLURM, "RTS412", [("sleep 20\n", "sleep infinity\n")]),
    UnseenMistake("slurm H tasks of a hetjob", STUDY, "RTS102", [("#SBATCH hetjob\n", "#SBATCH hetgroup\n")]),
    UnseenMistake(
        "slurm H export with $",
        SLURM,
        "RTS410",
        [("export RAY_ADDRESS=$head_node_ip:$port", "export $RAY_ADDRESS=$head_node_ip:$port")],
    ),
    UnseenMistake(
        "slurm H quotes around the loop's variable",
        SLURM,
        "RTS415",
        [("for ((i = 1; i <= worker_num; i++)); do", "for i in seq 1 $worker_num; do")],
    ),
]
