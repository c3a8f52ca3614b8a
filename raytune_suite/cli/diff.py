"""`raytune-suite diff`: where two runs part."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raytune_suite.errors import ArgumentError, RaytuneSuiteError
from raytune_suite.types import DECISIONS

if TYPE_CHECKING:
    from raytune_suite.engines.callbacks.decision_log import Decision

EQUAL, DIFFERENT = 0, 1
"""Exit codes, those of diff(1)."""

ABOUT = """\
Compare the decision logs of two runs row by row: which trial reported what, with which config, and what the scheduler
decided. Prints how many rows agree and the first that does not, and says what that means.

The exit status is 0 if the runs are equal, 1 if they differ, and 2 after an error.
"""

EXAMPLES = """\
examples:
  raytune-suite diff ~/ray_results/first ~/ray_results/second
  raytune-suite diff mine/decisions.parquet yours/decisions.parquet --ignore-time
"""


def add(commands: Any) -> None:
    """Add the command `diff`."""
    command = commands.add_parser(
        "diff",
        help="say where two runs part",
        description=ABOUT,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for name in ("A", "B"):
        command.add_argument(name, type=Path, help=f"a study's folder, or the file {DECISIONS} out of one")
    command.add_argument(
        "--ignore-time", action="store_true", help="compare all but the times, which differ between engines"
    )
    command.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Compare two decision logs."""
    logs = read(arguments.A), read(arguments.B)

    from raytune_suite.cli.console import output, show_difference
    from raytune_suite.engines.callbacks.decision_log import difference

    found = difference(*logs, times=not arguments.ignore_time)
    if found is None:
        output().print(f"no difference: all {len(logs[0])} rows agree")
        return EQUAL
    show_difference(found, (len(logs[0]), len(logs[1])), output(), times=not arguments.ignore_time)
    return DIFFERENT


def read(place: Path) -> list[Decision]:
    """The decision log of a study's folder, or of a file.

    Raises:
        ArgumentError: If there is none, or it cannot be read.
    """
    path = place.expanduser()
    path = path / DECISIONS if path.is_dir() else path
    if not path.is_file():
        raise ArgumentError(
            f"there is no decision log {str(path)!r}: give a study's folder, or the {DECISIONS} out of one"
        )

    from raytune_suite.engines.callbacks import decision_log  # after the check: this imports Ray

    try:
        return decision_log.read(path)
    except RaytuneSuiteError:
        raise
    except (OSError, ValueError) as error:
        raise ArgumentError(f"{str(path)!r} cannot be read as a decision log: {error}") from error
