"""Panels of a study as figures of a page: sized for a phone, in the colors of the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from raytune_suite.pages.axes import FONT, WIDTH, add_axes
from raytune_suite.pages.document import Picture
from raytune_suite.pages.svg import INK, MUTED, to_svg

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from raytune_suite.plotting.panels import Panel

LEGEND_ROW = 0.19
"""The height of a row of a legend in inches."""


def picture(panel: Panel) -> Picture:
    """Draw a panel as a figure of a page, with the legend below the axes."""
    legend = LEGEND_ROW * ((panel.legend + 1) // 2)
    height = panel.height + legend

    def draw(figure: Figure) -> None:
        axes = add_axes(figure, ("", panel.y_label), right=0.15, left=panel.left)
        box = axes.get_position()
        axes.set_position((box.x0, box.y0 + legend / height, box.width, box.height - legend / height))
        panel.draw(axes)
        axes.set_title("", loc="left")
        axes.set_ylabel("")
        axes.xaxis.label.set(fontsize=FONT, color=INK)
        axes.tick_params(which="both", labelsize=FONT, color=MUTED, labelcolor=INK)
        if panel.name == "parallel-coordinates":
            axes.set_position(
                (box.x0, box.y0 + (legend + 0.35) / height, box.width, box.height - (legend + 0.35) / height)
            )
        for text in axes.texts:
            text.set_color(INK)
            text.set_fontsize(FONT)
        if axes.get_legend_handles_labels()[0]:
            where: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0.02, 0.0), "borderaxespad": 0.1}
            legend_box = figure.legend(
                fontsize=FONT, frameon=False, ncols=2, labelcolor=INK, handlelength=1.4, columnspacing=1.0, **where
            )
            for text in legend_box.get_texts():
                text.set_parse_math(False)

    label = f"{panel.title}. {panel.y_label}. {panel.caption}".replace(". .", ".")
    svg = to_svg(draw, size=(WIDTH, height), name=panel.name, label=label)
    return Picture(panel.name, svg, panel.title, panel.caption)
