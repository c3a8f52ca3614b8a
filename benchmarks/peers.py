"""Compare methods of this package with optimizers of others, on the same workloads, budgets, seeds and costs.

    python benchmarks/peers.py [--seeds 2] [--budget 50] [--methods auto asha] [--peers optuna-tpe-hyperband]
        [--workloads synthetic/mfh3 yahpo/lcbench/7593] [--every 2] [--out build/peers] [--write]

Each peer runs in its own process and environment, which is created on first use (see `references/environments.py`;
peers whose environment cannot be created are left out with a message). It asks for one report of one trial after
another (`peer_runners/protocol.py`), so that both sides train one trial at a time, spend one unit of resource per
report, and resume what they pause. The incumbents of both are chosen by the same rule, from the metric on the tuning
seeds, and are judged without noise or on the test seeds. A crash counts as the worst loss.

The figures are mean normalized regrets after 10, 20 and 50 full trainings, with 95 % bootstrap intervals over
workloads and seeds. `auto` depends on the budget, so it runs three studies, with budgets of 10, 20 and 50; the others
do not know the budget, so that one run with the largest has their results for the smaller ones, too. Finished runs are
kept under `--out`, so that a killed comparison can be repeated; `--write` also replaces the tables in
`benchmarks/results/peers.md`.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # to import `benchmarks` from any working directory

import raytune_suite as rts  # noqa: E402 - after the path is set
from benchmarks.peer_tables import run_key, study_budgets, tables, write  # noqa: E402
from benchmarks.references.environments import REFERENCES, environment  # noqa: E402
from raytune_suite.bench.run import exact_regret, normalized_regret  # noqa: E402
from raytune_suite.engines.callbacks.reports import Report, incumbents  # noqa: E402
from raytune_suite.engines.seed_averaging import mean_curve  # noqa: E402
from raytune_suite.errors import DataError  # noqa: E402
from raytune_suite.spaces import Space  # noqa: E402
from raytune_suite.types import Stage, as_loss, split_config  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raytune_suite.spaces import Parameter
    from raytune_suite.types import Config, Curve
    from raytune_suite.workloads import Workload

MARKS = (5, 10, 20, 30, 50)
"""The full trainings after which incumbents are judged."""

Regrets: TypeAlias = dict[str, float]
"""The normalized regret at each mark."""

SYNE_TUNE = (
    "syne-tune==0.16.0",
    "huggingface_hub==2.4.0",
    "numpy==2.4.6",
    "pandas==3.1.1",
    "scikit-learn==1.9.1",
    "statsmodels==0.15.0",
    "xgboost==3.2.0",
)
OPTUNA = ("optuna==5.0.0", "numpy==2.4.6")
TORCH = ("torch==2.13.0", "scipy==1.17.1")
SMAC = ("smac==2.4.1", "ConfigSpace==1.2.2", "numpy==2.4.6", "scipy==1.17.1", "scikit-learn==1.9.1")


class Peer(NamedTuple):
    """How a peer is run."""

    environment: str
    requirements: tuple[str, ...]
    module: str
    variant: str


PEERS = {
    "optuna-tpe-hyperband": Peer("optuna", OPTUNA, "run_optuna", "tpe-hyperband"),
    "optuna-gp": Peer("optuna-gp", (*OPTUNA, *TORCH), "run_optuna", "gp"),
    "hpbandster-bohb": Peer("hpbandster", REFERENCES["hpbandster"], "run_hpbandster", ""),
    "dehb": Peer("dehb", REFERENCES["dehb"], "run_dehb", ""),
    "smac-multi-fidelity": Peer("smac", SMAC, "run_smac", ""),
    "syne-tune-asha": Peer("syne-tune-peers", SYNE_TUNE, "run_syne_tune", "asha"),
    "syne-tune-asha-cqr": Peer("syne-tune-peers", SYNE_TUNE, "run_syne_tune", "asha-cqr"),
    "syne-tune-asha-kde": Peer("syne-tune-peers", SYNE_TUNE, "run_syne_tune", "asha-kde"),
}

SLOW = ("syne-tune-asha-cqr",)
"""Peers that run only if they are named: minutes of CPU per run."""

METHODS: dict[str, tuple[str, dict[str, Any]]] = {
    "auto": ("auto", {}),
    "mfes+asha": ("mfes+asha", {}),
    "kde+asha": ("kde+asha", {}),
    "asha": ("asha", {}),
    "random": ("random", {}),
    "mfes+async-hyperband, 1 bracket": ("mfes+async-hyperband", {"brackets": 1}),
}
"""Methods of this package with their arguments."""

WORKLOADS = (
    *(f"synthetic/{name}" for name in ("mfh3", "mfh3-terrible", "mfh6", "counting-ones", "branin", "currin")),
    *(f"arlbench/{name}" for name in ("box2d_lunar_lander_dqn", "brax_hopper_sac", "cc_acrobot_dqn")),
    *(f"arlbench/{name}" for name in ("cc_cartpole_ppo", "cc_pendulum_sac", "minigrid_empty_random_ppo")),
    *(f"yahpo/lcbench/{name}" for name in (3945, 7593, 34539, 126026, 146212, 167104)),
    "taskset/FixedTextRNNClassification_imdb_patch128_LSTM128_bs64",
    "taskset/FixedTextRNNClassification_imdb_patch32_GRU128_bs128",
    "table/digits-mlp",
)


def described(parameter: Parameter) -> dict[str, Any]:
    """Return a parameter as the protocol of the peers describes it."""
    condition = parameter.condition
    return {
        "name": parameter.name,
        "kind": parameter.kind,
        "lower": parameter.lower,
        "upper": parameter.upper,
        "log": parameter.log,
        "step": parameter.q,
        "parent": None if condition is None else condition.parent,
        "options": [] if condition is None else condition.options,
    }


class Accounts:
    """Answers the requests of a peer, and keeps its reports and what it has spent."""

    def __init__(self, workload: Workload, budget: float) -> None:
        assert workload.curve is not None  # noqa: S101 - checked before
        self._workload, self._space, self._limit = workload, Space(workload.space), budget * workload.max_t
        self._curve = mean_curve(workload.curve, workload.tuning_seeds)
        self._curves: dict[int, Curve] = {}
        self._spent = 0
        self.reports: list[Report] = []
        self.configs: dict[int, Config] = {}

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Train one unit of resource, and return the loss."""
        if self._spent >= self._limit:
            return {"end": True}
        trial, resource = request["trial"], request["resource"]
        if trial not in self.configs:
            config = self.configs[trial] = self._space.unflatten(request["values"])
            self._curves[trial] = self._curve(config, 0)
        curve = self._curves[trial]
        value = float(curve.metrics[self._workload.metric][resource - 1])
        self._spent += 1
        complete = resource >= self._workload.max_t
        self.reports.append(Report(trial, resource, value, float(self._spent), float(self._spent), complete))
        loss = as_loss(value, self._workload.mode)
        return {"loss": loss if math.isfinite(loss) else None}


def run_peer(peer: Peer, python: Path, workload: Workload, seed: int, budget: float) -> Regrets:
    """Run a peer; returns its regret at each mark.

    Raises:
        RuntimeError: If it fails.
    """
    accounts, parameters = Accounts(workload, budget), Space(workload.space).parameters
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(  # noqa: S603 - our own program
            [str(python), "-W", "ignore", "-m", f"benchmarks.peer_runners.{peer.module}", peer.variant],
            cwd=ROOT,
            env={**os.environ, **threads, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        assert process.stdin is not None  # noqa: S101 - it is a pipe
        assert process.stdout is not None  # noqa: S101 - as above
        study = {"max_t": workload.max_t, "seed": seed, "parameters": [described(one) for one in parameters]}
        print(json.dumps(study), file=process.stdin, flush=True)
        for line in process.stdout:
            if line.startswith('{"trial"'):  # a package may print
                print(json.dumps(accounts.answer(json.loads(line))), file=process.stdin, flush=True)
        if process.wait():
            errors.seek(0)
            raise RuntimeError(errors.read()[-1500:])
    changes = incumbents(accounts.reports, workload.mode)
    return regrets_at(workload, changes, accounts.configs, budget)


def run_own(label: str, workload: Workload, seed: int, budget: float) -> Regrets:
    """Run a method of this package with one worker; returns its regret at each mark."""
    method, arguments = METHODS[label]
    with tempfile.TemporaryDirectory() as folder:
        result = rts.tune(
            workload=workload,
            method=method,
            method_args=arguments,
            budget=budget,
            seed=seed,
            test_seeds=[],
            engine=rts.Simulation(workers=1),
            storage_path=folder,
            progress=False,
        )
    changes = [Report(*row) for row in result.incumbent.itertuples(index=False, name=None)]
    configs = {
        report.trial: split_config(lineage[-1].config).hyperparameters
        for report, lineage in zip(changes, result.lineages, strict=True)
    }
    return regrets_at(workload, changes, configs, budget)


def judged(workload: Workload, changes: Sequence[Report], mark: float, configs: dict[int, Config]) -> float:
    """Return the normalized regret, at most 1, of the incumbent after so many full trainings."""
    before = [report for report in changes if report.cost <= mark * workload.max_t]
    if not before:
        return 1.0
    config = configs[before[-1].trial]
    if workload.exact is not None:
        regret = exact_regret(workload, [Stage(0, config)])
    elif workload.test_seeds and workload.curve is not None:
        curves = [workload.curve(config, seed) for seed in workload.test_seeds]
        regret = normalized_regret(workload, float(np.mean([curve.metrics[workload.metric][-1] for curve in curves])))
    else:
        regret = normalized_regret(workload, before[-1].value)
    return min(regret, 1.0) if math.isfinite(regret) else 1.0


def regrets_at(workload: Workload, changes: Sequence[Report], configs: dict[int, Config], budget: float) -> Regrets:
    """Return the regret of the incumbent at each mark within the budget."""
    return {str(mark): judged(workload, changes, mark, configs) for mark in MARKS if mark <= budget}


def cpu_seconds() -> float:
    """Return the CPU seconds of this process and of the children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def carried_out(options: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    """Carry out the missing runs; returns all runs by their keys, and the workloads whose data are available.

    All optimizers complete a seed before the next one begins, so that a comparison that is killed is balanced.
    """
    options.out.mkdir(parents=True, exist_ok=True)
    store = options.out / "runs.jsonl"
    lines = store.read_text().splitlines() if store.exists() else []
    runs = {run["key"]: run for run in map(json.loads, lines)}
    pythons = {name: environment(PEERS[name].environment, PEERS[name].requirements) for name in options.peers}
    workloads = {}
    for name in options.workloads[:: options.every]:
        try:
            workloads[name] = rts.workload(name)
        except DataError as error:
            print(f"left out: {error}", file=sys.stderr)
    labels = [*options.methods, *(peer for peer, python in pythons.items() if python is not None)]
    studies = [
        (label, own) for label in labels for own in sorted({*study_budgets(label, options.budget), options.budget})
    ]
    for seed, (name, workload), (label, budget) in itertools.product(range(options.seeds), workloads.items(), studies):
        key = run_key(label, name, seed, budget)
        if key in runs:
            continue
        began, python = cpu_seconds(), pythons.get(label)
        if python is None:
            regrets = run_own(label, workload, seed, budget)
        else:
            regrets = run_peer(PEERS[label], python, workload, seed, budget)
        runs[key] = {"key": key, "label": label, "regrets": regrets, "seconds": cpu_seconds() - began}
        with store.open("a") as file:
            print(json.dumps(runs[key]), file=file)
    return runs, list(workloads)


def main() -> None:
    """Carry out the missing runs, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--budget", type=float, default=50)
    parser.add_argument("--methods", nargs="*", choices=METHODS, default=list(METHODS))
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=[name for name in PEERS if name not in SLOW])
    parser.add_argument("--workloads", nargs="*", default=WORKLOADS)
    parser.add_argument("--every", type=int, default=1, help="take only every N-th workload, beginning with the first")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "peers")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    runs, workloads = carried_out(options)
    text = "\n".join(tables(runs, workloads, options.seeds, options.budget))
    print(text)
    if options.write:
        write(ROOT / "benchmarks" / "results" / "peers.md", text)


if __name__ == "__main__":
    main()
