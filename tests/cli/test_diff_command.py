"""`raytune-suite diff`: what it prints where two runs diverge, and its exit status."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from raytune_suite import cli
from raytune_suite.cli.console import EXPLANATIONS
from raytune_suite.engines.callbacks.decision_log import Decision, write

if TYPE_CHECKING:
    from pathlib import Path

ROWS = [
    Decision(1.0, 0, 1.0, 0.5, "CONTINUE", '{"lr": 0.1, "kind": "a"}'),
    Decision(2.0, 1, 1.0, 0.1 + 0.2, "STOP", '{"lr": 0.2, "kind": "b"}'),
]


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A study's folder with a log."""
    folder = tmp_path / "study"
    folder.mkdir()
    write(folder / "decisions.parquet", ROWS)
    return folder


def test_equal_runs_have_status_0(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["diff", str(study), str(study / "decisions.parquet")]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert "2 rows" in line


def test_the_first_difference_is_shown_side_by_side_in_full_precision(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "other.parquet", [ROWS[0], ROWS[1]._replace(value=0.3)])
    assert cli.main(["diff", str(study), str(tmp_path / "other.parquet")]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "row 1" in lines[0]
    table = {line.split()[0]: line.split()[1:] for line in lines[2:-1]}
    assert table["value"] == ["0.30000000000000004", "0.3", "<"]
    assert table["config/kind"] == ['"b"', '"b"']
    assert list(table) == ["time", "trial", "resource", "value", "decision", "config/lr", "config/kind"]
    assert EXPLANATIONS["value"] in lines[-1]


def test_configs_with_different_parameters_are_not_blamed_on_the_searchers(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "other.parquet", [ROWS[0], ROWS[1]._replace(config='{"lr": 0.2, "depth": 3}')])
    assert cli.main(["diff", str(study), str(tmp_path / "other.parquet")]) == 1
    last = capsys.readouterr().out.splitlines()[-1]
    assert "depth, kind" in last
    assert last != EXPLANATIONS["config"]


def test_times_that_no_study_has_are_not_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [row._replace(time=float("nan")) for row in ROWS]  # as on Ray
    write(tmp_path / "a.parquet", rows)
    write(tmp_path / "b.parquet", [rows[0], rows[1]._replace(decision="PAUSE")])
    assert cli.main(["diff", str(tmp_path / "a.parquet"), str(tmp_path / "b.parquet")]) == 1
    assert "nan" not in capsys.readouterr().out


def test_times_may_be_ignored(study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "later.parquet", [row._replace(time=row.time + 1) for row in ROWS])
    both = [str(study), str(tmp_path / "later.parquet")]
    assert cli.main(["diff", *both]) == 1
    assert "--ignore-time" in capsys.readouterr().out
    assert cli.main(["diff", *both, "--ignore-time"]) == 0
    write(tmp_path / "later.parquet", [row._replace(time=row.time + 1, decision="PAUSE") for row in ROWS])
    capsys.readouterr()
    assert cli.main(["diff", *both, "--ignore-time"]) == 1
    assert "time" not in capsys.readouterr().out


def test_a_run_that_ended_before_the_other_is_named(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "short.parquet", ROWS[:1])
    assert cli.main(["diff", str(tmp_path / "short.parquet"), str(study)]) == 1
    assert capsys.readouterr().out.splitlines()[-1].startswith("A ends")


@pytest.mark.parametrize("content", [b"", b"no parquet at all"], ids=["empty", "text"])
def test_a_file_that_is_no_log_is_named_with_status_2(
    content: bytes, study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken.parquet").write_bytes(content)
    assert cli.main(["diff", str(study), str(tmp_path / "broken.parquet")]) == 2
    assert str(tmp_path / "broken.parquet") in capsys.readouterr().err


@pytest.mark.parametrize(("name", "place"), [("", "decisions.parquet"), ("absent", "absent")])
def test_a_missing_log_is_named(name: str, place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["diff", str(tmp_path / name), str(tmp_path / name)]) == 2
    assert f"'{tmp_path / place}'" in capsys.readouterr().err
