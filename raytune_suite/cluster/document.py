"""YAML documents that know the line of each of their values."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml  # type: ignore[import-untyped] # it ships no types

from raytune_suite.errors import ArgumentError, shortened

if TYPE_CHECKING:
    from collections.abc import Iterator

FastLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The loader in C, ten times faster, where PyYAML was built with it."""

DEEPEST = 100
"""How deep values may be nested: the loader in C crashes at some depth, and no cluster file needs more."""

KeyPath = tuple[str | int, ...]
"""The keys and indices that lead to a value, from the top level."""


def on_this_machine(text: str) -> Path:
    """Return the path of a file on this machine, with ~ replaced if it begins with the folder of a known account."""
    with contextlib.suppress(RuntimeError):
        return Path(text).expanduser()
    return Path(text)


MAX_NODES = 100_000
"""The most values in a file."""


@dataclass(frozen=True)
class ClusterDocument:
    """One document of a YAML file.

    Attributes:
        path: The file.
        text: The text of the whole file.
        data: The values of the document.
        root: The root of its YAML nodes, which have line numbers.
    """

    path: Path
    text: str
    data: dict[str, Any]
    root: Any

    def get(self, *where: str | int, default: Any = None) -> Any:
        """Return the value at a key path, `default` if there is none."""
        value: Any = self.data
        for step in where:
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                return default
        return value

    def mapping(self, *where: str | int) -> dict[str, Any]:
        """Return the mapping at a key path, an empty one if there is none."""
        value = self.get(*where)
        return value if isinstance(value, dict) else {}

    def entries(self, *where: str | int) -> list[Any]:
        """Return the list at a key path, an empty one if there is none."""
        value = self.get(*where)
        return value if isinstance(value, list) else []

    def strings(self, *where: str | int) -> list[str]:
        """Return the list at a key path as strings, an empty list if there is none."""
        return [str(entry) for entry in self.entries(*where)]

    def line(self, where: KeyPath) -> int:
        """Return the line (counted from 1) of a key or list entry; if it is missing, that of its closest parent."""
        node, line = self.root, self.root.start_mark.line
        for step in where:
            entry = child(node, step)
            if entry is None:
                break
            node, line = entry
        return int(line) + 1

    def node(self, where: KeyPath) -> Any:
        """Return the YAML node at a key path, None if there is none."""
        node = self.root
        for step in where:
            entry = child(node, step)
            if entry is None:
                return None
            node = entry[0]
        return node

    def value_line(self, where: KeyPath) -> int:
        """Return the line on which a value is written; for an alias, the line of its anchor."""
        node = self.node(where)
        return self.line(where) if node is None else int(node.start_mark.line) + 1

    def duplicates(self) -> Iterator[tuple[KeyPath, int]]:
        """Yield keys that occur twice in a mapping, with the line of the second. YAML silently keeps the last value."""
        yield from duplicate_keys(self.root, ())

    def scalars(self) -> Iterator[tuple[KeyPath, str]]:
        """Yield each scalar as it is written, including keys."""
        return iter(self._scalars)

    @cached_property
    def _scalars(self) -> list[tuple[KeyPath, str]]:
        """The scalars: several checks look at all of them."""
        return list(scalar_texts(self.root, ()))


def child(node: Any, step: str | int) -> tuple[Any, int] | None:
    """Return the node under a key or index, and the line on which its entry begins."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(step):
                return value, key.start_mark.line
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step], node.value[step].start_mark.line
    return None


def duplicate_keys(node: Any, where: KeyPath) -> Iterator[tuple[KeyPath, int]]:
    """Yield the keys that occur twice in a mapping below `node`."""
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            if key.value in seen:
                yield (*where, key.value), key.start_mark.line + 1
            seen.add(key.value)
            yield from duplicate_keys(value, (*where, key.value))
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from duplicate_keys(value, (*where, index))


def scalar_texts(node: Any, where: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    """Yield the scalars below `node`."""
    if isinstance(node, yaml.ScalarNode):
        yield where, node.value
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield (*where, key.value), str(key.value)
            yield from scalar_texts(value, (*where, key.value))
    else:
        for index, value in enumerate(node.value):
            yield from scalar_texts(value, (*where, index))


def read(path: Path) -> list[ClusterDocument]:
    """Read the non-empty documents of a YAML file.

    Raises:
        ArgumentError: If the file cannot be read, is not YAML, is empty, or has a document that is not a mapping.
    """
    try:
        text = path.expanduser().read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ArgumentError(f"{str(path)!r} cannot be read: {getattr(error, 'strerror', error)}") from error
    return parse(text, path)


def syntax_problem(text: str, error: yaml.YAMLError) -> str:
    """Return the line on which YAML cannot be read, why, and what to write."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is None:
        return " ".join(str(error).split())
    lines = text.splitlines()
    number = min(mark.line, len(lines) - 1)
    line = lines[number] if lines else ""
    problem = str(getattr(error, "problem", None) or error)
    advice = ""
    tab = next(
        (n for n in (number, number - 1) if n >= 0 and "\t" in lines[n][: len(lines[n]) - len(lines[n].lstrip())]), None
    )
    if "\\t" in problem or tab is not None:
        number, problem, advice = number if tab is None else tab, "it is indented with a tab", "use spaces"
    elif "{{" in line:
        problem, advice = "it is a template of Helm", "check what `helm template` prints"
    elif "mapping values are not allowed" in problem:
        advice = "correct the indentation, or write text that contains `: ` in quotes"
    elif "found undefined alias" in problem:
        advice = "define it with `&NAME` above this line, or write text that begins with `*` in quotes"
    elif "expected <block end>" in problem or "could not find expected ':'" in problem:
        advice = (
            "correct the indentation: the entries of a block begin in the same column, and each has a `:` or a `- `"
        )
    return f"line {number + 1}: {problem}{advice and f': {advice}'}"


def check_depth(text: str) -> None:
    """Check that the values of a YAML text are not nested too deeply.

    Raises:
        yaml.YAMLError: If the text is not YAML.
        ValueError: If they are.
    """
    depth = 0
    for event in yaml.parse(text, Loader=FastLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise ValueError(f"values are nested more than {DEEPEST} levels deep")


def nodes_and_values(text: str, path: Path) -> tuple[list[Any], list[Any]]:
    """Return the root nodes of the documents of a YAML text, and their values.

    Raises:
        yaml.YAMLError: If the text is not YAML, with the line and the reason in PyYAML's own words.
        ValueError: If values are nested too deeply.
        ArgumentError: If the documents are infinite or huge.
    """
    loader = FastLoader
    try:
        check_depth(text)
    except yaml.YAMLError:  # whose message is another in C
        loader = yaml.SafeLoader
    nodes = list(yaml.compose_all(text, Loader=loader))
    check_size(nodes, path)
    if "<<" in text:  # to merge mappings changes their nodes
        return nodes, list(yaml.load_all(text, Loader=loader))
    constructor = loader("")
    return nodes, [constructor.construct_document(node) for node in nodes]


def check_size(nodes: list[Any], path: Path) -> None:
    """Check that the documents of a file, with every alias replaced by its anchor, are finite and not huge.

    Raises:
        ArgumentError: If a node contains itself, or there are more than `MAX_NODES` nodes.
    """
    sizes: dict[int, int | None] = {}  # None: in progress

    def size(node: Any) -> int:
        if id(node) not in sizes:
            sizes[id(node)] = None
            pairs = node.value if isinstance(node, yaml.CollectionNode) else []
            inner = [one for pair in pairs for one in pair] if isinstance(node, yaml.MappingNode) else pairs
            sizes[id(node)] = 1 + sum(size(one) for one in inner)
        known = sizes[id(node)]
        if known is None:
            raise ArgumentError(f"{str(path)!r} line {node.start_mark.line + 1}: the value contains itself")
        return known

    if sum(size(node) for node in nodes if node is not None) > MAX_NODES:
        raise ArgumentError(f"{str(path)!r} has more than {MAX_NODES} values: it is not a cluster file")


def parse(text: str, path: Path) -> list[ClusterDocument]:
    """Parse the non-empty documents of a YAML text.

    Args:
        text: The text.
        path: The file name for error messages.

    Raises:
        ArgumentError: If the text is not YAML, is empty, or has a document that is not a mapping.
    """
    try:
        nodes, values = nodes_and_values(text, path)
    except yaml.YAMLError as error:
        raise ArgumentError(f"{str(path)!r} is not YAML: {syntax_problem(text, error)}") from error
    except (ValueError, RecursionError) as error:  # ValueError: a date such as 2024-99-99
        if isinstance(error, ArgumentError):
            raise
        raise ArgumentError(f"{str(path)!r} is not YAML: {shortened(' '.join(str(error).split()), 500)}") from error
    documents = []
    for node, value in zip(nodes, values, strict=True):
        if value is None:
            continue
        if not isinstance(value, dict):
            line = node.start_mark.line + 1
            raise ArgumentError(f"{str(path)!r} line {line}: expected a mapping (`key: value` lines)")
        documents.append(ClusterDocument(path, text, value, node))
    if not documents:
        raise ArgumentError(f"{str(path)!r} is empty")
    return documents
