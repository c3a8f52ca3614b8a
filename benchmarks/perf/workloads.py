"""The cost of a lookup: the whole learning curve of a new config, from tables and surrogates.

    python benchmarks/perf/workloads.py [--workloads table/digits-mlp,yahpo/lcbench/167168] [--configs 2000]

Each config is drawn from the workload's space, and its curve is requested once, with a tuning seed, in one thread. A
table returns the curve of the nearest row; a surrogate predicts one at all fidelities. Medians of the wall time count,
so that a busy machine hardly matters. A workload without its data or package is skipped, with instructions.

The last line is JSON:
    curve_ms    milliseconds of the first surrogate's curve; null if it was skipped
    table_us    microseconds of the first table's curve; null if it was skipped
    median_us   microseconds of each workload
"""

from __future__ import annotations

import argparse
import json
import platform
import time

import numpy as np
from rich.console import Console
from rich.table import Table

from raytune_suite.errors import DataError, MissingPackageError
from raytune_suite.seeding import stream
from raytune_suite.spaces import Space
from raytune_suite.workloads import Workload, workload

SURROGATES = "yahpo/"
WORKLOADS = ("table/digits-mlp", "yahpo/lcbench/167168")
WARM_UP = 20
"""Curves requested before the measurement: a surrogate loads its network with the first one."""
PERCENTILES = (25, 50, 75, 99)


def names(text: str) -> list[str]:
    """Split a comma-separated list."""
    return [word for word in text.split(",") if word]


def microseconds(measured: Workload, count: int) -> list[float]:
    """Return the percentiles of `PERCENTILES` of the time of a curve, over `count` configs."""
    if measured.curve is None:
        raise SystemExit(f"{measured.name} has no curves, since it is trained live: choose a table or a surrogate")
    space, rng, times = Space(measured.space), stream(0, "perf", measured.name), []
    configs = [space.sample(rng) for _ in range(WARM_UP + count)]
    seeds = rng.choice(measured.tuning_seeds, len(configs)).tolist()
    for config, seed in zip(configs, seeds, strict=True):
        began = time.perf_counter_ns()
        measured.curve(config, seed)
        times.append((time.perf_counter_ns() - began) / 1000)
    return [float(value) for value in np.percentile(times[WARM_UP:], PERCENTILES)]


def main() -> None:
    """Measure, and print a table and a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--workloads", type=names, default=list(WORKLOADS), help=f"comma-separated ({','.join(WORKLOADS)})"
    )
    parser.add_argument("--configs", type=int, default=2000, help="configs per workload (2000)")
    arguments = parser.parse_args()
    medians: dict[str, float] = {}
    shown = Table(title=f"microseconds per curve of a new config; one thread, Python {platform.python_version()}")
    for column in ("", "reports", *(f"{share} %" for share in PERCENTILES)):
        shown.add_column(column, justify="left" if not column else "right")
    for name in arguments.workloads:
        try:
            measured = workload(name)
            percentiles = microseconds(measured, arguments.configs)
        except (DataError, MissingPackageError) as error:
            print(f"{name} is skipped: {error}")
            continue
        medians[name] = round(percentiles[PERCENTILES.index(50)], 2)
        shown.add_row(name, str(measured.max_t), *(f"{value:,.1f}" for value in percentiles))
    Console().print(shown)
    surrogates = [median / 1000 for name, median in medians.items() if name.startswith(SURROGATES)]
    tables = [median for name, median in medians.items() if not name.startswith(SURROGATES)]
    first = {"curve_ms": next(iter(surrogates), None), "table_us": next(iter(tables), None)}
    print(json.dumps(first | {"median_us": medians}))


if __name__ == "__main__":
    main()
