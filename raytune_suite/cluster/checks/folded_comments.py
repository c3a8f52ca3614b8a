"""Checks of comments in commands that YAML folds: the text becomes one line, of which the `#` cuts off the rest.

Sources: YAML 1.2, section 8.1.3 (folded style); POSIX shell, section 2.3 (a comment ends with its line).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml  # type: ignore[import-untyped] # it ships no types

from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.shell import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from raytune_suite.cluster.checks.findings import Finding
    from raytune_suite.cluster.document import ClusterDocument, KeyPath

SHOWN = 50
"""The most characters of a comment in a message."""


def check(document: ClusterDocument, places: Iterable[KeyPath]) -> Iterator[Finding]:
    """Yield the comments that cut off a part of the commands at some key paths, which may be texts or lists of them."""
    for place in places:
        value = document.get(*place)
        wheres = [(*place, index) for index in range(len(value))] if isinstance(value, list) else [place]
        for where in wheres:
            node = document.node(where)
            if isinstance(node, yaml.ScalarNode):
                yield from cut_off(document, where, node)


def cut_off(document: ClusterDocument, where: KeyPath, node: yaml.ScalarNode) -> Iterator[Finding]:
    """Yield a finding if YAML joins a comment with the lines after it, so that they become part of the comment."""
    lines = document.text.splitlines()[node.start_mark.line : node.end_mark.line + 1]
    if len(lines) < 2 or (node.style == '"' and any("\\" in line for line in lines)):  # noqa: PLR2004
        return
    for comment in comments(node.value):
        if not any(comment in line for line in lines):
            written = next((line for line in lines if "#" in line and line[line.index("#") :] in comment), comment)
            shown = written[written.index("#") :].strip()[:SHOWN]
            reason = f"YAML makes one line of this text, so the comment `{shown}` cuts off the rest of the command"
            remedy = "move the comment above the command, or write `|` instead of `>`"
            yield finding(document, "RTS415", where, reason, remedy)
            return


def comments(text: str) -> list[str]:
    r"""Return the comments of a shell command.

    Example:
        >>> comments("a '# b' # c d\necho $#; e#f")
        ['# c d']
    """
    found: list[str] = []
    for row in text.split("\n"):
        kept = "".join(char for char, _ in quoted(row))
        if len(kept) < len(row):
            found.append(row[len(kept) :].strip())
    return [comment for comment in found if comment.startswith("#")]
