"""Updates of a watched study are spaced by what they cost."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from raytune_suite.watch import pace

if TYPE_CHECKING:
    import pytest


def test_updates_take_their_part_of_the_share_of_all_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    used = iter([5.0, 7.0, 7.0, 7.001])
    monkeypatch.setattr(time, "monotonic", lambda: now)
    monkeypatch.setattr(time, "process_time", lambda: next(used))
    monkeypatch.setattr(pace, "cores", lambda: 4)
    spaced = pace.Pace(period=3, part=0.5)
    assert spaced.due
    with spaced.update():  # 2 s of CPU time: half of 1 % of four cores in 100 s
        pass
    for now, due in ((199.0, False), (200.5, True)):  # noqa: B007 - the clock reads it
        assert spaced.due == due
    with spaced.update():
        pass
    now = 203.0
    assert not spaced.due
    now = 204.0
    assert spaced.due
