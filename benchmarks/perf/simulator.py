"""The speed of studies on the simulated clock compared with Syne Tune's simulator.

    python benchmarks/perf/simulator.py [--growth] [--trials 500] [--epoch-s 30] [--repeats 3] [--studies 100000]

The study: a synthetic table of 1,000 configs x 50 epochs, 4 workers, 500 trials, random search under ASHA (r = 1,
R = 50, eta = 3). Both use the same table, in fresh processes that alternate; each warms up with a small study, and
medians of the repeats count. Neither prints while it runs. Times are CPU seconds, so that a busy machine affects both
sides alike; they include writing our decision log and Syne Tune's results.

An epoch takes from 30 to 60 virtual seconds, as in common tables. Syne Tune's clock advances in ticks of 5 virtual
seconds and decides after each, so it is slower for longer epochs. For epochs as short as a tick it is faster, but
decides late: with epochs of 1 to 2 seconds (`--epoch-s 1`) it trains trials for epochs after they should have stopped.
Ours advances from event to event, at the same speed for all epochs.

With `--studies N [M ...]` it measures instead one whole study of N trials with `rts.tune`: the logs, the tables and the
result included. Memory is the largest resident size of the process, and the part of it that the study added to Ray,
pandas and pyarrow. Since CPUs differ, `loop_ms` says how long a plain loop of 100,000 additions takes on this one.

Syne Tune runs in its own environment, created with venv and pip under `build/envs` on first use. If that fails,
`speedup_syne` is null, and only our figures are shown.

The last line is JSON:
    speedup_syne              our reports per CPU second, divided by Syne Tune's
    growth_20000_over_500     with --growth: our CPU time per report at 20,000 trials, divided by that at 500
    epoch_s                   the least and the most virtual seconds of an epoch
    same_logs                 whether the decision logs of all our runs of one size have the same bytes
    ours, syne_tune           reports and trials per CPU second, and the underlying figures

With `--studies`, for each number of trials (`100k` is 100,000):
    asha_100k_cpu_s           the CPU seconds
    asha_100k_mb              the largest resident size of the process
    asha_100k_added_mb        what the study added to it
    asha_100k_reports         the number of reports
    loop_ms                   the yardstick
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))  # to import `benchmarks` from any working directory

from benchmarks.references.environments import environment, run_module  # noqa: E402 - after the path is set

SYNE_TUNE = ("syne-tune==0.16.0", "huggingface_hub==2.4.0", "numpy==2.4.6", "pandas==3.1.1")
"""Its blackbox repository imports huggingface_hub, which it does not declare as a dependency."""

CONFIGS, EPOCHS, WORKERS, SEED = 1000, 50, 4, 0
LARGE, SMALL = 20_000, 500


def write_table(path: Path, epoch_s: float) -> None:
    """Write learning curves with different rates and final losses; epochs take from `epoch_s` to twice that."""
    rng = np.random.default_rng(SEED)
    rate, epochs = rng.random((CONFIGS, 1)), np.arange(1, EPOCHS + 1)
    losses = 1 / (1 + rate * epochs) + 0.3 * (1 - rate) + 0.01 * rng.random((CONFIGS, EPOCHS))
    np.savez(path, losses=losses, seconds=epoch_s * (1 + rng.random(CONFIGS)))


def measure(python: Path, module: str, table: Path, trials: int) -> dict[str, Any]:
    """Return the figures of one run in a fresh process."""
    done = run_module(python, f"benchmarks.perf.{module}", str(table), str(trials), str(WORKERS), str(SEED))
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def measure_studies(table: Path, sizes: list[int]) -> dict[str, Any]:
    """Return the figures of whole studies, each in a fresh process."""
    figures: dict[str, Any] = {}
    for trials in sizes:
        run = measure(Path(sys.executable), "simulator_study", table, trials)
        size = f"{trials // 1000}k" if trials % 1000 == 0 else str(trials)
        figures |= {f"asha_{size}_{name}": run[name] for name in ("cpu_s", "mb", "added_mb", "reports")}
        figures["loop_ms"] = run["loop_ms"]
    return figures


def per_second(runs: list[dict[str, Any]], what: str) -> float:
    """Return the median of reports (or trials) per CPU second."""
    return float(statistics.median(run[what] / run["cpu_s"] for run in runs))


def summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Summarize one side for the JSON output."""
    return {
        "reports_per_cpu_s": round(per_second(runs, "reports")),
        "trials_per_cpu_s": round(per_second(runs, "trials")),
        "reports": runs[0]["reports"],
        "trials": runs[0]["trials"],
        "cpu_s": [round(run["cpu_s"], 3) for run in runs],
    }


def main() -> None:
    """Measure, and print a table and a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--growth", action="store_true", help=f"also run {LARGE:,} trials of ours against {SMALL}")
    parser.add_argument("--trials", type=int, default=SMALL, help=f"trials of the compared study ({SMALL})")
    parser.add_argument("--epoch-s", type=float, default=30, help="virtual seconds of the fastest config's epoch (30)")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each side; the median counts (3)")
    parser.add_argument("--studies", type=int, nargs="+", help="measure whole studies of these numbers of trials")
    arguments = parser.parse_args()
    if arguments.studies:
        with tempfile.TemporaryDirectory() as folder:
            table = Path(folder, "table.npz")
            write_table(table, arguments.epoch_s)
            print(json.dumps(measure_studies(table, arguments.studies)))
        return
    own, peer = Path(sys.executable), environment("syne-tune", SYNE_TUNE)
    runs: dict[str, list[dict[str, Any]]] = {"ours": [], "syne_tune": [], "small": [], "large": []}
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder, "table.npz")
        write_table(table, arguments.epoch_s)
        for _ in range(arguments.repeats):
            runs["ours"].append(measure(own, "simulator_ours", table, arguments.trials))
            if peer is not None:
                runs["syne_tune"].append(measure(peer, "simulator_syne_tune", table, arguments.trials))
            if arguments.growth:
                runs["small"].append(measure(own, "simulator_ours", table, SMALL))
                runs["large"].append(measure(own, "simulator_ours", table, LARGE))
    shown = Table(title=f"{CONFIGS} configs x {EPOCHS} epochs, {WORKERS} workers, ASHA, {os.cpu_count()} cores")
    for column in ("", "trials", "reports", "reports per CPU s", "trials per CPU s"):
        shown.add_column(column, justify="left" if not column else "right")
    for name, repeats in runs.items():
        if repeats:
            counts = [str(repeats[0][what]) for what in ("trials", "reports")]
            shown.add_row(name, *counts, *(f"{per_second(repeats, what):,.0f}" for what in ("reports", "trials")))
    Console().print(shown)
    figures: dict[str, Any] = {"speedup_syne": None}
    if peer is not None:
        figures["speedup_syne"] = round(
            per_second(runs["ours"], "reports") / per_second(runs["syne_tune"], "reports"), 2
        )
    if arguments.growth:
        growth = per_second(runs["small"], "reports") / per_second(runs["large"], "reports")
        figures[f"growth_{LARGE}_over_{SMALL}"] = round(growth, 3)
    figures["same_logs"] = all(len({run["log"] for run in runs[side]}) <= 1 for side in ("ours", "small", "large"))
    figures["epoch_s"] = [arguments.epoch_s, 2 * arguments.epoch_s]
    print(json.dumps(figures | {name: summary(repeats) for name, repeats in runs.items() if repeats}))


if __name__ == "__main__":
    main()
