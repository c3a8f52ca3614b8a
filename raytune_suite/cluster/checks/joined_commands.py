"""Checks of commands that became one by a lost `;` or `&&`, or several by the end of a line.

YAML joins the lines of a folded text (`>`), and keeps those of a literal one (`|`).
"""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

from raytune_suite.cluster.checks.shell_lint import Lint
from raytune_suite.cluster.shell import quoted, simple_commands

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.shell import SimpleCommand

TAKE_FILES = ("mkdir", "rmdir", "touch", "mountpoint", "umount", "chmod", "chown", "chgrp", "rm", "sleep", "test", "[")
"""Programs whose arguments are not commands."""

NO_FILES = (
    *("sudo", "apt-get", "mountpoint", "ulimit", "systemctl", "modprobe", "export", "chmod", "chown", "mkdir", "nohup"),
    *("[", "[["),
)
"""Commands after which no file is named."""

COMMANDS = (
    *("mount", "umount", "ray", "pip", "pip3", "python", "python3", "curl", "wget", "git", "docker", "conda", "test"),
    *("source", "cd", "rm", "cp", "mv", "ln", "echo", "tee", "bash", "sh", "apt", "yum", "dnf", "touch", "tar"),
)
"""Commands that could also be files."""

ARGUMENT = re.compile(r"-\w|--\w|[\w.$-]+:/|(?:start|stop|install|clone)$")
"""What follows a command rather than the name of a file."""

COMPARES = re.compile(r"[=!]=?|=~|[<>]")
INHERITED = re.compile(r"PATH|HOME|USER|IFS|LANG|TMPDIR|\w*_PATH|(RAY|CUDA|NVIDIA|AWS|SLURM|LC)_\w+")
LONGEST = 3


def check(text: str) -> Iterator[Lint]:
    """Yield commands that are arguments of another, settings of only one command, and options alone on a line."""
    parts = simple_commands(text)
    for part in parts:
        yield from argument(part)
        yield from folders(part)
    yield from only_for_one(parts, text)
    yield from alone(text)
    for part in parts:
        if part.program in ("bash", "sh"):
            for option, inner in itertools.pairwise(part.words):
                if re.fullmatch(r"-[a-z]*c", option) and "\n" in inner:
                    yield from alone(inner)


def argument(part: SimpleCommand) -> Iterator[Lint]:
    """Yield a command that is an argument of one that takes no commands."""
    words = part.words
    if part.program not in TAKE_FILES:
        return
    for index in range(3 if part.program in ("test", "[") else 2, len(words)):
        word, after = words[index], "".join(words[index + 1 : index + 2])
        follows = ARGUMENT.match(after) is not None
        before = words[index - 1]
        if (
            before.startswith("-")
            or COMPARES.fullmatch(before)
            or not (word in NO_FILES or (word in COMMANDS and follows))
        ):
            continue
        reason = f"`{part.program}` takes `{' '.join(words[index : index + LONGEST])}` as its arguments"
        remedy = f"write `;` or `&&` before `{word}`: YAML makes one line of a folded text"
        yield Lint("RTS415", reason, remedy, part.line, "error" if follows and word in NO_FILES else "warning")
        return


def folders(part: SimpleCommand) -> Iterator[Lint]:
    """Yield a `cd` with two arguments, which fails."""
    given = [word for word in part.words[1:] if not word.startswith("-")]
    if part.program == "cd" and len(given) > 1 and not any("$" in word for word in given):
        reason = f"`cd` takes one folder, but has {' '.join(given[:LONGEST])!r}"
        yield Lint("RTS415", reason, f"write `&&` before `{given[1]}`", part.line, "error")


def only_for_one(parts: list[SimpleCommand], text: str) -> Iterator[Lint]:
    """Yield variables that are set for one command only, but used by the others."""
    plain = "".join(char for char, mark in quoted(text) if mark != "'")
    for index, part in enumerate(parts):
        for one in part.assignments if part.words else ():
            name = one.partition("=")[0].rstrip("+")
            use = re.compile(rf"\$(?:{name}\b|\{{{name}\}})")
            later = any(use.search(word) for other in parts[index + 1 :] for word in other.words)
            if one.endswith("$") or INHERITED.fullmatch(name) or not later or not use.search(plain):
                continue
            if not any(sets(other, name) for other in parts):
                reason = f"`{name}` is set for `{part.program}` only: for the commands after it, ${name} has no value"
                yield Lint("RTS417", reason, f"write `;` after `{one[:40]}`", part.line, "warning")


def sets(part: SimpleCommand, name: str) -> bool:
    """Return whether a command sets a variable for those after it."""
    given = part.words if part.words[:1] else part.assignments
    keeps = not part.words or part.program in ("export", "declare", "local", "readonly", "read", "for", "typeset")
    return keeps and any(word.partition("=")[0].rstrip("+") == name for word in given)


def alone(text: str) -> Iterator[Lint]:
    """Yield an option at the beginning of a line, which the shell runs as a command."""
    if re.search(r"\w\+?=\(|\bcase\b", text):
        return
    lines = dict(enumerate(text.split("\n")))
    for part in simple_commands(text):
        first = "".join(part.words[:1])
        begins = lines.get(part.line, "").lstrip().startswith(first)  # rather than after an escaped parenthesis
        if part.line and re.match(r"--?[a-z][\w-]+", first) and begins and not part.prefixes:
            reason = f"the line before `{first}` ends the command, so the shell runs `{first}`"
            remedy = "write a backslash at the end of the line before it, or `>-` instead of `|` in YAML"
            yield Lint("RTS415", reason, remedy, part.line, "error")
            return
