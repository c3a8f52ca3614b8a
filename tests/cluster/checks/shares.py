"""The cases of `make test`, where hundreds test the same kind of thing; CI runs the others as end-to-end tests."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable


def every_third(cases: Iterable[Any]) -> list[Any]:
    """Mark all but every third case; a tuple is the values of several arguments."""
    return [case if number % 3 == 0 else in_ci(case) for number, case in enumerate(cases)]


def two_of_each_code(mistakes: Iterable[Any]) -> list[Any]:
    """Mark all but the first two mistakes with each code."""
    counts: Counter[str] = Counter()
    cases = []
    for mistake in mistakes:
        counts[mistake.code] += 1
        cases.append(mistake if counts[mistake.code] <= 2 else in_ci(mistake))
    return cases


def in_ci(case: Any) -> Any:
    """The case as a parameter with the mark `e2e`."""
    return pytest.param(*(case if type(case) is tuple else (case,)), marks=pytest.mark.e2e)
