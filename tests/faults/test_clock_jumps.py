"""A wall clock that is set back or forward changes no decision and ends no study."""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING, Any

import pytest

import raytune_suite as rts
from raytune_suite.engines.callbacks.budget import StudyStopper
from raytune_suite.engines.callbacks.decision_log import difference, read
from tests.engines.simulated.studies import METRIC, SPACE, Learner

if TYPE_CHECKING:
    from pathlib import Path


def set_clock(patch: pytest.MonkeyPatch) -> None:
    """Let the wall clock jump by a day, forward and back, each time that it is read."""
    wall, jumps = time.time, itertools.cycle([86400.0, -86400.0, 0.0])
    patch.setattr(time, "time", lambda: wall() + next(jumps))


def run(folder: Path, **arguments: Any) -> Path:
    usual = {"method": "asha", **METRIC, "max_t": 9, "num_samples": 8, "storage_path": folder, "name": "study"}
    rts.tune(Learner, SPACE, progress=False, **{**usual, **arguments})
    return folder / "study" / "decisions.parquet"


def test_a_simulated_study_makes_the_same_decisions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = run(tmp_path / "undisturbed", engine="simulated", time_limit=50)
    set_clock(monkeypatch)
    assert run(tmp_path / "set", engine="simulated", time_limit=50).read_bytes() == expected.read_bytes()


@pytest.mark.e2e
@pytest.mark.long
@pytest.mark.usefixtures("ray_session")
def test_a_study_on_ray_is_not_ended_and_makes_the_same_decisions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_at_a_time: dict[str, Any] = {"max_concurrent": 1, "num_samples": 4, "time_limit": 600}
    expected = run(tmp_path / "undisturbed", engine=rts.Simulation(workers=1), **one_at_a_time)
    set_clock(monkeypatch)
    assert difference(read(expected), read(run(tmp_path / "set", **one_at_a_time)), times=False) is None


def test_the_time_limit_counts_seconds_while_the_study_runs() -> None:
    now = 0.0
    stopper = StudyStopper(None, metric="loss", time_attr="training_iteration", time_limit=10, clock=lambda: now)
    assert not stopper.stop_all()
    now = 9.0
    assert not stopper.stop_all()
    stopper.__dict__.update(stopper.__getstate__())  # the study is killed, and resumed much later
    now = 1000.0
    assert not stopper.stop_all()
    now = 1002.0
    assert stopper.stop_all()
