"""Look up the tables of a section."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raytune_suite.pages.document import ReportTable

if TYPE_CHECKING:
    from raytune_suite.pages.document import Section


def table_rows(section: Section, caption: str) -> list[list[str]]:
    """The rows of the table whose caption begins like this."""
    tables = [block for block in section.blocks if isinstance(block, ReportTable)]
    table = next(table for table in tables if table.caption.startswith(caption))
    return [[name, *(cell.text for cell in cells)] for name, cells in table.rows]
