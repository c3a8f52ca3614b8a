"""The importance of hyperparameters is the same for a result and for the stored study."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from ray import tune

import raytune_suite as rts


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
