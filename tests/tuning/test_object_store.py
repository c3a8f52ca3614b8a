"""A study in an object store is locked, resumed and read like one in a local folder."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest
from ray import tune

import raytune_suite as rts
from raytune_suite.engines import study_lock
from raytune_suite.engines.storage import Folder
from raytune_suite.errors import ArgumentError, StudyInterrupted, StudyLockedError
from tests.engines.object_store import object_store


class InterruptAt(tune.Callback):
    """Sends Ctrl-C at a step."""

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:  # noqa: ARG002 - Ray's signature
        if iteration == 20:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture
def uri(monkeypatch: pytest.MonkeyPatch) -> str:
    store = object_store("bucket")
    system, _ = store._system

    def at(path: str) -> Folder:
        return Folder(path, None, (system, path.removeprefix("mock://")))

    monkeypatch.setattr(Folder, "at", at)
    monkeypatch.setattr(study_lock.Lease.__init__, "__kwdefaults__", {"settle_s": 0.0, "renew_s": 10.0})
    return "mock://bucket/studies"


def run(uri: str, name: str, **changes: Any) -> rts.StudyResult:
    return rts.tune(
        workload="synthetic/branin",
        **{"method": "asha", "budget": 2, "test_seeds": [7], "engine": "simulated", "progress": False, **changes},
        storage_path=uri,
        name=name,
    )


@pytest.mark.slow
def test_a_study_is_resumed_and_read(uri: str) -> None:
    undisturbed = run(uri, "undisturbed")
    with pytest.raises(StudyInterrupted):
        run(uri, "study", callbacks=[InterruptAt()])
    assert rts.load_study(f"{uri}/study").status == "interrupted"
    with pytest.raises(ArgumentError, match="`seed`"):
        run(uri, "study", seed=3, resume=True)
    with study_lock.study_lock(Folder.at(f"{uri}/study")), pytest.raises(StudyLockedError):
        run(uri, "study", resume=True)
    assert rts.load_study(f"{uri}/study").status == "interrupted"
    resumed = run(uri, "study", resume=True)
    assert resumed.reports.equals(undisturbed.reports)
    loaded = rts.load_study(f"{uri}/study")
    assert loaded.status == "finished"
    assert loaded.reports.equals(resumed.reports)
    assert loaded.best_config == resumed.best_config
    assert loaded.test_value == resumed.test_value
    with pytest.raises(ArgumentError, match="finished"):
        run(uri, "study")


def test_a_path_that_is_no_uri_is_rejected() -> None:
    with pytest.raises(ArgumentError, match="nowhere://bucket"):
        run("nowhere://bucket/studies", "study")
