"""Mistakes of a writer who had not seen the rules, and of the classes to which they belong.

A set of 62 (AWS, Google Cloud, Azure, Slurm, own hosts) was written first; the rules found 51 of them, two of which by
accident. 339 more were then invented field by field, from the manual pages of sbatch and of `ray start`, and from the
references of the clouds, in four sets; of these the rules found 26 of 77, 80 of 100, 76 of 94 and 54 of 68 at first. Here are those
that were missed, without those that turned out to be no mistakes, and without those that no rule can tell.
"""

# ruff: noqa: E501 - the edits are parts of lines and must not be wrapped
from __future__ import annotations

from tests.cluster.checks.unseen_mistakes_files import AWS, AZURE, GCP, LOCAL, SLURM, SPOT, STUDY, UnseenMistake

TWENTIETH = [
    UnseenMistake(
        "aws set-up of a type replaces all",
        SPOT,
        "RTS306",
        [
            (
                "    resources: {}                     # Ray asks EC2",
                "    worker_setup_commands:\n      - python -m pip install -q flash-attn\n    resources: {}                     # Ray asks EC2",
            )
        ],
    ),
    UnseenMistake(
        "gcp no L4 in the region",
        GCP,
        "RTS910",
        [
            ("region: us-central1\n", "region: us-west2\n"),
            ("availability_zone: us-central1-a\n", "availability_zone: us-west2-b\n"),
        ],
    ),
    UnseenMistake(
        "gcp OS Login",
        GCP,
        "RTS905",
        [
            (
                '          - {key: install-nvidia-driver, value: "True"}\n',
                '          - {key: install-nvidia-driver, value: "True"}\n          - {key: enable-oslogin, value: "TRUE"}\n',
            )
        ],
    ),
    UnseenMistake(
        "gcp mount replaced by a type",
        GCP,
        "RTS503",
        [
            (
                '    resources: {"CPU": 96, "GPU": 8}\n',
                '    resources: {"CPU": 96, "GPU": 8}\n    initialization_commands:\n      - sudo nvidia-smi -pm 1\n',
            )
        ],
    ),
    UnseenMistake(
        "azure part of a GPU",
        AZURE,
        "RTS907",
        [('{"CPU": 8, "GPU": 1}', '{"CPU": 18, "GPU": 1}'), ("Standard_NC8as_T4_v3", "Standard_NV18ads_A10_v5")],
    ),
    UnseenMistake(
        "azure few worker ports",
        AZURE,
        "RTS411",
        [
            (
                "ray start --address=$RAY_HEAD_IP:6379",
                "ray start --address=$RAY_HEAD_IP:6379 --min-worker-port=10002 --max-worker-port=10012",
            )
        ],
    ),
    UnseenMistake(
        "azure other Python on workers",
        AZURE,
        "RTS302",
        [
            (
                "  container_name: raytune\n",
                "  worker_image: rayproject/ray:2.60.0-py312-gpu\n  container_name: raytune\n",
            )
        ],
    ),
    UnseenMistake("slurm memory without unit", STUDY, "RTS842", [("--mem=480G", "--mem=480")]),
    UnseenMistake(
        "slurm variable of a part without its option", STUDY, "RTS843", [("--gpus-per-node=8", "--gres=gpu:8")]
    ),
    UnseenMistake(
        "slurm job number as port",
        STUDY,
        "RTS411",
        [("port=$((20000 + SLURM_JOB_ID % 20000))", "port=$SLURM_JOB_ID                    ")],
    ),
    UnseenMistake(
        "slurm a task per GPU",
        STUDY,
        "RTS842",
        [("--nodes=1 --ntasks-per-node=1 --cpus-per-task=64", "--nodes=1 --ntasks-per-node=8 --cpus-per-task=64")],
    ),
    UnseenMistake(
        "hosts head on loopback",
        LOCAL,
        "RTS402",
        [("ray start --head --port=6379", "ray start --head --node-ip-address=127.0.0.1 --port=6379")],
    ),
    UnseenMistake("slurm memory of all CPUs", STUDY, "RTS842", [("--mem=480G", "--mem-per-cpu=64G")]),
    UnseenMistake("slurm memory of all GPUs", STUDY, "RTS842", [("--mem=480G", "--mem-per-gpu=480G")]),
    UnseenMistake(
        "slurm GPUs of all tasks",
        STUDY,
        "RTS842",
        [
            (
                "--ntasks-per-node=1 --cpus-per-task=64 --mem=480G --gpus-per-node=8",
                "--ntasks-per-node=8 --cpus-per-task=8 --mem=480G --gpus-per-task=8",
            )
        ],
    ),
    UnseenMistake("slurm GPUs of all nodes", STUDY, "RTS842", [("--gpus-per-node=8", "--gpus-per-node=32")]),
    UnseenMistake("slurm CPUs of all nodes", STUDY, "RTS842", [("--cpus-per-task=64", "--cpus-per-task=1024")]),
    UnseenMistake("slurm local disk without unit", STUDY, "RTS842", [("--mem=480G", "--mem=480G --tmp=200")]),
    UnseenMistake("slurm memory of one GB", STUDY, "RTS842", [("--mem=480G", "--mem=1000")]),
    UnseenMistake("slurm small head", STUDY, "RTS842", [("--mem=16G", "--mem=1G")]),
    UnseenMistake("slurm signal at the start", STUDY, "RTS842", [("USR1@120", "USR1@28800")]),
    UnseenMistake("slurm signal too late", STUDY, "RTS842", [("USR1@120", "USR1@2")]),
    UnseenMistake(
        "slurm port below 1024",
        STUDY,
        "RTS411",
        [("port=$((20000 + SLURM_JOB_ID % 20000))  #", "port=$((SLURM_JOB_ID % 20000))  #")],
    ),
    UnseenMistake(
        "slurm port above 65535",
        STUDY,
        "RTS411",
        [("$((20000 + SLURM_JOB_ID % 20000))", "$((60000 + SLURM_JOB_ID % 20000))")],
    ),
    UnseenMistake("slurm random port", STUDY, "RTS411", [("$((20000 + SLURM_JOB_ID % 20000))", "$RANDOM")]),
    UnseenMistake(
        "slurm head on loopback",
        STUDY,
        "RTS845",
        [('--node-ip-address="${address%:*}"', "--node-ip-address=127.0.0.1")],
    ),
    UnseenMistake(
        "slurm all addresses",
        STUDY,
        "RTS845",
        [("$(getent ahostsv4 \"$head\" | awk 'NR == 1 {print $1}')", "$(hostname -I)")],
    ),
    UnseenMistake(
        "slurm list of nodes as a name",
        STUDY,
        "RTS843",
        [
            (
                "$(scontrol show hostnames \"$SLURM_JOB_NODELIST_HET_GROUP_0\" | awk 'NR == 1')",
                "$SLURM_JOB_NODELIST_HET_GROUP_1",
            )
        ],
    ),
    UnseenMistake(
        "slurm GPUs of the first node",
        STUDY,
        "RTS843",
        [('--num-gpus="${!gpus##*:}"', '--num-gpus="$SLURM_GPUS_ON_NODE"')],
    ),
    UnseenMistake(
        "slurm CPUs of the first node",
        STUDY,
        "RTS843",
        [('--num-cpus="${!cpus}" --num', '--num-cpus="$SLURM_CPUS_ON_NODE" --num')],
    ),
    UnseenMistake(
        "slurm sessions in a shared folder",
        STUDY,
        "RTS410",
        [("ray start --block", 'ray start --temp-dir="$SLURM_SUBMIT_DIR/ray" --block')],
    ),
    UnseenMistake(
        "slurm object store beyond memory",
        STUDY,
        "RTS844",
        [("ray start --block", "ray start --object-store-memory=600000000000 --block")],
    ),
    UnseenMistake("slurm few open files", STUDY, "RTS845", [('ulimit -n "$(ulimit -Hn)"', "ulimit -n 1024")]),
    UnseenMistake(
        "slurm loop from the head's part",
        STUDY,
        "RTS845",
        [("seq 1 $((SLURM_HET_SIZE - 1))", "seq 0 $((SLURM_HET_SIZE - 1))")],
    ),
    UnseenMistake(
        "slurm loop beyond the last part", STUDY, "RTS845", [("seq 1 $((SLURM_HET_SIZE - 1))", "seq 1 $SLURM_HET_SIZE")]
    ),
    UnseenMistake(
        "slurm few worker ports",
        STUDY,
        "RTS411",
        [("ray start --block", "ray start --min-worker-port=10002 --max-worker-port=10010 --block")],
    ),
    UnseenMistake("slurm wait for Ray", STUDY, "RTS412", [("wait $!\n", "wait\n")]),
    UnseenMistake("slurm GPUs by gres", STUDY, "RTS843", [("--gpus-per-node=8", "--gres=gpu")]),
    UnseenMistake(
        "hosts unspecified address",
        LOCAL,
        "RTS402",
        [("ray start --head --port=6379", "ray start --head --node-ip-address=0.0.0.0 --port=6379")],
    ),
    UnseenMistake("hosts known_hosts as key", LOCAL, "RTS601", [("~/.ssh/id_ed25519 ", "~/.ssh/known_hosts ")]),
    UnseenMistake("hosts broadcast address", LOCAL, "RTS605", [("192.168.1.12]", "192.168.1.255]")]),
    UnseenMistake("hosts two networks", LOCAL, "RTS605", [("192.168.1.12]", "10.0.0.12]")]),
    UnseenMistake(
        "hosts import before installation",
        LOCAL,
        "RTS306",
        [("setup_commands:\n", "setup_commands:\n  - python3 -c 'import raytune_suite'\n")],
    ),
    UnseenMistake(
        "hosts all excluded", LOCAL, "RTS310", [("rsync_exclude: [.venv, .git, demo, build]", "rsync_exclude: ['*']")]
    ),
    UnseenMistake(
        "hosts threshold 0",
        LOCAL,
        "RTS410",
        [("RAY_health_check_failure_threshold=5", "RAY_health_check_failure_threshold=0")],
    ),
    UnseenMistake(
        "hosts few worker ports",
        LOCAL,
        "RTS411",
        [
            (
                "--address=$RAY_HEAD_IP:6379",
                "--address=$RAY_HEAD_IP:6379 --min-worker-port=10002 --max-worker-port=10005",
            )
        ],
    ),
    UnseenMistake(
        "hosts short list of ports",
        LOCAL,
        "RTS411",
        [("--address=$RAY_HEAD_IP:6379", "--address=$RAY_HEAD_IP:6379 --worker-port-list=10002,10003,10004")],
    ),
    UnseenMistake(
        "hosts localhost with domain", LOCAL, "RTS605", [("head_ip: 192.168.1.10 ", "head_ip: localhost.localdomain ")]
    ),
    UnseenMistake(
        "aws empty set-up of a type",
        AWS,
        "RTS306",
        [
            (
                "    resources: {}                     # Ray asks",
                "    worker_setup_commands: []\n    resources: {}                     # Ray asks",
            )
        ],
    ),
    UnseenMistake("aws read-only studies", AWS, "RTS503", [("-v /shared:/shared\n", "-v /shared:/shared:ro\n")]),
    UnseenMistake(
        "gcp no L4 in the zone",
        GCP,
        "RTS910",
        [("availability_zone: us-central1-a\n", "availability_zone: us-central1-f\n")],
    ),
    UnseenMistake(
        "gcp no A100 in the region",
        GCP,
        "RTS910",
        [
            ("region: us-central1\n", "region: europe-west1\n"),
            ("availability_zone: us-central1-a\n", "availability_zone: europe-west1-b\n"),
            ("g2-standard-96", "a2-highgpu-8g"),
        ],
    ),
    UnseenMistake(
        "gcp no V100 in the region",
        GCP,
        "RTS910",
        [
            ("region: us-central1\n", "region: asia-south1\n"),
            ("availability_zone: us-central1-a\n", "availability_zone: asia-south1-a\n"),
            (
                "machineType: g2-standard-8 ",
                "guestAccelerators: [{acceleratorType: nvidia-tesla-v100, acceleratorCount: 1}]\n      machineType: n1-standard-8 ",
            ),
        ],
    ),
    UnseenMistake("gcp no driver", GCP, "RTS907", [('value: "True"}\n', 'value: "False"}\n')]),
    UnseenMistake(
        "gcp empty mounts of a type",
        GCP,
        "RTS503",
        [
            (
                '    resources: {"CPU": 96, "GPU": 8}\n',
                '    resources: {"CPU": 96, "GPU": 8}\n    initialization_commands: []\n',
            )
        ],
    ),
    UnseenMistake("azure no T4 in the region", AZURE, "RTS910", [("location: eastus\n", "location: westcentralus\n")]),
    UnseenMistake("azure no A100 in the region", AZURE, "RTS910", [("location: eastus\n", "location: westus3\n")]),
    UnseenMistake(
        "azure retired K80",
        AZURE,
        "RTS206",
        [("Standard_NC8as_T4_v3", "Standard_NC6"), ('{"CPU": 8, "GPU": 1}', '{"CPU": 6, "GPU": 1}')],
    ),
    UnseenMistake(
        "azure mount replaced by a type",
        AZURE,
        "RTS503",
        [
            (
                '    resources: {"CPU": 96, "GPU": 8}\n',
                '    resources: {"CPU": 96, "GPU": 8}\n    initialization_commands: [sudo nvidia-smi -pm 1]\n',
            )
        ],
    ),
    UnseenMistake(
        "azure head on loopback",
        AZURE,
        "RTS402",
        [("ray start --head", "ray start --head --node-ip-address=127.0.0.1")],
    ),
    UnseenMistake(
        "slurm one CPU per task",
        SLURM,
        "RTS844",
        [("#SBATCH --cpus-per-task=32\n", ""), ('"$SLURM_CPUS_PER_TASK"', "32")],
    ),
    UnseenMistake(
        "slurm tasks without nodes",
        SLURM,
        "RTS842",
        [("#SBATCH --nodes=4\n#SBATCH --ntasks-per-node=1\n", "#SBATCH --ntasks=4\n")],
    ),
    UnseenMistake(
        "slurm head by ssh",
        SLURM,
        "RTS845",
        [
            (
                'RAY_ADDRESS= srun --nodes=1 --ntasks=1 -w "$head_node" \\\n    ray start',
                'ssh "$head_node" \\\n    ray start',
            )
        ],
    ),
    UnseenMistake(
        "slurm CPUs of the job for a node",
        SLURM,
        "RTS843",
        [('--num-cpus "$SLURM_CPUS_PER_TASK"', "--num-cpus $((SLURM_CPUS_PER_TASK * SLURM_JOB_NUM_NODES))")],
    ),
    UnseenMistake(
        "slurm GPUs of the job for a node",
        SLURM,
        "RTS843",
        [("--num-gpus 4", "--num-gpus $((4 * SLURM_JOB_NUM_NODES))")],
    ),
    UnseenMistake(
        "slurm container without GPUs",
        SLURM,
        "RTS844",
        [("        ray start --address", "        apptainer exec ray.sif ray start --address")],
    ),
    UnseenMistake(
        "slurm container with a network of its own",
        SLURM,
        "RTS845",
        [("        ray start --address", "        docker run rayproject/ray ray start --address")],
    ),
    UnseenMistake(
        "slurm environment of one node",
        SLURM,
        "RTS845",
        [
            (
                'source "$HOME/venvs/tune/bin/activate"',
                "python3 -m venv /tmp/venv\nsource /tmp/venv/bin/activate\npip install -q ray",
            )
        ],
    ),
    UnseenMistake("slurm sudo", SLURM, "RTS414", [("set -e\n", "set -e\nsudo apt-get install -y python3\n")]),
    UnseenMistake("slurm removal below nothing", SLURM, "RTS417", [("set -e\n", "set -e\nrm -rf $SCRATCHDIR/ray\n")]),
    UnseenMistake(
        "slurm hour 25",
        SLURM,
        "RTS842",
        [("#SBATCH --account=vision\n", "#SBATCH --account=vision\n#SBATCH --begin=25:00\n")],
    ),
    UnseenMistake(
        "hosts sudo pip", LOCAL, "RTS416", [("python3 -m pip install --user", "sudo python3 -m pip install --user")]
    ),
    UnseenMistake(
        "aws other Ray on the head",
        AWS,
        "RTS301",
        [("  container_name: raytune\n", "  head_image: rayproject/ray:2.59.0-py311\n  container_name: raytune\n")],
    ),
    UnseenMistake(
        "aws options replaced by a type",
        AWS,
        "RTS503",
        [
            (
                "    resources: {}                     # 192",
                "    docker: {run_options: [--shm-size=64g]}\n    resources: {}                     # 192",
            )
        ],
    ),
    UnseenMistake(
        "aws part of a GPU", AWS, "RTS907", [("      InstanceType: g6.xlarge\n", "      InstanceType: g6f.xlarge\n")]
    ),
    UnseenMistake(
        "aws price in cents",
        AWS,
        "RTS902",
        [
            (
                "      InstanceType: g6.xlarge\n",
                "      InstanceType: g6.xlarge\n      InstanceMarketOptions: {MarketType: spot, SpotOptions: {MaxPrice: '35'}}\n",
            )
        ],
    ),
    UnseenMistake(
        "azure retired V100",
        AZURE,
        "RTS206",
        [("Standard_NC8as_T4_v3", "Standard_NC6s_v3"), ('{"CPU": 8, "GPU": 1}', '{"CPU": 6, "GPU": 1}')],
    ),
    UnseenMistake("azure GPU of AMD", AZURE, "RTS303", [("Standard_NC8as_T4_v3", "Standard_NV8as_v4")]),
    UnseenMistake(
        "slurm workers in the head's part", STUDY, "RTS845", [('srun --het-group="$group" --ntasks', "srun --ntasks")]
    ),
    UnseenMistake(
        "slurm export without =", STUDY, "RTS415", [("export RAY_ADDRESS=$address", "export RAY_ADDRESS $address")]
    ),
    UnseenMistake("slurm no token", STUDY, "RTS611", [("export RAY_AUTH_MODE=token\n", "")]),
    UnseenMistake(
        "slurm array without index",
        SLURM,
        "RTS845",
        [('srun --nodes=1 --ntasks=1 -w "$node_i"', 'srun --nodes=1 --ntasks=1 -w "$nodes_array"')],
    ),
    UnseenMistake("slurm path of a documentation", SLURM, "RTS106", [("set -e\n", "set -e\ncd /path/to/project\n")]),
    UnseenMistake("hosts home of root", LOCAL, "RTS503", [("  - cd ~/raytune_suite", "  - cd /root/raytune_suite")]),
    UnseenMistake(
        "hosts memory in GiB",
        LOCAL,
        "RTS410",
        [("--address=$RAY_HEAD_IP:6379", "--address=$RAY_HEAD_IP:6379 --memory=64")],
    ),
    UnseenMistake(
        "hosts setting with other underscores",
        LOCAL,
        "RTS103",
        [("RAY_health_check_period_ms=1000", "RAY_healthcheck_period_ms=1000")],
    ),
    UnseenMistake(
        "hosts container name with a space",
        LOCAL,
        "RTS609",
        [
            (
                "cluster_name: local\n",
                "cluster_name: local\ndocker:\n  image: rayproject/ray:2.60.0-py311-gpu\n  container_name: ray tune\n",
            )
        ],
    ),
    UnseenMistake(
        "aws unknown limit", AWS, "RTS902", [("--ulimit nofile=65536:65536", "--ulimit nofiles=65536:65536")]
    ),
    UnseenMistake("aws few open files", AWS, "RTS902", [("--ulimit nofile=65536:65536", "--ulimit nofile=1024:1024")]),
    UnseenMistake("aws little shared memory", AWS, "RTS902", [("--shm-size=8g", "--shm-size=64m")]),
    UnseenMistake(
        "aws container with two CPUs", AWS, "RTS209", [("    - --shm-size=8g ", "    - --cpus=2\n    - --shm-size=8g ")]
    ),
    UnseenMistake("aws another folder created", AWS, "RTS503", [("sudo mkdir -p /shared;", "sudo mkdir -p /share;")]),
    UnseenMistake(
        "aws mount behind a test",
        AWS,
        "RTS418",
        [("|| (sudo apt-get", "|| sudo apt-get"), ("$STORAGE /shared) &&", "$STORAGE /shared &&")],
    ),
    UnseenMistake(
        "gcp other project of images",
        GCP,
        "RTS909",
        [
            (
                "projects/deeplearning-platform-release/global/images/YOUR-IMAGE",
                "projects/deeplearning-platform/global/images/common-cu129-ubuntu-2204-nvidia-580-v20260909",
            )
        ],
    ),
    UnseenMistake("azure other publisher", AZURE, "RTS902", [("microsoft-dsvm\n", "microsoft-dvsm\n")]),
]
