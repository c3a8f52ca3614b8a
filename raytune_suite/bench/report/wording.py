"""Numbers and findings as a report words them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def number(value: float) -> str:
    """A number with three digits that count, and nothing for one that is not known.

    Example:
        >>> number(0.012345), number(1234.5), number(0.0), number(math.nan), number(math.inf)
        ('0.0123', '1234', '0', '-', 'never')
    """
    if math.isnan(value):
        return "-"
    if math.isinf(value):
        return "never"
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"  # noqa: PLR2004 - no digit of these counts any more


def between(low: float, high: float) -> str:
    """An interval; nothing for one that is not known.

    Example:
        >>> between(0.1, 0.25), between(math.nan, 1.0)
        ('[0.1, 0.25]', '')
    """
    return "" if math.isnan(low) or math.isnan(high) else f"[{number(low)}, {number(high)}]"


def probability(p: float) -> str:
    """A p-value.

    Example:
        >>> probability(0.04321), probability(1e-9)
        ('p = 0.043', 'p < 0.001')
    """
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"  # noqa: PLR2004 - as papers write it


def listed(names: Sequence[str], last: str = "and") -> str:
    """Names in a sentence.

    Example:
        >>> listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"])
        ('a', 'a and b', 'a, b and c')
    """
    return f"{', '.join(names[:-1])} {last} {names[-1]}" if len(names) > 1 else "".join(names)


def count(many: int, noun: str) -> str:
    """So many of something.

    Example:
        >>> count(1, "run"), count(2, "run")
        ('1 run', '2 runs')
    """
    return f"{many} {noun}{'' if many == 1 else 's'}"
