"""Mistakes of people who had not seen the rules, most of which only show when two places of a file are compared.

When their two sets of 43 and 46 were first run, the rules found 37 of each. The first 15 here are what they missed, the
others belong to the rules that now find these.
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
    SPOT,
    UnseenMistake,
)

LARGE = "InstanceType: g6.48xlarge"
MKDIR, HARD, JOIN = (
    "    sudo mkdir -p /shared;\n",
    "-o hard,timeo=600,retrans=3",
    "ray start --address=$RAY_HEAD_IP:6379",
)
RIGHTS, JOB, HEAD_SETUP = " && sudo chmod 1777 /shared", "  backoffLimit: 2 ", "\nhead_setup_commands:"
DRIVER = (
    "    if lspci | grep -qi nvidia; then timeout 600 bash -c 'until nvidia-smi >/dev/null 2>&1; do sleep 3; done'; fi"
)
WAIT, SETUP = "    until nvidia-smi; do sleep 3; done", "\nsetup_commands:\n"
PIP, ASSERT = "python3 -m pip install --user -c constraints.txt", "- python3 -c 'import ray;"
OF_RAY, FROM = 'matchLabels: {ray.io/is-ray-node: "yes"}', '"yes"}}}]\n      ports:'
SELECTS_SPOT, ENTRYPOINT = "nodeSelector: {raytune-nodes: spot}", "  entrypoint: >-\n"
ON_DEMAND = "          nodeSelector: {raytune-nodes: on-demand}\n          tolerations"


def one(name: str, file: str, code: str, old: str, new: str) -> UnseenMistake:
    """Return a mistake of one edit."""
    return UnseenMistake(name, file, code, [(old, new)])


NINETEENTH = [
    one("aws one GPU named eight", AWS, "RTS208", LARGE, "InstanceType: g6.8xlarge"),
    one(
        "aws price limit of a small machine",
        SPOT,
        "RTS202",
        f"{LARGE}\n      InstanceMarketOptions: {{MarketType: spot}}",
        f'{LARGE}\n      InstanceMarketOptions: {{MarketType: spot, SpotOptions: {{MaxPrice: "0.60"}}}}',
    ),
    one("aws folder of root", AWS, "RTS503", RIGHTS, ""),
    one("aws mkdir of a command", AWS, "RTS415", MKDIR, "    sudo mkdir -p /shared\n"),
    one("gcp soft mount of a second", GCP, "RTS503", HARD, "-o soft,timeo=10,retrans=1"),
    one("gcp head waits for a GPU", GCP, "RTS412", DRIVER, f"    timeout 600 bash -c '{WAIT.strip()}'"),
    one("azure packages for workers only", AZURE, "RTS912", f"{HEAD_SETUP}  ", "\nworker_setup_commands:"),
    one("hosts workers without CPUs", LOCAL, "RTS701", JOIN, f"{JOIN} --num-cpus=0"),
    UnseenMistake(
        "hosts Ray in an environment",
        LOCAL,
        "RTS401",
        [
            (PIP, "python3 -m venv ~/rayenv && ~/rayenv/bin/python -m pip install -c constraints.txt"),
            (ASSERT, "- ~/rayenv/bin/python -c 'import ray;"),
        ],
    ),
    one("kuberay policy without the head", BASE, "RTS804", OF_RAY, "matchLabels: {ray.io/node-type: worker}"),
    one("kuberay rule split by a dash", BASE, "RTS615", FROM, '"yes"}}}]\n    - ports:'),
    one("kuberay spot group on demand", RAYCLUSTER, "RTS905", SELECTS_SPOT, "nodeSelector: {raytune-nodes: on-demand}"),
    one("kuberay study renamed", RAYJOB, "RTS804", "--name digits-bohb", "--name digits-bohb-wide"),
    one("kuberay literal entrypoint", RAYJOB, "RTS415", ENTRYPOINT, "  entrypoint: |\n"),
    one("kuberay entrypoint on a worker", RAYJOB, "RTS818", JOB, f"  entrypointNumCpus: 2\n{JOB}"),
    # others of the same kind
    one(
        "aws comment of another machine",
        AWS,
        "RTS208",
        "InstanceType: g6.xlarge\n",
        "InstanceType: g6.12xlarge   # 1 GPU\n",
    ),
    one("aws model in the name", AWS, "RTS208", "  gpu_1:  ", "  h100_x1:  "),
    one("gcp number of a model in the name", GCP, "RTS208", "  gpu_8:\n", "  4xl4:\n"),
    one(
        "azure more CPUs in a comment",
        AZURE,
        "RTS208",
        '{"CPU": 96, "GPU": 8}\n',
        '{"CPU": 96, "GPU": 8}    # 128 CPUs\n',
    ),
    one("kuberay one GPU named eight", RAYCLUSTER, "RTS208", "groupName: gpu-1-spot", "groupName: gpu-4-spot"),
    one("azure price limit in cents", AZURE, "RTS202", "{maxPrice: -1}", "{maxPrice: 0.01}"),
    one("aws folder of root by chmod", AWS, "RTS503", "chmod 1777 /shared", "chmod 755 /shared"),
    one("azure folder of root", AZURE, "RTS503", RIGHTS, ""),
    one("gcp test of a command", GCP, "RTS415", MKDIR, "    test -d /shared sudo mkdir -p /shared;\n"),
    one("hosts cd to two folders", LOCAL, "RTS415", f"cd ~/raytune_suite && {PIP}", f"cd ~/raytune_suite {PIP}"),
    one("hosts sleep of a command", LOCAL, "RTS415", "  - ray stop\n", "  - >-\n    sleep 5\n    sudo ray stop\n"),
    one("aws folder for one command only", AWS, "RTS417", "amazonaws.com:/;\n", "amazonaws.com:/\n"),
    one("aws soft mount", AWS, "RTS503", "hard,timeo=600,retrans=2", "softerr,timeo=30"),
    one(
        "kuberay soft class",
        BASE,
        "RTS814",
        "apiVersion: v1\nkind: Service\n",
        "apiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: {name: nfs}\nprovisioner: nfs.csi.k8s.io\nmountOptions: [soft, timeo=20]\n---\napiVersion: v1\nkind: Service\n",
    ),
    one("gcp endless wait for a GPU", GCP, "RTS412", DRIVER, WAIT),
    one("aws head shows its GPU", AWS, "RTS908", SETUP, f"{SETUP}  - nvidia-smi -L\n"),
    one("gcp packages for workers only", GCP, "RTS912", HEAD_SETUP, "\nworker_setup_commands:"),
    one("azure workers without CPUs", AZURE, "RTS702", '{"CPU": 8, "GPU": 1}', '{"CPU": 0, "GPU": 1}'),
    UnseenMistake("hosts Ray in conda", LOCAL, "RTS402", [(PIP, "conda run -n tune pip install -c constraints.txt")]),
    one("kuberay policy for groups of workers", BASE, "RTS804", OF_RAY, "matchLabels: {ray.io/group: gpu-8}"),
    one(
        "kuberay policy for any namespace",
        BASE,
        "RTS615",
        "from: [{podSelector",
        "from: [{namespaceSelector: {}}, {podSelector",
    ),
    UnseenMistake(
        "kuberay on-demand group on spot",
        RAYCLUSTER,
        "RTS905",
        [
            ("groupName: gpu-8  ", "groupName: gpu-8-on-demand"),
            (ON_DEMAND, f"          {SELECTS_SPOT}\n          tolerations"),
        ],
    ),
    one("kuberay folder renamed", RAYJOB, "RTS804", "--storage-path /shared/studies", "--storage-path /shared/results"),
    one("kuberay entrypoint with a GPU on spot", RAYJOB, "RTS818", JOB, f"  entrypointNumGpus: 1\n{JOB}"),
    one("aws spot pool on demand", AWS, "RTS905", "  gpu_1:  ", "  gpu_1_spot:  "),
    one("gcp on-demand pool on spot", GCP, "RTS905", "  gpu_1:\n", "  gpu_1_on_demand:\n"),
    UnseenMistake(
        "hosts literal options",
        LOCAL,
        "RTS415",
        [
            ("  - >-\n    ulimit", "  - |\n    ulimit"),
            ("    ray start --head --port=6379 ", "    ray start --head\n    --port=6379 "),
        ],
    ),
]

VALID: dict[str, list[tuple[str, str, str]]] = {
    "numbered pools": [(AWS, "  gpu_8:  ", "  gpu_2:  ")],
    "price limit near the price": [(SPOT, "{MarketType: spot}", '{MarketType: spot, SpotOptions: {MaxPrice: "0.45"}}')],
    "rights by chown": [(AWS, "sudo chmod 1777 /shared", "sudo chown 1000:100 /shared")],
    "several folders": [(GCP, MKDIR, "    sudo mkdir -p /shared /mount /git; NAME=a; echo $NAME;\n")],
    "soft mount with time": [(GCP, HARD, "-o soft,timeo=600,retrans=3")],
    "environment on the PATH": [
        (LOCAL, PIP, "python3 -m venv ~/env && ~/env/bin/pip install -c constraints.txt"),
        (LOCAL, "export RAY_AUTH_MODE=token;\n", "export RAY_AUTH_MODE=token; export PATH=~/env/bin:$PATH;\n"),
        (LOCAL, "export RAY_AUTH_MODE=token; ray", "export RAY_AUTH_MODE=token; . ~/env/bin/activate; ray"),
    ],
    "two rules": [
        (BASE, "      ports: [{port: 6379}]\n", "      ports: [{port: 6379}]\n    - ports: [{port: 9121}]\n")
    ],
    "name of a part of the study": [
        (RAYJOB, "test -d /shared/studies/digits-bohb ", "test -d /shared/studies/digits-bohb/trials ")
    ],
    "literal entrypoint with backslashes": [
        (RAYJOB, ENTRYPOINT, "  entrypoint: |\n"),
        (RAYJOB, "--gpus 1\n", "--gpus 1 \\\n"),
        (RAYJOB, "--name digits-bohb\n", "--name digits-bohb \\\n"),
    ],
    "entrypoint on the head": [(RAYJOB, JOB, f"  entrypointNumCpus: 0\n{JOB}")],
}
"""Settings near those that the rules report, which give no finding at all."""
