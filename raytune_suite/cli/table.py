"""Tables of plain text that fit a width: columns are left out or moved to their own lines, but no cell is cut."""

from __future__ import annotations

import shutil
import sys
import textwrap
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

GAP = "  "
"""What separates two columns."""

INDENT = "    "
"""What begins the continuation lines of a row that is wider than the terminal."""


class Column(NamedTuple):
    """One column of a table.

    Attributes:
        title: Its header.
        cells: Its values, formatted.
        importance: 0 for a column that is always shown; the higher the number, the sooner the column is left out.
        numeric: Whether the cells are aligned to the right.
    """

    title: str
    cells: Sequence[str]
    importance: int = 0
    numeric: bool = True

    @property
    def width(self) -> int:
        """Characters of the widest cell or of the header."""
        return max(len(text) for text in (self.title, *self.cells))

    def lines(self) -> list[str]:
        """The header and the cells, padded to the same width."""
        pad = str.rjust if self.numeric else str.ljust
        return [pad(text, self.width) for text in (self.title, *self.cells)]


def fit(columns: Sequence[Column], width: int) -> list[Column]:
    """The columns that fit into `width`, chosen by importance, in the order of `columns`.

    A column that is too wide is skipped; less important ones that are narrower may still fit.

    Example:
        >>> columns = [Column("trial", ["0"]), Column("a_long_name", ["0.1"], 1), Column("lr", ["0.01"], 2)]
        >>> [column.title for column in fit(columns, width=12)]
        ['trial', 'lr']
    """
    chosen: set[int] = set()
    used = -len(GAP)
    for position in sorted(range(len(columns)), key=lambda position: columns[position].importance):
        needed = used + len(GAP) + columns[position].width
        if needed <= width or not columns[position].importance:
            chosen.add(position)
            used = needed
    return [columns[position] for position in sorted(chosen)]


def render(columns: Sequence[Column]) -> list[str]:
    r"""The lines of a table: the header, then the rows.

    Example:
        >>> print("\n".join(render([Column("trial", ["0", "12"]), Column("kind", ["relu", "tanh"], numeric=False)])))
        trial  kind
            0  relu
           12  tanh
    """
    return [GAP.join(cells).rstrip() for cells in zip(*(column.lines() for column in columns), strict=True)]


def aligned(rows: Iterable[Sequence[str]], width: int | None = None) -> str:
    r"""Rows of cells as lines with straight columns.

    If that is wider than `width`, the first cell of each row stands on its own line, and the others follow indented: in
    columns if these fit, else wrapped and below one another.

    Example:
        >>> aligned([["a", "1", ""], ["long", "20", "x"]])
        'a     1\nlong  20  x'
        >>> print(aligned([["a", "some words", "more"]], width=14))
        a
            some words
            more
    """
    rows = list(rows)
    lines = _straight(rows)
    if width is None or not lines or max(map(len, lines)) <= width:
        return "\n".join(lines)
    below = [INDENT + line for line in _straight([cells for _, *cells in rows])]
    if max(map(len, below)) <= width:
        return "\n".join(line for (name, *_), rest in zip(rows, below, strict=True) for line in (name, rest))
    return "\n".join(line for name, *cells in rows for line in (name, *_indented(cells, width)))


def terminal_width() -> int | None:
    """Characters per line of the terminal; None if the standard output is not a terminal."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _straight(rows: Sequence[Sequence[str]]) -> list[str]:
    return render([Column("", cells, numeric=False) for cells in zip(*rows, strict=True)])[1:] if rows else []


def _indented(cells: Sequence[str], width: int) -> list[str]:
    return [line for cell in cells if cell for line in wrapped(cell, width, INDENT, INDENT)]


def wrapped(text: str, width: int, first: str = "", rest: str = "") -> list[str]:
    """`text` in lines of at most `width`, broken at spaces only; `first` and `rest` begin the lines.

    Example:
        >>> wrapped("best of 3 trials", 12, "note: ", "      ")
        ['note: best', '      of 3', '      trials']
    """
    return textwrap.wrap(
        text, width, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False
    )
