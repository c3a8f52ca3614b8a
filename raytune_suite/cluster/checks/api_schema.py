"""Check values against the JSON schema of a provider's request, and say what to write instead."""

from __future__ import annotations

import dataclasses
import re
from importlib import import_module
from typing import TYPE_CHECKING, Any

from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.checks.key_places import machine_settings, place_of_key
from raytune_suite.errors import nearest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from raytune_suite.cluster.checks.findings import Finding, Severity
    from raytune_suite.cluster.document import ClusterDocument, KeyPath

NAMES = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "nothing",
}
"""Names of JSON's types for people who write YAML."""

PLACEHOLDER = re.compile(r"YOUR-[A-Z-]+")
"""A value that is still to be replaced, which another check reports."""

DEEPEST = 6
"""How deep settings are searched for the place where one belongs."""

MERGED_LISTS = ("scheduling",)
"""Mappings that may also be lists of mappings: Compute Engine merges them, and Ray's own examples have them."""

SAME_IN = (
    {"aws": "InstanceType", "gcp": "machineType", "azure": "azure_arm_parameters: {vmSize: ...}"},
    {"aws": "ImageId", "gcp": "disks: [{initializeParams: {sourceImage: ...}}]", "azure": "imagePublisher, ..."},
    {
        "aws": "InstanceMarketOptions: {MarketType: spot}",
        "gcp": "scheduling: [{preemptible: true}]",
        "azure": "azure_arm_parameters: {priority: Spot}",
    },
    {"aws": "IamInstanceProfile: {Arn: ...}", "gcp": "serviceAccounts"},
    {"aws": "SubnetIds", "gcp": "networkInterfaces"},
)
"""Settings with the same meaning in different clouds."""


def violations(
    document: ClusterDocument, where: KeyPath, schema: dict[str, Any], cloud: str, *, nulls: bool = False
) -> Iterator[Finding]:
    """Yield the violations of a schema below a key path.

    Args:
        document: The file.
        where: The key path of the value.
        schema: Its JSON schema.
        cloud: The provider's name.
        nulls: Whether the provider ignores keys without a value.
    """
    value = as_text(document.get(*where))
    if value is None:
        return
    for error in import_module("jsonschema").Draft7Validator(schema).iter_errors(value):
        place: KeyPath = (*where, *error.absolute_path)
        if error.validator == "type" and place[-1] in MERGED_LISTS and isinstance(error.instance, list):
            for index in range(len(error.instance)):
                part = {**error.schema, "definitions": schema["definitions"]}
                yield from violations(document, (*place, index), part, cloud, nulls=nulls)
        elif nulls and error.instance is None:
            continue
        else:
            yield from explain(document, where, schema, error, cloud)


def as_text(value: Any) -> Any:
    """Return a value as the provider gets it: with dates as text and keys as text."""
    if isinstance(value, dict):
        return {str(key): as_text(part) for key, part in value.items()}
    if isinstance(value, list):
        return [as_text(part) for part in value]
    return value if isinstance(value, (str, int, float, bool)) or value is None else str(value)


def explain(
    document: ClusterDocument, top: KeyPath, schema: dict[str, Any], error: Any, cloud: str
) -> Iterator[Finding]:
    """Yield findings for an error of jsonschema."""
    place: KeyPath = (*top, *error.absolute_path)
    if isinstance(error.instance, str) and PLACEHOLDER.search(error.instance):
        return
    if error.validator == "additionalProperties":
        known = error.schema.get("properties", {})
        for key in error.instance:
            if key not in known:
                yield unknown(document, (*place, key), (schema, len(top)), known, cloud)
    elif error.validator == "required":
        key = next(key for key in error.validator_value if key not in error.instance)
        reason = f"`{key}` is missing in `{place[-1]}`, where {CLOUDS[cloud]} requires it"
        yield finding(document, "RTS903", place, reason, f"add `{key}: ...`")
    elif error.validator == "enum" and isinstance(error.instance, str):
        yield from outside_vocabulary(document, place, error, cloud)
    elif error.validator == "type":
        found = wrong_type(document, place, error.instance, error.validator_value, cloud)
        words = error.schema.get("enum", ())
        remedy = f"write one of {', '.join(map(str, words[:12]))}" if words else found.remedy
        yield dataclasses.replace(found, remedy=remedy)
    elif error.validator == "pattern":
        yield wrong_type(document, place, error.instance, "integer", cloud)


def outside_vocabulary(document: ClusterDocument, place: KeyPath, error: Any, cloud: str) -> Iterator[Finding]:
    """Yield a finding about a value that is none of those which a provider allows."""
    allowed = [str(one) for one in error.validator_value]
    if cloud == "azure" and str(error.instance).lower() in [one.lower() for one in allowed]:
        return  # Azure compares without case
    what = f"`{place[-1]}` is {error.instance!r}, which {CLOUDS[cloud]} does not support"
    reason = f"{what}{closest(error.instance, allowed)}"
    yield finding(document, "RTS902", place, reason, f"use one of {', '.join(allowed[:12])}")


CLOUDS = {"aws": "EC2", "gcp": "Compute Engine", "azure": "Ray's template for Azure"}
"""What receives a node_config, for messages."""


def closest(value: Any, allowed: Collection[str]) -> str:
    """Return a suggestion: the same word in other letters, or a similar one."""
    same = [one for one in allowed if simplified(one) == simplified(str(value))]
    match = same[0] if same else nearest(str(value), sorted(allowed))
    return "" if match is None else f": did you mean {match!r}?"


def simplified(name: str) -> str:
    """Return a name without case, underscores and hyphens."""
    return re.sub(r"[_\W]", "", name).lower()


def wrong_type(document: ClusterDocument, place: KeyPath, value: Any, expected: Any, cloud: str) -> Finding:
    """Return a finding about a value of the wrong type, with the line to write."""
    kinds = [expected] if isinstance(expected, str) else list(expected)
    kind, name = kinds[0], place[-1]
    where = f"`{name}`" if isinstance(name, str) else f"entry {name} of `{place[-2]}`"
    if value is None:
        return finding(document, "RTS901", place, f"{where} has no value", "write one, or remove the key")
    severity: Severity | None = None
    if kind == "boolean" and cloud == "gcp" and str(value).lower() in ("true", "false"):
        severity = "warning"  # Google's older examples have it
    reason = f"{where} is {shown(value)}, but {CLOUDS[cloud]} expects {NAMES[kind]}"
    return finding(document, "RTS901", place, reason, right_type(name, value, kind), severity=severity)


def right_type(name: str | int, value: Any, kind: str) -> str:
    """Return what to write instead of a value of the wrong type."""
    number = re.match(r"\s*(\d+)", str(value))
    if kind == "string" and isinstance(value, (bool, int, float)):
        return f'write it in quotes: `"{value}"`'
    if kind == "array":
        return "begin it with a hyphen: `- ...`" if isinstance(value, dict) else f"write `{name}: [{value}]`"
    if kind == "boolean" and simplified(str(value)) in ("true", "false", "yes", "no", "0", "1"):
        right = "true" if simplified(str(value)) in ("true", "yes", "1") else "false"
        return f"write `{name}: {right}` without quotes"
    if kind in ("integer", "number") and number is not None:
        return f"write `{name}: {number[1]}`, without quotes and unit"
    if kind == "object":
        return f"write keys below `{name}:`, such as {inner_example(name, value)}"
    return f"write {NAMES[kind]}"


def inner_example(name: str | int, value: Any) -> str:
    """Return an example of a mapping that people often replace by a single value."""
    text = str(value)
    if name == "IamInstanceProfile":
        return f"`{name}: {{{'Arn' if text.startswith('arn:') else 'Name'}: {text}}}`"
    examples = {
        "billingProfile": f"{{maxPrice: {text}}}",
        "InstanceMarketOptions": "{MarketType: spot}",
        "Placement": f"{{AvailabilityZone: {text}}}",
        "Ebs": "{VolumeSize: 200}",
        "metadata": '{items: [{key: install-nvidia-driver, value: "True"}]}',
        "Monitoring": "{Enabled: true}",
        "LaunchTemplate": f"{{LaunchTemplateName: {text}}}",
    }
    return f"`{name}: {examples.get(str(name), '{key: value}')}`"


def shown(value: Any) -> str:
    """Return a value for a message."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return repr(value) if isinstance(value, str) else f"the number {value}"


def unknown(
    document: ClusterDocument, where: KeyPath, request: tuple[dict[str, Any], int], known: Collection[str], cloud: str
) -> Finding:
    """Return a finding about an unknown key: misspelled, misplaced, of another cloud, or none of these.

    Args:
        document: The file.
        where: The key path of the key.
        request: The schema of the request, and the length of the key path at which it begins.
        known: The keys that are allowed here.
        cloud: The provider's name.
    """
    key, (schema, depth) = str(where[-1]), request
    inside = f" in `{where[-2]}`" if isinstance(where[-2], str) and len(where) - 1 > depth else ""
    misspelled = any(simplified(one) == simplified(key) for one in known)
    places = [] if misspelled else [path for path in paths_of(schema, key) if path or inside]
    if places:
        path = min(places, key=lambda path: (not shares(path, where[depth:-1]), len(path)))
        right = ".".join([*path, key]) if path else f"node_config.{key}"
        reason = f"`{key}` is not read{inside}: it belongs at `{right}`"
        return finding(document, "RTS904", where, reason, f"write `{nested([*path, key])}`")
    section = None if misspelled else place_of_key(key, where, cloud)
    if section is not None:
        reason = f"`{key}` is not read in a node_config: it belongs {section}"
        return finding(document, "RTS904", where, reason, f"move it {section}")
    for names in SAME_IN if not misspelled else ():
        others = [name for other, name in names.items() if other != cloud]
        if cloud in names and any(re.match(rf"{re.escape(key)}\b", name) for name in others):
            reason = f"`{key}` is a setting of another cloud"
            return finding(document, "RTS103", where, reason, f"write `{names[cloud]}`")
    owner = next(
        (
            name
            for name in CLOUDS
            if name != cloud and not misspelled and key in frozenset().union(*machine_settings(name))
        ),
        None,
    )
    if owner is not None:
        reason = f"`{key}` is a setting of {CLOUDS[owner]}, not of {CLOUDS[cloud]}"
        return finding(document, "RTS103", where, reason, "remove it, and write what this cloud has instead")
    reason = f"unknown key `{key}`{inside}{closest(key, known)}"
    return finding(document, "RTS103", where, reason, "correct the name, or remove it")


def shares(path: tuple[str, ...], here: KeyPath) -> bool:
    """Return whether a place begins like another."""
    names = [step for step in here if isinstance(step, str)]
    return bool(names) and bool(path) and (path[0] == names[0])


def nested(path: list[str]) -> str:
    """Return a path as YAML.

    Example:
        >>> nested(["InstanceMarketOptions", "SpotOptions", "MaxPrice"])
        'InstanceMarketOptions: {SpotOptions: {MaxPrice: ...}}'
        >>> nested(["disks", "[]", "boot"])
        'disks: [{boot: ...}]'
    """
    text = "..."
    for step in reversed(path):
        text = f"[{text}]" if step == "[]" else f"{{{step}: {text}}}"
    return text[1:-1]


def paths_of(schema: dict[str, Any], key: str) -> list[tuple[str, ...]]:
    """Return the places in a schema where a mapping has a key; "[]" stands for the entries of a list."""
    definitions = schema.get("definitions", {})
    result: list[tuple[str, ...]] = []

    def search(part: dict[str, Any], path: tuple[str, ...]) -> None:
        part = definitions.get(part.get("$ref", "").rpartition("/")[2], part)
        if len(path) > DEEPEST:
            return
        if key in part.get("properties", {}):
            result.append(path)
        for name, inner in part.get("properties", {}).items():
            search(inner, (*path, name))
        if "items" in part:
            search(part["items"], (*path, "[]"))

    search(schema, ())
    return result
