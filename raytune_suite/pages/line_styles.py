"""The line style of each method: the same color, dashes and marker in all figures of the report.

The colors are those of Okabe and Ito ("Color Universal Design", 2008), which color-blind readers can distinguish,
without their yellow, which is invisible on white. From the eighth method on, colors repeat with other dashes and open
markers; a label always accompanies the color.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from raytune_suite.pages.svg import COLORS, INK, PAPER

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PALETTE = ("#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", INK)
MARKERS = {
    "o": "M13.5 9a5.5 5.5 0 1 0 11 0a5.5 5.5 0 1 0-11 0z",
    "s": "M14 4h10v10h-10z",
    "D": "M19 2.5l6.5 6.5l-6.5 6.5l-6.5-6.5z",
    "^": "M19 2.5l6.5 11.5h-13z",
    "v": "M19 15.5l6.5-11.5h-13z",
    "P": "M17 3h4v4h4v4h-4v4h-4v-4h-4v-4h4z",
    "X": "M15 2.5l4 4l4-4l2.5 2.5l-4 4l4 4l-2.5 2.5l-4-4l-4 4l-2.5-2.5l4-4l-4-4z",
}
"""Markers by matplotlib's names, and as SVG paths around (19, 9) for the swatch beside a method's name in a table."""

DASHES: tuple[Any, ...] = ("solid", (0, (4, 1.5)), (0, (1.2, 1.2)), (0, (6, 1.5, 1.2, 1.5)))


class LineStyle(NamedTuple):
    """The line and the marker of a method."""

    color: str
    marker: str
    dashes: Any
    filled: bool

    def line(self, width: float = 1.6) -> dict[str, Any]:
        """Return matplotlib's arguments for a line."""
        return {"color": self.color, "linestyle": self.dashes, "linewidth": width}

    def dot(self, size: float = 5.0) -> dict[str, Any]:
        """Return matplotlib's arguments for a marker."""
        face = self.color if self.filled else PAPER
        return {
            "color": self.color,
            "marker": self.marker,
            "markersize": size,
            "markerfacecolor": face,
            "markeredgewidth": 1.2,
        }

    def swatch(self) -> dict[str, Any]:
        """Return the SVG attributes of a sample of the line with its marker."""
        dashes = "" if self.dashes == "solid" else " ".join(f"{2 * length:g}" for length in self.dashes[1])
        return {"stroke": COLORS[self.color], "dashes": dashes, "filled": self.filled, "path": MARKERS[self.marker]}


def assign_line_styles(methods: Iterable[str]) -> Mapping[str, LineStyle]:
    """Assign a line style to each method, by its position in the protocol.

    Example:
        >>> [style.filled for style in assign_line_styles("abcdefgh").values()]
        [True, True, True, True, True, True, True, False]
    """
    styles = {}
    for position, method in enumerate(methods):
        cycle, slot = divmod(position, len(PALETTE))
        dashes = DASHES[cycle % len(DASHES)]
        styles[method] = LineStyle(PALETTE[slot], list(MARKERS)[slot], dashes, filled=cycle % 2 == 0)
    return styles
