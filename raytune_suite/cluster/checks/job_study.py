"""Check that the command of a job resumes the study that it runs, and where the cluster places the command."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.pools import cluster_spec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding
    from raytune_suite.cluster.document import ClusterDocument
    from raytune_suite.cluster.pools import Pool

TESTED = re.compile(r"(?:\btest|\[\[?)\s+(?:!\s+)?-[defs]\s+[\"']?([^\s\"'\];&|)]+)")
"""A test for a file or folder."""


def check(document: ClusterDocument, pools: list[Pool]) -> Iterator[Finding]:
    """Yield a test for a folder that is not the study's, and a command that takes CPUs from trials."""
    job = cluster_spec(document)[:-1]
    text = document.get(*job, "entrypoint")
    problem = wrong_folder(text) if isinstance(text, str) else None
    if problem is not None:
        yield finding(document, "RTS804", (*job, "entrypoint"), *problem, severity="warning")
    heads = [pool for pool in pools if pool.head]
    for key, kind in (("entrypointNumCpus", "cpus"), ("entrypointNumGpus", "gpus")):
        wanted, where = document.get(*job, key), (*job, key)
        if not heads or not isinstance(wanted, (int, float)) or isinstance(wanted, bool) or wanted <= 0:
            continue
        has = getattr(heads[0], kind)
        others = [pool for pool in pools if not pool.head and (getattr(pool, kind) or 0) >= wanted]
        spot = [pool.name for pool in others if pool.spot]
        if has is None or wanted <= has or not others or (kind == "gpus" and not spot):
            continue
        reason = f"`{key}` is {wanted:g}, but the head offers {has:g}: the command runs in a pod of "
        reason += f"{' or '.join(pool.name for pool in others)}, whose resources trials then lack"
        reason += ", and ends when that is reclaimed" if spot else ""
        remedy = "remove it: by default the command runs on the head"
        yield finding(document, "RTS818", where, reason, remedy, severity="warning")


def wrong_folder(text: str) -> tuple[str, str] | None:
    """Return what is wrong, and what to write, if a command decides by another folder whether to resume a study.

    Example:
        >>> command = "run a --storage-path /s --name {} $(test -d /s/a && echo --resume)"
        >>> wrong_folder(command.format("a")), wrong_folder(command.format("b"))[0]
        (None, '`--resume` depends on /s/a, but the study is stored in /s/b')
    """
    storage, name = option(text, "storage-path"), option(text, "name")
    end = re.search(r"--resume\b", text)
    tests = [] if end is None else list(TESTED.finditer(text, 0, end.start()))
    if not storage or not tests:
        return None
    tested = tests[-1][1].rstrip("/")
    folder = f"{storage}/{name}" if name else storage
    if any("$" in one for one in (tested, folder)) or f"{tested}/".startswith(f"{folder}/"):
        return None
    return f"`--resume` depends on {tested}, but the study is stored in {folder}", f"write `test -d {folder}`"


def option(text: str, name: str) -> str:
    """Return the value of an option in a command, "" if it has none."""
    match = re.search(rf"--{name}[= ]\s*[\"']?([^\s\"']+)", text)
    return "" if match is None else match[1].rstrip("/")
