"""The speed-up of two Ray workers over one in the deterministic parallel mode of the simulated clock.

    python benchmarks/perf/parallel.py [--method asha] [--budget 30] [--repeats 3] [--compute 0 1 2]

Each study tunes live/digits-mlp with 4 virtual workers. Only the number of Ray workers that train differs (0: this
process trains), so all decision logs must be equal; the output says whether they are. The wall time is that of the
study: it includes the import of torch, but not the start of Ray and its workers. Repeats alternate, and medians are
compared.

On a shared machine, use the CPU seconds: "driver" is this process, "workers" are the training Ray workers (Linux only),
and `busy` is the sum of both per wall second. `speedup_by_cpu` estimates the speed-up on two idle cores. `--sleep`
replaces each epoch by a sleep of its declared cost, so that a busy machine can show how long workers wait for each
other and for decisions: the cost of the virtual order.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from ray import tune
from rich.console import Console
from rich.table import Table

import raytune_suite as rts
from raytune_suite.workloads import workload
from raytune_suite.workloads.live.digits_mlp import seconds_per_epoch


class Times(NamedTuple):
    """The times of a study in seconds: wall clock, CPU of the driver and CPU of the workers."""

    wall: float
    driver: float
    workers: float


class Stopwatch(tune.Callback):
    """Measures the times from the first to the last decision."""

    def setup(self, *_: Any, **__: Any) -> None:
        """Start."""
        self.start = workers_cpu()
        self.times = Times(-time.perf_counter(), -time.process_time(), 0.0)

    def on_experiment_end(self, trials: list[Any], **info: Any) -> None:  # noqa: ARG002 - Ray's signature
        """Stop."""
        wall, driver, _ = self.times
        workers = sum(seconds - self.start.get(process, 0.0) for process, seconds in workers_cpu().items())
        self.times = Times(wall + time.perf_counter(), driver + time.process_time(), workers)


def workers_cpu() -> dict[str, float]:
    """Return the CPU seconds so far of each training Ray actor on this machine; empty without /proc."""
    seconds = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            if stat.with_name("cmdline").read_bytes().startswith(b"ray::_Host"):
                fields = stat.read_text().rpartition(")")[2].split()
                seconds[stat.parent.name] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        except OSError:  # the process has ended
            continue
    return seconds


class Sleeper(tune.Trainable):
    """Sleeps for the declared duration of each epoch, and reports a decreasing loss."""

    def setup(self, config: dict[str, Any]) -> None:
        """Read the config."""
        self.seconds, self.rate = seconds_per_epoch(config), 10 * config["lr"] * config["momentum"]

    def step(self) -> dict[str, Any]:
        """Sleep for one epoch."""
        time.sleep(self.seconds)
        return {"val_loss": 1 / (1 + self.rate * (self.iteration + 1))}


def study(method: str, budget: float, seed: int, compute: int, *, sleep: bool) -> tuple[Times, list[Any]]:
    """Run a study, and return its times and its decision log."""
    digits = workload("live/digits-mlp")
    stopwatch = Stopwatch()
    with tempfile.TemporaryDirectory() as folder:
        rts.tune(
            workload=dataclasses.replace(digits, trainable=Sleeper, has_state=False, mutable=()) if sleep else digits,
            method=method,
            budget=budget,
            seed=seed,
            engine=rts.Simulation(workers=4, compute=compute),
            test_seeds=[],
            storage_path=folder,
            name="study",
            callbacks=[stopwatch],
            progress=False,
        )
        log = pd.read_parquet(Path(folder) / "study" / "decisions.parquet")
    return stopwatch.times, log.to_numpy().tolist()


def main() -> None:
    """Measure, and print a table and a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--method", default="asha", help="the method of the study (asha)")
    parser.add_argument("--budget", type=float, default=30, help="full trainings of each study (30)")
    parser.add_argument("--seed", type=int, default=0, help="the seed of the method (0)")
    parser.add_argument("--repeats", type=int, default=3, help="studies of each number of workers (3)")
    parser.add_argument("--compute", type=int, nargs="+", default=[0, 1, 2], help="numbers of Ray workers (0 1 2)")
    parser.add_argument("--sleep", action="store_true", help="sleep instead of training")
    arguments = parser.parse_args()
    measured: dict[int, list[Times]] = {compute: [] for compute in arguments.compute}
    logs = []
    for _ in range(arguments.repeats):
        for compute in arguments.compute:
            times, log = study(arguments.method, arguments.budget, arguments.seed, compute, sleep=arguments.sleep)
            measured[compute].append(times)
            logs.append(repr(log))
    medians = {
        n: Times(*(statistics.median(column) for column in zip(*runs, strict=True))) for n, runs in measured.items()
    }
    table = Table(title=f"live/digits-mlp, {arguments.method}, budget {arguments.budget:g}, {os.cpu_count()} cores")
    for column in ("Ray workers", "wall s", "driver CPU s", "workers CPU s", "busy"):
        table.add_column(column, justify="right")
    for n, (wall, driver, workers) in medians.items():
        busy = (driver + workers) / wall
        table.add_row(str(n), f"{wall:.2f}", f"{driver:.2f}", f"{workers:.2f}", f"{busy:.2f}")
    Console().print(table)
    equal = len(set(logs)) == 1
    figures: dict[str, Any] = {"logs_equal": equal, "decisions": len(log)}
    if {1, 2} <= medians.keys():
        one, two = medians[1], medians[2]
        figures["speedup_2_over_1"] = round(one.wall / two.wall, 3)
        best = {n: min(times.wall for times in measured[n]) for n in (1, 2)}
        figures["speedup_2_over_1_best"] = round(best[1] / best[2], 3)
        if two.workers and not arguments.sleep:
            alone = max(one.workers, (one.workers + one.driver) / 2)
            figures["speedup_by_cpu"] = round(alone / ((two.workers + two.driver) / 2), 3)
        print(f"The speed-up of two Ray workers over one is {one.wall / two.wall:.2f}.")
    print("All decision logs are equal." if equal else "THE DECISION LOGS DIFFER.")
    runs = [{"compute": n, **times._asdict()} for n, repeats in measured.items() for times in repeats]
    print(json.dumps({**figures, "runs": runs}))


if __name__ == "__main__":
    main()
