"""What the README shows is true: its Python runs, its commands parse, its links lead somewhere."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from raytune_suite import cli
from raytune_suite.bench import protocol
from raytune_suite.methods import METHODS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    """The fenced blocks of a language, in order."""
    return [text for name, text in BLOCK.findall(README) if name == language]


def commands() -> list[list[str]]:
    """The lines of the shell blocks, in words, comments left out."""
    lines = (line for block in blocks("bash") for line in block.splitlines())
    return [words for words in (shlex.split(line, comments=True) for line in lines) if words]


def test_its_python_runs_from_top_to_bottom(tmp_path: Path) -> None:
    program = tmp_path / "readme.py"
    program.write_text("\n\n".join(blocks("python")))
    environment = {**os.environ, "HOME": str(tmp_path)}
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, program.name], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for block in blocks("python"):
        for promise in re.findall(r"^print\(.*\)  # (\(.*\))$", block, re.MULTILINE):
            assert promise in done.stdout


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_its_commands_exist(words: list[str]) -> None:
    if words[0] == "make":
        targets = re.findall(r"^([a-z0-9]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        assert set(words[1:]) <= set(targets)
    else:
        assert words[0] == "raytune-suite"
        cli.parser().parse_args(words[1:])


@pytest.mark.parametrize("text", blocks("toml"))
def test_its_protocols_can_be_used(text: str, tmp_path: Path) -> None:
    place = tmp_path / "mine.toml"
    place.write_text(text)
    assert protocol.read(place).name == "mine"


def test_its_table_has_every_method() -> None:
    table = README.partition("## Methods")[2].partition("\n\nAny searcher")[0]
    first_cells = " ".join(line.split("|")[1] for line in table.splitlines() if line.startswith("|"))
    assert sorted(re.findall(r"`([\w-]+)`", first_cells)) == sorted(METHODS)


def test_its_links_lead_to_files_and_headings() -> None:
    headings = {
        re.sub(r"[^\w -]", "", line[3:]).lower().replace(" ", "-") for line in README.splitlines() if line[:3] == "## "
    }
    for target in re.findall(r"\]\(([^)]+)\)", README):
        if target.startswith("#"):
            assert target[1:] in headings
        elif not target.startswith("https://"):
            assert (ROOT / target).exists(), target


def test_its_first_program_is_short() -> None:
    assert len(blocks("python")[0].splitlines()) <= 12
