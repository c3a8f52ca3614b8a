"""Convert matplotlib figures into inline SVG that uses the colors and fonts of the page, light or dark.

matplotlib writes a standalone file with fixed fonts and colors, ids that clash between figures, and six decimals for
every coordinate. `to_svg` parses that file and rewrites it as an element of an HTML document. The same figure always
gives the same bytes.
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
"""The colors of figures other than those of methods; the style sheet of the page defines them for light and dark."""

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
"""The variable of the page's style sheet for each color of a figure."""

DIGITS = re.compile(r"-?\d+\.\d{3,}")
COLOR = re.compile(r"#[0-9a-f]{6}\b")
FONT = re.compile(r"font-family: [^;]*;? ?|font: (?:\w+ )*?(?=[\d.]+px)")
SIZED = re.compile(r"(?<![\w-])([\d.]+px) '[^;]*")
REFERENCE = re.compile(r"#([A-Za-z][\w.-]*)")
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]|[\ud800-\udfff]")
"""What XML does not allow; matplotlib writes the labels of a figure as they are."""

NAMESPACE = re.compile(r"\{[^}]*\}")


def to_svg(draw: Callable[[Figure], None], *, size: tuple[float, float], name: str, label: str) -> Markup:
    """Draw a figure and return it as an `<svg>` element, independent of the local matplotlib settings.

    Args:
        draw: Draws into an empty figure.
        size: Width and height in inches (72 units of SVG coordinates); the page scales it.
        name: A name that is unique on the page; it prefixes the ids.
        label: A description of the figure for screen readers.

    Raises:
        MissingPackageError: If matplotlib is not installed.
    """
    matplotlib = require("matplotlib", extra="report")
    figures = require("matplotlib.figure", extra="report")
    file = io.StringIO()
    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # browsers use their own fonts
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": name, "axes.facecolor": "none"})
        figure = figures.Figure(figsize=size, facecolor="none")
        draw(figure)
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return inline_svg(file.getvalue(), name, label)


def inline_svg(drawing: str, name: str, label: str) -> Markup:
    """Rewrite matplotlib's SVG file as an element of an HTML page; see `to_svg`."""
    root = ET.fromstring(CONTROL.sub("�", drawing))  # noqa: S314 - matplotlib wrote it
    for element in root.iter():
        element.tag = NAMESPACE.sub("", element.tag)
        for key in list(element.attrib):
            value = DIGITS.sub(lambda match: f"{float(match[0]):.2f}", element.attrib.pop(key))
            element.set(NAMESPACE.sub("", key), " ".join(value.split()))
        style = FONT.sub("", element.get("style", ""))
        style = SIZED.sub(r"font-size: \1", style)
        style = COLOR.sub(lambda match: COLORS.get(match[0], match[0]), style).strip("; ")
        element.attrib.pop("style", None)
        if style:
            element.set("style", style)
        element.text, element.tail = (element.text or "").strip(), ""
    drop_style_sheets(root)
    rename_ids(root, name)
    view = root.attrib["viewBox"]
    root.attrib.clear()
    root.attrib.update({"viewBox": view, "role": "img", "aria-label": printable(label)})
    markup: Markup = require("markupsafe", extra="report").Markup(ET.tostring(root, encoding="unicode"))
    return markup


def standalone_svg(element: Markup) -> str:
    """Convert an element of `inline_svg` into a standalone file, dark on white."""
    text = str(element)
    for color, variable in COLORS.items():
        text = text.replace(variable, color)
    attributes = 'xmlns="http://www.w3.org/2000/svg" style="background: #ffffff; font-family: sans-serif"'
    return text.replace("<svg ", f"<svg {attributes} ", 1)


def drop_style_sheets(root: ET.Element) -> None:
    """Remove the style sheets of the file, which would affect all figures of the page."""
    for definitions in root.findall("defs"):
        if definitions.find("style") is not None:
            root.remove(definitions)


def rename_ids(root: ET.Element, name: str) -> None:
    """Keep only the ids that are referenced, and prefix them with the name of the figure."""
    used = {
        reference
        for element in root.iter()
        for key in ("href", "clip-path")
        for reference in REFERENCE.findall(element.get(key, ""))
    }
    names = {old: f"{name}-{number}" for number, old in enumerate(sorted(used))}
    for element in root.iter():
        old = element.attrib.pop("id", None)
        if old in names:
            element.set("id", names[old])
        for key in ("href", "clip-path"):
            if key in element.attrib:
                element.set(key, REFERENCE.sub(lambda match: f"#{names[match[1]]}", element.attrib[key]))


def printable(text: str) -> str:
    """Replace characters that are invalid in XML or invisible.

    Example:
        >>> printable("tab" + chr(0) + "le")
        'tab�le'
    """
    return "".join(character if character.isprintable() else "�" for character in text)
