"""The command line, `raytune-suite`: one module for each command.

Each command imports what it needs when it runs: importing Ray takes a second, which `raytune-suite --help` must not
wait for.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from typing import TYPE_CHECKING

from raytune_suite import __version__
from raytune_suite.cli import bench, cluster, completion, data, logs
from raytune_suite.cli import diff as diff_command
from raytune_suite.cli import list as list_command
from raytune_suite.cli import report as report_command
from raytune_suite.cli import run as run_command
from raytune_suite.cli import watch as watch_command
from raytune_suite.cli.help import HelpFormatter
from raytune_suite.errors import RaytuneSuiteError, StudyInterrupted

if TYPE_CHECKING:
    from collections.abc import Sequence

FAILURE, INTERRUPTED = 2, 130
"""Exit codes: an error that is printed on stderr; Ctrl-C."""

ABOUT = """\
Tune models on Ray with ASHA, Hyperband, BOHB, DEHB, PBT and more; switch methods by changing one option.
"""

EXAMPLES = """\
examples:
  # tune a small network with ASHA: about a minute
  raytune-suite run live/digits-mlp
  # the same with another method
  raytune-suite list methods
  raytune-suite run live/digits-mlp --method pbt
  # a test function in simulated time: a few seconds
  raytune-suite run synthetic/mfh3 --engine simulated
  # your own program
  raytune-suite run --space space.toml --metric loss -- python train.py {args}
  # where do two studies diverge?
  raytune-suite diff ~/ray_results/first ~/ray_results/second
  # compare methods
  raytune-suite bench run benchmarks/quick.toml --out results
  raytune-suite bench report results

In Python:
  import raytune_suite as rts
  rts.tune(train, space, metric="loss", mode="min", max_t=27, budget=10)
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; `argv` has the arguments after "raytune-suite", by default those of the process.

    Returns:
        The exit status: 0 for success, 1 if `diff`, `data check`, `bench verify` and the like find a difference or a
        failure, 2 after an error (its message is on stderr), 130 after Ctrl-C or SIGTERM.

    Example:
        >>> main(["list", "clusters"])  # doctest: +SKIP
    """
    words = sys.argv[1:] if argv is None else [*argv]
    top = parser()
    if any("\0" in word for word in words):
        top.error("an argument has a NUL character: remove it")
    arguments = top.parse_args(words)
    if argv is None:  # the process is ours
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return int(arguments.command(arguments))
    except StudyInterrupted as interruption:
        _end_at_once_on_the_next_signal(argv)
        print(f"\n{interruption}", file=sys.stderr)  # noqa: T201 - this is the command line
    except KeyboardInterrupt:
        _end_at_once_on_the_next_signal(argv)
        print("\ninterrupted", file=sys.stderr)  # noqa: T201 - as above
    except RaytuneSuiteError as error:
        print(f"raytune-suite: {error}", file=sys.stderr)  # noqa: T201 - as above
        return FAILURE
    except BrokenPipeError:  # `raytune-suite list methods | head -1`
        sys.stderr.close()
        return 0
    except OSError as error:  # a disk that is full, a folder without permission
        print(f"raytune-suite: {error}", file=sys.stderr)  # noqa: T201 - as above
        return FAILURE
    return INTERRUPTED


def _end_at_once_on_the_next_signal(argv: Sequence[str] | None) -> None:
    """Let another Ctrl-C end the process without a traceback while it exits, which takes Ray a moment."""
    if argv is not None:  # the process is the caller's
        return

    def end(_number: int, _frame: object) -> None:
        os._exit(INTERRUPTED)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)


def parser() -> argparse.ArgumentParser:
    """The parser of all commands; parsed arguments have the function to call in `command`."""
    top = argparse.ArgumentParser(
        prog="raytune-suite", description=ABOUT, epilog=EXAMPLES, formatter_class=HelpFormatter
    )
    top.add_argument("--version", action="version", version=__version__)
    commands = top.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for module in (
        list_command,
        run_command,
        logs,
        report_command,
        watch_command,
        bench,
        diff_command,
        data,
        cluster,
        completion,
    ):
        module.add(commands)
    return top
