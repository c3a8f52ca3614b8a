"""Where in a TOML file something stands, so that a message about it can name the line."""

from __future__ import annotations

import re
import tomllib
from typing import Any, TypeAlias

from raytune_suite.errors import ArgumentError

Key: TypeAlias = tuple[str, ...]
"""Where in the tables of a TOML file a value is: ("methods", "asha", "args")."""


def parse(text: str, name: str) -> tuple[dict[str, Any], dict[Key, int]]:
    r"""What a TOML file says, and the line of each key and table in it, from 1.

    Python's parser gives no positions. But each statement (a header, or a key with its value) is a TOML document by
    itself, so that it is parsed once more, alone.

    Args:
        text: What the file holds.
        name: What a message calls the file.

    Raises:
        ArgumentError: If the text is no TOML; the message has the line.

    Example:
        >>> parse('a = 1\n\n[b."c d"]\ne = {f = 2}', "x.toml")[1]
        {('a',): 1, ('b',): 3, ('b', 'c d'): 3, ('b', 'c d', 'e'): 4, ('b', 'c d', 'e', 'f'): 4}
    """
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        match = re.fullmatch(r"(.*) \(at line (\d+), column \d+\)", str(error))
        line, words = (match[2], match[1]) if match else (str(len(text.splitlines())), str(error))
        raise ArgumentError(f"{name}:{line}: this is no TOML: {words}") from None
    places: dict[Key, int] = {}
    table: Key = ()
    statement, first = "", 1
    for number, line in enumerate(text.split("\n"), 1):
        statement, first = (f"{statement}\n{line}", first) if statement else (line, number)
        try:
            alone = tomllib.loads(statement)
        except tomllib.TOMLDecodeError:  # it goes on in the next line
            continue
        keys = _keys(alone)
        header = statement.lstrip().startswith("[")
        if header:
            table = keys[-1]
        for key in keys:
            places.setdefault(key if header else (*table, *key), first)
        statement = ""
    return found, places


def _keys(tables: Any, above: Key = ()) -> list[Key]:
    """All keys of nested tables, outer ones first."""
    if isinstance(tables, list):  # [[header]]
        return [key for entry in tables for key in _keys(entry, above)]
    if not isinstance(tables, dict):
        return []
    return [key for name, inner in tables.items() for key in ((*above, name), *_keys(inner, (*above, name)))]
