"""`raytune-suite data`: what there is of data that others made, downloading it, and whether it is whole."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from raytune_suite.datasets import File

WHOLE, DAMAGED = 0, 1
"""Exit codes of `check`."""

ABOUT = """\
Some workloads are learning curves that others have measured. Their data are no part of this package: `fetch` downloads
them from their authors into a folder, which is what RAYTUNE_SUITE_DATA names, or raytune_suite in your cache folder.

A name is a dataset (arlbench), one part of it (arlbench/cc_cartpole_ppo), or all: the parts whose checksums we know.
What we have never held ourselves has none: the first download of it is believed, and its checksum is written down, so
that `check` can tell whether it changes afterwards.
"""

EXAMPLES = """\
examples:
  raytune-suite data list                                 every part: how large, its licence, whether it is there
  raytune-suite data fetch yahpo/lcbench                  a surrogate of 34 tuning problems, 2 MB
  raytune-suite data fetch arlbench/cc_cartpole_ppo taskset
  raytune-suite data fetch all --folder /shared/data      for the machines of a cluster
  raytune-suite data check                                read everything again

A download that was cut off goes on where it stopped: give the same command again.
"""


def add(commands: Any) -> None:
    """Add the command `data`."""
    command = commands.add_parser(
        "data",
        help="get the data of workloads that others have measured",
        description=ABOUT,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = command.add_subparsers(title="actions", required=True, metavar="ACTION")
    about: dict[str, tuple[str, Callable[[argparse.Namespace], int]]] = {
        "list": ("what can be fetched, and what is there", show),
        "fetch": ("download what is missing, truncated or altered", get),
        "check": ("read every file again; the status is 1 if one is truncated or altered", verify),
    }
    for name, (what, function) in about.items():
        action = actions.add_parser(name, help=what, description=what[0].upper() + what[1:] + ".")
        if name == "fetch":
            action.add_argument("names", metavar="NAME", nargs="+", help="a dataset, a part of one, or all")
        action.add_argument("--folder", type=Path, metavar="DIR", help="where the data lie (default: see above)")
        action.set_defaults(command=function)


def show(arguments: argparse.Namespace) -> int:
    """List every part: name, size, licence, and whether its files are there."""
    from raytune_suite import datasets
    from raytune_suite.cli.list import aligned

    where = arguments.folder or datasets.folder()
    rows = [
        [part.name, size(part.files), dataset.licence, presence(part.files, where)]
        for dataset in datasets.datasets().values()
        for part in dataset.parts
    ]
    print(aligned(rows))  # noqa: T201 - this is the command line
    print("\n?: neither its size nor its checksum is known here, and no test has read it")  # noqa: T201 - as above
    print(f"folder: {where}")  # noqa: T201 - as above
    return WHOLE


def get(arguments: argparse.Namespace) -> int:
    """Download, with a bar for each file."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    from raytune_suite import datasets

    datasets.select(arguments.names)  # refuse an unknown name before a bar is drawn
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bars:

        def bar(file: File) -> Callable[[int, int | None], None]:
            task = bars.add_task(file.path, total=file.size)
            return lambda have, total: bars.update(task, completed=have, total=total)

        got = datasets.fetch(arguments.names, arguments.folder, progress=bar)
    for place in got:
        print(place)  # noqa: T201 - this is the command line
    if not got:
        print(f"nothing to do: all of it is in {arguments.folder or datasets.folder()}")  # noqa: T201 - as above
    return WHOLE


def verify(arguments: argparse.Namespace) -> int:
    """Read every file, and say what is to be said of those that are there."""
    from raytune_suite import datasets
    from raytune_suite.cli.list import aligned

    where = arguments.folder or datasets.folder()
    states = datasets.check(where)
    rows = [[path, state] for path, state in states.items() if state is not datasets.State.MISSING]
    if rows:
        print(aligned(rows))  # noqa: T201 - this is the command line
    missing = len(states) - len(rows)
    print(f"\n{len(rows)} files are in {where}, {missing} of the catalogue are not")  # noqa: T201 - as above
    damaged = {datasets.State.TRUNCATED, datasets.State.ALTERED}.intersection(states.values())
    return DAMAGED if damaged else WHOLE


def presence(files: tuple[File, ...], where: Path) -> str:
    """Whether some files are there, by their sizes alone."""
    found = [(where / file.path).stat().st_size if (where / file.path).is_file() else None for file in files]
    if None in found:
        return "-"
    wrong = any(file.size not in (None, size) for file, size in zip(files, found, strict=True))
    return "damaged: fetch it again" if wrong else "present"


def size(files: tuple[File, ...]) -> str:
    """The bytes of some files in words.

    Example:
        >>> from raytune_suite.data import File
        >>> size((File(path="a", url="", size=3_500_000), File(path="b", url="", size=1000)))
        '3.5 MB'
    """
    known = [file.size for file in files if file.size is not None]
    return f"{sum(known) / 1e6:.1f} MB" if len(known) == len(files) else "?"
