"""`raytune-suite watch`: a live page, or a live table on the terminal, about a study."""

from __future__ import annotations

import argparse
import threading
import time
from typing import TYPE_CHECKING, Any

from raytune_suite.cli.help import add_command

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from raytune_suite.tuning.result import StudyResult
    from raytune_suite.watch.reader import StudyReader

LOOK_S = 1.0
"""Seconds between two reads of the study's files."""

LAST_PORT = 65_535
"""The highest number of a port."""

ABOUT = """\
Watch a study while it runs: prints the address of a page on this machine that updates itself, with the panels of
`raytune-suite report`. With --terminal, shows a table of the best trials instead.

The study is only read, so it is not affected, and may run on another machine if this one can see its folder. Finished
and interrupted studies are shown as they are. Press Ctrl-C to stop watching.
"""

EXAMPLES = """\
examples:
  raytune-suite watch ~/ray_results/mine
  raytune-suite watch ~/ray_results/mine --terminal
  # a study on another machine: forward the port, then open the printed address here
  ssh -L 8765:127.0.0.1:8765 me@cluster raytune-suite watch results/mine --port 8765
"""


def add(commands: Any) -> None:
    """Add the command `watch`."""
    command = add_command(commands, "watch", summary="watch a study while it runs", about=ABOUT, examples=EXAMPLES)
    command.add_argument("study", metavar="STUDY", help="the folder or URI of a study")
    command.add_argument("--port", type=port, default=0, metavar="N", help="the port of the page (default: a free one)")
    command.add_argument("--terminal", action="store_true", help="show a table in the terminal until the study ends")
    command.set_defaults(command=run)


def port(text: str) -> int:
    """Parse the number of a port; 0 stands for a free one.

    Example:
        >>> port("8765")
        8765
    """
    if not text.isdecimal() or int(text) > LAST_PORT:
        raise argparse.ArgumentTypeError(f"the argument is {text!r}, but must be an integer from 0 to {LAST_PORT}")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """Watch a study until Ctrl-C, or on the terminal until it ends."""
    from raytune_suite.watch.reader import StudyReader

    reader = StudyReader(arguments.study)
    return watch_on_terminal(reader) if arguments.terminal else serve(reader, arguments.port)


def serve(reader: StudyReader, port: int) -> int:
    """Serve the page until Ctrl-C."""
    from raytune_suite.optional import require_extra
    from raytune_suite.watch.server import LivePage, make_server

    require_extra("report", "the page of a study")
    page = LivePage(reader)
    server, address = make_server(page, port)
    print(f"{address}\nPress Ctrl-C to stop watching; the study is not affected", flush=True)  # noqa: T201 - the command line
    threading.Thread(target=page.run, daemon=True).start()
    try:
        server.serve_forever()
    finally:
        page.stop()
        server.server_close()
    return 0


def watch_on_terminal(reader: StudyReader) -> int:
    """Show a live table until the study is no longer running."""
    from rich.live import Live

    from raytune_suite.cli.console import output
    from raytune_suite.watch.pace import Pace

    console, pace = output(), Pace(LOOK_S, part=0.9)
    with Live(console=console, auto_refresh=False) as live:
        changed = False
        while True:
            changed |= reader.refresh()
            if changed and (pace.due or not reader.running):
                changed = False
                with pace.update():
                    live.update(summary(reader.result(), console), refresh=True)
            if not reader.running:
                break
            time.sleep(LOOK_S)
    if not console.is_terminal:
        console.line()  # `Live` ends its last line on a terminal only
    return 0


def summary(result: StudyResult, console: Console) -> RenderableType:
    """The counts of a study and its best trials."""
    from rich.console import Group
    from rich.text import Text

    from raytune_suite.cli.console import SHOWN_TRIALS, trial_columns
    from raytune_suite.cli.table import fit, render
    from raytune_suite.plotting.study_data import ranked_trials
    from raytune_suite.report.build import facts

    line = " · ".join(f"{value} {name}" for name, value in facts(result).items())
    head = Text(f"{result.name} ({result.method}, {result.status}): {line}", style="bold")
    if result.incumbent.empty:
        return Group(head, Text("no result yet"))
    columns = fit(trial_columns(result, ranked_trials(result).head(SHOWN_TRIALS)), console.width)
    styles = {0: "bold", 1: "green"}
    return Group(head, *(Text(row, style=styles.get(number, "")) for number, row in enumerate(render(columns))))
