"""Compare our BOHB and DEHB with the reference packages, on the same problems, budgets, seeds and cost accounting.

    python benchmarks/reference_parity.py [--seeds 20] [--own-seeds 60] [--problems mfh3 counting-ones] [--jobs 2]

Runs hpbandster's BOHB and dehb 0.1.2, each in its own environment created on first use (see
`references/environments.py`; skipped with a message if that fails), and ours in virtual time, with one worker each,
r = 1, R = 81, eta = 3, until 100 x R is spent. The metric is the regret without noise of the incumbent: the config with
the best observed value at R. Every evaluation costs its full resource, since the references train from scratch at each
rung; our results with resumed promotions are shown as well. The problems under `published/` are those of the
trajectories published by dehb's authors: the best value at any fidelity after 60 to 300 evaluations.

"within" means that our mean is in the 95 % interval (Student's t) of the reference's mean, "better" that it is below,
"worse" that it is above. The verdict refers to the end of the budget, and lists earlier marks that are worse.

Finished runs are stored under `build/parity`, so a killed comparison can be resumed; ours are repeated when the package
changes. A run of hpbandster takes 15 to 60 seconds, the others a few. The results are written to
`benchmarks/results/reference_parity.json` and `.md`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import platform
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # to import `benchmarks` from any working directory

from benchmarks.references.environments import REFERENCES, reference, run_module  # noqa: E402 - after the path is set
from benchmarks.references.recorder import (  # noqa: E402
    SETUPS,
    TIMES,
    Evaluation,
    Setup,
    fingerprint,
    summary,
)
from benchmarks.references.tables import PUBLISHED, add_verdicts, any_worse, published_row, report, row  # noqa: E402

RUNS = ROOT / "build" / "parity"
RESULTS = ROOT / "benchmarks" / "results"

PACKAGES = {"bohb": "hpbandster", "dehb": "dehb"}
"""The reference package of each method."""


class Job(NamedTuple):
    """One run: a method, its implementation ("ours" or a package), a problem and a seed."""

    method: str
    side: str
    problem: str
    seed: int

    @property
    def path(self) -> Path:
        """The file of its result."""
        folder = f"ours-{self.method}" if self.side == "ours" else self.side
        return RUNS / folder / self.problem.replace("/", "-") / f"{self.seed}.json"

    def stored_result(self, digest: str) -> dict[str, Any] | None:
        """Return its result if it is stored and up to date; `digest` is that of our sources."""
        if not self.path.exists():
            return None
        result: dict[str, Any] = json.loads(self.path.read_text())
        same_problem = result["fingerprint"] == fingerprint(SETUPS[self.problem].problem)
        same_sources = result.get("sources") == (digest if self.side == "ours" else None)
        return result if same_problem and same_sources else None


def source_digest() -> str:
    """Return a digest of all code that can change our results."""
    digest = hashlib.sha256()
    package = ROOT / "raytune_suite"
    for folder in ("searchers", "schedulers", "models", "engines", "spaces", "workloads"):
        for path in sorted((package / folder).rglob("*.py")):
            digest.update(path.read_bytes())
    for path in (package / "rungs.py", package / "methods.py", Path(__file__)):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def run_ours(method: str, setup: Setup, seed: int) -> list[Evaluation]:
    """Run our method on a problem in virtual time with one worker; return the evaluations in order.

    The brackets have the sizes of the references, so that all implementations have the same rungs.

    The budget is spent on resumed trainings. Training from scratch would cost at least as much, so that the run is long
    enough for both kinds of accounting.
    """
    from raytune_suite.engines.callbacks.budget import StudyStopper
    from raytune_suite.engines.simulated import simulate as simulated
    from raytune_suite.engines.simulated.evaluators import CurveEvaluator
    from raytune_suite.methods import make_method
    from raytune_suite.workloads.synthetic.function_workloads import synthetic

    problem = setup.problem
    workload = synthetic(problem, "a problem of the comparison")
    arguments: dict[str, Any] = {"sizes": "hpbandster"} | ({"resume": True} if method == "dehb" else {})
    pair = make_method(
        method,
        workload.space,
        metric=workload.metric,
        mode=workload.mode,
        max_t=problem.max_t,
        max_concurrent=1,
        seed=seed,
        min_t=setup.min_t,
        **arguments,
    )
    outcome = simulated.simulate(
        CurveEvaluator(lambda config: problem.curve(config, seed)),
        searcher=pair.searcher,
        scheduler=pair.scheduler,
        metric=workload.metric,
        mode=workload.mode,
        num_samples=-1,
        stopper=StudyStopper(TIMES * problem.max_t, metric=workload.metric, time_attr=workload.time_attr),
        workers=1,
    )
    at_rungs = [row for row in outcome.decisions.rows if row.decision != "CONTINUE"]
    evaluations = [Evaluation(str(row.trial), json.loads(row.config), int(row.resource), row.value) for row in at_rungs]
    return evaluations[: setup.evaluations]


def compute(digest: str, job: Job) -> None:
    """Execute a run and store its result; `digest` is that of our sources at the start of the comparison."""
    if job.side != "ours":
        python = reference(job.side)
        if python is not None:
            run_module(python, f"benchmarks.references.run_{job.side}", job.problem, str(job.seed), str(job.path))
        return
    setup = SETUPS[job.problem]
    result = {
        "problem": job.problem,
        "seed": job.seed,
        "fingerprint": fingerprint(setup.problem),
        "sources": digest,
        **summary(setup.problem, run_ours(job.method, setup, job.seed)),
    }
    job.path.parent.mkdir(parents=True, exist_ok=True)
    part = job.path.with_suffix(".part")
    part.write_text(json.dumps(result))
    part.replace(job.path)


def commit() -> str:
    """Return the commit of this repository, with a plus if the package has uncommitted changes."""

    def git(*arguments: str) -> str:
        command = ["git", *arguments]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - no user input
        return done.stdout.strip()

    return git("rev-parse", "--short=10", "HEAD") + ("+" if git("status", "--porcelain", "raytune_suite") else "")


def all_jobs(problems: list[str], methods: list[str], seeds: int, own_seeds: int) -> list[Job]:
    """Return all runs, one seed after the other, so that a killed comparison has results on all problems."""
    return [
        Job(method, side, problem, seed)
        for seed in range(max(seeds, own_seeds))
        for method in methods
        for side in ("ours", PACKAGES[method])
        for problem in problems
        if (method == "dehb" or problem not in PUBLISHED) and seed < (own_seeds if side == "ours" else seeds)
    ]


def main() -> int:
    """Execute the missing runs, write the results and print the table; return 1 if ours is worse than a reference."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20, metavar="N", help="seeds 0 to N - 1 (20); at least 2")
    parser.add_argument(
        "--own-seeds", type=int, default=60, metavar="N", help="our seeds (60): cheap, so the mean is more precise"
    )
    parser.add_argument(
        "--problems", nargs="+", choices=SETUPS, default=list(SETUPS), help="problems (all)", metavar="PROBLEM"
    )
    parser.add_argument("--methods", nargs="+", choices=PACKAGES, default=list(PACKAGES), help="methods (bohb dehb)")
    parser.add_argument("--jobs", type=int, default=2, help="runs at once (2)")
    parser.add_argument("--cached", action="store_true", help="run no reference, and use stored results only")
    arguments = parser.parse_args()
    digest = source_digest()
    available = {method for method in arguments.methods if reference(PACKAGES[method]) is not None}
    jobs = [
        job
        for job in all_jobs(arguments.problems, arguments.methods, arguments.seeds, arguments.own_seeds)
        if job.side == "ours" or job.method in available
    ]
    missing = [
        job for job in jobs if job.stored_result(digest) is None and not (arguments.cached and job.side != "ours")
    ]
    os.environ["OMP_NUM_THREADS"] = "1"
    with ProcessPoolExecutor(arguments.jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        for number, (job, _) in enumerate(zip(missing, pool.map(partial(compute, digest), missing), strict=True), 1):
            print(f"{number}/{len(missing)} {job.side} {job.method} {job.problem} seed {job.seed}", file=sys.stderr)
    groups: dict[Job, list[dict[str, Any]]] = {}
    for job in jobs:
        result = job.stored_result(digest)
        if result is not None:
            groups.setdefault(job._replace(seed=0), []).append(result)
    order = list(SETUPS)
    ordered = sorted(groups, key=lambda job: (order.index(job.problem), job.method, job.side == "ours"))
    rows = [row(job.problem, job.method, job.side, groups[job]) for job in ordered if len(groups[job]) > 1]
    rows += [published_row(problem) for problem in arguments.problems if problem in PUBLISHED]
    rows.sort(key=lambda one: (order.index(one["problem"]), one["method"], one["side"] == "ours"))
    add_verdicts(rows)
    versions: dict[str, Any] = {"raytune_suite": f"{version('raytune-suite')} ({commit()})"}
    versions |= {
        requirement.partition("==")[0]: requirement.partition("==")[2]
        for requirement in (REFERENCES["hpbandster"][0], REFERENCES["dehb"][0])
    }
    versions |= {"ray": version("ray"), "numpy": version("numpy"), "python": platform.python_version()}
    text = report(rows, versions, arguments.seeds, arguments.own_seeds)
    RESULTS.mkdir(exist_ok=True)
    results = {
        "seeds": {"reference": list(range(arguments.seeds)), "ours": list(range(arguments.own_seeds))},
        "budget": f"{TIMES} x R",
        "min_t": 1,
        "max_t": 81,
        "eta": 3,
        "versions": versions,
        "environments": {PACKAGES[method]: REFERENCES[PACKAGES[method]] for method in arguments.methods},
        "rows": rows,
    }
    (RESULTS / "reference_parity.json").write_text(json.dumps(results, indent=1) + "\n")
    (RESULTS / "reference_parity.md").write_text(text)
    print(text)
    return int(any_worse(rows))


if __name__ == "__main__":
    sys.exit(main())
