"""How fast studies run on the simulated clock, side by side with Syne Tune's simulator.

    python benchmarks/perf/simulator.py [--growth] [--trials 500] [--epoch-s 30] [--repeats 3]

The study: a synthetic table of 1,000 configs x 50 epochs, 4 workers, 500 trials, random search under ASHA (r = 1,
R = 50, eta = 3). Both look the same table up, in fresh processes that take turns; each runs a small study first to
warm up, and of the repeated figures the median counts. Neither prints while it runs. Times are CPU seconds, so that a
busy machine harms both sides alike; writing our decision log counts, as writing its results does for Syne Tune.

An epoch takes from 30 to 60 virtual seconds, as on the tables of the field. Syne Tune's clock goes on in ticks of 5
virtual seconds and decides after each, so that it is slower where epochs are longer, and where they are as short as
a tick it is faster, but decides late: with epochs of 1 to 2 seconds (`--epoch-s 1`) it trains trials for epochs after
they should have stopped. Ours goes from event to event, and takes the same time for all.

Syne Tune runs in an environment of its own, which is made with venv and pip under `build/envs` when it is first
needed. Where it cannot be made, `speedup_syne` is null and our figures stand alone.

The last line is JSON:
    speedup_syne              our reports per CPU second, divided by Syne Tune's
    growth_20000_over_500     with --growth: our CPU time per report at 20,000 trials, divided by that at 500
    epoch_s                   the least and the most virtual seconds of an epoch
    same_logs                 whether all our runs of one size wrote the same bytes as their decision log
    ours, syne_tune           reports and trials per CPU second, and the figures behind them
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
sys.path.insert(0, str(ROOT))  # so that it finds its own modules from wherever it is started

from benchmarks.references.environments import environment, run_module  # noqa: E402 - after the path is set

SYNE_TUNE = ("syne-tune==0.16.0", "huggingface_hub==2.4.0", "numpy==2.4.6", "pandas==3.1.1")
"""It cannot import its tables without huggingface_hub, though it does not ask for it."""

CONFIGS, EPOCHS, WORKERS, SEED = 1000, 50, 4, 0
LARGE, SMALL = 20_000, 500


def write_table(path: Path, epoch_s: float) -> None:
    """Learning curves that fall at different rates to different levels; epochs take from `epoch_s` to twice that."""
    rng = np.random.default_rng(SEED)
    rate, epochs = rng.random((CONFIGS, 1)), np.arange(1, EPOCHS + 1)
    losses = 1 / (1 + rate * epochs) + 0.3 * (1 - rate) + 0.01 * rng.random((CONFIGS, EPOCHS))
    np.savez(path, losses=losses, seconds=epoch_s * (1 + rng.random(CONFIGS)))


def measure(python: Path, module: str, table: Path, trials: int) -> dict[str, Any]:
    """The figures of one run in a fresh process."""
    done = run_module(python, f"benchmarks.perf.{module}", str(table), str(trials), str(WORKERS), str(SEED))
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def per_second(runs: list[dict[str, Any]], what: str) -> float:
    """The median of reports (or trials) per CPU second."""
    return float(statistics.median(run[what] / run["cpu_s"] for run in runs))


def summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """What the JSON says of one side."""
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
    parser.add_argument("--trials", type=int, default=SMALL, help=f"trials of the side-by-side study ({SMALL})")
    parser.add_argument("--epoch-s", type=float, default=30, help="virtual seconds of the fastest config's epoch (30)")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each side, of which the median counts (3)")
    arguments = parser.parse_args()
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
    for name, found in runs.items():
        if found:
            counts = [str(found[0][what]) for what in ("trials", "reports")]
            shown.add_row(name, *counts, *(f"{per_second(found, what):,.0f}" for what in ("reports", "trials")))
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
    print(json.dumps(figures | {name: summary(found) for name, found in runs.items() if found}))


if __name__ == "__main__":
    main()
