"""A template filled in: values are replaced where they stand, so that all comments stay."""

from __future__ import annotations

import difflib
import json
import re
import tomllib
from typing import TYPE_CHECKING, Any

import yaml  # type: ignore[import-untyped] # it has no types of its own

from raytune_suite.cluster.document import parse
from raytune_suite.cluster.instance_types import machines
from raytune_suite.cluster.pools import INSTANCE_KEY, cluster_of, cluster_spec, is_kuberay, pools, provider
from raytune_suite.errors import ArgumentError, near

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from raytune_suite.cluster.document import Document, Where

STORAGE = re.compile(r"(?<=\bSTORAGE=)[^\s;]+")
"""Where our templates' commands say which file system to mount."""

SHORT = ("region", "zone", "image", "storage")
"""What can be said of a cluster, whatever the provider."""

POOL_WORDS = ("min_workers", "max_workers", "instance_type")
"""What can be said of a pool, whatever the provider."""


def render(document: Document, settings: Mapping[str, Any]) -> str:
    """The text of a template with other values.

    Args:
        document: The template.
        settings: By name: `region`, `zone`, `image`, `storage`, POOL.min_workers, POOL.max_workers, POOL.instance_type,
            or the way to any value of the file with dots, such as `provider.project_id`. A pool's CPUs and GPUs follow
            its instance_type where the file states them.

    Raises:
        ArgumentError: If the template has no such value.
    """
    text = document.text
    for name, value in settings.items():
        text = setting(cluster_of(parse(text, document.path)), name, value)
    return text


def setting(document: Document, name: str, value: Any) -> str:
    """The text of a document with one setting applied."""
    if name == "storage" and not is_kuberay(document):
        if STORAGE.search(document.text) is None:
            raise ArgumentError(
                f"{str(document.path)!r} mounts nothing by `STORAGE=...`, so that `storage` cannot be set"
            )
        return STORAGE.sub(lambda _found: str(value), document.text)
    text = document.text
    replaced: dict[int, tuple[int, str]] = {}
    for where, new in places(document, name, value):
        if document.node(where) is None:
            raise ArgumentError(f"{str(document.path)!r} has no {name!r} to set{suggestion(document, name)}")
        start, end, written = replacement(document, where, new)
        replaced[start] = end, written
    for start in sorted(replaced, reverse=True):
        end, written = replaced[start]
        text = text[:start] + written + text[end:]
    return text


def places(document: Document, name: str, value: Any) -> Iterator[tuple[Where, Any]]:
    """The values that a setting is about, and what they become.

    Raises:
        ArgumentError: If there are none.
    """
    kuberay, cloud = is_kuberay(document), provider(document)
    steps = name.split(".")
    pool = next((one for one in pools(document) if one.name == steps[0]), None)
    if pool is not None and len(steps) == 2 and steps[1] in POOL_WORDS:  # noqa: PLR2004 - POOL.WORD
        yield from of_pool(document, pool.where, steps[1], value)
        return
    if name == "image" and str(value).startswith("ami-"):
        remedy = "set `available_node_types.head.node_config.ImageId`"
        raise ArgumentError(f"`image` is the container's, but {value!r} is one of a machine: {remedy}")
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
    short: dict[str, Where] = {
        "image": ("docker", "image"),
        "region": ("provider", "location" if cloud == "azure" else "region"),
        "zone": ("provider", "availability_zone"),
    }
    where = short.get(name, tuple(int(step) if step.isdecimal() else step for step in steps))
    if kuberay and name not in short and where[0] not in document.data:
        where = (*cluster_spec(document), *where)
    yield where, value


def of_pool(document: Document, where: Where, word: str, value: Any) -> Iterator[tuple[Where, Any]]:
    """The values that a word about a pool is about."""
    cloud = provider(document)
    if word == "instance_type":
        if cloud not in INSTANCE_KEY:
            raise ArgumentError(f"`instance_type` has no meaning for the provider {cloud!r}")
        yield (*where, *INSTANCE_KEY[cloud]), value
        machine = machines(cloud).get(str(value))
        facts = {} if machine is None else {"CPU": machine.cpus, "GPU": machine.gpus}
        for kind, amount in facts.items():
            if document.get(*where, "resources", kind) is not None:
                yield (*where, "resources", kind), amount
    elif is_kuberay(document):
        yield (*where, "minReplicas" if word == "min_workers" else "maxReplicas"), value
    else:
        yield ((word,) if cloud == "local" else (*where, word)), value


def suggestion(document: Document, name: str) -> str:
    """The tail of a message about an unknown name: others with the same last part, or the nearest one."""
    workers = [pool.name for pool in pools(document) if not pool.head]
    words = [*SHORT, *(f"{pool}.{word}" for pool in workers for word in POOL_WORDS)]
    paths = dict.fromkeys(".".join(map(str, where)) for where, _ in document.scalars())
    last = name.rpartition(".")[2]
    for known in (words, paths):
        same = [one for one in known if one.rpartition(".")[2] == last][:3]
        if same:
            return f": did you mean {' or '.join(map(repr, same))}?"
    close = difflib.get_close_matches(name, [*words, *paths], n=1)
    return near(name, close) if close else f"; known: {', '.join(words)}, and the way to any value with dots"


def replacement(document: Document, where: Where, value: Any) -> tuple[int, int, str]:
    """Where a value that is there stands in the text (start, end), and what to write there; its anchor stays.

    Raises:
        ArgumentError: If it stands on lines of its own.
    """
    node = document.node(where)
    old = document.text[node.start_mark.index : node.end_mark.index]
    if not isinstance(node, yaml.ScalarNode) and not node.flow_style:
        path = ".".join(map(str, where))
        raise ArgumentError(f"{path!r} of {str(document.path)!r} is no single value: set one within it")
    anchor = re.match(r"&\S+\s+", old)
    start = node.start_mark.index + (anchor.end() if anchor else 0)
    return start, node.end_mark.index, as_yaml(value, like=document.get(*where))


def as_yaml(value: Any, like: Any) -> str:
    """A value on one line of YAML, as a text where it was one.

    Example:
        >>> as_yaml("2204", like="2004"), as_yaml("8", like=4), as_yaml("[a, b]", like=[])
        ("'2204'", '8', '[a, b]')
    """
    if isinstance(value, str) and not isinstance(like, str):
        value = yaml.safe_load(value)
    written: str = yaml.safe_dump(value, default_flow_style=True, width=10**6)
    return written.removesuffix("\n").removesuffix("\n...")


def assignments(given: list[str], file: Path | None) -> dict[str, Any]:
    """The settings of a TOML file, whose tables stand for pools or parts, and then those given as NAME=VALUE.

    Raises:
        ArgumentError: If the file cannot be read, or a text has another form.
    """
    found: dict[str, Any] = {}
    if file is not None:
        try:
            found = dict(flat(tomllib.loads(file.expanduser().read_text(encoding="utf-8")), ()))
        except (OSError, ValueError) as error:
            raise ArgumentError(f"{str(file)!r} cannot be read as TOML: {error}") from error
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise ArgumentError(f"`--set {text}` must have the form NAME=VALUE")
        found[name] = value
    return found


def flat(table: Mapping[str, Any], above: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """The values of nested tables, their names joined by dots."""
    for name, value in table.items():
        if isinstance(value, dict):
            yield from flat(value, (*above, name))
        else:
            yield ".".join((*above, name)), value if isinstance(value, (str, int, float)) else json.dumps(value)
