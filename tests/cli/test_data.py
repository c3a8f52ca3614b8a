from __future__ import annotations

from typing import TYPE_CHECKING

from raytune_suite import cli, datasets
from raytune_suite.datasets import File, download

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_list_has_a_line_for_each_part(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "arlbench").mkdir()
    (tmp_path / "arlbench/cc_cartpole_ppo.csv").touch()
    assert cli.main(["data", "list", "--folder", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == f"folder: {tmp_path}"
    rows = {line.split()[0]: line.split()[1:] for line in lines[:-3]}
    assert set(rows) == set(datasets.parts())
    assert rows["arlbench/cc_cartpole_ppo"][3] == "damaged:"  # an empty file
    assert rows["yahpo/rbv2_svm"] == ["?", "Apache-2.0", "-"]


def test_check_is_1_only_where_something_is_damaged(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    command = ["data", "check", "--folder", str(tmp_path)]
    assert cli.main(command) == 0
    assert f"0 files are in {tmp_path}" in capsys.readouterr().out
    (tmp_path / "arlbench").mkdir()
    (tmp_path / "arlbench/cc_cartpole_ppo.csv").touch()
    assert cli.main(command) == 1
    assert "arlbench/cc_cartpole_ppo.csv  truncated" in capsys.readouterr().out


def test_fetch_prints_what_it_downloaded_and_does_nothing_the_second_time(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pretend(file: File, where: Path, progress: download.Progress) -> Path:
        place = where / file.path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(b"x")
        progress(1, 1)
        return place

    monkeypatch.setattr(download, "fetch_file", pretend)
    command = ["data", "fetch", "yahpo/rbv2_svm", "--folder", str(tmp_path)]
    assert cli.main(command) == 0
    assert capsys.readouterr().out.split() == [
        str(tmp_path / "yahpo/rbv2_svm" / name) for name in ("config_space.json", "encoding.json", "model.onnx")
    ]
    assert cli.main(command) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert str(tmp_path) in line


def test_an_unknown_name_is_rejected_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["data", "fetch", "arlbnch"]) == 2
    error = capsys.readouterr().err
    assert "'arlbnch'" in error
    assert "'arlbench'" in error
