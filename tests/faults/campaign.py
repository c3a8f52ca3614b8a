"""The long form of the fault campaign, `python -m tests.faults.campaign --kills 300`; exits with 1 on any loss.

Half of the kills hit operations on files of a small study in this process, several in a row; the others are SIGKILLs of
studies on Ray in processes of their own, at random reports, each compared with a study that was not killed.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
from pathlib import Path

from tests.engines.ray import test_durability as durability
from tests.faults.snapshot_kills import kill_and_resume, operations

IN_A_ROW = 5
"""Kills of one study."""


def kill_writes(kills: int, rng: random.Random, folder: Path) -> int:
    """Kill at random operations on files; returns the number of studies that lost something."""
    count, failed = operations(folder / "undisturbed"), 0
    for number in range(-(-kills // IN_A_ROW)):
        points = [rng.randrange(count) for _ in range(IN_A_ROW)]
        try:
            kill_and_resume(folder / str(number), points)
        except AssertionError as error:
            failed += 1
            print(f"killed at the operations {points}: {error}")
    return failed


def kill_studies(kills: int, rng: random.Random, folder: Path) -> int:
    """Kill studies on Ray at random reports; returns the number that differ from undisturbed ones."""
    failed, undisturbed = 0, {}
    for number in range(kills):
        key = durability.KILLED[number % len(durability.KILLED)]
        if key not in undisturbed:
            undisturbed[key] = folder / key
            durability.finish(durability.start(key, undisturbed[key]))
        expected, killed = undisturbed[key], folder / f"{key}-{number}"
        at = rng.randrange(1, len(durability.decisions(expected)))
        process = durability.start(key, killed)
        durability.wait_for_reports(killed, at)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        try:
            resumable = any((killed / "study" / "snapshots").glob("*.snapshot"))
            durability.finish(durability.start(key, killed, *(["--resume"] if resumable else [])))
            durability.assert_alike(killed, expected)
        except AssertionError as error:
            failed += 1
            print(f"{key} killed at report {at}: {error}")
    return failed


def main() -> int:
    """Run the campaign and print its counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=300, help="kills at operations on files (default: %(default)s)")
    parser.add_argument("--studies", type=int, default=40, help="kills of studies on Ray (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        writes = kill_writes(arguments.kills, rng, Path(folder, "writes"))
        studies = kill_studies(arguments.studies, rng, Path(folder, "studies")) if arguments.studies else 0
    print(f"{arguments.kills} kills at operations on files: {writes} studies lost something")
    print(f"{arguments.studies} kills of studies on Ray: {studies} differ from undisturbed ones")
    return int(writes + studies > 0)


if __name__ == "__main__":
    sys.exit(main())
