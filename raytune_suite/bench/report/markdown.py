"""The Markdown summary of a report: its summarized sections without figures."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from raytune_suite.pages.document import BulletList, CodeBlock, Heading, Paragraph, ReportTable

if TYPE_CHECKING:
    from raytune_suite.pages.document import Block, ReportDocument

SPECIAL = re.compile(r"([\\`*\[\]<>|])")


def markdown(document: ReportDocument) -> str:
    """Render the summary of a report in GitHub-flavoured Markdown."""
    parts = [f"# {escape(document.title)}", escape(document.lead)]
    parts.append("\n".join(f"- {escape(name)}: {escape(value)}" for name, value in document.facts.items()))
    for section in document.sections:
        if section.summarized:
            parts += [f"## {escape(section.title)}", *filter(None, map(block_markdown, section.blocks))]
    return "\n\n".join(parts) + "\n"


def block_markdown(block: Block) -> str:
    """Render a block; "" for blocks that are not part of a summary."""
    if isinstance(block, Paragraph):
        return escape(block.text)
    if isinstance(block, Heading):
        return f"### {escape(block.text)}"
    if isinstance(block, BulletList):
        return "\n".join(f"- {escape(sentence)}" for sentence in block.sentences)
    if isinstance(block, CodeBlock):
        return "\n".join(f"    {line}" for line in block.text.splitlines())
    return table_markdown(block) if isinstance(block, ReportTable) else ""


def table_markdown(table: ReportTable) -> str:
    """Render a table below its caption; the best value of a column is bold, as on the page."""
    rows = [list(map(escape, table.columns)), ["---" if kind == "text" else "---:" for kind in table.alignments]]
    for name, cells in table.rows:
        texts = [escape(f"{cell.text} {cell.range}".strip()) for cell in cells]
        bold = [f"**{text}**" if cell.kind == "best" else text for cell, text in zip(cells, texts, strict=True)]
        rows.append([escape(name), *bold])
    return "\n".join([escape(table.caption), "", *(f"| {' | '.join(row)} |" for row in rows)])


def escape(text: str) -> str:
    r"""Escape text so that Markdown shows it literally, on one line.

    Example:
        >>> escape("a|b <script>")
        'a\\|b \\<script\\>'
    """
    return SPECIAL.sub(r"\\\1", " ".join(text.split()))
