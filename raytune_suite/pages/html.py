"""Render a document as one HTML page that loads nothing."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

from raytune_suite.optional import require

if TYPE_CHECKING:
    from raytune_suite.pages.document import ReportDocument, Section

TEMPLATES = "templates"


def html(document: ReportDocument, *, script: str = "") -> str:
    """Render a document as a self-contained page; `script` is JavaScript for a page that is served."""
    markup = require("markupsafe", extra="report").Markup
    style = markup(read("page.css"))
    page: str = (
        _environment().get_template("page.html.j2").render(document=document, style=style, script=markup(script))
    )
    return page


def section_html(document: ReportDocument, section: Section) -> str:
    """Render one section of a document, as it is on the page."""
    module: Any = _environment().get_template("blocks.html.j2").make_module({"document": document})
    return str(module.section(section))


def read(name: str) -> str:
    """A file of the templates' folder."""
    return (files("raytune_suite.pages") / TEMPLATES / name).read_text(encoding="utf-8")


def _environment() -> Any:
    jinja2 = require("jinja2", extra="report")
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(read), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.globals["kind"] = lambda block: type(block).__name__
    return environment
