"""`raytune-suite diff`: find the first difference between the decisions of two studies."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from raytune_suite.cli.help import add_command
from raytune_suite.errors import ArgumentError, RaytuneSuiteError
from raytune_suite.types import DECISIONS

if TYPE_CHECKING:
    import argparse

    from raytune_suite.engines.callbacks.decision_log import Decision

EQUAL, DIFFERENT = 0, 1
"""Exit codes, those of diff(1)."""

ABOUT = """\
Compare the decision logs of two studies row by row: which trial reported which value, with which config, and what the
scheduler decided. Prints how many rows agree, the first row that differs, and the likely reason.

The exit status is 0 if the studies are equal, 1 if they differ, and 2 after an error.
"""

EXAMPLES = """\
examples:
  raytune-suite diff ~/ray_results/first ~/ray_results/second
  raytune-suite diff a/decisions.parquet b/decisions.parquet --ignore-time
"""


def add(commands: Any) -> None:
    """Add the command `diff`."""
    summary = "find the first difference between two studies"
    command = add_command(commands, "diff", summary=summary, about=ABOUT, examples=EXAMPLES)
    for name in ("A", "B"):
        command.add_argument(name, type=Path, help=f"a study's folder, or its file {DECISIONS}")
    command.add_argument(
        "--ignore-time", action="store_true", help="do not compare times, which differ between engines"
    )
    command.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Compare two decision logs."""
    logs = read(arguments.A), read(arguments.B)

    from raytune_suite.cli.console import output, show_difference
    from raytune_suite.engines.callbacks.decision_log import difference

    first = difference(*logs, times=not arguments.ignore_time)
    if first is None:
        output().print(f"no difference: all {len(logs[0])} rows agree")
        return EQUAL
    show_difference(first, (len(logs[0]), len(logs[1])), output(), times=not arguments.ignore_time)
    return DIFFERENT


def read(place: Path) -> list[Decision]:
    """Read the decision log in a study's folder, or a file.

    Raises:
        ArgumentError: If the log does not exist or cannot be read.
    """
    path = place.expanduser()
    path = path / DECISIONS if path.is_dir() else path
    if not path.is_file():
        raise ArgumentError(f"no decision log at {str(path)!r}: pass a study's folder, or its file {DECISIONS}")

    from raytune_suite.engines.callbacks import decision_log  # after the check: this imports Ray

    try:
        return decision_log.read(path)
    except RaytuneSuiteError:
        raise
    except (OSError, ValueError) as error:
        raise ArgumentError(f"{str(path)!r} cannot be read as a decision log: {error}") from error
