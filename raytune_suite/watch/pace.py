"""When a watched study may be drawn again, so that watching it does not slow it down."""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from collections.abc import Iterator

SHARE = 0.01
"""The share of the CPU time of this machine that watching a study may take while it runs."""


@final
class Pace:
    """Spaces updates by what they cost.

    Example:
        >>> pace = Pace(period=60, part=1)
        >>> before = pace.due
        >>> with pace.update():
        ...     pass
        >>> before, pace.due
        (True, False)
    """

    def __init__(self, period: float, part: float) -> None:
        """Set the least seconds between two updates, and the part of `SHARE` that they may take."""
        self._period, self._part = period, part
        self._next = 0.0

    @property
    def due(self) -> bool:
        """Whether there may be an update."""
        return time.monotonic() >= self._next

    @contextlib.contextmanager
    def update(self) -> Iterator[None]:
        """Measure the CPU time of an update."""
        start = time.process_time()
        try:
            yield
        finally:
            cost = time.process_time() - start
            self._next = time.monotonic() + max(self._period, cost / (SHARE * self._part * cores()))


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
