"""The figures of a comparison, each with the words that stand for it where it cannot be seen."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from raytune_suite.bench.report import panels
from raytune_suite.bench.report.axes import WIDTH
from raytune_suite.bench.report.document import Picture
from raytune_suite.bench.report.svg import to_svg

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from matplotlib.figure import Figure

    from raytune_suite.bench.report.line_styles import Look
    from raytune_suite.bench.report.panels import Curve, Interval

CROWD = 6
"""So many curves can have their bands on one axis; more get a panel each for them."""


def curves(
    name: str,
    title: str,
    lines: Mapping[str, Curve],
    looks: Mapping[str, Look],
    *,
    labels: tuple[str, str],
    caption: str = "",
    log_y: bool = False,
    shares: bool = False,
) -> Picture:
    """All curves on one axis; with their bands if they are not too many."""
    few = len(lines) <= CROWD

    def draw(figure: Figure) -> None:
        panels.draw_curves(figure, lines, looks, labels=labels, bands=few, log_y=log_y, shares=shares)

    banded = few and any(curve.low is not None for curve in lines.values())
    words = " ".join([caption, "Shaded: 95 % bootstrap intervals." if banded else ""]).strip()
    height = max(2.9, 0.9 + panels.LABEL_GAP * len(lines))
    return picture(name, title, words, draw, height=height, label=f"{title}. {labels[1]}. {at_the_end(lines)}")


def multiples(
    name: str,
    lines: Mapping[str, Curve],
    looks: Mapping[str, Look],
    *,
    labels: tuple[str, str],
    log_y: bool = False,
) -> list[Picture]:
    """One panel per method, with its band; the others stand behind it without names."""

    def drawing(method: str) -> Callable[[Figure], None]:
        def draw(figure: Figure) -> None:
            panels.draw_curves(figure, lines, looks, labels=labels, focus=method, log_y=log_y)

        return draw

    return [
        picture(
            f"{name}-{place}", method, "", drawing(method), height=2.2, label=f"{labels[1]} of {method} with its band"
        )
        for place, method in enumerate(lines)
    ]


def intervals(
    name: str,
    title: str,
    rows: Sequence[Interval],
    looks: Mapping[str, Look],
    *,
    label: str,
    caption: str = "",
    log: bool = False,
    reference: float | None = None,
) -> Picture:
    """One value with its interval per method."""

    def draw(figure: Figure) -> None:
        panels.draw_intervals(figure, rows, looks, label=label, log=log, reference=reference)

    values = "; ".join(f"{row.name} {row.value:.3g}, {row.low:.3g} to {row.high:.3g}" for row in rows)
    height = panels.rows_height(len(rows))
    return picture(name, title, caption, draw, height=height, label=f"{title}. {label}: {values}")


def pairs(
    name: str,
    title: str,
    scores: Mapping[str, tuple[float, float]],
    looks: Mapping[str, Look],
    *,
    label: str,
    caption: str = "",
) -> Picture:
    """The score while tuning and that on the test seeds, per method."""

    def draw(figure: Figure) -> None:
        panels.draw_pairs(figure, scores, looks, label=label)

    values = "; ".join(f"{method} {tuning:.3g}, then {test:.3g}" for method, (tuning, test) in scores.items())
    height = panels.rows_height(len(scores))
    return picture(name, title, caption, draw, height=height, label=f"{title}. {label}: {values}")


def critical_difference(
    name: str,
    title: str,
    ranks: Mapping[str, float],
    looks: Mapping[str, Look],
    *,
    cliques: Sequence[Sequence[str]],
    difference: float,
    caption: str = "",
) -> Picture:
    """Mean ranks, and bars over methods that do not differ significantly."""

    def draw(figure: Figure) -> None:
        panels.draw_critical_difference(figure, ranks, cliques, difference, looks)

    order = "; ".join(f"{method} {ranks[method]:.2f}" for method in sorted(ranks, key=lambda method: ranks[method]))
    bars = sum(len(clique) > 1 for clique in cliques)
    height = panels.critical_difference_height(len(ranks), bars)
    label = f"{title}. Mean ranks: {order}. Critical difference: {difference:.2f}"
    return picture(name, title, caption, draw, height=height, label=label)


def picture(
    name: str, title: str, caption: str, draw: Callable[[Figure], None], *, height: float, label: str
) -> Picture:
    """A figure of a panel's width."""
    svg = to_svg(draw, size=(WIDTH, height), name=name, label=label)
    return Picture(name, svg, title, caption)


def at_the_end(lines: Mapping[str, Curve]) -> str:
    """Where each curve ends, in words.

    Example:
        >>> import numpy as np
        >>> from raytune_suite.bench.report.panels import Curve
        >>> at_the_end({"one": Curve(np.array([0.0, 1.0]), np.array([3.0, 2.0]))})
        'In the end: one 2'
    """
    ends = {
        name: next((y for y in reversed(curve.middle) if math.isfinite(y)), math.nan) for name, curve in lines.items()
    }
    return f"In the end: {'; '.join(f'{name} {value:.3g}' for name, value in ends.items())}"
