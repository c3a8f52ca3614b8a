"""Checks of rights, quotas and limits in a file, against the accounts, pods and claims of the same file.

Source: Kubernetes, "Using RBAC Authorization", "Resource Quotas", "Limit Ranges" and "Priority"; read in 2026-11.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.checks.machine_fit import of_container
from raytune_suite.cluster.pools import cluster_spec, dicts, is_kuberay
from raytune_suite.cluster.quantities import quantity
from raytune_suite.errors import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding
    from raytune_suite.cluster.checks.pods import PodPlace
    from raytune_suite.cluster.document import ClusterDocument, KeyPath

Places = list[tuple["ClusterDocument", "PodPlace"]]

NAMED_BY_PODS = {
    "serviceAccountName": "ServiceAccount",
    "priorityClassName": "PriorityClass",
}
IN_PODS = {"cpu": "cpu", "memory": "memory", "nvidia.com/gpu": "GPUs"}
STORAGE = "requests.storage"


def across(documents: list[ClusterDocument], places: Places) -> Iterator[Finding]:
    """Yield what objects of a file say about each other's rights and amounts."""
    names: dict[str, dict[str, ClusterDocument]] = {}
    for one in documents:
        names.setdefault(str(one.get("kind")), {})[str(one.get("metadata", "name"))] = one
    for document in documents:
        if str(document.get("kind")) in ("RoleBinding", "ClusterRoleBinding"):
            yield from binding(document, names)
        if document.get("kind") == "ResourceQuota":
            yield from quota(document, documents, places)
        if document.get("kind") == "LimitRange":
            yield from limits(document, places)
        if is_kuberay(document):
            yield from selected(document, names)
    for document, pod in places:
        for key, kind in NAMED_BY_PODS.items():
            yield from named(document, (*pod.where, key), kind, names, f"{pod.name} names")


def named(
    document: ClusterDocument, where: KeyPath, kind: str, names: dict[str, dict[str, ClusterDocument]], what: str
) -> Iterator[Finding]:
    """Yield a name that resembles that of an object of the file."""
    name, known = document.get(*where), names.get(kind, {})
    match = nearest(name, known) if isinstance(name, str) and known and name not in known else None
    if isinstance(name, str) and match is None and known and name not in known and kind == "Role":
        match = next(iter(known)) if len(known) == 1 else None
    if match is not None:
        reason = f"{what} the {kind} {name!r}, but the file has {match!r}"
        yield finding(
            document,
            "RTS813",
            where,
            reason,
            f"write `{where[-1]}: {match}`, unless it exists already",
            severity="warning",
        )


def binding(document: ClusterDocument, names: dict[str, dict[str, ClusterDocument]]) -> Iterator[Finding]:
    """Yield bindings of roles or accounts that the file has under another name or in another namespace."""
    kind = str(document.get("roleRef", "kind"))
    yield from named(document, ("roleRef", "name"), kind, names, "the binding names")
    if kind == "Role" and document.get("kind") == "ClusterRoleBinding":
        reason = "a ClusterRoleBinding can only bind a ClusterRole"
        yield finding(document, "RTS817", ("roleRef", "kind"), reason, "write `kind: RoleBinding`")
    for index, subject in enumerate(document.entries("subjects")):
        if not isinstance(subject, dict) or subject.get("kind") != "ServiceAccount":
            continue
        where: KeyPath = ("subjects", index, "name")
        yield from named(document, where, "ServiceAccount", names, "the binding names")
        account = names.get("ServiceAccount", {}).get(str(subject.get("name")))
        own = account.get("metadata", "namespace") if account is not None else None
        if own is not None and subject.get("namespace") not in (None, own):
            reason = f"the account {subject.get('name')!r} is in the namespace {own!r}, not {subject['namespace']!r}"
            place: KeyPath = ("subjects", index, "namespace")
            yield finding(document, "RTS813", place, reason, f"write `namespace: {own}`")


def selected(document: ClusterDocument, names: dict[str, dict[str, ClusterDocument]]) -> Iterator[Finding]:
    """Yield a cluster that a job selects by a name that resembles that of the file."""
    if document.get("kind") in ("RayJob", "RayCronJob"):
        where: KeyPath = (*cluster_spec(document)[:-1], "clusterSelector", "ray.io/cluster")
        yield from named(document, where, "RayCluster", names, "the job selects")


def quota(document: ClusterDocument, documents: list[ClusterDocument], places: Places) -> Iterator[Finding]:
    """Yield a quota below what a single pod or claim of the file needs."""
    space = document.get("metadata", "namespace")
    for key, value in document.mapping("spec", "hard").items():
        where, most = ("spec", "hard", key), quantity(value)
        if most is None:
            continue
        if key == STORAGE:
            for one in documents:
                wanted = one.get("spec", "resources", "requests", "storage")
                size = quantity(wanted) if one.get("kind") == "PersistentVolumeClaim" else None
                if size is not None and size > most and one.get("metadata", "namespace") == space:
                    reason = f"the quota is {value}, but the claim {one.get('metadata', 'name')!r} wants {wanted}"
                    yield finding(document, "RTS812", where, reason, f"write {wanted} or more")
            continue
        name = IN_PODS.get(str(key).removeprefix("requests.").removeprefix("limits."))
        for one, pod in places if name else ():
            need = sum(of_container(one, container).get(str(name), 0) for container in pod.containers)
            if need > most and one.get("metadata", "namespace") == space:
                reason = f"the quota of {key} is {value}, but one pod of {pod.name} needs {need:g}"
                yield finding(document, "RTS812", where, reason, "raise it")


def limits(document: ClusterDocument, places: Places) -> Iterator[Finding]:
    """Yield containers of the file with more than a LimitRange allows."""
    for index, rule in enumerate(dicts(document.entries("spec", "limits"))):
        for name, value in document.mapping("spec", "limits", index, "max").items():
            most = quantity(value)
            for one, pod in places if rule.get("type") == "Container" and most is not None else ():
                for container in pod.containers:
                    limit = quantity(one.get(*container, "resources", "limits", str(name)))
                    if limit is not None and most is not None and limit > most:
                        reason = f"containers may have {value} of {name}, but {pod.name} has "
                        reason += str(one.get(*container, "resources", "limits", str(name)))
                        place: KeyPath = ("spec", "limits", index, "max", name)
                        yield finding(document, "RTS812", place, reason, "raise it")
