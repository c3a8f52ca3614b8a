"""Mistakes that were written from the manuals of sbatch, Kubernetes and the clouds, before the rules were read.

They measure how general the rules are. Of the first 60, the rules found 50 when they were written: KubeRay 18 of 20, Slurm
8 of 16, and all of AWS (8), Google Cloud (6), Azure (5) and own hosts (5). Of the last 30, which were measured after the
rules had been extended for the first ones, they found 27: KubeRay 11 of 11, Slurm 7 of 8, AWS 3 of 4, Google Cloud 2 of 3,
Azure 2 of 2, own hosts 2 of 2. The author of the last 30 also extended the rules.
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
    STUDY,
    UnseenMistake,
)

FROM_MANUALS = [
    UnseenMistake(
        "kuberay toleration Exists with a value",
        RAYCLUSTER,
        "RTS817",
        [
            (
                "{key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}",
                "{key: nvidia.com/gpu, operator: Exists, value: present, effect: NoSchedule}",
            )
        ],
    ),
    UnseenMistake(
        "kuberay toleration effect NoScheduling",
        RAYCLUSTER,
        "RTS817",
        [("operator: Exists, effect: NoSchedule}", "operator: Exists, effect: NoScheduling}")],
    ),
    UnseenMistake(
        "kuberay port name over 15 chars",
        RAYCLUSTER,
        "RTS816",
        [
            (
                "          - name: ray-head\n",
                "          - name: ray-head\n            ports: [{containerPort: 8265, name: ray-dashboard-http}]\n",
            )
        ],
    ),
    UnseenMistake(
        "kuberay liveness probe without port",
        RAYCLUSTER,
        "RTS101",
        [
            (
                "            - name: ray-worker\n",
                "            - name: ray-worker\n              livenessProbe: {httpGet: {path: /healthz}, periodSeconds: 10}\n",
            )
        ],
    ),
    UnseenMistake(
        "kuberay imagePullSecrets as text list",
        RAYCLUSTER,
        "RTS101",
        [("        volumes: &volumes\n", "        imagePullSecrets: [regcred]\n        volumes: &volumes\n")],
    ),
    UnseenMistake(
        "kuberay env with value and valueFrom",
        RAYCLUSTER,
        "RTS817",
        [
            (
                "{name: RAYTUNE_SUITE_DATA, value: /shared/data}",
                '{name: WANDB_API_KEY, value: "", valueFrom: {secretKeyRef: {name: wandb, key: api-key}}}\n              - {name: HF_TOKEN, value: abc, valueFrom: {secretKeyRef: {name: hf, key: token}}}',
            )
        ],
    ),
    UnseenMistake(
        "kuberay secretKeyRef without key",
        RAYCLUSTER,
        "RTS101",
        [
            (
                "{name: RAYTUNE_SUITE_DATA, value: /shared/data}",
                "{name: WANDB_API_KEY, valueFrom: {secretKeyRef: {name: wandb}}}",
            )
        ],
    ),
    UnseenMistake(
        "kuberay node label value too long or bad",
        RAYCLUSTER,
        "RTS816",
        [("nodeSelector: {raytune-nodes: spot}", "nodeSelector: {raytune-nodes: 'spot nodes'}")],
    ),
    UnseenMistake("kuberay emptyDir medium memory lower", RAYCLUSTER, "RTS817", [("medium: Memory", "medium: memory")]),
    UnseenMistake(
        "kuberay emptyDir and claim in one volume",
        RAYCLUSTER,
        "RTS813",
        [
            (
                "persistentVolumeClaim: {claimName: raytune-studies}}",
                "persistentVolumeClaim: {claimName: raytune-studies}, emptyDir: {}}",
            )
        ],
    ),
    UnseenMistake(
        "kuberay two mounts at one path", RAYCLUSTER, "RTS101", [("mountPath: /dev/shm}", "mountPath: /shared}")]
    ),
    UnseenMistake(
        "kuberay gpu request without equal limit",
        RAYCLUSTER,
        "RTS812",
        [
            (
                'limits: {cpu: "6", memory: 24Gi, nvidia.com/gpu: "1"}',
                'limits: {cpu: "6", memory: 24Gi, nvidia.com/gpu: "2"}',
            )
        ],
    ),
    UnseenMistake(
        "kuberay imagePullPolicy Allways",
        RAYCLUSTER,
        "RTS817",
        [
            (
                "            - name: ray-worker\n",
                "            - name: ray-worker\n              imagePullPolicy: IfNotPresent.\n",
            )
        ],
    ),
    UnseenMistake(
        "kuberay job runtimeEnvYAML broken",
        RAYJOB,
        "RTS811",
        [
            (
                "  backoffLimit: 2 ",
                "  runtimeEnvYAML: |\n    pip: [torch==2.4.0\n    env_vars:\n      A: b\n  backoffLimit: 2 ",
            )
        ],
    ),
    UnseenMistake(
        "kuberay job deletionStrategy with shutdown",
        RAYJOB,
        "RTS811",
        [
            (
                "  backoffLimit: 2 ",
                "  deletionStrategy:\n    deletionRules:\n      - {policy: DeleteCluster, condition: {jobStatus: FAILED, ttlSeconds: 60}}\n  backoffLimit: 2 ",
            )
        ],
    ),
    UnseenMistake(
        "kuberay job activeDeadline negative",
        RAYJOB,
        "RTS811",
        [("  backoffLimit: 2 ", "  activeDeadlineSeconds: 0\n  backoffLimit: 2 ")],
    ),
    UnseenMistake(
        "kuberay job name over 47",
        RAYJOB,
        "RTS811",
        [("name: raytune-digits", "name: raytune-digits-bohb-with-eight-gpus-and-spot-nodes")],
    ),
    UnseenMistake(
        "kuberay base deployment selector differs",
        BASE,
        "RTS813",
        [("matchLabels: {app: raytune-redis}}\n  template", "matchLabels: {app: redis}}\n  template")],
    ),
    UnseenMistake(
        "kuberay base service selector differs",
        BASE,
        "RTS813",
        [("  selector: {app: raytune-redis}\n  ports", "  selector: {app: redis}\n  ports")],
    ),
    UnseenMistake(
        "kuberay redis address without port scheme",
        RAYCLUSTER,
        "RTS811",
        [("redisAddress: raytune-redis:6379", "redisAddress: redis://:secret@raytune-redis")],
    ),
    UnseenMistake("slurm time 8h", STUDY, "RTS842", [("--time=08:00:00", "--time=8h")]),
    UnseenMistake(
        "slurm dependency without id",
        STUDY,
        "RTS842",
        [("#SBATCH --job-name=raytune\n", "#SBATCH --job-name=raytune\n#SBATCH --dependency=afterok\n")],
    ),
    UnseenMistake(
        "slurm tilde in output", STUDY, "RTS842", [("--output=raytune-%j.log", "--output=~/logs/raytune-%j.log")]
    ),
    UnseenMistake(
        "slurm shell variable in output",
        STUDY,
        "RTS842",
        [("--output=raytune-%j.log", "--output=$HOME/logs/raytune-%j.log")],
    ),
    UnseenMistake("slurm signal order", STUDY, "RTS842", [("--signal=B:USR1@120", "--signal=USR1:B@120")]),
    UnseenMistake(
        "slurm old pack variable",
        STUDY,
        "RTS843",
        [("SLURM_JOB_NODELIST_HET_GROUP_0", "SLURM_JOB_NODELIST_PACK_GROUP_0")],
    ),
    UnseenMistake(
        "slurm array with hetjob",
        STUDY,
        "RTS842",
        [("#SBATCH --job-name=raytune\n", "#SBATCH --job-name=raytune\n#SBATCH --array=0-3\n")],
    ),
    UnseenMistake(
        "slurm ntasks below nodes", STUDY, "RTS842", [("--nodes=4 --ntasks-per-node=1", "--nodes=4 --ntasks=1")]
    ),
    UnseenMistake(
        "slurm mail type FINISH",
        STUDY,
        "RTS842",
        [
            (
                "#SBATCH --job-name=raytune\n",
                "#SBATCH --job-name=raytune\n#SBATCH --mail-type=FINISH --mail-user=me@uni.edu\n",
            )
        ],
    ),
    UnseenMistake("slurm wait before the study", STUDY, "RTS845", [('python -u "$@" ', 'wait\npython -u "$@" ')]),
    UnseenMistake(
        "slurm nodelist unbalanced",
        STUDY,
        "RTS842",
        [("#SBATCH --job-name=raytune\n", "#SBATCH --job-name=raytune\n#SBATCH --exclude=node[01-04\n")],
    ),
    UnseenMistake("slurm nodes reversed", STUDY, "RTS842", [("--nodes=4 ", "--nodes=4-2 ")]),
    UnseenMistake("slurm het-group 3", STUDY, "RTS842", [("--het-group=0", "--het-group=3")]),
    UnseenMistake("slurm no shebang", STUDY, "RTS840", [("#!/bin/bash\n", "")]),
    UnseenMistake(
        "slurm gpus-per-node typo of type", STUDY, "RTS842", [("--gpus-per-node=1\n", "--gpus-per-node=1:a100\n")]
    ),
    UnseenMistake(
        "slurm activate without source", STUDY, "RTS416", [("source .venv/bin/activate", ".venv/bin/activate")]
    ),
    UnseenMistake("aws io2 without iops", AWS, "RTS903", [("VolumeType: gp3", "VolumeType: io2")]),
    UnseenMistake(
        "aws groups beside interfaces",
        AWS,
        "RTS903",
        [
            (
                "      InstanceType: g6.xlarge\n",
                "      InstanceType: g6.xlarge\n      NetworkInterfaces: [{DeviceIndex: 0, SubnetId: subnet-0a1b2c3d4e5f60718, AssociatePublicIpAddress: true}]\n",
            )
        ],
    ),
    UnseenMistake(
        "aws tags as map",
        AWS,
        "RTS901",
        [
            (
                "      InstanceType: g6.xlarge\n",
                "      InstanceType: g6.xlarge\n      TagSpecifications: [{ResourceType: instance, Tags: {team: ml}}]\n",
            )
        ],
    ),
    UnseenMistake(
        "aws HttpTokens true",
        AWS,
        "RTS901",
        [
            (
                "      InstanceType: g6.xlarge\n",
                "      InstanceType: g6.xlarge\n      MetadataOptions: {HttpTokens: true}\n",
            )
        ],
    ),
    UnseenMistake("aws group by name", AWS, "RTS909", [("[sg-YOUR-GROUP]", "[ray-cluster-group]")]),
    UnseenMistake(
        "aws min over max",
        AWS,
        "RTS201",
        [("    min_workers: 0\n    max_workers: 8", "    min_workers: 9\n    max_workers: 8")],
    ),
    UnseenMistake(
        "aws KeyName without key",
        AWS,
        "RTS601",
        [("      InstanceType: m6i.xlarge", "      KeyName: my-key\n      InstanceType: m6i.xlarge")],
    ),
    UnseenMistake("aws ebs volume over 16 TiB", AWS, "RTS902", [("VolumeSize: 200,", "VolumeSize: 200000,")]),
    UnseenMistake(
        "gcp scopes alias",
        GCP,
        "RTS909",
        [
            (
                "      machineType: g2-standard-8 ",
                "      serviceAccounts: [{email: ray@my-project.iam.gserviceaccount.com, scopes: [cloud-platform]}]\n      machineType: g2-standard-8 ",
            )
        ],
    ),
    UnseenMistake(
        "gcp restart of preemptible",
        GCP,
        "RTS905",
        [("        - preemptible: true ", "        - automaticRestart: true\n        - preemptible: true ")],
    ),
    UnseenMistake(
        "gcp three T4",
        GCP,
        "RTS908",
        [
            (
                "machineType: g2-standard-8 ",
                "guestAccelerators: [{acceleratorType: nvidia-tesla-t4, acceleratorCount: 3}]\n      machineType: n1-standard-8 ",
            ),
            ('{"CPU": 8, "GPU": 1}', '{"CPU": 8, "GPU": 3}'),
        ],
    ),
    UnseenMistake("gcp disk type in type", GCP, "RTS902", [("type: PERSISTENT", "type: pd-ssd")]),
    UnseenMistake(
        "gcp metadata as map",
        GCP,
        "RTS103",
        [
            (
                '        items:\n          - {key: install-nvidia-driver, value: "True"}',
                '        install-nvidia-driver: "True"',
            )
        ],
    ),
    UnseenMistake(
        "gcp project name in capitals", GCP, "RTS609", [("project_id: YOUR-PROJECT ", "project_id: My Project ")]
    ),
    UnseenMistake("azure size without version", AZURE, "RTS207", [("Standard_NC8as_T4_v3", "Standard_NC8as_T4")]),
    UnseenMistake(
        "azure billing profile on regular",
        AZURE,
        "RTS905",
        [
            (
                "        vmSize: Standard_ND96asr_v4\n",
                "        vmSize: Standard_ND96asr_v4\n        billingProfile: {maxPrice: 5}\n",
            )
        ],
    ),
    UnseenMistake("azure priority preemptible", AZURE, "RTS902", [("priority: Spot ", "priority: Preemptible ")]),
    UnseenMistake(
        "azure subnet mask without prefix",
        AZURE,
        "RTS902",
        [("  location: eastus\n", "  location: eastus\n  subnet_mask: 10.10.0.0\n")],
    ),
    UnseenMistake(
        "azure subscription by name",
        AZURE,
        "RTS609",
        [("subscription_id: YOUR-SUBSCRIPTION ", "subscription_id: ml-research ")],
    ),
    UnseenMistake(
        "hosts duplicate worker", LOCAL, "RTS605", [("[192.168.1.11, 192.168.1.12]", "[192.168.1.11, 192.168.1.11]")]
    ),
    UnseenMistake("hosts public key", LOCAL, "RTS601", [("~/.ssh/id_ed25519 ", "~/.ssh/id_ed25519.pub ")]),
    UnseenMistake(
        "hosts localhost address", LOCAL, "RTS402", [("--address=$RAY_HEAD_IP:6379", "--address=127.0.0.1:6379")]
    ),
    UnseenMistake("hosts user in address", LOCAL, "RTS605", [("head_ip: 192.168.1.10 ", "head_ip: ray@192.168.1.10 ")]),
    UnseenMistake("hosts address with an octet over 255", LOCAL, "RTS605", [("192.168.1.12]", "192.168.1.312]")]),
    UnseenMistake(
        "kuberay env name twice-valued dash",
        RAYCLUSTER,
        "RTS101",
        [("{name: RAYTUNE_SUITE_DATA, value: /shared/data}", "{name: OMP_NUM_THREADS, value: 4}")],
    ),
    UnseenMistake(
        "kuberay fractional gpu",
        RAYCLUSTER,
        "RTS812",
        [
            (
                'requests: {cpu: "6", memory: 24Gi, nvidia.com/gpu: "1"}',
                'requests: {cpu: "6", memory: 24Gi, nvidia.com/gpu: "0.5"}',
            ),
            (
                'limits: {cpu: "6", memory: 24Gi, nvidia.com/gpu: "1"}',
                'limits: {cpu: "6", memory: 24Gi, nvidia.com/gpu: "0.5"}',
            ),
        ],
    ),
    UnseenMistake(
        "kuberay init container command as text",
        RAYCLUSTER,
        "RTS101",
        [
            (
                "          containers:\n            - name: ray-worker",
                "          initContainers: [{name: wait, image: 'busybox:1.36', command: sleep 5}]\n          containers:\n            - name: ray-worker",
            )
        ],
    ),
    UnseenMistake(
        "kuberay runAsUser as text",
        RAYCLUSTER,
        "RTS101",
        [
            (
                "            - name: ray-worker\n",
                '            - name: ray-worker\n              securityContext: {runAsUser: "1000"}\n',
            )
        ],
    ),
    UnseenMistake(
        "kuberay capabilities without securityContext",
        RAYCLUSTER,
        "RTS103",
        [
            (
                "            - name: ray-worker\n",
                "            - name: ray-worker\n              capabilities: {add: [SYS_PTRACE]}\n",
            )
        ],
    ),
    UnseenMistake("kuberay claim storage 100GB", BASE, "RTS101", [("storage: 100Gi", "storage: 100GB")]),
    UnseenMistake(
        "kuberay affinity operator lower case",
        RAYCLUSTER,
        "RTS817",
        [
            (
                "          nodeSelector: {raytune-nodes: spot}\n",
                "          affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: gpu, operator: in, values: [l4]}]}]}}}\n",
            )
        ],
    ),
    UnseenMistake(
        "kuberay configMap volume by configMapName",
        RAYCLUSTER,
        "RTS103",
        [
            (
                "        volumes: &volumes\n",
                "        volumes: &volumes\n          - {name: code, configMap: {configMapName: study-code}}\n",
            )
        ],
    ),
    UnseenMistake(
        "kuberay priorityClass under container",
        RAYCLUSTER,
        "RTS103",
        [
            (
                "            - name: ray-worker\n",
                "            - name: ray-worker\n              priorityClassName: high\n",
            )
        ],
    ),
    UnseenMistake(
        "kuberay job entrypointNumGpus as text",
        RAYJOB,
        "RTS101",
        [("  backoffLimit: 2 ", '  entrypointNumGpus: "one"\n  backoffLimit: 2 ')],
    ),
    UnseenMistake(
        "kuberay claim mount subPath absolute",
        RAYCLUSTER,
        "RTS813",
        [("{name: studies, mountPath: /shared}", "{name: studies, mountPath: shared}")],
    ),
    UnseenMistake("slurm memory with a space", STUDY, "RTS841", [("--mem=64G", "--mem=64 GB")]),
    UnseenMistake("slurm gres gpus", STUDY, "RTS842", [("--gpus-per-node=1\n", "--gres=gpus:1\n")]),
    UnseenMistake("slurm mem and mem-per-cpu", STUDY, "RTS842", [("--mem=64G", "--mem=64G --mem-per-cpu=8G")]),
    UnseenMistake(
        "slurm head in the foreground", STUDY, "RTS845", [("--num-cpus=0 --num-gpus=0 &", "--num-cpus=0 --num-gpus=0")]
    ),
    UnseenMistake(
        "slurm directive after a command",
        STUDY,
        "RTS840",
        [("#SBATCH --partition=cpu ", "module load cuda\n#SBATCH --partition=cpu ")],
    ),
    UnseenMistake(
        "slurm gpus variable not set",
        STUDY,
        "RTS843",
        [("SLURM_GPUS_PER_NODE_HET_GROUP_", "SLURM_GPUS_PER_TASK_HET_GROUP_")],
    ),
    UnseenMistake(
        "slurm underscore option",
        STUDY,
        "RTS841",
        [("--ntasks-per-node=1 --cpus-per-task=8", "--ntasks_per_node=1 --cpus-per-task=8")],
    ),
    UnseenMistake(
        "slurm worker port other than head",
        STUDY,
        "RTS411",
        [('ray start --block --address="$address"', 'ray start --block --address="${address%:*}:6379"')],
    ),
    UnseenMistake(
        "aws run options as one text", AWS, "RTS902", [("    - --shm-size=8g  ", "    - --shm-size 8g -v  ")]
    ),
    UnseenMistake(
        "aws resource type instances",
        AWS,
        "RTS902",
        [
            (
                "      InstanceType: g6.xlarge\n",
                "      InstanceType: g6.xlarge\n      TagSpecifications: [{ResourceType: instances, Tags: [{Key: team, Value: ml}]}]\n",
            )
        ],
    ),
    UnseenMistake("aws size 2large", AWS, "RTS206", [("InstanceType: g6.xlarge", "InstanceType: g6.2large")]),
    UnseenMistake("aws image id with g", AWS, "RTS909", [("ami-YOUR-IMAGE", "ami-0g9a8b7c6d5e4f321")]),
    UnseenMistake("gcp disk size 200GB", GCP, "RTS901", [("diskSizeGb: 200 ", "diskSizeGb: 200GB ")]),
    UnseenMistake(
        "gcp image family as image",
        GCP,
        "RTS907",
        [
            (
                "projects/deeplearning-platform-release/global/images/YOUR-IMAGE",
                "projects/ubuntu-os-cloud/global/images/family=ubuntu-2204-lts",
            )
        ],
    ),
    UnseenMistake(
        "gcp machine g2-standard-6", GCP, "RTS206", [("machineType: g2-standard-8 ", "machineType: g2-standard-6 ")]
    ),
    UnseenMistake("azure sku as number", AZURE, "RTS901", [('imageSku: "2204"', "imageSku: 2204")]),
    UnseenMistake(
        "azure max price as text",
        AZURE,
        "RTS103",
        [("billingProfile: {maxPrice: -1}", "billingProfile: {max_price: -1}")],
    ),
    UnseenMistake(
        "hosts workers as one text", LOCAL, "RTS101", [("[192.168.1.11, 192.168.1.12]", '"192.168.1.11, 192.168.1.12"')]
    ),
    UnseenMistake("hosts no --head", LOCAL, "RTS410", [("ray start --head --port", "ray start --port")]),
]
