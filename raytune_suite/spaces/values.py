"""Copying, converting and comparing the values of constants and categories."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np

from raytune_suite.errors import SpaceError, shown

_ADDRESS = re.compile(r"( at)? 0x[0-9a-f]{6,}", re.IGNORECASE)
"""In the default `repr` of an object."""

_PLAIN = frozenset({bool, int, float, str, type(None)})


def fresh(value: Any) -> Any:
    """Copy the dicts and lists in `value`; all other objects in it are kept."""
    if type(value) is dict:
        return {key: fresh(inner) for key, inner in value.items()}
    if type(value) is list:
        return [fresh(inner) for inner in value]
    return value


def copied(config: dict[str, Any]) -> dict[str, Any]:
    """A deep copy of `config`, fast if all its values are plain, as in most configs."""
    for value in config.values():
        if type(value) not in _PLAIN:
            return copy.deepcopy(config)
    return dict(config)


def native(value: Any) -> Any:
    """Convert the numpy scalars in `value`, also within dicts and lists, to Python's types."""
    if isinstance(value, np.generic):
        return value.item()
    if type(value) is dict:
        return {key: native(inner) for key, inner in value.items()}
    if type(value) is list:
        return [native(inner) for inner in value]
    return value


def described(value: Any) -> Any:
    """A value that JSON does not know: an array as a list, any other as text that is the same in every process."""
    if not isinstance(value, type) and callable(getattr(value, "tolist", None)):
        return value.tolist()
    return stable_repr(value)


def stable_repr(value: Any) -> str:
    """The `repr` of a value without addresses of objects, which differ between processes.

    Example:
        >>> stable_repr(object()), stable_repr([1, "a"])
        ('<object object>', "[1, 'a']")
    """
    return without_addresses(repr(value))


def without_addresses(text: str) -> str:
    """A text without what looks like the address of an object."""
    return _ADDRESS.sub("", text)


def check_constant(value: Any, path: str) -> None:
    """Check that a constant or an option of a space is the same in every process, so that a study can be resumed.

    Raises:
        SpaceError: If it is, or contains at any depth, a set, a module, or a dict with keys that are not strings; or if
            its `repr` fails.
    """
    if isinstance(value, set | frozenset):
        raise SpaceError(f"{path!r} is {shown(value)}, but the order of a set is random: write a list")
    if isinstance(value, ModuleType):
        raise SpaceError(f"{path!r} is a module: write its name, and import it in the trainable")
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise SpaceError(f"{path!r} is a dict with the key {shown(key)}, but keys must be strings")
            check_constant(inner, path)
    elif isinstance(value, list | tuple):
        for inner in value:
            check_constant(inner, path)
    try:
        repr(value)
    except Exception as error:
        raise SpaceError(
            f"{path!r} is a {type(value).__name__} whose `repr` raises {type(error).__name__}: write its name, and "
            "create it in the trainable"
        ) from error


def same(a: Any, b: Any) -> bool:  # noqa: PLR0911 - one line per kind of value
    """Whether two values are the same category.

    Numbers are compared by value: 1 and 1.0 are the same, since JSON and pandas may convert one to the other, but a
    boolean is not a number. Lists and tuples are compared by their elements, numpy arrays by their content regardless
    of the dtype, and NaN equals NaN. Other objects are the same if they are identical, or have the same type and are
    equal by `==`.
    """
    if a is b:
        return True
    a, b = (value.item() if isinstance(value, np.generic) else value for value in (a, b))
    if isinstance(a, bool) or isinstance(b, bool):
        return isinstance(a, bool) and isinstance(b, bool) and a == b
    if isinstance(a, int | float) and isinstance(b, int | float):
        return a == b or (a != a and b != b)  # noqa: PLR0124 - NaN
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(inner, b[key]) for key, inner in a.items())
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        return bool(a.shape == b.shape and np.all(a == b))
    try:
        return bool(a == b)
    except Exception:  # noqa: BLE001 - the `==` of an arbitrary object, such as a tensor, may raise anything
        return False
