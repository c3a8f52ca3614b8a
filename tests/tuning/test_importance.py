"""The importance of hyperparameters is the same for a result and for the stored study."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from ray import tune

import raytune_suite as rts

if TYPE_CHECKING:
    from pathlib import Path


class Train(tune.Trainable):
    """Only `x` matters, and `momentum` where it is active."""

    def step(self) -> dict[str, Any]:
        """One epoch."""
        momentum = self.config["optimizer"].get("momentum", 0.5)
        return {"loss": self.config["x"] + momentum / (10 + self.training_iteration)}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """There is no state."""

    def load_checkpoint(self, checkpoint: Any) -> None:
        """There is no state."""


SPACE = {
    "x": tune.uniform(0, 1),
    "y": tune.uniform(0, 1),
    "optimizer": tune.choice([{"name": "sgd", "momentum": tune.uniform(0, 1)}, {"name": "adam"}]),
}


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> rts.StudyResult:
    """A simulated study with a conditional parameter."""
    folder = tmp_path_factory.mktemp("studies")
    call: dict[str, Any] = {"metric": "loss", "mode": "min", "max_t": 9, "engine": "simulated", "name": "one"}
    return rts.tune(Train, SPACE, method="asha", num_samples=200, storage_path=folder, **call)


@pytest.mark.slow
def test_the_parameter_that_decides_is_the_most_important(result: rts.StudyResult) -> None:
    table = result.importance(by_fidelity=True)
    assert set(table.drop_duplicates("fidelity")["parameter"]) == {"x"}
    assert result.importance()["fidelity"].unique().tolist() == [table["fidelity"].max()]


@pytest.mark.slow
def test_a_loaded_study_has_the_same_importance(result: rts.StudyResult) -> None:
    pd.testing.assert_frame_equal(rts.load_study(result.path).importance(), result.importance())


def test_a_study_that_was_stored_without_its_space_says_so(result: rts.StudyResult, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    folder.mkdir()
    for name in ("reports.jsonl", "trials.jsonl", "decisions.jsonl"):
        (folder / name).write_bytes(result_file(result, name))
    manifest = json.loads(result_file(result, "study.json"))
    del manifest["domains"]
    (folder / "study.json").write_text(json.dumps(manifest))
    with pytest.raises(rts.StudyError, match=str(folder)):
        rts.load_study(folder).importance()


def result_file(result: rts.StudyResult, name: str) -> bytes:
    """A file of the study."""
    from pathlib import Path

    return (Path(result.path) / name).read_bytes()
