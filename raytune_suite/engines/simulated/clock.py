"""The virtual clock: a queue of events, ordered by time; events at the same time happen in the order of scheduling."""

from __future__ import annotations

import heapq
import math
from typing import Generic, TypeVar, final

from raytune_suite.errors import StudyError

Event = TypeVar("Event")


@final
class Clock(Generic[Event]):
    """A heap of events. Taking the next event advances the time to it.

    Attributes:
        now: The virtual seconds since the start.

    Example:
        >>> clock = Clock()
        >>> for delay, event in [(2, "c"), (1, "a"), (1, "b")]:
        ...     clock.schedule(delay, event)
        >>> clock.take(), clock.now, clock.take(), clock.take(), clock.now
        ('a', 1.0, 'b', 'c', 2.0)
    """

    __slots__ = ("_heap", "_scheduled", "now")

    def __init__(self) -> None:
        self.now = 0.0
        self._heap: list[tuple[float, int, Event]] = []
        self._scheduled = 0

    def __len__(self) -> int:
        return len(self._heap)

    def schedule(self, delay: float, event: Event) -> None:
        """Schedule `event` to happen `delay` virtual seconds from now.

        Raises:
            StudyError: If `delay` is negative or not finite.
        """
        if not 0 <= delay < math.inf:
            raise StudyError(f"`delay` is {delay!r}, but must be a finite number of seconds, 0 or more")
        heapq.heappush(self._heap, (self.now + delay, self._scheduled, event))
        self._scheduled += 1

    def next_time(self) -> float:
        """The time of the next event; infinity if there is none."""
        return self._heap[0][0] if self._heap else math.inf

    def take(self) -> Event:
        """Remove the next event and advance the time to it.

        Raises:
            IndexError: If there is none.
        """
        self.now, _, event = heapq.heappop(self._heap)
        return event

    def skip_to(self, time: float) -> None:
        """Advance the time to `time` and drop the events before it."""
        while self.next_time() < time:
            heapq.heappop(self._heap)
        self.now = time

    def __call__(self) -> float:
        """The time, so that a clock can replace `time.monotonic`."""
        return self.now
