"""Periodic checkpoints of running trials: when they are saved, and that they change no decision."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from ray import tune

import raytune_suite as rts
from raytune_suite.engines.callbacks.decision_log import difference, read
from raytune_suite.engines.ray.checkpointing import KEPT, SHARE, Checkpoints, saves
from raytune_suite.engines.seed_averaging import on_seeds
from tests.engines.simulated.studies import MAX_T, METRIC, SPACE, Learner, method

if TYPE_CHECKING:
    from pathlib import Path

PERIOD = 10.0


class Forgetful(tune.Trainable):
    """Cannot save checkpoints."""


class Bench:
    """A trial with a fake clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self.checkpoints = Checkpoints(PERIOD, lambda: self.now)
        self.trial: Any = SimpleNamespace(trial_id="t", status="RUNNING", is_saving=False)

    def start(self) -> None:
        self.checkpoints.on_trial_start(0, [], self.trial)

    def requests_save(self, now: float, **result: Any) -> bool:
        """Report at time `now`, and return whether a checkpoint is requested."""
        self.now = now
        self.checkpoints.on_trial_result(0, [], self.trial, result)
        return bool(result.get("should_checkpoint", False))

    def saved(self, now: float) -> None:
        self.now = now
        self.checkpoints.on_trial_save(0, [], self.trial)


@pytest.fixture
def bench() -> Bench:
    made = Bench()
    made.start()
    return made


def test_a_trial_is_saved_at_the_first_report_after_each_period(bench: Bench) -> None:
    assert [bench.requests_save(now) for now in (1, 9, 11, 11.1)] == [False, False, True, False]
    bench.saved(11.2)
    assert [bench.requests_save(now) for now in (21, 22)] == [False, True]


def test_a_trial_that_ends_or_is_paused_or_is_being_saved_is_not_saved(bench: Bench) -> None:
    assert not bench.requests_save(11, done=True)
    bench.trial.is_saving = True
    assert not bench.requests_save(11)
    bench.trial.is_saving, bench.trial.status = False, "PAUSED"
    assert not bench.requests_save(11)


def test_slow_checkpoints_are_less_frequent(bench: Bench) -> None:
    assert bench.requests_save(11)
    bench.saved(15)
    due = 15 + 4 / SHARE
    assert not bench.requests_save(due - 1)
    assert bench.requests_save(due)


def test_a_trial_that_was_lost_while_being_saved_is_saved_again(bench: Bench) -> None:
    assert bench.requests_save(11)
    bench.now = 500
    bench.start()
    assert bench.requests_save(511)
    bench.saved(511)
    assert bench.requests_save(522)


def test_only_classes_with_checkpoints_outside_a_population_are_saved() -> None:
    asha, pbt = method("asha").scheduler, method("pbt").scheduler
    assert saves(Learner, asha)
    assert saves(on_seeds(Learner, [1, 2]), asha)
    assert not saves(Forgetful, asha)
    assert not saves(on_seeds(Forgetful, [1, 2]), asha)
    assert not saves(lambda _config: None, asha)
    assert not saves(Learner, pbt)


@pytest.mark.e2e
@pytest.mark.usefixtures("ray_session")
def test_checkpoints_change_no_decision_and_only_the_latest_are_kept(tmp_path: Path) -> None:
    """Trials, some of which pause, run one at a time; on Ray with a checkpoint at each report."""
    engines: dict[str, Any] = {"ray": "ray", "simulated": rts.Simulation(workers=1)}
    for name, engine in engines.items():
        result = rts.tune(
            Learner,
            SPACE,
            method="hyperband",
            **METRIC,
            max_t=MAX_T,
            num_samples=3,
            max_concurrent=1,
            seed=3,
            storage_path=tmp_path,
            name=name,
            engine=engine,
            settings=rts.Settings(checkpoint_s=0.0) if engine == "ray" else None,
            progress=False,
        )
        assert result.trials["status"].tolist() == ["TERMINATED"] * 3
    rows = [read(tmp_path / name / "decisions.parquet") for name in engines]
    assert difference(*rows, times=False) is None
    pauses = Counter(row.trial for row in rows[0] if row.decision == "PAUSE")
    assert pauses
    trials = [trial for trial in (tmp_path / "ray").iterdir() if trial.is_dir()]
    kept = [sorted(folder.name for folder in trial.glob("checkpoint_*")) for trial in trials]
    assert max(map(len, kept)) == KEPT
    highest = max(int(name.rpartition("_")[2]) for names in kept for name in names)
    assert highest > max(pauses.values()) + 1  # without periodic ones, Ray saves at each pause and at the end
