"""Tune a Keras model; Hyperband pauses trials, which continue from their checkpoints."""

from __future__ import annotations

import os
import sys
from typing import Any

from ray import tune
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import raytune_suite as rts
from raytune_suite.integrations.keras import fit

EPOCHS = 9


def train(config: dict[str, Any]) -> None:
    """Train with a config, and report after each epoch."""
    os.environ["KERAS_BACKEND"] = "torch"  # before Keras is imported in the process of the trial
    import keras

    features, labels = load_digits(return_X_y=True)
    x_train, x_valid, y_train, y_valid = train_test_split(features / 16, labels, random_state=0)
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((64,)),
            keras.layers.Dense(config["units"], activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    optimizer = keras.optimizers.Adam(config["lr"])
    model.compile(optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    fit(model, x_train, y_train, epochs=EPOCHS, batch_size=64, validation_data=(x_valid, y_valid))


if __name__ == "__main__":
    space = {"lr": tune.loguniform(1e-4, 1e-1), "units": tune.lograndint(8, 129)}
    method = sys.argv[1] if len(sys.argv) > 1 else "hyperband"
    result = rts.tune(train, space, metric="val_accuracy", mode="max", max_t=EPOCHS, method=method, budget=4)
    print(f"best {result.best_value:.3f} with {result.best_config}")
