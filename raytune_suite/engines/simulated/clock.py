"""The virtual clock: events in the order of their times, those of one time first in, first out."""

from __future__ import annotations

import heapq
import itertools
import math
from typing import Generic, TypeVar, final

from raytune_suite.errors import StudyError

Event = TypeVar("Event")


@final
class Clock(Generic[Event]):
    """A heap of events; taking the next one moves the time on to it. Nothing else does.

    Attributes:
        now: The virtual seconds since the start.

    Example:
        >>> clock = Clock()
        >>> for delay, event in [(2, "c"), (1, "a"), (1, "b")]:
        ...     clock.schedule(delay, event)
        >>> clock.take(), clock.now, clock.take(), clock.take(), clock.now
        ('a', 1.0, 'b', 'c', 2.0)
    """

    __slots__ = ("_heap", "_order", "now")

    def __init__(self) -> None:
        self.now = 0.0
        self._heap: list[tuple[float, int, Event]] = []
        self._order = itertools.count()

    def __len__(self) -> int:
        return len(self._heap)

    def schedule(self, delay: float, event: Event) -> None:
        """Let `event` happen so many virtual seconds from now.

        Raises:
            StudyError: If `delay` is negative or no finite number.
        """
        if not 0 <= delay < math.inf:
            raise StudyError(f"an event is due in {delay!r} seconds, but must be in a finite number of 0 or more")
        heapq.heappush(self._heap, (self.now + delay, next(self._order), event))

    def next_time(self) -> float:
        """When the next event is due; infinity where there is none."""
        return self._heap[0][0] if self._heap else math.inf

    def take(self) -> Event:
        """The next event; the time is now when it was due.

        Raises:
            IndexError: If there is none.
        """
        self.now, _, event = heapq.heappop(self._heap)
        return event

    def __call__(self) -> float:
        """The time, so that the clock can stand in for `time.monotonic`."""
        return self.now
