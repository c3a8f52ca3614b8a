"""Constants and categories: copied, made native, compared."""

from __future__ import annotations

from typing import Any

import numpy as np


def fresh(value: Any) -> Any:
    """`value` with its dicts and lists copied; whatever else is inside stays the very object."""
    if type(value) is dict:
        return {key: fresh(inner) for key, inner in value.items()}
    if type(value) is list:
        return [fresh(inner) for inner in value]
    return value


def native(value: Any) -> Any:
    """`value` with numpy scalars, also those in dicts and lists, turned into Python's."""
    if isinstance(value, np.generic):
        return value.item()
    if type(value) is dict:
        return {key: native(inner) for key, inner in value.items()}
    if type(value) is list:
        return [native(inner) for inner in value]
    return value


def same(a: Any, b: Any) -> bool:  # noqa: PLR0911 - one line per kind of value
    """Whether two values are the same category.

    Numbers are compared by value (1 and 1.0 are the same, as JSON and pandas may swap them) but booleans are no
    numbers; lists and tuples by their elements; NaN is NaN; numpy arrays by dtype-free content. Any other object is
    compared by identity, then by its own `==` within one type.
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
    except Exception:  # noqa: BLE001 - the `==` of a foreign object (a tensor, say) may raise anything: then not equal
        return False
