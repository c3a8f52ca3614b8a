"""Run parts of the campaign, for some minutes, and add to the counts in a file; or write the page about the counts.

    python -m tests.faults.campaign run [PART ...] [--minutes 10] [--cases 100] [--counts build/fault-campaign.json]
    python -m tests.faults.campaign page [--counts build/fault-campaign.json] > docs/fault-campaign.md

The exit status is 1 if any case found a fault: what it left, and the undisturbed study, is then in a folder beside the
file, such as `build/fault-campaign/ray-2`. A run that is interrupted continues with the next case.
"""

from __future__ import annotations

import argparse
import logging
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from raytune_suite.errors import RaytuneSuiteError
from tests.faults import snapshot_kills
from tests.faults.campaign import fuzzed, on_ray, ray_processes, simulated
from tests.faults.campaign.cases import FAULTS, LOST, TRACEBACK, Case, FaultError, in_process
from tests.faults.campaign.counts import Counts

if TYPE_CHECKING:
    from collections.abc import Callable

IN_A_ROW = 5


def kills_of_writes(case: Case) -> None:
    """Kill a small study of snapshots and journals at several operations on files in a row."""
    case.label = "snapshots and journals"
    rng = random.Random(f"writes-{case.number}")
    count = snapshot_kills.operations(case.folder / "undisturbed")
    points = [case.number % count, *(rng.randrange(count) for _ in range(IN_A_ROW - 1))]
    case.count("kills", len(points))

    def work() -> str:
        try:
            snapshot_kills.kill_and_resume(case.folder / "killed", points)
        except AssertionError as error:
            return str(error)
        return ""

    lost = in_process(work).value
    if lost:
        raise FaultError(LOST, f"killed at the operations {points}: {lost}")


PARTS: dict[str, Callable[[Case], None]] = {
    "writes": kills_of_writes,
    "simulated": simulated.kills,
    "running": simulated.kills_while_running,
    "folders": simulated.damaged_folders,
    "fuzz": fuzzed.calls,
    "ray": on_ray.kills,
    "processes": ray_processes.faults,
}


def run_case(part: str, number: int, shared: Path, kept: Path | None = None) -> tuple[Case, FaultError | None]:
    """Run one case in a new folder; if it finds a fault, what explains that is kept in the folder `kept`."""
    folder = Path(tempfile.mkdtemp(prefix=f"{part}-{number}-"))
    case = Case(number, folder, shared / part)
    fault = None
    try:
        PARTS[part](case)
    except FaultError as error:
        fault = error
    except Exception as error:  # noqa: BLE001 - a study that does not resume
        fault = FaultError(TRACEBACK if not isinstance(error, RaytuneSuiteError) else LOST, repr(error))
    if fault is not None and kept is not None:
        case.keep(kept / f"{part}-{number}", f"{fault.kind}: {fault}")
    shutil.rmtree(folder, ignore_errors=True)
    return case, fault


def run(arguments: argparse.Namespace) -> int:
    """Run cases of the parts in turn until the time is over."""
    logging.disable(logging.WARNING)
    counts, deadline = Counts(arguments.counts), time.monotonic() + 60 * arguments.minutes
    kept = arguments.counts.with_suffix("")
    left = dict.fromkeys(arguments.parts or PARTS, arguments.cases)
    with tempfile.TemporaryDirectory(prefix="campaign-") as folder:
        shared = arguments.shared or Path(folder)
        if arguments.only is not None:
            _, fault = run_case(arguments.parts[0], arguments.only, shared, kept)
            print(f"{fault.kind}: {fault}" if fault else "no fault")
            return int(fault is not None)
        while left and time.monotonic() < deadline:
            for part in list(left):
                case, fault = run_case(part, counts.next_case(part), shared, kept)
                counts.add(part, case, fault)
                if fault:
                    print(f"{part} {case.number}: {fault.kind}: {fault}", flush=True)
                left[part] -= 1
                if not left[part]:
                    del left[part]
                if time.monotonic() > deadline:
                    break
    for part, count in counts.parts.items():
        print(f"{part}: {count['cases']} cases, {', '.join(f'{count[kind]} {kind}' for kind in FAULTS)}")
    return int(counts.faults() > 0)


def main() -> int:
    """Run the program."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    runs = commands.add_parser("run", help="run cases")
    runs.add_argument("parts", nargs="*", metavar="PART", help=f"parts of the campaign: {', '.join(PARTS)} (all)")
    runs.add_argument("--minutes", type=float, default=10.0, help="end after this time (%(default)s)")
    runs.add_argument("--cases", type=int, default=10**9, help="end after so many cases of each part (no limit)")
    runs.add_argument("--only", type=int, help="repeat this case of a part, and do not count it")
    runs.add_argument("--shared", type=Path, help="keep the undisturbed studies in this folder for later runs")
    page = commands.add_parser("page", help="write the page about the counts to the standard output")
    for command in (runs, page):
        command.add_argument("--counts", type=Path, default=Path("build/fault-campaign.json"), help="(%(default)s)")
    arguments = parser.parse_args()
    if unknown := set(getattr(arguments, "parts", [])) - set(PARTS):
        parser.error(f"unknown parts: {', '.join(sorted(unknown))}")
    if arguments.command == "page":
        print(Counts(arguments.counts).page(), end="")
        return 0
    return run(arguments)


if __name__ == "__main__":
    sys.exit(main())
