"""Pages of documentation, and the fenced blocks in them."""

from __future__ import annotations

import itertools
import re
import shlex
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "clusters" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w+)\n(?P<text>.*?)^ *```$", re.MULTILINE | re.DOTALL)
SHELL = (">", ">>", "|", "&", "&&")
PATH_COMMENT = re.compile(r"# (\S+/\S+\.py|pyproject\.toml)$", re.MULTILINE)


class Block(NamedTuple):
    """A fenced block: its language, its text, and the first line of that in the page."""

    language: str
    text: str
    line: int

    @property
    def file(self) -> str | None:
        """The path that the block names in a comment on its first line, if the block is (a part of) a file."""
        match = PATH_COMMENT.match(self.text)
        return match[1] if match else None


def blocks(page: Path, *languages: str) -> list[Block]:
    """The fenced blocks of a page in these languages, in order."""
    text = page.read_text()
    every = [
        Block(
            match["language"],
            re.sub(f"^{match['indent']}", "", match["text"], flags=re.MULTILINE),
            text.count("\n", 0, match.start()) + 2,
        )
        for match in FENCE.finditer(text)
    ]
    return [block for block in every if block.language in languages]


def commands(page: Path) -> list[list[str]]:
    """The commands of a page's shell blocks, one per line after joining continued lines.

    Comments, and what the shell does with the output, are left out.
    """
    text = "\n".join(block.text for block in blocks(page, "bash"))
    lines = (re.sub(r" \.\.\. ", " ", line) for line in text.replace("\\\n", " ").splitlines())
    every = (shlex.split(line, comments=True) for line in lines)
    return [list(itertools.takewhile(lambda word: word not in SHELL, words)) for words in every if words]


def name(page: Path) -> str:
    """The page's path in the repository."""
    return str(page.relative_to(ROOT))
