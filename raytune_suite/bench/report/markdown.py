"""A report as Markdown: what its summarized sections say, without figures."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from raytune_suite.bench.report.document import Code, Grid, Heading, Points, Prose

if TYPE_CHECKING:
    from raytune_suite.bench.report.document import Block, Document

SPECIAL = re.compile(r"([\\`*\[\]<>|])")


def markdown(document: Document) -> str:
    """The summary of a report, in GitHub's Markdown."""
    parts = [f"# {plain(document.title)}", plain(document.lead)]
    parts.append("\n".join(f"- {plain(name)}: {plain(value)}" for name, value in document.facts.items()))
    for section in document.sections:
        if section.summarized:
            parts += [f"## {plain(section.title)}", *filter(None, map(block_markdown, section.blocks))]
    return "\n\n".join(parts) + "\n"


def block_markdown(block: Block) -> str:
    """One block; nothing for those that a summary does not have."""
    if isinstance(block, Prose):
        return plain(block.text)
    if isinstance(block, Heading):
        return f"### {plain(block.text)}"
    if isinstance(block, Points):
        return "\n".join(f"- {plain(sentence)}" for sentence in block.sentences)
    if isinstance(block, Code):
        return "\n".join(f"    {line}" for line in block.text.splitlines())
    return grid_markdown(block) if isinstance(block, Grid) else ""


def grid_markdown(grid: Grid) -> str:
    """A table under its caption; the best of a column is bold, as on the page."""
    rows = [list(map(plain, grid.columns)), ["---" if kind == "text" else "---:" for kind in grid.aligned]]
    for name, cells in grid.rows:
        texts = [plain(f"{cell.text} {cell.range}".strip()) for cell in cells]
        bold = [f"**{text}**" if cell.kind == "best" else text for cell, text in zip(cells, texts, strict=True)]
        rows.append([plain(name), *bold])
    return "\n".join([plain(grid.caption), "", *(f"| {' | '.join(row)} |" for row in rows)])


def plain(text: str) -> str:
    r"""Text that Markdown shows as it is, on one line.

    Example:
        >>> plain("a|b <script>")
        'a\\|b \\<script\\>'
    """
    return SPECIAL.sub(r"\\\1", " ".join(text.split()))
