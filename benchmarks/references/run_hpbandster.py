"""One run of hpbandster's BOHB (Falkner et al. 2018) on one problem, with one worker.

    build/envs/hpbandster/bin/python -m benchmarks.references.run_hpbandster mfh6-moderate 0 out.json

It runs in the environment created by `environments.py`. All decisions are made by the package: `BOHB`, the loop of its
master, its iterations and its config generator. Only the dispatcher, which discovers workers on the network and sends
jobs to them, is replaced by one that evaluates each job immediately.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile

import ConfigSpace
import numpy as np
from ConfigSpace import hyperparameters
from hpbandster.core import master  # type: ignore[import-not-found]  # in its own environment
from hpbandster.optimizers import BOHB  # type: ignore[import-not-found]

from benchmarks.references.local_dispatcher import LocalDispatcher
from benchmarks.references.recorder import ETA, Recorder, Spent, main
from raytune_suite.workloads.synthetic.synthetic_functions import Choice, SyntheticFunction


def space(problem: SyntheticFunction, seed: int) -> ConfigSpace.ConfigurationSpace:
    """Return the search space of a problem."""
    result = ConfigSpace.ConfigurationSpace(seed=seed)
    for name, kind in problem.parameters.items():
        if isinstance(kind, Choice):
            result.add_hyperparameter(hyperparameters.CategoricalHyperparameter(name, list(kind.values)))
        else:
            result.add_hyperparameter(hyperparameters.UniformFloatHyperparameter(name, kind.low, kind.high))
    return result


def run(recorder: Recorder) -> None:
    """Run iterations until the budget is spent."""
    problem = recorder.setup.problem
    np.random.seed(recorder.seed)  # noqa: NPY002 - the package draws from the global generator
    LocalDispatcher.evaluate = staticmethod(recorder)
    master.Dispatcher = LocalDispatcher
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(Spent):
        bohb = BOHB(
            configspace=space(problem, recorder.seed),
            eta=ETA,
            min_budget=recorder.setup.min_t,
            max_budget=problem.max_t,
            run_id="local",
            working_directory=folder,
        )
        bohb.run(n_iterations=sys.maxsize)


if __name__ == "__main__":
    main(run, "hpbandster", __doc__)
