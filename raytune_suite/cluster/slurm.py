"""Slurm batch scripts: the options of sbatch and their forms, and the directives of a script by line.

Source: the manual pages of sbatch and srun of Slurm 24.11. Options of plugins, such as those of Pyxis, are not listed.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

OPTIONS: dict[str, str] = {
    "account": "A", "acctg-freq": "", "array": "a", "batch": "", "bb": "", "bbf": "", "begin": "b", "chdir": "D",
    "cluster-constraint": "", "clusters": "M", "comment": "", "constraint": "C", "container": "", "container-id": "",
    "contiguous": "", "core-spec": "S", "cores-per-socket": "", "cpu-freq": "", "cpus-per-gpu": "",
    "cpus-per-task": "c", "deadline": "", "delay-boot": "", "dependency": "d", "distribution": "m", "error": "e",
    "exclude": "x", "exclusive": "", "export": "", "export-file": "", "extra": "", "extra-node-info": "B",
    "get-user-env": "", "gid": "", "gpu-bind": "", "gpu-freq": "", "gpus": "G", "gpus-per-node": "",
    "gpus-per-socket": "", "gpus-per-task": "", "gres": "", "gres-flags": "", "help": "h", "hint": "", "hold": "H",
    "ignore-pbs": "", "input": "i", "job-name": "J", "kill-on-invalid-dep": "", "licenses": "L", "mail-type": "",
    "mail-user": "", "mcs-label": "", "mem": "", "mem-bind": "", "mem-per-cpu": "", "mem-per-gpu": "", "mincpus": "",
    "network": "", "nice": "", "no-kill": "k", "no-requeue": "", "nodefile": "F", "nodelist": "w", "nodes": "N",
    "ntasks": "n", "ntasks-per-core": "", "ntasks-per-gpu": "", "ntasks-per-node": "", "ntasks-per-socket": "",
    "oom-kill-step": "", "open-mode": "", "output": "o", "overcommit": "O", "oversubscribe": "s", "parsable": "",
    "partition": "p", "power": "", "prefer": "", "priority": "", "profile": "", "propagate": "", "qos": "q",
    "quiet": "Q", "reboot": "", "requeue": "", "reservation": "", "resv-ports": "", "segment": "", "signal": "",
    "sockets-per-node": "", "spread-job": "", "stepmgr": "", "switches": "", "tasks-per-node": "", "test-only": "",
    "thread-spec": "", "threads-per-core": "", "time": "t", "time-min": "", "tmp": "", "tres-bind": "",
    "tres-per-task": "", "uid": "", "usage": "", "use-min-nodes": "", "verbose": "v", "version": "V", "wait": "W",
    "wait-all-nodes": "", "wckey": "", "wrap": "",
}  # fmt: skip
"""The options of sbatch, with their letters."""

FLAGS = (
    *("contiguous", "exclusive", "get-user-env", "help", "hold", "ignore-pbs", "no-kill", "no-requeue", "overcommit"),
    *("oversubscribe", "parsable", "propagate", "quiet", "reboot", "requeue", "spread-job", "stepmgr", "test-only"),
    *("usage", "use-min-nodes", "verbose", "version", "wait", "resv-ports", "nice"),
)
"""Options that have no value, or may be without one."""

SRUN_OPTIONS = (
    *("overlap", "exact", "label", "relative", "mpi", "pty", "unbuffered", "het-group", "immediate", "cpu-bind"),
    *("kill-on-bad-exit", "multi-prog", "task-epilog", "task-prolog", "epilog", "prolog", "slurmd-debug", "threads"),
    *("msg-timeout", "bcast", "compress", "disable-status", "external-launcher", "gpu-bind", "whole", "jobid"),
    *("preserve-env", "send-libs", "treewidth", "unbuffered", "wait", "x11", "environment"),
)
SRUN_FLAGS = (*FLAGS, "overlap", "exact", "label", "pty", "unbuffered", "multi-prog", "disable-status", "whole", "x11")
SRUN_LETTERS = {"l": "label", "r": "relative", "u": "unbuffered", "K": "kill-on-bad-exit", "X": "disable-status"}

LETTERS = {letter: name for name, letter in OPTIONS.items() if letter}

TIME = re.compile(r"\d+|\d+:\d+|\d+:\d+:\d+|\d+-\d+|\d+-\d+:\d+|\d+-\d+:\d+:\d+|UNLIMITED|INFINITE", re.IGNORECASE)
MEMORY = re.compile(r"\d+(?:[KMGTP]B?)?", re.IGNORECASE)
COUNT = re.compile(r"\d+[kmKM]?")
DEVICES = re.compile(r"(?:[A-Za-z][\w.+-]*:)?\d+(?:,(?:[A-Za-z][\w.+-]*:)?\d+)*")
NODES = re.compile(r"\d+[kmKM]?(?:-\d+[kmKM]?)?(?:[,:]\d+(?:-\d+)?)*")
GENERIC = re.compile(r"(?:gres[/:])?([A-Za-z][\w-]*)(?:[:/][A-Za-z][\w.+-]*)?(?:[:=]\d+[kKmMgG]?)?(?:\([^)]*\))?")
SIGNAL = re.compile(r"(?:[RB]+:)?[A-Za-z0-9+]+(?:@\d+)?", re.IGNORECASE)
ARRAY = re.compile(r"\d+(?:-\d+(?::\d+)?)?(?:,\d+(?:-\d+(?::\d+)?)?)*(?:%\d+)?")

FORMS: dict[str, tuple[re.Pattern[str], str]] = {
    **dict.fromkeys(("time", "time-min"), (TIME, "HOURS:MINUTES:SECONDS or DAYS-HOURS, such as 12:00:00 or 2-00")),
    **dict.fromkeys(("mem", "mem-per-cpu", "mem-per-gpu", "tmp"), (MEMORY, "a whole number with K, M, G or T")),
    **dict.fromkeys(
        ("cpus-per-task", "ntasks", "ntasks-per-node", "tasks-per-node", "cpus-per-gpu", "ntasks-per-gpu", "mincpus"),
        (COUNT, "a whole number"),
    ),
    **dict.fromkeys(
        ("gpus", "gpus-per-node", "gpus-per-task", "gpus-per-socket"), (DEVICES, "N or TYPE:N, such as 4 or a100:4")
    ),
    "nodes": (NODES, "a number of nodes, such as 4 or 2-4"),
    "signal": (SIGNAL, "[B:]SIGNAL[@SECONDS], such as B:USR1@120"),
    "array": (ARRAY, "indices such as 0-15 or 1,3,5, with %N for at most N at once"),
}
"""The form of the values of options, with a description."""

WORDS: dict[str, tuple[str, ...]] = {
    "mail-type": (
        *("NONE", "BEGIN", "END", "FAIL", "REQUEUE", "ALL", "INVALID_DEPEND", "STAGE_OUT", "TIME_LIMIT"),
        *("TIME_LIMIT_90", "TIME_LIMIT_80", "TIME_LIMIT_50", "ARRAY_TASKS"),
    ),
    "open-mode": ("append", "truncate"),
    "exclusive": ("user", "mcs", "topo", "exclusive"),
}
"""The words that options accept, without regard to case; several are separated by commas."""

SET_BY_OPTION = {
    "SLURM_CPUS_PER_TASK": ("cpus-per-task",),
    "SLURM_CPUS_PER_GPU": ("cpus-per-gpu",),
    "SLURM_GPUS": ("gpus",),
    "SLURM_GPUS_PER_NODE": ("gpus-per-node",),
    "SLURM_GPUS_PER_TASK": ("gpus-per-task",),
    "SLURM_NTASKS": ("ntasks", "ntasks-per-node", "tasks-per-node", "gpus-per-task", "ntasks-per-gpu"),
    "SLURM_NTASKS_PER_NODE": ("ntasks-per-node", "tasks-per-node"),
    "SLURM_MEM_PER_NODE": ("mem",),
    "SLURM_MEM_PER_CPU": ("mem-per-cpu",),
    "SLURM_MEM_PER_GPU": ("mem-per-gpu",),
    "SLURM_ARRAY_TASK_ID": ("array",),
    "SLURM_ARRAY_JOB_ID": ("array",),
    "SLURM_ARRAY_TASK_COUNT": ("array",),
}
"""Variables that Slurm sets only if an option is given."""

ALWAYS_SET = (
    *("SLURM_JOB_ID", "SLURM_JOBID", "SLURM_JOB_NAME", "SLURM_JOB_NODELIST", "SLURM_NODELIST", "SLURM_JOB_NUM_NODES"),
    *("SLURM_NNODES", "SLURM_SUBMIT_DIR", "SLURM_SUBMIT_HOST", "SLURM_CPUS_ON_NODE", "SLURM_JOB_CPUS_PER_NODE"),
    *("SLURM_JOB_PARTITION", "SLURM_JOB_ACCOUNT", "SLURM_JOB_USER", "SLURM_JOB_UID", "SLURM_CLUSTER_NAME"),
    *("SLURM_NODEID", "SLURM_LOCALID", "SLURM_PROCID", "SLURM_TASKS_PER_NODE", "SLURM_TASK_PID", "SLURMD_NODENAME"),
    *("SLURM_JOB_GPUS", "SLURM_GPUS_ON_NODE", "SLURM_HET_SIZE", "SLURM_HET_JOB_ID", "SLURM_JOB_QOS", "SLURM_GTIDS"),
    *("SLURM_JOB_START_TIME", "SLURM_JOB_END_TIME", "SLURM_RESTART_COUNT", "SLURM_TOPOLOGY_ADDR", "SLURM_CONF"),
    *("SLURM_STEP_ID", "SLURM_STEPID", "SLURM_STEP_NODELIST", "SLURM_STEP_NUM_NODES", "SLURM_STEP_NUM_TASKS"),
    *("SLURM_NPROCS", "SLURM_EXPORT_ENV", "SLURM_TMPDIR", "SLURM_SCRATCH", "SLURM_JOB_GID", "SLURM_JOB_GROUP"),
    *("SLURM_LAUNCH_NODE_IPADDR", "SLURM_SRUN_COMM_HOST", "SLURM_DISTRIBUTION", "SLURM_JOB_DEPENDENCY"),
    *("SLURM_JOB_RESERVATION", "SLURM_ARRAY_TASK_MAX", "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_STEP"),
    *("SLURM_THREADS_PER_CORE", "SLURM_PRIO_PROCESS", "SLURM_WORKING_CLUSTER", "SLURM_STEP_GPUS", "SLURM_MEM_BIND"),
    *("SLURM_SHARDS_ON_NODE", "SLURM_OVERCOMMIT", "SLURM_PROFILE", "SLURM_CPU_BIND", "SLURM_JOB_COMMENT"),
    *("SLURM_JOB_EXTRA_NODE_INFO", "SLURM_JOB_LICENSES", "SLURM_CONTAINER", "SLURM_WCKEY", "SLURM_CLUSTERS"),
)
"""Variables that Slurm sets in every job, or of which it is not known."""


@dataclass(frozen=True)
class Directive:
    """An option in a line `#SBATCH ...`.

    Attributes:
        line: The line, counted from 1.
        name: The long name, as it is written if it is unknown.
        value: The value, "" if there is none.
        component: The part of a heterogeneous job, counted from 0.
        known: Whether sbatch has such an option.
    """

    line: int
    name: str
    value: str
    component: int
    known: bool


def full_name(text: str) -> str | None:
    """Return the option that a long name, or the beginning of one, stands for; None if there is none.

    Example:
        >>> full_name("cpus-per-t"), full_name("gpu"), full_name("nodes")
        ('cpus-per-task', None, 'nodes')
    """
    if text in OPTIONS:
        return text
    matches = [name for name in OPTIONS if name.startswith(text)]
    return matches[0] if len(matches) == 1 else None


def parse_directive(text: str, line: int, component: int) -> list[Directive]:
    """Return the options of the text after #SBATCH; words that belong to no option have the name ""."""
    try:
        words = shlex.split(text, comments=True)
    except ValueError:
        words = text.split()
    result = []
    index = 0
    while index < len(words):
        word = words[index]
        index += 1
        if word.startswith("--"):
            given, equals, value = word[2:].partition("=")
            name = full_name(given)
        elif word.startswith("-") and len(word) > 1:
            given, value = word[:2], word[2:]
            name, equals = LETTERS.get(word[1]), value
        else:
            result.append(Directive(line, "", word, component, known=False))
            continue
        takes_next = not equals and (name is None or name not in FLAGS)
        if takes_next and index < len(words) and not words[index].startswith("-"):
            value = words[index]
            index += 1
        result.append(Directive(line, name or given, value, component, known=name is not None))
    return result


def devices(text: str) -> int | None:
    """Return the number of GPUs in a value such as "4", "a100:4" or "gpu:a100:4"; None if it has none.

    Example:
        >>> devices("4"), devices("a100:4"), devices("gpu:h100:8(S:0-1)"), devices("gpu"), devices("mps:50")
        (4, 4, 8, 1, None)
    """
    total = None
    for part in re.sub(r"\([^)]*\)", "", text).split(","):
        words = re.split(r"[:=]", part.removeprefix("gres/").removeprefix("gres:"))
        if words[-1].isdecimal():
            if words[0] in ("mps", "shard") or (len(words) > 1 and words[0] in ("nic", "tmpdisk", "craynetwork")):
                continue
            total = (total or 0) + int(words[-1])
        elif words[0] == "gpu":
            total = (total or 0) + 1
    return total
