"""Optuna: `tpe-hyperband` (multivariate TPE with the Hyperband pruner) or `gp` (GPSampler, which prunes nothing)."""

from __future__ import annotations

import contextlib
import sys
import warnings
from typing import Any

import optuna

from benchmarks.peer_runners.protocol import Spent, active, read_study, report


def suggest(trial: Any, parameters: list[dict[str, Any]]) -> dict[str, Any]:
    """Ask for the active parameters of a config."""
    values: dict[str, Any] = {}
    for one in parameters:
        if not active(one, values):
            continue
        name, bounds = one["name"], (one["lower"], one["upper"])
        if one["kind"] == "categorical":
            values[name] = trial.suggest_categorical(name, list(range(one["upper"] + 1)))
        elif one["kind"] == "integer":
            step = 1 if one["log"] else one["step"] or 1
            values[name] = trial.suggest_int(name, *bounds, log=one["log"], step=step)
        else:
            values[name] = trial.suggest_float(name, *bounds, log=one["log"], step=None if one["log"] else one["step"])
    return values


def main() -> None:
    """Run the study until the budget is spent."""
    study = read_study()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore")
    if sys.argv[1] == "gp":
        sampler: optuna.samplers.BaseSampler = optuna.samplers.GPSampler(seed=study["seed"])
        pruner: optuna.pruners.BasePruner = optuna.pruners.NopPruner()
    else:
        sampler = optuna.samplers.TPESampler(seed=study["seed"], multivariate=True, group=True)
        pruner = optuna.pruners.HyperbandPruner(min_resource=1, max_resource=study["max_t"], reduction_factor=3)
    optimized = optuna.create_study(direction="minimize", sampler=sampler, pruner=pruner)

    def objective(trial: Any) -> float:
        values, loss = suggest(trial, study["parameters"]), 0.0
        for resource in range(1, study["max_t"] + 1):
            loss = report(trial.number, values, resource)
            trial.report(loss, resource)
            if resource < study["max_t"] and trial.should_prune():
                raise optuna.TrialPruned
        return loss

    with contextlib.suppress(Spent):
        while True:
            optimized.optimize(objective, n_trials=1)


if __name__ == "__main__":
    main()
