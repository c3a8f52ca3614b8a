"""Every file in examples/ runs; new files are discovered automatically."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from raytune_suite.methods import METHODS

FOLDER = Path(__file__).parents[2] / "examples"
LINES = 30
"""The maximum number of lines in the quickstart."""

ONE_PER_SCHEDULER = {recipe.scheduler: name for name, recipe in METHODS.items()}.values()
EXAMPLES_IN_CI = ("quickstart",)


def python(home: Path, *arguments: str) -> str:
    """Run a new process with this home folder, where studies are stored by default, and return its output."""
    command = [sys.executable, *arguments]
    environment = {**os.environ, "HOME": str(home)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - our own program
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.e2e
@pytest.mark.parametrize(
    "example",
    [
        pytest.param(path.name, marks=() if path.stem in EXAMPLES_IN_CI else pytest.mark.long)
        for path in sorted(FOLDER.glob("*.py"))
    ],
)
def test_runs_without_arguments_and_prints_the_best(example: str, tmp_path: Path) -> None:
    printed = python(tmp_path, str(FOLDER / example))
    assert "best" in printed or "loss" in printed
    assert list((tmp_path / "ray_results").iterdir())


@pytest.mark.e2e
@pytest.mark.long
@pytest.mark.usefixtures("ray_session")
@pytest.mark.parametrize("method", ONE_PER_SCHEDULER)
def test_quickstart_with_every_scheduler(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Runs in this process with the Ray of the session, so that Ray starts only once."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["quickstart.py", method])
    runpy.run_path(str(FOLDER / "quickstart.py"), run_name="__main__")
    assert capsys.readouterr().out.startswith(f"{method}: loss ")


@pytest.mark.e2e
@pytest.mark.long
def test_tune_digits_resumes(tmp_path: Path) -> None:
    command = [str(FOLDER / "tune_digits.py"), "--budget", "2", "--name", "mine", "--storage-path", str(tmp_path)]
    assert python(tmp_path, *command) == python(tmp_path, *command, "--resume")


def test_quickstart_is_short_and_has_the_method_as_one_word() -> None:
    text = (FOLDER / "quickstart.py").read_text()
    assert len(text.splitlines()) <= LINES
    assert text.count("METHOD =") == 1


@pytest.mark.parametrize("example", sorted(path.name for path in FOLDER.glob("*.py")))
def test_example_has_a_docstring(example: str) -> None:
    assert (FOLDER / example).read_text().startswith('"""')
