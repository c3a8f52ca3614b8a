from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from raytune_suite.bench import analysis, statistics
from raytune_suite.bench.report import ranking
from raytune_suite.bench.report.document import Panels, Points, Prose, Section
from raytune_suite.bench.report.line_styles import looks
from tests.bench.report.example import comparison

if TYPE_CHECKING:
    import pytest

METHODS = ["random", "asha", "dehb"]


def section(workloads: int, seeds: int) -> tuple[Section, bool]:
    """What is said of significance, and whether Friedman's test found any."""
    names = [f"w{place}" for place in range(workloads)]
    results = comparison(METHODS, names, seeds, refused=(), failed=())
    (group,) = analysis.groups(results)
    found = statistics.friedman(analysis.block_scores(results, group)).p < ranking.ALPHA
    return ranking.significance(results, [group], looks(METHODS)), found


def words(section: Section) -> str:
    """Its paragraphs and lists."""
    paragraphs = [block.text for block in section.blocks if isinstance(block, Prose)]
    return "\n".join(
        paragraphs + [one for block in section.blocks if isinstance(block, Points) for one in block.sentences]
    )


def test_what_is_not_significant_is_said_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analysis, "block_scores", lambda *_: np.random.default_rng(0).random((5, len(METHODS))))
    told, found = section(5, 1)
    assert not found
    assert "do not differ significantly: no order of these methods may be read from them" in words(told)
    assert "significantly better" not in words(told)


def test_what_is_significant_is_said_too() -> None:
    told, found = section(8, 8)
    assert found
    assert re.search(r"dehb \(mean rank [\d.]+\): significantly better than [^;]*random", words(told))
    assert re.search(r"not significantly different from \w+", words(told))
    assert any(isinstance(block, Panels) for block in told.blocks)
