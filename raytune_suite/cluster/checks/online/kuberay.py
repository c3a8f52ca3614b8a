"""Ask a Kubernetes cluster about a manifest: `kubectl apply --dry-run=server`, with the schema of KubeRay there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.checks.online import programs
from raytune_suite.cluster.checks.online.rest import NotAskedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding
    from raytune_suite.cluster.document import ClusterDocument, KeyPath
    from raytune_suite.cluster.pools import Pool

NO_CLUSTER = re.compile(
    r"unable to connect|connection .*refused|no configuration has been provided|context .* does not exist|"
    r"must be logged in|i/o timeout|no such host",
    re.IGNORECASE,
)
"""What kubectl prints if there is no cluster to ask."""

NOTICE = re.compile(r"^(Warning|W\d{4} |E\d{4} |[\w./-]+ (created|configured|unchanged) \(server dry run\))")
"""Lines that are not a rejection."""

REMEDIES = {
    r"no matches for kind": "install KubeRay's operator in the cluster (helm install kuberay-operator), or upgrade it",
    r"namespaces? .* not found": "create the namespace, or correct `metadata.namespace`",
    r"forbidden": "use an account that may create this",
}
"""What to do, by a pattern of the message."""

FIELD = re.compile(r"\bspec(?:\.[A-Za-z]\w*(?:\[\d+\])*)+")
"""A path in a message of Kubernetes, such as spec.workerGroupSpecs[0].minReplicas."""


def check(document: ClusterDocument, _pools: list[Pool]) -> Iterator[Finding]:
    """Yield why the cluster that kubectl uses rejects a manifest."""
    command = ("kubectl", "apply", "--dry-run=server", "--filename", str(document.path))
    try:
        status, message = programs.run(command, "install it: kubernetes.io/docs/tasks/tools")
    except NotAskedError as error:
        yield finding(document, "RTS922", (), f"Kubernetes was not asked: {error}", error.remedy)
        return
    if status == 0:
        return
    lines = [line for line in message.splitlines() if line.strip() and not NOTICE.match(line)]
    if NO_CLUSTER.search(message):
        reason = f"Kubernetes was not asked: {lines[-1] if lines else message}"
        yield finding(document, "RTS922", (), reason, "see `kubectl config get-contexts` and `kubectl cluster-info`")
        return
    for line in lines:
        remedy = next((known for pattern, known in REMEDIES.items() if re.search(pattern, line)), "correct it")
        yield finding(document, "RTS921", named_place(document, line), f"Kubernetes answers: {line}", remedy)


def named_place(document: ClusterDocument, message: str) -> KeyPath:
    """Return the longest key path in a message of Kubernetes that the document has."""
    match = FIELD.search(message)
    parts = re.findall(r"[A-Za-z]\w*|\d+", match[0]) if match else []
    steps: list[str | int] = [int(part) if part.isdecimal() else part for part in parts]
    while steps and document.get(*steps) is None:
        steps.pop()
    return tuple(steps)
