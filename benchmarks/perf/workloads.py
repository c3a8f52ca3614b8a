"""What looking up costs: a whole learning curve of a config that was not asked for before, from tables and surrogates.

    python benchmarks/perf/workloads.py [--workloads table/digits-mlp,yahpo/lcbench/167168] [--configs 2000]

Each config is drawn from the workload's own space, and its curve is asked for once, with a tuning seed, in one thread.
A table finds the nearest row and hands over its curve; a surrogate predicts one at all fidelities. Medians of the wall
time count, so that a busy machine hardly matters. A workload whose data or package is not there is left out, with what
to fetch or to install.

The last line is JSON:
    curve_ms    milliseconds of the first surrogate's curve; null where it was left out
    table_us    microseconds of the first table's curve; null where it was left out
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
"""Curves that are asked for before time is taken: a surrogate opens its network with the first."""
PERCENTILES = (25, 50, 75, 99)


def names(text: str) -> list[str]:
    """The words between commas."""
    return [word for word in text.split(",") if word]


def microseconds(found: Workload, count: int) -> list[float]:
    """The percentiles of `PERCENTILES` of what a curve takes, over so many configs."""
    if found.curve is None:
        raise SystemExit(f"{found.name} has no curves: it is trained live")
    space, draws, took = Space(found.space), stream(0, "perf", found.name), []
    configs = [space.sample(draws) for _ in range(WARM_UP + count)]
    seeds = draws.choice(found.tuning_seeds, len(configs)).tolist()
    for config, seed in zip(configs, seeds, strict=True):
        began = time.perf_counter_ns()
        found.curve(config, seed)
        took.append((time.perf_counter_ns() - began) / 1000)
    return [float(value) for value in np.percentile(took[WARM_UP:], PERCENTILES)]


def main() -> None:
    """Measure, and print a table and a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workloads", type=names, default=list(WORKLOADS), help=f"commas ({','.join(WORKLOADS)})")
    parser.add_argument("--configs", type=int, default=2000, help="curves of each, of which the median counts (2000)")
    arguments = parser.parse_args()
    medians: dict[str, float] = {}
    shown = Table(title=f"microseconds per curve of a fresh config; one thread, Python {platform.python_version()}")
    for column in ("", "reports", *(f"{share} %" for share in PERCENTILES)):
        shown.add_column(column, justify="left" if not column else "right")
    for name in arguments.workloads:
        try:
            found = workload(name)
            took = microseconds(found, arguments.configs)
        except (DataError, MissingPackageError) as error:
            print(f"{name} is left out: {error}")
            continue
        medians[name] = round(took[PERCENTILES.index(50)], 2)
        shown.add_row(name, str(found.max_t), *(f"{value:,.1f}" for value in took))
    Console().print(shown)
    surrogates = [median / 1000 for name, median in medians.items() if name.startswith(SURROGATES)]
    tables = [median for name, median in medians.items() if not name.startswith(SURROGATES)]
    first = {"curve_ms": next(iter(surrogates), None), "table_us": next(iter(tables), None)}
    print(json.dumps(first | {"median_us": medians}))


if __name__ == "__main__":
    main()
