"""Check that the command of a job ends with the study and its result, by which KubeRay removes the cluster or retries.

Sources: Ray Jobs; "RayJob" of KubeRay's documentation (`backoffLimit`); bash, "Pipelines"; read in 2026-11.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.pools import cluster_spec
from raytune_suite.cluster.shell import simple_commands

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding
    from raytune_suite.cluster.document import ClusterDocument
    from raytune_suite.cluster.shell import SimpleCommand

SHELL = re.compile(r"(ba|da|z|k)?sh")
STUDY = re.compile(r"raytune-suite|python[\d.]*|uv|poetry|torchrun|accelerate|\S+\.(py|sh)")
NEVER_ENDS = re.compile(r"sleep (inf|infinity|\d{6,})\b|tail (\S+ )*-[fF]\b|while (true|:|\[ 1 \])")
DETACHED = re.compile(
    r"^(tmux (new(-session)?|new-window) .*-d|screen (-\S* )*-\S*d\S*m|setsid -f|at now|batch\b|daemonize)"
)
HARMLESS = (
    "true",
    ":",
    "echo",
    "printf",
    "date",
    "exit",
    "ls",
    "cat",
    "cp",
    "rsync",
    "sync",
    "curl",
    "aws",
    "gsutil",
    "mv",
)
"""Commands that succeed whatever the study did before them."""

PROGRAMS = r"(?:raytune-suite\b|python[\d.]*\b(?!\s+-c))"
AROUND = (
    (
        rf"\bsetsid\s+(?:-f|--fork)\s+{PROGRAMS}",
        "RTS823",
        "the command returns at once (setsid), so the job succeeds, and the cluster is removed during the study",
        "remove `setsid`",
    ),
    (
        rf"\b(while\s+(?:true|:)|for\s*\(\(;;\)\)|until)\b(?=.*{PROGRAMS}.*\bdone\b)",
        "RTS412",
        "the study is in a loop (`{0}`), so the job does not end, or never fails: the cluster is not removed",
        "remove the loop: `backoffLimit` runs a failed job again",
    ),
    (
        r"\btrap\s+[\"'][^\"']*exit 0[^\"']*[\"']\s+(EXIT|ERR|0)\b",
        "RTS824",
        "with `trap ... {0}` the command always succeeds, so a study that fails is not run again (`backoffLimit`)",
        "remove `exit 0` from the trap",
    ),
    (
        rf"(?:^|[;&|]\s*|\n)!\s+{PROGRAMS}",
        "RTS824",
        "`!` inverts the status of the study: a failed one counts as succeeded",
        "remove `!`",
    ),
)
"""What is around a study in a command: a pattern, the code, the reason and the remedy."""

SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
SHORTEST_STUDY = 600


def inner(text: str) -> str:
    """Return the command that a shell in a command is given with `-c`, the command itself without one.

    Example:
        >>> inner("bash -lc 'a && b'"), inner("a && b")
        ('a && b', 'a && b')
    """
    parts = simple_commands(text)
    if len(parts) == 1 and SHELL.fullmatch(parts[0].program):
        words = parts[0].words[1:]
        for index, word in enumerate(words):
            if re.fullmatch(r"-\w*c", word) and len(words) > index + 1:
                return "\n".join([*(one for one in words[:index] if "e" in one or "pipefail" in one), words[index + 1]])
    return text


def check(document: ClusterDocument) -> Iterator[Finding]:
    """Yield a command that ends before the study, after it never, or without its result."""
    where = (*cluster_spec(document)[:-1], "entrypoint")
    text = document.get(*where)
    if document.get("kind") not in ("RayJob", "RayCronJob") or not isinstance(text, str):
        return
    for code, reason, remedy in problems(text):
        yield finding(document, code, where, reason, remedy, severity="error" if code == "RTS823" else "warning")


def problems(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield the code, reason and remedy of each mistake in how a command ends.

    Example:
        >>> [code for code, *_ in problems("bash -c 'python a.py &'")], list(problems("python a.py && echo done"))
        (['RTS823'], [])
    """
    script = inner(text)
    parts = [one for one in simple_commands(script) if one.words]
    studies = [index for index, one in enumerate(parts) if STUDY.fullmatch(one.program)]
    strict = re.search(r"\bset -\w*e|^-\w*e", script) is not None
    if not studies:
        only = [one for one in parts if NEVER_ENDS.match(" ".join(one.words))]
        if only:
            reason = f"the job runs `{' '.join(only[-1].words)}` and never ends, so its machines cost money for nothing"
            yield "RTS412", reason, "write the study's command; for an interactive cluster use `kind: RayCluster`"
        for one in parts:
            if DETACHED.match(" ".join(one.words)):
                yield "RTS823", early(" ".join(one.words[:2])), "write the study's command only"
        return
    yield from around(script)
    last, rest = parts[studies[-1]], parts[studies[-1] + 1 :]
    if (last.in_background or last.after == "& ") and not any(one.program == "wait" for one in rest):
        yield "RTS823", early("&"), "remove `&`: the operator submits the job in the background itself"
    elif last.in_background and any(one.program == "wait" and len(one.words) == 1 for one in rest):
        reason = "`wait` succeeds whatever the study returns, so a failed study counts as succeeded"
        yield "RTS824", reason, "remove `&` and `wait`"
    elif any(DETACHED.match(" ".join(one.words)) for one in parts):
        yield "RTS823", early("its own terminal"), "write the study's command only"
    yield from hidden(script, last, rest, strict=strict)


def around(script: str) -> Iterator[tuple[str, str, str]]:
    """Yield what around a study starts it in the background, repeats it for ever, ends it, or changes its status."""
    for pattern, code, reason, remedy in AROUND:
        match = re.search(pattern, script, re.DOTALL)
        if match is not None and (code != "RTS412" or not re.search(r"\b(break|exit|return)\b", script)):
            yield code, reason.format(*match.groups()), remedy
    limit = re.search(rf"\btimeout\s+(?:-\S+\s+)*(\d+)([smhd]?)\s+(?:\S+/)?{PROGRAMS}", script)
    if limit is not None and int(limit[1]) * SECONDS[limit[2]] < SHORTEST_STUDY:
        reason = f"`timeout {limit[1]}{limit[2]}` ends the study after {int(limit[1]) * SECONDS[limit[2]]} seconds"
        yield "RTS821", reason, "write, for example, `timeout 8h`, or `activeDeadlineSeconds` of the job"


def early(what: str) -> str:
    """Return what happens if a command returns before the study."""
    return f"the command returns at once ({what}), so the job succeeds, and the cluster is removed during the study"


def hidden(
    script: str, last: SimpleCommand, rest: list[SimpleCommand], *, strict: bool
) -> Iterator[tuple[str, str, str]]:
    """Yield commands after a study that never end, or by which its failure is not noticed."""
    lost = "a study that fails counts as succeeded, so it is not run again (`backoffLimit`)"
    for one in rest:
        text = " ".join(one.words)
        if NEVER_ENDS.match(text):
            reason = f"after the study the command runs `{text}` and never ends: the cluster is not removed"
            yield "RTS412", reason, "remove it: `ttlSecondsAfterFinished` keeps the cluster for the logs"
            return
    if not rest:
        return
    follows, first = last.after.strip(), rest[0]
    if follows == "|" and "pipefail" not in script:
        yield "RTS824", f"the pipe returns the status of `{first.program}`: {lost}", "add `set -o pipefail;` before it"
    elif follows == "||" and (first.program in HARMLESS and not fails(rest)):
        yield "RTS824", f"with `|| {' '.join(first.words)}` {lost}", f"remove `|| {first.words[0]}`"
    elif follows in (";", "", ")") and not strict and rest[-1].program in HARMLESS and not fails(rest):
        shown = " ".join(rest[-1].words)
        yield "RTS824", f"the command returns the status of `{shown}`, its last part: {lost}", "write `&&` before it"


def fails(rest: list[SimpleCommand]) -> bool:
    """Return whether commands pass on a status: `exit $status`, `exit 1`, `false`, or a test at the end."""
    return any(one.program == "exit" and one.words[1:2] != ("0",) for one in rest) or rest[-1].program in ("false", "[")
