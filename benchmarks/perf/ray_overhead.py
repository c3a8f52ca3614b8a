"""What a trial costs beside its training: bare Ray Tune with its defaults against `rts.tune`, side by side.

    python benchmarks/perf/ray_overhead.py [--trials 32] [--reports 9] [--no-growth]

Each trial is a function that reports a few numbers and computes nothing, so that all of the time is overhead. Both
sides have the same space and random search, and a Ray of their own: ours as `rts.tune` starts it, the other with
Ray's defaults, both up for a few seconds before the clock starts. What the start took is shown, and `speedup_N_cold`
counts it in. The growth compares our seconds per trial in a study of 1024 trials with one of 64.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import tempfile
import time
from typing import TYPE_CHECKING, Any

import ray
from ray import tune
from rich.console import Console
from rich.table import Table

import raytune_suite as rts
from raytune_suite.engines.ray.engine import connect

if TYPE_CHECKING:
    from collections.abc import Callable

SETTLE_S = 5.0
"""Seconds that Ray is left alone after its start, so that neither side pays for processes that still start."""

SPACE = {"x": tune.uniform(0, 1), "y": tune.loguniform(1e-4, 1)}


def make_trainable(reports: int) -> Any:
    """A function that reports so many numbers."""

    def train(config: dict[str, Any]) -> None:
        for step in range(reports):
            tune.report({"loss": config["x"] + 1 / (step + 1)})

    return train


def bare(trials: int, reports: int) -> float:
    """Seconds that Ray Tune takes with its defaults."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        tune.Tuner(
            make_trainable(reports),
            param_space=SPACE,
            tune_config=tune.TuneConfig(metric="loss", mode="min", num_samples=trials),
            run_config=tune.RunConfig(storage_path=folder, verbose=0),
        ).fit()
        return time.perf_counter() - start


def ours(trials: int, reports: int) -> float:
    """Seconds that `rts.tune` takes."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        rts.tune(
            make_trainable(reports),
            SPACE,
            method="random",
            metric="loss",
            mode="min",
            num_samples=trials,
            storage_path=folder,
            progress=False,
        )
        return time.perf_counter() - start


def started(start: Callable[[], object]) -> float:
    """Seconds that a start of Ray takes; returns when it has settled."""
    begin = time.perf_counter()
    start()
    seconds = time.perf_counter() - begin
    time.sleep(SETTLE_S)
    return seconds


def main() -> None:
    """Measure, and print a table and a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=32, help="trials of the side-by-side studies (32)")
    parser.add_argument("--reports", type=int, default=9, help="reports of each trial (9)")
    parser.add_argument("--no-growth", action="store_true", help="leave out the studies of 64 and 1024 trials")
    arguments = parser.parse_args()
    os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
    logging.disable(logging.WARNING)
    trials, reports = arguments.trials, arguments.reports
    start_ours = started(connect)
    rows = [("rts.tune", trials, ours(trials, reports))]
    if not arguments.no_growth:
        rows += [("rts.tune", n, ours(n, reports)) for n in (64, 1024)]
    ray.shutdown()
    start_bare = started(lambda: ray.init(log_to_driver=False, logging_level=logging.ERROR))
    rows.insert(1, ("bare Ray Tune", trials, bare(trials, reports)))
    ray.shutdown()
    speedup = rows[1][2] / rows[0][2]
    figures = {
        f"speedup_{trials}": round(speedup, 2),
        f"speedup_{trials}_cold": round((start_bare + rows[1][2]) / (start_ours + rows[0][2]), 2),
    }
    if not arguments.no_growth:
        figures["growth_1024_over_64"] = round((rows[3][2] / 1024) / (rows[2][2] / 64), 3)
    table = Table(title=f"Overhead per trial, {reports} reports each, {os.cpu_count()} cores, ray {ray.__version__}")
    for column in ("", "trials", "seconds", "seconds per trial", "milliseconds per report"):
        table.add_column(column, justify="left" if not column else "right")
    for name, n, seconds in rows:
        table.add_row(name, str(n), f"{seconds:.2f}", f"{seconds / n:.3f}", f"{1000 * seconds / n / reports:.1f}")
    Console().print(table)
    print(f"rts.tune takes 1/{speedup:.1f} of the time of bare Ray Tune.")
    print(f"Ray itself took {start_ours:.1f} s to start as rts.tune starts it, {start_bare:.1f} s with its defaults.")
    details = [{"what": name, "trials": n, "seconds": round(seconds, 3)} for name, n, seconds in rows]
    print(json.dumps({**figures, "reports": reports, "rows": details}))


if __name__ == "__main__":
    main()
