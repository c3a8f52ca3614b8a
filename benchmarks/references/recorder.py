"""The problems on which packages are compared, and the common definition of budgets, costs and incumbents.

It needs only numpy, so that the same code counts the evaluations of all packages, ours included.

An evaluation at resource t is a training from scratch to t and costs t ("restart", as in hpbandster and dehb), or only
the difference to the resource that its trial had reached before ("resume", which they do not support). A run may spend
100 x R. The incumbent is the config with the best observed value *at R*; its regret is without noise, at R.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from raytune_suite.workloads.synthetic.synthetic_functions import Choice, CountingOnes, MFHartmann, SyntheticFunction

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from raytune_suite.types import Config

ETA = 3
TIMES = 100
"""The budget of a run, as a multiple of R."""

MARKS = (10, 30, 100)
"""The costs at which the regret is measured, as multiples of R."""

COUNTS = (60, 120, 180, 240, 300)
"""The numbers of evaluations for which dehb's authors publish the best value."""

Accounting = Literal["restart", "resume"]


class Setup(NamedTuple):
    """A problem, its least resource r, and the number of evaluations of a run (None: until the budget is spent)."""

    problem: SyntheticFunction
    min_t: int = 1
    evaluations: int | None = None


SETUPS: dict[str, Setup] = {
    "mfh3": Setup(MFHartmann(dimensions=3)),
    "mfh3-terrible": Setup(MFHartmann(dimensions=3, variant="terrible")),
    "mfh6-moderate": Setup(MFHartmann(dimensions=6, variant="moderate")),
    "counting-ones": Setup(CountingOnes(categorical=8, continuous=8)),
    "published/mfh3": Setup(MFHartmann(dimensions=3, max_t=100), 1, 300),
    "published/mfh6": Setup(MFHartmann(dimensions=6, max_t=100), 1, 300),
    "published/counting-ones": Setup(CountingOnes(categorical=50, continuous=50), 1, 300),
}
"""Those under `published/` are the problems of the trajectories in dehb's repository: z from 1 to 100, and 50 + 50
dimensions with 576/d to 93312/d draws, of which its brackets use 1152/d and more. (With a least z of 3, as in
mf-prior-bench today, the package reaches -3.1 on mfh3 after 60 evaluations, and still improves from 240 to 300.)"""


class Evaluation(NamedTuple):
    """An evaluation: the trial, its config, the resource to which it was trained, and the observed value."""

    trial: str
    config: Config
    resource: int
    value: float


class Spent(Exception):  # noqa: N818 - a signal like StopIteration
    """The budget is spent: stop the method."""


class Recorder:
    """Evaluates configs of a setup and records the evaluations."""

    def __init__(self, setup: Setup, seed: int) -> None:
        self.setup, self.seed = setup, seed
        self.evaluations: list[Evaluation] = []
        self._cost = 0

    def __call__(self, config: Config, fidelity: float) -> float:
        """Return the observed value at a fidelity, which is truncated to an integer resource.

        Raises:
            Spent: If this evaluation exceeds the budget.
        """
        problem = self.setup.problem
        resource = int(fidelity + 1e-6)
        self._cost += resource
        if self.setup.evaluations is None:
            spent = self._cost > TIMES * problem.max_t
        else:
            spent = len(self.evaluations) >= self.setup.evaluations
        if spent:
            raise Spent
        value = float(problem.values(config, self.seed)[resource - 1])
        self.evaluations.append(Evaluation(str(len(self.evaluations)), config, resource, value))
        return value


def trajectory(
    problem: SyntheticFunction, evaluations: Sequence[Evaluation], accounting: Accounting = "restart"
) -> list[tuple[int, float]]:
    """Return the steps of the incumbent's regret, (cost so far, regret), within the budget."""
    steps: list[tuple[int, float]] = []
    reached: dict[str, int] = {}
    cost, best = 0, float("inf")
    for trial, config, resource, value in evaluations:
        cost += resource - (reached.get(trial, 0) if accounting == "resume" else 0)
        reached[trial] = resource
        if cost > TIMES * problem.max_t:
            break
        if resource == problem.max_t and value < best:
            best = value
            steps.append((cost, problem.regret(config)))
    return steps


def at(steps: Sequence[tuple[int, float]], cost: float) -> float | None:
    """Return the regret once `cost` is spent, or None before the first evaluation at R."""
    before = [regret for spent, regret in steps if spent <= cost]
    return before[-1] if before else None


def summary(problem: SyntheticFunction, evaluations: Sequence[Evaluation]) -> dict[str, Any]:
    """Summarize a run: regrets at the marks and trajectories with both kinds of accounting, and counts."""
    restart, resume = (trajectory(problem, evaluations, how) for how in ("restart", "resume"))
    counts: dict[int, int] = {}
    for evaluation in evaluations:
        counts[evaluation.resource] = counts.get(evaluation.resource, 0) + 1
    published = {"best_seen": best_seen(evaluations)} if len(evaluations) >= COUNTS[-1] else {}
    return {
        **published,
        "regret": {str(mark): at(restart, mark * problem.max_t) for mark in MARKS},
        "regret_resume": {str(mark): at(resume, mark * problem.max_t) for mark in MARKS},
        "trajectory": restart,
        "trajectory_resume": resume,
        "evaluations": {str(resource): counts[resource] for resource in sorted(counts)},
    }


def best_seen(evaluations: Sequence[Evaluation]) -> dict[str, float]:
    """Return the best value at *any* fidelity after `COUNTS` evaluations, as in dehb's published trajectories."""
    return {str(count): min(evaluation.value for evaluation in evaluations[:count]) for count in COUNTS}


def fingerprint(problem: SyntheticFunction) -> str:
    """Return a fingerprint of a problem, which distinguishes results on different versions of it."""
    config = {
        name: kind.values[0] if isinstance(kind, Choice) else (kind.low + kind.high) / 2
        for name, kind in problem.parameters.items()
    }
    return repr([round(float(value), 9) for value in problem.values(config, 0)[[0, 1, 2, -1]]])


def main(run: Callable[[Recorder], None], package: str, about: str | None) -> None:
    """Run a package once, from the command line: problem, seed, and the file for the result."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("problem", choices=SETUPS, help="one of: " + ", ".join(SETUPS), metavar="PROBLEM")
    parser.add_argument("seed", type=int, help="seed of the method and of the problem's noise")
    parser.add_argument("out", type=Path, help="JSON file for the result")
    arguments = parser.parse_args()
    recorder = Recorder(SETUPS[arguments.problem], arguments.seed)
    start = time.process_time()
    run(recorder)
    result = {
        "problem": arguments.problem,
        "seed": arguments.seed,
        "fingerprint": fingerprint(recorder.setup.problem),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in (package, "numpy")}},
        "cpu_seconds": round(time.process_time() - start, 2),
        **summary(recorder.setup.problem, recorder.evaluations),
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    part = arguments.out.with_suffix(".part")
    part.write_text(json.dumps(result))
    part.replace(arguments.out)
