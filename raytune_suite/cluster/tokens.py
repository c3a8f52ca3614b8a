"""Ray's token, without which nobody can run code in a cluster whose file requires it.

Ray reads the token from `~/.ray/auth_token`. Files for `ray up` copy that folder to all nodes; for KubeRay the operator
creates a token for each cluster and keeps it in a secret.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from raytune_suite.cluster.pools import cluster_spec, is_kuberay, kuberay_pools

if TYPE_CHECKING:
    from collections.abc import Iterable

    from raytune_suite.cluster.document import ClusterDocument, KeyPath

TOKEN = {"RAY_AUTH_MODE": "token"}
"""Requires the token. Set for each of Ray's commands, because `ray start --head` finds a token itself, but `ray start`
of a worker, `ray status` and `ray job` do not (Ray 2.60)."""

FOLDER = "~/.ray"
"""Ray's default folder for the token, on every machine."""

MODE = re.compile(r"\bRAY_AUTH_MODE[= ]+[\"']?token\b")
"""A shell command or an option of `docker run` that requires the token."""

BITS = 256
"""The length of a new token, as in Ray."""


def create_token() -> Path:
    """Create this account's token if it has none, readable only by this account, and return its path."""
    path = Path(FOLDER, "auth_token").expanduser()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(file, "w", encoding="ascii") as stream:
            stream.write(secrets.token_hex(BITS // 8))
    if path.stat().st_mode & 0o077:  # Ray itself creates it readable by everyone
        path.chmod(0o600)
    return path


def is_token_folder(path: object) -> bool:
    """Return whether a path is that of the token or of its folder, which `cluster up` creates."""
    return os.path.normpath(str(path)) in (FOLDER, f"{FOLDER}/auth_token")


def requires_token(commands: Iterable[str]) -> bool:
    """Return whether one of the commands, or options of `docker run`, requires the token."""
    return any(MODE.search(command) for command in commands)


def is_protected(document: ClusterDocument) -> bool:
    """Return whether the head of a file for `ray up`, or of a KubeRay manifest, requires a token."""
    if is_kuberay(document):
        return operator_creates_token(document) or any(
            variables(document, pool.where).get("RAY_AUTH_MODE") == "token"
            for pool in kuberay_pools(document)
            if pool.head
        )
    return requires_token([*document.strings("head_start_ray_commands"), *container_options(document, "head")])


def operator_creates_token(document: ClusterDocument) -> bool:
    """Return whether KubeRay creates a token for the cluster of a manifest."""
    options = document.get(*cluster_spec(document), "authOptions")
    return isinstance(options, dict) and options.get("mode", "token") == "token"


def container_options(document: ClusterDocument, kind: str) -> list[str]:
    """Return the options of `docker run` for the nodes of a kind, "head" or "worker"."""
    return [option for key in ("run_options", f"{kind}_run_options") for option in document.strings("docker", key)]


def variables(document: ClusterDocument, where: KeyPath) -> dict[str, object]:
    """Return the environment variables of a group of pods, None for values from elsewhere such as secrets."""
    entries = document.entries(*where, "template", "spec", "containers", 0, "env")
    return {str(one.get("name")): one.get("value") for one in entries if isinstance(one, dict)}
