"""A study in a storage of Optuna: conditional parameters, intermediate values, states."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from ray import tune

import raytune_suite as rts
from tests.tuning.test_importance import SPACE, Train

optuna = pytest.importorskip("optuna")

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> rts.StudyResult:
    """A simulated study with a conditional parameter and domains of all kinds."""
    space = {
        **SPACE,
        "lr": tune.loguniform(1e-4, 1.0),
        "units": tune.qrandint(8, 64, 8),
        "layers": tune.lograndint(1, 9),
        "rate": tune.quniform(0, 1, 0.1),
        "prior": tune.randn(0, 1),
        "mixed": tune.choice([(1, 2), None, True]),
    }
    folder = tmp_path_factory.mktemp("studies")
    call: dict[str, Any] = {"metric": "loss", "mode": "min", "max_t": 9, "engine": "simulated", "name": "one"}
    return rts.tune(Train, space, method="asha", num_samples=9, storage_path=folder, **call)


@pytest.fixture(params=["journal", pytest.param("database", marks=pytest.mark.e2e)])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """An empty storage: a file, or a database, whose packages take a second to import."""
    if request.param == "journal":
        yield optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(tmp_path / "studies.log")))
        return
    opened = optuna.storages.RDBStorage(f"sqlite:///{tmp_path}/studies.db")
    yield opened
    opened.remove_session()  # Python 3.13 warns about open connections
    opened.engine.dispose()


@pytest.mark.slow
def test_all_trials_are_in_the_storage(result: rts.StudyResult, storage: Any) -> None:
    exported = rts.to_optuna(rts.load_study(result.path), storage)
    study = optuna.load_study(study_name="one", storage=storage)
    assert len(study.trials) == len(exported.trials) == 9
    complete = optuna.trial.TrialState.COMPLETE
    states = [trial.state == complete for trial in study.trials]
    assert states == (result.trials["outcome"] == "trained in full").tolist()
    assert study.trials[result.best_trial].value == pytest.approx(result.best_value)
    assert study.metric_names == ["loss"]


def test_conditional_parameters_and_intermediate_values_are_kept(result: rts.StudyResult) -> None:
    study = rts.to_optuna(result, name="other")
    for trial, config in zip(study.trials, result.configs, strict=True):
        assert ("optimizer[0]/momentum" in trial.params) == (config["optimizer"]["name"] == "sgd")
        assert trial.params["optimizer"] == config["optimizer"]["name"]
        assert trial.params["units"] == config["units"]
        reports = result.reports[result.reports["trial"] == trial.number]
        assert trial.intermediate_values == dict(zip(reports["resource"].astype(int), reports["value"], strict=True))
    best = [trial for trial in study.best_trials if trial.number == result.best_trial]
    assert len(best) == 1


@pytest.mark.slow
def test_a_name_that_is_taken_is_rejected(result: rts.StudyResult, storage: Any) -> None:
    rts.to_optuna(result, storage)
    with pytest.raises(rts.RaytuneSuiteError, match="one"):
        rts.to_optuna(result, storage)
