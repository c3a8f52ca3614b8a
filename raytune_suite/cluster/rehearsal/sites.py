"""The lab's version of a cluster file, by its provider."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raytune_suite.cluster.pools import provider
from raytune_suite.cluster.rehearsal.own_hosts import OwnHosts
from raytune_suite.errors import ArgumentError

if TYPE_CHECKING:
    from pathlib import Path

    from raytune_suite.cluster.document import Document
    from raytune_suite.cluster.rehearsal.site import Site


def site_of(document: Document, folder: Path, *, shared: str, workers: int) -> Site:
    """The machines that are there from the beginning, switched on, and the copy of a file that fits them.

    Args:
        document: The cluster file.
        folder: An empty folder for what the lab needs.
        shared: Where all machines have the shared folder.
        workers: How many of one's own hosts take part at most.

    Raises:
        ArgumentError: If files of this provider cannot be rehearsed.
        RehearsalError: If the lab cannot be made.
    """
    if provider(document) == "local":
        return OwnHosts(document, folder, shared=shared, workers=workers)
    if provider(document) == "aws":
        from raytune_suite.cluster.rehearsal.aws import Aws

        return Aws(document, folder, shared=shared)
    raise ArgumentError(f"only files for `local` and `aws` can be rehearsed, not {provider(document)!r}")
