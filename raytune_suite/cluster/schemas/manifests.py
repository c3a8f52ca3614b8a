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


@cache
def kubernetes() -> dict[str, Any]:
    """Return the contents of kubernetes.json: its source, version and date, the kinds by API version, definitions."""
    text = resources.files("raytune_suite.cluster.schemas").joinpath("kubernetes.json").read_text(encoding="utf-8")
    content: dict[str, Any] = json.loads(text)
    return content


def resolve(schema: Any) -> Any:
    """Return the schema that a reference stands for; other schemas are returned as they are."""
    while isinstance(schema, dict) and "$ref" in schema:
        schema = definitions()[schema["$ref"].rpartition("/")[2]]
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


@cache
def definitions() -> dict[str, Any]:
    """Return the definitions of both files; those of Kubernetes have pods as in KubeRay's own schema."""
    own = table()["$defs"]

    def inner(schema: Any, *names: str) -> Any:
        for name in names:
            while "$ref" in schema:
                schema = own[schema["$ref"].rpartition("/")[2]]
            schema = schema["items"] if name == "*" else schema["properties"][name]
        while "$ref" in schema:
            schema = own[schema["$ref"].rpartition("/")[2]]
        return schema

    template = inner(table()["kinds"]["RayCluster"]["v1"], "spec", "headGroupSpec", "template")
    size = inner(template, "spec", "volumes", "*", "ephemeral", "volumeClaimTemplate", "spec", "resources", "limits")
    shared = {
        "template": {**template, "properties": {**template["properties"], "metadata": METADATA}},
        "pod": inner(template, "spec"),
        "metadata": METADATA,
        "quantity": size["additionalProperties"],
    }
    return {**own, **kubernetes()["$defs"], **shared}


def with_definitions(schema: Any) -> dict[str, Any]:
    """Return a schema in which references into the tables can be resolved."""
    return {**schema, "$defs": definitions()}


@cache
def manifest_schema(api_version: str, kind: str) -> dict[str, Any] | None:
    """Return the JSON schema of a resource, None if it is not known.

    Besides KubeRay's kinds, those Kubernetes objects are known that manifests usually have beside them.
    """
    if api_version.startswith("ray.io/"):
        schema = table()["kinds"].get(kind, {}).get(api_version.partition("/")[2])
        if schema is None:
            return None
        return with_definitions({**schema, "properties": {**schema["properties"], "metadata": METADATA}})
    schema = kubernetes_schemas().get((api_version, kind))
    return None if schema is None else with_definitions(schema)


REQUIRED = ("spec", "roleRef", "provisioner", "handler")
"""What an object needs besides its metadata, if its kind has it."""

WITHOUT_SPEC = ("Namespace", "Ingress", "IngressClass", "PodDisruptionBudget", "ResourceQuota", "LimitRange")
"""Kinds that may lack their `spec`."""


@cache
def kubernetes_schemas() -> dict[tuple[str, str], Any]:
    """Return schemas of Kubernetes objects by API version and kind."""
    spec = part(table()["kinds"]["RayCluster"]["v1"], "spec")
    better = {  # these name what makes the entries of their lists unique
        "PersistentVolumeClaim": part(definitions()["pod"], "volumes", "*", "ephemeral", "volumeClaimTemplate", "spec"),
        "Service": part(spec, "headGroupSpec", "headService", "spec"),
    }
    result = {}
    for version, kinds in kubernetes()["kinds"].items():
        for kind, name in kinds.items():
            schema = definitions()[name]
            properties = {**schema["properties"], "metadata": METADATA}
            if kind in better:
                properties["spec"] = better[kind]
            required = [key for key in REQUIRED if key in properties and kind not in WITHOUT_SPEC]
            result[version, kind] = {**schema, "properties": properties, "required": ["metadata", *required]}
    return result
