"""Results as Ray's schedulers and searchers receive them: flat dicts."""

from __future__ import annotations

from typing import Any

from ray.tune.utils import flatten_dict

_FLAT = frozenset({bool, int, float, str, type(None)})
"""Types of most values; to check these first takes a third of the time."""


def flattened(result: dict[str, Any]) -> dict[str, Any]:
    """A copy of a result, flattened as Ray does it; most results are flat, so that a shallow copy is enough.

    Example:
        >>> flattened({"loss": 0.5, "valid": {"loss": 0.75}})
        {'loss': 0.5, 'valid/loss': 0.75}
    """
    if _FLAT.issuperset(map(type, result.values())) or not any(isinstance(value, dict) for value in result.values()):
        return dict(result)
    flat: dict[str, Any] = flatten_dict(result)
    return flat
