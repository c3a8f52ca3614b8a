"""The work per trial of a simulated study does not grow with the number of trials."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import raytune_suite
from raytune_suite.engines.callbacks.budget import StudyStopper
from tests.engines.simulated.studies import OBJECTIVE, method, simulate, study_log

if TYPE_CHECKING:
    from types import FrameType

PACKAGE = str(Path(raytune_suite.__file__).parent)
FEW, MANY = 30, 90
GROWTH = 1.2
"""How much more work a trial may take in the larger study: the rungs that are filled first differ a little."""


def lines_per_trial(name: str, trials: int) -> float:
    """Return how many lines of this package a study executes per trial, with its log and its stopper."""
    executed = 0

    def count(_frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal executed
        executed += event == "line"
        return count

    def enter(frame: FrameType, _event: str, _argument: Any) -> Any:
        return count if frame.f_code.co_filename.startswith(PACKAGE) else None

    made = method(name, max_concurrent=4)
    log, stopper = study_log(made.scheduler), StudyStopper(None, metric="loss", time_attr=OBJECTIVE.time_attr)
    before = sys.gettrace()
    sys.settrace(enter)
    try:
        simulate(made, num_samples=trials, callbacks=[log], stopper=stopper)
        log.trials_frame()
    finally:
        sys.settrace(before)
    return executed / trials


@pytest.mark.parametrize("name", ["random", "asha", "hyperband", "async-hyperband"])
@pytest.mark.slow
def test_the_work_per_trial_does_not_grow(name: str) -> None:
    assert lines_per_trial(name, MANY) < GROWTH * lines_per_trial(name, FEW)
