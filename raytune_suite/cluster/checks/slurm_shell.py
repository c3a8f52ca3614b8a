"""Checks of the shell language in a batch script: arrays that are none, and a script that never ends."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from raytune_suite.cluster.checks.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.shell import SimpleCommand

ELEMENT = re.compile(r"\$\{#?(\w+)\[([^\]]*)\]")
"""An element of an array, or all of them."""

ARRAY = re.compile(
    r"\b(\w+)\+?=\(|\b(?:mapfile|readarray)\b(?:\s+-\w+(?:\s+\S+)?)*?\s+(\w+)|\bread\b[^;|\n]*\s-\w*a\s+(\w+)|"
    r"\b(?:declare|local|typeset)\s+-\w*[aA]\w*\s+(\w+)|\b(\w+)\[[^\]]*\]\+?="
)
"""What makes a variable an array."""

OWN = ("BASH_REMATCH", "PIPESTATUS", "FUNCNAME", "BASH_SOURCE", "BASH_LINENO", "GROUPS", "DIRSTACK", "BASH_ARGV")
"""Arrays of bash."""

ENDS_RAY = re.compile(r"\b(?:kill|pkill|killall|scancel|ray\s+stop)\b|\btrap\b")
PROGRAMS = ("python", "python3", "raytune-suite", "uv", "ray", "srun")


def check(text: str, commands: list[SimpleCommand], ray_runs: bool) -> Iterator[Finding]:
    """Yield the mistakes in the shell language of a script.

    Args:
        text: The script.
        commands: Its simple commands.
        ray_runs: Whether it has processes of Ray in the background.
    """
    yield from no_arrays(text)
    if ray_runs:
        yield from never_ends(text, commands)


def no_arrays(text: str) -> Iterator[Finding]:
    """Yield elements of a variable that the script assigns only as text."""
    code = re.sub(r"(?m)^\s*#.*$", "", text)
    arrays = {name for groups in ARRAY.findall(code) for name in groups if name} | set(OWN)
    seen: set[str] = set()
    for number, line in enumerate(code.splitlines(), 1):
        for name, index in ELEMENT.findall(line):
            plain = re.search(rf"(?m)^\s*(?:export\s+)?{name}=", code)
            if name in arrays or name in seen or plain is None or index in ("0", "@", "*"):
                continue
            seen.add(name)
            place = code[: plain.start()].count("\n") + 1
            reason = f"${{{name}[{index}]}} is empty: {name} is text, not an array"
            remedy = f"write `{name}=(...)` on line {place}, with parentheses"
            yield Finding(number, "RTS417", name, reason, remedy, "error")


def never_ends(text: str, commands: list[SimpleCommand]) -> Iterator[Finding]:
    """Yield a `wait` after the study, which waits for Ray: the job then runs until its time is over."""
    last = max((n for n, part in enumerate(commands) if part.program in PROGRAMS), default=-1)
    if last < 0 or commands[last].in_background or ENDS_RAY.search(text):
        return
    for part in commands[last + 1 :]:
        if part.words == ("wait",):
            reason = "`wait` waits for the processes of Ray, which do not end: the job runs until its time is over"
            yield Finding(part.line + 1, "RTS412", "script", reason, "remove it: Slurm ends Ray with the job", "error")
