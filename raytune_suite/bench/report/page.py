"""Write what a comparison has found: one HTML page that loads nothing, and a summary in Markdown."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from raytune_suite.bench import store
from raytune_suite.bench.report.document import Panels
from raytune_suite.bench.report.markdown import markdown
from raytune_suite.bench.report.sections import contents
from raytune_suite.bench.report.svg import standalone
from raytune_suite.optional import require, require_extra
from raytune_suite.plotting.study_figure import write_whole

if TYPE_CHECKING:
    from raytune_suite.bench.report.document import Document, Picture

PAGE, SUMMARY, FIGURE = "report.html", "report.md", "report.svg"
TEMPLATES = "templates"


def write(folder: Path) -> Path:
    """Write DIR/report.html, DIR/report.md and DIR/report.svg from the tables in DIR. The same give the same bytes.

    The picture is the page's first anytime curves, for a README or a talk; there is none where nothing can be drawn.

    Args:
        folder: Where `raytune-suite bench run` has written a comparison.

    Returns:
        The path of the page.

    Raises:
        ArgumentError: If no comparison is there.
        MissingPackageError: If matplotlib or jinja2 is not installed.
    """
    require_extra("report", "the page of a comparison")
    place = Path(folder).expanduser()
    document = contents(store.read(place), from_file=(place / store.PROTOCOL).is_file())
    write_whole(place / SUMMARY, markdown(document).encode())
    write_whole(place / PAGE, html(document).encode())
    (place / FIGURE).unlink(missing_ok=True)
    if (picture := first_picture(document, "anytime")) is not None:
        write_whole(place / FIGURE, standalone(picture.svg).encode())
    return place / PAGE


def first_picture(document: Document, section: str) -> Picture | None:
    """The first figure of a section."""
    blocks = next((one.blocks for one in document.sections if one.name == section), ())
    return next((block.pictures[0] for block in blocks if isinstance(block, Panels) and block.pictures), None)


def html(document: Document) -> str:
    """A document as one self-contained page."""
    jinja2 = require("jinja2", extra="report")
    folder = files("raytune_suite.bench.report") / TEMPLATES
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: (folder / name).read_text(encoding="utf-8")),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.globals["kind"] = lambda block: type(block).__name__
    style = require("markupsafe", extra="report").Markup((folder / "page.css").read_text(encoding="utf-8"))
    page: str = environment.get_template("page.html.j2").render(document=document, style=style)
    return page
