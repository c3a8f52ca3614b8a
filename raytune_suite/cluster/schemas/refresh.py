"""Write kuberay.json from KubeRay's custom resource definitions, with their source and date.

Run `python -m raytune_suite.cluster.schemas.refresh --tag v1.6.0`, which downloads them from GitHub, or with
`--folder DIR --version TEXT` for files that are on this machine (`ray.io_rayclusters.yaml` and so on, from the
operator's `helm-chart/kuberay-operator/crds`).
"""

from __future__ import annotations

import argparse
import datetime as dt
import hashlib
import json
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped] # it ships no types

from raytune_suite.cluster.schemas.manifests import FILE

URL = "https://raw.githubusercontent.com/ray-project/kuberay/{tag}/helm-chart/kuberay-operator/crds/{name}"

PLURALS = ("rayclusters", "rayjobs", "rayservices", "raycronjobs")
"""The kinds, as the files of their definitions are named."""

SCHEMA_LISTS = ("allOf", "anyOf", "oneOf")
KEPT = ("enum", "maxItems", "maxLength", "maximum", "minItems", "minLength", "minimum", "pattern", "type")
"""Keys that a JSON schema shares with OpenAPI."""

SMALLEST_SHARED = 200
"""Characters; a part of this length that occurs twice is written once, under `$defs`."""


def main() -> None:
    """Refresh the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--tag", help="a tag of ray-project/kuberay to download")
    source.add_argument("--folder", type=Path, metavar="DIR", help="a folder with the definitions")
    parser.add_argument("--version", metavar="TEXT", help="with --folder: what the files are, such as v1.6.0")
    arguments = parser.parse_args()
    names = [f"ray.io_{plural}.yaml" for plural in PLURALS]
    if arguments.tag:
        texts = [download(URL.format(tag=arguments.tag, name=name)) for name in names]
    else:
        texts = [(arguments.folder / name).read_text(encoding="utf-8") for name in names]
    facts = {
        "source": "https://github.com/ray-project/kuberay (Apache-2.0), helm-chart/kuberay-operator/crds",
        "version": arguments.tag or arguments.version or "unknown",
        "date": dt.datetime.now(tz=dt.UTC).date().isoformat(),
        "sha256": {name: hashlib.sha256(text.encode()).hexdigest() for name, text in zip(names, texts, strict=True)},
    }
    content = json.dumps({**facts, **convert(texts)}, sort_keys=True, separators=(",", ":"))
    Path(__file__).with_name(FILE).write_text(content + "\n", encoding="utf-8")


def download(url: str) -> str:
    """Return the text at a URL."""
    with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310 - the scheme is in the constant above
        text: str = answer.read().decode()
    return text


def convert(texts: list[str]) -> dict[str, Any]:
    """Convert resource definitions to JSON schemas, by kind and version, which share parts under `$defs`."""
    kinds: dict[str, dict[str, Any]] = {}
    for text in texts:
        spec = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))["spec"]  # noqa: S506 - both are safe
        kinds[spec["names"]["kind"]] = {
            one["name"]: strict(without_status(one["schema"]["openAPIV3Schema"]))
            for one in spec["versions"]
            if one["served"]
        }
    counts: Counter[str] = Counter()
    count_parts(kinds, counts)
    definitions: dict[str, Any] = {}
    names: dict[str, str] = {}
    shared = share(kinds, counts, names, definitions)
    return {"kinds": shared, "$defs": definitions}


def without_status(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a whole resource without its status, which only the operator writes."""
    properties = {**schema["properties"], "metadata": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    return {**schema, "properties": {**properties, "status": {"x-kubernetes-preserve-unknown-fields": True}}}


def strict(schema: dict[str, Any]) -> dict[str, Any]:
    """Convert an OpenAPI schema of Kubernetes to a JSON schema that rejects unknown keys.

    `x-map-keys` keeps the keys that make the entries of a list unique. Members with a default are not required, because
    the server fills them in before it validates.
    """
    result = {key: schema[key] for key in KEPT if key in schema}
    if schema.get("x-kubernetes-int-or-string"):
        result["type"] = ["integer", "string"]
    for key in SCHEMA_LISTS if not schema.get("x-kubernetes-int-or-string") else ():
        if key in schema:
            result[key] = [strict(part) for part in schema[key]]
    if "items" in schema:
        result |= strict_items(schema)
    properties = schema.get("properties", {})
    if properties:
        result["properties"] = {name: strict(part) for name, part in properties.items()}
    required = [name for name in schema.get("required", ()) if "default" not in properties.get(name, {})]
    if required:
        result["required"] = required
    if isinstance(schema.get("additionalProperties"), dict):
        result["additionalProperties"] = strict(schema["additionalProperties"])
    elif schema.get("type") == "object" and properties and not schema.get("x-kubernetes-preserve-unknown-fields"):
        result["additionalProperties"] = False
    if schema.get("nullable") and isinstance(result.get("type"), str):
        result["type"] = [result["type"], "null"]
    return result


def strict_items(schema: dict[str, Any]) -> dict[str, Any]:
    """Convert the keys about the entries of a list."""
    result: dict[str, Any] = {"items": strict(schema["items"])}
    if "x-kubernetes-list-map-keys" in schema:
        defaults = {name: part["default"] for name, part in schema["items"]["properties"].items() if "default" in part}
        result["x-map-keys"] = {key: defaults.get(key) for key in schema["x-kubernetes-list-map-keys"]}
    return result


def is_large(text: str) -> bool:
    """Return whether a part, as JSON, is worth sharing."""
    return len(text) >= SMALLEST_SHARED


def count_parts(value: Any, counts: Counter[str]) -> None:
    """Count how often each mapping occurs."""
    if isinstance(value, dict):
        text = json.dumps(value, sort_keys=True)
        counts[text] += 1
        if counts[text] > 1 and is_large(text):  # its parts count once
            return
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        count_parts(part, counts)


def share(value: Any, counts: Counter[str], names: dict[str, str], definitions: dict[str, Any]) -> Any:
    """Return a value in which each repeated mapping is a reference into `definitions`."""
    if isinstance(value, list):
        return [share(part, counts, names, definitions) for part in value]
    if not isinstance(value, dict):
        return value
    text = json.dumps(value, sort_keys=True)
    repeated = counts[text] > 1 and is_large(text)
    if not repeated or text not in names:
        parts = {key: share(part, counts, names, definitions) for key, part in value.items()}
        if not repeated:
            return parts
        names[text] = str(len(names))
        definitions[names[text]] = parts
    return {"$ref": f"#/$defs/{names[text]}"}


if __name__ == "__main__":
    main()
