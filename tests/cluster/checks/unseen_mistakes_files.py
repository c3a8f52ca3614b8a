"""What a mistake of the unseen sets consists of, and the files that they edit."""

from __future__ import annotations

from typing import NamedTuple


class UnseenMistake(NamedTuple):
    """Replacements in the text of a file, and the code of a finding that they must give."""

    name: str
    file: str
    code: str
    edits: list[tuple[str, str]]


AWS, SPOT, GCP, AZURE, LOCAL, LAPTOP = (
    f"clusters/{name}.yaml" for name in ("aws-gpu", "aws-gpu-spot", "gcp-gpu", "azure-gpu", "local", "laptop")
)
RAYCLUSTER, RAYJOB, BASE = (f"clusters/kuberay/{name}.yaml" for name in ("raycluster", "rayjob", "base"))
STUDY = "clusters/slurm/study.sbatch"
HOSTS, SLURM, RC, RJ, RS = (
    f"tests/cluster/checks/files/{name}"
    for name in ("hosts.yaml", "ray.sbatch", "raycluster.yaml", "rayjob.yaml", "rayservice.yaml")
)
EXAMPLE_AWS, EXAMPLE_GCP, EXAMPLE_AZURE, EXAMPLE_DOCKER = (
    f"tests/cluster/checks/files/example-{name}.yaml" for name in ("aws", "gcp", "azure", "docker")
)
COMPLETE, CRON, ARRAY = (
    f"tests/cluster/checks/files/{name}" for name in ("complete.yaml", "cron.yaml", "array.sbatch")
)
