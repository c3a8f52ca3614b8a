"""The levels at which a multi-fidelity searcher learns: the resources at which its scheduler decides."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def reached_level(levels: Sequence[float] | None, before: float, resource: float) -> float | None:
    """Return the highest level above `before` that a trial has reached at `resource`; None if there is none.

    If `levels` is None, every resource is a level.

    Example:
        >>> reached_level((1, 3, 9), 1, 4), reached_level((1, 3, 9), 3, 4), reached_level(None, 3, 4)
        (3, None, 4)
    """
    if levels is None:
        return resource if resource > before else None
    return max((level for level in levels if before < level <= resource), default=None)


def next_level(levels: Sequence[float] | None, before: float) -> float | None:
    """Return the lowest level above `before`; None if there is none."""
    return min((level for level in levels or () if level > before), default=None)
