"""A registry of named things that are loaded when they are first asked for."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Generic, TypeVar

from raytune_suite.errors import ArgumentError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Iterator

T = TypeVar("T")


class Registry(Generic[T]):
    """Names and where each is found (`"package.module:attribute"`), checked for collisions.

    Example:
        >>> codecs: Registry[object] = Registry("codec")
        >>> codecs.add("json", "json:loads")
        >>> codecs["json"]("[1]")
        [1]
    """

    def __init__(self, kind: str) -> None:
        """`kind` is what an error message calls an entry, such as "searcher"."""
        self.kind = kind
        self._places: dict[str, str] = {}

    def add(self, name: str, place: str) -> None:
        """Register `place` ("package.module:attribute") under `name`.

        Raises:
            ArgumentError: If the name is taken or has characters that a composed name could not hold.
        """
        if name in self._places:
            raise ArgumentError(f"a {self.kind} named {name!r} is registered already: {self._places[name]}")
        if not name or "+" in name or name != name.strip().lower():
            raise ArgumentError(f"{name!r} cannot name a {self.kind}: use lower case without '+' or spaces around")
        self._places[name] = place

    def place(self, name: str) -> str:
        """Where `name` is found, without loading it."""
        if name not in self._places:
            raise UnknownNameError(self.kind, name, self._places)
        return self._places[name]

    def __getitem__(self, name: str) -> T:
        module, _, attribute = self.place(name).partition(":")
        found: T = getattr(importlib.import_module(module), attribute)
        return found

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)
