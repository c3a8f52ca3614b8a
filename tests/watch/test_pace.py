"""Updates of a watched study are spaced by what they cost."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from raytune_suite.watch import pace

if TYPE_CHECKING:
    import pytest


def test_updates_take_their_part_of_the_share_of_all_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    now, used = [100.0], iter([5.0, 7.0, 7.0, 7.001])
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "process_time", lambda: next(used))
    monkeypatch.setattr(pace, "cores", lambda: 4)
    spaced = pace.Pace(period=3, part=0.5)

    def due_at(second: float) -> bool:
        now[0] = second
        return spaced.due

    assert due_at(100)
    with spaced.update():  # 2 s of CPU time: half of 1 % of four cores in 100 s
        pass
    assert [due_at(second) for second in (199, 200.5)] == [False, True]
    with spaced.update():  # a millisecond: the period is longer
        pass
    assert [due_at(second) for second in (203, 204)] == [False, True]
