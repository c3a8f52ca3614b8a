"""SMAC's multi-fidelity facade (a random forest with Hyperband) with ask and tell. Promoted configs are resumed."""

from __future__ import annotations

import contextlib
import logging
import tempfile
from pathlib import Path

from smac import MultiFidelityFacade, Scenario  # type: ignore[import-not-found]  # in its own environment
from smac.runhistory.dataclasses import TrialValue  # type: ignore[import-not-found]  # as above

from benchmarks.peer_runners.config_space import space
from benchmarks.peer_runners.protocol import Spent, Trainings, read_study

MANY = 100_000
"""More trials than any study has."""


def main() -> None:
    """Run the study until the budget is spent."""
    study = read_study()
    logging.disable(logging.CRITICAL)
    trainings = Trainings(study["parameters"])
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(Spent):
        scenario = Scenario(
            space(study["parameters"], study["seed"]),
            output_directory=Path(folder),
            deterministic=True,
            n_trials=MANY,
            min_budget=1,
            max_budget=study["max_t"],
            seed=study["seed"],
        )
        smac = MultiFidelityFacade(
            scenario,
            lambda config, seed, budget: 0.0,  # noqa: ARG005 - only its signature counts
            logging_level=False,
        )
        while True:
            trial = smac.ask()
            smac.tell(trial, TrialValue(cost=trainings.train(dict(trial.config), round(trial.budget))))


if __name__ == "__main__":
    main()
