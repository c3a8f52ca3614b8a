"""Finished trials are packed, and are restored as they were."""

from __future__ import annotations

import copy
import pickle
from typing import TYPE_CHECKING, Any

import pytest
from ray.tune.experiment import Trial

from raytune_suite.engines.simulated.finished_trial import is_packed
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


def test_a_packed_trial_is_restored_by_the_first_use(tmp_path: Path) -> None:
    search_alg, trial = finished(tmp_path)
    before = copy.deepcopy(parts(trial)[:2]), parts(trial)[2:]
    search_alg.pack(trial)
    assert is_packed(trial)
    assert (trial.trial_id, trial.status, trial.is_finished()) == ("00000000", Trial.TERMINATED, True)
    assert is_packed(trial), "its id and status are at hand"
    assert trial.last_result == RESULT
    assert type(trial) is Trial
    assert (parts(trial)[:2], parts(trial)[2:]) == before


def test_a_packed_trial_takes_few_bytes(tmp_path: Path) -> None:
    search_alg, trial = finished(tmp_path)
    search_alg.pack(trial)
    names = set(vars(trial))
    assert names == {"trial_id", "status", "config", "_packer", "_packed"}
    assert len(vars(trial)["_packed"]) < 200


def test_a_changed_packed_trial_keeps_the_change(tmp_path: Path) -> None:
    search_alg, trial = finished(tmp_path)
    search_alg.pack(trial)
    trial.set_status(Trial.ERROR)
    assert (trial.status, trial.last_result) == (Trial.ERROR, RESULT)


def test_a_packed_trial_can_be_pickled(tmp_path: Path) -> None:
    search_alg, trial = finished(tmp_path)
    expected = trial.get_json_state()
    search_alg.pack(trial)
    assert trial.get_json_state() == expected
    search_alg.pack(trial)
    again = pickle.loads(pickle.dumps(trial))  # noqa: S301 - our own bytes
    assert (again.trial_id, again.config, again.last_result) == (trial.trial_id, trial.config, RESULT)


def test_a_missing_attribute_is_reported(tmp_path: Path) -> None:
    search_alg, trial = finished(tmp_path)
    search_alg.pack(trial)
    with pytest.raises(AttributeError, match="nonsense"):
        trial.nonsense  # type: ignore[attr-defined] # noqa: B018


@pytest.mark.parametrize("change", [{"text": object()}, {"numpy": pytest.approx(1)}])
def test_a_result_that_cannot_be_stored_exactly_is_not_packed(tmp_path: Path, change: dict[str, Any]) -> None:
    search_alg, trial = finished(tmp_path, **change)
    search_alg.pack(trial)
    assert type(trial) is Trial


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
    search_alg.pack(trial)
    assert type(trial) is Trial


def test_a_checkpoint_is_kept(tmp_path: Path) -> None:
    search_alg, trial = finished(tmp_path)
    manager: Any = trial.run_metadata.checkpoint_manager
    saved = manager._latest_checkpoint_result = object()
    search_alg.pack(trial)
    assert is_packed(trial)
    assert trial.latest_checkpoint_result is saved


@pytest.mark.parametrize(("name", "evaluator"), [("asha", CURVES), ("hyperband", LEARNER)])
def test_a_study_packs_its_finished_trials(name: str, evaluator: Any) -> None:
    trials = simulate(method(name), evaluator).trials
    assert all(is_packed(trial) for trial in trials)
    assert {trial.last_result["trial_id"] for trial in trials} == {trial.trial_id for trial in trials}
