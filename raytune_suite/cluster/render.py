"""Fill in a template: values are replaced in place, so that all comments are kept."""

from __future__ import annotations

import difflib
import json
import re
import tomllib
from typing import TYPE_CHECKING, Any

import yaml  # type: ignore[import-untyped] # it ships no types

from raytune_suite.cluster.document import parse
from raytune_suite.cluster.instance_types import instance_types
from raytune_suite.cluster.pools import INSTANCE_KEY, cluster_of, cluster_spec, is_kuberay, pools, provider
from raytune_suite.errors import ArgumentError, near, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from raytune_suite.cluster.document import ClusterDocument, KeyPath

STORAGE = re.compile(r"(?<=\bSTORAGE=)[^\s;]+")
"""The file system that the commands of our templates mount."""

SHORTCUTS = ("region", "zone", "image", "storage")
"""Settings of a cluster that have the same name for every provider."""

POOL_SETTINGS = ("min_workers", "max_workers", "instance_type")
"""Settings of a pool that have the same name for every provider."""


def render(document: ClusterDocument, settings: Mapping[str, Any]) -> str:
    """Return the text of a template with other values.

    Args:
        document: The template.
        settings: Values by name: `region`, `zone`, `image`, `storage`, POOL.min_workers, POOL.max_workers,
            POOL.instance_type, or the dotted path of any value in the file, such as `provider.project_id`. A pool's
            CPUs and GPUs are adjusted to its instance_type where the file states them.

    Raises:
        ArgumentError: If the template does not have a value of this name.
    """
    text = document.text
    for name, value in settings.items():
        text = apply_setting(cluster_of(parse(text, document.path)), name, value)
    return text


def apply_setting(document: ClusterDocument, name: str, value: Any) -> str:
    """Return the text of a document with one setting applied."""
    if name == "storage" and not is_kuberay(document):
        if STORAGE.search(document.text) is None:
            raise ArgumentError(
                f"{str(document.path)!r} has no `STORAGE=...` in its commands, so `storage` cannot be set"
            )
        return STORAGE.sub(lambda _match: str(value), document.text)
    text = document.text
    replaced: dict[int, tuple[int, str]] = {}
    for where, new in changes(document, name, value):
        if document.node(where) is None:
            raise ArgumentError(f"{str(document.path)!r} has no {name!r} to set{suggestion(document, name)}")
        start, end, written = replacement(document, where, new)
        replaced[start] = end, written
    for start in sorted(replaced, reverse=True):
        end, written = replaced[start]
        text = text[:start] + written + text[end:]
    return text


def changes(document: ClusterDocument, name: str, value: Any) -> Iterator[tuple[KeyPath, Any]]:
    """Yield the key paths that a setting changes, with their new values.

    Raises:
        ArgumentError: If the setting does not apply to this file.
    """
    kuberay, cloud = is_kuberay(document), provider(document)
    steps = name.split(".")
    pool = next((one for one in pools(document) if one.name == steps[0]), None)
    if pool is not None and len(steps) == 2 and steps[1] in POOL_SETTINGS:  # noqa: PLR2004 - POOL.SETTING
        yield from pool_changes(document, pool.where, steps[1], value)
        return
    if name == "image" and str(value).startswith("ami-"):
        remedy = "set `available_node_types.head.node_config.ImageId`"
        raise ArgumentError(f"`image` is the container image, but {value!r} is a machine image: {remedy}")
    if name == "image" and kuberay:
        for one in pools(document):
            yield (*one.where, "template", "spec", "containers", 0, "image"), value
        return
    if name == "storage" and kuberay:
        for one in pools(document):
            volumes = document.entries(*one.where, "template", "spec", "volumes")
            for index, volume in enumerate(volumes):
                if "persistentVolumeClaim" in volume:
                    where = (*one.where, "template", "spec", "volumes", index, "persistentVolumeClaim", "claimName")
                    yield where, value
        return
    shortcuts: dict[str, KeyPath] = {
        "image": ("docker", "image"),
        "region": ("provider", "location" if cloud == "azure" else "region"),
        "zone": ("provider", "availability_zone"),
    }
    where = shortcuts.get(name, tuple(int(step) if step.isdecimal() else step for step in steps))
    if kuberay and name not in shortcuts and where[0] not in document.data:
        where = (*cluster_spec(document), *where)
    yield where, value


def pool_changes(document: ClusterDocument, where: KeyPath, setting: str, value: Any) -> Iterator[tuple[KeyPath, Any]]:
    """Yield the key paths that a setting of a pool changes, with their new values."""
    cloud = provider(document)
    if setting == "instance_type":
        if cloud not in INSTANCE_KEY:
            raise ArgumentError(f"`instance_type` cannot be set for the provider {cloud!r}")
        yield (*where, *INSTANCE_KEY[cloud]), value
        instance = instance_types(cloud).get(str(value))
        resources = {} if instance is None else {"CPU": instance.cpus, "GPU": instance.gpus}
        for kind, amount in resources.items():
            if document.get(*where, "resources", kind) is not None:
                yield (*where, "resources", kind), amount
    elif is_kuberay(document):
        yield (*where, "minReplicas" if setting == "min_workers" else "maxReplicas"), value
    else:
        yield ((setting,) if cloud == "local" else (*where, setting)), value


def suggestion(document: ClusterDocument, name: str) -> str:
    """Return the end of a message about an unknown name: names with the same last part, or the closest one."""
    workers = [pool.name for pool in pools(document) if not pool.head]
    names = [*SHORTCUTS, *(f"{pool}.{setting}" for pool in workers for setting in POOL_SETTINGS)]
    paths = dict.fromkeys(".".join(map(str, where)) for where, _ in document.scalars())
    last = name.rpartition(".")[2]
    for known in (names, paths):
        same = [one for one in known if one.rpartition(".")[2] == last][:3]
        if same:
            return f": did you mean {' or '.join(map(repr, same))}?"
    close = difflib.get_close_matches(name, [*names, *paths], n=1)
    return near(name, close) if close else f"; known: {', '.join(names)}, and the dotted path of any value"


def replacement(document: ClusterDocument, where: KeyPath, value: Any) -> tuple[int, int, str]:
    """Return the start and end of an existing value in the text, and its replacement; an anchor is kept.

    Raises:
        ArgumentError: If it is a mapping or list over several lines.
    """
    node = document.node(where)
    old = document.text[node.start_mark.index : node.end_mark.index]
    if not isinstance(node, yaml.ScalarNode) and not node.flow_style:
        path = ".".join(map(str, where))
        raise ArgumentError(f"{path!r} of {str(document.path)!r} is not a single value: set one below it")
    anchor = re.match(r"&\S+\s+", old)
    start = node.start_mark.index + (anchor.end() if anchor else 0)
    return start, node.end_mark.index, as_yaml(value, like=document.get(*where))


def as_yaml(value: Any, like: Any) -> str:
    """Format a value as one line of YAML, as a string if `like` is one.

    Example:
        >>> as_yaml("2204", like="2004"), as_yaml("8", like=4), as_yaml("[a, b]", like=[])
        ("'2204'", '8', '[a, b]')
    """
    if isinstance(value, str) and not isinstance(like, str):
        try:
            value = yaml.safe_load(value)
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise ArgumentError(f"the value {shown(value)} is not YAML: {' '.join(str(error).split())}") from error
    written: str = yaml.safe_dump(value, default_flow_style=True, width=10**6)
    return written.removesuffix("\n").removesuffix("\n...")


def read_settings(assignments: list[str], file: Path | None) -> dict[str, Any]:
    """Return the settings of a TOML file, whose nested tables become dotted names, and of NAME=VALUE texts.

    Raises:
        ArgumentError: If the file cannot be read, or a text does not have the form NAME=VALUE.
    """
    settings: dict[str, Any] = {}
    if file is not None:
        try:
            settings = dict(flatten(tomllib.loads(file.expanduser().read_text(encoding="utf-8")), ()))
        except (OSError, ValueError, RecursionError) as error:
            raise ArgumentError(f"{str(file)!r} cannot be read as TOML: {error}") from error
    for text in assignments:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise ArgumentError(f"`--set {text}` must have the form NAME=VALUE")
        settings[name] = value
    return settings


def flatten(table: Mapping[str, Any], above: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """Yield the values of nested tables, with their names joined by dots."""
    for name, value in table.items():
        if isinstance(value, dict):
            yield from flatten(value, (*above, name))
        else:
            yield ".".join((*above, name)), value if isinstance(value, (str, int, float)) else json.dumps(value)
