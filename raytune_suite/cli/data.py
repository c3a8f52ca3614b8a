"""`raytune-suite data`: list, download and verify third-party data sets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from raytune_suite.cli.help import add_command
from raytune_suite.cli.table import aligned, terminal_width
from raytune_suite.errors import ArgumentError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from raytune_suite.datasets import File

WHOLE, DAMAGED = 0, 1
"""Exit codes of `check`."""

ABOUT = """\
Some workloads replay learning curves that were published by others. These data sets are not part of this package:
`fetch` downloads them from their authors. The environment variable RAYTUNE_SUITE_DATA names the folder, by default
raytune_suite in your cache folder.

A name is a data set (arlbench), one part of it (arlbench/cc_cartpole_ppo), or `all`: every part with a known checksum.
For other parts the first download is trusted, and its checksum is recorded so that `check` can detect later changes.
"""

EXAMPLES = """\
examples:
  raytune-suite data list                  every part: its size, license, status
  raytune-suite data fetch yahpo/lcbench   a surrogate of 34 problems, 2 MB
  raytune-suite data fetch arlbench/cc_cartpole_ppo taskset
  raytune-suite data fetch all --folder /shared/data
  raytune-suite data check                 verify every file

To resume an interrupted download, repeat the command.
"""


def add(commands: Any) -> None:
    """Add the command `data`."""
    summary = "list, download and verify the data sets of workloads"
    command = add_command(commands, "data", summary=summary, about=ABOUT, examples=EXAMPLES)
    actions = command.add_subparsers(title="commands", required=True, metavar="COMMAND")
    about: dict[str, tuple[str, Callable[[argparse.Namespace], int]]] = {
        "list": ("list what can be fetched, and whether it is present", show),
        "fetch": ("download files that are missing, truncated or altered", fetch),
        "check": ("verify every file; the exit status is 1 if one is truncated or altered", verify),
    }
    for name, (what, function) in about.items():
        example = f"example: raytune-suite data {name}{' yahpo/lcbench' if name == 'fetch' else ''}"
        action = add_command(actions, name, summary=what, about=f"{what[0].upper()}{what[1:]}.", examples=example)
        if name == "fetch":
            action.add_argument("names", metavar="DATASET", nargs="+", help="a data set, a part of one, or all")
        action.add_argument(
            "--folder",
            type=Path,
            metavar="DIR",
            help="the folder with the data (default: $RAYTUNE_SUITE_DATA, or raytune_suite in the cache folder)",
        )
        action.set_defaults(command=function)


def show(arguments: argparse.Namespace) -> int:
    """List every part: its name, size and licence, and whether its files are present."""
    from raytune_suite import datasets

    where = folder(arguments)
    rows = [
        [part.name, size(part.files), dataset.licence, presence(part.files, where)]
        for dataset in datasets.datasets().values()
        for part in dataset.parts
    ]
    print(aligned(rows, terminal_width()))  # noqa: T201 - this is the command line
    print("\n?: size and checksum are unknown, and no test has read this part")  # noqa: T201 - as above
    print(f"folder: {where}")  # noqa: T201 - as above
    return WHOLE


def fetch(arguments: argparse.Namespace) -> int:
    """Download, with a progress bar for each file."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    from raytune_suite import datasets

    datasets.select(arguments.names)  # reject an unknown name before a bar is drawn
    folder(arguments)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bars:

        def bar(file: File) -> Callable[[int, int | None], None]:
            task = bars.add_task(file.path, total=file.size)
            return lambda have, total: bars.update(task, completed=have, total=total)

        fetched = datasets.fetch(arguments.names, arguments.folder, progress=bar)
    for path in fetched:
        print(path)  # noqa: T201 - this is the command line
    if not fetched:
        print(f"nothing to do: everything is in {arguments.folder or datasets.folder()}")  # noqa: T201 - as above
    return WHOLE


def verify(arguments: argparse.Namespace) -> int:
    """Verify every file, and print the state of those that are present."""
    from raytune_suite import datasets

    where = folder(arguments)
    states = datasets.check(where)
    rows = [[path, state] for path, state in states.items() if state is not datasets.State.MISSING]
    if rows:
        print(aligned(rows, terminal_width()))  # noqa: T201 - this is the command line
    missing = len(states) - len(rows)
    print(f"\n{len(rows)} files are in {where}, {missing} files of the catalogue are missing")  # noqa: T201 - as above
    damaged = {datasets.State.TRUNCATED, datasets.State.ALTERED}.intersection(states.values())
    return DAMAGED if damaged else WHOLE


def folder(arguments: argparse.Namespace) -> Path:
    """The folder of the data.

    Raises:
        ArgumentError: If it is, or lies below, a file.
    """
    from raytune_suite import datasets

    chosen: Path = arguments.folder or datasets.folder()
    existing = next((one for one in (chosen, *chosen.parents) if one.exists()), chosen)
    if existing.exists() and not existing.is_dir():
        raise ArgumentError.invalid("--folder", str(chosen), "a folder", f"{str(existing)!r} is a file")
    return chosen


def presence(files: tuple[File, ...], where: Path) -> str:
    """Whether files are present, judged by their sizes alone."""
    sizes = [(where / file.path).stat().st_size if (where / file.path).is_file() else None for file in files]
    if None in sizes:
        return "-"
    wrong = any(file.size not in (None, size) for file, size in zip(files, sizes, strict=True))
    return "damaged: fetch it again" if wrong else "present"


def size(files: tuple[File, ...]) -> str:
    """The total size of files, "?" if one is unknown.

    Example:
        >>> from raytune_suite.datasets import File
        >>> size((File(path="a", url="", size=3_500_000), File(path="b", url="", size=1000)))
        '3.5 MB'
    """
    known = [file.size for file in files if file.size is not None]
    return f"{sum(known) / 1e6:.1f} MB" if len(known) == len(files) else "?"
