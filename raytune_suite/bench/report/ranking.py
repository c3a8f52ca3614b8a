"""The sections of a report that say who is better than whom, and which of these differences are not significant."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from raytune_suite.bench import analysis, statistics
from raytune_suite.bench.report import figures
from raytune_suite.bench.report.document import Cell, Grid, Heading, Panels, Points, Prose, Section
from raytune_suite.bench.report.panels import Interval
from raytune_suite.bench.report.wording import between, count, listed, number, probability

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from raytune_suite.bench.analysis import Group
    from raytune_suite.bench.report.document import Block
    from raytune_suite.bench.report.line_styles import Look
    from raytune_suite.bench.store import Results

ALPHA = 0.05
"""The level of significance."""

LEAST_BLOCKS = 5
"""With fewer workloads the rank tests say nothing, whatever they print."""


class Ranking(NamedTuple):
    """What the rank tests say of a group.

    Attributes:
        ranks: The mean rank of each method.
        p: The p-value of each pair, adjusted for all pairs; 1 where the first test found no difference at all.
        overall: That of the first test, of whether methods differ at all.
        test: What the tests are called.
        cliques: The largest sets of methods that do not differ significantly.
        difference: The critical difference of two mean ranks; NaN for two methods.
    """

    ranks: dict[str, float]
    p: NDArray[np.float64]
    overall: float
    test: str
    cliques: list[list[str]]
    difference: float


def title_of(group: Group, groups: Sequence[Group]) -> str:
    """What a group is called where there are several."""
    methods, workloads = len(group.methods), len(group.workloads)
    size = f"{count(methods, 'method')}{',' if len(groups) > 1 else ' on'} {count(workloads, 'workload')}"
    if len(groups) == 1:
        return size
    if all(set(other.workloads) <= set(group.workloads) for other in groups):
        return f"On every workload: {size}"
    more = [method for method in group.methods if method not in groups[0].methods]
    return f"Where {listed(more or group.methods)} can be ranked too: {size}"


def headline(tables: Mapping[Group, pd.DataFrame], baseline: str | None, looks: Mapping[str, Look]) -> Section:
    """The table that one reads first, and its picture."""
    blocks: list[Block] = [
        Prose(
            "Regret is the distance to the best bound of a workload in parts of its fixed range: 0 is at that bound, 1 "
            "at the worst, and a run that failed counts as 1. The regret of a method is the mean over workloads, which "
            "weigh alike, of the interquartile mean of its runs at the end of the budget; less is better. Beside it "
            "stands the interquartile mean of all runs of all workloads together, from which the easiest and the "
            "hardest workloads may drop out. Intervals say what other method seeds might have given, not what other "
            "workloads or test seeds might."
        )
    ]
    groups = list(tables)
    if len(groups) > 1:
        words = "Not every method serves every workload. So there are several groups: in each, all methods that serve "
        blocks.append(Prose(f"{words}a set of workloads are compared on these alone."))
    for place, (group, table) in enumerate(tables.items()):
        caption = title_of(group, groups)
        found = table.to_dict("index")
        rows = [Interval(str(method), row["mean"], row["low"], row["high"]) for method, row in found.items()]
        picture = figures.intervals(
            f"headline-{place}", f"Regret. {caption}", rows, looks, label="normalized regret", log=True
        )
        blocks += [
            Heading(caption),
            headline_grid(f"{caption}, best first", table, baseline),
            Panels([picture], wide=True),
        ]
    if not groups:
        blocks.append(
            Prose("No run on a workload with fixed bounds is there, so that nothing can be compared.", "warn")
        )
    return Section("headline", "The result", blocks, summarized=True)


def headline_grid(caption: str, table: pd.DataFrame, baseline: str | None) -> Grid:
    """The headline table of a group."""
    columns = ["Method", "Regret [95 %]", "All runs, IQM", "Mean rank", "Failed runs"]
    compared = baseline is not None and bool(table["improvement"].notna().any())
    if compared:
        columns.insert(4, f"Better than {baseline}, probability [95 %]")
    rows = []
    for method, row in table.to_dict("index").items():
        best, first = row["mean"] == table["mean"].min(), row["mean_rank"] == table["mean_rank"].min()
        cells = [
            Cell(number(row["mean"]), between(row["low"], row["high"]), "best" if best else ""),
            Cell(number(row["iqm"]), kind="best" if row["iqm"] == table["iqm"].min() else ""),
            Cell(f"{row['mean_rank']:.2f}", kind="best" if first else ""),
        ]
        if compared:
            cells.append(Cell(number(row["improvement"]), between(row["improvement_low"], row["improvement_high"])))
        cells.append(Cell(str(row["failures"])))
        rows.append((str(method), cells))
    return Grid(caption, columns, rows)


def rank(results: Results, group: Group) -> Ranking | None:
    """Test the differences of a group: None where it has one method, or too few workloads."""
    methods = group.methods
    if len(methods) < 2 or len(group.workloads) < LEAST_BLOCKS:  # noqa: PLR2004 - one method is better than none
        return None
    scores = analysis.block_scores(results, group)
    ranks = statistics.ranks(scores).mean(axis=0)
    named = dict(zip(methods, map(float, ranks), strict=True))
    if len(methods) == 2:  # noqa: PLR2004 - Friedman's test needs three
        p = float(statistics.wilcoxon_holm(scores, 0)[1])
        cliques = [list(methods)] if p >= ALPHA else []
        return Ranking(named, np.array([[1.0, p], [p, 1.0]]), p, "Wilcoxon's signed-rank test", cliques, np.nan)
    overall = statistics.friedman(scores).p
    difference = statistics.critical_difference(len(methods), len(group.workloads), ALPHA)
    if overall < ALPHA:
        pairs, sets = statistics.nemenyi(scores), statistics.cliques(ranks, difference)
        cliques = [[methods[place] for place in clique] for clique in sets]
    else:
        pairs, cliques = np.ones((len(methods), len(methods))), [sorted(methods, key=lambda name: named[name])]
    return Ranking(named, pairs, overall, "Friedman's test", cliques, difference)


def significance(results: Results, groups: Sequence[Group], looks: Mapping[str, Look]) -> Section:
    """Which differences of ranks are significant, and which are not."""
    blocks: list[Block] = [
        Prose(
            "On each workload the methods are ranked by the interquartile mean of their runs. What is called "
            f"significant here holds at the level {ALPHA:g} for all pairs together; what is not may well be chance. "
            "The tests take workloads for independent, which those of one kind, such as data sets of one surrogate, "
            "hardly are: then they say too much."
        )
    ]
    for place, group in enumerate(groups):
        title = title_of(group, groups)
        blocks.append(Heading(title))
        ranking = rank(results, group)
        if ranking is None:
            words = (
                f"Too few to test anything (a rank test needs {LEAST_BLOCKS} workloads and two methods): no difference "
                "here may be called significant."
            )
            blocks.append(Prose(words, "warn"))
            continue
        blocks.append(Prose(verdict(ranking, len(group.workloads))))
        if ranking.overall < ALPHA:
            blocks.append(Points(sentences(ranking)))
        if not np.isnan(ranking.difference):
            picture = figures.critical_difference(
                f"ranks-{place}",
                "Critical differences of mean ranks",
                ranking.ranks,
                looks,
                cliques=ranking.cliques,
                difference=ranking.difference,
                caption="The best stands first. Methods under one thick bar do not differ significantly.",
            )
            blocks.append(Panels([picture], wide=True))
    return Section("significance", "Which differences are significant", blocks, summarized=True)


def verdict(ranking: Ranking, workloads: int) -> str:
    """What the tests find, in a sentence or two."""
    first = f"{ranking.test} over {count(workloads, 'workload')}: {probability(ranking.overall)}."
    if ranking.overall >= ALPHA:
        return f"{first} The ranks do not differ significantly: no order of these methods may be read from them."
    pairs = [(one, two) for one in range(len(ranking.p)) for two in range(one)]
    if len(pairs) == 1:
        return f"{first} The two differ significantly."
    lost = sum(ranking.p[pair] >= ALPHA for pair in pairs)
    return f"{first} The ranks differ; by Nemenyi's test {lost} of {len(pairs)} pairs do not differ significantly."


def sentences(ranking: Ranking) -> list[str]:
    """For each method, best first, which others it beats significantly, and from which it cannot be told apart."""
    methods, said = list(ranking.ranks), []
    for method in sorted(methods, key=lambda name: ranking.ranks[name]):
        mine = ranking.p[methods.index(method)]
        beaten = [
            name
            for name, p in zip(methods, mine, strict=True)
            if p < ALPHA and ranking.ranks[name] > ranking.ranks[method]
        ]
        alike = [name for name, p in zip(methods, mine, strict=True) if p >= ALPHA and name != method]
        parts = [f"significantly better than {listed(beaten)}"] if beaten else []
        parts += [f"not significantly different from {listed(alike, 'or')}"] if alike else []
        parts = parts or ["significantly worse than all others"]
        said.append(f"{method} (mean rank {ranking.ranks[method]:.2f}): {'; '.join(parts)}.")
    return said
