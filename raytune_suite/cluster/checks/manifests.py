"""Check Kubernetes manifests against their schemas, and that their kinds exist."""

from __future__ import annotations

import dataclasses
import difflib
import re
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.checks.schema_errors import closest, schema_findings
from raytune_suite.cluster.pools import KUBERAY
from raytune_suite.cluster.ray_start import OPTIONS
from raytune_suite.cluster.schemas.manifests import (
    kuberay_versions,
    kubernetes_schemas,
    manifest_schema,
    resolve,
    table,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding
    from raytune_suite.cluster.document import ClusterDocument, KeyPath

CORE_KINDS = {kind: version for version, kind in kubernetes_schemas()}
"""The API version of each kind of Kubernetes whose schema is known."""

OWN_GROUP = re.compile(r"[a-z0-9]*|(rbac\.authorization|networking|storage|scheduling|node)\.k8s\.io")
"""The API groups of these kinds; others, such as Knative's, may have kinds of the same names."""

ALSO_SERVED = (("autoscaling/v1", "HorizontalPodAutoscaler"),)

DEEPEST = 4
"""How many levels below a key a misplaced key is searched for."""


def is_manifest(document: ClusterDocument) -> bool:
    """Return whether a document is, or is meant to be, a Kubernetes manifest."""
    return "apiVersion" in document.data or "kind" in document.data


def is_core(document: ClusterDocument) -> bool:
    """Return whether a manifest describes an object of Kubernetes itself, or of a kind that only others have."""
    kind = str(document.get("kind"))
    return kind not in CORE_KINDS or document.get("apiVersion") == CORE_KINDS[kind]


def wrong_kind(document: ClusterDocument) -> Iterator[Finding]:
    """Yield a finding if the kind or the API version of a manifest is missing or misspelled."""
    version, kind = str(document.get("apiVersion", default="")), document.get("kind")
    known = (*KUBERAY, *CORE_KINDS)
    for key in ("kind", "apiVersion"):
        if document.get(key) is None:
            suggestion = {"kind": "RayCluster", "apiVersion": "ray.io/v1"}[key]
            if key == "apiVersion" and str(kind) in CORE_KINDS:
                suggestion = CORE_KINDS[str(kind)]
            yield finding(document, "RTS108", (), f"`{key}` is missing", f"add `{key}: {suggestion}`")
            return
    name = str(kind)
    if name in KUBERAY:
        yield from kuberay_version(document, version, name)
    elif version.startswith("ray.io/"):
        hint = closest(name, KUBERAY)
        reason = f"KubeRay has no kind {name!r}{hint and f': {hint}'}"
        remedy = f"write `kind: {hint.split(chr(39))[1]}`" if hint else f"write one of {', '.join(KUBERAY)}"
        yield finding(document, "RTS108", ("kind",), reason, remedy)
    elif name in CORE_KINDS and version != CORE_KINDS[name]:
        if not OWN_GROUP.fullmatch(version.rpartition("/")[0]) or (version, name) in ALSO_SERVED:
            return
        reason = f"Kubernetes does not serve {name} in {version!r}"
        yield finding(document, "RTS108", ("apiVersion",), reason, f"write `apiVersion: {CORE_KINDS[name]}`")
    elif name not in CORE_KINDS:
        meant = next((one for one in known if one.lower() == name.lower()), None)
        close = [] if name in OTHER_KINDS else difflib.get_close_matches(name, known, n=1, cutoff=0.88)
        if meant or (close and version in ("v1", "apps/v1", "batch/v1")):
            meant = meant or close[0]
            reason = f"there is no kind {name!r}: did you mean {meant!r}?"
            yield finding(document, "RTS108", ("kind",), reason, f"write `kind: {meant}`")


OTHER_KINDS = ("Node", "Event", "PodTemplate", "Endpoints", "ReplicationController", "EndpointSlice")
"""Kinds of Kubernetes without a schema here, which must not be taken for misspellings."""


def kuberay_version(document: ClusterDocument, version: str, kind: str) -> Iterator[Finding]:
    """Yield a finding if KubeRay does not serve a kind in a version."""
    group, _, wanted = version.partition("/")
    served = kuberay_versions(kind)
    if group != "ray.io":
        reason = f"{kind} belongs to the API group ray.io, not {version!r}"
        yield finding(document, "RTS108", ("apiVersion",), reason, f"write `apiVersion: ray.io/{served[0]}`")
    elif wanted not in served:
        reason = f"the operator does not serve {kind} in version {wanted!r}"
        yield finding(document, "RTS101", ("apiVersion",), reason, f"write `apiVersion: ray.io/{served[0]}`")


def schema(document: ClusterDocument) -> Iterator[Finding]:
    """Yield the violations of a manifest's schema, if it is known."""
    rules = manifest_schema(str(document.get("apiVersion")), str(document.get("kind")))
    if rules is None:
        return
    validator = validator_class()

    def places(key: str, where: KeyPath) -> str | None:
        return place_of(rules, key, where)

    if str(document.get("apiVersion")).startswith("ray.io/"):
        for where in nulls(document.get("spec"), ("spec",)):
            reason = f"`{where[-1]}` has no value, which some ways of applying a manifest reject (kuberay#2239)"
            remedy = f"write its value below it, or remove `{where[-1]}`"
            yield finding(document, "RTS101", where, reason, remedy, severity="warning")
    for error in validator(rules).iter_errors(without_nulls(document.data)):
        if error.validator == "enum" and not isinstance(error.instance, str):  # its type is wrong, too
            continue
        in_pod = "template" in error.absolute_path or not str(document.get("apiVersion")).startswith("ray.io/")
        for found in schema_findings(document, error, places, None if in_pod else str(table()["version"])):
            reason, remedy = next((why for key, why in REMOVED.items() if found.where.endswith(key)), ("", ""))
            is_removed = bool(reason) and found.code == "RTS103"
            yield dataclasses.replace(found, reason=reason, remedy=remedy) if is_removed else found


REMOVED = {
    "headGroupSpec.replicas": ("KubeRay 1.1 removed `replicas` of the head, of which there is always one", "remove it"),
    "spec.runtimeEnv": ("KubeRay removed `runtimeEnv`", "write the decoded text as YAML below `runtimeEnvYAML: |`"),
    "spec.serveConfig": (
        "KubeRay removed `serveConfig`",
        "write a config of Ray Serve, with its keys in snake case, below `serveConfigV2: |`",
    ),
}
"""Keys of earlier operators, for which a name that looks like them is no replacement: why, and what to do."""


def nulls(value: Any, where: KeyPath) -> Iterator[KeyPath]:
    """Yield the key paths of members without a value, except timestamps, which tools write so."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        if part is None and isinstance(value, dict) and key != "creationTimestamp":
            yield (*where, str(key))
        yield from nulls(part, (*where, key if isinstance(key, int) else str(key)))


def without_nulls(value: Any) -> Any:
    """Return a value without the null members of its mappings, which the server removes before it validates."""
    if isinstance(value, dict):
        return {str(key): without_nulls(part) for key, part in value.items() if part is not None}
    return [without_nulls(part) for part in value] if isinstance(value, list) else value


@cache
def validator_class() -> Any:
    """Return the validator of JSON schemas that also knows `x-map-keys`."""
    jsonschema = import_module("jsonschema")
    return jsonschema.validators.extend(jsonschema.Draft202012Validator, {"x-map-keys": unique_entries})


def unique_entries(validator: Any, keys: dict[str, Any], entries: Any, _: Any) -> Iterator[Any]:
    """Yield an error for entries of a list with the same key, such as two ports or two volumes of a name."""
    seen = set()
    for index, entry in enumerate(entries if validator.is_type(entries, "array") else ()):
        if not isinstance(entry, dict):
            continue
        identity = tuple(str(entry.get(key, default)) for key, default in keys.items())
        if identity in seen:
            shown = " and ".join(f"{key} {entry[key]}" for key in keys if key in entry)
            error = import_module("jsonschema").ValidationError(f"two entries have the {shown}")
            error.path.append(index)
            yield error
        seen.add(identity)


def place_of(rules: Any, key: str, where: KeyPath) -> str | None:
    """Return in words where an unknown key belongs, None if the schema has it nowhere near."""
    chain = [resolve(rules)]  # the schemas of the places above the key
    for step in where[:-1]:
        here = resolve(chain[-1])
        below = here.get("items") if isinstance(step, int) else here.get("properties", {}).get(step)
        if below is None:
            return None
        chain.append(resolve(below))
    if "rayStartParams" in chain[-1].get("properties", {}) and key in OPTIONS:
        return "below `rayStartParams`"
    path = below_of(chain[-1], key)
    if path is not None:
        return f"below `{'.'.join(path)}`"
    for depth in range(len(chain) - 2, -1, -1):
        above = next((step for step in reversed(where[:depth]) if isinstance(step, str)), None)
        if key in chain[depth].get("properties", {}):
            return f"directly below `{above}`" if above else "at the top level"
        path = below_of(chain[depth], key, 2)
        if path is not None:
            return f"below `{'.'.join(path)}`"
    return None


def below_of(rules: Any, key: str, deepest: int = DEEPEST) -> list[str] | None:
    """Return the closest path from a schema to a member of it at any depth that has a key, None if there is none."""
    level: list[tuple[list[str], Any]] = [([], resolve(rules))]
    for _ in range(deepest):
        deeper = []
        for path, here in level:
            for name, inner in here.get("properties", {}).items():
                part = resolve(inner)
                part = resolve(part["items"]) if "items" in part else part
                if key in part.get("properties", {}):
                    return [*path, name]
                deeper.append(([*path, name], part))
        level = deeper
    return None
