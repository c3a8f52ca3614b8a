"""The commands of Ray, ssh and kubectl that start a cluster, use it and stop it."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from raytune_suite.cluster.pools import cluster_spec, is_kuberay, is_plain_manifest, provider
from raytune_suite.cluster.quoting import check_program_name, check_remote_path, quote_for_ray_submit
from raytune_suite.cluster.tokens import TOKEN, is_protected, operator_creates_token
from raytune_suite.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raytune_suite.cluster.document import ClusterDocument

SSH_OPTIONS = ("-o", "ConnectTimeout=10", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=accept-new")
"""Never prompt, and accept a new host's key."""

CONFIRMED = (("ray", "up"), ("ray", "down"))
"""The commands that ask for a confirmation unless they get `--yes`."""

DASHBOARD = "http://127.0.0.1:8265"
"""The address of Ray Jobs after `ray dashboard FILE` or `kubectl port-forward`."""


@dataclass(frozen=True)
class Command:
    """A shell command.

    Attributes:
        argv: Its words.
        environment: The environment variables that it adds.
        secrets: Environment variables that are not shown, and the command that prints the value of each.
    """

    argv: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def __str__(self) -> str:
        """Return the command as it would be typed."""
        before = [f"{name}={shlex.quote(value)}" for name, value in self.environment.items()]
        before += [f'{name}="$({shlex.join(argv)})"' for name, argv in self.secrets.items()]
        return " ".join([*before, shlex.join(self.argv)])


def is_simulated(document: ClusterDocument) -> bool:
    """Return whether a file describes simulated nodes, which are processes of this machine."""
    return "fake_multi_node" in str(document.get("provider", "module", default=""))


def up(document: ClusterDocument, *, yes: bool = False) -> list[Command]:
    """Return the commands that start a cluster. If it `needs_token`, create the token before."""
    file = str(document.path)
    if is_kuberay(document) or is_plain_manifest(document):
        return [Command(("kubectl", "apply", "-f", file))]
    if is_simulated(document):
        start = ("ray", "start", "--head", "--num-cpus=0", f"--autoscaling-config={file}")
        return [Command(start, {"RAY_FAKE_CLUSTER": "1", **TOKEN})]
    # autoscaler v2 counts the head of this provider as a worker and never starts the last one (ray#59905)
    environment = {"RAY_UP_enable_autoscaler_v2": "0"} if provider(document) == "local" else {}
    return [Command(("ray", "up", *(["--yes"] if yes else []), file), environment)]


def needs_token(document: ClusterDocument) -> bool:
    """Return whether the cluster of a file uses this account's token, which KubeRay's clusters do not."""
    return bool(token_mode(document)) and not is_kuberay(document)


def down(document: ClusterDocument, *, yes: bool = False) -> list[Command]:
    """Return the commands that stop all nodes of a cluster."""
    file = str(document.path)
    if is_kuberay(document):
        return [Command(("kubectl", "delete", "-f", file))]
    if is_simulated(document):
        return [Command(("ray", "stop"))]
    commands = [Command(("ray", "down", *(["--yes"] if yes else []), file))]
    if provider(document) == "local" and not document.get("docker", "image"):
        key = document.get("auth", "ssh_private_key")
        identity = ("-i", os.path.expanduser(str(key))) if key else ()  # noqa: PTH111 - shown as it would be typed
        for host in document.entries("provider", "worker_ips"):  # `ray down` only stops the head
            target = f"{document.get('auth', 'ssh_user')}@{host}"
            commands.append(Command(("ssh", *identity, *SSH_OPTIONS, target, "bash -lc 'ray stop --force'")))
    return commands


def status(document: ClusterDocument) -> list[Command]:
    """Return the commands that show the nodes, and what waits for more."""
    if is_kuberay(document):
        label = f"ray.io/originated-from-cr-name={document.get('metadata', 'name')}"
        return [
            Command(("kubectl", "get", "-f", str(document.path))),
            Command(("kubectl", "get", "pods", "--selector", label)),
        ]
    if is_simulated(document):
        return [Command(("ray", "status"), TOKEN)]
    show = " ".join([*(f"{name}={value}" for name, value in token_mode(document).items()), "ray status"])
    return [Command(("ray", "exec", str(document.path), show))]


def token_mode(document: ClusterDocument) -> dict[str, str]:
    """Return the environment variables with which Ray's commands use the token, if the cluster requires one."""
    return TOKEN if is_simulated(document) or is_protected(document) else {}


def token_of_pods(document: ClusterDocument) -> dict[str, tuple[str, ...]]:
    """Return the command that prints the token of a KubeRay cluster, by the variable with which Ray uses it.

    The operator keeps it in a secret with the name of the RayCluster. Other kinds create a RayCluster with a name that
    is only known later.
    """
    if document.get("kind") != "RayCluster" or not operator_creates_token(document):
        return {}
    namespace = document.get("metadata", "namespace")
    place = ("--namespace", str(namespace)) if namespace else ()
    name = document.get(*cluster_spec(document), "authOptions", "secretName") or document.get("metadata", "name")
    template = "go-template={{.data.auth_token | base64decode}}"
    return {"RAY_AUTH_TOKEN": ("kubectl", "get", "secret", str(name), *place, "-o", template)}


def submit(
    document: ClusterDocument,
    script: str,
    arguments: Sequence[str] = (),
    *,
    job: bool = False,
    address: str = DASHBOARD,
    working_dir: str = ".",
    fetch: tuple[str, str] | None = None,
) -> list[Command]:
    """Return the commands that run a program on the head, stream its output, and optionally copy results back.

    Args:
        document: The cluster.
        script: The Python program.
        arguments: Its arguments, which it gets unchanged.
        job: Whether to use Ray Jobs, which uploads `working_dir` and continues when this terminal is closed; KubeRay
            clusters always do. Otherwise use `ray submit`, which only needs ssh.
        address: The address of Ray Jobs.
        working_dir: The folder that Ray Jobs uploads; `script` is relative to it.
        fetch: A file or folder on the head, and the local path to copy it to.

    Raises:
        ArgumentError: If `fetch` is given for a cluster that is not reached over ssh, or a shell would evaluate the
            name of the program or the path on the head.
    """
    file = str(document.path)
    if fetch is not None and (is_kuberay(document) or is_simulated(document)):
        raise ArgumentError("`--fetch` copies over ssh: use `kubectl cp` for pods, and `cp` on this machine")
    if is_simulated(document) and not job:
        commands = [Command((sys.executable, script, *arguments), {"RAY_ADDRESS": "auto", **TOKEN})]
    elif job or is_kuberay(document):
        start = ("ray", "job", "submit", "--address", address, "--working-dir", working_dir, "--", "python", script)
        token = token_of_pods(document) if is_kuberay(document) else {}
        commands = [Command((*start, *arguments), token_mode(document), token)]
    else:
        check_program_name(script)
        quoted = [quote_for_ray_submit(argument) for argument in arguments]
        commands = [Command(("ray", "submit", file, script, *(["--", *quoted] if quoted else [])))]
    if fetch is not None:
        check_remote_path(fetch[0])
        commands.append(Command(("ray", "rsync-down", file, *fetch)))
    return commands


def check_listens(address: str, document: ClusterDocument) -> None:
    """Check that something listens at an address of Ray Jobs.

    Raises:
        ArgumentError: If nothing does.
    """
    url = urlsplit(address)
    try:
        port = url.port or (443 if url.scheme == "https" else 80)
        socket.create_connection((url.hostname or "", port), timeout=5).close()
    except (OSError, ValueError) as error:
        service = f"service/{document.get('metadata', 'name')}-head-svc"
        remedy = f"kubectl port-forward {service} 8265" if is_kuberay(document) else f"ray dashboard {document.path}"
        if is_simulated(document):
            remedy = f"raytune-suite cluster up {document.path}"
        raise ArgumentError(f"nothing listens at {address} ({error}): run `{remedy}` in another terminal") from error


def explain_failure(command: Command, document: ClusterDocument) -> str:
    """Return what probably made a command fail, if its own output does not make that clear; else ""."""
    if command.argv[0] != "ray":
        return ""
    if provider(document) == "aws" and not document.get("provider", "aws_credentials") and not _has_aws_credentials():
        return "boto3 finds no credentials for AWS: run `aws configure`, or export AWS_PROFILE"
    if command.argv[1] in ("exec", "status"):
        return f"if Ray found no head node or instance, no cluster runs: `raytune-suite cluster up {document.path}`"
    return ""


def _has_aws_credentials() -> bool:
    """Return whether boto3 finds credentials; also True if it cannot look for them, which Ray reports itself."""
    try:
        boto3: Any = import_module("boto3")
        errors: Any = import_module("botocore.exceptions")
    except ImportError:
        return True
    try:
        return boto3.Session().get_credentials() is not None
    except errors.BotoCoreError:  # such as a profile that does not exist, which Ray's output names
        return True


def run(command: Command) -> int:
    """Run a command in this terminal, and return its exit status.

    Raises:
        ArgumentError: If a program is not installed, a secret is not known, or nobody can confirm the command.
    """
    if command.argv[:2] in CONFIRMED and "--yes" not in command.argv and not sys.stdin.isatty():
        raise ArgumentError(f"`{shlex.join(command.argv[:2])}` asks for a confirmation in a terminal: add `--yes`")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])  # the `ray` of this Python
    environment = {**os.environ, **command.environment, "PATH": path}
    try:
        for name, argv in command.secrets.items():
            printed = subprocess.run(argv, env=environment, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603 - shown before it runs
            if printed.returncode != 0:
                raise ArgumentError(f"`{name}` is not known, because `{shlex.join(argv)}` failed")
            environment[name] = printed.stdout.strip()
        return subprocess.run(command.argv, env=environment, check=False).returncode  # noqa: S603 - as above
    except FileNotFoundError as error:
        raise ArgumentError(f"{error.filename!r} is not installed, but required to run `{command}`") from None
