"""Check shell texts of batch scripts and of files for `ray up` for words that do not do what was meant.

Sources: bash(1), "The Set Builtin" and "ulimit"; awk(1); setrlimit(2).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from raytune_suite.cluster.checks.findings import Finding, finding
from raytune_suite.cluster.checks.schema_errors import closest
from raytune_suite.cluster.checks.start_commands import KEYS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Severity
    from raytune_suite.cluster.document import ClusterDocument
    from raytune_suite.cluster.shell import SimpleCommand

SET_NAMES = (
    *("allexport", "braceexpand", "emacs", "errexit", "errtrace", "functrace", "hashall", "histexpand", "history"),
    *("ignoreeof", "interactive-comments", "keyword", "monitor", "noclobber", "noexec", "noglob", "nolog", "notify"),
    *("nounset", "onecmd", "physical", "pipefail", "posix", "privileged", "verbose", "vi", "xtrace"),
)
SET = re.compile(r"(?:^|[;&|(]\s*|\b(?:then|do|else)\s+)set\s+((?:[-+]\w+\s+)*[-+]\w*o)\s+([\w-]+)")
FIRST = re.compile(r"\bawk\s+[^|;]*?['\"]\s*NR\s*==\s*0\b|\bsed\s+-n\s+['\"]?0p\b")
NO_LIMIT = re.compile(r"\bulimit\s+(?:-[SH]*n|-[SH]+\s+-n)\s+(unlimited|-1)\b(?![^\n]*\|\|)")
WAITS = re.compile(
    r"\bwhile\s+((?:timeout\s+\S+\s+)?(?:ray\s+(?:status|health-check)|nc\s+-z|curl\s+-)[^;\n]*)(?:;|\n)\s*do\s+sleep\b[^\n]*"
)
GROUP = re.compile(r"SLURM_\w+?_HET_GROUP_(?![\d$]|\w*\$)(\w*)")
OTHER_JOBS = re.compile(r"\b(?:pkill|killall)\s[^;&|\n]*|\bkill\s+(?:-\S+\s+)?-1\b")
ADDRESS = re.compile(r"--address[= ][\"']?\$\{?(\w+)\}?[\"']?(?=\s|$)")
PORT = re.compile(r":[\"']?(?:\$|\d{2,})")


def slips(line: str) -> Iterator[tuple[str, str, str, Severity]]:
    """Yield the code, the reason, the remedy and the severity of what one line does otherwise than was meant.

    Example:
        >>> [reason for _, reason, *_ in slips("set -euo pipfail")]
        ["bash has no option 'pipfail', so the command fails"]
        >>> list(slips("set -euo pipefail; ulimit -n 65536"))
        []
    """
    for _, name in SET.findall(line):
        if name not in SET_NAMES:
            near = closest(name, SET_NAMES)
            reason = f"bash has no option {name!r}, so the command fails"
            yield "RTS415", reason, f"write one of {', '.join(SET_NAMES)}{near and f': {near}'}", "error"
    if FIRST.search(line):
        yield "RTS417", "lines are counted from 1, so this gives nothing", "write 1 instead of 0", "error"
    if NO_LIMIT.search(line):
        reason = "Linux has no unlimited number of open files: the command fails"
        yield "RTS845", reason, 'write `ulimit -n "$(ulimit -Hn)"`', "warning"


def check(document: ClusterDocument) -> Iterator[Finding]:
    """Yield such words in the commands of a file for `ray up`."""
    for key in KEYS:
        for index, text in enumerate(document.strings(key)):
            for line in text.splitlines():
                for code, reason, remedy, severity in slips(line):
                    shown = "RTS416" if code == "RTS845" else code
                    yield finding(document, shown, (key, index), reason, remedy, severity=severity)


def script(text: str, commands: list[SimpleCommand], nodes: int | None) -> Iterator[Finding]:
    """Yield such words in a batch script, and what only has a meaning there.

    Args:
        text: The script.
        commands: Its simple commands.
        nodes: The number of nodes of the job, None if it is not known.
    """
    code = re.sub(r"(?m)^[ \t]*#.*$", "", text)
    for number, line in enumerate(code.splitlines(), 1):
        for kind, reason, remedy, severity in slips(line):
            yield Finding(number, kind, "script", reason, remedy, severity)
        for part in GROUP.findall(line):
            reason = f"the variables of the parts of a job end in a number, not in {part or 'nothing'!r}"
            yield Finding(
                number, "RTS843", "script", reason, "write, for example, SLURM_JOB_NODELIST_HET_GROUP_0", "error"
            )
        ends = OTHER_JOBS.search(line)
        if ends is not None:
            reason = f"`{ends[0].strip()}` also ends processes of your other jobs on the node"
            yield Finding(
                number, "RTS845", "script", reason, "end what this script started: `kill $(jobs -p)`", "warning"
            )
    for match in WAITS.finditer(code):
        if not re.search(r"(?m)^\s*(?!wait\b|ray stop\b|exit\b)\w", code[match.end() :]):
            continue  # it keeps the job alive
        reason = f"the loop waits while `{match[1].split('>')[0].strip()}` succeeds, not until it does"
        yield Finding(code[: match.start()].count("\n") + 1, "RTS845", "script", reason, "write `until`", "error")
    last = next((one for one in reversed(commands) if one.words), None)
    if last is not None and last.in_background:
        reason = (
            f"`{' '.join(last.words[:2])}` runs in the background, and the script ends at once, and with it the job"
        )
        yield Finding(last.line + 1, "RTS823", "script", reason, "add `wait`, or remove `&`", "error")
    yield from addresses(code, nodes)


def addresses(code: str, nodes: int | None) -> Iterator[Finding]:
    """Yield addresses of Ray in variables that have no port, or that mean each node itself."""
    for name in sorted(set(ADDRESS.findall(code))):
        given = re.findall(rf"(?m)^[ \t]*(?:export[ \t]+)?{name}=(.*)$", code)
        place = re.search(rf"(?m)^[ \t]*(?:export[ \t]+)?{name}=", code)
        if not given or place is None:
            continue
        number = code[: place.start()].count("\n") + 1
        if not any(PORT.search(value) or re.match(r"[\"']?(?:auto|local)\b", value) for value in given):
            reason = f"${name} has no port, but `ray start --address` needs HOST:PORT"
            yield Finding(number, "RTS845", "script", reason, f"write `{name}=...:$port`", "error")
        if nodes != 1 and all(re.match(r"[\"']?(?:127\.|localhost)", value) for value in given):
            reason = f"${name} is {given[0].strip()}, which is each node itself: the others do not find the head"
            yield Finding(number, "RTS845", "script", reason, "write the address of the first node", "error")
