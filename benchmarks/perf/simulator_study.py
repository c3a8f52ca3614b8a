"""A whole study with `rts.tune` on the simulated clock; `simulator.py --studies` runs this module in a fresh process.

Prints reports, CPU seconds, memory in megabytes, and the speed of this CPU as a line of JSON.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
import timeit
from typing import TYPE_CHECKING, Any

import numpy as np
from ray import tune

import raytune_suite as rts
from benchmarks.perf.simulator_ours import WIDTH
from raytune_suite.types import Curve
from raytune_suite.workloads import Workload

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from raytune_suite.types import Config


def make_workload(losses: NDArray[np.float64], seconds: NDArray[np.float64]) -> Workload:
    """Return the workload that looks curves up in the table; no config is proposed twice, however many trials."""
    configs, epochs = losses.shape
    numbers, times = np.arange(1.0, epochs + 1), np.repeat(seconds[:, None], epochs, axis=1)

    def curve(config: Config, _seed: int) -> Curve:
        index = WIDTH * config["row"] + config["column"]
        return Curve(numbers, {"loss": losses[index]}, times[index])

    return Workload(
        name="table/perf",
        summary="a synthetic table",
        curve=curve,
        space={
            "row": tune.randint(0, configs // WIDTH),
            "column": tune.randint(0, WIDTH),
            "ignored": tune.uniform(0, 1),  # else the study would end with the table's last config
        },
        metric="loss",
        mode="min",
        cost=lambda _: 1.0,
        max_t=epochs,
        tuning_seeds=(0,),
        test_seeds=(),
    )


def largest_mb() -> float:
    """Return the largest resident size of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def study(workload: Workload, trials: int, workers: int, seed: int) -> dict[str, Any]:
    """Run a study and return its figures."""
    began, before = time.process_time(), largest_mb()
    with tempfile.TemporaryDirectory() as folder:
        result = rts.tune(
            workload=workload,
            method="asha",
            num_samples=trials,
            seed=seed,
            engine=rts.Simulation(workers=workers),
            storage_path=folder,
            name="study",
            progress=False,
        )
    cpu, mb = time.process_time() - began, largest_mb()
    return {"reports": len(result.reports), "cpu_s": round(cpu, 2), "mb": round(mb), "added_mb": round(mb - before)}


def loop_ms() -> float:
    """Return the CPU milliseconds of a plain loop of 100,000 additions, the best of five."""
    loop = timeit.Timer("x = 0\nfor i in range(100_000): x += i", timer=time.process_time)
    return round(min(loop.repeat(number=5, repeat=5)) / 5 * 1e3, 2)


def main() -> None:
    """Run a small study to warm up, then the measured one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", help="losses of shape (configs, epochs), and seconds of shape (configs,)")
    parser.add_argument("trials", type=int)
    parser.add_argument("workers", type=int)
    parser.add_argument("seed", type=int)
    arguments = parser.parse_args()
    with np.load(arguments.table) as table:
        workload = make_workload(table["losses"], table["seconds"])
    study(workload, 20, arguments.workers, arguments.seed)
    print(json.dumps({**study(workload, arguments.trials, arguments.workers, arguments.seed), "loop_ms": loop_ms()}))


if __name__ == "__main__":
    main()
