"""Write kubernetes.json: the schemas of the objects of Kubernetes that manifests have beside KubeRay's.

Run `python -m raytune_suite.cluster.schemas.refresh_kubernetes FOLDER`, where FOLDER has the `_definitions.json` of a
version of Kubernetes, as in the package kubernetes-validate (kubernetes-json-schema/v1.36.0-local).
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
from pathlib import Path
from typing import Any

KINDS = {
    "v1": (
        *("PersistentVolumeClaim", "PersistentVolume", "Pod", "Service", "ConfigMap", "Secret", "Namespace"),
        *("ServiceAccount", "ResourceQuota", "LimitRange"),
    ),
    "apps/v1": ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"),
    "batch/v1": ("Job", "CronJob"),
    "networking.k8s.io/v1": ("NetworkPolicy", "Ingress", "IngressClass"),
    "rbac.authorization.k8s.io/v1": ("Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"),
    "storage.k8s.io/v1": ("StorageClass",),
    "policy/v1": ("PodDisruptionBudget",),
    "scheduling.k8s.io/v1": ("PriorityClass",),
    "autoscaling/v2": ("HorizontalPodAutoscaler",),
    "node.k8s.io/v1": ("RuntimeClass",),
}
"""The kinds whose schema is kept, by API version."""

PREFIXES = {"": "core", "rbac.authorization.k8s.io": "rbac"}

OF_KUBERAY = {
    "io.k8s.api.core.v1.PodTemplateSpec": "template",
    "io.k8s.api.core.v1.PodSpec": "pod",
    "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta": "metadata",
    "io.k8s.apimachinery.pkg.api.resource.Quantity": "quantity",
}
"""Definitions that KubeRay's own schema has in more detail, or that are the same for all objects."""

INT_OR_STRING = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    folder = parser.parse_args().folder
    definitions = json.loads((folder / "_definitions.json").read_text(encoding="utf-8"))["$defs"]
    content = {
        "source": "Kubernetes' OpenAPI description (Apache-2.0), by kubernetes-validate",
        "version": folder.name.removesuffix("-local"),
        "date": dt.datetime.now(tz=dt.UTC).date().isoformat(),
        **select(definitions),
    }
    Path(__file__).with_name("kubernetes.json").write_text(
        json.dumps(content, sort_keys=True, separators=(",", ":")) + "\n", encoding="utf-8"
    )


def select(definitions: dict[str, Any]) -> dict[str, Any]:
    """Return the kinds by version, and the definitions that they use."""
    kinds: dict[str, dict[str, str]] = {}
    left, kept = [], {}
    for version, names in KINDS.items():
        group, _, number = version.rpartition("/")
        prefix = PREFIXES.get(group, group.partition(".")[0])
        for name in names:
            left.append(f"io.k8s.api.{prefix}.{number}.{name}")
            kinds.setdefault(version, {})[name] = left[-1].removeprefix("io.k8s.")
    while left:
        name = left.pop()
        short = name.removeprefix("io.k8s.")
        if short in kept or name in OF_KUBERAY or name == INT_OR_STRING:
            continue
        kept[short] = strict(definitions[name], left)
    return {"kinds": kinds, "$defs": kept}


def strict(schema: dict[str, Any], left: list[str]) -> dict[str, Any]:
    """Return a schema without descriptions that rejects unknown keys; the definitions that it needs join `left`."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        if name in OF_KUBERAY:
            return {"$ref": f"#/$defs/{OF_KUBERAY[name]}"}
        if name == INT_OR_STRING:
            return {"type": ["integer", "string"]}
        left.append(name)
        return {"$ref": f"#/$defs/{name.removeprefix('io.k8s.')}"}
    kind = schema.get("type")
    kind = next((one for one in kind if one != "null"), None) if isinstance(kind, list) else kind
    result: dict[str, Any] = {"type": kind} if kind else {}
    if "items" in schema:
        result["items"] = strict(schema["items"], left)
    properties = {name: strict(part, left) for name, part in schema.get("properties", {}).items() if name != "status"}
    if "status" in schema.get("properties", {}):
        properties["status"] = {}
    if properties:
        result |= {"properties": properties, "additionalProperties": False}
    if isinstance(schema.get("additionalProperties"), dict):
        result["additionalProperties"] = strict(schema["additionalProperties"], left)
    if schema.get("required"):
        result["required"] = schema["required"]
    return result


if __name__ == "__main__":
    main()
