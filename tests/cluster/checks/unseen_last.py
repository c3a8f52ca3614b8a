"""Mistakes like those that rules for others' files missed at the last: each of a class of which one had not been found.

When the last sets of others, of 45 and 45, were first run, the rules found 42 and 40 of them. The mistakes here are those that
were missed, their neighbours, and others that the rules for them find. What is reported as a warning may be meant.
"""

# ruff: noqa: E501 - the edits are parts of lines and must not be wrapped
from __future__ import annotations

from tests.cluster.checks.unseen_mistakes_files import AWS, AZURE, GCP, LOCAL, RAYCLUSTER, RAYJOB, STUDY, UnseenMistake

AT_THE_LAST = [
    UnseenMistake(
        "aws EFS mounted as Lustre",
        AWS,
        "RTS503",
        [("mount -t nfs4 -o nfsvers=4.1,hard,timeo=600,retrans=2", "mount -t lustre -o noatime,flock")],
    ),
    UnseenMistake(
        "aws Lustre mounted as NFS",
        AWS,
        "RTS503",
        [
            (
                "STORAGE=YOUR-FILE-SYSTEM.efs.us-east-1.amazonaws.com:/;",
                "STORAGE=fs-0c2d4e6f8a1b3c5d7.fsx.us-east-1.amazonaws.com@tcp:/x4tzbbmv;",
            )
        ],
    ),
    UnseenMistake(
        "aws Lustre without its network",
        AWS,
        "RTS503",
        [
            (
                "STORAGE=YOUR-FILE-SYSTEM.efs.us-east-1.amazonaws.com:/;",
                "STORAGE=fs-0c2d4e6f8a1b3c5d7.fsx.us-east-1.amazonaws.com:/x4tzbbmv;",
            ),
            ("mount -t nfs4 -o nfsvers=4.1,hard,timeo=600,retrans=2", "mount -t lustre -o noatime,flock"),
        ],
    ),
    UnseenMistake(
        "aws identifier of EFS for NFS",
        AWS,
        "RTS503",
        [("STORAGE=YOUR-FILE-SYSTEM.efs.us-east-1.amazonaws.com:/;", "STORAGE=fs-0c2d4e6f8a1b3c5d7:/;")],
    ),
    UnseenMistake("aws option of the helper of EFS", AWS, "RTS503", [("nfsvers=4.1,hard", "nfsvers=4.1,tls,hard")]),
    UnseenMistake(
        "aws no helper of EFS",
        AWS,
        "RTS503",
        [("mount -t nfs4 -o nfsvers=4.1,hard,timeo=600,retrans=2", "mount -t efs -o tls")],
    ),
    UnseenMistake(
        "azure share of SMB as NFS",
        AZURE,
        "RTS503",
        [
            (
                "STORAGE=YOUR-ACCOUNT.file.core.windows.net:/YOUR-ACCOUNT/studies",
                "STORAGE=//YOUR-ACCOUNT.file.core.windows.net/studies",
            )
        ],
    ),
    UnseenMistake(
        "azure path without the account",
        AZURE,
        "RTS503",
        [
            (
                "STORAGE=YOUR-ACCOUNT.file.core.windows.net:/YOUR-ACCOUNT/studies",
                "STORAGE=myacct.file.core.windows.net:/studies",
            )
        ],
    ),
    UnseenMistake("gcp no client of NFS", GCP, "RTS503", [("sudo apt-get install -qy nfs-common\n    && ", "")]),
    UnseenMistake("aws pip sklearn", AWS, "RTS305", [("constraints.txt boto3 ", "constraints.txt boto3 sklearn ")]),
    UnseenMistake(
        "aws pip tensorflow-gpu", AWS, "RTS305", [("constraints.txt boto3 ", "constraints.txt boto3 tensorflow-gpu ")]
    ),
    UnseenMistake("aws pip pytorch", AWS, "RTS305", [("constraints.txt boto3 ", "constraints.txt boto3 pytorch ")]),
    UnseenMistake(
        "aws pip ray-nightly", AWS, "RTS305", [("constraints.txt boto3 ", "constraints.txt boto3 ray-nightly ")]
    ),
    UnseenMistake("aws pip tune", AWS, "RTS305", [("constraints.txt boto3 ", "constraints.txt boto3 tune ")]),
    UnseenMistake("aws pip cv2", AWS, "RTS305", [("constraints.txt boto3 ", "constraints.txt boto3 cv2 ")]),
    UnseenMistake("aws pip boto", AWS, "RTS305", [("constraints.txt boto3 ", "constraints.txt boto3 boto ")]),
    UnseenMistake(
        "aws pip google-cloud", AWS, "RTS305", [("constraints.txt boto3 ", "constraints.txt boto3 google-cloud ")]
    ),
    UnseenMistake(
        "kuberay sklearn in a runtime environment",
        RAYJOB,
        "RTS305",
        [("  backoffLimit: 2 ", "  runtimeEnvYAML: |\n    pip: [sklearn]\n  backoffLimit: 2 ")],
    ),
    UnseenMistake(
        "slurm pip sklearn",
        STUDY,
        "RTS305",
        [("source .venv/bin/activate\n", "source .venv/bin/activate\npip install sklearn\n")],
    ),
    UnseenMistake(
        "kuberay retries of the submitter only",
        RAYJOB,
        "RTS804",
        [("  backoffLimit: 2 ", "  submitterConfig: {backoffLimit: 2} ")],
    ),
    UnseenMistake(
        "kuberay deadline of 480 seconds",
        RAYJOB,
        "RTS821",
        [("  backoffLimit: 2 ", "  activeDeadlineSeconds: 480\n  backoffLimit: 2 ")],
    ),
    UnseenMistake("kuberay medium memory", RAYCLUSTER, "RTS817", [("medium: Memory", "medium: memory")]),
    UnseenMistake("slurm dirname of $0", STUDY, "RTS843", [('cd "$SLURM_SUBMIT_DIR"', 'cd "$(dirname "$0")"')]),
    UnseenMistake(
        "slurm BASH_SOURCE", STUDY, "RTS843", [('cd "$SLURM_SUBMIT_DIR"', 'cd "$(dirname "${BASH_SOURCE[0]}")/.."')]
    ),
    UnseenMistake(
        "slurm realpath of $0", STUDY, "RTS843", [('cd "$SLURM_SUBMIT_DIR"', 'here=$(realpath "$0"); cd "${here%/*}"')]
    ),
    UnseenMistake("slurm ${0%/*}", STUDY, "RTS843", [('cd "$SLURM_SUBMIT_DIR"', 'cd "${0%/*}"')]),
    UnseenMistake(
        "slurm source beside $0",
        STUDY,
        "RTS843",
        [("source .venv/bin/activate", 'source .venv/bin/activate\nsource "$(dirname $0)/env.sh"')],
    ),
    UnseenMistake(
        "slurm relative RAY_TMPDIR",
        STUDY,
        "RTS410",
        [("export RAY_ADDRESS=$address\n", "export RAY_ADDRESS=$address\nexport RAY_TMPDIR=tmp\n")],
    ),
    UnseenMistake(
        "slurm shared RAY_TMPDIR",
        STUDY,
        "RTS410",
        [("export RAY_ADDRESS=$address\n", "export RAY_ADDRESS=$address\nexport RAY_TMPDIR=/scratch/$USER/ray\n")],
    ),
    UnseenMistake(
        "slurm long RAY_TMPDIR",
        STUDY,
        "RTS410",
        [
            (
                "export RAY_ADDRESS=$address\n",
                "export RAY_ADDRESS=$address\nexport RAY_TMPDIR=/gpfs/scratch/projects/machine-learning/hyperparameter-studies/raytune/ray-tmp\n",
            )
        ],
    ),
    UnseenMistake(
        "slurm TMPDIR in HOME",
        STUDY,
        "RTS410",
        [("export RAY_ADDRESS=$address\n", "export RAY_ADDRESS=$address\nexport TMPDIR=$HOME/tmp\n")],
    ),
    UnseenMistake(
        "hosts shared temp-dir", LOCAL, "RTS410", [("ray start --head", "ray start --head --temp-dir=/shared/tmp")]
    ),
    UnseenMistake(
        "aws shared RAY_TMPDIR",
        AWS,
        "RTS410",
        [("export RAY_AUTH_MODE=token;", "export RAY_AUTH_MODE=token RAY_TMPDIR=/shared/tmp;")],
    ),
    UnseenMistake(
        "aws shared RAY_TMPDIR of containers",
        AWS,
        "RTS410",
        [("-e RAY_AUTH_MODE=token ", "-e RAY_AUTH_MODE=token -e RAY_TMPDIR=/shared/tmp ")],
    ),
    UnseenMistake(
        "hosts containers without a folder",
        LOCAL,
        "RTS503",
        [
            (
                "auth:\n",
                "docker:\n  image: rayproject/ray:2.60.0-py311-gpu\n  container_name: raytune\n  pull_before_run: true\n  run_options: [--shm-size=8g]\n\nauth:\n",
            )
        ],
    ),
    UnseenMistake(
        "hosts folder of the head's container only",
        LOCAL,
        "RTS503",
        [
            (
                "auth:\n",
                "docker:\n  image: rayproject/ray:2.60.0-py311-gpu\n  container_name: raytune\n  pull_before_run: true\n  run_options: [--shm-size=8g]\n  head_run_options: ['-v /shared:/shared']\n\nauth:\n",
            )
        ],
    ),
    UnseenMistake(
        "slurm podman without a folder",
        STUDY,
        "RTS503",
        [('python -u "$@" &', 'podman run --network=host --gpus all ray python -u "$@" &')],
    ),
    UnseenMistake(
        "aws V100 with the open driver",
        AWS,
        "RTS908",
        [
            ("InstanceType: g6.xlarge", "InstanceType: p3.2xlarge"),
            ("resources: {}                     # Ray asks EC2: 4 CPUs, 1 GPU, accelerator_type:L4", "resources: {}"),
        ],
    ),
    UnseenMistake("aws second disk only", AWS, "RTS911", [("/dev/sda1", "/dev/sdf")]),
    UnseenMistake(
        "aws image ray-ml", AWS, "RTS304", [("rayproject/ray:2.60.0-py311-gpu", "rayproject/ray-ml:2.60.0-py311-gpu")]
    ),
    UnseenMistake("aws mount without its folder", AWS, "RTS503", [("    sudo mkdir -p /shared;\n", "")]),
    UnseenMistake("aws mountpoint inverted", AWS, "RTS503", [("mountpoint -q /shared ||", "mountpoint -q /shared &&")]),
    UnseenMistake("aws mounted read-only", AWS, "RTS503", [("nfsvers=4.1,hard", "nfsvers=4.1,ro,hard")]),
    UnseenMistake(
        "aws containers with 4 GB",
        AWS,
        "RTS214",
        [("    - -v /shared:/shared\n", "    - -v /shared:/shared\n    - --memory=4g\n")],
    ),
    UnseenMistake("gcp start from a local SSD", GCP, "RTS905", [("type: PERSISTENT", "type: SCRATCH")]),
    UnseenMistake("gcp NFS without a slash", GCP, "RTS503", [("YOUR-NFS-SERVER:/share", "10.0.0.2:share")]),
    UnseenMistake("gcp NFS over the internet", GCP, "RTS503", [("YOUR-NFS-SERVER:/share", "34.68.12.9:/share")]),
    UnseenMistake(
        "gcp part of a path as machineType",
        GCP,
        "RTS909",
        [("machineType: g2-standard-8 ", "machineType: us-central1-a/g2-standard-8 ")],
    ),
    UnseenMistake(
        "slurm hours as minutes",
        STUDY,
        "RTS842",
        [("--time=08:00:00                 # adapt;", "--time=08:00                 # eight hours;")],
    ),
    UnseenMistake(
        "slurm study in the background", STUDY, "RTS823", [('python -u "$@" &\nwait $!\n', 'python -u "$@" &\n')]
    ),
    UnseenMistake(
        "slurm environment on one node",
        STUDY,
        "RTS845",
        [("source .venv/bin/activate", "source /tmp/venv/bin/activate")],
    ),
    UnseenMistake(
        "slurm letter O in a variable",
        STUDY,
        "RTS843",
        [('"$SLURM_JOB_NODELIST_HET_GROUP_0"', '"$SLURM_JOB_NODELIST_HET_GROUP_O"')],
    ),
    UnseenMistake("slurm awk NR == 0", STUDY, "RTS417", [("awk 'NR == 1')\n", "awk 'NR == 0')\n")]),
    UnseenMistake("slurm while instead of until", STUDY, "RTS845", [("until ray status", "while ray status")]),
    UnseenMistake("slurm address without a port", STUDY, "RTS845", [("{print $1}'):$port", "{print $1}')")]),
    UnseenMistake(
        "slurm address of each node itself",
        STUDY,
        "RTS845",
        [("address=$(getent ahostsv4 \"$head\" | awk 'NR == 1 {print $1}'):$port", "address=127.0.0.1:$port")],
    ),
    UnseenMistake("slurm kill of all processes", STUDY, "RTS845", [("kill $(jobs -p)", "kill -9 -1")]),
    UnseenMistake(
        "slurm pkill of other jobs",
        STUDY,
        "RTS845",
        [
            (
                "stop() { kill $(jobs -p) 2>/dev/null || true; wait || true; }",
                "stop() { ray stop --force; pkill -u $USER python; }",
            )
        ],
    ),
    UnseenMistake("slurm set -o pipfail", STUDY, "RTS415", [("set -euo pipefail\n", "set -euo pipfail\n")]),
    UnseenMistake("slurm ulimit unlimited", STUDY, "RTS845", [('ulimit -n "$(ulimit -Hn)" ', "ulimit -n unlimited ")]),
    UnseenMistake(
        "kuberay hours as seconds",
        RAYJOB,
        "RTS821",
        [
            (
                "ttlSecondsAfterFinished: 600              # time to read the logs",
                "ttlSecondsAfterFinished: 24               # 24 hours to read the logs",
            )
        ],
    ),
    UnseenMistake(
        "aws seconds as minutes",
        AWS,
        "RTS821",
        [
            (
                "idle_timeout_minutes: 8               # longer than",
                "idle_timeout_minutes: 480             # 480 seconds, longer than",
            )
        ],
    ),
    UnseenMistake("kuberay bash without -c", RAYJOB, "RTS415", [("bash -c 'raytune", "bash 'raytune")]),
    UnseenMistake("kuberay GPUs with a unit", RAYJOB, "RTS820", [("--gpus 1", "--gpus 1gpu")]),
    UnseenMistake(
        "aws apt-get without sudo in the container",
        AWS,
        "RTS414",
        [("\nsetup_commands:\n", "\nsetup_commands:\n  - apt-get update && apt-get install -y htop\n")],
    ),
    UnseenMistake(
        "kuberay job on Ray's image",
        RAYJOB,
        "RTS306",
        [("YOUR-REGISTRY/raytune-suite:", "rayproject/ray:")],
    ),
    UnseenMistake(
        "kuberay head without the dashboard",
        RAYJOB,
        "RTS411",
        [('        num-cpus: "0" ', '        include-dashboard: "false"\n        num-cpus: "0" ')],
    ),
]
