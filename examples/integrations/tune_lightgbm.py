"""Tune LightGBM; ASHA stops bad trials early."""

from __future__ import annotations

import sys
from typing import Any

import lightgbm
from ray import tune
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

import raytune_suite as rts
from raytune_suite.integrations.lightgbm import train

ROUNDS = 27


def fit(config: dict[str, Any]) -> None:
    """Train with a config, and report after each round."""
    features, labels = load_breast_cancer(return_X_y=True)
    x_train, x_valid, y_train, y_valid = train_test_split(features, labels, random_state=0)
    params = {**config, "objective": "binary", "metric": "binary_logloss", "num_threads": 1, "verbosity": -1}
    data = lightgbm.Dataset(x_train, y_train)
    valid = lightgbm.Dataset(x_valid, y_valid, reference=data)
    train(params, data, ROUNDS, valid_sets=[valid], valid_names=["valid"])


if __name__ == "__main__":
    space = {"learning_rate": tune.loguniform(1e-2, 1), "num_leaves": tune.lograndint(2, 64)}
    method = sys.argv[1] if len(sys.argv) > 1 else "asha"
    result = rts.tune(fit, space, metric="valid-binary_logloss", mode="min", max_t=ROUNDS, method=method, budget=4)
    print(f"best {result.best_value:.3f} with {result.best_config}")
