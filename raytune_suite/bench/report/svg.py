"""Turn what matplotlib draws into SVG that lives inside a page: it takes the page's colours and fonts, light or dark.

matplotlib writes a file of its own: with a fixed font, fixed colours, ids that clash with those of the next figure, and
six digits to every coordinate. `to_svg` parses that file and rewrites it as an element of an HTML document. The same
drawing always gives the same bytes.
"""

from __future__ import annotations

import io
import re
import warnings
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from raytune_suite.optional import require

if TYPE_CHECKING:
    from collections.abc import Callable

    from markupsafe import Markup
    from matplotlib.figure import Figure

INK, MUTED, GRID, PAPER = "#101010", "#606060", "#d8d8d8", "#fefefe"
"""What figures are drawn with beside the methods' colours; the page says what these are in light and in dark."""

COLORS = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    GRID: "var(--grid)",
    PAPER: "var(--paper)",
    "#000000": "var(--ink)",
    "#0072b2": "var(--blue)",
    "#e69f00": "var(--orange)",
    "#009e73": "var(--green)",
    "#d55e00": "var(--vermilion)",
    "#cc79a7": "var(--purple)",
    "#56b4e9": "var(--sky)",
}
"""What a colour of a figure becomes in the page: a variable of its style sheet."""

DIGITS = re.compile(r"-?\d+\.\d{3,}")
COLOR = re.compile(r"#[0-9a-f]{6}\b")
FONT = re.compile(r"font-family: [^;]*;? ?|font: (?:\w+ )*?(?=[\d.]+px)")
SIZED = re.compile(r"(?<![\w-])([\d.]+px) '[^;]*")
REFERENCE = re.compile(r"#([A-Za-z][\w.-]*)")
NAMESPACE = re.compile(r"\{[^}]*\}")


def to_svg(draw: Callable[[Figure], None], *, size: tuple[float, float], name: str, label: str) -> Markup:
    """Draw a figure and give it as an `<svg>` element, which shows nothing of the drawing machine's settings.

    Args:
        draw: What draws into an empty figure.
        size: Width and height in inches (72 units of the drawing's coordinates); the page scales it.
        name: A word that no other figure of the page has; it keeps the ids apart.
        label: What the figure shows, for those who cannot see it.

    Raises:
        MissingPackageError: If matplotlib is not installed.
    """
    matplotlib = require("matplotlib", extra="report")
    figures = require("matplotlib.figure", extra="report")
    file = io.StringIO()
    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # the reader's fonts are used, not matplotlib's
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": name, "axes.facecolor": "none"})
        figure = figures.Figure(figsize=size, facecolor="none")
        draw(figure)
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return inline(file.getvalue(), name, label)


def inline(drawing: str, name: str, label: str) -> Markup:
    """Rewrite matplotlib's SVG file as an element of an HTML page; see `to_svg`."""
    root = ET.fromstring(drawing)  # noqa: S314 - matplotlib wrote it a moment ago
    for element in root.iter():
        element.tag = NAMESPACE.sub("", element.tag)
        for key in list(element.attrib):
            value = DIGITS.sub(lambda found: f"{float(found[0]):.2f}", element.attrib.pop(key))
            element.set(NAMESPACE.sub("", key), " ".join(value.split()))
        style = FONT.sub("", element.get("style", ""))
        style = SIZED.sub(r"font-size: \1", style)
        style = COLOR.sub(lambda found: COLORS.get(found[0], found[0]), style).strip("; ")
        element.attrib.pop("style", None)
        if style:
            element.set("style", style)
        element.text, element.tail = (element.text or "").strip(), ""
    drop_styles(root)
    rename(root, name)
    view = root.attrib["viewBox"]
    root.attrib.clear()
    root.attrib.update({"viewBox": view, "role": "img", "aria-label": label})
    markup: Markup = require("markupsafe", extra="report").Markup(ET.tostring(root, encoding="unicode"))
    return markup


def standalone(element: Markup) -> str:
    """An element of `inline` as a file of its own, dark on white."""
    text = str(element)
    for color, variable in COLORS.items():
        text = text.replace(variable, color)
    attributes = 'xmlns="http://www.w3.org/2000/svg" style="background: #ffffff; font-family: sans-serif"'
    return text.replace("<svg ", f"<svg {attributes} ", 1)


def drop_styles(root: ET.Element) -> None:
    """Remove the file's own style sheet: inside a page it would rule over all other figures too."""
    for definitions in root.findall("defs"):
        if definitions.find("style") is not None:
            root.remove(definitions)


def rename(root: ET.Element, name: str) -> None:
    """Keep only those ids that something refers to, and make them unlike those of every other figure."""
    used = {
        found
        for element in root.iter()
        for key in ("href", "clip-path")
        for found in REFERENCE.findall(element.get(key, ""))
    }
    names = {old: f"{name}-{number}" for number, old in enumerate(sorted(used))}
    for element in root.iter():
        old = element.attrib.pop("id", None)
        if old in names:
            element.set("id", names[old])
        for key in ("href", "clip-path"):
            if key in element.attrib:
                element.set(key, REFERENCE.sub(lambda found: f"#{names[found[1]]}", element.attrib[key]))


def printable(text: str) -> str:
    """The text without the characters that no XML may hold, or that a reader could not see.

    Example:
        >>> printable("tab" + chr(0) + "le")
        'tab�le'
    """
    return "".join(character if character.isprintable() else "�" for character in text)
