"""Check the limits of containers on the machines of a file for `ray up`: CPUs, shared memory, open files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from raytune_suite.cluster.checks.api_schema import closest
from raytune_suite.cluster.checks.containers import run_options
from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.pools import pools
from raytune_suite.cluster.quantities import in_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding
    from raytune_suite.cluster.document import ClusterDocument, KeyPath

ULIMITS = (
    *("core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss", "rtprio"),
    *("rttime", "sigpending", "stack"),
)
"""The limits that docker knows (docs.docker.com/reference/cli/docker/container/run, `--ulimit`)."""

LEAST_FILES = 4096
LEAST_OF_HEAD, LEAST_OF_WORKERS = 4 * 2**30 + 1, 4 * 2**30 + 1
"""Bytes of memory; with less, the head or a trial is killed."""

LEAST_SHARED = 2**30
"""Bytes of shared memory; with less, Ray's object store and data loaders fall back to files or fail."""


def check(document: ClusterDocument) -> Iterator[Finding]:
    """Yield limits of containers that docker rejects, or that keep Ray from using its machine."""
    for pool in pools(document):
        for where, text in run_options(document, pool):
            yield from limits(document, where, text)
            cpus = re.search(r"--cpus[= ](\d+(?:\.\d+)?)", text)
            if cpus is not None and not pool.head and pool.cpus and float(cpus[1]) < pool.cpus:
                reason = (
                    f"the containers get {cpus[1]} of the {pool.cpus:g} CPUs of {pool.name} that Ray offers to trials"
                )
                yield finding(document, "RTS209", where, reason, "remove `--cpus`", severity="warning")
            memory = re.search(r"(?:--memory|-m)[= ](\d+(?:\.\d+)?[kmg]b?)(?=\s|$)", text, re.IGNORECASE)
            least = in_bytes(memory[1]) if memory is not None else None
            if least is not None and least < (LEAST_OF_HEAD if pool.head else LEAST_OF_WORKERS):
                reason = f"containers with {least / 2**30:.1f} GiB of memory are killed: Ray alone needs about 2 GiB"
                yield finding(document, "RTS214", where, reason, "remove `--memory`", severity="warning")
            shared = re.search(r"--shm-size[= ](\d+(?:\.\d+)?[kmg]?b?)", text, re.IGNORECASE)
            size = in_bytes(shared[1]) if shared is not None and not shared[1].isdecimal() else None
            if size is not None and size < LEAST_SHARED and not pool.head:
                reason = (
                    f"shared memory of {size / 2**20:.0f} MiB is too little for Ray's object store and data loaders"
                )
                yield finding(document, "RTS902", where, reason, "write `--shm-size=8g`", severity="warning")


def limits(document: ClusterDocument, where: KeyPath, text: str) -> Iterator[Finding]:
    """Yield limits that docker does not know, and too few open files."""
    for name, value in re.findall(r"--ulimit[= ]+(\w+)=(-?\d+)", text):
        if name not in ULIMITS:
            reason = f"docker has no limit {name!r}{closest(name, ULIMITS)}"
            yield finding(document, "RTS902", where, reason, f"use one of {', '.join(ULIMITS)}")
        elif name == "nofile" and 0 < int(value) < LEAST_FILES:
            reason = f"{value} open files are too few for Ray: each worker process has several connections"
            yield finding(document, "RTS902", where, reason, "write `--ulimit nofile=65536:65536`", severity="warning")
