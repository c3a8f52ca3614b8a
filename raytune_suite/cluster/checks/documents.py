"""Checks of every document of a file: its kind, its schema, its pods, and what one document names of another."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import yaml  # type: ignore[import-untyped] # it ships no types

from raytune_suite.cluster.checks import (
    deadlines,
    head_access,
    job_commands,
    launcher,
    machine_fit,
    manifests,
    namespace_rules,
    objects,
    placement,
    pod_context,
    pod_environment,
    pod_runtime,
    pod_values,
    pods,
    redis_servers,
    references,
    setting_rules,
    taints,
    volume_objects,
)
from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.checks.nfs_options import gives_up
from raytune_suite.cluster.checks.pods import PodPlace, bad_name, pod_place
from raytune_suite.cluster.pools import as_count, cluster_spec, is_kuberay, kuberay_pools

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding
    from raytune_suite.cluster.document import ClusterDocument, KeyPath

TEMPLATE_SPECS: dict[str, KeyPath] = {
    "Pod": ("spec",),
    "Deployment": ("spec", "template", "spec"),
    "StatefulSet": ("spec", "template", "spec"),
    "ReplicaSet": ("spec", "template", "spec"),
    "CronJob": ("spec", "jobTemplate", "spec", "template", "spec"),
    "DaemonSet": ("spec", "template", "spec"),
    "Job": ("spec", "template", "spec"),
}
"""Where each kind of Kubernetes describes its pod."""

VARIABLE = re.compile(r"\$\{?[A-Za-z_]\w*\}?|\$\([A-Za-z_]\w*\)")
CONTENTS = (("data",), ("stringData",))
NAMES = tuple(
    (name,)
    for name in (
        *("name", "namespace", "serviceAccountName", "priorityClassName", "schedulerName", "runtimeClassName"),
        *("claimName", "secretName", "storageClassName", "volumeName", "nodeName", "groupName"),
    )
)
LABELS = ("nodeSelector", "matchLabels", "labels")
"""Keys whose values are names of objects, and mappings whose values are labels."""

SEXAGESIMAL = re.compile(r"[1-9][0-9]*(:[0-5]?[0-9])+")
OCTAL = re.compile(r"0[0-7]+")


def check(document: ClusterDocument) -> Iterator[Finding]:
    """Yield the mistakes that are independent of what a document describes, and those of a plain manifest."""
    yield from launcher.repeated_keys(document)
    yield from launcher.missing_values(document)
    yield from misread_numbers(document)
    if manifests.is_manifest(document):
        yield from metadata(document)
        yield from unexpanded(document)
    if is_kuberay(document) or not manifests.is_manifest(document):
        return
    wrong = list(manifests.wrong_kind(document))
    yield from wrong
    if wrong:
        return
    yield from manifests.schema(document)
    name = document.get("metadata", "name")
    valid = not isinstance(name, str) or pods.SUBDOMAIN.fullmatch(name) or pods.PLACEHOLDER.search(name)
    if not valid and not str(document.get("apiVersion")).startswith("rbac."):  # roles may have any name
        yield bad_name(document, ("metadata", "name"), str(name))
    if not manifests.is_core(document):
        return
    if document.get("kind") == "PersistentVolumeClaim":
        yield from references.claim(document)
    yield from objects.check(document)
    yield from deadlines.check(document)
    yield from mount_options(document)
    yield from setting_rules.check(document, (), "object", str(document.get("kind")))
    if document.get("kind") == "HorizontalPodAutoscaler":
        for where, reason, remedy in setting_rules.ordered(document.mapping("spec"), ("spec",)):
            yield finding(document, "RTS817", where, reason, remedy)
    yield from volume_objects.check(document)
    yield from each_pod(document)


def each_pod(document: ClusterDocument) -> Iterator[Finding]:
    """Yield the mistakes in each pod that a manifest describes."""
    for pod, count in pod_places(document):
        yield from pods.check(document, pod)
        yield from pod_values.check(document, pod)
        yield from job_commands.containers(document, pod)
        yield from pod_runtime.check(document, pod)
        yield from pod_context.check(document, pod)
        yield from deadlines.pod(document, pod)
        yield from machine_fit.check(document, pod)
        yield from machine_fit.architecture(document, pod)
        yield from placement.check(document, pod, count)
        yield from taints.check(document, pod)
        yield from pod_environment.check(document, pod)
        yield from redis_servers.check(document, pod, count)


def mount_options(document: ClusterDocument) -> Iterator[Finding]:
    """Yield options of a volume or storage class with which writing fails during short outages."""
    places: tuple[KeyPath, ...] = (("mountOptions",), ("spec", "mountOptions"))
    for where in places:
        problem = gives_up(",".join(document.strings(*where)))
        if problem:
            remedy = "write `hard` and `timeo=600`: writing then waits until the server answers"
            yield finding(document, "RTS814", where, problem, remedy, severity="warning")


def unexpanded(document: ClusterDocument) -> Iterator[Finding]:
    """Yield variables in names and labels, which Kubernetes takes as they are."""
    for where, text in document.scalars():
        within = where[-2] if len(where) > 1 else ""
        if where[:1] not in CONTENTS and (where[-1:] in NAMES or within in LABELS) and VARIABLE.search(text):
            reason = f"`{where[-1]}` is {text}, but Kubernetes does not replace variables"
            yield finding(document, "RTS417", where, reason, "write the name, or apply what `envsubst` prints")


def metadata(document: ClusterDocument) -> Iterator[Finding]:
    """Yield a namespace and keys of annotations that Kubernetes rejects."""
    name = document.get("metadata", "namespace")
    if isinstance(name, str) and not pods.LABEL_NAME.fullmatch(name) and not pods.PLACEHOLDER.search(name):
        yield bad_name(document, ("metadata", "namespace"), name)
    for key in document.mapping("metadata", "annotations"):
        prefix, slash, last = str(key).rpartition("/")
        valid = pods.SUBDOMAIN.fullmatch(prefix.lower()) is not None if slash else True
        if not valid or not last or not pods.LABEL_VALUE.fullmatch(last) or len(last) > pods.LONGEST_LABEL:
            reason = f"the annotation {str(key)!r} is invalid"
            where: KeyPath = ("metadata", "annotations", key)
            yield finding(document, "RTS816", where, reason, "use letters, digits, `-`, `_` and `.`")


def misread_numbers(document: ClusterDocument) -> Iterator[Finding]:
    """Yield values such as 12:30 and 0755, which YAML reads as numbers in base 60 and base 8."""
    for where, node in scalar_nodes(document.root, ()):
        text = node.value
        if where and str(where[-1]).lower().endswith("mode"):  # access rights are written in base 8
            continue
        if (
            not node.style
            and node.tag == "tag:yaml.org,2002:int"
            and (SEXAGESIMAL.fullmatch(text) or OCTAL.fullmatch(text))
        ):
            base = "60" if ":" in text else "8"
            reason = f"YAML reads {text} as the number {yaml.safe_load(text)} (base {base})"
            yield finding(document, "RTS110", where, reason, f'write "{text}" with quotes if it is text')


def scalar_nodes(node: yaml.Node, where: KeyPath) -> Iterator[tuple[KeyPath, yaml.ScalarNode]]:
    """Yield the scalars below a YAML node, without keys."""
    if isinstance(node, yaml.ScalarNode):
        yield where, node
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from scalar_nodes(value, (*where, key.value))
    else:
        for index, value in enumerate(node.value):
            yield from scalar_nodes(value, (*where, index))


def pod_places(document: ClusterDocument) -> list[tuple[PodPlace, int]]:
    """Return the pods that a manifest describes, each with how many of them there may be."""
    if is_kuberay(document):
        return kuberay_pods(document)
    where = TEMPLATE_SPECS.get(str(document.get("kind")))
    if where is None or not document.mapping(*where):
        return []
    count = as_count(document.get("spec", "replicas"), 1)
    return [(pod_place(document, str(document.get("kind")), where), count)]


def kuberay_pods(document: ClusterDocument) -> list[tuple[PodPlace, int]]:
    """Return the pods of a KubeRay manifest: the head, the workers, and what submits a job."""
    places = []
    for pool in kuberay_pools(document):
        spec = (*pool.where, "template", "spec")
        if document.mapping(*spec):
            name = "the head" if pool.head else pool.name
            places.append((pod_place(document, name, spec), 1 if pool.head else pool.max_machines))
    submitter = (*cluster_spec(document)[:-1], "submitterPodTemplate", "spec")
    if document.get("kind") in ("RayJob", "RayCronJob") and document.mapping(*submitter):
        places.append((pod_place(document, "the submitter", submitter), 1))
    return places


def missing_program(document: ClusterDocument, documents: list[ClusterDocument]) -> Iterator[Finding]:
    """Yield a finding if a job starts a file that the config map mounted there lacks."""
    if document.get("kind") not in ("RayJob", "RayCronJob"):
        return
    top = cluster_spec(document)
    where, entrypoint = (*top[:-1], "entrypoint"), document.get(*top[:-1], "entrypoint")
    if isinstance(entrypoint, str):
        pod = pod_place(document, "the head", (*top, "headGroupSpec", "template", "spec"))
        for reason in references.program(document, pod, entrypoint.split(), documents):
            yield finding(document, "RTS813", where, reason, "correct the path, or add the file to the ConfigMap")


def across(documents: list[ClusterDocument]) -> Iterator[Finding]:
    """Yield mistakes in what the documents of a file name of each other."""
    yield from objects.across(documents)
    places = [(one, pod) for one in documents for pod, _ in pod_places(one)]
    yield from pod_context.across(documents, places)
    yield from placement.across(places, documents)
    yield from redis_servers.across(documents, places)
    yield from namespace_rules.across(documents, places)
    yield from volume_objects.across(documents)
    yield from head_access.across(documents)
    users: dict[str, int] = {}
    for document in documents:
        yield from missing_program(document, documents)
        for pod, count in pod_places(document):
            yield from references.check(document, pod, documents)
            for _, kind, name in references.references(document, pod):
                if kind == "PersistentVolumeClaim":
                    users[name] = users.get(name, 0) + count
    names: dict[tuple[str, str, str], int] = {}
    for document in documents:
        name = str(document.get("metadata", "name"))
        if document.get("kind") == "PersistentVolumeClaim":
            yield from references.single_node_claims(document, users.get(name, 0))
        if not manifests.is_manifest(document) or document.get("metadata", "name") is None:
            continue
        identity = (str(document.get("kind")), str(document.get("metadata", "namespace")), name)
        if identity in names:
            reason = f"a second {identity[0]} is named {name!r} (the first is on line {names[identity]})"
            remedy = "give it another name: Kubernetes would change the first one instead of creating a second"
            yield finding(document, "RTS102", ("metadata", "name"), reason, remedy)
        names.setdefault(identity, document.line(("metadata", "name")))
