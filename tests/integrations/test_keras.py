"""A Keras model continues from its checkpoint as if it had not been interrupted."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
import pytest
from ray import tune

from raytune_suite.errors import ArgumentError
from raytune_suite.integrations.keras import fit

if TYPE_CHECKING:
    from pathlib import Path

# Keras 3.15 has no `copy` in `__array__`, of which numpy 2 warns.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

X = np.random.default_rng(0).random((64, 3), dtype=np.float32)
Y = X @ np.array([[1.0], [2.0], [3.0]], dtype=np.float32)


class Trial:
    """Stands for a trial of Ray: keeps what is reported, and interrupts at an epoch."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.reports: list[dict[str, Any]] = []
        self.checkpoint: Any = None
        self.last = 9
        monkeypatch.setattr(tune, "get_checkpoint", lambda: self.checkpoint)
        monkeypatch.setattr(tune, "report", self.report)

    def report(self, metrics: dict[str, Any], checkpoint: Any = None) -> None:
        self.reports.append(metrics)
        if checkpoint is not None:
            kept = self.folder / str(len(self.reports))
            self.checkpoint = tune.Checkpoint.from_directory(checkpoint.to_directory(str(kept)))
        if len(self.reports) == self.last:
            raise InterruptedError


@pytest.fixture
def trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trial:
    return Trial(tmp_path, monkeypatch)


def train(rate: Any, epochs: int = 4, **options: Any) -> Any:
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(rate), "mse")
    fit(model, X, Y, epochs=epochs, shuffle=False, **options)
    return model


def interrupt(trial: Trial, after: int, *arguments: Any, **options: Any) -> None:
    trial.last = after
    with pytest.raises(InterruptedError):
        train(*arguments, **options)
    trial.last = 9


def test_an_interrupted_training_continues_as_if_nothing_had_happened(trial: Trial) -> None:
    train(0.1)
    whole, trial.reports, trial.checkpoint = trial.reports, [], None
    interrupt(trial, 2, 0.1)
    train(0.1)
    assert trial.reports == whole
    assert len(whole) == 4
    assert train(0.1) is not None
    assert len(trial.reports) == 4


def test_a_changed_learning_rate_takes_effect(trial: Trial) -> None:
    interrupt(trial, 2, 0.1)
    before = trial.reports[-1]["loss"]
    model = train(0.0, epochs=4, validation_data=(X, Y))
    assert float(model.optimizer.learning_rate) == 0
    assert trial.reports[-1]["loss"] == trial.reports[-2]["loss"] < before


def test_a_learning_rate_that_a_callback_has_reduced_is_kept(trial: Trial) -> None:
    halve = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2 if epoch == 1 else rate)
    interrupt(trial, 2, 0.5, callbacks=[halve])
    assert float(train(0.5).optimizer.learning_rate) == pytest.approx(0.25)


def test_a_schedule_continues(trial: Trial) -> None:
    schedule = keras.optimizers.schedules.ExponentialDecay(0.5, decay_steps=2, decay_rate=0.5)
    interrupt(trial, 2, schedule)
    assert float(train(schedule).optimizer.learning_rate) == pytest.approx(0.5 * 0.5**4)


def test_checkpoints_may_be_rarer_than_reports(trial: Trial) -> None:
    train(0.1, epochs=3, checkpoint_every=2)
    assert len(trial.reports) == 3
    assert trial.checkpoint.path.endswith("2")


@pytest.mark.parametrize("missing", ["compiled", "built"])
def test_a_model_that_cannot_be_saved_is_rejected(missing: str, trial: Trial) -> None:
    layers = [keras.layers.Dense(1)] if missing == "built" else [keras.Input((3,)), keras.layers.Dense(1)]
    model = keras.Sequential(layers)
    if missing == "built":
        model.compile("adam", "mse")
    with pytest.raises(ArgumentError, match=missing):
        fit(model, X, Y, epochs=2)
    assert trial.reports == []
