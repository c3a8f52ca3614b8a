"""Line numbers of the keys of a TOML file, for error messages."""

from __future__ import annotations

import re
import tomllib
from typing import Any, TypeAlias

from raytune_suite.errors import ArgumentError

Key: TypeAlias = tuple[str, ...]
"""The path of a value in a TOML file: ("methods", "asha", "args")."""


def parse(text: str, name: str) -> tuple[dict[str, Any], dict[Key, int]]:
    r"""Parse a TOML file, and return its content and the line number (from 1) of each key and table.

    Python's parser reports no positions. But each statement (a header, or a key with its value) is itself a TOML
    document, so it is parsed once more on its own.

    Args:
        text: The content of the file.
        name: The name of the file in error messages.

    Raises:
        ArgumentError: If the text is not valid TOML; the message names the line.

    Example:
        >>> parse('a = 1\n\n[b."c d"]\ne = {f = 2}', "x.toml")[1]
        {('a',): 1, ('b',): 3, ('b', 'c d'): 3, ('b', 'c d', 'e'): 4, ('b', 'c d', 'e', 'f'): 4}
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        match = re.fullmatch(r"(.*) \(at line (\d+), column \d+\)", str(error))
        line, message = (match[2], match[1]) if match else (str(len(text.splitlines())), str(error))
        raise ArgumentError(f"{name}:{line}: invalid TOML: {message}") from None
    except RecursionError:
        raise ArgumentError(f"{name}: invalid TOML: values are nested too deeply") from None
    positions: dict[Key, int] = {}
    table: Key = ()
    statement, first = "", 1
    for number, line in enumerate(text.split("\n"), 1):
        statement, first = (f"{statement}\n{line}", first) if statement else (line, number)
        try:
            parsed = tomllib.loads(statement)
        except tomllib.TOMLDecodeError:  # the statement continues on the next line
            continue
        keys = _keys(parsed)
        header = statement.lstrip().startswith("[")
        if header:
            table = keys[-1]
        for key in keys:
            positions.setdefault(key if header else (*table, *key), first)
        statement = ""
    return content, positions


def _keys(tables: Any, parent: Key = ()) -> list[Key]:
    """Return all keys of nested tables, outer ones first."""
    if isinstance(tables, list):  # [[header]]
        return [key for entry in tables for key in _keys(entry, parent)]
    if not isinstance(tables, dict):
        return []
    return [key for name, inner in tables.items() for key in ((*parent, name), *_keys(inner, (*parent, name)))]
