"""Keras 3 in a trial: reports after each epoch, and continues from a checkpoint."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raytune_suite.errors import ArgumentError
from raytune_suite.types import COUNT
from raytune_suite.validation import checked

if TYPE_CHECKING:
    from collections.abc import Sequence

WEIGHTS, STATE = "model.weights.h5", "state.json"
"""The files of a checkpoint: the weights of the model and its optimizer; the epoch and the learning rate."""


@checked(epochs=COUNT, checkpoint_every=COUNT)
def fit(
    model: Any, *data: Any, epochs: int, checkpoint_every: int = 1, callbacks: Sequence[Any] = (), **options: Any
) -> Any:
    """Call `model.fit` within the function that `rts.tune` tunes, with any backend of Keras.

    Each epoch is a report with the logs of Keras, such as "loss" and "val_loss". A trial that was paused, copied by pbt
    or interrupted continues from its checkpoint, which has the weights of the model and the state of its optimizer, and
    trains only the epochs that are left. If pbt has changed the learning rate, the new one is used.

    Args:
        model: A `keras.Model` that is compiled and built. A model that starts with a `keras.Input` is built.
        data: The training data, as for `model.fit`: `x` and `y`, or a dataset.
        epochs: The epochs of a full training: the `max_t` of the study.
        checkpoint_every: Save a checkpoint every so many epochs. With methods that pause or copy trials, keep 1.
        callbacks: More callbacks of Keras. What they remember is not saved.
        options: Other arguments of `model.fit`, such as `validation_data`.

    Returns:
        The `keras.callbacks.History` of the epochs that were trained here.

    Raises:
        ArgumentError: If the model is not compiled or not built.
    """
    import keras
    from ray import tune

    for done, name, fix in (
        (model.compiled, "compiled", "call its `compile` first"),
        (model.built, "built", "start it with a `keras.Input`, or call its `build` first"),
    ):
        if not done:
            raise ArgumentError(f"`model` is {model.name!r}, but must be {name}: {fix}")
    rate = _fixed_learning_rate(model.optimizer)
    checkpoint = tune.get_checkpoint()
    start = 0
    if checkpoint is not None:
        with checkpoint.as_directory() as folder:
            start = _load(model, Path(folder), rate)

    def report(epoch: int, logs: dict[str, Any]) -> None:
        if (epoch + 1) % checkpoint_every:
            tune.report(dict(logs))
            return
        with tempfile.TemporaryDirectory() as folder:
            model.save_weights(Path(folder, WEIGHTS))
            Path(folder, STATE).write_text(json.dumps({"epoch": epoch + 1, "learning_rate": rate}))
            tune.report(dict(logs), checkpoint=tune.Checkpoint.from_directory(folder))

    reporter = keras.callbacks.LambdaCallback(on_epoch_end=report)
    usual = {"verbose": 0, "initial_epoch": start}
    return model.fit(*data, epochs=epochs, callbacks=[*callbacks, reporter], **{**usual, **options})


def _load(model: Any, folder: Path, rate: float | None) -> int:
    """Load a checkpoint, and return how many epochs the model has trained."""
    state = json.loads((folder / STATE).read_text())
    model.optimizer.build(model.trainable_variables)  # else it has no variables to load
    model.load_weights(folder / WEIGHTS)
    if rate is not None and rate != state["learning_rate"]:
        model.optimizer.learning_rate = rate  # the checkpoint has that of the config before pbt changed it
    return int(state["epoch"])


def _fixed_learning_rate(optimizer: Any) -> float | None:
    """The learning rate with which an optimizer was made; None if a schedule or several optimizers have it."""
    inner = getattr(optimizer, "inner_optimizer", optimizer)  # of the wrapper that mixed precision adds
    rate = inner.get_config().get("learning_rate")
    return rate if isinstance(rate, float) else None
