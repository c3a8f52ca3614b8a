"""With what runs were made: the checksum of the code, and how many were made by other code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from raytune_suite.bench.provenance import UNKNOWN, code, making, others

if TYPE_CHECKING:
    from pathlib import Path


def test_the_checksum_of_the_code_follows_names_and_contents_of_python_files(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "a.py").write_text("one")
    first = code(tmp_path)
    (tmp_path / "notes.md").write_text("anything")
    assert code(tmp_path) == first
    (tmp_path / "inner" / "a.py").write_text("two")
    second = code(tmp_path)
    (tmp_path / "inner" / "a.py").rename(tmp_path / "inner" / "b.py")
    assert len({first, second, code(tmp_path)}) == 3


def test_runs_of_other_code_or_packages_and_of_unknown_ones_are_counted() -> None:
    now = making()

    def made(runs: int, **changes: Any) -> dict[str, Any]:
        return {**now, **changes, "runs": runs}

    assert others([made(5), made(7, commit="another"), made(9, dirty=None)], now) == 0
    assert others([made(5), made(1, code="old"), made(2, packages={}), made(4, **UNKNOWN)], now) == 7
