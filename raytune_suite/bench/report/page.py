"""Write the report of a comparison: a self-contained HTML page, and a summary in Markdown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from raytune_suite.atomic_file import write_atomically
from raytune_suite.bench import store
from raytune_suite.bench.report.build import build_document
from raytune_suite.bench.report.markdown import markdown
from raytune_suite.optional import require_extra
from raytune_suite.pages.document import Panels
from raytune_suite.pages.html import html
from raytune_suite.pages.svg import standalone_svg

if TYPE_CHECKING:
    from raytune_suite.pages.document import Picture, ReportDocument

PAGE, SUMMARY, FIGURE = "report.html", "report.md", "report.svg"


def write(folder: Path) -> Path:
    """Write report.html, report.md and report.svg into the folder of a comparison; the same tables give the same bytes.

    The SVG file is the first anytime curve of the page, for a README or a talk; it is omitted if there is none.

    Args:
        folder: The folder of the comparison (`raytune-suite bench run --out`).

    Returns:
        The path of the page.

    Raises:
        ArgumentError: If the folder contains no comparison.
        MissingPackageError: If matplotlib or jinja2 is not installed.
    """
    require_extra("report", "the report of a comparison")
    path = Path(folder).expanduser()
    document = build_document(store.read(path), from_file=(path / store.PROTOCOL).is_file())
    write_atomically(path / SUMMARY, markdown(document).encode())
    write_atomically(path / PAGE, html(document).encode())
    (path / FIGURE).unlink(missing_ok=True)
    if (picture := first_picture(document, "anytime")) is not None:
        write_atomically(path / FIGURE, standalone_svg(picture.svg).encode())
    return path / PAGE


def first_picture(document: ReportDocument, section: str) -> Picture | None:
    """Return the first figure of a section, or None."""
    blocks = next((one.blocks for one in document.sections if one.name == section), ())
    return next((block.pictures[0] for block in blocks if isinstance(block, Panels) and block.pictures), None)
