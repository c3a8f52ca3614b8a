"""The incumbent, the outcomes of trials, and the budget of a study."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from ray import cloudpickle
from ray.tune.experiment import Trial

from raytune_suite.engines.callbacks.budget import Cost, StudyStopper
from raytune_suite.engines.callbacks.error_text import last_line
from raytune_suite.engines.callbacks.reports import Report, incumbents
from raytune_suite.engines.callbacks.rows import Rows
from raytune_suite.engines.callbacks.trial_record import Configs, TrialRecord, trials_frame
from tests.engines.simulated.studies import method, simulate, study_log

if TYPE_CHECKING:
    from collections.abc import Iterator


def report(trial: int, resource: float, value: float, *, complete: bool = False) -> Report:
    return Report(trial, resource, value, elapsed=0.0, cost=0.0, complete=complete)


def test_the_incumbent_is_the_best_of_those_trained_furthest() -> None:
    lucky_start, further, worse_there, better_there = (
        report(0, 1, 0.1), report(1, 3, 0.5), report(2, 3, 0.9), report(0, 3, 0.4)
    )  # fmt: skip
    assert incumbents([lucky_start, further, worse_there, better_there], "min") == [lucky_start, further, better_there]


def test_a_complete_training_beats_every_partial_one() -> None:
    ended_by_the_trainable = report(1, 5, 0.5, complete=True)
    assert incumbents([ended_by_the_trainable, report(2, 80, 0.1)], "min") == [ended_by_the_trainable]


def test_the_incumbent_depends_on_the_direction() -> None:
    reports = [report(0, 1, 0.1, complete=True), report(1, 1, 0.9, complete=True)]
    assert incumbents(reports, "max")[-1].trial == 1
    assert incumbents(reports, "min")[-1].trial == 0


def test_a_value_that_is_not_finite_is_never_the_incumbent() -> None:
    assert incumbents([report(0, 9, math.nan), report(1, 9, math.inf), report(2, 9, -math.inf)], "min") == []


@pytest.mark.parametrize(
    ("record", "last", "expected"),
    [
        (TrialRecord("a", "TERMINATED", position=0), report(0, 4, 1.0, complete=True), "trained in full"),
        (TrialRecord("a", "TERMINATED", position=0, stopped_early=True), report(0, 1, 1.0), "stopped early"),
        (TrialRecord("a", "TERMINATED", position=0), report(0, 2, 1.0), "unfinished"),
        (TrialRecord("a", "TERMINATED", position=0), report(0, 4, math.nan, complete=True), "failed"),
        (TrialRecord("a", "ERROR"), None, "failed"),
        (TrialRecord("a", "PENDING"), None, "unfinished"),
    ],
)
def test_outcomes(record: TrialRecord, last: Report | None, expected: str) -> None:
    reports = Rows(Report, [] if last is None else [last])
    assert trials_frame(Rows(TrialRecord, [record]), Configs([{}]), reports, "loss")["outcome"].tolist() == [expected]


def test_a_reported_value_replaces_a_column_of_its_name() -> None:
    trials = Rows(TrialRecord, [TrialRecord("a", last={"status": "warm", "value": 3}), TrialRecord("b")])
    table = trials_frame(trials, Configs([{}, {}]), Rows(Report), "loss")
    assert table["status"].tolist() == ["warm", "PENDING"]
    assert table["value"][0] == 3
    assert math.isnan(table["value"][1])


PLAIN = {"x": 0.1, "n": 3, "on": True, "text": "ü", "none": None, "nested": {"list": [1, (2.5,)]}}


@pytest.mark.parametrize("config", [{}, PLAIN, {"x": np.float64(0.1)}, {"x": range(3)}])
def test_a_config_is_the_same_after_it_was_packed(config: dict[str, Any]) -> None:
    configs = Configs([config, {"x": 1}])
    assert configs[0] is config
    configs.pack(0)
    assert list(configs) == configs[:] == [config, {"x": 1}]
    assert configs[-2] == config
    assert list(map(type, configs[0].values())) == list(map(type, config.values()))
    configs.replace(1, {"x": 2})
    assert configs[1] == {"x": 2}


def test_an_error_is_reported_as_the_last_line_of_its_traceback() -> None:
    assert last_line("Traceback:\n  File x\nValueError: x is 3\n\n") == "ValueError: x is 3"
    assert last_line("") == "an error without a message"
    long = last_line("ValueError: " + "x" * 10**7)
    assert long.startswith("ValueError: x")
    assert len(long) < 1100


def spent(time_attr: str, *results: tuple[str, dict[str, Any]]) -> float:
    cost = Cost(time_attr)
    for trial, result in results:
        cost.add(trial, result)
    return cost.spent


def test_each_report_costs_one_iteration() -> None:
    assert spent("training_iteration", ("a", {"training_iteration": 7}), ("a", {"training_iteration": 2})) == 2


def test_a_resource_may_be_nested() -> None:
    assert spent("info/steps", ("a", {"info": {"steps": 10}}), ("a", {"info": {"steps": 25}})) == 25
    assert spent("info/steps", ("a", {"info/steps": 10})) == 10


def test_a_report_costs_the_increase_of_the_resource_or_the_last_step_after_a_decrease() -> None:
    steps: tuple[tuple[str, dict[str, Any]], ...] = (
        ("a", {"steps": 10}),
        ("a", {"steps": 25}),
        ("b", {"steps": 5}),
        ("a", {"steps": 15}),
        ("a", {}),
    )
    assert spent("steps", *steps) == 10 + 15 + 5 + 15


def test_the_budget_ends_the_study_rather_than_a_trial() -> None:
    stopper = StudyStopper(2, metric="loss", time_attr="training_iteration")
    assert not stopper("a", {"loss": 1})
    assert not stopper.stop_all()
    assert not stopper("b", {"loss": 1})
    assert stopper.stop_all()


def test_a_last_report_that_ray_passes_twice_is_counted_once() -> None:
    stopper = StudyStopper(9, metric="loss", time_attr="training_iteration")
    last = {"loss": 1, "training_iteration": 1, "time_total_s": 0.5}
    stopper("a", last)
    stopper("a", {**last, "done": True})
    assert stopper.cost.spent == 1


def test_a_clone_costs_its_training_but_not_the_copied_progress() -> None:
    reports = [("a", {"steps": 10}), ("a", {"steps": 20}), ("a", {"steps": 70, "iterations_since_restore": 1})]
    assert spent("steps", *reports) == 30


def test_a_trial_that_ends_without_the_metric_ends_the_study_unless_another_reported_it() -> None:
    stopper = StudyStopper(None, metric="eval/loss", time_attr="training_iteration")
    stopper("a", {"eval": {"loss": 1}})
    stopper("b", {"done": True})
    assert not stopper.stop_all()
    lost = StudyStopper(None, metric="eval/loss", time_attr="training_iteration")
    lost("a", {"eval": {"los": 1}, "done": True})
    assert lost.stop_all()


def test_a_stopper_forgets_trials_that_have_ended() -> None:
    stopper = StudyStopper(9, metric="loss", time_attr="steps")
    for number in range(100):
        stopper(str(number), {"loss": 1, "steps": 1})
        stopper.forget(str(number))
    assert stopper.cost.spent == 100
    assert len(cloudpickle.dumps(stopper)) < 1000


class _Counted(list[Any]):
    """A list of trials that counts how many were looked at."""

    looked_at = 0

    def __iter__(self) -> Iterator[Any]:
        for trial in super().__iter__():
            self.looked_at += 1
            yield trial

    def __reversed__(self) -> Iterator[Any]:
        for trial in super().__reversed__():
            self.looked_at += 1
            yield trial


def test_new_trials_are_numbered_without_looking_at_all_others() -> None:
    trials, log = _Counted(), study_log(method("random").scheduler)
    for number in range(200):
        trials.append(Trial("", trial_id=str(number), stub=True))
        if number % 3 == 0:  # a trial that is retried moves to the end
            trials.append(trials.pop(number // 2))
        log.on_step_end(0, trials)
    assert sorted(log.number(trial.trial_id) for trial in trials) == list(range(200))
    assert [log.number(str(number)) for number in range(200)] == list(range(200))
    assert trials.looked_at < 3 * 200


def test_the_table_of_trials_has_the_types_that_pandas_infers_from_rows() -> None:
    log = study_log(method("random").scheduler)
    rows: list[dict[str, Any]] = [
        {"loss": 1, "count": 1, "text": "a", "list": [1, 2], "flag": True, "early": 1},
        {"loss": 2.5, "count": 2, "text": None, "list": [3], "flag": False, "late": "x"},
    ]
    log.trials = Rows(TrialRecord, [TrialRecord(str(number), last=row) for number, row in enumerate(rows)])
    log.configs = Configs([{}, {}])
    pd.testing.assert_frame_equal(log.trials_frame()[[*rows[0], "late"]].reset_index(drop=True), pd.DataFrame(rows))


def test_a_log_is_stored_and_restored_with_its_trials() -> None:
    made = simulate(method("asha"), callbacks=[log := study_log(method("asha").scheduler)])
    assert len(made.trials) == len(log.trials) == 14
    restored = cloudpickle.loads(cloudpickle.dumps(log))
    assert restored.trials == log.trials
    assert list(restored.configs) == list(log.configs)
    other = study_log(log.scheduler)
    other.set_state(log.get_state())
    assert other.trials == log.trials
    pd.testing.assert_frame_equal(restored.trials_frame(), log.trials_frame())


def test_of_a_trial_that_ended_no_metric_is_kept_twice() -> None:
    simulate(method("random"), callbacks=[log := study_log(method("random").scheduler)], num_samples=3)
    assert [record.last for record in log.trials] == [None] * 3
    table = log.trials_frame()
    assert table["loss"].tolist() == table["value"].tolist()
