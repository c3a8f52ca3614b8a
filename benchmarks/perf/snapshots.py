"""The share of a study's time that goes into snapshots of its state.

    python benchmarks/perf/snapshots.py [--trials 1000] [--reports 9] [--limit 150]

The share counts the CPU seconds of the driver; `wall_share` also counts the waiting for the disk and other programs.
Each trial is a function that reports a few numbers and computes nothing, so the share is the largest that a study can
have. Snapshots are as frequent as they may be. If the study does not end within the limit, the share is that of the
trials until then, and `trials` says how many there were.
"""

from __future__ import annotations

import argparse
import json
import logging
import tempfile
import time
from typing import TYPE_CHECKING, Any

from ray import tune

import raytune_suite as rts
from raytune_suite.engines.ray.engine import connect
from raytune_suite.engines.study_snapshots import StudySnapshots

if TYPE_CHECKING:
    from collections.abc import Callable

SPACE = {"x": tune.uniform(0, 1), "y": tune.loguniform(1e-4, 1)}


def make_trainable(reports: int) -> Any:
    """Return a function that reports this many numbers."""

    def train(config: dict[str, Any]) -> None:
        for step in range(reports):
            tune.report({"loss": config["x"] + 1 / (step + 1)})

    return train


def timed(take: Callable[..., bool], seconds: list[float], cpu: list[float]) -> Callable[..., bool]:
    """Return `StudySnapshots.take`, which then appends the seconds of each snapshot, and its CPU seconds, to lists."""

    def timed_take(self: StudySnapshots, *args: Any, **how: Any) -> bool:
        began, began_cpu = time.perf_counter(), time.thread_time()
        taken = take(self, *args, **how)
        if taken:
            seconds.append(time.perf_counter() - began)
            cpu.append(time.thread_time() - began_cpu)
        return taken

    return timed_take


def main() -> None:
    """Measure, and print a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=1000, help="trials of the study (1000)")
    parser.add_argument("--reports", type=int, default=9, help="reports of each trial (9)")
    parser.add_argument("--limit", type=float, default=150.0, help="the study ends after this many seconds (150)")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    connect()
    seconds: list[float] = []
    cpu: list[float] = []
    StudySnapshots.take = timed(StudySnapshots.take, seconds, cpu)  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        result = rts.tune(
            make_trainable(arguments.reports),
            SPACE,
            method="random",
            metric="loss",
            mode="min",
            num_samples=arguments.trials,
            time_limit=arguments.limit,
            storage_path=folder,
            progress=False,
            settings=rts.Settings(snapshot_s=0.0),
        )
        total = time.perf_counter() - began
    share = sum(cpu) / total
    print(f"{len(seconds)} snapshots in {total:.1f} s took {sum(seconds):.2f} s, the last one {seconds[-1]:.3f} s")
    figures = {
        "wall_share": round(sum(seconds) / total, 5),
        "trials": len(result.trials),
        "seconds": round(total, 2),
        "snapshots": len(seconds),
    }
    print(
        json.dumps({f"snapshot_share_{arguments.trials}": round(share, 5), **figures, "last_s": round(seconds[-1], 4)})
    )


if __name__ == "__main__":
    main()
