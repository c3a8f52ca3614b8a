"""`raytune-suite report`: a page about a study."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from raytune_suite.cli.help import add_command

if TYPE_CHECKING:
    import argparse

ABOUT = """\
Write a page about a study: its result, learning curves, the importance of hyperparameters, slices, contours, ranks over
fidelities, workers over time and the best trials. The page is one HTML file that loads nothing from the network, and
can be read on a phone.

The study may have finished, been interrupted, or still be running. It is only read.
"""

EXAMPLES = """\
examples:
  raytune-suite report ~/ray_results/mine
  raytune-suite report ~/ray_results/mine --out mine.html
"""


def add(commands: Any) -> None:
    """Add the command `report`."""
    command = add_command(commands, "report", summary="write a page about a study", about=ABOUT, examples=EXAMPLES)
    command.add_argument("study", metavar="STUDY", help="the folder or URI of a study")
    command.add_argument("--out", type=Path, metavar="FILE", help="the page (default: NAME.html in this folder)")
    command.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the page."""
    from raytune_suite.optional import require_extra
    from raytune_suite.tuning.load import load_study

    require_extra("report", "the page of a study")
    result = load_study(arguments.study)
    print(result.report(arguments.out or Path(f"{result.name}.html")))  # noqa: T201 - this is the command line
    return 0
