"""The virtual clock."""

from __future__ import annotations

import math

import pytest

from raytune_suite.engines.simulated.clock import Clock
from raytune_suite.errors import StudyError


def test_events_are_ordered_by_time_and_then_by_the_order_of_scheduling() -> None:
    clock: Clock[int] = Clock()
    for number, delay in enumerate([2.0, 1.0, 2.0, 0.0, 1.0, 2.0]):
        clock.schedule(delay, number)
    assert [clock.take() for _ in range(len(clock))] == [3, 1, 4, 0, 2, 5]
    assert clock.now == 2.0


def test_delays_start_now() -> None:
    clock: Clock[str] = Clock()
    clock.schedule(3, "first")
    assert (clock.take(), clock()) == ("first", 3)
    clock.schedule(0, "at once")
    clock.schedule(0.5, "later")
    assert clock.next_time() == 3
    assert (clock.take(), clock.take(), clock()) == ("at once", "later", 3.5)
    assert clock.next_time() == math.inf


@pytest.mark.parametrize("delay", [-1, math.nan, math.inf])
def test_delays_must_be_finite_and_not_negative(delay: float) -> None:
    with pytest.raises(StudyError, match="`delay` is"):
        Clock[str]().schedule(delay, "event")


def test_skipping_drops_what_was_due_before() -> None:
    clock: Clock[str] = Clock()
    for time in (1, 2, 3):
        clock.schedule(time, str(time))
    clock.skip_to(2)
    assert (clock.now, clock.take(), clock.take(), len(clock)) == (2, "2", "3", 0)
