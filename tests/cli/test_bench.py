"""`raytune-suite bench`: what it prints, and its exit status."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from raytune_suite import cli

if TYPE_CHECKING:
    from pathlib import Path

TEXT = """\
schema = 1
method_seeds = [0]
budget = 2
[methods.random]
[methods.pbt]
[workloads."synthetic/branin"]
[workloads."synthetic/pbt-quadratic"]
tuning_seeds = 0
test_seeds = 5
"""


@pytest.fixture
def protocol(tmp_path: Path) -> Path:
    """A protocol of few runs."""
    place = tmp_path / "one.toml"
    place.write_text(TEXT)
    return place


@pytest.mark.slow
@pytest.mark.xdist_group("bench")
def test_run_prints_its_plan_and_its_outcome_and_verify_repeats_runs(
    protocol: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "out")
    command = ["bench", "run", str(protocol), "--out", out]
    assert cli.main(command) == 0
    first, refused, done = capsys.readouterr().out.splitlines()
    assert first == "one: 2 methods on 2 workloads, 4 runs"
    assert "pbt on synthetic/branin: " in refused
    assert done.startswith("3 runs done, 1 ")
    assert done.endswith(f"0 failed: {out}")
    assert cli.main(command) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("0 runs done, 3 done before, 1 ")
    next((tmp_path / "out").glob("runs/*random*/made.json")).unlink()
    assert cli.main(command) == 0
    assert str(tmp_path / "out" / "runs") in capsys.readouterr().out.splitlines()[-1]
    assert cli.main(["bench", "verify", out]) == 0
    assert capsys.readouterr().out.startswith("3 of 3 runs ")


def test_an_unknown_key_is_reported_with_its_line_and_status_2(
    protocol: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    protocol.write_text(TEXT.replace("budget", "budgt"))
    assert cli.main(["bench", "run", str(protocol), "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert all(text in error for text in ("one.toml:3", "'budgt'", "'budget'"))
    assert not (tmp_path / "out").exists()


def test_a_missing_protocol_or_comparison_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bench", "run", str(tmp_path / "none.toml"), "--out", str(tmp_path / "out")]) == 2
    assert str(tmp_path / "none.toml") in capsys.readouterr().err
    assert cli.main(["bench", "verify", str(tmp_path)]) == 2
    assert str(tmp_path) in capsys.readouterr().err


@pytest.mark.parametrize("words", [["run", "x.toml"], ["verify", "out", "--sample", "0"], []])
def test_wrong_arguments_print_the_usage(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_status:
        cli.main(["bench", *words])
    assert exit_status.value.code == 2
    assert "usage: raytune-suite bench" in capsys.readouterr().err
