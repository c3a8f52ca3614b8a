"""Checks of set-up commands that succeed once, but fail when `ray up` runs them again on a machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raytune_suite.cluster.shell import SimpleCommand, simple_commands

if TYPE_CHECKING:
    from collections.abc import Iterator

ONCE: dict[tuple[str, ...], tuple[tuple[str, ...], str]] = {
    ("git", "clone"): ((), "test -d FOLDER || git clone ..."),
    ("unzip",): (("-o", "-qo", "-oq", "-n", "-qn", "-nq", "-u", "-uo", "-qqo", "-l", "-p", "-t", "-v"), "unzip -o ..."),
    ("mkdir",): (("-p", "--parents"), "mkdir -p ..."),
    ("ln", "-s"): (("-f", "-sf", "-sfn", "--force"), "ln -sfn ..."),
    ("conda", "env", "create"): (("--force", "-y", "--yes"), "conda env create --yes ..."),
    ("mamba", "env", "create"): (("--force", "-y", "--yes"), "mamba env create --yes ..."),
    ("useradd",): ((), "id NAME || useradd ..."),
    ("groupadd",): (("-f", "--force"), "groupadd --force ..."),
    ("docker", "network", "create"): ((), "docker network inspect NAME || docker network create ..."),
    ("docker", "volume", "rm"): (("-f", "--force"), "docker volume rm --force ..."),
    ("mkfs",): ((), "blkid DEVICE || mkfs ..."),
}
"""Commands that fail if their result exists already: the options that prevent it, and a form that does not fail."""

GUARDS = ("test", "[", "[[", "if", "rm", "mountpoint", "id", "blkid")
"""Programs with which a command usually checks, or removes, what is there."""


def once(text: str) -> Iterator[tuple[str, str]]:
    """Yield why a set-up command fails when it is run again, and what to write.

    Example:
        >>> list(once("git clone https://example.com/code ~/code"))[0][1]
        'write `test -d FOLDER || git clone ...`'
        >>> list(once("[ -d ~/code ] || git clone https://example.com/code ~/code"))
        []
    """
    parts = simple_commands(text)
    for index, part in enumerate(parts):
        for words, (options, better) in ONCE.items():
            same = part.words[: len(words)] == words and not set(options) & set(part.words)
            if same and not guarded(part, parts[:index]):
                yield f"`{' '.join(words)}` fails when it is run again, which `ray up` does", f"write `{better}`"


def guarded(part: SimpleCommand, before: list[SimpleCommand]) -> bool:
    """Return whether a command may fail, or whether what it makes is tested for or removed first."""
    return part.after == "||" or any(one.program in GUARDS or "if" in one.prefixes for one in (part, *before))
