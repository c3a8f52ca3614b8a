"""Whether a space contains an older one, so that a study can continue in it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from raytune_suite.errors import SpaceError
from raytune_suite.spaces.values import stable_repr

if TYPE_CHECKING:
    from raytune_suite.spaces.space import Space


def check_contains(older: Space, newer: Space) -> None:
    """Check that each config of an older space is one of the newer space.

    Options may be added to the end of a choice, and bounds may be moved outwards.

    Raises:
        SpaceError: If not; the message names the parameter.
    """
    before, now = _bounds(older), _bounds(newer)
    for name in [*before, *(name for name in now if name not in before)]:
        reason = _difference(before.get(name), now.get(name))
        if reason:
            raise SpaceError(
                f"parameter {name!r} {reason}; a study continues only in a space that contains the one that it started "
                "with: undo this, or start a new study with `warm_start=[...]`, which learns from this one"
            )


def _bounds(space: Space) -> dict[str, dict[str, Any]]:
    """The bounds, steps and options of the parameters, and the constants, as values of JSON by name."""
    parameters = {
        _first(parameter.name): {
            "kind": parameter.kind,
            "normal": parameter.normal,
            "bounds": None if parameter.normal else [parameter.lower, parameter.upper],
            "q": parameter.q,
            "options": [stable_repr(category) for category in parameter.categories],
            "condition": parameter.condition and _first(parameter.condition.parent),
        }
        for parameter in space.parameters
    }
    return parameters | {path: {"constant": stable_repr(value)} for path, value in space.constants.items()}


def _first(name: str) -> str:
    """The name that a parameter has without the later options that share it."""
    return re.sub(r"\[(\d+),[\d,]+\]", r"[\1]", name)


def _difference(before: dict[str, Any] | None, now: dict[str, Any] | None) -> str:  # noqa: PLR0911 - one reason each
    if before == now:
        return ""
    if now is None or before is None:
        if before is None and now is not None and now.get("condition"):
            return ""  # within an option that was added, else its choice would differ
        return "is new" if before is None else "was removed"
    if "constant" in before or "constant" in now:
        return "has changed"
    if before["kind"] != now["kind"] or before["normal"] != now["normal"] or before["condition"] != now["condition"]:
        return "has another type"
    if before["q"] != now["q"] and now["q"] is not None:
        return f"has the step {now['q']}, but had {before['q'] or 'none'}"
    if now["options"][: len(before["options"])] != before["options"]:
        return "has other options: add new ones at the end"
    low, high = before["bounds"] or (0, 0)
    least, most = now["bounds"] or (0, 0)
    return f"is from {least} to {most}, but was from {low} to {high}" if least > low or most < high else ""
