"""`raytune-suite completion`: the script for a shell."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from raytune_suite import cli
from raytune_suite.cli.completion import script
from raytune_suite.errors import MissingPackageError
from raytune_suite.methods import METHODS
from raytune_suite.workloads import WORKLOADS

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """
source "$1"
shift
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_shtab_raytune_suite
printf "%s\\n" "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def bash(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The script for bash."""
    path = tmp_path_factory.mktemp("completion") / "raytune-suite.bash"
    path.write_text(script("bash"))
    return path


@pytest.mark.process
@pytest.mark.parametrize(
    ("words", "completions"),
    [
        (["ru"], ["run"]),
        (["bench", ""], ["run", "verify", "report"]),
        (["run", "--meth"], ["--method"]),
        (["run", "--method", "bo"], [name for name in METHODS if name.startswith("bo")]),
        (["run", "synth"], [name for name in WORKLOADS if name.startswith("synth")]),
        (["run", "live/digits-mlp", "--format", "j"], ["json"]),
        (["data", "fetch", "arl"], ["arlbench"]),
    ],
    ids=" ".join,
)
def test_bash_completes(words: list[str], completions: list[str], bash: Path) -> None:
    command = ["bash", "-c", PROGRAM, "bash", str(bash), "raytune-suite", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - our own program
    assert set(completions) <= set(done.stdout.split())
    assert all(text.startswith(words[-1]) for text in done.stdout.split())


@pytest.mark.process
def test_the_script_for_zsh_names_methods_and_workloads(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert cli.main(["completion", "zsh"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("#compdef raytune-suite")
    assert {"bohb", "synthetic/branin"} <= set(text.replace("(", " ").replace(")", " ").split())
    if shutil.which("zsh"):
        (tmp_path / "_raytune-suite").write_text(text)
        subprocess.run(["zsh", "-n", str(tmp_path / "_raytune-suite")], check=True)  # noqa: S603, S607 - our own script


def test_completion_does_not_change_what_run_accepts(bash: Path) -> None:  # noqa: ARG001 - made before
    assert cli.parser().parse_args(["run", "mine/workload", "--method", "mine+asha"]).method == "mine+asha"


def test_without_shtab_the_extra_is_suggested(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "shtab", None)
    with pytest.raises(MissingPackageError):
        script("bash")
    assert cli.main(["completion", "bash"]) == 2
    assert "raytune-suite[completion]" in capsys.readouterr().err


def test_an_unknown_shell_is_rejected() -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["completion", "fsh"])
    assert ended.value.code == 2
