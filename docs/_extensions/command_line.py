"""The directive `command-line`: the help of every command of raytune-suite, from its parser."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING
from unittest import mock

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from raytune_suite.cli import parser

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sphinx.application import Sphinx


def commands(top: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Yield a parser and those of its subcommands at any depth."""
    yield top
    for action in top._actions:  # noqa: SLF001 - argparse has no public way to list subcommands
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - as above
            for command in dict.fromkeys(action.choices.values()):
                yield from commands(command)


class CommandLine(SphinxDirective):
    """One section per command, which shows what `--help` prints."""

    def run(self) -> list[nodes.Node]:
        """Make the sections."""
        sections: list[nodes.Node] = []
        for command in commands(parser()):
            section = nodes.section(ids=[command.prog.replace(" ", "-")])
            section += nodes.title(text=command.prog)
            with mock.patch.dict(os.environ, {"COLUMNS": "100", "NO_COLOR": "1"}):
                text = command.format_help()
            section += nodes.literal_block(text, text, language="text")
            self.state.document.note_implicit_target(section, section)
            sections.append(section)
        return sections


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("command-line", CommandLine)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
