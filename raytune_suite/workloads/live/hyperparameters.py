"""Checks of the hyperparameters of live workloads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from raytune_suite.errors import ArgumentError
from raytune_suite.types import Config, as_number

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


def checked_values(
    config: Config, ranges: Mapping[str, tuple[float, float]], integers: Collection[str]
) -> dict[str, Any]:
    """Return the hyperparameters in `ranges` from a config, which may have other entries, too.

    Those in `integers` are rounded to integers.

    Raises:
        ArgumentError: If one is missing, is not a number, or is outside its half-open range [low, high). This does
            happen, because Ray's PBT perturbs values without regard to the bounds of the space.
    """
    values: dict[str, Any] = {}
    for name, (low, high) in ranges.items():
        value = as_number(config.get(name))
        if value is None or not low <= value < high:
            raise ArgumentError(f"`{name}` is {config.get(name)!r}, but must be a number in [{low}, {high})")
        values[name] = round(value) if name in integers else value
    return values
