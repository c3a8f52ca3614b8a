"""A disposable Kubernetes cluster on this host for rehearsals: kind's, or a namespace of a k3s that runs here."""

from __future__ import annotations

import shutil
import subprocess
import uuid
from typing import TYPE_CHECKING

from raytune_suite.errors import RehearsalError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

HOW_TO_INSTALL = {
    "kind": "kind.sigs.k8s.io/docs/user/quick-start/#installation",
    "docker": "docs.docker.com/engine/install",
    "kubectl": "kubernetes.io/docs/tasks/tools",
    "helm": "helm.sh/docs/intro/install",
    "k3s": "docs.k3s.io/installation",
}
"""Where each program's installation is described."""

NEEDS = {"kind": ("kind", "docker", "kubectl", "helm"), "k3s": ("k3s", "kubectl", "helm")}
"""The programs that each kind of cluster needs."""

CHART, REPOSITORY = "kuberay-operator", "https://ray-project.github.io/kuberay-helm/"

K3S_CONFIG = "/etc/rancher/k3s/k3s.yaml"

CREATE_S, COMMAND_S = 300.0, 60.0
"""The most seconds for creating a cluster or installing the operator, and for any other command."""


def choose() -> str:
    """Return "kind" or "k3s", whichever is installed with all that it needs.

    Raises:
        RehearsalError: If neither is; the message says what is missing for the one that is nearest to complete.
    """
    missing = {kind: [name for name in names if shutil.which(name) is None] for kind, names in NEEDS.items()}
    best = min(missing, key=lambda kind: (kind in missing[kind], len(missing[kind])))
    if not missing[best]:
        return best
    needed = "; ".join(f"{name}: {HOW_TO_INSTALL[name]}" for name in missing[best])
    raise RehearsalError(
        f"a KubeRay manifest is rehearsed in a Kubernetes cluster on this host, with `kind` or `k3s`. To use {best}, "
        f"install {needed}. Without them, `cluster check FILE --online` asks the cluster that kubectl uses."
    )


class KubernetesLab:
    """A disposable Kubernetes cluster.

    Args:
        kind: "kind", which makes a cluster, or "k3s", of whose running cluster a namespace is used.
        folder: A folder for its files.
    """

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind, self.folder = kind, folder
        self.name = f"rehearsal-{uuid.uuid4().hex[:6]}"
        self.config = K3S_CONFIG if kind == "k3s" else str(folder / "kubeconfig")

    def start(self, operator: str) -> None:
        """Create the cluster, and install KubeRay's operator in a version.

        Raises:
            RehearsalError: If a command fails.
        """
        if self.kind == "kind":
            wait = ("--wait", "180s", "--kubeconfig", self.config)
            self._run(("kind", "create", "cluster", "--name", self.name, *wait), CREATE_S)
        else:
            self.kubectl("create", "namespace", self.name)
        where = ("--namespace", self.namespace, "--kubeconfig", self.config)
        chart = ("helm", "install", CHART, CHART, "--repo", REPOSITORY, "--version", operator)
        self._run((*chart, *where, "--set", "singleNamespaceInstall=true", "--wait"), CREATE_S)

    @property
    def namespace(self) -> str:
        """The namespace of everything that is rehearsed."""
        return "default" if self.kind == "kind" else self.name

    def load(self, image: str) -> bool:
        """Copy an image of this host's docker to the cluster, and return whether this host has it."""
        if self.kind != "kind" or self.run(("docker", "image", "inspect", image), COMMAND_S)[0] != 0:
            return False
        self._run(("kind", "load", "docker-image", image, "--name", self.name), CREATE_S)
        return True

    def stop(self) -> bool:
        """Remove the cluster, and return whether that succeeded."""
        if self.kind == "kind":
            command = ("kind", "delete", "cluster", "--name", self.name, "--kubeconfig", self.config)
            return self.run(command, CREATE_S)[0] == 0
        where = ("--namespace", self.namespace, "--kubeconfig", self.config)
        self.run(("helm", "uninstall", CHART, *where), COMMAND_S)
        return self.run(self.command("delete", "namespace", self.name), CREATE_S)[0] == 0

    def command(self, *arguments: str) -> tuple[str, ...]:
        """Return a command of kubectl for this cluster."""
        return ("kubectl", "--kubeconfig", self.config, "--namespace", self.namespace, *arguments)

    def kubectl(self, *arguments: str, limit: float = COMMAND_S) -> str:
        """Run kubectl, and return what it prints.

        Raises:
            RehearsalError: If it fails.
        """
        return self._run(self.command(*arguments), limit)

    def run(self, command: Sequence[str], limit: float) -> tuple[int, str]:
        """Run a command, and return its exit status and output; the status is 124 if it does not end in time."""
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False)  # noqa: S603 - our own
        except subprocess.TimeoutExpired:
            return 124, f"it has not ended after {limit:g} s"
        return done.returncode, done.stdout if done.returncode == 0 else done.stderr.strip() or done.stdout

    def _run(self, command: Sequence[str], limit: float) -> str:
        status, output = self.run(command, limit)
        if status != 0:
            raise RehearsalError(f"`{' '.join(command[:4])} ...` failed: {output.strip()[-500:]}")
        return output
