"""A registry of named objects that are imported when they are first used.

Other packages add their own through entry points, for example in their pyproject.toml:

    [project.entry-points."raytune_suite.searchers"]
    toy = "my_package.toy:ToySearcher"
"""

from __future__ import annotations

import importlib
from importlib import metadata
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from raytune_suite.errors import ArgumentError, PluginError, RaytuneSuiteError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Iterator

T = TypeVar("T")


class Plugins(NamedTuple):
    """What the entry points of a group add to a registry.

    Attributes:
        entries: The usable entry points by name.
        conflicts: For each name that cannot be used, because it is invalid or taken, the message that says why.
    """

    entries: dict[str, metadata.EntryPoint]
    conflicts: dict[str, str]


class Registry(Generic[T]):
    """A mapping from names to objects, each registered by its location "package.module:attribute".

    Iteration yields the built-in names in the order of registration, then the names of plugins in alphabetical order.
    A plugin that cannot be used affects only its own name.

    Example:
        >>> codecs: Registry[object] = Registry("codec")
        >>> codecs.add("json", "json:loads")
        >>> codecs["json"]("[1]")
        [1]
    """

    def __init__(self, kind: str, *, group: str | None = None, base: type | None = None) -> None:
        """Create an empty registry.

        Args:
            kind: What error messages call an entry, such as "searcher".
            group: The group of entry points by which other packages add entries; it is read on first use.
            base: The class of which every plugin must be a subclass; None accepts any object.
        """
        self.kind, self.group, self.base = kind, group, base
        self._places: dict[str, str] = {}
        self._plugins: Plugins | None = None

    def add(self, name: str, place: str) -> None:
        """Register the object at `place` ("package.module:attribute") under `name`.

        Raises:
            ArgumentError: If the name is taken or invalid.
        """
        if name in self._places:
            raise ArgumentError(f"a {self.kind} named {name!r} is already registered: {self._places[name]}")
        if not _valid(name):
            raise ArgumentError(f"{name!r} is not a valid name of a {self.kind}: {_RULE}")
        self._places[name] = place

    def place(self, name: str) -> str:
        """Return the location of the object called `name` without importing it.

        Raises:
            UnknownNameError: If there is no such name; the message suggests a similar one.
            PluginError: If a plugin uses the name of a built-in entry or of another plugin, or an invalid name.
        """
        plugins = self._read_plugins()
        if name in plugins.conflicts:
            raise PluginError(plugins.conflicts[name])
        if name in self._places:
            return self._places[name]
        if name in plugins.entries:
            return plugins.entries[name].value
        raise UnknownNameError(self.kind, name, list(self))

    def plugin(self, name: str) -> str | None:
        """Return what messages call the plugin that added `name`; None if the name is built in or unknown."""
        point = self._read_plugins().entries.get(name)
        return None if point is None else _describe(point)

    def __getitem__(self, name: str) -> T:
        module, _, attribute = self.place(name).partition(":")
        if name not in self._places:
            return self._load_plugin(name)
        entry: T = getattr(importlib.import_module(module), attribute)
        return entry

    def __contains__(self, name: object) -> bool:
        plugins = self._read_plugins()  # a name in conflict is present, so that its use says what is wrong
        return name in self._places or name in plugins.entries or name in plugins.conflicts

    def __iter__(self) -> Iterator[str]:
        return iter([*self._places, *self._read_plugins().entries])

    def __len__(self) -> int:
        return len(self._places) + len(self._read_plugins().entries)

    def _load_plugin(self, name: str) -> T:
        """Import a plugin.

        Raises:
            PluginError: If it cannot be imported, or is not a subclass of `base`.
        """
        point = self._read_plugins().entries[name]
        try:
            entry: T = point.load()
        except RaytuneSuiteError:
            raise  # such as a missing optional package: the message says what to do
        except Exception as error:
            raise PluginError(
                f"{_describe(point)} cannot be loaded ({type(error).__name__}: {error}): "
                "repair or uninstall that distribution"
            ) from error
        if self.base is not None and not (isinstance(entry, type) and issubclass(entry, self.base)):
            raise PluginError(
                f"{_describe(point)} is {entry!r}, but every {self.kind} must be a subclass of {self.base.__name__}"
            )
        return entry

    def _read_plugins(self) -> Plugins:
        """Read the entry points of the group, once."""
        if self._plugins is None:
            entries: dict[str, metadata.EntryPoint] = {}
            conflicts: dict[str, str] = {}
            points = metadata.entry_points(group=self.group) if self.group is not None else ()
            for point in sorted(points, key=lambda point: (point.name, _distribution(point))):
                if not _valid(point.name):
                    conflicts[point.name] = f"{_describe(point)} does not have a valid name: {_RULE}"
                elif point.name in self._places:
                    conflicts[point.name] = (
                        f"{_describe(point)} has the name of the built-in {self.kind} {point.name!r} "
                        f"({self._places[point.name]}): rename it, or uninstall that distribution"
                    )
                elif point.name in entries and entries[point.name] != point:
                    conflicts[point.name] = (
                        f"{_describe(point)} has the name of {_describe(entries[point.name])}: uninstall one of them"
                    )
                else:
                    entries[point.name] = point
            for name in conflicts:
                entries.pop(name, None)
            self._plugins = Plugins(entries, conflicts)
        return self._plugins


_RULE = "use lower case, without '+' and without spaces around it"


def _valid(name: str) -> bool:
    """Whether `name` can be a part of a composed name such as "tpe+asha"."""
    return bool(name) and "+" not in name and name == name.strip().lower()


def _describe(point: metadata.EntryPoint) -> str:
    return f"the entry point {point.name} = {point.value!r} of the distribution {_distribution(point)!r}"


def _distribution(point: metadata.EntryPoint) -> str:
    """The name of the distribution that declares an entry point; "unknown" if its metadata are incomplete."""
    return "unknown" if point.dist is None else str(point.dist.metadata["Name"])
