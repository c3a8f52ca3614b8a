from __future__ import annotations

import pytest

from raytune_suite.bench.report import reproducibility
from raytune_suite.bench.report.document import Code, Grid, Prose, Section
from tests.bench.report.example import comparison


def grid(section: Section, caption: str) -> list[list[str]]:
    """The rows of the table that is called so."""
    found = next(block for block in section.blocks if isinstance(block, Grid) and block.caption.startswith(caption))
    return [[name, *(cell.text for cell in cells)] for name, cells in found.rows]


def test_a_failed_run_a_refused_pair_and_a_workload_left_out_are_told_with_their_reasons() -> None:
    section = reproducibility.missing(comparison())
    assert grid(section, "Failed") == [["asha", "toy/live", "1", "ValueError: the loss was <nan> & more"]]
    assert grid(section, "Refused") == [["pbt", "toy/table", "pbt needs a state, and toy/table has none"]]
    assert grid(section, "Workloads") == [["away/table", "its data are not here: raytune-suite data fetch away"]]


def test_nothing_missing_is_said() -> None:
    results = comparison(refused=(), failed=())
    results.manifest["left_out"] = {}
    (prose,) = reproducibility.missing(results).blocks
    assert isinstance(prose, Prose)
    assert prose.text.startswith("Nothing")


def test_the_protocol_is_told_in_its_own_order() -> None:
    section = reproducibility.protocol(comparison(["zeta", "alpha"], ["w/2", "w/1"], refused=(), failed=()))
    assert [row[0] for row in grid(section, "Methods")] == ["zeta", "alpha"]
    assert grid(section, "Workloads")[0][:6] == [
        "w/2", "loss, minimized", "training_iteration 1 to 27", "40", "0-2", "0-4",
    ]  # fmt: skip


@pytest.mark.parametrize("commit", [None, "f" * 40])
def test_how_to_repeat_names_the_commit_only_where_there_is_one(commit: str | None) -> None:
    results = comparison()
    results.manifest["commit"] = commit
    code = next(block for block in reproducibility.repeat(results, from_file=True).blocks if isinstance(block, Code))
    assert code.text.startswith("git checkout ffff" if commit else "raytune-suite bench run protocol.toml")
    assert "raytune-suite bench verify ." in code.text


def test_a_changed_checkout_is_warned_of() -> None:
    results = comparison()
    results.manifest["dirty"] = True
    warnings = [block for block in reproducibility.repeat(results, from_file=True).blocks if isinstance(block, Prose)]
    assert [block.kind for block in warnings] == ["", "warn"]


def test_a_comparison_made_in_python_names_no_protocol_file() -> None:
    section = reproducibility.repeat(comparison(), from_file=False)
    assert not any(isinstance(block, Code) for block in section.blocks)
    assert "raytune_suite.compare" in str(section.blocks[0])


def test_runs_of_several_commits_are_told() -> None:
    results = comparison()
    results.manifest["made_with"] = [{"commit": "a" * 40, "runs": 7}, {"commit": None, "runs": 2}]
    told = "".join(
        block.text for block in reproducibility.repeat(results, from_file=True).blocks if isinstance(block, Prose)
    )
    assert "7 by aaaaaaaaaaaa, 2 by an unknown" in told
