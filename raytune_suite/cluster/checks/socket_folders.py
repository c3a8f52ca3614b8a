"""Check the folder in which Ray keeps its sockets: each machine needs its own, with a short path.

Ray makes `ray/session_DATE_TIME_NUMBER/sockets/plasma_store` below RAY_TMPDIR or, without it, TMPDIR (its
`get_user_temp_dir`), and Linux allows 107 bytes for the path of a socket (unix(7)).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from raytune_suite.cluster.checks.commands import shared_folders, within
from raytune_suite.cluster.checks.findings import Finding, finding
from raytune_suite.cluster.pools import RUN_OPTIONS, provider

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Severity
    from raytune_suite.cluster.document import ClusterDocument, KeyPath

LONGEST = 42
"""Characters; Ray adds /ray, and a session and its sockets of at most 61 characters."""

TEMP_DIR = re.compile(r"--(temp-dir)[= ](\"[^\"]*\"|'[^']*'|[^\s;&|\"')]*)")
ASSIGNED = re.compile(r"(?<![\w-])(RAY_TMPDIR|TMPDIR)=(\"[^\"]*\"|'[^']*'|[^\s;&|\"')]*)")
USUALLY_SHARED = re.compile(
    r"(?:\$\{?(?:HOME|SLURM_SUBMIT_DIR|PWD|WORK|WORKDIR|SCRATCH|PROJECT|PSCRATCH)\b\}?|~|"
    r"/(?:shared|nfs|gpfs|lustre|efs|fsx|scratch|home|work|project|projects|beegfs|ceph|mnt/(?:efs|nfs|shared|fsx|lustre))(?:/|$))"
)
PER_NODE = re.compile(r"SLURM_NODEID|SLURMD_NODENAME|SLURM_PROCID|HOSTNAME|\$\(hostname")
START = re.compile(r"\bray\s+start\b")
COMMANDS = ("setup_commands", "head_start_ray_commands", "worker_start_ray_commands")


def problem_of(name: str, value: str, shared: list[str]) -> tuple[str, str, Severity] | None:
    """Return the reason, the remedy and the severity if Ray cannot keep its sockets in a folder, None if it can.

    Args:
        name: The variable.
        value: The folder.
        shared: The folders that all nodes mount.

    Example:
        >>> problem_of("RAY_TMPDIR", "/shared/tmp", ["/shared"])[2], problem_of("RAY_TMPDIR", "/local/me", ["/shared"])
        ('error', None)
    """
    plain = re.sub(r"\$\{?\w+\}?", "", value)
    remedy = "write a short folder of each machine, such as /tmp, or remove it"
    if "YOUR-" in value or not value:
        return None
    if len(plain) > LONGEST:
        reason = f"{name} has {len(plain)} characters: the paths of Ray's sockets exceed 107, so Ray does not start"
        return reason, remedy, "error"
    if not value.startswith(("/", "$", "~", "`")):
        return f"{name} is {value}, a relative path, but Ray needs an absolute one", f"write /tmp/{value}", "error"
    if within(value, shared):
        why = "its machines do not share sockets, and overwrite each other's files"
        return f"{name} is {value}, in a folder that all nodes share: {why}", remedy, "error"
    return None


def usually(name: str, value: str) -> tuple[str, str, Severity]:
    """Return the reason, the remedy and the severity for a folder that machines usually share."""
    reason = f"{name} is {value}, in a folder that machines usually share: Ray's sockets do not work there"
    return reason, "write a short folder of each machine, such as /tmp", "warning"


def check(document: ClusterDocument) -> Iterator[Finding]:
    """Yield such folders in the commands and the options of containers of a file for `ray up`."""
    places: list[tuple[KeyPath, str]] = [
        (("docker", key, index), text)
        for key in RUN_OPTIONS
        for index, text in enumerate(document.strings("docker", key))
    ]
    for key in COMMANDS:
        for index, text in enumerate(document.strings(key)):
            if START.search(text):
                places.append(((key, index), text))
    folders, _ = shared_folders(document)
    for where, text in places:
        given = TEMP_DIR.findall(text) if provider(document) == "local" and not folders else []
        for name, value in (*ASSIGNED.findall(text), *given):
            problem = problem_of(name, value.strip("\"'"), folders)
            if problem is None and USUALLY_SHARED.match(value.strip("\"'")) and provider(document) == "local":
                problem = usually(name, value)
            if problem is not None:
                yield finding(document, "RTS410", where, *problem[:2], severity=problem[2])


def script(text: str) -> Iterator[Finding]:
    """Yield such folders in a batch script that starts Ray."""
    if not START.search(text):
        return
    for number, line in enumerate(text.splitlines(), 1):
        for name, quoted in ASSIGNED.findall(line.partition(" #")[0]) if not line.lstrip().startswith("#") else ():
            value = quoted.strip("\"'")
            problem = problem_of(name, value, [])
            if problem is None and USUALLY_SHARED.match(value) and not PER_NODE.search(value):
                problem = usually(name, value)
            if problem is not None:
                yield Finding(number, "RTS410", f"line {number}", *problem)
