"""`raytune-suite completion`: print a script that completes commands in a shell."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from raytune_suite.cli.help import add_command
from raytune_suite.optional import require

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SHELLS = ("bash", "zsh")

ABOUT = """\
Print a script for bash or zsh that completes commands, options, and the names of methods, workloads and data sets.
"""

EXAMPLES = """\
examples:
  # bash: open a new shell afterwards
  raytune-suite completion bash >> ~/.bash_completion
  # zsh: ~/.zfunc must be in your fpath
  raytune-suite completion zsh > ~/.zfunc/_raytune-suite

Needs the package shtab: pip install 'raytune-suite[completion]'. Print the script again after installing methods or
workloads of other packages.
"""


def add(commands: Any) -> None:
    """Add the command `completion`."""
    summary = "print a script that completes commands in your shell"
    command = add_command(commands, "completion", summary=summary, about=ABOUT, examples=EXAMPLES)
    command.add_argument("shell", choices=SHELLS, help="your shell")
    command.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the script."""
    print(script(arguments.shell))  # noqa: T201 - this is the command line
    return 0


def script(shell: str) -> str:
    """The completion script for a shell.

    Raises:
        MissingPackageError: If shtab is not installed.
    """
    shtab = require("shtab", extra="completion")

    from raytune_suite.cli import parser

    top = parser()
    names: dict[str, list[str]] = {}
    for action in actions(top):
        metavar = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
        if metavar in FILES:
            action.complete = shtab.FILE  # type: ignore[attr-defined] # shtab reads this attribute
        elif metavar in FOLDERS:
            action.complete = shtab.DIRECTORY  # type: ignore[attr-defined] # as above
        elif metavar in NAMES:
            if metavar not in names:
                names[metavar] = NAMES[metavar]()
            action.choices = names[metavar]  # of this parser, which only shtab reads
    completion: str = shtab.complete(top, shell)
    return completion


def actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """The arguments of a parser and of all its commands."""
    for action in parser._actions:  # noqa: SLF001 - argparse has no public way, and shtab reads the same attribute
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - as above
            for inner in action.choices.values():
                yield from actions(inner)
        else:
            yield action


def methods() -> list[str]:
    """The names of all methods."""
    from raytune_suite.automatic import AUTO
    from raytune_suite.methods import METHODS

    return [AUTO, *METHODS]


def workloads() -> list[str]:
    """The names of all workloads, including those whose data are missing."""
    from raytune_suite.workloads import FAMILIES, WORKLOADS, family_names

    return [*WORKLOADS, *(name for family in FAMILIES for name in family_names(family))]


def data_sets() -> list[str]:
    """The names of all data sets and of their parts."""
    from raytune_suite import datasets

    return ["all", *datasets.datasets(), *datasets.parts()]


FILES = frozenset({"FILE", "PROTOCOL", "SCRIPT", "A", "B"})
"""Metavariables that stand for a file."""

FOLDERS = frozenset({"DIR"})
"""Metavariables that stand for a folder."""

NAMES: dict[str, Callable[[], list[str]]] = {"METHOD": methods, "WORKLOAD": workloads, "DATASET": data_sets}
"""Metavariables that stand for a registered name."""
