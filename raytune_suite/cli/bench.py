"""`raytune-suite bench`: compare methods by a protocol, check that it repeats, and write the page about it."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

if TYPE_CHECKING:
    from rich.progress import Progress

    from raytune_suite.bench.plan import Plan
    from raytune_suite.bench.run import Run
    from raytune_suite.bench.runner import Summary, Watcher

GOOD, BAD = 0, 1
"""Exit codes: all is well; runs have failed, or do not repeat."""

EVERY = 10.0
"""Seconds between two lines where the output is no terminal."""

SHOWN = 5
"""So many failures are told in full."""

ABOUT = """\
Compare methods: each tunes each workload of a protocol with each method seed, on tuning seeds, and what it had found at
a third, two thirds and the whole of its budget is trained anew on test seeds that it has never seen.
"""

EXAMPLES = """\
examples:
  raytune-suite bench run benchmarks/quick.toml --out results      about two minutes on two cores
  raytune-suite bench report results                               the page about it, results/report.html
  raytune-suite bench verify results --sample 20                   does it repeat to the bit?
  raytune-suite bench run mine.toml --out mine --ray auto          the runs as tasks of a Ray cluster

Whatever ends a comparison, Ctrl-C, a crash or a power cut: the same command goes on with it.
"""


def add(commands: Any) -> None:
    """Add the command `bench`."""
    formatter = argparse.RawDescriptionHelpFormatter
    command = commands.add_parser(
        "bench", help="compare methods", description=ABOUT, epilog=EXAMPLES, formatter_class=formatter
    )
    inner = command.add_subparsers(title="commands", required=True, metavar="COMMAND")

    run_command = inner.add_parser("run", help="carry out a protocol, or go on with it", description=ABOUT)
    run_command.add_argument("protocol", metavar="PROTOCOL", type=Path, help="such as benchmarks/quick.toml")
    run_command.add_argument("--out", metavar="DIR", type=Path, required=True, help="where the results are kept")
    where = run_command.add_mutually_exclusive_group()
    where.add_argument("--processes", type=count, metavar="N", help="runs at once (default: the CPUs)")
    where.add_argument("--ray", metavar="ADDRESS", help="do the runs as tasks of this Ray cluster; auto: the one here")
    run_command.add_argument(
        "--skip-missing", action="store_true", help="leave out workloads whose data or packages are missing"
    )
    run_command.set_defaults(command=run)

    verify_command = inner.add_parser(
        "verify",
        help="do some of its runs again, and compare them to the bit",
        description="Do a random sample of the runs again. The exit status is 0 if all of them repeat, else 1.",
    )
    verify_command.add_argument("folder", metavar="DIR", type=Path, help="what `bench run --out` has written")
    verify_command.add_argument("--sample", type=count, default=10, metavar="N", help="how many runs (default: 10)")
    verify_command.add_argument("--seed", type=int, default=0, help="chooses them (default: 0)")
    verify_command.add_argument("--processes", type=count, metavar="N", help="runs at once (default: the CPUs)")
    verify_command.set_defaults(command=verify)

    report_command = inner.add_parser(
        "report", help="write the page about it", description="Write one page about a comparison, and a summary."
    )
    report_command.add_argument("folder", metavar="DIR", type=Path, help="what `bench run --out` has written")
    report_command.set_defaults(command=report)


def count(text: str) -> int:
    """A number of 1 or more.

    Example:
        >>> count("3")
        3
    """
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} must be an integer of 1 or more")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """Carry out a protocol."""
    from raytune_suite.bench.protocol import read

    protocol = read(arguments.protocol)

    from raytune_suite.bench.plan import plan  # after the check: this imports Ray
    from raytune_suite.bench.runner import carry_out

    planned = plan(protocol, skip_missing=arguments.skip_missing)
    tell_plan(planned)
    summary = carry_out(
        planned, arguments.out, processes=arguments.processes, ray=arguments.ray, watcher=watcher("runs")
    )
    tell_summary(summary)
    return BAD if summary.failed else GOOD


def verify(arguments: argparse.Namespace) -> int:
    """Do some runs again."""
    from raytune_suite.bench.store import read

    read(arguments.folder)

    from raytune_suite.bench.verify import verify as check  # after the check: this imports Ray

    verdict = check(
        arguments.folder,
        sample=arguments.sample,
        seed=arguments.seed,
        processes=arguments.processes or len(os.sched_getaffinity(0)),
        watcher=watcher("runs again"),
    )
    for name in verdict.tables:
        say(f"{name}.parquet is not what its runs have written: it was altered, or runs were added since")
    for one, words in verdict.differing:
        say(f"{one} differs: {words}")
    same = len(verdict.repeated) - len(verdict.differing)
    say(f"{same} of {len(verdict.repeated)} runs repeat to the bit")
    return BAD if verdict.differing or verdict.tables else GOOD


def report(arguments: argparse.Namespace) -> int:
    """Write the page."""
    from raytune_suite.optional import require_extra

    require_extra("report", "the page")

    from raytune_suite.bench.report.page import write

    say(f"page  {write(arguments.folder)}")
    return GOOD


def tell_plan(plan: Plan) -> None:
    """Say what is to be done, and what is not."""
    methods = plan.protocol.methods
    say(f"{plan.protocol.name}: {len(methods)} methods on {len(plan.workloads)} workloads, {len(plan.runs)} runs")
    for name, why in plan.missing.items():
        say(f"left out: {name}: {why}")
    refused: dict[str, dict[str, str]] = {}
    for one in plan.runs:
        if one.id in plan.refused:
            refused.setdefault(one.label, {})[one.workload] = plan.refused[one.id]
    for label, reasons in refused.items():
        (workload, why), *others = reasons.items()
        more = f" and {len(others)} more" if others else ""
        say(f"refused: {label} on {workload}{more}: {why}")


def tell_summary(summary: Summary) -> None:
    """Say what came of it."""
    before = f", {summary.finished_before} were done before" if summary.finished_before else ""
    say(f"{summary.done} runs done{before}, {summary.refused} refused, {len(summary.failed)} failed: {summary.folder}")
    if summary.outdated:
        runs = summary.folder / "runs"
        say(
            f"{summary.outdated} runs were made by other code or packages, or it is unknown by which: "
            f"--out another folder, or delete {runs} to do them again"
        )
    for one, error in summary.failed[:SHOWN]:
        say(f"failed: {one}: {error} (log: {summary.folder / 'runs' / one.id / 'log.txt'})")
    if len(summary.failed) > SHOWN:
        say(f"and {len(summary.failed) - SHOWN} more; the same command tries them again")


def say(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)  # noqa: T201 - this is the command line


def watcher(what: str) -> Watcher:
    """A bar on a terminal, lines elsewhere."""
    return Bar(what) if sys.stderr.isatty() else Lines(what)


@final
class Bar:
    """Shows how it goes as a bar."""

    def __init__(self, what: str) -> None:
        """`what` names the things that are counted."""
        self._what, self._failed = what, 0
        self._progress: Progress | None = None

    def begin(self, total: int, done: int) -> None:
        """Show the bar."""
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=Console(stderr=True), speed_estimate_period=120)
        self._task = self._progress.add_task(self._what, total=total, completed=done)
        self._progress.start()

    def ended(self, run: Run, status: str) -> None:
        """Move it."""
        if self._progress is not None:
            if status != "done":
                self._progress.console.print(f"{status}: {run}", markup=False, highlight=False)
            self._progress.advance(self._task)

    def tick(self) -> None:
        """Rich does that."""

    def end(self) -> None:
        """Leave it as it is."""
        if self._progress is not None:
            self._progress.stop()


@final
class Lines:
    """Tells how it goes in lines."""

    def __init__(self, what: str) -> None:
        """`what` names the things that are counted."""
        self._what = what
        self._total = self._before = self._done = 0
        self._start = self._last = time.monotonic()

    def begin(self, total: int, done: int) -> None:
        """Start the clock."""
        self._total, self._before, self._done = total, done, done
        self._start = self._last = time.monotonic()

    def ended(self, run: Run, status: str) -> None:
        """Count; tell at once what is not as it should be."""
        self._done += 1
        if status != "done":
            print(f"{status}: {run}", file=sys.stderr, flush=True)  # noqa: T201 - this is the command line
        self.tick()

    def tick(self) -> None:
        """Say a line if it is time."""
        now = time.monotonic()
        if now - self._last < EVERY:
            return
        self._last = now
        new = self._done - self._before
        left = f", about {(now - self._start) / new * (self._total - self._done):.0f} s left" if new else ""
        print(f"{self._done} of {self._total} {self._what}{left}", file=sys.stderr, flush=True)  # noqa: T201 - as above

    def end(self) -> None:
        """Nothing more to say."""
