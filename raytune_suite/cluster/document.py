"""A YAML file with the lines on which its values stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml  # type: ignore[import-untyped] # it has no types of its own

from raytune_suite.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Where = tuple[str | int, ...]
"""The way to a value: keys and indices from the top."""


@dataclass(frozen=True)
class Document:
    """One document of a YAML file.

    Attributes:
        path: The file.
        text: The whole file.
        data: What the document says.
        root: The same as YAML's nodes, which know where they stand.
    """

    path: Path
    text: str
    data: dict[str, Any]
    root: Any

    def get(self, *where: str | int, default: Any = None) -> Any:
        """The value at a place, `default` if there is none."""
        value: Any = self.data
        for step in where:
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                return default
        return value

    def mapping(self, *where: str | int) -> dict[str, Any]:
        """The mapping at a place; an empty one where none is."""
        found = self.get(*where)
        return found if isinstance(found, dict) else {}

    def entries(self, *where: str | int) -> list[Any]:
        """The list at a place; an empty one where none is."""
        found = self.get(*where)
        return found if isinstance(found, list) else []

    def strings(self, *where: str | int) -> list[str]:
        """The list of commands at a place; nothing where no list is."""
        return [str(entry) for entry in self.entries(*where)]

    def line(self, where: Where) -> int:
        """The line of a key or of an entry, counted from 1; of what surrounds it where it is not there."""
        node, line = self.root, self.root.start_mark.line
        for step in where:
            found = step_into(node, step)
            if found is None:
                break
            node, line = found
        return int(line) + 1

    def node(self, where: Where) -> Any:
        """The YAML node of the value at a place, None if there is none."""
        node = self.root
        for step in where:
            found = step_into(node, step)
            if found is None:
                return None
            node = found[0]
        return node

    def value_line(self, where: Where) -> int:
        """The line on which a value is written: of an alias, the one it stands for."""
        node = self.node(where)
        return self.line(where) if node is None else int(node.start_mark.line) + 1

    def duplicates(self) -> Iterator[tuple[Where, int]]:
        """Keys that are given twice in one mapping, with the line of the second; YAML keeps the last, silently."""
        yield from repeated(self.root, ())

    def scalars(self) -> Iterator[tuple[Where, str]]:
        """Every text and number as it is written, keys too."""
        yield from written(self.root, ())


def step_into(node: Any, step: str | int) -> tuple[Any, int] | None:
    """The node under a key or index, and the line where its entry begins."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(step):
                return value, key.start_mark.line
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step], node.value[step].start_mark.line
    return None


def repeated(node: Any, where: Where) -> Iterator[tuple[Where, int]]:
    """The keys that stand twice in a mapping within `node`."""
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            if key.value in seen:
                yield (*where, key.value), key.start_mark.line + 1
            seen.add(key.value)
            yield from repeated(value, (*where, key.value))
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from repeated(value, (*where, index))


def written(node: Any, where: Where) -> Iterator[tuple[Where, str]]:
    """The scalars within `node`."""
    if isinstance(node, yaml.ScalarNode):
        yield where, node.value
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield (*where, key.value), str(key.value)
            yield from written(value, (*where, key.value))
    else:
        for index, value in enumerate(node.value):
            yield from written(value, (*where, index))


def read(path: Path) -> list[Document]:
    """The documents of a YAML file, those that say nothing left out.

    Raises:
        ArgumentError: If there is no such file, it is no YAML, or a document of it is no mapping.
    """
    try:
        text = path.expanduser().read_text(encoding="utf-8")
    except OSError as error:
        raise ArgumentError(f"{str(path)!r} cannot be read: {error.strerror}") from error
    return parse(text, path)


def parse(text: str, path: Path) -> list[Document]:
    """The documents of a YAML text; `path` is what messages call it.

    Raises:
        ArgumentError: If it is no YAML, or a document of it is no mapping.
    """
    try:
        nodes = list(yaml.compose_all(text, Loader=yaml.SafeLoader))
        values = list(yaml.safe_load_all(text))
    except yaml.YAMLError as error:
        raise ArgumentError(f"{str(path)!r} is not YAML: {' '.join(str(error).split())}") from error
    documents = []
    for node, value in zip(nodes, values, strict=True):
        if value is None:
            continue
        if not isinstance(value, dict):
            raise ArgumentError(f"{str(path)!r} line {node.start_mark.line + 1}: must be `key: value` lines")
        documents.append(Document(path, text, value, node))
    if not documents:
        raise ArgumentError(f"{str(path)!r} is empty")
    return documents
