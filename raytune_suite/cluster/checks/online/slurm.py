"""Ask Slurm about a batch script: `sbatch --test-only`, which checks it against the partitions and limits there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from raytune_suite.cluster.checks.findings import CODES, Finding
from raytune_suite.cluster.checks.online import programs
from raytune_suite.cluster.checks.online.rest import NotAskedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from raytune_suite.cluster.slurm import Directive

OPTION_OF_MESSAGE = {
    r"partition": ("partition",),
    r"account|association": ("account",),
    r"qos": ("qos",),
    r"time limit": ("time",),
    r"node count|too many nodes|more nodes": ("nodes",),
    r"memory": ("mem", "mem-per-cpu"),
    r"generic resource|gres|tres": ("gres", "gpus-per-node", "gpus"),
    r"cpu count|processors": ("cpus-per-task", "ntasks"),
    r"feature|constraint": ("constraint",),
    r"reservation": ("reservation",),
    r"node configuration": ("gpus-per-node", "gres", "cpus-per-task", "mem"),
}
"""The options that a message of sbatch is about, by its pattern (slurm_errno.c)."""

NOT_REACHED = re.compile(r"unable to contact|connection refused|resolve|unable to establish", re.IGNORECASE)
"""What sbatch prints if Slurm's controller does not answer."""

PREFIX = re.compile(r"^sbatch: (error: |fatal: )?")


def check(path: Path, directives: list[Directive]) -> Iterator[Finding]:
    """Yield why Slurm would reject a batch script."""
    try:
        status, message = programs.run(("sbatch", "--test-only", str(path)), "run this on a login node of the cluster")
    except NotAskedError as error:
        yield at(1, "RTS922", f"Slurm was not asked: {error}", error.remedy)
        return
    if status == 0:
        return
    lines = [PREFIX.sub("", line) for line in message.splitlines() if line.strip()]
    reason = "; ".join(lines) or f"sbatch ended with status {status}"
    if NOT_REACHED.search(reason):
        yield at(1, "RTS922", f"Slurm was not asked: {reason}", "run this on a login node of the cluster")
        return
    names = next((given for key, given in OPTION_OF_MESSAGE.items() if re.search(key, reason, re.IGNORECASE)), ())
    about = [one for name in names for one in directives if one.name == name]
    where = f"--{about[0].name}" if about else "#SBATCH"
    line = about[0].line if about else 1
    yield at(line, "RTS921", f"sbatch answers: {reason}", "correct it; `sinfo` shows partitions and limits", where)


def at(line: int, code: str, reason: str, remedy: str, where: str = "#SBATCH") -> Finding:
    """Return a finding on a line of a script."""
    return Finding(line, code, where, reason, remedy, CODES[code][0])
