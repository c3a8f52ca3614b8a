"""The layout of `--help`: paragraphs are wrapped to the terminal, examples are left as they are."""

from __future__ import annotations

import argparse
import textwrap
from typing import Any


class HelpFormatter(argparse.HelpFormatter):
    """Wraps each paragraph of a description or an epilog; a paragraph with an indented line is left as it is."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        paragraphs = textwrap.dedent(text).strip().split("\n\n")
        return "\n\n".join(
            textwrap.indent(paragraph, indent)
            if "\n " in paragraph
            else textwrap.fill(paragraph, width, initial_indent=indent, subsequent_indent=indent)
            for paragraph in paragraphs
        )


def add_command(commands: Any, name: str, *, summary: str, about: str, examples: str) -> argparse.ArgumentParser:
    """Add a command to what `add_subparsers` returned.

    Args:
        commands: The commands that `name` is added to.
        name: The command's name.
        summary: One line for the list of commands.
        about: Paragraphs for the command's own help.
        examples: Commands to copy, and what to know about them.
    """
    command: argparse.ArgumentParser = commands.add_parser(
        name, help=summary, description=about, epilog=examples, formatter_class=HelpFormatter
    )
    return command
