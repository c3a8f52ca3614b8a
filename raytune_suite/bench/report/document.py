"""What a report says, before it is a page or a summary: sections of paragraphs, lists, tables and figures."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from markupsafe import Markup

    from raytune_suite.bench.report.line_styles import Look


@dataclass(frozen=True)
class Prose:
    """A paragraph. A note is told in passing, a warning is not to be missed."""

    text: str
    kind: str = ""


@dataclass(frozen=True)
class Heading:
    """The title of a part of a section."""

    text: str


@dataclass(frozen=True)
class Points:
    """A list of sentences."""

    sentences: Sequence[str]


@dataclass(frozen=True)
class Cell:
    """A cell of a table: what it says, the interval beside it, and whether it is a text or the best of its column."""

    text: str
    range: str = ""
    kind: str = ""


@dataclass(frozen=True)
class Grid:
    """A table: the first column names the rows."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Cell]]]

    @property
    def aligned(self) -> list[str]:
        """By column, "text" where words stand and "" where numbers do."""
        cells = self.rows[0][1] if self.rows else [Cell("")] * (len(self.columns) - 1)
        return ["text", *("text" if cell.kind == "text" else "" for cell in cells)]


@dataclass(frozen=True)
class Picture:
    """A figure: its name is unique on the page."""

    name: str
    svg: Markup
    title: str
    caption: str = ""


@dataclass(frozen=True)
class Panels:
    """Figures that stand side by side where there is room."""

    pictures: Sequence[Picture]
    wide: bool = False


@dataclass(frozen=True)
class Code:
    """What is to be read letter by letter."""

    text: str


@dataclass(frozen=True)
class Fold:
    """What a reader may unfold."""

    name: str
    title: str
    blocks: Sequence[Block]
    note: str = ""


Block: TypeAlias = Prose | Heading | Points | Grid | Panels | Code | Fold


@dataclass(frozen=True)
class Section:
    """A section under its heading. The summary has those of `summarized` too, without their figures and folds."""

    name: str
    title: str
    blocks: Sequence[Block]
    summarized: bool = False


@dataclass(frozen=True)
class Document:
    """All of it.

    Attributes:
        title: The heading.
        lead: What it is about, in a sentence.
        facts: The numbers by which one gauges it, by their names.
        sections: In order.
        looks: How each method is drawn.
    """

    title: str
    lead: str
    facts: Mapping[str, str]
    sections: Sequence[Section]
    looks: Mapping[str, Look] = field(default_factory=dict)
