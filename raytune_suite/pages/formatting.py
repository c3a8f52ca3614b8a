"""Format numbers, intervals and lists for the report."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


def format_number(value: float) -> str:
    """Format a number with three significant digits; "-" for NaN and "never" for infinity.

    Example:
        >>> format_number(0.012345), format_number(1234.5), format_number(0.0)
        ('0.0123', '1234', '0')
        >>> format_number(math.nan), format_number(math.inf)
        ('-', 'never')
    """
    if math.isnan(value):
        return "-"
    if math.isinf(value):
        return "never"
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"  # noqa: PLR2004 - no decimals for large numbers


def format_value(value: Any) -> str:
    """Format a value in a table of trials, a number with four digits; "" for a hyperparameter that is not active.

    Example:
        >>> format_value(0.123456), format_value(3), format_value("relu"), format_value(math.nan), format_value(None)
        ('0.1235', '3', 'relu', '', '')
    """
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.4g}"
    return "" if value is None else str(value)


def format_interval(low: float, high: float) -> str:
    """Format an interval; "" if an end is NaN.

    Example:
        >>> format_interval(0.1, 0.25), format_interval(math.nan, 1.0)
        ('[0.1, 0.25]', '')
    """
    return "" if math.isnan(low) or math.isnan(high) else f"[{format_number(low)}, {format_number(high)}]"


def format_p_value(p: float) -> str:
    """Format a p-value.

    Example:
        >>> format_p_value(0.04321), format_p_value(1e-9)
        ('p = 0.043', 'p < 0.001')
    """
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"  # noqa: PLR2004 - the convention of papers


def join_names(names: Sequence[str], conjunction: str = "and") -> str:
    """Join names for a sentence.

    Example:
        >>> join_names(["a"]), join_names(["a", "b"]), join_names(["a", "b", "c"])
        ('a', 'a and b', 'a, b and c')
    """
    return f"{', '.join(names[:-1])} {conjunction} {names[-1]}" if len(names) > 1 else "".join(names)


def format_count(count: int, noun: str) -> str:
    """Format a number of things.

    Example:
        >>> format_count(1, "run"), format_count(2, "run")
        ('1 run', '2 runs')
    """
    return f"{count} {noun}{'' if count == 1 else 's'}"


def format_seeds(seeds: Sequence[int]) -> str:
    """Format seeds as ranges.

    Example:
        >>> format_seeds([0, 1, 2, 5, 7, 8]), format_seeds([])
        ('0-2, 5, 7-8', 'none')
    """
    ranges: list[list[int]] = []
    for seed in seeds:
        if ranges and seed == ranges[-1][-1] + 1:
            ranges[-1].append(seed)
        else:
            ranges.append([seed])
    return ", ".join(f"{one[0]}-{one[-1]}" if len(one) > 1 else f"{one[0]}" for one in ranges) or "none"
