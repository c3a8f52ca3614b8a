"""`raytune-suite bench`: compare methods by a protocol, verify the results, and write a report."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raytune_suite.cli.help import add_command

if TYPE_CHECKING:
    from raytune_suite.bench.plan import Plan
    from raytune_suite.bench.runner import Summary

GOOD, BAD = 0, 1
"""Exit codes: success; runs failed or could not be reproduced."""

SHOWN = 5
"""Failures that are printed in full."""

ABOUT = """\
Compare methods by a protocol. Each method tunes each workload once per method seed, on tuning seeds. The incumbents at
a third, two thirds and all of the budget are trained from scratch on test seeds, which the method has never seen.
"""

EXAMPLES = """\
examples:
  # about two minutes on two cores
  raytune-suite bench run benchmarks/quick.toml --out results
  # write results/report.html
  raytune-suite bench report results
  # repeat 20 runs and compare them bit by bit
  raytune-suite bench verify results --sample 20
  # distribute the runs over a Ray cluster
  raytune-suite bench run mine.toml --out mine --ray auto

After Ctrl-C, a crash or a power cut: repeat the command. Finished runs are kept.
"""

RUN_EXAMPLES = """\
examples:
  raytune-suite bench run benchmarks/quick.toml --out results
  raytune-suite bench run benchmarks/quick.toml --out results --processes 2
  raytune-suite bench run mine.toml --out mine --ray auto --skip-missing

After Ctrl-C, a crash or a power cut: repeat the command. Finished runs are kept.
"""


def add(commands: Any) -> None:
    """Add the command `bench`."""
    command = add_command(commands, "bench", summary="compare methods", about=ABOUT, examples=EXAMPLES)
    inner = command.add_subparsers(title="commands", required=True, metavar="COMMAND")

    run_command = add_command(inner, "run", summary="run a protocol, or resume it", about=ABOUT, examples=RUN_EXAMPLES)
    run_command.add_argument(
        "protocol", metavar="PROTOCOL", type=Path, help="a TOML file, such as benchmarks/quick.toml"
    )
    run_command.add_argument("--out", metavar="DIR", type=Path, required=True, help="the folder for the results")
    where = run_command.add_mutually_exclusive_group()
    where.add_argument("--processes", type=count, metavar="N", help="parallel runs (default: number of CPUs)")
    where.add_argument("--ray", metavar="ADDRESS", help="run on this Ray cluster; auto: the one of this node")
    run_command.add_argument(
        "--skip-missing", action="store_true", help="skip workloads whose data or packages are missing"
    )
    run_command.set_defaults(command=run)

    verify_command = add_command(
        inner,
        "verify",
        summary="repeat some runs and compare them bit by bit",
        about="Repeat a random sample of the runs. The exit status is 1 if one of them has other results.",
        examples="example: raytune-suite bench verify results --sample 20",
    )
    verify_command.add_argument("folder", metavar="DIR", type=Path, help="the folder of `bench run --out`")
    verify_command.add_argument("--sample", type=count, default=10, metavar="N", help="number of runs (default: 10)")
    verify_command.add_argument("--seed", type=int, default=0, help="the seed of the sample (default: 0)")
    verify_command.add_argument("--processes", type=count, metavar="N", help="parallel runs (default: number of CPUs)")
    verify_command.set_defaults(command=verify)

    report_command = add_command(
        inner,
        "report",
        summary="write the report",
        about="Write the report of a comparison, one HTML page, and a summary.",
        examples="example: raytune-suite bench report results",
    )
    report_command.add_argument("folder", metavar="DIR", type=Path, help="the folder of `bench run --out`")
    report_command.set_defaults(command=report)


def count(text: str) -> int:
    """Parse an integer of at least 1.

    Example:
        >>> count("3")
        3
    """
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"the argument is {text!r}, but must be an integer of at least 1")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """Run a protocol."""
    from raytune_suite.bench.protocol import read

    protocol = read(arguments.protocol)

    from raytune_suite.bench.plan import plan  # after the check: this imports Ray
    from raytune_suite.bench.progress import progress_watcher
    from raytune_suite.bench.runner import carry_out

    planned = plan(protocol, skip_missing=arguments.skip_missing)
    print_plan(planned)
    summary = carry_out(
        planned, arguments.out, processes=arguments.processes, ray=arguments.ray, watcher=progress_watcher("runs")
    )
    print_summary(summary)
    return BAD if summary.failed else GOOD


def verify(arguments: argparse.Namespace) -> int:
    """Repeat some runs."""
    from raytune_suite.bench.store import read

    read(arguments.folder)

    from raytune_suite.bench.progress import progress_watcher
    from raytune_suite.bench.verify import verify as check  # after the check: this imports Ray

    result = check(
        arguments.folder,
        sample=arguments.sample,
        seed=arguments.seed,
        processes=arguments.processes or len(os.sched_getaffinity(0)),
        watcher=progress_watcher("repeated runs"),
    )
    for name in result.tables:
        say(f"{name}.parquet differs from the results of its runs: it was changed, or runs were added later")
    for one, difference in result.differing:
        say(f"{one} differs: {difference}")
    same = len(result.repeated) - len(result.differing)
    say(f"{same} of {len(result.repeated)} runs are identical")
    return BAD if result.differing or result.tables else GOOD


def report(arguments: argparse.Namespace) -> int:
    """Write the report."""
    from raytune_suite.optional import require_extra

    require_extra("report", "the report")

    from raytune_suite.bench.report.page import write

    say(f"report  {write(arguments.folder)}")
    return GOOD


def print_plan(plan: Plan) -> None:
    """Print which runs are planned, and which are not possible."""
    entrants = plan.protocol.methods
    say(f"{plan.protocol.name}: {len(entrants)} methods on {len(plan.workloads)} workloads, {len(plan.runs)} runs")
    for name, why in plan.missing.items():
        say(f"skipped: {name}: {why}")
    for line in plan.refusals():
        say(line)


def print_summary(summary: Summary) -> None:
    """Print the outcome of the runs."""
    before = f", {summary.finished_before} done before" if summary.finished_before else ""
    counts = f"{summary.done} runs done{before}, {summary.refused} not supported, {len(summary.failed)} failed"
    say(f"{counts}: {summary.folder}")
    if summary.outdated:
        runs = summary.folder / "runs"
        say(
            f"{summary.outdated} runs were made by another version of the code or its packages, or by an unknown one: "
            f"use another folder for --out, or delete {runs} to repeat them"
        )
    for one, error in summary.failed[:SHOWN]:
        say(f"failed: {one}: {error} (log: {summary.folder / 'runs' / one.id / 'log.txt'})")
    if len(summary.failed) > SHOWN:
        say(f"and {len(summary.failed) - SHOWN} more; repeat the command to retry them")


def say(text: str) -> None:
    """Print a line immediately."""
    print(text, flush=True)  # noqa: T201 - this is the command line
