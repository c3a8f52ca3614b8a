"""The overhead of a trial: plain Ray Tune with its defaults compared with `rts.tune`.

    python benchmarks/perf/ray_overhead.py [--trials 32] [--reports 9] [--no-growth]

Each trial is a function that reports a few numbers and computes nothing, so all of the time is overhead. Both sides use
random search on the same space and their own Ray, started by `rts.tune` or with Ray's defaults a few seconds before the
measurement. The start-up times are shown, and included in `speedup_N_cold`. The growth compares the seconds per trial
of `rts.tune` in a study of 1024 trials with those in a study of 64.
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
"""Seconds to wait after the start of Ray, so that no measurement includes processes that are still starting."""

SPACE = {"x": tune.uniform(0, 1), "y": tune.loguniform(1e-4, 1)}


def make_trainable(reports: int) -> Any:
    """Return a function that reports this many numbers."""

    def train(config: dict[str, Any]) -> None:
        for step in range(reports):
            tune.report({"loss": config["x"] + 1 / (step + 1)})

    return train


def time_plain_ray(trials: int, reports: int) -> float:
    """Return the seconds of a study with Ray Tune and its defaults."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        tune.Tuner(
            make_trainable(reports),
            param_space=SPACE,
            tune_config=tune.TuneConfig(metric="loss", mode="min", num_samples=trials),
            run_config=tune.RunConfig(storage_path=folder, verbose=0),
        ).fit()
        return time.perf_counter() - start


def time_ours(trials: int, reports: int) -> float:
    """Return the seconds of a study with `rts.tune`."""
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


def time_start(start: Callable[[], object]) -> float:
    """Start Ray, wait until it has settled, and return the seconds of the start."""
    began = time.perf_counter()
    start()
    seconds = time.perf_counter() - began
    time.sleep(SETTLE_S)
    return seconds


def main() -> None:
    """Measure, and print a table and a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=32, help="trials of the compared studies (32)")
    parser.add_argument("--reports", type=int, default=9, help="reports of each trial (9)")
    parser.add_argument("--no-growth", action="store_true", help="skip the studies of 64 and 1024 trials")
    arguments = parser.parse_args()
    os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
    logging.disable(logging.WARNING)
    trials, reports = arguments.trials, arguments.reports
    start_ours = time_start(connect)
    rows = [("rts.tune", trials, time_ours(trials, reports))]
    if not arguments.no_growth:
        rows += [("rts.tune", n, time_ours(n, reports)) for n in (64, 1024)]
    ray.shutdown()
    start_plain = time_start(lambda: ray.init(log_to_driver=False, logging_level=logging.ERROR))
    rows.insert(1, ("plain Ray Tune", trials, time_plain_ray(trials, reports)))
    ray.shutdown()
    speedup = rows[1][2] / rows[0][2]
    figures = {
        f"speedup_{trials}": round(speedup, 2),
        f"speedup_{trials}_cold": round((start_plain + rows[1][2]) / (start_ours + rows[0][2]), 2),
    }
    if not arguments.no_growth:
        figures["growth_1024_over_64"] = round((rows[3][2] / 1024) / (rows[2][2] / 64), 3)
    table = Table(title=f"Overhead per trial, {reports} reports each, {os.cpu_count()} cores, ray {ray.__version__}")
    for column in ("", "trials", "seconds", "seconds per trial", "milliseconds per report"):
        table.add_column(column, justify="left" if not column else "right")
    for name, n, seconds in rows:
        table.add_row(name, str(n), f"{seconds:.2f}", f"{seconds / n:.3f}", f"{1000 * seconds / n / reports:.1f}")
    Console().print(table)
    print(f"rts.tune is {speedup:.1f} times as fast as plain Ray Tune.")
    print(f"Ray started in {start_ours:.1f} s with rts.tune, and in {start_plain:.1f} s with its defaults.")
    details = [{"what": name, "trials": n, "seconds": round(seconds, 3)} for name, n, seconds in rows]
    print(json.dumps({**figures, "reports": reports, "rows": details}))


if __name__ == "__main__":
    main()
