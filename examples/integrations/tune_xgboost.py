"""Tune XGBoost; Hyperband pauses trials, which continue from their checkpoints."""

from __future__ import annotations

import sys
from typing import Any

import xgboost
from ray import tune
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

import raytune_suite as rts
from raytune_suite.integrations.xgboost import train

ROUNDS = 27


def fit(config: dict[str, Any]) -> None:
    """Train with a config, and report after each round."""
    features, labels = load_breast_cancer(return_X_y=True)
    x_train, x_valid, y_train, y_valid = train_test_split(features, labels, random_state=0)
    params = {**config, "objective": "binary:logistic", "eval_metric": "logloss", "nthread": 1}
    valid = xgboost.DMatrix(x_valid, y_valid)
    train(params, xgboost.DMatrix(x_train, y_train), ROUNDS, evals=[(valid, "valid")])


if __name__ == "__main__":
    space = {"eta": tune.loguniform(1e-2, 1), "max_depth": tune.randint(1, 9), "subsample": tune.uniform(0.3, 1)}
    method = sys.argv[1] if len(sys.argv) > 1 else "hyperband"
    result = rts.tune(fit, space, metric="valid-logloss", mode="min", max_t=ROUNDS, method=method, budget=4)
    print(f"best {result.best_value:.3f} with {result.best_config}")
