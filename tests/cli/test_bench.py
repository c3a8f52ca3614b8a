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


def test_run_tells_what_it_does_and_verify_repeats_it(
    protocol: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "out")
    command = ["bench", "run", str(protocol), "--out", out]
    assert cli.main(command) == 0
    first, refused, done = capsys.readouterr().out.splitlines()
    assert first == "one: 2 methods on 2 workloads, 4 runs"
    assert refused.startswith("refused: pbt on synthetic/branin: method 'pbt' copies and changes trainings, but ")
    assert done == f"3 runs done, 1 refused, 0 failed: {out}"
    assert cli.main(command) == 0
    assert f"0 runs done, 3 were done before, 1 refused, 0 failed: {out}" in capsys.readouterr().out
    next((tmp_path / "out").glob("runs/*random*/made.json")).unlink()
    assert cli.main(command) == 0
    assert "1 runs were made by other code or packages, or it is unknown by which: --out" in capsys.readouterr().out
    assert cli.main(["bench", "verify", out]) == 0
    assert capsys.readouterr().out == "3 of 3 runs repeat to the bit\n"


def test_what_cannot_be_used_is_told_with_its_line_and_status_2(
    protocol: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    protocol.write_text(TEXT.replace("budget", "budgt"))
    assert cli.main(["bench", "run", str(protocol), "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err == "raytune-suite: one.toml:3: unknown key 'budgt': did you mean 'budget'?\n"
    assert not (tmp_path / "out").exists()


def test_without_a_protocol_or_a_comparison_it_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bench", "run", str(tmp_path / "none.toml"), "--out", str(tmp_path / "out")]) == 2
    assert "there is no protocol" in capsys.readouterr().err
    assert cli.main(["bench", "verify", str(tmp_path)]) == 2
    assert "there is no comparison" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["run", "x.toml"], ["verify", "out", "--sample", "0"], []])
def test_wrong_words_show_how_it_is_used(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_status:
        cli.main(["bench", *words])
    assert exit_status.value.code == 2
    assert "usage: raytune-suite bench" in capsys.readouterr().err
