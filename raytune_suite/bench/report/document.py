"""The content of a report, independent of its format: sections of paragraphs, lists, tables and figures."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from markupsafe import Markup

    from raytune_suite.bench.report.line_styles import LineStyle


@dataclass(frozen=True)
class Paragraph:
    """A paragraph; `kind` is "note" for an aside, "warn" for a warning, or ""."""

    text: str
    kind: str = ""


@dataclass(frozen=True)
class Heading:
    """A heading within a section."""

    text: str


@dataclass(frozen=True)
class BulletList:
    """A list of sentences."""

    sentences: Sequence[str]


@dataclass(frozen=True)
class Cell:
    """A table cell: its text, an interval, and its kind ("text" for words, "best" for the best value, or "")."""

    text: str
    range: str = ""
    kind: str = ""


@dataclass(frozen=True)
class ReportTable:
    """A table; the first column contains the names of the rows."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Cell]]]

    @property
    def alignments(self) -> list[str]:
        """The alignment of each column: "text" for words, "" for numbers."""
        cells = self.rows[0][1] if self.rows else [Cell("")] * (len(self.columns) - 1)
        return ["text", *("text" if cell.kind == "text" else "" for cell in cells)]


@dataclass(frozen=True)
class Picture:
    """A figure; its name is unique on the page."""

    name: str
    svg: Markup
    title: str
    caption: str = ""


@dataclass(frozen=True)
class Panels:
    """Figures shown side by side if there is enough space."""

    pictures: Sequence[Picture]
    wide: bool = False


@dataclass(frozen=True)
class CodeBlock:
    """Commands or other preformatted text."""

    text: str


@dataclass(frozen=True)
class Collapsible:
    """Content that is hidden until the reader expands it."""

    name: str
    title: str
    blocks: Sequence[Block]
    note: str = ""


Block: TypeAlias = Paragraph | Heading | BulletList | ReportTable | Panels | CodeBlock | Collapsible


@dataclass(frozen=True)
class Section:
    """A section. If `summarized`, it is also part of the Markdown summary, without figures and collapsed content."""

    name: str
    title: str
    blocks: Sequence[Block]
    summarized: bool = False


@dataclass(frozen=True)
class ReportDocument:
    """A whole report.

    Attributes:
        title: The heading.
        lead: A one-sentence summary.
        facts: Key figures by their names.
        sections: In order.
        line_styles: The line style of each method.
    """

    title: str
    lead: str
    facts: Mapping[str, str]
    sections: Sequence[Section]
    line_styles: Mapping[str, LineStyle] = field(default_factory=dict)
