from __future__ import annotations

import subprocess
import sys
from importlib import metadata

import pytest

from raytune_suite import cli

COMMANDS = [
    [],
    ["list"],
    ["run"],
    ["diff"],
    ["data"],
    ["data", "fetch"],
    ["bench"],
    ["bench", "run"],
    ["bench", "verify"],
    ["bench", "report"],
    ["completion"],
    *(["cluster", name] for name in ("check", "render", "submit", "prices", "rehearse")),
]


@pytest.mark.process
def test_help_is_quick_since_it_imports_neither_ray_nor_numpy() -> None:
    program = """
import sys
from raytune_suite.cli import main
for words in ([], ["list"], ["run"], ["diff"], ["data"], ["bench"], ["cluster"], ["completion"]):
    try:
        main([*words, "--help"])
    except SystemExit as ended:
        assert ended.code == 0
print({"ray", "torch", "numpy", "pandas", "pyarrow", "rich", "shtab"} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)  # noqa: S603 - ours
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "set()"


@pytest.mark.parametrize("width", [80, 200])
@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_has_an_example_and_fits_the_terminal(
    words: list[str], width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    with pytest.raises(SystemExit) as ended:
        cli.main([*words, "--help"])
    assert ended.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    assert any("example" in line for line in lines)
    assert any(" ".join(["raytune-suite", *words]) in line for line in lines[1:])
    assert [line for line in lines if len(line) > width] == []


def test_the_version_is_that_of_the_installed_package(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.strip() == metadata.version("raytune-suite")


@pytest.mark.process
def test_it_runs_as_a_module() -> None:
    command = [sys.executable, "-m", "raytune_suite", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - our own program
    assert done.stdout.startswith("usage: raytune-suite ")


@pytest.mark.parametrize("arguments", [[], ["lst"], ["list", "methds"], ["diff", "one"]])
def test_an_unknown_command_or_a_missing_argument_is_rejected(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2


def test_ctrl_c_has_status_130_and_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setitem(cli.list_command.LISTS, "clusters", interrupted)
    assert cli.main(["list", "clusters"]) == 130
    assert "Traceback" not in capsys.readouterr().err
