"""Set 13, frozen before it is run: contradictions, missing companions, ranges, places, and commands."""
AWS, SPOT, GCP, AZURE, LOCAL = (f"clusters/{name}.yaml" for name in ("aws-gpu", "aws-gpu-spot", "gcp-gpu", "azure-gpu", "local"))
RAYCLUSTER, RAYJOB, BASE = (f"clusters/kuberay/{name}.yaml" for name in ("raycluster", "rayjob", "base"))
STUDY = "clusters/slurm/study.sbatch"
HOSTS, SLURM, RC, RJ, RS = (f"tests/cluster/checks/files/{name}" for name in ("hosts.yaml", "ray.sbatch", "raycluster.yaml", "rayjob.yaml", "rayservice.yaml"))
EA, EG, EZ, ED, KC, CR, SA = (f"tests/cluster/checks/files/{name}" for name in ("example-aws.yaml", "example-gcp.yaml", "example-azure.yaml", "example-docker.yaml", "complete.yaml", "cron.yaml", "array.sbatch"))
TYPE = "      InstanceType: g6.xlarge\n"
EBS = "Ebs: {VolumeSize: 200, VolumeType: gp3}"
GPU_DISK = "machineType: g2-standard-8      #"
SETUP = "\nsetup_commands:\n"
JOIN = "export RAY_AUTH_MODE=token; ray start --address"
SET13 = [
 # AWS 24
 ("aws M zone by its ID", EA, [("us-west-2a,us-west-2b", "usw2-az1,usw2-az2")], "names, not IDs"),
 ("aws H zones by semicolon", EA, [("us-west-2a,us-west-2b", "us-west-2a;us-west-2b")], "commas"),
 ("aws H zone of the machine outside those of the provider", AWS, [(TYPE, TYPE + "      Placement: {AvailabilityZone: us-west-2a}\n")], "another region"),
 ("aws M ARM machine with an image for x86", AWS, [("InstanceType: g6.xlarge", "InstanceType: g5g.xlarge")], "ARM"),
 ("aws H second head", AWS, [("  head:\n    resources", "  head:\n    min_workers: 1\n    max_workers: 1\n    resources")], "starts another machine like the head's"),
 ("aws T local version without its index", AWS, [(SETUP, SETUP + "  - pip install torch==2.4.0+cu121\n")], "not on PyPI"),
 ("aws H requirements in no folder", AWS, [(SETUP, SETUP + "  - pip install -r requirements.txt\n")], "relative to the home folder"),
 ("aws T hidden GPUs", AWS, [(JOIN, "export CUDA_VISIBLE_DEVICES=0; " + JOIN)], "one of eight is seen"),
 ("aws H number of GPUs for all pools", AWS, [("ray start --address=$RAY_HEAD_IP:6379", "ray start --address=$RAY_HEAD_IP:6379 --num-gpus=8")], "gpu_1 has one"),
 ("aws H stop after start", AWS, [("worker_start_ray_commands:\n  - ray stop\n  - ulimit -n 65536; export RAY_AUTH_MODE=token; ray start --address=$RAY_HEAD_IP:6379", "worker_start_ray_commands:\n  - ulimit -n 65536; export RAY_AUTH_MODE=token; ray start --address=$RAY_HEAD_IP:6379\n  - ray stop")], "stops what was started"),
 ("aws H start as root", AWS, [(JOIN, "export RAY_AUTH_MODE=token; sudo ray start --address")], "sudo does not find ray, and drops variables"),
 ("aws H images of two versions", AWS, [("  image: rayproject/ray:2.60.0-py311-gpu\n", "  image: rayproject/ray:2.60.0-py311-gpu\n  worker_image: rayproject/ray:2.55.0-py311-gpu\n")], "versions differ"),
 ("aws M root disk of st1", AWS, [(EBS, "Ebs: {VolumeSize: 500, VolumeType: st1}")], "no boot volume"),
 ("aws M io2 without IOPS", AWS, [(EBS, "Ebs: {VolumeSize: 200, VolumeType: io2}")], "Iops required"),
 ("aws M IOPS per GB", AWS, [(EBS, "Ebs: {VolumeSize: 20, VolumeType: gp3, Iops: 16000}")], "at most 500 per GiB"),
 ("aws M throughput per IOPS", AWS, [(EBS, "Ebs: {VolumeSize: 200, VolumeType: gp3, Iops: 3000, Throughput: 1000}")], "at most 0.25 MiB/s per IOPS"),
 ("aws M size beyond EBS", AWS, [(EBS, "Ebs: {VolumeSize: 200000, VolumeType: gp3}")], "65536 GiB"),
 ("aws H key in commands", AWS, [(SETUP, SETUP + "  - export AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY && aws s3 sync s3://b /data\n")], "a secret in the file"),
 ("aws H workers of no type", AWS, [("max_workers: 10 ", "max_workers: 0 ")], "no workers at all"),
 ("aws T container's user", AWS, [("    - --shm-size=8g ", "    - --user root\n    - --shm-size=8g ")], "~ is another folder"),
 ("aws H path of Windows", AWS, [('"~/raytune_suite": "."', '"~/raytune_suite": "C:\\\\code\\\\suite"')], "no such folder"),
 ("aws H both credentials and profile", AWS, [("  cache_stopped_nodes: false ", "  aws_credentials: {aws_access_key_id: AKIAIOSFODNN7EXAMPLE}\n  cache_stopped_nodes: false ")], "the secret is missing"),
 ("aws H conda in the container", AWS, [("python -c 'import ray; assert", "source activate pytorch_p310 && python -c 'import ray; assert")], "no such environment in Ray's image"),
 ("aws H group for the world", AWS, [("  cache_stopped_nodes: false ", "  security_group: {GroupName: sg-ray, IpPermissions: []}\n  cache_stopped_nodes: false ")], "names may not begin with sg-"),
 # GCP 10
 ("gcp M model beside preemptible", GCP, [("        - preemptible: true ", "        - provisioningModel: STANDARD\n        - preemptible: true ")], "contradiction"),
 ("gcp M duration without an action", GCP, [("        - preemptible: true ", "        - maxRunDuration: {seconds: 86400}\n        - preemptible: true ")], "instanceTerminationAction"),
 ("gcp M account without scopes", EG, [("        - email: ray-worker@tuning-lab-401212.iam.gserviceaccount.com\n          scopes: [https://www.googleapis.com/auth/cloud-platform]\n", "        - email: ray-worker@tuning-lab-401212.iam.gserviceaccount.com\n")], "no access to any API"),
 ("gcp H type of another zone", GCP, [("machineType: g2-standard-8      #", "machineType: zones/us-east1-b/machineTypes/g2-standard-8      #")], "another zone"),
 ("gcp H subnet of another region", GCP, [(GPU_DISK, "networkInterfaces: [{subnetwork: regions/us-east1/subnetworks/default, accessConfigs: [{type: ONE_TO_ONE_NAT}]}]\n      " + GPU_DISK)], "another region"),
 ("gcp M accelerator of a built-in machine", GCP, [(GPU_DISK, "guestAccelerators: [{acceleratorType: nvidia-tesla-t4, acceleratorCount: 1}]\n      " + GPU_DISK)], "built in"),
 ("gcp M zone that does not exist", GCP, [("availability_zone: us-central1-a", "availability_zone: us-central1-d")], "a, b, c, f"),
 ("gcp M image for ARM", GCP, [("global/images/YOUR-IMAGE", "global/images/common-cpu-ubuntu-2204-arm64-v20260909")], "x86 machines"),
 ("gcp H label with a space", EG, [("labels: {team: vision}", "labels: {cost center: vision}")], "no spaces"),
 ("gcp M action of a standard machine", EG, [("        - provisioningModel: SPOT\n", "        - instanceTerminationAction: DELETE\n")], "only of spot machines, or with a duration"),
 # Azure 5
 ("azure M system disk beyond the limit", AZURE, [("Standard_NC8as_T4_v3\n        osDiskSize: 200", "Standard_NC8as_T4_v3\n        osDiskSize: 8192")], "4095 GB"),
 ("azure M zone with the region", AZURE, [("  location: eastus\n", "  location: eastus\n  availability_zone: eastus-1\n")], "1, 2 or 3"),
 ("azure M zone four", AZURE, [("  location: eastus\n", "  location: eastus\n  availability_zone: '4'\n")], "1, 2 or 3"),
 ("azure H size without its version", AZURE, [("Standard_ND96asr_v4", "Standard_ND96asr")], "_v4"),
 ("azure H spot head", AZURE, [("        vmSize: Standard_D4s_v5 ", "        priority: Spot\n        vmSize: Standard_D4s_v5 ")], "ends the study"),
 # own hosts 5
 ("hosts M proxy without the host", LOCAL, [("  ssh_user: ray ", "  ssh_proxy_command: ssh -W bastion\n  ssh_user: ray ")], "%h:%p"),
 ("hosts H worker twice", LOCAL, [("[192.168.1.11, 192.168.1.12]", "[192.168.1.11, 192.168.1.11]")], "one host twice"),
 ("hosts H drop of the CPU option", LOCAL, [("--port=6379 --num-cpus=0 --auto", "--port=6379 --num-cpus 0 --num-gpus none --auto")], "a number"),
 ("hosts H address of the docs", LOCAL, [("head_ip: 192.168.1.10 ", "head_ip: HEAD_NODE_IP ")], "a placeholder"),
 ("hosts H network address", LOCAL, [("[192.168.1.11, 192.168.1.12]", "[192.168.1.0/24]")], "single addresses"),
 # KubeRay 16
 ("kuberay T dashboard of the head only", RAYJOB, [("dashboard-host: 0.0.0.0 ", "dashboard-host: 127.0.0.1 ")], "the submitter cannot reach it"),
 ("kuberay M idle time of a group with autoscaler v1", KC, [("    - groupName: small-group\n", "    - groupName: small-group\n      idleTimeoutSeconds: 60\n")], "only autoscaler v2"),
 ("kuberay M more CPUs than any pod", CR, [("    entrypointNumCpus: 1\n", "    entrypointNumCpus: 64\n")], "no pod has them"),
 ("kuberay H packages in one text", RJ, [("    pip:\n      - lightning==2.5.0\n", "    pip: lightning, torch\n")], "a list, or a file"),
 ("kuberay H volume of 100 bytes", BASE, [("storage: 100Gi", "storage: 100")], "a unit"),
 ("kuberay H three Redis behind one name", BASE, [("spec:\n  replicas: 1\n", "spec:\n  replicas: 3\n")], "each has other data"),
 ("kuberay H service's port of Redis", BASE, [("  ports: [{port: 6379}]\n---\napiVersion: apps/v1", "  ports: [{port: 6380}]\n---\napiVersion: apps/v1")], "Redis listens on 6379"),
 ("kuberay M deadline of zero", RJ, [("activeDeadlineSeconds: 86400", "activeDeadlineSeconds: 0")], "above 0"),
 ("kuberay M sidecar with a template", RJ, [("submissionMode: K8sJobMode", "submissionMode: SidecarMode")], "rejected"),
 ("kuberay H GPUs of the head", RAYCLUSTER, [('      num-cpus: "0"                         #', '      num-gpus: "1"\n      num-cpus: "0"                         #')], "the head's pod has none"),
 ("kuberay H memory in CPU", RC, [('                  cpu: "12"\n                  memory: 80Gi\n                  nvidia.com/gpu: "1"\n                limits', '                  cpu: 12Gi\n                  memory: 80Gi\n                  nvidia.com/gpu: "1"\n                limits')], "swapped units"),
 ("kuberay M replicas beyond the maximum", KC, [("      replicas: 1\n", "      replicas: 20\n")], "maxReplicas is 10"),
 ("kuberay H secret as plain text", RC, [("              - name: RAY_health_check_period_ms\n", "              - {name: WANDB_API_KEY, value: 0123456789abcdef0123456789abcdef01234567}\n              - name: RAY_health_check_period_ms\n")], "a secret in the file"),
 ("kuberay H preStop of the operator", KC, [('                  command: ["/bin/sh", "-c", "ray stop"]\n', '                  command: "ray stop"\n')], "a list"),
 ("kuberay M two groups on one GPU limit", KC, [("nvidia.com/gpu: 1}\n                requests", "nvidia.com/gpu: 1, amd.com/gpu: 1}\n                requests")], "two vendors"),
 ("kuberay H hosts of a group", RAYCLUSTER, [("      numOfHosts: 1\n", "      numOfHosts: 0\n")], "1 or more"),
 # Slurm 5
 ("slurm M GPUs in two ways", SLURM, [("#SBATCH --gpus-per-node=4", "#SBATCH --gpus-per-node=4\n#SBATCH --gpus=4")], "16 against 4"),
 ("slurm H step with more GPUs", SA, [('srun -N 1 -n 1 -x "$head" ray', 'srun -N 1 -n 1 --gres=gpu:8 -x "$head" ray')], "four per node"),
 ("slurm H step on more nodes", SA, [('srun -N 1 -n 1 -x "$head" ray', 'srun -N 3 -n 3 -x "$head" ray')], "two nodes"),
 ("slurm H activation before the module", SA, [("module purge\nmodule load Python/3.11 CUDA/12.4\nsource /project/p200123/env/bin/activate\n", "source /project/p200123/env/bin/activate\nmodule purge\nmodule load Python/3.11 CUDA/12.4\n")], "the module's Python comes first"),
 ("slurm H storage on the node", SA, [("--storage-path /project/p200123/studies", "--storage-path /tmp/studies")], "each node has its own"),
]
