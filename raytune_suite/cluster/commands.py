"""The commands of Ray, ssh and kubectl that bring a cluster up, use it and take it down."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from raytune_suite.cluster.pools import is_kuberay, is_plain_manifest, provider
from raytune_suite.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raytune_suite.cluster.document import Document

SSH_OPTIONS = ("-o", "ConnectTimeout=10", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=accept-new")
"""Ask nothing, and learn a host's key at the first visit."""

TOKEN = {"RAY_AUTH_MODE": "token"}
"""Lets nobody without this account's token run code here. It is said to each of Ray's commands, since `ray start` looks
for a token by itself and `ray status` does not (Ray 2.60)."""

DASHBOARD = "http://127.0.0.1:8265"
"""Where Ray Jobs listens once `ray dashboard FILE` or `kubectl port-forward` has brought it here."""


@dataclass(frozen=True)
class Command:
    """A command, what it adds to the environment, and whether nobody may see what it prints."""

    words: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)
    secret: bool = False

    def __str__(self) -> str:
        """As one would type it."""
        before = [f"{name}={shlex.quote(value)}" for name, value in self.environment.items()]
        return " ".join([*before, shlex.join(self.words), *(["> /dev/null"] if self.secret else [])])


def is_pretended(document: Document) -> bool:
    """Whether a file describes nodes that are processes of this machine."""
    return "fake_multi_node" in str(document.get("provider", "module", default=""))


def up(document: Document, *, yes: bool = False) -> list[Command]:
    """Start a cluster."""
    file = str(document.path)
    if is_kuberay(document) or is_plain_manifest(document):
        return [Command(("kubectl", "apply", "-f", file))]
    if is_pretended(document):
        start = ("ray", "start", "--head", "--num-cpus=0", f"--autoscaling-config={file}")
        make = Command(("ray", "get-auth-token", "--generate"), secret=True)  # it prints the token
        return [make, Command(start, {"RAY_FAKE_CLUSTER": "1", **TOKEN})]
    # autoscaler v2 counts the head among the workers of one's own hosts, and never starts the last one (ray#59905)
    environment = {"RAY_UP_enable_autoscaler_v2": "0"} if provider(document) == "local" else {}
    return [Command(("ray", "up", *(["--yes"] if yes else []), file), environment)]


def down(document: Document, *, yes: bool = False) -> list[Command]:
    """Stop a cluster, all of its nodes."""
    file = str(document.path)
    if is_kuberay(document):
        return [Command(("kubectl", "delete", "-f", file))]
    if is_pretended(document):
        return [Command(("ray", "stop"))]
    commands = [Command(("ray", "down", *(["--yes"] if yes else []), file))]
    if provider(document) == "local" and not document.get("docker", "image"):
        key = document.get("auth", "ssh_private_key")
        identity = ("-i", os.path.expanduser(str(key))) if key else ()  # noqa: PTH111 - shown as it is typed
        for host in document.entries("provider", "worker_ips"):  # `ray down` stops the head alone
            target = f"{document.get('auth', 'ssh_user')}@{host}"
            commands.append(Command(("ssh", *identity, *SSH_OPTIONS, target, "bash -lc 'ray stop --force'")))
    return commands


def status(document: Document) -> list[Command]:
    """Tell which nodes there are, and what waits for more."""
    if is_kuberay(document):
        label = f"ray.io/originated-from-cr-name={document.get('metadata', 'name')}"
        return [
            Command(("kubectl", "get", "-f", str(document.path))),
            Command(("kubectl", "get", "pods", "--selector", label)),
        ]
    if is_pretended(document):
        return [Command(("ray", "status"), TOKEN)]
    return [Command(("ray", "exec", str(document.path), "ray status"))]


def submit(
    document: Document,
    script: str,
    arguments: Sequence[str] = (),
    *,
    job: bool = False,
    address: str = DASHBOARD,
    working_dir: str = ".",
    fetch: tuple[str, str] | None = None,
) -> list[Command]:
    """Run a program on the head, follow what it prints, and maybe copy results back.

    Args:
        document: The cluster.
        script: The program.
        arguments: What it is told.
        job: By Ray Jobs, which packs `working_dir`, and goes on when this terminal is closed; a cluster of KubeRay's
            has no other way. By default `ray submit`, which needs nothing but ssh.
        address: Where Ray Jobs listens.
        working_dir: The folder that Ray Jobs packs; the program is relative to it.
        fetch: A file or folder on the head, and where to copy it here.

    Raises:
        ArgumentError: If results shall be fetched from pods.
    """
    file = str(document.path)
    if fetch is not None and (is_kuberay(document) or is_pretended(document)):
        raise ArgumentError("`--fetch` copies over ssh: copy from pods by `kubectl cp`, and here by `cp`")
    if is_pretended(document) and not job:
        commands = [Command((sys.executable, script, *arguments), {"RAY_ADDRESS": "auto", **TOKEN})]
    elif job or is_kuberay(document):
        start = ("ray", "job", "submit", "--address", address, "--working-dir", working_dir, "--", "python", script)
        commands = [Command((*start, *arguments), TOKEN if is_pretended(document) else {})]
    else:
        commands = [Command(("ray", "submit", file, script, *(["--", *arguments] if arguments else [])))]
    if fetch is not None:
        commands.append(Command(("ray", "rsync-down", file, *fetch)))
    return commands


def check_listens(address: str, document: Document) -> None:
    """Refuse an address of Ray Jobs at which nothing listens.

    Raises:
        ArgumentError: If that is so.
    """
    url = urlsplit(address)
    try:
        port = url.port or (443 if url.scheme == "https" else 80)
        socket.create_connection((url.hostname or "", port), timeout=5).close()
    except (OSError, ValueError) as error:
        service = f"service/{document.get('metadata', 'name')}-head-svc"
        remedy = f"kubectl port-forward {service} 8265" if is_kuberay(document) else f"ray dashboard {document.path}"
        if is_pretended(document):
            remedy = f"raytune-suite cluster up {document.path}"
        raise ArgumentError(f"nothing listens at {address}: `{remedy}` in another terminal ({error})") from error


def run(command: Command) -> int:
    """Run a command in this terminal; its exit status.

    Raises:
        ArgumentError: If there is no such program.
    """
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])  # the `ray` of this Python
    try:
        return subprocess.run(  # noqa: S603 - shown before it runs
            command.words,
            env={**os.environ, **command.environment, "PATH": path},
            stdout=subprocess.DEVNULL if command.secret else None,
            check=False,
        ).returncode
    except FileNotFoundError:
        raise ArgumentError(f"{command.words[0]!r} is not installed: it is needed to run `{command}`") from None
