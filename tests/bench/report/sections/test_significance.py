from __future__ import annotations

import re

import numpy as np
import pytest

from raytune_suite.bench import analysis, statistics
from raytune_suite.bench.report.sections import significance
from raytune_suite.pages.document import BulletList, Panels, Paragraph, Section
from raytune_suite.pages.line_styles import assign_line_styles
from tests.bench.report.example import comparison

METHODS = ["random", "asha", "dehb"]


def example(workloads: int, seeds: int) -> tuple[Section, bool]:
    """The section of an example, and whether Friedman's test finds a difference."""
    names = [f"w{number}" for number in range(workloads)]
    results = comparison(METHODS, names, seeds, refused=(), failed=())
    (group,) = analysis.comparison_groups(results)
    significant = statistics.friedman(analysis.block_scores(results, group)).p < significance.ALPHA
    return significance.section(results, [group], assign_line_styles(METHODS)), significant


def text(section: Section) -> str:
    """The paragraphs and lists of a section."""
    paragraphs = [block.text for block in section.blocks if isinstance(block, Paragraph)]
    sentences = [one for block in section.blocks if isinstance(block, BulletList) for one in block.sentences]
    return "\n".join(paragraphs + sentences)


@pytest.mark.slow
def test_without_a_significant_difference_no_pair_is_called_significant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analysis, "block_scores", lambda *_: np.random.default_rng(0).random((5, len(METHODS))))
    section, significant = example(5, 1)
    assert not significant
    assert "do not differ significantly" in text(section)
    assert "significantly better" not in text(section)


@pytest.mark.slow
def test_significant_and_other_pairs_are_listed() -> None:
    section, significant = example(8, 8)
    assert significant
    assert re.search(r"dehb \(mean rank [\d.]+\): significantly better than [^;]*random", text(section))
    assert re.search(r"not significantly different from \w+", text(section))
    assert any(isinstance(block, Panels) for block in section.blocks)
