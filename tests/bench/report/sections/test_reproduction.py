from __future__ import annotations

import pytest

from raytune_suite.bench.report.sections import reproduction
from raytune_suite.pages.document import CodeBlock, Paragraph
from tests.bench.report.example import comparison


@pytest.mark.parametrize("commit", [None, "f" * 40])
def test_the_commands_check_out_the_commit_if_it_is_known(commit: str | None) -> None:
    results = comparison()
    results.manifest["commit"] = commit
    blocks = reproduction.section(results, from_file=True).blocks
    code = next(block for block in blocks if isinstance(block, CodeBlock))
    assert code.text.startswith("git checkout ffff" if commit else "raytune-suite bench run protocol.toml")
    assert "raytune-suite bench verify ." in code.text


def test_uncommitted_changes_give_a_warning() -> None:
    results = comparison()
    results.manifest["dirty"] = True
    blocks = reproduction.section(results, from_file=True).blocks
    assert [block.kind for block in blocks if isinstance(block, Paragraph)] == ["", "warn"]


def test_a_comparison_started_from_python_has_no_commands() -> None:
    section = reproduction.section(comparison(), from_file=False)
    assert not any(isinstance(block, CodeBlock) for block in section.blocks)
    assert "raytune_suite.compare" in str(section.blocks[0])


def test_several_commits_are_listed_in_a_warning() -> None:
    results = comparison()
    results.manifest["made_with"] = [{"commit": "a" * 40, "runs": 7}, {"commit": None, "runs": 2}]
    blocks = reproduction.section(results, from_file=True).blocks
    (warning,) = (block.text for block in blocks if isinstance(block, Paragraph) and block.kind == "warn")
    assert "7 by aaaaaaaaaaaa, 2 by an unknown commit" in warning
