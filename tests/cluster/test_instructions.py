"""The commands in the cluster files and their README are valid."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from raytune_suite import cli

ROOT = Path(__file__).parents[2]
CLUSTERS = ROOT / "clusters"
FILES = sorted(path for path in CLUSTERS.rglob("*") if path.suffix in (".md", ".yaml"))
COMMAND = re.compile(r"^(?:# +)?(raytune-suite (?:[^\n\\]|\\\n)*)", re.MULTILINE)
LINK = re.compile(r"\]\(([^)]+)\)")


def commands(path: Path) -> list[list[str]]:
    """Return the commands in a file, without the remarks behind them."""
    texts = [re.sub(r"\s{3,}[(#].*", "", text.replace("\\\n", " ")) for text in COMMAND.findall(path.read_text())]
    return [shlex.split(re.sub(r" \.\.\. ?(> \S+)?", " ", text)) for text in texts]


@pytest.mark.parametrize("path", [path for path in FILES if commands(path)], ids=lambda path: str(path.name))
def test_every_command_is_valid(path: Path) -> None:
    for words in commands(path):
        assert callable(cli.parser().parse_args(words[1:]).command)


def test_every_file_of_a_command_exists() -> None:
    files = {word for path in FILES for words in commands(path) for word in words if word.startswith("clusters/")}
    assert len(files) > len(list(CLUSTERS.glob("*.yaml"))) - 1
    assert [word for word in files if not (ROOT / word).is_file()] == []


def test_every_link_of_the_readme_works() -> None:
    targets = LINK.findall((CLUSTERS / "README.md").read_text())
    assert targets
    assert [target for target in targets if not (CLUSTERS / target.partition("#")[0]).exists()] == []


def test_the_readme_mentions_every_file_of_the_folder() -> None:
    text = (CLUSTERS / "README.md").read_text()
    files = [path for path in CLUSTERS.rglob("*") if path.is_file() and path.name != "README.md"]
    assert [path for path in files if str(path.relative_to(CLUSTERS)) not in text] == []
