"""Tables in HTML for notebooks, which bring their own style."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def html_table(heading: str, columns: Sequence[str], rows: Sequence[Sequence[str]], note: str = "") -> str:
    """A heading, a table whose first row is the best one, and a note; all texts are escaped.

    Example:
        >>> html_table("a & b", [], [])
        '<div><p><strong>a &amp; b</strong></p></div>'
    """
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>" if rows else ""
    foot = f"<p>{escape(note)}</p>" if note else ""
    return f"<div><p><strong>{escape(heading)}</strong></p>{table}{foot}</div>"
