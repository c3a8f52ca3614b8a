"""A user's own objects in a protocol, written "module:name"."""

from __future__ import annotations

import importlib
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raytune_suite.errors import ArgumentError, near

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import ModuleType


def is_place(text: str) -> bool:
    """Whether a text names an object of a module, rather than a registered one.

    Example:
        >>> is_place("my_module:MySearcher"), is_place("tpe+asha")
        (True, False)
    """
    return ":" in text


def load(place: str, folder: Path) -> Any:
    """Import the object at `place` ("module:name"); the module may be a file in `folder`, or in the working directory.

    Such a module travels to other processes with the runs, so that these need not find it. The working directory counts
    because a finished comparison has a copy of its protocol, but not of the modules next to the original.

    Raises:
        ArgumentError: If there is no such object, or its module cannot be imported.
    """
    name, _, attribute = place.partition(":")
    folders = folder.resolve(), Path.cwd()
    try:
        module = _import(name, folders)
    except Exception as error:
        raise ArgumentError(
            f'{place!r} cannot be imported ({type(error).__name__}: {error}): write "module:name", where the '
            f"module is installed, or a file in {' or '.join(repr(str(one)) for one in dict.fromkeys(folders))}"
        ) from error
    if not hasattr(module, attribute):
        raise ArgumentError(f"module {name!r} has no {attribute!r}{near(attribute, dir(module))}")
    return getattr(module, attribute)


def _import(name: str, folders: Sequence[Path]) -> ModuleType:
    """Import a module; the first folder takes precedence, and the others count only if the module is not installed."""
    first, *others = folders
    with _importable(first):
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError as error:
            if not others or error.name != name.partition(".")[0]:
                raise
            return _import(name, others)
    if module.__file__ is not None and Path(module.__file__).resolve().is_relative_to(first):
        from ray import cloudpickle

        cloudpickle.register_pickle_by_value(module)
    return module


def load_workload(place: str, folder: Path) -> Any:
    """Import a workload, or the function that returns it.

    Raises:
        ArgumentError: If there is no such object, or it is neither.
    """
    loaded = load(place, folder)
    if hasattr(loaded, "space"):
        return loaded
    try:
        return loaded()
    except Exception as error:
        raise ArgumentError(
            f"{place!r} must be a Workload, or a function without arguments that returns one, but calling it raised "
            f"{type(error).__name__}: {error}"
        ) from error


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """Let modules of a folder be imported."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
