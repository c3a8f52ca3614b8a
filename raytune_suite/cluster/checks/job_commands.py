"""Checks of the commands in manifests: what a job runs, and what containers run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.checks.pods import LEAST_MEMORY
from raytune_suite.cluster.checks.shell_commands import check_commands
from raytune_suite.cluster.pools import cluster_spec, is_kuberay
from raytune_suite.cluster.quantities import in_gib, quantity
from raytune_suite.cluster.shell import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding
    from raytune_suite.cluster.checks.pods import PodPlace
    from raytune_suite.cluster.document import ClusterDocument, KeyPath
    from raytune_suite.cluster.pools import Pool

MEMORY_OF_RAY = 2 * 2**30
"""Bytes that the Ray head's own processes need."""

NO_CODE = ("RTS412", "RTS416")
"""Findings that do not hold for the only command of a job, which may run until it is stopped."""

SHELLS = ("sh", "bash", "/bin/sh", "/bin/bash")


def entrypoint(document: ClusterDocument) -> Iterator[Finding]:
    """Yield mistakes in the command of a job.

    They are warnings, because versions of the operator differ in whether a shell reads the command.
    """
    where = (*cluster_spec(document)[:-1], "entrypoint")
    text = document.get(*where)
    if document.get("kind") not in ("RayJob", "RayCronJob") or not isinstance(text, str):
        return
    for problem in check_commands([text], own_shells=False).get(0, []):
        if problem.code not in NO_CODE:
            yield finding(document, problem.code, where, problem.reason, problem.remedy, severity="warning")
    if runs_backticks(text):
        reason = "the shell runs what is between backticks as a command, even inside double quotes"
        remedy = "write $(...) if you mean that, or a backslash before each backtick"
        yield finding(document, "RTS415", where, reason, remedy, severity="warning")


def study(document: ClusterDocument, pools: list[Pool]) -> Iterator[Finding]:
    """Yield CPUs and GPUs of the trials of `raytune-suite run` in the command of a job that no pod has."""
    where = (*cluster_spec(document)[:-1], "entrypoint")
    text = str(document.get(*where))
    found = {
        name: re.search(rf"\braytune-suite run\b.*?--{name}[= ](\d+(?:\.\d+)?)(?=\s|$)", text)
        for name in ("cpus", "gpus")
    }
    wanted = {name: float(match[1]) for name, match in found.items() if match is not None}
    workers = [pool for pool in pools if not pool.head and pool.gpus is not None and pool.cpus is not None]
    if not wanted or not workers or len(workers) < sum(not pool.head for pool in pools):
        return
    cpus, gpus = wanted.get("cpus", 1.0), wanted.get("gpus", 0.0)
    amounts = f"{cpus:g} CPUs and {gpus:g} GPUs"
    if not any(
        pool.gpus >= gpus and pool.cpus >= cpus for pool in workers if pool.gpus is not None and pool.cpus is not None
    ):
        reason = f"a trial needs {amounts}, which no pod of a worker group has"
        yield finding(document, "RTS701", where, reason, "request less, or more in a group of pods")
        return
    for pool in workers:
        if gpus and pool.gpus and pool.gpus >= gpus and pool.cpus is not None and pool.cpus < cpus:
            reason = f"a trial needs {amounts}, but pods of {pool.name} have {pool.cpus:g} CPUs: their GPUs stay idle"
            yield finding(document, "RTS702", where, reason, f"write `--cpus {pool.cpus:g}` or less")


def runs_backticks(text: str) -> bool:
    r"""Return whether a shell command has backticks outside single quotes.

    Example:
        >>> runs_backticks("echo '`a`'"), runs_backticks('echo "\'`a`\'"')
        (False, True)
    """
    before = ""
    for char, quotation in quoted(text):
        if char == "`" and quotation != "'" and before != "\\":
            return True
        before = char
    return False


def containers(document: ClusterDocument, pod: PodPlace) -> Iterator[Finding]:
    """Yield mistakes in the shell commands of containers, and in what is not a shell command but looks like one."""
    own = pod.containers[:1] if is_kuberay(document) else ()  # KubeRay joins the words of Ray's container for a shell
    for container in pod.containers:
        for key in ("command", "args") if container not in own else ():
            words = document.entries(*container, key)
            yield from arguments(document, (*container, key), words)


def arguments(document: ClusterDocument, where: KeyPath, words: list[object]) -> Iterator[Finding]:
    """Yield mistakes in the words of a command or its arguments."""
    texts = [word for word in words if isinstance(word, str)]
    plain = len(texts) == len(words)
    if plain and texts[:1] and texts[0] in SHELLS and re.fullmatch(r"-\w*c", "".join(texts[1:2])) and texts[2:]:
        for problem in check_commands([texts[2]], own_shells=False).get(0, []):
            if problem.code == "RTS415":
                yield finding(document, problem.code, (*where, 2), problem.reason, problem.remedy)
    elif plain and len(texts) == 1 and where[-1] == "command" and re.fullmatch(r"[\w./-]+( [\w./=:-]+)+", texts[0]):
        reason = f"`command` is one word, {texts[0]!r}: Kubernetes looks for a program of this name, with its spaces"
        shown = ", ".join(f'"{word}"' for word in texts[0].split())
        yield finding(document, "RTS817", where, reason, f"write `command: [{shown}]`")


def memory(document: ClusterDocument, container: KeyPath, name: str) -> Iterator[Finding]:
    """Yield a head with less memory than its processes need."""
    where = (*container, "resources", "limits", "memory")
    limit = quantity(document.get(*where))
    if limit is not None and LEAST_MEMORY <= limit < MEMORY_OF_RAY:
        reason = f"{name} may use {in_gib(limit)}, but the Ray head's own processes need about 2 GiB"
        yield finding(document, "RTS215", where, reason, "write 8Gi, and for large studies more", severity="warning")
