"""Snapshots contain what Ray saves; tests/conformance tests the decisions of restored studies."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ray.tune.experiment import Trial

from raytune_suite.engines.callbacks.budget import StudyStopper
from raytune_suite.engines.simulated.running_trial import Fault
from raytune_suite.engines.simulated.snapshot import TrialStates, record_trials, restore_snapshot, take_snapshot
from tests.engines.simulated.interrupted_studies import after, assert_equal, create
from tests.engines.simulated.studies import CURVES, LEARNER

if TYPE_CHECKING:
    from pathlib import Path


def settings(**changes: Any) -> dict[str, Any]:
    stopper = StudyStopper(30, metric="loss", time_attr="training_iteration")
    return {"checkpoint_every": 1, "stopper": stopper, **changes}


def test_a_restored_study_has_the_trials_the_logs_and_the_budget_of_the_one_that_was_killed(tmp_path: Path) -> None:
    first = create("hyperband", tmp_path, LEARNER, **settings())
    first.controller.run(after(40))
    snapshot = take_snapshot(first.controller)
    again = create("hyperband", tmp_path, LEARNER, **settings())
    restore_snapshot(again.controller, snapshot)
    old, new = ({trial.trial_id: trial for trial in each.controller.trials} for each in (first, again))
    assert {Trial.RUNNING, Trial.PAUSED} <= {trial.status for trial in old.values()}
    assert old.keys() == new.keys()
    for name, trial in new.items():
        saved: Any = trial.latest_checkpoint_result
        expected: Any = old[name].latest_checkpoint_result
        assert trial is not old[name]
        assert (trial.config, trial.last_result) == (old[name].config, old[name].last_result)
        assert (saved is None) == (expected is None)
        assert saved is None or saved.checkpoint.state[0] == expected.checkpoint.state[0]
        assert trial.status == {Trial.RUNNING: Trial.PENDING}.get(old[name].status, old[name].status)
    assert again.decisions.rows == first.decisions.rows
    assert again.log.reports == first.log.reports
    assert again.controller.clock.now == first.controller.clock.now
    assert again.controller.stopper.cost.spent == first.controller.stopper.cost.spent > 0
    assert again.controller.iteration == first.controller.iteration
    again.controller.run()
    assert again.log.reports[-1].elapsed > first.log.reports[-1].elapsed
    assert again.controller.stopper.cost.spent >= 30
    first.controller.close()


def test_killing_an_idle_study_changes_nothing(tmp_path: Path) -> None:
    calm = create("asha", tmp_path, CURVES, workers=1)
    calm.controller.run()
    study = create("asha", tmp_path, CURVES, workers=1)
    assert not study.controller.run(after(0))
    again = create("asha", tmp_path, CURVES, workers=1)
    restore_snapshot(again.controller, take_snapshot(study.controller))
    again.controller.run()
    assert_equal(again, calm)


def test_only_changes_are_recorded(tmp_path: Path) -> None:
    study, states = create("random", tmp_path, CURVES), TrialStates()
    study.controller.run(after(5))
    record_trials(study.controller, states)
    recorded = dict(states)
    assert not study.controller.unsaved
    study.controller.step()
    record_trials(study.controller, states)
    assert sum(states[name] != state for name, state in recorded.items()) == 1


def test_faults_before_the_snapshot_are_dropped(tmp_path: Path) -> None:
    faults = settings(faults=[Fault(1.0, 0, math.inf), Fault(50.0, 1, math.inf)], max_failures=1)
    first = create("random", tmp_path, CURVES, **faults)
    first.controller.run(after(30))
    assert 1 < first.controller.clock.now < 50
    again = create("random", tmp_path, CURVES, **faults)
    restore_snapshot(again.controller, take_snapshot(first.controller))
    assert len(again.controller.clock) == 1
