"""Ask the provider itself about a file (`cluster check --online`): the cloud, Kubernetes or Slurm.

Nothing is started: requests only describe things, or are dry runs. Credentials are those that the provider's own tools
use. Whatever cannot be asked is a warning that says what is missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.checks.online import aws, azure, gcp, kuberay, slurm
from raytune_suite.cluster.pools import provider

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from raytune_suite.cluster.checks.findings import Finding
    from raytune_suite.cluster.document import ClusterDocument
    from raytune_suite.cluster.pools import Pool

__all__ = ["check", "slurm"]

PROVIDERS: dict[str, Callable[[ClusterDocument, list[Pool]], Iterator[Finding]]] = {
    "aws": aws.check,
    "azure": azure.check,
    "gcp": gcp.check,
    "kuberay": kuberay.check,
}
"""The checks by provider. Slurm's scripts have no provider, see `slurm`."""


def check(document: ClusterDocument, pools: list[Pool]) -> Iterator[Finding]:
    """Yield what the provider answers about a file.

    Raises:
        MissingPackageError: If boto3 is not installed, for AWS.
    """
    name = provider(document)
    if name in PROVIDERS:
        yield from PROVIDERS[name](document, pools)
    else:
        reason = f"`--online` does not support the provider {name!r}"
        yield finding(document, "RTS922", ("provider",), reason, f"it supports {', '.join(PROVIDERS)}, and Slurm")
