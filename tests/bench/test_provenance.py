"""Provenance: the checksum of the source code, and the number of outdated runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from raytune_suite.bench.provenance import UNKNOWN, count_outdated, current_provenance, source_digest

if TYPE_CHECKING:
    from pathlib import Path


def test_the_source_digest_depends_on_names_and_contents_of_python_files(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "a.py").write_text("one")
    first = source_digest(tmp_path)
    (tmp_path / "notes.md").write_text("anything")
    assert source_digest(tmp_path) == first
    (tmp_path / "inner" / "a.py").write_text("two")
    second = source_digest(tmp_path)
    (tmp_path / "inner" / "a.py").rename(tmp_path / "inner" / "b.py")
    assert len({first, second, source_digest(tmp_path)}) == 3


def test_runs_from_other_code_or_packages_or_of_unknown_provenance_are_outdated() -> None:
    current = current_provenance()

    def provenance(runs: int, **changes: Any) -> dict[str, Any]:
        return {**current, **changes, "runs": runs}

    assert count_outdated([provenance(5), provenance(7, commit="another"), provenance(9, dirty=None)], current) == 0
    assert (
        count_outdated(
            [provenance(5), provenance(1, code="old"), provenance(2, packages={}), provenance(4, **UNKNOWN)], current
        )
        == 7
    )
