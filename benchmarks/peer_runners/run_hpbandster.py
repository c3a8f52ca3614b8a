"""hpbandster's BOHB with one worker in this process. Promoted configs are resumed."""

from __future__ import annotations

import contextlib
import sys
import tempfile
from typing import Any

import numpy as np
from hpbandster.core import master  # type: ignore[import-not-found]  # in its own environment
from hpbandster.optimizers import BOHB  # type: ignore[import-not-found]

from benchmarks.peer_runners.config_space import space
from benchmarks.peer_runners.protocol import Spent, Trainings, read_study
from benchmarks.references.local_dispatcher import LocalDispatcher


def main() -> None:
    """Run iterations until the budget is spent."""
    study = read_study()
    np.random.seed(study["seed"])  # noqa: NPY002 - the package draws from the global generator
    trainings = Trainings(study["parameters"])

    def evaluate(config: dict[str, Any], budget: float) -> float:
        return trainings.train(config, round(budget))

    LocalDispatcher.evaluate = staticmethod(evaluate)
    master.Dispatcher = LocalDispatcher
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(Spent):
        bohb = BOHB(
            configspace=space(study["parameters"], study["seed"]),
            eta=3,
            min_budget=1,
            max_budget=study["max_t"],
            run_id="local",
            working_directory=folder,
        )
        bohb.run(n_iterations=sys.maxsize)


if __name__ == "__main__":
    main()
