"""The container of a pool: its image and the options with which it is started."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from raytune_suite.cluster.document import ClusterDocument, KeyPath
    from raytune_suite.cluster.pools import Pool


def image_of(document: ClusterDocument, pool: Pool) -> tuple[KeyPath, str]:
    """Return the container image of a pool with its key path, "" without a container."""
    own: KeyPath = (*pool.where, "docker", "worker_image")
    special: KeyPath = ("docker", "head_image" if pool.head else "worker_image")
    for where in (own, special, ("docker", "image")):
        if document.get(*where):
            return where, str(document.get(*where))
    return ("docker", "image"), ""


def run_options(document: ClusterDocument, pool: Pool) -> list[tuple[KeyPath, str]]:
    """Return the options of `docker run` for a pool, with their key paths."""
    places: list[KeyPath] = [("docker", "run_options")]
    places.append(("docker", "head_run_options" if pool.head else "worker_run_options"))
    places.append((*pool.where, "docker", "worker_run_options"))
    return [((*where, index), text) for where in places for index, text in enumerate(document.strings(*where))]
