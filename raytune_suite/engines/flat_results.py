"""Results as Ray's schedulers and searchers receive them: flat dicts."""

from __future__ import annotations

from typing import Any

from ray.tune.utils import flatten_dict


def flattened(result: dict[str, Any]) -> dict[str, Any]:
    """A copy of a result, flattened as Ray does it; most results are flat, so that a shallow copy is enough.

    Example:
        >>> flattened({"loss": 0.5, "valid": {"loss": 0.75}})
        {'loss': 0.5, 'valid/loss': 0.75}
    """
    for value in result.values():
        if isinstance(value, dict):
            flat: dict[str, Any] = flatten_dict(result)
            return flat
    return dict(result)
