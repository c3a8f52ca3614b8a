"""Characters that text editors and web pages put in the place of those that programs read: quotes, dashes, spaces."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from raytune_suite.cluster.checks.findings import CODES, Finding, finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.document import ClusterDocument

QUOTES = str.maketrans("\u201c\u201d\u201e\u2018\u2019", '"""\'\'')
DASHES = str.maketrans({"\u2013": "--", "\u2014": "--", "\u2011": "-", "\u00a0": " ", "\u200b": "", "\ufeff": ""})

IN_COMMANDS = re.compile(
    "(?:^|(?<=[\\s=(]))[\u2013\u2014\u2011]+(?=[A-Za-z])|"  # a dash before an option
    "[\u201c\u201d\u201e\u2018][^\u201c\u201d\u2018\u2019]*[\u201c\u201d\u2019]|[\u00a0\u200b]"  # quoted text, spaces
)
AROUND = re.compile("[\u201c\u201d\u201e\u2018].*[\u201c\u201d\u2019]|.*[\u200b\ufeff].*|\u00a0.*|.*\u00a0", re.DOTALL)
NAMES = {"\u00a0": "a space that does not break", "\u200b": "a space without width"}

COMMANDS = ("commands", "run_options", "entrypoint", "command", "args")
"""The ends of the keys of commands."""


def check(document: ClusterDocument) -> Iterator[Finding]:
    """Yield commands and values of a YAML document with such characters."""
    for where, text in () if document.text.isascii() else document.scalars():
        keys = [step for step in where if isinstance(step, str)]
        command = bool(keys) and any(key.endswith(COMMANDS) for key in keys[-2:])
        match = IN_COMMANDS.search(text) if command else AROUND.fullmatch(text)
        if match is not None:
            text_only = any(key in ("annotations", "data", "description") for key in keys)
            shown = NAMES.get(match[0], match[0][:40])
            code = "RTS415" if command else "RTS101"
            reason = (
                f"{shown!r} has characters of a text editor, which programs do not read as quotes, dashes or spaces"
            )
            better = match[0].translate(QUOTES).translate(DASHES)
            remedy = f"write {better[:60]}" if better.strip() else "retype it"
            yield finding(document, code, where, reason, remedy, severity="warning" if text_only else "error")


def lines(text: str) -> Iterator[Finding]:
    """Yield the lines of a script with such characters."""
    for number, line in enumerate(text.splitlines(), 1):
        match = IN_COMMANDS.search(line) if not line.startswith("#") or line.startswith("#SBATCH") else None
        if match is not None:
            shown = NAMES.get(match[0], match[0][:40])
            reason = (
                f"{shown!r} has characters of a text editor, which programs do not read as quotes, dashes or spaces"
            )
            better = match[0].translate(QUOTES).translate(DASHES)
            remedy = f"write {better[:60]}" if better.strip() else "retype it"
            yield Finding(number, "RTS415", "script", reason, remedy, CODES["RTS415"][0])
