"""The tables that compare with other packages: which optimizers have rows, and what is paired."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.peer_tables import run_key, tables, write

if TYPE_CHECKING:
    from pathlib import Path

WORKLOADS = ("a", "b")


def runs(regrets: dict[str, float], seeds: int = 2, budget: float = 20) -> dict[str, dict[str, Any]]:
    """Return runs of optimizers, each of which has the same regret at each mark."""
    marks = [mark for mark in ("10", "20") if float(mark) <= budget]
    return {
        run_key(label, workload, seed, budget): {
            "label": label,
            "regrets": dict.fromkeys(marks, regret),
            "seconds": 1.0,
        }
        for label, regret in regrets.items()
        for workload in WORKLOADS
        for seed in range(seeds)
    }


def test_the_best_comes_first_and_is_compared_in_pairs() -> None:
    both = runs({"theirs": 0.3, "auto": 0.1}) | runs({"auto": 0.1}, budget=10)
    lines = list(tables(both, WORKLOADS, 2, 20))
    rows = [line for line in lines if line.startswith(("| auto |", "| theirs |"))]
    assert [row.split(" | ")[0] for row in rows] == ["| auto", "| theirs", "| theirs"]
    assert rows[2].count("**-0.200** [-0.200, -0.200]") == 2
    assert rows[2].endswith("| 2, 0 |")


def test_one_that_depends_on_the_budget_has_that_of_each_column() -> None:
    lines = list(tables(runs({"auto": 0.2, "theirs": 0.3}) | runs({"auto": 0.1}, budget=10), WORKLOADS, 2, 20))
    rows = [[cell.split()[0] for cell in line.split("|")[2:4]] for line in lines if line.startswith("| auto")]
    assert rows == [["0.100", "0.200"], ["0.200", "0.200"], ["**-0.100**", "+0.000"]]  # the last one is a difference


def test_an_optimizer_without_all_runs_has_no_row() -> None:
    some = runs({"theirs": 0.3, "auto": 0.1})
    del some[run_key("theirs", "b", 1, 20)]
    assert not any(line.startswith("| theirs") for line in tables(some, WORKLOADS, 2, 20))


def test_the_text_of_a_page_stays(tmp_path: Path) -> None:
    page = tmp_path / "peers.md"
    write(page, "first")
    page.write_text("before\n" + page.read_text() + "after\n")
    write(page, "second")
    text = [line for line in page.read_text().splitlines() if line and "<!--" not in line]
    assert text == ["before", "second", "after"]
