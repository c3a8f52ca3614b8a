"""Rank tests: which differences between methods are significant, and which are not."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from raytune_suite.bench import analysis, statistics
from raytune_suite.bench.report import figures
from raytune_suite.bench.report.sections.headline import group_title
from raytune_suite.pages.document import BulletList, Heading, Panels, Paragraph, Section
from raytune_suite.pages.formatting import format_count, format_p_value, join_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from raytune_suite.bench.analysis import ComparisonGroup
    from raytune_suite.bench.store import Results
    from raytune_suite.pages.document import Block
    from raytune_suite.pages.line_styles import LineStyle

ALPHA = 0.05
"""The significance level."""

LEAST_BLOCKS = 5
"""The least number of workloads for which rank tests are meaningful."""

INTRODUCTION = (
    "On each workload, methods are ranked by the interquartile mean of their runs. “Significant” refers to the level "
    f"{ALPHA:g} for all pairs together; other differences may be due to chance. The tests assume independent "
    "workloads. Workloads of one kind, such as data sets of the same surrogate benchmark, are not independent, so the "
    "tests may overstate significance."
)


class Ranking(NamedTuple):
    """The result of the rank tests of a group.

    Attributes:
        ranks: The mean rank of each method.
        p: The p-value of each pair, adjusted for all pairs; 1 if the overall test found no difference.
        overall: The p-value of the overall test of whether methods differ at all.
        test: The name of the overall test.
        cliques: The largest sets of methods that do not differ significantly.
        difference: The critical difference of two mean ranks; NaN for two methods.
    """

    ranks: dict[str, float]
    p: NDArray[np.float64]
    overall: float
    test: str
    cliques: list[list[str]]
    difference: float


def rank(results: Results, group: ComparisonGroup) -> Ranking | None:
    """Test the differences in a group; None if it has a single method or too few workloads."""
    methods = group.methods
    if len(methods) < 2 or len(group.workloads) < LEAST_BLOCKS:  # noqa: PLR2004 - one method cannot be compared
        return None
    scores = analysis.block_scores(results, group)
    mean_ranks = statistics.ranks(scores).mean(axis=0)
    ranks = dict(zip(methods, map(float, mean_ranks), strict=True))
    if len(methods) == 2:  # noqa: PLR2004 - Friedman's test needs three
        p = float(statistics.wilcoxon_holm(scores, 0)[1])
        cliques = [list(methods)] if p >= ALPHA else []
        return Ranking(ranks, np.array([[1.0, p], [p, 1.0]]), p, "Wilcoxon's signed-rank test", cliques, np.nan)
    overall = statistics.friedman(scores).p
    difference = statistics.critical_difference(len(methods), len(group.workloads), ALPHA)
    if overall < ALPHA:
        pairs = statistics.nemenyi(scores)
        cliques = [[methods[index] for index in clique] for clique in statistics.cliques(mean_ranks, difference)]
    else:
        pairs, cliques = np.ones((len(methods), len(methods))), [sorted(methods, key=lambda name: ranks[name])]
    return Ranking(ranks, pairs, overall, "Friedman's test", cliques, difference)


def section(results: Results, groups: Sequence[ComparisonGroup], line_styles: Mapping[str, LineStyle]) -> Section:
    """Return the section with the rank tests of each group."""
    blocks: list[Block] = [Paragraph(INTRODUCTION)]
    for number, group in enumerate(groups):
        blocks.append(Heading(group_title(group, groups)))
        ranking = rank(results, group)
        if ranking is None:
            text = (
                f"Not enough data: a rank test needs {LEAST_BLOCKS} workloads and two methods. No difference here can "
                "be called significant."
            )
            blocks.append(Paragraph(text, "warn"))
            continue
        blocks.append(Paragraph(conclusion(ranking, len(group.workloads))))
        if ranking.overall < ALPHA:
            blocks.append(BulletList(pairwise_sentences(ranking)))
        if not np.isnan(ranking.difference):
            picture = figures.critical_difference_picture(
                f"ranks-{number}",
                "Critical differences of mean ranks",
                ranking.ranks,
                line_styles,
                cliques=ranking.cliques,
                difference=ranking.difference,
                caption="Best first. Methods under one thick bar do not differ significantly.",
            )
            blocks.append(Panels([picture], wide=True))
    return Section("significance", "Statistical significance", blocks, summarized=True)


def conclusion(ranking: Ranking, workloads: int) -> str:
    """Summarize the result of the tests in one or two sentences."""
    overall = f"{ranking.test} over {format_count(workloads, 'workload')}: {format_p_value(ranking.overall)}."
    if ranking.overall >= ALPHA:
        return f"{overall} The mean ranks do not differ significantly: they do not support any order of these methods."
    pairs = [(one, two) for one in range(len(ranking.p)) for two in range(one)]
    if len(pairs) == 1:
        return f"{overall} The two methods differ significantly."
    similar = sum(ranking.p[pair] >= ALPHA for pair in pairs)
    return (
        f"{overall} The mean ranks differ significantly. By Nemenyi's test, {similar} of {len(pairs)} pairs do not "
        "differ significantly."
    )


def pairwise_sentences(ranking: Ranking) -> list[str]:
    """Say for each method, best first, which others are significantly worse and which do not differ significantly."""
    methods, sentences = list(ranking.ranks), []
    for method in sorted(methods, key=lambda name: ranking.ranks[name]):
        p_values = list(zip(methods, ranking.p[methods.index(method)], strict=True))
        worse = [name for name, p in p_values if p < ALPHA and ranking.ranks[name] > ranking.ranks[method]]
        similar = [name for name, p in p_values if p >= ALPHA and name != method]
        clauses = [f"significantly better than {join_names(worse)}"] if worse else []
        clauses += [f"not significantly different from {join_names(similar, 'or')}"] if similar else []
        clauses = clauses or ["significantly worse than all others"]
        sentences.append(f"{method} (mean rank {ranking.ranks[method]:.2f}): {'; '.join(clauses)}.")
    return sentences
