"""Our BOHB and DEHB against the reference packages: same problems, budgets, seeds, and one way to count.

    python benchmarks/reference_parity.py [--seeds 20] [--own-seeds 60] [--problems mfh3 counting-ones] [--jobs 2]

Runs hpbandster's BOHB and dehb 0.1.2, each in an environment of its own that is made on first use (see
`references/environments.py`; skipped with a message where that fails), and ours in virtual time, one worker each,
r = 1, R = 81, eta = 3, until 100 x R is spent. Compared is the regret without noise of the incumbent: the config with
the best observed value at R. Every evaluation costs its full resource, since the references train from scratch at each
rung; what ours reaches when promotions resume is shown beside it. The problems under `published/` are those of the
trajectories that dehb's authors publish: the best value at any fidelity after 60 to 300 evaluations.

"within" means that our mean lies in the 95 % interval (Student's t) of the reference's mean, "better" that it is below,
"worse" that it is above. It is said of the end of the budget, and of earlier marks where they are worse.

Finished runs are kept under `build/parity`, so a killed comparison goes on where it stopped; ours are done again when
the package has changed. A run of hpbandster takes 15 to 60 seconds, the others a few. The results are written to
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
sys.path.insert(0, str(ROOT))  # so that it finds its own modules from wherever it is started

from benchmarks.references.environments import REFERENCES, reference, run_module  # noqa: E402 - after the path is set
from benchmarks.references.recorder import (  # noqa: E402
    SETUPS,
    TIMES,
    Evaluation,
    Setup,
    fingerprint,
    summary,
)
from benchmarks.references.tables import PUBLISHED, bad, judge, published_row, report, row  # noqa: E402

RUNS = ROOT / "build" / "parity"
RESULTS = ROOT / "benchmarks" / "results"

PACKAGES = {"bohb": "hpbandster", "dehb": "dehb"}
"""The reference of each method."""


class Job(NamedTuple):
    """One run: a method, who does it ("ours" or a package), a problem and a seed."""

    method: str
    side: str
    problem: str
    seed: int

    @property
    def path(self) -> Path:
        """Where its result is kept."""
        folder = f"ours-{self.method}" if self.side == "ours" else self.side
        return RUNS / folder / self.problem.replace("/", "-") / f"{self.seed}.json"

    def known(self, digest: str) -> dict[str, Any] | None:
        """Its result, if it is there and still holds; `digest` is that of our sources."""
        if not self.path.exists():
            return None
        result: dict[str, Any] = json.loads(self.path.read_text())
        holds = result["fingerprint"] == fingerprint(SETUPS[self.problem].problem)
        return result if holds and result.get("sources") == (digest if self.side == "ours" else None) else None


def sources() -> str:
    """A digest of all that can change what ours does."""
    digest = hashlib.sha256()
    package = ROOT / "raytune_suite"
    for folder in ("searchers", "schedulers", "execution", "spaces", "workloads"):
        for path in sorted((package / folder).glob("*.py")):
            digest.update(path.read_bytes())
    for path in (package / "rungs.py", package / "methods.py", Path(__file__)):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def run_ours(method: str, setup: Setup, seed: int) -> list[Evaluation]:
    """Our method on a problem in virtual time with one worker; what was evaluated, in order.

    The brackets have the references' sizes, so that all have the same rungs for their budget.

    The budget is what the trainings really take, with promotions resumed. That is never more than if each evaluation
    were from scratch, so that both accountings find their 100 x R in it.
    """
    from raytune_suite.engines.callbacks.budget import StudyStopper
    from raytune_suite.engines.simulated import engine
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
    outcome = engine.simulate(
        CurveEvaluator(lambda config: problem.curve(config, seed)),
        searcher=pair.searcher,
        scheduler=pair.scheduler,
        metric=workload.metric,
        mode=workload.mode,
        num_samples=-1,
        stopper=StudyStopper(TIMES * problem.max_t, metric=workload.metric, time_attr=workload.time_attr),
        workers=1,
    )
    rows = [row for row in outcome.decisions.rows if row.decision != "CONTINUE"]  # a rung is reached
    made = [Evaluation(str(row.trial), json.loads(row.config), int(row.resource), row.value) for row in rows]
    return made[: setup.evaluations]


def compute(digest: str, job: Job) -> None:
    """Do a run and keep its result; `digest` is that of our sources when the comparison began."""
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
    """The commit of this repository, with a plus where the package differs from it."""

    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603, S607 - our own words
        return done.stdout.strip()

    return git("rev-parse", "--short=10", "HEAD") + ("+" if git("status", "--porcelain", "raytune_suite") else "")


def wanted(problems: list[str], methods: list[str], seeds: int, own_seeds: int) -> list[Job]:
    """All runs, of all seeds one after the other, so that a killed comparison has all problems."""
    return [
        Job(method, side, problem, seed)
        for seed in range(max(seeds, own_seeds))
        for method in methods
        for side in ("ours", PACKAGES[method])
        for problem in problems
        if (method == "dehb" or problem not in PUBLISHED) and seed < (own_seeds if side == "ours" else seeds)
    ]


def main() -> int:
    """Run what is missing, write the results and print the table; 1 if a verdict is bad."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20, metavar="N", help="seeds 0 to N - 1 (20); at least 2")
    parser.add_argument(
        "--own-seeds", type=int, default=60, metavar="N", help="seeds of ours (60): cheap, and so a sharper mean"
    )
    parser.add_argument("--problems", nargs="+", choices=SETUPS, default=list(SETUPS), help="all", metavar="PROBLEM")
    parser.add_argument("--methods", nargs="+", choices=PACKAGES, default=list(PACKAGES), help="bohb dehb")
    parser.add_argument("--jobs", type=int, default=2, help="runs at once (2)")
    parser.add_argument("--cached", action="store_true", help="run no reference: take what finished runs there are")
    arguments = parser.parse_args()
    digest = sources()
    here = {method for method in arguments.methods if reference(PACKAGES[method]) is not None}
    jobs = [
        job
        for job in wanted(arguments.problems, arguments.methods, arguments.seeds, arguments.own_seeds)
        if job.side == "ours" or job.method in here
    ]
    missing = [job for job in jobs if job.known(digest) is None and not (arguments.cached and job.side != "ours")]
    os.environ["OMP_NUM_THREADS"] = "1"
    with ProcessPoolExecutor(arguments.jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        for number, (job, _) in enumerate(zip(missing, pool.map(partial(compute, digest), missing), strict=True), 1):
            print(f"{number}/{len(missing)} {job.side} {job.method} {job.problem} seed {job.seed}", file=sys.stderr)
    groups: dict[Job, list[dict[str, Any]]] = {}
    for job in jobs:
        known = job.known(digest)
        if known is not None:
            groups.setdefault(job._replace(seed=0), []).append(known)
    order = list(SETUPS)
    ordered = sorted(groups, key=lambda job: (order.index(job.problem), job.method, job.side == "ours"))
    rows = [row(job.problem, job.method, job.side, groups[job]) for job in ordered if len(groups[job]) > 1]
    rows += [published_row(problem) for problem in arguments.problems if problem in PUBLISHED]
    rows.sort(key=lambda made: (order.index(made["problem"]), made["method"], made["side"] == "ours"))
    judge(rows)
    versions: dict[str, Any] = {"raytune_suite": f"{version('raytune-suite')} ({commit()})"}
    versions |= {
        requirement.partition("==")[0]: requirement.partition("==")[2]
        for requirement in (REFERENCES["hpbandster"][0], REFERENCES["dehb"][0])
    }
    versions |= {"ray": version("ray"), "numpy": version("numpy"), "python": platform.python_version()}
    text = report(rows, versions, arguments.seeds, arguments.own_seeds)
    RESULTS.mkdir(exist_ok=True)
    frozen = {
        "seeds": {"reference": list(range(arguments.seeds)), "ours": list(range(arguments.own_seeds))},
        "budget": f"{TIMES} x R",
        "min_t": 1,
        "max_t": 81,
        "eta": 3,
        "versions": versions,
        "environments": {PACKAGES[method]: REFERENCES[PACKAGES[method]] for method in arguments.methods},
        "rows": rows,
    }
    (RESULTS / "reference_parity.json").write_text(json.dumps(frozen, indent=1) + "\n")
    (RESULTS / "reference_parity.md").write_text(text)
    print(text)
    return int(bad(rows))


if __name__ == "__main__":
    sys.exit(main())
