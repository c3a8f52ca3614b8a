"""The virtual clock."""

from __future__ import annotations

import math

import pytest

from raytune_suite.engines.simulated.clock import Clock
from raytune_suite.errors import StudyError


def test_events_come_in_the_order_of_their_times_and_ties_first_in_first_out() -> None:
    clock: Clock[int] = Clock()
    for number, delay in enumerate([2.0, 1.0, 2.0, 0.0, 1.0, 2.0]):
        clock.schedule(delay, number)
    assert [clock.take() for _ in range(len(clock))] == [3, 1, 4, 0, 2, 5]
    assert clock.now == 2.0


def test_delays_count_from_now() -> None:
    clock: Clock[str] = Clock()
    clock.schedule(3, "first")
    assert (clock.take(), clock()) == ("first", 3)
    clock.schedule(0, "at once")
    clock.schedule(0.5, "later")
    assert clock.next_time() == 3
    assert (clock.take(), clock.take(), clock()) == ("at once", "later", 3.5)
    assert clock.next_time() == math.inf


@pytest.mark.parametrize("delay", [-1, math.nan, math.inf])
def test_time_never_goes_back_and_nothing_takes_for_ever(delay: float) -> None:
    with pytest.raises(StudyError, match="`delay` is"):
        Clock[str]().schedule(delay, "event")
