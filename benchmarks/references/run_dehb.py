"""One run of the unmodified package dehb (DEHB, Awad et al. 2021) on one problem, with ask and tell and one worker.

    build/envs/dehb/bin/python -m benchmarks.references.run_dehb mfh6-moderate 0 out.json

It runs in the environment created by `environments.py`. dehb writes its output files into a temporary folder.
"""

from __future__ import annotations

import contextlib
import tempfile

import ConfigSpace
from dehb import DEHB  # type: ignore[import-not-found]  # in its own environment

from benchmarks.references.recorder import ETA, Recorder, Spent, main
from raytune_suite.workloads.synthetic.synthetic_functions import Choice, SyntheticFunction


def space(problem: SyntheticFunction, seed: int) -> ConfigSpace.ConfigurationSpace:
    """Return the search space of a problem."""
    configuration_space = ConfigSpace.ConfigurationSpace(seed=seed)
    for name, kind in problem.parameters.items():
        if isinstance(kind, Choice):
            configuration_space.add(ConfigSpace.CategoricalHyperparameter(name, list(kind.values)))
        else:
            configuration_space.add(ConfigSpace.UniformFloatHyperparameter(name, kind.low, kind.high))
    return configuration_space


def run(recorder: Recorder) -> None:
    """Ask, evaluate, tell until the budget is spent."""
    problem = recorder.setup.problem
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(Spent):
        dehb = DEHB(
            cs=space(problem, recorder.seed),
            min_fidelity=recorder.setup.min_t,
            max_fidelity=problem.max_t,
            eta=ETA,
            n_workers=1,
            seed=recorder.seed,
            output_path=folder,
            save_freq="end",
            log_level="ERROR",
        )
        while True:
            job = dehb.ask()
            loss = recorder(dict(job["config"]), job["fidelity"])
            dehb.tell(job, {"fitness": loss, "cost": float(job["fidelity"])})


if __name__ == "__main__":
    main(run, "dehb", __doc__)
