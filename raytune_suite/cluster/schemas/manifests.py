"""The JSON schemas of KubeRay's resources and of the Kubernetes objects that manifests have beside them."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any

FILE = "kuberay.json"

LABELS = {"type": "object", "additionalProperties": {"type": "string"}}
METADATA: dict[str, Any] = {
    "type": "object",
    "properties": {
        **{name: {"type": "string"} for name in ("name", "generateName", "namespace", "resourceVersion", "uid")},
        "labels": LABELS,
        "annotations": LABELS,
        "creationTimestamp": {},
        "deletionGracePeriodSeconds": {"type": "integer"},
        "deletionTimestamp": {},
        "finalizers": {"type": "array", "items": {"type": "string"}},
        "generation": {"type": "integer"},
        "managedFields": {"type": "array"},
        "ownerReferences": {"type": "array"},
    },
    "additionalProperties": False,
}
"""ObjectMeta of Kubernetes."""


@cache
def table() -> dict[str, Any]:
    """Return the contents of kuberay.json: its source, version and date, and the schemas by kind and version."""
    text = resources.files("raytune_suite.cluster.schemas").joinpath(FILE).read_text(encoding="utf-8")
    content: dict[str, Any] = json.loads(text)
    return content


def resolve(schema: Any) -> Any:
    """Return the schema that a reference stands for; other schemas are returned as they are."""
    while isinstance(schema, dict) and "$ref" in schema:
        schema = table()["$defs"][schema["$ref"].rpartition("/")[2]]
    return schema


def part(schema: Any, *names: str) -> Any:
    """Return the schema of a value inside the values that `schema` describes; "*" stands for the entries of a list."""
    for name in names:
        resolved = resolve(schema)
        schema = resolved["items"] if name == "*" else resolved["properties"][name]
    return schema


def kuberay_versions(kind: str) -> list[str]:
    """Return the API versions of a kind of KubeRay.

    Example:
        >>> kuberay_versions("RayCronJob")
        ['v1']
    """
    return list(table()["kinds"].get(kind, ()))


def with_definitions(schema: Any) -> dict[str, Any]:
    """Return a schema in which references into the table can be resolved."""
    return {**schema, "$defs": table()["$defs"]}


@cache
def manifest_schema(api_version: str, kind: str) -> dict[str, Any] | None:
    """Return the JSON schema of a resource, None if it is not known.

    Besides KubeRay's kinds, those Kubernetes objects are known whose parts KubeRay's own schema has: claims, pods and
    what runs them, services, config maps and secrets.
    """
    if api_version.startswith("ray.io/"):
        schema = table()["kinds"].get(kind, {}).get(api_version.partition("/")[2])
        if schema is None:
            return None
        return with_definitions({**schema, "properties": {**schema["properties"], "metadata": METADATA}})
    schema = kubernetes_schemas().get((api_version, kind))
    return None if schema is None else with_definitions(schema)


def resource(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    """Return the schema of a Kubernetes object with these properties besides those of all objects."""
    every = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": METADATA, "status": {}}
    return {
        "type": "object",
        "properties": {**every, **properties},
        "required": ["metadata", *required],
        "additionalProperties": False,
    }


@cache
def kubernetes_schemas() -> dict[tuple[str, str], Any]:
    """Return schemas of Kubernetes objects by API version and kind."""
    spec = part(table()["kinds"]["RayCluster"]["v1"], "spec")
    template = part(spec, "headGroupSpec", "template")
    template = {**resolve(template), "properties": {**resolve(template)["properties"], "metadata": METADATA}}
    pod = part(template, "spec")
    claim = part(pod, "volumes", "*", "ephemeral", "volumeClaimTemplate", "spec")
    runs = {
        "type": "object",
        "properties": {"template": template, "replicas": {"type": "integer", "minimum": 0}},
        "required": ["template"],
    }
    strings = {"type": "object", "additionalProperties": {"type": "string"}}
    flag = {"type": "boolean"}
    return {
        ("v1", "PersistentVolumeClaim"): resource(("spec",), spec=claim),
        ("v1", "Pod"): resource(("spec",), spec=pod),
        ("v1", "Service"): resource(("spec",), spec=part(spec, "headGroupSpec", "headService", "spec")),
        ("v1", "ConfigMap"): resource((), data=strings, binaryData=strings, immutable=flag),
        ("v1", "Secret"): resource((), data=strings, stringData=strings, type={"type": "string"}, immutable=flag),
        ("v1", "Namespace"): resource((), spec={"type": "object"}),
        ("v1", "ServiceAccount"): resource(
            (), secrets={"type": "array"}, imagePullSecrets={"type": "array"}, automountServiceAccountToken=flag
        ),
        ("apps/v1", "Deployment"): resource(("spec",), spec={**runs, "required": ["template", "selector"]}),
        ("apps/v1", "StatefulSet"): resource(("spec",), spec={**runs, "required": ["template", "selector"]}),
        ("batch/v1", "Job"): resource(("spec",), spec=runs),
    }
