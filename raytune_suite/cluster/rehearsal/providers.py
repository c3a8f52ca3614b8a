"""The providers whose cluster files can be rehearsed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raytune_suite.cluster.pools import provider
from raytune_suite.cluster.rehearsal.own_hosts import OwnHostsLabCluster
from raytune_suite.errors import ArgumentError

if TYPE_CHECKING:
    from pathlib import Path

    from raytune_suite.cluster.document import ClusterDocument
    from raytune_suite.cluster.rehearsal.lab_cluster import LabCluster


def lab_cluster_for(document: ClusterDocument, folder: Path, *, shared: str, workers: int) -> LabCluster:
    """Adapt a cluster file to the lab, and switch on the machines that exist from the start.

    Args:
        document: The cluster file.
        folder: An empty folder for the lab's files.
        shared: The path of the shared folder on every machine.
        workers: For the provider `local`: the most workers to use.

    Raises:
        ArgumentError: If files of this provider cannot be rehearsed.
        RehearsalError: If the lab cannot be created.
    """
    if provider(document) == "local":
        return OwnHostsLabCluster(document, folder, shared=shared, workers=workers)
    if provider(document) == "aws":
        from raytune_suite.cluster.rehearsal.aws import AwsLabCluster

        return AwsLabCluster(document, folder, shared=shared)
    raise ArgumentError(f"the provider is {provider(document)!r}, but only `local` and `aws` can be rehearsed")
