"""Finished trials are packed, and are restored as they were."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import pytest
from ray import cloudpickle
from ray.tune.experiment import Trial

from raytune_suite.engines.simulated.finished_trial import FinishedTrial, Trials
from raytune_suite.engines.simulated.trial_factory import TrialGenerator, make_search
from tests.engines.simulated.studies import CURVES, LEARNER, METRIC, method, simulate

if TYPE_CHECKING:
    from pathlib import Path

RESULT = {"loss": 0.25, "done": True, "time_total_s": 3.0, "nested": {"a": [1, None]}, "trial_id": "00000000"}


def finished(folder: Path, **changes: Any) -> tuple[TrialGenerator, Trial]:
    """Return the search algorithm of a study, and a trial of it that has ended."""
    search_alg: Any = make_search(
        method("random").searcher, folder=str(folder), space=None, num_samples=2, max_failures=0, checkpoint_every=0,
        **METRIC,
    )  # fmt: skip
    trial = search_alg.next_trial()
    trial.set_status(Trial.RUNNING)
    trial.run_metadata.last_result = {**RESULT, **changes}
    trial.set_status(Trial.TERMINATED)
    return search_alg, trial


def parts(trial: Trial) -> list[dict[str, Any]]:
    """Return everything that a trial consists of."""
    metadata = vars(trial.run_metadata)
    shared = {"run_metadata", "storage", "temporary_state"}
    return [
        {name: value for name, value in vars(trial).items() if name not in shared},
        {name: value for name, value in metadata.items() if name != "checkpoint_manager"},
        dict(vars(metadata["checkpoint_manager"])),
        dict(vars(trial.storage)),
        {name: value for name, value in vars(trial.temporary_state).items() if name != "location"},
    ]


def stored(search_alg: TrialGenerator, *trials: Trial) -> Trials:
    """Return trials of a study, each of which has been packed if that is possible."""
    assert search_alg.packer is not None
    listed = Trials()
    for trial in trials:
        listed.append(trial)
        listed.pack(trial, search_alg.packer)
    return listed


def test_a_packed_trial_is_restored_by_the_first_use(tmp_path: Path) -> None:
    search_alg, trial = finished(tmp_path)
    packed = stored(search_alg, trial)[0]
    assert type(packed) is FinishedTrial
    assert (packed.trial_id, packed.status) == ("00000000", Trial.TERMINATED)
    assert type(packed) is FinishedTrial, "its id and status are at hand"
    assert packed.last_result == RESULT
    assert type(packed) is Trial
    assert parts(packed) == parts(trial)


def test_a_packed_trial_takes_few_bytes(tmp_path: Path) -> None:
    search_alg, trial = finished(tmp_path)
    assert search_alg.packer is not None
    before = len(cloudpickle.dumps(search_alg.packer))
    for _ in range(100):
        search_alg.packer.pack(trial)
    assert len(cloudpickle.dumps(search_alg.packer)) - before < 20_000


def test_trials_are_a_sequence_whether_packed_or_not(tmp_path: Path) -> None:
    search_alg, first = finished(tmp_path)
    second: Trial = search_alg.next_trial()  # type: ignore[no-untyped-call] # of Ray
    trials = stored(search_alg, first)
    for trial in (second, first):
        trials.append(trial)
    assert [trial.trial_id for trial in trials] == ["00000000", "00000001", "00000000"]
    assert [type(trial) for trial in trials[:2]] == [FinishedTrial, type(second)]
    assert trials[1] is second
    trials.remove(second)
    assert trials[1] is first
    trials.pack(first, search_alg.packer)  # type: ignore[arg-type] # it has proposed trials
    assert [type(trial) for trial in trials] == [FinishedTrial, FinishedTrial]


def test_a_packed_trial_can_be_pickled(tmp_path: Path) -> None:
    search_alg, trial = finished(tmp_path)
    trials = stored(search_alg, trial)
    assert trials[0].get_json_state() == trial.get_json_state()
    again = pickle.loads(pickle.dumps(trials[0]))  # noqa: S301 - our own bytes
    assert (again.trial_id, again.config, again.last_result) == (trial.trial_id, trial.config, RESULT)


def test_a_missing_attribute_is_reported(tmp_path: Path) -> None:
    search_alg, trial = finished(tmp_path)
    with pytest.raises(AttributeError, match="nonsense"):
        stored(search_alg, trial)[0].nonsense  # type: ignore[attr-defined] # noqa: B018


@pytest.mark.parametrize("change", [{"text": object()}, {"numpy": pytest.approx(1)}])
def test_a_result_that_cannot_be_stored_exactly_is_not_packed(tmp_path: Path, change: dict[str, Any]) -> None:
    search_alg, trial = finished(tmp_path, **change)
    assert stored(search_alg, trial)[0] is trial


@pytest.mark.parametrize("name", ["failure", "folder", "own attribute", "other config"])
def test_a_trial_with_anything_of_its_own_is_not_packed(tmp_path: Path, name: str) -> None:
    search_alg, trial = finished(tmp_path)
    if name == "failure":
        trial.run_metadata.num_failures += 1
    elif name == "folder":
        trial.init_local_path()
    elif name == "own attribute":
        trial.note = "a user's"  # type: ignore[attr-defined]
    else:
        trial.set_config({"x": 0.0})
    assert stored(search_alg, trial)[0] is trial


def test_a_checkpoint_is_kept(tmp_path: Path) -> None:
    search_alg, trial = finished(tmp_path)
    manager: Any = trial.run_metadata.checkpoint_manager
    saved = manager._latest_checkpoint_result = object()
    packed = stored(search_alg, trial)[0]
    assert type(packed) is FinishedTrial
    assert packed.latest_checkpoint_result is saved


@pytest.mark.parametrize("config", [{"x": (1, 2.5), "y": {"z": None}}, {"x": range(3)}, {}])
def test_a_config_is_kept(tmp_path: Path, config: Any) -> None:
    search_alg, trial = finished(tmp_path)
    trial.config = config
    trial.__dict__["_Trial__unresolved_config"] = config
    for evaluated in (dict(config), {}):
        trial.evaluated_params = evaluated
        packed = stored(search_alg, trial)[0]
        assert type(packed) is FinishedTrial
        assert (packed.config, packed.evaluated_params) == (config, evaluated)


@pytest.mark.parametrize(("name", "evaluator"), [("asha", CURVES), ("hyperband", LEARNER)])
def test_a_study_packs_its_finished_trials(name: str, evaluator: Any) -> None:
    trials = simulate(method(name), evaluator).trials
    assert all(type(trial) is FinishedTrial for trial in trials)
    assert {trial.last_result["trial_id"] for trial in trials} == {trial.trial_id for trial in trials}
