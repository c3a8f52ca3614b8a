"""The figures of the report, each with a description for screen readers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from raytune_suite.bench.report import drawings
from raytune_suite.pages.axes import WIDTH
from raytune_suite.pages.document import Picture
from raytune_suite.pages.svg import to_svg

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from matplotlib.figure import Figure

    from raytune_suite.bench.report.drawings import Interval, PlottedCurve
    from raytune_suite.pages.line_styles import LineStyle

MOST_BANDS = 6
"""The largest number of curves with bands on the same axes; with more curves, bands have one panel per method."""


def curves_picture(
    name: str,
    title: str,
    curves: Mapping[str, PlottedCurve],
    line_styles: Mapping[str, LineStyle],
    *,
    labels: tuple[str, str],
    caption: str = "",
    log_y: bool = False,
    shares: bool = False,
) -> Picture:
    """Draw all curves on the same axes, with their bands if there are not too many."""
    few = len(curves) <= MOST_BANDS

    def draw(figure: Figure) -> None:
        drawings.draw_curves(figure, curves, line_styles, labels=labels, bands=few, log_y=log_y, shares=shares)

    banded = few and any(curve.low is not None for curve in curves.values())
    caption = " ".join([caption, "Shaded: 95 % bootstrap intervals." if banded else ""]).strip()
    height = max(2.9, 0.9 + drawings.LABEL_GAP * len(curves))
    return picture(name, title, caption, draw, height=height, label=f"{title}. {labels[1]}. {final_values(curves)}")


def single_curve_pictures(
    name: str,
    curves: Mapping[str, PlottedCurve],
    line_styles: Mapping[str, LineStyle],
    *,
    labels: tuple[str, str],
    log_y: bool = False,
) -> list[Picture]:
    """Draw one panel per method, with its band; the other methods are unlabelled lines in the background."""

    def drawing(method: str) -> Callable[[Figure], None]:
        def draw(figure: Figure) -> None:
            drawings.draw_curves(figure, curves, line_styles, labels=labels, focus=method, log_y=log_y)

        return draw

    return [
        picture(
            f"{name}-{number}", method, "", drawing(method), height=2.2, label=f"{labels[1]} of {method} with its band"
        )
        for number, method in enumerate(curves)
    ]


def intervals_picture(
    name: str,
    title: str,
    rows: Sequence[Interval],
    line_styles: Mapping[str, LineStyle],
    *,
    label: str,
    caption: str = "",
    log: bool = False,
    reference: float | None = None,
) -> Picture:
    """Draw one value with its interval per method."""

    def draw(figure: Figure) -> None:
        drawings.draw_intervals(figure, rows, line_styles, label=label, log=log, reference=reference)

    values = "; ".join(f"{row.name} {row.value:.3g}, {row.low:.3g} to {row.high:.3g}" for row in rows)
    height = drawings.rows_height(len(rows))
    return picture(name, title, caption, draw, height=height, label=f"{title}. {label}: {values}")


def pairs_picture(
    name: str,
    title: str,
    scores: Mapping[str, tuple[float, float]],
    line_styles: Mapping[str, LineStyle],
    *,
    label: str,
    caption: str = "",
) -> Picture:
    """Draw the score on the tuning seeds and that on the test seeds, per method."""

    def draw(figure: Figure) -> None:
        drawings.draw_pairs(figure, scores, line_styles, label=label)

    values = "; ".join(f"{method} tuning {tuning:.3g}, test {test:.3g}" for method, (tuning, test) in scores.items())
    height = drawings.rows_height(len(scores))
    return picture(name, title, caption, draw, height=height, label=f"{title}. {label}: {values}")


def critical_difference_picture(
    name: str,
    title: str,
    ranks: Mapping[str, float],
    line_styles: Mapping[str, LineStyle],
    *,
    cliques: Sequence[Sequence[str]],
    difference: float,
    caption: str = "",
) -> Picture:
    """Draw mean ranks, with bars over methods that do not differ significantly."""

    def draw(figure: Figure) -> None:
        drawings.draw_critical_difference(figure, ranks, cliques, difference, line_styles)

    order = "; ".join(f"{method} {ranks[method]:.2f}" for method in sorted(ranks, key=lambda method: ranks[method]))
    bars = sum(len(clique) > 1 for clique in cliques)
    height = drawings.critical_difference_height(len(ranks), bars)
    label = f"{title}. Mean ranks: {order}. Critical difference: {difference:.2f}"
    return picture(name, title, caption, draw, height=height, label=label)


def picture(
    name: str, title: str, caption: str, draw: Callable[[Figure], None], *, height: float, label: str
) -> Picture:
    """Draw a figure of the width of a panel."""
    svg = to_svg(draw, size=(WIDTH, height), name=name, label=label)
    return Picture(name, svg, title, caption)


def final_values(curves: Mapping[str, PlottedCurve]) -> str:
    """Describe the final value of each curve.

    Example:
        >>> import numpy as np
        >>> from raytune_suite.bench.report.drawings import PlottedCurve
        >>> final_values({"one": PlottedCurve(np.array([0.0, 1.0]), np.array([3.0, 2.0]))})
        'Final values: one 2'
    """
    ends = {
        name: next((y for y in reversed(curve.middle) if math.isfinite(y)), math.nan) for name, curve in curves.items()
    }
    return f"Final values: {'; '.join(f'{name} {value:.3g}' for name, value in ends.items())}"
