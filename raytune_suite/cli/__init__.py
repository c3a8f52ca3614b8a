"""The command line, `raytune-suite`: one module for each command.

Only what a command needs is imported, and late: `raytune-suite --help` must answer at once, and importing Ray takes a
second.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from raytune_suite import __version__
from raytune_suite.cli import bench, cluster, data
from raytune_suite.cli import diff as diff_command
from raytune_suite.cli import list as list_command
from raytune_suite.cli import run as run_command
from raytune_suite.errors import RaytuneSuiteError, StudyInterrupted

if TYPE_CHECKING:
    from collections.abc import Sequence

FAILURE, INTERRUPTED = 2, 130
"""Exit codes: what was asked cannot be done; Ctrl-C."""

ABOUT = """\
Tune models on Ray with any multi-fidelity method by changing one word.
"""

EXAMPLES = """\
examples:
  raytune-suite list methods                      what can follow --method
  raytune-suite run live/digits-mlp               tune a small network with ASHA, about two minutes
  raytune-suite run live/digits-mlp --method pbt  the same with another method
  raytune-suite run synthetic/mfh3 --engine simulated  a test function in virtual time, a second
  raytune-suite diff A B                          where two runs part
  raytune-suite bench run benchmarks/quick.toml --out results  compare methods
  raytune-suite run --help                        everything that a run can be told

In Python: rts.tune(train, space, method="asha", metric="loss", mode="min", max_t=27, budget=20); see README.md
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; `argv` is what follows "raytune-suite", by default the process's own arguments.

    Returns:
        The exit status: 0, 1 where `diff` has found a difference, 2 after an error that a message on stderr tells, 130
        after Ctrl-C.

    Example:
        >>> main(["list", "clusters"])  # doctest: +SKIP
    """
    arguments = parser().parse_args(argv)
    try:
        return int(arguments.command(arguments))
    except StudyInterrupted as interruption:
        print(f"\n{interruption}", file=sys.stderr)  # noqa: T201 - this is the command line
        return INTERRUPTED
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)  # noqa: T201 - as above
        return INTERRUPTED
    except RaytuneSuiteError as error:
        print(f"raytune-suite: {error}", file=sys.stderr)  # noqa: T201 - as above
        return FAILURE
    except BrokenPipeError:  # `raytune-suite list methods | head -1`
        sys.stderr.close()
        return 0


def parser() -> argparse.ArgumentParser:
    """The parser of all commands; parsed arguments hold the function to call as `command`."""
    top = argparse.ArgumentParser(
        prog="raytune-suite", description=ABOUT, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    top.add_argument("--version", action="version", version=__version__)
    commands = top.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for module in (list_command, run_command, bench, diff_command, data, cluster):
        module.add(commands)
    return top
