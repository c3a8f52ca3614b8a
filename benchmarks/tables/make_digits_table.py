"""Create the table "digits-mlp" by training the network of the workload "live/digits-mlp".

    python benchmarks/tables/make_digits_table.py [--workers 2]     create 1,024 configs x 27 epochs x 10 seeds
    python benchmarks/tables/make_digits_table.py --row 17 --seed 3     train one row again, and compare it

The configs are the first points of a scrambled Sobol sequence over the space of the live workload, the seeds its tuning
and test seeds. A training depends only on its config and its seed, so that any row can be reproduced on its own.
Configs are trained in parallel on Ray (the cluster of `RAY_ADDRESS`, or this machine). A config is stored in the
working folder when all of its seeds are trained: if the script is killed, start it again to resume.

On the same kind of CPU with the same torch, a row is reproduced to the last bit. Elsewhere, sums are rounded
differently: of 60 rows trained with AVX2 or SSE instead of AVX512, all agreed within 3e-7 after one epoch, nine of ten
within 2 % at the end, and the others, whose training is unstable, differed as much as with another seed.

It takes about 2,300 CPU seconds and writes two files into this folder:
    digits-mlp.npz      float32 arrays of shape (configs, seeds, epochs): val_loss, val_error, test_loss, test_error,
                        NaN or infinite if a training diverged; arrays of shape (configs,): one for each
                        hyperparameter, named config/NAME, and `seconds`, the declared seconds of an epoch
    digits-mlp.json     the manifest: workload, seeds, machine, software versions, and the SHA-256 of the first file
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import platform
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import ray
import torch
from rich.console import Console
from rich.table import Table
from scipy.stats import qmc

from raytune_suite.bench.manifest import cpu_name, git_commit, package_versions
from raytune_suite.engines.ray.engine import connect
from raytune_suite.engines.simulated.evaluators import InProcessEvaluator
from raytune_suite.seeding import stream
from raytune_suite.spaces import Space
from raytune_suite.workloads import workload
from raytune_suite.workloads.tabular.digits_mlp import FILE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from raytune_suite.types import Config
    from raytune_suite.workloads import Workload

    Arrays = dict[str, NDArray[Any]]

ROOT = Path(__file__).resolve().parents[2]
NAME, LIVE = "digits-mlp", "live/digits-mlp"
SCHEMA = 1
CONFIGS = 1024
"""A power of two, for a balanced Sobol sequence."""
METRICS = ("val_loss", "val_error", "test_loss", "test_error")
COST = "6e-4 + 2.5e-4 * ceil(1078 / batch) + 4e-5 * width"
"""The formula of the live workload's `cost`, for the manifest; the table contains its values."""
EVERY_S = 10.0
"""Seconds between progress messages."""


def draw(live: Workload, count: int) -> list[Config]:
    """Return the first `count` points of the workload's Sobol sequence, as configs."""
    space = Space(live.space)
    sequence = qmc.Sobol(len(space), rng=stream(0, "table", live.name))
    points = sequence.random_base2((count - 1).bit_length())[:count]
    return [space.decode(point) for point in points]


def train(config: Config, seed: int) -> Arrays:
    """Train the live workload; return its reports by metric, float32 of shape (epochs,)."""
    live = workload(LIVE)
    training = InProcessEvaluator(live.trainable, live.cost).start(config | {"seed": seed})
    reports = []
    for _ in range(live.max_t):
        training.begin()
        reports.append(training.result())
    training.close()
    return {metric: np.array([report[metric] for report in reports], dtype=np.float32) for metric in METRICS}


def train_seeds(config: Config, seeds: tuple[int, ...]) -> Arrays:
    """Train a config with all seeds; return the reports by metric, float32 of shape (seeds, epochs)."""
    trained = [train(config, seed) for seed in seeds]
    return {metric: np.stack([arrays[metric] for arrays in trained]) for metric in METRICS}


def all_seeds(live: Workload) -> tuple[int, ...]:
    """Return the tuning seeds, then the test seeds."""
    return live.tuning_seeds + live.test_seeds


@contextlib.contextmanager
def atomically(path: Path) -> Iterator[Path]:
    """Yield a temporary file to write, and rename it to `path` at the end."""
    part = path.with_name(f"{path.name}.part")
    yield part
    part.replace(path)


def row_file(work: Path, row: int) -> Path:
    """Return the file in the working folder with the trainings of one config."""
    return work / f"{row:04d}.npz"


def open_work(work: Path, live: Workload, configs: list[Config]) -> None:
    """Create the working folder, or check that it belongs to the same table.

    Raises:
        SystemExit: If it belongs to another table.
    """
    plan = {"workload": live.name, "configs": configs, "seeds": all_seeds(live), "epochs": live.max_t}
    text, plan_file = json.dumps(plan, indent=1), work / "plan.json"
    work.mkdir(parents=True, exist_ok=True)
    if not plan_file.exists():
        with atomically(plan_file) as path:
            path.write_text(text)
    elif plan_file.read_text() != text:
        raise SystemExit(f"{work} has trainings of other configs, seeds or epochs: use another --work, or remove it")


def fill(work: Path, live: Workload, configs: list[Config], workers: int) -> None:
    """Train all missing configs of the working folder, `workers` at a time, and print the progress."""
    missing = [row for row in range(len(configs)) if not row_file(work, row).exists()]
    if not missing:
        return
    print(f"{len(configs) - len(missing)} of {len(configs)} configs are trained; training the others", flush=True)
    connect()
    task = ray.remote(num_cpus=1)(train_seeds)
    began = printed = time.monotonic()
    running: dict[Any, int] = {}
    waiting = iter(missing)
    for done in range(1, len(missing) + 1):
        while len(running) < workers and (row := next(waiting, None)) is not None:
            running[task.remote(configs[row], all_seeds(live))] = row
        (first,), _ = ray.wait(list(running))
        with atomically(row_file(work, running.pop(first))) as path, path.open("wb") as file:
            np.savez(file, **ray.get(first))
        now = time.monotonic()
        if now - printed > EVERY_S or done == len(missing):
            printed, left = now, (now - began) / done * (len(missing) - done)
            ready = len(configs) - len(missing) + done
            print(f"{ready} of {len(configs)} configs, {left / 60:.1f} minutes left", flush=True)


def collect(work: Path, live: Workload, configs: list[Config]) -> Arrays:
    """Collect the whole table from the working folder."""
    rows = []
    for row in range(len(configs)):
        with np.load(row_file(work, row)) as file:
            rows.append({metric: file[metric] for metric in METRICS})
    columns = {f"config/{name}": np.array([config[name] for config in configs]) for name in live.space}
    seconds = np.array([live.cost(config) for config in configs])
    return (
        columns | {"seconds": seconds} | {metric: np.stack([arrays[metric] for arrays in rows]) for metric in METRICS}
    )


def cpu() -> str:
    """Return the name of the CPU and the instructions that torch uses: the last digits depend on both."""
    return f"{cpu_name()}, {torch.backends.cpu.get_cpu_capability()}"


def describe(live: Workload, configs: list[Config], sha256: str) -> dict[str, Any]:
    """Return the manifest."""
    return {
        "schema": SCHEMA,
        "name": NAME,
        "workload": live.name,
        "rows": len(configs),
        "seeds": all_seeds(live),
        "epochs": live.max_t,
        "metric": live.metric,
        "mode": live.mode,
        "metrics": METRICS,
        "space": Space(live.space).describe(),
        "configs": "scrambled Sobol sequence, scipy.stats.qmc.Sobol",
        "seconds_per_epoch": COST,
        **git_commit(),
        "packages": package_versions(),
        "python": platform.python_version(),
        "os": platform.platform(),
        "cpu": cpu(),
        "threads": 1,
        "sha256": sha256,
    }


def write(out: Path, live: Workload, configs: list[Config], table: dict[str, Any]) -> Path:
    """Write the table, then its manifest; return the path of the table."""
    path = out / f"{NAME}.npz"
    out.mkdir(parents=True, exist_ok=True)
    with atomically(path) as part, part.open("wb") as file:
        np.savez_compressed(file, **table)
    manifest = describe(live, configs, hashlib.sha256(path.read_bytes()).hexdigest())
    with atomically(path.with_suffix(".json")) as part:
        part.write_text(json.dumps(manifest, indent=2) + "\n")
    return path


def compare(path: Path, live: Workload, row: int, seed: int) -> None:
    """Train one row of a table again, and print it beside the row of the table."""
    with np.load(path) as file:
        table = dict(file)
    config = {name: table[f"config/{name}"][row].item() for name in live.space}
    trained, seed_index = train(config, seed), all_seeds(live).index(seed)
    shown = Table(title=f"row {row}, seed {seed}: {config}")
    for column in ("epoch", "val_loss", "in the table", "val_error", "in the table"):
        shown.add_column(column, justify="right")
    for epoch in range(live.max_t):
        pairs = [(trained[name][epoch], table[name][row, seed_index, epoch]) for name in ("val_loss", "val_error")]
        shown.add_row(str(epoch + 1), *(f"{value:.6g}" for pair in pairs for value in pair))
    Console().print(shown)
    same = all(np.array_equal(trained[name], table[name][row, seed_index], equal_nan=True) for name in METRICS)
    print("equal to the last bit" if same else "not equal to the last bit")


def main() -> None:
    """Train the missing configs and write the table, or train one row again."""
    live = workload(LIVE)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="configs trained at once (one per core)")
    parser.add_argument("--configs", type=int, default=CONFIGS, help=f"rows of the table ({CONFIGS})")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "tables" / NAME, help="the working folder")
    parser.add_argument("--out", type=Path, default=FILE.parent, help="the folder of the table (in the package)")
    parser.add_argument("--row", type=int, help="only train this row of the existing table again, and compare it")
    parser.add_argument("--seed", type=int, default=0, choices=all_seeds(live), help="the seed for --row (0)")
    arguments = parser.parse_args()
    if arguments.row is not None:
        compare(arguments.out / f"{NAME}.npz", live, arguments.row, arguments.seed)
        return
    configs = draw(live, arguments.configs)
    open_work(arguments.work, live, configs)
    fill(arguments.work, live, configs, arguments.workers)
    path = write(arguments.out, live, configs, collect(arguments.work, live, configs))
    print(f"{path}: {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
