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
from typing import TYPE_CHECKING, Any

import ConfigSpace
import numpy as np
from ConfigSpace import hyperparameters
from hpbandster.core import master  # type: ignore[import-not-found]  # in its own environment
from hpbandster.core.dispatcher import Job  # type: ignore[import-not-found]
from hpbandster.optimizers import BOHB  # type: ignore[import-not-found]

from benchmarks.references.recorder import ETA, Recorder, Spent, main
from raytune_suite.workloads.synthetic.synthetic_functions import Choice, SyntheticFunction

if TYPE_CHECKING:
    from collections.abc import Callable


def space(problem: SyntheticFunction, seed: int) -> ConfigSpace.ConfigurationSpace:
    """Return the search space of a problem."""
    result = ConfigSpace.ConfigurationSpace(seed=seed)
    for name, kind in problem.parameters.items():
        if isinstance(kind, Choice):
            result.add_hyperparameter(hyperparameters.CategoricalHyperparameter(name, list(kind.values)))
        else:
            result.add_hyperparameter(hyperparameters.UniformFloatHyperparameter(name, kind.low, kind.high))
    return result


class LocalDispatcher:
    """Implements the interface of hpbandster's dispatcher with one worker in this process."""

    evaluate: Callable[[dict[str, Any], float], float]
    """Set on the class before hpbandster creates an instance."""

    def __init__(self, callback: Callable[[Job], None], queue_callback: Callable[[int], None], **_: Any) -> None:
        self._callback, self._queue_callback = callback, queue_callback

    def run(self) -> None:
        """Announce the worker."""
        self._queue_callback(1)

    def number_of_workers(self) -> int:
        """Return 1."""
        return 1

    def submit_job(self, job_id: tuple[int, int, int], **job: Any) -> None:
        """Evaluate the job immediately, and report its result."""
        done = Job(job_id, **job)
        done.time_it("submitted")
        done.result = {"loss": type(self).evaluate(job["config"], job["budget"]), "info": {}}
        done.time_it("finished")
        self._callback(done)


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
