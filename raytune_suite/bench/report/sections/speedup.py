"""Speed-up: how much less budget a method needs to attain the final regret of random search."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from raytune_suite.bench import anytime
from raytune_suite.bench.report import figures
from raytune_suite.bench.report.drawings import Interval
from raytune_suite.bench.report.sections.headline import group_title
from raytune_suite.pages.document import Cell, Collapsible, Panels, Paragraph, ReportTable, Section
from raytune_suite.pages.formatting import format_number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from raytune_suite.bench.analysis import ComparisonGroup
    from raytune_suite.bench.anytime import Trajectories
    from raytune_suite.pages.document import Block
    from raytune_suite.pages.line_styles import LineStyle

NAME, TITLE = "speed-up", "Speed-up over random search"


def section(
    runs: Trajectories, groups: Sequence[ComparisonGroup], baseline: str | None, line_styles: Mapping[str, LineStyle]
) -> Section:
    """Return the section with the speed-ups over the baseline."""
    if baseline is None:
        return Section(NAME, TITLE, [Paragraph("Full-fidelity random search is not among the methods.")])
    introduction = (
        f"The target on each workload is the regret that {100 * anytime.TARGET_SHARE:g} % of the runs of {baseline} "
        f"attain at the end of the budget. The speed-up is the cost at which {baseline} attains the target for good, "
        "divided by that of the method (medians over runs): 2 means half the cost, 0 that the method does not attain "
        "it. Regret is exact if the workload provides it, otherwise it is that on the tuning seeds. Dots are medians "
        "over workloads (the lower one of two middle values), bars are quartiles."
    )
    blocks: list[Block] = [Paragraph(introduction)]
    for number, group in enumerate(groups):
        if baseline not in group.methods:
            continue
        title = group_title(group, groups)
        table = anytime.speedups(runs, group, baseline)
        values = np.array(list(table.values()))
        rows = [
            Interval(method, *quartiles(column[~np.isnan(column)]))
            for method, column in zip(group.methods, values.T, strict=True)
            if method != baseline and not np.isnan(column).all()
        ]
        picture = figures.intervals_picture(
            f"speed-up-{number}", title, rows, line_styles, label=f"speed-up over {baseline}", log=True, reference=1.0
        )
        cells = [(name, [Cell(format_speedup(value)) for value in row]) for name, row in table.items()]
        caption = f"Speed-up over {baseline} by workload: {title}"
        by_workload = ReportTable(caption, ["Workload", *group.methods], cells)
        blocks += [
            Panels([picture], wide=True),
            Collapsible(f"speed-ups-{number}", "By workload", [by_workload], title),
        ]
    return Section(NAME, TITLE, blocks)


def quartiles(values: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return the median, the lower and the upper quartile, each one of the values, which may be infinite."""
    quantiles: tuple[tuple[float, Any], ...] = ((0.5, "lower"), (0.25, "lower"), (0.75, "higher"))
    median, low, high = (float(np.quantile(values, share, method=method)) for share, method in quantiles)
    return median, low, high


def format_speedup(value: float) -> str:
    """Format a speed-up for a table."""
    return "not reached" if value == 0 else f"{format_number(value)}x" if np.isfinite(value) else format_number(value)
